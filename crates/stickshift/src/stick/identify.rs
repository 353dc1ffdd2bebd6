//! What a stick's own words say about it: which board it is, which firmware runs on it, whether that lets itself be replaced.
//!
//! The rules are `data/identify.toml`, from docs/protocols/hilink-at.md sections 0 and 1.8. What no rule covers is unknown.

use serde::Serialize;

/// The hardware, whatever firmware is on it.
#[derive(Debug, PartialEq, Eq)]
pub struct Board {
    /// What the stick says, `CL2E3372HM`.
    pub hardware: &'static str,
    /// `E3372h`.
    pub model: &'static str,
    /// In words.
    pub chip: &'static str,
    /// How the platform of images for it begins, `E3372h` as in `E3372h_153`; none are known to fit without it.
    pub images: Option<&'static str>,
    /// How its serial numbers begin.
    pub serial: Option<&'static str>,
    /// Where that is from.
    pub source: &'static str,
}

/// Which names a rule is for.
#[derive(Debug, PartialEq, Eq)]
pub struct Models {
    /// They begin as one of these.
    pub begin: &'static [&'static str],
    /// And as none of these.
    pub except: &'static [&'static str],
    /// Where the rule is from.
    pub source: &'static str,
}

/// Which firmware a version stands for.
#[derive(Debug, PartialEq, Eq)]
pub struct FirmwareRule {
    /// On which sticks.
    pub of: Models,
    /// How the version begins.
    pub version: &'static str,
    /// What it is then.
    pub kind: Kind,
    /// Such a version.
    pub example: &'static str,
}

/// What firmware makes of a stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A plain modem.
    Stick,
    /// A network card with its own router.
    Hilink,
}

impl Kind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Stick => "stick",
            Kind::Hilink => "hilink",
        }
    }
}

/// Up to where HiLink firmware lets itself be replaced.
#[derive(Debug, PartialEq, Eq)]
pub struct GateRule {
    /// On which sticks.
    pub of: Models,
    /// The first `(AAA, CC)` of `22.AAA.BB.CC.DD` that is not open.
    pub open_before: (u32, u32),
    /// What is known of that and the later ones.
    pub beyond: Gate,
}

/// Whether the firmware that runs lets itself be replaced from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Takes AT^SFM=1 and AT^GODLOAD and then any image.
    Open,
    /// Refuses a downgrade: the boot pin is the way.
    Closed,
    /// No rule covers this stick with this version.
    Unknown,
}

include!(concat!(env!("OUT_DIR"), "/identify.rs"));

/// What a stick says of itself that names it.
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
    /// The board that the hardware text names, or the product.
    pub fn board(&self) -> Option<&'static Board> {
        self.hardware.and_then(board).or_else(|| {
            let product = self.product?;
            let named = BOARDS.iter().filter(|b| product.starts_with(b.model));
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

    /// What runs on the stick, by its version.
    pub fn kind(&self, version: &str) -> Option<&'static FirmwareRule> {
        let (names, _) = self.known();
        FIRMWARE.iter().find(|rule| version.starts_with(rule.version) && rule.of.covers(&names))
    }

    /// Whether `version` lets itself be replaced. A marketing name stands for several boards: then all their rules have to agree.
    pub fn gate(&self, version: &str) -> Gate {
        match self.kind(version).map(|rule| rule.kind) {
            Some(Kind::Stick) => return Gate::Open,
            Some(Kind::Hilink) => {}
            None => return Gate::Unknown,
        }
        let Some(pair) = release(version) else { return Gate::Unknown };
        let (names, exact) = self.known();
        let rules = GATES.iter().filter(|rule| match exact {
            true => rule.of.covers(&names),
            false => rule.of.begin.iter().any(|m| names.iter().any(|name| m.starts_with(name.as_str()))),
        });
        let mut said = rules.map(|rule| if pair < rule.open_before { Gate::Open } else { rule.beyond });
        let Some(first) = said.next() else { return Gate::Unknown };
        if said.all(|other| other == first) { first } else { Gate::Unknown }
    }
}

impl Models {
    fn covers(&self, names: &[String]) -> bool {
        let any = |models: &[&str]| names.iter().any(|name| models.iter().any(|m| name.starts_with(m)));
        any(self.begin) && !any(self.except)
    }
}

/// `(AAA, CC)` of `22.AAA.BB.CC.DD`.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().ok());
    let mut next = || numbers.next().flatten();
    let (first, aaa, _, cc) = (next()?, next()?, next()?, next()?);
    (first == 22).then_some((aaa, cc))
}

/// The board of a hardware text such as `CL2E3372HM Ver.A`.
pub fn board(hardware: &str) -> Option<&'static Board> {
    let name = hardware.split_whitespace().next()?;
    BOARDS.iter().find(|b| b.hardware == name)
}

/// The model that a hardware text stands for: of a known board, or by the shape that they have, `CH1E3276SM` an E3276s. `None` where it has no
/// such shape.
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
        for rule in GATES {
            assert!(documented(rule.of.source) && rule.beyond != Gate::Open, "{rule:?}");
            for model in rule.of.begin {
                let names = Names { product: Some(model), ..Names::default() };
                assert_eq!(names.gate("22.200.15.00.00"), Gate::Open, "{model}");
                assert_eq!(names.gate("22.400.15.00.00"), rule.beyond, "{model}");
            }
        }
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
        assert_eq!(product("K3772"), None);
    }
}
