//! Who gets in, and how far: a raw HTTP client against a server with an engine that only notes what it was asked for.

mod server;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use serde_json::Value;
use server::{JSON, MESSAGE, Noting, SEND, Virtual, options, read, start};
use stickshift_web::{Options, Passwords, Server};

#[test]
fn nobody_gets_in_without_the_link_and_it_opens_once() {
    let server = start(options());
    for path in ["/api/sticks", "/api/events", "/metrics", "/api/session", "/api/jobs"] {
        assert_eq!(server.send(&format!("GET {path}"), &[], b"").status, 401, "{path}");
    }
    for path in ["/", "/convert", "/sticks/1-1", "/download/ids/12d1:1526/tplink"] {
        let answer = server.send(&format!("GET {path}"), &[], b"");
        assert!(answer.status == 303 && answer.text.contains("location: /login"), "{path}: {}", answer.text);
    }
    assert_eq!(server.send(SEND, &[JSON], MESSAGE).status, 401);
    assert!(server.asked().is_empty());
    let link = server.link();
    assert_eq!(server.send("GET /enter?link=00000000000000000000000000000000", &[], b"").status, 403);
    assert_eq!(server.send(&format!("GET {link}"), &[], b"").status, 303);
    assert_eq!(server.send(&format!("GET {link}"), &[], b"").status, 403);
    assert_ne!(server.link(), link);
}

#[test]
fn guessing_has_to_wait() {
    let mut passwords = Passwords::default();
    passwords.set(false, "correct horse").unwrap();
    let server = start(Options { passwords, ..options() });
    let form = "Content-Type: application/x-www-form-urlencoded";
    let login = |password: &str| {
        server.send("POST /login", &[form], format!("password={password}").as_bytes()).status
    };
    assert_eq!(login("correct+horse"), 303);
    let tried: Vec<u16> = (0..7).map(|n| login(&format!("wrong{n}"))).collect();
    assert_eq!(tried, [403, 403, 403, 403, 403, 429, 429]);
    // The right one waits, too: nobody learns which one it was.
    assert_eq!(login("correct+horse"), 429);
}

#[test]
fn a_change_needs_the_token_and_the_servers_own_page() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let own = format!("Origin: http://{}", server.address);
    let port = server.address.port();
    let elsewhere = [
        "Origin: http://evil.example".to_owned(),
        "Origin: null".to_owned(),
        format!("Origin: http://127.0.0.1:{}", port ^ 1),
        format!("Origin: https://127.0.0.1:{port}"),
        format!("Origin: http://127.0.0.1:{port}.evil.example"),
        "Sec-Fetch-Site: cross-site".to_owned(),
        "Sec-Fetch-Site: same-site".to_owned(),
    ];
    for origin in &elsewhere {
        assert_eq!(server.send(SEND, &[&cookie, &token, JSON, origin], MESSAGE).status, 403, "{origin}");
        assert_eq!(server.send("GET /api/sticks", &[&cookie, origin], b"").status, 403, "{origin}");
    }
    let wrong = "x-stickshift-token: 00000000000000000000000000000000";
    for lines in [
        vec![&*cookie, JSON],
        vec![&*cookie, JSON, wrong],
        vec![&*cookie, JSON, "x-stickshift-token: "],
        vec![&*token, JSON],
    ] {
        assert!(matches!(server.send(SEND, &lines, MESSAGE).status, 401 | 403), "{lines:?}");
    }
    let form = "Content-Type: application/x-www-form-urlencoded";
    assert_eq!(server.send("POST /do/send", &[&cookie, form], b"place=1-1&to=%2B1&text=x").status, 403);
    let plain = "Content-Type: text/plain";
    assert_eq!(server.send(SEND, &[&cookie, plain], MESSAGE).status, 403);
    let parts = "Content-Type: multipart/form-data; boundary=x";
    let file = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nz\r\n--x--\r\n";
    assert_eq!(server.send("POST /upload", &[&cookie, parts], file).status, 409);
    assert!(server.send("GET /api/files", &[&cookie], b"").text.contains("\"files\":[]"));
    assert!(server.asked().is_empty(), "{:?}", server.asked());

    assert_eq!(server.send(SEND, &[&cookie, &token, JSON, &own], MESSAGE).status, 200);
    let token = token.split_once(": ").unwrap().1;
    let body = format!("token={token}&place=1-1&to=%2B1&text=-v+x");
    assert_eq!(server.send("POST /do/send", &[&cookie, form, &own], body.as_bytes()).status, 303);
    assert_eq!(server.asked(), ["sms --stick=1-1 send -- +1 x", "sms --stick=1-1 send -- +1 -v x"]);
}

#[test]
fn a_name_that_leads_here_by_force_is_not_answered() {
    let server = start(options());
    let (cookie, _) = server.enter();
    let port = server.address.port();
    for host in [
        format!("Host: evil.example:{port}"),
        "Host: evil.example".into(),
        "Host: 127.0.0.1".into(),
        format!("Host: 127.0.0.1:{port}.evil.example"),
        "Host: ".into(),
    ] {
        for path in ["/", "/login", "/api/sticks", "/assets/app.js", "/enter?link=x"] {
            let answer = server.send(&format!("GET {path}"), &[&host, &cookie], b"");
            assert_eq!(answer.status, 421, "{host} {path}");
            assert!(!answer.text.contains("1-1"), "{host} {path}");
        }
    }
    assert_eq!(server.send("GET /", &["", &cookie], b"").status, 421);
    assert_eq!(server.send("GET /", &[&format!("Host: LocalHost:{port}"), &cookie], b"").status, 200);
}

#[test]
fn those_who_only_read_change_nothing() {
    let server = start(Options { read_only: true, ..options() });
    let (cookie, token) = server.enter();
    let changes = [
        SEND,
        "DELETE /api/sticks/1-1/messages/1",
        "PUT /api/sticks/1-1/network",
        "POST /api/sticks/1-1/ussd",
        "POST /api/plans/convert",
        "POST /api/rehearsals",
        "POST /api/files?name=x",
        "DELETE /api/files/x",
        "POST /api/jobs/1/start",
        "POST /api/jobs/1/cancel",
        "POST /api/sticks/1-1/replug",
        "POST /do/send",
        "POST /profiles/add",
        "POST /profiles/remove",
        "POST /upload",
        "POST /remove",
        "POST /replug",
    ];
    for change in changes {
        assert_eq!(server.send(change, &[&cookie, &token, JSON], b"{}").status, 403, "{change}");
    }
    assert!(server.asked().is_empty());
    for method in ["OPTIONS", "TRACE", "PATCH", "CONNECT", "FOO"] {
        let status = server.send(&format!("{method} /api/sticks"), &[&cookie, &token], b"").status;
        assert!((400..500).contains(&status), "{method}: {status}");
    }
    let page = server.send("GET /", &[&cookie], b"").text;
    assert!(page.contains("1-1") && !page.contains("action=\"/do/"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
}

#[test]
fn what_is_too_large_is_refused_and_not_kept() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let bytes = "Content-Type: application/octet-stream";
    let upload = |path: &str, body: &[u8]| server.send(path, &[&cookie, &token, bytes], body);
    assert_eq!(upload("POST /api/files?name=big", &vec![0; (1 << 20) + 1]).status, 413);
    // The same without a length beforehand.
    let mut stream = server.connect();
    let head = format!(
        "POST /api/files HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{cookie}\r\n{token}\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..40 {
        let piece = vec![b'x'; 0x8000];
        if stream
            .write_all(b"8000\r\n")
            .and_then(|()| stream.write_all(&piece))
            .and_then(|()| stream.write_all(b"\r\n"))
            .is_err()
        {
            break;
        }
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    assert!(matches!(read(stream).status, 413 | 0));
    let long = vec![b'a'; 65 << 10];
    let form = "Content-Type: application/x-www-form-urlencoded";
    assert_eq!(server.send("POST /do/send", &[&cookie, &token, form], &long).status, 413);
    assert_eq!(server.send("POST /login", &[form], &long).status, 413);
    assert!(matches!(server.send(SEND, &[&cookie, &token, JSON], &long).status, 400 | 413));
    // A field of the form beside the file is no way to fill the memory.
    let parts = "Content-Type: multipart/form-data; boundary=x";
    let part = |name: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n")
    };
    let value = token.split_once(": ").unwrap().1;
    let form = |to: usize| {
        let to = "y".repeat(to);
        format!("{}{to}\r\n{}{value}\r\n{}z\r\n--x--\r\n", part("to"), part("token"), part("file"))
    };
    assert_eq!(server.send("POST /upload", &[&cookie, parts], form(100_000).as_bytes()).status, 400);
    assert!(server.send("GET /api/files", &[&cookie], b"").text.contains("\"files\":[]"));
    assert_eq!(server.send("POST /upload", &[&cookie, parts], form(3).as_bytes()).status, 303);
    let kept = server.send("GET /api/files", &[&cookie], b"").text;
    let kept = kept.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(server.send(&format!("DELETE /api/files/{kept}"), &[&cookie, &token, JSON], b"").status, 200);
    // One that breaks off is not kept either.
    let mut stream = server.connect();
    let head = format!(
        "POST /api/files HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{cookie}\r\n{token}\r\nContent-Length: 100\r\n\r\nxyz",
        server.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read(stream);
    assert!(server.send("GET /api/files", &[&cookie], b"").text.contains("\"files\":[]"));
    assert_eq!(upload("POST /api/files?name=..%2F..%2Fetc%2Fpasswd", b"x").status, 200);
    let files = server.send("GET /api/files", &[&cookie], b"").text;
    assert!(files.contains("\"name\":\"passwd\""), "{files}");
}

#[test]
fn no_path_leads_out() {
    let server = start(options());
    let (cookie, _) = server.enter();
    for path in [
        "/assets/../../../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets//etc/passwd",
        "/files/..%2f..%2fetc%2fpasswd",
        "/download/file/..%2f..%2fetc%2fpasswd/tplink",
        "/download/ids/%2fetc%2fpasswd/tplink",
        "/download/ids/12d1:1526/--output=x",
        "/api/files/..%2fx/contents",
        "/api/profiles/%2fetc%2fpasswd",
        "/api/profiles/12d1:1526/as/tplink%20--force",
        "/sticks/..%2f..%2f/messages",
        "/api/sticks/--trace=x/signal",
    ] {
        let answer = server.send(&format!("GET {path}"), &[&cookie], b"");
        assert!(!answer.text.contains("root:"), "{path}");
        assert!(
            answer.status == 400 || answer.status == 404 || answer.text.contains("role=\"alert\""),
            "{path}: {}",
            answer.text
        );
    }
    assert!(server.asked().is_empty(), "{:?}", server.asked());
}

#[test]
fn heads_are_bounded_in_number_size_and_time() {
    let server = start(options());
    let many: Vec<String> = (0..200).map(|n| format!("X-{n}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(server.send("GET /login", &many, b"").status, 431);
    let long = format!("X: {}", "y".repeat(200_000));
    assert!(matches!(server.send("GET /login", &[&long], b"").status, 0 | 431));
    let path = format!("GET /{}", "a".repeat(100_000));
    assert!(matches!(server.send(&path, &[], b"").status, 0 | 414 | 431));
    for garbage in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        &[0; 4096],
    ] {
        let mut stream = server.connect();
        let _ = stream.write_all(garbage).and_then(|()| stream.shutdown(Shutdown::Write));
        assert!(matches!(read(stream).status, 0 | 400..=599));
    }
    // Heads that never end: others are answered meanwhile, and they are cut off.
    let slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();
    assert_eq!(server.send("GET /login", &[], b"").status, 401);
    for stream in slow {
        assert!(matches!(read(stream).status, 0 | 408));
    }
}

#[test]
fn an_address_that_others_reach_needs_a_password() {
    let bind = |options: Options| {
        Server::bind(options, Vec::new(), Arc::new(Virtual(Arc::new(Noting::default()))), |_| ()).err()
    };
    let everywhere = Options { listen: Some("0.0.0.0:0".parse().unwrap()), ..options() };
    assert!(bind(everywhere.clone()).unwrap().what().contains("password"));
    let proxied = Options { public: Some("https://sticks.example".into()), ..options() };
    assert!(bind(proxied.clone()).unwrap().what().contains("password"));
    let mut passwords = Passwords::default();
    passwords.set(false, "correct horse").unwrap();
    assert!(bind(Options { passwords: passwords.clone(), ..everywhere }).is_none());
    // Behind a proxy with TLS the cookie never travels without it.
    let server = start(Options { passwords, ..proxied });
    let lines = [
        "Host: sticks.example",
        "Origin: https://sticks.example",
        "Content-Type: application/x-www-form-urlencoded",
    ];
    let answer = server.send("POST /login", &lines, b"password=correct+horse");
    assert!(answer.status == 303 && answer.text.contains("; Secure"), "{}", answer.text);
    assert!(server.links.lock().unwrap().is_empty());
}

#[test]
fn every_answer_forbids_what_the_pages_do_not_need() {
    let server = start(options());
    let (cookie, _) = server.enter();
    for path in [
        "/",
        "/login",
        "/nothing",
        "/api/sticks",
        "/api/nothing",
        "/assets/app.js",
        "/assets/none",
        "/metrics",
    ] {
        let text = server.send(&format!("GET {path}"), &[&cookie], b"").text;
        let head = text.split("\r\n\r\n").next().unwrap();
        for header in [
            "content-security-policy: default-src 'none'",
            "x-content-type-options: nosniff",
            "frame-ancestors 'none'",
            "referrer-policy: same-origin",
        ] {
            assert!(head.contains(header), "{path}: {head}");
        }
        assert!(!text.contains("style=\"") && !text.contains(" onclick"), "{path}");
    }
}

#[test]
fn a_plan_is_started_when_each_of_its_dangers_was_agreed_to() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let post = |path: &str, body: &[u8]| server.send(&format!("POST {path}"), &[&cookie, &token, JSON], body);
    let file = post("/api/files?name=firmware.bin", b"x").text;
    let id = file.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap();
    let body = format!("{{\"place\":\"1-1\",\"to\":\"stick\",\"firmware\":\"{id}\"}}");
    assert_eq!(post("/api/plans/convert", body.as_bytes()).status, 202);
    let ended = |job: &str| server.ended(job, &cookie);
    ended("1");
    assert!(server.send("GET /jobs/1", &[&cookie], b"").text.contains("&lt;b&gt;it may break"));
    assert_eq!(post("/api/jobs/1/start", b"{}").status, 409);
    assert_eq!(post("/api/jobs/1/start", b"{\"danger\":[\"1\"]}").status, 400);
    assert_eq!(post("/api/jobs/1/start", b"{\"danger\":[\"0\"]}").status, 202);
    assert!(ended("2").contains("\"approved\":true"));
    // A job that is no plan is not started again.
    assert_eq!(post("/api/jobs/2/start", b"{\"danger\":[\"0\"]}").status, 400);
    // One that turns out differently is not carried out.
    let body = body.replace("1-1", "1-2");
    assert_eq!(post("/api/plans/convert", body.as_bytes()).status, 202);
    ended("3");
    assert_eq!(post("/api/jobs/3/start", b"{\"danger\":[\"0\"]}").status, 202);
    assert!(ended("4").contains("\"approved\":false"));
    let dry: Vec<bool> = server.asked().iter().map(|line| line.contains("--dry-run")).collect();
    assert_eq!(dry, [true, false, true, false]);
}

#[test]
fn disconnecting_ends_what_stays_online() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let send = |first: &str, body: &[u8]| server.send(first, &[&cookie, &token, JSON], body);
    let state = |job: &str| {
        let job: String = send(&format!("GET /api/jobs/{job}"), b"").text;
        if job.contains("\"state\":\"running\"") { "running" } else { "ended" }
    };
    assert_eq!(send("POST /api/sticks/1-1/online", b"{\"stay\":true}").status, 202);
    assert_eq!(send("POST /api/sticks/1-2/online", b"{\"stay\":true}").status, 202);
    let second = send("POST /api/sticks/1-1/online", b"{\"stay\":true}");
    assert!(second.status == 409 && second.text.contains("already"), "{}", second.text);
    let hung_up = send("DELETE /api/sticks/1-1/online", b"");
    assert_eq!(hung_up.status, 200, "{}", hung_up.text);
    assert_eq!((state("1"), state("2")), ("ended", "running"));
    // What it took back at its end is told as that of the hang-up.
    let asked = server.asked();
    let down = asked.iter().find(|line| line.starts_with("online down")).unwrap();
    let taken_back: Value =
        serde_json::from_str(down.split_once("--taken-back=").unwrap().1.trim_end_matches(" -- 1-1"))
            .unwrap();
    assert_eq!(
        (&taken_back["was_online"], &taken_back["stick"][0]),
        (&true.into(), &"hung up".into()),
        "{down}"
    );
    assert_eq!(send("POST /api/sticks/1-1/online", b"{\"stay\":true}").status, 202);

    // The page says what was taken back, and calls nothing a connection that was none.
    assert_eq!(send("DELETE /api/sticks/1-2/online", b"").status, 200);
    let page = |path: &str| send(&format!("GET {path}"), b"").text;
    let none = page("/sticks/1-1/connect?done=3");
    assert!(!none.contains("Disconnected:") && !none.contains("pin-refused"), "{none}");
    assert_eq!(none.matches("not online through this stick").count(), 2, "{none}");
    let one = page("/sticks/1-2/connect?done=5");
    assert!(one.contains("Disconnected:") && one.contains("an address taken away"), "{one}");
    assert!(one.contains("data-live=\"job:1-2\""), "{one}");
}

#[test]
fn a_failure_says_what_the_stick_is_left_as() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let api = server.send("POST /api/sticks/1-1/ussd", &[&cookie, &token, JSON], b"{\"code\":[\"*100#\"]}");
    assert!(api.status == 409 && api.text.contains("\"verdict\":\"recoverable\""), "{}", api.text);
    let form = "Content-Type: application/x-www-form-urlencoded";
    let body = format!("token={}&place=1-1&code=*100%23", token.split_once(": ").unwrap().1);
    let answer = server.send("POST /do/ussd", &[&cookie, form], body.as_bytes());
    assert!(answer.status == 303 && answer.text.contains("location: /jobs/2"), "{}", answer.text);
    let page = server.send("GET /jobs/2", &[&cookie], b"").text;
    for shown in ["badge recoverable", "ask the network again", "a cause", "some help", "&lt;i&gt;refused"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let list = server.send("GET /jobs", &[&cookie], b"").text;
    assert!(list.contains("badge recoverable"), "{list}");
}

#[test]
fn viewers_that_read_nothing_hold_up_nobody() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let open = |last: &str| {
        let mut stream = server.connect();
        let head = format!("GET /api/events HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n{last}\r\n", server.address);
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let dead: Vec<TcpStream> = (0..40).map(|_| open("")).collect();
    let mut live = open("");
    let mut seen = String::new();
    let until = |stream: &mut TcpStream, seen: &mut String, wanted: &str| {
        let mut buffer = [0; 4096];
        while !seen.contains(wanted) {
            let n = stream.read(&mut buffer).unwrap();
            // Signs of life alone are no events.
            assert!(n > 0 && seen.matches("\n:\n").count() < 2, "{wanted}: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    };
    until(&mut live, &mut seen, "id: ");
    for _ in 0..30 {
        assert_eq!(server.send(SEND, &[&cookie, &token, JSON], MESSAGE).status, 200);
    }
    until(&mut live, &mut seen, "\"job\":\"30\",\"place\":\"1-1\",\"state\":\"ended\"");
    // One that comes back gets what it missed, and nothing twice.
    let first = seen.split("id: ").nth(2).unwrap().lines().next().unwrap();
    let mut back = open(&format!("Last-Event-ID: {first}\r\n"));
    let mut again = String::new();
    until(&mut back, &mut again, "\"job\":\"30\",\"place\":\"1-1\",\"state\":\"ended\"");
    assert_eq!(again.matches("\"job\":\"30\",\"place\":\"1-1\",\"state\":\"ended\"").count(), 1);
    assert_eq!(again.matches("\"job\":\"2\",\"place\":\"1-1\",\"state\":\"ended\"").count(), 1);
    let mut other = open("Last-Event-ID: 00000000-5\r\n");
    until(&mut other, &mut String::new(), "event: lost");
    drop(dead);
}

#[test]
#[cfg(unix)]
fn a_unix_socket_is_for_whoever_may_open_it() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;
    let folder = std::env::temp_dir().join(format!("stickshift-unix-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let server = start(Options { listen: None, unix: Some(path.clone()), ..options() });
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let send = |request: &str| {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        read(stream).status
    };
    assert_eq!(send("GET /api/sticks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 200);
    let change = |origin: &str| {
        send(&format!(
            "{SEND} HTTP/1.1\r\nHost: x\r\n{origin}Connection: close\r\nContent-Length: 21\r\n{JSON}\r\n\r\n{{\"to\":\"1\",\"text\":\"x\"}}"
        ))
    };
    assert_eq!(change("Origin: http://evil.example\r\n"), 403);
    assert_eq!(change(""), 200);
    assert_eq!(server.asked().len(), 1);
    drop(server);
    assert!(!path.exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_passed_socket_that_takes_no_connections_is_refused() {
    let (passed, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let options = Options { listen: None, ..options() };
    let refused =
        Server::bind(options, vec![passed.into()], Arc::new(Virtual(Arc::new(Noting::default()))), |_| {});
    let said = format!("{:?}", refused.err().unwrap());
    assert!(said.contains("Accept=no"), "{said}");
}
