//! `data/identify.toml` as static tables.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    board: Vec<Board>,
    firmware: Vec<Firmware>,
    gate: Vec<Gate>,
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
    format!(
        "/// The boards.\npub static BOARDS: &[Board] = &[\n{}];\n\
         /// The kinds of firmware.\npub static FIRMWARE: &[FirmwareRule] = &[\n{}];\n\
         /// The gates.\npub static GATES: &[GateRule] = &[\n{}];\n",
        data.board.iter().map(board).collect::<String>(),
        data.firmware.iter().map(firmware).collect::<String>(),
        data.gate.iter().map(gate).collect::<String>(),
    )
}

fn rule(models: &[String], except: &[String], source: &str) -> String {
    format!("of: Models {{ begin: &{models:?}, except: &{except:?}, source: {source:?} }}")
}
