use crate::profile::methods::pantech_request;
use crate::profile::{Key, Method, Parameters};
use crate::stick::{Switching, UsbId};

/// How to switch one kind of stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which stick it is for.
    pub key: Key,
    /// The product's name, for people. Empty when unknown.
    pub name: String,
    /// What to do and what to expect.
    pub parameters: Parameters,
    /// Where this knowledge is from.
    pub source: String,
}

impl Parameters {
    /// Whether a named method is on.
    pub fn has(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    /// Turns a named method on.
    pub fn turn_on(&mut self, method: Method) {
        self.turn(method, true);
    }

    /// Turns a named method on, or explicitly off.
    pub fn turn(&mut self, method: Method, on: bool) {
        let (to, from) = match on {
            true => (&mut self.methods, &mut self.methods_off),
            false => (&mut self.methods_off, &mut self.methods),
        };
        from.remove(&method);
        to.insert(method);
    }

    /// The named methods that are on.
    pub fn methods_on(&self) -> impl Iterator<Item = Method> {
        self.methods.iter().copied()
    }

    /// What is said about a named method, if anything is.
    pub fn method(&self, method: Method) -> Option<bool> {
        let off = self.methods_off.contains(&method).then_some(false);
        self.methods.contains(&method).then_some(true).or(off)
    }

    /// The messages for the bulk OUT endpoint that are not empty, in their order.
    pub fn messages(&self) -> impl Iterator<Item = &[u8]> {
        self.messages.iter().map(Vec::as_slice).filter(|message| !message.is_empty())
    }

    /// Whether there is any message.
    pub fn has_message(&self) -> bool {
        self.messages().next().is_some()
    }

    /// Whether the entry only says that the stick is to be left alone.
    pub fn is_leave_alone(&self) -> bool {
        self.configuration == Some(0) && !self.does_something()
    }

    /// Whether anything would be done to the stick.
    pub fn does_something(&self) -> bool {
        !self.methods.is_empty()
            || self.has_message()
            || self.control_message.is_some()
            || self.pantech.is_some_and(|n| n > 0)
            || self.configuration.is_some_and(|n| n > 0)
            || self.alt_setting.is_some()
            || self.mbim == Some(true)
            || self.reset_usb == Some(true)
    }

    /// What is done to the stick, as far as it tells what the stick shows before.
    pub fn switching(&self) -> Switching {
        let unconfigured = Parameters { configuration: None, alt_setting: None, mbim: None, ..self.clone() };
        match (self.is_leave_alone(), self.does_something(), unconfigured.does_something()) {
            (true, ..) => Switching::LeavesAlone,
            (_, true, false) => Switching::Configures,
            _ => Switching::Sends,
        }
    }

    /// The ids that may come after the switch, for a stick whose vendor id is `vendor` now. Empty when only the class is given.
    pub fn targets(&self, vendor: u16) -> Vec<UsbId> {
        let vendor = self.target_vendor.unwrap_or(vendor);
        if self.target_products.is_empty() {
            self.target_product.map(|product| UsbId::new(vendor, product)).into_iter().collect()
        } else {
            self.target_products.iter().map(|product| UsbId::new(vendor, *product)).collect()
        }
    }

    /// HuaweiNew becomes HuaweiAlt: what usb_modeswitch's `HuaweiAltModeGlobal` does, and what an owner wants who asks for
    /// serial ports.
    #[must_use]
    pub fn with_huawei_alt(mut self) -> Self {
        if self.methods.remove(&Method::HuaweiNew) {
            self.turn_on(Method::HuaweiAlt);
        }
        self
    }

    /// The same transfers, by the method's name where a message or request has one.
    #[must_use]
    pub fn with_named_methods(mut self) -> Self {
        if !self.methods.is_empty() {
            return self;
        }
        let [first, second, third] = &self.messages;
        if second.is_empty() && third.is_empty() {
            let named = Method::ALL.into_iter().find(|method| method.message().is_some_and(|m| first == m));
            if let Some(method) = named {
                self.messages[0].clear();
                self.turn_on(method);
                return self;
            }
        } else if let [eject_1, eject_2, ..] = Method::StandardEject.commands()
            && first == eject_1
            && second == eject_2
        {
            self.messages = [std::mem::take(&mut self.messages[2]), Vec::new(), Vec::new()];
            self.turn_on(Method::StandardEject);
            return self;
        }
        if let Some(setup) = self.control_message {
            let named = Method::ALL.into_iter().find(|method| method.request() == Some(setup));
            let value = u16::from_le_bytes([setup[2], setup[3]]);
            if let Some(method) = named {
                self.control_message = None;
                self.turn_on(method);
            } else if value > 1 && setup == pantech_request(value) {
                self.control_message = None;
                self.pantech = Some(value);
            }
        }
        self
    }

    /// What is done, in one line for people.
    pub fn summary(&self) -> String {
        let mut parts: Vec<String> = self.methods_on().map(|m| m.name().to_owned()).collect();
        if let Some(n) = self.pantech.filter(|n| *n > 0) {
            parts.push(format!("PantechMode {n}"));
        }
        match self.messages().count() {
            0 => {}
            1 => parts.push("message".to_owned()),
            n => parts.push(format!("{n} messages")),
        }
        if self.control_message.is_some() {
            parts.push("control message".to_owned());
        }
        match self.configuration {
            Some(0) if self.is_leave_alone() => parts.push("leave alone".to_owned()),
            Some(n) if n > 0 => parts.push(format!("configuration {n}")),
            _ => {}
        }
        if let Some(n) = self.alt_setting {
            parts.push(format!("alternate setting {n}"));
        }
        if self.mbim == Some(true) {
            parts.push("MBIM configuration".to_owned());
        }
        if self.reset_usb == Some(true) {
            parts.push("port reset".to_owned());
        }
        if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
    }
}

impl Entry {
    /// The ids that may come after the switch.
    pub fn targets(&self) -> Vec<UsbId> {
        self.parameters.targets(self.key.vendor)
    }
}
