//! The web server of HiLink firmware: the little of it by which a stick is known and switched
//! (docs/protocols/hilink-at.md sections 1.2, 1.3, 1.8 and 1.9; generation G2 with login off).

use std::collections::VecDeque;
use std::time::Duration;

use stickshift::link::{HttpRequest, HttpResponse};

use crate::device::HttpAnswer;
use crate::identity::Identity;
use crate::random::Random;

/// A page that the owner never asked for is a page more; old sessions go.
const MOST_SESSIONS: usize = 16;
const MOST_TOKENS: usize = 32;

/// Which ways to serial ports this firmware leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doors {
    /// `/api/device/mode` and `/CGI`.
    Open,
    /// `/CGI` alone.
    CgiOnly,
    /// Neither.
    Closed,
}

/// Where a request leads the stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchTo {
    /// Ethernet and an AT port.
    Project,
    /// The same and more ports.
    Debug,
}

#[derive(Debug)]
struct WebSession {
    cookie: String,
    tokens: VecDeque<String>,
}

/// The web server between two boots.
#[derive(Debug)]
pub struct Server {
    doors: Doors,
    random: Random,
    sessions: VecDeque<WebSession>,
}

impl Server {
    /// Just booted. The seed decides cookies and tokens.
    pub fn new(doors: Doors, seed: u64) -> Self {
        Server { doors, random: Random::new(seed), sessions: VecDeque::new() }
    }

    /// Answers a request, and says whether the stick changes its face because of it.
    pub fn request(&mut self, identity: &Identity, request: &HttpRequest) -> (HttpAnswer, Option<SwitchTo>) {
        let path = request.path.split('?').next().unwrap_or_default();
        let response = match (request.method, path) {
            ("GET", "/" | "/index.html" | "/html/home.html" | "/html/index.html") => self.page(),
            ("GET", "/api/webserver/SesTokInfo") => self.session_and_token(),
            ("GET", "/api/user/state-login") => document(
                "<response><State>0</State><Username></Username><password_type>0</password_type></response>",
            ),
            ("GET", "/api/user/hilink_login") => {
                document("<response><hilink_login>0</hilink_login></response>")
            }
            ("GET", "/api/device/information") => document(&information(identity)),
            ("GET", "/api/device/basic_information") => document(&basic_information(identity)),
            ("POST", "/api/device/mode") => return self.device_mode(request),
            ("POST", "/CGI") => return self.cgi(request),
            (_, path) if path.starts_with("/api/") => error(100_002),
            _ => HttpResponse {
                status: 307,
                headers: vec![("Location".into(), "http://192.168.8.1/html/home.html".into())],
                body: Vec::new(),
            },
        };
        (at_once(response), None)
    }

    /// What a server that is busy answers, whatever it was asked.
    pub fn busy(&self) -> HttpAnswer {
        at_once(error(100_004))
    }

    fn text(&mut self, length: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        (0..length).map(|_| char::from(ALPHABET[self.random.below(ALPHABET.len())])).collect()
    }

    fn open_session(&mut self, tokens: usize) -> (String, Vec<String>) {
        let cookie = format!("SessionID={}", self.text(128));
        let tokens: Vec<String> = (0..tokens).map(|_| self.text(32)).collect();
        if self.sessions.len() == MOST_SESSIONS {
            self.sessions.pop_front();
        }
        self.sessions.push_back(WebSession { cookie: cookie.clone(), tokens: tokens.clone().into() });
        (cookie, tokens)
    }

    fn page(&mut self) -> HttpResponse {
        let (cookie, tokens) = self.open_session(2);
        let metas: String =
            tokens.iter().map(|t| format!("<meta name=\"csrf_token\" content=\"{t}\"/>\n")).collect();
        let body = format!("<!DOCTYPE html>\n<html><head>\n{metas}</head><body></body></html>\n");
        with_cookie(response(200, &body), &cookie)
    }

    fn session_and_token(&mut self) -> HttpResponse {
        let (cookie, tokens) = self.open_session(1);
        let body = format!(
            "<response>\r\n<SesInfo>{cookie}</SesInfo>\r\n<TokInfo>{}</TokInfo>\r\n</response>",
            tokens[0]
        );
        with_cookie(document(&body), &cookie)
    }

    /// Every POST uses up a token and brings the next one, refused or not.
    fn post(&mut self, request: &HttpRequest) -> Result<String, HttpResponse> {
        let next = self.text(32);
        let header = |name: &str| {
            request
                .headers
                .iter()
                .find(|(n, _)| n.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
        };
        let cookie = header("Cookie").unwrap_or_default();
        let session = self.sessions.iter_mut().find(|s| cookie.split("; ").any(|c| c == s.cookie));
        let Some(session) = session else { return Err(error(125_002)) };
        let token = header("__RequestVerificationToken").unwrap_or_default();
        let used = session.tokens.iter().position(|t| t == token).and_then(|at| session.tokens.remove(at));
        if session.tokens.len() == MOST_TOKENS {
            session.tokens.pop_front();
        }
        session.tokens.push_back(next.clone());
        if used.is_some() { Ok(next) } else { Err(with_token(error(125_003), &next)) }
    }

    fn device_mode(&mut self, request: &HttpRequest) -> (HttpAnswer, Option<SwitchTo>) {
        let next = match self.post(request) {
            Ok(next) => next,
            Err(refused) => return (at_once(refused), None),
        };
        let to = number_in(&request.body, "mode").and_then(switch_to);
        match (self.doors, to) {
            (Doors::Open, Some(to)) => {
                (at_once(with_token(document("<response>OK</response>"), &next)), Some(to))
            }
            (Doors::Open, None) => (at_once(with_token(error(100_005), &next)), None),
            _ => (at_once(with_token(error(100_002), &next)), None),
        }
    }

    /// The connection dies without an answer when it works.
    fn cgi(&self, request: &HttpRequest) -> (HttpAnswer, Option<SwitchTo>) {
        let named = memchr::memmem::find(&request.body, b"<function>switchMode</function>").is_some();
        let to = number_in(&request.body, "switchType").and_then(switch_to);
        match to {
            Some(to) if named && self.doors != Doors::Closed => (HttpAnswer::Dropped, Some(to)),
            _ => (at_once(response(307, "")), None),
        }
    }
}

fn switch_to(number: u32) -> Option<SwitchTo> {
    match number {
        0 => Some(SwitchTo::Project),
        1 => Some(SwitchTo::Debug),
        _ => None,
    }
}

/// The number in an element of a request.
fn number_in(body: &[u8], element: &str) -> Option<u32> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(&format!("<{element}>"))?;
    let (number, _) = rest.split_once(&format!("</{element}>"))?;
    number.trim().parse().ok()
}

fn at_once(response: HttpResponse) -> HttpAnswer {
    HttpAnswer::Reply(response, Duration::from_millis(20))
}

/// The headers of an E3372h-153; XML comes as `text/html`, too.
fn response(status: u16, body: &str) -> HttpResponse {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![
        header("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        header("Server", "WebServer"),
        header("Connection", "close"),
        header("X-Frame-Options", "deny"),
        header("Cache-Control", "no-cache"),
        header("Content-Type", "text/html"),
        header("Content-Length", &body.len().to_string()),
    ];
    HttpResponse { status, headers, body: body.as_bytes().to_vec() }
}

fn document(xml: &str) -> HttpResponse {
    response(200, &format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n{xml}\r\n"))
}

fn error(code: u32) -> HttpResponse {
    document(&format!("<error>\r\n<code>{code}</code>\r\n<message></message>\r\n</error>"))
}

fn with_cookie(mut response: HttpResponse, cookie: &str) -> HttpResponse {
    response.headers.push(("Set-Cookie".into(), format!("{cookie};path=/;HttpOnly;")));
    response
}

fn with_token(mut response: HttpResponse, token: &str) -> HttpResponse {
    response.headers.push(("__RequestVerificationToken".into(), token.into()));
    response
}

fn information(id: &Identity) -> String {
    format!(
        "<response>\r\n<DeviceName>{}</DeviceName>\r\n<SerialNumber>{}</SerialNumber>\r\n<Imei>{}</Imei>\r\n\
         <Imsi>001010000000001</Imsi>\r\n<Iccid>8900000000000000001F</Iccid>\r\n<Msisdn></Msisdn>\r\n\
         <HardwareVersion>{}</HardwareVersion>\r\n<SoftwareVersion>{}</SoftwareVersion>\r\n\
         <WebUIVersion>{}</WebUIVersion>\r\n<MacAddress1>BA:AB:BE:34:00:00</MacAddress1>\r\n\
         <MacAddress2></MacAddress2>\r\n<ProductFamily>LTE</ProductFamily>\r\n<Classify>hilink</Classify>\r\n\
         <supportmode>LTE|WCDMA|GSM</supportmode>\r\n<workmode>LTE</workmode>\r\n</response>",
        id.model, id.serial, id.imei, id.hardware, id.version, id.webui
    )
}

fn basic_information(id: &Identity) -> String {
    format!(
        "<response>\r\n<productfamily>LTE</productfamily>\r\n<classify>hilink</classify>\r\n\
         <multimode>0</multimode>\r\n<restore_default_status>1</restore_default_status>\r\n\
         <sim_save_pin_enable>0</sim_save_pin_enable>\r\n<devicename>{}</devicename>\r\n\
         <SoftwareVersion>{}</SoftwareVersion>\r\n<WebUIVersion>{}</WebUIVersion>\r\n</response>",
        id.model, id.version, id.webui
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e3372h::Options;

    fn get(server: &mut Server, path: &str) -> HttpResponse {
        ask(server, "GET", path, &[], "").0
    }

    fn ask(
        server: &mut Server,
        method: &'static str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (HttpResponse, Option<SwitchTo>) {
        let request = HttpRequest {
            method,
            path: path.into(),
            headers: headers.iter().map(|&(n, v)| (n.into(), v.into())).collect(),
            body: body.into(),
            timeout: Duration::from_secs(5),
        };
        match server.request(&Options::hilink().identity(), &request) {
            (HttpAnswer::Reply(response, _), to) => (response, to),
            (HttpAnswer::Dropped | HttpAnswer::Silent, to) => (HttpResponse::default(), to),
        }
    }

    fn text(response: &HttpResponse) -> &str {
        std::str::from_utf8(&response.body).unwrap()
    }

    fn element(response: &HttpResponse, name: &str) -> String {
        let (_, rest) = text(response).split_once(&format!("<{name}>")).unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    }

    const MODE_0: &str = "<request><mode>0</mode></request>";

    #[test]
    fn tokens_are_used_once_and_the_reply_brings_the_next() {
        let mut server = Server::new(Doors::Closed, 1);
        assert_eq!(element(&ask(&mut server, "POST", "/api/device/mode", &[], MODE_0).0, "code"), "125002");
        let session = get(&mut server, "/api/webserver/SesTokInfo");
        let (cookie, token) = (element(&session, "SesInfo"), element(&session, "TokInfo"));
        assert_eq!((cookie.len(), token.len()), (128 + 10, 32));
        let mut post = |token: &str| {
            let headers = [("cookie", cookie.as_str()), ("__requestverificationtoken", token)];
            ask(&mut server, "POST", "/api/device/mode", &headers, MODE_0).0
        };
        let first = post(&token);
        assert_eq!(element(&first, "code"), "100002");
        let reused = post(&token);
        assert_eq!(element(&reused, "code"), "125003");
        let next = first.header("__RequestVerificationToken").unwrap();
        assert_eq!(element(&post(next), "code"), "100002");
        assert_eq!(element(&post(reused.header("__RequestVerificationToken").unwrap()), "code"), "100002");
    }

    #[test]
    fn the_doors() {
        let cgi = "<api version=\"1.0\"><header><function>switchMode</function></header><body><request>\
                   <switchType>1</switchType></request></body></api>";
        for (doors, by_api, by_cgi) in [
            (Doors::Open, Some(SwitchTo::Project), Some(SwitchTo::Debug)),
            (Doors::CgiOnly, None, Some(SwitchTo::Debug)),
            (Doors::Closed, None, None),
        ] {
            let mut server = Server::new(doors, 1);
            let page = get(&mut server, "/");
            let cookie = page.header("Set-Cookie").unwrap().split(';').next().unwrap().to_owned();
            let token = text(&page).split("content=\"").nth(2).unwrap()[..32].to_owned();
            let headers = [("Cookie", cookie.as_str()), ("__RequestVerificationToken", token.as_str())];
            assert_eq!(ask(&mut server, "POST", "/api/device/mode", &headers, MODE_0).1, by_api);
            assert_eq!(ask(&mut server, "POST", "/CGI", &[], cgi).1, by_cgi);
        }
    }

    #[test]
    fn documents_and_absent_things() {
        let mut server = Server::new(Doors::Open, 1);
        let information = get(&mut server, "/api/device/information");
        assert_eq!(element(&information, "SoftwareVersion"), "22.200.15.00.00");
        assert_eq!(element(&information, "WebUIVersion"), "17.100.13.01.03");
        assert_eq!(element(&information, "HardwareVersion"), "CL2E3372HM");
        assert_eq!(element(&get(&mut server, "/api/webserver/token"), "code"), "100002");
        assert_eq!(get(&mut server, "/config/secret.xml").status, 307);
        for _ in 0..100 {
            get(&mut server, "/");
        }
        assert!(server.sessions.len() <= MOST_SESSIONS);
    }
}
