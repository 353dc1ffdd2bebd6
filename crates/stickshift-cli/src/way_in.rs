//! The ways in: how verbs that talk to a stick reach it. Over an AT port, its MBIM function or its web server; by bus place, by tty or by address.

use std::env;
use std::path::PathBuf;

use clap::Args;
use stickshift::at::At;
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};
use stickshift::event::Event;
use stickshift::hilink::Hilink;
use stickshift::link::{Bus, ByteLink, HttpLink, LimitedHttp, MessageLink};
use stickshift::modem::identity::FirstWay;
use stickshift::modem::{Login, Modem, identity};
use stickshift::stick::{Mode, Place, Stick, is_huawei_design};

use crate::context::Context;
use crate::output::json::Outcome;
use crate::select::port_place;
use crate::stick_word;
use crate::wrong_mode::{self, Needs};
use crate::{files, hosted, question};

/// Which stick, for a verb that takes other words before it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct StickArgs {
    #[arg(id = "stick_after", value_name = "STICK", conflicts_with = "stick", help = stick_word::HELP)]
    word: Option<String>,

    /// The same, as an option
    #[arg(long, value_name = "STICK")]
    stick: Option<String>,
}

impl StickArgs {
    /// What was typed for it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.word.as_deref().or(self.stick.as_deref())
    }
}

/// Which stick, over which AT port.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PortArgs {
    #[arg(long, value_name = "STICK", global = true, help = stick_word::HELP)]
    pub(crate) stick: Option<String>,

    /// Use this serial port directly, without USB detection
    #[arg(long, value_name = "TTY", conflicts_with = "stick", global = true)]
    pub(crate) port: Option<PathBuf>,
}

/// Which web server, and who logs in.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct WebArgs {
    /// Use this web interface directly (for a stick on another host)
    #[arg(long, value_name = "http://HOST[:PORT]/", conflicts_with = "stick", global = true)]
    pub(crate) url: Option<String>,

    #[command(flatten)]
    pub(crate) login: LoginArgs,
}

/// Who logs in to a web server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LoginArgs {
    /// Log in to the web interface as this user; the password comes from --password-file, STICKSHIFT_PASSWORD or a prompt
    // `online up` has that name for it: there, --user is the access point's.
    #[arg(long, alias = "web-user", value_name = "NAME", global = true)]
    pub(crate) user: Option<String>,

    /// Read the web interface password from the first line of FILE
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) password_file: Option<PathBuf>,

    /// Send the password in base64 where the web page asks for that: whoever answers can read it
    #[arg(long, global = true)]
    pub(crate) allow_weak_login: bool,

    /// Who was asked for already.
    #[arg(skip)]
    pub(crate) known: Option<Known>,
}

/// A login that nobody is asked for again. Its password is in no text.
#[derive(Clone)]
#[cfg_attr(not(feature = "rack"), allow(dead_code, reason = "one stick is asked for once"))]
pub(crate) struct Known(Login);

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.user)
    }
}

impl LoginArgs {
    /// The user that was named, or the usual one where a password is at hand.
    fn user(&self) -> Option<String> {
        let password_given = self.password_file.is_some() || hosted::is_given("STICKSHIFT_PASSWORD");
        let user = self.user.clone().or_else(|| hosted::secret("STICKSHIFT_USER"));
        user.or_else(|| password_given.then(|| "admin".to_owned()))
    }

    fn password(&self) -> Result<String> {
        secret("password of the stick's web page", "STICKSHIFT_PASSWORD", self.password_file.as_deref())
    }

    /// The user to log in as, if one was named.
    ///
    /// # Errors
    /// As [`secret`].
    pub(crate) fn login(&self) -> Result<Option<Login>> {
        if let Some(Known(login)) = &self.known {
            return Ok(Some(login.clone()));
        }
        let Some(user) = self.user() else { return Ok(None) };
        Ok(Some(Login { user, password: self.password()?, allow_weak: self.allow_weak_login }))
    }
}

#[cfg(feature = "rack")]
impl LoginArgs {
    /// The same for several sticks: a password is asked for now, and once.
    ///
    /// # Errors
    /// As [`login`](Self::login).
    pub(crate) fn once(&mut self) -> Result<Option<Login>> {
        let login = self.login()?;
        self.known = login.clone().map(Known);
        Ok(login)
    }
}

/// Either.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct WayInArgs {
    #[command(flatten)]
    pub(crate) port: PortArgs,
    #[command(flatten)]
    pub(crate) web: WebArgs,
}

/// The way in that was found.
pub(crate) enum WayIn {
    At(AtPorts),
    Web(Box<dyn HttpLink>),
    Mbim(Box<dyn MessageLink>),
}

impl WayInArgs {
    /// Opens the stick's AT port, or its MBIM function or web server where it shows no AT port.
    ///
    /// # Errors
    /// `NoStick`, `SeveralSticks`, `NoSuchPort`; what opening reports.
    pub(crate) fn open(&self, context: &Context) -> Result<WayIn> {
        if self.web.url.is_some() {
            return self.web.open(context, None).map(WayIn::Web);
        }
        if self.port.port.is_some() {
            return self.port.open(context).map(WayIn::At);
        }
        let mut bus = context.bus()?;
        let stick = context.stick(&mut *bus, self.port.stick.as_deref())?;
        // HiLink firmware leaves messages, codes and the connection to its web server, AT port or not.
        if matches!(stick.mode, Mode::Hilink | Mode::HilinkSerial) {
            context.found_out("way-in", "by its web server".to_owned());
            return bus.open_http(&stick.place).map(|link| WayIn::Web(limited(link)));
        }
        if let Some(FirstWay::Mbim(interface)) = identity::first_way(&stick) {
            context.found_out("way-in", "by MBIM".to_owned());
            return bus.open_messages(&stick.place, interface).map(WayIn::Mbim);
        }
        match AtPorts::of(context, bus, &stick)? {
            Some(ports) => Ok(WayIn::At(ports)),
            None => Err(without_driver(&stick)
                .unwrap_or_else(|| wrong_mode::lacks(Needs::AtOrWeb, &stick.place, stick.mode))),
        }
    }

    /// The stick behind a way in, ready to be talked to.
    ///
    /// # Errors
    /// As [`Modem::over_at`] and [`WebArgs::modem`].
    pub(crate) fn modem<'l>(&self, context: &Context, way_in: &'l mut WayIn) -> Result<Modem<'l>> {
        match way_in {
            WayIn::At(ports) => ports.modem(context),
            WayIn::Web(link) => self.web.modem(context, &mut **link),
            WayIn::Mbim(link) => {
                let modem = Modem::over_mbim(&mut **link, &context.cancel)?;
                modem.tell_opening(&mut context.session());
                Ok(modem)
            }
        }
    }
}

/// Says of a change that the stick said OK to whether it was seen; where it was not, that is how the verb ends.
pub(crate) fn tell_unseen(context: &Context, seen: bool) {
    if !seen {
        context.output.outcome_is(Outcome::Sent);
        context.output.warn("not-seen", "the stick said OK; whether it did it could not be seen".to_owned());
    }
}

/// Tells how it is known that a change is done whose answer was lost.
pub(crate) fn tell_second_look(context: &Context, modem: &Modem<'_>) {
    if let Some(trouble) = modem.second_look() {
        context
            .session()
            .warn("second-look", format!("{trouble}; a second look at the stick shows that it is done"));
    }
}

/// The ports of a stick that may take AT commands. The likeliest is open.
pub(crate) struct AtPorts {
    bus: Box<dyn Bus>,
    place: Place,
    first: Box<dyn ByteLink>,
    /// Those that are opened when no other answers.
    others: Vec<(u8, Option<Box<dyn ByteLink>>)>,
}

impl AtPorts {
    /// Opens the likeliest port; `None` for a stick without any.
    fn of(context: &Context, mut bus: Box<dyn Bus>, stick: &Stick) -> Result<Option<AtPorts>> {
        let all = identity::free_at_ports(&mut *bus, stick);
        let Some((first, others)) = all.split_first() else { return Ok(None) };
        context.found_out("way-in", format!("by the AT port, {}", port_name(stick, *first)));
        let first = bus.open_port(&stick.place, *first)?;
        let others = others.iter().map(|interface| (*interface, None)).collect();
        Ok(Some(AtPorts { bus, place: stick.place.clone(), first, others }))
    }

    /// The modem behind the first port that answers: one that is for AT commands by its descriptor is silent on some sticks.
    ///
    /// # Errors
    /// As [`Modem::over_at`] for the likeliest port where none answers.
    pub(crate) fn modem(&mut self, context: &Context) -> Result<Modem<'_>> {
        let is_silent = |e: &Error| e.is(ErrorKind::Timeout) || e.is(ErrorKind::UnexpectedAnswer);
        let silence = match over_at(context, &mut *self.first) {
            Err(error) if is_silent(&error) => error,
            other => return other,
        };
        for (interface, port) in &mut self.others {
            // One that a dialler holds is no trouble of the first.
            let Ok(link) = self.bus.open_port(&self.place, *interface) else { continue };
            match over_at(context, &mut **port.insert(link)) {
                Err(error) if is_silent(&error) => {}
                other => {
                    context.found_out("way-in", format!("that port is silent; by interface {interface}"));
                    return other;
                }
            }
        }
        Err(silence)
    }
}

/// The modem behind one port; that it is waited for is said.
fn over_at<'l>(context: &Context, link: &'l mut dyn ByteLink) -> Result<Modem<'l>> {
    let mut at = At::new(link).with_cancel(context.cancel.clone());
    let mut session = context.session();
    let mut told = false;
    at.init_telling(&mut || {
        if !std::mem::replace(&mut told, true) {
            session.step("waiting-for-port", "the port does not answer yet: waiting");
        }
    })?;
    Ok(Modem::from_at(at))
}

impl PortArgs {
    /// Opens the stick's AT port.
    ///
    /// # Errors
    /// `NoStick`, `SeveralSticks`, `NoSuchPort`; what opening reports.
    pub(crate) fn open(&self, context: &Context) -> Result<AtPorts> {
        if let Some(path) = &self.port {
            let (mut bus, place) = (context.opener.port(path, Mode::Modem)?, port_place());
            let first = bus.open_port(&place, 0)?;
            return Ok(AtPorts { bus, place, first, others: Vec::new() });
        }
        let mut bus = context.bus()?;
        let stick = context.stick(&mut *bus, self.stick.as_deref())?;
        AtPorts::of(context, bus, &stick)?.ok_or_else(|| without_at_port(&stick))
    }
}

/// The stick has serial ports, and the system made none of them usable.
fn without_driver(stick: &Stick) -> Option<Error> {
    let has_ports = stick.mode.runs_firmware() && stick.interfaces.iter().any(|i| i.role.is_serial());
    if !has_ports || stick.ports().next().is_some() {
        return None;
    }
    let what = format!("the stick at {} has serial ports, and no driver is bound to them", stick.place);
    let next = "`stickshift doctor` says which driver the system lacks";
    Some(Error::new(ErrorKind::NoSuchPort, what).detail(Detail::NextStep(next)))
}

/// The stick shows no AT port; another way in may be there.
fn without_at_port(stick: &Stick) -> Error {
    if let Some(error) = without_driver(stick) {
        return error;
    }
    let with =
        |next| wrong_mode::lacks_that(Needs::At, &stick.place, stick.mode).detail(Detail::NextStep(next));
    if is_card_of_another_maker(stick) {
        return with(
            "it is a network card of another maker than Huawei: `stickshift online` goes online with it; everything else is on its own page, at the gateway's address (`ip route` shows it)",
        );
    }
    match identity::first_way(stick) {
        Some(FirstWay::Mbim(_)) => with(
            "`stickshift signal`, `network`, `sms`, `ussd` and `pin` talk to it over MBIM; AT commands need another composition of its ports",
        ),
        _ => wrong_mode::lacks(Needs::At, &stick.place, stick.mode),
    }
}

/// Its web page, if it has one, has an API of its own.
fn is_card_of_another_maker(stick: &Stick) -> bool {
    stick.mode == Mode::Hilink && !is_huawei_design(stick.id.vendor)
}

/// The stick shows no web interface; another way in may be there.
fn without_web(stick: &Stick) -> Error {
    match identity::first_way(stick) {
        Some(FirstWay::Mbim(_)) => wrong_mode::lacks_that(Needs::Web, &stick.place, stick.mode).detail(Detail::NextStep(
            "`stickshift signal`, `network`, `sms`, `ussd` and `pin` talk to it over MBIM; if it has a web page all the same, name that with --url",
        )),
        _ => wrong_mode::lacks(Needs::Web, &stick.place, stick.mode),
    }
}

impl WebArgs {
    /// Opens the stick's web server.
    ///
    /// # Errors
    /// `NoStick`, `SeveralSticks`, `Usage` for an address that is none; what opening reports.
    pub(crate) fn open(&self, context: &Context, stick: Option<&str>) -> Result<Box<dyn HttpLink>> {
        if let Some(url) = &self.url {
            let mut bus = context.opener.web_page(url)?;
            return bus.open_http(&port_place()).map(limited);
        }
        let mut bus = context.bus()?;
        let stick = context.stick(&mut *bus, stick)?;
        // An unknown mode may have a web interface; so may a modem of another maker, and then its address opens it.
        if wrong_mode::next(Needs::Web, stick.mode).is_some() {
            return Err(without_web(&stick));
        }
        bus.open_http(&stick.place).map(limited).map_err(|e| match e.kind() {
            ErrorKind::NoSuchPort => without_web(&stick),
            _ => e,
        })
    }

    /// The stick behind the web server, logged in when a user was named.
    ///
    /// # Errors
    /// What opening and logging in report.
    pub(crate) fn modem<'l>(&self, context: &Context, link: &'l mut dyn HttpLink) -> Result<Modem<'l>> {
        let mut web = Hilink::open_with(link, stickshift::random::fill, context.cancel.clone())?;
        if let Some(user) = self.login.user() {
            // Do not ask for what is not needed.
            if web.login_state()?.open {
                context.output.event(&Event::Note {
                    code: "no-login",
                    text: "the stick wants no login: no password was sent".into(),
                });
            } else {
                web.allow_weak_login(self.login.allow_weak_login);
                let password = self.login.password().map_err(|e| e.verdict_if_unset(Verdict::Untouched))?;
                web.login(&user, &password)?;
            }
        }
        Ok(Modem::from_web(web))
    }
}

/// A secret: from `file`, from the environment, or asked for without showing it. Never from the command line, where everybody sees it.
///
/// # Errors
/// `FileUnreadable`; `Usage` for an empty one, and when there is no terminal to ask on; `Interrupted`.
pub(crate) fn secret(what: &str, variable: &str, file: Option<&std::path::Path>) -> Result<String> {
    if let Some(path) = file {
        let bytes = files::read(path)?;
        let text = String::from_utf8_lossy(&bytes);
        return filled(what, text.lines().next().unwrap_or_default().to_owned(), "the file is empty");
    }
    if let Some(value) = hosted::secret(variable) {
        return filled(what, value, "nothing was typed");
    }
    // The environment of a server is not that of whoever asks it for a command.
    if let (false, Some(value)) = (hosted::is_hosted(), hosted::in_environment(variable)) {
        return Ok(value);
    }
    filled(what, ask(what, variable)?, "nothing was typed")
}

/// A new secret: as [`secret`], but what is typed blind is typed twice.
///
/// # Errors
/// As [`secret`]; `Usage` when the two differ.
pub(crate) fn new_secret(what: &str, variable: &str) -> Result<String> {
    let first = secret(what, variable, None)?;
    if !hosted::is_given(variable) && ask(&format!("{what}, again"), variable)? != first {
        let differ = format!("the two entries of the {what} differ: nothing was sent");
        return Err(Error::new(ErrorKind::Usage, differ).with_verdict(Verdict::Untouched));
    }
    Ok(first)
}

/// An empty secret would spend a try.
fn filled(what: &str, secret: String, why: &str) -> Result<String> {
    if secret.is_empty() {
        let nothing = format!("there is no {what}: {why}");
        return Err(Error::new(ErrorKind::Usage, nothing).with_verdict(Verdict::Untouched));
    }
    Ok(secret)
}

fn ask(what: &str, variable: &str) -> Result<String> {
    if hosted::is_hosted() {
        let what = format!("the {what} is required");
        return Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched));
    }
    let file = match variable {
        "STICKSHIFT_PASSWORD" | "STICKSHIFT_MQTT_PASSWORD" => ", or name its file with --password-file",
        _ => "",
    };
    question::secret(format!("{what}: "))?.map_err(|_| {
        let empty = if env::var_os(variable).is_some() { ", which is empty" } else { "" };
        let what = format!("the {what} is required and there is no terminal; set {variable}{empty}{file}");
        Error::new(ErrorKind::Usage, what).with("variable", variable).with_verdict(Verdict::Untouched)
    })
}

/// A port as people know it.
fn port_name(stick: &Stick, interface: u8) -> String {
    let tty = stick.ports().find(|port| port.number == interface).and_then(|port| port.tty.as_deref());
    tty.map_or_else(|| format!("interface {interface}"), |tty| format!("{tty} (interface {interface})"))
}

/// No server keeps a verb for ever.
fn limited(link: Box<dyn HttpLink>) -> Box<dyn HttpLink> {
    Box::new(LimitedHttp::new(link))
}

#[cfg(all(test, any(feature = "web", feature = "mqtt")))]
mod tests {
    use super::*;

    /// Programs that this one starts do not get what is read here.
    #[test]
    fn every_secret_is_one_by_its_name() {
        fn sources(folder: &std::path::Path, all: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    sources(&path, all);
                } else {
                    all.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        let mut all = String::new();
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
        let mut found = 0;
        // A call may stand in several lines.
        for (at, _) in all.match_indices("secret(").filter(|(at, _)| !all[..*at].ends_with("fn ")) {
            let call = &all[at..all.len().min(at + 120)];
            let Some(name) = call.split('"').find(|part| part.starts_with("STICKSHIFT_")) else { continue };
            // The name of a user is none.
            assert!(stickshift::host::child::is_secret(name) || name == "STICKSHIFT_USER", "{name}");
            found += 1;
        }
        assert!(found > 6, "{found}");
    }

    #[test]
    fn a_hosted_command_takes_nothing_from_the_environment_of_the_program() {
        // One that is set wherever tests run.
        assert!(hosted::is_given("PATH"));
        hosted::with_secrets(vec![("STICKSHIFT_PIN".to_owned(), "1234".to_owned())], || {
            assert!(hosted::is_given("STICKSHIFT_PIN"));
            assert!(!hosted::is_given("PATH"));
            assert!(secret("password", "PATH", None).is_err());
        });
    }
}
