//! Any bytes as a loader: read, assessed and changed without harm; what is written is read again as the same blocks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::boot::{Block, Changes, Loader};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut loader) = Loader::parse(bytes.to_vec()) else { return };
    assert_eq!(loader.as_bytes(), bytes);
    loader.oddities();
    loader.assess();
    loader.chip();
    let choice = bytes.last().copied().unwrap_or_default();
    let changes = Changes {
        fastboot: choice & 1 != 0,
        table: loader.table().filter(|_| choice & 2 != 0),
        file_flags: if choice & 4 != 0 { vec![usize::from(choice >> 4)] } else { Vec::new() },
        ignore_bad_blocks: choice & 8 != 0,
        keep_erase: choice & 16 != 0,
    };
    if loader.change(&changes).is_ok() {
        let again = Loader::parse(loader.as_bytes().to_vec()).expect("what was changed is still a loader");
        for block in Block::ALL {
            assert_eq!(again.block(block), loader.block(block));
        }
    }
});
