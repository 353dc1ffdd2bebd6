//! The network that the stick is on, signal strength and quality.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::at::At;
use crate::at::network::{self, Domain, Operator, RegistrationState};
use crate::at::signal::{self, Cellular};
use crate::error::Result;
use crate::hilink::{Hilink, device, monitoring, net};
use crate::mbim::{self, Mbim};
use crate::modem::gather::{Gather, Untold};
use crate::modem::{Modem, Way};
use crate::stick::radio::Figure;
use crate::wire::mbim::basic::{RegisterState, data_class_words};

/// Operator, registration, technology and figures, as far as the stick and its radio technology have them. In dB and dBm.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reception {
    /// The operator's name; none when it is on no network.
    pub operator: Option<String>,
    /// `registered`, `registered, roaming`, the same with `, data denied`, `registered for messages only`, `emergency calls only`, `local services only`,
    /// `searching`, `registration denied`, `not registered`, `registration not known`.
    pub registration: Option<&'static str>,
    /// `LTE`, `WCDMA`, `GSM`, `HSPA`.
    pub technology: Option<String>,
    /// All power in the channel, dBm.
    pub rssi: Option<f64>,
    /// 3G: the cell's code power, dBm.
    pub rscp: Option<f64>,
    /// 3G: its share of all power, dB.
    pub ecio: Option<f64>,
    /// 4G: the cell's reference signal, dBm.
    pub rsrp: Option<f64>,
    /// 4G: its quality, dB.
    pub rsrq: Option<f64>,
    /// 4G: signal to interference and noise, dB.
    pub sinr: Option<f64>,
    /// 5G: the cell's reference signal, dBm.
    pub nr_rsrp: Option<f64>,
    /// 5G: its quality, dB.
    pub nr_rsrq: Option<f64>,
    /// 5G: signal to interference and noise, dB.
    pub nr_sinr: Option<f64>,
    /// Figures that are bounds, not measured, by name: `at-most`, `at-least`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bounds: BTreeMap<&'static str, &'static str>,
    /// Bars, and how many there can be, where the stick tells them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bars: Option<(u8, u8)>,
    /// Band and channel, `band 3, EARFCN 1300`; one for each carrier.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub carriers: Vec<String>,
    /// What the stick did not tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Untold>,
}

/// A figure of one decimal, and whether it is a bound.
fn put(
    slot: &mut Option<f64>,
    bounds: &mut BTreeMap<&'static str, &'static str>,
    name: &'static str,
    figure: Option<Figure>,
) {
    let Some(figure) = figure else { return };
    match figure {
        Figure::Exact(_) => {}
        Figure::AtMost(_) => _ = bounds.insert(name, "at-most"),
        Figure::AtLeast(_) => _ = bounds.insert(name, "at-least"),
    }
    *slot = Some((f64::from(figure.value()) * 10.0).round() / 10.0);
}

impl Reception {
    fn take(&mut self, levels: &signal::Levels) {
        let bounds = &mut self.bounds;
        put(&mut self.rssi, bounds, "rssi", levels.rssi);
        put(&mut self.rscp, bounds, "rscp", levels.rscp);
        put(&mut self.ecio, bounds, "ecio", levels.ecio);
        put(&mut self.rsrp, bounds, "rsrp", levels.rsrp);
        put(&mut self.rsrq, bounds, "rsrq", levels.rsrq);
        put(&mut self.sinr, bounds, "sinr", levels.sinr);
        put(&mut self.nr_rsrp, bounds, "nr-rsrp", levels.nr_rsrp);
        put(&mut self.nr_rsrq, bounds, "nr-rsrq", levels.nr_rsrq);
        put(&mut self.nr_sinr, bounds, "nr-sinr", levels.nr_sinr);
    }
}

const FIGURES: &str = "figures";

impl Modem<'_> {
    /// The network, signal strength and quality now. What the stick does not tell is named in [`Reception::untold`].
    ///
    /// ```
    /// use stickshift::event::{Cancel, Session};
    /// use stickshift::link::Bus;
    /// use stickshift::modem::{Modem, identity};
    ///
    /// let (mut bus, stick) = stickshift_emu::testkit::plugged("e3372h-stick", 1, None)?;
    /// let interface = identity::find_at_port(&mut bus, &stick, &mut Session::quiet())?.expect("an AT port");
    /// let mut port = bus.open_port(&stick.place, interface)?;
    /// let mut modem = Modem::over_at(&mut *port, &Cancel::new())?;
    /// let reception = modem.signal()?;
    /// assert_eq!(reception.registration, Some("registered"));
    /// // In dBm; `None` where this radio technology has no such figure.
    /// assert!(reception.rsrp.is_some_and(|rsrp| (-140.0..=-44.0).contains(&rsrp)));
    /// # Ok::<(), stickshift::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// That of the first question when the stick answers none; `Disconnected`, `Interrupted`.
    pub fn signal(&mut self) -> Result<Reception> {
        let mut gather = Gather::default();
        let mut heard = self.network_standing(&mut gather)?;
        match &mut self.way {
            Way::At(at) => figures_over_at(at, &mut gather, &mut heard)?,
            Way::Web(web) => figures_over_web(web, &mut gather, &mut heard)?,
            Way::Mbim(mbim) => figures_over_mbim(mbim, &mut gather, &mut heard)?,
        }
        heard.untold = gather.end()?;
        Ok(heard)
    }

    /// Operator, registration, technology.
    pub(super) fn network_standing(&mut self, gather: &mut Gather) -> Result<Reception> {
        match &mut self.way {
            Way::At(at) => standing_over_at(at, gather),
            Way::Web(web) => standing_over_web(web, gather),
            Way::Mbim(mbim) => standing_over_mbim(mbim, gather),
        }
    }
}

fn standing_over_at(at: &mut At<'_>, gather: &mut Gather) -> Result<Reception> {
    let operator = gather.ask(at, "operator", &network::operator())?;
    let mut best: Option<RegistrationState> = None;
    let mut data_denied = false;
    for domain in [Domain::Lte, Domain::Packet, Domain::Nr, Domain::Circuit] {
        let told = gather.ask(at, "registration", &network::registration(domain))?;
        if let Some(told) = told {
            data_denied |= domain != Domain::Circuit && told.state == RegistrationState::Denied;
            best = Some(best.map_or(told.state, |best| better(best, told.state)));
        }
        if best.is_some_and(is_registered) {
            data_denied &= domain == Domain::Circuit;
            break;
        }
    }
    if let Some(best) = best {
        gather.found("registration");
        if !is_registered(best)
            && let Some(why) = why_outside(at, operator.as_ref())?
        {
            gather.is_missing("operator", why);
        }
    }
    Ok(Reception {
        operator: operator.as_ref().and_then(|o| o.name.clone()),
        registration: best.map(|best| registration_words(best, data_denied)),
        technology: operator.and_then(|o| o.access).map(|a| a.words().to_owned()),
        ..Reception::default()
    })
}

/// What keeps the stick itself from a network, where it was told to stay away.
fn why_outside(at: &mut At<'_>, operator: Option<&Operator>) -> Result<Option<String>> {
    let radio = at.run_if_known(&network::radio_state())?;
    Ok(match (radio, operator) {
        // 0 minimum, 4 no radio, 7 offline.
        (Some(state @ (0 | 4 | 7)), _) => Some(format!("the radio is off: AT+CFUN? says {state}")),
        (_, Some(operator)) if operator.left => {
            Some("the stick was told to leave the network: AT+COPS? says 2".to_owned())
        }
        _ => None,
    })
}

fn is_registered(state: RegistrationState) -> bool {
    matches!(state, RegistrationState::Home | RegistrationState::Roaming)
}

/// What two domains come to: a network that has the stick before one that refuses it, and that before a search.
fn better(one: RegistrationState, other: RegistrationState) -> RegistrationState {
    let rank = |state| match state {
        RegistrationState::Home | RegistrationState::Roaming => 6,
        RegistrationState::Messages => 5,
        RegistrationState::Denied => 4,
        RegistrationState::Emergency | RegistrationState::Local => 3,
        RegistrationState::Searching => 2,
        RegistrationState::Idle => 1,
        RegistrationState::Unknown => 0,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// `data_denied`: the network takes the stick for calls, and refuses it for data.
fn registration_words(state: RegistrationState, data_denied: bool) -> &'static str {
    match state {
        RegistrationState::Home if data_denied => "registered, data denied",
        RegistrationState::Roaming if data_denied => "registered, roaming, data denied",
        RegistrationState::Home => "registered",
        RegistrationState::Roaming => "registered, roaming",
        RegistrationState::Messages => "registered for messages only",
        RegistrationState::Emergency => "emergency calls only",
        RegistrationState::Local => "local services only",
        RegistrationState::Denied => "registration denied",
        RegistrationState::Searching => "searching",
        RegistrationState::Idle => "not registered",
        RegistrationState::Unknown => "registration not known",
    }
}

/// Huawei's figures; where the stick has none of them, the standard's.
fn figures_over_at(at: &mut At<'_>, gather: &mut Gather, heard: &mut Reception) -> Result<()> {
    let own = gather.ask(at, FIGURES, &signal::levels())?;
    if let Some(levels) = &own {
        heard.take(levels);
        if !levels.system.is_empty() {
            heard.technology = Some(levels.system.clone());
        }
    }
    let without_service = own.as_ref().is_some_and(|levels| levels.system == "NOSERVICE");
    let mut answered = own.is_some();
    if !without_service && !own.as_ref().is_some_and(signal::Levels::has_any) {
        if let Some(levels) = gather.ask(at, FIGURES, &signal::extended())? {
            answered = true;
            heard.take(&levels);
        }
        #[cfg(feature = "figures")]
        if !own_of_4g(heard) && figures_of_makers(at, gather, heard)? {
            answered = true;
        }
        if heard.rssi.is_none()
            && let Some(strength) = gather.ask(at, FIGURES, &signal::strength())?
        {
            answered = true;
            put(&mut heard.rssi, &mut heard.bounds, "rssi", strength.map(whole_scale));
        }
    }
    let figures = [heard.rssi, heard.rscp, heard.ecio, heard.rsrp, heard.rsrq, heard.sinr, heard.nr_rsrp];
    if without_service || figures.iter().any(Option::is_some) {
        gather.found(FIGURES);
    } else if answered {
        gather.is_missing(FIGURES, "the stick measures none now".to_owned());
    }
    // A few know this one; nobody misses it where it is not known.
    if heard.carriers.is_empty()
        && let Some(carriers) = gather.ask(at, "carriers", &signal::carriers())?
    {
        heard.carriers = carriers.iter().map(carrier_words).collect();
    }
    gather.found("carriers");
    Ok(())
}

fn carrier_words(carrier: &signal::Carrier) -> String {
    let (n, channel) = match carrier.system {
        Cellular::Gsm => ("", ""),
        Cellular::Umts => ("", "U"),
        Cellular::Lte => ("", "E"),
        Cellular::Nr => ("n", "NR-"),
    };
    format!("band {n}{}, {channel}ARFCN {}", carrier.band, carrier.channel)
}

/// Whether there is more than the power in the channel.
#[cfg(feature = "figures")]
fn own_of_4g(heard: &Reception) -> bool {
    heard.rsrp.is_some() || heard.rscp.is_some() || heard.nr_rsrp.is_some()
}

/// Figures and carriers by the commands of single makers; whether one of them was known.
#[cfg(feature = "figures")]
fn figures_of_makers(at: &mut At<'_>, gather: &mut Gather, heard: &mut Reception) -> Result<bool> {
    use crate::at::makers;

    let (levels, carriers) = match gather.ask(at, FIGURES, &makers::quectel())? {
        Some(levels) => {
            let cell = gather.ask(at, "carriers", &makers::quectel_cell())?;
            let (of_5g, carriers) = cell.unwrap_or_default();
            heard.take(&of_5g);
            (levels, carriers)
        }
        None => match gather.ask(at, FIGURES, &makers::sierra())? {
            Some(told) => told,
            None => return Ok(false),
        },
    };
    heard.take(&levels);
    if matches!(&*levels.system, "CAT-M1" | "EMTC") {
        heard.technology = Some("LTE-M".to_owned());
    }
    heard.carriers = carriers.iter().map(carrier_words).collect();
    Ok(true)
}

/// A strength on the scale of `AT+CSQ`, whose ends are bounds.
fn whole_scale(dbm: i16) -> Figure {
    match dbm {
        ..=-113 => Figure::AtMost(-113.0),
        -51.. => Figure::AtLeast(-51.0),
        dbm => Figure::Exact(f32::from(dbm)),
    }
}

fn standing_over_mbim(mbim: &mut Mbim<'_>, gather: &mut Gather) -> Result<Reception> {
    let mut heard = Reception::default();
    if let Some(told) = gather.request(mbim, "registration", &mbim::registration())? {
        let state = match told.state {
            RegisterState::Home => RegistrationState::Home,
            RegisterState::Roaming | RegisterState::Partner => RegistrationState::Roaming,
            RegisterState::Denied => RegistrationState::Denied,
            RegisterState::Searching => RegistrationState::Searching,
            RegisterState::Deregistered => RegistrationState::Idle,
            RegisterState::Unknown => RegistrationState::Unknown,
        };
        heard.registration = Some(registration_words(state, false));
        if is_registered(state) {
            heard.operator = Some(told.provider_name).filter(|name| !name.is_empty());
            heard.operator = heard.operator.or(Some(told.provider_id).filter(|id| !id.is_empty()));
            heard.technology = data_class_words(told.data_classes).map(str::to_owned);
        }
    }
    // The network may have more than the stick uses of it now.
    if let Some(service) = gather.request(mbim, "technology", &mbim::packet_service())? {
        let best = data_class_words(service.best_class).map(str::to_owned);
        heard.technology = best.or(heard.technology);
    }
    if heard.technology.is_some() {
        gather.found("technology");
    }
    Ok(heard)
}

fn figures_over_mbim(mbim: &mut Mbim<'_>, gather: &mut Gather, heard: &mut Reception) -> Result<()> {
    let told = gather.request(mbim, FIGURES, &mbim::signal())?;
    let figure = told.and_then(|signal| signal.rssi_dbm()).map(whole_scale);
    put(&mut heard.rssi, &mut heard.bounds, "rssi", figure);
    Ok(())
}

fn standing_over_web(web: &mut Hilink<'_>, gather: &mut Gather) -> Result<Reception> {
    let network = gather.call(web, "operator", &net::current())?;
    let status = gather.call(web, "registration", &monitoring::status())?;
    let mut heard =
        Reception { operator: network.as_ref().and_then(|n| n.name.clone()), ..Reception::default() };
    if let Some(status) = status {
        heard.registration = status.registration_words();
        heard.technology = Some(status.network.to_owned()).filter(|n| !matches!(&**n, "unknown"));
        heard.bars = status.signal_bars.map(|bars| (bars, status.most_bars.unwrap_or(5)));
        if (&heard.operator, heard.registration, &heard.technology, heard.bars) == (&None, None, &None, None)
        {
            gather.is_missing("operator", "the stick's answers say nothing of the network".to_owned());
        }
    }
    Ok(heard)
}

fn figures_over_web(web: &mut Hilink<'_>, gather: &mut Gather, heard: &mut Reception) -> Result<()> {
    let Some(s) = gather.call(web, FIGURES, &device::signal())? else { return Ok(()) };
    let technology = match s.mode {
        Some(0) => Some("GSM"),
        Some(2) => Some("WCDMA"),
        Some(5) => Some("HSPA"),
        Some(7) if s.nr_rsrp.is_some() => Some("LTE + 5G NR"),
        Some(7) => Some("LTE"),
        _ => None,
    };
    heard.technology = technology.map(str::to_owned).or(heard.technology.take());
    heard.take(&signal::Levels {
        system: String::new(),
        rssi: s.rssi,
        rscp: s.rscp,
        ecio: s.ecio,
        rsrp: s.rsrp,
        sinr: s.sinr,
        rsrq: s.rsrq,
        nr_rsrp: s.nr_rsrp,
        nr_rsrq: s.nr_rsrq,
        nr_sinr: s.nr_sinr,
    });
    if let Some(band) = s.band {
        heard.carriers.push(format!("band {band}"));
    }
    Ok(())
}
