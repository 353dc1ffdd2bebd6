//! What the owner of a virtual stick does to it on standard input, and what the stick shows for it.

// Without ptys and a virtual host controller nothing serves a stick.
#![cfg_attr(not(unix), allow(dead_code))]

use std::io::{self, BufRead, Write};
use std::ops::Range;
use std::sync::mpsc;

use serde::Serialize;
use stickshift::link::Moment;
use stickshift::stick::{Interface, classify};
use stickshift_emu::device::{Appearance, Device};
use stickshift_emu::sticks::huawei::{HuaweiStick, PlugIn};

use crate::any_stick;
use crate::context::Context;
use crate::output::Report;

/// What the stick shows now.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Shows {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stick: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    mode: &'static str,
    #[serde(skip)]
    words: &'static str,
    ports: Vec<Port>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Port {
    pub(crate) path: String,
    pub(crate) interface: u8,
    pub(crate) role: &'static str,
}

impl Report for Shows {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(stick) = self.stick {
            write!(out, "{stick}: ")?;
        }
        let Some(id) = &self.id else { return writeln!(out, "off the bus") };
        match &self.place {
            Some(place) => writeln!(out, "{place} {id} {}", self.words)?,
            None => writeln!(out, "{id} {}", self.words)?,
        }
        if let Some(url) = &self.url {
            writeln!(out, "  {url}")?;
        }
        for port in &self.ports {
            writeln!(out, "  {}  interface {}, {}", port.path, port.interface, port.role)?;
        }
        Ok(())
    }
}

/// What is on its flash.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct State {
    requests: u32,
    starts: Option<String>,
    why_not: Option<String>,
    nv_intact: bool,
    partitions: Vec<Partition>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Partition {
    code: String,
    size: usize,
    whole: bool,
}

impl Report for State {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match (&self.starts, &self.why_not) {
            (Some(firmware), _) => writeln!(out, "its flash starts {firmware}")?,
            (_, why) => writeln!(out, "its flash starts nothing: {}", why.as_deref().unwrap_or("unknown"))?,
        }
        writeln!(out, "IMEI and calibration: {}", if self.nv_intact { "intact" } else { "lost" })?;
        for p in &self.partitions {
            writeln!(out, "  {} {} bytes{}", p.code, p.size, if p.whole { "" } else { ", torn" })?;
        }
        writeln!(out, "requests so far: {}", self.requests)
    }
}

/// The stick behind the trait, when it is one that can be flashed.
pub(crate) fn flashable(stick: &mut dyn Device) -> Option<&mut HuaweiStick> {
    let stick: &mut dyn std::any::Any = stick;
    stick.downcast_mut()
}

/// What its owner does to a stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Needle,
    Replug,
    Unplug,
    Plug,
    State,
    Quit,
}

impl Act {
    /// The word for it; an empty one is ignored, an unknown one reported.
    pub(crate) fn parse(context: &Context, word: &str) -> Option<Act> {
        Some(match word.trim() {
            "" => return None,
            "needle" => Act::Needle,
            "replug" => Act::Replug,
            "unplug" => Act::Unplug,
            "plug" => Act::Plug,
            "state" => Act::State,
            "quit" => Act::Quit,
            other => {
                let known = "needle, replug, unplug, plug, state, quit";
                context.output.say(&format!("'{other}' is nothing an owner does; there are: {known}"));
                return None;
            }
        })
    }

    /// The same with the number of the stick after it: to which sticks it is done, all of them where no number stands.
    pub(crate) fn of_several(context: &Context, line: &str, count: usize) -> Option<(Act, Range<usize>)> {
        let (word, number) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let act = Act::parse(context, word)?;
        let one = number.trim().parse::<usize>().ok().filter(|n| (1..=count).contains(n));
        if one.is_none() && !number.is_empty() {
            context.output.say(&format!("no stick {number}; the numbers are 1 to {count}"));
            return None;
        }
        Some((act, one.map_or(0..count, |n| n - 1..n)))
    }

    /// Does it, or its first half: `true` when the stick was pulled out and has to be put back.
    pub(crate) fn first(self, context: &Context, stick: &mut dyn Device, now: Moment) -> bool {
        match self {
            Act::Needle | Act::Replug => {
                if self == Act::Needle
                    && let Some(stick) = flashable(stick)
                {
                    stick.plug_in_next(PlugIn::BootPin);
                }
                stick.power(now, false);
                return true;
            }
            Act::Unplug => stick.power(now, false),
            Act::Plug => stick.power(now, true),
            Act::State => match flashable(stick) {
                Some(stick) => context.output.stream("state", &state(stick)),
                None => {
                    let shown = shows(stick.appearance(), |_| None);
                    let id = shown.id.map(|id| format!("{id}, ")).unwrap_or_default();
                    context.output.say(&format!(
                        "this stick has no flash to look at; it shows {id}{}",
                        if shown.words.is_empty() { shown.mode } else { shown.words }
                    ));
                }
            },
            Act::Quit => {}
        }
        false
    }
}

/// Lines on standard input, as they come.
pub(crate) fn listen() -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(io::Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    told
}

pub(crate) fn shows(appearance: Option<&Appearance>, port: impl Fn(&Interface) -> Option<Port>) -> Shows {
    let Some(appearance) = appearance else {
        return Shows {
            stick: None,
            place: None,
            id: None,
            url: None,
            mode: "gone",
            words: "",
            ports: Vec::new(),
        };
    };
    let mut interfaces: Vec<Interface> =
        appearance.configurations.iter().take(1).flat_map(any_stick::interfaces).collect();
    let found = classify(appearance.id, appearance.class[0], &interfaces);
    for (interface, role) in interfaces.iter_mut().zip(found.roles) {
        interface.role = role;
    }
    Shows {
        stick: None,
        place: None,
        id: Some(appearance.id.to_string()),
        url: None,
        mode: found.mode.code(),
        words: found.mode.words(),
        ports: interfaces.iter().filter_map(port).collect(),
    }
}

fn state(stick: &HuaweiStick) -> State {
    let firmware = stick.flash().firmware();
    let partitions = stick.flash().partitions().iter();
    State {
        requests: stick.steps(),
        starts: firmware.as_ref().ok().map(|f| format!("{} firmware {}", f.kind, f.version)),
        why_not: firmware.err(),
        nv_intact: stick.nv_intact(),
        partitions: partitions
            .map(|(code, p)| Partition { code: format!("{code:08x}"), size: p.bytes.len(), whole: p.whole })
            .collect(),
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.event::<State>("virtual", "state");
}
