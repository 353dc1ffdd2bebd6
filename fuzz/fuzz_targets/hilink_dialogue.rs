//! A web server that answers a whole visit with anything: every service ends, and no header of ours holds what breaks a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::event::Cancel;
use stickshift::modem::{Login, Modem};
use stickshift_fuzz::Stick;

fuzz_target!(|bytes: &[u8]| {
    let mut stick = Stick::new(bytes);
    let login = Login { user: "admin".into(), password: "secret".into(), allow_weak: true };
    let Ok(mut modem) = Modem::over_web(&mut stick, Some(&login), &Cancel::new()) else { return };
    let _ = modem.identity();
    let _ = modem.messages();
    let _ = modem.connection();
    let _ = modem.dial_profiles();
    let _ = modem.set_data(true);
});
