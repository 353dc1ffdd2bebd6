//! Questions that show how far packets get.
//!
//! ```
//! use stickshift::online::probe::Reach;
//!
//! // A name server answers; whether pages come was not tried.
//! let reach = Reach { name: Some("10.64.0.1".parse()?), ..Reach::default() };
//! assert_eq!((reach.name.is_some(), reach.page), (true, None));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

use std::net::IpAddr;
use std::time::Duration;

/// A question through one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// An echo, with this many bytes in all; with more than a few it is not to be split on its way.
    Echo {
        /// Whom.
        to: IpAddr,
        /// Size of the IP packet.
        bytes: u16,
        /// How long to wait.
        limit: Duration,
    },
    /// The addresses of a name, asked of one server.
    Name {
        /// Whom.
        server: IpAddr,
        /// The name.
        name: String,
        /// IPv6 addresses.
        v6: bool,
        /// How long to wait.
        limit: Duration,
    },
    /// `GET http://HOST/generate_204`, asked of one address.
    Page {
        /// The address.
        to: IpAddr,
        /// The host's name.
        host: String,
        /// How long to wait.
        limit: Duration,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing came.
    Silence,
    /// The system or somebody on the way says that there is no way there.
    Unreachable,
    /// The packet is larger than the way takes.
    TooLarge,
    /// The echo came.
    Echo(Duration),
    /// The server's addresses for the name; none when it says that there is no such name.
    Addresses(Vec<IpAddr>),
    /// The server refuses to answer, or fails: its code.
    Refused(u8),
    /// The page came with this status, and where it sends on to.
    Page {
        /// 204 is what is expected.
        status: u16,
        /// `Location:`.
        to: Option<String>,
    },
}

/// A connected network by what its probes found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// An address beyond the stick answers.
    pub address: Option<IpAddr>,
    /// A name server answers.
    pub name: Option<IpAddr>,
    /// The page came as expected.
    pub page: Option<bool>,
    /// Largest packet that gets through, where that was tried.
    pub mtu: Option<u16>,
}
