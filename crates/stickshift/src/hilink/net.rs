//! Operators and the radio's mode.
//!
//! ```
//! use stickshift::hilink::net::{self, NetMode};
//!
//! // LTE alone, all bands: the numbers are those of the web API.
//! let mode = NetMode { mode: "03".into(), bands: "3FFFFFFF".into(), lte_bands: "7FFFFFFFFFFFFFFF".into() };
//! assert!(net::set_mode(&mode).body.unwrap().starts_with("<NetworkMode>03</NetworkMode>"));
//! ```

use std::time::Duration;

use crate::hilink::xml::Element;
use crate::hilink::{Call, unexpected};

/// One network: the present one, or one of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Of the present one 0 when registered; of a search 1 usable, 2 registered, 3 forbidden.
    pub state: Option<u8>,
    /// Long name.
    pub name: Option<String>,
    /// Country and network code, `20801`.
    pub numeric: Option<String>,
    /// Radio technology: 0 2G, 2 3G, 5 HSPA, 7 4G.
    pub rat: Option<u8>,
}

fn network(e: &Element) -> Network {
    Network {
        state: e.number("State"),
        name: e.string("FullName").or_else(|| e.string("ShortName")),
        numeric: e.string("Numeric"),
        rat: e.number("Rat"),
    }
}

/// `GET net/current-plmn`: the network it is on.
pub fn current() -> Call<Network> {
    Call::get("/api/net/current-plmn", |r| Ok(network(r)))
}

/// `GET net/plmn-list`: searches for networks; takes up to two minutes.
pub fn search() -> Call<Vec<Network>> {
    Call::get("/api/net/plmn-list", |r| {
        let list = r.child("Networks").ok_or_else(|| unexpected("a list of networks"))?;
        Ok(list.all("Network").map(network).collect())
    })
    .within(Duration::from_secs(180))
}

/// Who chooses the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The stick does. Otherwise it was chosen by hand.
    pub automatic: bool,
    /// The network that was chosen by hand, `20801`.
    pub numeric: Option<String>,
}

/// `GET net/register`.
pub fn selection() -> Call<Selection> {
    Call::get("/api/net/register", |r| {
        let automatic = !r.flag("Mode").ok_or_else(|| unexpected("who chooses the network"))?;
        Ok(Selection { automatic, numeric: r.string("Plmn") })
    })
}

/// `POST net/register`: the stick chooses its network.
pub fn register_automatically() -> Call<()> {
    Call::set("/api/net/register", &[("Mode", "0"), ("Plmn", ""), ("Rat", "")])
        .within(Duration::from_secs(60))
}

/// `POST net/register`: one network of a search.
pub fn register(numeric: &str, rat: u8) -> Call<()> {
    Call::set("/api/net/register", &[("Mode", "1"), ("Plmn", numeric), ("Rat", &rat.to_string())])
        .within(Duration::from_secs(60))
}

/// `net/net-mode`: what the radio may use. To be set to values that were read but for what is meant to change: sticks refuse
/// others with 112003.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetMode {
    /// 00 automatic, 01 2G, 02 3G, 03 4G; two of them are a preference, `0302`.
    pub mode: String,
    /// GSM and WCDMA bands, hex.
    pub bands: String,
    /// LTE bands, hex; bit n-1 for band n.
    pub lte_bands: String,
}

/// `GET net/net-mode`.
pub fn mode() -> Call<NetMode> {
    Call::get("/api/net/net-mode", |r| {
        let part = |name| r.string(name).ok_or_else(|| unexpected("a network mode"));
        Ok(NetMode { mode: part("NetworkMode")?, bands: part("NetworkBand")?, lte_bands: part("LTEBand")? })
    })
}

/// `POST net/net-mode`.
pub fn set_mode(mode: &NetMode) -> Call<()> {
    let fields = [("NetworkMode", &*mode.mode), ("NetworkBand", &*mode.bands), ("LTEBand", &*mode.lte_bands)];
    Call::set("/api/net/net-mode", &fields).within(Duration::from_secs(30))
}
