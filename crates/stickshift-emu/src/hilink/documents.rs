//! The longer answers (docs/protocols/hilink-at.md sections 1.7 and 1.9).

use crate::hilink::Generation;
use crate::hilink::call::{CallAnswer, CallContext, flag, rat, registered, told};
use crate::hilink::xml::{elements, escaped};
use crate::modem::Modem;
use crate::modem::data::{DataProfile, DataState};
use crate::modem::radio::NETWORKS;
use crate::modem::sim::SimState;

/// Version texts: the newest write brackets as numbers.
fn version(ask: &CallContext<'_>, text: &str) -> String {
    let text = escaped(text);
    if ask.options.generation == Generation::G3 {
        text.replace('(', "&#40;").replace(')', "&#41;")
    } else {
        text
    }
}

fn webui(ask: &CallContext<'_>) -> String {
    let word = if ask.options.generation == Generation::G3 { "WEBUI " } else { "" };
    format!("<WebUIVersion>{word}{}</WebUIVersion>\r\n", version(ask, &ask.id.webui))
}

fn software(ask: &CallContext<'_>) -> String {
    format!("<SoftwareVersion>{}</SoftwareVersion>\r\n", version(ask, &ask.id.version))
}

pub(super) fn information(ask: &CallContext<'_>) -> String {
    let (id, up) = (ask.id, ask.modem.data.state(ask.now) == DataState::Up);
    let lte = id.dialect == crate::identity::Dialect::Lte;
    let (imsi, iccid) = match ask.modem.sim.present {
        true => (ask.modem.imsi(), format!("{}F", ask.modem.iccid())),
        false => Default::default(),
    };
    let mut all = elements(&[
        ("DeviceName", &id.model),
        ("SerialNumber", &id.serial),
        ("Imei", &id.imei),
        ("Imsi", &imsi),
        ("Iccid", &iccid),
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
        let (ipv4, _) = ask.modem.data.addresses();
        let address = if up { ipv4.address.to_string() } else { String::new() };
        all += &elements(&[
            ("WanIPAddress", &address),
            ("wan_dns_address", &ipv4.dns[0].to_string()),
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
pub(super) fn basic_information(ask: &CallContext<'_>) -> String {
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

pub(super) fn signal(ask: &CallContext<'_>) -> CallAnswer {
    if !registered(ask) {
        let names = ["pci", "sc", "cell_id", "rsrq", "rsrp", "rssi", "sinr", "rscp", "ecio", "mode"];
        return told(&names.map(|name| (name, "")));
    }
    if rat(ask) == "2" {
        let pairs = [("pci", ""), ("sc", "312"), ("cell_id", "2588959"), ("rsrq", ""), ("rsrp", "")];
        let more = [("rssi", "-73dBm"), ("sinr", ""), ("rscp", "-81dBm"), ("ecio", "-6dB"), ("mode", "2")];
        return CallAnswer::Document(elements(&pairs) + &elements(&more));
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
    CallAnswer::Document(all)
}

pub(super) fn status(ask: &CallContext<'_>) -> String {
    let state = ask.modem.data.state(ask.now);
    let (up, here) = (state == DataState::Up, registered(ask));
    let connection = match state {
        DataState::Connecting => "900",
        DataState::Up => "901",
        // Roaming is off.
        DataState::Down if ask.modem.registration(ask.now) == 5 && !ask.modem.data.roam => "12",
        DataState::Down if ask.modem.data.trouble.refused.is_some() && ask.modem.data.switch => "7",
        DataState::Down => "902",
    };
    let roaming = if ask.modem.registration(ask.now) == 5 { "1" } else { "0" };
    let (kind, kind_ex) = match (here, rat(ask)) {
        (false, _) => ("0", "0"),
        (_, "7") => ("19", "101"),
        _ => ("9", "45"),
    };
    let sim = match ask.modem.sim.state(ask.now) {
        SimState::Ready => "1",
        SimState::Absent => "255",
        _ => "0",
    };
    let (ipv4, _) = ask.modem.data.addresses();
    let (address, dns) =
        if up { (ipv4.address.to_string(), ipv4.dns[0].to_string()) } else { Default::default() };
    let mut all = elements(&[
        ("ConnectionStatus", connection),
        ("WifiConnectionStatus", ""),
        ("SignalStrength", ""),
        ("SignalIcon", if here { "5" } else { "0" }),
        ("CurrentNetworkType", kind),
        ("CurrentServiceDomain", if here { "3" } else { "0" }),
        ("RoamingStatus", roaming),
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

pub(super) fn traffic(ask: &CallContext<'_>) -> CallAnswer {
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

pub(super) const MODES: &str = "<AccessList>\r\n<Access>00</Access>\r\n<Access>01</Access>\r\n<Access>02</Access>\r\n\
    <Access>03</Access>\r\n<Access>0302</Access>\r\n</AccessList>\r\n<BandList>\r\n<Band>\r\n<Name>GSM900</Name>\r\n\
    <Value>300</Value>\r\n</Band>\r\n</BandList>\r\n<LTEBandList>\r\n<LTEBand>\r\n<Name>LTE BC1/BC3/BC7/BC20</Name>\r\n\
    <Value>80045</Value>\r\n</LTEBand>\r\n<LTEBand>\r\n<Name>All bands</Name>\r\n<Value>7ffffffffffffff</Value>\r\n\
    </LTEBand>\r\n</LTEBandList>\r\n";

pub(super) fn networks() -> String {
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

pub(super) fn profiles(modem: &Modem) -> String {
    let one = |profile: &DataProfile| {
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
