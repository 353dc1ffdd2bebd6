use crate::error::Effect;

/// Commands without `?` that only ask. Everything else that is typed is taken for a change.
const ASK: &[&str] = &[
    "",
    "I",
    "E0",
    "E1",
    "V0",
    "V1",
    "Q0",
    "Q1",
    "+CGMI",
    "+CGMM",
    "+CGMR",
    "+CGSN",
    "+GMI",
    "+GMM",
    "+GMR",
    "+GSN",
    "+GCAP",
    "+CIMI",
    "+CCID",
    "+CSQ",
    "+CLAC",
    "+CPAS",
    "+CNUM",
    "+CEER",
    "+CESQ",
    "^SN",
    "^HWVER",
    "^FHVER",
    "^SYSINFO",
    "^SYSINFOEX",
    "^DSFLOWQRY",
    "^GETPORTMODE",
    "^ICCID",
    "^CSNR",
    "+QCCID",
    "#CGMI",
    "#CGMM",
    "#CGMR",
    "#CGSN",
    "#CIMI",
    "#CCID",
];

/// Commands whose argument only says what is asked for.
const ASK_WITH: &[&str] = &["+CGPADDR=", "+CGCONTRDP=", "^NVRDEX=", "^NVRD=", "+CMEE="];

/// What a command that a user typed does to the stick. It only asks where that is certain: it ends in `?`, or is one of a short list;
/// of several in one line all have to.
///
/// ```
/// use stickshift::at::effect_of;
/// use stickshift::error::Effect;
///
/// assert_eq!(effect_of("AT+CPIN?"), Effect::Reads);
/// assert_eq!(effect_of("ati"), Effect::Reads);
/// assert_eq!(effect_of("AT+CFUN=0"), Effect::Changes);
/// assert_eq!(effect_of("AT+CSQ;+CFUN=0"), Effect::Changes);
/// ```
pub fn effect_of(line: &str) -> Effect {
    let upper = line.trim().to_ascii_uppercase();
    let Some(line) = upper.strip_prefix("AT") else { return Effect::Changes };
    if parts(line).into_iter().all(only_asks) { Effect::Reads } else { Effect::Changes }
}

/// Whether a line holds more than one command: when such a line is refused, the first of them may have been carried out.
pub(super) fn is_several(line: &str) -> bool {
    parts(line).len() > 1
}

/// Whether a line carries a code of which wrong ones are counted: it is never sent again unasked.
pub(super) fn is_counted(line: &str) -> bool {
    let line = line.to_ascii_uppercase();
    // `"SC",2` asks.
    ["PIN=", "+CPWD=", "CLCK=", "LOCK="].iter().any(|start| line.contains(start)) && !line.ends_with(",2")
}

/// The commands of a line: `;` parts them, but for those in quotes.
fn parts(line: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = line.split(|c: char| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    parts.map(str::trim).collect()
}

fn only_asks(part: &str) -> bool {
    let name: String = part.split_whitespace().collect();
    let extended = name.starts_with(['+', '^', '*', '$', '%', '#', '!']);
    let query = extended && name.ends_with('?') && !name.contains('"');
    query || ASK.contains(&name.as_str()) || ASK_WITH.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_asks() {
        for asks in [
            "AT",
            "ATI",
            "AT+CPIN?",
            "AT+COPS=?",
            "at^hcsq?",
            "AT+CSQ;+CPIN?",
            "AT ^SYSCFGEX ?",
            "AT+CGPADDR=1",
            "AT#CGSN",
            "AT!GSTATUS?",
        ] {
            assert_eq!(effect_of(asks), Effect::Reads, "{asks}");
        }
    }

    #[test]
    fn everything_else_may_change_something() {
        for changes in [
            "ATD123;",
            "ATZ",
            "AT&F",
            "AT+CMGL=4",
            "AT+CMGD=0",
            "AT+CFUN=0",
            "AT+CPIN=\"1234\"",
            "AT+CSQ;+CFUN=0",
            "AT+CUSD=1,\"what?\",15",
            "ATD?",
            "AT^UNHEARD",
            "X",
        ] {
            assert_eq!(effect_of(changes), Effect::Changes, "{changes}");
        }
    }

    #[test]
    fn a_semicolon_in_quotes_parts_nothing() {
        assert!(!is_several("AT^SETPORT=\"FF;12,16\""));
        assert!(is_several("AT+CFUN=0;+CSQ"));
    }
}
