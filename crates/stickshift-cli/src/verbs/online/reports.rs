//! What `stickshift online` reports.

use std::io::{self, Write};

use serde::Serialize;
use stickshift::online::{Connection, Status, Taken};

use crate::output::Report;
use crate::verbs::online::apn;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Connected(pub(super) Connection);

impl Report for Connected {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let c = &self.0;
        writeln!(out, "online over {} on {}", c.way, c.interface)?;
        let roaming = if c.roaming { ", roaming" } else { "" };
        if let Some(operator) = &c.operator {
            writeln!(out, "network       {operator}{roaming}")?;
        }
        let apn = apn::words(c.apn.as_deref());
        writeln!(out, "access point  {apn} ({})", c.apn_from)?;
        let from = match &c.address_from[..] {
            [] => String::new(),
            from => format!(" (from {})", from.join(", ")),
        };
        writeln!(out, "address       {}{from}", c.addresses.join(", "))?;
        if let Some(gateway) = &c.gateway {
            writeln!(out, "router        {gateway}")?;
        }
        writeln!(out, "name servers  {}", c.dns.join(", "))?;
        match c.metric {
            Some(metric) => {
                writeln!(out, "route         default with metric {metric}, own table {}", c.table)?
            }
            None => writeln!(out, "route         own table {}, no default route", c.table)?,
        }
        match c.passes {
            Some(passes) => {
                writeln!(out, "MTU           {passes} of the {} that {} takes", c.mtu, c.interface)?
            }
            None => writeln!(out, "MTU           {}", c.mtu)?,
        }
        writeln!(out, "answers       {}", c.reaches.join(", "))?;
        c.changed.iter().try_for_each(|line| writeln!(out, "changed       {line}"))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Down(pub(super) Taken);

impl Report for Down {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.0.was_online && self.0.stick.is_empty() {
            return writeln!(out, "nothing to take back: no connection is recorded for {}", self.0.place);
        }
        self.0.computer.iter().try_for_each(|line| writeln!(out, "computer  {line}"))?;
        self.0.stick.iter().try_for_each(|line| writeln!(out, "stick     {line}"))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Stands(pub(super) Status);

/// How the connections of several sticks stand.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct AllStand {
    pub(super) sticks: Vec<Stands>,
}

impl Report for AllStand {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.sticks.iter().try_for_each(|stick| stick.text(out))
    }
}

impl Report for Stands {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let s = &self.0;
        let Some(way) = &s.way else {
            writeln!(out, "{}: no connection is recorded", s.place)?;
            kept_by(s, out)?;
            return s.changed.iter().try_for_each(|line| writeln!(out, "changed       {line}"));
        };
        let state = if s.online { "online" } else { "not online" };
        writeln!(
            out,
            "{}: {state} over {way} on {}",
            s.place,
            s.interface.as_deref().unwrap_or("no interface")
        )?;
        kept_by(s, out)?;
        writeln!(out, "address       {}", s.addresses.join(", "))?;
        writeln!(out, "name servers  {}", s.dns.join(", "))?;
        if let (Some(received), Some(sent)) = (s.received, s.sent) {
            writeln!(out, "traffic       {received} bytes received, {sent} sent")?;
        }
        writeln!(out, "answers       {}", s.answers.as_deref().unwrap_or("nothing"))?;
        s.changed.iter().try_for_each(|line| writeln!(out, "changed       {line}"))
    }
}

fn kept_by(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    status.keeper.iter().try_for_each(|keeper| writeln!(out, "kept by       {keeper}"))
}
