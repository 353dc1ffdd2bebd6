//! What `up` would do, shown before it does: every step, every command to the stick, every change of the computer.

use crate::at::data::{self, Credentials, PdpType};
use crate::at::network::{self, Domain};
use crate::at::{identify, sim};
use crate::error::Result;
use crate::online::apn::proofs;
use crate::online::computer::{Computer, SettingName};
use crate::online::reach::{ASKED, SIZES};
use crate::online::run::list;
use crate::online::settle::metric;
use crate::online::ways::{self, Way, ncm};
use crate::online::{Wanted, table_of};
use crate::plan::Plan;
use crate::stick::Stick;

/// The plan for `stick`. Nothing is sent to it, so what only it can tell (its access point, its address) stands as a word.
///
/// # Errors
/// `NoSuchPort` where the stick has no such way; `Usage`, `Unsupported` for what it cannot have over it.
pub fn plan(stick: &Stick, computer: &mut dyn Computer, wanted: &Wanted) -> Result<Plan> {
    let mut warnings = Vec::new();
    let way = ways::choose(stick, wanted.way, &mut |_, text| warnings.push(text))?;
    wanted.check(way, stick)?;
    let mut plan = Plan::new(format!("take the stick at {} online over {}", stick.place, way.word()));
    plan.evidence = warnings;
    if computer.recall(&stick.place)?.is_some() {
        plan.evidence.push(
            "an earlier run left a record: it is used where it still works, else taken back first".into(),
        );
    }
    let card = computer.cards(stick)?.first().cloned();
    let card = card.filter(|_| way != Way::Ppp);
    let name = card.as_ref().map_or("ppp0".to_owned(), |c| c.card.name.clone());
    if let Some(owner) = card.as_ref().and_then(|c| computer.owner(&c.card)) {
        plan.evidence.push(format!("{} sets the addresses of {name}: they are left to it", owner.name()));
    }
    match way {
        Way::Hilink => web_steps(&mut plan, wanted),
        Way::Ncm => {
            at_steps(&mut plan, wanted);
            ncm_steps(&mut plan, wanted)?;
        }
        Way::Ppp => {
            at_steps(&mut plan, wanted);
            ppp_steps(&mut plan, wanted)?;
        }
        Way::Ecm => ecm_steps(&mut plan, stick, wanted)?,
        Way::Mbim => mbim_steps(&mut plan, wanted),
        Way::Qmi => plan.step("bearer", "left to another program, whose command is named", None),
    }
    if way != Way::Qmi {
        computer_steps(&mut plan, computer, stick, wanted, way, &name)?;
    }
    plan.dangers.push("data costs money; in another operator's network, much".into());
    Ok(plan)
}

/// What is sent beside that while the connection is kept; `listens` where the port is held open for what the stick says unasked.
///
/// # Errors
/// As [`plan`].
pub fn plan_staying(plan: &mut Plan, stick: &Stick, wanted: &Wanted, listens: bool) -> Result<()> {
    let way = ways::choose(stick, wanted.way, &mut |_, _| {})?;
    let has_port = stick.ports().next().is_some();
    if listens && has_port && matches!(way, Way::Ncm | Way::Ppp | Way::Ecm) {
        let [on, off] = [true, false].map(|on| (data::reports(on).text, data::tell_events(on).text));
        let words = format!("{WAKING}, {}, {}: reports unasked; {}, {} at the end", on.0, on.1, off.1, off.0);
        plan.step("stay", words, None);
    }
    match way {
        Way::Ncm => plan.step("stay", format!("{} at each look", data::ndis_states().text), None),
        Way::Mbim => plan.step("stay", "CONNECT: how session 0 stands, at each look", None),
        _ => {}
    }
    plan.step("stay", format!("at each look {ASKED}"), None);
    Ok(())
}

/// The access point in the place where a command carries it.
fn apn(wanted: &Wanted) -> &str {
    let given = wanted.apn.as_deref().or(wanted.usual_apn.as_deref());
    given.unwrap_or("APN of the SIM's operator")
}

fn kind(wanted: &Wanted) -> PdpType {
    wanted.ip.unwrap_or(PdpType::V4V6)
}

/// What is tried after `first`, where the network or the stick takes no other.
fn other_kinds(wanted: &Wanted, others: &[PdpType]) -> String {
    let words: Vec<&str> = others.iter().map(|kind| kind.word()).collect();
    if wanted.ip.is_some() { String::new() } else { format!("; where that is refused, {}", words.join(", ")) }
}

/// How user and password are proven.
fn proven(wanted: &Wanted) -> String {
    let words: Vec<&str> = proofs(wanted.authentication, true).into_iter().map(|how| how.words()).collect();
    words.join(", then ")
}

/// What [`At::init`](crate::at::At::init) sends to an open port.
const WAKING: &str = "AT, ATV1, ATQ0, ATE0, AT+CMEE=1, AT^CURC=0";

fn at_steps(plan: &mut Plan, wanted: &Wanted) {
    let mut step = |code, text: String| plan.step(code, text, None);
    step("port", format!("each serial port is asked AT until one answers; there {WAKING}"));
    step("sim", format!("{}; where the PIN is wanted, {}", sim::state().text, at_pin()));
    let radio = network::radio_state().text;
    step("registration", format!("{radio}; {} where the radio is off", network::set_radio(true).text));
    let roams = match wanted.roaming {
        true => {
            "AT^SYSCFGEX?, else AT^SYSCFG?; AT^SYSCFGEX=.. or AT^SYSCFG=.. with roaming on where it is off"
        }
        false => {
            "AT^SYSCFGEX?, else AT^SYSCFG? in another operator's network: whether the stick allows data there"
        }
    };
    step("registration", roams.to_owned());
    let [lte, packet, nr, circuit] = [Domain::Lte, Domain::Packet, Domain::Nr, Domain::Circuit]
        .map(|domain| network::registration(domain).text);
    let each = format!("{lte}, {packet}, {nr}, {circuit} each second until registered, at most 120 s");
    step("registration", each);
    let [lte, packet] = [Domain::Lte, Domain::Packet].map(|domain| network::tell_causes(domain).text);
    step("registration", format!("{lte}, {packet} while it is not registered: the cause"));
    step("registration", format!("{}: the operator's name", network::operator().text));
    if wanted.apn.is_none() && wanted.usual_apn.is_none() {
        let (imsi, provider) = (identify::imsi().text, sim::service_provider().text);
        step("bearer", format!("{imsi}, {provider}: the operator, for its access point"));
    }
}

fn at_pin() -> String {
    let (enter, enabled) = (sim::enter("PIN").text, sim::pin_enabled().text);
    format!(
        "{} (the tries, by the first that is known); {enter} once, never with the last try; {enabled}",
        sim::tries_commands().join(", ")
    )
}

fn ncm_steps(plan: &mut Plan, wanted: &Wanted) -> Result<()> {
    ncm_dial_steps(plan, wanted)?;
    let (details, lease) = (data::context_details(ncm::CONTEXT).text, data::lease().text);
    plan.step("address", format!("{details}, {lease}: the stick's own words first, DHCP second"), None);
    Ok(())
}

fn ncm_dial_steps(plan: &mut Plan, wanted: &Wanted) -> Result<()> {
    let mut step = |text: String| plan.step("bearer", text, None);
    let (states, hang_up) = (data::ndis_states().text, data::hang_up(ncm::CONTEXT).text);
    step(format!("{}: the profile as it is, for `down`", data::contexts().text));
    step(format!("{states}; {hang_up} unless it says that nothing is up"));
    let define = data::define_context(ncm::CONTEXT, kind(wanted), apn(wanted))?.text;
    step(format!("{define}{}", other_kinds(wanted, &[PdpType::V4, PdpType::V6])));
    let (on, off) = (data::reports(true).text, data::reports(false).text);
    step(format!("{on}: a refusal tells its cause unasked; {off} when it is over"));
    let proofs = proofs(wanted.authentication, wanted.user.is_some());
    let user = wanted.user.as_deref().filter(|_| !wanted.is_unproven());
    let credentials = user.zip(proofs.first().copied());
    let credentials =
        credentials.map(|(user, authentication)| Credentials { user, password: "PASSWORD", authentication });
    let dial = data::dial(ncm::CONTEXT, apn(wanted), credentials)?.text;
    let how = wanted.user.as_ref().map_or(String::new(), |_| format!(" ({})", proven(wanted)));
    let without = match wanted.apn.is_none() && wanted.usual_apn.is_none() {
        true => format!(", or {} where the network chooses", data::dial(ncm::CONTEXT, "", None)?.text),
        false => String::new(),
    };
    step(format!("{dial}{how}{without}; refused at first, {hang_up} and once more"));
    step(format!("{states} at each report ^NDISSTAT, and from time to time, until it is up, at most 90 s"));
    Ok(())
}

fn ppp_steps(plan: &mut Plan, wanted: &Wanted) -> Result<()> {
    let mut step = |text: String| plan.step("bearer", text, None);
    let options = ways::pppd_options(wanted).join(" ");
    let user = match (&wanted.user, wanted.is_unproven()) {
        (Some(user), false) => format!("; user {user} and the password in a file that only root reads"),
        _ => String::new(),
    };
    step(format!("pppd {options}{user}"));
    step(format!("on the port that is dialled: AT, {}, {WAKING}", data::factory_line().text));
    step(format!("{}: the profile as it is, for `down`", data::contexts().text));
    let define = data::define_context(ncm::CONTEXT, kind(wanted), apn(wanted))?.text;
    step(format!("{define}{}", other_kinds(wanted, &[PdpType::V4])));
    let (states, hang_up) = (data::ndis_states().text, data::hang_up(ncm::CONTEXT).text);
    step(format!(
        "{} until CONNECT; refused at first, {states}, {hang_up} where nobody here uses what is up, {}, and once more",
        data::ppp_dial(ncm::CONTEXT)?,
        data::hang_up_call().text,
    ));
    Ok(())
}

fn ecm_steps(plan: &mut Plan, stick: &Stick, wanted: &Wanted) -> Result<()> {
    plan.step("address", "DHCP on the network card; where something answers, that is all", None);
    if stick.ports().next().is_none() {
        return Ok(());
    }
    at_steps(plan, wanted);
    let knows = data::dials_for_network().text;
    plan.step("bearer", format!("{knows}; where the stick knows that:"), None);
    ncm_dial_steps(plan, wanted)?;
    let define = data::define_context(ncm::CONTEXT, wanted.ip.unwrap_or(PdpType::V4), apn(wanted))?.text;
    let (before, activate) = (data::contexts().text, data::activate(ncm::CONTEXT).text);
    plan.step("bearer", format!("else {before}, {define}, {activate}"), None);
    plan.step("address", "DHCP again", None);
    Ok(())
}

fn mbim_steps(plan: &mut Plan, wanted: &Wanted) {
    let mut step = |code, text: String| plan.step(code, text, None);
    step(
        "port",
        "MBIM: DEVICE_CAPS over the control channel, OPEN where the function is not open".to_owned(),
    );
    let pin = "PIN with the code, once where it is wanted, never with the last try; PIN_LIST";
    step("sim", format!("SUBSCRIBER_READY_STATUS, PIN; {pin}"));
    step("registration", "RADIO_STATE; RADIO_STATE on where it is off".to_owned());
    step("registration", "REGISTER_STATE each second until registered, at most 120 s".to_owned());
    if wanted.apn.is_none() && wanted.usual_apn.is_none() {
        let of_whom = "SUBSCRIBER_READY_STATUS, HOME_PROVIDER: the operator, for its access point";
        step("bearer", of_whom.to_owned());
    }
    step("bearer", "PACKET_SERVICE; PACKET_SERVICE attach where it is not attached".to_owned());
    step("bearer", "CONNECT: how session 0 stands; CONNECT to end it where it is up".to_owned());
    let user = match &wanted.user {
        Some(user) => format!(", user {user} and password ({})", proven(wanted)),
        None => String::new(),
    };
    let (kind, apn) = (kind(wanted).word(), apn(wanted));
    let others = other_kinds(wanted, &[PdpType::V4, PdpType::V6]);
    step("bearer", format!("CONNECT session 0: {kind}, {apn}{user}{others}"));
    step("address", "IP_CONFIGURATION: the stick's own words".to_owned());
}

fn web_steps(plan: &mut Plan, wanted: &Wanted) {
    let mut step = |code, text: String| plan.step(code, text, None);
    step("address", "DHCP from the stick's own router".to_owned());
    let session = "GET /; where that page has no token, GET /api/webserver/token, /api/webserver/SesTokInfo";
    step("port", session.to_owned());
    let login = "with a login, GET /api/user/state-login, /api/user/hilink_login, POST /api/user/login or \
                 /api/user/challenge_login, /api/user/authentication_login; /api/user/logout at the end";
    step("port", login.to_owned());
    let pin = "POST /api/pin/operate once where the PIN is wanted, never with the last try";
    step("sim", format!("GET /api/pin/status; {pin}"));
    let status = "/api/monitoring/status, /api/net/current-plmn, /api/dialup/mobile-dataswitch";
    step("registration", format!("GET {status} each second until registered, at most 120 s"));
    let roams = match wanted.roaming {
        true => {
            "GET /api/net/net-mode, /api/dialup/connection; POST /api/dialup/connection with roaming on where it is off"
        }
        false => {
            "GET /api/net/net-mode, /api/dialup/connection in another operator's network: whether the stick allows data there"
        }
    };
    step("registration", roams.to_owned());
    let profile = match (&wanted.apn, &wanted.usual_apn) {
        (Some(apn), _) => format!(
            "; POST there where its profile has another access point than {apn}: the one that has it is dialled with, and the one \
             before again after `down`"
        ),
        (None, Some(usual)) => format!(
            ": the profile of its own page stays; {usual} of the settings is for sticks that are dialled from here"
        ),
        (None, None) => ": the profile of its own page stays".to_owned(),
    };
    step("bearer", format!("GET /api/dialup/profiles{profile}"));
    step("bearer", format!("GET {status}: whether it is connected"));
    let switch = "where it is not connected, POST /api/dialup/mobile-dataswitch 1, or /api/dialup/dial on sticks without that switch; GET /api/monitoring/status until 901";
    step("bearer", switch.to_owned());
}

fn computer_steps(
    plan: &mut Plan,
    computer: &mut dyn Computer,
    stick: &Stick,
    wanted: &Wanted,
    way: Way,
    card: &str,
) -> Result<()> {
    let table = table_of(stick.place.as_str());
    let mtu = match wanted.mtu {
        Some(mtu) => format!("mtu {mtu}"),
        None => format!("mtu as the network says, or the largest of {} that passes", list(&SIZES)),
    };
    let arp = if matches!(way, Way::Ncm | Way::Ecm | Way::Hilink) { ", its arp" } else { "" };
    plan.step("address", format!("{card} up{arp}, its address, {mtu}"), None);
    if takes_advertisements(wanted, way) {
        let settings = [
            SettingName::RaMetric,
            SettingName::AcceptRaDefault,
            SettingName::AcceptRa,
            SettingName::DisableIpv6,
        ];
        let settings = settings.map(SettingName::words).join(", ");
        plan.step("address", format!("IPv6 of {card} by the kernel: {settings}"), None);
    }
    let twins = "where another interface has the same: a hardware address of its own, rp_filter 2";
    plan.step("address", format!("{card}, {twins}"), None);
    plan.step("route", format!("table {table} of its own, and rules for its address and for {card}"), None);
    if wanted.no_default {
        plan.step("route", "no default route in the main table", None);
        plan.step("name-service", "the computer's own name servers stay", None);
    } else {
        let metric = metric(computer, wanted, card)?;
        plan.step("route", format!("default route with metric {metric}"), None);
        plan.step("name-service", format!("the network's name servers, by {}", computer.resolver()), None);
    }
    plan.step("reach", ASKED, None);
    let page = match wanted.check_host() {
        Some(host) => format!("a page: http://{host}/generate_204"),
        None => "no page".to_owned(),
    };
    plan.step("reach", page, None);
    Ok(())
}

/// Whether the kernel is told to take what the network's routers advertise.
fn takes_advertisements(wanted: &Wanted, way: Way) -> bool {
    match way {
        Way::Ncm | Way::Ecm => wanted.ip != Some(PdpType::V4),
        Way::Ppp => matches!(wanted.ip, Some(PdpType::V6 | PdpType::V4V6)),
        Way::Hilink | Way::Mbim | Way::Qmi => false,
    }
}
