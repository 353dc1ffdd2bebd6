use std::time::Duration;

use crate::error::Result;
use crate::event::Cancel;
use crate::link::Moment;

/// One HTTP/1.1 request to the stick's own web server.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Absolute path, with query if any.
    pub path: String,
    /// Header names and values in the order they are sent.
    pub headers: Vec<(String, String)>,
    /// Body, empty for none.
    pub body: Vec<u8>,
    /// For the whole exchange.
    pub timeout: Duration,
    /// Raised, it ends the exchange before its answer has come. A request that changes something carries a flag that nobody raises.
    pub cancel: Cancel,
}

/// The answer. Redirects are not followed; the body is bounded by the link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Header names and values as they came.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The values of a header, compared without case, in order.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The first value of a header, compared without case.
    pub fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.header_all(name).next()
    }
}

/// A way to one web server. One request at a time: HiLink servers lose tokens otherwise.
pub trait HttpLink: Send {
    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// `Timeout`; `Interrupted` by the request's flag; `Disconnected` when the connection was refused, reset or ended early (the fact `sent`, `yes` or `no`, says
    /// whether the request had gone out whole); `UnexpectedAnswer` for what is not HTTP or is larger than the bound.
    fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse>;

    /// The link's clock.
    fn now(&self) -> Moment;

    /// Lets time pass.
    fn sleep(&mut self, time: Duration);
}
