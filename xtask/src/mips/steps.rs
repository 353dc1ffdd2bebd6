//! What the guest does, and what must be seen of it.

/// A line for the guest's first process (xtask/mips/init.c), and what it must lead to.
pub(crate) struct Step {
    pub(crate) line: &'static str,
    /// What the program ends with, for those that run it.
    pub(crate) code: Option<i32>,
    /// What is on the console before the next step.
    pub(crate) shows: &'static [&'static str],
}

const fn wait(line: &'static str) -> Step {
    Step { line, code: None, shows: &["@ there: "] }
}

const fn run(line: &'static str, shows: &'static [&'static str]) -> Step {
    Step { line, code: Some(0), shows }
}

const fn begin(line: &'static str) -> Step {
    Step { line, code: None, shows: &[] }
}

/// Sticks that the host offers, by the port at which it does.
pub(crate) const STICKS: [(u16, &str); 3] = [(3291, "k3772"), (3292, "k3772"), (3293, "e3372h-stick")];

pub(crate) const STEPS: &[Step] = &[
    begin("import 3291"),
    wait("until 30 /sys/bus/usb/devices/1-1/bConfigurationValue"),
    run("run list", &["12d1:1526"]),
    run("run switch 1-1", &["12d1:14cf"]),
    wait("until 20 /dev/ttyUSB2"),
    run("run list", &["12d1:14cf", "ttyUSB0", "pcui", "ttyUSB2"]),
    run("run at ATI --stick 1-1", &["K3772"]),
    run("run signal 1-1", &["dBm"]),
    run("run sms list 1-1", &[]),
    begin("start watch --json"),
    begin("import 3292"),
    wait("until 40 /dev/ttyUSB5"),
    run("run list", &["1-2", "ttyUSB5"]),
    run("stop", &["\"verb\":\"watch\""]),
    begin("import 3293"),
    wait("until 30 /sys/bus/usb/devices/1-3:1.*/net/*"),
    wait("until 20 /dev/ttyUSB6"),
    run("run online up 1-3", &["online over ncm on "]),
    run("run online status 1-3", &[]),
    run("run online down 1-3", &[]),
];

/// Memory that the program may have, in kB: a router has 64 MB for everything.
pub(crate) const MOST_MEMORY: u64 = 4096;
