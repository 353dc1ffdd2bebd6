//! The system's message bus: method calls to logind, ModemManager and systemd-resolved, with the descriptors they return.
//!
//! Small enough to be our own. The blocking crates of the field wait for ever when the daemon closes a connection that is being authenticated,
//! let children inherit the descriptors that they receive, or are larger than the rest of the program for a router.

mod wire;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};

pub use wire::Value;
use wire::{FIXED, Kind, Message};

/// Environment variable with the address of the system's bus, as the specification names it.
const ADDRESS: &str = "DBUS_SYSTEM_BUS_ADDRESS";
const USUAL_ADDRESSES: &str =
    "unix:path=/run/dbus/system_bus_socket;unix:path=/var/run/dbus/system_bus_socket";
/// How long the daemon may take to accept us, and a service to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most descriptors that one message may bring.
const MOST_DESCRIPTORS: usize = 8;

/// Whom a call goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Name on the bus: `org.freedesktop.login1`
    pub service: String,
    /// Object path: `/org/freedesktop/login1`
    pub path: String,
    /// Interface: `org.freedesktop.login1.Manager`
    pub interface: String,
}

impl Object {
    /// An interface of an object of a service.
    pub fn new(service: &str, path: &str, interface: &str) -> Self {
        Self { service: service.into(), path: path.into(), interface: interface.into() }
    }
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusError {
    /// There is no message bus here, or it does not let us in.
    NoBus(String),
    /// Nobody has that name on the bus, and nobody can be started for it.
    NoService(String),
    /// The service, or the bus for it, refused: the name of the D-Bus error and its text.
    Refused {
        /// `org.freedesktop.DBus.Error.AccessDenied`
        name: String,
        /// For people; may be empty.
        text: String,
    },
    /// No answer within the time for it. What was asked may have been done.
    NoAnswer,
    /// The connection ended, or what came is no D-Bus message.
    Broken(String),
}

impl BusError {
    /// Whether the caller may not do that: polkit or the bus's own policy.
    pub fn is_denied(&self) -> bool {
        let Self::Refused { name, .. } = self else { return false };
        ["AccessDenied", "AuthFailed", "Unauthorized", "InteractiveAuthorizationRequired"]
            .iter()
            .any(|end| name.rsplit('.').next() == Some(end))
    }
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBus(why) => write!(f, "no system message bus: {why}"),
            Self::NoService(name) => write!(f, "{name} is not running"),
            Self::Refused { name, text } if text.is_empty() => f.write_str(name),
            Self::Refused { text, .. } => f.write_str(text),
            Self::NoAnswer => f.write_str("no answer on the message bus"),
            Self::Broken(why) => write!(f, "the message bus: {why}"),
        }
    }
}

/// What a method returned.
#[derive(Debug)]
pub struct Reply {
    /// The returned values.
    pub values: Vec<Value>,
    descriptors: Vec<OwnedFd>,
}

impl Reply {
    /// The first returned descriptor. What it stands for ends when it is dropped.
    pub fn descriptor(mut self) -> Option<OwnedFd> {
        (!self.descriptors.is_empty()).then(|| self.descriptors.remove(0))
    }
}

/// A connection to the message bus. What a service grants to a connection, as ModemManager's inhibition, ends with it.
#[derive(Debug)]
pub struct MessageBus {
    stream: UnixStream,
    serial: u32,
    incoming: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl MessageBus {
    /// Connects to the system's bus: the one that `DBUS_SYSTEM_BUS_ADDRESS` names, else the usual one.
    pub fn system() -> Result<Self, BusError> {
        let address = std::env::var(ADDRESS).unwrap_or_else(|_| USUAL_ADDRESSES.to_owned());
        Self::connect(&address)
    }

    /// Connects to the first of the `unix:` addresses that answers; several are separated by `;`.
    pub fn connect(addresses: &str) -> Result<Self, BusError> {
        let mut last = BusError::NoBus(format!("no address in {addresses:?}"));
        for address in addresses.split(';').filter(|a| !a.is_empty()) {
            match open(address) {
                Ok(stream) => {
                    let mut bus =
                        Self { stream, serial: 0, incoming: Vec::new(), descriptors: VecDeque::new() };
                    bus.authenticate().map_err(|e| BusError::NoBus(format!("{address}: {e}")))?;
                    let daemon =
                        Object::new("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus");
                    bus.call(&daemon, "Hello", &[])?;
                    return Ok(bus);
                }
                Err(e) => last = BusError::NoBus(format!("{address}: {e}")),
            }
        }
        Err(last)
    }

    /// Calls a method and waits up to ten seconds for what it returns.
    pub fn call(&mut self, to: &Object, method: &str, arguments: &[Value]) -> Result<Reply, BusError> {
        self.call_within(to, method, arguments, PATIENCE)
    }

    /// Calls a method and waits up to `patience` for what it returns.
    pub fn call_within(
        &mut self,
        to: &Object,
        method: &str,
        arguments: &[Value],
        patience: Duration,
    ) -> Result<Reply, BusError> {
        let deadline = Instant::now() + patience;
        self.serial += 1;
        let bytes = wire::call(self.serial, to, method, arguments);
        self.write(&bytes, deadline).map_err(failed)?;
        loop {
            let (message, descriptors) = self.receive(deadline)?;
            if message.reply_to != Some(self.serial) {
                continue;
            }
            match message.kind {
                Kind::Return => return Ok(Reply { values: message.body, descriptors }),
                Kind::Error => return Err(refusal(to, message)),
                Kind::Other => {}
            }
        }
    }

    /// Reads a property; the value comes without its variant.
    pub fn property(&mut self, of: &Object, name: &str) -> Result<Value, BusError> {
        let properties = Object { interface: "org.freedesktop.DBus.Properties".into(), ..of.clone() };
        let reply = self.call(&properties, "Get", &[Value::from(&*of.interface), Value::from(name)])?;
        match reply.values.into_iter().next() {
            Some(Value::Variant(value)) => Ok(*value),
            _ => Err(BusError::Broken(format!("{name} came without a value"))),
        }
    }

    /// EXTERNAL authentication: the daemon asks the kernel who we are.
    fn authenticate(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let user = rustix::process::getuid().as_raw().to_string();
        let user: String = user.bytes().map(|digit| format!("{digit:02x}")).collect();
        self.write(format!("\0AUTH EXTERNAL {user}\r\n").as_bytes(), deadline)?;
        self.expect_line("OK", deadline)?;
        self.write(b"NEGOTIATE_UNIX_FD\r\n", deadline)?;
        self.expect_line("AGREE_UNIX_FD", deadline)?;
        self.write(b"BEGIN\r\n", deadline)
    }

    fn expect_line(&mut self, begin: &str, deadline: Instant) -> io::Result<()> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            let mut byte = [0];
            if line.len() > 1024 || self.stream.read(&mut byte)? == 0 {
                return Err(io::Error::other("the connection was closed before we were let in"));
            }
            line.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&line);
        if line.starts_with(begin) { Ok(()) } else { Err(io::Error::other(line.trim_end().to_owned())) }
    }

    fn write(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(left(deadline)?))?;
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// The next message, with the descriptors that it brought.
    fn receive(&mut self, deadline: Instant) -> Result<(Message, Vec<OwnedFd>), BusError> {
        loop {
            let complete = match self.incoming.len() {
                0..FIXED => None,
                have => Some(wire::length(&self.incoming).map_err(malformed)?).filter(|need| have >= *need),
            };
            if let Some(length) = complete {
                let bytes: Vec<u8> = self.incoming.drain(..length).collect();
                let message = wire::message(&bytes).map_err(malformed)?;
                let count = (message.descriptors as usize).min(self.descriptors.len());
                let descriptors = self.descriptors.drain(..count).collect();
                return Ok((message, descriptors));
            }
            self.fill(deadline)?;
        }
    }

    /// Reads what there is, and keeps descriptors from children.
    fn fill(&mut self, deadline: Instant) -> Result<(), BusError> {
        self.stream.set_read_timeout(Some(left(deadline).map_err(failed)?)).map_err(failed)?;
        let mut bytes = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received =
            recvmsg(&self.stream, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC);
        let received = match received {
            Ok(received) => received,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(e) => return Err(failed(e.into())),
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        if received.bytes == 0 {
            return Err(BusError::Broken("the connection was closed".into()));
        }
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(BusError::Broken("a message with too many descriptors".into()));
        }
        self.incoming.extend(&bytes[..received.bytes]);
        Ok(())
    }
}

fn open(address: &str) -> io::Result<UnixStream> {
    let unsupported = || io::Error::other("not an address of the kind unix:path= or unix:abstract=");
    let pairs = address.strip_prefix("unix:").ok_or_else(unsupported)?;
    for (key, value) in pairs.split(',').filter_map(|pair| pair.split_once('=')) {
        let value = unescaped(value);
        match key {
            "path" => return UnixStream::connect(Path::new(&value)),
            "abstract" => return UnixStream::connect_addr(&SocketAddr::from_abstract_name(value)?),
            _ => {}
        }
    }
    Err(unsupported())
}

/// The value of an address: bytes outside a few are written as `%` and two digits.
fn unescaped(value: &str) -> String {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(&part.as_bytes()[2..]);
            }
            None => bytes.extend(format!("%{part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn failed(e: io::Error) -> BusError {
    match e.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => BusError::NoAnswer,
        _ => BusError::Broken(e.to_string()),
    }
}

fn malformed(what: wire::Malformed) -> BusError {
    BusError::Broken(what.to_string())
}

fn refusal(to: &Object, message: Message) -> BusError {
    let name = message.error.unwrap_or_default();
    let missing = ["ServiceUnknown", "NameHasNoOwner", "Spawn.ServiceNotFound", "Spawn.ChildExited"];
    if missing.iter().any(|end| name == format!("org.freedesktop.DBus.Error.{end}")) {
        return BusError::NoService(to.service.clone());
    }
    let text = message.body.first().and_then(Value::text).unwrap_or_default().to_owned();
    BusError::Refused { name, text }
}

#[cfg(test)]
mod tests;
