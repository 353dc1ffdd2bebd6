//! Signal by commands of single makers.

use super::*;
use crate::at::makers;

#[test]
fn figures_of_quectel() {
    use Figure::Exact;
    let s = run(&makers::quectel(), &ok(&["+QCSQ: \"LTE\",-69,-102,150,-12"]));
    assert_eq!((s.rssi, s.rsrp, s.rsrq), (Some(Exact(-69.0)), Some(Exact(-102.0)), Some(Exact(-12.0))));
    assert_eq!((&*s.system, s.sinr), ("LTE", Some(Exact(10.0))));
    // Decibels on some models, fifths of one on others.
    let s = run(&makers::quectel(), &ok(&["+QCSQ: \"LTE\",-65,-90,15,-10"]));
    assert_eq!((s.rsrp, s.sinr), (Some(Exact(-90.0)), None));
    // No measurement, and another unit.
    let s = run(&makers::quectel(), &ok(&["+QCSQ: \"LTE\",48,-32768,251,-128"]));
    assert_eq!((s.rssi, s.rsrp, s.sinr, s.rsrq), (None, None, None, None));
    let s = run(&makers::quectel(), &ok(&["+QCSQ: \"WCDMA\",-69,-75,-4"]));
    assert_eq!((s.rssi, s.rsrp, s.rscp, s.ecio), (Some(Exact(-69.0)), None, None, None));
    let s = run(&makers::quectel(), &ok(&["+QCSQ: \"NOSERVICE\""]));
    assert_eq!((&*s.system, s.has_any()), ("NOSERVICE", false));

    let carrier = |channel, band| signal::Carrier { is_5g: false, band, channel };
    let line = "+QENG: \"servingcell\",\"NOCONN\",\"LTE\",\"FDD\",262,01,25A5507,212,500,1,5,5,67BD,-93,-7,-65,15,28";
    assert_eq!(run(&makers::quectel_cell(), &ok(&[line])), [carrier(500, 1)]);
    let lines = [
        "+QENG: \"servingcell\",\"CONNECT\"",
        "+QENG: \"LTE\",\"FDD\",440,10,2734811,235,6100,19,3,3,1684,-81",
    ];
    assert_eq!(run(&makers::quectel_cell(), &ok(&lines)), [carrier(6100, 19)]);
}

#[test]
fn figures_of_sierra() {
    use Figure::Exact;
    let lines = [
        "!GSTATUS:",
        "System mode:   LTE        \tPS state:    Attached",
        "LTE band:      B2     \t\tLTE bw:      20 MHz",
        "LTE Rx chan:   800\t\tLTE Tx chan: 18800",
        "PCC RxM RSSI:  -45\t\tRSRP (dBm):  -81",
        "PCC RxD RSSI:  -44\t\tRSRP (dBm):  -79",
        "RSRQ (dB):     -14.0\t\tCell ID:     0A14666A (169106666)",
        "SINR (dB):     23.8",
    ];
    let (s, carriers) = run(&makers::sierra(), &ok(&lines));
    assert_eq!((s.rssi, s.rsrp), (Some(Exact(-45.0)), Some(Exact(-81.0))));
    assert_eq!((&*s.system, s.rsrq, s.sinr), ("LTE", Some(Exact(-14.0)), Some(Exact(23.8))));
    assert_eq!(carriers, [signal::Carrier { is_5g: false, band: 2, channel: 800 }]);
    let (s, carriers) =
        run(&makers::sierra(), &ok(&["!GSTATUS:", "System mode:   WCDMA", "RSRP (dBm):  ---"]));
    assert_eq!((s.has_any(), carriers.len()), (false, 0));
}
