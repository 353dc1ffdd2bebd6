//! Texts that people paste about USB devices: whatever is read makes a stick and descriptors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::pasted;
use stickshift::stick::NoProfiles;

fuzz_target!(|data: &[u8]| {
    let Some(paste) = pasted::read(data) else { return };
    assert!(paste.devices.len() <= pasted::MOST_DEVICES);
    let place = "1-1".parse().expect("a place");
    for device in &paste.devices {
        let _ = device.stick(&place, &NoProfiles);
        for configuration in device.descriptors() {
            let _ = configuration.encode();
        }
    }
});
