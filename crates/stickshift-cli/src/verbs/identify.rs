//! `stickshift identify`: what a stick is, how sure that is, and which ways lead on.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use stickshift::error::{ErrorKind, Result};
use stickshift::journey::identity;
use stickshift::journey::judging::{self, Finding, Route, Sureness};
use stickshift::mask;
use stickshift::stick::{Mode, Stick};

use crate::context::Context;
use crate::output::Report;
use crate::select;

/// Say what a stick is, how sure that is and why, and which ways lead to other firmware.
///
/// Reads only: the descriptors on the bus, and what the stick says over its AT port or its web server. Identities are masked.
#[derive(Args, Debug)]
pub(crate) struct IdentifyArgs {
    /// The stick: place, ids, tty, serial number or IMEI
    #[arg(value_name = "STICK")]
    stick: Option<String>,
}

pub(crate) fn run(context: &mut Context, args: IdentifyArgs) -> Result<()> {
    let mut bus = context.bus()?;
    let stick = select::stick(&mut *bus, args.stick.as_deref())?;
    let mut session = context.session();
    let said = match identity::ask(&mut *bus, &stick, &mut session) {
        Ok(said) => said,
        Err(e) if e.is(ErrorKind::Interrupted) => return Err(e),
        Err(e) => {
            session.warn("no-identity", format!("the stick does not say what it is: {e}"));
            None
        }
    };
    drop(session);
    let routes =
        judging::routes(&stick, said.as_ref()).into_iter().map(|r| RouteRow::of(r, &stick)).collect();
    context.output.finish(&Identified {
        place: stick.place.to_string(),
        id: stick.id.to_string(),
        imei: said.as_ref().and_then(|s| s.imei.as_deref()).map(mask::identity),
        findings: judging::findings(&stick, said.as_ref()),
        routes,
    });
    Ok(())
}

#[derive(Serialize)]
struct RouteRow {
    #[serde(flatten)]
    route: Route,
    command: String,
}

impl RouteRow {
    fn of(route: Route, stick: &Stick) -> RouteRow {
        let place = &stick.place;
        let command = match route.to {
            "modem" => format!("stickshift switch {place}"),
            "serial" => format!("stickshift switch {place} --to serial"),
            _ if stick.mode == Mode::Download => format!("stickshift flash FIRMWARE {place}"),
            _ => format!("stickshift convert {place} --to stick|hilink --loader LOADER --firmware FIRMWARE"),
        };
        // The doors of the web server are tried on the way of a conversion.
        let command = if route.to == "serial" && stick.mode == Mode::Hilink {
            format!("stickshift hilink mode project --stick {place}")
        } else {
            command
        };
        RouteRow { route, command }
    }
}

#[derive(Serialize)]
struct Identified {
    place: String,
    id: String,
    imei: Option<String>,
    findings: Vec<Finding>,
    routes: Vec<RouteRow>,
}

impl Report for Identified {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}  {}", self.place, self.id)?;
        for finding in &self.findings {
            let sure = match finding.sure {
                Sureness::Certain => "",
                Sureness::Likely => "likely: ",
                Sureness::Unknown => "",
            };
            let value = finding.value.as_deref().unwrap_or("unknown");
            writeln!(out, "  {:<9} {value}  ({sure}{})", finding.about, finding.why)?;
        }
        if let Some(imei) = &self.imei {
            writeln!(out, "  {:<9} {imei}", "imei")?;
        }
        writeln!(out, "ways from here:")?;
        for row in &self.routes {
            let needle = if row.route.needle { ", the case may have to be opened" } else { "" };
            writeln!(out, "  {}: {}{needle}", row.route.to, row.route.way)?;
            writeln!(out, "    risks {}", row.route.risk)?;
            writeln!(out, "    {}", row.command)?;
        }
        Ok(())
    }
}
