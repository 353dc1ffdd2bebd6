//! A stick that says whatever the fuzzer makes up, on every kind of link.

use std::time::Duration;

use stickshift::error::{Detail, Error, ErrorKind, Result};
use stickshift::link::{ByteLink, ControlSetup, HttpLink, HttpRequest, HttpResponse, Moment, UsbLink};

/// No dialogue may go on for longer than this on the link's clock, nor ask more often than [`MOST`].
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const MOST: u32 = 1_000_000;

/// Says its bytes in pieces: each begins with its length, 0 for silence and 255 for a port that closes.
pub struct Stick<'a> {
    pub bytes: &'a [u8],
    now: Moment,
    asked: u32,
}

impl<'a> Stick<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Stick { bytes, now: Moment::ZERO, asked: 0 }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.asked += 1;
        assert!(self.now < LONGEST && self.asked < MOST, "the dialogue does not end");
    }

    fn piece(&mut self) -> Result<&'a [u8]> {
        self.pass(Duration::from_millis(1));
        let Some((&length, rest)) = self.bytes.split_first() else { return Ok(&[]) };
        if length == 255 {
            self.bytes = rest;
            return Err(Error::new(ErrorKind::Disconnected, "closed").detail(Detail::RequestSent(true)));
        }
        let (piece, rest) = rest.split_at(rest.len().min(length.into()));
        self.bytes = rest;
        Ok(piece)
    }
}

impl ByteLink for Stick<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        assert!(bytes.len() < 1 << 20);
        self.pass(Duration::from_micros(1));
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        let room = buffer.len();
        let piece = self.piece()?;
        if piece.is_empty() {
            self.now = self.now.max(deadline);
        }
        let n = piece.len().min(room);
        buffer[..n].copy_from_slice(&piece[..n]);
        Ok(n)
    }

    fn discard_input(&mut self) -> Result<()> {
        Ok(())
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.pass(time);
    }

    fn reopen(&mut self, limit: Duration) -> Result<bool> {
        self.pass(limit);
        Ok(self.bytes.first().is_some_and(|b| b & 1 == 1))
    }
}

/// Two pieces are an answer: headers, one a line, and a body.
impl HttpLink for Stick<'_> {
    fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
        let safe = |text: &str| !text.bytes().any(|b| b.is_ascii_control());
        assert!(safe(&request.path) && request.headers.iter().all(|(n, v)| safe(n) && safe(v)));
        let head = String::from_utf8_lossy(self.piece()?).into_owned();
        let body = self.piece()?.to_vec();
        let headers = head.lines().filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(n, v)| (n.to_owned(), v.trim().to_owned())).collect();
        Ok(HttpResponse { status: 200, headers, body })
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.pass(time);
    }
}

/// A USB device with these descriptors.
pub struct Device<'a> {
    pub device: Vec<u8>,
    pub configurations: Vec<Vec<u8>>,
    pub stick: Stick<'a>,
}

impl Device<'_> {
    fn done(&mut self) -> Result<()> {
        self.stick.piece().map(|_| ())
    }
}

impl UsbLink for Device<'_> {
    fn device_descriptor(&self) -> &[u8] {
        &self.device
    }

    fn configurations(&self) -> &[Vec<u8>] {
        &self.configurations
    }

    fn active_configuration(&mut self) -> Result<u8> {
        Ok(self.stick.piece()?.first().copied().unwrap_or(1))
    }

    fn detach_kernel_driver(&mut self, _: u8) -> Result<bool> {
        self.done().map(|()| true)
    }

    fn claim(&mut self, _: u8) -> Result<()> {
        self.done()
    }

    fn release(&mut self, _: u8) -> Result<()> {
        self.done()
    }

    fn control_in(&mut self, _: ControlSetup, buffer: &mut [u8], time: Duration) -> Result<usize> {
        self.read(0, buffer, time)
    }

    fn control_out(&mut self, _: ControlSetup, _: &[u8], _: Duration) -> Result<()> {
        self.done()
    }

    fn write(&mut self, _: u8, _: &[u8], _: Duration) -> Result<()> {
        self.done()
    }

    fn read(&mut self, _: u8, buffer: &mut [u8], _: Duration) -> Result<usize> {
        let piece = self.stick.piece()?;
        let n = piece.len().min(buffer.len());
        buffer[..n].copy_from_slice(&piece[..n]);
        Ok(n)
    }

    fn clear_halt(&mut self, _: u8) -> Result<()> {
        self.done()
    }

    fn set_configuration(&mut self, _: u8) -> Result<()> {
        self.done()
    }

    fn set_alt_setting(&mut self, _: u8, _: u8) -> Result<()> {
        self.done()
    }

    fn reset(&mut self) -> Result<()> {
        self.done()
    }

    fn now(&self) -> Moment {
        self.stick.now
    }

    fn sleep(&mut self, time: Duration) {
        self.stick.pass(time);
    }
}
