//! What tests and rehearsals are made of: noise, loader files, the contents of firmware images.

mod firmware;
mod loader;
mod noise;
mod plug;

pub use firmware::{Packing, SyntheticFirmware, SyntheticPartition};
pub use loader::{loader_file, stock_loader};
pub use noise::noise;
pub use plug::plugged;
