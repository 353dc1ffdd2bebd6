//! `stickshift bridge mqtt`: sticks on an MQTT broker.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use stickshift::error::{Error, ErrorKind, Result};

use crate::bridge::commands::Allowed;
use crate::bridge::{self, Settings, topics};
use crate::context::Context;
use crate::output::json::Outcome;
use crate::tls::TlsArgs;
use crate::way_in;

/// Connect the sticks of this computer to another system.
#[derive(Args, Debug)]
pub(crate) struct BridgeArgs {
    #[command(subcommand)]
    verb: BridgeVerb,
}

#[derive(Debug, Subcommand)]
enum BridgeVerb {
    /// Publish sticks, their signal and the messages they receive on an MQTT broker; announce them to Home Assistant
    ///
    /// Topics are stickshift/HOST/PLACE/state, /signal and /message; PLACE is 1-1.2. A command that --allow names is sent to
    /// stickshift/HOST/PLACE/command as JSON: {"id":"42","do":"sms-send","to":"+12345678901","text":"hello"}. `id` is of the sender's choice, and
    /// new for each command; `do` is a word of --allow, and beside it stand the fields that are named there. What became of it comes as
    /// stickshift/HOST/PLACE/result with the same `id`.
    Mqtt(MqttArgs),
}

#[derive(Args, Debug)]
struct MqttArgs {
    /// The broker: HOST or HOST:PORT, mqtts://HOST for one with TLS
    #[arg(long, value_name = "[mqtts://]HOST[:PORT]", default_value = "127.0.0.1:1883", value_parser = broker)]
    broker: Broker,

    #[command(flatten)]
    tls: TlsArgs,

    /// Log in as NAME; the password comes from --password-file, STICKSHIFT_MQTT_PASSWORD or a prompt
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Read the broker's password from the first line of FILE
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,

    /// First part of every topic
    #[arg(long, value_name = "TOPIC", default_value = "stickshift", value_parser = topics::levels)]
    topic: String,

    /// Write _ for each dot in topics, for brokers that take none (NATS before 2.10): 1-1_2 is the stick at 1-1.2
    #[arg(long)]
    no_dots: bool,

    /// Name of this bridge in topics [default: the computer's name]
    #[arg(long, value_name = "NAME", value_parser = topics::level)]
    name: Option<String>,

    /// Prefix of Home Assistant's discovery topics
    #[arg(long, value_name = "TOPIC", default_value = "homeassistant", value_parser = topics::levels)]
    discovery: String,

    /// Announce nothing to Home Assistant
    #[arg(long, conflicts_with = "discovery")]
    no_discovery: bool,

    /// Between two looks at the sticks
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86400))]
    every: u64,

    /// Carry out this command when it comes over the broker; nothing is allowed by default
    #[arg(long, value_enum, value_name = "COMMAND", value_delimiter = ',')]
    allow: Vec<Allowed>,

    /// Mask the numbers of those who send messages
    #[arg(long)]
    mask_numbers: bool,

    /// Keep what the broker has not acknowledged in FILE [default: in the state folder]
    #[arg(long, value_name = "FILE")]
    outbox: Option<PathBuf>,
}

/// Where the broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Broker {
    host: String,
    port: u16,
    is_encrypted: bool,
}

fn broker(text: &str) -> std::result::Result<Broker, String> {
    let bad = || "it is HOST or HOST:PORT, after mqtts:// where the broker has TLS".to_owned();
    let plain = |host: &str| {
        !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'))
    };
    let (is_encrypted, rest) = match text.split_once("://") {
        Some(("mqtts", rest)) => (true, rest),
        Some(("mqtt", rest)) => (false, rest),
        Some(_) => return Err(bad()),
        None => (false, text),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let usual = if is_encrypted { 8883 } else { 1883 };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| bad())?),
        _ => (rest, usual),
    };
    // A certificate names an address as it is, without what sets it off from the port.
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if !plain(host) {
        return Err(bad());
    }
    Ok(Broker { host: host.to_owned(), port, is_encrypted })
}

/// The computer's name as one level of a topic.
fn own_name() -> Option<String> {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    topics::level(&name).ok()
}

pub(crate) fn run(context: &mut Context, args: BridgeArgs) -> Result<()> {
    context.output.outcome_is(Outcome::Untouched);
    let BridgeVerb::Mqtt(args) = args.verb;
    let Some(name) = args.name.or_else(own_name) else {
        return Err(Error::new(
            ErrorKind::Usage,
            "this computer's name cannot be part of a topic: give --name",
        ));
    };
    let credentials = match args.user {
        None => None,
        Some(user) => {
            let what = "password of the MQTT broker";
            let password = way_in::secret(what, "STICKSHIFT_MQTT_PASSWORD", args.password_file.as_deref())?;
            Some((user, password))
        }
    };
    let outbox = args.outbox.unwrap_or_else(|| context.journal_folder().join(format!("mqtt-{name}.outbox")));
    let Broker { host, port, is_encrypted } = args.broker;
    let tls = match (is_encrypted, args.tls.given()) {
        (true, _) => Some(args.tls.config()?),
        (false, None) => None,
        (false, Some(option)) => {
            let what = format!("{option} is for a broker with TLS: --broker mqtts://{host}");
            return Err(Error::new(ErrorKind::Usage, what));
        }
    };
    bridge::run(
        context,
        Settings {
            host,
            port,
            tls,
            credentials,
            base: args.topic,
            has_dots: !args.no_dots,
            name,
            discovery: (!args.no_discovery).then_some(args.discovery),
            every: Duration::from_secs(args.every),
            allowed: args.allow,
            hides_numbers: args.mask_numbers,
            outbox,
        },
    )
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.no_result("bridge mqtt");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_hosts_with_ports() {
        let of = |host: &str, port, is_encrypted| Ok(Broker { host: host.to_owned(), port, is_encrypted });
        for (text, wanted) in [
            ("mqtt.lan", of("mqtt.lan", 1883, false)),
            ("mqtt://mqtt.lan/", of("mqtt.lan", 1883, false)),
            ("[::1]:1884", of("::1", 1884, false)),
            ("mqtts://mqtt.lan", of("mqtt.lan", 8883, true)),
            ("mqtts://[::1]:8884", of("::1", 8884, true)),
        ] {
            assert_eq!(broker(text), wanted, "{text}");
        }
        for bad in ["", ":1883", "mqtt.lan:x", "user:secret@mqtt.lan", "https://mqtt.lan", "mqtts://", "a b"]
        {
            assert!(broker(bad).is_err(), "{bad}");
        }
    }
}
