//! What hides TP-Link's files: DES over text, and in the upload file a checksum before it (docs/protocols/mode-switch.md section 6.1).

use des::Des;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use md5::{Digest, Md5};

use crate::error::{Error, ErrorKind, Result, counted};

/// The key of modem files, and a second one that some firmwares use for their configuration.
pub(super) const KEYS: [[u8; 8]; 2] =
    [[0x47, 0x8d, 0xa5, 0x0b, 0xf9, 0xe3, 0xd2, 0xcf], [0x47, 0x8d, 0xa5, 0x0f, 0xf9, 0xe3, 0xd2, 0xcb]];

/// The largest file that the upload page takes, in bytes.
pub(super) const MAX_BIN: usize = 2048;
pub(super) fn decrypt(key: &[u8; 8], bytes: &[u8]) -> Vec<u8> {
    let cipher = Des::new(&(*key).into());
    let (blocks, _) = bytes.as_chunks::<8>();
    let mut plain = Vec::with_capacity(bytes.len());
    for block in blocks {
        let mut block = (*block).into();
        cipher.decrypt_block(&mut block);
        plain.extend_from_slice(&block);
    }
    plain
}

pub(super) fn encrypt(plain: &[u8]) -> Vec<u8> {
    let cipher = Des::new(&KEYS[0].into());
    let mut out = plain.to_vec();
    out.resize(out.len().next_multiple_of(8), 0);
    let (blocks, _) = out.as_chunks_mut::<8>();
    for block in blocks {
        let mut encrypted = (*block).into();
        cipher.encrypt_block(&mut encrypted);
        block.copy_from_slice(&encrypted);
    }
    out
}

/// The text of an upload file.
///
/// # Errors
/// `FileCorrupt`, which is also what any other file shows.
pub(super) fn open_bin(bytes: &[u8]) -> Result<String> {
    let damaged = |what: String| {
        Error::new(ErrorKind::FileCorrupt, format!("TP-Link 3G modem bin file: {what}"))
            .with("size", bytes.len())
    };
    let start = &bytes[..bytes.len().min(MAX_BIN)];
    let texts = KEYS.map(|key| decrypt(&key, start));
    if bytes.len() <= MAX_BIN
        && bytes.len().is_multiple_of(8)
        && let Some(text) = texts.iter().find_map(|plain| checked_text(plain))
    {
        return Ok(text);
    }
    if let Some(end) = texts.iter().find_map(|plain| end_of_text(plain)) {
        return Err(damaged(format!("it has {} behind its end", counted(bytes.len() - end, "byte"))));
    }
    Err(damaged(match bytes.len() {
        size if size > MAX_BIN => "it is larger than the 2048 bytes that a router takes".to_owned(),
        size if !size.is_multiple_of(8) => "it is cut: it is not whole blocks of 8 bytes".to_owned(),
        _ => "the checksum inside it is wrong: it is cut, or a byte of it was changed".to_owned(),
    }))
}

/// The text behind its checksum, where that is right.
fn checked_text(plain: &[u8]) -> Option<String> {
    let end = plain.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let (sum, text) = plain[..end].split_first_chunk::<16>()?;
    let is_right = !text.is_empty() && Md5::digest(text).as_slice() == sum;
    is_right.then(|| String::from_utf8_lossy(text).into_owned())
}

/// How many of these bytes are an upload file, where more stand behind it.
fn end_of_text(plain: &[u8]) -> Option<usize> {
    (8..=plain.len()).step_by(8).find(|end| checked_text(&plain[..*end]).is_some())
}

/// The file of a text.
///
/// # Errors
/// `FileTooLarge` when the router would not take it.
pub fn seal_bin(text: &str) -> Result<Vec<u8>> {
    let mut plain = Md5::digest(text.as_bytes()).to_vec();
    plain.extend_from_slice(text.as_bytes());
    let bytes = encrypt(&plain);
    if bytes.len() > MAX_BIN {
        return Err(Error::new(ErrorKind::FileTooLarge, "the router takes at most 2048 bytes")
            .with("size", bytes.len()));
    }
    Ok(bytes)
}
