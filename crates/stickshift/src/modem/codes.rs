//! USSD, the codes such as `*100#`.

use serde::Serialize;

use crate::at::ussd::{self, ReplyKind};
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::hilink;
use crate::link::Changes;
use crate::modem::{Modem, Way};

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

impl Modem<'_> {
    /// Codes go to the stick in this form, and in no other one. Without it the form is found out, once for all codes of this session.
    ///
    /// # Errors
    /// `Unsupported` over the web, where codes go as they are.
    pub fn set_code_form(&mut self, form: CodeForm) -> Result<()> {
        self.only_at("choice of how codes are coded")?;
        self.code_form = Some(form);
        Ok(())
    }

    /// Sends a code, or a reply to the network's question, and waits for the answer.
    ///
    /// # Errors
    /// `Usage` for what is no code; `AtRefused` when the network does not know it, or ended the dialogue without an answer; `Timeout`.
    /// What a code does in the network nobody can look up: from the moment it goes out until its answer the verdict is unknown.
    pub fn ask_code(&mut self, code: &str) -> Result<CodeAnswer> {
        let before = self.standing();
        let form = self.code_form;
        let is_reply = std::mem::take(&mut self.code_asked);
        let answer = match &mut self.way {
            Way::At(at) => match ussd::ask(at, code, form, is_reply) {
                Ok((reply, form)) => {
                    if reply.kind == ReplyKind::NotSupported {
                        let what = "the network does not know this code";
                        return Err(
                            before.judge(Error::new(ErrorKind::AtRefused, what).with("code", "+CUSD: 4"))
                        );
                    }
                    self.code_form = Some(form);
                    answered(reply)
                }
                Err(e) => Err(e),
            },
            Way::Web(web) => hilink::ussd::ask(web, code).map(|text| {
                let open = web.call_if_known(&hilink::ussd::is_open());
                CodeAnswer { text, reply_expected: open.is_ok_and(|open| open == Some(true)) }
            }),
        };
        let answer = answer.map_err(|e| self.judge(e).verdict_if_unset(Verdict::Unknown))?;
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
        }
    }
}

/// The network's word as an answer, or as the failure that it is.
fn answered(reply: ussd::Reply) -> Result<CodeAnswer> {
    let refused = |what: &str| Err(Error::new(ErrorKind::AtRefused, what));
    match (reply.kind, reply.text) {
        (ReplyKind::Ended, None) => refused("the network ended the session without an answer"),
        (ReplyKind::TakenByAnother, None) => {
            refused("another program on the stick took the network's answer to the code")
        }
        (ReplyKind::TimedOut, None) => refused("the network did not answer the code"),
        (kind, text) => Ok(CodeAnswer {
            text: text.unwrap_or_default(),
            reply_expected: kind == ReplyKind::ReplyExpected,
        }),
    }
}
