//! OpenWrt's `/etc/usb-mode.json`, read by `usbmode` (docs/protocols/mode-switch.md section 5).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::profile::formats::usb_modeswitch::{hex_bytes, hex_text};
use crate::profile::formats::{Export, Format, Import, Loss, Warning, loss};
use crate::profile::{Entry, Key, Method, Parameters, messages};
use crate::stick::UsbId;

/// The methods that `usbmode` has under its own names.
const MODES: [(&str, Method); 14] = [
    ("StandardEject", Method::StandardEject),
    ("Huawei", Method::Huawei),
    ("HuaweiNew", Method::HuaweiNew),
    ("Sierra", Method::Sierra),
    ("Sony", Method::Sony),
    ("Qisda", Method::Qisda),
    ("GCT", Method::Gct),
    ("Kobil", Method::Kobil),
    ("Sequans", Method::Sequans),
    ("MobileAction", Method::MobileAction),
    ("Cisco", Method::Cisco),
    ("Option", Method::Option),
    ("Quanta", Method::Quanta),
    ("Blackberry", Method::Blackberry),
];

/// Whether a text is a JSON object with `devices`.
pub fn looks_like(text: &str) -> bool {
    text.trim_start().starts_with('{') && text.contains("\"devices\"")
}

/// Reads entries. Keys and modes that are not known are named in the warnings.
///
/// # Errors
/// `FileCorrupt` when it is no JSON of this shape (fact `entry` where there is one).
pub fn parse(text: &str) -> Result<Import> {
    let corrupt = |what| Error::new(ErrorKind::FileCorrupt, what);
    let root: Value =
        serde_json::from_str(text).map_err(|e| corrupt("this is not well-formed JSON").because(e))?;
    let mut all_messages = Vec::new();
    for message in root.get("messages").and_then(Value::as_array).into_iter().flatten() {
        let hex = message.as_str().ok_or_else(|| corrupt("a message is not a text"))?;
        all_messages.push(hex_bytes(hex).map_err(corrupt)?);
    }
    let devices = root.get("devices").and_then(Value::as_object);
    let devices = devices.ok_or_else(|| corrupt("there are no devices here"))?;
    let mut import =
        Import { format: Format::Openwrt, entries: Vec::new(), warnings: Vec::new(), refused: Vec::new() };
    for (id, matches) in devices {
        let parsed: UsbId = id.parse().map_err(|()| corrupt("these are no ids").with("entry", id))?;
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

fn parameters(settings: &Map<String, Value>, all: &[Vec<u8>], warn: &mut dyn FnMut(String)) -> Parameters {
    let mut p = Parameters::default();
    let mut mode_value = None;
    for (key, value) in settings {
        let number = value.as_u64();
        let truth = value.as_bool().or(number.map(|n| n != 0));
        let byte = number.and_then(|n| u8::try_from(n).ok());
        let word = number.and_then(|n| u16::try_from(n).ok());
        let time = number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= 3_600_000);
        let taken = match key.as_str() {
            "t_vendor" => store(&mut p.target_vendor, word),
            "t_product" => match value.as_array().map(Vec::as_slice) {
                Some([one]) => store(&mut p.target_product, one.as_u64().and_then(|n| u16::try_from(n).ok())),
                Some(many) => {
                    let list: Option<Vec<u16>> =
                        many.iter().map(|n| n.as_u64().and_then(|n| u16::try_from(n).ok())).collect();
                    list.map(|list| p.target_products = list).is_some()
                }
                None => store(&mut p.target_product, word),
            },
            "t_class" => store(&mut p.target_class, byte),
            "mode" => match value.as_str() {
                Some("Generic" | "Pantech") => true,
                Some("MBIM") => store(&mut p.mbim, Some(true)),
                Some(name) => match MODES.iter().find(|(n, _)| *n == name) {
                    Some((_, method)) => {
                        p.turn_on(*method);
                        true
                    }
                    None => false,
                },
                None => false,
            },
            "modeval" => store(&mut mode_value, word),
            "msg" => {
                let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
                let found: Vec<&Vec<u8>> =
                    list.iter().filter_map(|n| all.get(usize::try_from(n.as_u64()?).ok()?)).take(3).collect();
                for (slot, message) in p.messages.iter_mut().zip(&found) {
                    slot.clone_from(message);
                }
                found.len() == list.len() && value.is_array()
            }
            "msg_endpoint" => store(&mut p.message_endpoint, byte),
            "response_endpoint" => store(&mut p.response_endpoint, byte),
            "response" => store(&mut p.need_response, truth),
            "release_delay" => store(&mut p.release_delay_ms, time),
            "interface" => store(&mut p.interface, byte),
            "config" => store(&mut p.configuration, byte),
            "alt" => store(&mut p.alt_setting, byte),
            "wait" => store(&mut p.wait_before_s, time),
            "check" => store(&mut p.check_success_s, time),
            "reset" => store(&mut p.reset_usb, truth),
            "no_driver" => store(&mut p.no_driver_loading, truth),
            "detach_storage" => truth.map(|on| p.methods.insert(Method::DetachStorageOnly, on)).is_some(),
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
pub fn emit(entries: &[Entry]) -> Export {
    let mut all_messages: Vec<String> = Vec::new();
    let mut devices: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    let mut losses = Vec::new();
    for entry in entries {
        let Some(id) = entry.key.id() else {
            losses.push(loss(entry, "entry", "usbmode has no families of products"));
            continue;
        };
        let conditions: String = entry.key.qualifiers.iter().map(|q| format!(":{q}")).collect();
        let condition = if conditions.is_empty() { "*".to_owned() } else { conditions };
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
    let mut text = serde_json::to_string_pretty(&json!({ "messages": all_messages, "devices": devices }))
        .expect("texts and numbers are always JSON");
    text.push('\n');
    Export { bytes: text.into_bytes(), file_name: Some("usb-mode.json".to_owned()), losses, notes }
}

fn settings(entry: &Entry, all: &mut Vec<String>, losses: &mut Vec<Loss>) -> Option<Value> {
    let p = &entry.parameters;
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    let mut lose = |what, why| losses.push(loss(entry, what, why));
    let mut to_send = p.messages.clone();
    let methods: Vec<Method> = p.methods_on().filter(|m| *m != Method::DetachStorageOnly).collect();
    let mode = match methods.as_slice() {
        [] if p.mbim == Some(true) => Some("MBIM"),
        [] if p.pantech.is_some_and(|n| n > 0) => Some("Pantech"),
        [] => None,
        // It has no mode for this one, and takes its message.
        [Method::HuaweiAlt] => {
            to_send = [messages::HUAWEI_ALT.to_vec(), Vec::new(), Vec::new()];
            None
        }
        [method] => MODES.iter().find(|(_, m)| m == method).map(|(name, _)| *name),
        _ => {
            lose("entry", "it names more than one method");
            return None;
        }
    };
    put("mode", mode.map(Value::from));
    put("modeval", p.pantech.filter(|n| *n > 0).map(Value::from));
    put("t_vendor", p.target_vendor.map(Value::from));
    let products = if p.target_products.is_empty() {
        p.target_product.map(|n| json!([n]))
    } else {
        Some(json!(p.target_products))
    };
    put("t_product", products);
    put("t_class", p.target_class.map(Value::from));
    let mut indices = Vec::new();
    for message in to_send.iter().filter(|m| !m.is_empty()) {
        let hex = hex_text(message);
        let known = all.iter().position(|m| *m == hex);
        indices.push(known.unwrap_or_else(|| {
            all.push(hex);
            all.len() - 1
        }));
    }
    put("msg", (!indices.is_empty()).then(|| json!(indices)));
    put("msg_endpoint", p.message_endpoint.map(Value::from));
    put("response_endpoint", p.response_endpoint.map(Value::from));
    put("response", p.need_response.map(Value::from));
    put("release_delay", p.release_delay_ms.map(Value::from));
    put("interface", p.interface.map(Value::from));
    put("config", p.configuration.map(Value::from));
    put("alt", p.alt_setting.map(Value::from));
    put("wait", p.wait_before_s.map(Value::from));
    put("check", p.check_success_s.map(Value::from));
    put("reset", p.reset_usb.map(Value::from));
    put("no_driver", p.no_driver_loading.map(Value::from));
    put("detach_storage", p.methods.get(&Method::DetachStorageOnly).map(|on| Value::from(*on)));
    if !entry.name.is_empty() {
        lose("name", "there is no place for a product's name");
    }
    if !entry.source.is_empty() {
        lose("source", "there is no place for where the knowledge is from");
    }
    if p.methods.iter().any(|(method, on)| !on && *method != Method::DetachStorageOnly) {
        lose("method", "a method that is explicitly off is just left out");
    }
    if p.control_message.is_some() {
        lose("control message", "usbmode cannot send a raw control request");
    }
    if p.no_mbim_check.is_some() {
        lose("NoMBIMCheck", "usbmode never looks for MBIM by itself");
    }
    if p.pantech == Some(0) {
        lose("PantechMode", "a method that is explicitly off is just left out");
    }
    Some(Value::Object(map))
}

/// Where `usbmode` does something else than the entries say (commit 9b4d0a6 was read).
fn notes(devices: &BTreeMap<String, BTreeMap<String, Value>>, entries: &[Entry]) -> Vec<String> {
    let mut notes = Vec::new();
    for (id, matches) in devices {
        let Some(first) = matches.keys().next().filter(|first| *first != "*" || matches.len() > 1) else {
            continue;
        };
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
    note(
        count(&|p| p.target_class.is_some()),
        "usbmode's test of t_class is the wrong way round, so that these sticks are never switched; take t_class out for it",
    );
    note(count(&|p| p.release_delay_ms.is_some()), "usbmode does not read release_delay");
    note(count(&|p| p.wait_before_s.is_some()), "usbmode does not read wait");
    note(count(&|p| p.check_success_s.is_some()), "usbmode does not read check");
    note(count(&|p| p.reset_usb == Some(true)), "usbmode does not read reset");
    note(count(&|p| p.has(Method::DetachStorageOnly)), "usbmode does not read detach_storage");
    notes
}
