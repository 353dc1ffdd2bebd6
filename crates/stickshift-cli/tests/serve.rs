//! `serve` as a process: sockets that systemd passes, TLS as OpenSSL speaks it, and uploads that are larger than they look.
#![cfg(all(feature = "web", feature = "virtual", target_os = "linux"))]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

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
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
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
