//! USSD, the codes such as `*100#`.

use serde::Serialize;

use crate::at::ussd::{self, ReplyKind};
use crate::at::{At, identify};
use crate::error::{Detail, Error, ErrorKind, Result, Standing, Verdict};
use crate::hex;
use crate::hilink;
use crate::link::Changes;
use crate::mbim::{self, Mbim};
use crate::modem::{Modem, Way};
use crate::wire::mbim::ussd::{Action, Response};
use crate::wire::pdu;

pub use crate::at::ussd::Coding as CodeForm;

/// What the network said to a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CodeAnswer {
    /// Its words; empty when it accepted the code and said nothing.
    pub text: String,
    /// The network waits for a reply.
    pub reply_expected: bool,
}

/// The longest code: what 160 octets hold in packed 7-bit (3GPP TS 23.038 section 6.1.2.3).
const LONGEST: usize = 182;

/// Whether a text can be a code: digits, `*` and `#` (3GPP TS 22.030 section 6.5), and the `+` of a telephone number.
///
/// # Errors
/// `Usage`.
pub fn check_code(code: &str) -> Result<()> {
    check_reply(code)?;
    let Some(other) = code.chars().find(|c| !matches!(c, '0'..='9' | '*' | '#' | '+')) else { return Ok(()) };
    let what = match other {
        ' ' => "not a USSD code: it holds a blank".to_owned(),
        _ => format!("not a USSD code: it holds {other:?}"),
    };
    let cause = Error::new(ErrorKind::Usage, "a code has digits, * and # alone; words are for replies");
    let next =
        "type the code as the operator gives it, in quotes: `stickshift ussd '*100#'`; replies follow it";
    let error = Error::new(ErrorKind::Usage, what).because(cause).detail(Detail::NextStep(next));
    Err(error.with_verdict(Verdict::Untouched))
}

/// Whether a text can be a reply, whichever way the stick is talked to. Some ways take less: no letters of other alphabets than the network's
/// own.
///
/// # Errors
/// `Usage`.
pub fn check_reply(code: &str) -> Result<()> {
    let count = code.chars().count();
    let usage = |what: String| Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched));
    if count == 0 || count > LONGEST {
        return usage(format!("not a USSD code: 1 to {LONGEST} characters, and this has {count}"));
    }
    match code.chars().find(|c| c.is_control()) {
        Some(_) => usage("not a USSD code: it holds control characters, which cannot be sent".to_owned()),
        None => Ok(()),
    }
}

impl Modem<'_> {
    /// Codes go to the stick in this form, and in no other one. Without it the form is found out, once for all codes of this session.
    ///
    /// # Errors
    /// `Unsupported` over the web and MBIM, where there is one form.
    pub fn set_code_form(&mut self, form: CodeForm) -> Result<()> {
        self.only_at("choice of how codes are coded")?;
        self.code_form = Some(form);
        Ok(())
    }

    /// Sends a code, or a reply to the network's question, and waits for the answer.
    ///
    /// ```
    /// use stickshift::event::{Cancel, Session};
    /// use stickshift::link::Bus;
    /// use stickshift::modem::{Modem, identity};
    ///
    /// let (mut bus, stick) = stickshift_emu::testkit::plugged("e3372h-stick", 1, None)?;
    /// let interface = identity::find_at_port(&mut bus, &stick, &mut Session::quiet())?.expect("an AT port");
    /// let mut port = bus.open_port(&stick.place, interface)?;
    /// let mut modem = Modem::over_at(&mut *port, &Cancel::new())?;
    /// let answer = modem.ask_code("*100#")?;
    /// assert!(!answer.text.is_empty());
    /// # Ok::<(), stickshift::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Usage` for what is no code; `AtRefused` when the network does not know it, or ended the dialogue without an answer; `Timeout`.
    /// What a code does in the network nobody can look up: from the moment it goes out until its answer the verdict is unknown.
    pub fn ask_code(&mut self, code: &str) -> Result<CodeAnswer> {
        if self.code_asked {
            check_reply(code)?
        } else {
            check_code(code)?
        }
        let before = self.standing();
        let form = self.code_form;
        let is_reply = std::mem::take(&mut self.code_asked);
        let answer = match &mut self.way {
            Way::At(at) => match ask_over_at(at, code, form, is_reply) {
                Ok((reply, form)) => {
                    if reply.kind == ReplyKind::NotSupported {
                        let error = unread("the network does not know this code");
                        return Err(before.assess(error.with("code", "+CUSD: 4")));
                    }
                    self.code_form = Some(form);
                    match (reply.kind, &reply.text) {
                        (ReplyKind::Ended, None) => Err(unread(ENDED)),
                        _ => answered(reply),
                    }
                }
                Err(e) => Err(e),
            },
            Way::Mbim(mbim) => match ask_over_mbim(mbim, code, is_reply) {
                Ok(reply) if reply.kind == ReplyKind::NotSupported => {
                    let what = "the network does not know this code";
                    return Err(before.assess(Error::new(ErrorKind::MbimRefused, what)));
                }
                other => other.and_then(answered),
            },
            Way::Web(web) => {
                let is_over = |open: Result<Option<bool>>| open.is_ok_and(|open| open == Some(false));
                // A reply to a dialogue that is over would be taken for a code.
                if is_reply && is_over(web.call_if_known(&hilink::ussd::is_open())) {
                    let what = "the network ended the dialogue before the reply was sent";
                    return Err(Error::new(ErrorKind::HilinkRefused, what).with_verdict(Verdict::Recoverable));
                }
                let answer = hilink::ussd::ask(web, code).map(|text| {
                    let open = web.call_if_known(&hilink::ussd::is_open());
                    CodeAnswer { text, reply_expected: open.is_ok_and(|open| open == Some(true)) }
                });
                answer.map_err(|e| match e.meaning() {
                    // The network's no, and not its silence.
                    Some(meaning)
                        if !meaning.in_doubt
                            && e.verdict() != Some(Verdict::Unknown)
                            && !e.has(&Detail::Unanswered)
                            && before == Standing::default() =>
                    {
                        e.with_verdict(Verdict::Untouched)
                    }
                    _ => e,
                })
            }
        };
        let answer = answer.map_err(|e| self.assess(e).verdict_if_unset(Verdict::Unknown))?;
        self.code_asked = answer.reply_expected;
        Ok(answer)
    }

    /// Ends a dialogue that the network would go on with, also after a request to stop. A failure does not matter: the network ends it by
    /// itself.
    pub fn end_codes(&mut self) {
        self.code_asked = false;
        match &mut self.way {
            Way::At(at) => ussd::close(at),
            Way::Web(web) => hilink::ussd::close(web),
            Way::Mbim(mbim) => {
                let cancel = mbim.take_cancel();
                let _ = mbim.run(&mbim::ussd(Action::Cancel, 15, &[]));
                mbim.put_cancel(cancel);
            }
        }
    }
}

/// Sends a code, or a reply, in the form that is known, or in those that sticks of its maker take.
fn ask_over_at(
    at: &mut At<'_>,
    code: &str,
    form: Option<CodeForm>,
    is_reply: bool,
) -> Result<(ussd::Reply, CodeForm)> {
    if let Some(form) = form {
        return ussd::ask(at, code, &[form], is_reply);
    }
    let maker = at.run_if_known(&identify::manufacturer())?.unwrap_or_default();
    ussd::ask(at, code, &CodeForm::tried(&maker), is_reply)
}

/// Sends a code, or a reply within a dialogue: packed 7-bit where it can be, UCS2 otherwise.
fn ask_over_mbim(mbim: &mut Mbim<'_>, code: &str, is_reply: bool) -> Result<ussd::Reply> {
    let (scheme, payload) = match pdu::pack_ussd(code) {
        Some(packed) => (15, packed),
        None => (72, code.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    };
    let action = if is_reply { Action::Continue } else { Action::Initiate };
    let reply = mbim.run(&mbim::ussd(action, scheme, &payload))?;
    let kind = match reply.response {
        Response::Done => ReplyKind::Done,
        Response::ReplyExpected => ReplyKind::ReplyExpected,
        Response::Ended => ReplyKind::Ended,
        Response::TakenByAnother => ReplyKind::TakenByAnother,
        Response::NotSupported => ReplyKind::NotSupported,
        Response::TimedOut => ReplyKind::TimedOut,
    };
    let scheme = u8::try_from(reply.scheme).unwrap_or(15);
    let text =
        (!reply.payload.is_empty()).then(|| pdu::ussd_text(&hex::encode_upper(&reply.payload), scheme));
    Ok(ussd::Reply { kind, text })
}

const ENDED: &str = "the network ended the session without an answer";

/// A code that the network did not read as one: over AT it may have gone out in a form that was not meant.
fn unread(what: &str) -> Error {
    let cause =
        "the operator has no such code, or the stick sent it in a form that the network does not read";
    let next = "ask the operator for the code; `stickshift ussd --coding plain`, packed or ucs2 sends it in one form only";
    let kind = ErrorKind::AtRefused;
    Error::new(kind, what).because(Error::new(kind, cause)).detail(Detail::NextStep(next))
}

/// The network's word as an answer, or as the failure that it is.
fn answered(reply: ussd::Reply) -> Result<CodeAnswer> {
    let refused = |what: &str| Err(Error::new(ErrorKind::AtRefused, what));
    match (reply.kind, reply.text) {
        (ReplyKind::Ended, None) => refused(ENDED),
        (ReplyKind::TakenByAnother, None) => {
            refused("another program on the stick took the network's answer to the code")
        }
        (ReplyKind::TimedOut, None) => {
            let silent = Error::new(ErrorKind::AtRefused, "the network did not answer the code");
            let cause = Error::new(ErrorKind::Timeout, "the stick took the code, and the network was silent");
            let next = "see what became of it before you send it again; check the code, and the signal";
            Err(silent.because(cause).detail(Detail::NextStep(next)))
        }
        (kind, text) => Ok(CodeAnswer {
            text: text.unwrap_or_default(),
            reply_expected: kind == ReplyKind::ReplyExpected,
        }),
    }
}
