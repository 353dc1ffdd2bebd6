use std::collections::BTreeMap;

use crate::profile::Key;
use crate::stick::UsbId;

/// How to switch one kind of stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which stick it is for.
    pub key: Key,
    /// The product's name, for people. Empty when nobody told.
    pub name: String,
    /// What to do and what to expect.
    pub parameters: Parameters,
    /// Where this knowledge is from.
    pub source: String,
}

/// The ways of switching that have a name (docs/protocols/mode-switch.md sections 2.1 and 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Detach the kernel's drivers, nothing else.
    DetachStorageOnly,
    /// SET_FEATURE device remote wakeup.
    Huawei,
    /// One vendor request.
    Sierra,
    /// Sony Ericsson: one vendor request, and again after the stick came back.
    Sony,
    /// GCT: two class requests.
    Gct,
    /// Kobil: one vendor request.
    Kobil,
    /// Sequans: one vendor request.
    Sequans,
    /// Mobile Action cable: a long dialogue of interrupt transfers.
    MobileAction,
    /// Cisco: eleven SCSI commands.
    Cisco,
    /// Qisda: one vendor request with data.
    Qisda,
    /// Quanta: one vendor request.
    Quanta,
    /// Blackberry: two vendor requests.
    Blackberry,
    /// Huawei's SCSI command for Linux.
    HuaweiNew,
    /// Huawei's SCSI command for the fallback.
    HuaweiAlt,
    /// Option's SCSI command.
    Option,
    /// Allow removal and eject, for LUN 0 and 1.
    StandardEject,
}

impl Method {
    /// Every method.
    pub const ALL: [Method; 16] = [
        Method::DetachStorageOnly,
        Method::Huawei,
        Method::Sierra,
        Method::Sony,
        Method::Gct,
        Method::Kobil,
        Method::Sequans,
        Method::MobileAction,
        Method::Cisco,
        Method::Qisda,
        Method::Quanta,
        Method::Blackberry,
        Method::HuaweiNew,
        Method::HuaweiAlt,
        Method::Option,
        Method::StandardEject,
    ];

    /// Its name in usb_modeswitch's files.
    pub fn config_name(self) -> &'static str {
        match self {
            Method::DetachStorageOnly => "DetachStorageOnly",
            Method::Huawei => "HuaweiMode",
            Method::Sierra => "SierraMode",
            Method::Sony => "SonyMode",
            Method::Gct => "GCTMode",
            Method::Kobil => "KobilMode",
            Method::Sequans => "SequansMode",
            Method::MobileAction => "MobileActionMode",
            Method::Cisco => "CiscoMode",
            Method::Qisda => "QisdaMode",
            Method::Quanta => "QuantaMode",
            Method::Blackberry => "BlackberryMode",
            Method::HuaweiNew => "HuaweiNewMode",
            Method::HuaweiAlt => "HuaweiAltMode",
            Method::Option => "OptionMode",
            Method::StandardEject => "StandardEject",
        }
    }

    /// The method with this name in usb_modeswitch's files; case matters there.
    pub fn from_config_name(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|m| m.config_name() == name)
    }

    /// Its option letter on usb_modeswitch's command line.
    pub fn letter(self) -> char {
        match self {
            Method::DetachStorageOnly => 'd',
            Method::Huawei => 'H',
            Method::Sierra => 'S',
            Method::Sony => 'O',
            Method::Gct => 'G',
            Method::Kobil => 'T',
            Method::Sequans => 'N',
            Method::MobileAction => 'A',
            Method::Cisco => 'L',
            Method::Qisda => 'B',
            Method::Quanta => 'E',
            Method::Blackberry => 'Z',
            Method::HuaweiNew => 'J',
            Method::HuaweiAlt => 'X',
            Method::Option => 'U',
            Method::StandardEject => 'K',
        }
    }

    /// Whether it talks SCSI, so that it must only ever go to a storage interface.
    pub fn is_storage_command(self) -> bool {
        matches!(
            self,
            Method::StandardEject | Method::HuaweiNew | Method::HuaweiAlt | Method::Cisco | Method::Option
        )
    }
}

/// What an entry says. Absent parameters have usb_modeswitch's defaults (docs/protocols/mode-switch.md section 2.1);
/// present ones are kept even where they say the default, so that no format loses them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// idVendor after the switch.
    pub target_vendor: Option<u16>,
    /// idProduct after the switch.
    pub target_product: Option<u16>,
    /// Several idProducts, any of which may come. Empty when not given; overrides `target_product`.
    pub target_products: Vec<u16>,
    /// Class of the device or its first interface after the switch.
    pub target_class: Option<u8>,
    /// Named methods, and whether each was turned on or, explicitly, off.
    pub methods: BTreeMap<Method, bool>,
    /// Pantech: 0 off, 1 wait only, above that the wValue that is sent.
    pub pantech: Option<u16>,
    /// Up to three messages for the bulk OUT endpoint; empty for none.
    pub messages: [Vec<u8>; 3],
    /// One raw control request without data: the eight bytes of its setup packet. Only TP-Link's formats have it.
    pub control_message: Option<[u8; 8]>,
    /// Endpoint for messages.
    pub message_endpoint: Option<u8>,
    /// Endpoint for responses.
    pub response_endpoint: Option<u8>,
    /// Interface to use instead of the first.
    pub interface: Option<u8>,
    /// Configuration to select after everything else; 0 means that this stick is to be left alone.
    pub configuration: Option<u8>,
    /// Alternate setting to select.
    pub alt_setting: Option<u8>,
    /// Select the configuration that holds an MBIM interface. Only OpenWrt's format has it.
    pub mbim: Option<bool>,
    /// Reset the port at the end.
    pub reset_usb: Option<bool>,
    /// Wait this long before the interface is released.
    pub release_delay_ms: Option<u32>,
    /// Wait this long before anything.
    pub wait_before_s: Option<u32>,
    /// Watch this long for success.
    pub check_success_s: Option<u32>,
    /// Do not look for an MBIM configuration first.
    pub no_mbim_check: Option<bool>,
    /// Changes one output line of usb_modeswitch.
    pub no_driver_loading: Option<bool>,
    /// Obsolete: responses are always read.
    pub need_response: Option<bool>,
}

impl Parameters {
    /// Whether a named method is on.
    pub fn has(&self, method: Method) -> bool {
        self.methods.get(&method).copied().unwrap_or(false)
    }

    /// Turns a named method on.
    pub fn turn_on(&mut self, method: Method) {
        self.methods.insert(method, true);
    }

    /// The named methods that are on.
    pub fn methods_on(&self) -> impl Iterator<Item = Method> {
        self.methods.iter().filter(|(_, on)| **on).map(|(method, _)| *method)
    }

    /// Whether there is any message.
    pub fn has_message(&self) -> bool {
        self.messages.iter().any(|m| !m.is_empty())
    }

    /// Whether the entry only says that the stick is to be left alone.
    pub fn is_leave_alone(&self) -> bool {
        self.configuration == Some(0) && !self.does_something()
    }

    /// Whether anything would be done to the stick.
    pub fn does_something(&self) -> bool {
        self.methods_on().next().is_some()
            || self.has_message()
            || self.control_message.is_some()
            || self.pantech.is_some_and(|n| n > 0)
            || self.configuration.is_some_and(|n| n > 0)
            || self.alt_setting.is_some()
            || self.mbim == Some(true)
            || self.reset_usb == Some(true)
    }

    /// The ids that may come after the switch, for a stick whose vendor id is `vendor` now. Empty when only the class is told.
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
        if self.methods.remove(&Method::HuaweiNew) == Some(true) {
            self.turn_on(Method::HuaweiAlt);
        }
        self
    }

    /// What is done, in one line for people.
    pub fn summary(&self) -> String {
        let mut parts: Vec<String> = self.methods_on().map(|m| m.config_name().to_owned()).collect();
        if let Some(n) = self.pantech.filter(|n| *n > 0) {
            parts.push(format!("PantechMode {n}"));
        }
        match self.messages.iter().filter(|m| !m.is_empty()).count() {
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
