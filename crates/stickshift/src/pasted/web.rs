//! What the web page of a stick with a router in it answers: Huawei's XML, JSON that programs make of it, and ZTE's JSON.

use super::modem_manager::{ManagedModem, Teller};
use super::number::string;

/// Values of one line; more are left out.
const MOST: usize = 256;

#[derive(Clone, Copy, Debug)]
enum Field {
    Model,
    Hardware,
    Revision,
    Identity,
    /// That nothing else has: the answer is one.
    Mark,
}

/// Elements of Huawei's answer to `device/information` and `device/basic_information`.
const HUAWEI: &[(&str, Field)] = &[
    ("DeviceName", Field::Model),
    ("devicename", Field::Model),
    ("HardwareVersion", Field::Hardware),
    ("SoftwareVersion", Field::Revision),
    ("Imei", Field::Identity),
    ("WebUIVersion", Field::Mark),
    ("Classify", Field::Mark),
    ("classify", Field::Mark),
];
/// Values of ZTE's answer to `goform_get_cmd_process`.
const ZTE: &[(&str, Field)] = &[
    ("model_name", Field::Model),
    ("hardware_version", Field::Hardware),
    ("wa_inner_version", Field::Revision),
    ("cr_version", Field::Mark),
    ("imei", Field::Identity),
];

/// Values of Alcatel's answer to `GetSystemInfo`.
const ALCATEL: &[(&str, Field)] = &[
    ("DeviceName", Field::Model),
    ("HwVersion", Field::Hardware),
    ("SwVersion", Field::Revision),
    ("IMEI", Field::Identity),
];

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Web {
    huawei: ManagedModem,
    zte: ManagedModem,
    alcatel: ManagedModem,
    /// Each shows values that nothing else has.
    is_huaweis: bool,
    is_ztes: bool,
    is_alcatels: bool,
    /// Of Huawei's page; the number is in the next line or the same.
    in_error: bool,
    /// The numbers of errors that Huawei's page answered.
    pub(super) errors: Vec<i32>,
}

impl Web {
    /// Looks at a line, and leaves it to others.
    pub(super) fn line(&mut self, text: &str) {
        self.error(text);
        if !text.contains(['<', '"']) {
            return;
        }
        for (key, value) in elements(text).chain(pairs(text)).take(MOST) {
            if let Some(field) = field_of(ALCATEL, key) {
                self.is_alcatels |= matches!(field, Field::Hardware | Field::Revision);
                put(&mut self.alcatel, field, value);
            }
            if let Some(field) = field_of(HUAWEI, key) {
                self.is_huaweis |= !matches!(field, Field::Model);
                put(&mut self.huawei, field, value);
            }
            if let Some(field) = field_of(ZTE, key) {
                self.is_ztes |= matches!(field, Field::Revision | Field::Mark);
                put(&mut self.zte, field, value);
            }
        }
    }

    /// `<error><code>125003</code>`, without `<code>` where that was taken for the markup of a forum.
    fn error(&mut self, text: &str) {
        let begun = text.split_once("<error>").map(|(_, rest)| rest);
        self.in_error |= begun.is_some();
        let rest = begun.unwrap_or(text).trim_start();
        let rest = rest.strip_prefix("<code>").unwrap_or(rest);
        if !self.in_error || rest.is_empty() {
            return;
        }
        self.in_error = false;
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
        if let Ok(number) = rest[..end].parse()
            && self.errors.len() < MOST
            && !self.errors.contains(&number)
        {
            self.errors.push(number);
        }
    }

    pub(super) fn finish(self) -> impl Iterator<Item = ManagedModem> {
        let huawei = ManagedModem { told_by: Teller::HuaweiPage, ..self.huawei };
        let zte = ManagedModem { told_by: Teller::OtherPage, ..self.zte };
        let huawei = Some(huawei).filter(|modem| self.is_huaweis && modem.model.is_some());
        let zte =
            Some(zte).filter(|modem| self.is_ztes && (modem.model.is_some() || modem.revision.is_some()));
        let alcatel = ManagedModem { told_by: Teller::OtherPage, ..self.alcatel };
        let alcatel = Some(alcatel).filter(|modem| self.is_alcatels && modem.model.is_some());
        huawei.into_iter().chain(zte).chain(alcatel)
    }
}

fn field_of(all: &[(&str, Field)], key: &str) -> Option<Field> {
    all.iter().find(|(name, _)| *name == key).map(|(_, field)| *field)
}

fn put(modem: &mut ManagedModem, field: Field, value: &str) {
    let place = match field {
        Field::Model => &mut modem.model,
        Field::Hardware => &mut modem.hardware,
        Field::Revision => &mut modem.revision,
        Field::Identity => &mut modem.equipment_id,
        Field::Mark => return,
    };
    *place = string(&plain(value)).or(place.take());
}

/// Without the numbers that stand for signs: `11.0.1.1&#40;H697SP1C983&#41;`.
fn plain(value: &str) -> String {
    let mut parts = value.split("&#");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let sign = part.split_once(';').and_then(|(number, rest)| {
            let sign = number.parse().ok().and_then(char::from_u32)?;
            Some((sign, rest))
        });
        match sign {
            Some((sign, rest)) => {
                plain.push(sign);
                plain.push_str(rest);
            }
            None => plain.extend(["&#", part]),
        }
    }
    plain
}

/// `<DeviceName>E3372h-320</DeviceName>`
fn elements(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('<').filter_map(|part| part.split_once('>')).filter(|(name, _)| !name.starts_with('/'))
}

/// `"model_name":"MF79U"`, `"DeviceName": "E3372",`
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts: Vec<&str> = text.split('"').take(4 * MOST).collect();
    let pair = |part: &[&'_ str]| part[1].trim() == ":";
    let found: Vec<(&str, &str)> =
        parts.windows(3).filter(|part| pair(part)).map(|part| (part[0], part[2])).collect();
    found.into_iter()
}
