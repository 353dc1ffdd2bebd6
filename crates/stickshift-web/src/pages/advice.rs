//! Advice of commands as the pages can follow it: what they have a button or a field for is called by that name, and what only a command line
//! can do is set apart.

use crate::operations::CONSENTS;

/// Words of a command line, and the same on the pages. Longer ones come first.
const HERE: &[(&str, &str)] = &[
    (
        "give it in STICKSHIFT_PIN, or run the command in a terminal, which asks for it; or run `stickshift pin enter` first",
        "give it in the field for the PIN under Connect",
    ),
    (
        "run again with --user admin; the password is prompted for, or read from --password-file or STICKSHIFT_PASSWORD",
        "sign in to the stick",
    ),
    (
        "run again with --web-user admin; the password is prompted for, or read from --password-file or STICKSHIFT_PASSWORD",
        "sign in to the stick",
    ),
    ("run again with --roaming, which switches it on", "tick the data in other networks under Connect"),
    ("run the same command again; once something was written, with --resume", RESUMED),
    ("run the same command again with --resume", RESUMED),
    ("run it again with --resume", RESUMED),
    ("run again with --resume", RESUMED),
    (" (without --resume)", ""),
    (", without --resume", ""),
    (" without --resume", ""),
    ("run `stickshift pin enter`", "give the PIN under Connect"),
    ("run `stickshift online down`", "press Disconnect"),
    ("`stickshift online down`", "Disconnect"),
    ("`stickshift network show` and `stickshift network scan` show", "the stick's page Network shows"),
    ("`stickshift network scan`", "the stick's page Network"),
    ("`stickshift network show`", "the stick's page Network"),
    ("`stickshift sms list`", "the stick's page Messages"),
    ("`stickshift identify`", "the stick's page"),
    ("`stickshift signal`", "the stick's page"),
    ("`stickshift list`", "the page Sticks"),
    ("`stickshift doctor`", "the page Doctor"),
    ("`stickshift convert`", "the page Convert"),
    ("`stickshift inspect FILE`", "the file's own page"),
    ("`stickshift profile list NAME`", "the page Modem settings"),
    ("and give it with --apn", "and give it under Connect"),
    ("another --apn", "another access point"),
    ("without --way ppp", "without the way PPP"),
    ("--way ppp", "the way PPP"),
    ("another --way", "another way"),
    ("--ip v4", "IPv4 alone"),
    ("run the same command again", "do the same again"),
];

const RESUMED: &str = "plan the conversion again, and tick that it goes on with an interrupted one";

/// The advice for whoever reads it on a page; empty where it is about a command line alone.
pub(super) fn on_a_page(text: &str) -> String {
    let text = HERE.iter().fold(text.to_owned(), |text, (typed, here)| text.replace(typed, here));
    let consents = CONSENTS.iter().map(|name| (format!("--{name}"), format!("the consent {name}")));
    let text = consents.fold(text, |text, (typed, here)| text.replace(&typed, &here));
    let clauses = text.split("; ").filter(|clause| !is_help(clause));
    let (typed, here): (Vec<&str>, Vec<&str>) = clauses.partition(|clause| is_typed(clause));
    let typed = (!typed.is_empty())
        .then(|| format!("on the command line of the stick's computer: {}", typed.join("; ")));
    let here = (!here.is_empty()).then(|| here.join("; "));
    here.into_iter().chain(typed).collect::<Vec<_>>().join("; ")
}

/// Whether it names a command or an option.
fn is_typed(clause: &str) -> bool {
    clause.contains("`stickshift ") || clause.split([' ', '(']).any(|word| word.starts_with("--"))
}

/// Whether it only says where the options of a command are described.
fn is_help(clause: &str) -> bool {
    clause.contains("--help`") && clause.contains("what it takes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_own_buttons() {
        for (typed, here) in [
            ("run `stickshift pin enter`", "give the PIN under Connect"),
            ("`stickshift list` shows its mode and ports", "the page Sticks shows its mode and ports"),
            ("`stickshift ussd --help` shows what it takes, with examples", ""),
            (
                "try --ip v4, another --apn, or --way ppp",
                "try IPv4 alone, another access point, or the way PPP",
            ),
            (
                "free some space; then run the same command again with --resume",
                "free some space; then plan the conversion again, and tick that it goes on with an interrupted one",
            ),
            (
                "get the image for this model; use --allow-mismatch only if you are certain",
                "get the image for this model; use the consent allow-mismatch only if you are certain",
            ),
            (
                "run `stickshift setup udev` once as root",
                "on the command line of the stick's computer: run `stickshift setup udev` once as root",
            ),
            ("replug the stick", "replug the stick"),
        ] {
            assert_eq!(on_a_page(typed), here, "{typed}");
        }
    }
}
