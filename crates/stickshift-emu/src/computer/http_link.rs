//! Requests to the web server of a virtual stick as [`HttpLink`].

use std::time::Duration;

use stickshift::error::{Detail, Error, ErrorKind, Result};
use stickshift::link::{HttpLink, HttpRequest, HttpResponse, Moment};
use stickshift::stick::Place;

use crate::computer::shared::Shared;
use crate::computer::virtual_computer::{self, VirtualComputer};
use crate::device::HttpAnswer;

pub(crate) struct VirtualHttp {
    pub(crate) computer: Shared,
    pub(crate) place: Place,
    pub(crate) enumeration: u32,
}

impl HttpLink for VirtualHttp {
    fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
        let mut computer = self.computer.lock();
        computer.settle();
        let gone = |computer: &VirtualComputer| computer.enumeration(&self.place) != Some(self.enumeration);
        if gone(&computer) {
            return Err(virtual_computer::gone().detail(Detail::RequestSent(false)));
        }
        let (now, deadline) = (computer.now(), computer.now() + request.timeout);
        let answer = computer.device(&self.place).map_or(HttpAnswer::Dropped, |d| d.http(now, request));
        let end = match &answer {
            HttpAnswer::Dropped => {
                let error = Error::new(ErrorKind::Disconnected, "the connection ended without an answer");
                return Err(error.detail(Detail::RequestSent(true)));
            }
            HttpAnswer::Silent => deadline,
            HttpAnswer::Reply(_, after) => (now + *after).min(deadline),
        };
        while computer.now() < end {
            computer = self.computer.step_until(computer, end);
            if gone(&computer) {
                return Err(virtual_computer::gone().detail(Detail::RequestSent(true)));
            }
        }
        match answer {
            HttpAnswer::Reply(response, after) if now + after <= deadline => Ok(response),
            _ => Err(Error::new(ErrorKind::Timeout, "the web server did not answer")
                .detail(Detail::RequestSent(true))),
        }
    }

    fn now(&self) -> Moment {
        self.computer.lock().now()
    }

    fn sleep(&mut self, time: Duration) {
        let computer = self.computer.lock();
        let end = computer.now() + time;
        drop(self.computer.advance_to(computer, end));
    }
}
