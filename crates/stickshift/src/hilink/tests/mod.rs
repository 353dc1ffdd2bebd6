use std::time::Duration;

use super::device::{self, Control, UsbMode};
use super::pin::SimState;
use super::{
    Call, Delivery, Generation, Hilink, acts_on_get, code_of, dialup, monitoring, net, pin, sms, ussd, xml,
};
use crate::error::refusals::ConnectionState;
use crate::error::{ErrorKind, Result, Verdict};
use crate::link::{HttpLink, HttpRequest, HttpResponse, Moment};
use crate::stick::radio::Figure;

mod password;
mod web;

use web::{Fault, PASSWORD, Web};

fn random(bytes: &mut [u8]) {
    bytes.iter_mut().enumerate().for_each(|(i, b)| *b = i as u8 ^ 0x5a);
}

fn open(web: &mut Web) -> Hilink<'_> {
    let mut hilink = Hilink::open(web, random).unwrap();
    hilink.allow_weak_login(true);
    hilink
}

const KINDS: &[(Generation, Option<&str>)] = &[
    (Generation::G0, None),
    (Generation::G1, None),
    (Generation::G1, Some("0")),
    (Generation::G2, None),
    (Generation::G2, Some("3")),
    (Generation::G2, Some("4")),
    (Generation::G3, Some("4")),
    (Generation::G3, Some("scram")),
];

/// Logs in where that is needed, reads, and changes something a few times.
fn visit(web: &mut Web) -> Result<()> {
    let mut hilink = Hilink::open(web, random)?;
    hilink.allow_weak_login(true);
    hilink.login("admin", PASSWORD)?;
    assert_eq!(hilink.call(&device::signal())?.rsrp, Some(Figure::AtLeast(-87.0)));
    for on in [true, false, true] {
        hilink.call(&dialup::set_data_switch(on))?;
    }
    hilink.logout()
}

#[test]
fn every_generation_and_login() {
    for (generation, login) in KINDS {
        for plain_style in [false, true] {
            let mut web = Web::new(*generation, *login);
            web.plain_style = plain_style;
            visit(&mut web).unwrap_or_else(|e| panic!("{generation:?} {login:?}: {e:?}\n{:#?}", web.log));
            assert!(!web.logged_in, "{generation:?} {login:?}");
            let logouts = web.log.iter().filter(|l| l.ends_with("logout")).count();
            assert_eq!(logouts, usize::from(login.is_some()), "{generation:?} {login:?}");
            let mut web = Web::new(*generation, *login);
            web.plain_style = plain_style;
            let mut hilink = open(&mut web);
            hilink.login_state().unwrap();
            // A G3 web UI that says nothing about SCRAM and gives tokens in its pages reads as G2.
            if !(*generation == Generation::G3 && login.is_none()) {
                assert_eq!(hilink.generation(), *generation);
            }
        }
    }
}

/// What may be said of a visit that failed, by what the server was asked to do.
fn assert_verdict_fits(web: &Web, at: usize, fault: &Fault, verdict: Option<Verdict>, what: &str) {
    let asked = |path: &str| web.log.iter().filter(|l| l.starts_with("POST") && l.ends_with(path)).count();
    let failed_at = web.log.iter().rposition(|l| !l.ends_with("logout")).unwrap_or_default();
    let last = &web.log[failed_at];
    let changes = asked("mobile-dataswitch");
    // A page in place of a document, or half a document, says neither yes nor no.
    let in_doubt = failed_at + 1 == at && matches!(fault, Fault::Drop | Fault::Truncated | Fault::Html);
    let last_changes = last.ends_with("mobile-dataswitch");
    let last_proves = last.ends_with("/login") || last.ends_with("authentication_login");
    let expected = match changes {
        _ if in_doubt && (last_changes || last_proves) => Some(Verdict::Unknown),
        0 => Some(Verdict::Untouched),
        1 if last_changes => Some(Verdict::Untouched),
        _ => None,
    };
    assert_eq!(verdict, expected, "{what}");
}

#[test]
fn a_fault_at_every_request() {
    let mut runs = 0;
    for (generation, login) in KINDS {
        let mut web = Web::new(*generation, *login);
        visit(&mut web).unwrap();
        let (requests, log) = (web.count, web.log.clone());
        for at in 1..=requests {
            let cured: &[Fault] = match (&log[at - 1][..], generation) {
                (line, Generation::G2 | Generation::G3)
                    if line.starts_with("POST")
                        && !line.ends_with("logout")
                        && !line.ends_with("authentication_login") =>
                {
                    &[Fault::Refuse(125_001), Fault::Refuse(125_002), Fault::Refuse(125_003)]
                }
                (line, Generation::G1) if line.starts_with("POST") && !line.ends_with("logout") => {
                    &[Fault::Refuse(125_001)]
                }
                _ => &[],
            };
            for fault in cured.iter().chain(&[
                Fault::Drop,
                Fault::NotSent,
                Fault::Truncated,
                Fault::Html,
                Fault::Refuse(100_005),
                Fault::Refuse(-1),
            ]) {
                let mut web = Web::new(*generation, *login);
                web.faults.insert(at, *fault);
                let result = visit(&mut web);
                runs += 1;
                let what = format!(
                    "{generation:?} {login:?} {fault:?} at {at} {}: {result:?}\n{:#?}",
                    log[at - 1],
                    web.log
                );
                if cured.contains(fault) {
                    assert!(result.is_ok(), "{what}");
                }
                if let Err(e) = &result {
                    assert_verdict_fits(&web, at, fault, e.verdict(), &what);
                }
                // However it ended, nobody's slot stays taken unless the very logout was lost.
                assert!(!web.logged_in || log[at - 1].contains("/user/"), "{what}");
                assert!(web.wrong_tries == 0, "{what}");
            }
        }
        for at in 1..=requests {
            let is_call = log[at - 1].contains("dataswitch") || log[at - 1].contains("signal");
            if is_call {
                let mut web = Web::new(*generation, *login);
                web.faults.insert(at, Fault::Refuse(100_004));
                visit(&mut web).unwrap_or_else(|e| panic!("{generation:?} {login:?} busy at {at}: {e:?}"));
                assert!(web.now >= Duration::from_secs(1));
            }
        }
    }
    assert!(runs > 300, "{runs}");
}

#[test]
fn a_lost_session_is_opened_and_logged_in_again_once() {
    let mut web = Web::new(Generation::G2, Some("4"));
    for at in 1..100 {
        web.faults.insert(at + 6, Fault::Refuse(125_002));
    }
    let e = visit(&mut web).unwrap_err();
    assert_eq!(code_of(&e), Some(125_002));
    assert!(web.count < 30 && web.wrong_tries == 0, "{:?}", web.log);
}

#[test]
fn wrong_passwords_are_tried_once_each() {
    for (generation, login) in KINDS.iter().filter(|(_, login)| login.is_some()) {
        let mut web = Web::new(*generation, *login);
        let e = open(&mut web).login("admin", "wrong").unwrap_err();
        assert!(e.is(ErrorKind::LoginRefused) && !format!("{e:?}").contains("wrong\""), "{e:?}");
        assert_eq!((web.wrong_tries, web.logged_in), (1, false));
    }
}

#[test]
fn a_lock_out_is_seen_before_a_try_is_spent() {
    let mut web = Web::new(Generation::G3, Some("4"));
    web.wrong_tries = 5;
    let e = open(&mut web).login("admin", PASSWORD).unwrap_err();
    assert!(e.is(ErrorKind::LoginLocked) && e.fact("minutes") == Some("3"), "{e:?}");
    assert!(!web.log.iter().any(|l| l.starts_with("POST")));
    let mut web = Web::new(Generation::G2, Some("4"));
    web.wrong_tries = 5;
    assert!(open(&mut web).login("admin", PASSWORD).unwrap_err().is(ErrorKind::LoginLocked));
}

#[test]
fn a_server_that_does_not_know_the_password_is_found_out() {
    // It takes any proof and signs with something.
    struct Liar(Web);
    impl HttpLink for Liar {
        fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
            let mut response = self.0.request(request)?;
            if request.path.ends_with("authentication_login") {
                let body = "<response><serversignature>10cf1fd04a406f3f7d1f1026a46fa290cf312eaed92e5a15121ae496f8aac2e0</serversignature></response>";
                response.body = body.as_bytes().to_vec();
            }
            Ok(response)
        }
        fn now(&self) -> Moment {
            self.0.now
        }
        fn sleep(&mut self, time: Duration) {
            self.0.sleep(time);
        }
    }
    let mut liar = Liar(Web::new(Generation::G3, Some("scram")));
    let e = Hilink::open(&mut liar, random).unwrap().login("admin", PASSWORD).unwrap_err();
    assert!(e.is(ErrorKind::UnexpectedAnswer) && e.what().contains("did not prove"), "{e:?}");
    assert!(!liar.0.logged_in);
}

#[test]
fn the_slot_is_given_back_when_the_session_is_dropped() {
    // Also when nothing was asked for in between.
    for (generation, login) in KINDS.iter().filter(|(_, login)| login.is_some()) {
        let mut web = Web::new(*generation, *login);
        assert!(open(&mut web).login("admin", PASSWORD).unwrap());
        assert!(!web.logged_in, "{generation:?} {login:?}");
    }
    let mut web = Web::new(Generation::G2, Some("4"));
    let mut hilink = open(&mut web);
    assert!(hilink.login("admin", PASSWORD).unwrap());
    drop(hilink);
    assert!(!web.logged_in);

    // Also when the work was stopped on request.
    let cancel = crate::event::Cancel::new();
    let mut hilink = Hilink::open_with(&mut web, random, cancel.clone()).unwrap();
    hilink.login("admin", PASSWORD).unwrap();
    cancel.cancel();
    assert!(hilink.call(&device::signal()).unwrap_err().is(ErrorKind::Interrupted));
    drop(hilink);
    assert!(!web.logged_in);
}

#[test]
fn a_lost_connection_is_a_value_where_it_may_be_success() {
    for (fault, result) in [
        (None, Ok(Delivery::Confirmed)),
        (Some(Fault::Drop), Ok(Delivery::ConnectionLost)),
        (Some(Fault::NotSent), Err(ErrorKind::Disconnected)),
    ] {
        let mut web = Web::new(Generation::G2, None);
        // The page is the first request.
        web.faults.extend(fault.map(|f| (2, f)));
        let mut hilink = open(&mut web);
        let sent = hilink.call_and_lose(&device::mode(UsbMode::Project)).map_err(|e| e.kind());
        assert_eq!(sent, result);
        let mut web = Web::new(Generation::G2, None);
        web.faults.extend(fault.map(|f| (2, f)));
        assert_eq!(open(&mut web).cgi_switch(1).map_err(|e| e.kind()), result);
        let body = String::from_utf8(web.bodies[1].clone()).unwrap();
        assert!(
            body.contains("<function>switchMode</function>") && body.contains("<switchType>1</switchType>")
        );
    }
    // A firmware that blocks it says "wrong session" for ever.
    let mut web = Web::new(Generation::G2, None).reply("/api/device/mode", &["!125002"]);
    let e = open(&mut web).call_and_lose(&device::mode(UsbMode::Debug)).unwrap_err();
    assert_eq!((code_of(&e), web.log.iter().filter(|l| l.ends_with("mode")).count()), (Some(125_002), 2));
}

#[test]
fn absent_functions() {
    let mut web = Web::new(Generation::G2, None);
    let mut hilink = open(&mut web);
    assert_eq!(hilink.call_if_known(&device::basic_information()).unwrap(), None);
    for response in [
        HttpResponse {
            status: 307,
            headers: vec![("Location".into(), "http://192.168.8.1/html/home.html".into())],
            body: Vec::new(),
        },
        HttpResponse { status: 200, headers: Vec::new(), body: b"\r\n<!DOCTYPE HTML><html></html>".to_vec() },
    ] {
        struct Fixed(HttpResponse);
        impl HttpLink for Fixed {
            fn request(&mut self, _: &HttpRequest) -> Result<HttpResponse> {
                Ok(self.0.clone())
            }
            fn now(&self) -> Moment {
                Moment::ZERO
            }
            fn sleep(&mut self, _: Duration) {}
        }
        let mut link = Fixed(response);
        let mut hilink = Hilink::open(&mut link, random).unwrap();
        assert_eq!(hilink.generation(), Generation::G0);
        assert_eq!(hilink.call_if_known(&device::signal()).unwrap(), None);
    }
}

#[test]
fn hostile_headers_are_not_sent_back() {
    struct Hostile(Vec<String>);
    impl HttpLink for Hostile {
        fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
            self.0.extend(request.headers.iter().map(|(n, v)| format!("{n}: {v}")));
            let many = (0..1000).map(|i| ("Set-Cookie".to_owned(), format!("c{i}=1"))).collect::<Vec<_>>();
            let mut headers = vec![
                ("Set-Cookie".to_owned(), "SessionID=a\r\nX: y".to_owned()),
                ("__RequestVerificationToken".to_owned(), format!("t\r\nX: y#{}#ok", "z".repeat(5000))),
            ];
            headers.extend(many);
            let body = b"<html><meta name=\"csrf_token\" content=\"a\nb\"><meta name=\"csrf_token\" content=\"good\">".to_vec();
            Ok(HttpResponse { status: 200, headers, body })
        }
        fn now(&self) -> Moment {
            Moment::ZERO
        }
        fn sleep(&mut self, _: Duration) {}
    }
    let mut link = Hostile(Vec::new());
    let mut hilink = Hilink::open(&mut link, random).unwrap();
    for _ in 0..3 {
        let _ = hilink.call(&dialup::set_data_switch(true));
    }
    drop(hilink);
    assert!(link.0.iter().all(|h| !h.contains(['\r', '\n']) && h.len() < 200), "{:?}", link.0);
    assert!(link.0.iter().any(|h| h == "__RequestVerificationToken: ok"));
}

#[test]
fn replies_as_captured() {
    let mut web = Web::new(Generation::G2, None)
        .reply("/api/device/information", &["<DeviceName>E3372</DeviceName><Imei>860000000000001</Imei><HardwareVersion>CL2E3372HM</HardwareVersion><SoftwareVersion>22.200.15.00.00</SoftwareVersion><WebUIVersion>17.100.13.01.03</WebUIVersion><Msisdn></Msisdn><workmode>LTE</workmode>"])
        .reply("/api/monitoring/status", &["<ConnectionStatus>901</ConnectionStatus><SignalStrength></SignalStrength><SignalIcon>5</SignalIcon><CurrentNetworkType>19</CurrentNetworkType><RoamingStatus>0</RoamingStatus><WanIPAddress>10.249.198.122</WanIPAddress><PrimaryDns>10.0.0.1</PrimaryDns><SecondaryDns></SecondaryDns><ServiceStatus>2</ServiceStatus><SimStatus>1</SimStatus><CurrentNetworkTypeEx>101</CurrentNetworkTypeEx><maxsignal>5</maxsignal>"])
        .reply("/api/monitoring/traffic-statistics", &["<CurrentConnectTime>4542</CurrentConnectTime><CurrentUpload>6502045</CurrentUpload><CurrentDownload>136737175</CurrentDownload><CurrentDownloadRate>7</CurrentDownloadRate><CurrentUploadRate>8</CurrentUploadRate><TotalUpload>12194090</TotalUpload><TotalDownload>232454793</TotalDownload><TotalConnectTime>9878</TotalConnectTime><showtraffic>1</showtraffic>"])
        .reply("/api/net/current-plmn", &["<State>0</State><FullName>Orange</FullName><ShortName>Orange</ShortName><Numeric>20801</Numeric><Rat>7</Rat><Spn></Spn>"])
        .reply("/api/net/net-mode", &["<NetworkMode>00</NetworkMode><NetworkBand>2000004400000</NetworkBand><LTEBand>80800D5</LTEBand>"])
        .reply("/api/net/plmn-list", &["<Networks><Network><Index>0</Index><State>2</State><FullName>Orange</FullName><Numeric>20801</Numeric><Rat>7</Rat></Network></Networks>"])
        .reply("/api/dialup/connection", &["<RoamAutoConnectEnable>0</RoamAutoConnectEnable><MaxIdelTime>600</MaxIdelTime><ConnectMode>0</ConnectMode><MTU>1500</MTU><auto_dial_switch>1</auto_dial_switch><pdp_always_on>0</pdp_always_on>"])
        .reply("/api/pin/status", &["<SimState>257</SimState><PinOptState>258</PinOptState><SimPinTimes>3</SimPinTimes><SimPukTimes>10</SimPukTimes>"])
        .reply("/api/online-update/autoupdate-config", &["<auto_update>1</auto_update><ui_download>0</ui_download>"])
        .reply("/api/dialup/profiles", &["<CurrentProfile>2</CurrentProfile><Profiles><Profile><Index>2</Index><Name>n</Name><ApnName>a.b</ApnName><AuthMode>2</AuthMode><ReadOnly>1</ReadOnly><iptype>2</iptype></Profile></Profiles>"]);
    let mut h = open(&mut web);
    let i = h.call(&device::information()).unwrap();
    assert_eq!(
        (i.hardware.as_deref(), i.software.as_deref(), i.msisdn),
        (Some("CL2E3372HM"), Some("22.200.15.00.00"), None)
    );
    let s = h.call(&monitoring::status()).unwrap();
    assert!(s.is(ConnectionState::Connected));
    assert_eq!((s.network, s.registration_words(), s.dns.len()), ("LTE", Some("registered"), 1));
    let t = h.call(&monitoring::traffic()).unwrap();
    let rates = (t.send_rate, t.receive_rate);
    assert_eq!((t.sent, t.received, rates), (Some(6_502_045), Some(136_737_175), (Some(8), Some(7))));
    let odd = "<r><CurrentUpload>-1</CurrentUpload><CurrentDownload></CurrentDownload></r>";
    let odd = monitoring::traffic().parse(&xml::parse(odd.as_bytes()).unwrap()).unwrap();
    assert_eq!(odd, monitoring::Traffic::default());
    let n = h.call(&net::current()).unwrap();
    assert_eq!((n.name.as_deref(), n.numeric.as_deref(), n.rat), (Some("Orange"), Some("20801"), Some(7)));
    assert_eq!(h.call(&net::search()).unwrap()[0].state, Some(2));
    let mode = h.call(&net::mode()).unwrap();
    assert_eq!(
        net::set_mode(&mode).body.unwrap(),
        "<NetworkMode>00</NetworkMode><NetworkBand>2000004400000</NetworkBand><LTEBand>80800D5</LTEBand>"
    );
    let p = h.call(&dialup::policy()).unwrap();
    assert_eq!((p.idle_seconds, p.mode, p.mtu, p.auto_dial), (600, 0, 1500, true));
    assert_eq!(
        dialup::set_policy(&dialup::DialPolicy { roaming: true, ..p }).body.unwrap(),
        "<RoamAutoConnectEnable>1</RoamAutoConnectEnable><MaxIdelTime>600</MaxIdelTime><ConnectMode>0</ConnectMode><MTU>1500</MTU><auto_dial_switch>1</auto_dial_switch><pdp_always_on>0</pdp_always_on>"
    );
    let p = h.call(&pin::status()).unwrap();
    assert_eq!((p.state, p.pin_enabled, p.pin_tries), (SimState::Ready, Some(false), Some(3)));
    let signal = h.call(&device::signal()).unwrap();
    assert_eq!(
        (signal.rssi, signal.sinr, signal.rscp, signal.cell),
        (Some(Figure::Exact(-53.0)), Some(Figure::Exact(-1.5)), None, Some(2_588_959))
    );
    assert_eq!(h.call(&device::updates_itself()).unwrap(), Some(true));
    assert_eq!(
        device::automatic_updates(false).body.unwrap(),
        "<auto_update>0</auto_update><ui_download>0</ui_download>"
    );
    let profiles = h.call(&dialup::profiles()).unwrap();
    assert_eq!((profiles.current, profiles.all[0].apn.as_str(), profiles.all[0].read_only), (2, "a.b", true));
    assert_eq!(h.call_and_lose(&device::control(Control::Reboot)).unwrap(), Delivery::Confirmed);
}

const HELLO: &str = "<Message><Smstat>0</Smstat><Index>40008</Index><Phone>+12345678901</Phone><Content>Hello</Content><Date>2022-08-15 12:09:24</Date><SmsType>1</SmsType></Message>";

#[test]
fn messages_are_listed_page_by_page_and_sent() {
    let page = |message: &str| format!("<Count>1</Count><Messages>{message}</Messages>");
    let second = page(&HELLO.replace("40008", "40009"));
    for last in [page(""), second.clone()] {
        let mut web =
            Web::new(Generation::G2, None).reply("/api/sms/sms-list", &[&page(HELLO), &second, &last]);
        let (all, short) = sms::list(&mut open(&mut web), sms::Folder::Inbox).unwrap();
        assert!(short.is_none(), "{short:?}");
        assert_eq!(all.iter().map(|m| m.index).collect::<Vec<_>>(), [Some(40008), Some(40009)]);
        assert_eq!((all[0].status, all[0].text.as_str()), (Some(sms::Status::Unread), "Hello"));
    }
    // The same page, whichever is asked for: the others are not there, and not passed over.
    let first = page(HELLO).replace("<Count>1", "<Count>57");
    let mut web = Web::new(Generation::G2, None).reply("/api/sms/sms-list", &[&first]);
    let (all, short) = sms::list(&mut open(&mut web), sms::Folder::Inbox).unwrap();
    assert_eq!((all.len(), short.unwrap().what()), (1, "the stick counts 57 entries and lists 1"));
    let mut web = Web::new(Generation::G2, None).reply(
        "/api/sms/send-status",
        &[
            "<Phone>+1</Phone><SucPhone></SucPhone><FailPhone></FailPhone>",
            "<Phone></Phone><SucPhone>+1</SucPhone><FailPhone></FailPhone>",
        ],
    );
    send(&mut web, "+1", "a<b 😀", "2026-11-20 13:00:50").unwrap();
    let body = web.bodies.iter().find(|b| b.windows(6).any(|w| w == b"Phones")).unwrap();
    let sent = xml::parse(body).unwrap();
    assert_eq!(
        (sent.value("Content"), sent.value("Length"), sent.value("Reserved")),
        (Some("a<b 😀"), Some("5"), Some("0"))
    );
    assert_eq!(sent.child("Phones").and_then(|p| p.value("Phone")), Some("+1"));
    let mut web =
        Web::new(Generation::G2, None).reply("/api/sms/send-status", &["<FailPhone>+1</FailPhone>"]);
    assert!(send(&mut web, "+1", "x", "").unwrap_err().is(ErrorKind::HilinkRefused));
    assert!(sms::submit("1;2", "x", "").err().unwrap().is(ErrorKind::Usage));
}

/// Boxes that are told without their list, dates that are none, states and types that are not the usual ones.
#[test]
fn messages_as_they_come() {
    let list = |reply: &'static str| {
        let mut web = Web::new(Generation::G2, None).reply("/api/sms/sms-list", &[reply, "<Count>0</Count>"]);
        sms::list(&mut open(&mut web), sms::Folder::Inbox).map(|(messages, _)| messages)
    };
    assert_eq!(list("<Count>0</Count>").unwrap(), []);
    assert_eq!(list("<Count>0</Count><Messages/>").unwrap(), []);
    assert!(list("<Count>2</Count>").unwrap_err().is(ErrorKind::UnexpectedAnswer));
    assert!(list("<Other>0</Other>").unwrap_err().is(ErrorKind::UnexpectedAnswer));
    let one = |fields: &'static str| list(fields).unwrap().remove(0);
    let odd = one(
        "<Count>1</Count><Messages><Message><Smstat>9</Smstat><Date>0000-00-00</Date></Message></Messages>",
    );
    assert_eq!((odd.index, odd.status, odd.date.as_str(), odd.delivered), (None, None, "0000-00-00", None));
    for (kind, delivered) in [("1", None), ("2", None), ("5", None), ("7", Some(true)), ("8", Some(false))] {
        let page =
            format!("<Count>1</Count><Messages><Message><SmsType>{kind}</SmsType></Message></Messages>");
        assert_eq!(one(page.leak()).delivered, delivered, "{kind}");
    }
    for (state, status) in [
        ("0", sms::Status::Unread),
        ("1", sms::Status::Read),
        ("2", sms::Status::Draft),
        ("3", sms::Status::Sent),
        ("4", sms::Status::Failed),
    ] {
        let page =
            format!("<Count>1</Count><Messages><Message><Smstat>{state}</Smstat></Message></Messages>");
        assert_eq!(one(page.leak()).status, Some(status), "{state}");
    }
}

fn send(web: &mut Web, phone: &str, text: &str, date: &str) -> Result<bool> {
    let mut hilink = open(web);
    hilink.call(&sms::submit(phone, text, date)?)?;
    sms::wait_until_sent(&mut hilink, phone, Some(&sms::SendStatus::default()))
}

#[test]
fn ussd_is_polled() {
    let mut web = Web::new(Generation::G2, None)
        .reply("/api/ussd/get", &["!111019", "!111019", "<content>Balance: 5</content>"]);
    assert_eq!(ussd::ask(&mut open(&mut web), "*100#").unwrap(), "Balance: 5");
    let mut web = Web::new(Generation::G2, None).reply("/api/ussd/get", &["!111019"]);
    assert!(ussd::ask(&mut open(&mut web), "*100#").unwrap_err().is(ErrorKind::Timeout));
    // An answer that is still empty.
    let mut web = Web::new(Generation::G2, None)
        .reply("/api/ussd/get", &["<content></content>", "<content>Menu\n1</content>"]);
    assert_eq!(ussd::ask(&mut open(&mut web), "*100#").unwrap(), "Menu\n1");
    let mut web = Web::new(Generation::G2, None).reply("/api/ussd/get", &["!111020"]);
    assert_eq!(code_of(&ussd::ask(&mut open(&mut web), "*100#").unwrap_err()), Some(111_020));
}

#[test]
fn encrypted_requests_where_the_stick_wants_them() {
    let modulus = include_str!("../testdata/rsa-n.txt").trim();
    let key = format!("<encpubkeyn>{modulus}</encpubkeyn><encpubkeye>010001</encpubkeye>");
    let mut web = Web::new(Generation::G2, None)
        .reply("/api/global/module-switch", &["<encrypt_enabled>1</encrypt_enabled>"])
        .reply("/api/webserver/publickey", &[&key]);
    open(&mut web).call(&dialup::use_profile(2)).unwrap();
    let at = web.log.iter().position(|l| l == "POST /api/dialup/profiles").unwrap();
    let body = &web.bodies[at];
    assert!(body.len().is_multiple_of(256) && body.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
}

#[test]
fn raw_requests() {
    let mut web = Web::new(Generation::G2, None);
    let mut h = open(&mut web);
    assert_eq!(h.raw("/api/device/signal", None).unwrap().value("mode"), Some("7"));
    for bad in ["", "api", "/a b", "/a\r\nX: y"] {
        assert!(h.raw(bad, None).unwrap_err().is(ErrorKind::Usage), "{bad:?}");
    }
    for acts in [
        "/api/ussd/release?a",
        "//api/ussd/release",
        "/API/ussd/./Release",
        "/api/ussd/%72elease",
        "/api/ussd/%zz",
    ] {
        assert!(acts_on_get(acts), "{acts}");
    }
    assert!(!acts_on_get("/api/device/signal?/api/ussd/release"));
    let call = Call::get("/api/device/signal", |_| Ok(()));
    assert!(call.parse(&xml::Element::default()).is_ok());
}

#[test]
fn documents_in_utf_16_and_with_a_mark_are_read() {
    let text = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><RESPONSE a='1'><Name>Bär &amp; Čo</Name><Empty/></RESPONSE>";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked = [vec![0xff, 0xfe], little.clone()].concat();
    let in_utf8 = ["\u{feff}".as_bytes(), text.as_bytes()].concat();
    for bytes in [little, big, marked, in_utf8] {
        let root = crate::hilink::xml::parse(&bytes).unwrap();
        assert_eq!(root.value("name"), Some("Bär & Čo"), "{bytes:x?}");
        assert_eq!((root.value("Empty"), root.children.len()), (None, 2));
    }
}

#[test]
fn a_cdata_section_stands_for_itself() {
    let text = b"<r><a><![CDATA[x & y < b > &amp; z]]></a><b>1 & 2</b><c><![CDATA[]]></c></r>";
    let root = crate::hilink::xml::parse(text).unwrap();
    assert_eq!(root.value("a"), Some("x & y < b > &amp; z"));
    assert_eq!((root.value("b"), root.value("c")), (Some("1 & 2"), None));
    assert!(crate::hilink::xml::parse(b"<r><a><![CDATA[never closed</a></r>").is_err());
}
