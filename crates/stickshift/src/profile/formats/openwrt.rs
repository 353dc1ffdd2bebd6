//! OpenWrt's `/etc/usb-mode.json`, read by `usbmode` (docs/protocols/mode-switch.md section 5).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::hex;
use crate::profile::formats::exchange::{Export, Format, Import, Loss, Warning, loss, lost_keys};
use crate::profile::formats::relaxed_json;
use crate::profile::parameters::MAX_TIME;
use crate::profile::{Entry, Key, Method, Parameters, message};
use crate::stick::UsbId;

/// What a key stands for.
enum Setting {
    Byte(fn(&mut Parameters) -> &mut Option<u8>),
    Word(fn(&mut Parameters) -> &mut Option<u16>),
    /// At most [`MAX_TIME`].
    Time(fn(&mut Parameters) -> &mut Option<u32>),
    Flag(fn(&mut Parameters) -> &mut Option<bool>),
}

/// The keys that stand for one parameter each. `t_product`, `mode`, `modeval`, `msg` and `detach_storage` are more than that; `t_class` is less.
const KEYS: [(&str, Setting); 12] = [
    ("t_vendor", Setting::Word(|p| &mut p.target_vendor)),
    ("msg_endpoint", Setting::Byte(|p| &mut p.message_endpoint)),
    ("response_endpoint", Setting::Byte(|p| &mut p.response_endpoint)),
    ("response", Setting::Flag(|p| &mut p.need_response)),
    ("release_delay", Setting::Time(|p| &mut p.release_delay_ms)),
    ("interface", Setting::Byte(|p| &mut p.interface)),
    ("config", Setting::Byte(|p| &mut p.configuration)),
    ("alt", Setting::Byte(|p| &mut p.alt_setting)),
    ("wait", Setting::Time(|p| &mut p.wait_before_s)),
    ("check", Setting::Time(|p| &mut p.check_success_s)),
    ("reset", Setting::Flag(|p| &mut p.reset_usb)),
    ("no_driver", Setting::Flag(|p| &mut p.no_driver_loading)),
];

/// Whether a text is a JSON object with `devices`, or a piece of one that names ids or what only usbmode knows.
pub(crate) fn looks_like(text: &str) -> bool {
    let text = text.trim_start();
    let begins = text.starts_with(['{', '"']) || text.starts_with("//") || text.starts_with("/*");
    let names_ids = || {
        text.match_indices(':').any(|(at, _)| {
            let ids = at.checked_sub(5).and_then(|from| text.get(from..at + 6));
            ids.and_then(|ids| ids.strip_prefix('"')?.strip_suffix('"'))
                .is_some_and(|ids| ids.parse::<UsbId>().is_ok())
        })
    };
    let known = ["\"devices\"", "\"*\"", "\"t_vendor\"", "\"t_product\"", "\"msg\""];
    begins && (known.iter().any(|key| text.contains(key)) || names_ids())
}

/// Reads entries, also of a piece of the file: one device, or what stands for one under the ids that `file_name` gives. Keys and modes that are not
/// known are named in the warnings, and so are commas and comments that JSON does not have.
///
/// # Errors
/// `FileCorrupt` when it is no JSON of this shape (facts `entry`, `line`, `character` where there is one).
pub(crate) fn parse(text: &str, file_name: &str) -> Result<Import> {
    let corrupt = |what| Error::new(ErrorKind::FileCorrupt, what);
    let mut import =
        Import { format: Format::Openwrt, entries: Vec::new(), warnings: Vec::new(), refused: Vec::new() };
    let (json, warnings) = relaxed_json::strict(text);
    import.warnings = warnings;
    let root: Value = serde_json::from_str(&json).map_err(|e| {
        let error = corrupt("this is not well-formed JSON").detail(Detail::Line(e.line()));
        error.with("character", e.column()).because(e)
    })?;
    let mut all_messages = Vec::new();
    for (number, message) in root.get("messages").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        let digits =
            message.as_str().ok_or_else(|| corrupt("a message is not a text").with("message", number))?;
        let bytes = message::read(digits)
            .map_err(|bad| corrupt("a message is not hex").with("message", number).with("why", bad))?;
        all_messages.push(bytes.0);
    }
    let devices = match root.get("devices") {
        Some(devices) => {
            devices.as_object().ok_or_else(|| corrupt("the file has no list of devices"))?.clone()
        }
        None => fragment(&root, file_name)?,
    };
    for (id, matches) in &devices {
        let parsed: UsbId = id.parse().map_err(|()| corrupt("not a pair of USB ids").with("entry", id))?;
        let matches =
            matches.as_object().ok_or_else(|| corrupt("a device is not an object").with("entry", id))?;
        for (condition, settings) in matches {
            let conditions = condition.trim_start_matches(':');
            let name = if condition == "*" { parsed.to_string() } else { format!("{parsed}:{conditions}") };
            let key: Key = name.parse().map_err(|what| corrupt(what).with("entry", &name))?;
            let settings = settings.as_object();
            let settings =
                settings.ok_or_else(|| corrupt("an entry is not an object").with("entry", &name))?;
            let mut warn =
                |what: String| import.warnings.push(Warning { line: 0, what: format!("{name}: {what}") });
            let parameters = parameters(settings, &all_messages, &mut warn);
            let source = "OpenWrt usb-mode.json".to_owned();
            import.entries.push(Entry { key, name: String::new(), parameters, source });
        }
    }
    Ok(import)
}

/// The devices of a piece of the file: `"12d1:1f01": { "*": .. }`, or what stands behind the ids.
fn fragment(root: &Value, file_name: &str) -> Result<Map<String, Value>> {
    let corrupt = |what| Error::new(ErrorKind::FileCorrupt, what);
    let object = root.as_object().ok_or_else(|| corrupt("this is no object of usb-mode.json"))?;
    if object.keys().any(|key| key.parse::<UsbId>().is_ok()) {
        return Ok(object
            .iter()
            .filter(|(key, _)| *key != "messages")
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect());
    }
    let key = Key::from_file_name(file_name).ok().and_then(|(key, _)| key.id());
    let id = key.ok_or_else(|| {
        corrupt("this piece of usb-mode.json names no ids: put the line with the ids before it")
    })?;
    let is_match = object.keys().any(|key| key == "*" || key.starts_with(':'));
    let matches = if is_match { root.clone() } else { json!({ "*": root }) };
    Ok([(id.to_string(), matches)].into_iter().collect())
}

fn parameters(settings: &Map<String, Value>, all: &[Vec<u8>], warn: &mut dyn FnMut(String)) -> Parameters {
    let mut p = Parameters::default();
    let mut mode_value = None;
    for (key, value) in settings {
        let number = value.as_u64();
        let truth = value.as_bool().or(number.map(|n| n != 0));
        let byte = number.and_then(|n| u8::try_from(n).ok());
        let word = number.and_then(|n| u16::try_from(n).ok());
        let time = number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= MAX_TIME);
        if let Some((_, setting)) = KEYS.iter().find(|(known, _)| known == key) {
            let taken = match setting {
                Setting::Byte(of) => store(of(&mut p), byte),
                Setting::Word(of) => store(of(&mut p), word),
                Setting::Time(of) => store(of(&mut p), time),
                Setting::Flag(of) => store(of(&mut p), truth),
            };
            if !taken {
                warn(format!("{key}: {value} is not understood, it is left out"));
            }
            continue;
        }
        let taken = match key.as_str() {
            "t_product" => match value.as_array().map(Vec::as_slice) {
                Some([one]) => store(&mut p.target_product, one.as_u64().and_then(|n| u16::try_from(n).ok())),
                Some(many) => {
                    let list: Option<Vec<u16>> =
                        many.iter().map(|n| n.as_u64().and_then(|n| u16::try_from(n).ok())).collect();
                    list.map(|list| p.target_products = list).is_some()
                }
                None => store(&mut p.target_product, word),
            },
            "mode" => match value.as_str() {
                Some("Generic" | "Pantech") => true,
                Some("MBIM") => store(&mut p.mbim, Some(true)),
                Some(name) => Method::from_openwrt_name(name).map(|method| p.turn_on(method)).is_some(),
                None => false,
            },
            "modeval" => store(&mut mode_value, word),
            "msg" => {
                let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
                // A number in the file's list; a piece of the file may have the text itself.
                let read = |item: &Value| match item {
                    Value::String(text) => message::read(text).ok().map(|(bytes, _)| bytes),
                    number => all.get(usize::try_from(number.as_u64()?).ok()?).cloned(),
                };
                let found: Vec<Vec<u8>> = list.iter().filter_map(read).take(3).collect();
                if found.len() < list.len() && all.is_empty() {
                    warn(
                        "its messages are numbers of a list that is not here: copy the line \"messages\" too"
                            .to_owned(),
                    );
                    continue;
                }
                let past = |item: &&Value| item.as_u64().is_some_and(|n| n >= all.len() as u64);
                if let Some(number) = list.iter().find(past) {
                    warn(format!(
                        "msg: there is no message {number}; the list has {} (the first is 0)",
                        all.len()
                    ));
                    continue;
                }
                for (slot, message) in p.messages.iter_mut().zip(&found) {
                    slot.clone_from(message);
                }
                if found.len() == 3 && list.len() > 3 {
                    warn(format!("msg: it lists {} messages, the first three are read", list.len()));
                    continue;
                }
                found.len() == list.len() && value.is_array()
            }
            "t_class" if byte.is_some() => {
                let what = "t_class is left out: usbmode sends to sticks that show this class before the switch, and takes it for no target";
                warn(what.to_owned());
                true
            }
            "detach_storage" => truth.map(|on| p.turn(Method::DetachStorageOnly, on)).is_some(),
            "inquire" => true,
            _ => false,
        };
        if !taken {
            warn(format!("{key}: {value} is not understood, it is left out"));
        }
    }
    if settings.get("mode").and_then(Value::as_str) == Some("Pantech") {
        p.pantech = Some(mode_value.unwrap_or(1));
    }
    p.with_named_methods()
}

fn store<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    let given = value.is_some();
    *slot = value.or(slot.take());
    given
}

/// Writes entries, with the meaning that the keys should have; where `usbmode` gets it wrong, a note says so.
pub(crate) fn emit(entries: &[Entry]) -> Export {
    let mut all_messages: Vec<Vec<u8>> = Vec::new();
    let mut devices: BTreeMap<String, BTreeMap<String, Map<String, Value>>> = BTreeMap::new();
    let mut losses = Vec::new();
    for entry in entries {
        let Some(id) = entry.key.id() else {
            losses.push(loss(entry, "entry", "usbmode has no families of products"));
            continue;
        };
        // `"config": 0` would take the stick's configuration away.
        if entry.parameters.is_leave_alone() {
            let why =
                "it only says to leave the stick alone, and usbmode leaves alone what it has no entry for";
            losses.push(loss(entry, "entry", why));
            continue;
        }
        let condition = condition(entry);
        let Some(settings) = settings(entry, &mut all_messages, &mut losses) else { continue };
        let matches = devices.entry(id.to_string()).or_default();
        if matches.insert(condition, settings).is_some() {
            losses.push(loss(
                entry,
                "entry",
                "there is one entry per pair of ids and condition; the last one counts",
            ));
        }
    }
    let notes = notes(&devices, entries);
    let all_messages: Vec<String> = all_messages.iter().map(|message| hex::encode(message)).collect();
    let mut text = serde_json::to_string_pretty(&json!({ "messages": all_messages, "devices": devices }))
        .expect("texts and numbers are always JSON");
    text.push('\n');
    let entries = devices.values().map(BTreeMap::len).sum();
    Export { bytes: text.into_bytes(), entries, file_name: Some("usb-mode.json".to_owned()), losses, notes }
}

/// What an entry stands under, below its ids.
fn condition(entry: &Entry) -> String {
    let conditions: String = entry.key.qualifiers.iter().map(|q| format!(":{q}")).collect();
    if conditions.is_empty() { "*".to_owned() } else { conditions }
}

/// Which of several entries for the same ids usbmode takes: the first in the file, whatever its condition is.
pub(crate) fn first_in_file(entries: &[Entry]) -> Option<&Entry> {
    entries.iter().filter(|entry| !entry.parameters.is_leave_alone()).min_by_key(|entry| condition(entry))
}

fn settings(entry: &Entry, all: &mut Vec<Vec<u8>>, losses: &mut Vec<Loss>) -> Option<Map<String, Value>> {
    let mut p = entry.parameters.clone();
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    let methods: Vec<Method> = p.methods_on().filter(|m| *m != Method::DetachStorageOnly).collect();
    let mut to_send: Vec<Vec<u8>> = p.messages().map(<[u8]>::to_vec).collect();
    let mode = match methods.as_slice() {
        [] if p.mbim == Some(true) => Some("MBIM"),
        [] if p.pantech.is_some_and(|n| n > 0) => Some("Pantech"),
        [] => None,
        // usbmode sends no message beside a mode. A router's build has no room for this: there the message is lost.
        #[cfg(feature = "formats")]
        [Method::StandardEject] if !to_send.is_empty() => {
            let why = "usbmode sends no message beside a mode";
            losses.push(loss(entry, "StandardEject", why));
            let commands = Method::StandardEject.commands();
            let mut all = vec![commands[0].to_vec(), commands[1].to_vec()];
            all.append(&mut to_send);
            to_send = all;
            p.need_response = Some(true);
            None
        }
        [method] => {
            // A method that it has no mode for is the message that the method sends.
            if let (None, Some(message)) = (method.openwrt_name(), method.message()) {
                to_send = vec![message.to_vec()];
            }
            method.openwrt_name()
        }
        _ => {
            losses.push(loss(entry, "entry", "it names more than one method"));
            return None;
        }
    };
    if mode.is_some() {
        to_send.clear();
    }
    put("mode", mode.map(Value::from));
    put("modeval", p.pantech.filter(|n| *n > 0).map(Value::from));
    let products = if p.target_products.is_empty() {
        p.target_product.map(|n| json!([n]))
    } else {
        Some(json!(p.target_products))
    };
    put("t_product", products);
    let mut indices = Vec::new();
    for message in to_send {
        let known = all.iter().position(|m| *m == message);
        indices.push(known.unwrap_or_else(|| {
            all.push(message);
            all.len() - 1
        }));
    }
    put("msg", (!indices.is_empty()).then(|| json!(indices)));
    put("detach_storage", p.method(Method::DetachStorageOnly).map(Value::from));
    for (key, setting) in &KEYS {
        let value = match setting {
            Setting::Byte(of) => of(&mut p).map(Value::from),
            Setting::Word(of) => of(&mut p).map(Value::from),
            Setting::Time(of) => of(&mut p).map(Value::from),
            Setting::Flag(of) => of(&mut p).map(Value::from),
        };
        put(key, value);
    }

    if !entry.name.is_empty() {
        losses.push(loss(entry, "name", "the format has no field for it"));
    }
    if !entry.source.is_empty() {
        losses.push(loss(entry, "source", "the format has no field for it"));
    }
    let carried = parameters(&map, all, &mut |_| ());
    for key in lost_keys(&with_one_way_of_saying_it(&entry.parameters), &with_one_way_of_saying_it(&carried))
    {
        losses.push(match key.as_str() {
            "off" => loss(entry, "method", "a method that is explicitly off is just left out"),
            "control-message" => loss(entry, "control message", "usbmode cannot send a raw control request"),
            "target-class" => loss(
                entry,
                "TargetClass",
                "usbmode knows no class to become; its t_class is a condition on the stick as it is",
            ),
            "message" if mode.is_some() => loss(entry, "message", "usbmode sends no message beside a mode"),
            // All are sent; a profile has room for three.
            #[cfg(feature = "formats")]
            "message" if methods[..] == [Method::StandardEject] => continue,
            "no-mbim-check" => loss(entry, "NoMBIMCheck", "usbmode never checks for MBIM"),
            "pantech-mode" if entry.parameters.pantech == Some(0) => {
                loss(entry, "PantechMode", "a method that is explicitly off is just left out")
            }
            other => loss(entry, other, "usbmode has no key for it, or not beside the others"),
        });
    }
    Some(map)
}

/// The same parameters, where this format says two things alike.
fn with_one_way_of_saying_it(parameters: &Parameters) -> Parameters {
    let mut p = parameters.clone().with_named_methods();
    if let [one] = p.target_products[..] {
        p.target_product = Some(one);
        p.target_products.clear();
    }
    p
}

/// Where `usbmode` does something else than the entries say (commit 9b4d0a6 was read).
fn notes(devices: &BTreeMap<String, BTreeMap<String, Map<String, Value>>>, entries: &[Entry]) -> Vec<String> {
    let mut notes = Vec::new();
    for (id, matches) in devices {
        let Some(first) = matches.keys().next().filter(|first| *first != "*" || matches.len() > 1) else {
            continue;
        };
        // Alone it was chosen for the stick by whoever writes the file.
        if matches.len() == 1 && entries.len() == 1 {
            let text = "{id}: usbmode never looks at conditions: every stick with these ids is switched as ";
            notes.push(format!("{}{first}", text.replace("{id}", id)));
            continue;
        }
        notes.push(format!(
            "{id}: usbmode never looks at conditions such as {}; it takes {first} for every stick with these ids",
            matches.keys().next_back().unwrap_or(first)
        ));
    }
    let count = |what: &dyn Fn(&Parameters) -> bool| entries.iter().filter(|e| what(&e.parameters)).count();
    let mut note = |count: usize, text: &str| {
        if count > 0 {
            notes.push(format!("{count} of {} entries: {text}", entries.len()));
        }
    };
    note(count(&|p| p.release_delay_ms.is_some()), "usbmode does not read release_delay");
    note(count(&|p| p.wait_before_s.is_some()), "usbmode does not read wait");
    note(count(&|p| p.check_success_s.is_some()), "usbmode does not read check");
    note(count(&|p| p.reset_usb == Some(true)), "usbmode does not read reset");
    note(count(&|p| p.has(Method::DetachStorageOnly)), "usbmode does not read detach_storage");
    notes
}
