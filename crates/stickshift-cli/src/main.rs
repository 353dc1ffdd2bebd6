//! The `stickshift` program.

fn main() {}
