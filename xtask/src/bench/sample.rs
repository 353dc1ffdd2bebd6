//! The files that are measured with, made once: right in form, without third-party code.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::folder;
use super::measure::took;
use crate::run::command;

/// An image of a small boot loader and one partition of 64 MiB, built by `program`.
pub(super) fn image(program: &Path) -> Result<PathBuf, String> {
    let folder = folder()?;
    let image = folder.join("firmware-64-mib.bin");
    if image.exists() {
        return Ok(image);
    }
    let (small, large) = (folder.join("fastboot.raw"), folder.join("app.raw"));
    write_noise(&small, 196_096, 1)?;
    write_noise(&large, 64 << 20, 2)?;
    let program = program.to_string_lossy();
    let inputs = [format!("00110000={}", small.display()), format!("005a0000={}", large.display())];
    let out = image.to_string_lossy();
    let header =
        ["--kind", "1", "--platform", "E3372h_153", "--firmware-version", "21.180", "--hardware", "HWEW11.1"];
    let mut args = vec!["firmware", "build", &inputs[0], &inputs[1], "-o", &out];
    args.extend(header);
    took(&mut command(&program, &args))?;
    let _ = fs::remove_file(small);
    let _ = fs::remove_file(large);
    Ok(image)
}

/// A loader of 1.8 MB that shows that it erases nothing (docs/protocols/balong-boot.md sections 2 and 4).
pub(super) fn loader() -> Result<PathBuf, String> {
    /// The count of blocks to erase, set to none.
    const ERASES_NOTHING: [u8; 20] = [
        0x0c, 0x00, 0x9d, 0xe5, 0x04, 0x10, 0x9d, 0xe5, 0x00, 0x00, 0xa0, 0xe3, 0x0b, 0xe0, 0xa0, 0xe1, 0x0e,
        0x00, 0x50, 0xe1,
    ];
    let mut second: Vec<u8> = noise(3).take(1_800_000).collect();
    second[0x1000..0x1000 + ERASES_NOTHING.len()].copy_from_slice(&ERASES_NOTHING);
    let first: Vec<u8> = noise(4).take(876).collect();
    let mut file = vec![0x00, 0x00, 0x02, 0x00];
    file.resize(36, 0);
    for (mode, block, address, offset) in
        [(1u32, &first, 0x2ffe_4000u32, 84), (2, &second, 0x3000_4000, 84 + first.len())]
    {
        for word in [mode, block.len() as u32, address, offset as u32] {
            file.extend(word.to_le_bytes());
        }
    }
    file.resize(84, 0);
    file.extend(first);
    file.extend(second);
    let path = folder()?.join("loader.bin");
    write(&path, &file)?;
    Ok(path)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}

/// Writes noise piece by piece: memory that this process has touched once counts for every program that it starts.
fn write_noise(path: &Path, length: usize, seed: u64) -> Result<(), String> {
    let failed = |e: io::Error| format!("{}: {e}", path.display());
    let mut file = File::create(path).map_err(failed)?;
    let mut noise = noise(seed);
    let mut left = length;
    while left > 0 {
        let piece: Vec<u8> = noise.by_ref().take(left.min(64 * 1024)).collect();
        file.write_all(&piece).map_err(failed)?;
        left -= piece.len();
    }
    Ok(())
}

/// Bytes that no run repeats, the same for the same seed.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    std::iter::repeat_with(move || next().to_le_bytes()).flatten()
}
