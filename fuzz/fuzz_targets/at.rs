//! Any bytes from a port while a command runs, in any pieces: an answer, nothing yet, or an error; and every parser takes any answer.
//! The first byte chooses the command, the second the size of the pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::at::{Command, data, identify, network, ports, signal, sim, sms, ussd};
use stickshift::wire::at::{ANSWER_LIMIT, Answer, Collector, Final, Progress};

const COMMANDS: &[&str] = &[
    "AT",
    "ATI",
    "AT+CREG?",
    "AT^HCSQ?",
    "AT+CMGS=19",
    "ATD*99#",
    "AT+CUSD=1,\"*100#\",15",
    "AT^NDISSTATQRY?",
];

fn parse<T>(command: Command<T>, answer: &Answer) {
    let _ = command.parse(answer);
}

fuzz_target!(|bytes: &[u8]| {
    let [choice, size, bytes @ ..] = bytes else { return };
    let mut collector = Collector::new();
    collector.begin(COMMANDS[usize::from(*choice) % COMMANDS.len()]);
    for piece in bytes.chunks(usize::from(*size).max(1)) {
        match collector.push(piece) {
            Ok(Progress::Done(answer)) => {
                let held: usize = answer.lines.iter().map(String::len).sum();
                assert!(held <= 3 * ANSWER_LIMIT);
            }
            Ok(Progress::Prompt) => collector.prompt_answered(b"0011"),
            Ok(Progress::More) | Err(_) => {}
        }
    }
    collector.settle();
    collector.take_urcs();

    let text = String::from_utf8_lossy(bytes);
    let answer = Answer { lines: text.lines().map(str::to_owned).collect(), result: Final::Ok };
    parse(identify::information(), &answer);
    parse(identify::firmware_and_hardware(), &answer);
    parse(identify::versions(), &answer);
    parse(ports::choices(), &answer);
    parse(ports::composition(), &answer);
    parse(sim::tries(), &answer);
    parse(network::operators(), &answer);
    parse(network::operator(), &answer);
    parse(signal::levels(), &answer);
    parse(signal::extended(), &answer);
    parse(signal::carriers(), &answer);
    parse(network::system(), &answer);
    parse(network::radio_config(), &answer);
    parse(data::contexts(), &answer);
    parse(data::ndis_states(), &answer);
    parse(data::lease(), &answer);
    parse(data::flow(), &answer);
    parse(sms::list(), &answer);
    parse(sms::stores(), &answer);
    parse(sms::store(), &answer);
    ussd::read_reply(&text);
});
