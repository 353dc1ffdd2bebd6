//! What the calls tell and change (docs/protocols/hilink-at.md sections 1.7 and 1.9).

use std::time::Duration;

use crate::hilink::call::{CallAnswer, CallContext, flag, rat, registered, told};
use crate::hilink::documents::{
    MODES, basic_information, information, networks, profiles, signal, status, traffic,
};
use crate::hilink::xml::{elements, number, value};
use crate::hilink::{Generation, WebEffect, sms};
use crate::modem::Modem;
use crate::modem::data::{DataProfile, Way};
use crate::modem::families::Families;
use crate::modem::radio::NETWORKS;
use crate::modem::sim::{Refused, SimState};

/// Not supported, or no such path.
const ABSENT: CallAnswer = CallAnswer::Error(100_002);
const FORMAT: CallAnswer = CallAnswer::Error(100_005);

/// A GET that is not about sessions.
pub(crate) fn get(ask: &mut CallContext<'_>, call: &str) -> CallAnswer {
    match call {
        "device/information" => CallAnswer::Document(information(ask)),
        "device/basic_information" => CallAnswer::Document(basic_information(ask)),
        "device/signal" => signal(ask),
        "monitoring/status" => CallAnswer::Document(status(ask)),
        "monitoring/traffic-statistics" => traffic(ask),
        "monitoring/month_statistics" => {
            let (down, up) = ask.modem.data.traffic(ask.now);
            told(&[
                ("CurrentMonthDownload", &down.to_string()),
                ("CurrentMonthUpload", &up.to_string()),
                ("MonthDuration", &ask.modem.data.time(ask.now).as_secs().to_string()),
                ("MonthLastClearTime", "2026-11-1"),
            ])
        }
        "monitoring/start_date" => told(&[
            ("StartDay", "1"),
            ("DataLimit", "0MB"),
            ("DataLimitAwoke", "0"),
            ("MonthThreshold", "90"),
            ("SetMonthData", "0"),
        ]),
        "monitoring/check-notifications" => {
            let unread = sms::unread(ask.modem).to_string();
            told(&[("UnreadMessage", &unread), ("SmsStorageFull", "0"), ("OnlineUpdateStatus", "10")])
        }
        "monitoring/converged-status" => {
            told(&[("SimState", sim_state(ask)), ("SimLockEnable", "0"), ("CurrentLanguage", "en-us")])
        }
        "net/current-plmn" if !registered(ask) => told(&[
            ("State", "1"),
            ("FullName", ""),
            ("ShortName", ""),
            ("Numeric", ""),
            ("Rat", ""),
            ("Spn", ""),
        ]),
        "net/current-plmn" => {
            let (full, short, number) = ask.modem.radio.operator;
            let pairs = [("State", "0"), ("FullName", full), ("ShortName", short), ("Numeric", number)];
            CallAnswer::Document(elements(&pairs) + &elements(&[("Rat", rat(ask)), ("Spn", "")]))
        }
        "net/net-mode" => {
            let [mode, band, lte] = &ask.modem.radio.web;
            told(&[("NetworkMode", mode), ("NetworkBand", band), ("LTEBand", lte)])
        }
        "net/net-mode-list" => CallAnswer::Document(MODES.to_owned()),
        "net/register" => {
            let mode = if ask.modem.radio.manual { "1" } else { "0" };
            let plmn = if ask.modem.radio.manual { ask.modem.radio.operator.2 } else { "" };
            told(&[("Mode", mode), ("Plmn", plmn), ("Rat", "")])
        }
        "net/plmn-list" => CallAnswer::Late(networks(), Duration::from_secs(40)),
        "net/network" => told(&[("NetworkMode", "0"), ("NetworkBand", "0")]),
        "dialup/mobile-dataswitch" if ask.options.generation >= Generation::G2 => {
            told(&[("dataswitch", flag(ask.modem.data.switch))])
        }
        "dialup/connection" => {
            let data = &ask.modem.data;
            told(&[
                ("RoamAutoConnectEnable", flag(data.roam)),
                ("MaxIdelTime", &data.idle.to_string()),
                ("ConnectMode", &data.connect_mode.to_string()),
                ("MTU", &data.mtu.to_string()),
                ("auto_dial_switch", "1"),
                ("pdp_always_on", "0"),
            ])
        }
        "dialup/profiles" => CallAnswer::Document(profiles(ask.modem)),
        "pin/status" => {
            let sim = &ask.modem.sim;
            told(&[
                ("SimState", sim_state(ask)),
                ("PinOptState", if sim.enabled { "257" } else { "258" }),
                ("SimPinTimes", &sim.pin_tries.to_string()),
                ("SimPukTimes", &sim.puk_tries.to_string()),
            ])
        }
        "pin/simlock" => told(&[
            ("SimLockEnable", "0"),
            ("SimLockRemainTimes", "10"),
            ("pSimLockEnable", ""),
            ("pSimLockRemainTimes", ""),
        ]),
        "pin/save-pin" => {
            told(&[("SimSavepinenable", "0"), ("SimSavepinPIN", ""), ("simsavepinsimchanged", "0")])
        }
        "ussd/get" => match ask.modem.ussd.take(ask.now) {
            Some(said) => told(&[("content", &said.text)]),
            None => CallAnswer::Error(111_019),
        },
        "ussd/status" => told(&[("result", flag(ask.modem.ussd.is_open()))]),
        "ussd/release" => {
            ask.modem.ussd.release();
            CallAnswer::Done
        }
        "online-update/status" => told(&[
            ("CurrentComponentStatus", "10"),
            ("CurrentComponentIndex", "0"),
            ("TotalComponents", "0"),
            ("DownloadProgress", "0"),
            ("Version", ""),
            ("DownloadUrl", ""),
        ]),
        "online-update/autoupdate-config" => {
            told(&[("auto_update", flag(ask.modem.updates)), ("ui_download", "0")])
        }
        // A real one reboots over this; nobody should ask by GET.
        "online-update/cancel-downloading" => CallAnswer::DoneAnd(WebEffect::Reboot),
        "dhcp/settings" => told(&[
            ("DhcpIPAddress", "192.168.8.1"),
            ("DhcpLanNetmask", "255.255.255.0"),
            ("DhcpStatus", "1"),
            ("DhcpStartIPAddress", "192.168.8.100"),
            ("DhcpEndIPAddress", "192.168.8.200"),
            ("DhcpLeaseTime", "86400"),
            ("DnsStatus", "1"),
            ("PrimaryDns", "192.168.8.1"),
            ("SecondaryDns", "192.168.8.1"),
        ]),
        "security/dmz" => told(&[("DmzStatus", "0"), ("DmzIPAddress", "")]),
        "global/module-switch" => told(&[
            ("ussd_enabled", "1"),
            ("sms_enabled", "1"),
            ("encrypt_enabled", flag(ask.options.encrypted)),
            ("checklogin_enabled", "0"),
            ("autoapn_enabled", "0"),
            ("dataswitch_enabled", flag(ask.options.generation >= Generation::G2)),
        ]),
        "language/current-language" => told(&[("CurrentLanguage", "en-us")]),
        "device/autorun-version" => told(&[("Version", "")]),
        call => sms::get(ask, call).unwrap_or(ABSENT),
    }
}

/// A POST that is not about sessions nor switches the stick.
pub(crate) fn post(ask: &mut CallContext<'_>, call: &str, body: &str) -> CallAnswer {
    match call {
        "device/control" => match number(body, "Control") {
            Some(1 | 2) => CallAnswer::DoneAnd(WebEffect::Reboot),
            Some(3) => CallAnswer::Done,
            Some(4) => CallAnswer::DoneAnd(WebEffect::Off),
            _ => FORMAT,
        },
        "monitoring/clear-traffic" | "monitoring/start_date" | "host/info" | "language/current-language" => {
            CallAnswer::Done
        }
        "net/net-mode" => {
            let wanted = ["NetworkMode", "NetworkBand", "LTEBand"].map(|name| value(body, name));
            let [Some(mode), Some(band), Some(lte)] = wanted else { return FORMAT };
            let known = matches!(mode.as_str(), "00" | "01" | "02" | "03" | "0201" | "0301" | "0302");
            let hex = [&band, &lte].iter().all(|text| u64::from_str_radix(text, 16).is_ok());
            // These three together were refused by a real one.
            let refused =
                (mode.as_str(), band.as_str(), lte.as_str()) == ("00", "2000004400000", "7FFFFFFFFFFFFFFF");
            if !known || !hex || refused {
                return CallAnswer::Error(112_003);
            }
            ask.modem.radio.web = [mode, band, lte];
            CallAnswer::Done
        }
        "net/register" => match value(body, "Mode").as_deref() {
            Some("0") => {
                ask.modem.radio.manual = false;
                CallAnswer::Done
            }
            Some("1") => {
                let plmn = value(body, "Plmn").unwrap_or_default();
                let Some(&(_, long, short, number, _)) = NETWORKS.iter().find(|n| n.3 == plmn && n.0 != 3)
                else {
                    return CallAnswer::Error(112_005);
                };
                (ask.modem.radio.operator, ask.modem.radio.manual) = ((long, short, number), true);
                CallAnswer::Done
            }
            _ => FORMAT,
        },
        "net/reconnect" => {
            ask.modem.data.hang_up(ask.now);
            ask.modem.data.dial(ask.now, Way::Router, Families::IPV4);
            CallAnswer::Done
        }
        "dialup/mobile-dataswitch" if ask.options.generation >= Generation::G2 => {
            match number(body, "dataswitch") {
                Some(on @ (0 | 1)) => {
                    ask.modem.data.switch = on == 1;
                    connect(ask, on == 1)
                }
                _ => FORMAT,
            }
        }
        "dialup/dial" => match number(body, "Action") {
            Some(on @ (0 | 1)) => connect(ask, on == 1),
            _ => FORMAT,
        },
        "dialup/connection" => {
            let numbers = ["RoamAutoConnectEnable", "MaxIdelTime", "ConnectMode", "MTU"];
            let [Some(roam @ 0..=1), Some(idle), Some(mode @ 0..=2), Some(mtu @ 576..=1500)] =
                numbers.map(|name| number(body, name))
            else {
                return FORMAT;
            };
            let data = &mut ask.modem.data;
            (data.roam, data.idle, data.connect_mode, data.mtu) = (roam == 1, idle, mode as u8, mtu as u16);
            CallAnswer::Done
        }
        "dialup/profiles" => change_profiles(ask.modem, body),
        "pin/operate" => operate_pin(ask, body),
        "pin/verify-simlock" => CallAnswer::Error(103_002),
        "ussd/send" => match value(body, "content").filter(|content| !content.is_empty()) {
            Some(content) => {
                ask.modem.ussd.send(ask.now, &content);
                CallAnswer::Done
            }
            None => FORMAT,
        },
        "online-update/autoupdate-config" => match number(body, "auto_update") {
            Some(on @ (0 | 1)) => {
                ask.modem.updates = on == 1;
                CallAnswer::Done
            }
            _ => FORMAT,
        },
        "online-update/check-new-version" | "online-update/cancel-downloading" => CallAnswer::Done,
        "security/dmz" | "dhcp/settings" => CallAnswer::Done,
        call => sms::post(ask, call, body).unwrap_or(ABSENT),
    }
}

fn connect(ask: &mut CallContext<'_>, on: bool) -> CallAnswer {
    if !on {
        ask.modem.data.hang_up(ask.now);
    } else if ask.modem.may_connect(ask.now, ask.modem.data.roam) {
        ask.modem.data.dial(ask.now, Way::Router, Families::IPV4);
    }
    CallAnswer::Done
}

/// `Delete`, `SetDefault`, `Modify` (1 new, 2 edit) with the profile.
fn change_profiles(modem: &mut Modem, body: &str) -> CallAnswer {
    let data = &mut modem.data;
    if let Some(index) = number(body, "Delete").filter(|&index| index > 0) {
        data.profiles.retain(|p| p.index != index || p.read_only);
    }
    let modify = number(body, "Modify").unwrap_or(0);
    if modify > 0 {
        let text = |name| value(body, name).unwrap_or_default();
        let index = number(body, "Index").filter(|_| modify == 2);
        let next = data.profiles.iter().map(|p| p.index).max().unwrap_or(0) + 1;
        let profile = DataProfile {
            index: index.unwrap_or(next),
            name: text("Name"),
            apn: text("ApnName"),
            username: text("Username"),
            password: text("Password"),
            auth: number(body, "AuthMode").unwrap_or(0) as u8,
            read_only: false,
        };
        if profile.name.is_empty() {
            return FORMAT;
        }
        match data.profiles.iter_mut().find(|p| p.index == profile.index) {
            Some(old) if old.read_only => return CallAnswer::Error(100_006),
            Some(old) => *old = profile,
            None if modify == 2 => return FORMAT,
            None => data.profiles.push(profile),
        }
    }
    if let Some(index) = number(body, "SetDefault").filter(|&index| index > 0) {
        if !data.profiles.iter().any(|p| p.index == index) {
            return CallAnswer::Error(100_006);
        }
        data.current = index;
    }
    CallAnswer::Done
}

/// The web UI's numbers.
fn sim_state(ask: &CallContext<'_>) -> &'static str {
    match ask.modem.sim.state(ask.now) {
        SimState::Absent => "255",
        SimState::Dead => "256",
        SimState::Ready => "257",
        SimState::Busy => "259",
        SimState::Pin => "260",
        SimState::Puk => "261",
    }
}

/// `OperateType`: 0 enter, 1 enable, 2 disable, 3 change, 4 PUK.
fn operate_pin(ask: &mut CallContext<'_>, body: &str) -> CallAnswer {
    let text = |name| value(body, name).unwrap_or_default();
    let (pin, new, puk) = (text("CurrentPin"), text("NewPin"), text("PukCode"));
    let (sim, now) = (&mut ask.modem.sim, ask.now);
    let done = match number(body, "OperateType") {
        Some(0) => sim.enter(now, &pin),
        Some(1) => sim.enable(now, true, &pin),
        Some(2) => sim.enable(now, false, &pin),
        Some(3) => sim.change(now, &pin, &new),
        Some(4) => sim.unblock(now, &puk, &new),
        _ => return FORMAT,
    };
    match done {
        Ok(()) => CallAnswer::Done,
        Err(Refused::Wrong | Refused::WantsPuk) => CallAnswer::Error(103_002),
        Err(_) => CallAnswer::Error(103_015),
    }
}
