//! Who are you (docs/protocols/hilink-at.md section 3.3).

use std::time::Duration;

use crate::at::command::{AtAnswer, Call, CommandResult, CommandRow, Knows};
use crate::identity::{Dialect, Identity};

pub(super) const ROWS: &[CommandRow] = &[
    ("I", Knows::Every, |call| information(call.id)),
    ("+CGMI", Knows::Every, |_| AtAnswer::line("huawei").into()),
    ("+GMI", Knows::Every, |_| AtAnswer::line("huawei").into()),
    ("+CGMM", Knows::Every, |call| AtAnswer::line(&call.id.model).into()),
    ("+GMM", Knows::Every, |call| AtAnswer::line(&call.id.model).into()),
    ("+CGMR", Knows::Every, |call| AtAnswer::line(&call.id.version).into()),
    ("+GMR", Knows::Every, |call| AtAnswer::line(&call.id.version).into()),
    ("+CGSN", Knows::Every, |call| AtAnswer::line(&call.id.imei).into()),
    ("+GSN", Knows::Every, |call| AtAnswer::line(&call.id.imei).into()),
    ("+GCAP", Knows::Every, |_| AtAnswer::line("+GCAP: +CGSM,+DS,+ES").into()),
    ("^HWVER", Knows::Every, |call| AtAnswer::line(format!("^HWVER:\"{}\"", call.id.hardware)).into()),
    ("^FHVER", Knows::Lte, |call| {
        let Identity { product, version, hardware, board, .. } = call.id;
        AtAnswer::line(format!("^FHVER:\"{product} {version},{hardware} {board}\"")).into()
    }),
    ("^VERSION?", Knows::Lte, |call| versions(call.id)),
    ("^SN", Knows::Every, |call| AtAnswer::line(format!("^SN:{}", call.id.serial)).into()),
    ("^CVER?", Knows::Lte, |call| AtAnswer::line(format!("^CVER:{}", call.id.version)).into()),
    ("^DLOADVER?", Knows::Every, |_| AtAnswer::line("2.0").into()),
    ("^DLOADINFO?", Knows::Lte, |call| download_information(call.id)),
    ("^AUTHORITYVER?", Knows::Every, |_| AtAnswer::line("1000").into()),
    ("^CARDLOCK?", Knows::Every, |_| AtAnswer::line("^CARDLOCK: 2,10,0").into()),
    ("^CHIPTEMP?", Knows::Lte, |_| AtAnswer::line("^CHIPTEMP: 304,304,65535,27,65535").into()),
    ("^TBATVOLT?", Knows::Lte, |_| AtAnswer::line("^TBATVOLT:4458").into()),
    // The field knows this one to hang; the answer comes when nobody waits any more.
    ("+CCID", Knows::Every, |_| CommandResult::from(AtAnswer::Error).after(Duration::from_secs(300))),
];

fn information(id: &Identity) -> CommandResult {
    AtAnswer::Lines(vec![
        "Manufacturer: huawei".into(),
        format!("Model: {}", id.model),
        format!("Revision: {}", id.version),
        format!("IMEI: {}", id.imei),
        match id.dialect {
            Dialect::Lte => "+GCAP: +CGSM,+DS,+ES".into(),
            Dialect::Umts => "+GCAP: +CGSM,+FCLASS,+DS".into(),
        },
    ])
    .into()
}

fn webui(id: &Identity) -> String {
    if id.webui.is_empty() { String::new() } else { format!("WEBUI_{}_HILINK", id.webui) }
}

/// The web UI stays on the flash whatever firmware runs, and is reported in both.
fn versions(id: &Identity) -> CommandResult {
    let line = |name: &str, value: &str| format!("^VERSION:{name}:{value}");
    AtAnswer::Lines(vec![
        line("BDT", "Sep 30 2014, 15:17:21"),
        line("EXTS", &id.version),
        line("INTS", ""),
        line("EXTD", &webui(id)),
        line("INTD", ""),
        line("EXTH", &format!("{} {}", id.hardware, id.board)),
        line("INTH", ""),
        line("EXTU", &id.model),
        line("INTU", ""),
        line("CFG", "1004"),
        line("PRL", ""),
        line("OEM", ""),
        line("INI", ""),
    ])
    .into()
}

fn download_information(id: &Identity) -> CommandResult {
    let text = [
        format!("swver:{}", id.version),
        "isover:".into(),
        format!("webuiver:{}", webui(id)),
        format!("product name:{}", id.product),
        "dload type:0".into(),
    ];
    AtAnswer::line(format!("\r\n{}", text.join("\r\n\r\n"))).into()
}

/// Whether the SIM is the router's: HiLink firmware keeps it from its AT ports.
pub(super) fn kept_away(call: &Call<'_>) -> bool {
    call.id.hilink
}
