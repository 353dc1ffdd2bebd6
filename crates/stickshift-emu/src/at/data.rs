//! Data over AT: NCM by `^NDISDUP`, PPP by `ATD` (docs/protocols/hilink-at.md section 3.6).

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::at::command::{AtAnswer, Call, CommandResult, CommandRow, Knows};
use crate::at::network::{is_registered, may_connect};
use crate::modem::data::{DIALLING, DataState, SECOND_STAGE, Way};
use crate::network::Ipv4Bearer;
use crate::ppp::{Ppp, PppOptions};

pub(super) const ROWS: &[CommandRow] = &[
    ("+CGDCONT?", Knows::Every, |call| {
        let line = |(id, protocol, apn): &(u8, String, String)| {
            format!("+CGDCONT: {id},\"{protocol}\",\"{apn}\",\"0.0.0.0\",0,0")
        };
        AtAnswer::Lines(call.modem.data.contexts.iter().map(line).collect()).into()
    }),
    ("+CGDCONT=?", Knows::Every, |_| {
        let line = |protocol| format!("+CGDCONT: (1-16),\"{protocol}\",,,(0-2),(0-3)");
        AtAnswer::Lines(PROTOCOLS.map(line).to_vec()).into()
    }),
    ("+CGDCONT=", Knows::Every, define_context),
    ("^NDISDUP=", Knows::Lte, dial_ncm),
    ("^NDISSTATQRY", Knows::Lte, ncm_state),
    ("^NDISSTATQRY?", Knows::Lte, ncm_state),
    ("^DHCP?", Knows::Lte, addresses),
    ("+CGPADDR=", Knows::Every, |call| {
        let up = call.modem.data.state(call.now) == DataState::Up;
        let address = ipv4(call).filter(|_| up).map_or(Ipv4Addr::UNSPECIFIED, |ipv4| ipv4.address);
        AtAnswer::line(format!("+CGPADDR: 1,\"{address}\"")).into()
    }),
    ("+CGCONTRDP", Knows::Lte, |_| AtAnswer::Error.into()),
    ("+CGATT?", Knows::Every, |call| {
        AtAnswer::line(format!("+CGATT: {}", u8::from(is_registered(call)))).into()
    }),
    ("+CGEREP=", Knows::Every, |call| match call.fields().first().and_then(|mode| mode.parse().ok()) {
        Some(mode @ 0..=2) => {
            let mode: u8 = mode;
            call.port.events = mode > 0;
            AtAnswer::ok().into()
        }
        _ => AtAnswer::Cme(50).into(),
    }),
    ("+CGACT?", Knows::Every, |call| {
        let up = call.modem.data.state(call.now) == DataState::Up;
        AtAnswer::line(format!("+CGACT: 1,{}", u8::from(up))).into()
    }),
    ("^DSFLOWQRY", Knows::Every, |call| {
        let (received, sent) = call.modem.data.traffic(call.now);
        let time = call.modem.data.time(call.now).as_secs();
        let last = format!("{time:08X},{sent:016X},{received:016X}");
        AtAnswer::line(format!("^DSFLOWQRY:{last},{last}")).into()
    }),
    ("^DSFLOWCLR", Knows::Every, |_| AtAnswer::ok().into()),
    ("H", Knows::Every, hang_up),
    ("H0", Knows::Every, hang_up),
    ("O", Knows::Every, |call| match call.modem.data.state(call.now) {
        DataState::Down => AtAnswer::NoCarrier.into(),
        _ if call.port.go_online(None) => AtAnswer::Connect.into(),
        _ => AtAnswer::NoCarrier.into(),
    }),
];

/// The types of packet data that a context may have.
const PROTOCOLS: [&str; 3] = ["IP", "IPV6", "IPV4V6"];

/// `AT+CGDCONT=1,"IP","apn"`; the number alone removes one.
fn define_context(call: &mut Call<'_>) -> CommandResult {
    let fields = call.fields();
    let Some(id @ 1..=16) = fields.first().and_then(|f| f.parse().ok()) else {
        return AtAnswer::Cme(50).into();
    };
    let contexts = &mut call.modem.data.contexts;
    contexts.retain(|context| context.0 != id);
    if let [_, protocol, apn, ..] = &fields[..] {
        if !PROTOCOLS.contains(&protocol.as_str()) {
            return AtAnswer::Cme(50).into();
        }
        contexts.push((id, protocol.clone(), apn.clone()));
        contexts.sort_by_key(|context| context.0);
    }
    AtAnswer::ok().into()
}

/// The IPv4 half of the connection; one that the stick alone believes in has its old address.
fn ipv4(call: &Call<'_>) -> Option<Ipv4Bearer> {
    let data = &call.modem.data;
    let (ipv4, _) = data.addresses();
    match data.trouble.no_address {
        true => None,
        false => data.states(call.now).contains(&("IPV4", 1)).then_some(ipv4),
    }
}

/// Each address is a word printed in hexadecimal whose last two digits are the first octet, without leading zeros.
fn addresses(call: &mut Call<'_>) -> CommandResult {
    let trouble = &call.modem.data.trouble;
    if trouble.dhcp_refused || call.modem.data.state(call.now) != DataState::Up {
        return AtAnswer::Error.into();
    }
    let swapped = trouble.swapped;
    let word = |address: Ipv4Addr| match swapped {
        true => format!("{:X}", u32::from_be_bytes(address.octets())),
        false => format!("{:X}", u32::from_le_bytes(address.octets())),
    };
    let all = match ipv4(call) {
        Some(ipv4) => [ipv4.address, ipv4.mask(), ipv4.gateway, ipv4.gateway, ipv4.dns[0], ipv4.dns[1]],
        None => [Ipv4Addr::UNSPECIFIED; 6],
    };
    AtAnswer::line(format!("^DHCP:{},236800,236800", all.map(word).join(","))).into()
}

/// `AT^NDISDUP=<cid>,<1 on, 0 off>[,"apn"[,"user","pass",<auth>]]`: the answer comes at once, the outcome unasked. A stick that
/// believes itself connected refuses to dial until it was told to hang up.
fn dial_ncm(call: &mut Call<'_>) -> CommandResult {
    let fields = call.fields();
    let (state, now) = (call.modem.data.state(call.now), call.now);
    match (fields.get(1).map(String::as_str), state) {
        (Some("0"), DataState::Down) => AtAnswer::Error.into(),
        (Some("0"), _) => {
            call.modem.data.hang_up(now);
            AtAnswer::ok().into()
        }
        (Some("1"), DataState::Down) if is_registered(call) => {
            let context = fields.first().and_then(|id| id.parse().ok()).unwrap_or(1);
            let wanted = call.modem.data.wanted(context);
            if !may_connect(call) {
                call.modem.data.fail(now, wanted, None);
            } else if fields.get(2).is_some_and(|apn| apn == "refused") {
                // This access point is nobody's.
                call.modem.data.fail(now, wanted, Some(33));
            } else {
                call.modem.data.dial(now, Way::Ncm, wanted);
            }
            AtAnswer::ok().into()
        }
        _ => AtAnswer::Error.into(),
    }
}

fn ncm_state(call: &mut Call<'_>) -> CommandResult {
    let data = &mut call.modem.data;
    let states = data.states(call.now);
    data.asked = data.asked.wrapping_add(1);
    let form = if data.trouble.odd_states { data.asked % 5 } else { 0 };
    let one = |(family, state): &(&str, u8)| format!("{state},,,\"{family}\"");
    let all: Vec<String> = states.iter().map(one).collect();
    AtAnswer::Lines(match form {
        1 => all.iter().map(|one| format!("^NDISSTATQRY: {one}")).collect(),
        2 => vec![format!("^NDISSTAT: {}", all.join(","))],
        3 => vec![format!("^NDISSTATQry:{}", states[0].1)],
        4 => vec![format!("^NDISSTATQRY: {}", all.join(",").replace('"', ""))],
        _ => vec![format!("^NDISSTATQRY: {}", all.join(","))],
    })
    .into()
}

/// `ATD*99#` and `ATD*99***1#`; voice goes nowhere.
pub(super) fn dial(call: &mut Call<'_>, number: &[u8]) -> CommandResult {
    let refused = || CommandResult::from(AtAnswer::NoCarrier).after(Duration::from_secs(1));
    let Some(id) = context_of(number).filter(|_| may_connect(call)) else { return refused() };
    let data = &mut call.modem.data;
    // Its network card holds the connection, and it has no second one.
    if data.state(call.now) != DataState::Down && data.way() != Some(Way::Ppp) {
        return refused();
    }
    let Some((.., apn)) = data.contexts.iter().find(|context| context.0 == id) else { return refused() };
    let admission = data.admission(apn);
    data.dial(call.now, Way::Ppp, data.wanted(id));
    let bearer = data.bearer(call.now + DIALLING + SECOND_STAGE);
    let options = PppOptions {
        ipv4: bearer
            .as_ref()
            .and_then(|b| b.ipv4)
            .map(|b| (b.address.octets(), b.dns.map(|dns| dns.octets()))),
        ipv6: bearer.and_then(|b| b.ipv6).map(|b| b.interface_id.to_be_bytes()),
        admission,
        seed: call.now.as_nanos() as u64,
    };
    call.port.go_online(Some(Ppp::new(&options, call.now + DIALLING + SETTLES)));
    CommandResult::from(AtAnswer::Connect).after(DIALLING)
}

/// From `CONNECT` to the first word of the network.
const SETTLES: Duration = Duration::from_millis(100);

/// `*99#` is context 1, `*99***2#` another one. Diallers of old put `T` or `P` in front, for tones or pulses (V.250 section 6.3.1).
fn context_of(number: &[u8]) -> Option<u8> {
    let number = number.trim_ascii();
    let number = match number {
        [b'T' | b'P' | b't' | b'p', rest @ ..] => rest,
        _ => number,
    };
    let middle = number.strip_prefix(b"*99")?.strip_suffix(b"#")?;
    if middle.is_empty() {
        return Some(1);
    }
    let digits = middle.strip_prefix(b"***")?;
    std::str::from_utf8(digits).ok()?.trim_end_matches('*').parse().ok()
}

fn hang_up(call: &mut Call<'_>) -> CommandResult {
    call.modem.data.hang_up(call.now);
    call.port.hang_up();
    AtAnswer::ok().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at::tests::Rig;

    #[test]
    fn ncm_dials_and_tells_later() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT^DHCP?"), "ERROR");
        assert_eq!(rig.ask("AT^NDISDUP=1,0"), "ERROR");
        assert_eq!(rig.ask("AT^NDISDUP=1,1,\"orange\""), "OK");
        let reports = |rig: &mut Rig| {
            let end = rig.now + DIALLING + DIALLING;
            std::iter::from_fn(|| rig.modem.data.told(end)).collect::<Vec<_>>()
        };
        assert_eq!(reports(&mut rig), [(rig.now + DIALLING, "^NDISSTAT:1,,,\"IPV4\"".to_owned())]);
        assert_eq!(rig.ask("AT^NDISSTATQRY?"), "^NDISSTATQRY: 2,,,\"IPV4\" OK");
        rig.now += DIALLING;
        assert_eq!(rig.ask("AT^NDISSTATQRY?"), "^NDISSTATQRY: 1,,,\"IPV4\" OK");
        // 10.249.198.122, mask 255.255.255.252, gateway 10.249.198.121.
        assert_eq!(
            rig.ask("AT^DHCP?"),
            "^DHCP:7AC6F90A,FCFFFFFF,79C6F90A,79C6F90A,2200B10A,74BBA10A,236800,236800 OK"
        );
        assert_eq!(rig.ask("AT+CGPADDR=1"), "+CGPADDR: 1,\"10.249.198.122\" OK");
        assert_eq!(rig.ask("AT^NDISDUP=1,1"), "ERROR", "it is connected already");
        assert_eq!(rig.ask("AT^NDISDUP=1,0"), "OK");
        assert_eq!(rig.ask("AT^NDISSTATQRY"), "^NDISSTATQRY: 0,,,\"IPV4\" OK");
        assert_eq!(reports(&mut rig)[0].1, "^NDISSTAT:0,36,,\"IPV4\"");
        rig.ask("AT^NDISDUP=1,1,\"refused\"");
        assert_eq!(reports(&mut rig)[0].1, "^NDISSTAT:0,33,,\"IPV4\"");
    }

    #[test]
    fn addresses_and_states_in_the_forms_that_were_seen() {
        let mut rig = Rig::new();
        rig.modem.data.trouble.swapped = true;
        rig.modem.data.trouble.odd_states = true;
        rig.ask("AT+CGDCONT=1,\"IPV4V6\",\"orange\"");
        rig.ask("AT^NDISDUP=1,1");
        rig.now += DIALLING + DIALLING;
        assert!(rig.ask("AT^DHCP?").starts_with("^DHCP:AF9C67A,FFFFFFFC,AF9C679,"));
        for said in [
            "^NDISSTATQRY: 1,,,\"IPV4\" ^NDISSTATQRY: 1,,,\"IPV6\" OK",
            "^NDISSTAT: 1,,,\"IPV4\",1,,,\"IPV6\" OK",
            "^NDISSTATQry:1 OK",
            "^NDISSTATQRY: 1,,,IPV4,1,,,IPV6 OK",
            "^NDISSTATQRY: 1,,,\"IPV4\",1,,,\"IPV6\" OK",
        ] {
            assert_eq!(rig.ask("AT^NDISSTATQRY?"), said);
        }
        rig.modem.data.trouble.no_address = true;
        assert_eq!(rig.ask("AT^DHCP?"), "^DHCP:0,0,0,0,0,0,236800,236800 OK");
        rig.modem.data.trouble.dhcp_refused = true;
        assert_eq!(rig.ask("AT^DHCP?"), "ERROR");
    }

    #[test]
    fn who_is_not_let_in_cannot_dial() {
        use crate::modem::trouble::Registration;

        let mut rig = Rig::new();
        let mut registration = |is| {
            rig.modem.data.trouble.registration = is;
            [rig.ask("AT+CREG?"), rig.ask("AT^NDISDUP=1,1"), rig.ask("ATD*99#")]
        };
        assert_eq!(registration(Registration::Denied), ["+CREG: 0,3 OK", "ERROR", "NO CARRIER"]);
        assert_eq!(registration(Registration::Searching), ["+CREG: 0,2 OK", "ERROR", "NO CARRIER"]);
        let late = Registration::After(Duration::from_secs(61));
        assert_eq!(registration(late)[0], "+CREG: 0,2 OK");
        rig.now += Duration::from_secs(1);
        rig.modem.radio.roaming = 0;
        rig.modem.data.trouble.registration = Registration::Roaming;
        assert_eq!(rig.ask("AT+CREG?"), "+CREG: 0,5 OK");
        assert_eq!(rig.ask("AT^NDISDUP=1,1"), "OK");
        let told = rig.modem.data.told(rig.now + DIALLING).unwrap().1;
        assert_eq!(told, "^NDISSTAT:0,,,\"IPV4\"");
        rig.modem.radio.roaming = 1;
        rig.ask("AT^NDISDUP=1,1");
        rig.now += DIALLING;
        assert!(rig.ask("AT^NDISSTATQRY?").contains("1,,,"));
    }

    #[test]
    fn ppp_takes_the_port() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("ATD*99***1#"), "CONNECT 100000000");
        assert_eq!(rig.bytes(b"~\xff}#AT\r~"), "");
        assert_eq!(rig.port.carried(), 8);
        assert_eq!(rig.bytes(b"+++"), "\r\nOK\r\n");
        assert_eq!(rig.ask("ATO"), "CONNECT 100000000");
        assert_eq!(rig.bytes(b"+++"), "\r\nOK\r\n");
        assert_eq!(rig.ask("ATH"), "OK");
        assert_eq!(rig.ask("ATO"), "NO CARRIER");
        assert_eq!(rig.ask("ATD0123"), "NO CARRIER");
        assert_eq!(rig.ask("ATD*99***7#"), "NO CARRIER", "no such context");
        assert_eq!(
            [&b"*99#"[..], b"T*99#", b"*99***2#", b"*98#", b"*99***x#"].map(context_of),
            [Some(1), Some(1), Some(2), None, None]
        );
    }

    #[test]
    fn a_link_speaks_after_connect_and_ends_with_its_connection() {
        use crate::at::ports::AtPorts;
        use crate::device::outbox::Outbox;
        use crate::modem::uplink::Uplink;
        use crate::network::Quirks;

        let mut rig = Rig::new();
        let (mut ports, mut outbox) = (AtPorts::only(2), Outbox::default());
        rig.ask("ATD*99#");
        std::mem::swap(ports.get_mut(2).unwrap(), &mut rig.port);
        let mut uplink = Uplink::new(Quirks::default());
        let mut heard = |ports: &mut AtPorts, modem: &mut crate::modem::Modem, now| {
            ports.carry(now, modem, &mut uplink, &mut outbox);
            outbox.tick(now);
            outbox.take(2)
        };
        assert!(heard(&mut ports, &mut rig.modem, rig.now).is_empty());
        let begins = ports.next_due().unwrap();
        assert_eq!(begins, rig.now + DIALLING + SETTLES);
        assert_eq!(heard(&mut ports, &mut rig.modem, begins)[..2], [0x7e, 0xff]);
        // Another port hangs up.
        rig.modem.data.hang_up(begins);
        assert_eq!(heard(&mut ports, &mut rig.modem, begins), b"\r\nNO CARRIER\r\n");
        assert!(!ports.get_mut(2).unwrap().is_online());

        rig.now = begins;
        std::mem::swap(ports.get_mut(2).unwrap(), &mut rig.port);
        rig.ask("ATD*99#");
        std::mem::swap(ports.get_mut(2).unwrap(), &mut rig.port);
        assert!(ports.lower_dtr(begins, 2, &mut rig.modem) && !ports.lower_dtr(begins, 3, &mut rig.modem));
        assert!(!ports.get_mut(2).unwrap().is_online());
        assert_eq!(rig.modem.data.state(rig.now), DataState::Down);
    }

    #[test]
    fn one_way_holds_the_connection() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT^NDISDUP=1,1,\"orange\""), "OK");
        rig.now += DIALLING;
        assert_eq!(rig.ask("ATD*99#"), "NO CARRIER");
        assert_eq!(rig.ask("AT^NDISDUP=1,0"), "OK");
        assert_eq!(rig.ask("ATD*99#"), "CONNECT 100000000");
    }

    #[test]
    fn contexts() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT+CGDCONT=2,\"IPV4V6\",\"web\""), "OK");
        assert!(rig.ask("AT+CGDCONT?").contains("+CGDCONT: 2,\"IPV4V6\",\"web\",\"0.0.0.0\",0,0"));
        assert!(rig.ask("AT+CGDCONT=?").contains("(1-16),\"IPV4V6\","), "ModemManager asks for it");
        assert_eq!(rig.ask("AT+CGDCONT=2"), "OK");
        assert!(!rig.ask("AT+CGDCONT?").contains("web"));
        assert_eq!(rig.ask("AT+CGDCONT=3,\"X25\",\"web\""), "+CME ERROR: 50");
    }
}
