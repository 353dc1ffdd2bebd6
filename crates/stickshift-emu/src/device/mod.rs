//! The seam between what a virtual stick *is* and how it is attached.
//!
//! A [`Device`] is one state machine: it is told the time, given bytes and transfers, and asked what it shows. The same
//! device hangs on the in-process bus, behind ptys, on loopback HTTP, or on a real kernel; none of these knows what it is.

pub mod descriptors;
pub(crate) mod outbox;

use std::any::Any;
use std::time::Duration;

use stickshift::link::{ControlSetup, HttpRequest, HttpResponse, Moment};
use stickshift::stick::UsbId;

use crate::modem::{Held, ModemState};
use crate::network::Bearer;

/// What a stick shows on the bus between two enumerations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appearance {
    /// idVendor and idProduct.
    pub id: UsbId,
    /// bcdDevice.
    pub release: u16,
    /// bDeviceClass, bDeviceSubClass, bDeviceProtocol.
    pub class: [u8; 3],
    /// iManufacturer.
    pub manufacturer: Option<String>,
    /// iProduct.
    pub product: Option<String>,
    /// iSerialNumber.
    pub serial: Option<String>,
    /// In index order; most sticks have one.
    pub configurations: Vec<Configuration>,
}

/// One configuration of an appearance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// bConfigurationValue.
    pub value: u8,
    /// By interface number.
    pub interfaces: Vec<UsbInterface>,
}

/// One interface of an appearance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbInterface {
    /// bInterfaceNumber.
    pub number: u8,
    /// What the bytes on its endpoints are.
    pub function: Function,
    /// Alternate settings in order; most interfaces have one.
    pub alternates: Vec<Alternate>,
}

/// One alternate setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternate {
    /// bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol.
    pub class: [u8; 3],
    /// Class-specific descriptors, whole, in order, placed before the endpoints.
    pub extra: Vec<u8>,
    /// Endpoint address, kind (2 bulk, 3 interrupt), maximum packet size.
    pub endpoints: Vec<(u8, u8, u16)>,
}

/// What an interface carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// A stream of bytes in both directions: a tty on the host.
    Serial,
    /// Bulk-only mass storage.
    Storage,
    /// An Ethernet link (CDC Ethernet, or one half of it).
    Ethernet,
    /// An NCM network function with an AT control channel.
    Ncm,
    /// Nothing that an attachment needs to know: transfers go to the device as they are.
    Raw,
}

/// A logical unit behind a storage interface, as its answers to INQUIRY say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// bInterfaceNumber.
    pub interface: u8,
    /// Its number behind that interface.
    pub number: u8,
    /// Whether it is a CD-ROM; a disk otherwise.
    pub cdrom: bool,
    /// SCSI vendor, model and revision.
    pub texts: [String; 3],
}

/// What a device does with a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsbReply {
    /// It is done; for IN with these bytes, for OUT empty.
    Done(Vec<u8>),
    /// Nothing to give yet: the transfer stays pending.
    Pending,
    /// The endpoint (or the control pipe) stalls.
    Stall,
    /// The device leaves the bus before it answers.
    Gone,
}

/// What the stick's web server does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAnswer {
    /// It answers after a while.
    Reply(HttpResponse, Duration),
    /// It closes the connection without a byte.
    Dropped,
    /// It takes the request and says nothing.
    Silent,
}

/// One virtual stick. Every call carries the time; a device never looks at a clock.
///
/// `Any`, so that a test can ask for the device behind the trait and look at its flash.
pub trait Device: Any + Send {
    /// What it shows now; `None` while it is off the bus.
    fn appearance(&self) -> Option<&Appearance>;

    /// Counts up with every new appearance on the bus, so that a re-enumeration with the same appearance is seen as one.
    fn enumeration(&self) -> u32;

    /// Power comes (it is plugged in) or goes.
    fn power(&mut self, now: Moment, on: bool);

    /// The time is `now`: timers that have run out do their work.
    fn tick(&mut self, now: Moment);

    /// When [`tick`](Self::tick) will next have work.
    fn next_tick(&self) -> Option<Moment>;

    /// The driver of an interface that it shows now, where that is known otherwise than by its class; `Some(None)`: it has none.
    fn driver(&self, _interface: u8) -> Option<Option<String>> {
        None
    }

    /// The host wrote to a serial interface.
    fn serial_write(&mut self, now: Moment, interface: u8, bytes: &[u8]);

    /// The host closes the port behind an interface, and lowers DTR with that.
    fn port_closed(&mut self, now: Moment, interface: u8) {
        let _ = (now, interface);
    }

    /// Takes what the stick has for the host on a serial interface by `now`.
    fn serial_read(&mut self, now: Moment, interface: u8) -> Vec<u8>;

    /// A control request that is not about descriptors, configuration, alternate settings or halts (those are answered from the
    /// appearance by whoever attaches the device). `data` is the OUT data, `length` wLength.
    fn control(&mut self, now: Moment, setup: ControlSetup, data: &[u8], length: u16) -> UsbReply {
        let _ = (now, setup, data, length);
        UsbReply::Stall
    }

    /// Whether the control channel of an interface has a message that the host was not told of; with that it is told.
    fn message_available(&mut self, now: Moment, interface: u8) -> bool {
        let _ = (now, interface);
        false
    }

    /// Data to a bulk or interrupt OUT endpoint of an interface that is not serial.
    fn transfer_out(&mut self, now: Moment, endpoint: u8, data: &[u8]) -> UsbReply {
        let _ = (now, endpoint, data);
        UsbReply::Stall
    }

    /// A read from a bulk or interrupt IN endpoint of an interface that is not serial.
    fn transfer_in(&mut self, now: Moment, endpoint: u8, length: usize) -> UsbReply {
        let _ = (now, endpoint, length);
        UsbReply::Pending
    }

    /// The host selected a configuration (0 = none).
    fn configured(&mut self, now: Moment, value: u8) {
        let _ = (now, value);
    }

    /// The host selected an alternate setting.
    fn alternate_selected(&mut self, now: Moment, interface: u8, alternate: u8) {
        let _ = (now, interface, alternate);
    }

    /// The host reset the port that it stands on.
    fn port_reset(&mut self, now: Moment) {
        let _ = now;
    }

    /// The drives that a storage driver finds when it asks every logical unit.
    fn units(&self) -> Vec<Unit> {
        Vec::new()
    }

    /// Until when its drives answer no command: the storage driver waits for them, and the kernel keeps the device locked.
    fn silent_until(&self) -> Option<Moment> {
        None
    }

    /// Address of the router behind its network card, in a /24 of its own; `None` when the card is the bearer itself.
    fn lan(&self) -> Option<[u8; 4]> {
        None
    }

    /// The data connection that its network card leads to.
    fn bearer(&self, now: Moment) -> Option<Bearer> {
        let _ = now;
        None
    }

    /// An IP packet into that data connection. Without one it is lost.
    fn packet_out(&mut self, now: Moment, packet: &[u8]) {
        let _ = (now, packet);
    }

    /// Whether its network card hands out the bearer's address by DHCP.
    fn answers_dhcp(&self) -> bool {
        true
    }

    /// Takes the next IP packet that came over it.
    fn packet_in(&mut self, now: Moment) -> Option<Vec<u8>> {
        let _ = now;
        None
    }

    /// What its modem holds, also while it is unplugged; `None` for a stick without one. For tests: it is not a way in.
    fn held(&self, now: Moment) -> Option<Held> {
        let _ = now;
        None
    }

    /// What of its modem and the SIM in it another process goes on with; `None` for a stick without one.
    fn modem_state(&self) -> Option<ModemState> {
        None
    }

    /// Makes its modem the one that was put away. It is new and has no power yet. `false`: its modem is never like that.
    fn go_on_with(&mut self, modem: &ModemState) -> bool {
        let _ = modem;
        false
    }

    /// A request to the stick's web server.
    fn http(&mut self, now: Moment, request: &HttpRequest) -> HttpAnswer {
        let _ = (now, request);
        HttpAnswer::Dropped
    }
}
