//! A web server that says to each request what the case says, with the sessions and tokens of its generation.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde::Deserialize;
use serde_json::Value;

use crate::case::nth;

/// What a web page says.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageSays {
    /// How it deals with sessions: 0 not at all, 1 one token, 2 sessions and tokens that are used once, 3 tokens of 64 characters.
    #[serde(default = "two")]
    generation: u8,
    /// Answers by method and path, `GET /api/x`. An answer is
    /// a number (the error document of that code), an object (the response document of its elements, nested, a list for elements of
    /// one name), a text (the body as it is),
    /// `{"each": [..]}` with one answer per request,
    /// `{"closed": true}` (the connection ends), or `{"status": 503, "location": "..", "body": ".."}`.
    #[serde(default)]
    answers: HashMap<String, Value>,
    /// What everything else is answered with; left out, it is a HiLink page that lacks the function.
    others: Option<Value>,
}

fn two() -> u8 {
    2
}

pub(crate) struct Page {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    server: JoinHandle<()>,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Page {
    pub(crate) fn serve(says: PageSays) -> Page {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (stopped, heard) = (stop.clone(), sent.clone());
        let server = thread::spawn(move || {
            let mut server = Server { says, requests: HashMap::new(), tokens: 0 };
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // A client that goes away is no matter.
                let _ = server.one(stream.unwrap(), &heard);
            }
        });
        Page { address, stop, server, sent }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The requests: method, path, a blank, and the body.
    pub(crate) fn close(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        self.server.join().unwrap();
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

struct Server {
    says: PageSays,
    requests: HashMap<String, usize>,
    tokens: u32,
}

impl Server {
    fn one(&mut self, stream: TcpStream, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let key = line.rsplit_once(' ').map(|(key, _)| key.to_owned()).unwrap_or_default();
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        heard.lock().unwrap().push(format!("{key} {}", String::from_utf8_lossy(&body)));
        if let Some(answer) = self.answer(&key) {
            reader.get_mut().write_all(answer.as_bytes())?;
        }
        Ok(())
    }

    /// The whole answer; nothing where the connection is to end.
    fn answer(&mut self, key: &str) -> Option<String> {
        let n = self.requests.entry(key.to_owned()).or_default();
        let answer = self.says.answers.get(key).map(|answer| nth(answer, "each", *n).clone());
        *n += 1;
        let answer = answer.or_else(|| self.says.others.clone()).or_else(|| self.usual(key));
        let answer = answer.unwrap_or(Value::from(100_002));
        if answer.get("closed").is_some() {
            return None;
        }
        let mut status = 200;
        let mut headers = String::new();
        let body = match &answer {
            Value::Number(code) => {
                document(&format!("<error><code>{code}</code><message></message></error>"))
            }
            Value::String(body) => body.clone(),
            Value::Object(object) if object.contains_key("status") => {
                status = object["status"].as_u64().unwrap_or(200);
                if let Some(location) = object.get("location").and_then(Value::as_str) {
                    headers = format!("Location: {location}\r\n");
                }
                object.get("body").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            Value::Object(_) => document(&format!("<response>{}</response>", elements(&answer))),
            other => panic!("{other} is no answer"),
        };
        if self.says.generation >= 2 && self.says.others.is_none() {
            headers += "Set-Cookie: SessionID=cookie; path=/; HttpOnly;\r\n";
            if key.starts_with("POST") {
                headers += &format!("__RequestVerificationToken: {}\r\n", self.token());
            }
        }
        let length = body.len();
        Some(format!(
            "HTTP/1.1 {status} Status\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    }

    /// What a page of this generation says where its case says nothing.
    fn usual(&mut self, key: &str) -> Option<Value> {
        let generation = self.says.generation;
        Some(match key {
            "GET /" if generation == 2 => {
                format!("<html><head><meta name=\"csrf_token\" content=\"{}\"/></head></html>", self.token())
                    .into()
            }
            "GET /" => "<html></html>".into(),
            "GET /api/webserver/SesTokInfo" if generation >= 2 => {
                serde_json::json!({ "SesInfo": "SessionID=cookie", "TokInfo": self.token() })
            }
            "GET /api/webserver/token" if generation == 1 => serde_json::json!({ "token": self.token() }),
            "GET /api/webserver/token" if generation == 3 => {
                serde_json::json!({ "token": format!("{:032}{}", 0, self.token()) })
            }
            "GET /api/user/state-login" => {
                serde_json::json!({ "State": 0, "Username": "", "password_type": 0 })
            }
            _ => return None,
        })
    }

    fn token(&mut self) -> String {
        self.tokens += 1;
        format!("{:032}", self.tokens)
    }
}

fn document(root: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{root}")
}

fn elements(value: &Value) -> String {
    let Value::Object(fields) = value else {
        return value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    };
    let element = |name: &str, value: &Value| format!("<{name}>{}</{name}>", elements(value));
    let of = |(name, value): (&String, &Value)| match value {
        Value::Array(all) => all.iter().map(|value| element(name, value)).collect(),
        one => element(name, one),
    };
    fields.iter().map(of).collect()
}
