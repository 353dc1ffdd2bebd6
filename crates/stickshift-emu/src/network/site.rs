//! The web server that stands behind every address of the operator's network (HTTP/1.0, one answer per connection).
//!
//! | path | answer |
//! |---|---|
//! | `/generate_204`, `/gen_204` | 204, as captive portal probes expect |
//! | `/nm`, `/check_network_status.txt` | `NetworkManager is online`, as its probe expects |
//! | `/bytes/N` | N bytes: lines of seven digits that count up from zero, as `seq -w` prints them |
//! | `/address` | the address that the request came from |
//! | POST to any path | how many bytes came |
//! | any other | a short page |

use std::fmt::Write as _;
use std::net::IpAddr;

/// A head larger than this is nobody's.
const HEAD_LIMIT: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// More than this nobody is sent.
const MOST_BYTES: u64 = 1 << 30;
/// Seven digits and a line feed.
const LINE: u64 = 8;

/// Where a captive portal has its login page.
pub(super) const PORTAL: &str = "portal.example";

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Visit {
    received: Vec<u8>,
    /// Of a body that is still coming, and how many bytes of it came.
    upload: Option<(u64, u64)>,
    answer: Option<Answer>,
}

#[derive(Debug)]
struct Answer {
    head: Vec<u8>,
    /// Bytes of the head that were sent.
    head_sent: usize,
    /// Bytes of counted lines after the head, and how many of them were sent.
    lines: u64,
    lines_sent: u64,
}

impl Visit {
    /// Bytes came from `peer`. `portal`: every page but the login page sends there.
    pub(super) fn receive(&mut self, bytes: &[u8], peer: IpAddr, portal: bool) {
        if self.answer.is_some() {
            return;
        }
        if let Some((length, came)) = &mut self.upload {
            *came += bytes.len() as u64;
            if *came >= *length {
                self.answer = Some(page("200 OK", &format!("{length} bytes came\n")));
            }
            return;
        }
        self.received.extend_from_slice(bytes);
        let mut fields = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut head = httparse::Request::new(&mut fields);
        let start = match head.parse(&self.received) {
            Ok(httparse::Status::Complete(start)) => start,
            Ok(httparse::Status::Partial) if self.received.len() <= HEAD_LIMIT => return,
            _ => {
                self.answer = Some(page("400 Bad Request", ""));
                return;
            }
        };
        let field = |name: &str| {
            let found = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            found.map(|field| String::from_utf8_lossy(field.value).trim().to_owned())
        };
        let host = field("Host").unwrap_or_default();
        let path = head.path.unwrap_or_default();
        // Some clients send the whole address.
        let path =
            path.strip_prefix("http://").map_or(path, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
        if portal {
            self.answer = Some(match host.split(':').next() {
                Some(PORTAL) => page("200 OK", "Log in to use this network.\n"),
                _ => with_headers("302 Found", &format!("Location: http://{PORTAL}/\r\n"), ""),
            });
            return;
        }
        if head.method == Some("POST") {
            let length = field("Content-Length").and_then(|text| text.parse().ok()).unwrap_or(0);
            self.upload = Some((length, 0));
            let body = self.received.split_off(start);
            return self.receive(&body, peer, portal);
        }
        let mut answer = answer(path.split('?').next().unwrap_or_default(), peer);
        if head.method == Some("HEAD") {
            answer.lines = 0;
        }
        self.answer = Some(answer);
    }

    /// Fills `room` with what is to be sent; how much that was.
    pub(super) fn fill(&mut self, room: &mut [u8]) -> usize {
        let Some(answer) = &mut self.answer else { return 0 };
        let head = &answer.head[answer.head_sent..];
        let mut filled = head.len().min(room.len());
        room[..filled].copy_from_slice(&head[..filled]);
        answer.head_sent += filled;
        while filled < room.len() && answer.lines_sent < answer.lines {
            let (number, column) = (answer.lines_sent / LINE, (answer.lines_sent % LINE) as usize);
            let line = line(number);
            let left = usize::try_from(answer.lines - answer.lines_sent).unwrap_or(usize::MAX);
            let rest = &line[column..];
            let rest = &rest[..rest.len().min(left).min(room.len() - filled)];
            room[filled..filled + rest.len()].copy_from_slice(rest);
            filled += rest.len();
            answer.lines_sent += rest.len() as u64;
        }
        filled
    }

    /// Whether there is something to send.
    pub(super) fn has_output(&self) -> bool {
        self.answer.as_ref().is_some_and(|a| a.head_sent < a.head.len() || a.lines_sent < a.lines)
    }

    /// Whether everything was sent.
    pub(super) fn is_over(&self) -> bool {
        self.answer.is_some() && !self.has_output()
    }
}

fn line(number: u64) -> [u8; LINE as usize] {
    let mut text = *b"0000000\n";
    let mut rest = number;
    for digit in text[..7].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    text
}

fn answer(path: &str, peer: IpAddr) -> Answer {
    if let Some(length) = path.strip_prefix("/bytes/") {
        return match length.parse().ok().filter(|&length| length <= MOST_BYTES) {
            Some(lines) => {
                let length = format!("Content-Length: {lines}\r\n");
                Answer { lines, ..head("200 OK", &length) }
            }
            None => page("404 Not Found", ""),
        };
    }
    match path {
        "/generate_204" | "/gen_204" => head("204 No Content", ""),
        "/nm" | "/check_network_status.txt" => page("200 OK", "NetworkManager is online\n"),
        "/address" => page("200 OK", &format!("{peer}\n")),
        _ => page("200 OK", "The network behind a virtual stick.\n"),
    }
}

fn page(status: &str, body: &str) -> Answer {
    with_headers(status, "", body)
}

fn with_headers(status: &str, headers: &str, body: &str) -> Answer {
    let mut answer =
        head(status, &format!("{headers}Content-Type: text/plain\r\nContent-Length: {}\r\n", body.len()));
    answer.head.extend_from_slice(body.as_bytes());
    answer
}

fn head(status: &str, headers: &str) -> Answer {
    let mut text = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    // Writing to a String cannot fail.
    let _ = write!(text, "{headers}\r\n");
    Answer { head: text.into_bytes(), head_sent: 0, lines: 0, lines_sent: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 249, 198, 122));

    fn visit(request: &str, room: usize, portal: bool) -> String {
        let mut visit = Visit::default();
        for piece in request.as_bytes().chunks(7) {
            visit.receive(piece, PEER, portal);
        }
        let mut all = Vec::new();
        let mut piece = vec![0; room];
        while visit.has_output() {
            let n = visit.fill(&mut piece);
            all.extend_from_slice(&piece[..n]);
        }
        assert!(visit.is_over());
        String::from_utf8(all).unwrap()
    }

    fn get(path: &str) -> String {
        visit(&format!("GET {path} HTTP/1.1\r\nHost: example.org\r\n\r\n"), 100, false)
    }

    #[test]
    fn counted_lines_are_the_same_in_any_pieces() {
        for room in [1, 3, 8, 64, 1000] {
            let answer = visit("GET /bytes/29 HTTP/1.1\r\n\r\n", room, false);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains("Content-Length: 29"), "{head}");
            assert_eq!(body, "0000000\n0000001\n0000002\n00000");
        }
        assert!(get("/bytes/x").starts_with("HTTP/1.1 404"));
        assert!(get("/bytes/99999999999999").starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn probes_get_what_they_expect() {
        assert!(get("/generate_204").starts_with("HTTP/1.1 204 "));
        assert!(get("/nm").ends_with("\r\n\r\nNetworkManager is online\n"));
        assert!(get("http://example.org/address").ends_with("\r\n\r\n10.249.198.122\n"));
        let upload = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde";
        assert!(visit(upload, 100, false).ends_with("5 bytes came\n"));
        assert!(visit("\0\0\r\n\r\n", 100, false).starts_with("HTTP/1.1 400"));
    }

    #[test]
    fn a_portal_sends_everybody_to_its_page() {
        let away = visit("GET /generate_204 HTTP/1.1\r\nHost: example.org\r\n\r\n", 100, true);
        assert!(away.starts_with("HTTP/1.1 302 ") && away.contains("Location: http://portal.example/\r\n"));
        let page = visit("GET / HTTP/1.1\r\nHost: portal.example\r\n\r\n", 100, true);
        assert!(page.starts_with("HTTP/1.1 200 "));
    }
}
