//! The assessment of a stick: what it is, how sure that is and why, and what can be done next. It follows from what the bus shows and what
//! the stick says by the rules of [`stick::identify`](crate::stick::identify); nothing is sent (docs/identify.md).
//!
//! ```
//! use stickshift::modem::Identity;
//! use stickshift::modem::assessment::{BootPin, findings, routes};
//! use stickshift::stick::{Mode, Stick};
//!
//! let stick = Stick { mode: Mode::Hilink, ..Stick::new("1-1".parse().unwrap(), "12d1:14dc".parse().unwrap()) };
//! let said = Identity {
//!     hardware: Some("CL2E3372HM".into()),
//!     firmware: Some("22.333.01.00.00".into()),
//!     ..Identity::default()
//! };
//! let model = &findings(Some(&stick), Some(&said))[1];
//! assert_eq!(model.value.as_deref(), Some("E3372h"));
//! let last = routes(&stick, Some(&said)).pop().unwrap();
//! assert_eq!((last.to, last.boot_pin), ("stick", BootPin::Yes));
//! ```

use serde::Serialize;

use crate::modem::identity::{Identity, mbim_interface};
use crate::stick::identify::{BOARDS, Gate, Kind, Names, NotFlashable, model_of, not_flashable};
use crate::stick::{HUAWEI, Mode, Stick, UsbId, is_huawei_design, product_name};

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// What is known of a stick. `stick` is what the bus shows, where the stick was found there; `said` is what it says of itself, where it could be
/// asked. Serial number and IMEI are not in it.
pub fn findings(stick: Option<&Stick>, said: Option<&Identity>) -> Vec<Finding> {
    let nothing = Identity::default();
    let said = said.unwrap_or(&nothing);
    let told = |about, value: &Option<String>, why: &str| match value {
        Some(value) => certain(about, value, why),
        None => unknown(about, not_said(said)),
    };
    let silent = stick.is_some_and(|stick| stick.mode == Mode::Cdrom);
    let mut all = vec![
        match stick {
            Some(stick) => certain("mode", stick.mode_words(), "from USB descriptors"),
            None => unknown("mode", "reached without USB detection"),
        },
        model(stick, said),
        told("hardware", &said.hardware, "reported by the stick"),
        chip(said),
        kind(stick, said),
        told("version", &said.firmware, "reported by the stick"),
        told("web-ui", &said.web_ui, "an image on the flash; not evidence for the running firmware"),
        told("family", &said.family, "reported by the web server"),
    ];
    if silent {
        // One line says it all.
        all.iter_mut()
            .filter(|f| f.value.is_none())
            .for_each(|f| f.why = "a CD-ROM does not tell: switch it first".into());
    }
    if let Some(rule) = cannot_be_flashed(stick, Some(said)) {
        all.push(certain("flashing", "cannot be flashed with what is known", rule.why));
    }
    all
}

/// What is known against giving other firmware to this stick; `None` where nothing is.
pub fn cannot_be_flashed(stick: Option<&Stick>, said: Option<&Identity>) -> Option<&'static NotFlashable> {
    let nothing = Identity::default();
    let said = said.unwrap_or(&nothing);
    let id = stick.map_or(UsbId::new(0, 0), |stick| stick.id);
    not_flashable(id, said.names(), said.firmware.as_deref().unwrap_or_default())
}

fn not_said(said: &Identity) -> &'static str {
    match said.withheld {
        true => "log in for more",
        false => "not queried",
    }
}

/// `E5577Cs-321`, as Huawei names its products. Several may have one board; operators' own names say less than it.
fn is_product(name: &str) -> bool {
    let digits = name.strip_prefix('E').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    digits == 4
}

fn certain(about: &'static str, value: impl ToString, why: impl Into<String>) -> Finding {
    Finding { about, value: Some(value.to_string()), sure: Sureness::Certain, why: why.into() }
}

fn likely(about: &'static str, value: impl ToString, why: impl Into<String>) -> Finding {
    Finding { about, value: Some(value.to_string()), sure: Sureness::Likely, why: why.into() }
}

fn unknown(about: &'static str, why: impl Into<String>) -> Finding {
    Finding { about, value: None, sure: Sureness::Unknown, why: why.into() }
}

/// The letter of the model is the hardware's: the marketing name lacks it.
fn model(stick: Option<&Stick>, said: &Identity) -> Finding {
    if let Some(product) = &said.product {
        return certain("model", product, "the stick names its product");
    }
    let by_hardware = said.hardware.as_deref().and_then(|h| Some((h, model_of(h)?)));
    // A router shows the board's: its program has no room.
    if cfg!(feature = "flash")
        && let (Some((_, board)), Some(name)) = (&by_hardware, &said.model)
        && is_product(name)
        && !board.starts_with(name.as_str())
    {
        let why = "as it names itself";
        let longer = name.starts_with(board.as_str());
        return if longer { certain("model", name, why) } else { likely("model", name, why) };
    }
    if let Some((hardware, model)) = by_hardware {
        return certain("model", model, format!("its hardware is {hardware}"));
    }
    let by_serial = said
        .serial
        .as_deref()
        .and_then(|serial| BOARDS.iter().find(|b| b.serial.is_some_and(|begin| serial.starts_with(begin))));
    if let (Some(board), Some(name)) = (by_serial, &said.model)
        && board.model.starts_with(name.as_str())
    {
        let begin = board.serial.unwrap_or_default();
        return likely(
            "model",
            board.model,
            format!("it calls itself {name}, and its serial number begins {begin}"),
        );
    }
    match &said.model {
        Some(model) => {
            let other = said.is_of_another_maker() || stick.is_some_and(|s| !is_huawei_design(s.id.vendor));
            let why = if other {
                "as it names itself"
            } else {
                "the marketing name, without the letter of the hardware"
            };
            likely("model", model, why)
        }
        None => match stick.filter(|s| s.mode.runs_firmware()).and_then(|stick| product_name(stick.id)) {
            Some(known) => likely("model", known, "what its USB ids are known for"),
            None => unknown("model", not_said(said)),
        },
    }
}

fn chip(said: &Identity) -> Finding {
    match said.names().board() {
        Some(board) => likely("chip", board.chip, format!("sticks with hardware {} have it", board.hardware)),
        None if said.hardware.is_none() => unknown("chip", not_said(said)),
        None => unknown("chip", "no rule for this hardware"),
    }
}

/// HiLink or Stick firmware. Versions stand for them on some models only; otherwise how it shows itself tells.
fn kind(stick: Option<&Stick>, said: &Identity) -> Finding {
    if let Some(rule) = said.firmware_rule() {
        let why = format!("{}x is {} firmware on this model", rule.version, rule.kind.name());
        return certain("firmware", rule.kind.word(), why);
    }
    match stick.map(|stick| stick.mode) {
        Some(Mode::Hilink | Mode::HilinkSerial) => {
            certain("firmware", "hilink", "it is a network card with a router behind it")
        }
        Some(Mode::Modem)
            if stick.is_some_and(|s| mbim_interface(s).is_some() && s.ports().next().is_none()) =>
        {
            certain("firmware", "stick", "it is a modem without a web page: it shows a control channel alone")
        }
        Some(Mode::Modem) => {
            likely("firmware", "stick", "it shows serial ports; HiLink firmware can show them too")
        }
        Some(Mode::Cdrom) => unknown("firmware", "both kinds begin as a CD-ROM: switch it first"),
        Some(_) => unknown("firmware", "no firmware runs now"),
        None if said.kind == Some("hilink") => {
            certain("firmware", "hilink", "its web server calls it a HiLink device")
        }
        None if said.class.is_some() => {
            let class = said.class.as_deref().unwrap_or_default();
            let what =
                if class.eq_ignore_ascii_case("wingle") { "with Wi-Fi" } else { "a router, not a stick" };
            unknown("firmware", format!("its web server calls it \"{class}\": {what}"))
        }
        None if said.withheld => unknown("firmware", not_said(said)),
        None => {
            unknown("firmware", "no rule for this model and version, and the USB descriptors were not read")
        }
    }
}

/// Whether the stick's case has to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BootPin {
    /// It stays closed.
    No,
    /// Only when the stick refuses the other way.
    IfRefused,
    /// The firmware that runs refuses everything else.
    Yes,
}

/// One way to another mode or firmware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Route {
    /// Where it leads: `modem`, `serial`, or `stick` or `hilink` firmware; `firmware` where it is not known which of them runs.
    pub to: &'static str,
    /// What takes the stick there.
    pub by: Work,
    /// The way, in words.
    pub way: String,
    /// What it risks.
    pub risk: &'static str,
    /// Whether the stick's case has to be opened.
    pub boot_pin: BootPin,
}

/// The work that a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Switching it.
    Switch,
    /// Pulling it out and plugging it in again, then switching it.
    ReplugAndSwitch,
    /// The conversion.
    Convert,
    /// Flashing it as it is.
    Flash,
}

const NONE: &str = "none (unplugging reverts it)";
const FLASHING: &str =
    "an interruption while the boot loader is written leaves a stick that only the boot ROM can recover";

/// What can be done next, the way of least risk first. Only ways that are known to exist for such a stick are in it.
pub fn routes(stick: &Stick, said: Option<&Identity>) -> Vec<Route> {
    let nothing = Identity::default();
    let said = said.unwrap_or(&nothing);
    let mut routes = Vec::new();
    let soft = |to, by, way: &str| Route { to, by, way: way.to_owned(), risk: NONE, boot_pin: BootPin::No };
    match stick.mode {
        Mode::Cdrom => {
            routes.push(soft("modem", Work::Switch, "the usual message"));
            if stick.id.vendor == HUAWEI {
                routes.push(soft(
                    "serial",
                    Work::Switch,
                    "the message 11 06 30, for the serial ports of HiLink firmware",
                ));
            }
        }
        // Huawei's requests mean nothing to the web server of another maker.
        Mode::Hilink if !is_huawei_design(stick.id.vendor) && said.kind != Some("hilink") => {}
        Mode::Hilink if !opens_ports(stick, said) => routes.push(soft(
            "serial",
            Work::ReplugAndSwitch,
            "the message 11 06 30 while it shows its CD-ROM; its web API is not known to open ports",
        )),
        Mode::Hilink => routes.push(soft("serial", Work::Switch, "via the web API: device/mode, then /CGI")),
        Mode::HilinkSerial => {
            routes.push(soft("hilink", Work::ReplugAndSwitch, "the serial ports are gone after unplugging"));
        }
        _ => {}
    }
    routes.extend(to_other_firmware(stick, said));
    routes
}

/// Whether requests to its web server are known to open serial ports, or nothing is known of it (docs/protocols/hilink-at.md section 1.8).
fn opens_ports(stick: &Stick, said: &Identity) -> bool {
    let other_board = said.names().board().is_some_and(|board| board.images.is_none());
    !other_board && said.gate() != Gate::Closed && cannot_be_flashed(Some(stick), Some(said)).is_none()
}

fn to_other_firmware(stick: &Stick, said: &Identity) -> Option<Route> {
    let version = said.firmware.as_deref().unwrap_or_default();
    let by_version = said.firmware_rule().map(|rule| rule.kind.word());
    let to = match by_version.or(said.kind) {
        Some("hilink") => Kind::Stick.word(),
        Some("stick") => Kind::Hilink.word(),
        _ => "firmware",
    };
    let route =
        |by, way: &str, boot_pin| Some(Route { to, by, way: way.to_owned(), risk: FLASHING, boot_pin });
    match stick.mode {
        Mode::Download => return route(Work::Flash, "it accepts firmware now", BootPin::No),
        Mode::BootRom => {
            return route(Work::Convert, "a loader into the boot ROM, then firmware", BootPin::No);
        }
        Mode::Fastboot | Mode::Unknown => return None,
        _ => {}
    }
    if !takes_firmware(said) || cannot_be_flashed(Some(stick), Some(said)).is_some() {
        return None;
    }
    match said.gate() {
        Gate::Open => {
            route(Work::Convert, "AT^GODLOAD, then firmware; no boot pin (needle) needed", BootPin::No)
        }
        Gate::Closed => route(
            Work::Convert,
            &format!("firmware {version} refuses to be replaced: boot pin (needle), loader, then firmware"),
            BootPin::Yes,
        ),
        Gate::Unknown => route(
            Work::Convert,
            "AT^GODLOAD if the stick accepts it, else boot pin (needle) and loader; no rule covers this version",
            BootPin::IfRefused,
        ),
    }
}

/// Whether both kinds of firmware are known for such a stick, by its board or by its name. Ids alone do not tell: one pair stands for boards
/// that can be flashed and for others that cannot.
fn takes_firmware(said: &Identity) -> bool {
    let names = said.names();
    if let Some(board) = names.board() {
        return board.images.is_some();
    }
    let both = |names: Names<'_>| names.has_firmware(Kind::Stick) && names.has_firmware(Kind::Hilink);
    // A marketing name alone, or with a version that no rule of it covers, may be another board.
    let exact = names.product.is_some() || names.hardware.is_some_and(|h| model_of(h).is_some());
    let version = said.firmware.as_deref().unwrap_or_default();
    both(names) && (exact || names.kind(version).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn showing(mode: Mode) -> Stick {
        Stick { mode, ..Stick::new("1-1".parse().unwrap(), "12d1:1506".parse().unwrap()) }
    }

    fn saying(model: &str, version: &str) -> Identity {
        Identity { model: Some(model.into()), firmware: Some(version.into()), ..Identity::default() }
    }

    fn found(stick: Option<&Stick>, said: &Identity, about: &str) -> (Option<String>, Sureness) {
        let all = findings(stick, Some(said));
        let finding = all.into_iter().find(|f| f.about == about).unwrap();
        assert!(!finding.why.is_empty());
        (finding.value, finding.sure)
    }

    #[test]
    fn numbers_stand_for_a_kind_on_some_models_only() {
        let kind = |mode, model: &str, version: &str| {
            found(Some(&showing(mode)), &saying(model, version), "firmware")
        };
        let hilink = || Some("hilink".to_owned());
        assert_eq!(kind(Mode::Modem, "E3372", "22.200.15.00.00"), (hilink(), Sureness::Certain));
        assert_eq!(kind(Mode::Hilink, "E8372", "21.328.62.00.1080"), (hilink(), Sureness::Certain));
        assert_eq!(kind(Mode::Modem, "E8372", "21.328.62.00.1080"), (hilink(), Sureness::Certain));
        assert_eq!(kind(Mode::Modem, "MU609", "12.105"), (Some("stick".to_owned()), Sureness::Likely));
        assert_eq!(kind(Mode::Cdrom, "", ""), (None, Sureness::Unknown));
        assert_eq!(found(None, &saying("MU609", "12.105"), "firmware"), (None, Sureness::Unknown));
    }

    #[test]
    fn the_model_is_the_hardwares_and_a_web_ui_proves_nothing() {
        let said = Identity {
            hardware: Some("CL1E3372SM".into()),
            web_ui: Some("WEBUI_17.100_HILINK".into()),
            ..saying("E3372", "21.200.07.00.00")
        };
        let stick = showing(Mode::Modem);
        assert_eq!(found(Some(&stick), &said, "model"), (Some("E3372s".to_owned()), Sureness::Certain));
        assert_eq!(found(Some(&stick), &said, "firmware"), (Some("stick".to_owned()), Sureness::Certain));
        assert_eq!(found(Some(&stick), &said, "chip"), (Some("Balong V7R2".to_owned()), Sureness::Likely));
    }

    #[test]
    fn what_cannot_be_flashed_is_said_and_not_offered() {
        let stick =
            |mode, id: &str| Stick { mode, ..Stick::new("1-1".parse().unwrap(), id.parse().unwrap()) };
        let offers =
            |stick: &Stick, said: &Identity| routes(stick, Some(said)).iter().any(|r| r.by == Work::Convert);
        for (stick, said) in [
            (stick(Mode::Hilink, "12d1:14dc"), saying("E3372", "10.0.3.1")),
            (stick(Mode::Modem, "12d1:155f"), saying("E3372h-320", "11.0.1.1(H697SP2C983)")),
            (stick(Mode::Cdrom, "3566:2001"), Identity::default()),
            (stick(Mode::Hilink, "3566:2001"), Identity::default()),
        ] {
            assert!(!offers(&stick, &said), "{} {said:?}", stick.id);
            let (value, sure) = found(Some(&stick), &said, "flashing");
            assert_eq!(
                (value.as_deref(), sure),
                (Some("cannot be flashed with what is known"), Sureness::Certain)
            );
        }
        // Ids that many boards share offer nothing before the stick says which it is.
        for (mode, id) in
            [(Mode::Cdrom, "12d1:1f01"), (Mode::Hilink, "12d1:14dc"), (Mode::Modem, "12d1:1506")]
        {
            assert!(!offers(&stick(mode, id), &Identity::default()), "{id}");
        }
    }

    #[test]
    fn a_web_server_proves_what_it_says_and_no_more() {
        let cpe = Identity { class: Some("cpe".into()), ..saying("H112-370", "10.0.5.1(H193SP3C234)") };
        assert_eq!(found(None, &cpe, "firmware"), (None, Sureness::Unknown));
        let hilink = Identity { kind: Some("hilink"), class: Some("hilink".into()), ..Identity::default() };
        assert_eq!(found(None, &hilink, "firmware"), (Some("hilink".into()), Sureness::Certain));
    }

    #[test]
    fn what_answers_as_a_router_runs_no_stick_firmware() {
        for (model, hardware) in [("E3372", "CL1E3372SM"), ("E3276", "CH1E3276SM"), ("E3372", "CL2E3372HM")] {
            let said = Identity {
                kind: Some("hilink"),
                class: Some("hilink".into()),
                hardware: Some(hardware.into()),
                ..saying(model, "21.329.62.00.161")
            };
            assert_eq!(
                found(None, &said, "firmware"),
                (Some("hilink".into()), Sureness::Certain),
                "{hardware}"
            );
            assert_eq!(said.gate(), Gate::Unknown, "{hardware}");
            let ways = routes(&showing(Mode::Hilink), Some(&said));
            assert!(ways.iter().all(|route| route.to != "hilink"), "{ways:?}");
            let stick = Identity { kind: Some("stick"), class: None, ..said };
            let mode = showing(Mode::Modem);
            assert_eq!(found(Some(&mode), &stick, "firmware"), (Some("stick".into()), Sureness::Certain));
        }
    }

    #[test]
    fn a_board_of_several_products_names_none_of_them() {
        for (name, hardware, model, sure) in [
            ("E5577Cs-321", "CL1E5573SM11", "E5577Cs-321", Sureness::Likely),
            ("E8372h-320", "CL4E8372HM01", "E8372h-320", Sureness::Certain),
            ("E3372", "CL2E3372HM", "E3372h", Sureness::Certain),
            ("E3372", "CL4E3372HM", "E3372h-320", Sureness::Certain),
            ("M150-2", "CL2E3372HM", "E3372h", Sureness::Certain),
            ("E303", "CH2E303SM", "E303", Sureness::Likely),
        ] {
            let said = Identity { hardware: Some(hardware.into()), ..saying(name, "21.333.63.00.1217") };
            assert_eq!(found(None, &said, "model"), (Some(model.to_owned()), sure), "{name}");
        }
    }

    #[test]
    fn a_cdrom_is_named_by_its_ids_and_says_the_rest_later() {
        let stick =
            Stick { mode: Mode::Cdrom, ..Stick::new("1-1".parse().unwrap(), "12d1:1f01".parse().unwrap()) };
        let all = findings(Some(&stick), None);
        assert!(all[1].value.is_some() && all[1].sure == Sureness::Likely);
        let mut whys: Vec<&str> = all.iter().filter(|f| f.value.is_none()).map(|f| f.why.as_str()).collect();
        whys.dedup();
        assert_eq!(whys.len(), 1, "{whys:?}");
    }

    #[test]
    fn a_serial_number_hints_at_the_board() {
        let said =
            |serial: &str| Identity { serial: Some(serial.into()), ..saying("E3372", "21.180.01.00.00") };
        let model = |serial: &str| found(None, &said(serial), "model");
        assert_eq!(model("G4PXX00000000000"), (Some("E3372h".to_owned()), Sureness::Likely));
        assert_eq!(model("L8FXX00000000000"), (Some("E3372s".to_owned()), Sureness::Likely));
        assert_eq!(model("XXX"), (Some("E3372".to_owned()), Sureness::Likely));
        let other = Identity { serial: Some("G4P1".into()), ..saying("E303", "11.1") };
        assert_eq!(found(None, &other, "model"), (Some("E303".to_owned()), Sureness::Likely));
    }

    #[test]
    fn only_ways_that_exist_are_offered() {
        let last = |mode, said: &Identity| routes(&showing(mode), Some(said)).pop();
        let said = |hardware: &str, version: &str| Identity {
            hardware: Some(hardware.into()),
            ..saying("E3372", version)
        };
        let route = last(Mode::Hilink, &said("CL2E3372HM", "22.333.01.00.00")).unwrap();
        assert_eq!((route.to, route.boot_pin), ("stick", BootPin::Yes));
        let route = last(Mode::Hilink, &said("CL2E3372HM", "22.200.15.00.00")).unwrap();
        assert_eq!((route.to, route.boot_pin), ("stick", BootPin::No));
        let route = last(Mode::Modem, &said("CL2E3372HM", "21.180.01.00.00")).unwrap();
        assert_eq!((route.to, route.boot_pin), ("hilink", BootPin::No));
        // Its images are not known, and its web API cannot open ports.
        let route = last(Mode::Hilink, &said("CL4E3372HM", "10.0.3.1")).unwrap();
        assert_eq!((route.to, route.by), ("serial", Work::ReplugAndSwitch));
        let route = last(Mode::Hilink, &saying("E3372", "10.0.3.1")).unwrap();
        assert_eq!(route.to, "serial");
        assert_eq!(last(Mode::Modem, &saying("K3772", "11.126.03.09.00")), None);
        assert_eq!(last(Mode::Modem, &saying("E8372", "21.328.62.00.1080")), None);
    }
}
