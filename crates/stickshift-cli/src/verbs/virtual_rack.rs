//! `stickshift virtual --attach kernel` and `--attach usbip`: virtual sticks on the USB of a kernel, this computer's or another's.

use stickshift::error::Result;
use stickshift_emu::device::Device;

use crate::context::Context;

/// Which kernel, and how it comes to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// This computer's virtual host controller.
    Kernel,
    /// Whoever imports them at this port of 127.0.0.1.
    UsbIp(Option<u16>),
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn attach(_: &Context, _: Vec<Box<dyn Device>>, _: Host) -> Result<()> {
    use stickshift::error::{Error, ErrorKind};

    Err(Error::new(ErrorKind::Unsupported, "only Linux has a virtual host controller"))
}

/// Serves the sticks until the user asks to stop. Those that are pulled out keep their ports.
#[cfg(target_os = "linux")]
pub(crate) fn attach(context: &Context, sticks: Vec<Box<dyn Device>>, host: Host) -> Result<()> {
    use std::time::Duration;

    use stickshift_emu::attach::rack::{Rack, Sockets};
    use stickshift_emu::attach::usbip::{self, UsbIp};
    use stickshift_emu::attach::vhci::Vhci;

    use crate::verbs::virtual_owner::{self, Act};

    let sockets: Box<dyn Sockets> = match host {
        Host::Kernel => Box::new(Vhci::open()?),
        Host::UsbIp(port) => {
            let server = UsbIp::listen(port.unwrap_or(usbip::PORT))?;
            context.output.stream("exported", &Exported::at(server.address()));
            Box::new(server)
        }
    };
    let mut rack = Rack::new(sockets);
    let count = sticks.len();
    for stick in sticks {
        rack.plug(stick)?;
    }
    let owner = virtual_owner::listen();
    while !context.cancel.is_cancelled() {
        for line in owner.try_iter() {
            let Some((act, slots)) = Act::of_several(context, &line, count) else { continue };
            if act == Act::Quit {
                return Ok(());
            }
            let now = rack.now();
            let mut pulled = Vec::new();
            for slot in slots {
                if rack.device(slot).is_some_and(|stick| act.first(context, stick, now)) {
                    pulled.push(slot);
                }
            }
            told(context, &mut rack, count, Duration::ZERO)?;
            pulled.into_iter().for_each(|slot| rack.power(slot, true));
        }
        told(context, &mut rack, count, Duration::from_millis(100))?;
    }
    Ok(())
}

/// Where sticks can be imported.
#[cfg(target_os = "linux")]
#[derive(serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Exported {
    address: String,
    command: String,
}

#[cfg(target_os = "linux")]
impl Exported {
    fn at(address: std::net::SocketAddr) -> Exported {
        use stickshift_emu::attach::usbip::PORT;

        let port =
            if address.port() == PORT { String::new() } else { format!(" --tcp-port {}", address.port()) };
        let command = format!("usbip{port} attach -r {} -b 1-1", address.ip());
        Exported { address: address.to_string(), command }
    }
}

#[cfg(target_os = "linux")]
impl crate::output::Report for Exported {
    fn text(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        writeln!(out, "at {}: {}", self.address, self.command)
    }
}

/// Lets the rack work, and tells what came and left.
#[cfg(target_os = "linux")]
fn told(
    context: &Context,
    rack: &mut stickshift_emu::attach::rack::Rack,
    count: usize,
    most: std::time::Duration,
) -> Result<()> {
    use stickshift_emu::attach::rack::RackChange;

    use crate::verbs::virtual_owner::shows;

    for (slot, change) in rack.turn(most)? {
        let place = rack.place(slot).map(|place| place.to_string());
        let appearance = rack.device(slot).and_then(|stick| stick.appearance().cloned());
        let appearance = appearance.filter(|_| change == RackChange::Appeared);
        let stick = (count > 1).then_some(slot + 1);
        let mut shown = shows(appearance.as_ref(), |_| None);
        (shown.stick, shown.place) = (stick, place);
        context.output.stream("virtual", &shown);
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.event::<Exported>("virtual", "exported");
}
