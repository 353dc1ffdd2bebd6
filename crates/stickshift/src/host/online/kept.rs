//! What is kept in files, as JSON: a record, and how much traffic has passed.
//!
//! Derived readers would be the largest part of `online` on a router: 50 KB for MIPS, where this has a quarter of it.

use std::net::IpAddr;

use serde_json::Value;

use crate::online::computer::{Card, Change, Network, Route, Rule, SettingName};
use crate::online::record::{Record, StickUndo, Usage};

/// What can be kept.
pub(super) trait Kept: Sized {
    fn to_json(&self) -> Value;

    /// `None` where the text is of something else. Fields that are not known are left aside.
    fn of_json(value: &Value) -> Option<Self>;
}

fn object(fields: Vec<(&str, Value)>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn field<T: Kept>(object: &Value, name: &str) -> Option<T> {
    T::of_json(object.as_object()?.get(name).unwrap_or(&Value::Null))
}

/// A struct is an object of its fields. Of an enum, the word for the variant is the one field of an object around them.
macro_rules! kept {
    (struct $name:ident { $($field:ident),* }) => {
        impl Kept for $name {
            fn to_json(&self) -> Value {
                object(vec![$((stringify!($field), self.$field.to_json())),*])
            }

            fn of_json(value: &Value) -> Option<Self> {
                Some($name { $($field: field(value, stringify!($field))?),* })
            }
        }
    };
    (enum $name:ident { $($word:literal = $variant:ident { $($field:ident),* }),* }) => {
        impl Kept for $name {
            fn to_json(&self) -> Value {
                let (word, fields) = match self {
                    $($name::$variant { $($field),* } => ($word, vec![$((stringify!($field), $field.to_json())),*]),)*
                };
                object(vec![(word, object(fields))])
            }

            fn of_json(value: &Value) -> Option<Self> {
                let mut words = value.as_object()?.iter();
                let (Some((word, fields)), None) = (words.next(), words.next()) else { return None };
                Some(match word.as_str() {
                    $($word => $name::$variant { $($field: field(fields, stringify!($field))?),* },)*
                    _ => return None,
                })
            }
        }
    };
}

kept!(struct Record { version, place, stick, boot, way, on_stick, on_computer, card, apn, addresses, dns });
kept!(struct Usage { period, bytes });
kept!(struct Card { name, index });
kept!(struct Network { address, prefix });
kept!(struct Route { to, v6, via, card, source, metric, table });
kept!(struct Rule { from, bound_to, v6, priority, table });
kept!(enum StickUndo {
    "hang-up" = HangUp { context },
    "context" = Context { context, pdp, apn },
    "untold" = Untold { context },
    "data-switch" = DataSwitch { on },
    "profile" = Profile { index },
    "web-roaming" = WebRoaming { on },
    "roaming" = Roaming { on },
    "radio" = Radio { on }
});
kept!(enum Change {
    "link" = Link { card, up },
    "mac" = Mac { card, mac },
    "arp" = Arp { card, on },
    "mtu" = Mtu { card, mtu },
    "setting" = Setting { card, name, value },
    "address" = Address { card, address, add },
    "route" = Route { route, add },
    "rule" = Rule { rule, add },
    "resolver" = Resolver { card, servers },
    "end-program" = EndProgram { pid, started }
});

/// What settings are called in records.
const SETTINGS: [(SettingName, &str); 6] = [
    (SettingName::AcceptRa, "accept-ra"),
    (SettingName::AcceptRaDefault, "accept-ra-default"),
    (SettingName::RaMetric, "ra-metric"),
    (SettingName::DisableIpv6, "disable-ipv6"),
    (SettingName::ReversePath, "reverse-path"),
    (SettingName::NdpToEnd, "ndp-to-end"),
];

impl Kept for SettingName {
    fn to_json(&self) -> Value {
        SETTINGS.iter().find(|(name, _)| name == self).map(|(_, word)| *word).into()
    }

    fn of_json(value: &Value) -> Option<Self> {
        SETTINGS.iter().find(|(_, word)| value == word).map(|(name, _)| *name)
    }
}

impl<T: Kept> Kept for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }

    fn of_json(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::of_json(value).map(Some) }
    }
}

impl<T: Kept> Kept for Vec<T> {
    fn to_json(&self) -> Value {
        Value::Array(self.iter().map(T::to_json).collect())
    }

    fn of_json(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::of_json).collect()
    }
}

impl Kept for [u8; 6] {
    fn to_json(&self) -> Value {
        self.to_vec().to_json()
    }

    fn of_json(value: &Value) -> Option<Self> {
        Vec::of_json(value)?.try_into().ok()
    }
}

impl Kept for bool {
    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn of_json(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Kept for u64 {
    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn of_json(value: &Value) -> Option<Self> {
        value.as_u64()
    }
}

impl Kept for u32 {
    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn of_json(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

impl Kept for u8 {
    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn of_json(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

impl Kept for String {
    fn to_json(&self) -> Value {
        self.as_str().into()
    }

    fn of_json(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Kept for IpAddr {
    fn to_json(&self) -> Value {
        self.to_string().into()
    }

    fn of_json(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As earlier versions of the program have written it.
    fn written() -> Value {
        let card = json!({ "name": "wwan0", "index": 7 });
        let network = json!({ "address": "10.64.1.2", "prefix": 30 });
        json!({
            "version": 1, "place": "1-1.2", "stick": "12d1:1506", "boot": "b1", "way": "ncm",
            "on_stick": [
                { "hang-up": { "context": 1 } },
                { "context": { "context": 1, "pdp": "IPV4V6", "apn": "in\"ternet" } },
                { "context": { "context": 2, "pdp": null, "apn": "" } },
                { "data-switch": { "on": true } },
                { "profile": { "index": 3 } },
                { "web-roaming": { "on": false } },
                { "roaming": { "on": true } },
                { "radio": { "on": false } },
            ],
            "on_computer": [
                { "link": { "card": card, "up": false } },
                { "mac": { "card": card, "mac": [2, 0, 255, 16, 0, 1] } },
                { "arp": { "card": card, "on": true } },
                { "mtu": { "card": card, "mtu": 1500 } },
                { "setting": { "card": card, "name": "accept-ra", "value": "2" } },
                { "setting": { "card": card, "name": "accept-ra-default", "value": "1" } },
                { "setting": { "card": card, "name": "ra-metric", "value": "1024" } },
                { "setting": { "card": card, "name": "disable-ipv6", "value": "0" } },
                { "setting": { "card": card, "name": "reverse-path", "value": "2" } },
                { "setting": { "card": card, "name": "ndp-to-end", "value": "Y" } },
                { "address": { "card": card, "address": network, "add": false } },
                { "route": { "add": false, "route": {
                    "to": null, "v6": false, "via": "10.64.1.1", "card": card, "source": null, "metric": 700, "table": 254 } } },
                { "route": { "add": true, "route": {
                    "to": network, "v6": true, "via": null, "card": card, "source": "2001:db8::2", "metric": 0, "table": 4_000_000_000_u32 } } },
                { "rule": { "add": false, "rule": {
                    "from": "10.64.1.2", "bound_to": null, "v6": false, "priority": 100, "table": 1001 } } },
                { "rule": { "add": false, "rule": {
                    "from": null, "bound_to": "wwan0", "v6": false, "priority": 101, "table": 1001 } } },
                { "resolver": { "card": card, "servers": ["192.0.2.53", "2001:db8::53"] } },
                { "end-program": { "pid": 4_000_000_000_u32, "started": 18_000_000_000_000_000_000_u64 } },
            ],
            "card": card, "apn": "internet", "addresses": ["10.64.1.2"], "dns": [],
        })
    }

    #[test]
    fn what_earlier_versions_have_written_is_read_and_written_alike() {
        let record = Record::of_json(&written()).unwrap();
        assert_eq!((record.on_stick.len(), record.on_computer.len()), (8, 17));
        let card = Card { name: "wwan0".into(), index: 7 };
        assert_eq!(record.on_computer[1], Change::Mac { card, mac: [2, 0, 255, 16, 0, 1] });
        assert_eq!(record.to_json(), written());
        let usage = json!({ "period": "2026-11", "bytes": 5_000_000_000_u64 });
        assert_eq!(Usage::of_json(&usage).unwrap().to_json(), usage);
    }

    #[test]
    fn what_is_no_record_is_not_taken_for_one() {
        let changed = |path: &str, to: Value| {
            let mut value = written();
            *value.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = to;
            Record::of_json(&value)
        };
        for (path, to) in [
            ("", json!(null)),
            ("", json!([])),
            ("/version", json!("1")),
            ("/version", json!(-1)),
            ("/place", json!(11)),
            ("/on_stick", json!({})),
            ("/on_stick/0", json!({})),
            ("/on_stick/0", json!("hang-up")),
            ("/on_stick/0", json!({ "hang-up": { "context": 1 }, "radio": { "on": true } })),
            ("/on_stick/0/hang-up", json!({})),
            ("/on_stick/0/hang-up/context", json!(256)),
            ("/on_stick/3", json!({ "another": { "on": true } })),
            ("/on_computer/1/mac/mac", json!([2, 0, 255, 16, 0])),
            ("/on_computer/1/mac/mac/0", json!(2.5)),
            ("/on_computer/4/setting/name", json!("accept-all")),
            ("/on_computer/11/route/route/via", json!("10.64.1.256")),
            ("/on_computer/11/route/route/metric", json!(4_294_967_296_u64)),
            ("/card", json!("wwan0")),
            ("/dns", json!(null)),
        ] {
            assert_eq!(changed(path, to.clone()), None, "{path}: {to}");
        }
        assert!(changed("/card", json!(null)).unwrap().card.is_none());
        let mut newer = written();
        newer["speed"] = json!(7);
        assert!(Record::of_json(&newer).is_some());
    }
}
