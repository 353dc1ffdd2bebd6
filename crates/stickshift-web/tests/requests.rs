//! What a request says is understood as a whole, or refused.

mod server;

use std::io::Write;
use std::net::Shutdown;

use serde_json::{Value, json};

use server::{JSON, Owner, SEND, options, read, start};

fn line(text: &str) -> Value {
    serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap_or_default()).unwrap_or_default()
}

#[test]
fn a_field_of_another_kind_or_name_is_refused_and_nothing_runs() {
    let owner = Owner::of(start(options()));
    for (first, body, field) in [
        (SEND, json!({ "to": "+1", "text": true }), "text"),
        (SEND, json!({ "to": ["+1", "+2"], "text": "x" }), "to"),
        (SEND, json!({ "to": "+1", "text": "x", "place": "1-2" }), "place"),
        (SEND, json!({ "to": "+1", "text": "x", "flash": true }), "flash"),
        ("POST /api/sticks/1-1/online", json!({ "stay": 1 }), "stay"),
        ("POST /api/sticks/1-1/online", json!({ "metric": 1.5 }), "metric"),
        ("POST /api/sticks/1-1/online", json!({ "roming": true }), "roming"),
        ("POST /api/sticks/1-1/ussd", json!({ "code": [["*100#"]] }), "code"),
        ("POST /api/sticks/1-1/login", json!({ "password": ["x"] }), "password"),
        ("POST /api/sticks/1-1/login", json!({ "name": "admin", "password": "x" }), "name"),
        ("DELETE /api/sticks/1-1/online", json!({ "web-user": "x" }), "web-user"),
        ("DELETE /api/sticks/1-1/login", json!({ "user": "x" }), "user"),
        ("POST /api/sticks/1-1/replug", json!({ "after": 3 }), "after"),
        ("POST /api/commands", json!({ "words": "list", "secret": {} }), "secret"),
        ("POST /api/commands", json!({ "words": [["list"]] }), "words"),
        (
            "POST /api/commands",
            json!({ "words": ["list"], "secrets": { "STICKSHIFT_PIN": true } }),
            "secrets",
        ),
        ("POST /api/commands", json!({ "words": ["list"], "secrets": { "PATH": "/" } }), "secrets"),
        ("POST /api/commands", json!({ "words": ["list"], "secrets": "1234" }), "secrets"),
        ("POST /api/jobs/1/answer", json!({ "yes": "true" }), "yes"),
        ("POST /api/jobs/1/answer", json!({}), "yes"),
        ("POST /api/jobs/1/cancel", json!({ "now": true }), "now"),
        ("POST /api/jobs/1/start", json!({ "danger": { "0": true } }), "danger"),
        ("POST /api/jobs/1/start", json!({ "dangers": ["0"] }), "dangers"),
        ("POST /api/sticks/1-1/messages?to=2", json!({ "to": "+1", "text": "x" }), "to"),
        ("GET /api/profiles?txt=huawei", Value::Null, "txt"),
        ("GET /api/jobs?state=running", Value::Null, "state"),
    ] {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = owner.send(first, body.as_bytes());
        let said = line(&answer.text);
        assert_eq!(
            (answer.status, said["facts"]["field"].as_str()),
            (400, Some(field)),
            "{first} {body}: {said}"
        );
        assert!(
            said["what"].as_str().unwrap().contains(field)
                && !said["what"].as_str().unwrap().contains("1234")
        );
    }
    assert!(owner.server.asked().is_empty(), "{:?}", owner.server.asked());
    // Pages are refused likewise, and ask nothing then.
    for (page, name) in [
        ("/?a=b", "a"),
        ("/sticks/1-1?done=1&b=c", "b"),
        ("/sticks/1-1/network?plce=1-1", "plce"),
        ("/convert?place=1-1&place=1-2", "place"),
        ("/profiles?txt=huawei", "txt"),
        ("/doctor?all", "all"),
    ] {
        let answer = owner.send(&format!("GET {page}"), b"");
        assert_eq!((answer.status, answer.text.contains(name)), (400, true), "{page}: {}", answer.text);
    }
    assert!(owner.server.asked().is_empty(), "{:?}", owner.server.asked());
    // Numbers and truths are understood where they can be nothing else.
    let up = json!({ "metric": 700, "roaming": true, "no-default": false, "apn": null });
    assert_eq!(owner.send("POST /api/sticks/1-1/online", up.to_string().as_bytes()).status, 202);
    owner.server.ended("1", &owner.cookie);
    assert_eq!(owner.server.asked(), ["online up --metric=700 --roaming -- 1-1"]);
}

#[test]
fn what_stands_twice_or_nowhere_is_refused_by_its_name() {
    let owner = Owner::of(start(options()));
    for (first, body, field) in [
        (SEND, r#"{"to":"+1","text":"x","to":"+2"}"#, "to"),
        (
            "POST /api/commands",
            r#"{"words":["list"],"secrets":{"STICKSHIFT_PIN":"1","STICKSHIFT_PIN":"2"}}"#,
            "STICKSHIFT_PIN",
        ),
        ("POST /api/commands", "{}", "words"),
        ("GET /api/commands", "", "word"),
        (SEND, r#"{"to":"+1"}"#, "text"),
    ] {
        let answer = owner.send(first, body.as_bytes());
        let said = line(&answer.text);
        let named = (answer.status, said["facts"]["field"].as_str());
        assert_eq!(named, (400, Some(field)), "{first} {body}: {said}");
    }
    // The forms of the pages, too.
    let form = "Content-Type: application/x-www-form-urlencoded";
    let send = |body: &str| {
        let lines = [owner.cookie.as_str(), owner.token.as_str(), form];
        owner.server.send("POST /do/send", &lines, body.as_bytes())
    };
    for (body, what) in [
        ("place=1-1&to=%2B1&text=x&flash=on", "flash"),
        ("place=1-1&place=1-2&to=%2B1&text=x", "comes more than once"),
    ] {
        let answer = send(body);
        assert!(answer.status == 400 && answer.text.contains(what), "{body}: {}", answer.text);
    }
    assert!(owner.server.asked().is_empty(), "{:?}", owner.server.asked());
    assert_eq!(send("place=1-1&to=%2B1&text=x&token=").status, 303);
}

#[test]
fn every_form_of_the_pages_is_taken_as_a_whole_or_refused() {
    let owner = Owner::of(start(options()));
    let form = "Content-Type: application/x-www-form-urlencoded";
    let token = format!("token={}", owner.token.split_once(": ").unwrap().1);
    let send = |path: &str, body: &str| {
        let body = format!("{token}&{body}");
        owner.server.send(&format!("POST {path}"), &[&owner.cookie, form], body.as_bytes())
    };
    for (path, body, what) in [
        ("/sticks/1-1/login", "password=x&name=admin", "&quot;name&quot; is no field of this request"),
        ("/sticks/1-1/login", "password=x&place=1-2", "&quot;place&quot; is no field of this request"),
        ("/sticks/1-1/login", "password=x&password=y", "comes more than once"),
        ("/sticks/1-1/logout", "place=1-2", "none is taken here"),
        ("/profiles/add", "file=1&ids=12d1:1f01&force=on", "&quot;force&quot; is no field"),
        ("/profiles/add", "file=1", "&quot;ids&quot; is required"),
        ("/profiles/remove", "ids=12d1:1f01&ids=12d1:14fe", "comes more than once"),
        ("/remove", "file=1&file=2", "comes more than once"),
        ("/jobs/1/start", "dangers=0", "&quot;dangers&quot; is no field"),
        ("/jobs/1/cancel", "now=on", "none is taken here"),
        ("/replug", "place=1-1&place=1-2", "comes more than once"),
        ("/replug", "place=1-1&token=", "&quot;token&quot; is no field"),
        ("/language", "language=de&language=en", "comes more than once"),
        ("/logout", "now=on", "none is taken here"),
        ("/login", "password=x&user=admin", "&quot;user&quot; is no field"),
        ("/do/radio", "place=1-1&on=off&off=on", "is no field of this request"),
    ] {
        let answer = send(path, body);
        assert!(answer.status == 400 && answer.text.contains(what), "{path} {body}: {}", answer.text);
    }
    assert!(owner.server.asked().is_empty(), "{:?}", owner.server.asked());
    assert_eq!(send("/language", "language=de").status, 303);
    let parts = |name: &str| {
        let part = |name: &str, value: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = format!("{}{}--x--\r\n", part("token", &token["token=".len()..]), part(name, "convert"));
        let kind = "Content-Type: multipart/form-data; boundary=x";
        owner.server.send("POST /upload", &[&owner.cookie, kind], body.as_bytes()).text
    };
    assert!(parts("too").contains("&quot;too&quot; is no field of this request"), "{}", parts("too"));
    assert!(parts("to").contains("there is no file in the form"), "{}", parts("to"));
}

#[test]
fn an_address_says_which_methods_it_takes() {
    let owner = Owner::of(start(options()));
    for (first, allow) in [
        ("GET /api/plans/convert", "POST"),
        ("PUT /api/sticks/1-1/signal", "GET, HEAD"),
        ("DELETE /api/jobs/1", "GET, HEAD"),
        ("GET /api/jobs/1/cancel", "POST"),
        ("TRACE /api/sticks/1-1/network", "GET, PUT, HEAD"),
        ("PATCH /api/sticks/1-1/network", "GET, PUT, HEAD"),
    ] {
        let answer = owner.send(first, b"");
        assert_eq!(answer.status, 405, "{first}: {}", answer.text);
        assert!(answer.text.contains(&format!("allow: {allow}\r\n")), "{first}: {}", answer.text);
        let line = line(&answer.text);
        assert_eq!((&line["kind"], &line["exit"]), (&"wrong-method".into(), &2.into()), "{first}");
    }
    assert_eq!(owner.send("GET /api/nothing", b"").status, 404);
    assert_eq!(owner.send("HEAD /api/sticks/1-1/signal", b"").status, 200);
    let page = owner.send("PATCH /", b"");
    assert!(page.status == 405 && page.text.contains("allow: "), "{}", page.text);
}

#[test]
fn a_request_that_is_cut_short_is_not_called_too_large() {
    let owner = Owner::of(start(options()));
    let form = "Content-Type: application/x-www-form-urlencoded";
    for (first, kind) in [(SEND, JSON), ("POST /login", form)] {
        let mut stream = owner.server.connect();
        let head = format!(
            "{first} HTTP/1.1\r\nHost: {}\r\n{}\r\n{}\r\n{kind}\r\nContent-Length: 100\r\n\r\n{{",
            owner.server.address, owner.cookie, owner.token
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = read(stream);
        assert!(matches!(answer.status, 0 | 400), "{first}: {}", answer.text);
        assert!(answer.status == 0 || answer.text.contains("did not come to its end"), "{}", answer.text);
    }
}

#[test]
fn a_file_is_kept_whole_whatever_it_is_called() {
    let owner = Owner::of(start(options()));
    let send = |kind: &str| {
        let lines = [owner.cookie.as_str(), owner.token.as_str(), kind];
        owner.server.send("POST /api/files?name=x", &lines, &[b'x'; 100_000])
    };
    for kind in ["Content-Type: application/x-www-form-urlencoded", "Content-Type: application/octet-stream"]
    {
        let answer = send(kind);
        assert_eq!(
            (answer.status, &line(&answer.text)["bytes"]),
            (200, &100_000.into()),
            "{kind}: {}",
            answer.text
        );
    }
    assert_eq!(send("Content-Type: multipart/form-data; boundary=x").status, 400);
}
