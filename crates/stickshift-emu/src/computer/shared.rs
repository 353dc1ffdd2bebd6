//! One virtual computer, shared by its bus and every link that was opened on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::computer::virtual_computer::VirtualComputer;

/// The computer, shared by a bus, its clones and every link.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<VirtualComputer>>);

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, VirtualComputer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
