//! `data/identify.toml` as static tables.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    board: Vec<Board>,
    firmware: Vec<Firmware>,
    gate: Vec<Gate>,
    #[serde(rename = "not-flashable")]
    not_flashable: Vec<NotFlashable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotFlashable {
    models: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    ids: Vec<String>,
    why: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Board {
    hardware: String,
    model: String,
    #[serde(default)]
    except: Vec<String>,
    chip: String,
    images: Option<String>,
    serial: Option<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Firmware {
    models: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    version: String,
    kind: String,
    example: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Gate {
    models: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    version: String,
    open_before: (u32, u32),
    beyond: String,
    source: String,
}

/// The statics of `stick::identify`.
pub(super) fn tables(facts: &str) -> String {
    let data: Data = toml::from_str(facts).unwrap_or_else(|e| panic!("data/identify.toml: {e}"));
    let board = |b: &Board| {
        format!(
            "Board {{ hardware: {:?}, model: {:?}, except: &{:?}, chip: {:?}, images: {:?}, serial: {:?}, source: {:?} }},\n",
            b.hardware, b.model, b.except, b.chip, b.images, b.serial, b.source
        )
    };
    let firmware = |f: &Firmware| {
        let kind = match f.kind.as_str() {
            "stick" => "Stick",
            "hilink" => "Hilink",
            other => panic!("data/identify.toml: {other} is no kind of firmware"),
        };
        let rule = rule(&f.models, &f.except, &f.source);
        format!(
            "FirmwareRule {{ {rule}, version: {:?}, kind: Kind::{kind}, example: {:?} }},\n",
            f.version, f.example
        )
    };
    let gate = |g: &Gate| {
        let beyond = match g.beyond.as_str() {
            "closed" => "Closed",
            "unknown" => "Unknown",
            other => panic!("data/identify.toml: a gate is not {other}"),
        };
        let rule = rule(&g.models, &g.except, &g.source);
        format!(
            "GateRule {{ {rule}, version: {:?}, open_before: {:?}, beyond: Gate::{beyond} }},\n",
            g.version, g.open_before
        )
    };
    let not_flashable = |n: &NotFlashable| {
        let rule = rule(&n.models, &n.except, &n.source);
        let ids: String = n.ids.iter().map(|id| format!("UsbId::new({}), ", id_words(id))).collect();
        format!("NotFlashable {{ {rule}, versions: &{:?}, ids: &[{ids}], why: {:?} }},\n", n.versions, n.why)
    };
    format!(
        "/// The boards.\npub static BOARDS: &[Board] = &[\n{}];\n\
         /// The kinds of firmware.\npub static FIRMWARE: &[FirmwareRule] = &[\n{}];\n\
         /// The gates.\npub static GATES: &[GateRule] = &[\n{}];\n\
         /// The sticks that take no other firmware.\npub static NOT_FLASHABLE: &[NotFlashable] = &[\n{}];\n",
        data.board.iter().map(board).collect::<String>(),
        data.firmware.iter().map(firmware).collect::<String>(),
        data.gate.iter().map(gate).collect::<String>(),
        data.not_flashable.iter().map(not_flashable).collect::<String>(),
    )
}

fn rule(models: &[String], except: &[String], source: &str) -> String {
    format!("of: Models {{ begin: &{models:?}, except: &{except:?}, source: {source:?} }}")
}

/// `0x3566, 0x2001` of `3566:2001`.
fn id_words(id: &str) -> String {
    let (vendor, product) = id.split_once(':').unwrap_or_else(|| panic!("data/identify.toml: {id} is no id"));
    format!("0x{vendor}, 0x{product}")
}
