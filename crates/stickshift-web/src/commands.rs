//! Command lines that another computer's `stickshift --host` sends: those of the table, with the options of the table. Everything that they
//! say goes back as it is said, and their questions are answered there.

mod follower;

use serde_json::Value;
use stickshift::host::is_stick_name;
use stickshift::stick::{Place, UsbId};

use crate::engine::Secrets;
use crate::fields::Fields;
use crate::operations::{CONSENTS, Operation, Way};
use crate::uploads::Uploads;
pub(crate) use follower::Follower;

/// The job of a command line.
pub(crate) static COMMAND: Operation = Operation {
    name: "command",
    method: "",
    path: "",
    verb: "",
    about: "",
    way: Way::Job,
    fields: &[],
    words: |_, _| Err("it is sent as a command line".into()),
};

/// Secrets that may come along, by the names of their variables.
pub(crate) const SECRETS: [&str; 6] = [
    "STICKSHIFT_PIN",
    "STICKSHIFT_NEW_PIN",
    "STICKSHIFT_PUK",
    "STICKSHIFT_PASSWORD",
    "STICKSHIFT_USER",
    "STICKSHIFT_APN_PASSWORD",
];

/// A command that may be sent, and its options: `name=` takes a value, the value of `@name` is the id of an uploaded file.
struct Command {
    verb: &'static str,
    /// It changes no stick and no computer: whoever may only look may ask for it, but for some options.
    reads: bool,
    options: &'static [&'static str],
    words: Words,
}

/// What the words of a command are, behind its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    /// The stick.
    Stick,
    /// None of them is a stick.
    Own,
    /// What a command that only reads without them is to change.
    Changes,
    /// What is sent to the stick; the last one is the stick itself, where it reads as one.
    Sent,
    /// An uploaded file by its id, then the stick.
    FileAndStick,
    /// Uploaded files by their ids; one that reads as a stick is the stick.
    Files,
}

const fn reads(verb: &'static str, options: &'static [&'static str]) -> Command {
    Command { verb, reads: true, options, words: Words::Stick }
}

const fn changes(verb: &'static str, options: &'static [&'static str]) -> Command {
    Command { verb, reads: false, options, words: Words::Stick }
}

impl Command {
    const fn with(self, words: Words) -> Command {
        Command { words, ..self }
    }
}

/// The options of a command that talks to a stick, and others behind them.
macro_rules! talk {
    ($($more:literal),*) => { &["stick=", "user=", "allow-weak-login", $($more),*] };
}

const STICK: &[&str] = &["stick="];
const TALK: &[&str] = talk!();
const PIN: &[&str] = talk!("spend-last-try");
/// Options of commands that read, which whoever may only look may not use: they show identities in full, spend tries of a login, or change
/// something.
const FOR_OWNERS: [&str; 5] = ["unmasked", "allow-weak-login", "user", "use", "delete"];

static COMMANDS: &[Command] = &[
    reads("list", &[]),
    reads("doctor", &[]),
    reads("identify", talk!("unmasked")),
    reads("signal", TALK),
    reads("sms list", TALK),
    reads("sms read", TALK).with(Words::Own),
    reads("sms raw", TALK).with(Words::Own),
    changes("sms send", TALK).with(Words::Own),
    changes("sms delete", TALK).with(Words::Own),
    changes("ussd", talk!("coding=")).with(Words::Sent),
    changes("at", &["stick=", "timeout="]).with(Words::Sent),
    reads("pin status", TALK),
    changes("pin enter", PIN),
    changes("pin change", PIN),
    changes("pin enable", PIN),
    changes("pin disable", PIN),
    changes("pin unblock", PIN),
    reads("network show", TALK),
    changes("network set", talk!("mode=", "lte=", "other=", "roaming=")),
    changes("network scan", TALK),
    changes("network use", TALK).with(Words::Own),
    reads("ports show", STICK),
    changes("ports set", &["stick=", "cdrom-first"]).with(Words::Own),
    reads("hilink info", talk!("unmasked")),
    reads("hilink status", TALK),
    reads("hilink signal", TALK),
    reads("hilink traffic", TALK),
    changes("hilink connect", TALK),
    changes("hilink disconnect", TALK),
    reads("hilink profile", talk!("use=", "delete=")),
    changes("hilink reboot", TALK),
    changes("hilink mode", talk!("cgi")).with(Words::Own),
    reads("hilink updates", TALK).with(Words::Changes),
    changes("hilink raw", talk!("@post", "unmasked")).with(Words::Own),
    reads("online status", STICK),
    reads("online apn", TALK),
    changes(
        "online up",
        &[
            "stick=",
            "apn=",
            "user=",
            "auth=",
            "ip=",
            "roaming",
            "metric=",
            "no-default",
            "mtu=",
            "way=",
            "check=",
            "dry-run",
            "web-user=",
        ],
    ),
    changes("online down", &["stick=", "web-user="]),
    changes(
        "switch",
        &[
            "stick=",
            "all",
            "jobs=",
            "anew",
            "to=",
            "@profile",
            "message=",
            "dry-run",
            "no-ports",
            "user=",
            "allow-weak-login",
        ],
    ),
    changes(
        "load",
        &[
            "stick=",
            "model=",
            "fastboot",
            "@table",
            "file-flag=",
            "ignore-bad-blocks",
            "unchanged",
            "dry-run",
            "consents",
        ],
    )
    .with(Words::FileAndStick),
    changes("flash", &["stick=", "all", "jobs=", "anew", "resume", "dry-run", "consents"]).with(Words::Files),
    changes(
        "convert",
        &[
            "stick=",
            "all",
            "jobs=",
            "anew",
            "to=",
            "@loader",
            "@firmware",
            "@webui",
            "dry-run",
            "resume",
            "no-updates",
            "user=",
            "allow-weak-login",
            "consents",
        ],
    ),
];

/// A command that is run for another computer.
#[derive(Clone, Copy, Debug)]
pub struct Runs {
    /// `sms send`.
    pub verb: &'static str,
    /// Whether it changes no stick and no computer, where its options do not.
    pub reads: bool,
    /// Its options without the consents, `@` before those whose value is a file.
    pub options: &'static [&'static str],
}

/// The commands that are run for another computer.
pub fn commands() -> impl Iterator<Item = Runs> {
    COMMANDS.iter().map(|command| Runs { verb: command.verb, reads: command.reads, options: command.options })
}

/// A command line that may be run.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) words: Vec<String>,
    pub(crate) reads: bool,
    /// The stick that it is about, as it was named.
    pub(crate) stick: Option<String>,
    /// Whether it is about every stick.
    pub(crate) all: bool,
}

impl Line {
    /// Whether it talks to a stick.
    pub(crate) fn is_about_a_stick(&self) -> bool {
        !self.words.first().is_some_and(|verb| matches!(verb.as_str(), "list" | "doctor"))
    }

    /// The place of its stick, where that is its name.
    pub(crate) fn place(&self) -> Option<String> {
        Some(self.stick.as_deref()?.parse::<Place>().ok()?.to_string())
    }

    /// Places of those of a list's sticks that it may mean: by their ids, by the name of a port, or all.
    pub(crate) fn fits<'a>(&self, sticks: &'a [Value]) -> Vec<&'a str> {
        let Some(word) = self.stick.as_deref() else {
            let waits = |stick: &&Value| self.mode().is_some_and(|mode| stick["mode"] == mode);
            let all = |among: &dyn Fn(&&Value) -> bool| -> Vec<&'a str> {
                sticks.iter().filter(among).filter_map(|stick| stick["place"].as_str()).collect()
            };
            let waiting = all(&waits);
            return if waiting.is_empty() { all(&|_| true) } else { waiting };
        };
        let ids = word.parse::<UsbId>().ok().map(|ids| ids.to_string());
        let fits = |stick: &&Value| match &ids {
            Some(ids) => stick["id"] == **ids,
            None => has_port(stick, word),
        };
        sticks.iter().filter(fits).filter_map(|stick| stick["place"].as_str()).collect()
    }

    /// The mode of the sticks among which it chooses, where none is named.
    fn mode(&self) -> Option<&'static str> {
        match self.words.first()?.as_str() {
            "flash" => Some("download"),
            "load" => Some("boot-rom"),
            "switch" => Some("cdrom"),
            _ => None,
        }
    }

    /// Names its stick by the place where it was found: the command asks no other stick for its name.
    pub(crate) fn is_at(&mut self, place: &str) {
        let Some(name) = self.stick.replace(place.to_owned()) else { return };
        let end = self.words.iter().position(|word| word == "--").unwrap_or(self.words.len());
        let (options, rest) = self.words.split_at_mut(end);
        let option = format!("--stick={name}");
        match options.iter_mut().find(|word| **word == option) {
            Some(word) => *word = format!("--stick={place}"),
            None => rest.iter_mut().filter(|word| **word == name).for_each(|word| place.clone_into(word)),
        }
    }

    /// Whether it hangs up.
    pub(crate) fn is_down(&self) -> bool {
        self.words.iter().take(2).map(String::as_str).eq(["online", "down"])
    }
}

/// Whether a stick of the list has a serial port of this name.
fn has_port(stick: &Value, name: &str) -> bool {
    let ports = stick["interfaces"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut ports = ports.iter().filter_map(|port| port["tty"].as_str());
    ports.any(|tty| tty == name || tty.strip_prefix("/dev/") == Some(name))
}

/// Whether what a command line says is for whoever asked for it alone: identities in full, and answers that nothing masks.
pub(crate) fn shows_in_full(words: &[String]) -> bool {
    let verb = words.iter().find(|word| !word.starts_with("--"));
    let mut options = words.iter().take_while(|word| *word != "--");
    verb.is_some_and(|verb| verb == "at") || options.any(|word| word == "--unmasked")
}

/// The path of an uploaded file.
fn path_of(id: &str, uploads: &Uploads) -> Result<String, String> {
    let upload = uploads.get(id).ok_or_else(|| format!("there is no uploaded file {id:?}"))?;
    let path = upload.path.to_str().ok_or("the folder for temporary files has an odd name")?;
    Ok(path.to_owned())
}

/// What is wrong with a command line whose words stand right behind the verb.
pub(crate) fn misplaced(words: &[String]) -> Option<String> {
    let begins = |command: &&Command| {
        let verb: Vec<&str> = command.verb.split(' ').collect();
        words.len() > verb.len() && words.iter().zip(&verb).all(|(word, verb)| word == verb)
    };
    let verb = COMMANDS.iter().find(begins)?.verb;
    let word = &words[verb.split(' ').count()];
    (!word.starts_with('-')).then(|| format!("{word:?} stands right behind `{verb}`: the stick and other words stand behind `--`, or the stick in --stick=PLACE"))
}

/// Checks a command line: verb, options as `--name` or `--name=value`, then the other words after `--`.
///
/// # Errors
/// What may not be sent, in words.
pub(crate) fn read(words: &[String], uploads: &Uploads) -> Result<Line, String> {
    let verb: Vec<&str> =
        words.iter().map(String::as_str).take_while(|word| !word.starts_with('-')).collect();
    let name = verb.join(" ");
    let command = COMMANDS.iter().find(|command| command.verb == name);
    let not_run = || format!("`{name}` is not run for another computer");
    let command = command.ok_or_else(|| misplaced(words).unwrap_or_else(not_run))?;
    let mut line: Vec<String> = verb.iter().map(|word| (*word).to_owned()).collect();
    let mut stick = None;
    let mut rest = words[verb.len()..].iter();
    for word in rest.by_ref() {
        if word == "--" {
            break;
        }
        let option = word.strip_prefix("--").unwrap_or_default();
        let (option, value) = match option.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (option, None),
        };
        let is = |known: &&&str| match (known.strip_prefix('@'), known.strip_suffix('='), value) {
            (Some(known), _, Some(_)) | (_, Some(known), Some(_)) => known == option,
            (None, None, None) => **known == option,
            _ => false,
        };
        let known = command.options.iter().find(is).copied();
        let consents = value.is_none() && command.options.contains(&"consents") && CONSENTS.contains(&option);
        match (known, value) {
            (Some(known), Some(id)) if known.starts_with('@') => {
                line.push(format!("--{option}={}", path_of(id, uploads)?));
            }
            (Some(_), _) => line.push(word.clone()),
            (None, _) if consents => line.push(word.clone()),
            _ => return Err(format!("`{name}` takes no --{option} from another computer")),
        }
        if let ("stick", Some(value)) = (option, value) {
            stick = Some(value.to_owned());
        }
    }
    let mut rest: Vec<String> = rest.cloned().collect();
    let changes = command.words == Words::Changes && !rest.is_empty();
    let named = stick_among(command.words, &mut rest, stick.is_some(), uploads)?;
    let stick = stick.or(named);
    let is_option = |word: &String, name: &str| {
        word.strip_prefix("--").is_some_and(|option| option.split('=').next() == Some(name))
    };
    let has = |name: &str| line.iter().any(|word| is_option(word, name));
    let reads = command.reads && !changes && !FOR_OWNERS.iter().any(|name| has(name));
    let all = has("all");
    if !rest.is_empty() {
        line.push("--".into());
        line.extend(rest);
    }
    Ok(Line { words: line, reads, stick, all })
}

/// Puts the paths of uploaded files in the place of their ids, and gives the stick that is named among the words.
///
/// # Errors
/// A word that is to be an uploaded file and is none, in words.
fn stick_among(
    words: Words,
    rest: &mut [String],
    is_named: bool,
    uploads: &Uploads,
) -> Result<Option<String>, String> {
    match (words, rest) {
        (Words::Stick, [only]) => Ok(Some(only.clone())),
        // One that stands elsewhere is refused by the command itself.
        (Words::Sent, rest) if !is_named => Ok(rest.iter().rev().find(|word| is_stick_name(word)).cloned()),
        (Words::FileAndStick, [file, others @ ..]) => {
            *file = path_of(file, uploads)?;
            Ok(others.first().cloned())
        }
        (Words::Files, rest) => {
            let mut stick = None;
            for word in rest {
                match is_stick_name(word) || word.starts_with("tty") {
                    true => stick = Some(word.clone()),
                    false => *word = path_of(word, uploads)?,
                }
            }
            Ok(stick)
        }
        _ => Ok(None),
    }
}

/// The secrets of a request.
pub(crate) fn secrets(fields: &Fields) -> Secrets {
    let of = |name: &&str| Some(((*name).to_owned(), fields.all(name).next()?.to_owned()));
    SECRETS.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_stick_right_behind_the_verb_is_shown_its_place() {
        let uploads = Uploads::new().unwrap();
        let what = read(&words("pin enter 1-2"), &uploads).unwrap_err();
        assert!(what.contains("behind `--`") && what.contains("--stick=PLACE"), "{what}");
        assert!(
            misplaced(&words("pin enter -- 1-2")).is_none() && misplaced(&words("bridge mqtt")).is_none()
        );
    }

    #[test]
    fn what_is_in_the_table_is_run_and_nothing_else() {
        let uploads = Uploads::new().unwrap();
        let line = read(&words("sms send --stick=1-2 -- +12345678901 --yes"), &uploads).unwrap();
        assert_eq!(
            (line.words.join(" ").as_str(), line.reads),
            ("sms send --stick=1-2 -- +12345678901 --yes", false)
        );
        assert_eq!(line.stick.as_deref(), Some("1-2"));
        let line = read(&words("sms delete -- 1-2"), &uploads).unwrap();
        assert_eq!(line.stick, None, "it is a message");
        let line = read(&words("identify -- 1-1"), &uploads).unwrap();
        assert_eq!((line.stick.as_deref(), line.reads), (Some("1-1"), true));
        assert!(read(&words("convert --to=stick --allow-erase"), &uploads).is_ok());
        for (typed, stick) in
            [("at -- ATI +CSQ 1-2", Some("1-2")), ("at -- ATI", None), ("at --stick=1-2 -- ATI", Some("1-2"))]
        {
            let line = read(&words(typed), &uploads).unwrap();
            assert_eq!((line.stick.as_deref(), line.reads), (stick, false), "{typed}");
            assert_eq!(line.words.join(" "), typed);
        }
        for (typed, is_all) in [("convert --all --jobs=2 --to=stick", true), ("switch --to=modem", false)] {
            assert_eq!(read(&words(typed), &uploads).unwrap().all, is_all, "{typed}");
        }
        for typed in ["hilink profile", "hilink updates --stick=1-1", "hilink info -- 1-1", "ports show"] {
            assert!(read(&words(typed), &uploads).unwrap().reads, "{typed}");
        }
        for bold in [
            "identify --unmasked",
            "signal --user=x",
            "sms list --allow-weak-login",
            "hilink info --unmasked",
            "hilink profile --use=2",
            "hilink profile --delete=2",
            "hilink updates -- off",
            "hilink reboot",
            "hilink raw -- /api/device/signal",
        ] {
            assert!(!read(&words(bold), &uploads).unwrap().reads, "{bold}");
        }
        for bad in [
            "serve",
            "bridge mqtt",
            "at --terminal",
            "at --port=/dev/ttyUSB0 -- ATI",
            "at --trace=/tmp/x -- ATI",
            "hilink",
            "hilink raw --url=http://127.0.0.1/ -- /api",
            "hilink raw --post -- /api",
            "hilink raw --post=/etc/passwd -- /api",
            "load -- /etc/passwd",
            "load -- ../firmware.bin 1-1",
            "load --table=/etc/passwd -- 1-1",
            "flash -- /etc/passwd",
            "flash --port=/dev/ttyUSB0 -- 1-1",
            "flash -- firmware.bin 1-1",
            "flash --all --report=/tmp/rows.csv",
            "flash --all --virtual=k3772",
            "switch --all --in-use=1-1",
            "convert --all --report=/tmp/rows.csv",
            "sms",
            "sms send --trace=/tmp/x",
            "sms send --port=/dev/ttyUSB0",
            "signal -v",
            "signal --watch",
            "signal --stick",
            "signal --url=http://127.0.0.1/",
            "list --json",
            "list --virtual=k3772",
            "online up --stay",
            "online up --exec=/bin/sh",
            "convert --to=stick --firmware=/etc/passwd",
            "convert --yes",
            "switch --profile=/etc/passwd",
            "list --allow-erase",
            "list extra",
            "-- list",
            "",
        ] {
            assert!(read(&words(bad), &uploads).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_stick_that_was_found_is_named_by_its_place() {
        let uploads = Uploads::new().unwrap();
        for (given, found) in [
            ("signal --stick=860000000000003", "signal --stick=1-2"),
            ("signal -- 860000000000003", "signal -- 1-2"),
            ("ussd --stick=860000000000003 -- 860000000000003", "ussd --stick=1-2 -- 860000000000003"),
        ] {
            let mut line = read(&words(given), &uploads).unwrap();
            line.is_at("1-2");
            assert_eq!((line.words.join(" ").as_str(), line.place().as_deref()), (found, Some("1-2")));
        }
    }

    #[test]
    fn a_file_is_named_by_its_id() {
        let uploads = Uploads::new().unwrap();
        let upload = uploads.begin("firmware.bin").unwrap();
        let (id, path) = (upload.id.clone(), upload.path.display().to_string());
        std::fs::write(&path, b"").unwrap();
        uploads.keep(upload);
        for (sent, run, stick) in [
            ("convert --to=stick --firmware=ID", "convert --to=stick --firmware=PATH", None),
            ("load --table=ID -- ID 1-2", "load --table=PATH -- PATH 1-2", Some("1-2")),
            ("flash --resume -- ID ID 1-2", "flash --resume -- PATH PATH 1-2", Some("1-2")),
            ("flash -- 12d1:1c05 ID", "flash -- 12d1:1c05 PATH", Some("12d1:1c05")),
            ("flash --all -- ID", "flash --all -- PATH", None),
            ("hilink raw --post=ID -- /api", "hilink raw --post=PATH -- /api", None),
        ] {
            let line = read(&words(&sent.replace("ID", &id)), &uploads).unwrap();
            assert_eq!(line.words, words(&run.replace("PATH", &path)), "{sent}");
            assert_eq!(line.stick.as_deref(), stick, "{sent}");
        }
        // A path is none, not even that of the uploaded file.
        for sent in [format!("flash -- {path}"), format!("load -- {path}"), format!("load -- 1-1 {id}")] {
            assert!(read(&words(&sent), &uploads).is_err(), "{sent}");
        }
    }
}
