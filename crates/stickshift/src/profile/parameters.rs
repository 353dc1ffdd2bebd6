//! The one statement of every switching parameter.
//!
//! `data/devices` is read into [`Parameters`] when the library is built, the native format (TOML) is read and written through them, and the
//! foreign formats say which of their names stand for which field. docs/architecture.md says what a new field takes.
//!
//! ```
//! use stickshift::profile::{Method, Parameters};
//!
//! let parameters: Parameters = toml::from_str("method = 'HuaweiNewMode'\ntarget-products = [0x14db, 0x14dc]").unwrap();
//! assert!(parameters.has(Method::HuaweiNew));
//! assert_eq!(parameters.target_products, [0x14db, 0x14dc]);
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::methods::Method;
use crate::hex;

/// What an entry says. Absent parameters have usb_modeswitch's defaults (docs/protocols/mode-switch.md section 2.1);
/// present ones are kept even where they say the default, so that no format loses them.
///
/// Each field is a key of the native format, by its name in kebab-case unless an attribute gives another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(proptest_derive::Arbitrary))]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Parameters {
    /// Named methods that are turned on.
    #[serde(rename = "method", with = "methods_list")]
    pub methods: BTreeSet<Method>,
    /// Named methods that are explicitly turned off. A method that is in both sets is on.
    #[serde(rename = "off", with = "methods_list")]
    pub methods_off: BTreeSet<Method>,
    /// Up to three messages for the bulk OUT endpoint, at most [`MAX_MESSAGE`] bytes each; empty for none.
    #[serde(rename = "message", with = "messages_list")]
    pub messages: [Vec<u8>; 3],
    /// idVendor after the switch.
    pub target_vendor: Option<u16>,
    /// idProduct after the switch.
    pub target_product: Option<u16>,
    /// Several idProducts, any of which may come. Empty when not given; overrides `target_product`.
    pub target_products: Vec<u16>,
    /// Class of the device or its first interface after the switch.
    pub target_class: Option<u8>,
    /// bConfigurationValue to select after everything else; 0 means that this stick is to be left alone.
    pub configuration: Option<u8>,
    /// Obsolete: responses are always read.
    pub need_response: Option<bool>,
    /// Address of the OUT endpoint for messages; 0 for the first one.
    pub message_endpoint: Option<u8>,
    /// Address of the IN endpoint for responses; 0 for the first one.
    pub response_endpoint: Option<u8>,
    /// bInterfaceNumber to use instead of the first.
    pub interface: Option<u8>,
    /// bAlternateSetting to select.
    pub alt_setting: Option<u8>,
    /// Pantech: 0 off, 1 wait only, above that the wValue that is sent.
    #[serde(rename = "pantech-mode")]
    pub pantech: Option<u16>,
    /// Wait before anything, at most [`MAX_TIME`].
    #[serde(deserialize_with = "time")]
    #[cfg_attr(test, proptest(strategy = "any_time()"))]
    pub wait_before_s: Option<u32>,
    /// Wait before the interface is released, at most [`MAX_TIME`].
    #[serde(deserialize_with = "time")]
    #[cfg_attr(test, proptest(strategy = "any_time()"))]
    pub release_delay_ms: Option<u32>,
    /// Watch for success, at most [`MAX_TIME`].
    #[serde(deserialize_with = "time")]
    #[cfg_attr(test, proptest(strategy = "any_time()"))]
    pub check_success_s: Option<u32>,
    /// Select the configuration that holds an MBIM interface. Only OpenWrt's format has it.
    pub mbim: Option<bool>,
    /// Do not look for an MBIM configuration first.
    pub no_mbim_check: Option<bool>,
    /// Changes one output line of usb_modeswitch.
    pub no_driver_loading: Option<bool>,
    /// Reset the port at the end.
    pub reset_usb: Option<bool>,
    /// One raw control request without data: the eight bytes of its setup packet. Only TP-Link's formats have it.
    #[serde(with = "setup_packet")]
    pub control_message: Option<[u8; 8]>,
}

/// The largest number that a time may be, in whichever unit: an hour in milliseconds is more than any stick takes, and a typing error must not
/// stop a router for days.
pub const MAX_TIME: u32 = 3_600_000;

/// The longest message, in bytes. The longest known one has 31.
pub const MAX_MESSAGE: usize = 1024;

/// A message out of hex digits, in pairs with nothing between them. The error is a sentence that says what is wrong.
pub fn parse_message(text: &str) -> Result<Vec<u8>, &'static str> {
    if text.len() > 2 * MAX_MESSAGE {
        return Err("the message is longer than anything that switches a stick");
    }
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("the message holds something that is not a hex digit");
    }
    hex::decode(text).ok_or("the message has an odd number of hex digits")
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let time = Option::<u32>::deserialize(deserializer)?;
    match time {
        Some(time) if time > MAX_TIME => Err(D::Error::custom("the time is longer than an hour")),
        time => Ok(time),
    }
}

/// A message: hex digits for people, its bytes in the catalogue.
struct Message(Vec<u8>);

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&hex::encode(&self.0))
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            parse_message(&text).map(Message).map_err(D::Error::custom)
        } else {
            Vec::deserialize(deserializer).map(Message)
        }
    }
}

/// A list that people may write as its only item.
fn write_list<T: Serialize, S: Serializer>(items: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    match items {
        [only] if serializer.is_human_readable() => only.serialize(serializer),
        items => items.serialize(serializer),
    }
}

fn read_list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct List<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a list of texts")
        }

        fn visit_str<E: serde::de::Error>(self, only: &str) -> Result<Vec<T>, E> {
            Ok(vec![T::deserialize(only.into_deserializer())?])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(item) = items.next_element()? {
                all.push(item);
            }
            Ok(all)
        }
    }

    if deserializer.is_human_readable() {
        deserializer.deserialize_any(List(PhantomData))
    } else {
        Vec::deserialize(deserializer)
    }
}

mod methods_list {
    use super::*;

    pub(super) fn serialize<S: Serializer>(all: &BTreeSet<Method>, serializer: S) -> Result<S::Ok, S::Error> {
        write_list(&Vec::from_iter(all), serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeSet<Method>, D::Error> {
        Ok(read_list::<Method, D>(deserializer)?.into_iter().collect())
    }
}

/// Three messages as a list that ends with the last that is not empty.
mod messages_list {
    use super::*;

    pub(super) fn serialize<S: Serializer>(all: &[Vec<u8>; 3], serializer: S) -> Result<S::Ok, S::Error> {
        let length = all.iter().rposition(|m| !m.is_empty()).map_or(0, |last| last + 1);
        let given: Vec<Message> = all[..length].iter().map(|m| Message(m.clone())).collect();
        write_list(&given, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[Vec<u8>; 3], D::Error> {
        let given: Vec<Message> = read_list(deserializer)?;
        let mut all = <[Vec<u8>; 3]>::default();
        if given.len() > all.len() {
            return Err(D::Error::custom("there can be three messages at most"));
        }
        for (slot, Message(bytes)) in all.iter_mut().zip(given) {
            *slot = bytes;
        }
        Ok(all)
    }
}

mod setup_packet {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        setup: &Option<[u8; 8]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        setup.map(|bytes| Message(bytes.to_vec())).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<[u8; 8]>, D::Error> {
        let given = Option::<Message>::deserialize(deserializer)?;
        let setup = given.map(|Message(bytes)| bytes.try_into()).transpose();
        setup.map_err(|_| D::Error::custom("a setup packet has eight bytes"))
    }
}

#[cfg(test)]
fn any_time() -> impl proptest::strategy::Strategy<Value = Option<u32>> {
    proptest::option::of(0..=MAX_TIME)
}
