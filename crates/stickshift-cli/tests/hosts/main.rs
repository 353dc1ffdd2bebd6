//! `--host`: commands that a real `serve` runs, over TLS, a Unix socket and plain HTTP; and servers that die in the middle.
#![cfg(all(feature = "host", feature = "web", feature = "virtual", target_os = "linux"))]

mod broken;
mod certificates;
mod racks;
mod verbs;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use test_support::Running;

fn stickshift(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
    command.env("STICKSHIFT_STATE", folder.join("state")).env("STICKSHIFT_ROOT", folder.join("root"));
    command.env_remove("STICKSHIFT_WEB_PASSWORD").stdin(Stdio::null());
    command
}

/// A server with a password, and its address.
fn serve(folder: &Path, sticks: &str, args: &[&str]) -> (Running, String) {
    let passwords = folder.join("passwords");
    let set = stickshift(folder)
        .args(["serve", "passwd", "--passwords"])
        .arg(&passwords)
        .env("STICKSHIFT_WEB_PASSWORD", "open sesame")
        .output()
        .unwrap();
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    std::fs::write(folder.join("right"), "open sesame\n").unwrap();
    let uploads = folder.join("uploads");
    std::fs::create_dir_all(&uploads).unwrap();
    let mut command = stickshift(&folder.join("there"));
    command.env("TMPDIR", uploads);
    command.args(["serve", "--json", "--virtual", sticks, "--listen", "127.0.0.1:0", "--passwords"]);
    command.arg(&passwords).args(args).stdout(Stdio::piped()).stderr(Stdio::null());
    listens(&mut command, "url")
}

/// Starts a server, and gives what it says of where it listens.
fn listens(command: &mut Command, what: &str) -> (Running, String) {
    let mut running = Running(command.spawn().unwrap());
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let told = lines.find_map(|line| {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        line["listening"][what].as_str().map(str::to_owned)
    });
    (running, told.expect("the server says where it listens"))
}

struct Here {
    folder: PathBuf,
    host: Vec<String>,
}

/// The exit code, standard output and standard error.
type Said = (i32, String, String);

impl Here {
    fn at(folder: &Path, host: &[&str]) -> Here {
        Here { folder: folder.to_owned(), host: host.iter().map(|word| (*word).to_owned()).collect() }
    }

    fn run(&self, words: &[&str]) -> Said {
        let mut command = stickshift(&self.folder);
        let output = command.args(words).args(&self.host).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn json(&self, words: &[&str]) -> (i32, Value) {
        let (code, out, _) = self.run(&[&["--json"], words].concat());
        let last = out.lines().last().unwrap_or_default();
        (code, serde_json::from_str(last).unwrap_or_else(|_| panic!("{words:?}: {out}")))
    }
}

fn options(folder: &Path, url: &str) -> Vec<String> {
    let password = folder.join("right").display().to_string();
    ["--host", url, "--host-password-file", &password].map(str::to_owned).to_vec()
}

#[test]
fn commands_are_the_same_there_and_here() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_server, url) = serve(folder, "e3372h-stick,k3772", &[]);
    let there = Here { folder: folder.to_owned(), host: options(folder, &url) };
    let here = Here::at(folder, &["--virtual", "e3372h-stick,k3772"]);

    // What is said in words is what is said here, each row of the list after the computer's name.
    let (code, list, _) = there.run(&["list"]);
    let name = url.trim_start_matches("http://").trim_end_matches('/');
    let rows: Vec<String> =
        list.lines().map(|row| row.strip_prefix(name).unwrap().trim_start().to_owned()).collect();
    // What to do next is done there.
    assert!(list.contains(&format!("next  stickshift switch 1-2 --host {url}\n")), "{list}");
    let rows: Vec<String> = rows.iter().map(|row| row.replace(&format!(" --host {url}"), "")).collect();
    let (_, wanted, _) = here.run(&["list"]);
    let wanted: Vec<&str> = wanted.lines().map(str::trim_start).collect();
    assert_eq!((code, rows), (0, wanted.iter().map(|row| (*row).to_owned()).collect()));
    for words in [
        &["signal", "1-1"][..],
        &["sms", "list", "--stick", "1-1"],
        &["pin", "status", "1-1"],
        &["ussd", "*100#", "--stick=1-1"],
    ] {
        assert_eq!(there.run(words), here.run(words), "{words:?}");
    }
    // Failures have the same code, and the same text.
    for words in [&["signal", "9-9"][..], &["sms", "read", "77", "--stick=1-1"], &["signal", "1-2"]] {
        let (wanted, got) = (here.run(words), there.run(words));
        assert!(wanted.0 != 0);
        let said = got.2.replace(&format!(" --host {url}"), "");
        assert_eq!((got.0, got.1, said), wanted, "{words:?}");
    }
    let (_, line) = there.json(&["list"]);
    let next = &line["result"]["sticks"][1]["next"];
    assert_eq!(next, &format!("stickshift switch 1-2 --host {url}"), "{line}");
    let (_, _, said) = there.run(&["signal", "9-9"]);
    assert!(said.contains(&format!("see `stickshift list --host {url}`")), "{said}");
    let (code, line) = there.json(&["sms", "send", "+12345678901", "hello", "--stick", "1-1"]);
    assert_eq!((code, &line["verdict"], &line["host"]), (0, &"done".into(), &name.into()), "{line}");
    let (code, line) = there.json(&["switch", "1-2"]);
    assert_eq!((code, &line["result"]["switched"]), (0, &true.into()), "{line}");
    let (code, line) = there.json(&["network", "set", "--mode", "lte", "--stick", "1-1"]);
    assert_eq!((code, &line["kind"]), (5, &"consent-needed".into()), "{line}");
    let (code, line) = there.json(&["network", "set", "--mode", "lte", "--stick", "1-1", "--yes"]);
    assert_eq!((code, &line["result"]["mode"]), (0, &"lte".into()), "{line}");

    // What is not run for others, and whoever is not let in, is told so before anything happens.
    for (words, kind) in [
        (&["at", "AT", "--port", "/dev/ttyUSB0"][..], "usage"),
        (&["signal", "--watch", "1-1"], "usage"),
        (&["signal", "--port", "/dev/ttyUSB0"], "usage"),
    ] {
        let (code, line) = there.json(words);
        assert_eq!((code, &line["kind"], &line["verdict"]), (2, &kind.into(), &"untouched".into()), "{line}");
        assert!(line["cause"] != "" && line["help"] != "", "{line}");
    }
    std::fs::write(folder.join("wrong"), "abracadabra\n").unwrap();
    let wrong = folder.join("wrong").display().to_string();
    let wrong = Here::at(folder, &["--host", &url, "--host-password-file", &wrong]);
    let (code, line) = wrong.json(&["sms", "send", "+12345678901", "hello", "--stick", "1-1"]);
    assert_eq!(
        (code, &line["kind"], &line["verdict"]),
        (4, &"permission-denied".into(), &"untouched".into()),
        "{line}"
    );
    assert!(!line["cause"].as_str().unwrap().contains("device node"), "{line}");
    // Which sticks fit is said of whatever verb.
    let several =
        |line: Value| (line["kind"].clone(), line["facts"]["sticks"].clone(), line["cause"].clone());
    let (_, signal) = there.json(&["signal"]);
    assert!(signal["facts"]["sticks"].as_str().unwrap().contains("1-2 ("), "{signal}");
    let signal = several(signal);
    for words in [&["ussd", "*100#"][..], &["switch"]] {
        assert_eq!(several(there.json(words).1), signal, "{words:?}");
    }
}

#[test]
fn a_conversion_takes_its_files_along() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = folder.join("made");
    let made_there = Here::at(folder, &[]).run(&["rehearse", "--files", made.to_str().unwrap()]);
    assert_eq!(made_there.0, 0, "{made_there:?}");
    let (_server, url) = serve(folder, "e3372h-hilink", &[]);
    let there = Here { folder: folder.to_owned(), host: options(folder, &url) };
    let (firmware, loader) = (made.join("firmware.bin"), made.join("loader.bin"));
    let (firmware, loader) = (firmware.to_str().unwrap(), loader.to_str().unwrap());
    let convert = ["convert", "--to", "stick", "--firmware", firmware, "--loader", loader, "1-1"];
    // Without a terminal nobody agrees.
    let (code, line) = there.json(&convert);
    assert_eq!(
        (code, &line["kind"], &line["verdict"]),
        (5, &"consent-needed".into(), &"untouched".into()),
        "{line}"
    );
    assert!(line["what"].as_str().unwrap().contains("no terminal to ask on"), "{line}");
    let (_, _, said) = there.run(&convert);
    assert!(said.contains("no terminal to ask on") && !said.contains("agreed to"), "{said}");
    let (code, line) = there.json(&[&convert[..], &["--yes"]].concat());
    assert_eq!((code, &line["verdict"]), (0, &"done".into()), "{line}");
    let (_, line) = there.json(&["list"]);
    assert_eq!(line["result"]["sticks"][0]["mode"], "modem", "{line}");
    // Its files went with it.
    let kept = Command::new("find").arg(folder.join("uploads")).args(["-name", "*.bin"]).output().unwrap();
    assert!(kept.status.success() && kept.stdout.is_empty(), "{kept:?}");
}

#[test]
fn several_computers_are_listed_and_one_that_is_away_stops_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let socket = folder.join("s");
    let (_server, url) = serve(folder, "e3372h-stick", &["--unix", socket.to_str().unwrap()]);
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let unix = format!("unix:{}", socket.display());
    let mut host = options(folder, &url);
    host[1] = format!("{url}, http://{away} ,{unix}");
    let there = Here { folder: folder.to_owned(), host };
    let (code, line) = there.json(&["list"]);
    let hosts = line["result"]["hosts"].as_array().unwrap();
    let exits: Vec<&Value> = hosts.iter().map(|host| &host["line"]["exit"]).collect();
    assert_eq!((code, exits), (1, vec![&0.into(), &1.into(), &0.into()]), "{line}");
    assert_eq!(hosts[2]["line"]["result"]["sticks"][0]["place"], "1-1");
    assert_eq!(hosts[1]["line"]["verdict"], "untouched");
    let (code, line) = there.json(&["signal"]);
    assert_eq!((code, &line["kind"]), (2, &"usage".into()), "{line}");

    // By a name of the settings.
    let settings = folder.join("root/etc/stickshift");
    std::fs::create_dir_all(&settings).unwrap();
    std::fs::write(settings.join("config.toml"), format!("[host.near]\naddress = \"{unix}\"\n")).unwrap();
    let near = Here::at(folder, &["--host", "near"]);
    let (code, line) = near.json(&["list"]);
    assert_eq!((code, &line["host"]), (0, &"near".into()), "{line}");
    let (code, line) = Here::at(folder, &["--host", "far"]).json(&["list"]);
    assert_eq!((code, &line["kind"]), (2, &"usage".into()), "{line}");
}

/// The address at which a server with these options listens.
fn listening(folder: &Path, args: &[&str]) -> (Running, String) {
    let mut command = stickshift(&folder.join("there"));
    command
        .args(["serve", "--json", "--virtual", "k3772"])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    listens(&mut command, "address")
}

#[test]
fn whoever_is_not_let_in_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_server, _) = serve(folder, "k3772", &[]);
    let told = |host: &str| {
        let mut options = options(folder, host);
        options[1] = host.to_owned();
        let (code, line) = Here { folder: folder.to_owned(), host: options }.json(&["list"]);
        assert!(line["cause"] != "" && line["help"] != "", "{line}");
        (code, line["kind"].clone(), format!("{} {} {}", line["what"], line["cause"], line["help"]))
    };
    // One that a link alone opens.
    let (_link, address) = listening(folder, &["--listen", "127.0.0.1:0"]);
    let (code, kind, text) = told(&format!("http://{address}"));
    assert_eq!((code, kind), (4, "permission-denied".into()), "{text}");
    assert!(text.contains("has no password") && text.contains("--passwords"), "{text}");
    // One that does not answer to this name.
    let passwords = folder.join("passwords").display().to_string();
    let (_open, address) = listening(folder, &["--listen", "0.0.0.0:0", "--passwords", &passwords]);
    let (code, _, text) = told(&format!("http://{}", address.replace("0.0.0.0", "localhost")));
    assert!(code == 1 && text.contains("--public") && !text.contains("no stickshift"), "{text}");
    // Nothing, and what is no address.
    for host in ["", " ", "rack9", "ftp://x"] {
        let (code, kind, text) = told(host);
        assert_eq!((code, kind), (2, "usage".into()), "{host:?}: {text}");
    }
    // No password.
    let here = Here::at(folder, &["--host", "http://127.0.0.1:1"]);
    let (_, line) = here.json(&["list"]);
    let said = line.to_string();
    assert!(said.contains("--host-password-file") && !said.contains("os error"), "{said}");
    // What is not sent there.
    for more in
        [&["-v"][..], &["--fault", "drop@1"], &["--seed", "2"], &["--owner", "needle"], &["--trace", "t"]]
    {
        let (code, line) = here.json(&[&["list"], more].concat());
        assert_eq!((code, &line["kind"]), (2, &"usage".into()), "{line}");
        assert!(line["what"].as_str().unwrap().contains(more[0]), "{line}");
    }
}

/// A server that takes a command, says so, and is gone: after `lines`.
fn dying(lines: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut first = String::new();
            stream.read_line(&mut first).unwrap();
            let mut length = 0;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer = match first.split(' ').nth(1).unwrap() {
                "/login" => "HTTP/1.0 303 See Other\r\nSet-Cookie: s=1; Path=/\r\n\r\n".to_owned(),
                "/api/session" => "HTTP/1.0 200 OK\r\n\r\n{\"role\":\"owner\",\"token\":\"t\"}".to_owned(),
                path if path.starts_with("/api/commands") => match lines {
                    // It took the command, and nothing comes back.
                    [] => String::new(),
                    lines => format!("HTTP/1.0 200 OK\r\n\r\n{}", lines.concat()),
                },
                path if path.ends_with("/answer") => String::new(),
                _ => "HTTP/1.0 200 OK\r\n\r\n{}".to_owned(),
            };
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn nobody_knows_what_became_of_a_command_whose_server_died() {
    const JOB: &str = "{\"event\":\"job\",\"schema\":1,\"job\":\"1\"}\n";
    const STEP: &str = "{\"event\":\"step\",\"schema\":1,\"code\":\"flash\",\"text\":\"writing\"}\n";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("right"), "open sesame\n").unwrap();
    const QUESTION: &str = "{\"event\":\"question\",\"schema\":1,\"text\":\"Send it?\"}\n";
    for lines in [
        &[][..],
        &[JOB],
        &[JOB, STEP],
        &[JOB, "{\"event\":\"res"],
        &["no JSON\n"],
        &[JOB, "[1]\n"],
        &["1\n"],
        &[JOB, "\"x\"\n"],
        // It takes an answer to its question, and does not say so.
        &[JOB, QUESTION],
    ] {
        let there = Here { folder: folder.to_owned(), host: options(folder, &dying(lines)) };
        let (code, line) = there.json(&["sms", "send", "+12345678901", "hello", "--stick", "1-1"]);
        assert_eq!(
            (code, &line["verdict"], &line["kind"]),
            (7, &"unknown".into(), &"io".into()),
            "{lines:?}: {line}"
        );
        // It may go on there.
        let recover = line["recover"].as_str().unwrap();
        let look = format!("`stickshift list --host {}`", there.host[1]);
        assert!(recover.contains("do not unplug") && recover.contains(&look), "{line}");
        // What only reads changes nothing, wherever it ended.
        let (code, line) = there.json(&["signal", "1-1"]);
        assert_eq!((code, &line["verdict"]), (1, &"untouched".into()), "{lines:?}: {line}");
        let (code, line) = there.json(&["sms", "list", "--stick", "1-1"]);
        assert_eq!((code, &line["verdict"]), (1, &"untouched".into()), "{lines:?}: {line}");
        assert!(line["recover"].as_str().unwrap().contains("count as read"), "{line}");
    }
    // A last line is the end, whatever became of the connection.
    const DONE: &str = "{\"event\":\"result\",\"schema\":1,\"verb\":\"sms send\",\"verdict\":\"done\",\"exit\":0,\"result\":{}}\n";
    let there = Here { folder: folder.to_owned(), host: options(folder, &dying(&[JOB, DONE])) };
    assert_eq!(there.json(&["sms", "send", "+12345678901", "hello", "--stick", "1-1"]).0, 0);
}

#[test]
fn a_last_line_that_contradicts_itself_is_no_good_end() {
    const GOOD: &str = "{\"event\":\"error\",\"schema\":1,\"kind\":\"io\",\"what\":\"x\",\"verdict\":\"unknown\",\"exit\":0}\n";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("right"), "open sesame\n").unwrap();
    let there = Here { folder: folder.to_owned(), host: options(folder, &dying(&[GOOD])) };
    let (code, line) = there.json(&["sms", "send", "+12345678901", "hello", "--stick", "1-1"]);
    assert_eq!((code, &line["exit"]), (7, &7.into()), "{line}");
}

#[test]
fn a_last_line_of_another_version_is_no_good_end() {
    const SCHEMA: &str = "{\"event\":\"result\",\"schema\":2,\"verb\":\"sms send\",\"verdict\":\"done\",\"exit\":0,\"result\":{}}\n";
    const VERB: &str = "{\"event\":\"result\",\"schema\":1,\"verb\":\"signal\",\"verdict\":\"untouched\",\"exit\":0,\"result\":{}}\n";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("right"), "open sesame\n").unwrap();
    for odd in [&[SCHEMA][..], &[VERB]] {
        let there = Here { folder: folder.to_owned(), host: options(folder, &dying(odd)) };
        let (code, line) = there.json(&["sms", "send", "+12345678901", "hello", "--stick", "1-1"]);
        assert_eq!((code, &line["kind"], &line["verdict"]), (7, &"io".into(), &"unknown".into()), "{line}");
        assert!(line["help"].as_str().unwrap().contains("same version"), "{line}");
    }
}

/// A command that was sent, and about which nothing is heard: the first Ctrl-C is answered at once, and the second one ends it.
#[test]
fn whoever_asks_twice_waits_no_longer_for_a_silent_server() {
    for answer in [&b""[..], b"HTTP/1.0 200 OK\r\n\r\n{\"event\":\"job\",\"schema\":1,\"job\":\"1\"}\n"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (begun, begins) = std::sync::mpsc::channel();
        let (left, leaves) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut asked = [0; 4096];
                let read = stream.read(&mut asked).unwrap_or(0);
                let session: &[u8] =
                    b"HTTP/1.0 200 OK\r\nContent-Length: 28\r\n\r\n{\"role\":\"owner\",\"token\":\"t\"}";
                let is_command = asked[..read].starts_with(b"POST /api/commands");
                let _ = stream.write_all(if is_command {
                    answer
                } else if asked.starts_with(b"GET /api/session") {
                    session
                } else if asked.starts_with(b"POST /login") {
                    b"HTTP/1.0 303 See Other\r\nSet-Cookie: session=1\r\n\r\n"
                } else if asked.starts_with(b"POST /logout") {
                    left.send(()).unwrap();
                    b"HTTP/1.0 303 See Other\r\n\r\n"
                } else {
                    b""
                });
                if is_command {
                    begun.send(()).unwrap();
                }
                open.push(stream);
            }
        });
        let mut command = stickshift(folder);
        command.args(["--json", "sms", "send", "+12345678901", "hello", "--stick", "1-1", "--host"]);
        command
            .arg(format!("http://{address}"))
            .env("STICKSHIFT_WEB_PASSWORD", "secret")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut client = Running(command.spawn().unwrap());
        begins.recv().unwrap();
        let pid = client.0.id().to_string();
        let stop = || assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        stop();
        let mut lines = BufReader::new(client.0.stdout.take().unwrap()).lines();
        let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
        let told = next();
        assert_eq!((&told["event"], &told["code"]), (&"warning".into(), &"stopping".into()), "{told}");
        stop();
        let last = next();
        assert_eq!((&last["kind"], &last["verdict"]), (&"interrupted".into(), &"unknown".into()), "{last}");
        // The line held: it was left on request, and the session with it.
        let said = format!("{}{}", last["what"], last["cause"]);
        assert!(said.contains("asked twice") && !said.contains("broke"), "{last}");
        leaves.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        assert_eq!(client.0.wait().unwrap().code(), Some(7));
    }
}

/// The last line of a client that was stopped by Ctrl-C.
fn stopped(mut client: Child) -> Value {
    let pid = client.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut out = String::new();
    client.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(6), "{out}");
    serde_json::from_str(out.lines().last().unwrap()).unwrap()
}

#[test]
fn reading_from_a_server_that_says_nothing_is_stopped_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("right"), "open sesame\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (begun, begins) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut first = String::new();
            stream.read_line(&mut first).unwrap();
            let answer: &[u8] = match first.split(' ').nth(1).unwrap() {
                "/login" => b"HTTP/1.0 303 See Other\r\nSet-Cookie: s=1; Path=/\r\n\r\n",
                "/api/session" => b"HTTP/1.0 200 OK\r\n\r\n{\"role\":\"reader\",\"token\":\"t\"}",
                path if path.starts_with("/api/commands") => b"HTTP/1.0 200 OK\r\n\r\n\n",
                _ => b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            };
            let mut stream = stream.into_inner();
            let _ = stream.write_all(answer);
            if first.contains("/api/commands") {
                let begun = begun.clone();
                std::thread::spawn(move || {
                    begun.send(()).unwrap();
                    while stream.write_all(b"\n").is_ok() {
                        std::thread::sleep(std::time::Duration::from_millis(5));
                    }
                });
            }
        }
    });
    let mut command = stickshift(folder);
    command.args(["--json", "signal", "1-1"]).args(options(folder, &url));
    let client = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    begins.recv().unwrap();
    let last = stopped(client);
    assert_eq!((&last["kind"], &last["verdict"]), (&"interrupted".into(), &"untouched".into()), "{last}");
}

#[test]
fn whoever_stops_before_the_command_went_out_has_begun_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("right"), "open sesame\n").unwrap();
    for words in [&["sms", "send", "+12345678901", "hello"][..], &["list"]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut host = options(folder, &format!("http://{}", listener.local_addr().unwrap()));
        if words == ["list"] {
            // Another one, whose turn does not come.
            host[1] = format!("{0},{0}/", host[1]);
        }
        let mut command = stickshift(folder);
        command.arg("--json").args(words).args(host).stdout(Stdio::piped()).stderr(Stdio::null());
        let client = command.spawn().unwrap();
        // It waits for an answer to its password, which does not come.
        let mut login = String::new();
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        stream.read_line(&mut login).unwrap();
        assert!(login.starts_with("POST /login"), "{login}");
        let last = stopped(client);
        let ends: Vec<&Value> = match last["result"]["hosts"].as_array() {
            Some(hosts) => hosts.iter().map(|host| &host["line"]).collect(),
            None => vec![&last],
        };
        assert_eq!(ends.len(), if words == ["list"] { 2 } else { 1 }, "{last}");
        for end in ends {
            assert_eq!(
                (&end["kind"], &end["verdict"]),
                (&"interrupted".into(), &"untouched".into()),
                "{last}"
            );
        }
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "nobody else is asked for anything");
    }
}

#[test]
fn a_server_that_is_killed_leaves_the_verdict_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = folder.join("made");
    assert_eq!(Here::at(folder, &[]).run(&["rehearse", "--files", made.to_str().unwrap()]).0, 0);
    let (server, url) = serve(folder, "e3372h-hilink", &[]);
    let mut command = stickshift(folder);
    command.args(["--json", "convert", "--to", "stick", "--yes", "1-1", "--firmware"]);
    command.arg(made.join("firmware.bin")).arg("--loader").arg(made.join("loader.bin"));
    command.args(options(folder, &url)).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut client = Running(command.spawn().unwrap());
    let mut server = Some(server);
    let mut last = Value::Null;
    for line in BufReader::new(client.0.stdout.take().unwrap()).lines() {
        last = serde_json::from_str(&line.unwrap()).unwrap();
        if last["event"] == "progress" {
            server.take();
        }
    }
    assert!(server.is_none(), "it got as far as writing");
    assert_eq!((&last["event"], &last["verdict"]), (&"error".into(), &"unknown".into()), "{last}");
    assert_eq!(client.0.wait().unwrap().code(), Some(7));
}
