//! Messages over MBIM: one store, whose name nobody says.

use crate::at::sms::{Status, Stored};
use crate::error::{Result, Verdict};
use crate::link::Changes;
use crate::mbim::{self, Mbim};
use crate::modem::messages::{Draft, MessageList, joined};
use crate::wire::mbim::sms;
use crate::wire::pdu;

/// Everything that is stored.
pub(super) fn listed(mbim: &mut Mbim<'_>) -> Result<MessageList> {
    let before = mbim.standing();
    let stored = mbim.run(&mbim::stored_messages()).map_err(|e| match e.verdict() {
        Some(Verdict::Unknown) => e.with("may-be", "new messages count as read now"),
        _ => e,
    })?;
    // The marks that it leaves are part of a listing: whatever fails later says nothing about them.
    mbim.stand(before);
    let found = [(String::new(), stored.into_iter().map(entry).collect())];
    Ok(MessageList {
        messages: joined::entries(&found),
        stores: vec![String::new()],
        ..MessageList::default()
    })
}

fn entry(stored: sms::Stored) -> Stored {
    let status = stored.status.map(|status| match status {
        sms::Status::New => Status::Unread,
        sms::Status::Old => Status::Read,
        sms::Status::Draft => Status::Unsent,
        sms::Status::Sent => Status::Sent,
    });
    let message = pdu::decode(&stored.pdu).ok();
    Stored { index: stored.index.try_into().ok(), status, pdu: stored.pdu, message }
}

/// Sends a text; into how many parts it was cut.
///
/// # Errors
/// As [`pdu::submit`] and [`Mbim::run`]. When parts were sent before one failed, the fact `parts-sent` says how many.
pub(super) fn send(mbim: &mut Mbim<'_>, draft: Draft<'_>) -> Result<usize> {
    let pdus = pdu::submit(draft.to, draft.text, draft.mark, false)?;
    for (sent, pdu) in pdus.iter().enumerate() {
        mbim.run(&mbim::send_message(&pdu.bytes)).map_err(|e| e.with("parts-sent", sent))?;
    }
    Ok(pdus.len())
}
