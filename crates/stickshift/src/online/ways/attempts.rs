//! What is tried while a network refuses a data connection: the kinds of address, and the ways to prove user and password.

use crate::at::data::{Authentication, PdpType};
use crate::error::{Error, RefusalFamily};
use crate::online::Wanted;
use crate::online::apn::Apn;
use crate::online::run::Run;

/// What is left to try; the first of each is tried next.
pub(super) struct Attempts {
    kinds: Vec<PdpType>,
    proofs: Vec<Authentication>,
    proven: bool,
}

impl Attempts {
    pub(super) fn new(wanted: &Wanted, apn: &Apn) -> Attempts {
        let kinds = match wanted.ip {
            Some(kind) => vec![kind],
            None => vec![PdpType::V4V6, PdpType::V4, PdpType::V6],
        };
        let proofs = apn.attempts();
        Attempts { kinds, proven: proofs.len() > 1, proofs }
    }

    pub(super) fn kind(&self) -> PdpType {
        self.kinds[0]
    }

    pub(super) fn proof(&self) -> Authentication {
        self.proofs[0]
    }

    /// Says which proof the network took, where there was a choice.
    pub(super) fn took(&self, run: &mut Run<'_, '_>) {
        if self.proven {
            run.session.note("bearer", format!("the network took {}", self.proof().words()));
        }
    }

    /// Strikes off what the network refused with `error`, and says what is tried next. `false` when nothing is left that may help.
    /// `by_login`: what came in place of a cause may be about user and password.
    pub(super) fn goes_on(&mut self, run: &mut Run<'_, '_>, error: &Error, by_login: bool) -> bool {
        let cause = error.refusal_of(RefusalFamily::Session);
        let at = |kind| self.kinds.iter().position(|k| *k == kind);
        let next = match cause {
            // The network says which kind it gives.
            Some(50) => at(PdpType::V4),
            Some(51) => at(PdpType::V6),
            Some(28 | 32 | 33 | 52) if self.kinds.len() > 1 => Some(1),
            _ => None,
        };
        if let Some(next) = next.filter(|next| *next > 0) {
            let before = self.kind();
            self.kinds.drain(..next);
            let why = error.meaning().map_or("refused", |meaning| meaning.cause);
            run.session.note("bearer", format!("{}: {why}; trying {}", before.word(), self.kind().word()));
            return true;
        }
        if (by_login || cause == Some(29)) && self.proofs.len() > 1 {
            let before = self.proofs.remove(0);
            let text = format!("refused with {}; trying {}", before.words(), self.proof().words());
            run.session.note("bearer", text);
            return true;
        }
        false
    }
}
