//! A virtual stick for any entry of the catalogue: it has its ids, understands its method, and becomes its first target. The virtual
//! sticks know nothing of the library's catalogue, so that an entry is put into their words here.

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::profile::{Attribute, Entry, Method, builtin};
use stickshift::stick::{Endpoint, Interface, Mode, UsbId, classify, usual_interfaces};
use stickshift_emu::device::{Configuration, Device};
use stickshift_emu::sticks::described::{Shows, StickDescription};
use stickshift_emu::sticks::fault_words;
use stickshift_emu::sticks::zerocd::SwitchMessage;

/// The stick of the first entry for these ids; `None` when `name` is no pair of ids.
///
/// # Errors
/// `Usage` when no profile knows the ids, or there is no such fault.
pub(crate) fn named(name: &str, fault: Option<&str>) -> Result<Option<Box<dyn Device>>> {
    let Ok(id) = name.parse::<UsbId>() else { return Ok(None) };
    let unknown = || Error::new(ErrorKind::Usage, format!("cannot simulate {id}: no profile matches it"));
    let entry = builtin::lookup(id).next().ok_or_else(unknown)?;
    let options = description(&entry, entry.key.id().ok_or_else(unknown)?).options();
    Ok(Some(Box::new(fault_words::switched_stick(name, options, fault, 1)?)))
}

/// What switches a stick with these ids by an entry, and what it becomes.
pub(crate) fn messages(entry: &Entry, id: UsbId) -> Vec<SwitchMessage> {
    description(entry, id).messages()
}

fn description(entry: &Entry, id: UsbId) -> StickDescription {
    let p = &entry.parameters;
    let text = |attribute| {
        let mut qualifiers = entry.key.qualifiers.iter().filter(|q| q.attribute == attribute);
        qualifiers.next_back().map(|q| q.text.clone())
    };
    let target = entry.targets().first().copied().unwrap_or(id);
    let endpoint = |asked: Option<u8>, usual| asked.filter(|e| *e > 0).unwrap_or(usual);
    StickDescription {
        id,
        target,
        shows: shows(target, p.target_class.filter(|c| *c != 0x08)),
        interface: p.interface.unwrap_or(0),
        endpoints: (endpoint(p.message_endpoint, 0x01), endpoint(p.response_endpoint, 0x81)),
        manufacturer: text(Attribute::Manufacturer),
        product: text(Attribute::Product),
        serial: text(Attribute::Serial),
        configuration: p.configuration.filter(|n| *n > 1),
        methods: p.methods_on().map(Method::name).collect(),
        messages: p.messages.iter().filter(|m| !m.is_empty()).cloned().collect(),
        pantech: p.pantech.filter(|n| *n > 1),
        reset: p.reset_usb == Some(true),
    }
}

/// What ids stand for, as the data say; where they say nothing, serial ports of the class that is waited for.
pub(crate) fn shows(id: UsbId, class: Option<u8>) -> Shows {
    let ports = || usual_interfaces(id).into_iter().filter(|i| i.role.is_serial()).map(|i| i.number);
    match (classify(id, 0, &[]).mode, class) {
        (Mode::Hilink, None | Some(0x02)) => Shows::Card,
        (Mode::HilinkSerial, None | Some(0x02)) => Shows::CardAndPorts,
        (_, None | Some(0xff)) if ports().next().is_some() => Shows::Numbered(ports().collect()),
        _ => Shows::Ports(class.unwrap_or(0xff)),
    }
}

/// The interfaces of a virtual stick as a host sees them.
pub(crate) fn interfaces(configuration: &Configuration) -> Vec<Interface> {
    let shown = configuration.interfaces.iter().map(|interface| {
        let first = &interface.alternates[0];
        let endpoint = |&(address, kind, max_packet): &(u8, u8, u16)| Endpoint { address, kind, max_packet };
        Interface {
            endpoints: first.endpoints.iter().map(endpoint).collect(),
            ..Interface::new(interface.number, first.class)
        }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use stickshift::event::{Cancel, Session};
    use stickshift::link::{Bus, ClassifiedBus};
    use stickshift::profile::Catalogue;
    use stickshift::profile::formats::usb_modeswitch::assignments;
    use stickshift::stick::{Place, Stick};
    use stickshift::switching::{Goal, SwitchRequest, prepare, switch_and_wait};
    use stickshift_emu::computer::VirtualBus;
    use stickshift_emu::sticks::zerocd::ZeroCd;

    use super::*;
    use crate::usb_modeswitch::run::{Environment, run};

    fn place() -> Place {
        "1-1".parse().unwrap()
    }

    /// The bus as the drop-in sees it.
    fn every_device(bus: &VirtualBus) -> Box<dyn Bus> {
        let catalogue = Arc::new(Catalogue::builtin());
        Box::new(ClassifiedBus::new(Box::new(bus.clone()), catalogue).with_every_device())
    }

    fn plugged(entry: &Entry) -> (VirtualBus, Stick) {
        let mut bus = VirtualBus::new();
        let options = description(entry, entry.key.id().unwrap()).options();
        bus.plug(&place(), Box::new(ZeroCd::new(options)));
        bus.advance(Duration::from_secs(5));
        let there = bus.device(&place()).unwrap().unwrap();
        (bus, there)
    }

    #[test]
    fn every_entry_switches_its_stick_or_leaves_it_alone() {
        let catalogue = Catalogue::builtin();
        let (mut switched, mut alone, mut active) = (0, 0, 0);
        for entry in builtin::all() {
            let (mut bus, before) = plugged(&entry);
            let request = SwitchRequest { catalogue: &catalogue, profile: None, goal: Goal::Usual };
            // SCSI texts of its drive may decide too, and the virtual bus has none: then the entry is asked for by name.
            let scsi = entry.key.qualifiers.iter().any(|q| q.attribute.code().starts_with('s'));
            let request = if scsi {
                SwitchRequest { profile: Some(entry.parameters.clone()), ..request }
            } else {
                request
            };
            let prepared = match prepare(&mut bus, &before, &request, &mut Session::quiet()) {
                Ok(prepared) => prepared,
                Err(error) if error.is(ErrorKind::LeftAlone) => {
                    assert!(entry.parameters.is_leave_alone(), "{}: {error}", entry.key);
                    alone += 1;
                    continue;
                }
                Err(error) if error.is(ErrorKind::AlreadySwitched) => {
                    assert_eq!(entry.parameters.configuration, Some(1), "{}: {error}", entry.key);
                    active += 1;
                    continue;
                }
                Err(error) => panic!("{}: {error}", entry.key),
            };
            assert!(!prepared.sequence.transfers.is_empty(), "{}", entry.key);
            assert!(prepared.sequence.transfers.iter().all(|t| !t.to_string().is_empty()), "{}", entry.key);
            if entry.parameters.has(Method::Sony) || entry.parameters.pantech == Some(1) {
                // Their sticks have virtual sticks of their own, by name.
                continue;
            }
            let switched_to = switch_and_wait(&mut bus, prepared, &mut Session::quiet());
            let switched_to = switched_to.unwrap_or_else(|error| panic!("{}: {error}", entry.key));
            assert!(switched_to.expected, "{} became {}", entry.key, switched_to.stick.id);
            switched += 1;
        }
        println!("{switched} switched, {alone} left alone, {active} in their configuration already");
        assert!(switched >= 465 && alone == 33 && active == 10, "{switched} {alone} {active}");
    }

    /// As the dispatcher calls it, for every entry; the recordings of the real program end with the same line.
    #[test]
    fn the_drop_in_takes_every_entry() {
        let mut active = 0;
        for entry in builtin::all() {
            let (bus, before) = plugged(&entry);
            let id = before.id;
            let arguments = [
                "-Q",
                "-D",
                "-b",
                "1",
                "-g",
                "1",
                "-v",
                &format!("{:04x}", id.vendor),
                "-p",
                &format!("{:04x}", id.product),
                "-f",
                &assignments(&entry.parameters),
            ]
            .map(str::to_owned);
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let world = Environment {
                open: &mut || -> Result<Box<dyn Bus>> { Ok(every_device(&bus)) },
                read: &mut |_| unreachable!("no file is named"),
                notice: &mut |_| {},
                cancel: &Cancel::new(),
            };
            let code = run(&arguments, world, &mut out, &mut err);
            assert_eq!((code, err.as_slice()), (0, &b""[..]), "{}", entry.key);
            if out.is_empty() {
                assert_eq!(entry.parameters.configuration, Some(1), "{}", entry.key);
                active += 1;
            } else {
                assert_eq!(out, b"ok:busdev\n", "{}", entry.key);
            }
        }
        assert_eq!(active, 10);
    }

    #[test]
    fn ids_name_a_stick_where_a_profile_knows_them() {
        assert!(named("19d2:2000", Some("ignores")).unwrap().is_some());
        assert!(named("k3772", None).unwrap().is_none());
        assert!(named("12d1:ffff", None).is_err() && named("19d2:2000", Some("drop@1")).is_err());
    }
}
