use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use memchr::memmem;

use crate::clean;
use crate::error::Result;
use crate::link::layer::Layer;
use crate::link::tape::tape_line;
use crate::link::{
    Bus, ByteLink, Direction, HttpLink, HttpRequest, HttpResponse, MessageLink, Moment, TracedUsb, UsbLink,
};
use crate::mask::{self, Dialogue};
use crate::stick::{Mode, Place};

/// Where a trace goes. Shared by every link that is traced.
pub type TraceSink = Arc<Mutex<dyn Write + Send>>;

/// A bus whose links write every byte to a trace, in the form of a [`Tape`](crate::link::Tape), secrets and identities masked.
/// A web request is one entry: its first line, its headers and its body; so is its answer. Above it stands a comment for people.
pub struct TracedBus {
    inner: Box<dyn Bus>,
    sink: TraceSink,
}

impl TracedBus {
    /// Traces what is opened through `inner` to `sink`.
    pub fn new(inner: Box<dyn Bus>, sink: TraceSink) -> Self {
        TracedBus { inner, sink }
    }
}

impl Layer for TracedBus {
    fn below(&self) -> &dyn Bus {
        &*self.inner
    }

    fn below_mut(&mut self) -> &mut dyn Bus {
        &mut *self.inner
    }

    fn port(&mut self, port: Box<dyn ByteLink>, place: &Place, interface: u8) -> Box<dyn ByteLink> {
        put(&self.sink, &format!("# open {place} interface {interface}\n"));
        // Of a stick that is gone by now nothing more is known: then all is masked as in an AT dialogue.
        let mode = self.inner.device(place).ok().flatten().map_or(Mode::Unknown, |stick| stick.mode);
        Box::new(TracedLink::new(port, Arc::clone(&self.sink), Speech::of(mode)))
    }

    fn messages(&self, messages: Box<dyn MessageLink>, place: &Place) -> Box<dyn MessageLink> {
        put(&self.sink, &format!("# open {place} mbim\n"));
        Box::new(TracedMessages { inner: messages, sink: Arc::clone(&self.sink) })
    }

    fn usb(&self, usb: Box<dyn UsbLink>, place: &Place) -> Box<dyn UsbLink> {
        put(&self.sink, &format!("# open {place} usb\n"));
        Box::new(TracedUsb::new(usb, Arc::clone(&self.sink)))
    }

    fn http(&self, http: Box<dyn HttpLink>) -> Box<dyn HttpLink> {
        Box::new(TracedHttp { inner: http, sink: Arc::clone(&self.sink) })
    }
}

/// What is spoken over a port, which decides what of it is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// AT commands and nothing else, whatever the bytes look like.
    At,
    /// The packets of a boot ROM and nothing else: firmware is no secret.
    Packets,
    /// The frames of download mode, and AT commands between them.
    FramesAndAt,
}

impl Speech {
    /// That of the ports of a stick in this mode.
    pub fn of(mode: Mode) -> Speech {
        match mode {
            Mode::BootRom => Speech::Packets,
            Mode::Download => Speech::FramesAndAt,
            _ => Speech::At,
        }
    }
}

/// A byte link that is traced.
pub struct TracedLink {
    inner: Box<dyn ByteLink>,
    sink: TraceSink,
    /// What came since the host last wrote: gathered, so that an identity cut in two by reads is still seen as one.
    came: Vec<u8>,
    dialogue: Dialogue,
    speech: Speech,
    /// Whether what the host wrote last was a packet or a frame.
    packets: bool,
}

/// What is gathered at most before it is written.
const GATHER_LIMIT: usize = 64 * 1024;

impl TracedLink {
    /// Traces `inner`, over which this is spoken, to `sink`.
    pub fn new(inner: Box<dyn ByteLink>, sink: TraceSink, speech: Speech) -> Self {
        let packets = speech == Speech::Packets;
        TracedLink { inner, sink, came: Vec::new(), dialogue: Dialogue::default(), speech, packets }
    }

    fn flush(&mut self) {
        if !self.came.is_empty() {
            let secrets = if self.packets { Vec::new() } else { self.dialogue.came(&self.came) };
            put(&self.sink, &tape_line(Direction::FromStick, &self.came, secrets));
            self.came.clear();
        }
    }
}

impl Drop for TracedLink {
    fn drop(&mut self) {
        self.flush();
    }
}

impl ByteLink for TracedLink {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.flush();
        self.packets = match self.speech {
            Speech::At => false,
            Speech::Packets => true,
            Speech::FramesAndAt => !is_command(bytes),
        };
        let secrets = if self.packets { Vec::new() } else { self.dialogue.sent(bytes) };
        put(&self.sink, &tape_line(Direction::ToStick, bytes, secrets));
        self.inner.write(bytes)
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        let n = self.inner.read(buffer, deadline)?;
        self.came.extend_from_slice(&buffer[..n]);
        if self.came.len() > GATHER_LIMIT {
            self.flush();
        }
        Ok(n)
    }

    fn discard_input(&mut self) -> Result<()> {
        self.flush();
        self.inner.discard_input()
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::OwnedFd> {
        self.inner.descriptor()
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.inner.sleep(time);
    }
}

/// Each message is a line; information buffers that may hold a secret or an identity are masked whole.
struct TracedMessages {
    inner: Box<dyn MessageLink>,
    sink: TraceSink,
}

impl MessageLink for TracedMessages {
    fn longest(&self) -> usize {
        self.inner.longest()
    }

    fn send(&mut self, message: &[u8]) -> Result<()> {
        put(&self.sink, &tape_line(Direction::ToStick, message, secret_of(message)));
        self.inner.send(message)
    }

    fn receive(&mut self, deadline: Moment) -> Result<Option<Vec<u8>>> {
        let message = self.inner.receive(deadline)?;
        if let Some(message) = &message {
            put(&self.sink, &tape_line(Direction::FromStick, message, secret_of(message)));
        }
        Ok(message)
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::OwnedFd> {
        self.inner.descriptor()
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.inner.sleep(time);
    }
}

fn secret_of(message: &[u8]) -> Vec<Range<usize>> {
    mask::mbim::message(message).into_iter().collect()
}

struct TracedHttp {
    inner: Box<dyn HttpLink>,
    sink: TraceSink,
}

impl TracedHttp {
    fn record(&self, direction: Direction, first: &str, headers: &[(String, String)], body: &[u8]) {
        let bytes = message(first, headers, body);
        let secrets = mask::web::message(&bytes);
        let mut masked = bytes.clone();
        for range in &secrets {
            masked[range.clone()].fill(b'*');
        }
        put(&self.sink, &comment(first, &masked));
        put(&self.sink, &tape_line(direction, &bytes, secrets));
    }
}

impl HttpLink for TracedHttp {
    fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
        let first = format!("{} {}", request.method, request.path);
        self.record(Direction::ToStick, &first, &request.headers, &request.body);
        let answer = self.inner.request(request);
        match &answer {
            Ok(response) => {
                let status = response.status.to_string();
                self.record(Direction::FromStick, &status, &response.headers, &response.body);
            }
            Err(error) => {
                let text = mask::text(&error.to_string());
                put(&self.sink, &format!("# {} ({})\n", clean::line(&text), error.kind()));
            }
        }
        answer
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.inner.sleep(time);
    }
}

/// A web message as bytes: first line, headers, an empty line, the body.
fn message(first: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{first}\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// A comment line: the first line of a web message, and its body on the same line.
fn comment(first: &str, masked: &[u8]) -> String {
    let body = memmem::find(masked, b"\r\n\r\n").map_or(&[][..], |at| &masked[at + 4..]);
    let body = String::from_utf8_lossy(body).replace(['\r', '\n'], " ");
    format!("# {} {}\n", clean::line(&mask::address(first)), clean::line(&body))
}

/// A whole AT command, as they are written.
fn is_command(bytes: &[u8]) -> bool {
    let plain = |b: &u8| (b' '..=b'~').contains(b);
    bytes.len() >= 3
        && bytes[..2].eq_ignore_ascii_case(b"AT")
        && bytes.split_last().is_some_and(|(end, text)| *end == b'\r' && text.iter().all(plain))
}

/// A trace that cannot be written must not stop a stick in the middle of its work.
pub(super) fn put(sink: &TraceSink, line: &str) {
    if let Ok(mut sink) = sink.lock() {
        let _ = sink.write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Tape, TapeLink};

    #[test]
    fn a_trace_can_be_played_back() {
        let text = "> 41540d\n< 0d0a4f4b0d0a\n> 41540d\n";
        let bytes = Arc::new(Mutex::new(Vec::<u8>::new()));
        let tape = Box::new(TapeLink::new(Tape::parse(text).unwrap()));
        let mut link = TracedLink::new(tape, bytes.clone(), Speech::At);
        link.write(b"AT\r").unwrap();
        let mut one = [0; 1];
        for _ in 0..6 {
            link.read(&mut one, Moment::from_secs(1)).unwrap();
        }
        link.write(b"AT\r").unwrap();
        drop(link);
        let written = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        assert_eq!(written, text);
    }
    /// A tape of these bytes to the stick, as it is traced.
    fn written(speech: Speech, writes: &[&[u8]]) -> String {
        let hex = |bytes: &&[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let text: String = writes.iter().map(|bytes| format!("> {}\n", hex(bytes))).collect();
        let sink = Arc::new(Mutex::new(Vec::<u8>::new()));
        let tape = Box::new(TapeLink::new(Tape::parse(&text).unwrap()));
        let mut link = TracedLink::new(tape, sink.clone(), speech);
        writes.iter().for_each(|bytes| link.write(bytes).unwrap());
        drop(link);
        let written = sink.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn what_is_masked_follows_from_the_port_not_from_the_bytes() {
        // A message that begins as a frame does, and one that begins as the packets of boot ROMs do.
        let (frame, packet, command) = (&b"~secret\x1a"[..], &b"\xfesecret"[..], &b"AT+CPIN=1234\r"[..]);
        let (masked_frame, masked_packet) = ("> **************1a\n", "> **************\n");
        let (hex_frame, hex_packet) = ("> 7e7365637265741a\n", "> fe736563726574\n");
        let masked_command = "> 41542b4350494e3d********0d\n";
        for (speech, wanted) in [
            (Speech::At, [masked_frame, masked_packet, masked_command]),
            (Speech::Packets, [hex_frame, hex_packet, "> 41542b4350494e3d313233340d\n"]),
            (Speech::FramesAndAt, [hex_frame, hex_packet, masked_command]),
        ] {
            assert_eq!(written(speech, &[frame, packet, command]), wanted.concat(), "{speech:?}");
        }
    }
}
