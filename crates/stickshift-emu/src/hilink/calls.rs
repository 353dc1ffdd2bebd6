//! What the calls tell and change (docs/protocols/hilink-at.md sections 1.7 and 1.9).

use std::time::Duration;

use stickshift::link::Moment;

use crate::hilink::xml::{elements, escaped, number, value};
use crate::hilink::{Effect, Generation, WebOptions, sms};
use crate::identity::Identity;
use crate::modem::Modem;
use crate::modem::data::{ADDRESS, Profile, State};
use crate::modem::radio::NETWORKS;
use crate::modem::sim::{self, Refused};

/// Not supported, or no such path.
const ABSENT: Told = Told::Error(100_002);
const FORMAT: Told = Told::Error(100_005);

/// What a call may look at and change.
pub(crate) struct Ask<'a> {
    pub(crate) now: Moment,
    pub(crate) id: &'a Identity,
    pub(crate) modem: &'a mut Modem,
    pub(crate) options: &'a WebOptions,
}

/// What a call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The inside of a `<response>`.
    Document(String),
    /// The same after a while.
    Late(String, Duration),
    Error(u32),
    /// `OK`.
    Done,
    /// `OK`, and something becomes of the stick.
    DoneAnd(Effect),
}

fn told(pairs: &[(&str, &str)]) -> Told {
    Told::Document(elements(pairs))
}

/// A GET that is not about sessions.
pub(crate) fn get(ask: &mut Ask<'_>, call: &str) -> Told {
    match call {
        "device/information" => Told::Document(information(ask)),
        "device/basic_information" => Told::Document(basic_information(ask)),
        "device/signal" => signal(ask),
        "monitoring/status" => Told::Document(status(ask)),
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
            Told::Document(elements(&pairs) + &elements(&[("Rat", rat(ask)), ("Spn", "")]))
        }
        "net/net-mode" => {
            let [mode, band, lte] = &ask.modem.radio.web;
            told(&[("NetworkMode", mode), ("NetworkBand", band), ("LTEBand", lte)])
        }
        "net/net-mode-list" => Told::Document(MODES.to_owned()),
        "net/register" => {
            let mode = if ask.modem.radio.manual { "1" } else { "0" };
            let plmn = if ask.modem.radio.manual { ask.modem.radio.operator.2 } else { "" };
            told(&[("Mode", mode), ("Plmn", plmn), ("Rat", "")])
        }
        "net/plmn-list" => Told::Late(networks(), Duration::from_secs(40)),
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
        "dialup/profiles" => Told::Document(profiles(ask.modem)),
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
            None => Told::Error(111_019),
        },
        "ussd/status" => told(&[("result", flag(ask.modem.ussd.is_open()))]),
        "ussd/release" => {
            ask.modem.ussd.release();
            Told::Done
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
        "online-update/cancel-downloading" => Told::DoneAnd(Effect::Reboot),
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
pub(crate) fn post(ask: &mut Ask<'_>, call: &str, body: &str) -> Told {
    match call {
        "device/control" => match number(body, "Control") {
            Some(1 | 2) => Told::DoneAnd(Effect::Reboot),
            Some(3) => Told::Done,
            Some(4) => Told::DoneAnd(Effect::Off),
            _ => FORMAT,
        },
        "monitoring/clear-traffic" | "monitoring/start_date" | "host/info" | "language/current-language" => {
            Told::Done
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
                return Told::Error(112_003);
            }
            ask.modem.radio.web = [mode, band, lte];
            Told::Done
        }
        "net/register" => match value(body, "Mode").as_deref() {
            Some("0") => {
                ask.modem.radio.manual = false;
                Told::Done
            }
            Some("1") => {
                let plmn = value(body, "Plmn").unwrap_or_default();
                let Some(&(_, long, short, number, _)) = NETWORKS.iter().find(|n| n.3 == plmn && n.0 != 3)
                else {
                    return Told::Error(112_003);
                };
                (ask.modem.radio.operator, ask.modem.radio.manual) = ((long, short, number), true);
                Told::Done
            }
            _ => FORMAT,
        },
        "net/reconnect" => {
            ask.modem.data.hang_up();
            ask.modem.data.dial(ask.now);
            Told::Done
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
            Told::Done
        }
        "dialup/profiles" => change_profiles(ask.modem, body),
        "pin/operate" => operate_pin(ask, body),
        "pin/verify-simlock" => Told::Error(103_002),
        "ussd/send" => match value(body, "content").filter(|content| !content.is_empty()) {
            Some(content) => {
                ask.modem.ussd.send(ask.now, &content);
                Told::Done
            }
            None => FORMAT,
        },
        "online-update/autoupdate-config" => match number(body, "auto_update") {
            Some(on @ (0 | 1)) => {
                ask.modem.updates = on == 1;
                Told::Done
            }
            _ => FORMAT,
        },
        "online-update/check-new-version" | "online-update/cancel-downloading" => Told::Done,
        "security/dmz" | "dhcp/settings" => Told::Done,
        call => sms::post(ask, call, body).unwrap_or(ABSENT),
    }
}

fn flag(on: bool) -> &'static str {
    if on { "1" } else { "0" }
}

fn registered(ask: &Ask<'_>) -> bool {
    ask.modem.sim.is_ready(ask.now)
}

/// As in `current-plmn`: LTE, or 3G on sticks without it.
fn rat(ask: &Ask<'_>) -> &'static str {
    if ask.id.dialect == crate::identity::Dialect::Lte { "7" } else { "2" }
}

fn connect(ask: &mut Ask<'_>, on: bool) -> Told {
    if !on {
        ask.modem.data.hang_up();
    } else if registered(ask) {
        ask.modem.data.dial(ask.now);
    }
    Told::Done
}

/// Version texts: the newest write brackets as numbers.
fn version(ask: &Ask<'_>, text: &str) -> String {
    let text = escaped(text);
    if ask.options.generation == Generation::G3 {
        text.replace('(', "&#40;").replace(')', "&#41;")
    } else {
        text
    }
}

fn webui(ask: &Ask<'_>) -> String {
    let word = if ask.options.generation == Generation::G3 { "WEBUI " } else { "" };
    format!("<WebUIVersion>{word}{}</WebUIVersion>\r\n", version(ask, &ask.id.webui))
}

fn software(ask: &Ask<'_>) -> String {
    format!("<SoftwareVersion>{}</SoftwareVersion>\r\n", version(ask, &ask.id.version))
}

fn information(ask: &Ask<'_>) -> String {
    let (id, up) = (ask.id, ask.modem.data.state(ask.now) == State::Up);
    let lte = id.dialect == crate::identity::Dialect::Lte;
    let (imsi, iccid) = match ask.modem.sim.present {
        true => ("001010000000001", "8900000000000000001F"),
        false => ("", ""),
    };
    let mut all = elements(&[
        ("DeviceName", &id.model),
        ("SerialNumber", &id.serial),
        ("Imei", &id.imei),
        ("Imsi", imsi),
        ("Iccid", iccid),
        ("Msisdn", ""),
        ("HardwareVersion", &id.hardware),
    ]);
    all += &software(ask);
    all += &webui(ask);
    all += &elements(&[
        ("MacAddress1", "BA:AB:BE:34:00:00"),
        ("MacAddress2", ""),
        ("ProductFamily", if lte { "LTE" } else { "WCDMA" }),
        ("Classify", "hilink"),
        ("supportmode", if lte { "LTE|WCDMA|GSM" } else { "WCDMA|GSM" }),
        (
            "workmode",
            match (registered(ask), lte) {
                (false, _) => "NO SERVICE",
                (_, true) => "LTE",
                (_, false) => "WCDMA",
            },
        ),
    ]);
    if ask.options.generation == Generation::G3 {
        let address = if up { dotted(ADDRESS[0]) } else { String::new() };
        all += &elements(&[
            ("WanIPAddress", &address),
            ("wan_dns_address", &dotted(ADDRESS[3])),
            ("WanIPv6Address", ""),
            ("Mccmnc", ask.modem.radio.operator.2),
            ("iniversion", "E3372h-320-CUST 10.0.3.1"),
            ("uptime", &ask.now.as_secs().to_string()),
            ("ImeiSvn", "01"),
        ]);
    }
    all
}

/// The only identity that needs no login.
fn basic_information(ask: &Ask<'_>) -> String {
    let lte = ask.id.dialect == crate::identity::Dialect::Lte;
    let mut all = elements(&[
        ("productfamily", if lte { "LTE" } else { "WCDMA" }),
        ("classify", "hilink"),
        ("multimode", "0"),
        ("restore_default_status", "1"),
        ("sim_save_pin_enable", "0"),
        ("devicename", &ask.id.model),
    ]);
    if ask.options.generation == Generation::G3 {
        all += &software(ask);
        all += &webui(ask);
    }
    all
}

fn signal(ask: &Ask<'_>) -> Told {
    if !registered(ask) {
        let names = ["pci", "sc", "cell_id", "rsrq", "rsrp", "rssi", "sinr", "rscp", "ecio", "mode"];
        return told(&names.map(|name| (name, "")));
    }
    if rat(ask) == "2" {
        let pairs = [("pci", ""), ("sc", "312"), ("cell_id", "2588959"), ("rsrq", ""), ("rsrp", "")];
        let more = [("rssi", "-73dBm"), ("sinr", ""), ("rscp", "-81dBm"), ("ecio", "-6dB"), ("mode", "2")];
        return Told::Document(elements(&pairs) + &elements(&more));
    }
    let mut all = elements(&[
        ("pci", "96"),
        ("sc", ""),
        ("cell_id", "2588959"),
        ("rsrq", "-13dB"),
        ("rsrp", "-87dBm"),
        ("rssi", "-53dBm"),
        ("sinr", "-1dB"),
        ("rscp", ""),
        ("ecio", ""),
        ("mode", "7"),
    ]);
    if ask.options.generation == Generation::G3 {
        all += &elements(&[
            ("ulbandwidth", "20MHz"),
            ("dlbandwidth", "20MHz"),
            ("txpower", "PPusch:5dBm PPucch:-8dBm PSrs:0dBm PPrach:6dBm"),
            ("tdd", ""),
            ("ul_mcs", "mcsUpCarrier1:20"),
            ("dl_mcs", "mcsDownCarrier1Code0:8 mcsDownCarrier1Code1:0"),
            ("earfcn", "DL:1300 UL:19300"),
            ("rrc_status", "1"),
            ("rac", ""),
            ("lac", ""),
            ("tac", "8911"),
            ("band", "3"),
            ("nei_cellid", "No1:217No2:82"),
            ("plmn", "20801"),
            ("ims", "0"),
        ]);
    }
    Told::Document(all)
}

fn dotted(address: [u8; 4]) -> String {
    address.map(|octet| octet.to_string()).join(".")
}

fn status(ask: &Ask<'_>) -> String {
    let state = ask.modem.data.state(ask.now);
    let (up, here) = (state == State::Up, registered(ask));
    let connection = match state {
        State::Connecting => "900",
        State::Up => "901",
        State::Down => "902",
    };
    let (kind, kind_ex) = match (here, rat(ask)) {
        (false, _) => ("0", "0"),
        (_, "7") => ("19", "101"),
        _ => ("9", "45"),
    };
    let sim = match ask.modem.sim.state(ask.now) {
        sim::State::Ready => "1",
        sim::State::Absent => "255",
        _ => "0",
    };
    let (address, dns) = if up { (dotted(ADDRESS[0]), dotted(ADDRESS[3])) } else { Default::default() };
    let mut all = elements(&[
        ("ConnectionStatus", connection),
        ("WifiConnectionStatus", ""),
        ("SignalStrength", ""),
        ("SignalIcon", if here { "5" } else { "0" }),
        ("CurrentNetworkType", kind),
        ("CurrentServiceDomain", if here { "3" } else { "0" }),
        ("RoamingStatus", "0"),
        ("BatteryStatus", ""),
        ("BatteryLevel", ""),
        ("BatteryPercent", ""),
        ("simlockStatus", "0"),
    ]);
    if ask.options.generation != Generation::G3 {
        all += &elements(&[("WanIPAddress", &address), ("WanIPv6Address", "")]);
    }
    all += &elements(&[
        ("PrimaryDns", &dns),
        ("SecondaryDns", &dns),
        ("PrimaryIPv6Dns", ""),
        ("SecondaryIPv6Dns", ""),
        ("CurrentWifiUser", ""),
        ("TotalWifiUser", ""),
        ("currenttotalwifiuser", "0"),
        ("ServiceStatus", if here { "2" } else { "0" }),
        ("SimStatus", sim),
        ("WifiStatus", ""),
        ("CurrentNetworkTypeEx", kind_ex),
        ("maxsignal", "5"),
        ("wifiindooronly", "-1"),
        ("wififrequence", "0"),
        ("classify", "hilink"),
        ("flymode", "0"),
        ("cellroam", "0"),
    ]);
    all
}

fn traffic(ask: &Ask<'_>) -> Told {
    let (down, up) = ask.modem.data.traffic(ask.now);
    let time = ask.modem.data.time(ask.now).as_secs();
    told(&[
        ("CurrentConnectTime", &time.to_string()),
        ("CurrentUpload", &up.to_string()),
        ("CurrentDownload", &down.to_string()),
        ("CurrentDownloadRate", if time > 0 { "30100" } else { "0" }),
        ("CurrentUploadRate", if time > 0 { "1431" } else { "0" }),
        ("TotalUpload", &(up + 12_194_090).to_string()),
        ("TotalDownload", &(down + 232_454_793).to_string()),
        ("TotalConnectTime", &(time + 9_878).to_string()),
        ("showtraffic", "1"),
    ])
}

const MODES: &str = "<AccessList>\r\n<Access>00</Access>\r\n<Access>01</Access>\r\n<Access>02</Access>\r\n\
    <Access>03</Access>\r\n<Access>0302</Access>\r\n</AccessList>\r\n<BandList>\r\n<Band>\r\n<Name>GSM900</Name>\r\n\
    <Value>300</Value>\r\n</Band>\r\n</BandList>\r\n<LTEBandList>\r\n<LTEBand>\r\n<Name>LTE BC1/BC3/BC7/BC20</Name>\r\n\
    <Value>80045</Value>\r\n</LTEBand>\r\n<LTEBand>\r\n<Name>All bands</Name>\r\n<Value>7ffffffffffffff</Value>\r\n\
    </LTEBand>\r\n</LTEBandList>\r\n";

fn networks() -> String {
    let one = |(index, (state, full, short, number, rat)): (usize, &(u8, &str, &str, &str, u8))| {
        let pairs = [("Index", index.to_string()), ("State", state.to_string())];
        let rest = [("FullName", (*full).to_owned()), ("ShortName", (*short).to_owned())];
        let last = [("Numeric", (*number).to_owned()), ("Rat", rat.to_string())];
        let all: Vec<(&str, &str)> =
            pairs.iter().chain(&rest).chain(&last).map(|(name, text)| (*name, text.as_str())).collect();
        format!("<Network>\r\n{}</Network>\r\n", elements(&all))
    };
    let all: String = NETWORKS.iter().enumerate().map(one).collect();
    format!("<Networks>\r\n{all}</Networks>\r\n")
}

fn profiles(modem: &Modem) -> String {
    let one = |profile: &Profile| {
        let inside = elements(&[
            ("Index", &profile.index.to_string()),
            ("IsValid", "1"),
            ("Name", &profile.name),
            ("ApnIsStatic", "1"),
            ("ApnName", &profile.apn),
            ("DialupNum", "*99#"),
            ("Username", &profile.username),
            ("Password", &profile.password),
            ("AuthMode", &profile.auth.to_string()),
            ("IpIsStatic", "0"),
            ("IpAddress", ""),
            ("Ipv6Address", ""),
            ("DnsIsStatic", "0"),
            ("PrimaryDns", ""),
            ("SecondaryDns", ""),
            ("PrimaryIpv6Dns", ""),
            ("SecondaryIpv6Dns", ""),
            ("ReadOnly", flag(profile.read_only)),
            ("iptype", "0"),
        ]);
        format!("<Profile>\r\n{inside}</Profile>\r\n")
    };
    let all: String = modem.data.profiles.iter().map(one).collect();
    format!(
        "{}<Profiles>\r\n{all}</Profiles>\r\n",
        elements(&[("CurrentProfile", &modem.data.current.to_string())])
    )
}

/// `Delete`, `SetDefault`, `Modify` (1 new, 2 edit) with the profile.
fn change_profiles(modem: &mut Modem, body: &str) -> Told {
    let data = &mut modem.data;
    if let Some(index) = number(body, "Delete").filter(|&index| index > 0) {
        data.profiles.retain(|p| p.index != index || p.read_only);
    }
    let modify = number(body, "Modify").unwrap_or(0);
    if modify > 0 {
        let text = |name| value(body, name).unwrap_or_default();
        let index = number(body, "Index").filter(|_| modify == 2);
        let next = data.profiles.iter().map(|p| p.index).max().unwrap_or(0) + 1;
        let profile = Profile {
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
            Some(old) if old.read_only => return Told::Error(100_006),
            Some(old) => *old = profile,
            None if modify == 2 => return FORMAT,
            None => data.profiles.push(profile),
        }
    }
    if let Some(index) = number(body, "SetDefault").filter(|&index| index > 0) {
        if !data.profiles.iter().any(|p| p.index == index) {
            return Told::Error(100_006);
        }
        data.current = index;
    }
    Told::Done
}

/// The web UI's numbers.
fn sim_state(ask: &Ask<'_>) -> &'static str {
    match ask.modem.sim.state(ask.now) {
        sim::State::Absent => "255",
        sim::State::Dead => "256",
        sim::State::Ready => "257",
        sim::State::Busy => "259",
        sim::State::Pin => "260",
        sim::State::Puk => "261",
    }
}

/// `OperateType`: 0 enter, 1 enable, 2 disable, 3 change, 4 PUK.
fn operate_pin(ask: &mut Ask<'_>, body: &str) -> Told {
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
        Ok(()) => Told::Done,
        Err(Refused::Wrong | Refused::WantsPuk) => Told::Error(103_002),
        Err(_) => Told::Error(103_015),
    }
}
