//! Short messages.
//!
//! ```
//! use stickshift::hilink::sms;
//!
//! let delete = sms::delete(&[40000, 40001]);
//! assert_eq!(delete.body.as_deref(), Some("<Index>40000</Index><Index>40001</Index>"));
//! ```

use std::time::Duration;

use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hilink::xml::{self, Element};
use crate::hilink::{Call, Hilink, Repeat, unexpected};
use crate::wire::pdu::to_gsm7;

/// Messages asked for at once: more is refused by some.
const PAGE: u32 = 20;

/// Most messages that a listing reads: no store holds more.
const LIST_LIMIT: usize = 5000;

/// Where messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Came.
    Inbox,
    /// Went.
    Sent,
    /// Written.
    Drafts,
    /// Came, on the SIM.
    SimInbox,
    /// Went, on the SIM.
    SimSent,
    /// Written, on the SIM.
    SimDrafts,
}

impl Folder {
    /// Its name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Folder::Inbox => "inbox",
            Folder::Sent => "sent",
            Folder::Drafts => "drafts",
            Folder::SimInbox => "sim-inbox",
            Folder::SimSent => "sim-sent",
            Folder::SimDrafts => "sim-drafts",
        }
    }

    /// `BoxType`, by huawei-lte-api's enumeration.
    fn number(self) -> &'static str {
        match self {
            Folder::Inbox => "1",
            Folder::Sent => "2",
            Folder::Drafts => "3",
            Folder::SimInbox => "5",
            Folder::SimSent => "6",
            Folder::SimDrafts => "7",
        }
    }
}

/// How full the stores are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Unread, in the stick and on the SIM.
    pub unread: u32,
    /// In the stick's inbox.
    pub inbox: u32,
    /// Room in the stick.
    pub most: u32,
    /// In the SIM's inbox.
    pub sim_inbox: u32,
    /// Sent, on the SIM.
    pub sim_sent: u32,
    /// Written, on the SIM.
    pub sim_drafts: u32,
    /// Sent, in the stick.
    pub sent: u32,
    /// Written, in the stick.
    pub drafts: u32,
}

impl Counts {
    /// How many messages the folder holds.
    pub fn of(&self, folder: Folder) -> u32 {
        match folder {
            Folder::Inbox => self.inbox,
            Folder::Sent => self.sent,
            Folder::Drafts => self.drafts,
            Folder::SimInbox => self.sim_inbox,
            Folder::SimSent => self.sim_sent,
            Folder::SimDrafts => self.sim_drafts,
        }
    }
}

/// `GET sms/sms-count`.
pub fn counts() -> Call<Counts> {
    Call::get("/api/sms/sms-count", |r| {
        let at = |name| r.number::<u32>(name).unwrap_or(0);
        r.child("LocalInbox").ok_or_else(|| unexpected("message counts"))?;
        Ok(Counts {
            unread: at("LocalUnread").saturating_add(at("SimUnread")),
            inbox: at("LocalInbox"),
            most: at("LocalMax"),
            sim_inbox: at("SimInbox"),
            sim_sent: at("SimOutbox"),
            sim_drafts: at("SimDraft"),
            sent: at("LocalOutbox"),
            drafts: at("LocalDraft"),
        })
    })
}

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Came, not read.
    Unread,
    /// Came, read.
    Read,
    /// Written.
    Draft,
    /// Sent.
    Sent,
    /// Could not be sent.
    Failed,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number, to delete it by.
    pub index: Option<u32>,
    /// How it stands; `None` where the stick does not say.
    pub status: Option<Status>,
    /// The other side, an identity.
    pub phone: String,
    /// What it says.
    pub text: String,
    /// `YYYY-MM-DD HH:MM:SS`, the stick's local time, or whatever the stick says.
    pub date: String,
    /// For a delivery report: whether the message was delivered.
    pub delivered: Option<bool>,
}

fn message(e: &Element) -> Message {
    Message {
        index: e.number("Index"),
        status: match e.number::<u8>("Smstat") {
            Some(0) => Some(Status::Unread),
            Some(1) => Some(Status::Read),
            Some(2) => Some(Status::Draft),
            Some(3) => Some(Status::Sent),
            Some(4) => Some(Status::Failed),
            _ => None,
        },
        phone: e.string("Phone").unwrap_or_default(),
        text: e.string("Content").unwrap_or_default(),
        date: e.string("Date").unwrap_or_default(),
        // SmsType, by huawei-lte-api's enumeration.
        delivered: match e.number::<u8>("SmsType") {
            Some(7) => Some(true),
            Some(8) => Some(false),
            _ => None,
        },
    }
}

/// `POST sms/sms-list`: one page, from 1, newest first; empty after the last. The number before it is that of the page's messages with most sticks, and
/// of the box's with others.
pub fn page(folder: Folder, number: u32) -> Call<(usize, Vec<Message>)> {
    let fields = [
        ("PageIndex", &*number.to_string()),
        ("ReadCount", &*PAGE.to_string()),
        ("BoxType", folder.number()),
        ("SortType", "0"),
        ("Ascending", "0"),
        ("UnreadPreferred", "0"),
    ];
    Call::post("/api/sms/sms-list", &fields, |r| {
        let count = r.number("Count");
        match r.child("Messages") {
            Some(list) => Ok((count.unwrap_or(0), list.all("Message").map(message).collect())),
            // An empty box may be told by its count alone.
            None if count == Some(0) => Ok((0, Vec::new())),
            None => Err(unexpected("a list of messages")),
        }
    })
    .that(Effect::Reads)
}

/// Every message of a folder, newest first, and what the list broke off with.
///
/// # Errors
/// As [`Hilink::call`] where it gave nothing, or the user stopped it.
pub fn list(hilink: &mut Hilink<'_>, folder: Folder) -> Result<(Vec<Message>, Option<Error>)> {
    let mut all: Vec<Message> = Vec::new();
    let mut most = 0;
    for number in 1.. {
        let (count, page) = match hilink.call(&page(folder, number)) {
            Ok(page) => page,
            Err(e) if all.is_empty() || e.is(ErrorKind::Interrupted) => return Err(e),
            Err(e) => return Ok((all, Some(e))),
        };
        most = most.max(count);
        let before = all.len();
        for message in page {
            // Some give the last page again and again.
            let known =
                |m: &Message| if m.index.is_some() { m.index == message.index } else { *m == message };
            if !all.iter().any(known) {
                all.push(message);
            }
        }
        if all.len() == before || all.len() >= LIST_LIMIT {
            break;
        }
    }
    // One that gives the same page whichever is asked for.
    let short = (all.len() < most.min(LIST_LIMIT)).then(|| {
        let what = format!("the stick counts {most} entries and lists {}", all.len());
        Error::new(ErrorKind::UnexpectedAnswer, what)
    });
    Ok((all, short))
}

/// `POST sms/set-read`.
pub fn set_read(index: u32) -> Call<()> {
    Call::set("/api/sms/set-read", &[("Index", &index.to_string())])
}

/// `POST sms/delete-sms`.
pub fn delete(indices: &[u32]) -> Call<()> {
    let indices: Vec<String> = indices.iter().map(u32::to_string).collect();
    let fields: Vec<(&str, &str)> = indices.iter().map(|i| ("Index", i.as_str())).collect();
    Call::set("/api/sms/delete-sms", &fields)
}

/// `POST sms/send-sms`: hands a message over; whether it went shows [`send_status`]. `date` is `YYYY-MM-DD HH:MM:SS`.
///
/// # Errors
/// `Usage` for what is no telephone number.
pub fn submit(phone: &str, text: &str, date: &str) -> Result<Call<()>> {
    let digits = phone.strip_prefix('+').unwrap_or(phone);
    if !(1..=20).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit() || b"*#".contains(&b))
    {
        return Err(Error::new(
            ErrorKind::Usage,
            "not a telephone number: up to 20 digits, with a + in front of a country code",
        ));
    }
    let length = text.chars().count().to_string();
    // 1: the 7-bit alphabet will do.
    let alphabet = if to_gsm7(text).is_some() { "1" } else { "0" };
    let mut call = Call::set("/api/sms/send-sms", &[]);
    let tail = xml::elements(&[
        ("Sca", ""),
        ("Content", text),
        ("Length", &length),
        ("Reserved", alphabet),
        ("Date", date),
    ]);
    call.body = Some(format!("<Index>-1</Index><Phones>{}</Phones>{tail}", xml::element("Phone", phone)));
    Ok(call.within(Duration::from_secs(30)).repeated(Repeat::Unheard))
}

/// `sms/send-status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendStatus {
    /// To whom it is being sent now; empty when it is over.
    pub sending: Option<String>,
    /// To whom it went.
    pub sent: Option<String>,
    /// To whom it did not.
    pub failed: Option<String>,
}

/// `GET sms/send-status`.
pub fn send_status() -> Call<SendStatus> {
    Call::get("/api/sms/send-status", |r| {
        Ok(SendStatus {
            sending: r.string("Phone"),
            sent: r.string("SucPhone"),
            failed: r.string("FailPhone"),
        })
    })
}

/// Waits until a message to `phone` that was handed over by [`submit`] went; `false` where the stick does not tell. `before` is what it told
/// before: of an earlier message to the same number, it may go on telling that. Where it did not tell, it is waited until all is over, and
/// which message that was is not known.
///
/// # Errors
/// `HilinkRefused` when the network did not take it, `Timeout` when it is still not clear after three minutes; as [`Hilink::call`].
pub fn wait_until_sent(hilink: &mut Hilink<'_>, phone: &str, before: Option<&SendStatus>) -> Result<bool> {
    // Numbers are told with or without their country.
    let tail = |number: &str| {
        let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
        digits[digits.len().saturating_sub(7)..].to_vec()
    };
    let is_it = |told: &Option<String>| {
        told.as_ref().is_some_and(|told| told.split([',', ';']).any(|one| tail(one) == tail(phone)))
    };
    // Where an earlier one is still on its way, the two cannot be told apart.
    if before.is_some_and(|before| is_it(&before.sending)) {
        return Ok(false);
    }
    let end = hilink.now() + Duration::from_secs(180);
    let mut begun = false;
    let mut others = 0;
    while hilink.now() < end {
        hilink.sleep(Duration::from_secs(1));
        let Some(status) = hilink.call_if_known(&send_status())? else { return Ok(false) };
        if is_it(&status.sending) {
            begun = true;
            continue;
        }
        let (sent, failed) = (is_it(&status.sent), is_it(&status.failed));
        let sure = begun && sent != failed;
        match before {
            Some(before) if failed && (sure || status.failed != before.failed) => {
                return Err(Error::new(ErrorKind::HilinkRefused, "the network did not take the message"));
            }
            Some(before) if sent && (sure || status.sent != before.sent) => return Ok(true),
            None if sure => return Ok(false),
            _ => {}
        }
        // It is over for somebody else, and this one does not begin.
        others += u8::from(status.sending.is_none() && (status.sent.is_some() || status.failed.is_some()));
        if others == 10 {
            return Ok(false);
        }
    }
    Err(Error::new(ErrorKind::Timeout, "the stick does not say whether the message went"))
}
