use std::time::Duration;

use crate::at::refusal;
use crate::error::Effect;
use crate::wire::at::Final;

/// Commands without `?` that only ask. Everything else that is typed is taken for a change. One text: on a router it is a third of a list.
const ASK: &str = "I E0 E1 V0 V1 Q0 Q1 +CGMI +CGMM +CGMR +CGSN +GMI +GMM +GMR +GSN +GCAP +CIMI +CCID +CSQ +CLAC +CPAS \
    +CNUM +CEER +CESQ ^SN ^HWVER ^FHVER ^SYSINFO ^SYSINFOEX ^DSFLOWQRY ^GETPORTMODE ^ICCID ^CSNR \
    +QCCID #CGMI #CGMM #CGMR #CGSN #CIMI #CCID";

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

/// What begins a command with a code of the SIM, of which wrong ones are counted; the last by dialling.
const CODES: &str = "CLCK= PIN= PIN2= PUK= +CPWD= D**0";

/// More of them may be counted.
const LOCKS: &str = "LOCK=";

/// What the network, or the store of messages, may have done in part or whole when a refusal that gives no reason comes.
const ACTS: &str = "ATD +CMSS= +CMGS= +CMGC= +CMGD= +CUSD= +CGACT= +CGATT= ^NDISDUP= +COPS=";

/// How long a typed line is waited for by itself. What waits for the network, or turns the radio on and off, takes up to three minutes: 180 s
/// for +COPS, 150 for +CGACT, 140 for +CGATT, 120 for +CUSD and +CMGS (maximum response times of Quectel's
/// EC25&EC21 AT Commands Manual V1.3).
pub fn usual_time(line: &str) -> Duration {
    let line = plain(line);
    let is_long = ACTS.split(' ').chain(["+CFUN="]).any(|start| line.contains(start));
    Duration::from_secs(if is_long { 180 } else { 10 })
}

/// A line as the tables have it: in capitals, without blanks, which are allowed anywhere, and without quotes.
pub(crate) fn plain(line: &str) -> String {
    line.to_ascii_uppercase().chars().filter(|c| !c.is_whitespace() && *c != '"').collect()
}

/// Whether a line may carry a code of which wrong ones are counted: it is never sent again unasked.
pub(super) fn may_be_counted(line: &str) -> bool {
    carries(line, CODES) || carries(line, LOCKS)
}

/// Whether a line carries a code of the SIM: when it is refused, nobody knows whether a try is gone.
pub fn is_counted(line: &str) -> bool {
    carries(line, CODES)
}

fn carries(line: &str, codes: &str) -> bool {
    let line = plain(line);
    codes.split(' ').any(|start| {
        line.match_indices(start).any(|(at, _)| {
            let value = &line[at + start.len()..];
            // `"SC",2` asks.
            let asks = start == "CLCK=" && value.split([',', ';']).nth(1) == Some("2");
            !asks && !value.starts_with('?')
        })
    })
}

/// Whether a typed line may have done something although its result is a refusal.
pub fn may_have_acted(line: &str, refused: &Final) -> bool {
    let words = matches!(refused, Final::Error | Final::CmeError(_) | Final::CmsError(_));
    let plain = plain(line);
    let line_of = |starts: &str| {
        starts.split(' ').any(|start| {
            plain.match_indices(start).any(|(at, _)| {
                let value = plain[at + start.len()..].split(';').next().unwrap_or_default();
                match start {
                    // How networks are named, and what is told unasked.
                    "+COPS=" => !value.starts_with('3'),
                    "+CUSD=" => value.contains(','),
                    _ => true,
                }
            })
        })
    };
    effect_of(line) == Effect::Changes
        && (is_counted(line) && !refusal::is_without_sim(refused)
            || words && line_of(ACTS) && refusal::is_in_doubt(refused, true)
            // The network that it was on is left before another one is tried.
            || line_of("+COPS=") && refusal::is_of_network(refused))
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
    query
        || name.is_empty()
        || ASK.split(' ').any(|asks| asks == name)
        || ASK_WITH.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_the_network_is_waited_for() {
        let long = [
            "AT+COPS=?",
            "at+cops=1,2,\"20801\"",
            "AT+CUSD=1,\"*100#\",15",
            "AT+CGATT=1",
            "AT+CFUN=1",
            "ATD*99#",
        ];
        assert!(long.iter().all(|line| usual_time(line).as_secs() == 180), "{long:?}");
        for line in ["AT+COPS?", "ATI", "AT+CFUN?", "AT+CSQ", "AT^HCSQ?"] {
            assert_eq!(usual_time(line).as_secs(), 10, "{line}");
        }
    }

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
    fn a_code_is_seen_however_it_is_written() {
        for carries in [
            "AT+CPIN=\"9999\"",
            "at +cpin = 9999",
            "AT^CPIN=\"9999\"",
            "AT+CPIN2=\"9999\"",
            "AT^CPIN2=\"9999\"",
            "AT+CLCK=\"SC\",1,\"9999\"",
            "AT+CLCK=\"SC\",0,\"9999\",2",
            "AT+CLCK=\"SC\",2;+CPIN=\"9999\"",
            "AT+CPWD=\"P2\",\"9999\",\"1234\"",
            "ATD**04*9999*1234*1234#;",
        ] {
            assert!(is_counted(carries), "{carries}");
        }
        for asks in [
            "AT+CLCK=\"SC\",2",
            "AT+CLCK = \"SC\", 2",
            "AT+CPIN=?",
            "AT+CPIN?",
            "AT+CPINR=\"SIM PIN\"",
            "ATD*100#;",
            "AT^FREQLOCK=0",
        ] {
            assert!(!is_counted(asks), "{asks}");
        }
        assert!(may_be_counted("AT^FREQLOCK=0"));
    }

    #[test]
    fn what_names_networks_or_asks_for_reports_does_not_act() {
        let refused = |code: &str| Final::CmeError(code.to_owned());
        assert!(may_have_acted("AT+COPS=1,2,\"26201\"", &refused("30")));
        assert!(may_have_acted("AT+CUSD=1,\"*100#\",15", &Final::Error));
        assert!(may_have_acted("AT+CPIN=\"1234\"", &refused("16")));
        for (line, result) in [
            ("AT+COPS=3,2", refused("30")),
            ("AT+COPS=3,0;+COPS?", Final::Error),
            ("AT+CUSD=1", Final::Error),
            ("AT+CPIN=\"1234\"", refused("10")),
        ] {
            assert!(!may_have_acted(line, &result), "{line}");
        }
    }

    #[test]
    fn what_may_have_happened_in_spite_of_a_refusal() {
        let cme = |code: &str| Final::CmeError(code.to_owned());
        let cms = |code: &str| Final::CmsError(code.to_owned());
        for result in [
            Final::Error,
            cme("16"),
            cme("11"),
            cme("12"),
            cme("3"),
            cme("18"),
            cme("100"),
            Final::NotSupported,
        ] {
            assert!(may_have_acted("AT+CPIN=\"9999\"", &result), "{result}");
        }
        for (line, result) in [
            ("AT+CMSS=3", cms("500")),
            ("AT+CMSS=3", Final::Error),
            ("AT+CMGC=9", Final::Error),
            ("ATD*21*1#", cme("100")),
            ("AT+CUSD=1,\"*100#\",15", Final::Error),
            ("AT+CMGD=1,4", cms("500")),
            ("AT+CGACT=1,1", Final::Error),
            ("AT+COPS=1,2,\"00101\"", cme("30")),
            ("AT+COPS=1,2,\"00101\"", cme("no network service")),
        ] {
            assert!(may_have_acted(line, &result), "{line} {result}");
        }
        for (line, result) in [
            ("AT+CMSS=3", cms("38")),
            ("AT+CMSS=3", cms("321")),
            ("AT+CMGD=1", cms("321")),
            ("AT+COPS=9", cme("50")),
            ("AT+COPS=?", cme("30")),
            ("AT+COPS=?", Final::Error),
            ("ATD123", Final::NoCarrier),
            ("AT^UNHEARD=1", Final::Error),
            ("AT+CLCK=\"SC\",2", cme("100")),
        ] {
            assert!(!may_have_acted(line, &result), "{line} {result}");
        }
    }

    #[test]
    fn a_semicolon_in_quotes_parts_nothing() {
        assert!(!is_several("AT^SETPORT=\"FF;12,16\""));
        assert!(is_several("AT+CFUN=0;+CSQ"));
    }
}
