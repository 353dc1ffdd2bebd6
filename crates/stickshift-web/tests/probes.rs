//! What a scanner of web applications tries: requests that two readers would read differently, paths and methods in disguise, sessions that
//! are forced on somebody, bodies that are something else than they say, text that becomes markup, and clients that never come to an end.

mod server;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use server::{JSON, MESSAGE, SEND, cookie, options, read, start};
use stickshift_web::{Options, Passwords};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

#[test]
fn a_request_that_two_readers_would_read_differently_is_none() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let host = format!("Host: {}", server.address);
    let hidden = format!(
        "{SEND} HTTP/1.1\r\n{host}\r\n{cookie}\r\n{token}\r\n{JSON}\r\nContent-Length: 21\r\n\r\n{{\"to\":\"1\",\"text\":\"x\"}}"
    );
    let length = hidden.len();
    let raw = |head: &str, body: &str| {
        let mut stream = server.connect();
        let request = format!("POST /login HTTP/1.1\r\n{host}\r\n{head}\r\n\r\n{body}");
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        read(stream)
    };
    let chunked = format!("0\r\n\r\n{hidden}");
    for (head, body) in [
        (format!("Content-Length: {}\r\nTransfer-Encoding: chunked", chunked.len()), chunked.clone()),
        (format!("Transfer-Encoding: chunked\r\nContent-Length: {}", chunked.len()), chunked.clone()),
        (format!("Transfer-Encoding: xchunked\r\nContent-Length: {length}"), hidden.clone()),
        (format!("Transfer-Encoding : chunked\r\nContent-Length: {length}"), hidden.clone()),
        (format!("Transfer-Encoding:\tchunked\r\nContent-Length: {}", chunked.len()), chunked.clone()),
        (format!("Transfer-Encoding: chunked, identity\r\nContent-Length: {length}"), hidden.clone()),
        (format!("X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: {length}"), hidden.clone()),
        (format!("Content-Length: 0\r\nContent-Length: {length}"), hidden.clone()),
        (format!("Content-Length: {length}\r\nContent-Length: 0"), hidden.clone()),
        (format!("Content-Length: +{length}"), hidden.clone()),
        (format!("Content-Length: 0x{length:x}"), hidden.clone()),
        (format!("Content-Length: {length}, {length}"), hidden.clone()),
        ("Content-Length: -1".into(), hidden.clone()),
    ] {
        let answer = raw(&head, &body);
        // Whoever stands before it would have let the message through as a part of the first request.
        let is_one_request = answer.text.matches("HTTP/1.1 ").count() <= 1;
        assert!(is_one_request || server.asked().is_empty(), "{head:?}: {}", answer.text);
        assert!(server.asked().is_empty(), "{head:?}: {:?}", server.asked());
    }
}

#[test]
fn one_request_names_one_host() {
    let server = start(options());
    let (cookie, _) = server.enter();
    let own = format!("Host: {}", server.address);
    for lines in [
        vec![&*own, "Host: evil.example", &cookie],
        vec!["Host: evil.example", &*own, &cookie],
        vec![&*own, &*own, &cookie],
    ] {
        let status = server.send("GET /api/sticks", &lines, b"").status;
        assert!(matches!(status, 400 | 421), "{lines:?}: {status}");
    }
    for target in ["http://evil.example/api/sticks", "https://evil.example/"] {
        assert_eq!(server.send(&format!("GET {target}"), &[&own, &cookie], b"").status, 421, "{target}");
    }
    let absolute = format!("GET http://{}/api/sticks", server.address);
    assert_eq!(server.send(&absolute, &[&own, &cookie], b"").status, 200);
    // What a proxy may say of the client is not asked for.
    let mut passwords = Passwords::default();
    passwords.set(false, "correct horse").unwrap();
    let server = start(Options { passwords, ..options() });
    let tried: Vec<u16> = (0..7)
        .map(|n| {
            let other = format!("X-Forwarded-For: 10.0.0.{n}");
            let forwarded = format!("Forwarded: for=10.0.0.{n}");
            server
                .send("POST /login", &[FORM, &other, &forwarded, "X-Real-IP: 10.1.1.1"], b"password=wrong")
                .status
        })
        .collect();
    assert_eq!(tried[5..], [429, 429]);
    for header in
        ["X-Forwarded-Host: evil.example", "X-Original-URL: /api/sticks", "X-Rewrite-URL: /api/sticks"]
    {
        let answer = server.send("GET /login", &[header], b"");
        assert!(answer.status == 200 && !answer.text.contains("evil.example"), "{header}: {}", answer.text);
    }
}

#[test]
fn no_other_spelling_of_a_path_is_open() {
    let server = start(options());
    for path in [
        "//api/sticks",
        "/api//sticks",
        "/%61pi/sticks",
        "/API/sticks",
        "/api/sticks/",
        "/api/sticks;x=1",
        "/api/sticks%00",
        "/api/sticks%2f",
        "/api/sticks?x=/login",
        "/login/../api/sticks",
        "/login/..;/api/sticks",
        "/login%2f..%2fapi%2fsticks",
        "/assets/../api/sticks",
        "/assets/%2e%2e/api/sticks",
        "/assets/..%2fapi%2fsticks",
        "/assets/.././sticks/1-1",
        "/./api/sticks",
        "/metrics/",
        "/metrics?/login",
        "*",
        "/api/sticks#/login",
    ] {
        let answer = server.send(&format!("GET {path}"), &[], b"");
        assert!(!answer.text.contains("1-1"), "{path}: {}", answer.text);
        assert!(matches!(answer.status, 303 | 400..=499), "{path}: {}", answer.status);
    }
    let asked = server.engine.0.lock().unwrap().iter().filter(|words| words[0] != "list").count();
    assert_eq!(asked, 0);
}

#[test]
fn no_method_hides_in_another() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let host = format!("Origin: http://{}", server.address);
    for header in ["X-HTTP-Method-Override: DELETE", "X-Method-Override: POST", "X-HTTP-Method: PUT"] {
        let lines = [&*cookie, &token, header, &host];
        server.send("GET /api/sticks/1-1/messages/1", &lines, b"");
        server.send("GET /api/sticks/1-1/messages?_method=POST&to=1&text=x", &lines, b"");
    }
    for path in [
        "/do/send?place=1-1&to=1&text=x",
        "/api/rehearsals",
        "/api/plans/convert",
        "/logout",
        "/replug?place=1-1",
    ] {
        for method in ["GET", "HEAD"] {
            let status = server.send(&format!("{method} {path}"), &[&cookie, &token], b"").status;
            assert!(matches!(status, 404 | 405), "{method} {path}: {status}");
        }
    }
    let changes: Vec<String> = server
        .asked()
        .into_iter()
        .filter(|line| !line.contains(" list") && !line.starts_with("identify"))
        .collect();
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(server.send("GET /api/session", &[&cookie], b"").status, 200, "nobody was logged out");
}

#[test]
fn a_session_is_made_here_and_ends_when_it_is_left() {
    let server = start(options());
    let name = format!("stickshift-{}", server.address.port());
    let forced = format!("Cookie: {name}=00000000000000000000000000000000");
    let entered = server.send(&format!("GET {}", server.link()), &[&forced], b"");
    let own = cookie(&entered);
    assert_ne!(own, forced);
    assert_eq!(server.send("GET /api/session", &[&forced], b"").status, 401);
    // A second entrance is a second session, and the secrets are not those of the first.
    let again = cookie(&server.send(&format!("GET {}", server.link()), &[&own], b""));
    assert_ne!(again, own);
    let session = |cookie: &str| server.send("GET /api/session", &[cookie], b"").text;
    let token = |cookie: &str| session(cookie).split("\"token\":\"").nth(1).unwrap()[..32].to_owned();
    assert_ne!(token(&own), token(&again));
    // The token of one does not open the other.
    let foreign = format!("x-stickshift-token: {}", token(&again));
    assert_eq!(server.send(SEND, &[&own, &foreign, JSON], MESSAGE).status, 403);
    let leave = format!("token={}", token(&own));
    assert_eq!(server.send("POST /logout", &[&own, FORM], leave.as_bytes()).status, 303);
    assert_eq!(server.send("GET /api/session", &[&own], b"").status, 401);
    assert_eq!(server.send("GET /api/session", &[&again], b"").status, 200);
    // Of several cookies of the name the first counts, whatever path it was set for.
    let both = format!("{own}; {}", again.trim_start_matches("Cookie: "));
    assert_eq!(server.send("GET /api/session", &[&both], b"").status, 401);
}

#[test]
fn whoever_has_left_hears_no_more_events() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let (other, _) = server.enter();
    let follow = |cookie: &str| {
        let mut events = server.connect();
        let head = format!(
            "GET /api/events HTTP/1.1\r\nConnection: close\r\nHost: {}\r\n{cookie}\r\n\r\n",
            server.address
        );
        events.write_all(head.as_bytes()).unwrap();
        events
    };
    let (mut left, mut stays) = (follow(&cookie), follow(&other));
    let until = |events: &mut TcpStream, wanted: &str| {
        let (mut seen, mut piece) = (String::new(), [0; 4096]);
        while !seen.contains(wanted) {
            let read = events.read(&mut piece).unwrap();
            assert!(read > 0, "{wanted}: {seen}");
            seen.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
    };
    until(&mut left, "id: ");
    until(&mut stays, "id: ");
    let token = token.split(": ").nth(1).unwrap();
    let leave = server.send("POST /logout", &[&cookie, FORM], format!("token={token}").as_bytes());
    assert_eq!(leave.status, 303);
    // Something happens.
    let (cookie, token) = server.enter();
    assert_eq!(server.send(SEND, &[&cookie, &token, JSON], MESSAGE).status, 200);
    until(&mut stays, "\"state\":\"ended\"");
    let (mut rest, mut piece) = (String::new(), [0; 4096]);
    loop {
        let read = left.read(&mut piece).unwrap();
        rest.push_str(&String::from_utf8_lossy(&piece[..read]));
        assert!(!rest.contains("\"job\""), "{rest}");
        if read == 0 {
            break;
        }
    }
}

#[test]
fn a_link_that_is_only_checked_is_not_used_up() {
    let server = start(options());
    let link = server.link();
    let checked = server.send(&format!("HEAD {link}"), &[], b"");
    assert!(!checked.text.contains("set-cookie"), "{}", checked.text);
    assert_eq!(server.send(&format!("GET {link}"), &[], b"").status, 303);
}

#[test]
fn a_body_is_what_its_type_says() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let send = |kind: &str, body: &[u8]| server.send(SEND, &[&cookie, &token, kind], body).status;
    let deep = format!("{{\"to\":{}1{}}}", "[".repeat(30_000), "]".repeat(30_000));
    for body in [
        &b"{"[..],
        b"[]",
        b"null",
        b"\"x\"",
        b"{\"to\":{\"a\":1},\"text\":\"x\"}",
        b"{\"to\":1e999,\"text\":\"x\"}",
        b"{\"to\":\"\\ud800\",\"text\":\"x\"}",
        b"\xff\xfe{\"to\":1}",
        b"to=1&text=x",
        deep.as_bytes(),
    ] {
        assert_eq!(send(JSON, body), 400, "{:?}", &body[..body.len().min(40)]);
    }
    let multipart = b"--x\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\n1\r\n--x--\r\n";
    assert_eq!(send("Content-Type: multipart/form-data; boundary=x", multipart), 400);
    assert_eq!(
        send(
            "Content-Type: application/xml",
            b"<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>"
        ),
        400
    );
    assert!(server.asked().is_empty(), "{:?}", server.asked());
    // A page takes forms alone.
    assert!(matches!(server.send("POST /do/send", &[&cookie, &token, JSON], MESSAGE).status, 400..=499));
    for broken in [
        &b""[..],
        b"--x",
        b"--x\r\n\r\n",
        b"--x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n",
        b"--x--\r\n",
        b"--y\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nz\r\n--y--\r\n",
    ] {
        let kind = "Content-Type: multipart/form-data; boundary=x";
        let status = server.send("POST /upload", &[&cookie, &token, kind], broken).status;
        assert!((400..500).contains(&status), "{broken:?}: {status}");
    }
    let status =
        server.send("POST /upload", &[&cookie, &token, "Content-Type: multipart/form-data"], b"x").status;
    assert!((400..500).contains(&status), "no boundary: {status}");
    assert!(server.send("GET /api/files", &[&cookie], b"").text.contains("\"files\":[]"));
}

#[test]
fn text_from_outside_never_becomes_markup_or_a_header() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let nasty = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E%0d%0aSet-Cookie:%20x=y";
    for path in [
        format!("/profiles?text={nasty}"),
        format!("/sticks/{nasty}"),
        format!("/sticks/{nasty}/connect"),
        format!("/sticks/{nasty}/messages?done={nasty}"),
        format!("/profiles/{nasty}"),
        format!("/files/{nasty}"),
        format!("/jobs/{nasty}"),
        format!("/convert?place={nasty}"),
        format!("/download/{nasty}/{nasty}/{nasty}"),
        format!("/enter?link={nasty}"),
        format!("/{nasty}"),
    ] {
        let text = server.send(&format!("GET {path}"), &[&cookie], b"").text;
        assert!(!text.contains("<script>alert"), "{path}: {text}");
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        assert!(!head.contains("x=y"), "{path}: {head}");
    }
    // A file's name, on every page that shows it and as it is downloaded.
    let bytes = "Content-Type: application/octet-stream";
    let upload = format!("POST /api/files?name={nasty}.bin");
    assert_eq!(server.send(&upload, &[&cookie, &token, bytes], b"x").status, 200);
    for path in ["/convert", "/profiles"] {
        let text = server.send(&format!("GET {path}"), &[&cookie], b"").text;
        assert!(!text.contains("<script>alert"), "{path}: {text}");
    }
    let form = format!("token={}&language=de%0d%0aSet-Cookie:%20x=y", token.split_once(": ").unwrap().1);
    let answer = server.send("POST /language", &[&cookie, FORM], form.as_bytes());
    assert!(answer.status == 303 && !answer.text.contains("x=y"), "{}", answer.text);
}

#[test]
fn clients_that_never_come_to_an_end_hold_up_nobody_and_are_cut_off() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let begin = |head: &str| {
        let mut stream = server.connect();
        stream.write_all(format!("{head}\r\nHost: {}\r\n", server.address).as_bytes()).unwrap();
        stream
    };
    // Bodies of forms and of documents that stop in their middle.
    let mut slow: Vec<TcpStream> = Vec::new();
    for _ in 0..40 {
        let mut form = begin("POST /login HTTP/1.1");
        form.write_all(format!("{FORM}\r\nContent-Length: 1000\r\n\r\npassword=").as_bytes()).unwrap();
        slow.push(form);
        let mut document = begin(&format!("{SEND} HTTP/1.1"));
        document
            .write_all(format!("{cookie}\r\n{token}\r\n{JSON}\r\nContent-Length: 1000\r\n\r\n{{").as_bytes())
            .unwrap();
        slow.push(document);
    }
    assert_eq!(server.send("GET /api/session", &[&cookie], b"").status, 200);
    for stream in slow {
        assert!(matches!(read(stream).status, 0 | 400 | 408), "cut off with a reason, or without");
    }
    assert!(server.asked().is_empty(), "{:?}", server.asked());
    assert_eq!(server.send("GET /api/session", &[&cookie], b"").status, 200);
}

#[test]
fn secrets_reach_the_command_and_nothing_else() {
    let server = start(options());
    let (cookie, token) = server.enter();
    let post = |path: &str, body: &[u8]| server.send(&format!("POST {path}"), &[&cookie, &token, JSON], body);
    let answer = post(
        "/api/sticks/1-1/online",
        b"{\"apn\":\"-x\",\"pin\":\"4711\",\"user\":\"u\",\"password\":\"geheim\",\"roaming\":true}",
    );
    assert_eq!(answer.status, 202);
    let seen = |what: &str| {
        answer.text.contains(what) || server.send("GET /api/jobs/1", &[&cookie], b"").text.contains(what)
    };
    assert!(!seen("4711") && !seen("geheim"));
    server.ended("1", &cookie);
    assert!(!seen("4711") && !seen("geheim"));
    let page = server.send("GET /jobs/1", &[&cookie], b"").text;
    assert!(!page.contains("4711") && !page.contains("geheim"), "{page}");
    let secrets = server.engine.1.lock().unwrap().iter().flatten().cloned().collect::<Vec<_>>();
    let secret =
        |name: &str| secrets.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!((secret("STICKSHIFT_PIN"), secret("STICKSHIFT_APN_PASSWORD")), (Some("4711"), Some("geheim")));
    assert_eq!(server.asked(), ["online up --apn=-x --user=u --roaming -- 1-1"]);
    // A login to the stick goes with every command that follows, until the stick refuses it.
    assert_eq!(post("/api/sticks/1-1/login", b"{\"password\":\"wrong\"}").status, 409);
    assert_eq!(post("/api/sticks/1-1/login", b"{}").status, 400);
    assert_eq!(post("/api/sticks/1-1/login", b"{\"user\":\"admin\",\"password\":\"right\"}").status, 200);
    // One that is not needed is not kept.
    let needless = post("/api/sticks/1-2/login", b"{\"password\":\"unwanted\"}");
    assert!(needless.status == 409 && needless.text.contains("wants no login"), "{}", needless.text);
    server.engine.1.lock().unwrap().clear();
    assert_eq!(server.send("GET /api/sticks/1-1/traffic", &[&cookie], b"").status, 200);
    let given = server.engine.1.lock().unwrap().last().cloned().unwrap();
    assert!(given.contains(&("STICKSHIFT_PASSWORD".into(), "right".into())), "{given:?}");
    assert_eq!(server.send("GET /api/sticks/1-2/traffic", &[&cookie], b"").status, 200);
    assert!(server.engine.1.lock().unwrap().last().unwrap().is_empty(), "another stick's login");
    // It is the login of a stick, not of a place: at 1-3 stands none.
    assert_eq!(post("/api/sticks/1-3/login", b"{\"password\":\"right\"}").status, 200);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        assert_eq!(server.send("GET /api/sticks/1-3/traffic", &[&cookie], b"").status, 200);
        if server.engine.1.lock().unwrap().last().unwrap().is_empty() {
            break;
        }
        assert!(Instant::now() < until, "a login outlives its stick");
    }
    let forget = server.send("DELETE /api/sticks/1-1/login", &[&cookie, &token, JSON], b"{}");
    assert_eq!(forget.status, 200);
    assert_eq!(server.send("GET /api/sticks/1-1/traffic", &[&cookie], b"").status, 200);
    assert!(server.engine.1.lock().unwrap().last().unwrap().is_empty());
}

#[test]
fn an_address_of_this_computer_is_answered_where_it_listens_on_all() {
    let mut passwords = Passwords::default();
    passwords.set(false, "correct horse").unwrap();
    let everywhere = Options { listen: Some("0.0.0.0:0".parse().unwrap()), passwords, ..options() };
    let mut server = start(everywhere);
    let port = server.address.port();
    server.address = ([127, 0, 0, 1], port).into();
    let status = |host: &str| server.send("GET /login", &[&format!("Host: {host}")], b"").status;
    assert_eq!(status(&format!("192.168.1.5:{port}")), 200);
    assert_eq!(status(&format!("[fe80::1]:{port}")), 200);
    assert_eq!(status(&format!("192.168.1.5:{}", port ^ 1)), 421);
    assert_eq!(status(&format!("sticks.example:{port}")), 421);
    assert_eq!(status(&format!("192.168.1.5.evil.example:{port}")), 421);
}
