//! JSON as people edit it: with comments, and with a comma before the last bracket.

use crate::profile::formats::exchange::Warning;

/// The most names of one object that are compared with each other: OpenWrt's file has 500.
const NAMES: usize = 1024;

/// Objects within each other whose names are compared.
const DEPTH: usize = 16;

/// The same as JSON has it, line by line, and what was left out. A piece of an object gets its brackets.
pub(super) fn strict(text: &str) -> (String, Vec<Warning>) {
    let (mut out, mut warnings) = (String::with_capacity(text.len() + 2), Vec::new());
    // Where the last comma stands in `out`, while nothing but blanks follows it, and its line.
    let mut comma: Option<(usize, usize)> = None;
    let mut line = 1;
    let mut characters = text.chars().peekable();
    let mut quoted = false;
    // Where the last text begins in `out`, and the names in each object that is open.
    let mut begin = 0;
    // A piece has no brackets of its own.
    let mut names: Vec<Vec<String>> = vec![Vec::new()];
    let mut depth: usize = 0;
    let mut warn = |line, what: &str| warnings.push(Warning { line, what: what.to_owned() });
    while let Some(c) = characters.next() {
        line += usize::from(c == '\n');
        if quoted {
            out.push(c);
            match c {
                '\\' => out.extend(characters.next()),
                '"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match c {
            '/' if characters.peek() == Some(&'/') => {
                warn(line, "JSON has no comments: usbmode does not read this file");
                while characters.next_if(|c| *c != '\n').is_some() {}
            }
            '#' => {
                warn(line, "JSON has no comments: usbmode does not read this file");
                while characters.next_if(|c| *c != '\n').is_some() {}
            }
            '/' if characters.peek() == Some(&'*') => {
                warn(line, "JSON has no comments: usbmode does not read this file");
                let mut last = ' ';
                for c in characters.by_ref() {
                    if c == '\n' {
                        line += 1;
                        out.push(c);
                    }
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            ',' => {
                comma = Some((out.len(), line));
                out.push(c);
            }
            '{' => {
                comma = None;
                depth += 1;
                if depth < DEPTH && cfg!(feature = "formats") {
                    names.truncate(depth);
                    names.push(Vec::new());
                }
                out.push(c);
            }
            // What stands before it is the name in quotes. A router has no room for this.
            ':' if cfg!(feature = "formats") => {
                let name = out[begin..].trim_end().to_owned();
                match names.get_mut(depth) {
                    Some(before) if before.contains(&name) => {
                        warn(line, &format!("{name} is there twice: the last one counts"));
                    }
                    Some(before) if before.len() < NAMES => before.push(name),
                    _ => {}
                }
                out.push(c);
                begin = out.len();
            }
            '}' | ']' => {
                if c == '}' {
                    depth = depth.saturating_sub(1);
                    names.truncate(depth + 1);
                }
                if let Some((at, of)) = comma.take() {
                    out.replace_range(at..=at, " ");
                    warn(
                        of,
                        "the comma before a closing bracket is left out: usbmode does not read this file",
                    );
                }
                out.push(c);
            }
            '"' => {
                quoted = true;
                begin = out.len();
                comma = None;
                out.push(c);
            }
            c if c.is_whitespace() => out.push(c),
            c => {
                comma = None;
                out.push(c);
            }
        }
    }
    if let Some((at, _)) = comma {
        out.replace_range(at..=at, " ");
    }
    if out.trim_start().starts_with('"') {
        out.insert(0, '{');
        out.push('}');
    }
    (out, warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_stand_twice_in_one_object_are_named() {
        let said = |text: &str| strict(text).1.into_iter().map(|w| (w.line, w.what)).collect::<Vec<_>>();
        let twice = said("{\"a\": {\"b\": 1, \"c\": \"b\"},\n \"b\": [{\"b\": 1}, {\"b\": 1}],\n \"a\" : 2}");
        assert_eq!(twice, [(3, "\"a\" is there twice: the last one counts".to_owned())]);
        assert_eq!(
            said(&"{\"a\": ".repeat(100)).len() + said("}}\"a\": 1").len(),
            0,
            "deep, and closed too often"
        );
        assert_eq!(said("\"a\": {\"b\": 1},\n\"a\": {\"b\": 1}").len(), 1, "a piece");
    }

    #[test]
    fn commas_and_comments_are_left_out_and_named() {
        let lines = |text: &str| {
            let (json, warnings) = strict(text);
            serde_json::from_str::<serde_json::Value>(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
            warnings.iter().map(|w| w.line).collect::<Vec<_>>()
        };
        assert_eq!(lines("{\"a\": [1, 2],\n \"b\": 3}"), [0; 0]);
        assert_eq!(lines("{\"a\": [1,\n2 ,\n],\n}"), [2, 3]);
        assert_eq!(lines("// x\n{ \"a\": /* , } */ 1, # y\n \"b\": \"//,]\" }"), [1, 2, 2]);
        assert_eq!(lines("{\"a\": 1, /* one\n two */ }"), [1, 1]);
        assert_eq!(lines("\"a\": { \"b\": 1 },\n"), [0; 0], "a piece");
        assert_eq!(lines("{\"a\": \"\\\",}\"}"), [0; 0]);
    }
}
