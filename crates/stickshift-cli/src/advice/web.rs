//! Advice for web interfaces that say themselves why they do not serve.

use stickshift::error::{Detail, Error};

/// Cause and next step.
pub(super) fn of(error: &Error) -> Option<(&'static str, &'static str)> {
    if error.has(&Detail::HttpsOnly) {
        return Some((
            "this device's page wants https, which stickshift does not speak",
            "switch https off in the page's settings (Security, or System), or use a serial port of the device",
        ));
    }
    error.web_status()?;
    Some((
        "the web page is overloaded or still starting; its status says more",
        "wait half a minute and run it again; restart the stick if it stays so",
    ))
}
