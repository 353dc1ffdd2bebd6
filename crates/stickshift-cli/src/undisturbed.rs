//! What is kept off while a stick is loaded, flashed or converted: the computer's sleep, and ModemManager.

use stickshift::event::Event;
use stickshift::stick::Place;

use crate::context::Context;

/// The computer stays awake and ModemManager leaves the stick alone until this is dropped.
#[derive(Default)]
#[must_use]
pub(crate) struct Undisturbed {
    #[cfg(target_os = "linux")]
    _awake: Option<stickshift::host::awake::Awake>,
    #[cfg(target_os = "linux")]
    _taken: Option<stickshift::host::modem_manager::Inhibition>,
}

/// Takes the stick at `place` from ModemManager, before anything is asked of it. A virtual stick needs nothing.
pub(crate) fn taken(context: &Context, place: &Place) -> Undisturbed {
    if context.opener.is_virtual() { Undisturbed::default() } else { take(context, place) }
}

/// Keeps the computer awake, and warns where it runs on its battery. For virtual sticks it may sleep.
pub(crate) fn awake(context: &Context) -> Undisturbed {
    if context.opener.is_virtual() { Undisturbed::default() } else { keep_awake(context) }
}

/// What to do about the program that holds a stick's port.
pub(crate) fn about(holder: &str) -> String {
    match holder.starts_with("ModemManager") {
        true => format!(
            "stop {holder} before you talk to the stick; flash, load and convert take it from there by themselves"
        ),
        false => format!("stop {holder} before you use the stick"),
    }
}

fn say(context: &Context, code: &'static str, text: String) {
    context.output.event(&Event::Step { code, text });
}

#[cfg(target_os = "linux")]
fn take(context: &Context, place: &Place) -> Undisturbed {
    use stickshift::host::Roots;
    use stickshift::host::dbus::{BusError, MessageBus};
    use stickshift::host::modem_manager::Inhibition;

    let taken = MessageBus::system().and_then(|bus| Inhibition::take(bus, &Roots::default(), place));
    match taken {
        Ok(Some(taken)) => {
            say(context, "modem-manager-off", format!("ModemManager leaves {place} alone until this ends"));
            Undisturbed { _taken: Some(taken), ..Undisturbed::default() }
        }
        Ok(None) | Err(BusError::NoBus(_)) => Undisturbed::default(),
        Err(error) => {
            let what = format!(
                "ModemManager was not kept off ({error}): run as root, or `systemctl stop ModemManager` first"
            );
            context.output.warn("modem-manager", what);
            Undisturbed::default()
        }
    }
}

#[cfg(target_os = "linux")]
fn keep_awake(context: &Context) -> Undisturbed {
    use stickshift::host::Roots;
    use stickshift::host::awake::Awake;
    use stickshift::host::dbus::{BusError, MessageBus};

    if let Some(on_battery) = Roots::default().on_battery() {
        let percent = on_battery.percent.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
        context.output.warn("on-battery", format!("this computer runs on its battery{percent}: plug it in"));
    }
    match MessageBus::system().and_then(|mut bus| Awake::keep(&mut bus, "a stick is being written")) {
        Ok(awake) => {
            say(context, "kept-awake", "this computer is kept awake until this ends".to_owned());
            Undisturbed { _awake: Some(awake), ..Undisturbed::default() }
        }
        // Without logind nothing puts it to sleep by itself.
        Err(BusError::NoBus(_) | BusError::NoService(_)) => Undisturbed::default(),
        Err(error) => {
            let what = format!("this computer may fall asleep ({error}): keep it busy, and its lid open");
            context.output.warn("may-sleep", what);
            Undisturbed::default()
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn take(_: &Context, _: &Place) -> Undisturbed {
    Undisturbed::default()
}

#[cfg(not(target_os = "linux"))]
fn keep_awake(context: &Context) -> Undisturbed {
    say(context, "may-sleep", "keep this computer awake until this ends".to_owned());
    Undisturbed::default()
}
