//! HiLink firmware: its own router dials; the computer gets an address from the stick's DHCP. docs/protocols/hilink-at.md section 1.7, docs/online.md.

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::modem::{ConnectionStatus, Modem};
use crate::online::apn::{Apn, ApnSource};
use crate::online::record::StickUndo;
use crate::online::registration::{self, Heard, Registered, Stands, roaming_off};
use crate::online::run::{Run, twice};
use crate::online::settle::{self, Addresses};
use crate::online::up::Access;
use crate::online::ways::{Bearer, Kind, Way, interface_of, prelude};

pub(super) fn up(run: &mut Run<'_, '_>, access: &mut Access<'_>) -> Result<Bearer> {
    let card = run.card(interface_of(&run.stick, Kind::Card))?.card;
    // The web server is behind the network card: that comes first.
    run.session.step("address", "address from the stick's own router");
    let addresses = local_address(run, &card)?;
    settle::address(run, &card, &addresses)?;
    let metric = settle::route(run, &card, &addresses)?;

    let place = run.stick.place.clone();
    let mut link = run.bus.open_http(&place)?;
    let mut modem = Modem::over_web(&mut *link, access.login.as_ref(), run.session.cancel())?;
    let (registered, apn) = prelude(run, &mut modem, access)?;
    bearer(run, &mut modem)?;
    Ok(Bearer { way: Way::Hilink, card, apn, registered, addresses, answered: None, metric })
}

/// Has the web server reached again where the interface lost its address, by a replug or a restart; that goes with the record.
pub(in crate::online) fn reach(run: &mut Run<'_, '_>) -> Result<()> {
    let state = run.card(interface_of(&run.stick, Kind::Card))?;
    if state.up && state.addresses.iter().any(|n| n.address.is_ipv4()) {
        return Ok(());
    }
    let addresses = local_address(run, &state.card)?;
    settle::address(run, &state.card, &addresses)?;
    settle::route(run, &state.card, &addresses).map(|_| ())
}

fn local_address(run: &mut Run<'_, '_>, card: &crate::online::computer::Card) -> Result<Addresses> {
    if let Some(addresses) = settle::by_owner(run, card)? {
        return Ok(addresses);
    }
    settle::by_dhcp(run, card)?
        .ok_or_else(|| run.fails(ErrorKind::NoAddress, "the stick's own DHCP server does not answer"))
}

/// Waits until a network has the stick. Its own words say why not.
pub(super) fn register(run: &mut Run<'_, '_>, modem: &mut Modem<'_>) -> Result<Registered> {
    registration::allow_roaming(run, modem)?;
    let mut operator = None;
    let heard = registration::await_network(run, modem, |modem| {
        let status = modem.connection()?;
        let stands = match (is_registered(&status), status.roaming == Some(true)) {
            (true, true) => Stands::Roaming,
            (true, false) => Stands::Home,
            (false, _) => Stands::Outside,
        };
        operator = status.operator;
        Ok(Heard { stands, words: status.registration.unwrap_or("the stick does not tell"), cause: None })
    })?;
    if heard.stands == Stands::Roaming && !registration::may_roam(run, modem)? {
        return Err(roaming_off(run, None));
    }
    Ok(registration::found(run, operator, &heard))
}

/// Some tell nothing of their registration: then the connection itself shows it.
fn is_registered(status: &ConnectionStatus) -> bool {
    match status.registration {
        Some(words) => words.starts_with("registered"),
        None => true,
    }
}

/// The profile that it dials with: the one of the access point that was asked for. That of the settings is for sticks that are dialled from
/// here: what the owner chose on this stick's own page stays.
pub(super) fn profile(run: &mut Run<'_, '_>, modem: &mut Modem<'_>) -> Result<Apn> {
    let of = |name: String, source| Apn {
        name,
        user: String::new(),
        password: String::new(),
        authentication: None,
        source,
    };
    let profiles = match (modem.dial_profiles(), &run.wanted.apn) {
        (Ok(profiles), _) => profiles,
        // Nothing was asked for, and a login hides them.
        (Err(e), None) if !e.is(ErrorKind::Disconnected) && !e.is(ErrorKind::Interrupted) => {
            run.session.note("apn", format!("the stick does not tell its profiles: {e}"));
            return Ok(of(String::new(), ApnSource::Untold));
        }
        (Err(e), _) => return Err(e),
    };
    let current = profiles.profiles.iter().find(|p| p.index == profiles.current);
    let Some(wanted) = &run.wanted.apn else {
        if let (Some(usual), Some(current)) = (&run.wanted.usual_apn, current)
            && *usual != current.apn
        {
            let text = format!(
                "the stick keeps the profile {} of its own page; the access point {usual} of the settings is for sticks that are \
                 dialled from here",
                current.name
            );
            run.session.note("apn", text);
        }
        return Ok(match current {
            Some(current) => of(current.apn.clone(), ApnSource::Profile(current.name.clone())),
            None => of(String::new(), ApnSource::Untold),
        });
    };
    if current.is_some_and(|p| p.apn == *wanted) {
        return Ok(of(wanted.clone(), ApnSource::Given));
    }
    let Some(with) = profiles.profiles.iter().find(|p| p.apn == *wanted) else {
        let all: Vec<&str> = profiles.profiles.iter().map(|p| p.apn.as_str()).collect();
        let what = "no profile of the stick's own page has this access point";
        let next = "make a profile with it on the stick's own page first, or leave the access point out: then the stick dials with the one it has";
        let error = run.fails(ErrorKind::Unsupported, what).with("profiles", all.join(", "));
        return Err(error.detail(Detail::NextStep(next)));
    };
    run.note(StickUndo::Profile { index: profiles.current })?;
    modem.use_dial_profile(with.index)?;
    let before = current.map_or("none", |p| p.name.as_str());
    run.session.note("apn", format!("the stick dials with its profile {}; it was {before}", with.name));
    Ok(of(wanted.clone(), ApnSource::Given))
}

/// Data on, and connected.
fn bearer(run: &mut Run<'_, '_>, modem: &mut Modem<'_>) -> Result<()> {
    run.session.step("bearer", "data connection of the stick's own router");
    let before = twice(|| modem.connection())?;
    if before.connection_code == Some(CONNECTED) {
        run.session.note("bearer", format!("it is connected: {}", before.connection));
        return Ok(());
    }
    if before.data == Some(false) || before.data.is_none() {
        run.note(StickUndo::DataSwitch { on: false })?;
        modem.set_data(true)?;
    } else if before.connection_code == Some(DISCONNECTED) {
        // The switch is on, and the stick did not dial: what kept it from that was changed here, or it waits to be told.
        run.session.note("bearer", "data is on in the stick, and it is not connected: it is told to dial");
        run.note(StickUndo::HangUp { context: 0 })?;
        modem.set_data(true)?;
    }
    match modem.await_connection(true) {
        Ok(Some(status)) => {
            run.session.note("bearer", status.connection);
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(e) if e.is(ErrorKind::HilinkRefused) || e.is(ErrorKind::Timeout) => Err(refused(run, modem, e)),
        Err(e) => Err(e),
    }
}

/// The firmware's numbers for a connection that stands, and for none.
const CONNECTED: u16 = 901;
const DISCONNECTED: u16 = 902;

fn refused(run: &Run<'_, '_>, modem: &mut Modem<'_>, error: Error) -> Error {
    let words = modem.connection().map(|status| status.connection).unwrap_or_default();
    let refused = run.fails(ErrorKind::NetworkRefused, "the stick's data connection does not come up");
    let refused = refused.with("connection", words);
    // What is not explained by its number is told by the error itself.
    match error.refusal() {
        Some(by) if error.meaning().is_some() => refused.detail(Detail::Refusal(by)),
        _ => refused.because(error),
    }
}
