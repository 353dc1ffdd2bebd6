//! `stickshift identify`: model and firmware of a stick, with confidence and evidence, and what can be done next.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use stickshift::error::{ErrorKind, Result};
use stickshift::mask;
use stickshift::modem::assessment::{self, BootPin, Finding, Route, Sureness, Work};
use stickshift::modem::identity::{self, Identity};
use stickshift::profile::{Attributes, Catalogue};
use stickshift::stick::{Mode, Stick, UsbId, is_huawei_design};

use crate::context::Context;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::select::{OTHER_PAGE, port_place};
use crate::stick_word;
use crate::way_in::{LoginArgs, PortArgs, WebArgs};

/// Identify a stick: model, firmware, confidence and evidence, and what you can do next.
///
/// Read-only: uses the USB descriptors and queries the AT port or the web API.
#[derive(Args, Debug)]
pub(crate) struct IdentifyArgs {
    #[arg(long, value_name = "STICK", conflicts_with_all = ["port", "url"], help = stick_word::HELP)]
    stick: Option<String>,

    /// Query only this port
    #[arg(long, value_name = "TTY", conflicts_with = "url")]
    port: Option<PathBuf>,

    /// Query only this web interface
    #[arg(long, value_name = "http://HOST[:PORT]/")]
    url: Option<String>,

    #[command(flatten)]
    login: LoginArgs,

    /// Show serial number and IMEI in full
    #[arg(long)]
    unmasked: bool,
}

pub(crate) fn run(context: &mut Context, args: IdentifyArgs) -> Result<()> {
    let web = WebArgs { url: args.url, login: args.login };
    let (stick, said) = if web.url.is_some() {
        let mut link = web.open(context, None)?;
        let said = web.modem(context, &mut *link)?.identity()?;
        (None, Some(said))
    } else if args.port.is_some() {
        let mut port = PortArgs { stick: None, port: args.port }.open(context)?;
        (None, Some(port.modem(context)?.identity()?))
    } else {
        let mut bus = context.bus()?;
        let stick = context.stick(&mut *bus, args.stick.as_deref())?;
        let said = ask(context, &web.login, &mut *bus, &stick)?;
        (Some(stick), said)
    };
    context.output.outcome_is(Outcome::Untouched);
    let mut identified = Identified::new(stick.as_ref(), said.as_ref(), args.unmasked);
    if let Some(stick) = &stick {
        let imei = said.as_ref().and_then(|said| said.imei.as_deref());
        identified.called = context.name_of(stick, imei);
        identified.name_by_profile(stick, &context.catalogue());
    }
    context.output.finish(&identified);
    if said.is_some_and(|said| said.withheld) {
        context.output.say("its web page says more after a login: run again with --user admin");
    }
    Ok(())
}

/// A stick as `identify` shows it, masked; asks it.
pub(crate) fn text_of(context: &Context, bus: &mut dyn stickshift::link::Bus, stick: &Stick) -> String {
    let said = identity::ask(bus, stick, None, &mut context.session());
    let trouble = said.as_ref().err().map(|error| format!("  it did not identify itself: {error}\n"));
    let mut identified = Identified::new(Some(stick), said.ok().flatten().as_ref(), false);
    identified.name_by_profile(stick, &context.catalogue());
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = identified.text(&mut text);
    trouble.unwrap_or_default() + &String::from_utf8_lossy(&text)
}

/// What the stick says; nothing, with a warning, where it does not answer.
fn ask(
    context: &Context,
    login: &LoginArgs,
    bus: &mut dyn stickshift::link::Bus,
    stick: &Stick,
) -> Result<Option<Identity>> {
    let login = if stick.mode == Mode::Hilink { login.login()? } else { None };
    match identity::ask(bus, stick, login.as_ref(), &mut context.session()) {
        Err(e) if !e.is(ErrorKind::Interrupted) && !e.is(ErrorKind::LoginRefused) => {
            context.session().warn("no-identity", format!("the stick did not identify itself: {e}"));
            Ok(None)
        }
        other => other,
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RouteRow {
    #[serde(flatten)]
    route: Route,
    command: String,
}

impl RouteRow {
    fn of(route: Route, place: &str) -> RouteRow {
        // Either kind can be written; what most come for is the plain modem.
        let to = if route.to == "firmware" { "stick" } else { route.to };
        let command = match route.by {
            Work::Switch | Work::ReplugAndSwitch if route.to == "modem" => {
                format!("stickshift switch {place}")
            }
            Work::Switch | Work::ReplugAndSwitch => format!("stickshift switch {place} --to {to}"),
            Work::Flash => format!("stickshift flash FIRMWARE {place}"),
            Work::Convert => {
                format!("stickshift convert {place} --to {to} --loader LOADER --firmware FIRMWARE")
            }
        };
        RouteRow { route, command }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Identified {
    place: Option<String>,
    id: Option<String>,
    /// What the settings call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    called: Option<String>,
    serial: Option<String>,
    imei: Option<String>,
    findings: Vec<Finding>,
    /// What would tell more.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    routes: Vec<RouteRow>,
    /// Whether it said anything of itself beyond its descriptors, or has nothing to say that is understood here.
    #[serde(skip)]
    has_said: bool,
    /// What it can be used for in its present mode.
    #[serde(skip)]
    serves: &'static str,
    /// It is a network card of another maker than Huawei, and was not heard to speak Huawei's API.
    #[serde(skip)]
    has_other_page: bool,
}

impl Identified {
    /// A stick that nobody could ask is named by its switching profile, as `list` names it.
    fn name_by_profile(&mut self, stick: &Stick, catalogue: &Catalogue) {
        let Some(model) = self.findings.iter_mut().find(|f| f.about == "model" && f.value.is_none()) else {
            return;
        };
        let attributes = Attributes {
            scsi: None,
            manufacturer: stick.manufacturer.clone(),
            product: stick.product.clone(),
            serial: stick.serial.clone(),
        };
        let chosen = catalogue.choose(stick.id, &attributes).chosen;
        let Some(name) = chosen.map(|c| c.entry.name).filter(|name| !name.is_empty()) else { return };
        *model = Finding {
            about: "model",
            value: Some(name),
            sure: Sureness::Likely,
            why: format!("the name of the switching profile for {}", stick.id),
        };
    }

    fn new(stick: Option<&Stick>, said: Option<&Identity>, unmasked: bool) -> Identified {
        let shown = |text: &String| if unmasked { text.clone() } else { mask::identity(text) };
        // Without the bus, the kind of link tells the mode.
        let reached = match said {
            Some(said) if said.kind == Some("hilink") => Mode::Hilink,
            // A web server that does not say that it is a stick's proves no way to anything.
            Some(said) if said.class.is_some() || said.withheld => Mode::Unknown,
            _ => Mode::Modem,
        };
        let assumed = Stick { mode: reached, ..Stick::new(port_place(), UsbId::new(0, 0)) };
        let has_other_page = said.and_then(|said| said.kind) != Some("hilink")
            && stick.is_some_and(|s| s.mode == Mode::Hilink && !is_huawei_design(s.id.vendor));
        #[cfg(feature = "pasted")]
        let waits = stick
            .is_some_and(stickshift::stick::waits_for_chip_firmware)
            .then_some(crate::select::CHIP_DOWNLOAD);
        #[cfg(not(feature = "pasted"))]
        let waits: Option<&str> = None;
        let mut findings = assessment::findings(stick, said);
        for value in findings.iter_mut().filter_map(|finding| finding.value.as_mut()).filter(|_| !unmasked) {
            *value = mask::name(value);
        }
        let place = stick.map(|stick| stick.place.to_string());
        let routes = assessment::routes(stick.unwrap_or(&assumed), said).into_iter();
        let name = place.as_deref().unwrap_or("STICK");
        Identified {
            id: stick.map(|stick| stick.id.to_string()),
            serial: said.and_then(|said| said.serial.as_ref()).map(shown),
            imei: said.and_then(|said| said.imei.as_ref()).map(shown),
            called: None,
            has_said: said.is_some() || has_other_page || waits.is_some(),
            findings,
            hint: said
                .is_some_and(|said| said.withheld)
                .then_some("its web server tells the rest after a login: add --user admin (or another user)")
                .or(waits),
            routes: routes.map(|route| RouteRow::of(route, name)).collect(),
            has_other_page,
            serves: match stick {
                Some(stick) => serves(goes_online(stick), talks(stick)),
                // `online` takes no port and no address.
                None => serves(false, reached != Mode::Unknown),
            },
            place,
        }
    }
}

impl Report for Identified {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if let (Some(place), Some(id)) = (&self.place, &self.id) {
            let called = self.called.as_ref().map(|called| format!("  {called}")).unwrap_or_default();
            writeln!(out, "{place}  {id}{called}")?;
        }
        for finding in self.findings.iter().filter(|finding| finding.value.is_some()) {
            let sure = if finding.sure == Sureness::Likely { "likely: " } else { "" };
            let value = finding.value.as_deref().unwrap_or("unknown");
            writeln!(out, "  {:<9} {value}  ({sure}{})", finding.about, finding.why)?;
        }
        for (about, value) in [("serial", &self.serial), ("imei", &self.imei)] {
            if let Some(value) = value {
                writeln!(out, "  {about:<9} {value}")?;
            }
        }
        let unknown = || self.findings.iter().filter(|finding| finding.value.is_none());
        for (index, first) in unknown().enumerate() {
            if unknown().take(index).any(|earlier| earlier.why == first.why) {
                continue;
            }
            let alike: Vec<&str> = unknown().filter(|f| f.why == first.why).map(|f| f.about).collect();
            writeln!(out, "  unknown   {}  ({})", alike.join(", "), first.why)?;
        }
        if let Some(hint) = self.hint {
            writeln!(out, "  note      {hint}")?;
        }
        writeln!(out, "what you can do next:")?;
        for row in &self.routes {
            let case = match row.route.boot_pin {
                BootPin::No => "",
                BootPin::IfRefused => "; the case may have to be opened",
                BootPin::Yes => "; the case has to be opened",
            };
            let before =
                if row.route.by == Work::ReplugAndSwitch { "pull it out, plug it in, then " } else { "" };
            writeln!(out, "  {}: {}{case}", row.route.to, row.route.way)?;
            if let Some(gives) = gives(row.route.to) {
                writeln!(out, "    gives: {gives}")?;
            }
            writeln!(out, "    risk: {}", row.route.risk)?;
            writeln!(out, "    {before}{}", row.command)?;
            if row.route.to == "firmware" {
                writeln!(out, "    with --to hilink for HiLink firmware")?;
            }
        }
        if self.routes.is_empty() {
            let until = if self.has_said { "" } else { " until it says what it is" };
            writeln!(out, "  no way to another mode or to other firmware is known{until}")?;
        }
        if self.has_other_page {
            return writeln!(out, "  in this mode it serves `stickshift online`; to set it up, {OTHER_PAGE}");
        }
        if self.routes.is_empty() && !self.serves.is_empty() {
            writeln!(out, "  in this mode it serves {}", self.serves)?;
        }
        Ok(())
    }
}

/// The verbs that a stick serves.
fn serves(goes_online: bool, talks: bool) -> &'static str {
    match (goes_online, talks) {
        (true, true) => "`stickshift online`, `sms`, `ussd`, `pin`, `signal` and `network`",
        (true, false) => "`stickshift online`",
        (false, true) => "`stickshift sms`, `ussd`, `pin`, `signal` and `network`",
        (false, false) => "",
    }
}

/// Whether it has a web interface, or a port or channel that can be asked.
fn talks(stick: &Stick) -> bool {
    match stick.mode {
        Mode::Hilink | Mode::HilinkSerial => true,
        Mode::Modem => identity::first_way(stick).is_some(),
        _ => false,
    }
}

#[cfg(feature = "online")]
fn goes_online(stick: &Stick) -> bool {
    matches!(stick.mode, Mode::Modem | Mode::Hilink | Mode::HilinkSerial) && stickshift::online::serves(stick)
}

#[cfg(not(feature = "online"))]
fn goes_online(_: &Stick) -> bool {
    false
}

/// What a way leads to is good for.
fn gives(to: &str) -> Option<&'static str> {
    match to {
        "serial" => Some("ports for AT commands"),
        "stick" => Some("a modem: the computer has the operator's address, without a router in the stick"),
        "hilink" => Some("a network card, with the stick's own router and web page"),
        _ => None,
    }
}

#[cfg(all(test, feature = "online"))]
mod tests {
    use stickshift::stick::{Interface, Role};

    use super::*;

    #[test]
    fn identities_in_its_names_are_masked() {
        let product = Some("SDX-IDP _SN:91F44CD6".to_owned());
        let said = Identity { product, ..Identity::default() };
        let text = |unmasked| serde_json::to_string(&Identified::new(None, Some(&said), unmasked)).unwrap();
        assert!(!text(false).contains("91F44CD6") && text(true).contains("91F44CD6"), "{}", text(false));
    }

    #[cfg(feature = "pasted")]
    #[test]
    fn one_whose_chip_waits_for_firmware_is_not_asked_again() {
        for id in ["05c6:9008", "1782:4d00", "0e8d:2000"] {
            let mut stick = Stick::new(port_place(), id.parse().unwrap());
            stick.interfaces.push(Interface::new(0, [0xff; 3]));
            stick.classify(&stickshift::stick::NoProfiles);
            let mut text = Vec::new();
            Identified::new(Some(&stick), None, false).text(&mut text).unwrap();
            let text = String::from_utf8(text).unwrap() + &crate::verbs::list::text_of(&stick);
            assert_eq!(text.matches("unplug it and plug it in again").count(), 2, "{text}");
            assert_eq!(text.matches("which stickshift cannot load").count(), 2, "{text}");
            assert!(!text.contains("stickshift identify") && !text.contains("until it says"), "{text}");
        }
    }

    #[test]
    fn what_a_stick_serves_is_what_its_interfaces_have() {
        let of = |interfaces: &[([u8; 3], Role)]| {
            let mut stick = Stick { mode: Mode::Modem, ..Stick::new(port_place(), UsbId::new(1, 2)) };
            for (number, (codes, role)) in (0..).zip(interfaces) {
                let mut interface = Interface { role: *role, ..Interface::new(number, *codes) };
                match role {
                    Role::Network => interface.netdev = Some("wwan0".into()),
                    _ => interface.tty = Some(format!("/dev/ttyUSB{number}")),
                }
                stick.interfaces.push(interface);
            }
            serves(goes_online(&stick), talks(&stick))
        };
        let (qmi, card) = (([0xff, 1, 9], Role::Network), ([0x02, 0x06, 0], Role::Network));
        let port = ([0xff, 1, 2], Role::Pcui);
        assert_eq!(of(&[qmi]), "", "that is left to other programs");
        assert_eq!(of(&[card]), "`stickshift online`");
        let all = "`stickshift online`, `sms`, `ussd`, `pin`, `signal` and `network`";
        assert_eq!((of(&[qmi, port]), of(&[port])), (all, all));
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Identified>("identify");
}
