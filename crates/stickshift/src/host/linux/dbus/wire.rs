//! D-Bus values and messages as bytes: the wire format of the D-Bus specification, "Message Protocol".

use std::fmt;

/// Deepest nesting of arrays and structs that is read; the specification allows 64.
const DEEPEST: usize = 32;
/// Largest message that is read. Answers to the questions asked here have a few hundred bytes; the specification allows 128 MiB.
pub(super) const LARGEST: usize = 4 << 20;

/// One D-Bus value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `y`
    Byte(u8),
    /// `b`
    Bool(bool),
    /// `n`
    I16(i16),
    /// `q`
    U16(u16),
    /// `i`
    I32(i32),
    /// `u`
    U32(u32),
    /// `x`
    I64(i64),
    /// `t`
    U64(u64),
    /// `d`
    F64(f64),
    /// `s`
    Text(String),
    /// `o`
    Path(String),
    /// `g`
    Signature(String),
    /// `h`: index into the descriptors that came with the message.
    Descriptor(u32),
    /// `a`: the signature of one element, and the elements.
    Array(String, Vec<Value>),
    /// `(...)`
    Struct(Vec<Value>),
    /// `{..}`: one entry of a dictionary, which is an array of them.
    Entry(Box<(Value, Value)>),
    /// `v`
    Variant(Box<Value>),
}

impl Value {
    /// `ay`
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Array("y".into(), bytes.iter().copied().map(Self::Byte).collect())
    }

    /// The text of a string, an object path or a signature, also inside a variant.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Path(text) | Self::Signature(text) => Some(text),
            Self::Variant(value) => value.text(),
            _ => None,
        }
    }

    fn put_signature(&self, into: &mut String) {
        let letter = match self {
            Self::Byte(_) => 'y',
            Self::Bool(_) => 'b',
            Self::I16(_) => 'n',
            Self::U16(_) => 'q',
            Self::I32(_) => 'i',
            Self::U32(_) => 'u',
            Self::I64(_) => 'x',
            Self::U64(_) => 't',
            Self::F64(_) => 'd',
            Self::Text(_) => 's',
            Self::Path(_) => 'o',
            Self::Signature(_) => 'g',
            Self::Descriptor(_) => 'h',
            Self::Variant(_) => 'v',
            Self::Array(element, _) => {
                into.push('a');
                into.push_str(element);
                return;
            }
            Self::Struct(fields) => {
                into.push('(');
                fields.iter().for_each(|field| field.put_signature(into));
                into.push(')');
                return;
            }
            Self::Entry(entry) => {
                into.push('{');
                entry.0.put_signature(into);
                entry.1.put_signature(into);
                into.push('}');
                return;
            }
        };
        into.push(letter);
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The signature of values that follow each other.
pub(super) fn signature(values: &[Value]) -> String {
    let mut text = String::new();
    values.iter().for_each(|value| value.put_signature(&mut text));
    text
}

/// What is wrong with bytes that should be a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Values as bytes, least significant byte first. Alignment counts from the start, so that a body is marshalled by itself.
#[derive(Debug, Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    fn number<const N: usize>(&mut self, bytes: [u8; N]) {
        self.align(N);
        self.bytes.extend(bytes);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Byte(n) => self.bytes.push(*n),
            Value::Bool(b) => self.number(u32::from(*b).to_le_bytes()),
            Value::I16(n) => self.number(n.to_le_bytes()),
            Value::U16(n) => self.number(n.to_le_bytes()),
            Value::I32(n) => self.number(n.to_le_bytes()),
            Value::U32(n) | Value::Descriptor(n) => self.number(n.to_le_bytes()),
            Value::I64(n) => self.number(n.to_le_bytes()),
            Value::U64(n) => self.number(n.to_le_bytes()),
            Value::F64(n) => self.number(n.to_le_bytes()),
            Value::Text(text) | Value::Path(text) => {
                self.number((text.len() as u32).to_le_bytes());
                self.bytes.extend(text.as_bytes());
                self.bytes.push(0);
            }
            Value::Signature(text) => self.signature(text),
            Value::Variant(inner) => {
                self.signature(&signature(std::slice::from_ref(inner)));
                self.value(inner);
            }
            Value::Struct(fields) => {
                self.align(8);
                fields.iter().for_each(|field| self.value(field));
            }
            Value::Entry(entry) => {
                self.align(8);
                self.value(&entry.0);
                self.value(&entry.1);
            }
            Value::Array(element, elements) => {
                self.number([0; 4]);
                let length_at = self.bytes.len() - 4;
                self.align(alignment(element.as_bytes().first().copied().unwrap_or(b'y')));
                let start = self.bytes.len();
                elements.iter().for_each(|element| self.value(element));
                let length = (self.bytes.len() - start) as u32;
                self.bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
            }
        }
    }

    fn signature(&mut self, text: &str) {
        self.bytes.push(text.len() as u8);
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
    }
}

fn alignment(letter: u8) -> usize {
    match letter {
        b'y' | b'g' | b'v' => 1,
        b'n' | b'q' => 2,
        b'x' | b't' | b'd' | b'(' | b'{' => 8,
        _ => 4,
    }
}

/// A method call as bytes.
pub(super) fn call(serial: u32, to: &super::Object, method: &str, arguments: &[Value]) -> Vec<u8> {
    let mut body = Writer::default();
    arguments.iter().for_each(|argument| body.value(argument));
    let field =
        |code: u8, value: Value| Value::Struct(vec![Value::Byte(code), Value::Variant(Box::new(value))]);
    let mut fields = vec![
        field(1, Value::Path(to.path.clone())),
        field(2, Value::from(&*to.interface)),
        field(3, Value::from(method)),
        field(6, Value::from(&*to.service)),
    ];
    if !arguments.is_empty() {
        fields.push(field(8, Value::Signature(signature(arguments))));
    }
    let mut message = Writer::default();
    // Least significant byte first, a method call, no flags, version 1 of the protocol.
    message.bytes.extend([b'l', 1, 0, 1]);
    message.number((body.bytes.len() as u32).to_le_bytes());
    message.number(serial.to_le_bytes());
    message.value(&Value::Array("(yv)".into(), fields));
    message.align(8);
    message.bytes.extend(body.bytes);
    message.bytes
}

/// What an incoming message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Return,
    Error,
    /// A call to us or a signal: nothing that is waited for.
    Other,
}

/// A message that came in.
#[derive(Debug, PartialEq)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) reply_to: Option<u32>,
    pub(super) error: Option<String>,
    pub(super) descriptors: u32,
    pub(super) body: Vec<Value>,
}

/// Bytes before the array of header fields ends the fixed part.
pub(super) const FIXED: usize = 16;

/// Length of the whole message that begins with `start`, which has at least [`FIXED`] bytes.
pub(super) fn length(start: &[u8]) -> Result<usize, Malformed> {
    let mut reader = Reader::new(start)?;
    reader.at = 4;
    let body = reader.u32()? as usize;
    reader.at = 12;
    let fields = reader.u32()? as usize;
    if body > LARGEST || fields > LARGEST {
        return Err(Malformed("a message of more than 4 MiB"));
    }
    Ok((FIXED + fields).next_multiple_of(8) + body)
}

/// Reads a whole message.
pub(super) fn message(bytes: &[u8]) -> Result<Message, Malformed> {
    let mut reader = Reader::new(bytes)?;
    let kind = match bytes.get(1) {
        Some(2) => Kind::Return,
        Some(3) => Kind::Error,
        _ => Kind::Other,
    };
    reader.at = 12;
    let Value::Array(_, fields) = reader.value("a(yv)", 0)? else {
        return Err(Malformed("no header fields"));
    };
    let mut message = Message { kind, reply_to: None, error: None, descriptors: 0, body: Vec::new() };
    let mut body_signature = String::new();
    for field in fields {
        let Value::Struct(pair) = field else { continue };
        let [Value::Byte(code), Value::Variant(value)] = &pair[..] else { continue };
        match (code, &**value) {
            (4, Value::Text(name)) => message.error = Some(name.clone()),
            (5, Value::U32(serial)) => message.reply_to = Some(*serial),
            (8, Value::Signature(text)) => body_signature = text.clone(),
            (9, Value::U32(count)) => message.descriptors = *count,
            _ => {}
        }
    }
    reader.align(8)?;
    let mut rest = &*body_signature;
    while !rest.is_empty() {
        let (first, after) = rest.split_at(one_type(rest, 0)?);
        message.body.push(reader.value(first, 0)?);
        rest = after;
    }
    Ok(message)
}

/// Length of the first complete type of a signature.
fn one_type(signature: &str, depth: usize) -> Result<usize, Malformed> {
    if depth > DEEPEST {
        return Err(Malformed("values nested too deeply"));
    }
    let rest = |from| signature.get(from..).unwrap_or_default();
    match signature.as_bytes().first() {
        Some(
            b'y' | b'b' | b'n' | b'q' | b'i' | b'u' | b'x' | b't' | b'd' | b's' | b'o' | b'g' | b'h' | b'v',
        ) => Ok(1),
        Some(b'a') => Ok(1 + one_type(rest(1), depth + 1)?),
        Some(open @ (b'(' | b'{')) => {
            let close = if *open == b'(' { b')' } else { b'}' };
            let mut at = 1;
            while rest(at).as_bytes().first().is_some_and(|c| *c != close) {
                at += one_type(rest(at), depth + 1)?;
            }
            if rest(at).is_empty() || at == 1 {
                return Err(Malformed("a signature with an open or empty bracket"));
            }
            Ok(at + 1)
        }
        _ => Err(Malformed("a signature with an unknown type")),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    swapped: bool,
}

const SHORT: Malformed = Malformed("a message that ends in the middle of a value");

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let swapped = match bytes.first() {
            Some(b'l') => false,
            Some(b'B') => true,
            _ => return Err(Malformed("a message without its mark of byte order")),
        };
        Ok(Self { bytes, at: 0, swapped })
    }

    fn align(&mut self, to: usize) -> Result<(), Malformed> {
        self.at = self.at.next_multiple_of(to);
        if self.at > self.bytes.len() { Err(SHORT) } else { Ok(()) }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).ok_or(SHORT)?;
        let taken = self.bytes.get(self.at..end).ok_or(SHORT)?;
        self.at = end;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.align(N)?;
        let mut bytes: [u8; N] = self.take(N)?.try_into().map_err(|_| SHORT)?;
        if self.swapped {
            bytes.reverse();
        }
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.number().map(u32::from_le_bytes)
    }

    fn text(&mut self, length: usize) -> Result<String, Malformed> {
        let text =
            std::str::from_utf8(self.take(length)?).map_err(|_| Malformed("a text that is not UTF-8"))?;
        self.take(1)?;
        Ok(text.to_owned())
    }

    fn value(&mut self, signature: &str, depth: usize) -> Result<Value, Malformed> {
        if depth > DEEPEST {
            return Err(Malformed("values nested too deeply"));
        }
        let inside = |from: usize| signature.get(from..signature.len() - 1).unwrap_or_default();
        Ok(match signature.as_bytes().first() {
            Some(b'y') => Value::Byte(self.take(1)?[0]),
            Some(b'b') => Value::Bool(self.u32()? != 0),
            Some(b'n') => Value::I16(i16::from_le_bytes(self.number()?)),
            Some(b'q') => Value::U16(u16::from_le_bytes(self.number()?)),
            Some(b'i') => Value::I32(i32::from_le_bytes(self.number()?)),
            Some(b'u') => Value::U32(self.u32()?),
            Some(b'x') => Value::I64(i64::from_le_bytes(self.number()?)),
            Some(b't') => Value::U64(u64::from_le_bytes(self.number()?)),
            Some(b'd') => Value::F64(f64::from_le_bytes(self.number()?)),
            Some(b'h') => Value::Descriptor(self.u32()?),
            Some(letter @ (b's' | b'o')) => {
                let length = self.u32()? as usize;
                let text = self.text(length)?;
                if *letter == b's' { Value::Text(text) } else { Value::Path(text) }
            }
            Some(b'g') => Value::Signature(self.signature()?),
            Some(b'v') => {
                let signature = self.signature()?;
                if one_type(&signature, 0)? != signature.len() {
                    return Err(Malformed("a variant of more than one value"));
                }
                Value::Variant(Box::new(self.value(&signature, depth + 1)?))
            }
            Some(b'a') => {
                let element = &signature[1..];
                let length = self.u32()? as usize;
                self.align(alignment(element.as_bytes().first().copied().unwrap_or(b'y')))?;
                let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(SHORT)?;
                let mut elements = Vec::new();
                while self.at < end {
                    elements.push(self.value(element, depth + 1)?);
                }
                if self.at != end {
                    return Err(Malformed("an array that ends in the middle of an element"));
                }
                Value::Array(element.to_owned(), elements)
            }
            Some(b'(') => {
                self.align(8)?;
                let mut fields = Vec::new();
                let mut rest = inside(1);
                while !rest.is_empty() {
                    let (first, after) = rest.split_at(one_type(rest, depth)?);
                    fields.push(self.value(first, depth + 1)?);
                    rest = after;
                }
                Value::Struct(fields)
            }
            Some(b'{') => {
                self.align(8)?;
                let rest = inside(1);
                let (key, value) = rest.split_at(one_type(rest, depth)?);
                let key = self.value(key, depth + 1)?;
                Value::Entry(Box::new((key, self.value(value, depth + 1)?)))
            }
            _ => return Err(Malformed("a signature with an unknown type")),
        })
    }

    fn signature(&mut self) -> Result<String, Malformed> {
        let length = usize::from(self.take(1)?[0]);
        self.text(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<Value> {
        vec![
            Value::Byte(7),
            Value::Bool(true),
            Value::I16(-2),
            Value::U16(40_000),
            Value::I32(-3),
            Value::U32(3_000_000_000),
            Value::I64(-4),
            Value::U64(1 << 63),
            Value::F64(0.5),
            Value::from("sé"),
            Value::Path("/org/x".into()),
            Value::Signature("a{sv}".into()),
            Value::Array(
                "(iay)".into(),
                vec![Value::Struct(vec![Value::I32(2), Value::bytes(&[8, 8, 4, 4])])],
            ),
            Value::Array("x".into(), vec![]),
            Value::Array(
                "{sv}".into(),
                vec![Value::Entry(Box::new(("k".into(), Value::Variant(Box::new(Value::Byte(1))))))],
            ),
        ]
    }

    /// A method return with `values`, made from a call: the same header but for its kind.
    fn answer(values: &[Value]) -> Vec<u8> {
        let to = super::super::Object::new("a.b", "/", "a.b");
        let mut bytes = call(9, &to, "M", values);
        bytes[1] = 2;
        bytes
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = answer(&every_kind());
        assert_eq!(length(&bytes), Ok(bytes.len()));
        assert_eq!(message(&bytes).unwrap().body, every_kind());
    }

    #[test]
    fn a_message_in_the_other_byte_order() {
        // An error reply to serial 5 with the text "no", laid out by the specification's table of header fields.
        let bytes = [
            &b"B\x03\x01\x01\0\0\0\x07\0\0\0\x02\0\0\0\x1f"[..],
            b"\x04\x01s\0\0\0\0\x03e.E\0\0\0\0\0",
            b"\x05\x01u\0\0\0\0\x05",
            b"\x08\x01g\0\x01s\0\0",
            b"\0\0\0\x02no\0",
        ]
        .concat();
        assert_eq!(length(&bytes), Ok(bytes.len()));
        let read = message(&bytes).unwrap();
        assert_eq!((read.kind, read.reply_to, read.error.as_deref()), (Kind::Error, Some(5), Some("e.E")));
        assert_eq!(read.body, [Value::from("no")]);
    }

    #[test]
    fn no_bytes_bring_the_reader_down() {
        let whole = answer(&every_kind());
        for cut in 0..whole.len() {
            let _ = message(&whole[..cut]);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x28, 0x61, 0x7f, 0xff] {
                let mut bent = whole.clone();
                bent[at] = value;
                let _ = length(&bent);
                let _ = message(&bent);
            }
        }
        let deep = "a".repeat(250) + "y";
        assert!(message(&answer(&[Value::Variant(Box::new(Value::Array(deep, vec![])))])).is_err());
    }
}
