//! What helps with a file depends on what the system says about it.

use std::io::{self, ErrorKind as Io};

use stickshift::error::{Error, ErrorKind};

/// What to do about a file that the system did not open, read or write for a reason that it gave.
pub(super) fn help(error: &Error, verb: &str) -> Option<&'static str> {
    let cause = std::error::Error::source(error)?.downcast_ref::<io::Error>()?.kind();
    Some(match (error.kind(), cause) {
        (ErrorKind::FileUnwritable, Io::PermissionDenied) if verb == "setup" => {
            "system files belong to root: run the same command with sudo"
        }
        (ErrorKind::FileUnwritable, Io::PermissionDenied) => {
            "write to a folder of your own; an existing file is unchanged"
        }
        (ErrorKind::FileUnwritable, Io::NotFound) => "make its folder first, or choose another one",
        (ErrorKind::FileUnwritable, Io::NotADirectory) => {
            "what stands in front of the last / is a file: name a folder there"
        }
        (ErrorKind::FileUnwritable, Io::IsADirectory) => "name a file in it",
        (ErrorKind::FileUnwritable, Io::InvalidFilename) => {
            "name the file that the link leads to, or another one"
        }
        (ErrorKind::FileUnwritable, Io::InvalidInput) => "name a file",
        (ErrorKind::FileUnwritable, Io::StorageFull | Io::QuotaExceeded) => {
            "free some space on the disk; an existing file is unchanged"
        }
        (ErrorKind::FileUnwritable, Io::ReadOnlyFilesystem) => {
            "choose a folder on a disk that can be written to"
        }
        (ErrorKind::FileUnreadable, Io::PermissionDenied) => {
            "the file belongs to another user: copy it to where you may read it, or run as that user"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_asked_for_where_it_is_root_that_lacks() {
        let denied = |kind| Error::new(kind, "x").because(io::Error::from(Io::PermissionDenied));
        assert!(help(&denied(ErrorKind::FileUnwritable), "setup").unwrap().contains("sudo"));
        assert!(!help(&denied(ErrorKind::FileUnwritable), "learn").unwrap().contains("sudo"));
        // A stick is opened by other means.
        assert_eq!(help(&denied(ErrorKind::PermissionDenied), "at"), None);
        assert_eq!(help(&Error::new(ErrorKind::FileUnwritable, "x"), "setup"), None);
    }
}
