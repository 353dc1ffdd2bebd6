//! A web server that means harm, or is broken, in every way that is known: what it says is a table.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// What the server does on a connection, one after the other; at the end it closes it.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Reads the request whole.
    Read,
    /// Says this.
    Send(&'static [u8]),
    /// Says this so many times.
    Times(usize, &'static [u8]),
    /// Says this as fast as it is taken, until the client is gone.
    Forever(&'static [u8]),
    /// Says this every few milliseconds, until the client is gone.
    Drip(&'static [u8]),
    /// Says nothing until the client is gone.
    Mute,
    /// Says what it heard, until the client is gone.
    Echo,
    /// Says no more, and goes on listening.
    HalfClose,
}

/// How one request must end, whose own time is all that ends it where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With an answer of this status, whatever is in it.
    Answer(u16),
    /// By the time of the request.
    Time,
    /// At once: closed too early, or refused as no answer.
    Closed,
    /// At once: no answer that can be read.
    Refused,
}

/// A way to be hostile.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// For people.
    pub name: &'static str,
    /// What it does.
    pub steps: &'static [Step],
    /// What must come of it.
    pub end: End,
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
const OK_END: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Every mode.
pub const MODES: &[Mode] = {
    use End::{Answer, Closed, Refused, Time};
    use Step::{Drip, Echo, Forever, HalfClose, Mute, Read, Send, Times};
    const fn mode(name: &'static str, steps: &'static [Step], end: End) -> Mode {
        Mode { name, steps, end }
    }
    &[
        // The connection.
        mode("closes at once", &[], Closed),
        mode("closes after the request", &[Read], Closed),
        mode("never answers", &[Read, Mute], Time),
        mode("never reads", &[Mute], Time),
        mode("says no more before the request", &[HalfClose, Mute], Closed),
        mode("says no more in the middle of the head", &[Read, Send(OK), HalfClose, Mute], Closed),
        mode("says no more in the middle of the body", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<"), HalfClose, Mute], Closed),
        mode("one byte and no more", &[Read, Send(b"H"), Mute], Time),
        mode("echoes", &[Echo], Refused),
        // The first line.
        mode("an empty line first", &[Read, Send(b"\r\nHTTP/1.1 200 OK\r\n\r\n")], Refused),
        mode("a binary first line", &[Read, Send(b"\xff\xfe\x00\x80\x1b[2J\r\n\r\n")], Refused),
        mode("binary noise for ever", &[Read, Forever(b"\x80\x00\xff\x1b\x07")], Refused),
        mode("NULs for ever", &[Read, Forever(b"\0")], Refused),
        mode("a TLS alert", &[Read, Send(b"\x15\x03\x01\x00\x02\x02\x28")], Closed),
        mode("slow TLS", &[Read, Drip(b"\x16\x03\x01")], Time),
        mode("SSH", &[Send(b"SSH-2.0-dropbear_2020.81\r\n"), Mute], Refused),
        mode("SMTP for ever", &[Send(b"220-hello\r\n"), Forever(b"220-hello\r\n")], Refused),
        mode("HTTP/2", &[Read, Send(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"), Mute], Time),
        mode("HTTP/0.9", &[Read, Send(b"<html>\n<response>OK</response></html>")], Refused),
        mode("an ICY status", &[Read, Send(b"ICY 200 OK\r\n\r\n")], Refused),
        mode("no status", &[Read, Send(b"HTTP/1.1 OK\r\n\r\n")], Refused),
        mode("status 0", &[Read, Send(b"HTTP/1.1 000 OK\r\n\r\n")], Refused),
        mode("status 999", &[Read, Send(b"HTTP/1.1 999 OK\r\n\r\n")], Refused),
        mode("status 99999", &[Read, Send(b"HTTP/1.1 99999 OK\r\n\r\n")], Refused),
        mode("status -1", &[Read, Send(b"HTTP/1.1 -1 OK\r\n\r\n")], Refused),
        mode("control characters in the status", &[Read, Send(b"HTTP/1.1 200 \x1b[2J\x07\r\n\r\n")], Refused),
        mode("a first line without end", &[Read, Send(b"HTTP/1.1 200 "), Forever(b"O")], Refused),
        mode("a dripping first line", &[Read, Send(b"HTTP/1.1 200 "), Drip(b"O")], Time),
        mode("100 for ever", &[Read, Forever(b"HTTP/1.1 100 Continue\r\n\r\n")], Refused),
        mode("100 now and then", &[Read, Drip(b"HTTP/1.1 100 Continue\r\n\r\n")], Time),
        mode("100 and no more", &[Read, Send(b"HTTP/1.1 100 Continue\r\n\r\n"), Mute], Time),
        mode("101 and no more", &[Read, Send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), Mute], Time),
        mode("204 with a body for ever", &[Read, Send(b"HTTP/1.1 204 No Content\r\n\r\n"), Forever(b"x")], Answer(204)),
        mode("304 without a reason", &[Read, Send(b"HTTP/1.1 304 Not Modified\r\n\r\n"), Mute], Answer(304)),
        mode("500 and a drip", &[Read, Send(b"HTTP/1.1 500 No\r\n\r\n"), Drip(b"x")], Time),
        // The head.
        mode("headers for ever", &[Read, Send(OK), Forever(b"A: b\r\n")], Refused),
        mode("10,000 headers", &[Read, Send(OK), Times(10_000, b"A: b\r\n"), Send(b"\r\n")], Refused),
        mode("dripping headers", &[Read, Send(OK), Drip(b"A: b\r\n")], Time),
        mode("a header without end", &[Read, Send(OK), Send(b"A: "), Forever(b"b")], Refused),
        mode("a header of 1 MB", &[Read, Send(OK), Send(b"A: "), Times(100_000, b"0123456789"), Send(b"\r\n\r\n")], Refused),
        mode("a folded header for ever", &[Read, Send(OK), Send(b"A: b\r\n"), Forever(b" c\r\n")], Refused),
        mode("a head without its end", &[Read, Send(OK), Send(b"A: b\r\n")], Closed),
        mode("a head without its end, kept open", &[Read, Send(OK), Send(b"A: b\r\n"), Mute], Time),
        mode("lines that end in CR alone", &[Read, Send(b"HTTP/1.1 200 OK\rA: b\r\r")], Closed),
        mode("a NUL in a header", &[Read, Send(b"HTTP/1.1 200 OK\r\nA\0: b\0\r\n\r\n")], Refused),
        mode("cookies of 60 kB", &[Read, Send(OK), Send(b"Set-Cookie: SessionID="), Times(6_000, b"0123456789"), Send(b"\r\n\r\n<response/>")], Answer(200)),
        mode("cookies with what breaks lines", &[Read, Send(b"HTTP/1.1 200 OK\r\nSet-Cookie: SessionID=a\x0bb\x1b[2J\r\nSet-Cookie: =\r\nSet-Cookie: ;;;\r\n\r\n<response/>")], Answer(200)),
        mode("a token of 60 kB", &[Read, Send(OK), Send(b"__RequestVerificationToken: "), Times(6_000, b"0123456#89"), Send(b"\r\n\r\n<response/>")], Answer(200)),
        // The length of the body.
        mode("less than its length, closed", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<response/>")], Closed),
        mode("less than its length, kept open", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<response/>"), Mute], Time),
        mode("more than its length", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n<response/>"), Forever(b"x")], Answer(200)),
        mode("length 0 and a body", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n<response/>")], Answer(200)),
        mode("two lengths", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 11\r\n\r\n<response/>")], Refused),
        mode("length -1", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n<response/>")], Refused),
        mode("length 1e3", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n<response/>")], Refused),
        mode("length of a gigabyte", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"), Forever(b"x")], Refused),
        mode("length that overflows", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n<response/>")], Refused),
        mode("a dripping body with a length", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n"), Drip(b"<")], Time),
        mode("a dripping body without", &[Read, Send(OK_END), Drip(b"<")], Time),
        mode("a body for ever", &[Read, Send(OK_END), Forever(b"<response>")], Refused),
        // Pieces.
        mode("pieces without a length", &[Read, Send(CHUNKED), Send(b"zz\r\n")], Refused),
        mode("a piece with a sign", &[Read, Send(CHUNKED), Send(b"+1\r\na\r\n")], Refused),
        mode("a piece of 4 GB", &[Read, Send(CHUNKED), Send(b"ffffffff\r\n"), Forever(b"x")], Refused),
        mode("a piece whose length overflows", &[Read, Send(CHUNKED), Send(b"fffffffffffffffff\r\n")], Refused),
        mode("a piece longer than it says", &[Read, Send(CHUNKED), Send(b"1\r\nabc\r\n0\r\n\r\n")], Refused),
        mode("pieces for ever", &[Read, Send(CHUNKED), Forever(b"1000\r\n"), Mute], Refused),
        mode("dripping pieces", &[Read, Send(CHUNKED), Drip(b"1\r\nx\r\n")], Time),
        mode("a piece's extension for ever", &[Read, Send(CHUNKED), Send(b"1;"), Forever(b"x")], Refused),
        mode("trailers for ever", &[Read, Send(CHUNKED), Send(b"0\r\n"), Forever(b"A: b\r\n")], Refused),
        mode("dripping trailers", &[Read, Send(CHUNKED), Send(b"0\r\n"), Drip(b"A: b\r\n")], Time),
        mode("pieces that end early", &[Read, Send(CHUNKED), Send(b"5\r\nhel")], Closed),
        mode("a length and pieces", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), Mute], Answer(200)),
        // Elsewhere.
        mode("to itself, for ever", &[Read, Send(b"HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")], Answer(302)),
        mode("to another server", &[Read, Send(b"HTTP/1.1 302 F\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n")], Answer(302)),
        mode("to a path that breaks lines", &[Read, Send(b"HTTP/1.1 302 F\r\nLocation: /a b\tc HTTP/1.1\x0bX: y\r\nContent-Length: 0\r\n\r\n")], Answer(302)),
        mode("to a path of 60 kB", &[Read, Send(b"HTTP/1.1 302 F\r\nLocation: /"), Times(6_000, b"0123456789"), Send(b"\r\nContent-Length: 0\r\n\r\n")], Answer(302)),
        // What is in it.
        mode("gzip that nobody asked for", &[Read, Send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03"), Times(1_000, b"\xec\xc1\x01\x01\0\0\0\x80\x90\xfe\xaf\xee\x08\x0a")], Answer(200)),
        mode("nothing at all", &[Read, Send(OK_END)], Answer(200)),
        mode("NULs", &[Read, Send(OK_END), Times(100_000, b"\0\0\0\0\0\0\0\0\0\0")], Answer(200)),
        mode("JSON", &[Read, Send(OK_END), Send(b"{\"response\":{\"State\":-1}}")], Answer(200)),
        mode("half a document", &[Read, Send(OK_END), Send(b"<response><State>")], Answer(200)),
        mode("elements in elements", &[Read, Send(OK_END), Times(300_000, b"<a>")], Answer(200)),
        mode("a million elements", &[Read, Send(OK_END), Send(b"<response>"), Times(800_000, b"<a/>"), Send(b"</response>")], Answer(200)),
        mode("entities of entities", &[Read, Send(OK_END), Send(b"<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><response><State>&c;&c;&c;</State></response>")], Answer(200)),
        mode("a file of the host", &[Read, Send(OK_END), Send(b"<!DOCTYPE r [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><response><DeviceName>&a;</DeviceName></response>")], Answer(200)),
        mode("an attribute of 3 MB", &[Read, Send(OK_END), Send(b"<response a=\""), Times(300_000, b"0123456789"), Send(b"\"/>")], Answer(200)),
        mode("a number of 3 MB", &[Read, Send(OK_END), Send(b"<response><State>"), Times(300_000, b"0123456789"), Send(b"</State></response>")], Answer(200)),
        mode("busy for ever", &[Read, Send(OK_END), Send(b"<error><code>100004</code><message/></error>")], Answer(200)),
        mode("a wrong token for ever", &[Read, Send(OK_END), Send(b"<error><code>125001</code><message/></error>")], Answer(200)),
        mode("a lost session for ever", &[Read, Send(OK_END), Send(b"<error><code>125002</code><message/></error>")], Answer(200)),
        mode("log in, for ever", &[Read, Send(OK_END), Send(b"<error><code>100003</code><message/></error>")], Answer(200)),
        mode("an error that nobody knows", &[Read, Send(OK_END), Send(b"<error><code>99999999999999999999</code><message>\x1b[2J</message></error>")], Answer(200)),
        mode("more messages than it has", &[Read, Send(OK_END), Send(b"<response><Count>4294967295</Count><LocalInbox>4294967295</LocalInbox><SimInbox>4294967295</SimInbox><Messages></Messages></response>")], Answer(200)),
        mode("the same message for ever", &[Read, Send(OK_END), Send(b"<response><Count>4294967295</Count><LocalInbox>4294967295</LocalInbox><Messages><Message><Index>1</Index><Smstat>0</Smstat><Phone>1</Phone><Content>x</Content><Date>2026-01-01 00:00:00</Date><SmsType>1</SmsType></Message></Messages></response>")], Answer(200)),
    ]
};

/// Begins to serve `mode` on this computer, as long as the process lives.
///
/// # Panics
/// When there is no free port.
pub fn serve(mode: &'static Mode) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || play(mode, stream));
        }
    });
    address
}

/// Ends when the client is gone, which shows when it is written to or read from.
fn play(mode: &Mode, mut stream: TcpStream) {
    for step in mode.steps {
        let done = match *step {
            Step::Read => read_request(&mut stream),
            Step::Send(bytes) => stream.write_all(bytes),
            Step::Times(times, bytes) => stream.write_all(&bytes.repeat(times)),
            Step::Forever(bytes) => {
                let block = bytes.repeat(4096);
                loop {
                    if let Err(gone) = stream.write_all(&block) {
                        break Err(gone);
                    }
                }
            }
            Step::Drip(bytes) => loop {
                if let Err(gone) = stream.write_all(bytes) {
                    break Err(gone);
                }
                thread::sleep(Duration::from_millis(20));
            },
            Step::Mute => std::io::copy(&mut stream, &mut std::io::sink()).map(|_| ()),
            Step::Echo => {
                let mut other = stream.try_clone().expect("the same stream");
                std::io::copy(&mut stream, &mut other).map(|_| ())
            }
            Step::HalfClose => stream.shutdown(Shutdown::Write),
        };
        if done.is_err() {
            return;
        }
    }
}

/// A head, and as much after it as it says.
fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = request.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok());
            if request.len() >= end + 4 + length.unwrap_or(0usize) {
                return Ok(());
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => request.extend_from_slice(&buffer[..n]),
        }
    }
}
