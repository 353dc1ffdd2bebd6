//! What the names and versions of a stick stand for: its board, the kind of firmware that runs on it, and whether that firmware lets itself
//! be replaced. The same rules judge an image by the platform and version in its header.
//!
//! The rules are `data/identify.toml`, from docs/protocols/hilink-at.md sections 0 and 1.8. What no rule covers is unknown.
//!
//! ```
//! use stickshift::stick::identify::{Gate, Kind, Names, image_kind};
//!
//! let stick = Names { hardware: Some("CL2E3372HM Ver.A"), ..Names::default() };
//! assert_eq!(stick.board().unwrap().model, "E3372h");
//! assert_eq!(stick.kind("22.333.01.00.00").unwrap().kind, Kind::Hilink);
//! assert_eq!(stick.gate("22.333.01.00.00"), Gate::Closed);
//!
//! assert_eq!(image_kind("E8372h_155", "21.328.62.00.1080").unwrap().kind, Kind::Hilink);
//! assert_eq!(image_kind("E8372h_155", "99.1"), None);
//! ```

use serde::Serialize;

use super::UsbId;

/// A circuit board, whatever firmware is on it.
#[derive(Debug, PartialEq, Eq)]
pub struct Board {
    /// Hardware version without the board's revision, `CL2E3372HM`.
    pub hardware: &'static str,
    /// Marketing name with the letter of the hardware, `E3372h`.
    pub model: &'static str,
    /// Products that begin as `model` does and are other boards.
    pub except: &'static [&'static str],
    /// Name of the chip, for people.
    pub chip: &'static str,
    /// How the platform of images for it begins, `E3372h` as in `E3372h_153`; `None` where no image is known to fit.
    pub images: Option<&'static str>,
    /// How its serial numbers begin.
    pub serial: Option<&'static str>,
    /// The section of docs/protocols that the row rests on.
    pub source: &'static str,
}

/// Which names a rule is for: those that begin as one of `begin` does and as none of `except`.
#[derive(Debug, PartialEq, Eq)]
pub struct Models {
    /// Beginnings of names, `E3372`.
    pub begin: &'static [&'static str],
    /// Beginnings of names that the rule does not cover.
    pub except: &'static [&'static str],
    /// The section of docs/protocols that the rule rests on.
    pub source: &'static str,
}

/// Which kind of firmware a version stands for.
#[derive(Debug, PartialEq, Eq)]
pub struct FirmwareRule {
    /// The sticks that it holds for.
    pub of: Models,
    /// How the version begins, `21.`.
    pub version: &'static str,
    /// The kind that such a version is.
    pub kind: Kind,
    /// A whole version that the rule covers; tests use it.
    pub example: &'static str,
}

/// The two kinds of firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A plain modem.
    Stick,
    /// A network card with its own router.
    Hilink,
}

impl Kind {
    /// `stick` or `hilink`, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Stick => "stick",
            Kind::Hilink => "hilink",
        }
    }

    /// The name that people use: `Stick` or `HiLink`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Stick => "Stick",
            Kind::Hilink => "HiLink",
        }
    }
}

/// Up to where HiLink firmware lets itself be replaced.
#[derive(Debug, PartialEq, Eq)]
pub struct GateRule {
    /// The sticks that it holds for.
    pub of: Models,
    /// How the version begins, `22.`; `AAA.BB.CC.DD` follows.
    pub version: &'static str,
    /// The first `(AAA, CC)` that is not open.
    pub open_before: (u32, u32),
    /// What is known of that version and later ones.
    pub beyond: Gate,
}

/// Sticks to which no other firmware can be given with what is known.
#[derive(Debug, PartialEq, Eq)]
pub struct NotFlashable {
    /// The sticks, by their names.
    pub of: Models,
    /// How the version begins; empty where the name alone tells.
    pub versions: &'static [&'static str],
    /// The sticks, by ids that no other one has.
    pub ids: &'static [UsbId],
    /// Why: one lower-case line.
    pub why: &'static str,
}

/// What is known against giving other firmware to a stick with these ids, these names and this version; `None` where nothing is.
pub fn not_flashable(id: UsbId, names: Names<'_>, version: &str) -> Option<&'static NotFlashable> {
    let (known, _) = names.known();
    NOT_FLASHABLE.iter().find(|rule| {
        let by_version = rule.versions.is_empty() || rule.versions.iter().any(|v| version.starts_with(v));
        rule.ids.contains(&id) || (by_version && rule.of.covers(&known))
    })
}

/// Whether the firmware that runs lets itself be replaced from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It takes AT^SFM=1 and AT^GODLOAD and then any image.
    Open,
    /// It refuses a downgrade: only the boot pin is left.
    Closed,
    /// No rule covers this stick with this version.
    Unknown,
}

include!(concat!(env!("OUT_DIR"), "/identify.rs"));

/// The names that a stick states.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// `E3372h-153`.
    pub product: Option<&'a str>,
    /// `CL2E3372HM Ver.A`.
    pub hardware: Option<&'a str>,
    /// `E3372`: the marketing name, without the letter of the hardware.
    pub model: Option<&'a str>,
}

impl Names<'_> {
    /// The board that the hardware version names, or else the product.
    pub fn board(&self) -> Option<&'static Board> {
        self.hardware.and_then(board).or_else(|| {
            let product = self.product?;
            let named = BOARDS.iter().filter(|b| begins(product, b.model) && !begins_any(product, b.except));
            named.max_by_key(|b| b.model.len())
        })
    }

    /// The names that are exact, or else the marketing name alone. Second: whether they are exact.
    fn known(&self) -> (Vec<String>, bool) {
        let by_hardware = self.hardware.and_then(model_of);
        let exact: Vec<String> = self.product.map(str::to_owned).into_iter().chain(by_hardware).collect();
        match exact.is_empty() {
            true => (self.model.map(str::to_owned).into_iter().collect(), false),
            false => (exact, true),
        }
    }

    /// Whether firmware for a stick of these names is known, or a rule about it.
    pub fn are_known(&self) -> bool {
        let (names, _) = self.known();
        self.board().is_some()
            || FIRMWARE.iter().any(|rule| rule.of.covers(&names))
            || NOT_FLASHABLE.iter().any(|rule| rule.of.covers(&names))
    }

    /// The rule that tells what `version` is on this stick.
    pub fn kind(&self, version: &str) -> Option<&'static FirmwareRule> {
        let (names, _) = self.known();
        FIRMWARE.iter().find(|rule| version.starts_with(rule.version) && rule.of.covers(&names))
    }

    /// Whether firmware of this kind is known for such a stick.
    pub fn has_firmware(&self, kind: Kind) -> bool {
        let (names, _) = self.known();
        FIRMWARE.iter().any(|rule| rule.kind == kind && rule.of.covers(&names))
    }

    /// Whether `version` lets itself be replaced. A marketing name stands for several boards: then all their rules have to agree.
    pub fn gate(&self, version: &str) -> Gate {
        match self.kind(version).map(|rule| rule.kind) {
            Some(Kind::Stick) => return Gate::Open,
            Some(Kind::Hilink) => {}
            None => return Gate::Unknown,
        }
        let (names, exact) = self.known();
        let rules = GATES.iter().filter(|rule| match exact {
            true => rule.of.covers(&names),
            false => rule.of.begin.iter().any(|m| names.iter().any(|name| begins(m, name))),
        });
        let mut said = rules.map(|rule| rule.gate(version));
        let Some(first) = said.next() else { return Gate::Unknown };
        if said.all(|other| other == first) { first } else { Gate::Unknown }
    }
}

impl Models {
    fn covers(&self, names: &[String]) -> bool {
        let any = |models: &[&str]| names.iter().any(|name| begins_any(name, models));
        any(self.begin) && !any(self.except)
    }
}

impl GateRule {
    fn gate(&self, version: &str) -> Gate {
        match version.strip_prefix(self.version).and_then(release) {
            Some(pair) if pair < self.open_before => Gate::Open,
            Some(_) => self.beyond,
            None => Gate::Unknown,
        }
    }
}

/// `(AAA, CC)` of `AAA.BB.CC.DD`.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().ok());
    let mut next = || numbers.next().flatten();
    let (aaa, _, cc) = (next()?, next()?, next()?);
    Some((aaa, cc))
}

/// Files and sticks write the same name with letters of either case.
fn begins(name: &str, beginning: &str) -> bool {
    name.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

fn begins_any(name: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| begins(name, beginning))
}

/// The rule that tells what an image is, by the platform (`E3372h_153`, `HUAWEI E3372h-153`) and the version that its header states.
pub fn image_kind(platform: &str, version: &str) -> Option<&'static FirmwareRule> {
    let product = product_of(platform);
    Names { product: Some(&product), ..Names::default() }.kind(version)
}

/// The product that a platform stands for, as a stick would write it: `E3372h-153` for `E3372h_153`.
fn product_of(platform: &str) -> String {
    let last = platform.split_whitespace().next_back().unwrap_or_default();
    last.replace('_', "-")
}

/// The board of a hardware version such as `CL2E3372HM Ver.A`.
pub fn board(hardware: &str) -> Option<&'static Board> {
    let name = hardware.split_whitespace().next()?;
    BOARDS.iter().find(|b| b.hardware == name)
}

/// The model that a hardware version stands for: of a known board, or by the shape that they have, `CH1E3276SM` an E3276s. `None` for
/// other shapes.
pub fn model_of(hardware: &str) -> Option<String> {
    if let Some(board) = board(hardware) {
        return Some(board.model.to_owned());
    }
    hardware.as_bytes().windows(7).find_map(|w| {
        let is_model = w[0] == b'E' && w[1..5].iter().all(u8::is_ascii_digit) && w[6] == b'M';
        let letter = match w[5] {
            b'H' => 'h',
            b'S' => 's',
            _ => return None,
        };
        is_model.then(|| format!("{}{letter}", String::from_utf8_lossy(&w[..5])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_source_and_is_hit_by_its_example() {
        let documented = |source: &str| source.starts_with("docs/protocols/hilink-at.md section ");
        for board in BOARDS {
            assert!(documented(board.source) && !board.chip.is_empty(), "{board:?}");
            let names = Names { hardware: Some(board.hardware), ..Names::default() };
            assert_eq!(names.board(), Some(board));
            assert!(board.images.is_none_or(|i| i.starts_with('E')), "{board:?}");
        }
        for rule in FIRMWARE {
            assert!(documented(rule.of.source), "{rule:?}");
            for model in rule.of.begin {
                let names = Names { product: Some(model), ..Names::default() };
                assert_eq!(names.kind(rule.example), Some(rule), "{model}");
            }
        }
        for rule in NOT_FLASHABLE {
            assert!(documented(rule.of.source) && !rule.why.is_empty(), "{rule:?}");
            let version = rule.versions.first().copied().unwrap_or_default();
            for model in rule.of.begin {
                let names = Names { product: Some(model), ..Names::default() };
                assert!(not_flashable(UsbId::new(0, 0), names, version).is_some(), "{model}");
            }
        }
        for rule in GATES {
            assert!(documented(rule.of.source) && rule.beyond != Gate::Open, "{rule:?}");
            for model in rule.of.begin {
                let names = Names { product: Some(model), ..Names::default() };
                assert_eq!(names.gate("22.200.15.00.00"), Gate::Open, "{model}");
                assert_eq!(names.gate("22.400.15.00.00"), rule.beyond, "{model}");
            }
        }
    }

    #[test]
    fn the_later_boards_take_no_other_firmware() {
        let nobody = UsbId::new(0x12d1, 0x14dc);
        let is = |id, names, version| not_flashable(id, names, version).is_some();
        let product = |name| Names { product: Some(name), ..Names::default() };
        let model = Names { model: Some("E3372"), ..Names::default() };
        for name in ["E3372h-320", "E3372-325", "E3372h-325"] {
            assert!(is(nobody, product(name), ""), "{name}");
        }
        assert!(is(nobody, Names { hardware: Some("CL4E3372HM"), ..Names::default() }, "10.0.3.1"));
        assert!(is(nobody, model, "11.0.1.1(H697SP2C983)") && is(nobody, model, "10.0.5.1"));
        assert!(is(UsbId::new(0x3566, 0x2001), Names::default(), ""), "its ids are its own");
        for (names, version) in [
            (model, "22.200.15.00.00"),
            (model, ""),
            (product("E3372h-153"), "22.333.01.00.00"),
            (product("E3372h-607"), "21.180.01.00.00"),
            (Names { model: Some("E303"), ..Names::default() }, "11.126.85.00.00"),
            (Names::default(), "10.0.3.1"),
        ] {
            assert!(!is(nobody, names, version), "{names:?} {version}");
        }
    }

    #[test]
    fn images_are_judged_by_the_rules_of_their_model() {
        for (platform, version, kind) in [
            ("E3372h_153", "21.180.01.00.00", Some(Kind::Stick)),
            ("HUAWEI E3372H-153", "22.200.15.00.00", Some(Kind::Hilink)),
            ("E8372h_155", "21.328.62.00.1080", Some(Kind::Hilink)),
            ("B310s_22", "21.311.06.03.55", Some(Kind::Hilink)),
            ("E3372h_320", "10.0.3.1", Some(Kind::Hilink)),
            ("E3372h_320", "22.200.15.00.00", None),
            ("E3372_325", "11.0.1.1", Some(Kind::Hilink)),
            ("E3372h_325", "10.0.5.1", Some(Kind::Hilink)),
            ("E8372h_155", "21.180.01.00.00", None),
            ("", "21.180.01.00.00", None),
        ] {
            assert_eq!(image_kind(platform, version).map(|r| r.kind), kind, "{platform} {version}");
        }
    }

    #[test]
    fn both_kinds_are_known_for_some_models_only() {
        let both = |names: Names<'_>| names.has_firmware(Kind::Stick) && names.has_firmware(Kind::Hilink);
        assert!(both(Names { model: Some("E3372"), ..Names::default() }));
        assert!(both(Names { hardware: Some("CH1E3276SM"), ..Names::default() }));
        assert!(!both(Names { hardware: Some("CL4E3372HM"), ..Names::default() }));
        assert!(!both(Names { model: Some("E8372"), ..Names::default() }));
        assert!(!both(Names::default()));
    }

    fn by_hardware(hardware: &'static str) -> Names<'static> {
        Names { hardware: Some(hardware), model: Some("E3372"), ..Names::default() }
    }

    #[test]
    fn the_gate_of_the_e3372h_at_its_edges() {
        for (version, gate) in [
            ("22.200.15.00.00", Gate::Open),
            ("22.315.01.00.00", Gate::Open),
            ("22.315.01.01.00", Gate::Closed),
            ("22.316.01.00.00", Gate::Closed),
            ("22.333.01.00.00", Gate::Closed),
            ("21.180.01.00.00", Gate::Open),
            ("10.0.3.1", Gate::Unknown),
            ("22.315", Gate::Unknown),
            ("", Gate::Unknown),
            ("22.x.01.00.00", Gate::Unknown),
        ] {
            assert_eq!(by_hardware("CL2E3372HM Ver.A").gate(version), gate, "{version}");
        }
    }

    #[test]
    fn a_rule_holds_for_its_own_models_only() {
        let product = |name| Names { product: Some(name), ..Names::default() };
        // HiLink firmware with 21 in front: no Stick firmware, and no rule for its gate.
        for (name, version) in [("E8372h-153", "21.328.03.00.00"), ("B310s-22", "21.311.06.03.55")] {
            assert_eq!(product(name).kind(version).map(|r| r.kind), Some(Kind::Hilink), "{name}");
            assert_eq!(product(name).gate(version), Gate::Unknown, "{name}");
        }
        assert_eq!(by_hardware("CL1E3372SM").gate("22.299.01.00.00"), Gate::Open);
        assert_eq!(by_hardware("CL1E3372SM").gate("22.315.01.00.00"), Gate::Unknown);
        assert_eq!(by_hardware("CL4E3372HM").gate("22.200.01.00.00"), Gate::Unknown);
        assert_eq!(by_hardware("CL4E3372HM").kind("21.180.01.00.00"), None);
        assert_eq!(product("E3372h-607").gate("22.200.15.00.00"), Gate::Unknown);
        assert_eq!(product("E3276s-150").gate("22.263.03.00.00"), Gate::Unknown);
        assert_eq!(Names::default().gate("21.180.01.00.00"), Gate::Unknown, "a version alone says nothing");
    }

    #[test]
    fn a_marketing_name_stands_for_several_boards() {
        let names = Names { model: Some("E3372"), ..Names::default() };
        assert_eq!(names.gate("22.200.15.00.00"), Gate::Open, "both letters say so");
        assert_eq!(names.gate("22.310.15.00.00"), Gate::Unknown, "open on one, unknown on the other");
        assert_eq!(names.gate("22.333.01.00.00"), Gate::Unknown);
        assert_eq!(names.gate("21.180.01.00.00"), Gate::Open);
        assert_eq!(names.board(), None);
    }

    #[test]
    fn the_letter_is_the_hardwares_and_the_later_board_is_another() {
        assert_eq!(model_of("CL2E3372HM Ver.A").as_deref(), Some("E3372h"));
        assert_eq!(model_of("CL4E3372HM").as_deref(), Some("E3372h-320"));
        assert_eq!(model_of("CL1E3372SM").as_deref(), Some("E3372s"));
        assert_eq!(model_of("CH1E3276SM Ver.C").as_deref(), Some("E3276s"));
        assert_eq!(model_of("CD24TCPU"), None);
        let product = |name| Names { product: Some(name), ..Names::default() }.board().map(|b| b.model);
        assert_eq!(product("E3372h-320"), Some("E3372h-320"));
        assert_eq!(product("E3372h-153"), Some("E3372h"));
        assert_eq!(product("E3372h-325"), None, "no board is known for it");
        assert_eq!(product("K3772"), None);
    }
}
