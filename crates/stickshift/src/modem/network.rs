//! Which technologies, bands and network the stick uses.

use serde::Serialize;

use crate::at::network::{self as at_net, Access, RadioConfig, RadioConfig3g};
use crate::error::{Detail, Error, ErrorKind, Result, Tried, Verdict};
use crate::hilink::{dialup, net};
use crate::link::Changes;
use crate::mbim;
use crate::modem::gather::Gather;
use crate::modem::look::Seen;
use crate::modem::{Modem, Reception, Way};
use crate::stick::radio::{ALL_LTE, ALL_OTHER, Order, Technology};
use crate::wire::mbim::basic::{RegisterState, Registration};

/// What the radio may use. Sticks of the last generation have no LTE bands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RadioSettings {
    /// Technologies in order of preference.
    pub order: Order,
    /// The order as the stick writes it, where it is none that is known here.
    pub code: String,
    /// GSM and WCDMA bands, a bit for each; see [`other_words`](crate::stick::radio::other_words).
    pub other_bands: u64,
    /// LTE bands, bit n-1 for band n; `None` where the stick has none, or does not tell.
    pub lte_bands: Option<u64>,
    /// Whether it goes to other operators' networks, for data over the web; `None` where the stick does not tell.
    pub roaming: Option<bool>,
    told: Told,
}

impl RadioSettings {
    /// The same with what was asked for.
    ///
    /// # Errors
    /// `Usage` for settings in which no technology keeps a band, `Unsupported` for LTE on a stick without it.
    pub fn with(&self, order: Option<Order>, lte: Option<u64>, other: Option<u64>) -> Result<RadioSettings> {
        let wants_lte = |order: &Order| order.0.contains(&Technology::Lte);
        let has_lte = self.lte_bands.is_some() || matches!(self.told, Told::Lte(_));
        if !has_lte && (lte.is_some() || order.as_ref().is_some_and(wants_lte)) {
            return Err(Error::new(ErrorKind::Unsupported, "this stick has no LTE"));
        }
        let code = order.as_ref().map_or_else(|| self.code.clone(), Order::code);
        let wanted = RadioSettings {
            order: order.unwrap_or_else(|| self.order.clone()),
            code,
            other_bands: other.unwrap_or(self.other_bands),
            lte_bands: lte.or(self.lte_bands),
            roaming: self.roaming,
            told: self.told.clone(),
        };
        let uses = |technology| wanted.order.0.is_empty() || wanted.order.0.contains(&technology);
        let by_lte = uses(Technology::Lte) && has_lte && wanted.lte_bands != Some(0);
        let by_other = (uses(Technology::Gsm) || uses(Technology::Umts)) && wanted.other_bands != 0;
        if by_lte || by_other {
            return Ok(wanted);
        }
        let what = "with this no technology has a band: the stick would find no network";
        Err(Error::new(ErrorKind::Usage, what).with("technologies", &wanted.order))
    }

    /// The same with roaming allowed or not.
    #[must_use]
    pub fn with_roaming(self, allowed: bool) -> RadioSettings {
        RadioSettings { roaming: Some(allowed), ..self }
    }

    /// The order in words, or its code.
    pub fn order_words(&self) -> String {
        let known = Order::from_code(&self.code).is_some();
        if known { self.order.to_string() } else { format!("code {}", self.code) }
    }

    /// Whether a stick that shows these settings has what `wanted` asks for: it may write "everything" in its own way.
    fn are(&self, wanted: &RadioSettings) -> bool {
        let free = |order: &Order| order.0.is_empty() || order.0.len() == 3;
        let order = self.order == wanted.order || (free(&self.order) && free(&wanted.order));
        let other = self.other_bands == wanted.other_bands || wanted.other_bands == ALL_OTHER;
        let lte = self.lte_bands == wanted.lte_bands || wanted.lte_bands == Some(ALL_LTE);
        let roaming = wanted.roaming.is_none() || self.roaming == wanted.roaming;
        order && other && lte && roaming
    }

    /// Whether nothing changed between two looks; one of them may have been told less.
    fn is_as(&self, before: &RadioSettings) -> bool {
        let roaming = self.roaming.is_none() || before.roaming.is_none() || self.roaming == before.roaming;
        let bands = (self.other_bands, self.lte_bands) == (before.other_bands, before.lte_bands);
        self.code == before.code && bands && roaming
    }

    fn words(&self) -> String {
        let lte = self.lte_bands.map(|bits| format!(", LTE bands {bits:X}")).unwrap_or_default();
        let roaming = match self.roaming {
            Some(true) => ", roaming on",
            Some(false) => ", roaming off",
            None => "",
        };
        format!("technologies {}, other bands {:X}{lte}{roaming}", self.order_words(), self.other_bands)
    }
}

/// A network that a search heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeardNetwork {
    /// Country and network code, `20801`.
    pub number: String,
    /// Its name.
    pub name: String,
    /// `LTE`, `UMTS`, `GSM`.
    pub technology: String,
    /// `available`, `in use`, `forbidden`, `unknown`.
    pub state: &'static str,
    #[serde(skip)]
    access: Option<u8>,
}

/// The settings as the stick told them, to set them in the same form.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Lte(RadioConfig),
    Umts(RadioConfig3g),
    Web(net::NetMode, Option<dialup::DialPolicy>),
}

impl Modem<'_> {
    /// What the radio may use now.
    ///
    /// # Errors
    /// `Unsupported` over MBIM; as [`At::run`](crate::at::At::run) and [`Hilink::call`](crate::hilink::Hilink::call).
    pub fn radio(&mut self) -> Result<RadioSettings> {
        match &mut self.way {
            Way::At(at) => {
                let first = match at.run(&at_net::radio_config()) {
                    Ok(config) => {
                        return Ok(RadioSettings {
                            order: Order::from_code(&config.order).unwrap_or_default(),
                            code: config.order.clone(),
                            other_bands: config.bands,
                            lte_bands: config.lte_bands,
                            roaming: switch(config.roaming),
                            told: Told::Lte(config),
                        });
                    }
                    Err(e)
                        if e.refusal().is_some()
                            || matches!(e.kind(), ErrorKind::AtRefused | ErrorKind::UnexpectedAnswer) =>
                    {
                        e
                    }
                    Err(e) => return Err(e),
                };
                // Where the second says no more than no, the first said why.
                let config = at.run(&at_net::radio_config_3g()).map_err(|second| {
                    let says_why = first.refusal().is_some() && second.is(ErrorKind::AtRefused);
                    if says_why && second.refusal().is_none() { first } else { second }
                })?;
                let order = Order(match (config.mode, config.order) {
                    (13, _) => vec![Technology::Gsm],
                    (14, _) => vec![Technology::Umts],
                    (_, 1) => vec![Technology::Gsm, Technology::Umts],
                    (_, 2) => vec![Technology::Umts, Technology::Gsm],
                    _ => Vec::new(),
                });
                Ok(RadioSettings {
                    code: order.code(),
                    order,
                    other_bands: config.bands,
                    lte_bands: None,
                    roaming: switch(config.roaming),
                    told: Told::Umts(config),
                })
            }
            Way::Web(web) => {
                let told = web.call(&net::mode())?;
                // How it dials is another page, and may want a login where this one does not.
                let policy = match web.call(&dialup::policy()) {
                    Err(e) if e.is(ErrorKind::Disconnected) || e.is(ErrorKind::Interrupted) => return Err(e),
                    other => other.ok(),
                };
                let bits = |text: &str| u64::from_str_radix(text.trim(), 16).ok();
                Ok(RadioSettings {
                    order: Order::from_code(&told.mode).unwrap_or_default(),
                    code: told.mode.clone(),
                    other_bands: bits(&told.bands).unwrap_or(0),
                    lte_bands: bits(&told.lte_bands),
                    roaming: policy.as_ref().map(|policy| policy.roaming),
                    told: Told::Web(told, policy),
                })
            }
            Way::Mbim(_) => {
                let what = "there is no MBIM command for allowed technologies and bands";
                Err(self.fails(ErrorKind::Unsupported, what))
            }
        }
    }

    /// The network that the stick is on, without figures; what the stick does not tell is named in [`Reception::untold`].
    ///
    /// # Errors
    /// As [`signal`](Self::signal).
    pub fn present_network(&mut self) -> Result<Reception> {
        let mut gather = Gather::default();
        let mut heard = self.network_standing(&mut gather)?;
        heard.untold = gather.end()?;
        Ok(heard)
    }

    /// Sets what the radio may use and gives what the stick shows afterwards, and whether it could be asked: where it could not, what it said OK
    /// to. `now` is what [`radio`](Self::radio) gave, `wanted` comes
    /// of it by [`RadioSettings::with`]. The connection is lost for a moment.
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
    /// use stickshift::stick::radio::{Order, Technology};
    ///
    /// let now = modem.radio()?;
    /// let wanted = now.with(Some(Order(vec![Technology::Lte, Technology::Umts])), None, None)?;
    /// let (set, shown) = modem.set_radio(&now, &wanted)?;
    /// assert_eq!((set.order, shown), (wanted.order, true));
    /// # Ok::<(), stickshift::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Unsupported` for bands that the stick does not know; `UnexpectedAnswer` when the stick accepts the request but reports other settings.
    pub fn set_radio(
        &mut self,
        now: &RadioSettings,
        wanted: &RadioSettings,
    ) -> Result<(RadioSettings, bool)> {
        let result = match (&mut self.way, &now.told) {
            (Way::At(at), Told::Lte(config)) => {
                let command = at_net::set_radio_config(&RadioConfig {
                    order: wanted.code.clone(),
                    bands: wanted.other_bands,
                    lte_bands: wanted.lte_bands.or(config.lte_bands),
                    roaming: wanted.roaming.map_or(config.roaming, u8::from),
                    ..config.clone()
                });
                match command {
                    Ok(command) => at.run(&command),
                    Err(e) => return Err(at.assess(e)),
                }
            }
            (Way::At(at), Told::Umts(config)) => {
                let (mode, first) = umts_numbers(&wanted.order);
                let Ok(bands) = u32::try_from(wanted.other_bands) else {
                    return Err(self.fails(ErrorKind::Unsupported, "this stick does not know such bands"));
                };
                let roaming = wanted.roaming.map_or(config.roaming, u8::from);
                at.run(&at_net::set_radio_config_3g(mode, first, bands, roaming, config.domain))
            }
            (Way::Web(web), Told::Web(told, policy)) => {
                // All three are what may be used: that is "auto" there, which knows pairs at most.
                let mode = if wanted.order.0.len() == 3 { "00".to_owned() } else { wanted.code.clone() };
                let changed = |old: &str, is: u64, was: u64| {
                    if is == was { old.to_owned() } else { format!("{is:X}") }
                };
                let (lte, old_lte) = (wanted.lte_bands.unwrap_or(0), now.lte_bands.unwrap_or(0));
                let mode = net::NetMode {
                    mode,
                    bands: changed(&told.bands, wanted.other_bands, now.other_bands),
                    lte_bands: changed(&told.lte_bands, lte, old_lte),
                };
                let moded = if mode == *told { Ok(()) } else { web.call(&net::set_mode(&mode)) };
                match (moded, policy, wanted.roaming) {
                    (Ok(()), Some(policy), Some(roaming)) if roaming != policy.roaming => {
                        web.call(&dialup::set_policy(&dialup::DialPolicy { roaming, ..policy.clone() }))
                    }
                    (moded, ..) => moded,
                }
            }
            _ => return Err(self.fails(ErrorKind::Usage, "these settings were read over another way in")),
        };
        let mut after = None;
        if result.is_ok() {
            self.shows_in_time(&mut |modem| {
                after = modem.radio().ok();
                after.as_ref().is_some_and(|after| after.are(wanted))
            });
        }
        let error = match (result, after) {
            (Ok(()), Some(after)) if after.are(wanted) => return Ok((after, true)),
            (Ok(()), Some(after)) => {
                let what = "the stick accepted the request but reports other settings";
                let kind = ErrorKind::UnexpectedAnswer;
                let cause = Error::new(kind, "it takes them over when it starts, or does not have them");
                let next = "pull it out, plug it in again and look at `stickshift network show`";
                let error = Error::new(kind, what).because(cause).detail(Detail::NextStep(next));
                let error = error.with("shows", after.words());
                if after.is_as(now) {
                    // It may still be on its way.
                    self.stand(self.standing().in_doubt());
                    return Err(error.with_verdict(Verdict::Unknown));
                }
                error
            }
            // The stick's word counts where it cannot be checked.
            (Ok(()), None) => return Ok((wanted.clone(), false)),
            (Err(error), _) => error,
        };
        let mut shown = None;
        self.after_trouble(error, |modem| {
            let after = modem.radio()?;
            let seen = if after.are(wanted) && !now.are(wanted) {
                Seen::Done
            } else if after.is_as(now) {
                Seen::Untouched
            } else {
                Seen::Other(after.words())
            };
            shown = Some(after);
            Ok(seen)
        })?;
        Ok((shown.unwrap_or_else(|| wanted.clone()), true))
    }

    /// Searches for networks; takes up to two minutes, and data stops meanwhile.
    ///
    /// # Errors
    /// As [`radio`](Self::radio).
    pub fn heard_networks(&mut self) -> Result<Vec<HeardNetwork>> {
        let technology =
            |access: Option<u8>| access.map(|a| Access(a).words()).unwrap_or_default().to_owned();
        Ok(match &mut self.way {
            Way::At(at) => at
                .run(&at_net::operators())?
                .into_iter()
                .map(|o| HeardNetwork {
                    number: o.numeric,
                    name: o.name,
                    technology: technology(o.access.map(|a| a.0)),
                    state: state_words(o.status),
                    access: o.access.map(|a| a.0),
                })
                .collect(),
            Way::Web(web) => web
                .call(&net::search())?
                .into_iter()
                .map(|n| HeardNetwork {
                    number: n.numeric.unwrap_or_default(),
                    name: n.name.unwrap_or_default(),
                    technology: technology(n.rat),
                    state: n.state.map(state_words).unwrap_or_default(),
                    access: n.rat,
                })
                .collect(),
            Way::Mbim(mbim) => mbim
                .run(&mbim::visible_providers())?
                .into_iter()
                .map(|p| HeardNetwork {
                    number: p.id,
                    name: p.name,
                    technology: String::new(),
                    state: match p.state {
                        state if state & 0x10 != 0 => "in use",
                        state if state & 0x02 != 0 => "forbidden",
                        state if state & 0x08 != 0 => "available",
                        _ => "unknown",
                    },
                    access: None,
                })
                .collect(),
        })
    }

    /// Uses one network by its number, or leaves the choice to the stick (`None`). Whether the stick shows that it does: what it took may take
    /// effect later, or never.
    ///
    /// # Errors
    /// `Usage` for what is no network number, or over the web for a network that is not heard. Which of two networks the stick was on
    /// when the result was lost may stay unknown.
    pub fn use_network(&mut self, number: Option<&str>) -> Result<bool> {
        match self.way {
            Way::Web(_) => return self.use_network_over_web(number),
            Way::Mbim(_) => return self.use_network_over_mbim(number),
            Way::At(_) => {}
        }
        let command = match number {
            Some(number) => at_net::select(number).map_err(|e| self.assess(e))?,
            None => at_net::select_automatically(),
        };
        let is_it = |now: &at_net::Operator| match number {
            Some(number) => !now.automatic && now.name.as_deref() == Some(number),
            None => now.automatic,
        };
        let before = self.network_by_number()?;
        let Err(error) = self.only_at("networks")?.run(&command) else {
            return Ok(self.shows_in_time(&mut |modem| {
                modem.network_by_number().ok().flatten().is_some_and(|now| is_it(&now))
            }));
        };
        let error = match number {
            Some(_) => refused_choice(error),
            None => error,
        };
        let refused = error.refusal().is_some();
        self.after_trouble(error, |modem| {
            let Some(now) = modem.network_by_number()? else { return Ok(Seen::Nothing) };
            Ok(match (is_it(&now), number) {
                (true, _) => Seen::Done,
                // Not in force, so the refusal left nothing. (Without one, the choice may still be on its way.) Chosen by hand and on no
                // network, it may be the refused one that it stays with.
                (false, Some(_))
                    if refused && (now.automatic || now.name.is_some()) && before.as_ref() == Some(&now) =>
                {
                    Seen::Untouched
                }
                (false, Some(_)) if refused && before.is_some() => {
                    let chosen = if now.automatic { "by the stick" } else { "by hand" };
                    let on = now.name.as_deref().unwrap_or("no network");
                    Seen::Other(format!("networks are chosen {chosen}, and it is on {on}"))
                }
                // It may have been so before.
                _ => Seen::Nothing,
            })
        })?;
        Ok(true)
    }

    /// `None` where the stick does not tell.
    fn network_by_number(&mut self) -> Result<Option<at_net::Operator>> {
        let at = self.only_at("networks")?;
        at.run_if_known(&at_net::name_by_number())?;
        let now = at.run_if_known(&at_net::operator());
        // What was seen counts, whatever comes of this one.
        let _ = at.run_if_known(&at_net::name_in_words());
        now
    }

    fn use_network_over_mbim(&mut self, number: Option<&str>) -> Result<bool> {
        if let Some(number) = number
            && (!matches!(number.len(), 5 | 6) || !number.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(self.fails(ErrorKind::Usage, "not a network number: five or six digits"));
        }
        // Chosen is not registered.
        let is_there = |told: &Registration| match number {
            Some(number) => {
                told.manual == Some(true) && told.provider_id == number && told.state.is_registered()
            }
            None => told.manual == Some(false),
        };
        let before = self.only_mbim("networks")?.run_if_known(&mbim::registration())?;
        let error = match self.only_mbim("networks")?.run(&mbim::register(number)) {
            Ok(told) if is_there(&told) => return Ok(true),
            Ok(told) if told.state == RegisterState::Searching => {
                return Ok(self.shows_in_time(&mut |modem| {
                    let told = modem.only_mbim("networks").and_then(|m| m.run(&mbim::registration()));
                    told.is_ok_and(|told| is_there(&told))
                }));
            }
            Ok(told) => {
                let what = "the stick accepted the choice of a network and is not on it";
                Error::new(ErrorKind::UnexpectedAnswer, what).with("shows", told.provider_id)
            }
            Err(error) if number.is_some() => refused_choice(error),
            Err(error) => error,
        };
        self.after_trouble(error, |modem| {
            let now = modem.only_mbim("networks")?.run(&mbim::registration())?;
            let same = |before: &Registration| {
                (&before.manual, &before.provider_id) == (&now.manual, &now.provider_id)
            };
            Ok(match before.as_ref() {
                Some(before) if is_there(&now) && !is_there(before) => Seen::Done,
                // What the stick was left with; a choice may still be on its way.
                Some(before) if same(before) => Seen::Nothing,
                Some(_) => {
                    let there = if now.state.is_registered() { "on" } else { "not registered;" };
                    Seen::Other(format!("{there} network {}", now.provider_id))
                }
                None => Seen::Nothing,
            })
        })?;
        Ok(true)
    }

    fn use_network_over_web(&mut self, number: Option<&str>) -> Result<bool> {
        let call = match number {
            None => net::register_automatically(),
            Some(number) => {
                let found = self.heard_networks()?.into_iter();
                let best = found.filter(|n| n.number == number).max_by_key(|n| n.access);
                let Some(best) = best else {
                    let what = format!("no network {number} is heard here");
                    return Err(self.fails(ErrorKind::Usage, what));
                };
                net::register(number, best.access.unwrap_or(0))
            }
        };
        let is_it = |now: &net::Selection| match number {
            Some(number) => !now.automatic && now.numeric.as_deref() == Some(number),
            None => now.automatic,
        };
        let before = self.only_web("networks")?.call(&net::selection()).ok();
        // Chosen is not registered.
        let is_there = |modem: &mut Modem<'_>| {
            let there = |now: net::Network| now.numeric.as_deref() == number && now.state == Some(0);
            modem.only_web("networks").and_then(|web| web.call(&net::current())).is_ok_and(there)
        };
        let sent = self.only_web("networks")?.call(&call);
        let sent = if number.is_some() { sent.map_err(refused_choice) } else { sent };
        let trouble = sent.is_err();
        let refused = sent.as_ref().is_err_and(|e| number.is_some() && e.refusal().is_some());
        let chosen = self.seen_after(sent, |modem| {
            let now = modem.only_web("networks")?.call(&net::selection())?;
            Ok(match is_it(&now) {
                true if refused && !is_there(modem) => {
                    Seen::Other("the stick accepted the choice of a network and is not on it".to_owned())
                }
                true => Seen::Done,
                // After trouble it may have been so before.
                false if !trouble && before.as_ref() == Some(&now) => Seen::Untouched,
                false => Seen::Nothing,
            })
        })?;
        Ok(chosen && (number.is_none() || self.shows_in_time(&mut |modem| is_there(modem))))
    }
}

/// A network that was refused when it was chosen by hand: some sticks stay with the choice, and with no network.
fn refused_choice(error: Error) -> Error {
    let refused = error.refusal().is_some() || error.is(ErrorKind::AtRefused);
    match error.verdict() {
        Some(Verdict::Untouched | Verdict::Unknown) if refused => {
            error.detail(Detail::Tried(Tried::ChooseNetwork)).with_verdict(Verdict::Unknown)
        }
        _ => error,
    }
}

/// Roaming as `AT^SYSCFGEX` and `AT^SYSCFG` write it; 2 is "keep" and tells nothing.
fn switch(roaming: u8) -> Option<bool> {
    match roaming {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Mode and order of `AT^SYSCFG`.
fn umts_numbers(order: &Order) -> (u8, u8) {
    match order.0.as_slice() {
        [Technology::Gsm] => (13, 3),
        [Technology::Umts] => (14, 3),
        [Technology::Gsm, ..] => (2, 1),
        [Technology::Umts, ..] => (2, 2),
        _ => (2, 0),
    }
}

fn state_words(state: u8) -> &'static str {
    match state {
        1 => "available",
        2 => "in use",
        3 => "forbidden",
        _ => "unknown",
    }
}
