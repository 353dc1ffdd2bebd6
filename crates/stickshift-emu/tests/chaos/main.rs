//! A damaged line between the dialogues that change a stick and the stick: bytes, packets and the line itself go wrong, several times in a
//! run, the same for the same seed.
//!
//! What must hold, of runs in which something went wrong:
//! * 95 of 100 end well in one run,
//! * none takes longer than what went wrong requires,
//! * the others end well by doing what their verdict says,
//! * none says of the stick what is not so.

mod device;
mod flash;
mod load;
#[cfg(target_os = "linux")]
mod peers;
mod proxy;
mod several;
mod tally;
