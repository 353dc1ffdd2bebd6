//! QMI: recognised, and left to the programs that speak it.

use crate::error::{Detail, Error, ErrorKind, Verdict};
use crate::online::Wanted;
use crate::stick::Stick;

/// The error that names the exact command.
pub(super) fn left_to_others(stick: &Stick, wanted: &Wanted) -> Error {
    let port = stick.interfaces.iter().find_map(|i| i.cdc_wdm.as_deref()).unwrap_or("/dev/cdc-wdm0");
    // The name stands in quotes of a shell.
    let plain = |apn: &&str| apn.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    let apn = wanted.apn.as_deref().filter(plain).unwrap_or("APN");
    let command = format!(
        "qmicli -p -d {port} --wds-start-network=\"apn='{apn}',ip-type=4\" --client-no-release-cid (Debian) or \
         uqmi -d {port} --start-network --apn {apn} --ip-family ipv4 (OpenWrt)"
    );
    Error::new(
        ErrorKind::Unsupported,
        "the stick's network interface speaks QMI, which is left to other programs",
    )
    .detail(Detail::ForOther(command))
    .with_verdict(Verdict::Untouched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stick::UsbId;

    #[test]
    fn the_command_is_whole_and_carries_no_foreign_sign() {
        let stick = Stick::new("1-1".parse().unwrap(), UsbId::new(0x12d1, 0x1506));
        let told = |apn: &str| {
            let wanted = Wanted { apn: Some(apn.into()), ..Wanted::default() };
            left_to_others(&stick, &wanted).fact("command").unwrap_or_default().to_owned()
        };
        assert!(
            told("internet").contains("apn='internet'") && told("internet").contains("uqmi -d /dev/cdc-wdm0")
        );
        assert!(!told("a';rm -rf /").contains("rm"));
    }
}
