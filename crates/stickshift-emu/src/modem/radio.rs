//! The network that a stick is in, and what its owner allows it to use (docs/protocols/hilink-at.md sections 1.7, 1.9 and 3.5).

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Radio {
    /// `AT+CFUN`: 1 is on.
    pub(crate) function: u8,
    /// Full and short name, MCC and MNC.
    pub(crate) operator: (&'static str, &'static str, &'static str),
    /// `AT+COPS`: chosen by hand.
    pub(crate) manual: bool,
    /// `AT^SYSCFGEX`'s order of access: `00`, `030201`.
    pub(crate) order: String,
    /// Hexadecimal bit maps.
    pub(crate) bands: String,
    pub(crate) lte_bands: String,
    /// 0 off, 1 on.
    pub(crate) roaming: u8,
    /// 0 circuits, 1 packets, 2 both.
    pub(crate) domain: u8,
    /// The web's network mode, bands and LTE bands.
    pub(crate) web: [String; 3],
    /// `AT^SYSCFG`'s mode and order of 3G sticks.
    pub(crate) old_mode: (u8, u8),
}

/// The networks in reach: state as in the web UI (1 usable, 2 registered, 3 forbidden), names, number, access technology.
pub(crate) const NETWORKS: [(u8, &str, &str, &str, u8); 3] = [
    (2, "Orange", "Orange", "20801", 7),
    (1, "Bouygues Telecom", "BYTEL", "20820", 7),
    (3, "SFR", "SFR", "20810", 2),
];

impl Radio {
    pub(crate) fn new() -> Self {
        Radio {
            function: 1,
            operator: ("Orange", "Orange", "20801"),
            manual: false,
            order: "00".into(),
            bands: "3FFFFFFF".into(),
            lte_bands: "7FFFFFFFFFFFFFFF".into(),
            roaming: 1,
            domain: 2,
            web: ["00", "2000004400000", "80800D5"].map(str::to_owned),
            old_mode: (2, 0),
        }
    }
}
