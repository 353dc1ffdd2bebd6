//! Changes over the web: what is sent twice and what is not, and what is believed of an answer.

use super::*;
use crate::modem::Draft;

const OK: &str = "OK";
const OFF: &str = "<auto_update>0</auto_update>";
const ON: &str = "<auto_update>1</auto_update>";

fn profiles(current: u32) -> String {
    let one = |n| format!("<Profile><Index>{n}</Index><Name>n{n}</Name><ReadOnly>0</ReadOnly></Profile>");
    format!("<CurrentProfile>{current}</CurrentProfile><Profiles>{}{}</Profiles>", one(1), one(2))
}

/// How often a page was asked for.
fn count(pages: &Pages<'_>, end: &str) -> usize {
    pages.asked.iter().filter(|path| path.ends_with(end)).count()
}

/// What is said of a change, and how often a page was asked for.
fn change<T>(
    replies: &[(&'static str, &[&str])],
    of: &str,
    change: impl FnOnce(&mut Modem<'_>) -> Result<T>,
) -> (std::result::Result<T, Option<Verdict>>, usize) {
    let mut pages = Pages::new(replies);
    let result = change(&mut Modem::over_web(&mut pages, None, &Cancel::new()).unwrap());
    (result.map_err(|e| e.verdict()), count(&pages, of))
}

/// A try may have been counted, whatever the refusal says: a code goes out again in a new session alone, where the tries show that it was not
/// looked at.
#[test]
fn a_code_is_not_sent_again_while_tries_may_be_counted() {
    const THREE: &str = "<SimState>260</SimState><SimPinTimes>3</SimPinTimes><SimPukTimes>10</SimPukTimes>";
    const TWO: &str = "<SimState>260</SimState><SimPinTimes>2</SimPinTimes><SimPukTimes>10</SimPukTimes>";
    const READY: &str = "<SimState>257</SimState><SimPinTimes>3</SimPinTimes><SimPukTimes>10</SimPukTimes>";
    const DUMB: &str = "<SimState>260</SimState>";
    for (states, answers, last, expected, sent) in [
        (&[THREE][..], &["!100004"][..], LastTry::Keep, Err(Some(Verdict::Untouched)), 1),
        (&[THREE, TWO], &["!100004"], LastTry::Keep, Err(Some(Verdict::Recoverable)), 1),
        (&[THREE, THREE, READY], &["!125003", OK], LastTry::Keep, Ok(()), 2),
        (&[THREE, TWO], &["!125003"], LastTry::Keep, Err(Some(Verdict::Recoverable)), 1),
        (&[DUMB], &["!125002"], LastTry::MaySpend, Err(Some(Verdict::Unknown)), 1),
        // The session was over, and nobody saw the tries since.
        (&[THREE, "<cut"], &["!125002"], LastTry::Keep, Err(Some(Verdict::Unknown)), 1),
        (&[THREE, "<cut"], &["!125003"], LastTry::Keep, Err(Some(Verdict::Unknown)), 1),
        (&[THREE, "<cut", TWO], &["!125003"], LastTry::Keep, Err(Some(Verdict::Recoverable)), 1),
    ] {
        let replies = [("/api/pin/status", states), ("/api/pin/operate", answers)];
        let use_it = |modem: &mut Modem<'_>| modem.use_code(PinUse::Enter("1234"), last).map(drop);
        assert_eq!(change(&replies, "/operate", use_it), (expected, sent), "{states:?} {answers:?}");
    }
}

#[test]
fn a_message_is_not_sent_again_while_the_stick_is_busy() {
    let draft = Draft { to: "+33612345678", text: "hi", mark: 1, date: "2026-11-20 13:00:00" };
    let send = |modem: &mut Modem<'_>| modem.send_message(draft).map(|sent| sent.shown);
    let in_the_box = "<Messages><Message><Index>1</Index><Smstat>3</Smstat><Phone>+33612345678</Phone>\
        <Content>hi</Content><Date>2026-11-20 13:00:00</Date></Message></Messages>";
    let (status, sms, list) = ("/api/sms/send-status", "/api/sms/send-sms", "/api/sms/sms-list");
    let empty = "<Messages></Messages>";
    for (answer, listed, expected) in [
        ("!100004", empty, Err(Some(Verdict::Unknown))),
        ("!100004", in_the_box, Ok(true)),
        // Refused, and sent all the same.
        ("!113018", in_the_box, Ok(true)),
        ("!113018", empty, Err(Some(Verdict::Untouched))),
        // It does not tell whether it went.
        (OK, empty, Ok(false)),
        (OK, in_the_box, Ok(true)),
    ] {
        let pages = [(sms, &[answer][..]), (list, &[listed])];
        assert_eq!(change(&pages, sms, send), (expected, 1), "{answer} {listed}");
    }
    // What it tells may be of an earlier message, and of numbers without their country.
    let other = "<Phone></Phone><SucPhone>+33699999999</SucPhone><FailPhone></FailPhone>";
    let same = "<Phone></Phone><SucPhone>0612345678</SucPhone><FailPhone></FailPhone>";
    let pages = [(sms, &[OK][..]), (status, &[other, same])];
    assert_eq!(change(&pages, status, send), (Ok(true), 2));
    let pages = [(sms, &[OK][..]), (status, &[other]), (list, &[empty])];
    assert_eq!(change(&pages, status, send), (Ok(false), 11));
    // Of an earlier message to the same number, while this one is on its way and where it does not show.
    let (went, failed) = ("<SucPhone>+33612345678</SucPhone>", "<FailPhone>+33612345678</FailPhone>");
    let sending = |before: &str| format!("<Phone>+33612345678</Phone>{before}");
    for (pages, expected) in [
        (vec![went.to_owned(), sending(went), failed.to_owned()], Err(Some(Verdict::Untouched))),
        (vec![went.to_owned(), sending(went), went.to_owned()], Ok(true)),
        (vec![failed.to_owned(), sending(failed), went.to_owned()], Ok(true)),
        (vec![failed.to_owned(), sending(failed), format!("{went}{failed}")], Ok(true)),
        (vec![went.to_owned()], Ok(false)),
        (vec![failed.to_owned()], Ok(false)),
        (vec![sending(""), went.to_owned()], Ok(false)),
        (vec![failed.to_owned(), went.to_owned()], Ok(true)),
        // What was before was not told: any of it may be of the earlier one.
        (vec!["!100006".to_owned(), went.to_owned()], Ok(false)),
        (vec!["!100006".to_owned(), failed.to_owned()], Ok(false)),
        (vec!["!100006".to_owned(), sending(""), went.to_owned()], Ok(false)),
        (vec!["!100006".to_owned(), sending(""), failed.to_owned()], Ok(false)),
    ] {
        let told: Vec<&str> = pages.iter().map(String::as_str).collect();
        let pages = [(sms, &[OK][..]), (status, &told), (list, &[empty])];
        assert_eq!(change(&pages, status, send).0, expected, "{told:?}");
    }
    let pages = [(sms, &[OK][..]), (status, &["!100006", &sending(""), went]), (list, &[in_the_box])];
    assert_eq!(change(&pages, status, send).0, Ok(true));
}

/// Refused before it went out: untouched. After it was taken, or where the refusal does not say which: unknown.
#[test]
fn a_refused_code_is_judged_by_when_it_was_refused() {
    let (untouched, unknown) = (Err(Some(Verdict::Untouched)), Err(Some(Verdict::Unknown)));
    let (send, get) = ("/api/ussd/send", "/api/ussd/get");
    let ask = |modem: &mut Modem<'_>| modem.ask_code("*100#").map(|answer| answer.text);
    for (sent, got, expected) in [
        ("!100002", "", &untouched),
        ("!100003", "", &untouched),
        ("!111013", "", &untouched),
        ("!111014", "", &untouched),
        ("!111016", "", &untouched),
        ("!111017", "", &untouched),
        ("!111018", "", &untouched),
        ("!111001", "", &unknown),
        ("!111012", "", &unknown),
        ("!111019", "", &unknown),
        ("!111020", "", &unknown),
        ("!111099", "", &unknown),
        (OK, "!111018", &untouched),
        (OK, "!111022", &untouched),
        (OK, "!111001", &unknown),
        (OK, "!111013", &unknown),
        (OK, "!111019", &unknown),
        (OK, "!111020", &unknown),
        (OK, "!111021", &unknown),
        (OK, "!-1", &unknown),
        (OK, "!100002", &unknown),
        (OK, "!100003", &unknown),
        (OK, "!100006", &unknown),
        (OK, "!125002", &unknown),
        (OK, "!", &unknown),
        (OK, "<content>5 EUR</content>", &Ok("5 EUR".to_owned())),
    ] {
        assert_eq!(&change(&[(send, &[sent]), (get, &[got])], send, ask).0, expected, "{sent} {got}");
    }
}

/// The stick answers, so that pulling it out is no advice.
#[test]
fn a_network_that_is_silent_on_a_code_is_told_from_a_silent_stick() {
    let mut pages = Pages::new(&[("/api/ussd/send", &[OK]), ("/api/ussd/get", &["!111019"])]);
    let error = Modem::over_web(&mut pages, None, &Cancel::new()).unwrap().ask_code("*100#").unwrap_err();
    assert!(error.is(ErrorKind::Timeout) && error.next_step().is_some(), "{error:?}");
}

#[test]
fn a_refused_message_is_judged_by_what_the_refusal_says() {
    let (untouched, unknown) = (Err(Some(Verdict::Untouched)), Err(Some(Verdict::Unknown)));
    let draft = Draft { to: "+33612345678", text: "hi", mark: 1, date: "2026-11-20 13:00:00" };
    let send = |modem: &mut Modem<'_>| modem.send_message(draft).map(|sent| sent.shown);
    let (sms, status) = ("/api/sms/send-sms", "/api/sms/send-status");
    for (sent, shown, expected) in [
        ("!100002", "", &untouched),
        ("!113017", "", &untouched),
        ("!113018", "", &untouched),
        ("!113053", "", &untouched),
        ("!113054", "", &untouched),
        ("!103001", "", &unknown),
        ("!113099", "", &unknown),
        ("!", "", &unknown),
        (OK, "!100003", &unknown),
        (OK, "!113018", &unknown),
        (OK, "!125002", &unknown),
    ] {
        assert_eq!(&change(&[(sms, &[sent]), (status, &[shown])], sms, send).0, expected, "{sent} {shown}");
    }
}

/// Done, although the stick refused; not done, although it said OK; done a little later.
#[test]
fn what_a_stick_shows_counts_more_than_what_it_answers() {
    let updates = "/api/online-update/autoupdate-config";
    let off = |modem: &mut Modem<'_>| modem.set_automatic_updates(false);
    for (answers, expected) in [
        (&[OK, OFF][..], Ok(true)),
        (&["!100005", OFF], Ok(true)),
        (&["!100005", ON], Err(Some(Verdict::Untouched))),
        (&[OK, ON, ON, OFF], Ok(true)),
        (&[OK, ON], Err(Some(Verdict::Unknown))),
        (&[OK, "!100003"], Ok(false)),
    ] {
        assert_eq!(change(&[(updates, answers)], updates, off).0, expected, "{answers:?}");
    }
    let (one, two) = (profiles(1), profiles(2));
    let path = "/api/dialup/profiles";
    let use_2 = |modem: &mut Modem<'_>| modem.use_dial_profile(2);
    for (answers, expected) in [
        (&[OK, &two][..], Ok(true)),
        (&["!100005", &two], Ok(true)),
        (&[OK, &one, &two], Ok(true)),
        (&[OK, &one], Err(Some(Verdict::Unknown))),
    ] {
        assert_eq!(change(&[(path, answers)], path, use_2).0, expected, "{answers:?}");
    }
    let delete_2 = |modem: &mut Modem<'_>| modem.delete_dial_profile(2);
    assert_eq!(change(&[(path, &[&one, OK, &one])], path, delete_2).0, Err(Some(Verdict::Unknown)));
}

#[test]
fn a_mode_of_the_radio_is_looked_for() {
    let mode = |n| format!("<NetworkMode>{n}</NetworkMode><NetworkBand>1</NetworkBand><LTEBand>4</LTEBand>");
    let (auto, lte) = (mode("00"), mode("03"));
    let path = "/api/net/net-mode";
    let set = |modem: &mut Modem<'_>| {
        let now = modem.radio()?;
        let order = crate::stick::radio::Order(vec![crate::stick::radio::Technology::Lte]);
        let wanted = now.with(Some(order), None, None)?;
        modem.set_radio(&now, &wanted).map(|(_, shown)| shown)
    };
    for (answers, expected) in [
        (&[&*auto, OK, &lte][..], Ok(true)),
        (&[&auto, "!100006", &lte], Ok(true)),
        (&[&auto, "!100006", &auto], Err(Some(Verdict::Untouched))),
        (&[&auto, OK, &auto, &auto, &auto, &lte], Ok(true)),
        (&[&auto, OK, &auto], Err(Some(Verdict::Unknown))),
        (&[&auto, OK, "!100003"], Ok(false)),
    ] {
        assert_eq!(change(&[(path, answers)], path, set).0, expected, "{answers:?}");
    }
}

#[test]
fn a_message_that_stays_is_not_deleted() {
    let message = "<Messages><Message><Index>40000</Index><Smstat>1</Smstat><Phone>+1</Phone><Content>a</Content>\
        <Date>2026-11-20 13:00:00</Date></Message></Messages>";
    let empty = "<Messages></Messages>";
    let (delete, list) = ("/api/sms/delete-sms", "/api/sms/sms-list");
    let gone = |modem: &mut Modem<'_>| modem.delete_messages(&[40_000.into()]).map(|d| !d.unseen);
    // Each listing has an empty page for each of three boxes behind what it finds.
    let then = |after: &'static str| [message, empty, empty, empty, after];
    assert_eq!(change(&[(delete, &[OK]), (list, &then(empty))], delete, gone), (Ok(true), 1));
    assert_eq!(change(&[(delete, &["!113018"]), (list, &then(empty))], delete, gone).0, Ok(true));
    let stays = |answer: &'static str| {
        let mut pages = Pages::new(&[(delete, &[answer]), (list, &[message])]);
        let result = gone(&mut Modem::over_web(&mut pages, None, &Cancel::new()).unwrap());
        (result.map_err(|e| e.verdict()), count(&pages, delete))
    };
    assert_eq!(stays(OK), (Err(Some(Verdict::Unknown)), 2));
    assert_eq!(stays("!113018"), (Err(Some(Verdict::Untouched)), 1));
}

#[test]
fn a_network_is_in_use_when_the_stick_is_on_it() {
    const AUTOMATIC: &str = "<Mode>0</Mode><Plmn></Plmn><Rat></Rat>";
    const BY_HAND: &str = "<Mode>1</Mode><Plmn>20820</Plmn><Rat>7</Rat>";
    const HEARD: &str = "<Networks><Network><State>1</State><FullName>N</FullName><Numeric>20820</Numeric>\
        <Rat>7</Rat></Network></Networks>";
    const THERE: &str = "<State>0</State><FullName>N</FullName><Numeric>20820</Numeric><Rat>7</Rat>";
    const NOWHERE: &str = "<State>2</State><FullName></FullName><Numeric></Numeric><Rat></Rat>";
    let register = "/api/net/register";
    let choose = |modem: &mut Modem<'_>| modem.use_network(Some("20820"));
    for (answers, on, expected) in [
        (&[AUTOMATIC, OK, BY_HAND][..], &[THERE][..], Ok(true)),
        (&[AUTOMATIC, OK, BY_HAND], &[NOWHERE, NOWHERE, THERE], Ok(true)),
        (&[AUTOMATIC, OK, BY_HAND], &[NOWHERE], Ok(false)),
        (&[AUTOMATIC, OK, AUTOMATIC], &[NOWHERE], Err(Some(Verdict::Unknown))),
        // A refusal of the network leaves the choice, and so does an answer that is lost.
        (&[AUTOMATIC, "!112005", BY_HAND], &[NOWHERE], Err(Some(Verdict::Recoverable))),
        (&[AUTOMATIC, "!112005", BY_HAND], &[THERE], Ok(true)),
        (&[AUTOMATIC, "<x></x>", BY_HAND], &[NOWHERE], Ok(false)),
        (&[AUTOMATIC, "<x></x>", BY_HAND], &[THERE], Ok(true)),
    ] {
        let pages = [(register, answers), ("/api/net/plmn-list", &[HEARD]), ("/api/net/current-plmn", on)];
        assert_eq!(change(&pages, register, choose).0, expected, "{answers:?} {on:?}");
    }
}

/// A web server that acts after the time for its answer is over.
#[test]
fn what_was_not_answered_in_time_may_still_be_done() {
    struct Late<'p>(Pages<'p>);
    impl HttpLink for Late<'_> {
        fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
            if request.method == "POST" {
                self.0.asked.push(request.path.clone());
                self.0.now += request.timeout;
                let late = Error::new(ErrorKind::Timeout, "the stick's web server did not answer");
                return Err(late.detail(Detail::RequestSent(true)));
            }
            self.0.request(request)
        }
        fn now(&self) -> Moment {
            self.0.now
        }
        fn sleep(&mut self, time: Duration) {
            self.0.sleep(time);
        }
    }
    let updates = "/api/online-update/autoupdate-config";
    for (answers, expected) in [(&[ON, ON, ON, OFF][..], Ok(true)), (&[ON], Err(Some(Verdict::Unknown)))] {
        let mut pages = Late(Pages::new(&[(updates, answers)]));
        let mut modem = Modem::over_web(&mut pages, None, &Cancel::new()).unwrap();
        let said = modem.set_automatic_updates(false).map_err(|e| e.verdict());
        assert_eq!(said, expected, "{answers:?}");
    }
}
