use std::time::Duration;

use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hilink::xml::{self, Element};

/// How long an ordinary request may take.
pub const USUAL: Duration = Duration::from_secs(10);

/// After which refusals a call is sent again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// While the stick is busy, and in a new session where the old one is over.
    Refused,
    /// The same, but where the stick does not say with what it is busy: it may be just this.
    Unheard,
    /// Never: the stick may count it.
    Never,
}

/// One call of the API as a value.
pub struct Call<T> {
    /// From `/`, for example `/api/device/signal`.
    pub path: &'static str,
    /// What it does to the stick.
    pub effect: Effect,
    /// The inside of `<request>`; `None` for a GET.
    pub body: Option<String>,
    /// For the whole exchange.
    pub timeout: Duration,
    /// Some firmware takes this one encrypted only.
    pub may_need_encryption: bool,
    /// Whether it is sent again by itself.
    pub repeat: Repeat,
    parse: fn(&Element) -> Result<T>,
}

impl<T> Call<T> {
    /// A GET that asks and whose reply is read by `parse`.
    pub fn get(path: &'static str, parse: fn(&Element) -> Result<T>) -> Self {
        Call {
            path,
            effect: Effect::Reads,
            body: None,
            timeout: USUAL,
            may_need_encryption: false,
            repeat: Repeat::Refused,
            parse,
        }
    }

    /// A POST of `fields`, in this order. It changes something, unless it is [said otherwise](Call::that).
    pub fn post(path: &'static str, fields: &[(&str, &str)], parse: fn(&Element) -> Result<T>) -> Self {
        Call { effect: Effect::Changes, body: Some(xml::elements(fields)), ..Call::get(path, parse) }
    }

    /// The same, with another effect.
    #[must_use]
    pub fn that(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// The same, with more time.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same, sent again after fewer refusals.
    #[must_use]
    pub fn repeated(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// `UnexpectedAnswer` when it is not of this call's shape.
    pub fn parse(&self, reply: &Element) -> Result<T> {
        (self.parse)(reply)
    }
}

impl Call<()> {
    /// A POST that is answered by `OK`.
    pub fn set(path: &'static str, fields: &[(&str, &str)]) -> Self {
        Call::post(path, fields, expect_ok)
    }
}

fn expect_ok(reply: &Element) -> Result<()> {
    if reply.text.eq_ignore_ascii_case("OK") || (reply.text.is_empty() && reply.children.is_empty()) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::UnexpectedAnswer, "the stick's answer to a request is neither OK nor an error"))
}
