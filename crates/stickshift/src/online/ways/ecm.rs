//! Network cards of other makers: ECM, RNDIS, NCM. Many dial by themselves, so that is looked at first; the others are told to by AT.

use crate::at::data::{self, PdpType};
use crate::error::{ErrorKind, Result};
use crate::modem::Modem;
use crate::online::apn::{Apn, ApnSource};
use crate::online::computer::Card;
use crate::online::reach;
use crate::online::record::StickUndo;
use crate::online::registration::Registered;
use crate::online::run::{Run, twice};
use crate::online::settle::{self, Addresses};
use crate::online::up::Access;
use crate::online::wanted::own_choice;
use crate::online::ways::{Bearer, Kind, Way, interface_of, ncm, prelude};

pub(super) fn up(run: &mut Run<'_, '_>, access: &mut Access<'_>) -> Result<Bearer> {
    let card = run.card(interface_of(&run.stick, Kind::Card))?.card;
    run.session.step("address", "address from the network card");
    let mark = run.mark();
    if let Some((addresses, answered, metric)) = settle_down(run, &card)? {
        if answered.is_some() || run.stick.ports().next().is_none() {
            let asked = [
                (run.wanted.apn.is_some(), "--apn"),
                (run.wanted.user.is_some(), "--user"),
                (run.wanted.authentication.is_some(), "--auth"),
                (run.wanted.roaming, "--roaming"),
            ];
            if let Some((_, option)) = asked.into_iter().find(|(is_asked_for, _)| *is_asked_for) {
                return Err(own_choice(option));
            }
            let apn = Apn {
                name: String::new(),
                user: String::new(),
                password: String::new(),
                authentication: None,
                source: ApnSource::Stick,
            };
            run.session.note("bearer", "the stick dials by itself");
            let registered = Registered::default();
            return Ok(Bearer { way: Way::Ecm, card, apn, registered, addresses, answered, metric });
        }
        run.session.note("address", "there is an address, and nothing answers: the stick is told to dial");
        run.back_to(mark)?;
    } else if run.stick.ports().next().is_none() {
        return Err(run
            .fails(ErrorKind::NoAddress, "the network card gives no address, and the stick has no AT port"));
    }
    let mut port = access.open_at(run)?;
    let mut modem = Modem::over_at(&mut *port, run.session.cancel())?;
    let (registered, mut apn) = prelude(run, &mut modem, access)?;
    run.session.step("bearer", format!("data connection, {}", apn.words()));
    dial(run, &mut modem, &mut apn)?;
    run.session.step("address", "address");
    match settle_down(run, &card)? {
        Some((addresses, answered, metric)) => {
            Ok(Bearer { way: Way::Ecm, card, apn, registered, addresses, answered, metric })
        }
        None => {
            Err(run.fails(ErrorKind::NoAddress, "the connection stands, and nobody gives an address for it"))
        }
    }
}

/// Tells the stick to dial: by `^NDISDUP` where it has that, else by the standard's `+CGACT`.
fn dial(run: &mut Run<'_, '_>, modem: &mut Modem<'_>, apn: &mut Apn) -> Result<()> {
    let Some(at) = modem.at() else { return Ok(()) };
    if twice(|| at.run_if_known(&data::dials_for_network()))?.is_some() {
        return ncm::dial(run, at, apn).map(|_| ());
    }
    let before = ncm::found(at)?;
    run.note(StickUndo::HangUp { context: ncm::CONTEXT })?;
    run.note(before)?;
    let kind = run.wanted.ip.unwrap_or(PdpType::V4);
    at.run(&data::define_context(ncm::CONTEXT, kind, &apn.name)?)?;
    at.run(&data::activate(ncm::CONTEXT)).map_err(|e| match e.refusal() {
        _ if !e.is(ErrorKind::AtRefused) => e,
        Some(by) => run
            .fails(ErrorKind::NetworkRefused, "the network does not take the data connection")
            .detail(crate::error::Detail::Refusal(by)),
        None => run.fails(ErrorKind::NetworkRefused, "the stick refuses to dial").because(e),
    })
}

type Settled = (Addresses, Option<String>, Option<u32>);

fn settle_down(run: &mut Run<'_, '_>, card: &Card) -> Result<Option<Settled>> {
    let addresses = match settle::by_owner(run, card)? {
        Some(addresses) => Some(addresses),
        None => {
            settle::prepare_ipv6(run, card)?;
            settle::by_dhcp(run, card)?
        }
    };
    let Some(mut addresses) = addresses else { return Ok(None) };
    let wants_v6 = run.wanted.ip != Some(PdpType::V4) && !addresses.foreign;
    if wants_v6 {
        settle::by_ipv6(run, card, &mut addresses)?;
    }
    settle::address(run, card, &addresses)?;
    let metric = settle::route(run, card, &addresses)?;
    let answered = reach::first_answer(run, card, &reach::servers(&addresses))?;
    Ok(Some((addresses, answered, metric)))
}
