//! What is wanted of a connection, and whether the chosen way can give it.

use crate::at;
use crate::at::data::{Authentication, PdpType, is_access_point};
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::online::Connection;
use crate::online::ways::Way;
use crate::stick::Stick;

/// The way that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WantedWay {
    /// The best that the stick's interfaces have.
    #[default]
    Auto,
    /// NCM: `^NDISDUP`.
    Ncm,
    /// PPP on a serial port.
    Ppp,
    /// HiLink firmware.
    Hilink,
    /// MBIM.
    Mbim,
    /// A network card that dials by itself.
    Ecm,
}

/// What is wanted of a connection.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Access point name; `None`: by the SIM's operator, else the network's own.
    pub apn: Option<String>,
    /// The access point of the owner's settings, where none was asked for: of sticks that are dialled from here.
    pub usual_apn: Option<String>,
    /// User name for the access point.
    pub user: Option<String>,
    /// Its password. Never shown.
    pub password: Option<String>,
    /// How they are proven; `None`: CHAP, then PAP, then not at all.
    pub authentication: Option<Authentication>,
    /// The kind of address; `None`: both, else what the network gives.
    pub ip: Option<PdpType>,
    /// Data in other operators' networks is switched on in the stick.
    pub roaming: bool,
    /// Metric of the default route; `None`: behind every other one.
    pub metric: Option<u32>,
    /// No default route in the main table: programs choose the stick by its interface or its address.
    pub no_default: bool,
    /// Largest packet; `None`: what the network says, or what gets through.
    pub mtu: Option<u16>,
    /// The way.
    pub way: WantedWay,
    /// The host whose page `/generate_204` shows that the way is free; empty for none.
    pub check: Option<String>,
}

/// The host that is asked where none is given. Its page `/generate_204` is what phones ask.
pub const CHECK_HOST: &str = "connectivitycheck.gstatic.com";

/// Below this an interface has no IPv6 (RFC 8200, section 5), and Linux takes away what it had.
const LEAST_OF_IPV6: u16 = 1280;

impl Wanted {
    /// The host to ask for a page.
    pub fn check_host(&self) -> Option<&str> {
        match self.check.as_deref() {
            None => Some(CHECK_HOST),
            Some("") => None,
            host => host,
        }
    }

    /// Whether user and password stay here.
    pub(super) fn is_unproven(&self) -> bool {
        self.authentication == Some(Authentication::None)
    }

    /// Refuses what cannot be had over `way`, before anything is sent: what is asked for is never passed over in silence.
    ///
    /// # Errors
    /// `Usage` for words that no stick takes, `Unsupported` for what a stick that dials by itself decides alone.
    pub(super) fn check(&self, way: Way, stick: &Stick) -> Result<()> {
        if let Some(apn) = self.apn.as_deref().filter(|apn| !apn.is_empty() && !is_access_point(apn)) {
            let what = "an access point has up to 100 letters, digits and signs, without spaces and quotes";
            return Err(Error::new(ErrorKind::Usage, what)
                .with("characters", apn.chars().count())
                .with_verdict(Verdict::Untouched));
        }
        if let Some(mtu) = self.mtu.filter(|mtu| *mtu < LEAST_OF_IPV6)
            && way != Way::Hilink
            && self.ip != Some(PdpType::V4)
        {
            let what = format!("--mtu {mtu} is too small: IPv6 needs an MTU of at least {LEAST_OF_IPV6}");
            let next = "give --mtu 1280 or more, or ask for IPv4 alone: --ip v4";
            return Err(Error::new(ErrorKind::Usage, what)
                .detail(Detail::NextStep(next))
                .with_verdict(Verdict::Untouched));
        }
        let secrets = [&self.user, &self.password].into_iter().flatten();
        for text in secrets {
            let controls = text.chars().any(char::is_control);
            let by_at = matches!(way, Way::Ncm | Way::Ecm);
            if controls || by_at && at::quoted(text).is_err() {
                let what = "the user or the password of the access point has a character that cannot be sent";
                let next = match controls || stick.ports().next().is_none() {
                    true => {
                        "type it again without line ends, tabs and other control characters; ask the operator for the right one"
                    }
                    false => {
                        "AT commands carry no quotes and nothing but ASCII: try --way ppp, which does, or ask the operator for others"
                    }
                };
                return Err(Error::new(ErrorKind::Usage, what)
                    .detail(Detail::NextStep(next))
                    .with_verdict(Verdict::Untouched));
            }
        }
        let cards_alone = way == Way::Ecm && stick.ports().next().is_none();
        let v6 = matches!(self.ip, Some(PdpType::V6 | PdpType::V4V6));
        let passed_over = [
            (self.apn.is_some() && cards_alone, "--apn"),
            (self.user.is_some() && (cards_alone || way == Way::Hilink), "--user"),
            (self.authentication.is_some() && (cards_alone || way == Way::Hilink), "--auth"),
            (self.roaming && cards_alone, "--roaming"),
            (v6 && way == Way::Hilink, "--ip with IPv6"),
            (self.ip == Some(PdpType::V6) && cards_alone, "--ip v6"),
        ];
        match passed_over.into_iter().find(|(is_asked_for, _)| *is_asked_for) {
            None => Ok(()),
            Some((_, option)) => Err(own_choice(option).with_verdict(Verdict::Untouched)),
        }
    }
}

impl Wanted {
    /// Refuses what a connection that is up already does not have. User and password cannot be told from it.
    ///
    /// # Errors
    /// `Usage`, which names the options.
    pub(super) fn check_already(&self, connection: &Connection) -> Result<()> {
        let has = |v6: bool| connection.addresses.iter().any(|address| address.contains(':') == v6);
        let kind_differs = match self.ip {
            None => false,
            Some(PdpType::V4) => has(true),
            Some(PdpType::V6) => has(false),
            Some(PdpType::V4V6) => !has(true),
        };
        let asked = [
            (self.apn.is_some() && self.apn != connection.apn, "--apn"),
            (self.metric.is_some() && self.metric != connection.metric, "--metric"),
            (self.no_default && connection.metric.is_some(), "--no-default"),
            (self.mtu.is_some_and(|mtu| u32::from(mtu) != connection.mtu), "--mtu"),
            (kind_differs, "--ip"),
        ];
        let differ: Vec<&str> =
            asked.into_iter().filter(|(differs, _)| *differs).map(|(_, name)| name).collect();
        if differ.is_empty() {
            return Ok(());
        }
        let what = "the stick is online already, with other settings than those asked for";
        Err(Error::new(ErrorKind::Usage, what)
            .with("options", differ.join(", "))
            .detail(Detail::NextStep("run `stickshift online down` first, or leave the options out"))
            .with_verdict(Verdict::Untouched))
    }
}

/// The error for an option of a stick that dials by itself.
pub(super) fn own_choice(option: &'static str) -> Error {
    let what = format!("the stick dials by itself, and this program cannot tell it about {option}");
    let next = "leave the option out, and set it on the stick's own page";
    Error::new(ErrorKind::Unsupported, what).detail(Detail::NextStep(next))
}
