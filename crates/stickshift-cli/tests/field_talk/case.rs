//! One case: what is played, and what is wanted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, thread};

use regex_lite::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::page::{Page, PageSays};
use crate::port::{Port, PortSays};

/// A case as its file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The file's name.
    #[serde(skip)]
    pub(crate) name: String,
    /// Where it was reported, or `own`.
    source: String,
    /// Why the wanted answer is right.
    why: String,
    /// The command line, without the way in.
    args: Vec<String>,
    /// Secrets, by their variables.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// What is typed.
    #[serde(default)]
    typed: String,
    /// A modem on a serial port.
    port: Option<PortSays>,
    /// A web page.
    page: Option<PageSays>,
    /// Only played when it is asked for.
    #[serde(default)]
    pub(crate) slow: bool,
    want: Want,
}

/// What is wanted of the program. Expressions are those of regex-lite.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Want {
    /// Ends with 0.
    #[serde(default)]
    success: Option<bool>,
    /// Ends with this code.
    code: Option<i32>,
    /// Expressions that its output, standard and error, has.
    #[serde(default)]
    has: Vec<String>,
    /// Expressions that it does not have.
    #[serde(default)]
    lacks: Vec<String>,
    /// Expressions for commands or requests that it sends.
    #[serde(default)]
    sent: Vec<String>,
    /// Expressions for what it does not send.
    #[serde(default)]
    unsent: Vec<String>,
}

/// What came of a case.
pub(crate) struct Played {
    pub(crate) wrong: Vec<String>,
    output: String,
    sent: Vec<String>,
}

impl Played {
    pub(crate) fn shown(&self, case: &Case) -> String {
        let mut text = format!("{}: {}\n", case.name, self.wrong.join("; "));
        let _ = writeln!(text, "  why: {} ({})", case.why, case.source);
        self.output.lines().for_each(|line| _ = writeln!(text, "  | {line}"));
        let _ = write!(text, "  sent: {:?}", self.sent);
        text
    }
}

/// Every case, by name.
pub(crate) fn all() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field_talk/cases");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let case: Case = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Case { name: path.file_stem().unwrap().to_string_lossy().into_owned(), ..case }
    };
    paths.iter().map(read).collect()
}

impl Case {
    /// Runs the program against what the case plays.
    pub(crate) fn play(&self) -> Played {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
        command.args(&self.args).envs(&self.env).env("STICKSHIFT_STATE", folder.path().join("state"));
        let port = self.port.as_ref().map(|says| Port::open(says.clone(), folder.path()));
        let page = self.page.as_ref().map(|says| Page::serve(says.clone()));
        if let Some(port) = &port {
            command.arg("--port").arg(port.path());
        }
        if let Some(page) = &page {
            command.arg("--url").arg(page.url());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let mut typed = program.stdin.take().unwrap();
        let text = self.typed.clone();
        // The program may never read it.
        let typist = thread::spawn(move || _ = std::io::Write::write_all(&mut typed, text.as_bytes()));
        let run = program.wait_with_output().unwrap();
        typist.join().unwrap();
        let output = [run.stdout, run.stderr].concat();
        let output = String::from_utf8_lossy(&output).into_owned();
        let sent = port.map(Port::close).or_else(|| page.map(Page::close)).unwrap_or_default();
        let wrong = self.want.wrong(run.status.code(), &output, &sent);
        Played { wrong, output, sent }
    }
}

impl Want {
    fn wrong(&self, code: Option<i32>, output: &str, sent: &[String]) -> Vec<String> {
        let found = |expression: &String, texts: &[&str]| {
            let regex = Regex::new(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
            texts.iter().any(|text| regex.is_match(text))
        };
        let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
        let mut wrong = Vec::new();
        let ends_wrong = self.success.is_some_and(|success| (code == Some(0)) != success);
        if ends_wrong || self.code.is_some_and(|wanted| code != Some(wanted)) {
            wrong.push(format!("exit status {code:?}"));
        }
        let mut look = |what: &str, expressions: &[String], texts: &[&str], wanted: bool| {
            for expression in expressions.iter().filter(|e| found(e, texts) != wanted) {
                wrong.push(format!("{what} /{expression}/"));
            }
        };
        look("lacks", &self.has, &[output], true);
        look("shows", &self.lacks, &[output], false);
        look("did not send", &self.sent, &sent, true);
        look("sent", &self.unsent, &sent, false);
        wrong
    }
}

/// The answer to the `n`th time that something is asked: the last one again when there are no more.
pub(crate) fn nth<'v>(answer: &'v Value, key: &str, n: usize) -> &'v Value {
    match answer.get(key).and_then(Value::as_array) {
        Some(each) => each.get(n).or(each.last()).unwrap_or(answer),
        None => answer,
    }
}
