//! The access point: the owner's, else that of the SIM's operator, else the one that the stick has, else the network's own.

use std::fmt;
use std::io::Read;

use crate::at::data::{Authentication, is_access_point};
use crate::at::{identify, sim};
use crate::error::{Error, RefusalFamily, Result};
use crate::mbim;
use crate::modem::Modem;
use crate::online::run::{Run, is_lost, twice};
use crate::online::ways::ncm;
use crate::online::{Record, Wanted};

/// `data/apns.tsv`, compressed by the build: networks, provider, then for each access point its name, user, password and method.
static TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/apns.bin"));

/// Where an access point is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApnSource {
    /// The owner gave it.
    Given,
    /// The owner's settings have it.
    Settings,
    /// The table of operators, by the SIM: the provider's name there.
    Table(String),
    /// The stick's first profile has it, and nobody knows another one.
    Kept,
    /// The stick's own profile, over the web.
    Profile(String),
    /// The stick dials by itself, and does not tell.
    Stick,
    /// None was given and none is known: the network chooses.
    Network,
    /// The stick does not tell: its SIM is locked, or its page wants a login.
    Untold,
}

impl fmt::Display for ApnSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApnSource::Given => f.write_str("given"),
            ApnSource::Settings => f.write_str("the settings"),
            ApnSource::Table(provider) => write!(f, "the table of operators, for {provider}"),
            ApnSource::Kept => f.write_str("as the stick has it"),
            ApnSource::Profile(name) => write!(f, "the stick's profile {name}"),
            ApnSource::Stick => f.write_str("the stick dials by itself"),
            ApnSource::Network => f.write_str("the network's own"),
            ApnSource::Untold => f.write_str("the stick does not tell"),
        }
    }
}

/// An access point and who is let in.
#[derive(Clone, PartialEq, Eq)]
pub struct Apn {
    /// Its name; empty for the network's own.
    pub name: String,
    /// User name.
    pub user: String,
    /// Its password. Never shown.
    pub password: String,
    /// How they are proven, where the table or the owner says so.
    pub authentication: Option<Authentication>,
    /// Where it is from.
    pub source: ApnSource,
}

impl Apn {
    /// The network's own.
    fn of_the_network() -> Apn {
        Apn {
            name: String::new(),
            user: String::new(),
            password: String::new(),
            authentication: None,
            source: ApnSource::Network,
        }
    }

    /// That of the owner's settings.
    pub fn of_settings(name: &str) -> Apn {
        Apn { name: name.to_owned(), source: ApnSource::Settings, ..Apn::of_the_network() }
    }

    /// The ways to prove user and password, in the order in which they are tried.
    pub(super) fn attempts(&self) -> Vec<Authentication> {
        proofs(self.authentication, !self.user.is_empty())
    }

    /// Its name for people.
    pub(super) fn words(&self) -> String {
        match (self.name.as_str(), &self.source) {
            ("", ApnSource::Stick | ApnSource::Untold) => {
                "the access point of the stick's own settings, which it does not tell".to_owned()
            }
            ("", _) => "no access point name: the network chooses".to_owned(),
            (name, source) => format!("access point {name} ({source})"),
        }
    }

    /// Leaves the choice to the network where it refuses a name that the stick had, of an earlier SIM most likely, and nobody asked for. `false`: it
    /// stays as it is.
    pub(super) fn gives_way(&mut self, run: &mut Run<'_, '_>, error: &Error) -> bool {
        // Unknown, and not in the contract.
        let is_refused = matches!(error.refusal_of(RefusalFamily::Session), Some(27 | 33));
        if self.source != ApnSource::Kept || !is_refused {
            return false;
        }
        let text = format!(
            "the network refuses the access point {}, which the stick had: once more without a name",
            self.name
        );
        run.session.warn("apn", text);
        self.name.clear();
        self.source = ApnSource::Network;
        run.record.apn.clear();
        true
    }

    /// Its name: empty for the network's own, `None` where it is not known.
    pub fn known_name(self) -> Option<String> {
        match self.source {
            ApnSource::Stick | ApnSource::Untold if self.name.is_empty() => None,
            _ => Some(self.name),
        }
    }

    /// Nobody says.
    fn untold() -> Apn {
        Apn { source: ApnSource::Untold, ..Apn::of_the_network() }
    }
}

/// The ways to prove a user that somebody gave, or nobody.
pub(super) fn proofs(authentication: Option<Authentication>, has_user: bool) -> Vec<Authentication> {
    match authentication {
        Some(one) => vec![one],
        None if has_user => vec![Authentication::Chap, Authentication::Pap, Authentication::None],
        None => vec![Authentication::None],
    }
}

/// The access point for what is wanted; asks the SIM, over AT or MBIM, where none was given.
///
/// # Errors
/// `Disconnected`, `Interrupted`: what a SIM does not tell is passed over.
pub(super) fn choose(run: &mut Run<'_, '_>, modem: &mut Modem<'_>) -> Result<Apn> {
    if let Some(apn) = given(run.wanted) {
        return Ok(apn);
    }
    let found = run.told("the operator of the SIM", of_its_sim(modem))?;
    let found = match found.unwrap_or_else(Apn::of_the_network) {
        apn if apn.source == ApnSource::Network => {
            run.told("the stick's own profile", kept(modem))?.unwrap_or(apn)
        }
        apn => apn,
    };
    Ok(of_wanted(found, run.wanted))
}

/// The access point that the stick has in the profile that is dialled: whoever put it there knew why.
fn kept(modem: &mut Modem<'_>) -> Result<Option<Apn>> {
    let Some(at) = modem.at() else { return Ok(None) };
    let name = ncm::context(at)?.map(|context| context.apn).filter(|name| is_access_point(name));
    Ok(name.map(|name| Apn { name, source: ApnSource::Kept, ..Apn::of_the_network() }))
}

/// The access point of the SIM's operator, else the network's own; `None` where the SIM does not tell whose it is, as while it wants its PIN.
fn of_its_sim(modem: &mut Modem<'_>) -> Result<Option<Apn>> {
    let (imsi, provider) = if let Some(mbim) = modem.mbim() {
        let imsi = twice(|| mbim.run_if_known(&mbim::subscriber()))?.map(|subscriber| subscriber.id);
        let provider = refining(mbim.run_if_known(&mbim::home_provider()))?.map(|home| home.name);
        (imsi, provider.filter(|name| !name.is_empty()))
    } else if let Some(at) = modem.at() {
        let imsi = twice(|| at.run_if_known(&identify::imsi()))?;
        (imsi, refining(at.run_if_known(&sim::service_provider()))?)
    } else {
        return Ok(None);
    };
    let Some(imsi) = imsi.filter(|imsi| !imsi.is_empty()) else { return Ok(None) };
    Ok(Some(of_sim(&imsi, provider.as_deref()).unwrap_or_else(Apn::of_the_network)))
}

/// The provider's name tells operators of one network apart; most networks have one.
fn refining<T>(name: Result<Option<T>>) -> Result<Option<T>> {
    match name {
        Err(e) if is_lost(&e) => Ok(None),
        other => other,
    }
}

/// The access point that [`up`](crate::online::up) takes where none is given: that of the SIM's operator, or of the profile with which HiLink
/// firmware dials, else the network's own; of the source [`ApnSource::Untold`] where the stick does not tell.
///
/// # Errors
/// `Disconnected`, `Interrupted`; `LoginNeeded` where the web server shows its profiles after a login only.
pub fn suggested(modem: &mut Modem<'_>) -> Result<Apn> {
    if modem.web().is_none() {
        return Ok(match of_its_sim(modem)? {
            Some(apn) if apn.source == ApnSource::Network => kept(modem)?.unwrap_or(apn),
            known => known.unwrap_or_else(Apn::untold),
        });
    }
    let profiles = modem.dial_profiles()?;
    let current = profiles.profiles.into_iter().find(|profile| profile.index == profiles.current);
    Ok(current.map_or_else(Apn::untold, |profile| Apn {
        name: profile.apn,
        user: profile.user,
        source: ApnSource::Profile(profile.name),
        ..Apn::of_the_network()
    }))
}

/// The name that a record keeps, as [`Apn::known_name`]: what dials by itself does not tell it.
pub(super) fn recorded(record: &Record) -> Option<String> {
    let by_itself = matches!(record.way.as_str(), "ecm" | "hilink");
    Some(record.apn.clone()).filter(|apn| !apn.is_empty() || !by_itself)
}

fn given(wanted: &Wanted) -> Option<Apn> {
    let (name, source) = match (&wanted.apn, &wanted.usual_apn) {
        (Some(given), _) => (given.clone(), ApnSource::Given),
        (None, Some(usual)) => (usual.clone(), ApnSource::Settings),
        (None, None) => return None,
    };
    Some(of_wanted(Apn { name, source, ..Apn::of_the_network() }, wanted))
}

/// With the user that was given, whatever the table says.
fn of_wanted(mut apn: Apn, wanted: &Wanted) -> Apn {
    if let Some(user) = &wanted.user {
        apn.user = user.clone();
        apn.password = wanted.password.clone().unwrap_or_default();
        apn.authentication = None;
    }
    apn.authentication = wanted.authentication.or(apn.authentication);
    apn
}

/// The access point of the SIM's operator: `None` where several operators use one network and the SIM does not tell which it is.
fn of_sim(imsi: &str, provider: Option<&str>) -> Option<Apn> {
    let mut table = String::new();
    flate2::read::DeflateDecoder::new(TABLE).read_to_string(&mut table).ok()?;
    // The SIM does not tell whether its network code has two digits or three.
    let candidates = [6, 5].iter().filter_map(|length| imsi.get(..*length)).find_map(|network| {
        let rows: Vec<&str> = table.lines().filter(|row| is_of(row, network)).collect();
        (!rows.is_empty()).then_some(rows)
    })?;
    let name_of = |row: &str| row.split('\t').nth(1).unwrap_or_default().to_owned();
    let row = match (candidates.as_slice(), provider) {
        ([only], None) => *only,
        (rows, Some(provider)) => rows
            .iter()
            .max_by_key(|row| likeness(&name_of(row), provider))
            .copied()
            .filter(|row| rows.len() == 1 || likeness(&name_of(row), provider) > 0)?,
        _ => return None,
    };
    let mut parts = row.split('\t').nth(2)?.split(';');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (name, user, password, method) = (part(), part(), part(), part());
    let authentication = match method.as_str() {
        "pap" => Some(Authentication::Pap),
        "chap" => Some(Authentication::Chap),
        _ => None,
    };
    Some(Apn { name, user, password, authentication, source: ApnSource::Table(name_of(row)) })
}

fn is_of(row: &str, network: &str) -> bool {
    row.split('\t').next().is_some_and(|networks| networks.split(',').any(|n| n == network))
}

/// How many words two names of a provider share; the first of them counts most.
fn likeness(name: &str, provider: &str) -> usize {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 1).map(str::to_lowercase).collect()
    };
    let (ours, theirs) = (words(name), words(provider));
    let shared = ours.iter().filter(|word| theirs.contains(word)).count();
    if shared > 0 && ours.first() == theirs.first() { shared * 2 } else { shared }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_knows_operators_and_does_not_guess() {
        // Bouygues, alone on its network in the table.
        let apn = of_sim("208200000000001", None).unwrap();
        assert_eq!(apn.name, "a2bouygtel.com");
        assert_eq!(apn.source, ApnSource::Table("Bouygues Telecom".into()));
        // A test network is nobody's.
        assert!(of_sim("001010000000001", None).is_none());
        assert!(of_sim("", None).is_none() && of_sim("20", None).is_none());
    }

    #[test]
    fn virtual_operators_are_told_apart_by_the_name_on_the_sim() {
        // 1&1 beside Vodafone itself.
        let imsi = "262020000000001";
        assert!(of_sim(imsi, None).is_none(), "several providers use one network");
        let of = |provider| of_sim(imsi, Some(provider)).map(|apn| apn.source);
        assert_eq!(of("1&1 Drillisch"), None);
        assert_eq!(of("vodafone.de"), Some(ApnSource::Table("Vodafone".into())));
        assert_eq!(of("Nobody Mobile"), None);
    }

    #[test]
    fn what_is_given_counts_and_authentication_is_tried_in_order() {
        let wanted = Wanted { apn: Some("web".into()), user: Some("me".into()), ..Wanted::default() };
        let apn = given(&wanted).unwrap();
        assert_eq!((apn.name.as_str(), apn.user.as_str()), ("web", "me"));
        let order = [Authentication::Chap, Authentication::Pap, Authentication::None];
        assert_eq!(apn.attempts(), order);
        let fixed = Wanted { authentication: Some(Authentication::Pap), ..wanted };
        assert_eq!(given(&fixed).unwrap().attempts(), [Authentication::Pap]);
        assert_eq!(Apn::of_the_network().attempts(), [Authentication::None]);
    }
}
