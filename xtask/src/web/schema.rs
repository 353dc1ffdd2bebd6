//! The API against its own description: schemathesis asks for everything that docs/openapi.json allows, and for what it forbids.

use std::path::{Path, PathBuf};

use super::client::Client;
use super::{Server, program as program_of_ours};
use crate::install::{self, Need};
use crate::run::{command, root, run, status, target};

const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// How long it may ask, in seconds.
const TIME: &str = "45";
const STICKS: &str = "e3372h-hilink,e3372s";

fn program() -> Result<PathBuf, String> {
    target("schemathesis/bin/schemathesis")
}

/// Installs it in an environment of its own.
pub(super) fn prepare() -> Result<(), String> {
    if program()?.exists() {
        return Ok(());
    }
    install::debian(&[Need { file: "/usr/lib/python3/dist-packages/venv", package: "python3-venv" }]).ok();
    let folder = target("schemathesis")?;
    run("python3", &["-m", "venv", &folder.to_string_lossy()])?;
    run(&folder.join("bin/pip").to_string_lossy(), &["install", "--quiet", SCHEMATHESIS])
}

/// No answer is an unforeseen failure, and each is what the description says.
pub(super) fn check(folder: &Path) -> Result<(), String> {
    let server = Server::of(&program_of_ours()?, folder, STICKS, &[])?;
    let client = Client::enter(&server.link(1)?)?;
    let schema = root().join("docs/openapi.json");
    let headers = [format!("Cookie: {}", client.cookie), format!("x-stickshift-token: {}", client.token)];
    let checks =
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
    let mut schemathesis = command(
        &program()?.to_string_lossy(),
        &[
            "run",
            &schema.to_string_lossy(),
            "--url",
            &format!("http://{}/api", client.address),
            "--header",
            &headers[0],
            "--header",
            &headers[1],
            "--checks",
            checks,
            "--max-time",
            TIME,
            "--seed",
            "1",
            // Python's own parser is not made for two at a time.
            "--workers",
            "1",
            "--request-timeout",
            "30",
            // It never ends.
            "--exclude-path",
            "/events",
            "--continue-on-failure",
            "--suppress-health-check",
            "all",
            "--warnings",
            "off",
            "--no-color",
        ],
    );
    // It keeps what it found beside it.
    schemathesis.current_dir(folder);
    status(schemathesis)
}
