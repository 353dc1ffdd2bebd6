//! `stickshift bridge mqtt`: sticks on an MQTT broker.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use stickshift::error::{Error, ErrorKind, Result};

use crate::bridge::commands::Allowed;
use crate::bridge::{self, Settings, topics};
use crate::context::Context;
use crate::output::json::Outcome;
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
    Mqtt(MqttArgs),
}

#[derive(Args, Debug)]
struct MqttArgs {
    /// The broker; there is no TLS: for another computer use a tunnel, see docs/bridge.md
    #[arg(long, value_name = "HOST[:PORT]", default_value = "127.0.0.1:1883", value_parser = broker)]
    broker: (String, u16),

    /// Log in as NAME; the password comes from --password-file, STICKSHIFT_MQTT_PASSWORD or a prompt
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Read the broker's password from the first line of FILE
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,

    /// First part of every topic
    #[arg(long, value_name = "TOPIC", default_value = "stickshift", value_parser = topics::levels)]
    topic: String,

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

fn broker(text: &str) -> std::result::Result<(String, u16), String> {
    let bad = || "it is HOST or HOST:PORT; a broker with TLS needs a tunnel (docs/bridge.md)".to_owned();
    let plain = |host: &str| {
        !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'))
    };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| bad())?),
        _ => (text, 1883),
    };
    if plain(host) { Ok((host.to_owned(), port)) } else { Err(bad()) }
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
    let (host, port) = args.broker;
    bridge::run(
        context,
        Settings {
            host,
            port,
            credentials,
            base: args.topic,
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
        assert_eq!(broker("mqtt.lan"), Ok(("mqtt.lan".to_owned(), 1883)));
        assert_eq!(broker("[::1]:1884"), Ok(("[::1]".to_owned(), 1884)));
        for bad in ["", ":1883", "mqtt.lan:x", "user:secret@mqtt.lan", "mqtts://mqtt.lan"] {
            assert!(broker(bad).is_err(), "{bad}");
        }
    }
}
