//! A thread for each stick that the watcher chose, so that one that hangs holds up no other.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use stickshift::error::{Error, ErrorKind};
use stickshift::event::{Cancel, Session};
use stickshift::profile::Catalogue;
use stickshift::stick::Stick;
use stickshift::switching::Goal;
use stickshift::switching::watch::{Report, Workers, serve};

use crate::opener::{Look, Opener};

/// Plenty for what is done to one stick.
const STACK: usize = 512 * 1024;

type Work = dyn Fn(&Stick, Goal, &mut dyn FnMut(Report)) + Send + Sync;

pub(crate) struct Threads {
    work: Arc<Work>,
    sender: Sender<Report>,
    receiver: Receiver<Report>,
    running: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Every thread serves its stick over a look of its own at the bus.
    pub(crate) fn looking_through(opener: Arc<Opener>, catalogue: Arc<Catalogue>, cancel: Cancel) -> Threads {
        Threads::new(Arc::new(move |stick, goal, tell| match opener.bus(Look::Quick) {
            Ok(mut bus) => {
                let mut session = Session::new(|_| {}, cancel.clone());
                serve(&mut *bus, stick, goal, &catalogue, &mut session, tell);
            }
            Err(error) => tell(Report::Ended { stick: stick.clone(), result: Err(error) }),
        }))
    }

    fn new(work: Arc<Work>) -> Threads {
        let (sender, receiver) = channel();
        Threads { work, sender, receiver, running: Vec::new() }
    }
}

impl Workers for Threads {
    fn serve(&mut self, stick: &Stick, goal: Goal) {
        self.running.retain(|thread| !thread.is_finished());
        let (work, sender, its_stick) = (Arc::clone(&self.work), self.sender.clone(), stick.clone());
        // A receiver that is gone is a program that ends.
        let body = move || work(&its_stick, goal, &mut |report| drop(sender.send(report)));
        match thread::Builder::new().stack_size(STACK).spawn(body) {
            Ok(thread) => self.running.push(thread),
            Err(error) => {
                let failure = Error::new(ErrorKind::Io, "cannot start a thread").because(error);
                drop(self.sender.send(Report::Ended { stick: stick.clone(), result: Err(failure) }));
            }
        }
    }

    fn reports(&mut self) -> Vec<Report> {
        self.receiver.try_iter().collect()
    }

    /// Whoever asks to stop gets a stick whose message was sent whole, or not at all.
    fn finish(&mut self) {
        for thread in self.running.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use stickshift::stick::{Mode, UsbId};

    use super::*;

    fn stick(place: &str) -> Stick {
        Stick { mode: Mode::Cdrom, ..Stick::new(place.parse().unwrap(), UsbId::new(0x12d1, 0x1f01)) }
    }

    fn place_of(report: &Report) -> &str {
        match report {
            Report::Began { stick, .. } | Report::Ended { stick, .. } => stick.place.as_str(),
        }
    }

    #[test]
    fn a_stick_that_hangs_holds_up_no_other() {
        // The stick at 1-1 hangs until the test lets it go.
        let (release, held) = channel::<()>();
        let held = Mutex::new(held);
        let mut workers = Threads::new(Arc::new(move |stick, _, tell| {
            if stick.place.as_str() == "1-1" {
                let _ = held.lock().unwrap().recv();
            }
            tell(Report::Began { stick: stick.clone(), evidence: Vec::new() });
        }));
        workers.serve(&stick("1-1"), Goal::Usual);
        workers.serve(&stick("1-2"), Goal::Usual);
        let first = workers.receiver.recv().unwrap();
        assert_eq!(place_of(&first), "1-2");
        assert!(workers.reports().is_empty());
        release.send(()).unwrap();
        assert_eq!(place_of(&workers.receiver.recv().unwrap()), "1-1");
    }
}
