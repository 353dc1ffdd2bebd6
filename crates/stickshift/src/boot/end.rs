//! What a boot ROM's port alone can tell of a loader's start.

use std::time::Duration;

use crate::boot::download::{Downloaded, PROBE, PROBE_ANSWER, REFUSED, Start};
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::{ByteLink, NEVER_QUIET, QUIET};

/// For the answer to the probe, at least, where the answers before it were quicker than this.
const END_ANSWER: Duration = Duration::from_millis(5);

/// Looks whether the boot ROM is still there after a download that ended with [`Start::Accepted`], where no bus shows what becomes of the
/// stick: it answers a probe, and a loader does not. The wait is twice the slowest answer so far. To wait for the port to close instead
/// would prove no more: a loader that falls over closes it, too.
///
/// # Errors
/// `LoaderNotStarted` when the boot ROM answers, twice; `Interrupted`, `Io`. The verdict is recoverable.
pub fn check_end(link: &mut dyn ByteLink, sent: &Downloaded, session: &mut Session<'_>) -> Result<Start> {
    let wait = (2 * sent.slowest).clamp(END_ANSWER, PROBE_ANSWER);
    // A refusal may be late, of something before the tail: the second one is the probe's.
    for _ in 0..2 {
        session.check().map_err(|e| e.with_verdict(Verdict::Recoverable))?;
        match probe(link, wait) {
            Ok(answer) if answer.contains(&REFUSED) => {}
            Ok(_) => return Ok(Start::Accepted),
            Err(error) if error.is(ErrorKind::Disconnected) => return Ok(Start::HungUp),
            Err(error) => return Err(error.verdict_if_unset(Verdict::Recoverable)),
        }
    }
    Err(Error::new(
        ErrorKind::LoaderNotStarted,
        "the boot ROM accepted the loader and is still there: it did not start",
    )
    .with_verdict(Verdict::Recoverable))
}

/// What a probe is answered with by then; all of it where anything comes.
fn probe(link: &mut dyn ByteLink, wait: Duration) -> Result<Vec<u8>> {
    link.write(&[PROBE])?;
    let mut buffer = [0; 64];
    let deadline = link.now() + wait;
    let n = link.read(&mut buffer, deadline)?;
    let mut answer = buffer[..n].to_vec();
    if n > 0 {
        answer.extend(link.drain(QUIET, NEVER_QUIET)?);
    }
    Ok(answer)
}
