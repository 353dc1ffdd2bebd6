//! `serve` as a process: sockets that systemd passes, TLS as OpenSSL speaks it, and uploads that are larger than they look.
#![cfg(all(feature = "web", feature = "virtual", target_os = "linux"))]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::Running;

/// What a server says that has to end by itself; one that does not is ended, and has no exit code.
fn refused(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut running = Running(serve(folder, args).spawn().unwrap());
    let until = Instant::now() + Duration::from_secs(60);
    let code = loop {
        match running.0.try_wait().unwrap() {
            Some(status) => break status.code(),
            None if Instant::now() > until => break None,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let _ = running.0.kill();
    let mut said = String::new();
    running.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    (code, said)
}

fn serve(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
    command.args(["serve", "--json"]).args(args);
    command.env("STICKSHIFT_STATE", folder.join("state")).env("STICKSHIFT_ROOT", folder.join("root"));
    command.stdout(Stdio::piped());
    command
}

/// The first line of an event that a server prints.
fn event(child: &mut Child, name: &str) -> Value {
    // Not a byte more than the line is taken: what follows is for others.
    let mut lines = BufReader::with_capacity(1, child.stdout.as_mut().unwrap()).lines();
    loop {
        let line = lines.next().expect("the server says nothing more").unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["event"] == name {
            return line[name].clone();
        }
    }
}

/// A socket of a server that is about to listen.
fn connected(path: &Path) -> UnixStream {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return stream,
            Err(e) => assert!(Instant::now() < until, "{}: {e}", path.display()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ask(path: &Path, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = connected(path);
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let request =
        format!("{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(request.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

#[test]
fn systemd_passes_the_socket() {
    if Command::new("systemd-socket-activate").arg("--version").stdout(Stdio::null()).status().is_err() {
        return test_support::skip("there is no systemd-socket-activate");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.sock");
    let program = serve(folder.path(), &["--virtual", "k3772"]);
    let mut activate = Command::new("systemd-socket-activate");
    for name in ["STICKSHIFT_STATE", "STICKSHIFT_ROOT"] {
        let value = program.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value).unwrap();
        activate.arg("-E").arg(format!("{name}={}", value.to_str().unwrap()));
    }
    activate.arg("-l").arg(&path).arg(program.get_program()).args(program.get_args());
    let mut running = Running(activate.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    // The first who asks starts the server, on the socket that was there before, and on no other.
    let (status, body) = ask(&path, "GET /api/sticks", b"");
    assert_eq!((status, body.contains("12d1:1526")), (200, true), "{body}");
    let listening = event(&mut running.0, "listening");
    assert_eq!(listening["address"], Value::Null, "{listening}");
    assert_eq!(ask(&path, "GET /api/doctor", b"").0, 200);
}

#[test]
fn it_switches_and_stays_online_in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let unix = path.to_str().unwrap();
    let virtual_one =
        serve(folder.path(), &["--virtual", "k3772", "--unix", unix, "--watch"]).output().unwrap();
    assert_eq!(virtual_one.status.code(), Some(2), "virtual sticks are watched by nobody");
    let odd = serve(folder.path(), &["--unix", unix, "--stay=everything"]).output().unwrap();
    assert_eq!(odd.status.code(), Some(2));
    let running = Running(serve(folder.path(), &["--unix", unix, "--watch", "--stay=9-9"]).spawn().unwrap());
    let until = Instant::now() + Duration::from_secs(60);
    let jobs = loop {
        let (status, jobs) = ask(&path, "GET /api/jobs", b"");
        assert_eq!(status, 200);
        if jobs.contains("\"operation\":\"watch\"") {
            break jobs;
        }
        assert!(Instant::now() < until, "{jobs}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(jobs.contains("\"state\":\"running\""), "{jobs}");
    // It waits for the stick: nothing is dialled yet.
    assert!(!jobs.contains("\"operation\":\"stay\""), "{jobs}");
    let process = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    let mut running = running;
    let ended = loop {
        match running.0.try_wait().unwrap() {
            Some(ended) => break ended,
            None => assert!(Instant::now() < until + Duration::from_secs(60), "a request to stop ends it"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(ended.code(), Some(0));
    assert!(!path.exists());
}

/// A certificate of `kind` for 127.0.0.1, by OpenSSL. `None` where there is no OpenSSL.
fn certificate(folder: &Path, name: &str, kind: &[&str]) -> Option<[String; 2]> {
    let [certificate, key] =
        ["crt", "key"].map(|end| folder.join(format!("{name}.{end}")).display().to_string());
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-nodes",
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]);
    openssl.args(kind).args(["-out", &certificate, "-keyout", &key]);
    openssl.stderr(Stdio::null()).status().ok().filter(|status| status.success())?;
    Some([certificate, key])
}

#[test]
fn its_own_certificate_is_taken_by_another_implementation_of_tls() {
    let folder = tempfile::tempdir().unwrap();
    let p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let (Some([certificate_file, key]), true) =
        (certificate(folder.path(), "ec", &p256), Command::new("curl").arg("-V").output().is_ok())
    else {
        return test_support::skip("there is no openssl, or no curl");
    };
    let args =
        ["--virtual", "k3772", "--listen", "127.0.0.1:0", "--tls-cert", &certificate_file, "--tls-key", &key];
    let mut running = Running(serve(folder.path(), &args).spawn().unwrap());
    let link = event(&mut running.0, "link")["url"].as_str().unwrap().to_owned();
    assert!(link.starts_with("https://127.0.0.1:"), "{link}");
    let base = link.split("/enter").next().unwrap().to_owned();
    let jar = folder.path().join("jar");
    let curl = |args: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "300", "--cacert", &certificate_file, "-b"])
            .arg(&jar)
            .arg("-c")
            .arg(&jar);
        let output = curl.args(args).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), output.stderr)
    };
    let (code, text, why) = curl(&["-v", &link]);
    let why = String::from_utf8_lossy(&why).into_owned();
    assert_eq!(code, Some(0), "{text}{why}");
    assert!(why.contains("; Secure"), "the cookie never travels without TLS: {why}");
    let (_, session, _) = curl(&[&format!("{base}/api/session")]);
    let session: Value = serde_json::from_str(&session).unwrap();
    let token = format!("x-stickshift-token: {}", session["token"].as_str().unwrap());
    // Many records in one direction, and many in the other.
    let file = folder.path().join("large");
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(&file, &bytes).unwrap();
    let from = format!("@{}", file.display());
    let origin = format!("Origin: {base}");
    let (upload, octets) = (format!("{base}/api/files?name=large"), "Content-Type: application/octet-stream");
    let (_, said, _) = curl(&["-H", &token, "-H", octets, "-H", &origin, "--data-binary", &from, &upload]);
    assert!(said.contains("3000000"), "{said}");
    let plain = format!("Origin: {}", base.replace("https", "http"));
    let (_, said, _) = curl(&["-H", &token, "-H", octets, "-H", &plain, "--data-binary", &from, &upload]);
    assert!(said.contains("wrong-origin"), "{said}");
    let (code, profiles, _) = curl(&[&format!("{base}/api/profiles")]);
    assert!(code == Some(0) && profiles.len() > 50_000, "{}", profiles.len());
    // Nobody is answered without TLS, or with what is older than 1.3.
    let (code, text, _) = curl(&[&base.replace("https", "http")]);
    assert!(code != Some(0) && text.is_empty(), "{text}");
    assert_ne!(curl(&["--tls-max", "1.2", &base]).0, Some(0));
    assert_eq!(curl(&[&format!("{base}/login")]).0, Some(0));

    for (name, kind) in [
        ("rsa", &["-newkey", "rsa:2048"][..]),
        ("p384", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    ] {
        let [of_other, other] = certificate(folder.path(), name, kind).unwrap();
        let args =
            ["--virtual", "k3772", "--listen", "127.0.0.1:0", "--tls-cert", &of_other, "--tls-key", &other];
        let (code, said) = refused(folder.path(), &args);
        assert!(code.is_some_and(|code| code != 0) && said.contains("P-256"), "{name}: {said}");
    }
    // The key of another certificate.
    let [_, other] = certificate(folder.path(), "second", &p256).unwrap();
    let args = [
        "--virtual",
        "k3772",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        &certificate_file,
        "--tls-key",
        &other,
    ];
    let (code, said) = refused(folder.path(), &args);
    assert!(code.is_some_and(|code| code != 0) && said.contains("cannot be used for TLS"), "{said}");
}

#[test]
fn a_file_that_unpacks_to_very_much_takes_neither_time_nor_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let running = Running(
        serve(folder.path(), &["--virtual", "k3772", "--unix", path.to_str().unwrap()]).spawn().unwrap(),
    );
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    (0..512).for_each(|_| packed.write_all(&zeros).unwrap());
    let bomb = packed.finish().unwrap();
    // A ZIP archive whose directory promises four thousand million bytes.
    let mut zip = b"PK\x03\x04\x14\0\0\0\x08\0".to_vec();
    zip.extend_from_slice(&[0; 8]);
    zip.extend_from_slice(&[0xff; 8]);
    zip.extend_from_slice(b"\x01\0\0\0a");
    for (name, bytes) in
        [("bomb.gz", &bomb), ("bomb.zip", &zip), ("K3772.bin", &bomb), ("firmware.exe", &bomb)]
    {
        let (status, body) = ask(&path, &format!("POST /api/files?name={name}"), bytes);
        assert_eq!(status, 200, "{body}");
        let file: Value = serde_json::from_str(&body).unwrap();
        let id = file["id"].as_str().unwrap();
        for what in ["contents", "as/tplink", "learned/tplink"] {
            let (status, body) = ask(&path, &format!("GET /api/files/{id}/{what}"), b"");
            assert!(matches!(status, 200 | 400 | 404 | 409), "{name} {what}: {status} {body}");
        }
        assert_eq!(ask(&path, &format!("GET /files/{id}"), b"").0, 200);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let most: u64 = most.split_whitespace().next().unwrap().parse().unwrap();
    assert!(most < 300_000, "{most} kB");
}

#[test]
fn options_without_effect_and_files_that_are_none_of_its_own_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).to_str().unwrap().to_owned()
    };
    let (plain, socket) = (file("plain", "precious"), folder.path().join("s").to_str().unwrap().to_owned());
    for (args, code, what) in [
        (&["--unix", &socket, "--passwords", &plain][..], 2, "is for addresses"),
        (&["--unix", &socket, "--open-metrics"], 2, "is for addresses"),
        (&["--unix", &socket, "--tls-cert", &plain, "--tls-key", &plain], 2, "is for addresses"),
        (&["--trace", "t"], 2, "--trace is for a command that talks to a stick itself"),
        (&["--passwords", &plain], 5, "stickshift serve passwd --passwords FILE"),
        (&["--unix", &plain], 1, "no socket"),
    ] {
        let (ended, said) = refused(folder.path(), args);
        assert_eq!(ended, Some(code), "{args:?}: {said}");
        assert!(said.contains(what) && !said.contains("BEGIN CERTIFICATE"), "{args:?}: {said}");
    }
    assert_eq!(std::fs::read_to_string(&plain).unwrap(), "precious");
}

/// Sends a server the signal to end, and gives its exit code and the rest of what it says.
fn stopped(mut running: Running) -> (Option<i32>, String) {
    let process = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    let mut said = String::new();
    running.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    (running.0.wait().unwrap().code(), said)
}

#[test]
fn options_of_all_beside_the_name_of_a_stick_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for words in [
        &["switch", "1-1", "--jobs", "2"][..],
        &["switch", "1-1", "--anew"],
        &["switch", "--stick", "1-1", "--report", "rows.csv"],
        &["flash", "--port", "/dev/none", "--jobs", "2", "firmware.bin"],
        &["convert", "1-1", "--anew", "--to", "stick", "--firmware", "firmware.bin"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
        command.args(words).args(["--dry-run", "--virtual", "k3772"]).current_dir(&folder);
        command.env("STICKSHIFT_STATE", folder.path()).env("STICKSHIFT_ROOT", folder.path());
        let ended = command.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.code() == Some(2) && said.contains("is for --all"), "{words:?}: {said}");
    }
}

#[test]
fn settings_that_do_not_read_are_told_when_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("root/etc/stickshift");
    std::fs::create_dir_all(&settings).unwrap();
    std::fs::write(settings.join("config.toml"), "apn = [").unwrap();
    let socket = folder.path().join("s").to_str().unwrap().to_owned();
    let mut running =
        Running(serve(folder.path(), &["--virtual", "k3772", "--unix", &socket]).spawn().unwrap());
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("config-unusable") && first.contains("the settings cannot be read"), "{first}");
}

#[test]
fn a_rehearsal_over_the_api_has_the_fault_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let _running = Running(
        serve(folder.path(), &["--virtual", "k3772", "--unix", socket.to_str().unwrap()]).spawn().unwrap(),
    );
    let (status, body) = ask(&socket, "POST /api/rehearsals", br#"{"fault":"powerloss@300"}"#);
    assert_eq!(status, 202, "{body}");
    let job: Value = serde_json::from_str(&body).unwrap();
    let path = format!("GET /api/jobs/{}", job["id"].as_str().unwrap());
    let until = Instant::now() + Duration::from_secs(120);
    let ended = loop {
        let (_, job) = ask(&socket, &path, b"");
        let job: Value = serde_json::from_str(&job).unwrap();
        if job["state"] == "ended" {
            break job;
        }
        assert!(Instant::now() < until, "{job}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(ended["lines"].to_string().contains("power"), "{ended}");
}

#[test]
fn what_cannot_be_run_becomes_no_job_and_no_stick_no_page() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let running = Running(
        serve(folder.path(), &["--virtual", "e3372h-stick", "--unix", socket.to_str().unwrap()])
            .spawn()
            .unwrap(),
    );
    for body in [r#"{"metric":"0"}"#, r#"{"ip":"v5"}"#] {
        let (status, said) = ask(&socket, "POST /api/sticks/1-1/online", body.as_bytes());
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((status, &said["kind"], &said["exit"]), (400, &"usage".into(), &2.into()), "{said}");
    }
    assert_eq!(ask(&socket, "GET /api/jobs", b"").1, r#"{"jobs":[]}"#);
    for (path, wanted) in [
        ("/sticks/1-1", 200),
        ("/sticks/9-9", 404),
        ("/sticks/9-9/messages", 404),
        ("/api/sticks/1-1/history", 200),
        ("/api/sticks/9-9/history", 404),
    ] {
        assert_eq!(ask(&socket, &format!("GET {path}"), b"").0, wanted, "{path}");
    }
    let (status, said) = ask(&socket, "PUT /api/sticks/1-1/network", br#"{"mode":"lte"}"#);
    assert!(status == 200 && said.contains("\"verdict\":\"done\""), "{said}");
    // It ends as the worst of its commands did.
    let (code, said) = stopped(running);
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((code, &last["verdict"]), (Some(0), &"done".into()), "{said}");
}

#[test]
fn an_address_that_others_reach_without_tls_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let passwords = folder.path().join("passwords");
    let mut set = Command::new(env!("CARGO_BIN_EXE_stickshift"));
    set.args(["serve", "passwd", "--passwords"])
        .arg(&passwords)
        .env("STICKSHIFT_WEB_PASSWORD", "correct horse");
    assert!(set.output().unwrap().status.success());
    let passwords = passwords.to_str().unwrap();
    for (public, is_warned) in [("http://rack.lan", true), ("https://rack.lan", false)] {
        let words = ["--listen", "127.0.0.1:0", "--public", public, "--passwords", passwords];
        let words = [&words[..], &["--virtual", "k3772"]].concat();
        let mut running = Running(serve(folder.path(), &words).spawn().unwrap());
        event(&mut running.0, "listening");
        let (_, said) = stopped(running);
        assert_eq!(said.contains("\"no-tls\""), is_warned, "{public}: {said}");
    }
}

#[test]
fn a_server_that_is_stopped_says_what_became_of_each_job() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let running = Running(
        serve(folder.path(), &["--virtual", "e3372h-stick", "--unix", socket.to_str().unwrap()])
            .spawn()
            .unwrap(),
    );
    // A question that nobody answers.
    let body = br#"{"words":["network","set","--mode=lte","--","1-1"]}"#;
    let mut stream = connected(&socket);
    let head = format!("POST /api/commands HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while !lines.next().unwrap().unwrap().contains("\"question\"") {}
    let (code, said) = stopped(running);
    let told: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let jobs: Vec<&Value> =
        told.iter().filter(|line| line["event"] == "stopped").map(|line| &line["stopped"]).collect();
    let seen: Vec<(&Value, &Value)> = jobs.iter().map(|job| (&job["is_cut"], &job["verdict"])).collect();
    assert_eq!(seen, [(&false.into(), &Value::Null), (&true.into(), &"untouched".into())], "{said}");
    assert!(jobs.iter().all(|job| job["command"] == "network set" && job["place"] == "1-1"), "{said}");
    assert_ne!(code, Some(0), "{said}");
    assert_eq!(told.last().unwrap()["exit"], code.unwrap(), "{said}");
}

#[test]
fn a_hang_up_says_what_was_taken_back_just_before() {
    let run = |more: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
        command.args(["online", "down", "--virtual", "e3372h-stick", "--json"]).args(more).arg("1-1");
        command.env("STICKSHIFT_STATE", folder.path().join("state")).env("STICKSHIFT_ROOT", folder.path());
        let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
        serde_json::from_str::<Value>(said.lines().last().unwrap()).unwrap()
    };
    let never = run(&[]);
    assert_eq!(
        (&never["result"]["was_online"], &never["verdict"]),
        (&false.into(), &"untouched".into()),
        "{never}"
    );
    let kept = run(&["--taken-back", r#"{"computer":["the route"],"stick":["it has hung up"]}"#]);
    assert_eq!((&kept["result"]["was_online"], &kept["verdict"]), (&true.into(), &"done".into()), "{kept}");
    assert_eq!(kept["result"]["computer"][0], "the route", "{kept}");
}
