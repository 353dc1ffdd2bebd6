//! `stickshift hilink`: the web server of HiLink firmware.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value};
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};
use stickshift::hilink::device::{self, Control, UsbMode};
use stickshift::hilink::xml::Element;
use stickshift::hilink::{Delivery, Generation, Hilink, acts_on_get, monitoring};
use stickshift::mask;
use stickshift::modem::{DialProfiles, Modem, may_be_posted};

use crate::context::Context;
use crate::files;
use crate::options::Switch;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::stick_word;
use crate::verbs::hilink_reports::{
    Data, Delivered, Info, Request, Sessions, Signal, Status, Traffic, Updates,
};
use crate::way_in::{WebArgs, tell_second_look, tell_unseen};

/// Query and control HiLink firmware through its web API.
#[derive(Args, Debug)]
pub(crate) struct HilinkArgs {
    #[command(subcommand)]
    verb: HilinkVerb,

    #[arg(long, value_name = "STICK", global = true, help = stick_word::HELP)]
    stick: Option<String>,

    #[command(flatten)]
    web: WebArgs,
}

#[derive(Debug, Subcommand)]
enum HilinkVerb {
    /// Model, hardware, firmware and web UI
    Info {
        /// Show IMEI, IMSI, serial and phone number in full
        #[arg(long)]
        unmasked: bool,
    },
    /// Connection, network and SIM state
    Status,
    /// Signal strength and quality
    Signal,
    /// Traffic: this session and total
    Traffic,
    /// Turn data on
    Connect,
    /// Turn data off
    Disconnect,
    /// List, select and delete dial-up profiles
    Profile {
        /// Make profile N the default
        #[arg(long = "use", value_name = "N", conflicts_with = "delete")]
        use_: Option<u32>,
        /// Delete profile N
        #[arg(long, value_name = "N")]
        delete: Option<u32>,
    },
    /// Restart the stick
    Reboot,
    /// Switch the USB composition: project (network card and AT port) or debug (more serial ports)
    Mode {
        /// USB composition
        #[arg(value_enum)]
        composition: Composition,
        /// Use POST /CGI instead of /api/device/mode
        #[arg(long)]
        cgi: bool,
    },
    /// Show or set automatic updates
    Updates {
        /// New setting
        #[arg(value_enum)]
        set: Option<Switch>,
    },
    /// Send any request: GET, or POST a document
    Raw {
        /// Path, for example /api/device/signal
        #[arg(value_name = "PATH")]
        path: String,
        /// POST the document in FILE; without FILE, the one on standard input
        #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
        post: Option<PathBuf>,
        /// Show identities and secrets in full
        #[arg(long)]
        unmasked: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Composition {
    Project,
    Debug,
}

pub(crate) fn run(context: &mut Context, args: HilinkArgs) -> Result<()> {
    if let HilinkVerb::Raw { path, post: Some(_), .. } = &args.verb {
        may_be_posted(path)?;
    }
    let mut link = args.web.open(context, args.stick.as_deref())?;
    let mut modem = args.web.modem(context, &mut *link)?;
    match args.verb {
        HilinkVerb::Status => {
            context.output.outcome_is(Outcome::Untouched);
            context.output.finish(&Status::of(modem.connection()?));
        }
        HilinkVerb::Connect => set_data(context, &mut modem, true)?,
        HilinkVerb::Disconnect => set_data(context, &mut modem, false)?,
        HilinkVerb::Profile { use_, delete } => {
            if (use_, delete) == (None, None) {
                context.output.outcome_is(Outcome::Untouched);
            }
            let mut shown = true;
            if let Some(index) = use_ {
                shown &= modem.use_dial_profile(index)?;
            }
            if let Some(index) = delete {
                shown &= modem.delete_dial_profile(index)?;
            }
            tell_unseen(context, shown);
            tell_second_look(context, &modem);
            context.output.finish(&Profiles(modem.dial_profiles()?));
        }
        HilinkVerb::Updates { set } => {
            if set.is_none() {
                context.output.outcome_is(Outcome::Untouched);
            }
            if let Some(set) = set {
                let shown = modem.set_automatic_updates(set == Switch::On)?;
                tell_unseen(context, shown);
                tell_second_look(context, &modem);
            }
            context.output.finish(&Updates { updates: modem.updates_itself()? });
        }
        HilinkVerb::Info { unmasked } => info(context, web(&mut modem)?, unmasked)?,
        HilinkVerb::Signal => {
            context.output.outcome_is(Outcome::Untouched);
            context.output.finish(&Signal::of(&web(&mut modem)?.call(&device::signal())?));
        }
        HilinkVerb::Traffic => {
            let t = web(&mut modem)?.call(&monitoring::traffic())?;
            context.output.outcome_is(Outcome::Untouched);
            context.output.finish(&Traffic {
                seconds: t.seconds,
                sent: t.sent,
                received: t.received,
                send_rate: t.send_rate,
                receive_rate: t.receive_rate,
                total_seconds: t.total_seconds,
                total_sent: t.total_sent,
                total_received: t.total_received,
            });
        }
        HilinkVerb::Reboot => {
            context.confirm("Restart the stick?")?;
            delivered(context, web(&mut modem)?.call_and_lose(&device::control(Control::Reboot))?)?;
        }
        HilinkVerb::Mode { composition, cgi } => {
            let mode = match composition {
                Composition::Project => UsbMode::Project,
                Composition::Debug => UsbMode::Debug,
            };
            context.confirm("Switch the USB composition? The network card disappears briefly; on most sticks replugging reverts it.")?;
            let web = web(&mut modem)?;
            let result =
                if cgi { web.cgi_switch(mode.number()) } else { web.call_and_lose(&device::mode(mode)) };
            delivered(context, result?)?;
        }
        HilinkVerb::Raw { path, post, unmasked } => {
            raw(context, web(&mut modem)?, &path, post.as_deref(), unmasked)?;
        }
    }
    Ok(())
}

/// The session with the stick's web server, for what has no other way in.
fn web<'m, 'l>(modem: &'m mut Modem<'l>) -> Result<&'m mut Hilink<'l>> {
    modem
        .web()
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, "this modem was not reached by its web server"))
}

fn info(context: &Context, web: &mut Hilink<'_>, unmasked: bool) -> Result<()> {
    let hide = |t: Option<String>| if unmasked { t } else { t.map(|t| mask::identity(&t)) };
    let sessions = match web.generation() {
        Generation::G0 => Sessions::None,
        Generation::G1 => Sessions::Token,
        Generation::G2 => Sessions::OneTimeTokens,
        Generation::G3 => Sessions::Scram,
    };
    context.output.outcome_is(Outcome::Untouched);
    let told = web.call(&device::information());
    let i = match told {
        Err(e) if !e.is(ErrorKind::LoginNeeded) => return Err(e),
        Ok(told) if told != device::Information::default() => told,
        _ => {
            // What needs no login.
            let basic = web.call(&device::basic_information())?;
            match told {
                Ok(_) => context.output.warn(
                    "empty",
                    "device/information is empty: hardware, serial number, IMEI and IMSI are missing here".into(),
                ),
                Err(e) if e.has(&Detail::LoggedIn) => context.output.warn(
                    "withheld",
                    "the stick took the login and refuses device/information all the same: hardware, serial number, IMEI and IMSI are missing here".into(),
                ),
                Err(_) => context.output.say("log in for more (--user admin)"),
            }
            device::Information {
                name: basic.name,
                family: basic.family,
                class: basic.class,
                software: basic.software,
                web_ui: basic.web_ui,
                ..device::Information::default()
            }
        }
    };
    context.output.finish(&Info {
        model: i.name,
        hardware: i.hardware,
        firmware: i.software,
        web_ui: i.web_ui,
        family: i.family,
        class: i.class,
        serial: hide(i.serial),
        imei: hide(i.imei),
        imsi: hide(i.imsi),
        iccid: hide(i.iccid),
        number: hide(i.msisdn),
        supports: i.supports,
        works_in: i.works_in,
        sessions,
    });
    Ok(())
}

fn set_data(context: &Context, modem: &mut Modem<'_>, on: bool) -> Result<()> {
    modem.set_data(on)?;
    tell_second_look(context, modem);
    // The firmware says OK to the switch whatever comes of it.
    let status = modem.await_connection(on)?;
    if status.is_none() {
        context.output.outcome_is(Outcome::Sent);
    }
    context.output.finish(&Data::of(on, status));
    Ok(())
}

fn delivered(context: &Context, delivery: Delivery) -> Result<()> {
    let request = match delivery {
        Delivery::Confirmed => Delivered::Accepted,
        Delivery::NoAnswer => {
            return Err(Error::new(
                ErrorKind::Timeout,
                "the stick did not answer a request that it normally accepts at once",
            )
            .with_verdict(Verdict::Unknown));
        }
        Delivery::ConnectionLost => Delivered::ConnectionLost,
    };
    // Nobody looked whether the stick came back, and as what.
    context.output.outcome_is(Outcome::Sent);
    context.output.finish(&Request { request });
    Ok(())
}

/// The longest document that is posted.
const DOCUMENT: u64 = 1 << 20;

/// The document on standard input.
///
/// # Errors
/// `FileUnreadable`, `FileTooLarge`.
pub(crate) fn typed_document() -> Result<String> {
    files::read_stdin(DOCUMENT)
        .and_then(|bytes| document(bytes, "standard input"))
        .map_err(|e| e.with_verdict(Verdict::Untouched))
}

fn document(bytes: Vec<u8>, name: &str) -> Result<String> {
    if bytes.len() as u64 > DOCUMENT {
        let what = format!("{name} is too large for a request");
        return Err(Error::new(ErrorKind::FileTooLarge, what).with("limit", DOCUMENT));
    }
    String::from_utf8(bytes)
        .map_err(|e| Error::new(ErrorKind::FileUnreadable, format!("{name} is not UTF-8 text")).because(e))
}

fn raw(
    context: &Context,
    web: &mut Hilink<'_>,
    path: &str,
    post: Option<&Path>,
    unmasked: bool,
) -> Result<()> {
    let body = match post {
        None => None,
        Some(stdin) if stdin == Path::new("-") => Some(typed_document()?),
        Some(file) => {
            let text = files::read(file).and_then(|bytes| document(bytes, &file.display().to_string()));
            Some(text.map_err(|e| e.with_verdict(Verdict::Untouched))?)
        }
    };
    let root = web.raw(path, body.as_deref())?;
    if body.is_none() && !acts_on_get(path) {
        context.output.outcome_is(Outcome::Untouched);
    }
    context.output.finish(&Raw { root, unmasked });
    Ok(())
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Profiles(DialProfiles);

impl Report for Profiles {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for p in &self.0.profiles {
            let mark = if p.index == self.0.current { '*' } else { ' ' };
            let fixed = if p.read_only { "  (the stick's own, cannot be changed)" } else { "" };
            writeln!(out, "{mark} {}  {}  {}{fixed}", p.index, p.name, p.apn)?;
        }
        Ok(())
    }
}

/// A reply as a tree.
struct Raw {
    root: Element,
    unmasked: bool,
}

impl Raw {
    fn value(&self, element: &Element) -> String {
        if self.unmasked {
            return element.text.clone();
        }
        // The mask knows the names of elements that are secret.
        let whole = mask::text(&format!("<{0}>{1}</{0}>", element.name, element.text));
        let inside = element.name.len() + 2..whole.len().saturating_sub(element.name.len() + 3);
        whole.get(inside).unwrap_or_default().to_owned()
    }

    fn write(&self, out: &mut dyn Write, element: &Element, depth: usize) -> io::Result<()> {
        let indent = " ".repeat(depth * 2);
        if element.children.is_empty() {
            return writeln!(out, "{indent}{}: {}", element.name, self.value(element));
        }
        writeln!(out, "{indent}{}:", element.name)?;
        element.children.iter().try_for_each(|child| self.write(out, child, depth + 1))
    }

    fn json(&self, element: &Element) -> Value {
        if element.children.is_empty() {
            return Value::from(self.value(element));
        }
        let mut object = Map::new();
        for child in &element.children {
            let value = self.json(child);
            match object.get_mut(&child.name) {
                // A name that comes again makes a list.
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
                None => _ = object.insert(child.name.clone(), value),
            }
        }
        Value::Object(object)
    }
}

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.json(&self.root).serialize(serializer)
    }
}

impl Report for Raw {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write(out, &self.root, 0)
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Info>("hilink info");
    shapes.result::<Status>("hilink status");
    shapes.result::<Signal>("hilink signal");
    shapes.result::<Traffic>("hilink traffic");
    shapes.result::<Data>("hilink connect");
    shapes.result::<Data>("hilink disconnect");
    shapes.result::<Profiles>("hilink profile");
    shapes.result::<Request>("hilink reboot");
    shapes.result::<Request>("hilink mode");
    shapes.result::<Updates>("hilink updates");
    shapes.result::<serde_json::Value>("hilink raw");
}

#[cfg(test)]
mod tests {
    use stickshift::hilink::xml;

    use super::*;

    #[test]
    fn raw_replies_are_masked_unless_asked() {
        let root = xml::parse(
            b"<response><Imei>860000000000001</Imei><N><State>1</State><State>2</State></N></response>",
        )
        .unwrap();
        let raw = Raw { root: root.clone(), unmasked: false };
        assert_eq!(raw.json(&root).to_string(), r#"{"Imei":"***************","N":{"State":["1","2"]}}"#);
        let mut text = Vec::new();
        Raw { root, unmasked: true }.text(&mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "response:\n  Imei: 860000000000001\n  N:\n    State: 1\n    State: 2\n"
        );
    }
}
