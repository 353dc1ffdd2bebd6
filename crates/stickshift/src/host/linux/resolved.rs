//! Name servers of one network interface, told to systemd-resolved over the message bus (org.freedesktop.resolve1(5)).

use std::net::IpAddr;

use super::dbus::{BusError, MessageBus, Object, Value};

fn manager() -> Object {
    Object::new("org.freedesktop.resolve1", "/org/freedesktop/resolve1", "org.freedesktop.resolve1.Manager")
}

/// Sets the name servers of the interface with this number. Names that are nobody else's go to them.
///
/// # Errors
/// What the bus and systemd-resolved report.
pub(in crate::host) fn set_link(
    bus: &mut MessageBus,
    index: u32,
    servers: &[IpAddr],
) -> Result<(), BusError> {
    let index = || Value::I32(index as i32);
    bus.call(
        &manager(),
        "SetLinkDNS",
        &[index(), Value::Array("(iay)".into(), servers.iter().map(server).collect())],
    )?;
    // No domains: what an earlier program set there would send their names to these servers.
    bus.call(&manager(), "SetLinkDomains", &[index(), Value::Array("(sb)".into(), Vec::new())])?;
    match bus.call(&manager(), "SetLinkDefaultRoute", &[index(), Value::Bool(true)]) {
        // systemd before 240 has no such method, and does so by itself.
        Err(BusError::Refused { name, .. }) if name.ends_with(".UnknownMethod") => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Takes back all that was set for the interface. One that is gone has nothing.
///
/// # Errors
/// As [`set_link`].
pub(in crate::host) fn revert_link(bus: &mut MessageBus, index: u32) -> Result<(), BusError> {
    match bus.call(&manager(), "RevertLink", &[Value::I32(index as i32)]) {
        Err(BusError::Refused { name, .. }) if name.ends_with(".NoSuchLink") => Ok(()),
        Err(BusError::NoService(_)) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// The address family as Linux numbers it, and the address.
fn server(address: &IpAddr) -> Value {
    let (family, bytes) = match address {
        IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    Value::Struct(vec![Value::I32(family), Value::bytes(&bytes)])
}

#[cfg(test)]
mod tests {
    use test_support::message_bus::PrivateBus;

    use super::*;

    #[test]
    fn servers_are_set_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut server) = PrivateBus::with_services(folder.path(), &[]) else { return };
        let mut bus = MessageBus::connect(&server.address()).unwrap();
        set_link(&mut bus, 7, &[[10, 0, 0, 1].into(), "2001:db8::34".parse().unwrap()]).unwrap();
        assert_eq!(server.next_call(), "SetLinkDNS 7 2:10.0.0.1 10:2001:db8::34");
        assert_eq!(server.next_call(), "SetLinkDomains 7");
        assert_eq!(server.next_call(), "SetLinkDefaultRoute 7 True");
        revert_link(&mut bus, 7).unwrap();
        assert_eq!(server.next_call(), "RevertLink 7");
        // The interface may have gone with its stick.
        revert_link(&mut bus, 4711).unwrap();
        assert_eq!(server.next_call(), "RevertLink 4711");
    }

    #[test]
    fn a_refusal_is_reported_and_nobody_there_has_nothing_to_take_back() {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = PrivateBus::with_services(folder.path(), &["denied"]) else { return };
        let mut bus = MessageBus::connect(&server.address()).unwrap();
        assert!(set_link(&mut bus, 7, &[[10, 0, 0, 1].into()]).unwrap_err().is_denied());

        let folder = tempfile::tempdir().unwrap();
        let Some(server) = PrivateBus::start(folder.path()) else { return };
        let mut bus = MessageBus::connect(&server.address()).unwrap();
        assert!(matches!(set_link(&mut bus, 7, &[]), Err(BusError::NoService(_))));
        revert_link(&mut bus, 7).unwrap();
    }
}
