//! What helps against a failure.

use crate::error::{Detail, Error, ErrorKind, Reaches};

/// What helps against a failure, from most to least that can be done here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Trying again, and then ever stronger means.
    Means,
    /// Trying again alone: another program has what is needed, and gives it back some time. A restart of the stick would take it away from that program.
    Waiting,
    /// Nothing that is done here: the owner has to change something.
    Owner,
    /// As that, and another try could spend a try of a code, or fails for sure.
    Nothing,
}

impl Remedy {
    /// Against `error`.
    pub fn against(error: &Error) -> Remedy {
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
            | ErrorKind::WeakLogin => Remedy::Nothing,
            ErrorKind::PortBusy | ErrorKind::SessionTaken => Remedy::Waiting,
            _ if error.meaning().is_some_and(|meaning| meaning.owner) => Remedy::Owner,
            _ => error.details().iter().find_map(by_detail).unwrap_or(Remedy::Means),
        }
    }
}

fn by_detail(detail: &Detail) -> Option<Remedy> {
    match detail {
        Detail::HeldByNcm | Detail::Holder(_) => Some(Remedy::Waiting),
        Detail::RoamingOff
        | Detail::RegistrationDenied
        | Detail::Reaches(Reaches::Portal)
        | Detail::NoDriver(_)
        | Detail::ForOther(_)
        | Detail::Lacks(_) => Some(Remedy::Owner),
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
        for (error, remedy) in [
            // A PIN is never tried again by itself.
            (of(ErrorKind::WrongPin), Remedy::Nothing),
            (of(ErrorKind::SimPinNeeded), Remedy::Nothing),
            (of(ErrorKind::LastTry), Remedy::Nothing),
            (
                of(ErrorKind::PortBusy).detail(Detail::Holder("ModemManager (pid 612)".into())),
                Remedy::Waiting,
            ),
            (of(ErrorKind::NetworkRefused).detail(Detail::HeldByNcm), Remedy::Waiting),
            (of(ErrorKind::NotRegistered).detail(Detail::RoamingOff), Remedy::Owner),
            (of(ErrorKind::NotRegistered).detail(Detail::RegistrationDenied), Remedy::Owner),
            (refused(session, 27), Remedy::Owner),
            (refused(session, 29), Remedy::Owner),
            (refused(session, 33), Remedy::Owner),
            (refused(RefusalFamily::Pppd, 19), Remedy::Owner),
            (refused(RefusalFamily::Connection, 33), Remedy::Owner),
            (refused(RefusalFamily::Connection, 26), Remedy::Means),
            (refused(RefusalFamily::Hilink, 101_004), Remedy::Owner),
            (refused(RefusalFamily::Registration, 2), Remedy::Owner),
            (refused(RefusalFamily::Registration, 22), Remedy::Means),
            (refused(session, 26), Remedy::Means),
            (refused(session, 36), Remedy::Means),
            (of(ErrorKind::NotRegistered), Remedy::Means),
            (of(ErrorKind::NetworkRefused), Remedy::Means),
            (of(ErrorKind::Disconnected), Remedy::Means),
        ] {
            assert_eq!(Remedy::against(&error), remedy, "{error:?}");
        }
    }
}
