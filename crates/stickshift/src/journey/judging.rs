//! What a stick is, how sure that is and why, and what can be done with it from here. Judged from what the bus shows and what the stick says;
//! nothing is asked here (docs/protocols/hilink-at.md sections 0 and 1.8).

use serde::Serialize;

use crate::flash::fit;
use crate::journey::gate::{self, Gate};
use crate::journey::identity::Identity;
use crate::stick::{Mode, Stick};

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sureness {
    /// The stick or its descriptors say it.
    Certain,
    /// It follows from what is usual for this kind of stick.
    Likely,
    /// Nothing tells.
    Unknown,
}

/// One fact about a stick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: `model`, `hardware`, `firmware` and so on.
    pub about: &'static str,
    /// The value; none when it is unknown.
    pub value: Option<String>,
    /// How sure it is.
    pub sure: Sureness,
    /// Why: one lower-case sentence.
    pub why: String,
}

/// One way from here to other firmware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Where it leads: `stick` or `hilink` firmware, or a mode.
    pub to: &'static str,
    /// The way, in words.
    pub way: String,
    /// What it risks.
    pub risk: &'static str,
    /// Whether the stick's case has to be opened.
    pub needle: bool,
}

/// What is known of a stick. `said` is what it says of itself, where it could be asked.
pub fn findings(stick: &Stick, said: Option<&Identity>) -> Vec<Finding> {
    let nothing = Identity::default();
    let said = said.unwrap_or(&nothing);
    let told = |about, value: &Option<String>, why: &str| match value {
        Some(value) => certain(about, value.clone(), why),
        None => unknown(about, "the stick was not asked or does not say"),
    };
    vec![
        certain("mode", stick.mode.to_string(), "the bus shows it"),
        model(said),
        told("hardware", &said.hardware, "the stick says so"),
        family(stick, said),
        told("version", &said.firmware, "the stick says so"),
        told("web-ui", &said.web_ui, "an image on the flash; it proves nothing about the firmware that runs"),
    ]
}

fn certain(about: &'static str, value: String, why: &str) -> Finding {
    Finding { about, value: Some(value), sure: Sureness::Certain, why: why.to_owned() }
}

fn unknown(about: &'static str, why: &str) -> Finding {
    Finding { about, value: None, sure: Sureness::Unknown, why: why.to_owned() }
}

/// The letter of the model is the hardware's: the marketing name lacks it.
fn model(said: &Identity) -> Finding {
    if let Some(product) = &said.product {
        return certain("model", product.clone(), "the stick names its product");
    }
    if let Some((hardware, model)) = said.hardware.as_deref().and_then(|h| Some((h, fit::model_of(h)?))) {
        return certain("model", model, &format!("its hardware is {hardware}"));
    }
    match &said.model {
        Some(model) => Finding {
            about: "model",
            value: Some(model.clone()),
            sure: Sureness::Likely,
            why: "the stick's name for itself; the letter of the hardware is not in it".to_owned(),
        },
        None => unknown("model", "the stick was not asked or does not say"),
    }
}

/// HiLink or Stick firmware. 21 and 22 stand for them on some models only.
fn family(stick: &Stick, said: &Identity) -> Finding {
    let name = said.product.as_deref().or(said.model.as_deref()).unwrap_or_default();
    let ruled = ["E3272", "E3276", "E3372"].iter().any(|family| name.contains(family));
    let version = said.firmware.as_deref().unwrap_or_default();
    match (ruled, version.split('.').next().unwrap_or_default()) {
        (true, "22") => return certain("firmware", "hilink".to_owned(), "22 is HiLink on this model"),
        (true, "21") => return certain("firmware", "stick".to_owned(), "21 is Stick on this model"),
        _ => {}
    }
    match stick.mode {
        Mode::Hilink | Mode::HilinkSerial => {
            certain("firmware", "hilink".to_owned(), "it is a network card with a router behind it")
        }
        Mode::Modem => Finding {
            about: "firmware",
            value: Some("stick".to_owned()),
            sure: Sureness::Likely,
            why: "it shows serial ports; HiLink firmware can show them too".to_owned(),
        },
        Mode::Cdrom => unknown("firmware", "both kinds begin as a CD-ROM: switch it first"),
        _ => unknown("firmware", "no firmware runs now"),
    }
}

/// The ways from here. The first is the one that risks least.
pub fn routes(stick: &Stick, said: Option<&Identity>) -> Vec<Route> {
    const NOTHING: &str = "nothing: unplugging undoes it";
    const FLASH: &str =
        "an interruption inside the boot loader's partition leaves a stick that only the boot ROM can save";
    let version = said.and_then(|i| i.firmware.as_deref()).unwrap_or_default();
    let gate = gate::for_version(version);
    let way = |to, way: &str, risk, needle| Route { to, way: way.to_owned(), risk, needle };
    let mut routes = Vec::new();
    match stick.mode {
        Mode::Cdrom => {
            routes.push(way("modem", "the usual message", NOTHING, false));
            routes.push(way(
                "serial",
                "the message 11 06 30: serial ports of HiLink firmware",
                NOTHING,
                false,
            ));
        }
        Mode::Hilink => {
            routes.push(way(
                "serial",
                "the web server's doors: device/mode and CGI, 0 before 1",
                NOTHING,
                false,
            ));
        }
        _ => {}
    }
    match (stick.mode, gate) {
        (Mode::Download, _) => routes.push(way("other-firmware", "it takes firmware now", FLASH, false)),
        (Mode::BootRom, _) => {
            routes.push(way("other-firmware", "a loader into the boot ROM, then firmware", FLASH, false));
        }
        (Mode::Fastboot | Mode::Unknown, _) => {}
        (_, Gate::Open) => {
            routes.push(way("other-firmware", "AT^GODLOAD, then firmware: no needle", FLASH, false))
        }
        (_, Gate::Closed) => routes.push(way(
            "other-firmware",
            &format!("firmware {version} refuses to be replaced: boot pin, loader, then firmware"),
            FLASH,
            true,
        )),
        (_, Gate::Unknown) => routes.push(way(
            "other-firmware",
            "AT^GODLOAD if the stick takes it, else boot pin and loader; no rule covers this version",
            FLASH,
            true,
        )),
    }
    routes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family_of(mode: Mode, model: &str, version: &str) -> (Option<String>, Sureness) {
        let mut stick = stick();
        stick.mode = mode;
        let said =
            Identity { model: Some(model.into()), firmware: Some(version.into()), ..Identity::default() };
        let found = family(&stick, &said);
        (found.value, found.sure)
    }

    fn stick() -> Stick {
        Stick {
            place: "1-1".parse().unwrap(),
            id: "12d1:1506".parse().unwrap(),
            release: 0,
            class: 0,
            manufacturer: None,
            product: None,
            serial: None,
            configuration: 1,
            configurations: 1,
            interfaces: Vec::new(),
            mode: Mode::Modem,
        }
    }

    #[test]
    fn numbers_stand_for_a_family_on_some_models_only() {
        let hilink = || Some("hilink".to_owned());
        assert_eq!(family_of(Mode::Modem, "E3372", "22.200.15.00.00"), (hilink(), Sureness::Certain));
        assert_eq!(family_of(Mode::Hilink, "E8372", "21.328.62.00.1080"), (hilink(), Sureness::Certain));
        assert_eq!(family_of(Mode::Modem, "MU609", "12.105"), (Some("stick".to_owned()), Sureness::Likely));
        assert_eq!(family_of(Mode::Cdrom, "", ""), (None, Sureness::Unknown));
    }

    #[test]
    fn the_model_is_the_hardwares_and_a_web_ui_proves_nothing() {
        let said = Identity {
            model: Some("E3372".into()),
            hardware: Some("CL1E3372SM".into()),
            web_ui: Some("WEBUI_17.100_HILINK".into()),
            firmware: Some("21.200.07.00.00".into()),
            ..Identity::default()
        };
        let found = findings(&stick(), Some(&said));
        let value = |about| found.iter().find(|f| f.about == about).and_then(|f| f.value.clone());
        assert_eq!(value("model").as_deref(), Some("E3372s"));
        assert_eq!(value("firmware").as_deref(), Some("stick"));
    }

    #[test]
    fn a_closed_gate_needs_the_needle() {
        let said = |version: &str| Identity { firmware: Some(version.into()), ..Identity::default() };
        assert!(routes(&stick(), Some(&said("22.333.01.00.00"))).last().unwrap().needle);
        assert!(!routes(&stick(), Some(&said("22.200.15.00.00"))).last().unwrap().needle);
    }
}
