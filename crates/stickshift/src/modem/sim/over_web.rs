//! Codes of the SIM by HiLink's web server.

use super::{PinUse, SimStatus, of_web};
use crate::error::{Detail, Error, ErrorKind, RefusalFamily, Result, Verdict};
use crate::hilink::{Hilink, pin as web_pin};

/// Sends a code. Where the session was over it goes out again in a new one, if the stick shows that no try was counted.
pub(super) fn use_code(web: &mut Hilink<'_>, code: PinUse<'_>, before: &SimStatus) -> Result<()> {
    let call = web_pin::operate(match code {
        PinUse::Enter(pin) => web_pin::Operation::Enter(pin),
        PinUse::Enable(pin) => web_pin::Operation::Enable(pin),
        PinUse::Disable(pin) => web_pin::Operation::Disable(pin),
        PinUse::Change(pin, new) => web_pin::Operation::Change(pin, new),
        PinUse::Unblock(puk, new) => web_pin::Operation::Unblock(puk, new),
    });
    let Err(error) = web.call(&call) else { return Ok(()) };
    let looked = web.renew_after(&error).and_then(|is_over| match is_over {
        true => web.call(&web_pin::status()).map(Some),
        false => Ok(None),
    });
    let now = match looked {
        Ok(Some(now)) => now,
        Ok(None) => return Err(error),
        // Its end counts, and the code went out all the same.
        Err(why)
            if matches!(
                why.kind(),
                ErrorKind::Interrupted | ErrorKind::LoginRefused | ErrorKind::LoginLocked
            ) =>
        {
            return Err(why.because(error).detail(Detail::CodeSent).with_verdict(Verdict::Unknown));
        }
        Err(why) => return Err(error.with("look", format!("failed: {why}"))),
    };
    let tries = if code.unblocks() { now.puk_tries } else { now.pin_tries };
    let same = tries.is_some() && tries == code.tries(before) && of_web(now.state) == before.state;
    let asked_for = now.pin_enabled == before.asked_for;
    // A new PIN leaves no trace.
    if same && asked_for && !matches!(code, PinUse::Change(..)) { web.call(&call) } else { Err(error) }
}

/// Whether a web page says that a code was wrong, in one of its ways.
pub(super) fn is_wrong_code(error: &Error) -> bool {
    matches!(error.refusal_of(RefusalFamily::Hilink), Some(101_007 | 103_002..=103_004))
}
