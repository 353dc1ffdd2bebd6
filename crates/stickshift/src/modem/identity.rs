//! What the stick says it is, over AT, HTTP or MBIM.
//!
//! ```
//! use stickshift::modem::identity::{self, FirstWay};
//! use stickshift::stick::{Interface, Mode, Stick, UsbId};
//!
//! // A stick that shows MBIM alone is asked over its control channel.
//! let mut control = Interface::new(0, [0x02, 0x0e, 0x00]);
//! control.cdc_wdm = Some("/dev/cdc-wdm0".into());
//! let mut stick = Stick::new("1-1".parse().unwrap(), UsbId::new(0x1199, 0x9079));
//! (stick.mode, stick.interfaces) = (Mode::Modem, vec![control]);
//! assert!(matches!(identity::first_way(&stick), Some(FirstWay::Mbim(0))));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::fmt;

use serde::Serialize;

use crate::at::{At, identify};
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::hilink::{self, Hilink};
use crate::link::{Bus, ByteLink, Changes};
use crate::mask;
use crate::mbim::{self, Mbim};
use crate::modem::Modem;
use crate::modem::gather::Gather;
use crate::modem::web::{self, Login};
use crate::stick::identify::{FirmwareRule, Gate, Kind, Names};
use crate::stick::{Interface, Mode, Role, Stick};

/// What a stick says of itself. What it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// `E3372`.
    pub model: Option<String>,
    /// Who made it, in its own words: `huawei`.
    #[serde(skip)]
    pub maker: Option<String>,
    /// `E3372h-153`.
    pub product: Option<String>,
    /// `CL2E3372HM`, without the board's version.
    pub hardware: Option<String>,
    /// `21.180.01.00.00`.
    pub firmware: Option<String>,
    /// The web UI image on the flash. It proves nothing about what runs.
    pub web_ui: Option<String>,
    /// `hilink` or `stick`: what the firmware that runs is, by how it shows itself.
    pub kind: Option<&'static str>,
    /// `LTE`: the family of its products, in HiLink's words.
    pub family: Option<String>,
    /// `hilink`, `cpe`: what its web server calls the class of device.
    pub class: Option<String>,
    /// The web server would say more after a login.
    #[serde(skip)]
    pub withheld: bool,
    /// An identity: masked wherever it is shown.
    #[serde(serialize_with = "masked")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub serial: Option<String>,
    /// An identity: masked wherever it is shown.
    #[serde(serialize_with = "masked")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub imei: Option<String>,
}

fn masked<S: serde::Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => serializer.serialize_some(&mask::identity(text)),
        None => serializer.serialize_none(),
    }
}

impl Identity {
    /// What of it names the stick.
    pub fn names(&self) -> Names<'_> {
        Names {
            product: self.product.as_deref(),
            hardware: self.hardware.as_deref(),
            model: self.model.as_deref(),
        }
    }

    /// Whether it says that another maker than Huawei made it.
    pub(super) fn is_of_another_maker(&self) -> bool {
        self.maker.as_deref().is_some_and(|maker| !is_huawei(maker))
    }

    /// The rule that tells which firmware runs. None that speaks of Stick firmware where a router was seen to run: that one says so itself.
    pub fn firmware_rule(&self) -> Option<&'static FirmwareRule> {
        let rule = self.names().kind(self.firmware.as_deref().unwrap_or_default());
        rule.filter(|rule| rule.kind == Kind::Hilink || self.kind != Some("hilink"))
    }

    /// Whether the firmware that runs lets itself be replaced.
    pub fn gate(&self) -> Gate {
        match self.firmware_rule() {
            Some(_) => self.names().gate(self.firmware.as_deref().unwrap_or_default()),
            None => Gate::Unknown,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |t: &Option<String>| t.as_deref().map_or("?".into(), mask::name);
        write!(f, "{}", known(if self.product.is_some() { &self.product } else { &self.model }))?;
        write!(f, ", hardware {}", known(&self.hardware))?;
        write!(f, ", {} firmware {}", self.kind.unwrap_or("unknown"), known(&self.firmware))?;
        if let Some(imei) = &self.imei {
            write!(f, ", IMEI {}", mask::identity(imei))?;
        }
        Ok(())
    }
}

/// Asks the stick, over its AT port, its MBIM function or its web server, which may want a `login` before it says all. `None` when it has none of them in its present
/// mode.
///
/// ```
/// use stickshift::event::Session;
/// use stickshift::modem::identity;
///
/// let (mut bus, stick) = stickshift_emu::testkit::plugged("e3372h-stick", 1, None)?;
/// let said = identity::ask(&mut bus, &stick, None, &mut Session::quiet())?.expect("an AT port");
/// assert_eq!((said.model.as_deref(), said.kind), (Some("E3372"), Some("stick")));
/// # Ok::<(), stickshift::error::Error>(())
/// ```
///
/// # Errors
/// What opening the port or the server reports; `Timeout` when nothing answers.
pub fn ask(
    bus: &mut dyn Bus,
    stick: &Stick,
    login: Option<&Login>,
    session: &mut Session<'_>,
) -> Result<Option<Identity>> {
    match stick.mode {
        Mode::Modem | Mode::HilinkSerial => {
            let kind = if stick.mode == Mode::HilinkSerial { "hilink" } else { "stick" };
            match first_way(stick) {
                Some(FirstWay::Mbim(interface)) => {
                    let mut link = bus.open_messages(&stick.place, interface)?;
                    let mut modem = Modem::over_mbim(&mut *link, session.cancel())?;
                    modem.tell_opening(session);
                    let said = modem.identity()?;
                    Ok(Some(Identity { kind: Some(kind), ..said }))
                }
                _ => {
                    let asked = ask_at(bus, stick, session)?;
                    Ok(asked.map(|(said, _)| Identity { kind: Some(kind), ..said }))
                }
            }
        }
        Mode::Hilink => {
            let mut link = bus.open_http(&stick.place)?;
            let said = over_web(&mut web::open(&mut *link, login, session)?)?;
            // The bus shows what a web server alone does not prove.
            Ok(Some(Identity { kind: Some("hilink"), ..said }))
        }
        _ => Ok(None),
    }
}

/// Which of its ways in a modem is talked to by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstWay {
    /// One of its ports: [`find_at_port`] tells which.
    At,
    /// The MBIM function of this interface.
    Mbim(u8),
}

/// A port whose descriptor says that it takes AT commands comes first: more can be asked over it. Then an MBIM function, and ports that may
/// be for anything last. `None` for a stick that has neither.
pub fn first_way(stick: &Stick) -> Option<FirstWay> {
    let named = |role| stick.interfaces.iter().any(|i| i.role == role && i.tty.is_some());
    if named(Role::Pcui) || named(Role::Modem) {
        return Some(FirstWay::At);
    }
    match mbim_interface(stick) {
        Some(interface) => Some(FirstWay::Mbim(interface)),
        None => (!at_ports(stick).is_empty()).then_some(FirstWay::At),
    }
}

/// The interface of the stick's MBIM function, where the system gives it a control channel.
pub fn mbim_interface(stick: &Stick) -> Option<u8> {
    stick.interfaces.iter().find(|i| i.cdc_wdm.is_some() && i.is_mbim()).map(|i| i.number)
}

/// The interfaces with a port that may take AT commands, the likeliest first. A port whose descriptor does not tell its purpose may be any.
pub fn at_ports(stick: &Stick) -> Vec<u8> {
    let with_role = |role| stick.interfaces.iter().filter(move |i| i.role == role && i.tty.is_some());
    let named: Vec<u8> =
        [Role::Pcui, Role::Modem].into_iter().flat_map(with_role).map(|i| i.number).collect();
    let all: Vec<u8> = named.into_iter().chain(with_role(Role::Serial).map(|i| i.number)).collect();
    if !all.is_empty() {
        return all;
    }
    // The control channel of Huawei's NCM takes AT commands, and is mute on some sticks: it comes last.
    let is_channel = |i: &&Interface| {
        let by_protocol = i.class == 0xff && matches!(i.protocol, 0x16 | 0x46 | 0x76);
        i.cdc_wdm.is_some() && (by_protocol || i.driver.as_deref() == Some("huawei_cdc_ncm"))
    };
    stick.interfaces.iter().filter(is_channel).map(|i| i.number).collect()
}

/// The interface whose port takes AT commands: the first that answers, for a port that is for them by its descriptor is silent on some sticks,
/// or for a while. The likeliest is given when none answers; `None` for a stick without ports.
///
/// # Errors
/// What opening the likeliest port reports.
pub fn find_at_port(bus: &mut dyn Bus, stick: &Stick, session: &mut Session<'_>) -> Result<Option<u8>> {
    let all = free_at_ports(bus, stick);
    let Some((first, others)) = all.split_first() else { return Ok(None) };
    if others.is_empty() || answers(&mut *bus.open_port(&stick.place, *first)?, stick, *first, session)? {
        return Ok(Some(*first));
    }
    for interface in others {
        // One that a dialler holds is no error of the first one.
        let Ok(mut link) = bus.open_port(&stick.place, *interface) else { continue };
        if answers(&mut *link, stick, *interface, session)? {
            return Ok(Some(*interface));
        }
    }
    // What is opened then says why it does not work.
    Ok(Some(*first))
}

/// Nothing came, or nothing that AT commands are answered with.
fn is_silence(error: &Error) -> bool {
    error.is(ErrorKind::Timeout) || error.is(ErrorKind::UnexpectedAnswer)
}

/// Whether a port takes AT commands. Of one that may be for anything more than an answer has to be seen.
fn answers(link: &mut dyn ByteLink, stick: &Stick, interface: u8, session: &Session<'_>) -> Result<bool> {
    let mut at = At::new(link).with_cancel(session.cancel().clone());
    match if is_named(stick, interface) { at.wake() } else { at.init() } {
        Ok(()) => Ok(true),
        Err(e) if is_silence(&e) => Ok(false),
        Err(e) => Err(e),
    }
}

/// The ports that may take AT commands. Where this program listens on the first one, to keep the stick online, those that nobody holds; if
/// there are none, opening the first says who holds it.
pub fn free_at_ports(bus: &mut dyn Bus, stick: &Stick) -> Vec<u8> {
    let all = at_ports(stick);
    match all.split_first() {
        Some((first, others)) if bus.is_held_here(&stick.place, *first) => {
            let is_free = |port: &u8| bus.open_port(&stick.place, *port).is_ok();
            let free: Vec<u8> = others.iter().copied().filter(is_free).collect();
            if free.is_empty() { all } else { free }
        }
        _ => all,
    }
}

/// Whether a descriptor says what the port is for.
fn is_named(stick: &Stick, interface: u8) -> bool {
    stick.interfaces.iter().any(|i| i.number == interface && i.role != Role::Serial)
}

/// Asks one port after another until one answers. What it said, and the port, which needs no [`At::init`] any more.
///
/// # Errors
/// What opening the likeliest port reports; `Timeout` or `UnexpectedAnswer`, as that port has it, when none answers.
pub(crate) fn ask_at(
    bus: &mut dyn Bus,
    stick: &Stick,
    session: &mut Session<'_>,
) -> Result<Option<(Identity, Box<dyn ByteLink>)>> {
    let mut mute = None;
    for interface in free_at_ports(bus, stick) {
        let mut link = match bus.open_port(&stick.place, interface) {
            Ok(link) => link,
            // One that a dialler holds is no error of the first one.
            Err(_) if mute.is_some() => continue,
            Err(e) => return Err(e),
        };
        let mut at = At::new(&mut *link).with_cancel(session.cancel().clone());
        let mut waits = || session.step("waiting-for-port", "the port does not answer yet: waiting");
        match at.init_telling(&mut waits).and_then(|()| over_at(&mut at)) {
            Ok(said) => return Ok(Some((said, link))),
            Err(e) if is_silence(&e) => {
                session.note("mute-port", format!("interface {interface} takes no AT commands: {e}"));
                mute = mute.or(Some(e));
            }
            Err(e) => return Err(e),
        }
    }
    mute.map_or(Ok(None), Err)
}

/// What a modem says over AT. How its firmware shows itself is not seen there.
///
/// # Errors
/// `Timeout` when nothing answers; what the port reports.
pub fn over_at(at: &mut At<'_>) -> Result<Identity> {
    let mut identity = Identity::default();
    let mut gather = Gather::default();
    if let Some(information) = gather.ask(at, "information", &identify::information())? {
        identity.maker = filled(information.manufacturer);
        identity.model = filled(information.model).map(|model| with_maker(identity.maker.as_deref(), model));
        identity.firmware = filled(information.revision);
        identity.imei = filled(information.imei);
    }
    if let Some(versions) = gather.ask(at, "versions", &identify::versions())? {
        identity.firmware = versions.software().map(str::to_owned).or(identity.firmware);
        identity.web_ui = versions.web_ui().map(str::to_owned);
        identity.hardware = versions.hardware().map(without_board);
    }
    if let Some(line) = gather.ask(at, "product", &identify::firmware_and_hardware())? {
        identity.product = line.product;
        identity.firmware = identity.firmware.or_else(|| filled(line.firmware));
        identity.hardware = identity.hardware.or_else(|| line.hardware.as_deref().map(without_board));
    }
    if identity.hardware.is_none()
        && let Some(hardware) = gather.ask(at, "hardware", &identify::hardware())?
    {
        identity.hardware = hardware;
    }
    // The standard's questions, where the maker's own say little.
    if identity.model.is_none()
        && let Some(model) = gather.ask(at, "model", &identify::model())?
    {
        identity.maker = gather.ask(at, "maker", &identify::manufacturer())?.and_then(filled);
        identity.model = Some(with_maker(identity.maker.as_deref(), model));
    }
    if identity.firmware.is_none() {
        identity.firmware = gather.ask(at, "firmware", &identify::revision())?;
    }
    if identity.imei.is_none() {
        identity.imei = gather.ask(at, "imei", &identify::imei())?;
    }
    identity.serial = gather.ask(at, "serial", &identify::serial_number())?.and_then(filled);
    if identity == Identity::default() {
        // A stick that refuses every question for one reason says it best itself.
        if let Err(error) = gather.end()
            && (error.refusal().is_some() || error.is(ErrorKind::Timeout))
        {
            return Err(error);
        }
        let what = "this port answers AT and nothing else: the stick takes its commands on another port";
        return Err(at.assess(Error::new(ErrorKind::UnexpectedAnswer, what)));
    }
    Ok(identity)
}

/// What a stick says over its web server; less of it where a login is needed.
///
/// # Errors
/// What the web server reports.
pub fn over_web(web: &mut Hilink<'_>) -> Result<Identity> {
    let mut identity = Identity::default();
    let mut is_page = false;
    let withheld = match web.call(&hilink::device::information()) {
        Ok(information) if information != hilink::device::Information::default() => {
            identity.model = information.name;
            identity.hardware = information.hardware.as_deref().map(without_board);
            identity.firmware = information.software;
            identity.web_ui = information.web_ui;
            identity.family = information.family;
            identity.kind = kind_of_class(information.class.as_deref());
            identity.class = information.class;
            identity.serial = information.serial;
            identity.imei = information.imei;
            return Ok(identity);
        }
        Ok(_) => false,
        // Another login would tell no more.
        Err(e) if e.is(ErrorKind::LoginNeeded) => !e.has(&Detail::LoggedIn),
        Err(e) if e.is(ErrorKind::HilinkRefused) => {
            is_page = e.has(&Detail::Unanswered);
            false
        }
        Err(e) => return Err(e),
    };
    // The one description that needs no login; on older firmware it holds the model alone.
    match web.call(&hilink::device::basic_information()) {
        Ok(basic) => {
            identity.model = basic.name;
            identity.family = basic.family;
            identity.firmware = basic.software;
            identity.web_ui = basic.web_ui;
            identity.kind = kind_of_class(basic.class.as_deref());
            identity.class = basic.class;
        }
        // Neither a document nor a refusal: a page of something else.
        Err(e) if is_page && e.has(&Detail::Unanswered) => {
            let what = "what answers there is no HiLink web page: it knows none of its requests";
            return Err(web.assess(Error::new(ErrorKind::UnexpectedAnswer, what)));
        }
        Err(e) if !withheld && e.is(ErrorKind::HilinkRefused) => {
            return Err(e.verdict_if_unset(Verdict::Untouched));
        }
        Err(e) if e.is(ErrorKind::LoginNeeded) || e.is(ErrorKind::HilinkRefused) => {}
        Err(e) => return Err(e),
    }
    identity.withheld = withheld;
    Ok(identity)
}

/// What a modem says over MBIM: its hardware, firmware and IMEI.
///
/// # Errors
/// As [`Mbim::run`].
pub fn over_mbim(mbim: &mut Mbim<'_>) -> Result<Identity> {
    let caps = mbim.run(&mbim::device_caps())?;
    Ok(Identity {
        model: filled(caps.hardware.clone()),
        hardware: filled(without_board(&caps.hardware)),
        firmware: filled(caps.firmware),
        imei: filled(caps.device_id),
        ..Identity::default()
    })
}

/// Huawei's routers have the same web server: only what calls itself so is a stick with HiLink firmware.
fn kind_of_class(class: Option<&str>) -> Option<&'static str> {
    class.is_some_and(|class| class.eq_ignore_ascii_case("hilink")).then_some("hilink")
}

fn is_huawei(maker: &str) -> bool {
    maker.to_ascii_lowercase().contains("huawei")
}

/// A model with its maker in front, but for Huawei's, and where the model begins with the maker's name.
fn with_maker(maker: Option<&str>, model: String) -> String {
    let name = |maker: &str| maker.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    match maker {
        Some(maker) if !is_huawei(maker) && !model.to_ascii_lowercase().starts_with(&name(maker)) => {
            format!("{maker} {model}")
        }
        _ => model,
    }
}

/// `CL2E3372HM Ver.A` without the version of the board.
fn without_board(hardware: &str) -> String {
    hardware.split_whitespace().next().unwrap_or_default().to_owned()
}

fn filled(text: impl Into<Option<String>>) -> Option<String> {
    text.into().filter(|t| !t.is_empty())
}

/// The error for a stick that cannot be asked.
#[cfg(feature = "flash")]
pub(crate) fn mute(stick: &Stick) -> Error {
    Error::new(ErrorKind::NoSuchPort, "the stick cannot be asked what it is in its present mode")
        .with("mode", stick.mode.code())
}
