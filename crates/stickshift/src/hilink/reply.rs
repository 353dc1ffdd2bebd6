//! What the stick's web server sends back: documents, refusals, and pages with tokens in them.

use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily, Result};
use crate::hilink::refusal::{ABSENT, refusal};
use crate::hilink::xml::{self, Element};
use crate::link::HttpResponse;
use crate::mask;

/// Longest token or cookie that is believed (they have 32 and 128 characters).
const SECRET_LIMIT: usize = 1024;

/// The root of a reply, or what the stick refuses. A page instead of a document, or a redirect to one, is how some firmware says that
/// it has no such thing.
pub(super) fn read_reply(path: &str, response: &HttpResponse) -> Result<Element> {
    // It refused in its way, or did something else: only a document says which. Nobody sent the number.
    let absent = |what| {
        Error::new(ErrorKind::HilinkRefused, what)
            .with("path", mask::address(path))
            .with("status", response.status)
            .detail(Detail::Refusal(Refusal { family: RefusalFamily::Hilink, code: ABSENT }))
            .detail(Detail::Unanswered)
    };
    const PAGE: &str = "the web server sends a page in place of an answer";
    match response.status {
        200..=299 => {}
        300..=399 if is_https(response) => return Err(https_only().with("path", mask::address(path))),
        300..=399 => return Err(absent(PAGE)),
        404 => return Err(absent("the web server has no such page")),
        status => {
            return Err(Error::new(ErrorKind::UnexpectedAnswer, "the stick's web server reports an error")
                .with("path", mask::address(path))
                .detail(Detail::WebStatus(status)));
        }
    }
    let start = response.body.trim_ascii_start();
    let is_page = |tag: &[u8]| start.get(..tag.len()).is_some_and(|s| s.eq_ignore_ascii_case(tag));
    if is_page(b"<html") || is_page(b"<!doctype html") {
        return Err(absent(PAGE));
    }
    let compressed =
        response.header("Content-Encoding").is_some_and(|by| !by.eq_ignore_ascii_case("identity"));
    let other = match start.first() {
        None => Some("the web server's answer is empty"),
        _ if compressed => Some("the web server's answer is compressed, which was not asked for"),
        Some(b'{' | b'[') => Some("the web server's answer is JSON in place of XML"),
        _ => None,
    };
    if let Some(what) = other {
        return Err(Error::new(ErrorKind::UnexpectedAnswer, what).with("path", mask::address(path)));
    }
    let root = xml::parse(&response.body).map_err(|e| e.with("path", mask::address(path)))?;
    if root.name.eq_ignore_ascii_case("error") {
        let Some(code) = root.number("code") else {
            // No number, no word on what was done.
            let what = "the stick reports an error and does not say which";
            return Err(Error::new(ErrorKind::UnexpectedAnswer, what).with("path", mask::address(path)));
        };
        let mut error = refusal(path, code);
        // With the refusal of a login.
        for (element, fact) in [("waittime", "minutes"), ("count", "count")] {
            if let Some(number) = root.number::<u32>(element).filter(|n| *n > 0) {
                error = error.with(fact, number);
            }
        }
        return Err(error);
    }
    Ok(root)
}

/// Whether a redirect leads to the same page over https.
pub(super) fn is_https(response: &HttpResponse) -> bool {
    let location = response.header("Location").unwrap_or_default();
    location.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
}

/// The error for a page that is there over https alone.
pub(super) fn https_only() -> Error {
    Error::new(ErrorKind::Unsupported, "the web page is there over https only").detail(Detail::HttpsOnly)
}

/// The path of a redirect that stays on the server: `/x` or `http://host/x`.
pub(super) fn local_path(location: &str) -> Option<String> {
    let path = match location.strip_prefix("http://") {
        Some(rest) => &rest[rest.find('/')?..],
        None => location,
    };
    let safe = path.starts_with('/') && path.len() < 1024 && path.bytes().all(|b| (b'!'..=b'~').contains(&b));
    safe.then(|| path.to_owned())
}

/// The tokens in `<meta name="csrf_token" content="...">` tags of a page.
pub(super) fn csrf_tokens(page: &[u8]) -> Vec<String> {
    let page = String::from_utf8_lossy(page);
    let token = |after: &str| {
        let tag = &after[..after.find('>')?];
        let value = tag.split_once("content=\"")?.1;
        value.split_once('"').map(|(token, _)| token.to_owned())
    };
    page.split("name=\"csrf_token\"")
        .skip(1)
        .take(4)
        .filter_map(token)
        .filter(|t| is_header_safe(t))
        .collect()
}

/// Cookies and tokens go back into headers: nothing but visible ASCII without what parts them.
pub(super) fn is_header_safe(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= SECRET_LIMIT
        && text.bytes().all(|b| (b'!'..=b'~').contains(&b) && !b";,".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hilink::code_of;

    fn refused(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Error {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        read_reply("/api/x", &HttpResponse { status, headers, body: body.to_vec() }).unwrap_err()
    }

    #[test]
    fn a_number_that_nobody_sent_is_not_told() {
        for (status, body) in [(404, ""), (302, ""), (200, "<html></html>")] {
            let error = refused(status, &[], body.as_bytes());
            assert_eq!(
                (code_of(&error), error.fact("code"), error.fact("meaning")),
                (Some(ABSENT), None, None)
            );
        }
    }

    #[test]
    fn an_error_without_a_number_is_no_refusal() {
        for body in ["<error></error>", "<error><code></code></error>", "<error><code>no</code></error>"] {
            let error = refused(200, &[], body.as_bytes());
            assert_eq!((error.kind(), code_of(&error)), (ErrorKind::UnexpectedAnswer, None), "{body}");
        }
    }

    #[test]
    fn what_is_no_document_is_named() {
        let gzip = [("Content-Encoding", "gzip")];
        for (headers, body, says) in [
            (&[][..], &b" \r\n"[..], "empty"),
            (&[], b"{\"a\":1}", "JSON"),
            (&gzip, b"\x1f\x8b\x08", "compressed"),
        ] {
            let error = refused(200, headers, body);
            assert!(error.is(ErrorKind::UnexpectedAnswer) && error.what().contains(says), "{error:?}");
        }
    }

    #[test]
    fn a_refused_login_tells_its_minutes_and_tries() {
        let body = b"<error><code>108007</code><message/><waittime>3</waittime><count>5</count></error>";
        let error = refused(200, &[], body);
        assert_eq!((error.fact("minutes"), error.fact("count")), (Some("3"), Some("5")));
        let body = b"<error><code>108006</code><waittime>0</waittime></error>";
        assert_eq!(refused(200, &[], body).fact("minutes"), None);
    }
}
