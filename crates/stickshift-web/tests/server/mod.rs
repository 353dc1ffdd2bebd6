//! A server with an engine that only notes what it was asked for, and a raw HTTP client.
#![allow(dead_code, unreachable_pub)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stickshift::event::Cancel;
use stickshift_web::{Engine, Options, Passwords, Server, Stopped};

/// A command line, and where its end is told.
pub struct Asked<'a> {
    pub words: &'a [String],
    pub secrets: &'a [(String, String)],
    pub cancel: &'a Cancel,
    pub tell: &'a dyn Fn(&Value),
    pub approve: &'a dyn Fn() -> bool,
}

impl Asked<'_> {
    /// Comes back when what stays is to end, else at once.
    pub fn stay(&self) {
        while self.words.iter().any(|word| word == "--stay") && !self.cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn done(&self, result: Value) {
        (self.tell)(
            &json!({ "event": "result", "schema": 1, "verb": self.words[0], "verdict": "done", "exit": 0, "result": result }),
        );
    }

    /// A login that is wanted or refused.
    pub fn refused(&self, kind: &str) {
        (self.tell)(
            &json!({ "event": "error", "kind": kind, "what": "refused", "verdict": "untouched", "exit": 5 }),
        );
    }
}

/// What an engine answers, whose sticks are virtual.
pub trait Commands: Send + Sync + 'static {
    fn run(&self, asked: &Asked<'_>);

    fn replug(&self) {}
}

pub struct Virtual<T>(pub Arc<T>);

impl<T: Commands> Engine for Virtual<T> {
    fn run(
        &self,
        words: &[String],
        secrets: Vec<(String, String)>,
        cancel: Cancel,
        listener: Box<dyn Fn(&Value)>,
        approve: Box<dyn Fn() -> bool>,
    ) {
        self.0.run(&Asked { words, secrets: &secrets, cancel: &cancel, tell: &listener, approve: &approve });
    }

    fn is_virtual(&self) -> bool {
        true
    }

    fn replug(&self, _: &str) -> bool {
        self.0.replug();
        true
    }

    fn profile_folder(&self) -> PathBuf {
        PathBuf::from("/nowhere")
    }
}

/// Notes every command line. Answers `convert` with a plan that has a danger; what stays runs until it is stopped.
#[derive(Default)]
pub struct Noting(pub Mutex<Vec<Vec<String>>>, pub Mutex<Vec<Vec<(String, String)>>>);

impl Commands for Noting {
    fn run(&self, asked: &Asked<'_>) {
        let words = asked.words;
        self.0.lock().unwrap().push(words.to_vec());
        let given: Vec<String> = asked.secrets.iter().map(|(_, secret)| secret.clone()).collect();
        let secrets_hold = |wanted: &str| given.iter().any(|secret| secret == wanted);
        if !matches!(words[0].as_str(), "list" | "signal") {
            self.1.lock().unwrap().push(asked.secrets.to_vec());
        }
        if secrets_hold("wrong") {
            return asked.refused("login-refused");
        }
        if secrets_hold("unwanted") {
            (asked.tell)(&json!({ "event": "note", "code": "no-login", "text": "no password was sent" }));
        }
        if words[0] == "ussd" {
            let failed = json!({ "event": "error", "kind": "at-refused", "what": "<i>refused</i>", "cause": "a cause", "help": "some help",
                "verdict": "recoverable", "recover": "ask the network again", "exit": 6, "facts": {} });
            return (asked.tell)(&failed);
        }
        asked.stay();
        let plan = json!({ "title": "t", "steps": [], "evidence": [], "objections": [], "dangers": ["<b>it may break</b>"] });
        let result = match words[0].as_str() {
            "list" => {
                json!({ "sticks": [{ "place": "1-1", "id": "12d1:1506", "mode": "modem", "name": "<script>alert(1)</script>", "interfaces": [] }] })
            }
            "online" if words[1] == "down" => {
                let was_online = words.last().is_some_and(|place| place == "1-2");
                json!({ "was_online": was_online, "computer": if was_online { vec!["an address taken away"] } else { vec![] } })
            }
            "online" if words.iter().any(|word| word == "--stay") => {
                json!({ "was_online": true, "computer": ["a route taken away"], "stick": ["hung up"] })
            }
            "online" if words[1] == "status" => json!({ "online": false, "way": "pin-refused" }),
            "convert" if words.iter().any(|word| word == "--dry-run") => plan.clone(),
            "convert" => {
                let mut plan = plan;
                if words.iter().any(|word| word == "1-2") {
                    plan["steps"] = json!(["another stick stands there now"]);
                }
                (asked.tell)(&json!({ "event": "plan", "plan": plan }));
                json!({ "approved": (asked.approve)() })
            }
            _ => json!({}),
        };
        asked.done(result);
    }
}

/// A server that is stopped at the end of a test.
pub struct Running {
    pub address: SocketAddr,
    pub engine: Arc<Noting>,
    pub links: Arc<Mutex<Vec<String>>>,
    cancel: Cancel,
    /// What is told of jobs when it is stopped.
    pub stopped: Arc<Mutex<Vec<Stopped>>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn stop(&mut self) {
        self.cancel.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn options() -> Options {
    Options {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        unix: None,
        public: None,
        passwords: Passwords::default(),
        read_only: false,
        open_metrics: false,
        max_upload: 1 << 20,
        tls: None,
        services: Vec::new(),
        version: "0",
    }
}

pub fn start(options: Options) -> Running {
    let engine = Arc::new(Noting::default());
    let mut running = start_with(options, &engine);
    running.engine = engine;
    running
}

/// The same with other answers.
pub fn start_with(options: Options, commands: &Arc<impl Commands>) -> Running {
    let engine = Arc::new(Virtual(Arc::clone(commands)));
    let links = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&links);
    let show = move |link: &str| noted.lock().unwrap().push(link.to_owned());
    let server = Server::bind(options, Vec::new(), engine, show).unwrap();
    let address = server.address().unwrap_or_else(|| "127.0.0.1:1".parse().unwrap());
    let cancel = Cancel::new();
    let flag = cancel.clone();
    let stopped = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&stopped);
    let mut tell = move |stopped: &Stopped| told.lock().unwrap().push(stopped.clone());
    let thread = Some(std::thread::spawn(move || server.run(&flag, &mut tell)));
    Running { address, engine: Arc::default(), links, cancel, stopped, thread }
}

/// A status and the rest of an answer.
pub struct Answer {
    pub status: u16,
    pub text: String,
}

pub fn read(mut stream: impl Read) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    Answer { status, text }
}

impl Running {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends a request of the head's lines and a body.
    pub fn send(&self, first: &str, lines: &[&str], body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let mut head = format!("{first} HTTP/1.1\r\nConnection: close\r\n");
        if !lines.iter().any(|line| line.starts_with("Host:") || line.is_empty()) {
            head += &format!("Host: {}\r\n", self.address);
        }
        lines.iter().filter(|line| !line.is_empty()).for_each(|line| head += &format!("{line}\r\n"));
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        // A server that refuses early may close before it read everything.
        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(body));
        read(stream)
    }

    pub fn link(&self) -> String {
        self.links
            .lock()
            .unwrap()
            .last()
            .unwrap()
            .split_once("/enter")
            .map(|(_, rest)| format!("/enter{rest}"))
            .unwrap()
    }

    /// Comes in by the link: the cookie and the token.
    pub fn enter(&self) -> (String, String) {
        let cookie = cookie(&self.send(&format!("GET {}", self.link()), &[], b""));
        let session = self.send("GET /api/session", &[&cookie], b"").text;
        let token = session.split("\"token\":\"").nth(1).unwrap().split('"').next().unwrap();
        (cookie, format!("x-stickshift-token: {token}"))
    }

    /// What is told of a job, once it has ended.
    pub fn ended(&self, job: &str, cookie: &str) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            let text = self.send(&format!("GET /api/jobs/{job}"), &[cookie], b"").text;
            if text.contains("\"state\":\"ended\"") {
                return text;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{job} does not end");
    }

    /// Commands other than the looks of the server itself.
    pub fn asked(&self) -> Vec<String> {
        let all = self.engine.0.lock().unwrap();
        all.iter()
            .filter(|words| !matches!(words[0].as_str(), "list" | "signal"))
            .map(|words| words.join(" "))
            .collect()
    }
}

pub fn cookie(answer: &Answer) -> String {
    let set = answer
        .text
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap_or_else(|| panic!("{}", answer.text));
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    format!("Cookie: {}", set.split(';').next().unwrap())
}

pub const SEND: &str = "POST /api/sticks/1-1/messages";
pub const JSON: &str = "Content-Type: application/json";
pub const MESSAGE: &[u8] = b"{\"to\":\"+1\",\"text\":\"x\"}";

/// Whoever came in by the link.
pub struct Owner {
    pub server: Running,
    pub cookie: String,
    pub token: String,
}

impl Owner {
    pub fn of(server: Running) -> Owner {
        let (cookie, token) = server.enter();
        Owner { server, cookie, token }
    }

    pub fn send(&self, first: &str, body: &[u8]) -> Answer {
        self.server.send(first, &[&self.cookie, &self.token, JSON], body)
    }

    /// Sends a command line, and reads until its job has begun.
    pub fn follow(&self, body: &str) -> TcpStream {
        let mut stream = self.server.connect();
        let (cookie, token, length) = (&self.cookie, &self.token, body.len());
        let head = format!("Host: {}\r\n{cookie}\r\n{token}\r\n{JSON}", self.server.address);
        write!(stream, "POST /api/commands HTTP/1.0\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"}\n") {
            let mut byte = [0];
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&heard));
            heard.extend(byte);
        }
        stream
    }
}
