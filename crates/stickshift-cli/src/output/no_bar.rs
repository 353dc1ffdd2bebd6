//! No bars: progress is written in lines, on a terminal too.

use stickshift::event::Event;

use super::style::Style;

/// There is none.
pub(crate) enum Bar {}

impl Bar {
    pub(crate) fn on_terminal(_: Style) -> Option<Self> {
        None
    }

    pub(crate) fn flashes(&mut self, _: u64) {
        match *self {}
    }

    pub(crate) fn event(&mut self, _: &Event) {
        match *self {}
    }

    pub(crate) fn clear(&mut self) {
        match *self {}
    }

    pub(crate) fn fail(&mut self) {
        match *self {}
    }
}
