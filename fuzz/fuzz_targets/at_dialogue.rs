//! A modem that answers a whole visit with anything: every service ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::event::Cancel;
use stickshift::modem::Modem;
use stickshift_fuzz::Stick;

fuzz_target!(|bytes: &[u8]| {
    let mut stick = Stick::new(bytes);
    let Ok(mut modem) = Modem::over_at(&mut stick, &Cancel::new()) else { return };
    let _ = modem.identity();
    let _ = modem.messages();
    let _ = modem.connection();
    let _ = modem.ask_code("*100#");
    let _ = modem.delete_messages(&[1.into()]);
});
