//! Descriptors that owners and makers published (`tests/fixtures/reports.toml`), written out as the programs print them that people paste from.

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// What one publication shows of one stick, and what is to be read from it.
#[derive(Clone, Debug)]
pub struct Published {
    /// Where it was published.
    pub source: String,
    /// `vvvv:pppp`.
    pub id: String,
    /// `mode`: the code of the mode.
    pub mode: String,
    /// Number of an interface and the code of its role; `?` where no document tells it.
    pub roles: Vec<(u8, String)>,
    /// A word of the next step.
    pub next: String,
    class: [u8; 3],
    release: String,
    maker: String,
    product: String,
    interfaces: Vec<Shown>,
    names: Vec<(u8, String)>,
    composition: String,
}

/// One setting of an interface.
#[derive(Clone, Debug)]
struct Shown {
    number: u8,
    setting: u8,
    class: [u8; 3],
    endpoints: Vec<(u8, char, u16)>,
    /// Where the endpoints themselves were not published.
    count: Option<u8>,
    driver: Option<String>,
}

/// Every row of the file.
///
/// # Panics
/// When a row makes no sense.
pub fn all() -> Vec<Published> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/reports.toml");
    let text = fs::read_to_string(&path).expect("tests/fixtures/reports.toml");
    let file: toml::Table = text.parse().expect("TOML");
    let rows = file["report"].as_array().expect("[[report]]");
    rows.iter().map(|row| published(row.as_table().expect("a table"))).collect()
}

fn published(row: &toml::Table) -> Published {
    let text = |key: &str| row.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let list = |key: &str| -> Vec<String> {
        let values = row.get(key).and_then(|v| v.as_array()).into_iter().flatten();
        values.map(|v| v.as_str().expect("text").to_owned()).collect()
    };
    let texts = list("texts");
    let role = |word: &str| {
        let (number, role) = word.split_once('=').expect("NUMBER=ROLE");
        (number.parse().expect("a number"), role.to_owned())
    };
    let class = text("class");
    let published = Published {
        source: text("source"),
        id: text("id"),
        mode: text("mode"),
        roles: text("roles").split_whitespace().map(role).collect(),
        next: text("next"),
        class: if class.is_empty() { [0; 3] } else { triple(&class) },
        release: if text("release").is_empty() { "00.00".to_owned() } else { text("release") },
        maker: texts.first().cloned().unwrap_or_default(),
        product: texts.get(1).cloned().unwrap_or_default(),
        interfaces: list("interfaces").iter().map(|line| shown(line)).collect(),
        composition: text("composition"),
        names: list("names").iter().map(|line| name(line)).collect(),
    };
    let complete = [&published.source, &published.id, &published.mode, &published.next];
    assert!(complete.iter().all(|text| !text.is_empty()), "{row:?}");
    published
}

fn name(line: &str) -> (u8, String) {
    let (number, name) = line.split_once(' ').expect("NUMBER TEXT");
    (number.parse().expect("a number"), name.to_owned())
}

fn triple(text: &str) -> [u8; 3] {
    let bytes: Vec<u8> = text.split('/').map(|t| u8::from_str_radix(t, 16).expect("hex")).collect();
    bytes.try_into().expect("class/subclass/protocol")
}

fn shown(line: &str) -> Shown {
    let mut words = line.split_whitespace();
    let number = words.next().expect("a number");
    let (number, setting) = number.split_once('.').unwrap_or((number, "0"));
    let class = triple(words.next().expect("a class"));
    let mut shown = Shown {
        number: number.parse().expect("a number"),
        setting: setting.parse().expect("a number"),
        class,
        endpoints: Vec::new(),
        count: None,
        driver: None,
    };
    for word in words {
        let endpoint = word.get(..2).and_then(|address| u8::from_str_radix(address, 16).ok());
        let kind = word.chars().nth(2).filter(|kind| matches!(kind, 'b' | 'i'));
        let size = word.get(3..).and_then(|size| size.parse().ok());
        match (endpoint, kind, size) {
            (Some(address), Some(kind), Some(size)) => shown.endpoints.push((address, kind, size)),
            _ => match word.strip_prefix('#') {
                Some(count) => shown.count = Some(count.parse().expect("a count")),
                None => shown.driver = Some(word.to_owned()),
            },
        }
    }
    shown
}

impl Shown {
    fn count(&self) -> usize {
        self.count.map_or(self.endpoints.len(), usize::from)
    }
}

impl Published {
    fn interface_count(&self) -> usize {
        let mut numbers: Vec<u8> = self.interfaces.iter().map(|i| i.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.len()
    }

    /// As `lsusb -v` of root prints it; `None` where the endpoints were not published.
    pub fn lsusb_v(&self) -> Option<String> {
        if self.interfaces.iter().any(|i| i.count.is_some()) {
            return None;
        }
        let (vendor, product) = self.id.split_once(':')?;
        let mut text = String::new();
        let mut line = |indent: usize, rest: &str| {
            let _ = writeln!(text, "{:indent$}{rest}", "");
        };
        line(0, &format!("Bus 001 Device 007: ID {} {}", self.id, self.maker));
        line(0, "Device Descriptor:");
        line(2, "bLength                18");
        line(2, "bDescriptorType         1");
        line(2, "bcdUSB               2.00");
        line(2, &format!("bDeviceClass          {:3} ", self.class[0]));
        line(2, &format!("bDeviceSubClass       {:3} ", self.class[1]));
        line(2, &format!("bDeviceProtocol       {:3} ", self.class[2]));
        line(2, "bMaxPacketSize0        64");
        line(2, &format!("idVendor           0x{vendor} {}", self.maker));
        line(2, &format!("idProduct          0x{product} "));
        line(2, &format!("bcdDevice           {:>5}", self.release));
        line(2, &format!("iManufacturer           1 {}", self.maker));
        line(2, &format!("iProduct                2 {}", self.product));
        line(2, "iSerial                 0 ");
        line(2, "bNumConfigurations      1");
        line(2, "Configuration Descriptor:");
        line(4, "bLength                 9");
        line(4, "bDescriptorType         2");
        line(4, &format!("bNumInterfaces         {:2}", self.interface_count()));
        line(4, "bConfigurationValue     1");
        line(4, &format!("iConfiguration          4 {}", self.composition));
        line(4, "bmAttributes         0xa0");
        line(6, "(Bus Powered)");
        line(4, "MaxPower              500mA");
        for i in &self.interfaces {
            line(4, "Interface Descriptor:");
            line(6, "bLength                 9");
            line(6, "bDescriptorType         4");
            line(6, &format!("bInterfaceNumber      {:3}", i.number));
            line(6, &format!("bAlternateSetting     {:3}", i.setting));
            line(6, &format!("bNumEndpoints         {:3}", i.endpoints.len()));
            line(6, &format!("bInterfaceClass       {:3} {}", i.class[0], class_name(i.class[0])));
            line(6, &format!("bInterfaceSubClass    {:3} ", i.class[1]));
            line(6, &format!("bInterfaceProtocol    {:3} ", i.class[2]));
            let name = self.names.iter().find(|(number, _)| *number == i.number);
            match name {
                Some((_, name)) => line(6, &format!("iInterface              4 {name}")),
                None => line(6, "iInterface              0 "),
            }
            for (address, kind, size) in &i.endpoints {
                let way = if address & 0x80 == 0 { "OUT" } else { "IN" };
                let (attributes, name) = if *kind == 'i' { (3, "Interrupt") } else { (2, "Bulk") };
                line(6, "Endpoint Descriptor:");
                line(8, "bLength                 7");
                line(8, "bDescriptorType         5");
                line(8, &format!("bEndpointAddress     0x{address:02x}  EP {} {way}", address & 0x0f));
                line(8, &format!("bmAttributes            {attributes}"));
                line(10, &format!("Transfer Type            {name}"));
                line(10, "Synch Type               None");
                line(10, "Usage Type               Data");
                line(8, &format!("wMaxPacketSize     0x{size:04x}  1x {size} bytes"));
                line(8, "bInterval               9");
            }
        }
        Some(text)
    }

    /// As `usb-devices` and the kernel's own file print it.
    pub fn usb_devices(&self) -> String {
        let (vendor, product) = self.id.split_once(':').unwrap_or_default();
        let [class, subclass, protocol] = self.class;
        let mut text = String::new();
        let _ = writeln!(text, "T:  Bus=01 Lev=01 Prnt=01 Port=03 Cnt=01 Dev#=  7 Spd=480 MxCh= 0");
        let _ = writeln!(
            text,
            "D:  Ver= 2.00 Cls={class:02x}(     ) Sub={subclass:02x} Prot={protocol:02x} MxPS=64 #Cfgs=  1"
        );
        let _ = writeln!(text, "P:  Vendor={vendor} ProdID={product} Rev={}", self.release);
        let _ = writeln!(text, "S:  Manufacturer={}\nS:  Product={}", self.maker, self.product);
        let _ = writeln!(text, "C:* #Ifs={:2} Cfg#= 1 Atr=a0 MxPwr=500mA", self.interface_count());
        for i in &self.interfaces {
            let [class, subclass, protocol] = i.class;
            let driver = i.driver.as_ref().map(|d| format!(" Driver={d}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "I:* If#={:2} Alt={:2} #EPs={:2} Cls={class:02x}({:5.5}) Sub={subclass:02x} Prot={protocol:02x}{driver}",
                i.number,
                i.setting,
                i.count(),
                class_name(class).to_lowercase()
            );
            for (address, kind, size) in &i.endpoints {
                let way = if address & 0x80 == 0 { 'O' } else { 'I' };
                let kind = if *kind == 'i' { "03(Int.)" } else { "02(Bulk)" };
                let _ = writeln!(text, "E:  Ad={address:02x}({way}) Atr={kind} MxPS={size:4} Ivl=0ms");
            }
        }
        text
    }

    /// Whether `usb-devices`, which prints no names of interfaces, tells less.
    pub fn is_named(&self) -> bool {
        !self.names.is_empty() || !self.composition.is_empty()
    }

    /// Every text that shows it.
    pub fn texts(&self) -> Vec<String> {
        let short = (!self.is_named()).then(|| self.usb_devices());
        self.lsusb_v().into_iter().chain(short).collect()
    }
}

fn class_name(class: u8) -> &'static str {
    match class {
        0x02 => "Communications",
        0x08 => "Mass Storage",
        0x0a => "CDC Data",
        0xe0 => "Wireless",
        0xef => "Miscellaneous Device",
        0xff => "Vendor Specific Class",
        _ => "",
    }
}
