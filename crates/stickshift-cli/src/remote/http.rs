//! One request at a time over a connection of its own, as HTTP/1.0: an answer ends with its connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stickshift::error::{Detail, Error, ErrorKind as Kind, Result, Verdict};
use stickshift::event::Cancel;
use stickshift_tls::rustls::pki_types::ServerName;
use stickshift_tls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::stopping::Patience;
use crate::tls;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// A server that says nothing for so long is gone: one whose command takes long says that it is there every 15 s.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the connection, the request, and the head and document of its answer may take together, however often a byte comes. What a
/// command says has no such limit.
const EXCHANGE: Duration = Duration::from_secs(60);
/// How soon a signal is noticed.
const TURN: Duration = Duration::from_millis(200);
/// Heads and documents are never longer.
const HEAD: usize = 64 << 10;
const DOCUMENT: usize = 64 << 20;
/// Nor is a line of a command.
const LINE: usize = 8 << 20;
/// A body is sent in pieces of this size.
const PIECE: usize = 16 << 10;

/// Where a server is.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Tcp {
        host: String,
        port: u16,
        tls: Option<Arc<ClientConfig>>,
    },
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// An answer whose body is read as it comes.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) cookie: Option<String>,
    stream: Box<dyn Stream>,
    /// What was read and is not used yet.
    buffer: Vec<u8>,
    /// How much of that has no end of a line.
    searched: usize,
    /// How long its document is, where it says so.
    length: Option<usize>,
    heard: Instant,
    limit: Limit,
}

/// What ends an exchange before its end.
pub(super) struct Limit {
    time: Duration,
    until: Instant,
    cancel: Cancel,
    patience: Option<Rc<Patience>>,
}

impl Limit {
    /// As long as an exchange may take, or until `cancel` is raised.
    pub(super) fn of(cancel: &Cancel) -> Limit {
        Limit { time: EXCHANGE, until: Instant::now() + EXCHANGE, cancel: cancel.clone(), patience: None }
    }

    /// The same, which whoever asks twice ends.
    pub(super) fn with(self, patience: Option<Rc<Patience>>) -> Limit {
        Limit { patience, ..self }
    }

    /// A shorter one.
    pub(super) fn within(self, time: Duration) -> Limit {
        Limit { time, until: Instant::now() + time, ..self }
    }

    fn check(&self) -> Result<()> {
        self.patience.as_ref().map_or(Ok(()), |patience| patience.check())?;
        match (self.cancel.is_cancelled(), Instant::now() < self.until) {
            (true, _) => Err(stopped()),
            (false, true) => Ok(()),
            (false, false) => {
                let why = io::Error::new(
                    ErrorKind::TimedOut,
                    "it is overloaded, or another program than a web server",
                );
                Err(failed("the server took too long to answer".to_owned()).because(why))
            }
        }
    }
}

/// Stopped before anything was begun.
pub(super) fn stopped() -> Error {
    Error::new(Kind::Interrupted, "stopped on request; nothing was begun").with_verdict(Verdict::Untouched)
}

/// Nothing came, or nothing was taken, within a turn.
fn is_turn(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn failed(what: String) -> Error {
    let next = "check its address, and that `stickshift serve` runs there";
    Error::new(Kind::Io, what).detail(Detail::NextStep(next)).with_verdict(Verdict::Untouched)
}

/// The same with what is behind it.
fn broken(what: String, error: io::Error) -> Error {
    match tls::advice(&error) {
        Some((cause, next)) => {
            let error = Error::new(Kind::Io, what).because(io::Error::other(cause));
            error.detail(Detail::NextStep(next)).with_verdict(Verdict::Untouched)
        }
        None => failed(what).because(error),
    }
}

/// A server with TLS says nothing to whoever speaks without.
fn mute(authority: &str, has_tls: bool) -> Error {
    let what = format!("{authority} closed the connection without an answer");
    if has_tls {
        return failed(what)
            .because(io::Error::other("its server ended, or something between the two computers"));
    }
    let next = "if its server has a certificate, its address begins with https://; else check that `stickshift serve` runs there";
    let error = Error::new(Kind::Io, format!("{what}: does it want https?")).detail(Detail::NextStep(next));
    error.because(io::Error::other("servers that encrypt do that")).with_verdict(Verdict::Untouched)
}

fn said(error: &io::Error) -> String {
    // What TLS says of that names an address for programmers.
    if error.kind() == ErrorKind::UnexpectedEof {
        return "the connection was closed before the end".to_owned();
    }
    tls::in_words(error, "--host-ca").unwrap_or_else(|| error.to_string())
}

/// Connects with a Unix socket. A server that does not accept for a while lets it wait.
#[cfg(unix)]
fn unix_stream(path: &std::path::Path, limit: &Limit) -> Result<std::os::unix::net::UnixStream> {
    use rustix::io::Errno;
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};

    let what = |e: io::Error| failed(format!("nobody answers at {}", path.display())).because(e);
    let address = SocketAddrUnix::new(path).map_err(|e| what(e.into()))?;
    let until = Instant::now() + CONNECT;
    loop {
        limit.check()?;
        let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None).map_err(|e| what(e.into()))?;
        rustix::io::ioctl_fionbio(&socket, true).map_err(|e| what(e.into()))?;
        match connect(&socket, &address) {
            Ok(()) => {
                let stream = std::os::unix::net::UnixStream::from(socket);
                stream.set_nonblocking(false).map_err(what)?;
                stream.set_read_timeout(Some(TURN)).map_err(what)?;
                stream.set_write_timeout(Some(TURN)).map_err(what)?;
                return Ok(stream);
            }
            Err(Errno::AGAIN | Errno::INTR) if Instant::now() < until => std::thread::sleep(TURN),
            Err(e) => return Err(what(e.into())),
        }
    }
}

impl Address {
    /// The name for the Host header.
    fn authority(&self) -> String {
        match self {
            Address::Tcp { host, port, tls } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                match (tls, port) {
                    (Some(_), 443) | (None, 80) => host,
                    _ => format!("{host}:{port}"),
                }
            }
            #[cfg(unix)]
            Address::Unix(_) => "localhost".to_owned(),
        }
    }

    /// As a person knows it.
    fn name(&self) -> String {
        match self {
            Address::Tcp { .. } => self.authority(),
            #[cfg(unix)]
            Address::Unix(path) => path.display().to_string(),
        }
    }

    /// What pages of that server say where they come from.
    pub(super) fn origin(&self) -> String {
        let scheme = if matches!(self, Address::Tcp { tls: Some(_), .. }) { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    fn connect(&self, limit: &Limit) -> Result<Box<dyn Stream>> {
        let (host, port, tls) = match self {
            #[cfg(unix)]
            Address::Unix(path) => return Ok(Box::new(unix_stream(path, limit)?)),
            Address::Tcp { host, port, tls } => (host, *port, tls),
        };
        let what = |e: io::Error| failed(format!("{host}:{port} is not reached")).because(e);
        let mut last = io::Error::new(ErrorKind::NotFound, "it has no address");
        for address in (host.as_str(), port).to_socket_addrs().map_err(what)? {
            limit.check()?;
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => return self.wrapped(stream, tls.as_ref(), limit),
                Err(e) => last = e,
            }
        }
        Err(what(last))
    }

    fn wrapped(
        &self,
        mut stream: TcpStream,
        tls: Option<&Arc<ClientConfig>>,
        limit: &Limit,
    ) -> Result<Box<dyn Stream>> {
        let bad = |e: io::Error| broken(format!("no connection with {}: {}", self.authority(), said(&e)), e);
        stream.set_nodelay(true).map_err(bad)?;
        stream.set_write_timeout(Some(TURN)).map_err(bad)?;
        stream.set_read_timeout(Some(TURN)).map_err(bad)?;
        let Some(tls) = tls else { return Ok(Box::new(stream)) };
        #[cfg_attr(not(unix), expect(irrefutable_let_patterns, reason = "there is no other address there"))]
        let Address::Tcp { host, .. } = self else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(host.clone()).map_err(|e| bad(io::Error::other(e)))?;
        let mut connection =
            ClientConnection::new(Arc::clone(tls), name).map_err(|e| bad(io::Error::other(e)))?;
        // Whether it is the right one is known before anything is said.
        while connection.is_handshaking() {
            limit.check()?;
            match connection.complete_io(&mut stream) {
                Err(e) if !is_turn(&e) => return Err(bad(e)),
                _ => {}
            }
        }
        Ok(Box::new(StreamOwned::new(connection, stream)))
    }

    /// Connects, sends a request and reads the head of its answer. `body` is as long as `length` says.
    ///
    /// # Errors
    /// `Io`; `Interrupted` when that is asked for meanwhile.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &mut dyn Read,
        length: u64,
        mut limit: Limit,
    ) -> Result<Answer> {
        let mut stream = self.connect(&limit)?;
        let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {}\r\n", self.authority());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {length}\r\n\r\n");
        let bad = |e: io::Error| match (e.kind(), self) {
            (ErrorKind::ConnectionReset, Address::Tcp { tls: None, .. }) => mute(&self.name(), false),
            _ => broken(format!("{}: {}", self.name(), said(&e)), e),
        };
        put(&mut *stream, head.as_bytes(), &limit, bad)?;
        let mut body = body.take(length);
        let mut piece = [0; PIECE];
        loop {
            let read = body.read(&mut piece).map_err(bad)?;
            if read == 0 {
                break;
            }
            put(&mut *stream, &piece[..read], &limit, bad)?;
            // A long file takes as long as it takes.
            if length > PIECE as u64 {
                limit.until = Instant::now() + limit.time;
            }
        }
        while let Err(e) = stream.flush() {
            if !is_turn(&e) {
                return Err(bad(e));
            }
            limit.check()?;
        }
        let mut answer = Answer {
            status: 0,
            cookie: None,
            stream,
            buffer: Vec::new(),
            searched: 0,
            length: None,
            heard: Instant::now(),
            limit,
        };
        let mut searched = 0;
        let head = loop {
            let found = answer.buffer[searched..].windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = found.map(|end| searched + end) {
                let head = String::from_utf8_lossy(&answer.buffer[..end]).into_owned();
                answer.buffer.drain(..end + 4);
                break head;
            }
            if answer.buffer.len() > HEAD {
                let what = format!("{} does not answer as a web server does", self.name());
                return Err(failed(what).because(io::Error::other("another program listens at this port")));
            }
            searched = answer.buffer.len().saturating_sub(3);
            answer.limit.check()?;
            if answer.more().map_err(bad)? == Some(0) {
                // A Unix socket has nothing to encrypt.
                let is_plain = matches!(self, Address::Tcp { tls: None, .. });
                return Err(mute(&self.name(), !is_plain));
            }
        };
        answer.status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let mut lengths = fields.clone().filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        answer.length = lengths.find_map(|(_, value)| value.trim().parse().ok());
        let mut cookies = fields.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        answer.cookie = cookies.find_map(|(_, value)| Some(value.trim().split(';').next()?.to_owned()));
        Ok(answer)
    }
}

/// Sends a piece, a turn at a time.
fn put(
    stream: &mut dyn Stream,
    mut piece: &[u8],
    limit: &Limit,
    bad: impl Fn(io::Error) -> Error,
) -> Result<()> {
    while !piece.is_empty() {
        limit.check()?;
        match stream.write(piece) {
            Ok(0) => return Err(bad(ErrorKind::WriteZero.into())),
            Ok(written) => piece = &piece[written..],
            Err(e) if is_turn(&e) => {}
            Err(e) => return Err(bad(e)),
        }
    }
    Ok(())
}

impl Answer {
    /// Reads a piece. How long it is; 0 at the end; none while nothing comes.
    fn more(&mut self) -> io::Result<Option<usize>> {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece) {
            Ok(length) => {
                self.heard = Instant::now();
                self.buffer.extend_from_slice(&piece[..length]);
                Ok(Some(length))
            }
            Err(e) if is_turn(&e) => match self.heard.elapsed() > SILENCE {
                true => Err(io::Error::new(ErrorKind::TimedOut, "it has said nothing for a minute")),
                false => Ok(None),
            },
            Err(e) => Err(e),
        }
    }

    /// A whole document.
    pub(super) fn document(mut self) -> Result<Vec<u8>> {
        while self.buffer.len() <= DOCUMENT {
            // Not every server says that it closes a connection.
            if self.length.is_some_and(|length| self.buffer.len() >= length) {
                self.buffer.truncate(self.length.unwrap_or_default());
                return Ok(self.buffer);
            }
            self.limit.check()?;
            match self.more() {
                Ok(Some(0)) if self.length.is_some() => {
                    let e = io::Error::from(ErrorKind::UnexpectedEof);
                    return Err(broken(said(&e), io::Error::other("its answer is longer")));
                }
                Ok(Some(0)) => return Ok(self.buffer),
                Ok(_) => {}
                Err(e) => return Err(broken(said(&e), e)),
            }
        }
        Err(failed("the answer does not end".to_owned())
            .because(io::Error::other("another program listens there")))
    }

    /// The next line that is not empty; none while no whole one has come.
    ///
    /// # Errors
    /// `Io`, at the end too: it has none that is expected.
    pub(super) fn line(&mut self) -> Result<Option<Vec<u8>>> {
        // One piece at a time: between two, the caller may want to stop.
        let mut has_read = false;
        loop {
            let found = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = found.map(|end| self.searched + end) {
                self.searched = 0;
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if line.len() > 1 {
                    return Ok(Some(line));
                }
                continue;
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > LINE {
                return Err(failed("a line does not end".to_owned()));
            }
            if has_read {
                return Ok(None);
            }
            match self.more() {
                Ok(Some(0)) => return Err(failed("it was closed".to_owned())),
                Ok(Some(_)) => has_read = true,
                Ok(None) => return Ok(None),
                Err(e) => return Err(broken(said(&e), e)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
