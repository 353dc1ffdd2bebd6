//! A session with the `stickshift serve` of another computer: entered with its password, and left at the end.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};
use stickshift::event::Cancel;

use super::http::{Address, Answer, Limit};
use super::stopping::Patience;
use crate::config::Host;
use crate::context::Context;
use crate::{files, tls, way_in};

/// How long a request may take when somebody wants to stop.
const HURRY: Duration = Duration::from_secs(5);

pub(super) struct Session {
    address: Address,
    cookie: String,
    token: String,
    /// Whether it may change something.
    pub(super) is_owner: bool,
    /// Ends a request before its answer.
    cancel: Cancel,
    /// What a request is waited for with, where it may have begun something.
    patience: Option<Rc<Patience>>,
    /// How long an exchange may take, where somebody wants to stop.
    hurry: Option<Duration>,
    /// Files that were sent, by their ids.
    files: Vec<String>,
}

/// What a command says, line by line.
pub(super) struct Lines(Answer);

impl Lines {
    /// The next line; none while nothing comes.
    ///
    /// # Errors
    /// `Io` when there is none any more.
    pub(super) fn next(&mut self) -> Result<Option<Value>> {
        let Some(line) = self.0.line()? else { return Ok(None) };
        let read = serde_json::from_slice(&line).ok().filter(Value::is_object);
        read.map(Some).ok_or_else(|| odd("it says what is no line of a command".to_owned()))
    }
}

fn untouched(kind: ErrorKind, what: String) -> Error {
    Error::new(kind, what).with_verdict(Verdict::Untouched)
}

/// A password that nobody gave: that there is no terminal is all that is to be said of the system.
fn wanted(error: Error) -> Error {
    if !error.is(ErrorKind::Usage) {
        return error;
    }
    let next = "name a file with it by --host-password-file FILE, or set STICKSHIFT_WEB_PASSWORD";
    let why = io::Error::other("a server that is reached over a network asks for its password");
    untouched(ErrorKind::Usage, error.what().to_owned()).because(why).detail(Detail::NextStep(next))
}

/// An answer that no `stickshift serve` of this version gives.
fn odd(what: String) -> Error {
    let next = "check its address, and that the same version of stickshift runs there";
    let why = io::Error::other("another program answers there, or another version");
    untouched(ErrorKind::Io, what).because(why).detail(Detail::NextStep(next))
}

/// Host and port, without what sets an address off.
fn host_and_port(text: &str, usual: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (text, usual),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    (!host.is_empty() && host.chars().all(plain)).then(|| (host.to_owned(), port))
}

/// What is neither an address nor a name of the settings.
pub(super) fn bad_address(text: &str) -> Error {
    let next = "give https://HOST:PORT (serve listens on 8321, and without a port 443 is meant), unix:PATH, or a name of the settings";
    let error = untouched(ErrorKind::Usage, format!("{text:?} is no address of another computer"));
    error
        .because(io::Error::other("it is none of the forms that --host takes"))
        .detail(Detail::NextStep(next))
}

fn address(context: &Context, host: &Host) -> Result<Address> {
    let text = &host.address;
    let bad = || bad_address(text);
    #[cfg(unix)]
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Address::Unix(path.into()));
    }
    let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    match scheme {
        "https" => {
            let (name, port) = host_and_port(rest, 443).ok_or_else(bad)?;
            let config = stickshift_tls::client(&tls::trust(host.ca.as_deref())?, None, None)?;
            Ok(Address::Tcp { host: name, port, tls: Some(Arc::new(config)) })
        }
        "http" => {
            let (name, port) = host_and_port(rest, 80).ok_or_else(bad)?;
            let is_here = name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
            if !is_here {
                let what =
                    format!("the connection to {name} is not encrypted: the password can be read on the way");
                context.output.warn("not-encrypted", what);
            }
            Ok(Address::Tcp { host: name, port, tls: None })
        }
        _ => Err(bad()),
    }
}

impl Session {
    /// Enters with the password; on a Unix socket without one.
    ///
    /// # Errors
    /// `Io` when nobody answers, `PermissionDenied` for a wrong password, `Interrupted` when that is asked for meanwhile.
    pub(super) fn open(context: &Context, host: &Host) -> Result<Session> {
        let address = address(context, host)?;
        let (cookie, token, cancel) = (String::new(), String::new(), context.cancel.clone());
        let mut session = Session {
            address,
            cookie,
            token,
            is_owner: false,
            cancel,
            patience: None,
            hurry: None,
            files: Vec::new(),
        };
        if matches!(session.address, Address::Tcp { .. }) {
            session.enter(host)?;
        }
        let caller = session.ask("GET", "/api/session", "")?;
        session.token = caller["token"].as_str().unwrap_or_default().to_owned();
        session.is_owner = caller["role"] == "owner";
        Ok(session)
    }

    fn enter(&mut self, host: &Host) -> Result<()> {
        let what = "password of the other computer's web page";
        let password =
            way_in::secret(what, "STICKSHIFT_WEB_PASSWORD", host.password_file.as_deref()).map_err(wanted)?;
        let form = format!("password={}", escaped(&password));
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = self.send("POST", "/login", &headers, &mut form.as_bytes(), form.len() as u64)?;
        match (answer.status, &answer.cookie) {
            (303 | 302, Some(cookie)) => {
                self.cookie = cookie.clone();
                Ok(())
            }
            (status, _) => Err(self.not_entered(host, status)),
        }
    }

    /// Why the password opened nothing.
    fn not_entered(&self, host: &Host, status: u16) -> Error {
        let address = &host.address;
        let (kind, what, why, next) = match status {
            403 => (
                ErrorKind::PermissionDenied,
                format!("{address} refuses the password"),
                "it is not the one that was set there, or the server was not started again since",
                "`stickshift serve passwd` sets it there; --host-password-file names a file that has it",
            ),
            429 => (
                ErrorKind::PermissionDenied,
                format!("{address} takes no password now"),
                "too many wrong ones came from this computer",
                "wait a minute, and check the password first",
            ),
            401 => (
                ErrorKind::PermissionDenied,
                format!("{address} has no password"),
                "only its one-time link opens it, which is for a browser",
                "`stickshift serve passwd` there sets one; on a loopback address, `stickshift serve --passwords FILE` asks for it; or use its Unix socket",
            ),
            421 => (
                ErrorKind::Io,
                format!("the server at {address} does not answer to this name"),
                "it was started without `--public URL` for it",
                "start it with `stickshift serve --public URL`, the URL being this address; or use its address in numbers",
            ),
            _ => (
                ErrorKind::Io,
                format!("{address} is no stickshift: it answers {status}"),
                "another program listens there, or a proxy does not pass this on",
                "check its address, and that `stickshift serve` runs there",
            ),
        };
        untouched(kind, what).because(io::Error::other(why)).detail(Detail::NextStep(next))
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &mut dyn Read,
        length: u64,
    ) -> Result<Answer> {
        let origin = self.address.origin();
        let mut all = vec![("Origin", origin.as_str())];
        if !self.cookie.is_empty() {
            all.push(("Cookie", &self.cookie));
        }
        if !self.token.is_empty() {
            all.push(("x-stickshift-token", &self.token));
        }
        all.extend(headers);
        let limit = Limit::of(&self.cancel).with(self.patience.clone());
        let limit = match self.hurry {
            Some(time) => limit.within(time),
            None => limit,
        };
        self.address.send(method, path, &all, body, length, limit)
    }

    /// From here on, requests wait for their answers whoever wants to stop: they are about a command that may have begun.
    pub(super) fn sees_it_through(&mut self, patience: Option<&Rc<Patience>>) {
        self.cancel = Cancel::new();
        self.patience = patience.cloned();
    }

    /// Somebody wants to stop: what is still asked for is not waited for long.
    pub(super) fn hurries(&mut self) {
        self.hurry = Some(HURRY);
    }

    /// Removes the files that were sent: the command that they were for has ended.
    pub(super) fn removes_files(&mut self) {
        for id in std::mem::take(&mut self.files) {
            // Where that fails, the server removes them when it needs room.
            let _ = self.send("DELETE", &format!("/api/files/{}", escaped(&id)), &[], &mut io::empty(), 0);
        }
    }

    /// A document for a document.
    ///
    /// # Errors
    /// `Io`, also for what is no document.
    pub(super) fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Value> {
        let headers = [("Content-Type", "application/json")];
        let answer = self.send(method, path, &headers, &mut body.as_bytes(), body.len() as u64)?;
        let status = answer.status;
        serde_json::from_slice(&answer.document()?)
            .map_err(|_| odd(format!("it is no stickshift: it answers {status}")))
    }

    /// Begins a command line. Gives its lines, or the line by which it is refused.
    ///
    /// # Errors
    /// `Io`: it may have begun.
    pub(super) fn command(
        &mut self,
        words: &[String],
        secrets: &Map<String, Value>,
    ) -> Result<std::result::Result<Lines, Value>> {
        let json = [("Content-Type", "application/json")];
        let answer = if !self.is_owner {
            let words: Vec<String> = words.iter().map(|word| format!("word={}", escaped(word))).collect();
            self.send("GET", &format!("/api/commands?{}", words.join("&")), &json, &mut io::empty(), 0)?
        } else {
            let body = json!({ "words": words, "secrets": secrets }).to_string();
            self.send("POST", "/api/commands", &json, &mut body.as_bytes(), body.len() as u64)?
        };
        match answer.status {
            200 => Ok(Ok(Lines(answer))),
            status => {
                let refused = serde_json::from_slice::<Value>(&answer.document()?).ok();
                let refused = refused.filter(|line| line["event"] == "error");
                refused.map(Err).ok_or_else(|| odd(format!("it answers {status}")))
            }
        }
    }

    /// Sends a file. Gives its id.
    ///
    /// # Errors
    /// `FileUnreadable` and its like; `Io`; the server's own refusal.
    pub(super) fn upload(&mut self, path: &Path) -> Result<String> {
        if path.is_dir() {
            let what = format!("{} is a folder, and single files are sent", path.display());
            let error = untouched(ErrorKind::FileUnreadable, what);
            let next = "make one file of its partitions first: `stickshift firmware build FOLDER -o FILE`";
            let why = io::Error::other("partitions in a folder lie on this computer");
            return Err(error.because(why).detail(Detail::NextStep(next)));
        }
        let file: File = files::open(path)?;
        let length = file.metadata().map(|metadata| metadata.len()).unwrap_or(0);
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut body: Box<dyn Read> = if length == 0 { Box::new(Cursor::new([])) } else { Box::new(file) };
        self.upload_from(&name, &mut body, length)
    }

    /// The same for what lies in memory.
    ///
    /// # Errors
    /// `Io`; the server's own refusal.
    #[cfg(feature = "hilink-verb")]
    pub(super) fn upload_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<String> {
        self.upload_from(name, &mut Cursor::new(bytes), bytes.len() as u64)
    }

    fn upload_from(&mut self, name: &str, mut body: &mut dyn Read, length: u64) -> Result<String> {
        let headers = [("Content-Type", "application/octet-stream")];
        let path = format!("/api/files?name={}", escaped(name));
        let answer = self.send("POST", &path, &headers, &mut body, length)?;
        let status = answer.status;
        let said: Value = serde_json::from_slice(&answer.document()?).unwrap_or_default();
        match said["id"].as_str() {
            Some(id) => {
                self.files.push(id.to_owned());
                Ok(id.to_owned())
            }
            None => {
                let why = said["what"].as_str().map_or_else(|| format!("it answers {status}"), str::to_owned);
                let next = said["help"].as_str().unwrap_or_default();
                let next = if next.contains("--max-upload") {
                    "start `stickshift serve` there with a larger --max-upload"
                } else {
                    "check that the disk there has room for it, and run the same command again"
                };
                let error = untouched(ErrorKind::Io, format!("{name} is not taken there: {why}"));
                Err(error.because(io::Error::other(why)).detail(Detail::NextStep(next)))
            }
        }
    }

    /// Leaves: nobody else can use it any more.
    pub(super) fn close(&mut self) {
        if !self.cookie.is_empty() {
            let form = format!("token={}", escaped(&self.token));
            let headers = [("Content-Type", "application/x-www-form-urlencoded")];
            let _ = self.send("POST", "/logout", &headers, &mut form.as_bytes(), form.len() as u64);
        }
    }
}

/// As forms and addresses have it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        assert_eq!(host_and_port("rack2.lan", 443), Some(("rack2.lan".to_owned(), 443)));
        assert_eq!(host_and_port("[::1]:8321", 443), Some(("::1".to_owned(), 8321)));
        for bad in ["", ":1", "a/b", "user@host", "a:b"] {
            assert_eq!(host_and_port(bad, 443), None, "{bad}");
        }
        assert_eq!(escaped("a b+ü&"), "a%20b%2B%C3%BC%26");
    }
}
