//! A stick whose answers are a list: for what no virtual stick does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::{Bus, ByteLink, HttpLink, Moment, UsbLink};
use stickshift::stick::{Interface, Mode, Place, Role, Stick, UsbId};

/// Answers by command; the last of a list is given again and again.
#[derive(Debug)]
pub(crate) struct Script {
    answers: BTreeMap<String, VecDeque<String>>,
    /// Comes before the first answer.
    pub(crate) noise: &'static str,
    /// The port on this interface says nothing.
    pub(crate) silent: Option<u8>,
}

impl Script {
    pub(crate) fn set(&mut self, command: &str, answers: &[&str]) {
        self.answers.insert(command.to_owned(), answers.iter().map(|a| (*a).to_owned()).collect());
    }
}

impl Default for Script {
    fn default() -> Self {
        let mut script = Script { answers: BTreeMap::new(), noise: "", silent: None };
        for (command, answer) in [
            ("AT+CPIN?", "+CPIN: READY"),
            ("AT+CFUN?", "+CFUN: 1"),
            ("AT+CEREG?", "+CEREG: 3,1"),
            ("AT+CGREG?", "ERROR"),
            ("AT+CREG?", "+CREG: 0,1"),
            ("AT+COPS?", "+COPS: 0,0,\"Example\",7"),
            ("AT+CGDCONT?", "+CGDCONT: 1,\"IP\",\"before\",\"0.0.0.0\",0,0"),
            ("AT^NDISSTATQRY?", "^NDISSTATQRY: 1,,,\"IPV4\""),
            ("AT+CGCONTRDP=1", "ERROR"),
            ("AT^DHCP?", "^DHCP:7AC6F90A,FCFFFFFF,79C6F90A,79C6F90A,2200B10A,0,236800,236800"),
            ("AT^SYSCFGEX?", "^SYSCFGEX:\"00\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF"),
            ("AT^SYSCFG?", "ERROR"),
        ] {
            script.set(command, &[answer]);
        }
        script
    }
}

#[derive(Debug)]
struct State {
    script: Script,
    said: Vec<String>,
    now: Moment,
}

pub(crate) struct ScriptedBus(Arc<Mutex<State>>);

impl ScriptedBus {
    pub(crate) fn new(script: Script) -> ScriptedBus {
        ScriptedBus(Arc::new(Mutex::new(State { script, said: Vec::new(), now: Moment::ZERO })))
    }

    pub(crate) fn stick() -> Stick {
        let mut stick = Stick::new("1-1".parse().unwrap(), UsbId::new(0x12d1, 0x1506));
        stick.mode = Mode::Modem;
        let mut port = Interface::new(0, [0xff, 0x02, 0x12]);
        port.role = Role::Pcui;
        port.tty = Some("/dev/ttyUSB0".into());
        let mut network = Interface::new(1, [0xff, 0x02, 0x16]);
        network.role = Role::Network;
        network.netdev = Some("wwan0".into());
        stick.interfaces = vec![port, network];
        stick
    }

    pub(crate) fn set(&self, command: &str, answers: &[&str]) {
        self.0.lock().unwrap().script.set(command, answers);
    }

    pub(crate) fn said(&self) -> Vec<String> {
        self.0.lock().unwrap().said.clone()
    }

    pub(crate) fn heard(&self, command: &str) -> bool {
        self.said().iter().any(|said| said.starts_with(command))
    }

    /// A stick that believes to be connected refuses every dial.
    pub(crate) fn hangs_up_between_dials(&self) -> bool {
        let said = self.said();
        let calls: Vec<bool> =
            said.iter().filter_map(|s| s.strip_prefix("AT^NDISDUP=1,")).map(|s| s.starts_with('1')).collect();
        calls.windows(2).all(|two| two != [true, true])
    }

    pub(crate) fn ended_with_hang_up(&self) -> bool {
        let said = self.said();
        let last = |command: &str| said.iter().rposition(|s| s.starts_with(command));
        last("AT^NDISDUP=1,0") > last("AT^NDISDUP=1,1")
    }
}

impl Bus for ScriptedBus {
    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        Ok(vec![ScriptedBus::stick()])
    }

    fn wait_change(&mut self, deadline: Moment) -> Result<bool> {
        self.0.lock().unwrap().now = deadline;
        Ok(false)
    }

    fn open_port(&mut self, _: &Place, interface: u8) -> Result<Box<dyn ByteLink>> {
        let silent = self.0.lock().unwrap().script.silent == Some(interface);
        Ok(Box::new(Port { state: Arc::clone(&self.0), silent, heard: Vec::new(), answer: VecDeque::new() }))
    }

    fn open_usb(&mut self, _: &Place) -> Result<Box<dyn UsbLink>> {
        Err(Error::new(ErrorKind::Unsupported, "no USB"))
    }

    fn open_http(&mut self, _: &Place) -> Result<Box<dyn HttpLink>> {
        Err(Error::new(ErrorKind::NoSuchPort, "no web"))
    }

    fn now(&self) -> Moment {
        self.0.lock().unwrap().now
    }
}

struct Port {
    state: Arc<Mutex<State>>,
    silent: bool,
    heard: Vec<u8>,
    answer: VecDeque<u8>,
}

impl ByteLink for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.silent {
            return Ok(());
        }
        for &byte in bytes {
            if byte != b'\r' {
                self.heard.push(byte);
                continue;
            }
            let command = String::from_utf8(std::mem::take(&mut self.heard)).unwrap();
            let mut state = self.state.lock().unwrap();
            state.said.push(command.clone());
            let noise = std::mem::take(&mut state.script.noise);
            let answer = match state.script.answers.get_mut(&command) {
                Some(list) if list.len() > 1 => list.pop_front().unwrap(),
                Some(list) => list[0].clone(),
                None => String::new(),
            };
            let is_result = answer == "OK" || answer.contains("ERROR");
            let text =
                if is_result { format!("\r\n{answer}\r\n") } else { format!("\r\n{answer}\r\n\r\nOK\r\n") };
            self.answer.extend(noise.bytes().chain(text.bytes()));
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        let n = self.answer.len().min(buffer.len());
        self.answer.drain(..n).zip(buffer).for_each(|(byte, slot)| *slot = byte);
        if n == 0 {
            let mut state = self.state.lock().unwrap();
            state.now = state.now.max(deadline);
        }
        Ok(n)
    }

    fn discard_input(&mut self) -> Result<()> {
        self.answer.clear();
        Ok(())
    }

    fn now(&self) -> Moment {
        self.state.lock().unwrap().now
    }

    fn sleep(&mut self, time: Duration) {
        self.state.lock().unwrap().now += time;
    }
}
