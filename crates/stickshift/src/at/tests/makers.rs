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

    let carrier = |channel, band| signal::Carrier { system: signal::Cellular::Lte, band, channel };
    let line = "+QENG: \"servingcell\",\"NOCONN\",\"LTE\",\"FDD\",262,01,25A5507,212,500,1,5,5,67BD,-93,-7,-65,15,28";
    assert_eq!(run(&makers::quectel_cell(), &ok(&[line])).1, [carrier(500, 1)]);
    let lines = [
        "+QENG: \"servingcell\",\"CONNECT\"",
        "+QENG: \"LTE\",\"FDD\",440,10,2734811,235,6100,19,3,3,1684,-81",
    ];
    assert_eq!(run(&makers::quectel_cell(), &ok(&lines)).1, [carrier(6100, 19)]);
}

#[test]
fn figures_of_quectel_in_5g() {
    use Figure::Exact;
    use signal::Cellular::{Lte, Nr};
    let nr = |s: &signal::Levels| (s.nr_rsrp, s.nr_sinr, s.nr_rsrq);
    let wanted = |rsrp, sinr, rsrq| (Some(Exact(rsrp)), Some(Exact(sinr)), Some(Exact(rsrq)));
    let s = run(&makers::quectel(), &ok(&["+QCSQ: \"NR5G\",-75,4,-11"]));
    assert_eq!((nr(&s), s.rssi, s.rsrp), (wanted(-75.0, 4.0, -11.0), None, None));
    let both = ["+QCSQ: \"LTE\",-66,-98,171,-11", "+QCSQ: \"NR5G\",-101,8,-11"];
    let s = run(&makers::quectel(), &ok(&both));
    assert_eq!((nr(&s), s.rsrp, &*s.system), (wanted(-101.0, 8.0, -11.0), Some(Exact(-98.0)), "LTE"));

    let alone = "+QENG: \"servingcell\",\"NOCONN\",\"NR5G-SA\",\"TDD\",310,260,18666712F,335,794E00,516270,41,12,-75,-11,5,1,-";
    let (levels, carriers) = run(&makers::quectel_cell(), &ok(&[alone]));
    assert_eq!(nr(&levels), wanted(-75.0, 5.0, -11.0));
    assert_eq!(carriers, [signal::Carrier { system: Nr, band: 41, channel: 516_270 }]);
    let beside = [
        "+QENG: \"servingcell\",\"NOCONN\"",
        "+QENG: \"LTE\",\"FDD\",262,01,1A2D001,22,1300,3,5,5,76C1,-98,-11,-66,14,11,200,-",
        "+QENG: \"NR5G-NSA\",262,01,101,-101,8,-11,431070,1,2,0",
    ];
    let (levels, carriers) = run(&makers::quectel_cell(), &ok(&beside));
    assert_eq!(nr(&levels), wanted(-101.0, 8.0, -11.0));
    let all: Vec<_> = carriers.iter().map(|c| (c.system, c.band, c.channel)).collect();
    assert_eq!(all, [(Lte, 3, 1300), (Nr, 1, 431_070)]);
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
    assert_eq!(carriers, [signal::Carrier { system: signal::Cellular::Lte, band: 2, channel: 800 }]);
    let (s, carriers) =
        run(&makers::sierra(), &ok(&["!GSTATUS:", "System mode:   WCDMA", "RSRP (dBm):  ---"]));
    assert_eq!((s.has_any(), carriers.len()), (false, 0));
}

/// The first receiver's RSRP has no unit on newer modems, and 5G has labels that end as those of 4G.
#[test]
fn figures_of_sierra_with_5g() {
    use Figure::Exact;
    let lines = [
        "!GSTATUS:",
        "System mode:   ENDC            PS state:    Attached",
        "LTE band:      B66             LTE bw:      20 MHz",
        "LTE Rx chan:   66786           LTE Tx chan: 132322",
        "PCC RxM RSSI:  -62             PCC RxM RSRP:  -91",
        "PCC RxD RSSI:  -61             PCC RxD RSRP:  -90",
        "RSRQ (dB):     -12.1           Cell ID:     0123AB01 (19114753)",
        "SINR (dB):      9.8",
        "NR5G band:     n71             NR5G bw: 20 MHz",
        "NR5G Tx chan:  138600          NR5G Rx chan: 129870",
        "NR5G RSRP (dBm): -88           NR5G RSRQ (dB): -10.8",
        "NR5G SINR (dB):  17.5",
    ];
    let (s, carriers) = run(&makers::sierra(), &ok(&lines));
    assert_eq!((s.rsrp, s.rsrq, s.sinr), (Some(Exact(-91.0)), Some(Exact(-12.1)), Some(Exact(9.8))));
    assert_eq!(
        (s.nr_rsrp, s.nr_rsrq, s.nr_sinr),
        (Some(Exact(-88.0)), Some(Exact(-10.8)), Some(Exact(17.5)))
    );
    let bands: Vec<_> = carriers.iter().map(|c| (c.band, c.channel)).collect();
    assert_eq!(bands, [(66, 66_786), (71, 129_870)]);

    let alone =
        ["System mode:   NR5G", "NR5G RSRP (dBm): -104        NR5G RSRQ (dB):  -15", "NR5G SINR (dB):   0.5"];
    let (s, _) = run(&makers::sierra(), &ok(&alone));
    assert_eq!((s.rsrp, s.rsrq, s.sinr, s.nr_rsrp), (None, None, None, Some(Exact(-104.0))));

    let blanks = [
        "System mode : LTE       PS state : Attached",
        "RSRP (dBm) : -100       TAC : 84(3)",
        "RSRQ (dBm) : -8.0",
    ];
    let (s, _) = run(&makers::sierra(), &ok(&blanks));
    assert_eq!((s.rsrp, s.rsrq), (Some(Exact(-100.0)), Some(Exact(-8.0))));
}
