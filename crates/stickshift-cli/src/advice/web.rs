//! Advice for web interfaces that say themselves why they do not serve.

use stickshift::error::{Detail, Error, ErrorKind, Shows};

use super::{Attempt, Way};
use crate::select::OTHER_PAGE;

/// Cause and next step.
pub(super) fn of(error: &Error, tried: Attempt) -> Option<(&'static str, &'static str)> {
    if error.has(&Detail::HttpsOnly) {
        return Some((
            "this device's page wants https, which stickshift does not speak",
            "switch https off in the page's settings (Security, or System), or use a serial port of the device",
        ));
    }
    if error.has(&Detail::LoggedIn) {
        return Some((
            "the login was taken, and the page still asks for one: this user may not see it, or another session took the login over",
            "close the page in every browser, wait five minutes and run this again; see on the page itself whether this user may",
        ));
    }
    // An address that was named has words of its own.
    let is_gone = error.place_shows() == Some(Shows::Nothing);
    if error.is(ErrorKind::Disconnected)
        && error.request_sent().is_some()
        && tried.way == Way::Bus
        && !is_gone
    {
        if tried.other_maker {
            return Some((
                "it is of another maker than Huawei, and its page does not speak Huawei's API",
                OTHER_PAGE,
            ));
        }
        return Some((
            "no web page answers there, or it closed the connection",
            "wait half a minute, as after plugging in, and try again; `stickshift list` shows whether the stick is there",
        ));
    }
    if error.is(ErrorKind::HilinkRefused) && error.has(&Detail::Unanswered) {
        return Some((
            "it is no HiLink web interface, has no such function, or wants a login or a confirmation there first",
            "open its address in a browser and see what it wants",
        ));
    }
    // The transport's own timeout says whether the request went out.
    if error.is(ErrorKind::Timeout) && tried.way == Way::Url && error.request_sent().is_none() {
        return Some((
            "the stick answers, but what was waited for did not come",
            "see what came of it on the stick's own page before you run it again",
        ));
    }
    if error.is(ErrorKind::HilinkRefused) && error.refusal().is_none() && tried.verb == "sms" {
        return Some(("the network refused it, or was not reached", "check signal, credit and the number"));
    }
    Some(match error.web_status()? {
        401 => ("the web page wants a password", "it is no HiLink web interface: open it in a browser"),
        400..=499 => ("the web page refuses access", "open its address in a browser and see what it wants"),
        _ => (
            "the web page is overloaded or still starting; its status says more",
            "wait half a minute and run it again; restart the stick if it stays so",
        ),
    })
}
