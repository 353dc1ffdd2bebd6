//! What the kernel says when a device does not work, and what that mostly means.

/// What the kernel says when a device does not work, what that mostly means, and whether power or a cable is behind it.
pub(super) const TROUBLE: &[(&str, &str, bool)] = &[
    (
        "unable to enumerate USB device",
        "the kernel could not read its descriptors: another port or cable, no hub without power of its own",
        true,
    ),
    (
        "device descriptor read",
        "the kernel had to ask for its descriptors again: a bad cable, port or hub",
        true,
    ),
    (
        "device not accepting address",
        "it did not take its address: a bad cable, port or hub, or too little power",
        true,
    ),
    (
        "over-current",
        "its port reported over-current, and may have cut its power: plug it into a port of the computer itself or into a hub with a power supply of its own",
        true,
    ),
    ("error -71", BROKEN, true),
    ("err = -71", BROKEN, true),
    ("can't set config", "the kernel could not select its configuration", false),
    ("due to insufficient available bus power", UNPOWERED, true),
    ("bind() failure", NOT_STARTED, false),
];
/// Unless another driver takes the interface.
pub(super) const NOT_STARTED: &str =
    "the kernel's driver of its network did not start: plug it in again, or try a newer kernel";
/// The kernel selects no configuration then.
pub(super) const UNPOWERED: &str = "the port does not give the power that it asks for";
/// EPROTO.
pub(super) const BROKEN: &str =
    "what came over its cable was broken (error -71): a bad cable or port, or too little power";
/// What concerns the computer and no single device.
pub(super) const UNDER_VOLTAGE: (&[&str], &str) = (
    &["Under-voltage detected", "Undervoltage detected"],
    "the computer itself had too little voltage: give it a stronger power supply, or the stick a hub with a power supply of its own",
);

/// Where a driver that serves modems gave up.
pub(super) const NOT_PROBED: &str = "a driver of the kernel gave up on one of its interfaces: it may be in another composition than the driver expects";
