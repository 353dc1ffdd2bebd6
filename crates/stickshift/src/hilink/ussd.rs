//! USSD, the codes such as `*100#`.
//!
//! ```
//! use stickshift::error::Effect;
//! use stickshift::hilink::ussd;
//!
//! let send = ussd::send("*100#");
//! assert_eq!((send.path, send.effect), ("/api/ussd/send", Effect::Changes));
//! assert!(send.body.unwrap().contains("*100#"));
//! ```

use std::time::Duration;

use crate::error::{Detail, Effect, Error, ErrorKind, Result, Verdict};
use crate::hilink::refusal::{USSD_OPEN, USSD_WAITS, code_of};
use crate::hilink::{Call, Hilink, Repeat, unexpected};
use crate::link::Changes;

/// How long the network may take to answer.
pub const NETWORK_TIMEOUT: Duration = Duration::from_secs(60);

/// `POST ussd/send`.
pub fn send(code: &str) -> Call<()> {
    let fields = [("content", code), ("codeType", "CodeType"), ("timeout", "")];
    Call::set("/api/ussd/send", &fields).repeated(Repeat::Unheard)
}

/// `GET ussd/get`: the answer; refused with 111019 while it has not come, or empty.
pub fn answer() -> Call<Option<String>> {
    Call::get("/api/ussd/get", |r| {
        r.child("content").ok_or_else(|| unexpected("a USSD answer"))?;
        Ok(r.string("content"))
    })
}

/// `GET ussd/status`: whether a dialogue is open, that is, whether the network waits for a reply.
pub fn is_open() -> Call<bool> {
    Call::get("/api/ussd/status", |r| Ok(r.flag("result") == Some(true)))
}

/// `GET ussd/release`: ends a dialogue.
pub fn release() -> Call<()> {
    Call::get("/api/ussd/release", |_| Ok(())).that(Effect::Changes)
}

/// Sends a code, or a reply within a dialogue, and waits for the answer.
///
/// # Errors
/// As [`Hilink::call`]; `Timeout` when nothing came in a minute (the dialogue is ended). Once the code was taken only a refusal that is
/// about codes is a word on it: whatever else goes wrong leaves open what it did.
pub fn ask(hilink: &mut Hilink<'_>, code: &str) -> Result<String> {
    hilink.call(&send(code))?;
    let end = hilink.now() + NETWORK_TIMEOUT;
    while hilink.now() < end {
        match hilink.call(&answer()) {
            Ok(Some(text)) => return Ok(text),
            Err(e) if code_of(&e) != Some(USSD_WAITS) => {
                close(hilink);
                return Err(if is_about_codes(&e) { e } else { e.with_verdict(Verdict::Unknown) });
            }
            Ok(None) | Err(_) => hilink.sleep(Duration::from_millis(1500)),
        }
    }
    close(hilink);
    Err(Error::new(ErrorKind::Timeout, "the network did not answer the USSD code")
        .because(Error::new(ErrorKind::Timeout, "the stick took the code, and the network was silent"))
        .detail(Detail::NextStep(
            "see what became of it before you send it again; check the code, and the signal",
        ))
        .with("seconds", NETWORK_TIMEOUT.as_secs()))
}

/// Whether a refusal after a code was taken is one of that code, and not of the session, of a login or of a value.
fn is_about_codes(error: &Error) -> bool {
    code_of(error).is_some_and(|code| (111_000..=111_999).contains(&code) && code != USSD_OPEN)
}

/// Ends a dialogue, also after a request to stop. That it cannot be ended changes nothing: the network ends it by itself.
pub fn close(hilink: &mut Hilink<'_>) {
    let (cancel, standing) = (hilink.take_cancel(), hilink.standing());
    let _ = hilink.call_if_known(&release());
    hilink.stand(standing);
    hilink.put_cancel(cancel);
}
