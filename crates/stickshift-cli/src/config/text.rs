//! The text of a file of settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use stickshift::at::data::is_access_point;
use stickshift::stick::{Place, UsbId};
use stickshift::switching::{Choice, Goal, Rule};
use toml::Spanned;

use super::settings::Config;
#[cfg(feature = "host")]
use super::settings::Host;
use crate::names::Names;

/// One file. `S` is what stands under `stick` in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<S> {
    stick: Option<S>,
    #[serde(default, deserialize_with = "apn")]
    apn: Option<String>,
    output: Option<Form>,
    #[serde(default)]
    host: BTreeMap<String, HostText>,
    #[serde(default)]
    names: BTreeMap<String, String>,
}

/// `[host.rack2]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(not(feature = "host"), allow(dead_code, reason = "settings are the same for every build"))]
struct HostText {
    address: String,
    password_file: Option<PathBuf>,
    ca: Option<PathBuf>,
}

#[cfg(feature = "host")]
fn hosts(hosts: BTreeMap<String, HostText>) -> BTreeMap<String, Host> {
    let host = |(name, host): (String, HostText)| {
        let HostText { address, password_file, ca } = host;
        (name, Host { address, password_file, ca })
    };
    hosts.into_iter().map(host).collect()
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Form {
    Text,
    Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    #[serde(default, deserialize_with = "place")]
    place: Option<Place>,
    #[serde(default, deserialize_with = "id")]
    id: Option<UsbId>,
    serial: Option<String>,
    to: To,
}

/// `[stick."12d1:1f01"]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedRule {
    to: To,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum To {
    Modem,
    Hilink,
    Serial,
    Leave,
}

impl To {
    fn choice(self) -> Choice {
        match self {
            To::Modem => Choice::Become(Goal::Modem),
            To::Hilink => Choice::Become(Goal::Hilink),
            To::Serial => Choice::Become(Goal::Serial),
            To::Leave => Choice::Leave,
        }
    }
}

fn apn<'de, D: Deserializer<'de>>(text: D) -> std::result::Result<Option<String>, D::Error> {
    let text = String::deserialize(text)?;
    match is_access_point(&text) {
        true => Ok(Some(text)),
        false => Err(serde::de::Error::custom(format!(
            "{text:?} is no access point name such as internet: up to 100 characters, without spaces and quotes"
        ))),
    }
}

fn place<'de, D: Deserializer<'de>>(text: D) -> std::result::Result<Option<Place>, D::Error> {
    let text = String::deserialize(text)?;
    let place = text
        .parse()
        .map_err(|()| serde::de::Error::custom(format!("{text:?} is no USB port path such as 1-1.2")));
    place.map(Some)
}

fn id<'de, D: Deserializer<'de>>(text: D) -> std::result::Result<Option<UsbId>, D::Error> {
    let text = String::deserialize(text)?;
    let id = text
        .parse()
        .map_err(|()| serde::de::Error::custom(format!("{text:?} is no pair of ids such as 12d1:1f01")));
    id.map(Some)
}

/// Reads the text of a file. A failure is the line, from 1, and what is wrong there.
pub(super) fn parse(text: &str) -> std::result::Result<Config, (Option<usize>, String)> {
    let line_of = |at: usize| text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1;
    let told = |e: toml::de::Error| (e.span().map(|span| line_of(span.start)), e.message().to_owned());
    let table: toml::Table = text.parse().map_err(told)?;
    // The same key has three forms; each is read strictly.
    let mut config = Config::default();
    let (output, apn, _hosts, names) = match table.get("stick") {
        Some(toml::Value::Array(_)) => {
            let file: File<Vec<Spanned<RuleText>>> = toml::from_str(text).map_err(told)?;
            for rule in file.stick.unwrap_or_default() {
                let line = line_of(rule.span().start);
                config.rules.0.push(complete(rule.into_inner()).map_err(|what| (Some(line), what))?);
            }
            (file.output, file.apn, file.host, file.names)
        }
        Some(toml::Value::Table(rules)) if rules.values().all(toml::Value::is_table) => {
            let file: File<BTreeMap<String, NamedRule>> = toml::from_str(text).map_err(told)?;
            config.rules.0 =
                file.stick.unwrap_or_default().into_iter().map(|(name, rule)| named(name, rule.to)).collect();
            (file.output, file.apn, file.host, file.names)
        }
        Some(toml::Value::Table(_)) => {
            let file: File<Spanned<RuleText>> = toml::from_str(text).map_err(told)?;
            if let Some(rule) = file.stick {
                let line = line_of(rule.span().start);
                config.rules.0.push(complete(rule.into_inner()).map_err(|what| (Some(line), what))?);
            }
            (file.output, file.apn, file.host, file.names)
        }
        _ => {
            let file: File<String> = toml::from_str(text).map_err(told)?;
            config.stick = file.stick;
            (file.output, file.apn, file.host, file.names)
        }
    };
    #[cfg(feature = "host")]
    {
        config.hosts = hosts(_hosts);
    }
    config.names = Names::of(names).map_err(|what| (None, what))?;
    config.apn = apn;
    config.json = output == Some(Form::Json);
    Ok(config)
}

fn complete(rule: RuleText) -> std::result::Result<Rule, String> {
    let RuleText { place, id, serial, to } = rule;
    if place.is_none() && id.is_none() && serial.is_none() {
        return Err("a rule says for which stick it is: place, id or serial".to_owned());
    }
    Ok(Rule { place, id, serial, choice: to.choice() })
}

/// A rule for the stick of that name, as names are on the command line.
fn named(name: String, to: To) -> Rule {
    let rule = Rule { choice: to.choice(), ..Rule::default() };
    match (name.parse::<Place>(), name.parse::<UsbId>()) {
        (Ok(place), _) => Rule { place: Some(place), ..rule },
        (_, Ok(id)) => Rule { id: Some(id), ..rule },
        _ => Rule { serial: Some(name), ..rule },
    }
}

#[cfg(test)]
mod tests {
    use stickshift::switching::Rules;

    use super::*;

    #[test]
    fn rules_have_three_forms() {
        let wanted = Rules(vec![Rule {
            id: Some(UsbId::new(0x12d1, 0x1f01)),
            choice: Choice::Become(Goal::Serial),
            ..Rule::default()
        }]);
        for text in [
            "[[stick]]\nid = \"12d1:1f01\"\nto = \"serial\"\n",
            "[stick]\nid = \"12d1:1f01\"\nto = \"serial\"\n",
            "[stick.\"12d1:1f01\"]\nto = \"serial\"\n",
        ] {
            assert_eq!(parse(text).unwrap().rules, wanted, "{text}");
        }
        let two = parse(
            "[[stick]]\nplace = \"1-1.2\"\nserial = \"A1\"\nto = \"leave\"\n[[stick]]\nserial = \"B\"\nto = \"hilink\"\n",
        );
        let two = two.unwrap().rules.0;
        assert_eq!((two.len(), two[0].choice, two[0].serial.as_deref()), (2, Choice::Leave, Some("A1")));
        assert_eq!(two[1].choice, Choice::Become(Goal::Hilink));
    }

    #[test]
    fn a_user_names_a_stick_and_a_form() {
        let config = parse("# mine\nstick = \"1-1.2\"\noutput = \"json\"\n").unwrap();
        assert_eq!((config.stick.as_deref(), config.json), (Some("1-1.2"), true));
        assert_eq!(parse("").unwrap(), Config::default());
        for rules in [
            "",
            "[[stick]]\nserial = \"A\"\nto = \"leave\"\n",
            "[stick.A]\nto = \"leave\"\n",
            "[stick]\nserial = \"A\"\nto = \"leave\"\n",
        ] {
            let config = parse(&format!("apn = \"web.vodafone.de\"\n{rules}")).unwrap();
            assert_eq!(config.apn.as_deref(), Some("web.vodafone.de"), "{rules}");
        }
    }

    #[test]
    #[cfg(feature = "host")]
    fn other_computers_have_names() {
        let text = "[host.rack2]\naddress = \"https://rack2.lan\"\npassword-file = \"/p\"\n[host.near]\naddress = \"unix:/s\"\n";
        let hosts = parse(text).unwrap().hosts;
        assert_eq!((hosts.len(), hosts["near"].address.as_str()), (2, "unix:/s"));
        assert_eq!(hosts["rack2"].password_file.as_deref(), Some(std::path::Path::new("/p")));
        assert!(parse("[host.rack2]\npassword = \"secret\"\n").is_err());
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_line() {
        for (text, line, part) in [
            ("outpt = \"json\"\n", 1, "unknown field"),
            ("\noutput = \"xml\"\n", 2, "unknown variant"),
            ("stick = 3\n", 1, "string"),
            ("\napn = \"\"\n", 2, "no access point name"),
            ("apn = \"a\\\",\\\"b\"\n", 1, "no access point name"),
            ("apn = \"two words\"\n", 1, "no access point name"),
            ("apn = 5\n", 1, "string"),
            ("[[stick]]\nid = \"12d1\"\nto = \"serial\"\n", 2, "no pair of ids"),
            ("[[stick]]\nplace = \"usb1\"\nto = \"serial\"\n", 2, "no USB port path"),
            ("[[stick]]\nid = \"12d1:1f01\"\nto = \"sereal\"\n", 3, "unknown variant"),
            ("\n[[stick]]\nto = \"serial\"\n", 2, "place, id or serial"),
            ("[[stick]]\nid = \"12d1:1f01\"\ntoo = \"serial\"\n", 3, "unknown field"),
            ("[stick.\"1-1\"]\nto = \"leave\"\nid = \"12d1:1f01\"\n", 3, "unknown field"),
            ("[[stick]\n", 1, ""),
        ] {
            let (at, what) = parse(text).unwrap_err();
            assert_eq!(at, Some(line), "{text}: {what}");
            assert!(what.contains(part), "{text}: {what}");
        }
    }
}
