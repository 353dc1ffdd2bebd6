//! `status`: how a stick and the computer stand, without changing anything.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::error::Result;
use crate::online::apn::recorded;
use crate::online::computer::{Card, Computer, Network};
use crate::online::run::still_there;
use crate::online::sim::PIN_REFUSED;
use crate::online::{reach, table_of, up, words};
use crate::stick::Place;

/// How a connection stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Status {
    /// The stick's place.
    pub place: String,
    /// Whether something answers through it.
    pub online: bool,
    /// `ncm`; none where nothing was recorded.
    pub way: Option<String>,
    /// Who keeps it online, or that whoever did is gone; none where nobody was to.
    pub keeper: Option<String>,
    /// The network interface.
    pub interface: Option<String>,
    /// The access point name; empty for the network's own, none where it is not known.
    pub apn: Option<String>,
    /// The interface's addresses now.
    pub addresses: Vec<String>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Its routing table.
    pub table: u32,
    /// Metric of its default route; none without one.
    pub metric: Option<u32>,
    /// Bytes received since the interface appeared.
    pub received: Option<u64>,
    /// Bytes sent.
    pub sent: Option<u64>,
    /// Who answers.
    pub answers: Option<String>,
    /// What of the stick and the computer is not as it was found.
    pub changed: Vec<String>,
}

/// How the stick at `place` stands, by the record and by asking through its interface. Nothing is sent to the stick itself.
///
/// # Errors
/// What the computer reports.
pub fn status(place: &Place, computer: &mut dyn Computer) -> Result<Status> {
    let mut status =
        Status { place: place.to_string(), table: table_of(place.as_str()), ..Status::default() };
    status.keeper = computer.keeper(place).map(|(pid, runs)| match runs {
        true => format!("process {pid}"),
        false => format!("nobody: process {pid} is gone; `down` takes back what it changed"),
    });
    let Some(record) = computer.recall(place)? else { return Ok(status) };
    let boot = computer.boot();
    status.changed = up::on_stick_now(&record);
    if record.way == PIN_REFUSED {
        status
            .changed
            .push("a PIN that was refused is remembered: it is not tried again before `down`".into());
    }
    status
        .changed
        .extend(still_there(&record, &boot).iter().map(|back| format!("computer: `down` does: {back}")));
    status.apn = recorded(&record);
    status.way = Some(record.way).filter(|way| way != PIN_REFUSED);
    status.dns = words(&record.dns);
    // After a restart of the computer, an interface of this name and number is another one.
    let Some(card) = record.card.filter(|_| record.boot == boot) else { return Ok(status) };
    status.interface = Some(card.name.clone());
    if let Some(state) = computer.card(&card)? {
        status.addresses = state.addresses.iter().map(Network::to_string).collect();
        (status.received, status.sent) = (Some(state.bytes.0), Some(state.bytes.1));
        status.metric = computer.default_routes()?.iter().find(|r| r.card == card).map(|r| r.metric);
        status.answers = answers(computer, &card, &record.dns)?;
        status.online = status.answers.is_some();
    }
    Ok(status)
}

/// Who answers through an interface, in words.
pub(super) fn answers(computer: &mut dyn Computer, card: &Card, dns: &[IpAddr]) -> Result<Option<String>> {
    for server in dns {
        let answered = reach::answers(computer, card, *server, Duration::from_secs(3))?;
        if answered.is_some() {
            return Ok(answered);
        }
    }
    Ok(None)
}
