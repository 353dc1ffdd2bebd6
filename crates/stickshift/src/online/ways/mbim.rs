//! MBIM. The dialogue over /dev/cdc-wdm plugs in here: SIM and registration as in [`prelude`](super::prelude), CONNECT in place of `^NDISDUP`,
//! IP_CONFIGURATION in place of `^DHCP`, and [`settle`](crate::online::settle) for the rest.

use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::online::run::Run;
use crate::online::up::Access;
use crate::online::ways::Bearer;
use crate::stick::Stick;

pub(super) fn up(run: &mut Run<'_, '_>, _access: &mut Access<'_>) -> Result<Bearer> {
    Err(left_to_others(&run.stick, run.wanted.apn.as_deref()))
}

/// The command of another program that does it.
fn left_to_others(stick: &Stick, apn: Option<&str>) -> Error {
    let port = stick.interfaces.iter().find_map(|i| i.cdc_wdm.as_deref()).unwrap_or("/dev/cdc-wdm0");
    let apn = apn.unwrap_or_default();
    let command = format!("mbimcli -p -d {port} --connect=apn='{apn}',ip-type=ipv4");
    Error::new(ErrorKind::Unsupported, "going online over MBIM is left to another program")
        .detail(Detail::ForOther(command))
        .with_verdict(Verdict::Untouched)
}
