//! `cargo xtask apns`: the table of access points, made from Debian's mobile-broadband-provider-info (public domain).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

const FROM: &str = "/usr/share/mobile-broadband-provider-info/serviceproviders.xml";
const TO: &str = "crates/stickshift/data/apns.tsv";

/// One provider: networks, name, access points.
#[derive(Default)]
struct Provider {
    networks: BTreeSet<String>,
    name: String,
    apns: Vec<Apn>,
}

#[derive(Default)]
struct Apn {
    value: String,
    user: String,
    password: String,
    method: String,
    usage: String,
}

/// Remakes the table.
///
/// # Errors
/// What cannot be read or written, in words.
pub(super) fn remake() -> Result<(), String> {
    let xml = fs::read_to_string(FROM)
        .map_err(|e| format!("{FROM}: {e} (Debian package mobile-broadband-provider-info)"))?;
    let table = table(&xml)?;
    fs::write(TO, &table).map_err(|e| format!("{TO}: {e}"))?;
    println!(
        "{TO}: {} providers, {} bytes",
        table.lines().filter(|l| !l.starts_with('#')).count(),
        table.len()
    );
    Ok(())
}

fn table(xml: &str) -> Result<String, String> {
    let mut reader = Reader::from_str(xml);
    let (mut provider, mut apn) = (Provider::default(), None::<Apn>);
    let mut path: Vec<String> = Vec::new();
    let mut rows = String::from(
        "# Access points by network, from Debian's mobile-broadband-provider-info (public domain); remade by `cargo xtask apns`.\n\
         # networks, provider, then for each access point: name;user;password;pap or chap\n",
    );
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Eof => break,
            Event::Start(start) => {
                let name = begin(&start, &mut provider, &mut apn)?;
                path.push(name);
            }
            Event::Empty(start) => _ = begin(&start, &mut provider, &mut apn)?,
            Event::Text(text) => {
                add(&path, &text, &mut provider, &mut apn);
            }
            Event::GeneralRef(reference) => {
                let text = match reference.as_ref() {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    "apos" => "'",
                    _ => "",
                };
                add(&path, text, &mut provider, &mut apn);
            }
            Event::End(end) => {
                path.pop();
                match end.name().as_ref() {
                    "apn" => provider.apns.extend(apn.take()),
                    "provider" => write_row(&mut rows, std::mem::take(&mut provider)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(rows)
}

fn begin(start: &BytesStart<'_>, provider: &mut Provider, apn: &mut Option<Apn>) -> Result<String, String> {
    let name = start.name().as_ref().to_owned();
    let attribute = |wanted: &str| -> Result<String, String> {
        let found = start.try_get_attribute(wanted).map_err(|e| e.to_string())?;
        Ok(found.map(|a| a.value.into_owned()).unwrap_or_default())
    };
    match (&*name, apn) {
        ("network-id", _) => _ = provider.networks.insert(attribute("mcc")? + &attribute("mnc")?),
        ("apn", apn) => *apn = Some(Apn { value: attribute("value")?, ..Apn::default() }),
        ("usage", Some(apn)) => apn.usage = attribute("type")?,
        ("authentication", Some(apn)) => apn.method = attribute("method")?,
        _ => {}
    }
    Ok(name)
}

fn add(path: &[String], text: &str, provider: &mut Provider, apn: &mut Option<Apn>) {
    let path: Vec<&str> = path.iter().rev().take(2).map(String::as_str).collect();
    match (&path[..], apn) {
        (["name", "provider"], _) => provider.name += text,
        (["username", "apn"], Some(apn)) => apn.user += text,
        (["password", "apn"], Some(apn)) => apn.password += text,
        _ => {}
    }
}

fn write_row(rows: &mut String, provider: Provider) {
    let internet = |apn: &&Apn| apn.usage.is_empty() || apn.usage.contains("internet");
    // Those are the table's own signs.
    let plain = |text: &str| !text.trim().contains([';', '\t', '\n', '"']);
    let fits = |apn: &&Apn| [&apn.value, &apn.user, &apn.password].iter().all(|t| plain(t));
    let apns: Vec<&Apn> = provider.apns.iter().filter(internet).filter(fits).take(6).collect();
    if provider.networks.is_empty() || apns.is_empty() {
        return;
    }
    let networks: Vec<String> = provider.networks.into_iter().collect();
    let _ = write!(rows, "{}\t{}", networks.join(","), provider.name.trim().replace('\t', " "));
    for Apn { value, user, password, method, .. } in apns {
        let row = format!("\t{value};{};{};{method}", user.trim(), password.trim());
        let _ = write!(rows, "{}", row.trim_end_matches(';'));
    }
    rows.push('\n');
}
