use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use stickshift::link::{HttpRequest, HttpResponse, Moment};

use super::*;
use crate::device::HttpAnswer;
use crate::modem::Modem;
use crate::sticks::huawei::HuaweiOptions;

/// A server on its own, and somebody who asks it.
struct Rig {
    server: Server,
    modem: Modem,
    now: Moment,
    cookie: String,
    token: String,
    effect: Option<WebEffect>,
    stick: HuaweiOptions,
}

impl Rig {
    fn new(web: WebOptions) -> Self {
        let stick = if web.generation == Generation::G3 {
            HuaweiOptions::e3372h_320()
        } else {
            HuaweiOptions::hilink()
        };
        let mut modem = Modem::new("A1,A2;12,1,16,A1,A2");
        modem.boot(Moment::ZERO, true, Duration::ZERO);
        let (cookie, token) = (String::new(), String::new());
        let now = Moment::from_secs(100);
        Rig { server: Server::new(web, 1), modem, now, cookie, token, effect: None, stick }
    }

    /// A client that has fetched the home page, and a token where there are some.
    fn arrived(web: WebOptions) -> Self {
        let mut rig = Rig::new(web);
        rig.arrive();
        rig
    }

    fn arrive(&mut self) {
        let page = self.ask("GET", "/", "");
        self.cookie = page.header("set-cookie").map_or(String::new(), cookie);
        let tokens = element(&self.ask("GET", "/api/webserver/token", ""), "token");
        match text(&page).split("content=\"").nth(1) {
            Some(meta) => self.token = meta[..32].to_owned(),
            None if tokens.len() >= 32 => self.token = tokens[tokens.len() - 32..].to_owned(),
            None => self.token = String::new(),
        }
    }

    fn ask(&mut self, method: &'static str, path: &str, body: &str) -> HttpResponse {
        let mut headers = Vec::new();
        if !self.cookie.is_empty() {
            headers.push(("cookie".to_owned(), self.cookie.clone()));
        }
        if method == "POST" {
            headers.push(("__requestverificationtoken".to_owned(), self.token.clone()));
        }
        let body = body.as_bytes().to_vec();
        let request = HttpRequest {
            method,
            path: path.into(),
            headers,
            body,
            timeout: Duration::from_secs(5),
            cancel: stickshift::event::Cancel::new(),
        };
        let reply = self.server.request(self.now, &self.stick.identity(), &mut self.modem, &request);
        self.effect = reply.effect;
        let HttpAnswer::Reply(response, _) = reply.answer else { return HttpResponse::default() };
        if let Some(token) = response.header("__RequestVerificationToken") {
            self.token = token.split('#').next().unwrap().to_owned();
        }
        if let Some(set) = response.header("Set-Cookie") {
            self.cookie = cookie(set);
        }
        response
    }

    fn get(&mut self, call: &str) -> HttpResponse {
        self.ask("GET", &format!("/api/{call}"), "")
    }

    /// The error number, or 0.
    fn post(&mut self, call: &str, inside: &str) -> u32 {
        let response = self.ask("POST", &format!("/api/{call}"), &format!("<request>{inside}</request>"));
        element(&response, "code").parse().unwrap_or(0)
    }

    fn log_in(&mut self, password: &str) -> u32 {
        let inner = STANDARD.encode(stickshift::hex::encode(&Sha256::digest(password)));
        let proof =
            STANDARD.encode(stickshift::hex::encode(&Sha256::digest(format!("admin{inner}{}", self.token))));
        self.post(
            "user/login",
            &format!(
                "<Username>admin</Username><Password>{proof}</Password><password_type>4</password_type>"
            ),
        )
    }
}

fn cookie(header: &str) -> String {
    header.split(';').next().unwrap().to_owned()
}

fn text(response: &HttpResponse) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

fn element(response: &HttpResponse, name: &str) -> String {
    xml::value(&text(response), name).unwrap_or_default()
}

const SWITCH_ON: &str = "<dataswitch>1</dataswitch>";

#[test]
fn tokens_by_generation() {
    let mut g0 = Rig::arrived(WebOptions::of(Generation::G0));
    assert!(g0.cookie.is_empty() && g0.token.is_empty());
    assert_eq!(g0.post("dialup/dial", "<Action>1</Action>"), 0);
    assert_eq!(element(&g0.get("webserver/SesTokInfo"), "code"), "100002");

    let mut g1 = Rig::arrived(WebOptions::of(Generation::G1));
    assert!(g1.cookie.is_empty() && g1.token.len() == 32);
    let token = g1.token.clone();
    let mut uses = 0;
    while g1.post("dialup/dial", "<Action>1</Action>") == 0 {
        (uses, g1.token) = (uses + 1, token.clone());
    }
    assert_eq!(uses, 24, "the same token many times, and then no more");
    assert_eq!(g1.post("dialup/dial", "<Action>1</Action>"), 125_001);
    g1.arrive();
    assert_eq!(g1.post("dialup/dial", "<Action>1</Action>"), 0);

    for generation in [Generation::G2, Generation::G3] {
        let mut rig = Rig::arrived(WebOptions::of(generation));
        assert_eq!((rig.cookie.len(), rig.token.len()), (10 + 128, 32));
        assert_eq!(rig.cookie.contains(['+', '/']), generation == Generation::G2);
        let first = rig.token.clone();
        assert_eq!(rig.post("dialup/mobile-dataswitch", SWITCH_ON), 0);
        let second = std::mem::replace(&mut rig.token, first);
        assert_eq!(rig.post("dialup/mobile-dataswitch", SWITCH_ON), 125_003, "used once");
        assert_eq!(rig.post("dialup/mobile-dataswitch", SWITCH_ON), 0, "the refusal brought another one");
        rig.token = second;
        assert_eq!(rig.post("dialup/mobile-dataswitch", SWITCH_ON), 0, "none is lost by that");
        rig.cookie = "SessionID=unknown".into();
        assert_eq!(rig.post("dialup/mobile-dataswitch", SWITCH_ON), 125_002);
        assert_eq!(element(&rig.get("monitoring/status"), "code"), "125002");
        for _ in 0..100 {
            rig.cookie.clear();
            rig.ask("GET", "/", "");
        }
        assert!(rig.server.sessions() <= session::MOST_SESSIONS);
    }
}

#[test]
fn tokens_from_the_call_alone() {
    let mut rig = Rig::new(WebOptions { metas: false, ..WebOptions::of(Generation::G2) });
    assert!(!text(&rig.ask("GET", "/", "")).contains("csrf_token"));
    assert_eq!(element(&rig.get("webserver/token"), "code"), "100002");
    let info = rig.get("webserver/SesTokInfo");
    assert_eq!(element(&info, "SesInfo"), rig.cookie, "and the cookie is set as well");
    rig.token = element(&info, "TokInfo");
    assert_eq!(rig.post("dialup/mobile-dataswitch", SWITCH_ON), 0);
}

#[test]
fn headers_in_small_letters() {
    let mut rig = Rig::arrived(WebOptions::of(Generation::G3));
    let response = rig.get("monitoring/status");
    assert!(response.headers.iter().all(|(name, _)| *name == name.to_ascii_lowercase()));
    let token = element(&rig.get("webserver/token"), "token");
    assert_eq!(token.len(), 64);
}

#[test]
fn a_login_brings_a_cookie_and_thirty_two_tokens() {
    let mut rig = Rig::arrived(WebOptions::of(Generation::G2).with_login(Login::Type4));
    assert_eq!(element(&rig.get("user/state-login"), "State"), "-1");
    assert_eq!(element(&rig.get("device/information"), "code"), "100003");
    assert_eq!(element(&rig.get("device/basic_information"), "devicename"), "E3372");
    assert_eq!(rig.post("dialup/mobile-dataswitch", SWITCH_ON), 100_003);
    let before = rig.cookie.clone();
    let inner = STANDARD.encode(stickshift::hex::encode(&Sha256::digest("admin")));
    let proof =
        STANDARD.encode(stickshift::hex::encode(&Sha256::digest(format!("admin{inner}{}", rig.token))));
    let body = format!(
        "<request><Username>admin</Username><Password>{proof}</Password><password_type>4</password_type></request>"
    );
    let reply = rig.ask("POST", "/api/user/login", &body);
    let list = reply.header("__RequestVerificationToken").unwrap();
    assert_eq!(list.len(), 32 * 32 + 32, "thirty-two tokens and one # too many");
    assert_eq!(reply.header("__RequestVerificationTokenone"), list.split('#').next());
    assert_eq!(reply.header("__RequestVerificationTokentwo"), list.split('#').nth(1));
    assert_ne!(rig.cookie, before);
    let state = rig.get("user/state-login");
    assert_eq!((element(&state, "State"), element(&state, "Username")), ("0".into(), "admin".into()));
    for token in list.split('#').filter(|t| !t.is_empty()).map(str::to_owned) {
        rig.token = token;
        assert_eq!(rig.post("dialup/mobile-dataswitch", SWITCH_ON), 0);
    }
    // Somebody else has to wait.
    let mut other = std::mem::take(&mut rig.cookie);
    rig.arrive();
    assert_eq!(element(&rig.get("user/state-login"), "State"), "-2");
    assert_eq!(rig.log_in("admin"), 108_003);
    std::mem::swap(&mut rig.cookie, &mut other);
    rig.token = list.split('#').next().unwrap().to_owned();
    rig.arrive();
    rig.now += Duration::from_secs(301);
    rig.arrive();
    assert_eq!(rig.log_in("admin"), 0, "whoever is silent for five minutes is gone");
    assert_eq!(rig.post("user/logout", "<Logout>1</Logout>"), 0);
    rig.arrive();
    assert_eq!(rig.log_in("admin"), 0);
}

#[test]
fn five_wrong_tries_lock_it() {
    for login in [Login::Type4, Login::Scram] {
        let generation = if login == Login::Scram { Generation::G3 } else { Generation::G2 };
        let mut rig = Rig::arrived(WebOptions::of(generation).with_login(login));
        for _ in 0..5 {
            assert_eq!(rig.log_in("wrong"), 108_006);
        }
        assert_eq!(rig.log_in("admin"), 108_007);
        if generation == Generation::G3 {
            let state = rig.get("user/state-login");
            assert_eq!(
                (element(&state, "lockstatus"), element(&state, "remainwaittime")),
                ("1".into(), "5".into())
            );
        }
        rig.now += Duration::from_secs(299);
        assert_eq!(rig.log_in("admin"), 108_007);
        rig.now += Duration::from_secs(2);
        rig.arrive();
        // The proof is wanted where there is one.
        assert_eq!(rig.log_in("admin"), if login == Login::Scram { 108_006 } else { 0 });
    }
}

#[test]
fn older_logins() {
    for (generation, login, kind) in [
        (Generation::G0, Login::Type0, 0),
        (Generation::G1, Login::Type3, 3),
        (Generation::G2, Login::Type0, 0),
    ] {
        let mut rig = Rig::arrived(WebOptions::of(generation).with_login(login));
        assert_eq!(element(&rig.get("user/state-login"), "password_type"), kind.to_string());
        let body = |password: &str| {
            format!(
                "<Username>admin</Username><Password>{password}</Password><password_type>{kind}</password_type>"
            )
        };
        assert_eq!(rig.post("dialup/dial", "<Action>0</Action>"), 100_003);
        assert_eq!(rig.post("user/login", &body("d3Jvbmc=")), 108_006);
        assert_eq!(rig.post("user/login", &body("YWRtaW4=")), 0);
        assert_eq!(rig.post("dialup/dial", "<Action>0</Action>"), 0);
        assert_eq!(rig.post("user/logout", "<Logout>1</Logout>"), 0);
        rig.arrive();
        assert_eq!(rig.post("dialup/dial", "<Action>0</Action>"), 100_003);
    }
}

#[test]
fn the_challenge_begins_with_the_clients_nonce_and_is_used_once() {
    let mut rig = Rig::arrived(WebOptions::of(Generation::G3).with_login(Login::Scram));
    let nonce = "ab".repeat(32);
    let body = format!(
        "<request><username>admin</username><firstnonce>{nonce}</firstnonce><mode>1</mode></request>"
    );
    let challenge = rig.ask("POST", "/api/user/challenge_login", &body);
    let server = element(&challenge, "servernonce");
    assert!(server.starts_with(&nonce) && server.len() == 96);
    assert_eq!(element(&challenge, "iterations"), "100");
    let proof = format!("<clientproof>{}</clientproof><finalnonce>{server}</finalnonce>", "0".repeat(64));
    assert_eq!(rig.post("user/authentication_login", &proof), 108_006);
    assert_eq!(rig.post("user/authentication_login", &proof), 100_005, "it has to be asked for again");
}

#[test]
fn the_ways_to_serial_ports() {
    let cgi = |kind: u8| {
        format!(
            "<api version=\"1.0\"><header><function>switchMode</function></header><body><request>\
             <switchType>{kind}</switchType></request></body></api>"
        )
    };
    for (ways_in, by_api, by_cgi) in [
        (WaysIn::Open, Some(SwitchTo::Project), Some(SwitchTo::Debug)),
        (WaysIn::CgiOnly, None, Some(SwitchTo::Debug)),
        (WaysIn::Closed, None, None),
    ] {
        let mut rig = Rig::arrived(WebOptions { ways_in, ..WebOptions::of(Generation::G2) });
        let refused = rig.post("device/mode", "<mode>0</mode>");
        assert_eq!(
            (refused, rig.effect),
            (if by_api.is_some() { 0 } else { 100_002 }, by_api.map(WebEffect::Switch))
        );
        rig.cookie.clear();
        rig.ask("POST", "/CGI", &cgi(1));
        assert_eq!(rig.effect, by_cgi.map(WebEffect::Switch));
        rig.ask("POST", "/CGI", &cgi(7));
        assert_eq!(rig.effect, None);
    }
    for (mode_reply, code, effect) in [
        (ModeReply::Drop, 0, Some(WebEffect::Switch(SwitchTo::Project))),
        (ModeReply::Error(125_002), 125_002, None),
    ] {
        let mut rig = Rig::arrived(WebOptions { mode_reply, ..WebOptions::of(Generation::G2) });
        assert_eq!((rig.post("device/mode", "<mode>0</mode>"), rig.effect), (code, effect));
        rig.arrive();
        assert_eq!(rig.post("device/mode", "<mode>9</mode>"), if code == 0 { 100_005 } else { code });
    }
    let mut rig = Rig::arrived(WebOptions::of(Generation::G2).with_login(Login::Type4));
    assert_eq!(rig.post("device/mode", "<mode>0</mode>"), 100_003, "not in the open list");
}

#[test]
fn documents_and_absent_things() {
    let mut rig = Rig::arrived(WebOptions::of(Generation::G2));
    let information = rig.get("device/information");
    assert_eq!(element(&information, "SoftwareVersion"), "22.200.15.00.00");
    assert_eq!(element(&information, "WebUIVersion"), "17.100.13.01.03");
    assert_eq!(element(&information, "HardwareVersion"), "CL2E3372HM");
    assert_eq!(element(&rig.get("monitoring/status"), "WanIPAddress"), "10.249.198.122");
    assert_eq!(element(&rig.get("no/such"), "code"), "100002");
    assert_eq!(rig.ask("GET", "/config/secret.xml", "").status, 307);
    assert_eq!(element(&rig.ask("GET", "/config/version.xml", ""), "webui"), "17.100.13.01.03.143");
    let mut newest = Rig::arrived(WebOptions::of(Generation::G3));
    let text = text(&newest.get("device/information"));
    assert!(text.contains("<SoftwareVersion>10.0.3.1&#40;H192SP1C983&#41;</SoftwareVersion>"), "{text}");
    assert!(text.contains("<WebUIVersion>WEBUI 10.0.3.1&#40;"));
}

#[test]
fn data_is_switched_and_takes_its_time() {
    let mut rig = Rig::arrived(WebOptions::of(Generation::G2));
    let status = |rig: &mut Rig| element(&rig.get("monitoring/status"), "ConnectionStatus");
    assert_eq!(status(&mut rig), "901");
    assert_eq!(rig.post("dialup/mobile-dataswitch", "<dataswitch>0</dataswitch>"), 0);
    assert_eq!(status(&mut rig), "902");
    assert_eq!(rig.post("dialup/mobile-dataswitch", SWITCH_ON), 0);
    assert_eq!(status(&mut rig), "900");
    rig.now += Duration::from_secs(2);
    assert_eq!(status(&mut rig), "901");
    assert_eq!(rig.post("dialup/mobile-dataswitch", "<dataswitch>7</dataswitch>"), 100_005);
}

#[test]
fn messages_are_paged_sent_and_deleted() {
    let mut rig = Rig::arrived(WebOptions::of(Generation::G2));
    let page = |rig: &mut Rig, number: u32| {
        let body = format!(
            "<request><PageIndex>{number}</PageIndex><ReadCount>2</ReadCount><BoxType>1</BoxType><SortType>0</SortType>\
             <Ascending>0</Ascending><UnreadPreferred>0</UnreadPreferred></request>"
        );
        rig.ask("POST", "/api/sms/sms-list", &body)
    };
    let first = page(&mut rig, 1);
    assert_eq!((element(&first, "Count"), element(&first, "SmsType")), ("2".into(), "2".into()));
    let raw = first.body.windows(3).any(|w| w == [0xed, 0xa0, 0xbd]);
    assert!(raw && first.body.contains(&1), "emoji in halves, and what is no XML");
    let second = page(&mut rig, 2);
    assert_eq!((element(&second, "Count"), element(&second, "Content")), ("2".into(), "Hello".into()));
    let report = String::from_utf8_lossy(&second.body).contains("<SmsType>7</SmsType>");
    assert!(report, "a delivery report is in the inbox");
    assert_eq!(element(&page(&mut rig, 3), "Count"), "0");
    let send = "<Index>-1</Index><Phones><Phone>+1</Phone><Phone>000</Phone></Phones><Sca></Sca>\
                <Content>hi &amp; bye</Content><Length>8</Length><Reserved>1</Reserved><Date>2026-11-20 12:00:00</Date>";
    assert_eq!(rig.post("sms/send-sms", send), 0);
    assert_eq!(rig.modem.sent().next(), Some(("+1", "hi & bye")));
    let status = rig.get("sms/send-status");
    assert_eq!((element(&status, "SucPhone"), element(&status, "FailPhone")), ("+1".into(), "000".into()));
    assert_eq!(rig.post("sms/set-read", "<Index>40000</Index>"), 0);
    assert_eq!(element(&rig.get("sms/sms-count"), "LocalUnread"), "2");
    assert_eq!(rig.post("sms/delete-sms", "<Index>40000</Index><Index>40001</Index>"), 0);
    assert_eq!(element(&rig.get("sms/sms-count"), "LocalInbox"), "2");
}

#[test]
fn short_codes_have_to_be_asked_for_again() {
    let mut rig = Rig::arrived(WebOptions::of(Generation::G2));
    assert_eq!(
        rig.post("ussd/send", "<content>*100#</content><codeType>CodeType</codeType><timeout></timeout>"),
        0
    );
    assert_eq!(element(&rig.get("ussd/get"), "code"), "111019");
    rig.now += Duration::from_secs(3);
    assert_eq!(element(&rig.get("ussd/get"), "content"), "Balance: 12.34 EUR");
}

#[test]
fn pins_are_counted() {
    let mut rig = Rig::arrived(WebOptions::of(Generation::G2));
    rig.modem = Modem::new("").with_pin();
    let pin = |kind: u8, pin: &str, new: &str, puk: &str| {
        format!(
            "<OperateType>{kind}</OperateType><CurrentPin>{pin}</CurrentPin><NewPin>{new}</NewPin><PukCode>{puk}</PukCode>"
        )
    };
    assert_eq!(element(&rig.get("pin/status"), "SimState"), "260");
    assert_eq!(rig.post("pin/operate", &pin(0, "0000", "", "")), 103_002);
    assert_eq!(element(&rig.get("pin/status"), "SimPinTimes"), "2");
    for _ in 0..2 {
        rig.post("pin/operate", &pin(0, "0000", "", ""));
    }
    assert_eq!(element(&rig.get("pin/status"), "SimState"), "261");
    assert_eq!(rig.post("pin/operate", &pin(4, "1111", "1111", "12345678")), 0);
    assert_eq!(element(&rig.get("pin/status"), "SimState"), "257");
}

#[test]
fn whatever_comes_is_answered_without_a_panic() {
    for generation in [Generation::G0, Generation::G1, Generation::G2, Generation::G3] {
        let mut rig = Rig::arrived(WebOptions {
            encrypted: true,
            ..WebOptions::of(generation).with_login(Login::Scram)
        });
        let bodies = [
            "",
            "<",
            "<Index>99999999999</Index>",
            "<PageIndex>4294967295</PageIndex><ReadCount>50</ReadCount><BoxType>1</BoxType>",
        ];
        for body in bodies {
            for call in
                ["sms/sms-list", "pin/operate", "user/login", "user/authentication_login", "dialup/profiles"]
            {
                rig.post(call, body);
            }
            rig.ask("POST", "/CGI", body);
            rig.ask("PUT", "/", body);
        }
    }
}
