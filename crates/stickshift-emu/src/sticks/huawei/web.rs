//! Requests to the stick's web server, and what goes wrong on the way.

use std::time::Duration;

use stickshift::link::{HttpRequest, Moment};

use crate::device::HttpAnswer;
use crate::fault::{Channel, Cut, FaultKind, spoil};
use crate::hilink::{WebEffect, WebReply};
use crate::sticks::huawei::{HuaweiStick, Program, Start};

impl HuaweiStick {
    pub(super) fn web_request(&mut self, now: Moment, request: &HttpRequest) -> HttpAnswer {
        if !matches!(self.running, Program::Hilink | Program::HilinkSerial(_)) {
            return HttpAnswer::Dropped;
        }
        let Some(step) = self.step(now, Channel::Web) else { return HttpAnswer::Dropped };
        if step.dropped {
            return HttpAnswer::Silent;
        }
        let mut request = request.clone();
        if let Some(random) = step.corrupt {
            spoil(&mut request.body, 0, random);
        }
        let (identity, web) = (self.identity(), step.web.or(step.nak.map(|_| FaultKind::Nak)));
        let reply = match web {
            Some(FaultKind::Reset) => return HttpAnswer::Dropped,
            Some(fault) if fault != FaultKind::Truncate => {
                let answer = HttpAnswer::Reply(self.server.instead(fault), Duration::from_millis(20));
                WebReply { answer, effect: None }
            }
            _ => self.server.request(now, &identity, &mut self.modem, &request),
        };
        let (mut answer, off) = (reply.answer, self.timing().off_bus);
        match reply.effect {
            None => {}
            Some(WebEffect::Switch(to)) => {
                self.leaves_after(now, self.options.web.switches_after, Start::HilinkSerial(to), off);
            }
            Some(WebEffect::Reboot) => self.leaves_after(now, self.timing().reset, Start::Firmware, off),
            Some(WebEffect::Off) => self.leaves_after(now, self.timing().reset, Start::Nothing, off),
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
            if web == Some(FaultKind::Truncate) {
                response.body.truncate(response.body.len() / 2);
            }
            if let Some(random) = step.garble {
                spoil(&mut response.body, 0, random);
            }
        }
        answer
    }
}
