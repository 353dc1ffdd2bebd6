use stickshift::error::{Detail, Refusal, RefusalFamily};

use super::*;

#[test]
fn the_verdict_decides_over_the_kind() {
    let refused = Error::new(ErrorKind::RequestRefused, "x");
    for (verdict, exit) in [
        (Verdict::Untouched, general::REFUSED),
        (Verdict::Done, general::REFUSED),
        (Verdict::Recoverable, RECOVERABLE),
        (Verdict::Unknown, UNKNOWN),
    ] {
        assert_eq!(of(&refused, verdict, Attempt::default()).exit, exit, "{verdict}");
    }
}

#[test]
fn online_tells_its_step_by_the_exit_code_unless_the_state_is_unknown() {
    let online = || Attempt { verb: "online", ..Attempt::default() };
    for (kind, step) in [(ErrorKind::WrongPin, general::SIM), (ErrorKind::NoAddress, general::NO_ADDRESS)] {
        let failed = Error::new(kind, "x");
        for verdict in [Verdict::Untouched, Verdict::Done, Verdict::Recoverable] {
            assert_eq!(of(&failed, verdict, online()).exit, step, "{kind:?} {verdict}");
        }
        assert_eq!(of(&failed, Verdict::Unknown, online()).exit, UNKNOWN);
    }
    // A code that was refused is a refusal with other verbs.
    let wrong = Error::new(ErrorKind::WrongPin, "x");
    let pin = Attempt { verb: "pin", ..Attempt::default() };
    assert_eq!(of(&wrong, Verdict::Recoverable, pin).exit, general::REFUSED);
}

#[test]
fn the_holder_is_the_cause() {
    let busy = Error::new(ErrorKind::PortBusy, "x").detail(Detail::Holder("ModemManager (pid 612)".into()));
    assert_eq!(of(&busy, Verdict::Untouched, Attempt::default()).cause, "held by ModemManager (pid 612)");
    // This program is no other one, wherever it runs.
    let of = |detail| {
        of(&Error::new(ErrorKind::PortBusy, "x").detail(detail), Verdict::Untouched, Attempt::default())
    };
    let here = of(Detail::HeldHere);
    assert!(here.cause.contains("keeps the stick online") && here.help.contains("online down"), "{here:?}");
    let elsewhere = of(Detail::Holder("stickshift (pid 612)".into()));
    assert!(elsewhere.help.contains("another run of stickshift"), "{elsewhere:?}");
}

/// The words of every verb.
fn verbs() -> Vec<String> {
    crate::command_line().get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
}

/// Every row, and every pair for which the general advice counts as fitting, as it is told: verb, way, kind, advice.
fn told() -> Vec<(String, Way, ErrorKind, Advice)> {
    let mut told = Vec::new();
    for verb in verbs() {
        let verb: &'static str = verb.leak();
        for way in [Way::Bus, Way::Port, Way::Url] {
            for kind in ErrorKind::ALL {
                if table::row(verb, way, *kind).is_none() && !fits::general_fits(verb, *kind) {
                    continue;
                }
                let tried = Attempt { verb, way, ..Attempt::default() };
                told.push((
                    verb.to_owned(),
                    way,
                    *kind,
                    of(&Error::new(*kind, "x"), Verdict::Untouched, tried),
                ));
            }
        }
    }
    told
}

/// The parts of `verb` and their options, as words.
fn words_of(verb: &str) -> Vec<String> {
    let line = crate::command_line();
    let verb = line.find_subcommand(verb).unwrap().clone();
    let below: Vec<_> = verb.get_subcommands().cloned().collect();
    let mut words: Vec<String> = below.iter().map(|part| part.get_name().to_owned()).collect();
    for command in below.iter().chain([&verb, &line]) {
        // The parts of a verb are described with it.
        words.extend(command.get_arguments().filter_map(|a| a.get_long()).map(|name| format!("--{name}")));
    }
    words.push("--help".to_owned());
    words
}

#[test]
fn each_row_is_of_a_verb_that_there_is_and_no_pair_is_told_in_two_ways() {
    let verbs = verbs();
    for row in table::ROWS {
        assert!(row.verbs.iter().all(|verb| verbs.iter().any(|v| v == verb)), "{row:?}");
        for text in [row.cause, row.help] {
            assert!(!text.ends_with('.') && !text.contains("  "), "{text}");
        }
        assert!(!row.help.is_empty());
        for verb in row.verbs {
            let same = |r: &&table::Row| r.kind == row.kind && r.way == row.way && r.verbs.contains(verb);
            assert_eq!(table::ROWS.iter().filter(same).count(), 1, "{verb} {}", row.kind);
            assert!(
                row.way.is_some() || !fits::general_fits(verb, row.kind),
                "{verb} {}: a row of its own, and the general one",
                row.kind
            );
        }
    }
    for (kind, groups) in fits::GENERAL {
        for verb in groups.iter().flat_map(|group| group.iter()) {
            assert!(verbs.iter().any(|v| v == verb), "{verb} {kind}");
        }
    }
    for kind in ErrorKind::ALL {
        let general = fits::GENERAL.iter().filter(|(general, _)| general == kind).count();
        let own = table::ROWS.iter().any(|row| row.kind == *kind);
        assert!(general == 1 || (general == 0 && own), "{kind}");
    }
}

#[test]
fn advice_names_only_verbs_and_options_that_there_are() {
    let known: Vec<(String, Vec<String>)> =
        verbs().into_iter().map(|verb| (verb.clone(), words_of(&verb))).collect();
    let mut problems = Vec::new();
    for (verb, way, kind, advice) in told() {
        // What stands in backticks is another command line, unless it is a bare option.
        for (number, part) in format!("{} {}", advice.cause, advice.help).split('`').enumerate() {
            let line = part.strip_prefix("stickshift ").filter(|_| number % 2 == 1);
            let of = line.map_or(verb.as_str(), |line| line.split(' ').next().unwrap_or_default());
            let Some((_, known)) = known.iter().find(|(verb, _)| verb == of) else {
                problems.push(format!("{verb} {kind}: there is no verb {of}"));
                continue;
            };
            for word in part.split_whitespace() {
                let option = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-');
                if option.starts_with("--") && !known.iter().any(|known| known == option) {
                    problems.push(format!("{verb} {way:?} {kind}: {of} takes no {option}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn no_advice_recommends_what_cannot_apply() {
    let mut problems = Vec::new();
    for (verb, way, kind, advice) in told() {
        let text = advice.help.to_lowercase();
        let mut never = |words: &[&str], why: &str| {
            for word in words.iter().filter(|word| text.contains(**word)) {
                problems.push(format!("{verb} {way:?} {kind}: {word:?}, but {why}"));
            }
        };
        if table::row(&verb, way, kind).is_some_and(|row| row.way == Some(Way::Url)) {
            let words = ["plug", "hub", "doctor", "stickshift list", "--port"];
            never(&words, "a web interface that was named is on no USB here");
        }
        if ["firmware", "inspect", "loader", "router", "profile"].contains(&verb.as_str()) {
            never(&["plug it", "hub", "boot pin", "cable", "stickshift list"], "files have no plug");
        }
        if verb == "inspect" {
            never(&["`stickshift inspect file"], "that is what was done");
        }
        if matches!(kind, ErrorKind::FileNotFound | ErrorKind::Usage) {
            never(&["download it again"], "it is the command line that is wrong");
        }
        if !["load", "flash", "convert", "rehearse"].contains(&verb.as_str()) {
            never(&["boot pin"], "it is for flashing");
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_failed_and_what_was_tried_decide_together() {
    let help = |verb, way, kind| {
        let tried = Attempt { verb, way, ..Attempt::default() };
        of(&Error::new(kind, "x"), Verdict::Untouched, tried).help.into_owned()
    };
    assert!(help("sms", Way::Url, ErrorKind::Unsupported).contains("sms list"));
    assert!(help("hilink", Way::Url, ErrorKind::Disconnected).contains("browser"));
    assert!(help("hilink", Way::Bus, ErrorKind::Disconnected).contains("stickshift list"));
    assert!(help("switch", Way::Bus, ErrorKind::FileCorrupt).contains("profile check"));
    assert!(help("flash", Way::Bus, ErrorKind::FileCorrupt).contains("download it again"));
    assert!(help("sms", Way::Bus, ErrorKind::Usage).contains("sms list"));
    assert!(help("identify", Way::Bus, ErrorKind::Usage).contains("stickshift identify --help"));
    assert!(help("", Way::Bus, ErrorKind::Usage).contains("stickshift --help"));
    // A pair that nobody thought of is told by its kind.
    assert!(help("inspect", Way::Bus, ErrorKind::NoSim).contains("SIM"));
}

#[test]
fn a_web_page_that_answers_is_not_silent_and_one_that_refuses_is_not_overloaded() {
    let cause = |error: Error| {
        let tried = Attempt { verb: "sms", way: Way::Url, ..Attempt::default() };
        of(&error, Verdict::Untouched, tried).cause
    };
    let error = |kind| Error::new(kind, "x");
    assert!(cause(error(ErrorKind::Timeout)).contains("the stick answers"));
    let silent = error(ErrorKind::Timeout).detail(Detail::RequestSent(true));
    assert!(cause(silent).contains("nothing answered"));
    for (status, says) in [(401, "password"), (403, "refuses"), (503, "overloaded")] {
        let failed = error(ErrorKind::UnexpectedAnswer).detail(Detail::WebStatus(status));
        assert!(cause(failed).contains(says), "{status}");
    }
    let refusal = Refusal { family: RefusalFamily::Hilink, code: 100_002 };
    let page = error(ErrorKind::HilinkRefused).detail(Detail::Refusal(refusal)).detail(Detail::Unanswered);
    assert!(cause(page).contains("no HiLink web interface"));
    assert!(cause(error(ErrorKind::HilinkRefused)).contains("network"));
}

#[test]
fn a_locked_login_that_says_no_time_is_waited_for_all_the_same() {
    let locked = of(&Error::new(ErrorKind::LoginLocked, "x"), Verdict::Untouched, Attempt::default());
    assert!(locked.help.starts_with("wait some minutes"), "{}", locked.help);
}

#[test]
fn a_part_of_a_verb_is_led_to_its_own_page() {
    let tried = Attempt { verb: "firmware", ..Attempt::default() };
    let help = || of(&Error::new(ErrorKind::Usage, "x"), Verdict::Untouched, tried).help;
    let own = for_part(help(), "firmware", "firmware build");
    assert_eq!(own, "`stickshift firmware build --help` shows what it takes");
    assert_eq!(for_part(help(), "firmware", "firmware"), help());
    assert_eq!(for_part("another".into(), "firmware", "firmware build"), "another");
}
