//! What is known of flashing besides the protocol: refusals in words, sticks whose download mode is odd, the numbers that updaters show. The tables
//! are `data/flash-facts.toml`.
//!
//! ```
//! use stickshift::flash::facts;
//!
//! // The owner of a loader from a forum's kit is told which kit it is.
//! assert_eq!(facts::loader_kit("usblsafe-99.bin").map(|kit| kit.word), Some("99"));
//! assert!(facts::loader_kit("usblsafe-3372h.bin").is_none());
//! ```

/// A refusal (NAK) of download mode (docs/protocols/balong-flash.md section 2.5).
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The last byte of the answer, `03 00 NN`.
    pub code: u8,
    /// What it means; both readings where the two lists of codes differ.
    pub words: &'static str,
    /// The same request is refused again.
    pub for_good: bool,
}

/// A stick whose download mode is not as the protocol has it.
#[derive(Debug, PartialEq, Eq)]
pub struct OddStick {
    /// Stable kebab-case code.
    pub code: &'static str,
    /// Its product, `E3372s`.
    pub product: &'static str,
    /// How its firmware version begins; empty for every version.
    pub software: &'static str,
    /// What is odd, in one line.
    pub what: &'static str,
    /// What to do instead.
    pub next: &'static str,
}

/// Loaders that belong to a kit of loader and firmware.
#[derive(Debug, PartialEq, Eq)]
pub struct LoaderKit {
    /// A word of its loader's file name.
    pub word: &'static str,
    /// What is known of it, in one line.
    pub what: &'static str,
    /// What to take instead.
    pub next: &'static str,
}

/// A number that the vendor's updaters show.
#[derive(Debug, PartialEq, Eq)]
pub struct UpdaterError {
    /// The number, decimal.
    pub code: u8,
    /// What it means.
    pub words: &'static str,
    /// What to do.
    pub next: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/flash_facts.rs"));

/// What is odd about a stick of this product (`HUAWEI E3372s_153`, `E3372s-153`) that runs `software`.
pub fn odd_stick(product: &str, software: &str) -> Option<&'static OddStick> {
    let product = product.trim();
    let product = product.strip_prefix("HUAWEI ").unwrap_or(product);
    let named = |name: &str| {
        product.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && !product[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    ODD_STICKS.iter().find(|odd| named(odd.product) && software.starts_with(odd.software))
}

/// The kit that a loader file of this name belongs to.
pub fn loader_kit(file_name: &str) -> Option<&'static LoaderKit> {
    let mut words = file_name.split(|c: char| !c.is_ascii_alphanumeric());
    words.find_map(|word| LOADER_KITS.iter().find(|kit| kit.word.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_odd_stick_is_recognised_and_its_neighbours_are_not() {
        for odd in ODD_STICKS {
            for product in
                [odd.product.to_owned(), format!("HUAWEI {}_153", odd.product), odd.product.to_lowercase()]
            {
                let software = format!("{}.01.00.00", odd.software);
                assert_eq!(odd_stick(&product, &software), Some(odd), "{product}");
            }
            assert_eq!(odd_stick(&format!("{}x", odd.product), odd.software), None);
            assert!(!odd.next.is_empty());
        }
        assert_eq!(odd_stick("E3372s_153", "21.200.07.00.00"), None);
        assert_eq!(odd_stick("E3372h_153", "21.300.00.00.00"), None);
    }

    #[test]
    fn a_kit_is_a_word_of_the_file_name() {
        for name in ["usblsafe-99.bin", "loader_99_safe.bin", "99/usbloader.bin", "B525 99.bin"] {
            assert_eq!(loader_kit(name).map(|kit| kit.word), Some("99"), "{name}");
        }
        for name in ["usblsafe-3372h.bin", "usbloader-1999.bin", "loader99.bin", ""] {
            assert_eq!(loader_kit(name), None, "{name}");
        }
    }

    #[test]
    fn updater_errors_have_a_cause_and_help_of_their_own() {
        let codes: Vec<u8> = UPDATER_ERRORS.iter().map(|e| e.code).collect();
        assert_eq!(codes, [12, 13, 16]);
        let says = |code: u8, cause: &str, help: &str| {
            let error = UPDATER_ERRORS.iter().find(|e| e.code == code).unwrap();
            assert!(error.words.contains(cause) && error.next.contains(help), "{error:?}");
        };
        says(12, "no device information", "stickshift list");
        says(13, "does not start", "boot pin");
        says(16, "intermediate version", "intermediate version first");
    }
}
