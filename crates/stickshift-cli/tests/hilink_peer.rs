//! The HiLink verbs against a web server that is not ours: tests/peers/hilink_server.py, for each generation and login.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// `None` where there is no Python.
    fn start(generation: &str, login: &str) -> Option<Server> {
        if !test_support::python_is_here() {
            return None;
        }
        let mut child = Command::new("python3")
            .arg(test_support::peer("hilink_server.py"))
            .args([generation, login])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Some(Server { url: format!("http://127.0.0.1:{}/", port.trim()), child })
    }

    fn run(&self, password: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
        command
            .args(arguments)
            .args(["--url", &self.url, "--user", "admin"])
            .env("STICKSHIFT_PASSWORD", password);
        let run = command.output().unwrap();
        (
            run.status.code(),
            String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_generation_and_login() {
    for (generation, login) in [
        ("g0", "none"),
        ("g1", "none"),
        ("g1", "0"),
        ("g2", "none"),
        ("g2", "0"),
        ("g2", "4"),
        ("g3", "none"),
        ("g3", "4"),
        ("g3", "scram"),
    ] {
        let Some(server) = Server::start(generation, login) else { return };
        // A weaker login than its generation has, which somebody consents to.
        let consent: &[&str] = if (generation, login) == ("g2", "0") { &["--allow-weak-login"] } else { &[] };
        let hilink = |verb| [&["hilink", verb], consent].concat();
        // Each run logs in and out again: one that stayed would lock the next one out.
        let (code, out) = server.run("secret", &hilink("signal"));
        assert!(
            code == Some(0)
                && out.contains("rsrp            -87\n")
                && out.contains("sinr            >=30\n"),
            "{generation} {login}: {out}"
        );
        for verb in ["disconnect", "connect"] {
            let (code, out) = server.run("secret", &hilink(verb));
            assert_eq!(code, Some(0), "{generation} {login} {verb}: {out}");
        }
        if login != "none" {
            let (code, out) = server.run("wrong", &hilink("connect"));
            assert!(code == Some(4) && out.contains("(login-refused)"), "{generation} {login}: {out}");
            let (code, out) = server.run("secret", &hilink("connect"));
            assert_eq!(code, Some(0), "{generation} {login}: {out}");
        }
    }
}

/// The server keeps everybody else out as long as somebody is logged in.
#[test]
#[cfg(unix)]
fn who_is_stopped_logs_out() {
    for (generation, login) in [("g1", "0"), ("g2", "4"), ("g3", "scram")] {
        let Some(server) = Server::start(generation, login) else { return };
        for signal in ["-INT", "-TERM"] {
            let mut watch = Command::new(env!("CARGO_BIN_EXE_stickshift"))
                .args(["signal", "--watch", "--every", "30", "--user", "admin", "--url", &server.url])
                .env("STICKSHIFT_PASSWORD", "secret")
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(watch.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert!(line.contains("dBm"), "{generation} {login}: {line}");
            let told = Command::new("kill").args([signal, &watch.id().to_string()]).status().unwrap();
            assert!(told.success());
            watch.wait().unwrap();
        }
        let (code, out) = server.run("secret", &["hilink", "connect"]);
        assert_eq!(code, Some(0), "{generation} {login}: {out}");
    }
}
