//! Requests to the stick's web server, and what goes wrong on the way.

use std::time::Duration;

use stickshift::link::{HttpRequest, Moment};

use crate::device::HttpAnswer;
use crate::e3372h::{E3372h, Program, Start};
use crate::fault::{Cut, spoil};

impl E3372h {
    pub(super) fn web_request(&mut self, now: Moment, request: &HttpRequest) -> HttpAnswer {
        if !matches!(self.running, Program::Hilink | Program::HilinkSerial(_)) {
            return HttpAnswer::Dropped;
        }
        let Some(step) = self.step(now) else { return HttpAnswer::Dropped };
        if step.dropped {
            return HttpAnswer::Silent;
        }
        let mut request = request.clone();
        if let Some(random) = step.corrupt {
            spoil(&mut request.body, 0, random);
        }
        let identity = self.identity();
        let (mut answer, switch) = match step.nak {
            Some(_) => (self.server.busy(), None),
            None => self.server.request(&identity, &request),
        };
        if let Some(to) = switch {
            self.leaves_after(now, Duration::from_secs(1), Start::HilinkSerial(to), self.timing().off_bus);
        }
        if let Some(Cut::PowerLost(back)) = step.cut {
            self.cut(now, Some(back));
            return HttpAnswer::Dropped;
        }
        if step.muted {
            return HttpAnswer::Silent;
        }
        if let HttpAnswer::Reply(response, after) = &mut answer {
            *after += step.delay;
            if let Some(random) = step.garble {
                spoil(&mut response.body, 0, random);
            }
        }
        answer
    }
}
