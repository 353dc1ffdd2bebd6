//! What of a web dialogue may be shown: the names of everything, and the values that are listed here.
//!
//! ```
//! use stickshift::mask;
//!
//! let body = b"<response><rsrp>-87dBm</rsrp><Imei>860000000000001</Imei></response>";
//! let hidden = mask::web::body(body);
//! assert_eq!(hidden.len(), 1);
//! assert_eq!(&body[hidden[0].clone()], b"860000000000001");
//! ```

use std::ops::Range;

use super::long_digits;

/// Headers whose values are shown. Those of cookies show names and attributes.
const HEADERS: &[&str] = &[
    "accept",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "host",
    "server",
    "user-agent",
    "x-requested-with",
];

/// Elements whose text is shown. Compared in lower case; those that end in `_enabled` are flags and shown too.
const SHOWN: &[&str] = &[
    "action",
    "apnisstatic",
    "ascending",
    "authmode",
    "auto_dial_switch",
    "auto_update",
    "band",
    "boxtype",
    "classify",
    "cleartraffic",
    "code",
    "codetype",
    "connectionstatus",
    "connectmode",
    "control",
    "count",
    "currentconnecttime",
    "currentdownload",
    "currentdownloadrate",
    "currentnetworktype",
    "currentnetworktypeex",
    "currentprofile",
    "currentupload",
    "currentuploadrate",
    "dataswitch",
    "delete",
    "devicename",
    "dnsisstatic",
    "ecio",
    "encrypt_transmit",
    "error",
    "extern_password_type",
    "fullname",
    "hardwareversion",
    "hilink_login",
    "index",
    "ipisstatic",
    "iptype",
    "isvalid",
    "iterations",
    "length",
    "limit",
    "localinbox",
    "localmax",
    "localunread",
    "lockstatus",
    "lteband",
    "m",
    "maxideltime",
    "maxsignal",
    "mode",
    "modify",
    "mtu",
    "networkband",
    "networkmode",
    "numeric",
    "offset",
    "operatetype",
    "pageindex",
    "password_type",
    "pci",
    "pdp_always_on",
    "pinoptstate",
    "plmn",
    "productfamily",
    "rat",
    "readcount",
    "readonly",
    "remainwaittime",
    "reserved",
    "response",
    "result",
    "roamautoconnectenable",
    "roamingstatus",
    "rsapadingtype",
    "rscp",
    "rsrp",
    "rsrq",
    "rssi",
    "servicestatus",
    "setdefault",
    "shortname",
    "signalicon",
    "signalstrength",
    "siminbox",
    "simpintimes",
    "simpuktimes",
    "simstate",
    "simstatus",
    "simunread",
    "sinr",
    "smsstoragefull",
    "smstat",
    "softwareversion",
    "sorttype",
    "state",
    "status",
    "supportmode",
    "timeout",
    "totalconnecttime",
    "totaldownload",
    "totalupload",
    "ui_download",
    "unreadmessage",
    "unreadpreferred",
    "v",
    "webui",
    "webuiversion",
    "workmode",
];

/// Elements whose text is secret, an identity, or tells where somebody is. Others are hidden too; these are known to be.
#[cfg(test)]
pub(super) const HIDDEN: &[&str] = &[
    "apnname",
    "cell_id",
    "clientproof",
    "content",
    "currentpin",
    "date",
    "dialupnum",
    "encpubkeye",
    "encpubkeyn",
    "failphone",
    "finalnonce",
    "firstnonce",
    "iccid",
    "imei",
    "imsi",
    "ipaddress",
    "logout",
    "macaddress1",
    "macaddress2",
    "msisdn",
    "name",
    "newpin",
    "password",
    "phone",
    "primarydns",
    "pukcode",
    "rsae",
    "rsan",
    "rsapubkeysignature",
    "salt",
    "sca",
    "secondarydns",
    "serialnumber",
    "servernonce",
    "serversignature",
    "sesinfo",
    "simsavepinpin",
    "sucphone",
    "token",
    "tokinfo",
    "username",
    "wanipaddress",
];

/// Whether an element's text is shown.
pub(super) fn is_shown(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("_enabled") || SHOWN.contains(&&*name)
}

/// The secrets of a web message: a first line, headers, an empty line, a body.
pub fn message(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let head = memchr::memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 2);
    let mut at = 0;
    for line in bytes[..head].split_inclusive(|b| *b == b'\n') {
        let end = at + line.trim_ascii_end().len();
        match line.iter().position(|b| *b == b':') {
            // A query may hold anything.
            _ if at == 0 => {
                found.extend(address(&line[..end]));
            }
            Some(colon) => header(bytes, at, at + colon, end, &mut found),
            None => found.push(at..end),
        }
        at += line.len();
    }
    let body = (head + 2).min(bytes.len());
    found.extend(self::body(&bytes[body..]).into_iter().map(|r| r.start + body..r.end + body));
    found.retain(|r| r.start < r.end);
    found
}

/// The secrets of an address or a path: a user and a password before the host, and what follows a `?`, a `#` or a `;`.
pub(super) fn address(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let query = bytes.iter().position(|b| matches!(b, b'?' | b'#' | b';')).unwrap_or(bytes.len());
    let host = memchr::memmem::find(&bytes[..query], b"//").map_or(0, |at| at + 2);
    // Whatever it is, behind a blank it is another word: the method of a request.
    let host = bytes[..query].iter().rposition(|b| *b == b' ').map_or(host, |at| host.max(at + 1));
    if let Some(at) = bytes[host..query].iter().rposition(|b| *b == b'@') {
        found.push(host..host + at);
    }
    if query + 1 < bytes.len() {
        found.push(query + 1..bytes.len());
    }
    found
}

fn header(bytes: &[u8], start: usize, colon: usize, end: usize, found: &mut Vec<Range<usize>>) {
    let name = String::from_utf8_lossy(&bytes[start..colon]).trim().to_ascii_lowercase();
    let value = (colon + 1).min(end)..end;
    // The names of cookies and what follows the first of a `Set-Cookie` stay, so that a record can be played back.
    let pairs = match name.as_str() {
        "cookie" => usize::MAX,
        "set-cookie" => 1,
        "location" => {
            found.extend(
                address(&bytes[value.clone()])
                    .into_iter()
                    .map(|r| r.start + value.start..r.end + value.start),
            );
            return;
        }
        _ if HEADERS.contains(&name.as_str()) => return long_digits(bytes, value, found),
        _ => return found.push(value),
    };
    let mut at = value.start;
    for pair in bytes[value].split(|b| *b == b';').take(pairs) {
        let name = pair.iter().position(|b| *b == b'=').map_or(0, |equals| equals + 1);
        found.push(at + name..at + pair.len());
        at += pair.len() + 1;
    }
}

/// The secrets of a body: the texts and attributes of a document, or all of what is none.
pub fn body(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if !bytes.trim_ascii_start().starts_with(b"<") {
        found.push(0..bytes.len());
        return found;
    }
    let (mut at, mut shown) = (0, false);
    while at < bytes.len() {
        let next = |from: usize, wanted: u8| {
            memchr::memchr(wanted, &bytes[from..]).map_or(bytes.len(), |n| from + n)
        };
        if bytes[at] != b'<' {
            let end = next(at, b'<');
            let is_space = bytes[at..end].iter().all(u8::is_ascii_whitespace);
            if shown {
                long_digits(bytes, at..end, &mut found);
            } else if !is_space {
                found.push(at..end);
            }
            at = end;
            continue;
        }
        let end = next(at, b'>');
        let inside = &bytes[at + 1..end];
        let name =
            inside.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
        shown = name > 0 && is_shown(&String::from_utf8_lossy(&inside[..name]));
        if !matches!(inside.first(), Some(b'/' | b'?')) {
            attributes(bytes, at + 1 + name..end, &mut found);
        }
        at = (end + 1).min(bytes.len());
    }
    found.retain(|r| r.start < r.end);
    found
}

/// The values of attributes, and everything in a tag that is not of the form `name="value"`.
fn attributes(bytes: &[u8], range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let mut at = range.start;
    for word in bytes[range].split_inclusive(u8::is_ascii_whitespace) {
        let text = word.trim_ascii();
        let text = text.strip_suffix(b"/").unwrap_or(text);
        let value = text.iter().position(|b| *b == b'=').map_or(0, |equals| equals + 1);
        let is_quote = |b: Option<&u8>| matches!(b, Some(b'"' | b'\''));
        let from = value + usize::from(is_quote(text.get(value)));
        let to = (text.len() - usize::from(is_quote(text.last()))).max(from);
        // By this name the page's token is found.
        if &text[from..to] != b"csrf_token" {
            found.push(at + from..at + to);
        }
        at += word.len();
    }
}
