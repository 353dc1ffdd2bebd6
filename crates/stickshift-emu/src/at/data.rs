//! Data over AT: NCM by `^NDISDUP`, PPP by `ATD` (docs/protocols/hilink-at.md section 3.6).

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::at::network::hears;
use crate::at::{AtAnswer, Call, CommandResult, CommandRow, Knows};
use crate::modem::data::{DIALLING, DataState, SECOND_STAGE, Way};
use crate::ppp::{Ppp, PppOptions};

pub(super) const ROWS: &[CommandRow] = &[
    ("+CGDCONT?", Knows::Every, |call| {
        let line = |(id, protocol, apn): &(u8, String, String)| {
            format!("+CGDCONT: {id},\"{protocol}\",\"{apn}\",\"0.0.0.0\",0,0")
        };
        AtAnswer::Lines(call.modem.data.contexts.iter().map(line).collect()).into()
    }),
    ("+CGDCONT=", Knows::Every, define_context),
    ("^NDISDUP=", Knows::Lte, dial_ncm),
    ("^NDISSTATQRY", Knows::Lte, ncm_state),
    ("^NDISSTATQRY?", Knows::Lte, ncm_state),
    ("^DHCP?", Knows::Lte, |call| {
        if call.modem.data.state(call.now) != DataState::Up {
            return AtAnswer::Error.into();
        }
        // Each address is a word printed in hexadecimal whose last two digits are the first octet.
        let word = |address: Ipv4Addr| format!("{:X}", u32::from_le_bytes(address.octets()));
        let (ipv4, _) = call.modem.data.addresses();
        let [ip, mask, gateway, dns1, dns2] =
            [ipv4.address, ipv4.mask(), ipv4.gateway, ipv4.dns[0], ipv4.dns[1]].map(word);
        AtAnswer::line(format!("^DHCP:{ip},{mask},{gateway},{gateway},{dns1},{dns2},236800,236800")).into()
    }),
    ("+CGPADDR=", Knows::Every, |call| {
        let up = call.modem.data.state(call.now) == DataState::Up;
        let address = call.modem.data.addresses().0.address.to_string();
        AtAnswer::line(format!("+CGPADDR: 1,\"{}\"", if up { &address } else { "0.0.0.0" })).into()
    }),
    ("+CGCONTRDP", Knows::Lte, |_| AtAnswer::Error.into()),
    ("+CGATT?", Knows::Every, |call| AtAnswer::line(format!("+CGATT: {}", u8::from(hears(call)))).into()),
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

/// `AT+CGDCONT=1,"IP","apn"`; the number alone removes one.
fn define_context(call: &mut Call<'_>) -> CommandResult {
    let fields = call.fields();
    let Some(id @ 1..=16) = fields.first().and_then(|f| f.parse().ok()) else {
        return AtAnswer::Cme(50).into();
    };
    let contexts = &mut call.modem.data.contexts;
    contexts.retain(|context| context.0 != id);
    if let [_, protocol, apn, ..] = &fields[..] {
        if !matches!(protocol.as_str(), "IP" | "IPV6" | "IPV4V6") {
            return AtAnswer::Cme(50).into();
        }
        contexts.push((id, protocol.clone(), apn.clone()));
        contexts.sort_by_key(|context| context.0);
    }
    AtAnswer::ok().into()
}

/// `AT^NDISDUP=<cid>,<1 on, 0 off>[,"apn"[,"user","pass",<auth>]]`: the answer comes at once, the outcome unasked. A stick that
/// believes itself connected refuses to dial until it was told to hang up.
fn dial_ncm(call: &mut Call<'_>) -> CommandResult {
    let fields = call.fields();
    let state = call.modem.data.state(call.now);
    match (fields.get(1).map(String::as_str), state) {
        (Some("0"), DataState::Down) => AtAnswer::Error.into(),
        (Some("0"), _) => {
            call.modem.data.hang_up();
            CommandResult::from(AtAnswer::ok()).later(Duration::from_secs(1), "^NDISSTAT:0,36,,\"IPV4\"")
        }
        (Some("1"), DataState::Down) if hears(call) => {
            // This access point is nobody's.
            if fields.get(2).is_some_and(|apn| apn == "refused") {
                return CommandResult::from(AtAnswer::ok()).later(DIALLING, "^NDISSTAT:0,33,,\"IPV4\"");
            }
            let context = fields.first().and_then(|id| id.parse().ok()).unwrap_or(1);
            let families = call.modem.data.wanted(context);
            call.modem.data.dial(call.now, Way::Ncm, families);
            CommandResult::from(AtAnswer::ok()).later(DIALLING, "^NDISSTAT:1,,,\"IPV4\"")
        }
        _ => AtAnswer::Error.into(),
    }
}

fn ncm_state(call: &mut Call<'_>) -> CommandResult {
    let number = match call.modem.data.state(call.now) {
        DataState::Down => 0,
        DataState::Up => 1,
        DataState::Connecting => 2,
    };
    AtAnswer::line(format!("^NDISSTATQRY: {number},,,\"IPV4\"")).into()
}

/// `ATD*99#` and `ATD*99***1#`; voice goes nowhere.
pub(super) fn dial(call: &mut Call<'_>, number: &[u8]) -> CommandResult {
    let refused = || CommandResult::from(AtAnswer::NoCarrier).after(Duration::from_secs(1));
    let Some(id) = context_of(number).filter(|_| hears(call)) else { return refused() };
    let data = &mut call.modem.data;
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

/// `*99#` is context 1, `*99***2#` another one.
fn context_of(number: &[u8]) -> Option<u8> {
    let middle = number.trim_ascii().strip_prefix(b"*99")?.strip_suffix(b"#")?;
    if middle.is_empty() {
        return Some(1);
    }
    let digits = middle.strip_prefix(b"***")?;
    std::str::from_utf8(digits).ok()?.trim_end_matches('*').parse().ok()
}

fn hang_up(call: &mut Call<'_>) -> CommandResult {
    call.modem.data.hang_up();
    call.port.hang_up();
    AtAnswer::ok().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at::rig::Rig;

    #[test]
    fn ncm_dials_and_tells_later() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT^DHCP?"), "ERROR");
        assert_eq!(rig.ask("AT^NDISDUP=1,0"), "ERROR");
        assert_eq!(rig.ask("AT^NDISDUP=1,1,\"orange\""), "OK");
        assert_eq!(rig.later, [(DIALLING, "^NDISSTAT:1,,,\"IPV4\"".to_owned())]);
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
        rig.later.clear();
        rig.ask("AT^NDISDUP=1,1,\"refused\"");
        assert_eq!(rig.later[0].1, "^NDISSTAT:0,33,,\"IPV4\"");
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
            [&b"*99#"[..], b"*99***2#", b"*98#", b"*99***x#"].map(context_of),
            [Some(1), Some(2), None, None]
        );
    }

    #[test]
    fn a_link_speaks_after_connect_and_ends_with_its_connection() {
        use crate::at::ports::AtPorts;
        use crate::device::outbox::Outbox;

        let mut rig = Rig::new();
        let (mut ports, mut outbox) = (AtPorts::only(2), Outbox::default());
        rig.ask("ATD*99#");
        std::mem::swap(ports.get_mut(2).unwrap(), &mut rig.port);
        let mut heard = |ports: &mut AtPorts, modem: &mut crate::modem::Modem, now| {
            ports.carry(now, modem, &mut outbox);
            outbox.tick(now);
            outbox.take(2)
        };
        assert!(heard(&mut ports, &mut rig.modem, rig.now).is_empty());
        let begins = ports.next_due().unwrap();
        assert_eq!(begins, rig.now + DIALLING + SETTLES);
        assert_eq!(heard(&mut ports, &mut rig.modem, begins)[..2], [0x7e, 0xff]);
        // Another port hangs up.
        rig.modem.data.hang_up();
        assert_eq!(heard(&mut ports, &mut rig.modem, begins), b"\r\nNO CARRIER\r\n");
        assert!(!ports.get_mut(2).unwrap().is_online());

        rig.now = begins;
        std::mem::swap(ports.get_mut(2).unwrap(), &mut rig.port);
        rig.ask("ATD*99#");
        std::mem::swap(ports.get_mut(2).unwrap(), &mut rig.port);
        assert!(ports.lower_dtr(2, &mut rig.modem) && !ports.lower_dtr(3, &mut rig.modem));
        assert!(!ports.get_mut(2).unwrap().is_online());
        assert_eq!(rig.modem.data.state(rig.now), DataState::Down);
    }

    #[test]
    fn contexts() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT+CGDCONT=2,\"IPV4V6\",\"web\""), "OK");
        assert!(rig.ask("AT+CGDCONT?").contains("+CGDCONT: 2,\"IPV4V6\",\"web\",\"0.0.0.0\",0,0"));
        assert_eq!(rig.ask("AT+CGDCONT=2"), "OK");
        assert!(!rig.ask("AT+CGDCONT?").contains("web"));
        assert_eq!(rig.ask("AT+CGDCONT=3,\"X25\",\"web\""), "+CME ERROR: 50");
    }
}
