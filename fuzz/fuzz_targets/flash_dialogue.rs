//! A stick in download mode that answers with anything: handshake and flashing end, and nothing is called done that no answer confirmed.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use stickshift::error::Result;
use stickshift::event::Session;
use stickshift::flash::{self, Finish, NoObserver, PartitionFacts, Payload};
use stickshift_fuzz::Stick;

struct Small(Vec<PartitionFacts>);

impl Payload for Small {
    fn partitions(&self) -> &[PartitionFacts] {
        &self.0
    }

    fn open(&mut self, index: usize) -> Result<Box<dyn Read + '_>> {
        Ok(Box::new(std::io::repeat(index as u8).take(self.0[index].size)))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut stick = Stick::new(bytes);
    if flash::handshake(&mut stick, None, &mut Session::quiet()).is_err() {
        return;
    }
    let facts =
        |code| PartitionFacts { code, name: "Small".into(), size: 5000, boot_chain: code == 1 };
    let mut payload = Small(vec![facts(1), facts(2)]);
    let _ = flash::run(&mut stick, &mut payload, 0, Finish::Reset, &mut NoObserver, &mut Session::quiet());
});
