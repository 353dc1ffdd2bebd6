//! Any descriptors, and any method on the stick that shows them: a sequence or an error; and it ends whatever the stick answers.
//! The first three bytes say how long the configuration is and which method is tried.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::event::Session;
use stickshift::profile::builtin;
use stickshift::switch::{self, View, mbim};
use stickshift::wire::usb;
use stickshift_fuzz::{Device, Stick};

fuzz_target!(|bytes: &[u8]| {
    let _ = usb::parse_string(bytes);
    let [length, entry, more, rest @ ..] = bytes else { return };
    let (device, rest) = rest.split_at(rest.len().min(18));
    let (configurations, rest) = rest.split_at(rest.len().min(usize::from(*length)));
    let Ok(configurations) = usb::split_configurations(configurations) else { return };
    let configurations = configurations.into_iter().map(<[u8]>::to_vec).collect();
    let mut link = Device { device: device.to_vec(), configurations, stick: Stick::new(rest) };
    let Ok(view) = View::of(&mut link) else { return };
    mbim::configuration(&view.configurations);
    let entry = usize::from(*entry) * 256 + usize::from(*more);
    let entries = builtin::all().count();
    let Some(entry) = builtin::all().nth(entry % entries) else { return };
    let Ok(sequence) = switch::sequence(&entry.parameters, &view) else { return };
    let _ = switch::run(&sequence, 0, &mut link, &mut Session::quiet());
});
