//! `up`: every step in order, and everything put back when one fails.

use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::{Bus, ByteLink};
use crate::modem::{Login, identity};
use crate::online::computer::{Card, Computer, Network};
use crate::online::record::Record;
use crate::online::run::{Run, list};
use crate::online::ways::{self, Bearer, Way};
use crate::online::{Connection, Wanted, down, reach, settle, sim, table_of};
use crate::stick::Stick;

/// What lets the owner in.
pub struct Access<'f> {
    /// The SIM's PIN, asked for when the SIM wants it; `None`: there is none.
    pub pin: &'f mut dyn FnMut() -> Result<Option<String>>,
    /// Who logs in to the stick's web server, where that wants a login.
    pub login: Option<Login>,
    pub(super) pin_was_refused: bool,
}

impl<'f> Access<'f> {
    /// With a PIN that is asked for when the SIM wants it.
    pub fn new(pin: &'f mut dyn FnMut() -> Result<Option<String>>, login: Option<Login>) -> Access<'f> {
        Access { pin, login, pin_was_refused: false }
    }

    /// The stick's AT port: every serial port is asked.
    pub(super) fn open_at(&self, run: &mut Run<'_, '_>) -> Result<Box<dyn ByteLink>> {
        match identity::find_at_port(run.bus, &run.stick, run.session)? {
            Some(interface) => {
                let place = run.stick.place.clone();
                let port = run.bus.open_port(&place, interface)?;
                run.session.note("port", format!("AT commands on interface {interface}"));
                Ok(port)
            }
            None => Err(Error::new(ErrorKind::NoSuchPort, "no port of the stick answers AT commands")
                .with("place", run.place())),
        }
    }
}

/// Takes `stick` online. Whatever fails, the computer and the stick are put back to how they were found.
///
/// # Errors
/// `NoSuchPort` where the stick has no way; `NoSim`, `SimPinNeeded`, `SimPukNeeded`, `WrongPin`, `LastTry`; `NotRegistered`;
/// `NetworkRefused` with the network's cause; `NoAddress`; `NoReach` with how far packets got; `PortBusy`, `PermissionDenied`,
/// `Disconnected`, `Interrupted`. What the stick and the computer have then is in the facts `stick-now` and `computer-now`.
pub fn up(
    bus: &mut dyn Bus,
    stick: Stick,
    computer: &mut dyn Computer,
    wanted: &Wanted,
    access: &mut Access<'_>,
    session: &mut Session<'_>,
) -> Result<Connection> {
    session.step("port", format!("the stick at {}", stick.place));
    let way = ways::choose(&stick, wanted.way, &mut |code, text| session.warn(code, text))?;
    wanted.check(way, &stick)?;
    computer.may_change().map_err(|e| e.verdict_if_unset(Verdict::Untouched))?;
    session.note("port", format!("way: {}", way.word()));
    let _turn = computer.turn(&stick.place).map_err(|e| e.verdict_if_unset(Verdict::Untouched))?;

    let mut record = Record::new(&stick.place, stick.id, computer.boot(), way.word());
    if let Some(earlier) = computer.recall(&stick.place)? {
        if earlier.way == sim::PIN_REFUSED {
            access.pin_was_refused = true;
        }
        if earlier.is_clean() {
            // Nothing is to be put back.
        } else if let Some(connection) = still_online(computer, &stick, &earlier, way)? {
            session.note("already", "it is online already");
            wanted.check_already(&connection)?;
            return Ok(connection);
        } else {
            session.note("port", "what an earlier run left is taken back first");
            let (left, _, back) = down::of_computer(computer, &earlier, session);
            back?;
            // What was found on the stick then counts, not what that run made of it.
            record.on_stick = if left.stick == record.stick { left.on_stick } else { Vec::new() };
            computer.keep(&record)?;
        }
    }
    has_room(computer, &stick, wanted).map_err(|e| e.verdict_if_unset(Verdict::Untouched))?;
    let mut run = Run::new(bus, computer, session, wanted, stick, record);
    steps(&mut run, way, access).map_err(|error| put_back(run, error, access))
}

/// Another default route of the metric that is wanted stays the only one of it.
fn has_room(computer: &mut dyn Computer, stick: &Stick, wanted: &Wanted) -> Result<()> {
    let Some(metric) = wanted.metric.filter(|_| !wanted.no_default) else { return Ok(()) };
    let own = computer.cards(stick)?;
    let is_own = |card: &Card| own.iter().any(|state| state.card.name == card.name);
    let there = computer.default_routes()?.into_iter().find(|r| r.metric == metric && !is_own(&r.card));
    match there {
        Some(route) => Err(Error::new(
            ErrorKind::Usage,
            format!(
                "the default route of {} has the metric {metric}: give --metric another number",
                route.card.name
            ),
        )),
        None => Ok(()),
    }
}

fn steps(run: &mut Run<'_, '_>, way: Way, access: &mut Access<'_>) -> Result<Connection> {
    let bearer = ways::up(run, way, access)?;
    let Bearer { card, addresses, answered, .. } = &bearer;
    run.record.card = Some(card.clone());
    run.record.addresses = addresses.own.iter().map(|n| n.address).collect();
    run.record.dns = reach::servers(addresses);
    settle::name_service(run, card, addresses)?;
    reach::translation(run, card, addresses)?;
    let servers = reach::servers(addresses);
    let answered = match answered {
        Some(words) => Some(words.clone()),
        None => reach::first_answer(run, card, &servers)?,
    };
    let passes = reach::fit_mtu(run, card, &servers, run.wanted.mtu.is_some() || addresses.foreign)?;
    let reached = reach::check(run, card, &servers, answered)?;
    let connection = connection(run, bearer, reached.words, passes)?;
    run.computer.keep(&run.record)?;
    Ok(connection)
}

fn connection(
    run: &mut Run<'_, '_>,
    bearer: Bearer,
    reaches: Vec<String>,
    passes: Option<u16>,
) -> Result<Connection> {
    let Bearer { way, card, apn, registered, addresses, metric, .. } = bearer;
    let mtu = run.computer.card(&card)?.map_or(1500, |state| state.mtu);
    let advertised = addresses.from.contains(&settle::BY_ADVERTISEMENT);
    let gateway6 = if advertised { run.computer.ipv6_router(&card)? } else { None };
    let mut changed = on_stick_now(&run.record);
    changed.push(on_computer_now(&card, &addresses.own, metric));
    Ok(Connection {
        place: run.place().to_string(),
        way: way.word(),
        interface: card.name,
        operator: registered.operator,
        roaming: registered.roaming,
        apn_from: apn.source.to_string(),
        apn: apn.known_name(),
        addresses: addresses.own.iter().map(Network::to_string).collect(),
        address_from: addresses.from,
        gateway: addresses.gateway.map(|g| g.to_string()),
        gateway6: gateway6.map(|g| g.to_string()),
        dns: super::words(&addresses.dns),
        metric,
        table: table_of(run.place().as_str()),
        mtu,
        passes,
        lease: addresses.lease,
        reaches,
        changed,
    })
}

/// What of the stick is not as it was found.
pub(super) fn on_stick_now(record: &Record) -> Vec<String> {
    record.on_stick.iter().map(|undo| format!("stick: {}", down::now_words(undo, &record.apn))).collect()
}

fn on_computer_now(card: &Card, own: &[Network], metric: Option<u32>) -> String {
    let route = match metric {
        Some(metric) => format!("default route with metric {metric}"),
        None => "no default route of ours".to_owned(),
    };
    format!("computer: {card} up with {}, {route}", list(own))
}

/// The connection of an earlier run, where it still carries packets.
fn still_online(
    computer: &mut dyn Computer,
    stick: &Stick,
    earlier: &Record,
    way: Way,
) -> Result<Option<Connection>> {
    let Some(card) = &earlier.card else { return Ok(None) };
    if earlier.boot != computer.boot() || earlier.stick != stick.id.to_string() || earlier.way != way.word() {
        return Ok(None);
    }
    let Some(state) = computer.card(card)? else { return Ok(None) };
    let has_ours = earlier.addresses.iter().all(|a| state.addresses.iter().any(|n| n.address == *a));
    if !state.up || earlier.addresses.is_empty() || !has_ours {
        return Ok(None);
    }
    let Some(reached) = super::status::answers(computer, card, &earlier.dns)? else { return Ok(None) };
    let own: Vec<Network> = state.addresses;
    let router = match own.iter().any(|n| n.address.is_ipv6()) {
        true => computer.ipv6_router(card)?,
        false => None,
    };
    Ok(Some(Connection {
        place: stick.place.to_string(),
        way: way.word(),
        interface: card.name.clone(),
        operator: None,
        roaming: false,
        apn: super::apn::recorded(earlier),
        apn_from: "an earlier run".to_owned(),
        addresses: own.iter().map(Network::to_string).collect(),
        address_from: Vec::new(),
        gateway: None,
        gateway6: router.map(|router| router.to_string()),
        dns: super::words(&earlier.dns),
        metric: computer.default_routes()?.iter().find(|r| r.card == *card).map(|r| r.metric),
        table: table_of(stick.place.as_str()),
        mtu: state.mtu,
        passes: None,
        lease: None,
        reaches: vec![reached],
        changed: on_stick_now(earlier),
    }))
}

/// Puts everything back after a failure, and says what the stick and the computer have now.
fn put_back(mut run: Run<'_, '_>, error: Error, access: &Access<'_>) -> Error {
    let is_recorded = !run.record.on_stick.is_empty();
    let by_web = down::over_web(&run.record).then(|| down::of_stick(&mut run, access.login.as_ref()));
    let computer = run.back_to(0);
    let error = match &computer {
        Ok(()) => error.with("computer-now", "as it was found"),
        Err(e) => error.with("computer-now", format!("not all could be taken back: {e}")),
    };
    if !is_recorded {
        if computer.is_ok() {
            forget(&mut run, access);
        }
        let left = run.left(error.verdict());
        let error = if run.pin_entered { error.with("stick-now", "the SIM has its PIN") } else { error };
        return error.with_verdict(left);
    }
    // Whether a try is spent shows in nothing that is put back.
    let code = error.verdict().filter(|_| error.has(&Detail::CodeSent)).unwrap_or(Verdict::Recoverable);
    match by_web.unwrap_or_else(|| down::of_stick(&mut run, access.login.as_ref())) {
        Ok((now, is_all)) => {
            if is_all {
                run.session.note("put-back", "the stick is put back as it was found");
            }
            if run.record.on_stick.is_empty() && computer.is_ok() {
                forget(&mut run, access);
            }
            error.with("stick-now", now).with_verdict(code.worse(Verdict::Recoverable))
        }
        Err(e) => {
            let now = format!("not seen: {e}");
            let _ = run.computer.keep(&run.record);
            error.with("stick-now", now).with_verdict(Verdict::Unknown)
        }
    }
}

/// A PIN that was refused is remembered, also where this run did not come to the SIM; nothing else is.
fn forget(run: &mut Run<'_, '_>, access: &Access<'_>) {
    if access.pin_was_refused {
        sim::remember(run);
    } else {
        let _ = run.computer.forget(&run.stick.place);
    }
}
