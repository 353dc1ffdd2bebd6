use std::fs;

use super::*;

/// Whatever opens a link to a stick.
const OPENS: [&str; 6] = ["SysBus", "TracedBus", "ClassifiedBus", "SerialLink", "WebLink", "UsbDevice"];

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn nobody_else_opens_a_bus_or_a_link() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let opener = src.join("opener");
    assert!(files.iter().any(|path| path.starts_with(&opener)));
    for path in files.iter().filter(|path| !path.starts_with(&opener) && !path.ends_with("tests.rs")) {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("mod tests {").next().unwrap_or_default();
        for name in OPENS {
            assert!(!code.contains(name), "{} names {name}", path.display());
        }
    }
}
