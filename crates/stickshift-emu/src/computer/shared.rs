//! One virtual computer, shared by its bus and every link that was opened on it, and its clock, shared by everybody who waits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use stickshift::link::Moment;

use crate::computer::virtual_computer::VirtualComputer;

/// The computer, shared by a bus, its clones and every link.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Inner>);

#[derive(Default)]
struct Inner {
    computer: Mutex<VirtualComputer>,
    /// Time went on, or somebody works here no more.
    went_on: Condvar,
}

/// A thread that works with a virtual computer beside others: while it works, time stands still for all of them.
pub struct Participant(Shared);

impl Drop for Participant {
    fn drop(&mut self) {
        self.0.lock().participants.count -= 1;
        self.0.0.went_on.notify_all();
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, VirtualComputer> {
        self.0.computer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn participant(&self) -> Participant {
        self.lock().participants.count += 1;
        Participant(self.clone())
    }

    /// Goes on to the next event, or to `deadline` when nothing happens before. With several participants that is when all of them wait, and to
    /// the earliest of their deadlines.
    pub(crate) fn step_until<'a>(
        &self,
        mut computer: MutexGuard<'a, VirtualComputer>,
        deadline: Moment,
    ) -> MutexGuard<'a, VirtualComputer>
    where
        Self: 'a,
    {
        if computer.participants.count < 2 && computer.participants.waiting.is_empty() {
            computer.step_until(deadline);
            return computer;
        }
        let round = computer.participants.rounds;
        computer.participants.waiting.push(deadline);
        while computer.participants.rounds == round {
            if computer.participants.waiting.len() < computer.participants.count {
                computer = self.0.went_on.wait(computer).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let first = computer.participants.waiting.drain(..).min().unwrap_or(deadline);
            computer.participants.rounds += 1;
            computer.step_until(first);
            self.0.went_on.notify_all();
        }
        computer
    }

    /// Goes on to `deadline`.
    pub(crate) fn advance_to<'a>(
        &self,
        mut computer: MutexGuard<'a, VirtualComputer>,
        deadline: Moment,
    ) -> MutexGuard<'a, VirtualComputer>
    where
        Self: 'a,
    {
        while computer.now() < deadline {
            computer = self.step_until(computer, deadline);
        }
        computer
    }
}
