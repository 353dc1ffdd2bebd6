use proptest::prelude::*;

use super::*;

/// The answer after `bytes` came in the given pieces, and the unsolicited lines.
fn digest(command: &str, pieces: &[&[u8]]) -> (Option<Answer>, Vec<String>) {
    let mut collector = Collector::new();
    collector.begin(command);
    let mut answer = None;
    for piece in pieces {
        if let Progress::Done(done) = collector.push(piece).unwrap() {
            answer = Some(done);
        }
    }
    if let (None, Progress::Done(done)) = (&answer, collector.settle()) {
        answer = Some(done);
    }
    (answer, collector.take_urcs())
}

fn answer(command: &str, bytes: &[u8]) -> Answer {
    digest(command, &[bytes]).0.expect("an answer")
}

fn ok(lines: &[&str]) -> Answer {
    Answer { lines: lines.iter().map(|l| (*l).to_owned()).collect(), result: Final::Ok }
}

const ATI: &[u8] = b"ATI\r\r\nManufacturer: huawei\r\nModel: E3372\r\nRevision: 21.180.01.00.00\r\n\
    IMEI: 860000000000001\r\n+GCAP: +CGSM,+DS,+ES\r\n\r\nOK\r\n";

/// Commands with the answers of sections 3.1, 3.3 to 3.7.
const ANSWERS: &[(&str, &[u8])] = &[
    ("AT", b"AT\r\r\nOK\r\n"),
    ("ATI", ATI),
    ("AT+CSQ", b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"),
    ("AT+CGSN", b"AT+CGSN\r\r\n860000000000001\r\n\r\nOK\r\n"),
    ("AT^HCSQ?", b"AT^HCSQ?\r\r\n^HCSQ:\"LTE\",30,19,66,0\r\n\r\nOK\r\n"),
    ("AT+CREG?", b"\r\n+CREG: 2,1,\"1A2B\",\"00C0FFEE\"\r\n\r\nOK\r\n"),
    ("AT+CMGR=1", b"\r\n+CMGR: 1,,24\r\n07912143658709F1040B912143658709F1\r\n\r\nOK\r\n"),
    ("AT^SETPORT=?", b"\r\n^SETPORT:3: 3G DIAG\r\n^SETPORT:10: 4G MODEM\r\n\r\nOK\r\n"),
    ("AT+COPS?", b"\r\n+COPS: 0,0,\"Orange +F\",7\r\n\r\nOK\r\n"),
    ("AT^NOSUCH", b"AT^NOSUCH\r\r\nCOMMAND NOT SUPPORT\r\n"),
    ("AT+CPIN?", b"\r\n+CME ERROR: SIM busy\r\n"),
];

const URCS: &[&[u8]] = &[
    b"\r\n^RSSI:12\r\n",
    b"\r\n^HRSSILVL:3\r\r\n",
    b"\r\n^BOOT:21387154,0,0,0,75\r\n",
    b"\r\nRING\r\n",
    b"\r\n+CMT: ,24\r\n07912143658709F1040B912143658709F1\r\n",
    b"\r\n+CREG: 1\r\n",
    b"\r\n+CEREG: 1,\"1A2B\",\"00C0FFEE\"\r\n",
];

#[test]
fn real_bytes_of_at() {
    assert_eq!(answer("AT", &[0x41, 0x54, 0x0d, 0x0d, 0x0a, 0x4f, 0x4b, 0x0d, 0x0a]), ok(&[]));
    assert_eq!(answer("AT", b"\r\nOK\r\n"), ok(&[]));
}

#[test]
fn unsolicited_lines_at_every_byte_leave_the_answer_alone() {
    for (command, bytes) in ANSWERS {
        let (plain, none) = digest(command, &[bytes]);
        assert!(plain.is_some() && none.is_empty(), "{command}");
        for urc in URCS {
            // A result code that has come whole cannot be known to be cut; everything else can stand anywhere.
            for at in 0..=bytes.len() {
                let noisy = [&bytes[..at], urc, &bytes[at..]].concat();
                let shown = String::from_utf8_lossy(&noisy).into_owned();
                let (got, urcs) = digest(command, &[&noisy]);
                assert_eq!(got, plain, "{command} at {at}: {shown:?}");
                assert_eq!(urcs.len(), 1 + usize::from(urc.starts_with(b"\r\n+CMT:")), "{command} {shown:?}");
                for split in 0..noisy.len() {
                    // An error code whose second half comes in a later read is taken as it stands.
                    if *command == "AT+CPIN?" {
                        break;
                    }
                    let (got, _) = digest(command, &[&noisy[..split], &noisy[split..]]);
                    assert_eq!(got, plain, "{command} at {at}, split at {split}: {shown:?}");
                }
                let bytewise: Vec<&[u8]> = noisy.chunks(1).collect();
                if *command != "AT+CPIN?" {
                    assert_eq!(digest(command, &bytewise).0, plain, "{command} bytewise at {at}: {shown:?}");
                }
            }
        }
    }
}

#[test]
fn lines_without_a_line_end_before_them_are_known_too() {
    let bytes = b"\r\n^SETPORT:3: 3G DIAG\r\n^RSSI:12\r\n^SETPORT:10: 4G MODEM\r\n^RSSI:13\r\nOK\r\n";
    assert_eq!(answer("AT^SETPORT=?", bytes), ok(&["^SETPORT:3: 3G DIAG", "^SETPORT:10: 4G MODEM"]));
}

#[test]
fn what_comes_with_and_after_the_result_is_kept_as_unsolicited() {
    let mut c = Collector::new();
    c.begin("AT+CUSD=1,\"*100#\",15");
    let done = c.push(b"\r\nOK\r\n\r\n+CUSD: 0,\"C8329BFD06\",15\r\n\r\n^RS").unwrap();
    assert_eq!(done, Progress::Done(ok(&[])));
    assert_eq!(c.take_urcs(), ["+CUSD: 0,\"C8329BFD06\",15"]);
    c.begin("AT+CSQ");
    let done = c.push(b"SI:12\r\nAT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n").unwrap();
    assert_eq!(done, Progress::Done(ok(&["+CSQ: 20,99"])));
    assert_eq!(c.take_urcs(), ["^RSSI:12"]);
}

#[test]
fn result_digits_are_taken_when_the_line_is_quiet() {
    assert_eq!(answer("ATV1", b"ATV1\r0\r"), ok(&[]));
    assert_eq!(answer("AT+CSQ", b"AT+CSQ\r+CSQ: 20,99\r\n0\r"), ok(&["+CSQ: 20,99"]));
    assert_eq!(answer("AT^X", b"4\r").result, Final::Error);
    // A digit on a line of its own is information.
    assert_eq!(answer("AT^X?", b"\r\n0\r\n\r\nOK\r\n"), ok(&["0"]));
}

#[test]
fn every_result() {
    for (bytes, result) in [
        (&b"\r\nOK\r\n"[..], Final::Ok),
        (b"\r\nERROR\r\n", Final::Error),
        (b"\r\n+CME ERROR: 14\r\n", Final::CmeError("14".into())),
        (b"\r\n+CME ERROR:SIM busy\r\n", Final::CmeError("SIM busy".into())),
        (b"\r\n+CMS ERROR: 304\r\n", Final::CmsError("304".into())),
        (b"\r\nTOO MANY PARAMETERS\r\n", Final::TooManyParameters),
        (b"\r\nCOMMAND NOT SUPPORT\r\n", Final::NotSupported),
        (b"\r\nCONNECT 100000000\r\n", Final::Connect("100000000".into())),
        (b"\r\nCONNECT\r\n", Final::Connect(String::new())),
        (b"\r\nNO CARRIER\r\n", Final::NoCarrier),
        (b"\r\nBUSY\r\n", Final::Busy),
        (b"\r\nNO ANSWER\r\n", Final::NoAnswer),
        (b"\r\nNO DIALTONE\r\n", Final::NoDialtone),
        (b"\r\nABORTED\r\n", Final::Aborted),
    ] {
        assert_eq!(answer("ATD*99#", bytes).result, result);
        assert_eq!(answer("ATD*99#", format!("\r\n{result}\r\n").as_bytes()).result, result);
    }
    assert_eq!(answer("AT+CGDATA=\"PPP\",1", b"\r\nCONNECT\r\n").result, Final::Connect(String::new()));
    // Without a call of ours these are about somebody else's.
    let (got, urcs) = digest("AT+CSQ", &[b"\r\nNO CARRIER\r\n\r\n+CSQ: 1,99\r\n\r\nOK\r\n"]);
    assert_eq!((got, urcs), (Some(ok(&["+CSQ: 1,99"])), vec!["NO CARRIER".to_owned()]));
}

#[test]
fn a_cut_error_code_is_put_together() {
    let bytes = b"\r\n+CME ERROR: 1\r\n^RSSI:12\r\n4\r\n";
    assert_eq!(answer("AT+CPIN?", bytes).result, Final::CmeError("14".into()));
    let bytes = b"\r\n+CME ERROR: 14\r\n\r\n^RSSI:12\r\n";
    assert_eq!(answer("AT+CPIN?", bytes).result, Final::CmeError("14".into()));
}

#[test]
fn prompts_and_what_follows_them() {
    let body = b"0011000B912143658709F10000AA05C8329BFD06";
    for noise in [&b""[..], b"\r\n^RSSI:12\r\n"] {
        let prompt = b"AT+CMGS=19\r\r\n> ";
        for at in 0..=prompt.len() {
            let mut c = Collector::new();
            c.begin("AT+CMGS=19");
            let noisy = [&prompt[..at], noise, &prompt[at..]].concat();
            assert_eq!(c.push(&noisy).unwrap(), Progress::Prompt, "{at}");
            c.prompt_answered(body);
            assert_eq!(c.push(b" ").unwrap(), Progress::More);
            assert_eq!(c.push(body).unwrap(), Progress::More);
            let done = c.push(b"\x1a\r\n\r\n+CMGS: 42\r\n\r\nOK\r\n").unwrap();
            assert_eq!(done, Progress::Done(ok(&["+CMGS: 42"])));
        }
    }
}

#[test]
fn registration_answers_differ_from_reports_by_their_fields() {
    for report in ["1", "5,\"1A2B\",\"00C0\"", "1,\"1A2B\",\"00C0\",7"] {
        let bytes = format!("\r\n+CREG: {report}\r\n\r\n+CREG: 2,1\r\n\r\nOK\r\n");
        assert_eq!(answer("AT+CREG?", bytes.as_bytes()), ok(&["+CREG: 2,1"]), "{report}");
    }
    assert_eq!(answer("AT+CREG=2", b"\r\n+CREG: 2,1\r\n\r\nOK\r\n"), ok(&[]));
    // Some answer in the shape of a report.
    for report in ["1", "5,\"1A2B\",\"00C0\""] {
        let bytes = format!("\r\n+CREG: {report}\r\n\r\nOK\r\n");
        assert_eq!(answer("AT+CREG?", bytes.as_bytes()), ok(&[&format!("+CREG: {report}")]), "{report}");
    }
    assert_eq!(answer("AT+CREG?", b"\r\n+CREG: 0,10\r\n\r\nOK\r\n"), ok(&["+CREG: 0,10"]));
}

#[test]
fn names_differ_in_case_and_by_command() {
    let a = answer("AT^GETPORTMODE", b"\r\n^getportmode:type:,pcui:1\r\n\r\nOK\r\n");
    assert_eq!(a.value("^GETPORTMODE"), Some("type:,pcui:1"));
    let a = answer("AT^NDISSTATQRY?", b"\r\n^NDISSTAT: 1,,,\"IPV4\"\r\n\r\nOK\r\n");
    assert_eq!(a.value("^NDISSTAT"), Some("1,,,\"IPV4\""));
    let (a, urcs) = digest("AT+CSQ", &[b"\r\n^NEWNAME: 1\r\n\r\n+CSQ: 1,99\r\n\r\nOK\r\n"]);
    assert_eq!((a, urcs.len()), (Some(ok(&["+CSQ: 1,99"])), 1));
}

#[test]
fn fields_keep_quotes_and_lists_together() {
    assert_eq!(fields("2,1,\"1A2B\", \"a,b\",(1,2),,"), ["2", "1", "1A2B", "a,b", "(1,2)", "", ""]);
    assert_eq!(fields(""), [""; 0]);
    assert_eq!(fields("\""), ["\""]);
    assert_eq!(fields("((\""), ["((\""]);
}

#[test]
fn an_answer_without_end_is_an_error_and_idle_noise_is_not() {
    let mut c = Collector::new();
    for _ in 0..40_000 {
        c.push(b"\r\n^RSSI:12\r\njunk\r\n").unwrap();
    }
    assert!(c.take_urcs().len() < 2000);
    c.begin("AT");
    let mut ended = false;
    for _ in 0..20_000 {
        ended |= c.push(b"AAAA\r\nBBBB\r\n").is_err();
    }
    assert!(ended);
    c.begin("AT");
    assert!(c.push(&vec![b'x'; ANSWER_LIMIT + 1]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces(bytes in proptest::collection::vec(
        prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'^'), Just(b'+'), Just(b'>'), Just(b'0'), any::<u8>()], 0..400), cut in 1usize..20)
    {
        let mut c = Collector::new();
        c.begin("AT+CREG?");
        for piece in bytes.chunks(cut) {
            c.push(piece).unwrap();
        }
        c.settle();
    }
}

/// Some sticks send no line end before what nobody asked for.
#[test]
fn a_report_between_two_lines_joins_none() {
    for (command, bytes, lines) in [
        (
            "ATI",
            "\r\nRevision: 21.157.31.00.174\r\n+CMTI: \"SM\",0\r\nIMEI: 861234567890123\r\n\r\nOK\r\n",
            ["Revision: 21.157.31.00.174", "IMEI: 861234567890123"],
        ),
        (
            "AT+CMGL=4",
            "\r\n+CMGL: 1,1,,23\r\n+CMTI: \"SM\",3\r\n07912143658709F1040B91\r\n\r\nOK\r\n",
            ["+CMGL: 1,1,,23", "07912143658709F1040B91"],
        ),
        (
            "AT+CMGL=4",
            "\r\n+CMGL: 1,1,,2\r\n+CMTI: \"SM\",3\r\n3\r\n07912143658709F1040B91\r\n\r\nOK\r\n",
            ["+CMGL: 1,1,,23", "07912143658709F1040B91"],
        ),
    ] {
        let (got, urcs) = digest(command, &[bytes.as_bytes()]);
        assert_eq!(got.unwrap().lines, lines, "{command}");
        assert_eq!(urcs.len(), 1);
    }
}

/// What a modem says while it starts is no model and hides no IMEI.
#[test]
fn what_is_said_after_a_start_is_no_answer() {
    for said in [
        "Call Ready",
        "RDY",
        "SMS Ready",
        "PB DONE",
        "^SYSSTART",
        "+PBREADY",
        "_OSIGQ: 20,0",
        "*EMRDY: 1",
        "%CSQ: 20",
        "$QCSIMSTAT: 1",
        "#SIM: 1",
    ] {
        let bytes = format!("\r\n{said}\r\n\r\nE3372\r\n\r\n{said}\r\n\r\nOK\r\n");
        let (answer, urcs) = digest("AT+CGMM", &[bytes.as_bytes()]);
        assert_eq!(answer, Some(ok(&["E3372"])), "{said}");
        assert_eq!(urcs, [said, said]);
    }
    // Their own answers.
    assert_eq!(answer("AT#CGSN", b"\r\n#CGSN: 1\r\n\r\nOK\r\n"), ok(&["#CGSN: 1"]));
    assert_eq!(answer("AT*EPIN?", b"\r\n*EPIN: 3,10\r\n\r\nOK\r\n"), ok(&["*EPIN: 3,10"]));
}
