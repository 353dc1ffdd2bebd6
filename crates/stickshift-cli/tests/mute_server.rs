//! A web server that takes a request and never ends its answer: Ctrl-C ends the program, and nothing was changed.
#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// What the server sends, again and again, until the client is gone.
fn interrupted_at(drip: &'static [u8]) -> (Option<i32>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, heard) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1024];
            if stream.read(&mut request).unwrap_or(0) > 0 {
                let _ = asked.send(());
            }
            while !drip.is_empty() && stream.write_all(drip).is_ok() {
                thread::sleep(Duration::from_millis(100));
            }
            let _ = stream.read(&mut request);
        }
    });
    let program = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["hilink", "info", "--url", &url])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    heard.recv().unwrap();
    let kill = Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let run = program.wait_with_output().unwrap();
    (run.status.code(), String::from_utf8(run.stderr).unwrap())
}

#[test]
fn ctrl_c_is_heard_while_a_server_says_nothing_or_drips() {
    for drip in [&b""[..], b"HTTP/1.1 200 OK\r\nA: b\r\n", b"H"] {
        let (code, text) = interrupted_at(drip);
        assert_eq!(code, Some(6), "{text}");
        assert!(text.contains("stopped on request") && text.contains("untouched"), "{text}");
    }
}
