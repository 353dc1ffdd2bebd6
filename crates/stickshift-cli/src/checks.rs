//! Options that do not fit the verb, which would silently do nothing.

use stickshift::error::{Error, ErrorKind, Result};

use crate::options::Global;
use crate::verbs::Verb;

/// Refuses options that would silently do nothing.
///
/// # Errors
/// `Usage`.
pub(crate) fn check(global: &Global, verb: &Verb) -> Result<()> {
    let word = verb.attempt().verb;
    if global.trace.is_some() && !verb.talks_to_sticks() {
        let what = match word {
            "serve" | "bridge" => {
                format!("{word} records nothing: --trace is for a command that talks to a stick itself")
            }
            _ => format!("{word} talks to no stick: there is nothing for --trace to record"),
        };
        return Err(Error::new(ErrorKind::Usage, what));
    }
    check_hosts(global)?;
    check_virtual(global, verb)
}

#[cfg(feature = "host")]
fn check_hosts(global: &Global) -> Result<()> {
    let hosts = &global.hosts;
    let given = [
        ("--host-password-file", hosts.host_password_file.is_some()),
        ("--host-ca", hosts.host_ca.is_some()),
    ];
    match given.iter().find(|(_, given)| *given && hosts.names.is_empty()) {
        Some((name, _)) => Err(Error::new(
            ErrorKind::Usage,
            format!("{name} needs --host: it is for another computer's page"),
        )),
        None => Ok(()),
    }
}

#[cfg(not(feature = "host"))]
fn check_hosts(_: &Global) -> Result<()> {
    Ok(())
}

#[cfg(feature = "virtual")]
fn check_virtual(global: &Global, verb: &Verb) -> Result<()> {
    let options = &global.virtual_sticks;
    if options.state.is_some() && verb.is_virtual() {
        let what = "rehearse and virtual make their own stick: --virtual-state is for the other verbs";
        return Err(Error::new(ErrorKind::Usage, what));
    }
    if options.replace_the_real() && verb.is_about_files() {
        let what =
            format!("{} is about no stick: leave --virtual and --virtual-state out", verb.attempt().verb);
        return Err(Error::new(ErrorKind::Usage, what));
    }
    if options.names.is_some() && verb.is_virtual() {
        let what = "rehearse and virtual make their own stick: leave --virtual out";
        return Err(Error::new(ErrorKind::Usage, what));
    }
    if options.replace_the_real() || verb.is_virtual() {
        return Ok(());
    }
    match options.of_the_stick() {
        Some(name) => {
            let what = format!("{name} needs --virtual NAME: it applies to virtual sticks only");
            Err(Error::new(ErrorKind::Usage, what))
        }
        None => Ok(()),
    }
}

#[cfg(not(feature = "virtual"))]
fn check_virtual(_: &Global, _: &Verb) -> Result<()> {
    Ok(())
}

#[cfg(all(test, feature = "virtual", feature = "host"))]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::{Cli, for_one_run};

    #[test]
    fn options_without_effect_are_refused() {
        let checked = |line: &str| {
            let mut matches = for_one_run().try_get_matches_from(line.split(' ')).unwrap();
            let cli = Cli::from_arg_matches_mut(&mut matches).unwrap();
            check(&cli.global, &cli.verb)
        };
        for line in [
            "stickshift list",
            "stickshift list --virtual k3772 --fault switches --seed 2",
            "stickshift rehearse --fault unplug@20",
            "stickshift virtual k3772 --seed 1",
            "stickshift list --trace t",
            "stickshift rehearse --trace t",
            "stickshift setup openwrt --virtual k3772",
            "stickshift serve --virtual k3772 --fault switches",
            "stickshift list --host h --host-ca ca.pem",
        ] {
            assert!(checked(line).is_ok(), "{line}");
        }
        for line in [
            "stickshift list --fault no-access",
            "stickshift sms list --seed 1",
            "stickshift list --owner needle",
            "stickshift rehearse --virtual-state x",
            "stickshift rehearse --virtual k3772",
            "stickshift profile list --virtual k3772",
            "stickshift profile list --trace t",
            "stickshift serve --trace t",
            "stickshift bridge mqtt --broker mqtt://h --trace t",
            "stickshift virtual k3772 --trace t",
            "stickshift list --host-password-file f",
            "stickshift list --host-ca f",
        ] {
            assert!(checked(line).unwrap_err().is(ErrorKind::Usage), "{line}");
        }
    }
}
