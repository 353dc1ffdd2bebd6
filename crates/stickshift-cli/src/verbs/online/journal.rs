//! What `online up --stay` tells systemd's journal: each event with fields to search by, over the journal's own socket (systemd's "Native Journal
//! Protocol"). `journalctl STICKSHIFT_PLACE=1-1.2 STICKSHIFT_EVENT=down` finds them.

use std::env;
use std::os::linux::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// systemd says by this variable, with device and number of a file, that standard error leads to the journal.
const STREAM: &str = "JOURNAL_STREAM";

/// The journal, where the output of this program goes there.
pub(super) struct Journal {
    socket: UnixDatagram,
}

impl Journal {
    pub(super) fn open() -> Option<Journal> {
        let stream = env::var(STREAM).ok()?;
        let error = std::fs::metadata("/proc/self/fd/2").ok()?;
        leads_to(&stream, error.st_dev(), error.st_ino()).then(|| Journal::at(Path::new(SOCKET)))?
    }

    fn at(path: &Path) -> Option<Journal> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect(path).ok()?;
        Some(Journal { socket })
    }

    /// Tells an event. `false` when the journal did not take it.
    pub(super) fn tell(&self, what: &str, text: &str, place: &str, more: &[(&str, &str)]) -> bool {
        let message = format!("{place}: {what}: {text}");
        let mut entry = Vec::new();
        let own = [
            ("MESSAGE", message.as_str()),
            ("PRIORITY", priority(what)),
            ("SYSLOG_IDENTIFIER", "stickshift"),
            ("STICKSHIFT_EVENT", what),
            ("STICKSHIFT_PLACE", place),
        ];
        own.iter().chain(more).for_each(|(name, value)| field(&mut entry, name, value));
        self.socket.send(&entry).is_ok()
    }
}

/// Whether the variable names the file with this device and number.
fn leads_to(stream: &str, device: u64, number: u64) -> bool {
    stream == format!("{device}:{number}")
}

/// As syslog counts: 4 warning, 5 notice, 6 information.
fn priority(what: &str) -> &'static str {
    match what {
        "up" => "6",
        "waiting" => "5",
        _ => "4",
    }
}

/// `NAME=value`, or in the form with a length where the value has lines.
fn field(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend(name.as_bytes());
    if value.contains('\n') {
        entry.push(b'\n');
        entry.extend((value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend(value.as_bytes());
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_fields() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let other = UnixDatagram::bind(&path).unwrap();
        let journal = Journal::at(&path).unwrap();
        assert!(journal.tell(
            "down",
            "nothing answers\nat all",
            "1-1.2",
            &[("STICKSHIFT_INTERFACE", "wwan0")]
        ));
        let mut heard = [0; 1024];
        let n = other.recv(&mut heard).unwrap();
        let mut wanted = b"MESSAGE\n".to_vec();
        let message = b"1-1.2: down: nothing answers\nat all";
        wanted.extend((message.len() as u64).to_le_bytes());
        wanted.extend(message);
        wanted.extend(
            b"\nPRIORITY=4\nSYSLOG_IDENTIFIER=stickshift\nSTICKSHIFT_EVENT=down\nSTICKSHIFT_PLACE=1-1.2\n\
              STICKSHIFT_INTERFACE=wwan0\n",
        );
        assert_eq!(heard[..n], wanted);
        drop(other);
        assert!(!journal.tell("up", "x", "1-1", &[]));
        assert!(Journal::at(&folder.path().join("none")).is_none());
    }

    #[test]
    fn the_journal_is_written_to_where_the_output_goes_there() {
        assert!(leads_to("9:4711", 9, 4711));
        for other in ["9:4712", "8:4711", "", "9:", "x"] {
            assert!(!leads_to(other, 9, 4711), "{other}");
        }
    }
}
