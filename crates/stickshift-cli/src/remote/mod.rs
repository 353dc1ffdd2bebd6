//! `--host`: a command that the program on another computer runs, by its `stickshift serve`. What it says there is said here; its questions
//! are answered here; its exit code and its verdict are those of here. When the connection breaks after the command went out, nobody here
//! knows what became of it.

mod found;
mod http;
mod last;
mod report;
mod session;
mod stopping;
mod words;

use std::io;
use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value, json};
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};

use crate::config::Host;
use crate::context::{Context, NOBODY_SAID_YES, NOT_AGREED};
use crate::hosted;
use crate::output::json::SCHEMA;
use crate::way_in;
use found::Known;
use report::Report;
use session::Session;
use stopping::{Patience, Stopping};
pub(crate) use words::Typed;

/// Secrets that a command may want, taken from the environment; and the verbs that may.
const SECRETS: [(&str, &[&str]); 5] = [
    ("STICKSHIFT_PIN", &["pin", "online"]),
    ("STICKSHIFT_NEW_PIN", &["pin"]),
    ("STICKSHIFT_PUK", &["pin"]),
    ("STICKSHIFT_APN_PASSWORD", &["online"]),
    (
        LOGIN,
        &["identify", "signal", "sms", "ussd", "pin", "network", "online", "switch", "convert", "hilink"],
    ),
];
/// The password of a stick's web interface.
const LOGIN: &str = "STICKSHIFT_PASSWORD";
/// Commands that change no stick and no computer.
const READS: [&str; 18] = [
    "list",
    "doctor",
    "identify",
    "signal",
    "sms list",
    "sms read",
    "sms raw",
    "pin status",
    "network show",
    "ports show",
    "hilink info",
    "hilink status",
    "hilink signal",
    "hilink traffic",
    "hilink profile",
    "hilink updates",
    "online status",
    "online apn",
];
/// Those of them that mark messages as read.
const MARKS: [&str; 3] = ["sms list", "sms read", "sms raw"];
/// Commands that may be run on several computers at once.
const SEVERAL: [&str; 2] = ["list", "doctor"];
/// Options whose value is a file of this computer.
const FILES: [&str; 6] = ["firmware", "loader", "post", "profile", "table", "webui"];

/// Runs what was typed on the computers that `--host` names. Gives the exit code.
///
/// # Errors
/// Whatever fails on the way to the only one. Of several, the failure of one stops none.
pub(crate) fn run(context: &Context, typed: &Typed) -> Result<u8> {
    let names: Vec<String> = context.global.hosts.names.iter().map(|name| name.trim().to_owned()).collect();
    let names = &names[..];
    if let Some(none) = names.iter().find(|name| name.is_empty()) {
        return Err(session::bad_address(none));
    }
    let usage = |what: String, why, next| {
        let error = Error::new(ErrorKind::Usage, what).because(io::Error::other(why));
        Err(error.detail(Detail::NextStep(next)).with_verdict(Verdict::Untouched))
    };
    if names.len() > 1 && !SEVERAL.contains(&typed.verb.as_str()) {
        return usage(
            format!("{} is for one computer: name one with --host", typed.verb),
            "several were named",
            "`list` and `doctor` alone take several; run the command once for each",
        );
    }
    #[cfg(feature = "virtual")]
    let are_virtual = context.global.virtual_sticks.replace_the_real();
    #[cfg(not(feature = "virtual"))]
    let are_virtual = false;
    if are_virtual || context.global.trace.is_some() {
        return usage(
            "--virtual and --trace are for this computer: leave them out, or --host".to_owned(),
            "the sticks of `--host` are those of the other computer",
            "for virtual sticks there, start `stickshift serve --virtual MODEL` there",
        );
    }
    #[cfg(feature = "virtual")]
    if let Some(option) = context.global.virtual_sticks.of_the_stick() {
        return usage(
            format!("{option} is for virtual sticks of this computer: leave it out, or --host"),
            "the sticks of `--host` are those of the other computer",
            "for virtual sticks there, start `stickshift serve --virtual MODEL` there",
        );
    }
    if context.global.verbose > 0 {
        return usage(
            "-v is for commands of this computer: leave it out, or --host".to_owned(),
            "what is found out on the way is not sent here",
            "--json prints every line that the other computer sends, steps and notes among them",
        );
    }
    let [name] = names else { return Ok(several(context, typed, names)) };
    let report = Report::of(typed);
    let typed = &report.without(typed);
    report.check(context)?;
    let prefix = if typed.verb == "list" { format!("{}  ", short(name)) } else { String::new() };
    let mut last = one(context, typed, name, &prefix)?;
    (last["host"], last["exit"]) = (short(name).into(), exit(&last).into());
    if let Err(error) = report.write(&last) {
        // What became of the sticks is the end all the same.
        context.output.sum_up(&last["result"]);
        return Err(error);
    }
    context.output.relay(&last, "");
    Ok(exit(&last))
}

/// Whether what was typed changes no stick and no computer.
fn reads(typed: &Typed) -> bool {
    let changes = |word: &String| word == "--" || word.starts_with("--use=") || word.starts_with("--delete=");
    let is_set =
        matches!(typed.verb.as_str(), "hilink profile" | "hilink updates") && typed.words.iter().any(changes);
    READS.contains(&typed.verb.as_str()) && !is_set
}

/// Each computer's last line is an event; the result has all of them.
fn several(context: &Context, typed: &Typed, names: &[String]) -> u8 {
    let mut hosts = Vec::new();
    for name in names {
        let host = short(name);
        let stopped = if context.cancel.is_cancelled() { Err(http::stopped()) } else { Ok(()) };
        let line = stopped
            .and_then(|()| one(context, typed, name, &format!("{host}  ")))
            .unwrap_or_else(|error| context.output.said_of(&error, &format!("{host}  ")));
        hosts.push(json!({ "host": host, "line": line }));
        context.output.relay(&json!({ "event": "host", "schema": SCHEMA, "host": hosts.last() }), "");
    }
    let worst = hosts.iter().map(|host| exit(&host["line"])).max_by_key(|code| rank(*code)).unwrap_or(0);
    let result = json!({
        "event": "result", "schema": SCHEMA, "verb": typed.verb, "verdict": "untouched", "exit": worst,
        "result": { "hosts": hosts },
    });
    context.output.relay(&result, "");
    worst
}

/// What is worse comes later: a failure, what can be taken up again, what nobody knows.
fn rank(code: u8) -> u8 {
    match code {
        0 => 0,
        7 => u8::MAX,
        6 => u8::MAX - 1,
        code => 1 + code.min(100),
    }
}

/// The exit code of a last line. One that says better than the rest of its line counts for nothing.
fn exit(line: &Value) -> u8 {
    let code = line["exit"].as_u64().and_then(|code| u8::try_from(code).ok()).unwrap_or(7);
    let is_failure = line["event"] != "result";
    if line["verdict"] == "unknown" || is_failure && code == 0 { 7 } else { code }
}

/// Its name without what only says how it is reached.
fn short(name: &str) -> String {
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    name.trim_end_matches('/').to_owned()
}

/// Runs a command on one computer. Gives its last line.
fn one(context: &Context, typed: &Typed, name: &str, prefix: &str) -> Result<Value> {
    context.output.speaks_of(name);
    let host = host(context, name)?;
    let reads = reads(typed);
    let mut session = Session::open(context, &host)?;
    let outcome = run_and_follow(context, typed, &mut session, reads, prefix, &short(name));
    // It is left in order whoever wants to stop, and soon: nobody can interrupt it.
    session.sees_it_through(None);
    session.hurries();
    // Without its last line the command may still need them.
    if outcome.is_ok() {
        session.removes_files();
    }
    session.close();
    outcome.and_then(|last| {
        last::check(&last, &typed.verb, reads, &short(name))?;
        Ok(context.output.spoken_of(&last))
    })
}

/// What the settings say of a name, or the address that it is. What is typed comes first.
fn host(context: &Context, name: &str) -> Result<Host> {
    let options = &context.global.hosts;
    let is_address = ["https://", "http://", "unix:"].iter().any(|scheme| name.starts_with(scheme));
    let known = context.config.as_ref().ok().and_then(|config| config.hosts.get(name).cloned());
    let mut host = match (is_address, known) {
        (true, _) => Host { address: name.to_owned(), ..Host::default() },
        (false, Some(known)) => known,
        (false, None) => {
            if let Err(error) = &context.config {
                return Err(crate::config::again(error));
            }
            let what = format!("{name} is no computer of the settings, and no address");
            let next = "name it in the settings by [host.NAME] (docs/racks.md), or give https://HOST:PORT (serve listens on 8321) or unix:PATH";
            let error = Error::new(ErrorKind::Usage, what).detail(Detail::NextStep(next));
            let why = io::Error::other("config.toml has no [host] of this name");
            return Err(error.because(why).with_verdict(Verdict::Untouched));
        }
    };
    host.password_file = options.host_password_file.clone().or(host.password_file);
    host.ca = options.host_ca.clone().or(host.ca);
    Ok(host)
}

/// Runs a command on the other computer, and says here what it says there, until it ends. Gives its last line.
fn run_and_follow(
    context: &Context,
    typed: &Typed,
    session: &mut Session,
    reads: bool,
    prefix: &str,
    name: &str,
) -> Result<Value> {
    // Whoever may only look asks in a way that changes nothing.
    let reads = reads || !session.is_owner;
    let run = Run { context, typed, name, prefix, reads };
    let mut secrets = secrets(&typed.verb);
    let words = carried(typed, session, &mut secrets)?;
    if context.cancel.is_cancelled() {
        return Err(http::stopped());
    }
    let patience = Patience::new(context, name);
    if !reads {
        session.sees_it_through(Some(&patience));
    }
    let begun = session.command(&words, &secrets).map_err(|error| run.broke(error))?;
    session.sees_it_through((!reads).then_some(&patience));
    let mut lines = match begun {
        Ok(lines) => lines,
        Err(refused) => {
            context
                .output
                .relay(&json!({ "event": "text", "to": "err", "text": in_words(&refused) }), prefix);
            return Ok(refused);
        }
    };
    let (mut known, mut is_told, mut declined) = (Known::default(), false, None);
    let mut stopping = Stopping::default();
    loop {
        if context.cancel.is_cancelled() {
            stopping.begins(Instant::now());
            if !is_told && !known.job.is_empty() {
                is_told = true;
                session.hurries();
                // Where that does not arrive, the command comes to its end.
                let _ = session.ask("POST", &format!("/api/jobs/{}/cancel", known.job), "{}");
            }
            if !reads {
                patience.check().map_err(|error| run.broke(error))?;
            }
            if let Some(error) = run.given_up(&stopping) {
                return Err(error);
            }
        }
        let line = match lines.next() {
            // What was only read is asked for again; and what a server keeps of an answer in full is less than it said.
            Err(error) if reads || shows_in_full(typed) => return Err(run.broke(error)),
            Err(error) => return run.found_again(session, &known, error),
            Ok(line) => line,
        };
        let Some(mut line) = line else { continue };
        stopping.heard(Instant::now());
        match line["event"].as_str() {
            Some("job") => known = Known::of(&line),
            Some("question") => declined = run.answers(session, &known, &line)?,
            Some("result" | "error") => {
                if let (Some(no), "consent-needed") = (&declined, line["kind"].as_str().unwrap_or_default()) {
                    line["what"] = no.what().into();
                }
                return Ok(line);
            }
            _ => run.relays(line, declined.as_ref()),
        }
    }
}

/// A command that runs on another computer.
struct Run<'a> {
    context: &'a Context,
    typed: &'a Typed,
    /// The other computer's name.
    name: &'a str,
    /// What stands before each line of it.
    prefix: &'a str,
    /// It changes no stick and no computer.
    reads: bool,
}

impl Run<'_> {
    /// From the first byte on, what changes something may have begun.
    fn lost(&self, kind: ErrorKind, what: String, why: &str) -> Error {
        let verdict = if self.reads { Verdict::Untouched } else { Verdict::Unknown };
        let next = match self.typed.verb.as_str() {
            _ if self.reads => "run the same command again",
            _ if self.typed.has("--all") => {
                "wait until no stick is held, and run the same command again: what an earlier run did is not done again. No report was written"
            }
            "flash" => {
                "wait until it is no longer held; when it is not what you wanted, run the same command again with --resume"
            }
            "load" => {
                "wait until it is no longer held: in download mode the loader runs, in its boot ROM the same command may be run again"
            }
            "convert" => {
                "wait until it is no longer held; when it is not what you wanted, run the same command again with --resume: without, a finished stick is flashed once more"
            }
            _ => {
                "wait until it is no longer held, and see what it did: the same command would do it a second time"
            }
        };
        let mut error = Error::new(kind, what).detail(Detail::NextStep(next)).with_verdict(verdict);
        error = error.because(io::Error::other(why.to_owned()));
        if !self.reads {
            error = error.detail(Detail::GoesOnElsewhere);
        }
        marked(error, &self.typed.verb)
    }

    /// The connection broke.
    fn broke(&self, error: Error) -> Error {
        // The line holds: whoever asked twice to stop waits no longer.
        if error.is(ErrorKind::Interrupted) && error.verdict() == Some(Verdict::Unknown) {
            let what = format!("the command on {} was asked to stop, and is not waited for", self.name);
            return self.lost(error.kind(), what, "you asked twice; it may go on there");
        }
        // Only what reads is left before its answer.
        if error.is(ErrorKind::Interrupted) {
            return marked(error, &self.typed.verb);
        }
        let what =
            format!("the connection to {} broke before the command had ended: {}", self.name, error.what());
        self.lost(
            ErrorKind::Io,
            what,
            "what comes between the two computers, or `stickshift serve` there, ended it",
        )
    }

    /// How it ends for whoever asked it to stop: what reads at once, everything else where it does not end by itself.
    fn given_up(&self, stopping: &Stopping) -> Option<Error> {
        if self.reads {
            let stopped = Error::new(ErrorKind::Interrupted, "stopped on request");
            return Some(marked(stopped.with_verdict(Verdict::Untouched), &self.typed.verb));
        }
        stopping.is_over(Instant::now()).then(|| {
            let what = format!("the command on {} was asked to stop, and has not ended", self.name);
            self.lost(ErrorKind::Io, what, "it is in a step that it does not leave, or nobody there stops it")
        })
    }

    /// Its last line, where it is found after the connection broke.
    fn found_again(&self, session: &mut Session, known: &Known, error: Error) -> Result<Value> {
        let seconds = found::AWAY.as_secs();
        let what = format!(
            "the connection to {} broke; the command may go on there: asking how it ends, and waiting {seconds} seconds where nobody answers",
            self.name
        );
        self.context.output.warn("connection-broke", what);
        let ask = |path: &str| session.ask("GET", path, "");
        let last = found::end(known, ask, || !self.context.cancel.is_cancelled(), found::AWAY);
        let Some(last) = last else { return Err(self.broke(error)) };
        Ok(told_found(self.context, &last, self.name, self.prefix))
    }

    /// Asks its question here, and sends the answer. Gives why it was no.
    fn answers(&self, session: &mut Session, known: &Known, line: &Value) -> Result<Option<Error>> {
        let agreed = self.context.confirm(line["text"].as_str().unwrap_or_default());
        let (path, answer) =
            (format!("/api/jobs/{}/answer", known.job), json!({ "yes": agreed.is_ok() }).to_string());
        session.ask("POST", &path, &answer).map_err(|error| self.broke(error))?;
        Ok(agreed.err())
    }

    /// Says here what it says there.
    fn relays(&self, mut line: Value, declined: Option<&Error>) {
        // There, it is only known that the answer was no.
        if let (Some(no), Some(text)) = (declined, line["text"].as_str()) {
            let text = [NOT_AGREED, NOBODY_SAID_YES]
                .iter()
                .fold(text.to_owned(), |text, there| text.replace(there, no.what()));
            line["text"] = text.into();
        }
        if line["event"] != "text" {
            line["host"] = self.name.into();
        }
        self.context.output.relay(&line, self.prefix);
    }
}

/// Whether the server shows the answer to nobody who asks later.
fn shows_in_full(typed: &Typed) -> bool {
    typed.verb == "at" || typed.has("--unmasked")
}

/// Says of a command that was found again how it ended: what it said in words meanwhile is lost.
fn told_found(context: &Context, last: &Value, name: &str, prefix: &str) -> Value {
    let what = format!("the connection to {name} broke; the command went on there, and has ended");
    context.output.warn("found-again", what);
    let text = match last["event"] == "error" {
        true => in_words(last),
        false => format!("stick: {}\n", last["verdict"].as_str().unwrap_or("unknown")),
    };
    let to = if last["event"] == "error" { "err" } else { "out" };
    context.output.relay(&json!({ "event": "text", "to": to, "text": text }), prefix);
    last.clone()
}

/// A list that was read before the connection broke has marked what it shows, where the stick is asked with AT commands.
fn marked(error: Error, verb: &str) -> Error {
    if MARKS.contains(&verb) { error.detail(Detail::MarkedRead) } else { error }
}

/// What the environment has of the secrets that a command may want.
fn secrets(verb: &str) -> Map<String, Value> {
    let verb = verb.split(' ').next().unwrap_or_default();
    let wanted = SECRETS.iter().filter(|(_, verbs)| verbs.contains(&verb));
    let there =
        wanted.filter_map(|(name, _)| Some(((*name).to_owned(), hosted::in_environment(name)?.into())));
    there.collect()
}

/// The words, with files of this computer sent ahead and named by their ids, and a password out of a file among the secrets.
fn carried(typed: &Typed, session: &mut Session, secrets: &mut Map<String, Value>) -> Result<Vec<String>> {
    let (options, rest) = typed.parts();
    let mut words = Vec::new();
    for word in options {
        match word.strip_prefix("--").and_then(|option| option.split_once('=')) {
            // Standard input is that of this computer.
            #[cfg(feature = "hilink-verb")]
            Some(("post", "-")) if session.is_owner => {
                let document = crate::verbs::hilink::typed_document()?;
                words.push(format!("--post={}", session.upload_bytes("document", document.as_bytes())?));
            }
            // It is refused, and its files stay here.
            Some((option, _)) if !session.is_owner && FILES.contains(&option) => {}
            Some((option, path)) if FILES.contains(&option) => {
                words.push(format!("--{option}={}", session.upload(Path::new(path))?));
            }
            Some(("password-file", path)) => {
                let what = "password of the stick's web page";
                let password = way_in::secret(what, LOGIN, Some(Path::new(path)))?;
                secrets.insert(LOGIN.to_owned(), password.into());
            }
            _ => words.push(word.clone()),
        }
    }
    if !rest.is_empty() {
        words.push("--".to_owned());
    }
    for (index, word) in rest.iter().enumerate() {
        match is_file(&typed.verb, index, word) {
            true if !session.is_owner => {}
            true => words.push(session.upload(Path::new(word))?),
            false => words.push(word.clone()),
        }
    }
    Ok(words)
}

/// Whether a word behind the options is a file of this computer.
#[cfg_attr(not(feature = "flash"), allow(unused_variables))]
fn is_file(verb: &str, index: usize, word: &str) -> bool {
    match verb {
        "load" => index == 0,
        #[cfg(feature = "flash")]
        "flash" => !crate::verbs::flash::is_stick(word),
        _ => false,
    }
}

/// A refusal of the server as a failure is shown.
fn in_words(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    let mut out = format!("error: {} ({})\n", text("what"), text("kind"));
    let facts = line["facts"].as_object().into_iter().flatten();
    let facts = facts.map(|(name, fact)| format!("{name} {}", fact.as_str().unwrap_or_default()));
    let facts: Vec<String> = facts.collect();
    for (label, said) in
        [("facts: ", facts.join(", ").as_str()), ("cause: ", text("cause")), ("help:  ", text("help"))]
    {
        if !said.is_empty() {
            out += &format!("  {label}{said}\n");
        }
    }
    let verdict = if text("verdict").is_empty() { "unknown" } else { text("verdict") };
    match (text("recover"), verdict) {
        ("", "unknown") => out + "  stick: unknown: look at it with `stickshift list --host`\n",
        ("", verdict) => out + &format!("  stick: {verdict}\n"),
        (recover, verdict) => out + &format!("  stick: {verdict}: {recover}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_is_the_worst() {
        let worst = |codes: &[u8]| codes.iter().copied().max_by_key(|code| rank(*code));
        assert_eq!(worst(&[0, 5, 7, 6, 14]), Some(7));
        assert_eq!(worst(&[0, 6, 3]), Some(6));
        assert_eq!(worst(&[0, 1, 4]), Some(4));
        let given = secrets("list");
        assert!(given.is_empty(), "a list wants no secret");
        // A line without a code tells of no good end.
        assert_eq!(exit(&json!({ "event": "result" })), 7);
        // Nor does one that contradicts itself.
        assert_eq!(exit(&json!({ "event": "error", "verdict": "untouched", "exit": 0 })), 7);
        assert_eq!(exit(&json!({ "event": "result", "verdict": "unknown", "exit": 0 })), 7);
        assert_eq!(exit(&json!({ "event": "error", "verdict": "unknown", "exit": 5 })), 7);
        assert_eq!(exit(&json!({ "event": "error", "verdict": "recoverable", "exit": 6 })), 6);
        let refusal = json!({ "what": "refused", "kind": "io", "verdict": "untouched" });
        assert!(in_words(&refusal).ends_with("  stick: untouched\n"));
        assert!(in_words(&json!({})).contains("  stick: unknown: look at it"));
        assert_eq!(short("https://rack2.lan:8321/"), "rack2.lan:8321");
    }

    #[cfg(feature = "web")]
    #[test]
    fn the_table_of_the_server_and_those_of_here_agree() {
        let line = crate::command_line();
        let mut unknown = Vec::new();
        for command in stickshift_web::commands() {
            let first = command.verb.split(' ').next().unwrap();
            assert!(crate::output::elsewhere::RUN.contains(&first), "{first} is named with --host");
            assert_eq!(READS.contains(&command.verb), command.reads, "{}", command.verb);
            let parts = command.verb.split(' ').try_fold(&line, |at, part| at.find_subcommand(part));
            let inner = parts.unwrap_or_else(|| panic!("there is no {}", command.verb));
            let mut known: Vec<&str> = inner.get_arguments().filter_map(|a| a.get_long()).collect();
            let outer = line.find_subcommand(first).unwrap();
            known.extend(outer.get_arguments().filter_map(|a| a.get_long()));
            let is_named = known.contains(&"stick");
            assert_eq!(is_named, command.options.contains(&"stick="), "{} and --stick", command.verb);
            let logs_in = known.contains(&"user") && known.contains(&"allow-weak-login");
            assert!(!logs_in || command.options.contains(&"allow-weak-login"), "{}", command.verb);
            for option in command.options {
                let name = option.trim_start_matches('@').trim_end_matches('=');
                let is_known = known.contains(&name) || name == "consents";
                if !is_known {
                    unknown.push(format!("{} takes no --{name}", command.verb));
                }
                assert_eq!(FILES.contains(&name), option.starts_with('@'), "{}: {name}", command.verb);
            }
        }
        assert!(unknown.is_empty(), "{unknown:?}");
        for verb in crate::output::elsewhere::RUN {
            assert!(stickshift_web::commands().any(|c| c.verb.split(' ').next() == Some(verb)), "{verb}");
        }
    }
}
