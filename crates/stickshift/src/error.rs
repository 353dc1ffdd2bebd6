//! The one error type of the library.
//!
//! An [`Error`] has a stable [`ErrorKind`] and typed [`Detail`]s to branch on, a sentence and facts for people, and, where whoever
//! failed could tell, the [`Verdict`]: what state the stick is in now. An error is born without a verdict, and nothing in the library
//! turns a missing one into a claim: the front end resolves it from what was written to sticks ([`link::Ledger`](crate::link::Ledger)).
//! The usual cause and help for a kind are added by the front end; a next step that follows from what was found is stated with the failure
//! ([`Detail::NextStep`]).
//!
//! ```
//! use stickshift::error::{Detail, Error, ErrorKind, Verdict};
//!
//! let wrong = Error::new(ErrorKind::WrongPin, "the code is wrong").detail(Detail::TriesLeft(2));
//! assert_eq!(wrong.tries_left(), Some(2));
//! assert_eq!(wrong.facts(), [("tries", "2".to_owned())]);
//! assert_eq!(wrong.verdict(), None);
//! assert_eq!(wrong.with_verdict(Verdict::Untouched).verdict(), Some(Verdict::Untouched));
//! ```

use std::any::Any;
use std::fmt;

mod detail;
pub mod refusals;
mod verdict;

pub use detail::{Detail, Reaches, Refusal, RefusalFamily, Shows};
pub use refusals::{Meaning, Tried};
pub use verdict::{Effect, Standing, Verdict};

/// The result of every fallible call of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// What kind of failure it was. The code of a kind is stable: scripts may match on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorKind {
            /// Every kind, so that a front end can prove that it has advice for each.
            pub const ALL: &[ErrorKind] = &[$(ErrorKind::$name,)+];

            /// The stable kebab-case code.
            pub fn code(self) -> &'static str {
                match self { $(ErrorKind::$name => $code,)+ }
            }
        }
    };
}

error_kinds! {
    // The computer.
    /// Reading or writing something failed for a reason that has no kind of its own.
    Io = "io",
    /// The caller asked to stop, and it stopped at a safe step.
    Interrupted = "interrupted",
    /// The operating system or this build cannot do what was asked.
    Unsupported = "unsupported",
    /// What was asked for makes no sense as it was put.
    Usage = "usage",

    // Files.
    /// There is no such file.
    FileNotFound = "file-not-found",
    /// The file could not be read.
    FileUnreadable = "file-unreadable",
    /// The file could not be written; the old one, if any, is untouched.
    FileUnwritable = "file-unwritable",
    /// There is a file of that name already, and overwriting was not requested.
    FileExists = "file-exists",
    /// The file is not of the kind that is needed here.
    WrongFileKind = "wrong-file-kind",
    /// The file ends before it should.
    FileTruncated = "file-truncated",
    /// A checksum or a structure inside the file is wrong.
    FileCorrupt = "file-corrupt",
    /// The file, or what it unpacks to, is larger than anything sane of its kind.
    FileTooLarge = "file-too-large",

    // Finding and opening a stick.
    /// No stick of the wanted kind is plugged in.
    NoStick = "no-stick",
    /// More than one stick fits and none was named.
    SeveralSticks = "several-sticks",
    /// The stick has no port of the wanted role in its present mode.
    NoSuchPort = "no-such-port",
    /// The operating system denies access to the device node.
    PermissionDenied = "permission-denied",
    /// Another program holds the port.
    PortBusy = "port-busy",
    /// The stick does not show the kind of interface that the request is meant for.
    WrongInterface = "wrong-interface",
    /// The path is not a serial port.
    NotAPort = "not-a-port",
    /// The stick disconnected.
    Disconnected = "disconnected",
    /// The stick did not answer in time.
    Timeout = "timeout",
    /// A USB endpoint halted.
    Stalled = "stalled",
    /// The stick answered with something that is not in the protocol.
    UnexpectedAnswer = "unexpected-answer",

    // Mode switching.
    /// No switching profile matches this stick.
    NoProfile = "no-profile",
    /// The switching profile of this stick says to leave it alone.
    LeftAlone = "left-alone",
    /// The stick is what was wanted already.
    AlreadySwitched = "already-switched",
    /// The capture shows no switch, or not enough of one.
    NothingToLearn = "nothing-to-learn",
    /// The stick got its message and did not become what was wanted.
    NotSwitched = "not-switched",
    /// A drive of the device is in use: mounted, or opened by a program. Switching would take it away.
    MediumInUse = "medium-in-use",
    /// The system does not authorize the device or one of its interfaces.
    NotAuthorized = "not-authorized",
    /// The device asks for more power than its port gives, so the system did not configure it.
    NoPower = "no-power",

    // Loader files.
    /// The loader would erase the whole flash when it starts.
    LoaderErases = "loader-erases",
    /// The code pattern that a patch looks for is not in the loader.
    PatchNotFound = "patch-not-found",
    /// The loader has no partition table where one is needed.
    NoPartitionTable = "no-partition-table",

    // The boot ROM dialogue.
    /// The port does not answer as a boot ROM.
    NotInBootMode = "not-in-boot-mode",
    /// The boot ROM refused a packet.
    PacketRejected = "packet-rejected",
    /// Everything was sent and accepted, and the loader was not seen to start.
    LoaderNotStarted = "loader-not-started",

    // Flashing.
    /// The port is not in download mode.
    NotInDownloadMode = "not-in-download-mode",
    /// The image's platform or hardware differs from the stick's.
    ImageMismatch = "image-mismatch",
    /// The image is not whole: partitions that belong to it are missing.
    ImageIncomplete = "image-incomplete",
    /// The boot loader would be written, and no loader for the boot ROM was given.
    LoaderMissing = "loader-missing",
    /// The stick wants a signature that this image does not have.
    SignatureRefused = "signature-refused",
    /// The stick refused a request with a NAK code.
    RequestRefused = "request-refused",
    /// After flashing the stick does not report what was flashed.
    VersionMismatch = "version-mismatch",

    // Talking to the stick.
    /// The stick refused an AT command.
    AtRefused = "at-refused",
    /// There is no SIM, or it is not seen.
    NoSim = "no-sim",
    /// The SIM wants its PIN first.
    SimPinNeeded = "sim-pin-needed",
    /// The SIM is blocked and wants its PUK.
    SimPukNeeded = "sim-puk-needed",
    /// The PIN, PUK or other code was wrong.
    WrongPin = "wrong-pin",
    /// It would have spent the last try of a code, or whether it would is unknown.
    LastTry = "last-try",
    /// The stick refused an MBIM command.
    MbimRefused = "mbim-refused",
    /// The stick's web server refused a request.
    HilinkRefused = "hilink-refused",
    /// The stick's web server wants a login for this.
    LoginNeeded = "login-needed",
    /// User name or password is wrong; a try is spent.
    LoginRefused = "login-refused",
    /// Too many logins: none is taken for a while.
    LoginLocked = "login-locked",
    /// Another user is logged in, and only one can be.
    SessionTaken = "session-taken",
    /// A password would have gone out in a form that anybody can read.
    WeakLogin = "weak-login",
    /// It would have left the stick without a port to talk to.
    LocksOut = "locks-out",
    /// It is about SIM-lock codes or the IMEI, which are out of scope for good.
    OutOfScope = "out-of-scope",

    // Going online.
    /// The stick is on no network: it searches, the network denies it, or roaming is off.
    NotRegistered = "not-registered",
    /// The network refused the data connection, or ended it.
    NetworkRefused = "network-refused",
    /// The connection stands, and the computer got no address for it.
    NoAddress = "no-address",
    /// The computer has an address, and nothing is reached through it.
    NoReach = "no-reach",
    /// The traffic or time that the owner allowed is used up.
    LimitReached = "limit-reached",

    // Conversion.
    /// There is no journal to resume from.
    NoJournal = "no-journal",
    /// The journal is of another stick or another file.
    JournalMismatch = "journal-mismatch",
    /// The way to download mode without opening the stick is closed by its firmware.
    GateClosed = "gate-closed",
    /// No way is known to give other firmware to such a stick.
    NotFlashable = "not-flashable",
    /// The plan needs a consent that was not given.
    ConsentNeeded = "consent-needed",
}

/// A number of things in words: `1 partition`, `10 partitions`.
pub fn counted(count: impl fmt::Display, what: &str) -> String {
    let count = count.to_string();
    let ending = if count == "1" { "" } else { "s" };
    format!("{count} {what}{ending}")
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A failure: its kind, what happened, the facts, and the cause below it.
///
/// One pointer wide, so that `Result<(), Error>` stays small.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    what: String,
    facts: Vec<(&'static str, String)>,
    details: Vec<Detail>,
    verdict: Option<Verdict>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure of `kind`; `what` is one lower-case sentence without a full stop.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        let inner = Inner {
            kind,
            what: what.into(),
            facts: Vec::new(),
            details: Vec::new(),
            verdict: None,
            source: None,
        };
        Error(Box::new(inner))
    }

    /// Adds a fact for people, for example `("offset", "0x5c")`. Names are kebab-case and stable. What code has to know is a
    /// [`Detail`].
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.facts.push((name, value.to_string()));
        self
    }

    /// Adds a detail, and the fact that says the same to people.
    #[must_use]
    pub fn detail(mut self, detail: Detail) -> Self {
        self.0.facts.extend(detail.for_people());
        self.0.details.push(detail);
        self
    }

    /// States what the stick is left as. The innermost statement wins: it is nearest to the stick.
    #[must_use]
    pub fn verdict_if_unset(mut self, verdict: Verdict) -> Self {
        self.0.verdict.get_or_insert(verdict);
        self
    }

    /// States what the stick is left as, over any earlier statement.
    #[must_use]
    pub fn with_verdict(mut self, verdict: Verdict) -> Self {
        self.0.verdict = Some(verdict);
        self
    }

    /// States that the stick was left as `before` already. An error without a statement did nothing to it.
    #[must_use]
    pub fn after(mut self, before: Verdict) -> Self {
        if before != Verdict::Untouched {
            self.0.verdict = Some(before.worse(self.0.verdict.unwrap_or(before)));
        }
        self
    }

    /// Adds the cause. What a cause says of a stick that was changed holds for what came of it, too, where this says nothing of its own.
    #[must_use]
    pub fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        let told = (&source as &dyn Any).downcast_ref::<Error>().and_then(Error::verdict);
        let told = told.filter(|told| matches!(told, Verdict::Unknown | Verdict::Recoverable));
        self.0.verdict = self.0.verdict.or(told);
        self.0.source = Some(Box::new(source));
        self
    }

    /// The kind, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, in one sentence.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The facts in the order they were added.
    pub fn facts(&self) -> &[(&'static str, String)] {
        &self.0.facts
    }

    /// What code may branch on, in the order it was added.
    pub fn details(&self) -> &[Detail] {
        &self.0.details
    }

    /// By which number the stick refused.
    pub fn refusal(&self) -> Option<Refusal> {
        self.find(|d| if let Detail::Refusal(refusal) = d { Some(*refusal) } else { None })
    }

    /// The number by which `family` refused.
    pub fn refusal_of(&self, family: RefusalFamily) -> Option<i32> {
        self.refusal().filter(|refusal| refusal.family == family).map(|refusal| refusal.code)
    }

    /// What the number of a refusal means for what was tried.
    pub fn meaning(&self) -> Option<&'static Meaning> {
        let tried = self.find(|d| if let Detail::Tried(tried) = d { Some(*tried) } else { None });
        refusals::meaning(self.refusal()?, tried)
    }

    /// How many tries of a code are left.
    pub fn tries_left(&self) -> Option<u8> {
        self.find(|d| if let Detail::TriesLeft(tries) = d { Some(*tries) } else { None })
    }

    /// Whether the web request had gone out whole.
    pub fn request_sent(&self) -> Option<bool> {
        self.find(|d| if let Detail::RequestSent(sent) = d { Some(*sent) } else { None })
    }

    /// What stood at the stick's place after the failure.
    pub fn place_shows(&self) -> Option<Shows> {
        self.find(|d| if let Detail::PlaceShows(shows) = d { Some(*shows) } else { None })
    }

    /// Who holds what was to be opened.
    pub fn holder(&self) -> Option<&str> {
        self.find(|d| if let Detail::Holder(holder) = d { Some(holder.as_str()) } else { None })
    }

    /// The sticks that are there in place of the wanted one.
    pub fn there_is(&self) -> Option<&str> {
        self.find(|d| if let Detail::ThereIs(sticks) = d { Some(sticks.as_str()) } else { None })
    }

    /// The HTTP status that came in place of a document.
    pub fn web_status(&self) -> Option<u16> {
        self.find(|d| if let Detail::WebStatus(status) = d { Some(*status) } else { None })
    }

    /// The mode of the stick that lacks the way in.
    pub fn in_mode(&self) -> Option<&'static str> {
        self.find(|d| if let Detail::InMode(mode) = d { Some(*mode) } else { None })
    }

    /// The line at which a text stops making sense, from 1.
    pub fn line(&self) -> Option<usize> {
        self.find(|d| if let Detail::Line(line) = d { Some(*line) } else { None })
    }

    /// What to do next, where it is known better than by the kind.
    pub fn next_step(&self) -> Option<&'static str> {
        self.find(|d| if let Detail::NextStep(next) = d { Some(*next) } else { None })
    }

    /// Whether `detail` was stated.
    pub fn has(&self, detail: &Detail) -> bool {
        self.0.details.contains(detail)
    }

    fn find<'e, T>(&'e self, pick: impl Fn(&'e Detail) -> Option<T>) -> Option<T> {
        self.0.details.iter().find_map(pick)
    }

    /// The value of the fact `name`, for texts and tests. Code that branches asks for a [`Detail`]; a fact it asks only whether it was told.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.0.facts.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// What the stick is left as, where whoever failed knew it.
    pub fn verdict(&self) -> Option<Verdict> {
        self.0.verdict
    }

    /// Whether this is a failure of `kind`.
    pub fn is(&self, kind: ErrorKind) -> bool {
        self.0.kind == kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.what, self.0.kind)?;
        for (name, value) in &self.0.facts {
            write!(f, ", {name}: {value}")?;
        }
        if let Some(verdict) = self.0.verdict {
            write!(f, ", stick: {verdict}")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, ", cause: {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|s| s as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_unique() {
        let mut seen = std::collections::HashSet::new();
        for kind in ErrorKind::ALL {
            let code = kind.code();
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{code}");
            assert!(seen.insert(code), "{code} twice");
        }
    }

    #[test]
    fn the_innermost_verdict_wins() {
        let e = Error::new(ErrorKind::Timeout, "no answer")
            .verdict_if_unset(Verdict::Recoverable)
            .verdict_if_unset(Verdict::Untouched);
        assert_eq!(e.verdict(), Some(Verdict::Recoverable));
    }

    #[test]
    fn what_a_cause_says_of_a_changed_stick_holds() {
        let cause = |verdict| Error::new(ErrorKind::AtRefused, "refused").with_verdict(verdict);
        let of = |verdict| Error::new(ErrorKind::SimPinNeeded, "no PIN").because(cause(verdict)).verdict();
        assert_eq!(of(Verdict::Unknown), Some(Verdict::Unknown));
        assert_eq!(of(Verdict::Recoverable), Some(Verdict::Recoverable));
        // What was done before may have changed it.
        assert_eq!((of(Verdict::Untouched), of(Verdict::Done)), (None, None));
        let told = Error::new(ErrorKind::Io, "x").with_verdict(Verdict::Recoverable);
        assert_eq!(told.because(cause(Verdict::Unknown)).verdict(), Some(Verdict::Recoverable));
    }

    #[test]
    fn a_detail_is_stated_once_and_told_in_both_forms() {
        let refused = Refusal { family: RefusalFamily::Hilink, code: 125_002 };
        let e = Error::new(ErrorKind::HilinkRefused, "x")
            .detail(Detail::Refusal(refused))
            .detail(Detail::RequestSent(true));
        assert_eq!(e.refusal(), Some(refused));
        assert_eq!(
            (e.refusal_of(RefusalFamily::Hilink), e.refusal_of(RefusalFamily::Cme)),
            (Some(125_002), None)
        );
        assert_eq!((e.request_sent(), e.facts()), (Some(true), &[("sent", "yes".to_owned())][..]));
        assert_eq!((e.tries_left(), e.holder(), e.place_shows()), (None, None, None));
    }

    #[test]
    fn facts_are_found_by_name() {
        let e = Error::new(ErrorKind::FileCorrupt, "x").with("offset", "0x5c").with("offset", "0x60");
        assert_eq!(e.fact("offset"), Some("0x5c"));
        assert_eq!(e.fact("size"), None);
    }
}
