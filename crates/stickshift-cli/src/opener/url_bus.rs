//! A bus with nothing on it but the web server at an address: `--url`.

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::host::WebLink;
use stickshift::link::{Bus, ByteLink, HttpLink, Moment, UsbLink};
use stickshift::mask;
use stickshift::stick::{Place, Stick};

pub(super) struct UrlBus {
    url: String,
}

impl UrlBus {
    pub(super) fn new(url: &str) -> UrlBus {
        UrlBus { url: url.to_owned() }
    }

    fn nothing<T>(&self) -> Result<T> {
        Err(Error::new(
            ErrorKind::NoSuchPort,
            format!("{} is a web server and nothing else", mask::address(&self.url)),
        ))
    }
}

impl Bus for UrlBus {
    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        Ok(Vec::new())
    }

    fn wait_change(&mut self, _deadline: Moment) -> Result<bool> {
        Ok(false)
    }

    fn open_port(&mut self, _place: &Place, _interface: u8) -> Result<Box<dyn ByteLink>> {
        self.nothing()
    }

    fn open_usb(&mut self, _place: &Place) -> Result<Box<dyn UsbLink>> {
        self.nothing()
    }

    fn open_http(&mut self, _place: &Place) -> Result<Box<dyn HttpLink>> {
        Ok(Box::new(WebLink::from_url(&self.url)?))
    }

    fn now(&self) -> Moment {
        Moment::ZERO
    }
}
