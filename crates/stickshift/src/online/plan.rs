//! What `up` would do, shown before it does: every step, every command to the stick, every change of the computer.

use crate::error::Result;
use crate::online::computer::Computer;
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
    let given = wanted.apn.as_deref().or(wanted.usual_apn.as_deref());
    let apn = given.unwrap_or("APN of the SIM's operator");
    let kind = wanted.ip.map_or("IPV4V6", |ip| ip.word());
    match way {
        Way::Hilink => web_steps(&mut plan, wanted),
        Way::Ncm | Way::Ppp => at_steps(&mut plan, wanted),
        Way::Ecm => {
            plan.step("address", "DHCP on the network card; where something answers, that is all", None)
        }
        Way::Mbim => mbim_steps(&mut plan, wanted, kind, apn),
        Way::Qmi => plan.step("bearer", "left to another program, whose command is named", None),
    }
    let context = ncm::CONTEXT;
    match way {
        Way::Ncm => {
            plan.step(
                "bearer",
                format!("AT^NDISSTATQRY?; AT^NDISDUP={context},0 unless it says that nothing is up"),
                None,
            );
            plan.step("bearer", format!("AT+CGDCONT={context},\"{kind}\",\"{apn}\""), None);
            let user =
                if wanted.user.is_some() { ",USER,PASSWORD,2 (CHAP, then PAP, then none)" } else { "" };
            plan.step(
                "bearer",
                "AT^CURC=1: a refusal tells its cause unasked; AT^CURC=0 when it is over",
                None,
            );
            plan.step("bearer", format!("AT^NDISDUP={context},1,\"{apn}\"{user}"), None);
            plan.step("bearer", "AT^NDISSTATQRY? at each report ^NDISSTAT, and from time to time, until it is up, at most 90 s", None);
            plan.step("address", "AT+CGCONTRDP, AT^DHCP?: the stick's own words first, DHCP second", None);
        }
        Way::Ppp => {
            plan.step("bearer", "AT&F&C1&D2E0S0=0", None);
            plan.step("bearer", format!("AT+CGDCONT={context},\"{kind}\",\"{apn}\""), None);
            plan.step("bearer", format!("ATD*99***{context}# until CONNECT"), None);
            plan.step(
                "address",
                format!("pppd {}, started before the call", ways::pppd_options(wanted.ip).join(" ")),
                None,
            );
        }
        _ => {}
    }
    if way != Way::Qmi {
        computer_steps(&mut plan, computer, stick, wanted, &name)?;
    }
    plan.dangers.push("data costs money; in another operator's network, much".into());
    Ok(plan)
}

fn at_steps(plan: &mut Plan, wanted: &Wanted) {
    plan.step("port", "each serial port is asked `AT` until one answers", None);
    plan.step("sim", "AT+CPIN?; AT+CPIN=PIN once where it is wanted, never with the last try", None);
    let roaming = if wanted.roaming { "AT^SYSCFGEX with roaming on; " } else { "" };
    plan.step(
        "registration",
        format!(
            "AT+CFUN?, {roaming}AT+CEREG?, AT+CGREG?, AT+CREG? each second until registered, at most 120 s"
        ),
        None,
    );
    if wanted.apn.is_none() && wanted.usual_apn.is_none() {
        plan.step("bearer", "AT+CIMI, AT+CRSM: the operator, for its access point", None);
    }
}

fn mbim_steps(plan: &mut Plan, wanted: &Wanted, kind: &str, apn: &str) {
    plan.step("port", "MBIM: a question over the control channel, OPEN where the function is not open", None);
    plan.step("sim", "SUBSCRIBER_READY_STATUS; PIN once where it is wanted, never with the last try", None);
    plan.step(
        "registration",
        "RADIO_STATE, REGISTER_STATE each second until registered, at most 120 s",
        None,
    );
    if wanted.apn.is_none() && wanted.usual_apn.is_none() {
        plan.step(
            "bearer",
            "SUBSCRIBER_READY_STATUS, HOME_PROVIDER: the operator, for its access point",
            None,
        );
    }
    plan.step("bearer", "PACKET_SERVICE: attach where it is not", None);
    plan.step("bearer", "CONNECT: end session 0 where it is up", None);
    let user = if wanted.user.is_some() { ", user and password (CHAP, then PAP, then none)" } else { "" };
    plan.step("bearer", format!("CONNECT session 0: {kind}, {apn}{user}"), None);
    plan.step("address", "IP_CONFIGURATION: the stick's own words", None);
}

fn web_steps(plan: &mut Plan, wanted: &Wanted) {
    plan.step("address", "DHCP from the stick's own router", None);
    plan.step("sim", "GET /api/pin/status; POST /api/pin/operate once where the PIN is wanted", None);
    let roaming = if wanted.roaming { "; POST /api/dialup/connection with roaming on" } else { "" };
    plan.step("registration", format!("GET /api/monitoring/status until registered{roaming}"), None);
    match (&wanted.apn, &wanted.usual_apn) {
        (Some(apn), _) => plan.step(
            "bearer",
            format!(
                "GET /api/dialup/profiles; POST there where its profile has another access point than {apn}: the one that has it is \
                 dialled with, and the one before again after `down`"
            ),
            None,
        ),
        (None, Some(usual)) => plan.step(
            "bearer",
            format!("the profile of its own page stays; {usual} of the settings is for sticks that are dialled from here"),
            None,
        ),
        (None, None) => {}
    }
    plan.step("bearer", "POST /api/dialup/mobile-dataswitch 1 where it is off; wait for 901", None);
}

fn computer_steps(
    plan: &mut Plan,
    computer: &mut dyn Computer,
    stick: &Stick,
    wanted: &Wanted,
    card: &str,
) -> Result<()> {
    let table = table_of(stick.place.as_str());
    plan.step("address", format!("{card} up; its address and largest packet"), None);
    plan.step("route", format!("table {table} of its own, and rules for its address and for {card}"), None);
    if wanted.no_default {
        plan.step("route", "no default route in the main table", None);
        plan.step("name-service", "the computer's own name servers stay", None);
    } else {
        let largest = computer.default_routes()?.iter().map(|r| r.metric).max();
        let metric = wanted.metric.unwrap_or(largest.map_or(700, |m| m.saturating_add(1).max(700)));
        plan.step("route", format!("default route with metric {metric}"), None);
        plan.step("name-service", format!("the network's name servers, by {}", computer.resolver()), None);
    }
    let host = wanted.check_host().map_or("none".to_owned(), |h| format!("http://{h}/generate_204"));
    plan.step("reach", format!("a name server by address, then a page: {host}"), None);
    Ok(())
}
