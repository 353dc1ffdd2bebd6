//! How large the static program is: with everything in it, and without virtual sticks for a router.

use crate::small;

pub(super) fn run() -> Result<(), String> {
    for (name, more) in [("everything", &[][..]), ("for a router", &small::ROUTER)] {
        let path = small::build(more)?;
        let size = std::fs::metadata(&path).map_err(|e| format!("{}: {e}", path.display()))?.len();
        println!("{name:16} {:.2} MB", size as f64 / 1e6);
    }
    Ok(())
}
