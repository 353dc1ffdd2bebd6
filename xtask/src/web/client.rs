//! A plain client of the API: it enters by the one-time link, and keeps its connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

pub(crate) struct Client {
    pub(crate) address: String,
    pub(crate) cookie: String,
    pub(crate) token: String,
    stream: Option<BufReader<TcpStream>>,
}

/// A status, the head and the body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// Enters by a one-time link.
    pub(crate) fn enter(link: &str) -> Result<Client, String> {
        let rest = link.strip_prefix("http://").ok_or("the link is none of http")?;
        let (address, path) = rest.split_once('/').ok_or("the link has no path")?;
        let mut client =
            Client { address: address.to_owned(), cookie: String::new(), token: String::new(), stream: None };
        let answer = client.ask("GET", &format!("/{path}"), "")?;
        let set = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        client.cookie =
            set.and_then(|set| set.split(';').next()).ok_or("the link gives no cookie")?.to_owned();
        let session = client.ask("GET", "/api/session", "")?;
        let session: Value = serde_json::from_slice(&session.body).map_err(|e| e.to_string())?;
        client.token = session["token"].as_str().ok_or("there is no token")?.to_owned();
        Ok(client)
    }

    /// Another connection of the same session.
    pub(crate) fn again(&self) -> Client {
        let (address, cookie, token) = (self.address.clone(), self.cookie.clone(), self.token.clone());
        Client { address, cookie, token, stream: None }
    }

    fn connected(&mut self) -> Result<&mut BufReader<TcpStream>, String> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address).map_err(|e| e.to_string())?;
            stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            self.stream = Some(BufReader::new(stream));
        }
        self.stream.as_mut().ok_or_else(|| "no connection".to_owned())
    }

    /// Sends a request; what it sends is JSON.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<&mut BufReader<TcpStream>, String> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nx-stickshift-token: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.cookie,
            self.token,
            body.len()
        );
        let reader = self.connected()?;
        reader.get_mut().write_all(request.as_bytes()).map_err(|e| e.to_string())?;
        Ok(reader)
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Answer, String> {
        let reader = self.send(method, path, body)?;
        let failed = |e: std::io::Error| format!("{method} {path}: {e}");
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).map_err(failed)? == 0 {
                return Err(format!("{method} {path}: the connection ended"));
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| "an odd length".to_owned())?;
            }
            head.push_str(&line.replace('\r', ""));
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).map_err(failed)?;
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        Ok(Answer { status, head, body })
    }
}
