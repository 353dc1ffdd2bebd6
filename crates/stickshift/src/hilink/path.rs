//! Paths of the web API as servers may read them, however they are written.

/// What `path` may lead to, in small letters. `None` where it cannot be told.
pub(crate) fn plain_paths(path: &str) -> Option<[String; 2]> {
    let to_end = |path: &str| path.split(['?', '#']).next().unwrap_or_default().to_owned();
    let decoded = decoded(&to_end(path))?;
    // Servers differ in whether an encoded ? ends the path.
    Some([plain_path(&decoded), plain_path(&to_end(&decoded))])
}

/// A decoded path as a server may read it: in small letters, without empty and dotted segments.
fn plain_path(path: &str) -> String {
    let path = path.to_ascii_lowercase().replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        let segment = segment.split(';').next().unwrap_or_default().trim();
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

/// A path without %XX. `None` where an encoding is broken, or was encoded again and again.
fn decoded(path: &str) -> Option<String> {
    let mut path = path.to_owned();
    for _ in 0..4 {
        if !path.contains('%') {
            return Some(path);
        }
        let mut pieces = path.split('%');
        let mut bytes = pieces.next()?.as_bytes().to_vec();
        for piece in pieces {
            let digits = piece.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
            bytes.push(u8::from_str_radix(digits, 16).ok().filter(|byte| !byte.is_ascii_control())?);
            bytes.extend_from_slice(&piece.as_bytes()[2..]);
        }
        path = String::from_utf8(bytes).ok()?;
    }
    None
}

/// Whether a GET of this path does something, section 1.7: it ends a dialogue of a code, or restarts some sticks.
pub fn acts_on_get(path: &str) -> bool {
    let acts = |plain: &String| ACT.iter().any(|act| plain.ends_with(act));
    plain_paths(path).is_none_or(|plain| plain.iter().any(acts))
}

const ACT: [&str; 2] = ["/api/ussd/release", "/api/online-update/cancel-downloading"];
