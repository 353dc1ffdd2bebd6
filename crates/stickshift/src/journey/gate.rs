//! The flash gate: whether running HiLink firmware lets itself be replaced from outside.
//!
//! Source: docs/protocols/hilink-at.md section 1.8, from the kit that converts the E3372h.

/// What the running firmware's version says about the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Takes AT^SFM=1 and AT^GODLOAD and then any image.
    Open,
    /// Refuses a downgrade: the boot pin is the way.
    Closed,
    /// The rule does not cover this version.
    Unknown,
}

/// The rule for the E3372h: in `22.AAA.BB.CC.DD` the gate is closed if AAA > 315, or AAA = 315 and CC > 0. Stick firmware 21.x has no
/// gate.
pub fn for_version(version: &str) -> Gate {
    let mut parts = version.split('.').map(|p| p.parse::<u32>().ok());
    let mut next = || parts.next().flatten();
    match (next(), next(), next(), next()) {
        (Some(21), Some(_), _, _) => Gate::Open,
        (Some(22), Some(aaa), Some(_), Some(cc)) => {
            if aaa > 315 || (aaa == 315 && cc > 0) {
                Gate::Closed
            } else {
                Gate::Open
            }
        }
        _ => Gate::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_at_its_edges() {
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
            assert_eq!(for_version(version), gate, "{version}");
        }
    }
}
