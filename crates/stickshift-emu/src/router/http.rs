//! A stick's web server as a stream of bytes: what stands between a TCP connection and [`Device::http`].
//!
//! The server of a real stick closes after every answer and sends some headers without a blank after the colon
//! (docs/protocols/hilink-at.md section 1.1).

use std::time::Duration;

use stickshift::event::Cancel;
use stickshift::link::{HttpRequest, HttpResponse, Moment};

use crate::device::{Device, HttpAnswer};

/// A head larger than this is nobody's.
const HEAD_LIMIT: usize = 32 * 1024;
/// More headers than this no client sends.
const MOST_HEADERS: usize = 64;
/// A body larger than this is nobody's.
const BODY_LIMIT: usize = 1024 * 1024;

/// Headers that come without a blank after the colon.
const TIGHT: [&str; 2] = ["set-cookie", "__requestverificationtoken"];

/// One connection.
#[derive(Debug, Default)]
pub struct Connection {
    received: Vec<u8>,
    answer: Vec<u8>,
    answer_at: Option<Moment>,
    silent: bool,
    over: bool,
}

/// What the connection holds so far.
enum Received {
    Part,
    Whole { request: HttpRequest, length: usize },
    Nonsense,
}

impl Connection {
    /// Bytes came; the device is asked when they are a whole request.
    pub fn receive(&mut self, now: Moment, bytes: &[u8], device: &mut dyn Device) {
        if self.over || self.silent || self.answer_at.is_some() {
            return;
        }
        self.received.extend_from_slice(bytes);
        let request = match read(&self.received) {
            Received::Part => return,
            Received::Nonsense => {
                self.over = true;
                return;
            }
            Received::Whole { request, length } => {
                self.received.drain(..length);
                request
            }
        };
        match device.http(now, &request) {
            HttpAnswer::Reply(response, after) => {
                self.answer = write(&response);
                self.answer_at = Some(now + after);
            }
            HttpAnswer::Dropped => self.over = true,
            HttpAnswer::Silent => self.silent = true,
        }
    }

    /// What is to be sent at `now`, once.
    pub fn take(&mut self, now: Moment) -> Vec<u8> {
        if self.answer_at.is_some_and(|at| at <= now) && !self.over {
            self.over = true;
            return std::mem::take(&mut self.answer);
        }
        Vec::new()
    }

    /// Whether the server closes it.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// When there will be something to send.
    pub fn next(&self) -> Option<Moment> {
        self.answer_at.filter(|_| !self.over)
    }
}

fn read(bytes: &[u8]) -> Received {
    let mut fields = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut fields);
    let start = match head.parse(bytes) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) if bytes.len() <= HEAD_LIMIT => return Received::Part,
        _ => return Received::Nonsense,
    };
    let method = match head.method {
        Some("GET" | "HEAD") => "GET",
        Some("POST" | "PUT") => "POST",
        _ => return Received::Nonsense,
    };
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|field| (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let Ok(length) = length.map_or(Ok(0), |(_, value)| value.parse::<usize>()) else {
        return Received::Nonsense;
    };
    if length > BODY_LIMIT {
        return Received::Nonsense;
    }
    let Some(body) = bytes[start..].get(..length) else { return Received::Part };
    // Some clients send the whole address.
    let target = head.path.unwrap_or_default();
    let path = match target.strip_prefix("http://") {
        Some(address) => address.find('/').map_or("/", |at| &address[at..]),
        None => target,
    };
    let request = HttpRequest {
        method,
        path: path.to_owned(),
        headers,
        body: body.to_vec(),
        timeout: Duration::from_secs(30),
        cancel: Cancel::new(),
    };
    Received::Whole { request, length: start + length }
}

fn write(response: &HttpResponse) -> Vec<u8> {
    let reason = match response.status {
        200 => "OK",
        307 => "Temporary Redirect",
        404 => "Not Found",
        _ => "Error",
    };
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", response.status).into_bytes();
    for (name, value) in &response.headers {
        let blank = if TIGHT.iter().any(|tight| name.eq_ignore_ascii_case(tight)) { "" } else { " " };
        bytes.extend_from_slice(format!("{name}:{blank}{value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&response.body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticks::catalogue::plugged_in;

    const GET: &[u8] = b"GET /api/device/basic_information HTTP/1.1\r\nHost: 192.168.8.1\r\n\r\n";

    #[test]
    fn a_request_may_come_in_any_pieces() {
        let (mut stick, now) = plugged_in("e3372h");
        for cut in 0..GET.len() {
            let mut connection = Connection::default();
            connection.receive(now, &GET[..cut], &mut *stick);
            assert_eq!(connection.next(), None, "{cut}");
            connection.receive(now, &GET[cut..], &mut *stick);
            let at = connection.next().expect("an answer");
            assert!(connection.take(at - Duration::from_nanos(1)).is_empty() && !connection.is_over());
            let answer = String::from_utf8(connection.take(at)).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("E3372"), "{answer}");
            assert!(connection.is_over());
        }
    }

    #[test]
    fn a_body_is_waited_for_and_cookies_stand_close() {
        let (mut stick, now) = plugged_in("e3372h");
        let mut connection = Connection::default();
        connection.receive(now, b"GET / HTTP/1.1\r\n\r\n", &mut *stick);
        let page = String::from_utf8(connection.take(connection.next().unwrap())).unwrap();
        assert!(page.contains("\r\nSet-Cookie:SessionID="), "{page}");
        let mut connection = Connection::default();
        connection.receive(
            now,
            b"POST /api/device/mode HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc",
            &mut *stick,
        );
        assert_eq!(connection.next(), None);
        connection.receive(now, b"d", &mut *stick);
        assert!(connection.next().is_some());
    }

    #[test]
    fn nonsense_closes() {
        let (mut stick, now) = plugged_in("e3372h");
        for bad in [
            &b"BREW / HTTP/1.1\r\n\r\n"[..],
            b"GET\r\n\r\n",
            b"\xff\xfe\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        ] {
            let mut connection = Connection::default();
            connection.receive(now, bad, &mut *stick);
            assert!(connection.is_over() && connection.take(now).is_empty(), "{bad:?}");
        }
        let mut connection = Connection::default();
        connection.receive(now, &vec![b'a'; HEAD_LIMIT + 1], &mut *stick);
        assert!(connection.is_over());
        let mut connection = Connection::default();
        let many = [&b"GET / HTTP/1.1\r\n"[..], &b"X: y\r\n".repeat(MOST_HEADERS + 1)].concat();
        connection.receive(now, &many, &mut *stick);
        assert!(connection.is_over());
    }
}
