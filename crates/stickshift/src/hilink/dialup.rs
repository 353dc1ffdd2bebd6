//! The data connection: its switch, how it dials, and the profiles.
//!
//! ```
//! use stickshift::error::Effect;
//! use stickshift::hilink::dialup;
//!
//! assert_eq!(dialup::policy().effect, Effect::Reads);
//! let switch = dialup::set_data_switch(true);
//! assert_eq!((switch.path, switch.effect), ("/api/dialup/mobile-dataswitch", Effect::Changes));
//! assert!(switch.body.unwrap().contains("<dataswitch>1</dataswitch>"));
//! ```

use std::time::Duration;

use crate::hilink::{Call, unexpected};

/// `GET dialup/mobile-dataswitch`: whether data is on.
pub fn data_switch() -> Call<bool> {
    Call::get("/api/dialup/mobile-dataswitch", |r| {
        r.flag("dataswitch").ok_or_else(|| unexpected("a data switch"))
    })
}

/// `POST dialup/mobile-dataswitch`: turns data on or off.
pub fn set_data_switch(on: bool) -> Call<()> {
    Call::set("/api/dialup/mobile-dataswitch", &[("dataswitch", if on { "1" } else { "0" })])
        .within(Duration::from_secs(30))
}

/// `POST dialup/dial`: connects or hangs up, on sticks without a data switch and on those that dial by hand.
pub fn dial(connect: bool) -> Call<()> {
    Call::set("/api/dialup/dial", &[("Action", if connect { "1" } else { "0" })])
        .within(Duration::from_secs(30))
}

/// `dialup/connection`: when it dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialPolicy {
    /// Dials by itself while roaming.
    pub roaming: bool,
    /// Seconds without traffic until it hangs up, 0 for never.
    pub idle_seconds: u32,
    /// 0 by itself, 1 by hand, 2 on demand.
    pub mode: u8,
    /// MTU.
    pub mtu: u16,
    /// `auto_dial_switch`.
    pub auto_dial: bool,
    /// `pdp_always_on`.
    pub always_on: bool,
}

/// `GET dialup/connection`.
pub fn policy() -> Call<DialPolicy> {
    Call::get("/api/dialup/connection", |r| {
        Ok(DialPolicy {
            roaming: r.flag("RoamAutoConnectEnable") == Some(true),
            idle_seconds: r.number("MaxIdelTime").unwrap_or(0),
            mode: r.number("ConnectMode").ok_or_else(|| unexpected("a dial policy"))?,
            mtu: r.number("MTU").unwrap_or(1500),
            auto_dial: r.flag("auto_dial_switch") == Some(true),
            always_on: r.flag("pdp_always_on") == Some(true),
        })
    })
}

/// `POST dialup/connection`. To be set to values that were read but for what is meant to change.
pub fn set_policy(policy: &DialPolicy) -> Call<()> {
    let flag = |on: bool| if on { "1" } else { "0" };
    let (idle, mode, mtu) =
        (policy.idle_seconds.to_string(), policy.mode.to_string(), policy.mtu.to_string());
    Call::set(
        "/api/dialup/connection",
        &[
            ("RoamAutoConnectEnable", flag(policy.roaming)),
            ("MaxIdelTime", &idle),
            ("ConnectMode", &mode),
            ("MTU", &mtu),
            ("auto_dial_switch", flag(policy.auto_dial)),
            ("pdp_always_on", flag(policy.always_on)),
        ],
    )
}

/// One dial-up profile.
#[derive(Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its number; 0 for one that is to be made.
    pub index: u32,
    /// What the web UI lists it by.
    pub name: String,
    /// Access point name; empty for the operator's choice.
    pub apn: String,
    /// `*99#`.
    pub number: String,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// 0 by itself, 1 PAP, 2 CHAP, 3 both.
    pub authentication: u8,
    /// 0 IPv4, 1 IPv6, 2 both.
    pub ip_type: u8,
    /// Made by the operator: cannot be edited.
    pub read_only: bool,
}

/// All profiles.
#[derive(Clone, PartialEq, Eq)]
pub struct Profiles {
    /// The number of the one in use.
    pub current: u32,
    /// All of them.
    pub all: Vec<Profile>,
}

/// `GET dialup/profiles`; wants a login when logins are on.
pub fn profiles() -> Call<Profiles> {
    Call::get("/api/dialup/profiles", |r| {
        let list = r.child("Profiles").ok_or_else(|| unexpected("a list of profiles"))?;
        let profile = |p: &crate::hilink::xml::Element| Profile {
            index: p.number("Index").unwrap_or(0),
            name: p.string("Name").unwrap_or_default(),
            apn: p.string("ApnName").unwrap_or_default(),
            number: p.string("DialupNum").unwrap_or_default(),
            user: p.string("Username").unwrap_or_default(),
            password: p.string("Password").unwrap_or_default(),
            authentication: p.number("AuthMode").unwrap_or(0),
            ip_type: p.number("iptype").unwrap_or(0),
            read_only: p.flag("ReadOnly") == Some(true),
        };
        Ok(Profiles {
            current: r.number("CurrentProfile").unwrap_or(0),
            all: list.all("Profile").map(profile).collect(),
        })
    })
}

/// `POST dialup/profiles`: the profile to use from now on.
pub fn use_profile(index: u32) -> Call<()> {
    with_profile(&[("Delete", "0"), ("SetDefault", &index.to_string()), ("Modify", "0")], "")
}

/// `POST dialup/profiles`: removes a profile.
pub fn delete_profile(index: u32) -> Call<()> {
    with_profile(&[("Delete", &index.to_string()), ("SetDefault", "0"), ("Modify", "0")], "")
}

fn with_profile(head: &[(&str, &str)], profile: &str) -> Call<()> {
    let mut call = Call::set("/api/dialup/profiles", head);
    call.body = call.body.map(|head| head + profile);
    call.may_need_encryption = true;
    call
}
