//! What firmware answers to each AT command (docs/protocols/hilink-at.md sections 3.3 and 3.4).
//!
//! A row is what follows `AT`: a whole command, or, when it ends with `=`, one with arguments.

use std::time::Duration;

use crate::at::port::{AtPort, Outcome, Said, Then};
use crate::identity::Identity;

type Handler = fn(&mut AtPort, &Identity, &str) -> Outcome;

const TABLE: &[(&str, Handler)] = &[
    ("", |_, _, _| Said::ok().into()),
    ("Z", |_, _, _| Said::ok().into()),
    ("E", |port, _, _| echo(port, false)),
    ("E0", |port, _, _| echo(port, false)),
    ("E1", |port, _, _| echo(port, true)),
    ("V0", |port, _, _| verbose(port, false)),
    ("V1", |port, _, _| verbose(port, true)),
    ("Q0", |_, _, _| Said::ok().into()),
    ("I", |_, id, _| information(id)),
    ("+CMEE=", |port, _, level| match level.parse() {
        Ok(level @ 0..=2) => {
            port.cmee = level;
            Said::ok().into()
        }
        _ => Said::Cme(50).into(),
    }),
    ("+CMEE?", |port, _, _| Said::line(format!("+CMEE: {}", port.cmee)).into()),
    ("+CGMI", |_, _, _| Said::line("huawei").into()),
    ("+CGMM", |_, id, _| Said::line(&id.model).into()),
    ("+CGMR", |_, id, _| Said::line(&id.version).into()),
    ("+CGSN", |_, id, _| Said::line(&id.imei).into()),
    ("+GCAP", |_, _, _| Said::line("+GCAP: +CGSM,+DS,+ES").into()),
    ("+CPIN?", |_, id, _| if id.hilink { Said::Cme(10).into() } else { Said::line("+CPIN: READY").into() }),
    ("+CFUN?", |_, _, _| Said::line("+CFUN: 1").into()),
    ("+CFUN=1,1", |_, _, _| Outcome { then: Then::Reset, ..Said::ok().into() }),
    ("+CSQ", |_, id, _| Said::line(if id.hilink { "+CSQ: 99,99" } else { "+CSQ: 20,99" }).into()),
    ("^CURC=", |_, _, _| Said::ok().into()),
    ("^HWVER", |_, id, _| Said::line(format!("^HWVER:\"{}\"", id.hardware)).into()),
    ("^FHVER", |_, id, _| {
        let Identity { product, version, hardware, board, .. } = id;
        Said::line(format!("^FHVER:\"{product} {version},{hardware} {board}\"")).into()
    }),
    ("^VERSION?", |_, id, _| versions(id)),
    ("^SN", |_, id, _| Said::line(format!("^SN:{}", id.serial)).into()),
    ("^DLOADVER?", |_, _, _| Said::line("2.0").into()),
    ("^DLOADINFO?", |_, id, _| download_information(id)),
    ("^AUTHORITYVER?", |_, _, _| Said::line("1000").into()),
    ("^SFM=", |_, _, value| if matches!(value, "0" | "1") { Said::ok() } else { Said::Error }.into()),
    ("^GODLOAD", |_, id, _| {
        if id.gate_closed {
            return Said::Error.into();
        }
        Outcome { then: Then::Download, ..Said::ok().into() }
    }),
    ("^RESET", |_, _, _| Outcome { then: Then::Reset, ..Said::ok().into() }),
    ("^SETPORT?", |_, id, _| Said::line(format!("^SETPORT:{}", id.ports)).into()),
    ("^SETPORT=?", |_, _, _| {
        let kinds = ["3: 3G DIAG", "10: 4G MODEM", "1: 3G MODEM", "12: 4G PCUI", "13: 4G DIAG", "5: 3G GPS"];
        let more = ["14: 4G GPS", "A: BLUE TOOTH", "16: NCM", "A1: CDROM", "A2: SD"];
        Said::Lines(kinds.iter().chain(&more).map(|kind| format!("^SETPORT:{kind}")).collect()).into()
    }),
    ("^GETPORTMODE", |_, id, _| {
        let ports =
            if id.hilink { "ecm:0,pcui:2,4g_diag:3" } else { "pcui:0,modem:1,ncm:2,mass:3,mass_two:4" };
        Said::line(format!("^GETPORTMODE: TYPE: WCDMA: huawei,,{ports}")).into()
    }),
    ("^CARDLOCK?", |_, _, _| Said::line("^CARDLOCK: 2,10,0").into()),
    // The field knows this one to hang; the answer comes when nobody waits any more.
    ("+CCID", |_, _, _| Outcome { after: Duration::from_secs(300), ..Said::Error.into() }),
];

/// Runs what follows `AT`.
pub(crate) fn run(port: &mut AtPort, identity: &Identity, command: &str) -> Outcome {
    let name: String = command.to_ascii_uppercase();
    if let Some((_, handler)) = TABLE.iter().find(|(row, _)| *row == name) {
        return handler(port, identity, "");
    }
    let Some((row, handler)) = TABLE.iter().find(|(row, _)| row.ends_with('=') && name.starts_with(row))
    else {
        return Said::Error.into();
    };
    handler(port, identity, &command[row.len()..])
}

fn echo(port: &mut AtPort, on: bool) -> Outcome {
    port.echo = on;
    Said::ok().into()
}

fn verbose(port: &mut AtPort, on: bool) -> Outcome {
    port.verbose = on;
    Said::ok().into()
}

fn information(id: &Identity) -> Outcome {
    Said::Lines(vec![
        "Manufacturer: huawei".into(),
        format!("Model: {}", id.model),
        format!("Revision: {}", id.version),
        format!("IMEI: {}", id.imei),
        "+GCAP: +CGSM,+DS,+ES".into(),
    ])
    .into()
}

/// The web UI stays on the flash whatever firmware runs, and is reported in both.
fn versions(id: &Identity) -> Outcome {
    let webui = if id.webui.is_empty() { String::new() } else { format!("WEBUI_{}_HILINK", id.webui) };
    let line = |name: &str, value: &str| format!("^VERSION:{name}:{value}");
    Said::Lines(vec![
        line("BDT", "Sep 30 2014, 15:17:21"),
        line("EXTS", &id.version),
        line("INTS", ""),
        line("EXTD", &webui),
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

fn download_information(id: &Identity) -> Outcome {
    let webui = if id.webui.is_empty() { String::new() } else { format!("WEBUI_{}_HILINK", id.webui) };
    let text = [
        format!("swver:{}", id.version),
        "isover:".into(),
        format!("webuiver:{webui}"),
        format!("product name:{}", id.product),
        "dload type:0".into(),
    ];
    Said::line(format!("\r\n{}", text.join("\r\n\r\n"))).into()
}

/// The words of a `+CME ERROR` (docs/protocols/hilink-at.md section 3.9).
pub(crate) fn cme_words(number: u16) -> &'static str {
    match number {
        0 => "phone failure",
        3 => "operation not allowed",
        4 => "operation not supported",
        10 => "SIM not inserted",
        11 => "SIM PIN required",
        12 => "SIM PUK required",
        13 => "SIM failure",
        14 => "SIM busy",
        16 => "incorrect password",
        50 => "incorrect parameters",
        _ => "unknown",
    }
}
