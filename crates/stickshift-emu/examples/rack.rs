//! A rack of virtual sticks on this computer's kernel, for the scenarios of the virtual machine.
//!
//! Arguments are sticks, `NAME` or `NAME:BEHAVIOUR`. Lines on standard input act on them: `plug NAME`, `out SLOT`, `in SLOT`, `quit`.
//! Lines on standard output tell what came about: `appeared SLOT ID`, `left SLOT`.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::run()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("virtual host controllers are a part of Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::io::BufRead;
    use std::sync::mpsc::{self, TryRecvError};
    use std::time::Duration;

    use stickshift_emu::device::Device;
    use stickshift_emu::usb::rack::{Change, Rack};
    use stickshift_emu::usb::vhci::Vhci;
    use stickshift_emu::zerocd::ZeroCd;
    use stickshift_emu::{catalogue, sticks};

    fn stick(word: &str) -> Result<Box<dyn Device>, Box<dyn Error>> {
        let (name, behaviour) = word.split_once(':').unwrap_or((word, "switches"));
        if let Some(mut options) = sticks::options(name) {
            options.behaviour = behaviour.parse()?;
            return Ok(Box::new(ZeroCd::new(options)));
        }
        catalogue::virtual_stick(name, 1).ok_or_else(|| format!("there is no stick named {name}").into())
    }

    pub(super) fn run() -> Result<(), Box<dyn Error>> {
        let mut rack = Rack::new(Box::new(Vhci::open()?));
        for word in std::env::args().skip(1) {
            rack.plug(stick(&word)?)?;
        }
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        loop {
            match told.try_recv() {
                Ok(line) => match line.split_once(' ') {
                    Some(("plug", word)) => println!("plugged {}", rack.plug(stick(word)?)?),
                    Some(("out", slot)) => rack.power(slot.parse()?, false),
                    Some(("in", slot)) => rack.power(slot.parse()?, true),
                    _ => return Ok(()),
                },
                Err(TryRecvError::Disconnected | TryRecvError::Empty) => {}
            }
            for (slot, change) in rack.turn(Duration::from_millis(50))? {
                let face = rack.device(slot).and_then(|device| device.face().map(|face| face.id));
                match (change, face) {
                    (Change::Appeared, Some(id)) => println!("appeared {slot} {id}"),
                    _ => println!("left {slot}"),
                }
            }
        }
    }
}
