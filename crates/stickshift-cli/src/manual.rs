//! Manual pages: what clap knows of each verb, and what a manual page has besides.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use stickshift::error::{Error, ErrorKind, Result};

use crate::examples;

/// Files that the program reads and writes by itself.
pub(crate) const FILES: &[(&str, &str)] = &[
    (
        "/etc/stickshift/config.toml",
        "Settings of the computer: what stickshift watch makes of which stick ([[stick]]), other computers ([host.NAME]), what sticks are called ([names]), and the keys of a user's settings.",
    ),
    (
        "~/.config/stickshift/config.toml",
        "Settings of a user: the stick that is meant where none is named (stick), the access point of stickshift online up (apn), the form of the output (output), [host.NAME] and [names].",
    ),
    ("/etc/stickshift/devices.d/", "Switching profiles of your own, before the built-in ones."),
    ("/etc/usb_modeswitch.d/", "Those of usb_modeswitch, which are read as well."),
    ("/etc/stickshift/serve.env", "Options of stickshift serve as a service (OPTIONS)."),
    (
        "/etc/stickshift/online-PLACE.env",
        "Options of stickshift online as a service, for the stick at PLACE (OPTIONS).",
    ),
    (
        "~/.local/state/stickshift/",
        "Journals of interrupted conversions, for --resume; what convert, flash and switch --all did; passwords of stickshift serve (web-passwords, hashed); what stickshift bridge mqtt has not sent yet (mqtt-HOST.outbox).",
    ),
];

/// Variables of the environment that are read.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("STICKSHIFT_PASSWORD", "Password of the stick's web interface."),
    ("STICKSHIFT_PIN", "PIN of the SIM."),
    ("STICKSHIFT_NEW_PIN", "New PIN, for stickshift pin change and unblock."),
    (
        "STICKSHIFT_APN_PASSWORD",
        "Password of the access point, for stickshift online up --user; set and empty where there is none.",
    ),
    ("STICKSHIFT_MQTT_PASSWORD", "Password of the broker, for stickshift bridge mqtt --user."),
    ("STICKSHIFT_PUK", "PUK of the SIM, for stickshift pin unblock."),
    (
        "STICKSHIFT_WEB_PASSWORD",
        "Password of stickshift serve: of the other computer with --host, the one to set with stickshift serve passwd.",
    ),
    (
        "STICKSHIFT_STATE",
        "Folder of the journals and the rest of the state, in place of ~/.local/state/stickshift.",
    ),
    ("STICKSHIFT_ROOT", "Folder in place of / for the files of the system, for tests and images."),
    ("STICKSHIFT_TRACE", "Trace file, when called as usb_modeswitch."),
    ("STICKSHIFT_VIRTUAL", "Virtual sticks, when called as usb_modeswitch."),
    ("STICKSHIFT_FAULT", "Faults of the virtual stick, when called as usb_modeswitch."),
    ("XDG_CONFIG_HOME", "Folder of the user's settings in place of ~/.config."),
    ("XDG_STATE_HOME", "Folder of the user's journals in place of ~/.local/state."),
    ("NO_COLOR", "Turns colours off, where --color does not ask for them."),
    ("CLICOLOR_FORCE", "Turns colours on in pipes and files too."),
];

/// What the exit codes mean.
pub(crate) const EXIT: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "Failed."),
    ("2", "The command line is wrong."),
    ("3", "There is no such stick, or there are several."),
    ("4", "No access: permission, or another program holds the port."),
    ("5", "The stick or a check refused."),
    ("6", "Interrupted or failed; the stick can be recovered as the message says."),
    ("7", "What state the stick is in was not seen."),
    (
        "10",
        "online: the SIM is missing, blocked, or wants its PIN, or the PIN is wrong (5 with other verbs).",
    ),
    ("11", "online: no network, or it denies the registration."),
    ("12", "online: the network refuses the data connection."),
    ("13", "online: connected, and nobody gives an address."),
    ("14", "online: an address, and nothing is reached."),
    ("15", "online: the limit is used up."),
];

/// The file name and the text of a command's page.
///
/// # Errors
/// `Io`.
pub(crate) fn page(command: Command) -> Result<(String, Vec<u8>)> {
    let verb = command.get_name().to_owned();
    let sections = sections(&verb);
    // The examples have a section of their own here.
    let man = Man::new(command.after_help("")).manual("User Commands");
    let mut text = Vec::new();
    let written = man
        .render_title(&mut text)
        .and_then(|()| man.render_name_section(&mut text))
        .and_then(|()| man.render_synopsis_section(&mut text))
        .and_then(|()| man.render_description_section(&mut text))
        .and_then(|()| man.render_options_section(&mut text))
        .and_then(|()| man.render_subcommands_section(&mut text))
        .and_then(|()| sections.to_writer(&mut text));
    written.map_err(|e: io::Error| Error::new(ErrorKind::Io, "cannot make the manual page").because(e))?;
    Ok((man.get_filename(), text))
}

/// Those of the program and of every verb and its parts.
///
/// # Errors
/// `Io`.
pub(crate) fn pages(command: Command) -> Result<Vec<(String, Vec<u8>)>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    below(command, &mut pages)?;
    Ok(pages)
}

fn below(command: Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    for part in command.get_subcommands().filter(|c| !c.is_hide_set()).cloned() {
        below(part, pages)?;
    }
    pages.push(page(command)?);
    Ok(())
}

/// The sections that clap does not know.
fn sections(verb: &str) -> Roff {
    let mut roff = Roff::default();
    let examples = if verb == "stickshift" { FIRST } else { examples::of(verb) };
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        for example in examples {
            roff.control("TP", []).text([bold(example.line)]).text([roman(example.does)]);
        }
    }
    for (title, rows) in [("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT), ("EXIT STATUS", EXIT)] {
        roff.control("SH", [title]);
        for (name, what) in rows {
            roff.control("TP", []).text([bold(*name)]).text([roman(*what)]);
        }
    }
    roff
}

/// The examples of the program's own page.
const FIRST: &[examples::Example] = &[
    examples::first("stickshift list", "what is plugged in, and what to do next"),
    examples::first("stickshift switch", "from CD-ROM to modem"),
    examples::first("stickshift rehearse", "a whole conversion, on a virtual stick"),
    examples::first("stickshift list --virtual k3772", "any verb, on a virtual stick"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_readers_of_manuals_look_for() {
        let pages = pages(crate::command_line()).unwrap();
        let page = |name: &str| {
            let (_, text) = pages.iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("{name}"));
            String::from_utf8(text.clone()).unwrap()
        };
        for (name, _) in &pages {
            let text = page(name);
            for section in ["NAME", "SYNOPSIS", "OPTIONS", "FILES", "ENVIRONMENT", "\"EXIT STATUS\""] {
                assert!(text.contains(&format!(".SH {section}\n")), "{name}: {section}");
            }
        }
        for name in ["stickshift.1", "stickshift-switch.1", "stickshift-sms.1"] {
            assert!(page(name).contains(".SH EXAMPLES\n"), "{name}");
        }
        assert!(page("stickshift-switch.1").contains("Looks up the stick"), "the long help");
        assert!(!page("stickshift-switch.1").contains("Examples:"), "the examples once");
    }

    /// The page of files and variables, from the tables of the manual.
    fn environment_page() -> String {
        let table = |rows: &[(&str, &str)]| {
            rows.iter().map(|(name, what)| format!("| `{name}` | {what} |\n")).collect::<String>()
        };
        format!(
            "# Files and environment variables\n\n\
             Made from the tables of the manual pages (`stickshift setup man`).\n\n\
             ## Files\n\n| file | for |\n|---|---|\n{}\n\
             ## Environment variables\n\n| variable | for |\n|---|---|\n{}\n\
             ## Exit codes\n\n| code | meaning |\n|---|---|\n{}",
            table(FILES),
            table(ENVIRONMENT),
            table(EXIT)
        )
    }

    /// The page of faults, from the words that `--fault` takes.
    #[cfg(feature = "virtual")]
    fn faults_page() -> String {
        use stickshift_emu::sticks::fault_words::{FaultOf, fault_words};
        let mut page = String::from(
            "# Faults of virtual sticks\n\n\
             Made from the words that `--fault` takes; `stickshift virtual --faults` lists them too. Several are separated by commas:\n\
             `--fault nak=07@12,drop@30`. `@N` is a step: the Nth request that the stick receives in this command, or the Nth report of\n\
             progress.\n",
        );
        for (of, title) in [
            (FaultOf::Modem, "Sticks that can be talked to and flashed"),
            (FaultOf::Network, "The network, behind every stick with a modem"),
            (FaultOf::SwitchedStick, "Sticks that are only there to be switched"),
            (FaultOf::Computer, "The computer"),
        ] {
            page.push_str(&format!("\n## {title}\n\n| fault | what it does |\n|---|---|\n"));
            for known in fault_words().filter(|known| known.of == of) {
                let step = if known.at_step { "@N" } else { "" };
                page.push_str(&format!("| `{}{step}` | {} |\n", known.word, known.help));
            }
        }
        page
    }

    fn is_page(name: &str, wanted: &str) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        if std::env::var_os("STICKSHIFT_WRITE_DOCS").is_some() {
            std::fs::write(&path, wanted).unwrap();
        }
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(page == wanted, "docs/{name} is behind its table; STICKSHIFT_WRITE_DOCS=1 writes it");
    }

    #[test]
    fn the_page_of_files_and_variables_is_that_of_the_manual() {
        is_page("environment.md", &environment_page());
    }

    #[test]
    #[cfg(feature = "virtual")]
    fn the_page_of_faults_is_that_of_the_words() {
        is_page("faults.md", &faults_page());
    }
}
