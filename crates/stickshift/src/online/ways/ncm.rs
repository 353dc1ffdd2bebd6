//! NCM: `^NDISDUP` dials, the stick tells its address by `^DHCP`, and packets go through the kernel's network interface. docs/protocols/hilink-at.md
//! section 3.6, docs/online.md section 2.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::at::data::{self, Authentication, Credentials, LinkState, NdisState, PdpType};
use crate::at::{At, Command};
use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily, Result, Verdict};
use crate::link::Moment;
use crate::modem::Modem;
use crate::online::apn::Apn;
use crate::online::computer::{Card, Change, Network, SettingName};
use crate::online::record::StickUndo;
use crate::online::run::{MOST_LOST, Run, is_lost, twice};
use crate::online::settle::{self, Addresses};
use crate::online::up::Access;
use crate::online::ways::attempts::Attempts;
use crate::online::ways::{Bearer, Kind, Way, interface_of, prelude};
use crate::online::{reach, run};
use crate::wire::at::value_of;

/// The context that is dialled.
pub(crate) const CONTEXT: u8 = 1;

/// How long dialling may take: ModemManager gives it 180 s; networks answer within 40.
const DIALLING: Duration = Duration::from_secs(90);

/// So many answers that say nothing about the connection mean that the stick cannot tell.
const ODD_ANSWERS: u32 = 10;

/// A connection that is down this long after it was dialled does not come up any more.
const STAYS_DOWN: Duration = Duration::from_secs(30);

/// How often the state is asked for without a report at first, until when, and then.
const OFTEN: Duration = Duration::from_millis(250);
const SOON: Duration = Duration::from_secs(10);
const SELDOM: Duration = Duration::from_secs(1);

/// How long the second kind of address may come after the first.
const SECOND_KIND: Duration = Duration::from_secs(3);

/// The regular end of a connection, which is reported of the one before, too.
const REGULAR: u16 = 36;

/// What is asked for, in words.
const STATE: &str = "how the connection stands";
const DETAILS: &str = "what the network gave";

/// What the network gave a connection that was dialled.
pub(super) struct Dialled {
    v4: bool,
    v6: bool,
    /// IPv4 is up, and IPv6 may come until then.
    second_until: Option<Moment>,
}

pub(super) fn up(run: &mut Run<'_, '_>, access: &mut Access<'_>) -> Result<Bearer> {
    let card = run.card(interface_of(&run.stick, Kind::Ncm))?.card;
    let mut port = access.open_at(run)?;
    let mut modem = Modem::over_at(&mut *port, run.session.cancel())?;
    let (registered, mut apn) = prelude(run, &mut modem, access)?;

    run.session.step("bearer", format!("data connection, {}", apn.words()));
    let Some(at) = modem.at() else { unreachable_way()? };
    if run.computer.owner(&card).is_none() {
        // While the network answers, the driver can begin to listen for its cable.
        settle::prepare_ipv6(run, &card)?;
        settle::raise(run, &card)?;
    }
    let dialled = dial(run, at, &mut apn)?;

    run.session.step("address", "address");
    let settled = settle_down(run, at, &card, dialled);
    // Whoever waits for no report gets none.
    let quiet = run.told("whether it reports no more", at.run_if_known(&data::reports(false)));
    let (addresses, answered, metric) = settled?;
    quiet?;
    Ok(Bearer { way: Way::Ncm, card, apn, registered, addresses, answered, metric })
}

fn unreachable_way<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unsupported, "this way needs AT commands"))
}

/// The profile that is dialled, as the stick has it.
pub(in crate::online) fn context(at: &mut At<'_>) -> Result<Option<data::Context>> {
    Ok(contexts(at)?.and_then(profile))
}

fn contexts(at: &mut At<'_>) -> Result<Option<Vec<data::Context>>> {
    twice(|| at.run_if_known(&data::contexts()))
}

fn profile(all: Vec<data::Context>) -> Option<data::Context> {
    all.into_iter().find(|context| context.id == CONTEXT)
}

/// What puts it back.
pub(in crate::online) fn found(at: &mut At<'_>) -> Result<StickUndo> {
    let Some(all) = contexts(at)? else { return Ok(StickUndo::Untold { context: CONTEXT }) };
    let before = profile(all);
    let before = before.as_ref().map(|c| (c.pdp.unwrap_or(PdpType::V4), c.apn.as_str()));
    Ok(StickUndo::context(CONTEXT, before))
}

/// Dials, with each kind of address and each kind of proof that is left to try.
pub(super) fn dial(run: &mut Run<'_, '_>, at: &mut At<'_>, apn: &mut Apn) -> Result<Dialled> {
    let undo = found(at)?;
    let states = run.told(STATE, at.run_if_known(&data::ndis_states()))?.unwrap_or_default();
    // Whatever an earlier program left is ended first: a stick that believes to be connected refuses every dial.
    run.note(StickUndo::HangUp { context: CONTEXT })?;
    run.note(undo)?;
    if states.is_empty() || states.iter().any(|s| s.state != LinkState::Down) {
        hang_up(at)?;
    }

    let mut attempts = Attempts::new(run.wanted, apn);
    loop {
        let error = match attempt(run, at, apn, attempts.kind(), attempts.proof()) {
            Ok(dialled) => {
                attempts.took(run);
                return Ok(dialled);
            }
            Err(error) if error.is(ErrorKind::NetworkRefused) => error,
            Err(error) => return Err(error),
        };
        hang_up(at)?;
        let by_login = error.refusal_of(RefusalFamily::Session).is_none();
        if attempts.goes_on(run, &error, by_login) {
            continue;
        }
        if !apn.gives_way(run, &error) {
            return Err(error);
        }
        attempts = Attempts::new(run.wanted, apn);
    }
}

fn attempt(
    run: &mut Run<'_, '_>,
    at: &mut At<'_>,
    apn: &Apn,
    kind: PdpType,
    proof: Authentication,
) -> Result<Dialled> {
    // Each time: another program, or another family of address, may have left its own.
    define(run, at, kind, &apn.name)?;
    let credentials = (!apn.user.is_empty() && proof != Authentication::None).then_some(Credentials {
        user: &apn.user,
        password: &apn.password,
        authentication: proof,
    });
    let dial = data::dial(CONTEXT, &apn.name, credentials)?;
    run.session.note("bearer", format!("dialling with {}", kind.word()));
    at.take_urcs();
    run.told("whether it reports a refusal", at.run_if_known(&data::reports(true)))?;
    let dialled = dial_and_wait(run, at, &dial, kind);
    if dialled.is_err() {
        let _ = at.run_if_known(&data::reports(false));
    }
    dialled
}

fn dial_and_wait(
    run: &mut Run<'_, '_>,
    at: &mut At<'_>,
    dial: &Command<()>,
    kind: PdpType,
) -> Result<Dialled> {
    match at.run(dial) {
        Err(e) if e.is(ErrorKind::AtRefused) => {
            // The first dial after a start is often answered by what was under way, or by a connection that the stick does not show.
            hang_up(at)?;
            at.sleep(Duration::from_secs(2));
            at.run(dial).map_err(|e| refused_dial(run, e))?;
        }
        other => other?,
    }
    await_up(run, at, kind)
}

/// The stick itself refuses to dial: most say `ERROR` and no more.
fn refused_dial(run: &Run<'_, '_>, error: Error) -> Error {
    if error.is(ErrorKind::AtRefused) && error.refusal().is_none() {
        return run.fails(ErrorKind::NetworkRefused, "the stick refuses to dial").because(error);
    }
    error.with_verdict(Verdict::Recoverable)
}

fn define(run: &mut Run<'_, '_>, at: &mut At<'_>, kind: PdpType, apn: &str) -> Result<()> {
    match at.run(&data::define_context(CONTEXT, kind, apn)?) {
        Err(e) if e.is(ErrorKind::AtRefused) => {
            run.session
                .warn("bearer", format!("the stick does not take {} for its profile: {e}", kind.word()));
            Ok(())
        }
        other => other,
    }
}

/// Ends a connection; that there is none is no failure.
pub(in crate::online) fn hang_up(at: &mut At<'_>) -> Result<()> {
    match at.run(&data::hang_up(CONTEXT)) {
        Err(e) if e.is(ErrorKind::AtRefused) => Ok(()),
        other => other,
    }
}

/// Ends a connection, and sees that a refusal means that there is none: a command that was spoilt on its way is refused, too. `false` where the stick
/// refuses each way and does not tell: many keep their last bearer.
pub(in crate::online) fn end(at: &mut At<'_>) -> Result<bool> {
    for is_last in [false, true] {
        let error = match at.run(&data::hang_up(CONTEXT)) {
            Err(e) if e.is(ErrorKind::AtRefused) => e,
            other => return other.map(|()| true),
        };
        match twice(|| at.run_if_known(&data::ndis_states()))?.unwrap_or_default().as_slice() {
            // It does not tell, and may have been dialled by the standard's command.
            [] => match at.run(&data::deactivate(CONTEXT)) {
                Err(e) if e.is(ErrorKind::AtRefused) => return Ok(false),
                other => return other.map(|()| true),
            },
            states if states.iter().all(|s| s.state == LinkState::Down) => break,
            _ if is_last => return Err(error),
            _ => {}
        }
    }
    Ok(true)
}

/// Asks how the connection stands until it is up, at each report and from time to time. Reports only tell a cause: the answer is the truth.
fn await_up(run: &mut Run<'_, '_>, at: &mut At<'_>, kind: PdpType) -> Result<Dialled> {
    let start = at.now();
    let (mut odd, mut lost) = (0, 0);
    let mut cause = None;
    loop {
        run.session.check()?;
        let states = match at.run_if_known(&data::ndis_states()) {
            Err(e) if is_lost(&e) && lost < MOST_LOST => {
                lost += 1;
                continue;
            }
            other => other?,
        };
        lost = 0;
        for report in at.take_urcs() {
            let states = value_of(&report, "^NDISSTAT").map(data::read_ndis_states).unwrap_or_default();
            cause = states.iter().filter_map(failed).next_back().or(cause);
        }
        let Some(states) = states else {
            odd += 1;
            if odd > ODD_ANSWERS {
                let what = "the stick does not tell how its connection stands (AT^NDISSTATQRY)";
                return Err(run.fails(ErrorKind::Unsupported, what));
            }
            at.sleep(Duration::from_secs(1));
            continue;
        };
        let (v4, v6) = (is_up(&states, false), is_up(&states, true));
        if v4 || v6 {
            // IPv4 is set while IPv6 is under way. What comes the other way round is waited for here.
            let until = (kind == PdpType::V4V6 && !(v4 && v6)).then(|| at.now() + SECOND_KIND);
            let mut dialled = Dialled { v4, v6, second_until: until };
            if !v4 {
                dialled.await_second(run, at)?;
            }
            run.session.note("bearer", format!("connected, {}", dialled.words()));
            return Ok(dialled);
        }
        let down = states.iter().all(|s| s.state == LinkState::Down);
        cause = states.iter().filter_map(failed).next_back().or(cause);
        let waited = at.now() - start;
        if down && (cause.is_some() || waited >= STAYS_DOWN) || waited >= DIALLING {
            return Err(refused(run, cause));
        }
        // Most networks answer within a few seconds, and somebody waits for that.
        at.wait_any_urc(if waited < SOON { OFTEN } else { SELDOM })?;
    }
}

fn is_up(states: &[NdisState], v6: bool) -> bool {
    states.iter().any(|s| s.v6 == v6 && s.state == LinkState::Up)
}

impl Dialled {
    /// Waits for the second kind of address where it is under way.
    fn await_second(&mut self, run: &mut Run<'_, '_>, at: &mut At<'_>) -> Result<()> {
        while let Some(until) = self.second_until {
            run.session.check()?;
            let states = run.told(STATE, at.run_if_known(&data::ndis_states()))?.unwrap_or_default();
            self.v4 |= is_up(&states, false);
            self.v6 |= is_up(&states, true);
            if self.v4 && self.v6 || at.now() >= until {
                self.second_until = None;
            } else {
                at.take_urcs();
                at.wait_any_urc(OFTEN)?;
            }
        }
        Ok(())
    }

    fn words(&self) -> &'static str {
        match (self.v4, self.v6) {
            (true, true) => "IPv4 and IPv6",
            (true, false) if self.second_until.is_some() => "IPv4; IPv6 may follow",
            (false, true) => "IPv6 alone: IPv4 addresses are reached through the operator's NAT64",
            _ => "IPv4",
        }
    }
}

/// Why a connection is down, where that says something.
fn failed(state: &NdisState) -> Option<u16> {
    state.cause.filter(|cause| state.state == LinkState::Down && !matches!(*cause, 0 | REGULAR))
}

fn refused(run: &Run<'_, '_>, cause: Option<u16>) -> Error {
    let error = run.fails(ErrorKind::NetworkRefused, "the network does not take the data connection");
    match cause {
        Some(code) => error
            .with("cause-number", code)
            .detail(Detail::Refusal(Refusal { family: RefusalFamily::Session, code: code.into() })),
        None => error,
    }
}

/// The address by the first source with which something answers: the stick's own words, then DHCP; IPv6 by the kernel.
fn settle_down(
    run: &mut Run<'_, '_>,
    at: &mut At<'_>,
    card: &Card,
    mut dialled: Dialled,
) -> Result<(Addresses, Option<String>, Option<u32>)> {
    if let Some(addresses) = settle::by_owner(run, card)? {
        let metric = settle::route(run, card, &addresses)?;
        return Ok((addresses, None, metric));
    }
    let told = if dialled.v4 { told_by_stick(run, at)? } else { None };
    let mut seen = None;
    for by_dhcp in [false, true] {
        let mark = run.mark();
        let v4 = if !dialled.v4 {
            // There is one way for IPv6 alone.
            if by_dhcp {
                break;
            }
            settle::raise(run, card)?;
            None
        } else if by_dhcp {
            settle::by_dhcp(run, card)?
        } else if let Some(told) = &told {
            run.session.note("address", format!("{} by the stick's own words", told.own[0]));
            run.change(Change::Arp { card: card.clone(), on: false })?;
            settle::raise(run, card)?;
            Some(told.clone())
        } else {
            continue;
        };
        let mut addresses = v4.unwrap_or_default();
        // The first packet can pass before IPv6 is there.
        let mut metric = None;
        if !addresses.own.is_empty() {
            settle::address(run, card, &addresses)?;
            metric = settle::route(run, card, &addresses)?;
        }
        dialled.await_second(run, at)?;
        if dialled.v6 {
            metric = settle_v6(run, at, card, &mut addresses)?.or(metric);
        }
        if addresses.own.is_empty() {
            run.back_to(mark)?;
            continue;
        }
        let servers = reach::servers(&addresses);
        let mut answered = reach::first_answer(run, card, &servers)?;
        if answered.is_none() && frames_read_badly(run, card)? {
            answered = reach::first_answer(run, card, &servers)?;
        }
        if answered.is_some() {
            return Ok((addresses, answered, metric));
        }
        run.session
            .warn("address", format!("nothing answers with the address from {}", addresses.from.join(", ")));
        seen.get_or_insert(addresses);
        run.back_to(mark)?;
    }
    match seen {
        None => {
            Err(run.fails(ErrorKind::NoAddress, "the connection stands, and nobody gives an address for it"))
        }
        Some(addresses) => {
            let error = reach::nothing_answers(run);
            Err(error.with("address", addresses.own[0]).with("name-servers", run::list(&addresses.dns)))
        }
    }
}

/// IPv6 beside what `addresses` has already: address, name servers and routes. Gives the metric of its default route.
fn settle_v6(
    run: &mut Run<'_, '_>,
    at: &mut At<'_>,
    card: &Card,
    addresses: &mut Addresses,
) -> Result<Option<u32>> {
    let details = run.told(DETAILS, at.run_if_known(&data::context_details(CONTEXT)))?.unwrap_or_default();
    let mut own = Addresses { dns: details.dns, ..Addresses::default() };
    own.dns.retain(IpAddr::is_ipv6);
    settle::by_ipv6(run, card, &mut own)?;
    let metric = if own.own.is_empty() { None } else { settle::more_routes(run, card, &own)? };
    own.dns.retain(|server| !addresses.dns.contains(server));
    addresses.own.extend(own.own);
    addresses.dns.extend(own.dns);
    addresses.from.extend(own.from);
    Ok(metric)
}

/// Huawei's firmware reads NCM frames whose table stands at their end alone; kernels before 4.9 put it at their beginning. Sets that where
/// the driver has the setting.
fn frames_read_badly(run: &mut Run<'_, '_>, card: &Card) -> Result<bool> {
    let Some(state) = run.computer.card(card)? else { return Ok(false) };
    if state.ndp_to_end != Some(false) {
        return Ok(false);
    }
    run.session.warn(
        "ncm",
        "the driver puts the table of its frames first, which this firmware may not read".to_owned(),
    );
    run.change(Change::Setting { card: card.clone(), name: SettingName::NdpToEnd, value: "Y".into() })?;
    Ok(true)
}

/// The address as the stick knows it: `^DHCP?`, else `+CGCONTRDP`.
fn told_by_stick(run: &mut Run<'_, '_>, at: &mut At<'_>) -> Result<Option<Addresses>> {
    let given = |a: &Ipv4Addr| !a.is_unspecified();
    let details = run.told(DETAILS, at.run_if_known(&data::context_details(CONTEXT)))?.unwrap_or_default();
    let lease = run.told("its lease", at.run_if_known(&data::lease()))?;
    if let Some(lease) = lease.filter(|lease| given(&lease.address)) {
        let mut dns: Vec<IpAddr> = lease.dns.into_iter().filter(given).map(IpAddr::V4).collect();
        dns.dedup();
        return Ok(Some(Addresses {
            own: vec![Network::with_mask(lease.address, lease.mask)],
            // Nobody answers to ARP there: the interface itself is the way.
            gateway: None,
            dns: if dns.is_empty() { details.dns } else { dns },
            mtu: details.mtu,
            from: vec!["the stick"],
            lease: None,
            foreign: false,
        }));
    }
    let own = details.addresses.iter().find(|(a, _)| a.is_ipv4()).copied();
    Ok(own.map(|(address, prefix)| Addresses {
        own: vec![Network { address, prefix: prefix.unwrap_or(32) }],
        gateway: None,
        dns: details.dns,
        mtu: details.mtu,
        from: vec!["the stick"],
        lease: None,
        foreign: false,
    }))
}
