//! Which chip a loader is for, and which models have that chip.

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

/// Every chip that is known.
pub static CHIPS: &[Chip] = include!(concat!(env!("OUT_DIR"), "/chips.rs"));

impl Loader {
    /// The chip that this loader is for, as far as its code and its partition table tell.
    pub fn chip(&self) -> Option<&'static Chip> {
        let family = self.judge().family;
        let by_family = CHIPS.iter().find(|c| family.is_some_and(|f| c.erase_families.contains(&f.name())));
        by_family.or_else(|| {
            let product = self.table()?.product();
            CHIPS.iter().find(|c| c.products.contains(&product.as_str()))
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
}
