//! Noise at every byte of what every command and dialogue is answered; and that none is left out.

use super::*;

/// Every command that answers with nothing but its result.
#[test]
fn plain_commands() {
    let config = RadioConfig {
        order: "0302".into(),
        bands: 0x4000_0000,
        roaming: 2,
        domain: 4,
        lte_bands: Some(0x4000_0000),
    };
    let all = [
        network::select_automatically(),
        network::name_by_number(),
        network::name_in_words(),
        network::tell_causes(network::Domain::Lte),
        sim::enter("1234"),
        sim::unblock("12345678", "1234"),
        sim::set_pin_enabled(true, "1234"),
        sim::change("1234", "5678"),
        network::select("20801").unwrap(),
        network::set_radio_config(&config).unwrap(),
        network::set_radio_config_3g(2, 2, 0x3fff_ffff, 1, 2),
        network::set_radio(true),
        ports::set_composition(&"FF;12,10,16".parse().unwrap()).unwrap(),
        ports::set_usb_mode(UsbMode(0)).unwrap(),
        ports::reset(),
        data::define_context(1, PdpType::V4, "internet").unwrap(),
        data::dial(1, "internet", None).unwrap(),
        data::hang_up(1),
        data::hang_up_call(),
        data::undefine_context(2),
        data::reports(true),
        data::tell_events(true),
        data::dials_for_network(),
        data::activate(1),
        data::deactivate(1),
        data::factory_line(),
        sms::pdu_mode(),
        sms::delete(3),
        ussd::cancel(),
        ussd::set_mode(false),
    ];
    for command in &all {
        run(command, &ok(&[]));
    }
}

/// A command that is written and not tested above is found here: by the sources of both.
#[test]
fn no_typed_command_is_left_out() {
    let rooms = [
        ("data", include_str!("../data.rs")),
        ("identify", include_str!("../identify.rs")),
        ("makers", include_str!("../makers.rs")),
        ("network", include_str!("../network.rs")),
        ("ports", include_str!("../ports.rs")),
        ("signal", include_str!("../signal.rs")),
        ("sim", include_str!("../sim.rs")),
        ("sms", include_str!("../sms.rs")),
        ("ussd", include_str!("../ussd.rs")),
    ];
    let tests = concat!(
        include_str!("../tests.rs"),
        include_str!("makers.rs"),
        include_str!("messages.rs"),
        include_str!("noise.rs"),
        include_str!("ussd_answers.rs")
    );
    let mut found = 0;
    for (room, source) in rooms {
        let heads = source.split("\npub fn ").skip(1).filter_map(|rest| rest.split_once('{'));
        for (head, _) in heads.filter(|(head, _)| head.contains("Command<")) {
            let name = head.split(['(', '<']).next().unwrap();
            let run = [format!("run(&{room}::{name}("), format!("\n        {room}::{name}(")];
            let spread = format!("run(\n        &{room}::{name}(");
            assert!(
                run.iter().any(|r| tests.contains(r.as_str())) || tests.contains(&spread),
                "{room}::{name} is not run against noise"
            );
            found += 1;
        }
    }
    assert!(found > 50, "{found}");
}

/// Dialogues of several commands: noise at every byte of every answer changes nothing.
#[test]
fn dialogues_with_noise() {
    type Script = &'static [(&'static str, &'static [u8])];
    fn noisy<T: Debug + PartialEq>(script: Script, talk: impl Fn(&mut At<'_>) -> Result<T>) -> T {
        let said = |at: Option<(usize, usize, &[u8])>, piece: usize| {
            let mut turn = 0;
            let mut port = Port::new(|line| {
                let Some((command, answer)) = script.get(turn).copied() else { return Vec::new() };
                assert_eq!(line, command);
                turn += 1;
                match at {
                    Some((which, byte, noise)) if which == turn - 1 => {
                        [&answer[..byte], noise, &answer[byte..]].concat()
                    }
                    _ => answer.to_vec(),
                }
            });
            port.piece = piece;
            talk(&mut At::new(&mut port))
        };
        let value = said(None, 4096).unwrap();
        for (which, (command, answer)) in script.iter().enumerate() {
            for noise in NOISE {
                for byte in 0..=answer.len() {
                    for piece in [4096, 1, 3] {
                        let ended = said(Some((which, byte, noise)), piece);
                        let shown = String::from_utf8_lossy(noise);
                        assert_eq!(ended.ok().as_ref(), Some(&value), "{command} {shown:?} at {byte}");
                    }
                }
            }
        }
        value
    }

    const OK: &[u8] = b"\r\nOK\r\n";
    let sent = noisy(
        &[
            ("AT+CMGF=0", OK),
            ("AT+CMGS=19", b"\r\n> "),
            ("0011000B912143658709F10000AA05C8329BFD06", b"\r\n+CMGS: 42\r\n\r\nOK\r\n"),
        ],
        |at| sms::send(at, "+12345678901", "Hello", 1),
    );
    assert_eq!(sent, [Some(42)]);
    let reply =
        noisy(&[("AT+CUSD=1,\"AA180C3602\",15", b"\r\nOK\r\n\r\n+CUSD: 0,\"C8329BFD06\",15\r\n")], |at| {
            ussd::ask(at, "*100#", &ussd::Coding::tried("huawei"), false)
        });
    assert_eq!((reply.0.kind, reply.0.text.as_deref()), (ReplyKind::Done, Some("Hello")));
    const MENU: &[u8] = b"\r\nOK\r\n\r\n+CUSD: 1,\"Menu\r\n1 OK\r\nOK\",15\r\n";
    let reply = noisy(&[("AT+CUSD=1,\"AA180C3602\",15", MENU)], |at| {
        ussd::ask(at, "*100#", &ussd::Coding::tried("huawei"), false)
    });
    assert_eq!(reply.0.text.as_deref(), Some("Menu\n1 OK\nOK"));
    noisy(&[("AT+CPIN=\"1234\"", OK)], |at| at.run(&sim::enter("1234")));
    let state = noisy(&[("AT+CPIN?", b"\r\n+CPIN: READY\r\n\r\nOK\r\n")], sim::wait_state);
    assert_eq!(state, SimState::Ready);
}
