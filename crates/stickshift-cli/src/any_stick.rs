//! A virtual stick for any entry of the catalogue: it has its ids, understands its method, and becomes its first target. Here and not
//! among the virtual sticks, because they know nothing of the library's catalogue.

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::ControlSetup;
use stickshift::profile::{Attribute, Entry, Method, Parameters, builtin};
use stickshift::stick::UsbId;
use stickshift_emu::device::{Alternate, Appearance, Device, Function, UsbInterface};
use stickshift_emu::sticks::switchable::{cdrom, from_parts, ports};
use stickshift_emu::sticks::zerocd::{Behaviour, SwitchMessage, Trigger, ZeroCd, ZeroCdOptions};

/// The stick of the first entry for these ids; `None` when `name` is no pair of ids.
///
/// # Errors
/// `Usage` when no profile knows the ids, or there is no such fault.
pub(crate) fn named(name: &str, fault: Option<&str>) -> Result<Option<Box<dyn Device>>> {
    let Ok(id) = name.parse::<UsbId>() else { return Ok(None) };
    let behaviour = fault.map_or(Ok(Behaviour::default()), str::parse)?;
    let unknown = || Error::new(ErrorKind::Usage, format!("no profile knows {id}, so nobody can play it"));
    let entry = builtin::lookup(id).next().ok_or_else(unknown)?;
    Ok(Some(Box::new(stick(&entry, behaviour).ok_or_else(unknown)?)))
}

/// What a stick of this kind waits for, from the tables of docs/protocols/mode-switch.md section 2.4.
fn steps(p: &Parameters) -> Vec<Trigger> {
    let control = Trigger::control;
    let with_data = |request_type, request, value, data: &[u8]| {
        Trigger::Control(ControlSetup { request_type, request, value, index: 0 }, data.to_vec())
    };
    if let Some(n) = p.pantech.filter(|n| *n > 1) {
        return vec![control(0x40, 0x70, n, 0)];
    }
    let mut steps: Vec<Trigger> = p
        .methods_on()
        .flat_map(|method| match method {
            Method::Huawei => vec![control(0x00, 0x03, 1, 0)],
            Method::Sierra => vec![control(0x40, 0x0b, 1, 0)],
            Method::Sony => vec![control(0xc0, 0x11, 2, 0)],
            Method::Gct => vec![control(0xa1, 0xa0, 0, 0), control(0xa1, 0xfe, 0, 0)],
            Method::Kobil => vec![control(0xc0, 0x88, 0, 0)],
            Method::Sequans => vec![control(0x40, 0x0b, 2, 0)],
            Method::MobileAction => vec![
                with_data(0x21, 0x09, 0x0300, &[0xb0, 0x04, 0, 0, 0x02, 0x90, 0x26, 0x86]),
                Trigger::Message(vec![0x32, 0x07, 0xfe, 0xf0, 0x29, 0xb9, 0x3a, 0xf0]),
            ],
            Method::Cisco => vec![
                Trigger::Command(vec![0xfd, 0, 0, 0, 0x03]),
                Trigger::Command(vec![0xfd, 0, 0x01, 0x10, 0x73, 0x24]),
            ],
            Method::Qisda => {
                let data = [
                    0x05, 0x8c, 0x04, 0x08, 0xa0, 0xee, 0x20, 0, 0x5c, 0x01, 0x04, 0x08, 0x98, 0xcd, 0xea,
                    0xbf,
                ];
                vec![with_data(0x40, 0x04, 0, &data)]
            }
            Method::Quanta => vec![control(0xc0, 0xff, 0, 0)],
            Method::Blackberry => vec![control(0xc0, 0xb1, 0, 0), control(0xc0, 0xa9, 0x0e, 0)],
            Method::HuaweiNew => vec![Trigger::Command(vec![0x11, 0x06, 0x20])],
            Method::HuaweiAlt => vec![Trigger::Command(vec![0x11, 0x06, 0x30])],
            Method::Option => vec![Trigger::Command(vec![0x01])],
            Method::StandardEject => vec![Trigger::Command(vec![0x1b, 0, 0, 0, 2])],
            Method::DetachStorageOnly => vec![],
        })
        .collect();
    let messages = p.messages.iter().filter(|m| !m.is_empty());
    steps.extend(messages.map(|m| Trigger::Message(m.clone())));
    steps
}

/// The stick as it is plugged in: the entry's ids and the texts that its qualifiers ask for.
fn first_appearance(entry: &Entry, id: UsbId) -> Appearance {
    let mut appearance = cdrom(id.vendor, id.product, "Virtual stick");
    appearance.manufacturer = Some("virtual".into());
    let p = &entry.parameters;
    if p.has(Method::MobileAction) {
        let pipes = vec![(0x81, 3, 8), (0x02, 3, 8)];
        let cable = Alternate { class: [0x03, 0, 0], extra: Vec::new(), endpoints: pipes };
        let cable = UsbInterface { number: 0, function: Function::Raw, alternates: vec![cable] };
        appearance.configurations[0].interfaces = vec![cable];
    }
    let first = &mut appearance.configurations[0].interfaces[0];
    let out = p.message_endpoint.filter(|e| *e > 0).unwrap_or(0x01);
    let back = p.response_endpoint.filter(|e| *e > 0).unwrap_or(0x81);
    first.number = p.interface.unwrap_or(0);
    if !p.has(Method::MobileAction) {
        first.alternates[0].endpoints = vec![(back, 2, 512), (out, 2, 512)];
    }
    for qualifier in &entry.key.qualifiers {
        let text = Some(qualifier.text.clone());
        match qualifier.attribute {
            Attribute::Manufacturer => appearance.manufacturer = text,
            Attribute::Product => appearance.product = text,
            Attribute::Serial => appearance.serial = text,
            _ => {}
        }
    }
    // A configuration that is selected later must be there.
    if let Some(value) = p.configuration.filter(|n| *n > 1) {
        let modem = ports(id.vendor, id.product, "modem", &[[0xff, 0xff, 0xff]; 2]);
        let mut other = modem.configurations[0].clone();
        other.value = value;
        appearance.configurations.push(other);
    }
    appearance
}

/// The stick for an entry, not plugged in yet. `None` for an entry of a whole family.
pub(crate) fn stick(entry: &Entry, behaviour: Behaviour) -> Option<ZeroCd> {
    let id = entry.key.id()?;
    let p = &entry.parameters;
    let appearance = first_appearance(entry, id);
    let target = entry.targets().first().copied().unwrap_or(id);
    let class = p.target_class.filter(|c| *c != 0x08).unwrap_or(0xff);
    let mut after = ports(target.vendor, target.product, "modem", &[[class, 0xff, 0xff]; 2]);
    if p.has(Method::Sony) {
        // It restarts after the first request, asks for the second, and selects its modem in the other configuration.
        after.configurations.insert(0, appearance.configurations[0].clone());
        after.configurations[1].value = 2;
    }
    let steps = steps(p);
    let messages = if steps.is_empty() { Vec::new() } else { vec![SwitchMessage { steps, target: after }] };
    Some(ZeroCd::new(ZeroCdOptions { behaviour, ..from_parts("virtual", appearance, messages) }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stickshift::event::{Cancel, Session};
    use stickshift::link::Bus;
    use stickshift::profile::Catalogue;
    use stickshift::profile::formats::usb_modeswitch::assignments;
    use stickshift::stick::{Place, Stick};
    use stickshift::switching::{Goal, SwitchRequest, prepare, switch_and_wait};
    use stickshift_emu::computer::VirtualBus;

    use super::*;
    use crate::drop_in::run::{World, run};

    fn place() -> Place {
        "1-1".parse().unwrap()
    }

    fn plugged(entry: &Entry) -> (VirtualBus, Stick) {
        let mut bus = VirtualBus::new();
        bus.plug(&place(), Box::new(stick(entry, Behaviour::default()).unwrap()));
        bus.advance(Duration::from_secs(5));
        let there = bus.sticks().unwrap().remove(0);
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
                Err(error) if error.is(ErrorKind::NoProfile) => {
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
            let world = World {
                open: &mut || -> Result<Box<dyn Bus>> { Ok(Box::new(bus.clone())) },
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
