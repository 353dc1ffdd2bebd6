//! A small HTTP/1.1 client for the web servers of sticks: one connection per request, bound to one network interface so that two
//! sticks with the same address are told apart, and bounded in time and memory whatever the server does.
//!
//! Sticks answer in ways that strict clients refuse: header lines without a blank after the colon, lines that end in LF alone,
//! connections closed instead of a length (docs/protocols/hilink-at.md section 1.1).

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::clock::Clock;
use crate::error::{Detail, Error, ErrorKind, Result};
use crate::event::Cancel;
use crate::link::{HttpLink, HttpRequest, HttpResponse, Moment};
use crate::mask;

/// The largest body that is taken. Web UI pages with everything in one file stay below 1 MiB.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// The largest head: status line and all header lines.
const LARGEST_HEAD: usize = 64 * 1024;

/// The most header lines of one answer.
const MOST_HEADERS: usize = 100;

/// How long one wait lasts at most, so that a request to stop is noticed.
const SLICE: Duration = Duration::from_millis(100);

/// How long one address may take to accept a connection when several are tried.
const CONNECT: Duration = Duration::from_secs(3);

/// Where sticks put their web server when the system does not say (docs/protocols/hilink-at.md section 1.1).
const USUAL_ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 168, 8, 1), Ipv4Addr::new(192, 168, 1, 1)];

/// A way to one web server.
#[derive(Debug)]
pub struct WebLink {
    /// Where it may be; only where it is, once a connection was accepted.
    addresses: Vec<SocketAddr>,
    /// The name and the port by which it was asked for.
    name: Option<(String, u16)>,
    #[cfg_attr(
        not(target_os = "linux"),
        allow(dead_code, reason = "only Linux binds a connection to one stick")
    )]
    netdev: Option<String>,
    clock: Clock,
}

impl WebLink {
    /// The server at `host`, a name or an address; through the network interface `netdev` where one is given. Nothing is sent yet, and a
    /// name is looked up by the first request, in its own time.
    pub fn new(host: &str, port: u16, netdev: Option<&str>) -> WebLink {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        WebLink {
            addresses: bare.parse::<IpAddr>().map(|address| (address, port).into()).into_iter().collect(),
            name: Some((host.to_owned(), port)),
            netdev: netdev.map(str::to_owned),
            clock: Clock::start(),
        }
    }

    /// The server that `url`, `http://HOST[:PORT][/]`, names.
    ///
    /// # Errors
    /// `Usage` when it is no such address, `Unsupported` for https.
    pub fn from_url(url: &str) -> Result<WebLink> {
        if url.starts_with("https://") {
            return Err(Error::new(ErrorKind::Unsupported, "sticks are spoken to by http, not https")
                .with("url", mask::address(url))
                .detail(Detail::HttpsOnly));
        }
        let bad = || Error::new(ErrorKind::Usage, "not a web address").with("url", mask::address(url));
        let rest = url.strip_prefix("http://").ok_or_else(bad)?;
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(plain) {
            return Err(bad());
        }
        match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => {
                Ok(WebLink::new(name, port.parse().map_err(|_| bad())?, None))
            }
            _ => Ok(WebLink::new(host, 80, None)),
        }
    }

    /// The web server of the stick whose network interface is `netdev`. The first request looks for it, in its own time, at all its likely
    /// addresses at once; it is the first of them in the order of likelihood that has accepted a connection by then.
    pub fn behind(netdev: &str) -> WebLink {
        let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
        let addresses =
            likely_addresses(&routes, netdev).into_iter().map(|address| (address, 80).into()).collect();
        WebLink { addresses, name: None, netdev: Some(netdev.to_owned()), clock: Clock::start() }
    }

    /// The server as requests name it.
    fn host(&self) -> String {
        let (name, port) = match (&self.name, self.addresses.first()) {
            (Some((name, port)), _) => (name.clone(), *port),
            (None, Some(address)) => (address.ip().to_string(), address.port()),
            (None, None) => return String::new(),
        };
        if port == 80 { name } else { format!("{name}:{port}") }
    }

    /// Looks a name up that has not been. The system does that without an end of ours, so it does it aside.
    fn look_up(
        &mut self,
        end: Instant,
        cancel: &Cancel,
        resolve: impl FnOnce(&str, u16) -> io::Result<Option<SocketAddr>> + Send + 'static,
    ) -> Result<()> {
        let Some((host, port)) = self.name.clone().filter(|_| self.addresses.is_empty()) else {
            return Ok(());
        };
        let none = || {
            Error::new(ErrorKind::Disconnected, format!("{host} has no address"))
                .detail(Detail::RequestSent(false))
        };
        let (sender, receiver) = channel();
        let asked = host.clone();
        let ask = move || drop(sender.send(resolve(&asked, port)));
        thread::Builder::new().spawn(ask).map_err(|e| self.failed(e, false))?;
        loop {
            let left = left_until(end, cancel).map_err(|e| self.ended(e, false, cancel))?;
            match receiver.recv_timeout(left.min(SLICE)) {
                Ok(Ok(Some(address))) => {
                    self.addresses = vec![address];
                    return Ok(());
                }
                Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => return Err(none()),
                Ok(Err(cause)) => return Err(none().because(cause)),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// A connection, and from then on no other address is tried.
    fn connect(&mut self, end: Instant, cancel: &Cancel) -> Result<TcpStream> {
        self.look_up(end, cancel, |host, port| Ok((host, port).to_socket_addrs()?.next()))?;
        let several = self.addresses.len() > 1;
        let end = if several { end.min(Instant::now() + CONNECT) } else { end };
        let mut attempts = Vec::new();
        for address in &self.addresses {
            attempts.push((self.socket(*address).map_err(|e| self.failed(e, false))?, *address));
        }
        match connect(attempts, end, cancel) {
            Ok((socket, address)) => {
                self.addresses = vec![address];
                Ok(socket.into())
            }
            Err(e) if several && !cancel.is_cancelled() && e.kind() != io::ErrorKind::PermissionDenied => {
                let netdev = self.netdev.as_deref().unwrap_or_default();
                let tried: Vec<String> = self.addresses.iter().map(|a| a.ip().to_string()).collect();
                Err(Error::new(ErrorKind::Disconnected, format!("no web server answers behind {netdev}"))
                    .with("netdev", netdev)
                    .with("tried", tried.join(", "))
                    .detail(Detail::RequestSent(false)))
            }
            Err(e) => Err(self.ended(e, false, cancel)),
        }
    }

    fn socket(&self, address: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        #[cfg(target_os = "linux")]
        if let Some(netdev) = &self.netdev {
            socket.bind_device(Some(netdev.as_bytes()))?;
        }
        Ok(socket)
    }

    fn ended(&self, cause: io::Error, sent: bool, cancel: &Cancel) -> Error {
        if cancel.is_cancelled() {
            return Error::new(ErrorKind::Interrupted, "stopped on request")
                .with("server", self.host())
                .detail(Detail::RequestSent(sent));
        }
        self.failed(cause, sent)
    }

    fn failed(&self, cause: io::Error, sent: bool) -> Error {
        use io::ErrorKind as K;
        let (kind, what) = match cause.kind() {
            K::TimedOut | K::WouldBlock => (ErrorKind::Timeout, "the web server did not answer in time"),
            K::PermissionDenied => {
                (ErrorKind::PermissionDenied, "the system denies access to the network interface")
            }
            K::ConnectionRefused => (ErrorKind::Disconnected, "the web server refused the connection"),
            K::UnexpectedEof if sent => {
                (ErrorKind::Disconnected, "the web server closed the connection early")
            }
            K::ConnectionReset
            | K::ConnectionAborted
            | K::BrokenPipe
            | K::UnexpectedEof
            | K::NotConnected => (ErrorKind::Disconnected, "the web server closed the connection"),
            K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown | K::AddrNotAvailable => {
                (ErrorKind::Disconnected, "the web server cannot be reached")
            }
            // A network interface that went away while it was used.
            _ if matches!(cause.raw_os_error(), Some(ENXIO | ENODEV)) => {
                (ErrorKind::Disconnected, "the stick's network interface is gone")
            }
            _ => (ErrorKind::Io, "speaking to the web server failed"),
        };
        Error::new(kind, what).with("server", self.host()).detail(Detail::RequestSent(sent)).because(cause)
    }
}

const ENXIO: i32 = 6;
const ENODEV: i32 = 19;
const EINPROGRESS: i32 = if cfg!(target_os = "linux") { 115 } else { 36 };

impl HttpLink for WebLink {
    fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
        // What cannot be sent fails before anything is connected to.
        encode(request, "")?;
        let end = Instant::now() + request.timeout;
        let cancel = &request.cancel;
        let stream = self.connect(end, cancel)?;
        let message = encode(request, &self.host())?;
        let mut stream = Timed { stream, end, cancel };
        stream.write_all(&message).map_err(|e| self.ended(e, false, cancel))?;
        let mut reader = BufReader::new(stream);
        read_response(&mut reader).map_err(|e| match e {
            Trouble::Io(e) => self.ended(e, true, cancel),
            Trouble::Bad(what) => Error::new(ErrorKind::UnexpectedAnswer, what)
                .with("server", self.host())
                .detail(Detail::RequestSent(true)),
        })
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.clock.sleep(time);
    }
}

/// The request as it is sent. What would break out of its line is refused: tokens and cookies come from the server.
fn encode(request: &HttpRequest, host: &str) -> Result<Vec<u8>> {
    let mut text = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", request.method, request.path);
    let clean = |part: &str| !part.bytes().any(|b| b.is_ascii_control());
    let path_is_one_word = request.path.starts_with('/') && !request.path.contains(' ');
    if !clean(&request.path) || !path_is_one_word {
        return Err(Error::new(ErrorKind::Usage, "the path of a request is one word that begins with /"));
    }
    for (name, value) in &request.headers {
        if !clean(name) || !clean(value) || name.contains(':') || name.is_empty() {
            return Err(
                Error::new(ErrorKind::Usage, "a header of the request has a line break").with("header", name)
            );
        }
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !request.body.is_empty() || request.method == "POST" {
        text.push_str(&format!("Content-Length: {}\r\n", request.body.len()));
    }
    text.push_str("Connection: close\r\n\r\n");
    let mut message = text.into_bytes();
    message.extend_from_slice(&request.body);
    Ok(message)
}

/// Connects to all of them until `end`, and hears of a request to stop. The first in their order that is connected when it is looked is
/// taken; where none can be, the error is that of the first.
fn connect(
    attempts: Vec<(Socket, SocketAddr)>,
    end: Instant,
    cancel: &Cancel,
) -> io::Result<(Socket, SocketAddr)> {
    let mut first_error = None;
    let mut waiting = Vec::new();
    for (socket, address) in attempts {
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Err(e) if e.kind() != io::ErrorKind::WouldBlock && e.raw_os_error() != Some(EINPROGRESS) => {
                first_error.get_or_insert(e);
            }
            _ => waiting.push((socket, address)),
        }
    }
    let mut pause = Duration::from_millis(1);
    loop {
        let mut still = Vec::new();
        for (socket, address) in waiting {
            if let Some(error) = socket.take_error()? {
                first_error.get_or_insert(error);
            } else if socket.peer_addr().is_ok() {
                socket.set_nonblocking(false)?;
                return Ok((socket, address));
            } else {
                still.push((socket, address));
            }
        }
        if still.is_empty() {
            return Err(first_error.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
        }
        waiting = still;
        let left = left_until(end, cancel)?;
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(SLICE);
    }
}

/// How long something may still wait.
fn left_until(end: Instant, cancel: &Cancel) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    // Not `Interrupted`: that one is tried again by whoever reads.
    if cancel.is_cancelled() {
        Err(io::ErrorKind::ConnectionAborted.into())
    } else if left.is_zero() {
        Err(io::ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

/// A stream on which everything ends at one moment, however slowly it drips, or when somebody asks.
struct Timed<'a> {
    stream: TcpStream,
    end: Instant,
    cancel: &'a Cancel,
}

impl Timed<'_> {
    /// Tries again slice by slice.
    fn sliced<T>(
        &mut self,
        mut attempt: impl FnMut(&mut TcpStream, Option<Duration>) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            let left = left_until(self.end, self.cancel)?;
            match attempt(&mut self.stream, Some(left.min(SLICE))) {
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                other => return other,
            }
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.sliced(|stream, slice| {
            stream.set_read_timeout(slice)?;
            stream.read(buffer)
        })
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sliced(|stream, slice| {
            stream.set_write_timeout(slice)?;
            stream.write(bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Trouble {
    Io(io::Error),
    Bad(&'static str),
}

impl From<io::Error> for Trouble {
    fn from(e: io::Error) -> Self {
        Trouble::Io(e)
    }
}

fn read_response(reader: &mut impl BufRead) -> Result<HttpResponse, Trouble> {
    let mut room = LARGEST_HEAD;
    loop {
        let mut response = parse_head(&head(reader, &mut room)?)?;
        // 100 to 199 announce the answer proper; the head as a whole bounds how many.
        if (100..200).contains(&response.status) {
            continue;
        }
        response.body = body(reader, &response)?;
        return Ok(response);
    }
}

/// The status line and all header lines, with the empty line after them.
fn head(reader: &mut impl BufRead, room: &mut usize) -> Result<Vec<u8>, Trouble> {
    let mut head = Vec::new();
    // The status line, the header lines, the empty line.
    for _ in 0..MOST_HEADERS + 2 {
        let line = line(reader, room)?;
        // Whatever else speaks first need not be read to its end, which may never come.
        if head.is_empty() && !line.starts_with(b"HTTP/1.") {
            return Err(Trouble::Bad(NOT_HTTP));
        }
        head.extend_from_slice(&line);
        head.extend_from_slice(b"\r\n");
        if line.is_empty() {
            return Ok(head);
        }
    }
    Err(Trouble::Bad("the answer has too many headers"))
}

fn parse_head(head: &[u8]) -> Result<HttpResponse, Trouble> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Response::new(&mut fields);
    let mut config = httparse::ParserConfig::default();
    // One odd line is not worth an answer: it is left out.
    config
        .ignore_invalid_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_obsolete_multiline_headers_in_responses(true);
    if !config.parse_response(&mut parsed, head).is_ok_and(|status| status.is_complete()) {
        return Err(Trouble::Bad(NOT_HTTP));
    }
    let status = parsed.code.filter(|code| (100..600).contains(code)).ok_or(Trouble::Bad(NOT_HTTP))?;
    let text = |field: &httparse::Header<'_>| {
        (field.name.to_owned(), String::from_utf8_lossy(field.value).trim().to_owned())
    };
    Ok(HttpResponse { status, headers: parsed.headers.iter().map(text).collect(), body: Vec::new() })
}

const NOT_HTTP: &str = "the answer is not HTTP";

/// One line without its end. Room shrinks by what was read.
fn line(reader: &mut impl BufRead, room: &mut usize) -> Result<Vec<u8>, Trouble> {
    let mut text = Vec::new();
    let n = reader.take(*room as u64).read_until(b'\n', &mut text)?;
    if text.pop() != Some(b'\n') {
        if n == *room {
            return Err(Trouble::Bad("the head of the answer is too large"));
        }
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    *room -= n;
    if text.last() == Some(&b'\r') {
        text.pop();
    }
    Ok(text)
}

fn body(reader: &mut impl BufRead, response: &HttpResponse) -> Result<Vec<u8>, Trouble> {
    if matches!(response.status, 204 | 304) {
        return Ok(Vec::new());
    }
    if response.header_all("Transfer-Encoding").any(|v| v.to_ascii_lowercase().contains("chunked")) {
        return chunked(reader);
    }
    let mut lengths = response.header_all("Content-Length");
    let Some(length) = lengths.next() else {
        return until_closed(reader);
    };
    if lengths.any(|other| other != length) {
        return Err(Trouble::Bad("the answer gives two lengths"));
    }
    if !length.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Trouble::Bad("the content length of the reply is not a number"));
    }
    match length.parse::<usize>() {
        Ok(length) if length <= LARGEST_BODY => exactly(reader, length),
        _ => Err(Trouble::Bad(TOO_LARGE)),
    }
}

const TOO_LARGE: &str = "the answer is larger than anything sane";

fn exactly(reader: &mut impl BufRead, length: usize) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    reader.take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(body)
}

fn until_closed(reader: &mut impl BufRead) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    reader.take(LARGEST_BODY as u64 + 1).read_to_end(&mut body)?;
    if body.len() > LARGEST_BODY {
        return Err(Trouble::Bad(TOO_LARGE));
    }
    Ok(body)
}

fn chunked(reader: &mut impl BufRead) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    loop {
        let mut room = LARGEST_HEAD;
        let size = line(reader, &mut room)?;
        let digits = size.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
        let size = std::str::from_utf8(digits).ok().filter(|_| plain);
        let Some(size) = size.and_then(|s| usize::from_str_radix(s, 16).ok()) else {
            return Err(Trouble::Bad("a piece of the answer has no length"));
        };
        if size > LARGEST_BODY - body.len() {
            return Err(Trouble::Bad(TOO_LARGE));
        }
        if size == 0 {
            // Trailers are of no use, and bounded as a head is.
            while !line(reader, &mut room)?.is_empty() {}
            return Ok(body);
        }
        body.extend(exactly(reader, size)?);
        if !line(reader, &mut room)?.is_empty() {
            return Err(Trouble::Bad("a piece of the answer is longer than it said"));
        }
    }
}

/// Addresses behind a network interface that may be its stick's: the gateways in the text of /proc/net/route, the first address
/// of the interface's own networks, then the usual ones.
fn likely_addresses(routes: &str, netdev: &str) -> Vec<Ipv4Addr> {
    let mut gateways = Vec::new();
    let mut first_of_network = Vec::new();
    for line in routes.lines().skip(1) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [name, destination, gateway, ..] = fields[..] else { continue };
        // The kernel prints addresses as words in its own byte order.
        let address =
            |text: &str| u32::from_str_radix(text, 16).ok().map(|word| Ipv4Addr::from(word.to_ne_bytes()));
        let (Some(destination), Some(gateway)) = (address(destination), address(gateway)) else { continue };
        if name != netdev {
            continue;
        }
        if !gateway.is_unspecified() {
            gateways.push(gateway);
        } else if !destination.is_unspecified() {
            first_of_network.push(Ipv4Addr::from(u32::from(destination) | 1));
        }
    }
    let mut all: Vec<Ipv4Addr> = Vec::new();
    for address in gateways.into_iter().chain(first_of_network).chain(USUAL_ADDRESSES) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all.truncate(8);
    all
}

#[cfg(test)]
mod tests;
