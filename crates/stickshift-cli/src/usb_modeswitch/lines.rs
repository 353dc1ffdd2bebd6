//! The lines that scripts read from usb_modeswitch (docs/protocols/mode-switch.md section 2.2).

/// Printed when the ids are not there, or only in their target mode. The exit code is 0.
pub(super) const NO_DEVICE: &str = "No devices in default mode found. Nothing to do. Bye!";
/// Printed when a target was seen.
pub(super) const SUCCEEDED: &str = "Mode switch succeeded. Bye!";
/// Printed when the stick left and nothing says what came.
pub(super) const MOST_LIKELY_SUCCEEDED: &str = "Mode switch most likely succeeded. Bye!";
/// Printed when no target came in time.
pub(super) const FAILED: &str = "Mode switch has failed. Bye!";
/// Printed when the stick did not leave.
pub(super) const MOST_LIKELY_FAILED: &str = "Mode switch most likely failed. Bye!";
/// Printed at the end where nothing was checked.
pub(super) const RUN_LSUSB: &str = "-> Run lsusb to note any changes. Bye!";

/// Sysmode line: the device was addressed by bus and device number.
pub(super) const OK_BUSDEV: &str = "ok:busdev";
/// Sysmode line: Sony's method, or NoDriverLoading.
pub(super) const OK: &str = "ok:";
/// Sysmode line: done, and the target's ids are not known.
pub(super) const OK_NO_DATA: &str = "ok:no_data";
/// Sysmode line: the success check failed.
pub(super) const FAIL: &str = "fail:";

/// Printed when the wanted configuration is active already; the exit code is 0 and no sysmode line follows.
pub(super) fn already_active(configuration: u8) -> String {
    format!("Target configuration {configuration} already active. Nothing to do")
}
