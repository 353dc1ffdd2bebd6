//! Responses: headers as real sticks send them, pages, documents and errors.

use stickshift::link::HttpResponse;

use crate::hilink::xml;

/// The headers of an E3372h-153; XML comes as `text/html`, too.
pub(crate) fn response(status: u16, body: Vec<u8>) -> HttpResponse {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![
        header("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        header("Server", "WebServer"),
        header("Connection", "close"),
        header("X-Download-HuaweiOptions", "noopen"),
        header("X-Frame-HuaweiOptions", "deny"),
        header("X-XSS-Protection", "1; mode=block"),
        header("Strict-Transport-Security", "max-age=31536000; includeSubdomains"),
        header("Cache-Control", "no-cache"),
        header("Content-Type", "text/html"),
        header("Content-Length", &body.len().to_string()),
    ];
    HttpResponse { status, headers, body }
}

fn declared(inside: &str) -> HttpResponse {
    response(200, xml::encode(&format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n{inside}\r\n")))
}

/// A `<response>` with these lines in it.
pub(crate) fn document(inside: &str) -> HttpResponse {
    declared(&format!("<response>\r\n{inside}</response>"))
}

/// What a set that worked says, and nothing else.
pub(crate) fn done() -> HttpResponse {
    declared("<response>OK</response>")
}

pub(crate) fn config(inside: &str) -> HttpResponse {
    declared(&format!("<config>\r\n{inside}</config>"))
}

pub(crate) fn error(code: u32) -> HttpResponse {
    declared(&format!("<error>\r\n<code>{code}</code>\r\n<message></message>\r\n</error>"))
}

/// Where unknown pages lead.
pub(crate) fn home() -> HttpResponse {
    let mut response = response(307, Vec::new());
    response.headers.push(("Location".into(), "http://192.168.8.1/html/home.html".into()));
    response
}

/// The home page with these tokens.
pub(crate) fn page(tokens: &[String]) -> HttpResponse {
    let metas: String =
        tokens.iter().map(|t| format!("<meta name=\"csrf_token\" content=\"{t}\"/>\r\n")).collect();
    let page = format!(
        "<!DOCTYPE html>\r\n<html><head>\r\n{metas}<title>HiLink</title></head><body></body></html>\r\n"
    );
    response(200, page.into_bytes())
}

pub(crate) fn with(mut response: HttpResponse, name: &str, value: &str) -> HttpResponse {
    response.headers.push((name.into(), value.into()));
    response
}

pub(crate) fn with_cookie(response: HttpResponse, cookie: &str) -> HttpResponse {
    with(response, "Set-Cookie", &format!("{cookie};path=/;HttpOnly;"))
}

pub(crate) fn with_token(response: HttpResponse, token: &str) -> HttpResponse {
    with(response, "__RequestVerificationToken", token)
}
