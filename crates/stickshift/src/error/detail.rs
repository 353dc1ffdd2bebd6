use crate::error::Tried;

/// What code branches on beside the kind. Most details are facts for people as well: stated once, reported in both forms.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// The stick refused, by this number.
    Refusal(Refusal),
    /// What was tried when the stick refused: its number may mean something else for it.
    Tried(Tried),
    /// Tries of a PIN, a PUK or a password that are left. Fact `tries`.
    TriesLeft(u8),
    /// Whether a web request had gone out whole when the connection ended. Fact `sent`.
    RequestSent(bool),
    /// The web server answered with this HTTP status in place of a document. Fact `status`.
    WebStatus(u16),
    /// The web page is there over https alone.
    HttpsOnly,
    /// The web server took the login, and refuses what needs one all the same.
    LoggedIn,
    /// In which mode the stick is that lacks the way in. Fact `mode`.
    InMode(&'static str),
    /// Messages that were new count as read since they were listed.
    MarkedRead,
    /// The stick did not say whether it did what it was sent: it was silent, or answered with something else.
    Unanswered,
    /// What stood at the stick's place when it was looked at after the failure.
    PlaceShows(Shows),
    /// Which program or driver holds what was to be opened. Fact `holder`.
    Holder(String),
    /// This very program holds it, in another thread: it keeps the stick online. Fact `holder`.
    HeldHere,
    /// The sticks that are there in place of the wanted one. Fact `there-is`.
    ThereIs(String),
    /// The file that failed is the journal of interrupted work.
    InJournal,
    /// The journal knows less than was sent: it could not be written.
    Unrecorded,
    /// The stick works, with other firmware than was meant. Fact `found`.
    FirmwareFound(String),
    /// The file that failed is a text that people write: a mistake in it is corrected, not downloaded again.
    InText,
    /// The file is a capture of a program whose files are not read; the error says what to do instead.
    OtherCapture,
    /// The line of a text at which it stops making sense, from 1. Fact `line`.
    Line(usize),
    /// A file that was checked is not what it was then.
    FileChanged,
    /// The system has no device node for the stick.
    NoNode,
    /// The profile that is in force for the stick names no way to switch it: an empty file, or a damaged one.
    EmptyProfile,
    /// Another stick is at the place than the plan was made for.
    AnotherStick,
    /// The stick that came back says another IMEI than the one that was flashed.
    AnotherImei,
    /// The stick in download mode does not say what it is.
    NoProduct,
    /// The stick that came back does not say which firmware it runs.
    NoVersion,
    /// What was asked to take a loader runs one already, or takes firmware for another reason.
    LoaderRuns,
    /// What is left to do is done through the boot ROM, and no loader was given.
    NoLoader,
    /// The stick refused the partition each time that it was begun anew.
    RefusedEachTime,
    /// A loader that erases the flash when it starts, or may, was sent whole.
    MayHaveErased,
    /// The boot ROM took every byte of a block and refused, each time, to start it.
    StartRefused,
    /// The end of a loader was sent, and not seen to be refused: it may have run.
    StartUnseen,
    /// What to do next, where it is known better than by the kind of the error.
    NextStep(&'static str),
    /// The stick shows nothing for this way of going online: `NCM`.
    Lacks(&'static str),
    /// The stick's one data connection is up, by `^NDISDUP`: a data call is refused.
    HeldByNcm,
    /// The stick is in another operator's network, and its own setting allows no data there.
    RoamingOff,
    /// The network denies the registration and does not say why.
    RegistrationDenied,
    /// A PIN or PUK was sent. Whether a try was counted, the verdict tells.
    CodeSent,
    /// A PIN was refused in an earlier run; it is not sent again by itself.
    PinRefusedBefore,
    /// How far packets got when something was not reached.
    Reaches(Reaches),
    /// The network interface of the stick has no driver here, or none is loaded: the name of the driver.
    NoDriver(&'static str),
    /// The stick is for another program: its command line. Fact `command`.
    ForOther(String),
    /// A word of a command line is no option, or an option lacks its value.
    BadOption,
    /// Another computer works on the stick, or did until nobody here could see it any more.
    GoesOnElsewhere,
}

impl Detail {
    /// The same for people.
    pub(super) fn for_people(&self) -> Option<(&'static str, String)> {
        Some(match self {
            Detail::TriesLeft(tries) => ("tries", tries.to_string()),
            Detail::RequestSent(sent) => ("sent", if *sent { "yes" } else { "no" }.to_owned()),
            Detail::Holder(holder) => ("holder", holder.clone()),
            Detail::HeldHere => ("holder", "stickshift itself".to_owned()),
            Detail::ThereIs(sticks) => ("there-is", sticks.clone()),
            Detail::WebStatus(status) => ("status", status.to_string()),
            Detail::InMode(mode) => ("mode", (*mode).to_owned()),
            Detail::FirmwareFound(version) => ("found", version.clone()),
            Detail::ForOther(command) => ("command", command.clone()),
            Detail::Line(line) => ("line", line.to_string()),
            Detail::Refusal(_)
            | Detail::Tried(_)
            | Detail::HttpsOnly
            | Detail::LoggedIn
            | Detail::Unanswered
            | Detail::PlaceShows(_)
            | Detail::InJournal
            | Detail::Unrecorded
            | Detail::FileChanged
            | Detail::NoNode
            | Detail::EmptyProfile
            | Detail::AnotherStick
            | Detail::AnotherImei
            | Detail::NoProduct
            | Detail::NoVersion
            | Detail::LoaderRuns
            | Detail::NoLoader
            | Detail::RefusedEachTime
            | Detail::MayHaveErased
            | Detail::StartRefused
            | Detail::StartUnseen
            | Detail::NextStep(_)
            | Detail::InText
            | Detail::OtherCapture
            | Detail::HeldByNcm
            | Detail::Lacks(_)
            | Detail::RoamingOff
            | Detail::RegistrationDenied
            | Detail::CodeSent
            | Detail::PinRefusedBefore
            | Detail::Reaches(_)
            | Detail::NoDriver(_)
            | Detail::BadOption
            | Detail::GoesOnElsewhere
            | Detail::MarkedRead => return None,
        })
    }
}

/// A refusal by number. The number's meaning depends on who refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose list the number is of.
    pub family: RefusalFamily,
    /// The number.
    pub code: i32,
}

/// Who refuses by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalFamily {
    /// `+CME ERROR`: the equipment, 3GPP TS 27.007 section 9.2.
    Cme,
    /// `+CMS ERROR`: the message service, 3GPP TS 27.005 section 3.2.5.
    Cms,
    /// How a call ended, by the number of the result in words: ITU-T V.250 section 5.7.1.
    Call,
    /// The result of `+CUSD`, 3GPP TS 27.007 section 7.15.
    Cusd,
    /// `<error><code>` of the HiLink web server.
    Hilink,
    /// `ConnectionStatus` of the same: why its data connection does not come up.
    Connection,
    /// A status of an MBIM function, section 9.4.5 of its specification.
    Mbim,
    /// A NAK of download mode.
    Download,
    /// Why the network ends or refuses a data connection: session management of 3GPP TS 24.008 and TS 24.301.
    Session,
    /// Why the network refuses to register a stick: mobility management of the same.
    Registration,
    /// The exit code of pppd.
    Pppd,
}

/// What stands at a stick's place, as far as the way back depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Download mode.
    Download,
    /// The boot ROM.
    BootRom,
    /// Nothing.
    Nothing,
    /// A stick in any other mode.
    Other,
}

/// How far packets got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaches {
    /// Nothing answers at all.
    Nothing,
    /// Addresses answer, names do not.
    NoNames,
    /// Names are resolved, and another page comes than the one that was asked for: a portal wants something first.
    Portal,
    /// Names are resolved, and no page comes.
    NoPages,
}
