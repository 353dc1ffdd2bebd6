//! What helps against a failure.

use crate::error::{Detail, Error, ErrorKind, Reaches};

/// What helps against a failure, from most to least that can be done here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helps {
    /// Trying again, and then ever stronger means.
    Means,
    /// Trying again alone: another program has what is needed, and gives it back some time. A restart of the stick would take it away from that program.
    Waiting,
    /// Nothing that is done here: the owner has to change something.
    Owner,
    /// As that, and another try could spend a try of a code, or fails for sure.
    Nothing,
}

impl Helps {
    /// Against `error`.
    pub fn against(error: &Error) -> Helps {
        match error.kind() {
            ErrorKind::NoSim
            | ErrorKind::SimPinNeeded
            | ErrorKind::SimPukNeeded
            | ErrorKind::WrongPin
            | ErrorKind::LastTry
            | ErrorKind::Usage
            | ErrorKind::Unsupported
            | ErrorKind::PermissionDenied
            | ErrorKind::LoginNeeded
            | ErrorKind::LoginRefused
            | ErrorKind::LoginLocked
            | ErrorKind::WeakLogin => Helps::Nothing,
            ErrorKind::PortBusy | ErrorKind::SessionTaken => Helps::Waiting,
            _ if error.meaning().is_some_and(|meaning| meaning.owner) => Helps::Owner,
            _ => error.details().iter().find_map(by_detail).unwrap_or(Helps::Means),
        }
    }
}

fn by_detail(detail: &Detail) -> Option<Helps> {
    match detail {
        Detail::HeldByNcm | Detail::Holder(_) => Some(Helps::Waiting),
        Detail::RoamingOff
        | Detail::RegistrationDenied
        | Detail::Reaches(Reaches::Portal)
        | Detail::NoDriver(_)
        | Detail::ForOther(_)
        | Detail::Lacks(_) => Some(Helps::Owner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Refusal, RefusalFamily};

    #[test]
    fn each_failure_has_what_helps() {
        let of = |kind| Error::new(kind, "x");
        let refused =
            |family, code| of(ErrorKind::NetworkRefused).detail(Detail::Refusal(Refusal { family, code }));
        let session = RefusalFamily::Session;
        for (error, helps) in [
            // A PIN is never tried again by itself.
            (of(ErrorKind::WrongPin), Helps::Nothing),
            (of(ErrorKind::SimPinNeeded), Helps::Nothing),
            (of(ErrorKind::LastTry), Helps::Nothing),
            (of(ErrorKind::PortBusy).detail(Detail::Holder("ModemManager (pid 612)".into())), Helps::Waiting),
            (of(ErrorKind::NetworkRefused).detail(Detail::HeldByNcm), Helps::Waiting),
            (of(ErrorKind::NotRegistered).detail(Detail::RoamingOff), Helps::Owner),
            (of(ErrorKind::NotRegistered).detail(Detail::RegistrationDenied), Helps::Owner),
            (refused(session, 27), Helps::Owner),
            (refused(session, 29), Helps::Owner),
            (refused(session, 33), Helps::Owner),
            (refused(RefusalFamily::Pppd, 19), Helps::Owner),
            (refused(RefusalFamily::Connection, 33), Helps::Owner),
            (refused(RefusalFamily::Connection, 26), Helps::Means),
            (refused(RefusalFamily::Hilink, 101_004), Helps::Owner),
            (refused(RefusalFamily::Registration, 2), Helps::Owner),
            (refused(RefusalFamily::Registration, 22), Helps::Means),
            (refused(session, 26), Helps::Means),
            (refused(session, 36), Helps::Means),
            (of(ErrorKind::NotRegistered), Helps::Means),
            (of(ErrorKind::NetworkRefused), Helps::Means),
            (of(ErrorKind::Disconnected), Helps::Means),
        ] {
            assert_eq!(Helps::against(&error), helps, "{error:?}");
        }
    }
}
