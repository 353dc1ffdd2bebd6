//! What the owner calls sticks: by IMEI, which a stick keeps wherever it is plugged in, by serial number, or by place on the bus.

use std::collections::BTreeMap;

use stickshift::stick::{Place, Stick};

/// Names by what tells a stick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(BTreeMap<String, String>);

/// A name in topics' payloads, labels and columns is never longer.
const LONGEST: usize = 64;

impl Names {
    /// # Errors
    /// A name that is none, in words.
    pub(crate) fn of(names: BTreeMap<String, String>) -> Result<Names, String> {
        for name in names.values() {
            let count = name.chars().count();
            if name.trim().is_empty() || count > LONGEST || name.chars().any(char::is_control) {
                return Err(format!("{name:?} is no name: it has up to {LONGEST} characters on one line"));
            }
        }
        Ok(Names(names))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The IMEI, serial number or place of the stick that has this name, where one alone has it.
    pub(crate) fn key(&self, name: &str) -> Option<&str> {
        let mut keys = self.0.iter().filter(|(_, known)| *known == name).map(|(key, _)| key.as_str());
        keys.next().filter(|_| keys.next().is_none())
    }

    /// Those of `others` for sticks that have none here.
    pub(crate) fn add(&mut self, others: Names) {
        for (key, name) in others.0 {
            self.0.entry(key).or_insert(name);
        }
    }

    /// The name of a stick; `imei` is what it says itself, where it was asked. The stick itself counts more than where it is.
    pub(crate) fn name(&self, stick: &Stick, imei: Option<&str>) -> Option<String> {
        self.name_of(&stick.place, stick.serial.as_deref(), imei)
    }

    fn name_of(&self, place: &Place, serial: Option<&str>, imei: Option<&str>) -> Option<String> {
        let of = |key: Option<&str>| key.and_then(|key| self.0.get(key)).cloned();
        of(imei).or_else(|| of(serial)).or_else(|| of(Some(&place.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stick_itself_counts_more_than_its_place() {
        let text = |pair: (&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
        let names = [("860000000000001", "north"), ("1-1.2", "window"), ("S1", "spare")].map(text);
        let names = Names::of(names.into_iter().collect()).unwrap();
        let place: Place = "1-1.2".parse().unwrap();
        let name = |serial, imei| names.name_of(&place, serial, imei);
        assert_eq!(name(Some("S1"), Some("860000000000001")).as_deref(), Some("north"));
        assert_eq!(name(Some("S1"), Some("860000000000002")).as_deref(), Some("spare"));
        assert_eq!(name(None, None).as_deref(), Some("window"));
        assert_eq!(names.name_of(&"1-3".parse().unwrap(), None, None), None);
        assert_eq!((names.key("north"), names.key("nobody")), (Some("860000000000001"), None));
        let twice = Names::of([("1-1", "x"), ("1-2", "x")].map(text).into_iter().collect()).unwrap();
        assert_eq!(twice.key("x"), None);
        for bad in ["", " ", "a\nb", &"x".repeat(65)] {
            assert!(Names::of([text(("1-1", bad))].into_iter().collect()).is_err(), "{bad}");
        }
    }
}
