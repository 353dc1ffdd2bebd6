//! The floor under a dialogue: the same bytes written and as many read back, and nothing else.
//!
//! A trace of the real thing is turned into exchanges: length of what is written (u32), its bytes, length of what is read (u32), all
//! little-endian. Another process plays them, so that it can be measured as one.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// Turns a trace into exchanges. Returns how many there are.
///
/// # Errors
/// In words.
pub(super) fn exchanges(trace: &Path, out: &Path) -> Result<u32, String> {
    let failed = |e: io::Error| format!("{}: {e}", trace.display());
    let lines = BufReader::new(File::open(trace).map_err(failed)?).lines();
    let mut out = BufWriter::new(File::create(out).map_err(failed)?);
    let mut count = 0;
    let mut answer: Option<u32> = None;
    for line in lines {
        let line = line.map_err(failed)?;
        match line.split_at_checked(2) {
            Some(("> ", text)) => {
                if let Some(answer) = answer {
                    out.write_all(&answer.to_le_bytes()).map_err(failed)?;
                }
                let bytes = hex(text).ok_or("the trace hides bytes that must be played")?;
                out.write_all(&(bytes.len() as u32).to_le_bytes()).map_err(failed)?;
                out.write_all(&bytes).map_err(failed)?;
                answer = Some(0);
                count += 1;
            }
            Some(("< ", text)) => answer = answer.map(|so_far| so_far + text.len() as u32 / 2),
            _ => {}
        }
    }
    out.write_all(&answer.unwrap_or(0).to_le_bytes()).map_err(failed)?;
    out.flush().map_err(failed)?;
    Ok(count)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |d: u8| (d as char).to_digit(16);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

/// Plays exchanges on a port, which is raw already. The stick may leave instead of the last answer.
///
/// # Errors
/// In words.
pub(crate) fn ping_pong(port: &str, exchanges: &str) -> Result<(), String> {
    let mut port =
        OpenOptions::new().read(true).write(true).open(port).map_err(|e| format!("{port}: {e}"))?;
    let file = File::open(exchanges).map_err(|e| format!("{exchanges}: {e}"))?;
    play(&mut BufReader::with_capacity(64 * 1024, file), &mut port).map_err(|e| e.to_string())
}

fn play(exchanges: &mut impl BufRead, port: &mut File) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut answer = Vec::new();
    while !exchanges.fill_buf()?.is_empty() {
        let length = word(exchanges)?;
        bytes.resize(length, 0);
        exchanges.read_exact(&mut bytes)?;
        answer.resize(word(exchanges)?, 0);
        let went = port.write_all(&bytes).and_then(|()| port.read_exact(&mut answer));
        if went.is_err() && exchanges.fill_buf()?.is_empty() {
            return Ok(());
        }
        went?;
    }
    Ok(())
}

fn word(from: &mut impl Read) -> io::Result<usize> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes) as usize)
}
