//! What cannot be had is refused before anything is sent, and never passed over.

use super::*;

#[test]
fn what_a_way_cannot_give_is_refused_before_anything_is_sent() {
    let apn = |text: &str| Wanted { apn: Some(text.into()), ..Wanted::default() };
    let user = |name: &str, password: &str| Wanted {
        user: Some(name.into()),
        password: Some(password.into()),
        ..Wanted::default()
    };
    let over = |way, wanted: Wanted| Wanted { way, ..wanted };
    let ip = |kind| Wanted { ip: Some(kind), ..Wanted::default() };
    let mtu = |mtu, ip| Wanted { mtu: Some(mtu), ip, ..Wanted::default() };
    let roaming = || Wanted { roaming: true, ..Wanted::default() };
    for (name, wanted, kind, words) in [
        ("e3372h-stick", apn("a b"), ErrorKind::Usage, "without spaces"),
        ("e3372h-stick", apn("a\nb"), ErrorKind::Usage, "without spaces"),
        ("e3372h-stick", apn(&"a".repeat(101)), ErrorKind::Usage, "up to 100"),
        ("e3372h-stick", over(WantedWay::Ppp, apn("a\"b")), ErrorKind::Usage, "without spaces"),
        ("em7455", apn("a b"), ErrorKind::Usage, "without spaces"),
        ("e3372h-hilink", apn("ä"), ErrorKind::Usage, "without spaces"),
        ("e3372h-stick", user("a\"b", ""), ErrorKind::Usage, "cannot be sent"),
        ("e3372h-stick", user("a", "pässword"), ErrorKind::Usage, "cannot be sent"),
        ("e3372h-stick", over(WantedWay::Ppp, user("a", "b\nc")), ErrorKind::Usage, "cannot be sent"),
        ("em7455", user("a\0", "b"), ErrorKind::Usage, "cannot be sent"),
        ("e3372h-hilink", user("a", "b"), ErrorKind::Unsupported, "--user"),
        ("e3372h-hilink", ip(PdpType::V6), ErrorKind::Unsupported, "--ip"),
        ("e3372h-hilink", ip(PdpType::V4V6), ErrorKind::Unsupported, "--ip"),
        ("k3772-modem", user("a\nb", ""), ErrorKind::Usage, "without line ends"),
        ("em7455", user("a\nb", ""), ErrorKind::Usage, "without line ends"),
        ("e3372h-stick", user("a\"b", ""), ErrorKind::Usage, "try --way ppp"),
        ("em7455", mtu(1000, Some(PdpType::V6)), ErrorKind::Usage, "IPv6 needs an MTU"),
        ("em7455", mtu(1279, Some(PdpType::V4V6)), ErrorKind::Usage, "IPv6 needs an MTU"),
        ("e3372h-stick", mtu(1000, None), ErrorKind::Usage, "--ip v4"),
        ("mf823", apn("web"), ErrorKind::Unsupported, "--apn"),
        ("mf823", user("a", "b"), ErrorKind::Unsupported, "--user"),
        ("mf823", roaming(), ErrorKind::Unsupported, "--roaming"),
        ("mf823", ip(PdpType::V6), ErrorKind::Unsupported, "--ip v6"),
    ] {
        let (mut bus, stick) = plugged(name);
        let mut computer = Simulated::new(Weather::default());
        let _ = online::Computer::cards(&mut computer, &stick).unwrap();
        let (before, held) = (computer.everything(), bus.held(&place()).unwrap());
        let planned = online::plan(&stick, &mut computer, &wanted).unwrap_err();
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &wanted, None);
        for error in [planned, ended.unwrap_err()] {
            assert!(error.is(kind) && said(&error).contains(words), "{name}: {}", said(&error));
            assert_eq!(error.verdict(), Some(Verdict::Untouched), "{name}: {words}");
        }
        assert_eq!(steps(&told), ["port"], "{name}: {words}");
        assert_eq!(computer.everything(), before, "{name}: {words}");
        assert_eq!(bus.held(&place()).unwrap(), held, "{name}: {words}");
    }
}

#[test]
fn what_a_way_can_give_is_not_refused() {
    let user = |password: &str| Wanted {
        user: Some("me".into()),
        password: Some(password.into()),
        ..Wanted::default()
    };
    for (name, wanted) in [
        ("e3372h-stick", Wanted { apn: Some("a".repeat(100)), ..Wanted::default() }),
        ("e3372h-stick", Wanted { apn: Some(String::new()), ..Wanted::default() }),
        ("e3372h-stick", user("two words, and a comma")),
        ("e3372h-stick", Wanted { way: WantedWay::Ppp, ..user("p\"ässword") }),
        ("em7455", user("p\"ässword")),
        ("e3372h-hilink", Wanted { ip: Some(PdpType::V4), roaming: true, ..Wanted::default() }),
        ("mf823", Wanted { ip: Some(PdpType::V4), ..Wanted::default() }),
        ("em7455", Wanted { ip: Some(PdpType::V4), mtu: Some(576), ..Wanted::default() }),
        ("em7455", Wanted { ip: Some(PdpType::V6), mtu: Some(1280), ..Wanted::default() }),
        ("e3372h-hilink", Wanted { mtu: Some(576), ..Wanted::default() }),
    ] {
        let (mut bus, stick) = plugged(name);
        let mut computer = Simulated::new(Weather::default());
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &wanted, None);
        assert!(ended.is_ok(), "{name}: {ended:?} {told:?}");
    }
}

#[test]
fn a_way_that_the_stick_does_not_have_leads_to_the_one_that_it_has() {
    for (name, way) in [
        ("mf823", WantedWay::Hilink),
        ("mf823", WantedWay::Mbim),
        ("em7455", WantedWay::Ncm),
        ("em7455", WantedWay::Ppp),
        ("k3772-modem", WantedWay::Mbim),
        ("e3372h-stick", WantedWay::Ecm),
    ] {
        let (mut bus, stick) = plugged(name);
        let wanted = Wanted { way, ..Wanted::default() };
        let mut computer = Simulated::new(Weather::default());
        let error = up_with(&mut bus, &stick, &mut computer, &wanted, None).0.unwrap_err();
        let next = error.next_step().unwrap_or_default();
        assert!(error.is(ErrorKind::NoSuchPort) && next.contains("leave --way out"), "{name}: {error:?}");
    }
}
