//! Forms with files (multipart/form-data, RFC 7578), read as they come: no part is kept whole.

use axum::body::Bytes;
use futures_util::{Stream, StreamExt};
use memchr::memmem;

/// The head of a part is at most so long.
const HEAD: usize = 8 << 10;

/// The form does not read, or did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// What a part is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) name: String,
    /// Of a file: as its owner calls it.
    pub(crate) file_name: String,
}

/// The parts of a form, one after another.
pub(crate) struct Parts<S> {
    stream: S,
    buffer: Vec<u8>,
    /// What stands between two parts.
    delimiter: Vec<u8>,
    in_part: bool,
}

impl<S, E> Parts<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    /// `None` for a content type without a boundary.
    pub(crate) fn new(content_type: &str, stream: S) -> Option<Parts<S>> {
        let boundary = parameter(content_type, "boundary")?;
        let fits = (1..=70).contains(&boundary.len()) && boundary.bytes().all(|b| (0x20..0x7f).contains(&b));
        // The first delimiter may have no line end before it; what stands before it is no part.
        fits.then(|| Parts {
            stream,
            buffer: b"\r\n".to_vec(),
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            in_part: true,
        })
    }

    async fn more(&mut self) -> Result<(), Broken> {
        let bytes = self.stream.next().await.and_then(Result::ok).ok_or(Broken)?;
        self.buffer.extend_from_slice(&bytes);
        Ok(())
    }

    /// The next part; `None` after the last one. What was not read of the part before is passed over.
    pub(crate) async fn next(&mut self) -> Result<Option<Head>, Broken> {
        while self.piece().await?.is_some() {}
        let end = loop {
            if self.buffer.starts_with(b"--") {
                return Ok(None);
            }
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > HEAD {
                return Err(Broken);
            }
            self.more().await?;
        };
        let head = head(&String::from_utf8_lossy(&self.buffer[..end])).ok_or(Broken)?;
        // A part may be empty: then the next delimiter begins with this line end.
        self.buffer.drain(..end + 2);
        self.in_part = true;
        if !self.buffer.starts_with(&self.delimiter) {
            self.buffer.drain(..2);
        }
        Ok(Some(head))
    }

    /// The next bytes of this part; `None` at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Broken> {
        while self.in_part {
            let end = memmem::find(&self.buffer, &self.delimiter);
            // What may be the beginning of a delimiter stays.
            let sure = end.unwrap_or((self.buffer.len() + 1).saturating_sub(self.delimiter.len()));
            if sure > 0 {
                let rest = self.buffer.split_off(sure);
                return Ok(Some(Bytes::from(std::mem::replace(&mut self.buffer, rest))));
            }
            if end.is_some() {
                self.buffer.drain(..self.delimiter.len());
                self.in_part = false;
            } else {
                self.more().await?;
            }
        }
        Ok(None)
    }

    /// The text of this part, which has at most `most` bytes.
    pub(crate) async fn text(&mut self, most: usize) -> Result<String, Broken> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > most {
                return Err(Broken);
            }
        }
        String::from_utf8(bytes).map_err(|_| Broken)
    }
}

fn head(lines: &str) -> Option<Head> {
    let mut lines = lines.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))?;
    Some(Head {
        name: parameter(value, "name")?,
        file_name: parameter(value, "filename").unwrap_or_default(),
    })
}

/// A parameter of a header's value: a word, or a text in quotes. Browsers write a quote in a file's name as %22.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let (found, left) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (text, left) = quoted.split_once('"')?;
                (text, left.split_once(';').map_or("", |(_, left)| left))
            }
            None => after.split_once(';').unwrap_or((after, "")),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(found.trim().replace("%22", "\""));
        }
        rest = left;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    /// The parts of a form whose bytes come `size` at a time.
    fn parts(form: &[u8], size: usize) -> Result<Vec<(Head, String)>, Broken> {
        let pieces: Vec<_> =
            form.chunks(size).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
        let kind = "multipart/form-data; charset=x; boundary=\"b--1\"";
        let mut parts = Parts::new(kind, stream::iter(pieces)).ok_or(Broken)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut all = Vec::new();
            while let Some(head) = parts.next().await? {
                all.push((head, parts.text(1000).await?));
            }
            Ok(all)
        })
    }

    const FORM: &[u8] = b"passed over\r\n--b--1\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nabc\r\n--b--1\r\n\
        content-type: x/y\r\ncontent-disposition: form-data; name=file; filename=\"a;%22b.bin\"\r\n\r\n\
        one\r\n--b--\r\n--b\r\ntwo\r\n\r\n--b--1\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--b--1--\r\nafter";

    #[test]
    fn parts_are_read_however_their_bytes_come() {
        let name = |name: &str, file_name: &str| Head { name: name.into(), file_name: file_name.into() };
        let wanted = vec![
            (name("token", ""), "abc".to_owned()),
            (name("file", "a;\"b.bin"), "one\r\n--b--\r\n--b\r\ntwo\r\n".to_owned()),
            (name("empty", ""), String::new()),
        ];
        for size in 1..FORM.len() + 1 {
            assert_eq!(parts(FORM, size).as_ref(), Ok(&wanted), "{size} bytes at a time");
        }
        assert_eq!(parts(&FORM["passed over\r\n".len()..], 7), Ok(wanted));
    }

    #[test]
    fn a_form_that_breaks_off_is_none() {
        let end = FORM.len() - "--\r\nafter".len();
        for length in 0..end {
            assert_eq!(parts(&FORM[..length], 11), Err(Broken), "{length} bytes");
        }
        let long =
            [b"--b--1\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n".as_slice(), &[b'x'; 2000]]
                .concat();
        assert_eq!(parts(&long, 100), Err(Broken));
        let endless = [b"--b--1\r\n".as_slice(), &[b'x'; HEAD + 100]].concat();
        assert_eq!(parts(&endless, 100), Err(Broken));
        for kind in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"",
            "x; y",
        ] {
            assert!(Parts::new(kind, stream::empty::<Result<Bytes, Infallible>>()).is_none(), "{kind}");
        }
    }
}
