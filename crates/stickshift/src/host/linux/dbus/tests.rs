use std::os::unix::net::UnixListener;

use test_support::message_bus::PrivateBus;

use super::*;

fn logind() -> Object {
    Object::new("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
}

fn modem_manager() -> Object {
    Object::new(
        "org.freedesktop.ModemManager1",
        "/org/freedesktop/ModemManager1",
        "org.freedesktop.ModemManager1",
    )
}

#[test]
fn the_daemon_itself_answers() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = PrivateBus::start(folder.path()) else { return };
    let mut bus =
        MessageBus::connect(&format!("tcp:host=nowhere;unix:path=/nowhere;{}", server.address())).unwrap();
    let daemon = Object::new("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus");
    let names = bus.call(&daemon, "ListNames", &[]).unwrap().values;
    let [Value::Array(element, names)] = &names[..] else { panic!("{names:?}") };
    assert_eq!((&**element, names[0].text()), ("s", Some("org.freedesktop.DBus")));
    let owned = bus.call(&daemon, "NameHasOwner", &["org.freedesktop.login1".into()]).unwrap().values;
    assert_eq!(owned, [Value::Bool(false)]);
    let features = bus.property(&daemon, "Features").unwrap();
    assert!(matches!(features, Value::Array(element, _) if element == "s"));

    let missing = bus.call(&logind(), "Inhibit", &[]).unwrap_err();
    assert_eq!(missing, BusError::NoService("org.freedesktop.login1".into()));
    let unknown = bus.call(&daemon, "NoSuchMethod", &[]).unwrap_err();
    assert!(
        matches!(&unknown, BusError::Refused { name, .. } if name.ends_with(".UnknownMethod")),
        "{unknown:?}"
    );
}

#[test]
fn a_returned_descriptor_is_kept_until_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = PrivateBus::with_services(folder.path(), &[]) else { return };
    let mut bus = MessageBus::connect(&server.address()).unwrap();
    assert_eq!(bus.property(&logind(), "InhibitDelayMaxUSec").unwrap(), Value::U64(5));

    let arguments = ["sleep", "stickshift", "é", "block"].map(Value::from);
    let inhibitor = bus.call(&logind(), "Inhibit", &arguments).unwrap().descriptor().expect("a descriptor");
    assert_eq!(server.next_call(), "Inhibit sleep stickshift block: é");
    let flags = rustix::io::fcntl_getfd(&inhibitor).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC), "no child inherits it");

    bus.call(&modem_manager(), "InhibitDevice", &["/sys/x".into(), Value::Bool(true)]).unwrap();
    assert_eq!(server.next_call(), "InhibitDevice /sys/x True");
    drop(inhibitor);
    assert_eq!(server.next_call(), "Inhibit ended");
    drop(bus);
    assert_eq!(server.next_call(), "InhibitDevice /sys/x ended");
}

#[test]
fn a_refusal_says_whether_it_was_the_permission() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = PrivateBus::with_services(folder.path(), &["denied"]) else { return };
    let mut bus = MessageBus::connect(&server.address()).unwrap();
    let arguments = ["sleep", "stickshift", "why", "block"].map(Value::from);
    let refused = bus.call(&logind(), "Inhibit", &arguments).unwrap_err();
    assert!(refused.is_denied());
    assert_eq!(refused.to_string(), "Permission denied");
}

#[test]
fn a_daemon_that_hangs_up_is_no_bus() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("bus");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let refused = MessageBus::connect(&format!("unix:path={}", socket.display())).unwrap_err();
    assert!(matches!(refused, BusError::NoBus(_)), "{refused:?}");
    server.join().unwrap();
}

#[test]
fn addresses_are_unescaped() {
    assert_eq!(unescaped("/tmp/a%20b%"), "/tmp/a b%");
    assert!(open("unix:tmpdir=/tmp").is_err());
}
