//! What goes wrong in the field, row by row: the stick's answers by a script, and the end that each comes to.

use stickshift::at::data::PdpType;
use stickshift::error::{ErrorKind, Result, Verdict};
use stickshift::online::computer::Owner;
use stickshift::online::{self, Simulated, Wanted, Weather};

use crate::scripted::{Script, ScriptedBus};
use crate::{said, up_with, wanted};

/// What the script answers, and how it ends: the rows of docs/online.md section 2.
struct Case {
    row: &'static str,
    script: Script,
    weather: Weather,
    wanted: Wanted,
    ends: Result<&'static str, (ErrorKind, &'static str)>,
}

fn case(row: &'static str, ends: Result<&'static str, (ErrorKind, &'static str)>) -> Case {
    Case { row, script: Script::default(), weather: Weather::default(), wanted: wanted(), ends }
}

#[test]
fn the_rows_of_the_field_end_with_their_causes() {
    let script = |f: fn(&mut Script)| {
        let mut script = Script::default();
        f(&mut script);
        script
    };
    let cases = [
        Case { weather: Weather { dhcp: false, ..Weather::default() }, ..case("1", Ok("the stick")) },
        Case { weather: Weather { only_dhcp: true, ..Weather::default() }, ..case("1", Ok("DHCP")) },
        Case {
            weather: Weather { wants_ndp_at_end: true, ..Weather::default() },
            ..case("1", Ok("the stick"))
        },
        Case {
            weather: Weather { dhcp: false, ..Weather::default() },
            script: script(|s| s.set("AT^DHCP?", &["ERROR"])),
            ..case("1", Err((ErrorKind::NoAddress, "nobody gives an address")))
        },
        Case {
            script: script(|s| s.set("AT+CEREG?", &["+CEREG: 3,2", "+CEREG: 3,2", "+CEREG: 3,1"])),
            ..case("2", Ok("the stick"))
        },
        Case {
            script: script(|s| {
                s.set("AT+CEREG?", &["+CEREG: 3,3,,,,0,15"]);
                s.set("AT+CGREG?", &["+CGREG: 0,3"]);
            }),
            ..case("2", Err((ErrorKind::NotRegistered, "no cell of the network here may serve this SIM")))
        },
        Case {
            script: script(|s| {
                s.set("AT+CEREG?", &["+CEREG: 3,2"]);
                s.set("AT+CGREG?", &["+CGREG: 0,2"]);
            }),
            ..case("2", Err((ErrorKind::NotRegistered, "searching")))
        },
        Case { script: script(|s| s.noise = "\r\n^BOOT:1,0\r\nRDY\r\n"), ..case("3", Ok("the stick")) },
        Case { script: script(|s| s.set("AT+CGMI", &[""])), ..case("4", Ok("the stick")) },
        Case { script: script(|s| s.set("ATQ0", &["ERROR"])), ..case("5", Ok("the stick")) },
        Case {
            script: script(|s| {
                s.set("AT+CEREG?", &["+CEREG: 3,5"]);
                s.set("AT^SYSCFGEX?", &["^SYSCFGEX:\"00\",3FFFFFFF,0,2,7FFFFFFFFFFFFFFF"]);
            }),
            ..case("9", Err((ErrorKind::NotRegistered, "RoamingOff")))
        },
        Case {
            script: script(|s| s.set("AT+CPIN?", &["+CPIN: SIM PUK"])),
            ..case("10", Err((ErrorKind::SimPukNeeded, "PUK")))
        },
        Case {
            script: script(|s| s.set("AT+CPIN?", &["+CPIN: PH-NET PIN"])),
            ..case("10", Err((ErrorKind::SimPinNeeded, "locked to an operator")))
        },
        Case {
            script: script(|s| s.set("AT+CPIN?", &["+CME ERROR: 10"])),
            ..case("10", Err((ErrorKind::NoSim, "no SIM")))
        },
        Case {
            script: script(|s| s.set("AT+CPIN?", &["+CME ERROR: 14", "+CME ERROR: 14", "+CPIN: READY"])),
            ..case("12", Ok("the stick"))
        },
        Case {
            script: script(|s| {
                s.set("AT^NDISSTATQRY?", &["^NDISSTATQRY: 2,,,\"IPV4\"", "^NDISSTATQRY: 0,33,,\"IPV4\""])
            }),
            wanted: Wanted { ip: Some(PdpType::V4), ..wanted() },
            ..case("16", Err((ErrorKind::NetworkRefused, "contract does not have this service")))
        },
        Case {
            script: script(|s| s.set("AT^NDISSTATQRY?", &["^NDISSTATQRY: 0,27,,\"IPV4\""])),
            ..case("14", Err((ErrorKind::NetworkRefused, "does not know this APN")))
        },
        Case {
            script: script(|s| {
                s.set("AT^NDISSTATQRY?", &["^NDISSTATQRY: 0,50,,\"IPV4\"", "^NDISSTATQRY: 1,,,\"IPV4\""])
            }),
            ..case("16", Ok("the stick"))
        },
        Case {
            script: script(|s| s.set("AT^NDISSTATQRY?", &["^NDISSTATQRY: 1,,,\"IPV6\""])),
            weather: Weather { advertises: true, ..Weather::default() },
            ..case("16", Ok("router advertisement"))
        },
        Case {
            script: script(|s| s.set("AT^NDISSTATQRY?", &["^NDISSTAT:1,,,IPV4"])),
            ..case("17", Ok("the stick"))
        },
        Case {
            script: script(|s| s.set("AT^NDISSTATQRY?", &["^NDISSTATQry:1"])),
            wanted: Wanted { ip: Some(PdpType::V4), ..wanted() },
            ..case("17", Ok("the stick"))
        },
        Case {
            script: script(|s| s.set("AT^NDISSTATQRY?", &["^NDISSTATQRY: 1,,,\"IPV4\",1,,,\"IPV6\""])),
            weather: Weather { advertises: true, ..Weather::default() },
            ..case("17", Ok("router advertisement"))
        },
        Case {
            script: script(|s| s.set("AT^NDISSTATQRY?", &["ERROR"])),
            ..case("17", Err((ErrorKind::Unsupported, "NDISSTATQRY")))
        },
        Case {
            script: script(|s| s.set("AT^NDISDUP=1,1,\"web\"", &["ERROR", "OK"])),
            ..case("34", Ok("the stick"))
        },
        Case {
            script: script(|s| s.set("AT^NDISDUP=1,1,\"web\"", &["ERROR"])),
            ..case("19", Err((ErrorKind::NetworkRefused, "refuses to dial")))
        },
        Case {
            weather: Weather { addresses: false, ..Weather::default() },
            ..case("25", Err((ErrorKind::NoReach, "Reaches(Nothing)")))
        },
        Case {
            weather: Weather { names: false, ..Weather::default() },
            ..case("25", Err((ErrorKind::NoReach, "Reaches(NoNames)")))
        },
        Case {
            weather: Weather {
                page: (302, Some("http://portal.example/?msisdn=33612345678")),
                ..Weather::default()
            },
            ..case("25", Err((ErrorKind::NoReach, "portal=http://portal.example/")))
        },
        Case {
            weather: Weather { page: (0, None), ..Weather::default() },
            ..case("25", Err((ErrorKind::NoReach, "Reaches(NoPages)")))
        },
        Case {
            weather: Weather { owner: Some(Owner::NetworkManager), ..Weather::default() },
            ..case("36", Ok("NetworkManager"))
        },
        Case {
            script: script(|s| s.set("AT+CFUN?", &["+CFUN: 0", "+CFUN: 1"])),
            ..case("35", Ok("the stick"))
        },
    ];
    let mut wrong = Vec::new();
    for Case { row, script, weather, wanted, ends } in cases {
        let (mut bus, stick) = (ScriptedBus::new(script), ScriptedBus::stick());
        let mut computer = Simulated::new(weather);
        let _ = online::Computer::cards(&mut computer, &stick).unwrap();
        let before = computer.everything();
        let owned = computer.weather.owner.is_some();
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &wanted, None);
        match (ended, ends) {
            (Ok(connection), Ok(from)) => {
                if !bus.hangs_up_between_dials() {
                    wrong.push(format!("row {row}: no hanging up before the next dial: {:?}", bus.said()));
                }
                if !connection.address_from.contains(&from) {
                    wrong.push(format!(
                        "row {row}: the address is from {:?}, not {from}",
                        connection.address_from
                    ));
                }
                continue;
            }
            (Err(error), Err((kind, words))) => {
                let text = said(&error);
                let shows_number = text.contains("33612345678");
                if !error.is(kind) || !text.contains(words) || shows_number {
                    wrong.push(format!("row {row}: wanted {kind} with {words:?}: {} {text}", error.kind()));
                }
                let dialled = bus.heard("AT^NDISDUP=1,1");
                if dialled && !matches!(error.verdict(), Some(Verdict::Recoverable | Verdict::Unknown)) {
                    wrong.push(format!("row {row}: dialled, and said {:?}", error.verdict()));
                }
                if !dialled && error.verdict() != Some(Verdict::Untouched) {
                    wrong.push(format!("row {row}: nothing was changed, and said {:?}", error.verdict()));
                }
                if dialled && !bus.ended_with_hang_up() {
                    wrong.push(format!("row {row}: the stick is left dialled"));
                }
            }
            (ended, ends) => wrong.push(format!("row {row}: {ended:?}, not {ends:?}\n{}", told.join("\n"))),
        }
        if computer.everything() != before && !owned {
            wrong.push(format!("row {row}: something is left\n{before}\n--\n{}", computer.everything()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
