use std::time::Duration;

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::link::{HttpLink, HttpRequest, HttpResponse, Moment};

/// A request that may take longer than this by itself, such as a search for networks, does not count.
const USUAL: Duration = Duration::from_secs(30);

/// A web link whose requests take two minutes in all at most: each of many answers may come just in time, from a server that means it.
/// Time between requests does not count.
pub struct LimitedHttp {
    inner: Box<dyn HttpLink>,
    spent: Duration,
}

impl LimitedHttp {
    /// How long the requests take in all.
    pub const LIMIT: Duration = Duration::from_secs(120);

    /// Limits `inner`.
    pub fn new(inner: Box<dyn HttpLink>) -> Self {
        LimitedHttp { inner, spent: Duration::ZERO }
    }
}

impl HttpLink for LimitedHttp {
    fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
        if request.timeout > USUAL {
            return self.inner.request(request);
        }
        let left = LimitedHttp::LIMIT.saturating_sub(self.spent);
        if left.is_zero() {
            return Err(Error::new(
                ErrorKind::Timeout,
                "the web server is too slow: the time for all answers is over",
            )
            .with("seconds", LimitedHttp::LIMIT.as_secs())
            .detail(Detail::RequestSent(false)));
        }
        // One that may change something has its own time to the end, so that what came of it is known.
        let timeout = if request.method == "GET" { request.timeout.min(left) } else { request.timeout };
        let start = self.inner.now();
        let answer = self.inner.request(&HttpRequest { timeout, ..request.clone() });
        self.spent += self.inner.now().saturating_sub(start);
        answer
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.inner.sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Cancel;

    /// Answers a moment before it is too late.
    struct JustInTime(Moment);

    impl HttpLink for JustInTime {
        fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
            self.0 += (request.timeout - Duration::from_millis(1)).max(Duration::from_millis(1));
            Ok(HttpResponse { status: 200, ..HttpResponse::default() })
        }

        fn now(&self) -> Moment {
            self.0
        }

        fn sleep(&mut self, time: Duration) {
            self.0 += time;
        }
    }

    fn asked(link: &mut LimitedHttp, method: &'static str, seconds: u64) -> Result<HttpResponse> {
        let (path, headers, body) = ("/".to_owned(), Vec::new(), Vec::new());
        let timeout = Duration::from_secs(seconds);
        link.request(&HttpRequest { method, path, headers, body, timeout, cancel: Cancel::new() })
    }

    #[test]
    fn answers_that_come_just_in_time_come_to_an_end() {
        for method in ["GET", "POST"] {
            let mut link = LimitedHttp::new(Box::new(JustInTime(Moment::ZERO)));
            let mut answered = 0;
            let error = loop {
                // Time between requests is the caller's.
                link.sleep(Duration::from_secs(1000));
                assert!(asked(&mut link, "GET", 180).is_ok());
                match asked(&mut link, method, 10) {
                    Ok(_) => answered += 1,
                    Err(error) => break error,
                }
            };
            assert!(error.is(ErrorKind::Timeout) && error.request_sent() == Some(false), "{error:?}");
            // The last GET got what was left: a few milliseconds.
            assert!((13..=25).contains(&answered), "{method}: {answered}");
        }
    }
}
