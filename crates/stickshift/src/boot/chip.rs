//! Which chip a loader is for, and which models have that chip.

use sha2::{Digest, Sha256};

use crate::boot::loader::Loader;

/// One kind of Balong chip. The table is `data/chips.toml`.
#[derive(Debug, PartialEq, Eq)]
pub struct Chip {
    /// The field's name for it, for example `V7R11`.
    pub name: &'static str,
    /// Models that have it.
    pub models: &'static [&'static str],
    /// Names of the [`EraseFamily`](crate::boot::EraseFamily) shapes found in its loaders.
    pub erase_families: &'static [&'static str],
    /// Product texts in the partition tables of its loaders.
    pub products: &'static [&'static str],
    /// Where these facts come from.
    pub source: &'static str,
}

/// A loader file that was seen before. The table is in `data/chips.toml`.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownLoader {
    /// The name under which it is passed around.
    pub name: &'static str,
    /// SHA-256 of the whole file, lower-case hex.
    pub sha256: &'static str,
    /// Name of its [`Chip`].
    pub chip: &'static str,
    /// What is known of its safety, in one lower-case line.
    pub about: &'static str,
    /// Where these facts come from.
    pub source: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/chips.rs"));

impl Chip {
    /// The chip of a model, `E3372h`; what follows it (`E3372h-153`, `E3372h_607`) does not matter.
    pub fn of_model(model: &str) -> Option<&'static Chip> {
        let model = model.trim();
        let named = |name: &str| {
            model.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
                && !model[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        CHIPS.iter().find(|chip| chip.models.iter().any(|m| named(m)))
    }

    /// Models whose chip is known that `model` may be meant for: those that share most of its beginning, or all of them.
    pub fn models_like(model: &str) -> Vec<&'static str> {
        let model = model.trim();
        let alike = |known: &str| {
            let pairs = known.bytes().zip(model.bytes());
            pairs.take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
        };
        let all = || CHIPS.iter().flat_map(|chip| chip.models.iter().copied());
        let most = all().map(alike).max().unwrap_or(0);
        all().filter(|known| most < 2 || alike(known) == most).collect()
    }
}

impl Loader {
    /// The chip that this loader is for, as far as its code, its partition table and its hash tell.
    pub fn chip(&self) -> Option<&'static Chip> {
        let family = self.assess().family;
        let by_family = CHIPS.iter().find(|c| family.is_some_and(|f| c.erase_families.contains(&f.name())));
        let by_product = || {
            let product = self.table()?.product();
            CHIPS.iter().find(|c| c.products.contains(&product.as_str()))
        };
        let by_hash = || {
            let chip = self.known()?.chip;
            CHIPS.iter().find(|c| c.name == chip)
        };
        by_family.or_else(by_product).or_else(by_hash)
    }

    /// What is known of this very file, as it was read.
    pub fn known(&self) -> Option<&'static KnownLoader> {
        let sha256 = crate::hex::encode(&Sha256::digest(self.as_read()?));
        KNOWN_LOADERS.iter().find(|known| known.sha256 == sha256)
    }

    /// Why this loader does not fit a stick of this model; `None` where it fits, or one of the two is not known.
    pub fn misfit(&self, model: &str) -> Option<String> {
        let (of_loader, of_stick) = (self.chip()?, Chip::of_model(model)?);
        (of_loader != of_stick).then(|| {
            format!("the loader is for {}, the stick ({model}) has a {}", of_loader.name, of_stick.name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_has_models_and_source_and_no_sign_points_two_ways() {
        let mut signs = BTreeSet::new();
        for chip in CHIPS {
            assert!(!chip.models.is_empty() && chip.source.contains("balong-boot.md"), "{chip:?}");
            for sign in chip.erase_families.iter().chain(chip.products) {
                assert!(signs.insert(*sign), "{sign} twice");
            }
        }
        for family in ["V7R1", "V7R2", "V7R11", "V7R22", "V7R22_2", "V7R22_3"] {
            assert!(signs.contains(family), "{family} points to no chip");
        }
    }

    #[test]
    fn models_are_found_whatever_follows_their_name() {
        let chip = |model: &str| Chip::of_model(model).map(|c| c.name);
        for model in ["E3372h", "e3372h-153", "E3372h_607", " E3372h "] {
            assert_eq!(chip(model), Some("V7R11"), "{model}");
        }
        assert_eq!(
            (chip("E3372s-153"), chip("E3372"), chip("E3372hx"), chip("")),
            (Some("V7R2"), None, None, None)
        );
    }

    #[test]
    fn a_mistyped_model_is_led_to_the_nearest() {
        for (typed, like) in [
            ("E3372", vec!["E3372s", "E3372h"]),
            ("e3372x", vec!["E3372s", "E3372h"]),
            ("E3273", vec!["E3272", "E3276"]),
        ] {
            assert_eq!(Chip::of_model(typed), None, "{typed}");
            assert_eq!(Chip::models_like(typed), like, "{typed}");
        }
        let all: usize = CHIPS.iter().map(|chip| chip.models.len()).sum();
        assert_eq!((Chip::models_like("foo").len(), Chip::models_like("").len()), (all, all));
    }

    #[test]
    fn known_loaders_name_a_chip_and_a_whole_hash() {
        for known in KNOWN_LOADERS {
            assert!(CHIPS.iter().any(|c| c.name == known.chip), "{known:?}");
            assert!(known.sha256.len() == 64 && !known.about.is_empty(), "{known:?}");
            assert!(known.source.contains("balong-boot.md"), "{known:?}");
        }
    }
}
