//! On the network, or why not.

use std::time::Duration;

use crate::at::At;
use crate::at::network::{self, Domain, RegistrationState};
use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily, Result};
use crate::modem::Modem;
use crate::online::record::StickUndo;
use crate::online::run::{MOST_LOST, Run, is_lost};

/// How long a network is searched for: a cold start in another country takes over a minute.
const LIMIT: Duration = Duration::from_secs(120);

/// How long a denial has to last: the network may deny one technology and take the stick on the next.
const DENIED_FOR: Duration = Duration::from_secs(6);

/// The network that the stick is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Registered {
    pub(super) operator: Option<String>,
    pub(super) roaming: bool,
}

/// How a stick says that it stands with the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) stands: Stands,
    /// In words.
    pub(super) words: &'static str,
    /// The network's cause for a denial (3GPP TS 24.008, TS 24.301).
    pub(super) cause: Option<u16>,
}

/// What of it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Home,
    Roaming,
    Denied,
    /// Not yet.
    Outside,
}

/// Waits until a network has the stick: the same for every way in. `ask` says how it stands now.
///
/// # Errors
/// `NotRegistered` when it is denied, or when no network is found in time; what `ask` reports; `Interrupted`.
pub(super) fn await_network(
    run: &mut Run<'_, '_>,
    modem: &mut Modem<'_>,
    mut ask: impl FnMut(&mut Modem<'_>) -> Result<Heard>,
) -> Result<Heard> {
    let end = modem.now() + LIMIT;
    let (mut denied_since, mut told, mut lost) = (None, None, 0);
    loop {
        let heard = match ask(modem) {
            Err(e) if is_lost(&e) && lost < MOST_LOST => {
                lost += 1;
                run.session.check()?;
                continue;
            }
            other => other?,
        };
        lost = 0;
        if told != Some(heard.words) {
            run.session.note("registration", heard.words);
            told = Some(heard.words);
        }
        match heard.stands {
            Stands::Home | Stands::Roaming => return Ok(heard),
            Stands::Denied => {
                let since = *denied_since.get_or_insert(modem.now());
                if modem.now() >= since + DENIED_FOR {
                    return Err(denied(run, heard.cause));
                }
            }
            Stands::Outside => denied_since = None,
        }
        if modem.now() >= end {
            let what = format!("the stick found no network within {} s", LIMIT.as_secs());
            return Err(run.fails(ErrorKind::NotRegistered, what).with("registration", heard.words));
        }
        run.session.check()?;
        modem.sleep(Duration::from_secs(1));
    }
}

/// Says which network it is.
pub(super) fn found(run: &mut Run<'_, '_>, operator: Option<String>, heard: &Heard) -> Registered {
    let roaming = heard.stands == Stands::Roaming;
    let on = operator.as_deref().unwrap_or("a network that it does not name");
    let how = if roaming { ", roaming: this may cost more" } else { "" };
    run.session.note("registration", format!("registered with {on}{how}"));
    Registered { operator, roaming }
}

/// Waits until the stick is registered, over AT.
///
/// # Errors
/// As [`await_network`]; `NotRegistered` when roaming is off in the stick; `AtRefused`, `Disconnected`.
pub(super) fn over_at(run: &mut Run<'_, '_>, modem: &mut Modem<'_>) -> Result<Registered> {
    radio_on(run, modem)?;
    allow_roaming(run, modem)?;
    let mut tells_causes = false;
    let heard = await_network(run, modem, |modem| {
        let Some(at) = modem.at() else { return Ok(said(RegistrationState::Unknown, None)) };
        let heard = ask(at)?;
        // Most sticks are registered already; the others are to say why they are not.
        if tells_causes || matches!(heard.stands, Stands::Home | Stands::Roaming) {
            return Ok(heard);
        }
        tells_causes = true;
        for domain in [Domain::Lte, Domain::Packet] {
            at.run_if_known(&network::tell_causes(domain))?;
        }
        ask(at)
    })?;
    let operator = match modem.at() {
        Some(at) => {
            let operator = run.told("the operator's name", at.run_if_known(&network::operator()))?;
            operator.and_then(|operator| operator.name)
        }
        None => None,
    };
    if heard.stands == Stands::Roaming && !may_roam(run, modem)? {
        return Err(roaming_off(run, None));
    }
    Ok(found(run, operator, &heard))
}

/// Whether the stick takes data in other operators' networks. Asks again where it was to be switched on: a first answer may have been lost.
pub(super) fn may_roam(run: &mut Run<'_, '_>, modem: &mut Modem<'_>) -> Result<bool> {
    allow_roaming(run, modem)?;
    Ok(modem.radio().ok().and_then(|radio| radio.roaming) != Some(false))
}

/// The stick's roaming flag is off, and it is abroad.
/// `elsewhere`: how it is switched on, where that cannot be done here.
pub(super) fn roaming_off(run: &Run<'_, '_>, elsewhere: Option<&'static str>) -> Error {
    let what = "the stick is in another operator's network, and its own setting allows no data there";
    let error = run.fails(ErrorKind::NotRegistered, what).detail(Detail::RoamingOff);
    if let Some(next) = elsewhere {
        return error.detail(Detail::NextStep(next));
    }
    if !run.wanted.roaming {
        return error;
    }
    let next = "--roaming was given, and the stick's setting did not change: switch it on by `stickshift network set --roaming on` or on the stick's own page, and run again";
    error.detail(Detail::NextStep(next))
}

fn denied(run: &Run<'_, '_>, cause: Option<u16>) -> Error {
    let error = run.fails(ErrorKind::NotRegistered, "the network denies the registration");
    match cause {
        Some(code) => error
            .with("cause-number", code)
            .detail(Detail::Refusal(Refusal { family: RefusalFamily::Registration, code: code.into() })),
        None => error.detail(Detail::RegistrationDenied),
    }
}

/// Turns the radio on where it is off.
fn radio_on(run: &mut Run<'_, '_>, modem: &mut Modem<'_>) -> Result<()> {
    let Some(at) = modem.at() else { return Ok(()) };
    let state = run.told("whether the radio is on", at.run_if_known(&network::radio_state()))?;
    let Some(state) = state else { return Ok(()) };
    // 0 minimum, 4 no radio, 7 offline.
    if matches!(state, 0 | 4 | 7) {
        run.session.note("registration", format!("the radio was off (AT+CFUN: {state}); it is turned on"));
        run.note(StickUndo::Radio { on: false })?;
        at.run(&network::set_radio(true))?;
    }
    Ok(())
}

/// Switches roaming on in the stick where that was asked for.
pub(super) fn allow_roaming(run: &mut Run<'_, '_>, modem: &mut Modem<'_>) -> Result<()> {
    if !run.wanted.roaming {
        return Ok(());
    }
    let now = match modem.radio() {
        Ok(now) => now,
        Err(e) if e.is(ErrorKind::Disconnected) || e.is(ErrorKind::Interrupted) => return Err(e),
        Err(e) => {
            let text = format!("whether the stick allows roaming is not known, and it is left as it is: {e}");
            run.session.warn("registration", text);
            return Ok(());
        }
    };
    if now.roaming.is_none() {
        let text = "the stick does not tell whether it allows roaming; it is left as it is";
        run.session.warn("registration", text.to_owned());
    }
    if now.roaming == Some(false) {
        let by_web = modem.web().is_some();
        run.note(if by_web {
            StickUndo::WebRoaming { on: false }
        } else {
            StickUndo::Roaming { on: false }
        })?;
        let wanted = now.clone().with_roaming(true);
        modem.set_radio(&now, &wanted)?;
        run.session.note("registration", "roaming was off in the stick; it is on now");
    }
    Ok(())
}

/// The best of the domains that carry data; the circuit one counts where the stick knows no other.
fn ask(at: &mut At<'_>) -> Result<Heard> {
    let mut best: Option<(RegistrationState, Option<u16>)> = None;
    for domain in [Domain::Lte, Domain::Packet, Domain::Nr, Domain::Circuit] {
        if domain == Domain::Circuit && best.is_some() {
            break;
        }
        let Some(told) = at.run_if_known(&network::registration(domain))? else { continue };
        if best.is_none_or(|(best, _)| rank(told.state) > rank(best)) {
            best = Some((told.state, told.cause));
        }
        if told.state == RegistrationState::Home {
            break;
        }
        if domain == Domain::Packet && best.is_some_and(|(best, _)| best == RegistrationState::Roaming) {
            break;
        }
    }
    let (state, cause) = best.unwrap_or((RegistrationState::Unknown, None));
    Ok(said(state, cause))
}

fn said(state: RegistrationState, cause: Option<u16>) -> Heard {
    let stands = match state {
        RegistrationState::Home => Stands::Home,
        RegistrationState::Roaming => Stands::Roaming,
        RegistrationState::Denied => Stands::Denied,
        RegistrationState::Searching
        | RegistrationState::Unknown
        | RegistrationState::Idle
        | RegistrationState::Messages
        | RegistrationState::Emergency
        | RegistrationState::Local => Stands::Outside,
    };
    Heard { stands, words: words(state), cause }
}

fn rank(state: RegistrationState) -> u8 {
    match state {
        RegistrationState::Home => 7,
        RegistrationState::Roaming => 6,
        RegistrationState::Searching => 5,
        RegistrationState::Denied => 4,
        RegistrationState::Messages => 3,
        RegistrationState::Emergency | RegistrationState::Local => 2,
        RegistrationState::Unknown => 1,
        RegistrationState::Idle => 0,
    }
}

fn words(state: RegistrationState) -> &'static str {
    match state {
        RegistrationState::Home => "registered",
        RegistrationState::Roaming => "registered, roaming",
        RegistrationState::Searching => "searching for a network",
        RegistrationState::Denied => "the network denies it",
        RegistrationState::Unknown => "the stick does not know",
        RegistrationState::Idle => "not registered, and not searching",
        RegistrationState::Messages => "registered for messages only",
        RegistrationState::Emergency => "on a network for emergency calls only",
        RegistrationState::Local => "on a network for local services only",
    }
}
