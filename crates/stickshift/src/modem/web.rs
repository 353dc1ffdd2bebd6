//! The stick's web server, logged in where that is possible.
//!
//! ```
//! use stickshift::modem::Login;
//!
//! // Who logs in. Firmware whose login sends the password readably is refused unless that is allowed.
//! let login = Login { user: "admin".into(), password: "secret".into(), allow_weak: false };
//! assert_eq!(login.user, "admin");
//! ```

use crate::error::Result;
use crate::event::{Cancel, Session};
use crate::hilink::Hilink;
use crate::link::HttpLink;

/// Who logs in to a stick's web server.
#[derive(Clone)]
pub struct Login {
    /// Mostly `admin`.
    pub user: String,
    /// Never shown.
    pub password: String,
    /// Whether it may be sent in a form that whoever answers can read.
    pub allow_weak: bool,
}

/// Opens a session, and logs in where that is needed and `login` was given.
///
/// # Errors
/// What the web server reports.
pub fn open<'l>(
    link: &'l mut dyn HttpLink,
    login: Option<&Login>,
    session: &Session<'_>,
) -> Result<Hilink<'l>> {
    open_with(link, login, session.cancel())
}

pub(super) fn open_with<'l>(
    link: &'l mut dyn HttpLink,
    login: Option<&Login>,
    cancel: &Cancel,
) -> Result<Hilink<'l>> {
    let mut web = Hilink::open_with(link, crate::random::fill, cancel.clone())?;
    if let Some(login) = login
        && !web.login_state()?.open
    {
        web.allow_weak_login(login.allow_weak);
        web.login(&login.user, &login.password)?;
    }
    Ok(web)
}
