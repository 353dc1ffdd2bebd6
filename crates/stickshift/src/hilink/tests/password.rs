//! No password to whoever answers.

use super::*;

const CONSENT: ErrorKind = ErrorKind::WeakLogin;
const NO: ErrorKind = ErrorKind::UnexpectedAnswer;

/// A server of `generation` that answers `state` when it is asked how to log in, and what it got.
fn asked(generation: Generation, state: &str, weak: bool) -> (Result<bool>, Web) {
    struct Asking(Web, String);
    impl HttpLink for Asking {
        fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
            let mut response = self.0.request(request)?;
            if request.path.ends_with("state-login") {
                response.body = format!("<response>{}</response>", self.1).into_bytes();
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
    let kind = if state.contains("<password_type>3") { "3" } else { "0" };
    let mut asking = Asking(Web::new(generation, Some(kind)), state.to_owned());
    let mut hilink = Hilink::open(&mut asking, random).unwrap();
    hilink.allow_weak_login(weak);
    let result = hilink.login("admin", PASSWORD);
    drop(hilink);
    (result, asking.0)
}

const GENERATIONS: [Generation; 4] = [Generation::G0, Generation::G1, Generation::G2, Generation::G3];

#[test]
fn no_password_without_a_state_and_a_known_type() {
    let closed = "<State>-1</State>";
    for generation in GENERATIONS {
        for (state, weak, kind) in [
            (String::new(), true, NO),
            ("<password_type>0</password_type>".to_owned(), true, NO),
            ("<State>x</State><password_type>4</password_type>".to_owned(), true, NO),
            (closed.to_owned(), true, NO),
            (format!("{closed}<password_type></password_type>"), true, NO),
            (format!("{closed}<password_type>7</password_type>"), true, NO),
        ] {
            let (result, web) = asked(generation, &state, weak);
            let e = result.unwrap_err();
            assert!(e.is(kind), "{generation:?} {state}: {e:?}");
            assert_eq!(e.verdict(), Some(Verdict::Untouched), "{generation:?} {state}");
            assert!(!web.log.iter().any(|l| l.starts_with("POST")), "{generation:?} {state}: {:?}", web.log);
        }
    }
}

#[test]
fn a_weaker_login_than_the_generation_has_is_consented_to_by_name() {
    for generation in GENERATIONS {
        let has_better = matches!(generation, Generation::G2 | Generation::G3);
        for kind in ["0", "3"] {
            let state = format!("<State>-1</State><password_type>{kind}</password_type>");
            let (result, web) = asked(generation, &state, false);
            if has_better {
                let e = result.unwrap_err();
                assert!(
                    e.is(CONSENT) && e.verdict() == Some(Verdict::Untouched),
                    "{generation:?} {kind}: {e:?}"
                );
                assert!(web.bodies.iter().all(|b| !String::from_utf8_lossy(b).contains("Password")));
            } else {
                assert!(result.unwrap(), "{generation:?} {kind}: {:?}", web.log);
            }
        }
    }
    let (result, web) = asked(Generation::G2, "<State>-1</State><password_type>0</password_type>", true);
    assert!(result.unwrap(), "{:?}", web.log);
}

#[test]
fn a_server_without_tokens_that_wants_one_in_the_password_gets_none() {
    let state = "<State>-1</State><password_type>4</password_type>";
    let (result, web) = asked(Generation::G0, state, true);
    let e = result.unwrap_err();
    assert!(e.is(NO), "{e:?}");
    assert_eq!(e.verdict(), Some(Verdict::Untouched));
    assert!(!web.log.iter().any(|l| l.starts_with("POST")), "{:?}", web.log);
}

/// A user may lack the right that a request wants, however often it logs in.
#[test]
fn a_login_that_does_not_help_is_made_once() {
    let mut web = Web::new(Generation::G2, Some("4")).reply("/api/device/information", &["!100003"]);
    let mut hilink = Hilink::open(&mut web, random).unwrap();
    hilink.login("admin", PASSWORD).unwrap();
    let e = hilink.call(&device::information()).unwrap_err();
    assert!(e.is(ErrorKind::LoginNeeded) && e.has(&crate::error::Detail::LoggedIn), "{e:?}");
    drop(hilink);
    let logins = web.log.iter().filter(|line| line.ends_with("/api/user/login")).count();
    assert_eq!(logins, 1, "{:?}", web.log);
}
