//! USSD, the codes such as `*100#`.

use serde::Serialize;

use crate::at::ussd::{self, ReplyKind};
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::hilink;
use crate::link::Changes;
use crate::modem::{Modem, Way};

/// What the network said to a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeAnswer {
    /// Its words.
    pub text: String,
    /// The network waits for a reply.
    pub reply_expected: bool,
}

impl Modem<'_> {
    /// Sends a code, or a reply to the network's question, and waits for the answer.
    ///
    /// # Errors
    /// `Usage` for what is no code; `AtRefused` when the network does not know it; `Timeout`. What a code does in the network nobody
    /// can look up: from the moment it goes out until its answer the verdict is unknown.
    pub fn ask_code(&mut self, code: &str) -> Result<CodeAnswer> {
        let before = self.standing();
        let answer = match &mut self.way {
            Way::At(at) => match ussd::ask(at, code) {
                Ok(reply) => match reply.kind {
                    ReplyKind::NotSupported => {
                        let what = "the network does not know this code";
                        return Err(before.judge(Error::new(ErrorKind::AtRefused, what)));
                    }
                    ReplyKind::TimedOut => {
                        Err(Error::new(ErrorKind::AtRefused, "the network did not answer the code"))
                    }
                    ReplyKind::Done | ReplyKind::ReplyExpected | ReplyKind::Ended => Ok(CodeAnswer {
                        text: reply.text,
                        reply_expected: reply.kind == ReplyKind::ReplyExpected,
                    }),
                },
                Err(e) => Err(e),
            },
            Way::Web(web) => hilink::ussd::ask(web, code).map(|text| {
                let open = web.call_if_known(&hilink::ussd::is_open());
                CodeAnswer { text, reply_expected: open.is_ok_and(|open| open == Some(true)) }
            }),
        };
        answer.map_err(|e| self.judge(e).verdict_if_unset(Verdict::Unknown))
    }

    /// Ends a dialogue that the network would go on with. A failure does not matter: the network ends it by itself.
    pub fn end_codes(&mut self) {
        match &mut self.way {
            Way::At(at) => _ = at.run_if_known(&ussd::cancel()),
            Way::Web(web) => _ = web.call_if_known(&hilink::ussd::release()),
        }
    }
}
