//! What the device is, its signal, and how to restart it or change its USB composition: sections 1.7 and 1.8.
//!
//! ```
//! use stickshift::error::Effect;
//! use stickshift::hilink::device::{self, Control, UsbMode};
//!
//! let restart = device::control(Control::Reboot);
//! assert_eq!((restart.path, restart.effect), ("/api/device/control", Effect::Changes));
//! assert_eq!(restart.body.as_deref(), Some("<Control>1</Control>"));
//! assert_eq!(UsbMode::Debug.number(), 1);
//! ```

use crate::hilink::xml::Element;
use crate::hilink::{Call, unexpected};
use crate::stick::radio::Figure;

/// `device/information`; wants a login when logins are on. Empty fields are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Information {
    /// `E3372`.
    pub name: Option<String>,
    /// An identity.
    pub serial: Option<String>,
    /// An identity.
    pub imei: Option<String>,
    /// An identity.
    pub imsi: Option<String>,
    /// An identity.
    pub iccid: Option<String>,
    /// The SIM's number, an identity.
    pub msisdn: Option<String>,
    /// `CL2E3372HM`.
    pub hardware: Option<String>,
    /// `22.200.15.00.00`.
    pub software: Option<String>,
    /// `17.100.13.01.03`.
    pub web_ui: Option<String>,
    /// Of the network card; the same on every stick of some models.
    pub mac: Option<String>,
    /// `LTE`.
    pub family: Option<String>,
    /// `hilink`.
    pub class: Option<String>,
    /// `LTE|WCDMA|GSM`.
    pub supports: Option<String>,
    /// `LTE`, `WCDMA`, `NO SERVICE`.
    pub works_in: Option<String>,
    /// Address in the operator's network, on newer ones.
    pub wan_address: Option<String>,
}

/// `GET device/information`. Some pages answer with nothing in it.
pub fn information() -> Call<Information> {
    Call::get("/api/device/information", |r| {
        Ok(Information {
            name: r.string("DeviceName"),
            serial: r.string("SerialNumber"),
            imei: r.string("Imei"),
            imsi: r.string("Imsi"),
            iccid: r.string("Iccid"),
            msisdn: r.string("Msisdn"),
            hardware: r.string("HardwareVersion"),
            software: r.string("SoftwareVersion"),
            web_ui: r.string("WebUIVersion"),
            mac: r.string("MacAddress1"),
            family: r.string("ProductFamily"),
            class: r.string("Classify"),
            supports: r.string("supportmode"),
            works_in: r.string("workmode"),
            wan_address: r.string("WanIPAddress"),
        })
    })
}

/// `device/basic_information`: the only identity that never wants a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasicInformation {
    /// `E3372`.
    pub name: Option<String>,
    /// `LTE`.
    pub family: Option<String>,
    /// `hilink`.
    pub class: Option<String>,
    /// On newer ones.
    pub software: Option<String>,
    /// On newer ones.
    pub web_ui: Option<String>,
}

/// `GET device/basic_information`.
pub fn basic_information() -> Call<BasicInformation> {
    Call::get("/api/device/basic_information", |r| {
        let basic = BasicInformation {
            name: r.string("devicename"),
            family: r.string("productfamily"),
            class: r.string("classify"),
            software: r.string("SoftwareVersion"),
            web_ui: r.string("WebUIVersion"),
        };
        if basic == BasicInformation::default() { Err(unexpected("device information")) } else { Ok(basic) }
    })
}

/// `device/signal`: signal strength and quality, in dB or dBm, as far as its technology has the figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signal {
    /// Radio technology: 0 2G, 2 3G, 5 HSPA, 7 LTE.
    pub mode: Option<u8>,
    /// All power in the channel.
    pub rssi: Option<Figure>,
    /// 4G: the cell's reference signal.
    pub rsrp: Option<Figure>,
    /// 4G: its quality.
    pub rsrq: Option<Figure>,
    /// 4G: signal to interference and noise.
    pub sinr: Option<Figure>,
    /// 3G: the cell's code power.
    pub rscp: Option<Figure>,
    /// 3G: its share of all power.
    pub ecio: Option<Figure>,
    /// 5G beside LTE: the cell's reference signal.
    pub nr_rsrp: Option<Figure>,
    /// 5G: its quality.
    pub nr_rsrq: Option<Figure>,
    /// 5G: signal to interference and noise.
    pub nr_sinr: Option<Figure>,
    /// Physical cell id.
    pub pci: Option<u32>,
    /// Cell id.
    pub cell: Option<u64>,
    /// Band number.
    pub band: Option<u16>,
}

/// `GET device/signal`.
pub fn signal() -> Call<Signal> {
    Call::get("/api/device/signal", |r| {
        Ok(Signal {
            mode: r.number("mode"),
            rssi: figure(r, "rssi", -120, 0),
            rsrp: figure(r, "rsrp", -157, -30),
            rsrq: figure(r, "rsrq", -44, 20),
            sinr: figure(r, "sinr", -30, 50),
            rscp: figure(r, "rscp", -121, 0),
            ecio: figure(r, "ecio", -33, 0),
            nr_rsrp: figure(r, "nrrsrp", -157, -30),
            nr_rsrq: figure(r, "nrrsrq", -44, 20),
            nr_sinr: figure(r, "nrsinr", -30, 50),
            pci: r.number("pci"),
            cell: r.number("cell_id"),
            band: r.number("band"),
        })
    })
}

/// A figure with what stands around it taken off: `-87dBm`; `>=-51dBm` and `<-120dBm` are bounds. Outside of what the standards
/// have (3GPP TS 25.133, 36.133, 38.133) it stands for none: -65535, 255, 32767.
fn figure(reply: &Element, name: &str, low: i16, high: i16) -> Option<Figure> {
    let whole = reply.value(name)?.trim();
    let text = whole.trim_start_matches(['<', '>', '=', ' ']);
    let end = text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(text.len());
    let value = decimal(&text[..end]).filter(|v| (f32::from(low)..=f32::from(high)).contains(v))?;
    Some(match whole.chars().next() {
        Some('<') => Figure::AtMost(value),
        Some('>') => Figure::AtLeast(value),
        _ => Figure::Exact(value),
    })
}

/// A number with a sign and two decimals at most, further ones cut off: the standard library's parser brings tables of 16 KB with it.
fn decimal(text: &str) -> Option<f32> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let decimals =
        decimals.bytes().all(|b| b.is_ascii_digit()).then(|| &decimals[..decimals.len().min(2)])?;
    let digits = format!("{whole}{decimals}");
    let number: u32 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    let scale = [1.0, 10.0, 100.0][decimals.len()];
    let value = number as f32 / scale;
    Some(if text.starts_with('-') { -value } else { value })
}

/// What `device/control` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Restarts.
    Reboot,
    /// Back to how it was sold.
    FactoryReset,
    /// Turns it off.
    PowerOff,
}

/// `POST device/control`. The stick may be gone before it answers: see [`Hilink::call_and_lose`](super::Hilink::call_and_lose).
pub fn control(what: Control) -> Call<()> {
    let number = match what {
        Control::Reboot => "1",
        Control::FactoryReset => "2",
        Control::PowerOff => "4",
    };
    Call::set("/api/device/control", &[("Control", number)])
}

/// The USB compositions that `device/mode` and `/CGI` can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsbMode {
    /// 0, "project" mode: network card and AT port.
    Project,
    /// 1, "debug" mode: more serial ports.
    Debug,
}

impl UsbMode {
    /// The number that is sent.
    pub fn number(self) -> u8 {
        match self {
            UsbMode::Project => 0,
            UsbMode::Debug => 1,
        }
    }
}

/// `POST device/mode`. The stick may be gone before it answers: see [`Hilink::call_and_lose`](super::Hilink::call_and_lose).
/// A refusal 125002 that persists means that the firmware blocks it.
pub fn mode(mode: UsbMode) -> Call<()> {
    Call::set("/api/device/mode", &[("mode", &mode.number().to_string())])
}

/// `POST online-update/autoupdate-config`: automatic updates, and whether it fetches updates of its web UI.
pub fn automatic_updates(on: bool) -> Call<()> {
    let flag = if on { "1" } else { "0" };
    Call::set("/api/online-update/autoupdate-config", &[("auto_update", flag), ("ui_download", flag)])
}

/// `GET online-update/autoupdate-config`: automatic updates.
pub fn updates_itself() -> Call<Option<bool>> {
    Call::get("/api/online-update/autoupdate-config", |r| {
        Ok(r.string("auto_update").map(|value| value.trim() == "1"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hilink::xml;

    #[test]
    fn figures_outside_of_the_standards_are_none() {
        let reply = "<r><rsrp>-65535</rsrp><sinr>255</sinr><rsrq>32767dB</rsrq><rssi>53dBm</rssi><ecio>-33</ecio></r>";
        let told = signal().parse(&xml::parse(reply.as_bytes()).unwrap()).unwrap();
        assert_eq!(told, Signal { ecio: Some(Figure::Exact(-33.0)), ..Signal::default() });
    }

    #[test]
    fn decimals_are_read_as_the_standard_library_reads_them() {
        for text in ["-97.5", "0", "+3", "-0.2", ".5", "5.", "-12.25", "-97.50", "140"] {
            assert_eq!(decimal(text), text.parse().ok(), "{text}");
        }
        assert_eq!(decimal("-8.129"), Some(-8.12));
        for text in ["", "-", ".", "1.2.3", "--1", "1-2", "1.-2", "99999999999999999999"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}
