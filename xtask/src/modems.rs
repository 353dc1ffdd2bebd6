//! `cargo xtask modems`: the table of modems that Linux knows: ids out of the kernel's drivers, ports out of ModemManager's udev rules.
//!
//! Both are read from Debian's packages. Ids and interface numbers are facts; nothing else is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::run::{command, root, run, status, target};
use crate::vm;

const TO: &str = "crates/stickshift/data/linux-modems.tsv";

/// Drivers that serve modems alone and list them by their ids.
const DRIVERS: [&str; 6] = ["hso", "option", "qcserial", "qmi_wwan", "sierra", "sierra_net"];

const HEAD: &str = "\
# Modems that Linux lists by their ids; remade by `cargo xtask modems` from Debian's packages: modules.alias of the kernel, and
# ModemManager's 77-mm-*-port-types.rules.
# ids, drivers of the kernel (- for none), what ModemManager and qmi_wwan take interfaces for
";

/// What is known of one id.
#[derive(Default)]
struct Modem {
    drivers: BTreeSet<String>,
    ports: BTreeMap<u8, &'static str>,
    /// Its firmware waits for other firmware.
    download: bool,
}

type Modems = BTreeMap<String, Modem>;

/// Remakes the table.
///
/// # Errors
/// What cannot be read, fetched or written, in words.
pub(crate) fn remake() -> Result<(), String> {
    let mut modems = Modems::new();
    let aliases = vm::kernel_modules()?.join("modules.alias");
    aliases_of(&read(&aliases)?, &mut modems);
    for file in rules()? {
        rules_of(&file, &mut modems);
    }
    let table = table(&modems);
    let path = root().join(TO);
    fs::write(&path, &table).map_err(|e| format!("{TO}: {e}"))?;
    println!("{TO}: {} modems, {} bytes", modems.len(), table.len());
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The rules of ModemManager, file by file.
fn rules() -> Result<Vec<String>, String> {
    let folder = target("modemmanager")?;
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut download = command("apt-get", &["-qq", "download", "modemmanager"]);
    download.current_dir(&folder);
    status(download)?;
    let listed = |folder: &Path| {
        let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        Ok::<_, String>(paths)
    };
    for package in listed(&folder)? {
        run("dpkg", &["-x", &package.to_string_lossy(), &folder.to_string_lossy()])?;
    }
    listed(&folder.join("lib/udev/rules.d"))?.iter().map(|file| read(file)).collect()
}

/// Lines such as `alias usb:v2C7Cp0125d*dc*dsc*dp*ic*isc*ip*in04* qmi_wwan`.
fn aliases_of(text: &str, modems: &mut Modems) {
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some("alias"), Some(alias), Some(driver)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let Some(ids) = alias.strip_prefix("usb:v").filter(|_| DRIVERS.contains(&driver)) else { continue };
        let (Some(vendor), Some(product)) = (ids.get(..4), ids.get(5..9)) else { continue };
        if u32::from_str_radix(&format!("{vendor}{product}"), 16).is_err() {
            continue;
        }
        let modem = modems.entry(format!("{vendor}:{product}").to_lowercase()).or_default();
        modem.drivers.insert(driver.to_owned());
        let number = ids.rsplit_once("in").and_then(|(_, n)| u8::from_str_radix(n.get(..2)?, 16).ok());
        if let Some(number) = number.filter(|_| matches!(driver, "qmi_wwan" | "sierra_net")) {
            modem.ports.insert(number, "network");
        }
    }
}

/// Lines such as `ATTRS{idVendor}=="2c7c", ATTRS{idProduct}=="0125", ENV{.MM_USBIFNUM}=="01", .. ENV{ID_MM_PORT_TYPE_GPS}="1"`.
fn rules_of(text: &str, modems: &mut Modems) {
    // Out of drivers for Windows, which list every port that is not for dialling: whether it takes AT commands is not told.
    let untold = text.contains("may be either AT-capable or not");
    let mut tagged: BTreeMap<String, Vec<(u8, String)>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let value = |key: &str| line.split_once(key)?.1.split('"').next().map(str::to_lowercase);
        let (Some(vendor), Some(product)) = (value("ATTRS{idVendor}==\""), value("ATTRS{idProduct}==\""))
        else {
            continue;
        };
        let number = value("ENV{.MM_USBIFNUM}==\"").and_then(|n| u8::from_str_radix(&n, 16).ok());
        let kind = line.split_once("ID_MM_PORT_TYPE_").and_then(|(_, rest)| rest.split('}').next());
        // What is ignored waits for firmware, but for the receivers of positions of u-blox.
        if line.contains("ID_MM_DEVICE_IGNORE") && vendor != "1546" {
            modems.entry(format!("{vendor}:{product}")).or_default().download = true;
        }
        if let (Some(number), Some(kind)) = (number, kind) {
            tagged.entry(format!("{vendor}:{product}")).or_default().push((number, kind.to_owned()));
        }
    }
    for (ids, ports) in tagged {
        let named = &mut modems.entry(ids.clone()).or_default().ports;
        let has = |kind: &str| ports.iter().any(|(_, k)| k == kind);
        for (number, kind) in &ports {
            // It dials on the primary port while it talks over the secondary one; Quectel's manuals have it the other way.
            let dials = match kind.as_str() {
                "AT_PPP" => true,
                "AT_PRIMARY" => has("AT_SECONDARY") && !has("AT_PPP") && !ids.starts_with("2c7c:"),
                "AT_SECONDARY" => ids.starts_with("2c7c:"),
                _ => false,
            };
            let role = match kind.as_str() {
                _ if dials => "modem",
                "AT_SECONDARY" if untold => "serial",
                "AT_PRIMARY" | "AT_SECONDARY" => "pcui",
                "GPS" => "gps",
                "QCDM" => "diag",
                "QMI" | "MBIM" => "network",
                _ => continue,
            };
            named.insert(*number, role);
        }
    }
}

fn table(modems: &Modems) -> String {
    let mut table = HEAD.to_owned();
    for (ids, modem) in modems {
        let drivers: Vec<&str> = modem.drivers.iter().map(String::as_str).collect();
        let drivers = if drivers.is_empty() { "-".to_owned() } else { drivers.join(",") };
        let mut ports: Vec<String> =
            modem.ports.iter().map(|(number, role)| format!("{number}={role}")).collect();
        ports.extend(modem.download.then(|| "download".to_owned()));
        let _ = writeln!(table, "{}", format!("{ids}\t{drivers}\t{}", ports.join(" ")).trim_end());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_and_rules_make_rows() {
        let mut modems = Modems::new();
        aliases_of(
            "alias usb:v2C7Cp0125d*dc*dsc*dp*icFFiscFFipFFin04* qmi_wwan\n\
             alias usb:v2C7Cp0125d*dc*dsc*dp*ic*isc*ip*in* option\n\
             alias usb:v12D1p*d*dc*dsc*dp*icFFisc01ip07in* qmi_wwan\n\
             alias usb:v0403p6001d*dc*dsc*dp*ic*isc*ip*in* ftdi_sio\n",
            &mut modems,
        );
        let rule = |number: &str, kind: &str| {
            format!(
                "ATTRS{{idVendor}}==\"19d2\", ATTRS{{idProduct}}==\"0031\", ENV{{.MM_USBIFNUM}}==\"{number}\", ENV{{ID_MM_PORT_TYPE_{kind}}}=\"1\"\n"
            )
        };
        rules_of(
            &(rule("01", "AT_SECONDARY") + &rule("03", "AT_PRIMARY") + &rule("00", "QCDM")),
            &mut modems,
        );
        let of_windows = rule("01", "AT_SECONDARY") + &rule("03", "AT_PRIMARY");
        rules_of(
            &("# aux ports that may be either AT-capable or not\n".to_owned()
                + &of_windows.replace("0031", "0032")),
            &mut modems,
        );
        let table = table(&modems);
        assert_eq!(
            table.strip_prefix(HEAD).unwrap(),
            "19d2:0031\t-\t0=diag 1=pcui 3=modem\n19d2:0032\t-\t1=serial 3=modem\n2c7c:0125\toption,qmi_wwan\t4=network\n"
        );
    }
}
