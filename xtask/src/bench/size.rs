//! How large the static program is: with everything in it, and without virtual sticks for a router.

use crate::install::rust_target;
use crate::run::{self, root};

const TARGET: &str = "x86_64-unknown-linux-musl";

pub(super) fn run() -> Result<(), String> {
    rust_target(TARGET)?;
    for (name, features) in [("everything", &[][..]), ("for a router", &["--no-default-features"])] {
        let mut args =
            vec!["build", "--quiet", "--profile", "small", "--target", TARGET, "-p", "stickshift-cli"];
        args.extend(features);
        run::run("cargo", &args)?;
        let path = root().join("target").join(TARGET).join("small/stickshift");
        let size = std::fs::metadata(&path).map_err(|e| format!("{}: {e}", path.display()))?.len();
        println!("{name:16} {:.2} MB", size as f64 / 1e6);
    }
    Ok(())
}
