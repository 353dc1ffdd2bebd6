//! The SIM and its codes: docs/protocols/hilink-at.md section 3.5.
//!
//! A wrong PIN costs a try, and after the last one only the PUK helps; after the last PUK the SIM is dead. Whoever sends a code looks first
//! how many tries there are: [`Modem::use_code`](crate::modem::Modem::use_code) does.
//!
//! ```
//! use stickshift::at::sim;
//! use stickshift::error::Effect;
//!
//! // A code changes the stick, whatever comes of it.
//! let command = sim::enter("1234");
//! assert_eq!((command.text.as_str(), command.effect), ("AT+CPIN=\"1234\"", Effect::Changes));
//! assert_eq!(sim::state().effect, Effect::Reads);
//! ```

use crate::at::{At, Command, PATIENT, USUAL, fields_of, number, unexpected};
use crate::error::{Effect, ErrorKind, Result};
use crate::wire::at::{Answer, Final, fields};

/// What the SIM waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimState {
    /// Nothing: it is ready, or has no PIN.
    Ready,
    /// Its PIN.
    Pin,
    /// Its PUK: it is blocked.
    Puk,
    /// PIN2, for a few functions only.
    Pin2,
    /// PUK2.
    Puk2,
    /// Something else, in the stick's words: an operator lock for example.
    Other(String),
}

impl SimState {
    fn of_word(word: &str) -> SimState {
        match word {
            "READY" => SimState::Ready,
            "SIM PIN" => SimState::Pin,
            "SIM PUK" => SimState::Puk,
            "SIM PIN2" => SimState::Pin2,
            "SIM PUK2" => SimState::Puk2,
            // SIMCom's modems write PH_SIM PIN.
            other => SimState::Other(other.replace('_', "-")),
        }
    }
}

/// `AT+CPIN?`: what the SIM waits for.
pub fn state() -> Command<SimState> {
    Command::new("AT+CPIN?", |answer| {
        let fields = fields_of(answer, "+CPIN", "a SIM state")?;
        fields.first().map(|word| SimState::of_word(word)).ok_or_else(|| unexpected("a SIM state", answer))
    })
}

/// Tries left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tries {
    /// What the SIM waits for.
    pub state: SimState,
    /// For the PUK.
    pub puk: Option<u8>,
    /// For the PIN.
    pub pin: Option<u8>,
    /// For the PUK2.
    pub puk2: Option<u8>,
    /// For the PIN2.
    pub pin2: Option<u8>,
}

/// `AT^CPIN?`: tries left for each code.
pub fn tries() -> Command<Tries> {
    Command::new("AT^CPIN?", |answer| {
        let fields = fields_of(answer, "^CPIN", "tries left")?;
        let state = fields.first().map(|word| SimState::of_word(word));
        Ok(Tries {
            state: state.ok_or_else(|| unexpected("tries left", answer))?,
            puk: number(&fields, 2),
            pin: number(&fields, 3),
            puk2: number(&fields, 4),
            pin2: number(&fields, 5),
        })
    })
}

/// Tries left, where a stick tells them without the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodeTries {
    /// For the PIN.
    pub pin: Option<u8>,
    /// For the PUK.
    pub puk: Option<u8>,
}

/// `AT+CPINR`: tries left for each code, a line for each: 3GPP TS 27.007 section 8.65.
pub fn tries_by_standard() -> Command<CodeTries> {
    Command::new("AT+CPINR", |answer| {
        let of = |code: &str| {
            let line = answer.values("+CPINR").map(fields).find(|f| f.first() == Some(&code))?;
            number(&line, 1)
        };
        told(CodeTries { pin: of("SIM PIN"), puk: of("SIM PUK") }, answer)
    })
}

/// `AT+QPINC?`: the same on Quectel's modems: `"SC"` with PIN and PUK, `"P2"` with their seconds.
pub fn tries_of_quectel() -> Command<CodeTries> {
    Command::new("AT+QPINC?", |answer| {
        let line = answer.values("+QPINC").map(fields).find(|f| f.first() == Some(&"SC")).unwrap_or_default();
        told(CodeTries { pin: number(&line, 1), puk: number(&line, 2) }, answer)
    })
}

/// The same on modems of other makers, as numbers in a row, the first of them for the PIN: the command, and which one is for the PUK. ZTE,
/// u-blox, Ericsson; SIMCom's modems differ among themselves ([`puk_of_simcom`]).
const ROWS: &[(&str, usize)] = &[("AT+ZPINPUK=?", 1), (SIMCOM, 1), ("AT+UPINCNT", 2), ("AT*EPIN?", 1)];

const SIMCOM: &str = "AT+SPIC";

/// The PUK's tries of SIMCom's row: PIN, PUK, PIN2, PUK2 on SIM7600 and SIM5320; PIN, PIN2, PUK, PUK2 on SIM800 (its AT manual V1.09, page
/// 146). A PIN2 has 3 tries at most. Where neither number has more, the lesser one is the PUK's if the other one has lost none.
fn puk_of_simcom(numbers: &[&str]) -> Option<u8> {
    let (a, b) = (number::<u8>(numbers, 1)?, number(numbers, 2)?);
    match (a.min(b), a.max(b)) {
        (0..=3, more @ 4..) => Some(more),
        (0..=2, 0..=2) if a != b => None,
        // A PUK that loses its third try leaves the same lesser number.
        (2, 3) => None,
        (less, _) => Some(less),
    }
}

/// Tries left by one of [`ROWS`].
fn tries_in_a_row(command: &str, answer: &Answer) -> Option<CodeTries> {
    let &(command, puk) = ROWS.iter().find(|row| row.0 == command)?;
    let name = command[2..].trim_end_matches(['=', '?']);
    let numbers = fields(answer.value(name)?);
    let puk = if command == SIMCOM { puk_of_simcom(&numbers) } else { number(&numbers, puk) };
    let tries = CodeTries { pin: number(&numbers, 0), puk };
    (tries != CodeTries::default()).then_some(tries)
}

fn told(tries: CodeTries, answer: &Answer) -> Result<CodeTries> {
    if tries == CodeTries::default() { Err(unexpected("tries left", answer)) } else { Ok(tries) }
}

/// The commands of [`code_tries`], in their order.
pub fn tries_commands() -> Vec<String> {
    let named = [tries().text, tries_by_standard().text, tries_of_quectel().text];
    named.into_iter().chain(ROWS.iter().map(|row| row.0.to_owned())).collect()
}

/// Tries left, by whichever command the stick knows. What it answers first says more than the rest.
///
/// # Errors
/// As [`At::run_if_known`].
pub fn code_tries(at: &mut At<'_>) -> Result<(Option<SimState>, CodeTries)> {
    if let Some(tries) = at.run_if_known(&tries())? {
        return Ok((Some(tries.state), CodeTries { pin: tries.pin, puk: tries.puk }));
    }
    for command in [tries_by_standard(), tries_of_quectel()] {
        if let Some(tries) = at.run_if_known(&command)? {
            return Ok((None, tries));
        }
    }
    for (command, ..) in ROWS {
        let answer = at.command(command, Effect::Reads, USUAL)?;
        if answer.result == Final::Ok
            && let Some(tries) = tries_in_a_row(command, &answer)
        {
            return Ok((None, tries));
        }
    }
    Ok((None, CodeTries::default()))
}

/// `AT+CLCK="SC",2`: whether the SIM asks for its PIN at power-up.
pub fn pin_enabled() -> Command<bool> {
    Command::new("AT+CLCK=\"SC\",2", |answer| match number(&fields_of(answer, "+CLCK", "a lock state")?, 0) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(unexpected("a lock state", answer)),
    })
    .within(PATIENT)
}

/// The SIM's state. A SIM that is busy starting is waited for, as with every command.
///
/// # Errors
/// `NoSim`, and what [`At::run`] gives.
pub fn wait_state(at: &mut At<'_>) -> Result<SimState> {
    // Some answer the question with the number that every other command gets.
    match at.run(&state().within(PATIENT)) {
        Err(e) if e.is(ErrorKind::SimPinNeeded) => Ok(SimState::Pin),
        Err(e) if e.is(ErrorKind::SimPukNeeded) => Ok(SimState::Puk),
        other => other,
    }
}

/// `AT+CRSM=176,28486`: the name of the service provider on the SIM (EF-SPN, 3GPP TS 31.102 section 4.2.12). It tells virtual operators from
/// the one whose network they use.
pub fn service_provider() -> Command<String> {
    Command::new("AT+CRSM=176,28486,0,0,17", |answer| {
        let bytes = file(answer)?;
        // The first byte says when to show the name; the rest is filled with FF.
        let name: Vec<u8> = bytes.into_iter().skip(1).take_while(|b| *b != 0xff).collect();
        let name = String::from_utf8(name).ok().filter(|name| !name.trim().is_empty());
        name.map(|name| name.trim().to_owned()).ok_or_else(|| unexpected("a provider's name", answer))
    })
}

/// What `AT+CRSM` read of a file.
fn file(answer: &Answer) -> Result<Vec<u8>> {
    let f = fields_of(answer, "+CRSM", "a file of the SIM")?;
    // 144, 145, 159: done, by the SIM's own status words.
    let done = matches!(number::<u8>(&f, 0), Some(144 | 145 | 159));
    let bytes = f.get(2).filter(|_| done).and_then(|digits| crate::hex::decode(digits));
    bytes.ok_or_else(|| unexpected("a file of the SIM", answer))
}

/// `AT+CPIN=`: enters the PIN. A wrong one costs a try, as in all that follows here.
pub fn enter(pin: &str) -> Command<()> {
    Command::plain(format!("AT+CPIN=\"{pin}\"")).within(PATIENT)
}

/// `AT+CPIN=`: unblocks the SIM with its PUK and gives it a new PIN.
pub fn unblock(puk: &str, new_pin: &str) -> Command<()> {
    Command::plain(format!("AT+CPIN=\"{puk}\",\"{new_pin}\"")).within(PATIENT)
}

/// `AT+CLCK="SC"`: whether the PIN is asked for at power-up.
pub fn set_pin_enabled(enabled: bool, pin: &str) -> Command<()> {
    Command::plain(format!("AT+CLCK=\"SC\",{},\"{pin}\"", u8::from(enabled))).within(PATIENT)
}

/// `AT+CPWD="SC"`: a new PIN in place of the old one.
pub fn change(pin: &str, new_pin: &str) -> Command<()> {
    Command::plain(format!("AT+CPWD=\"SC\",\"{pin}\",\"{new_pin}\"")).within(PATIENT)
}
