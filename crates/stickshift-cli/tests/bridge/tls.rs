//! `mqtts://`: mosquitto with certificates that OpenSSL made; what must be refused is refused before a password goes out.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::brokers::{Running, bridge_command, free_port, listens, missing};

/// Keys and certificates in a folder.
struct Authority<'a>(&'a Path);

impl Authority<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn openssl(&self, args: &[&str]) {
        let made = Command::new("openssl").args(args).current_dir(self.0).output().unwrap();
        assert!(made.status.success(), "{args:?}: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// An authority of its own, with a key of a kind.
    fn authority(&self, name: &str, kind: &[&str]) {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        let subject = format!("/CN={name}");
        let mut args = vec!["req", "-x509", "-nodes", "-days", "2", "-subj", &subject, "-keyout", &key];
        args.extend(["-out", &certificate]);
        args.extend(kind);
        self.openssl(&args);
    }

    /// Two authorities, `ours` and `theirs`, and a broker of ours: `good`.
    fn of_two(folder: &Path) -> Authority<'_> {
        let made = Authority(folder);
        made.authority("ours", &P256);
        made.authority("theirs", &P256);
        made.certificate("good", "ours", &P256, HERE, &["-days", "2"]);
        made
    }

    /// A certificate that an authority signs, for a name, from a time on for some days.
    fn certificate(&self, name: &str, by: &str, kind: &[&str], extensions: &str, times: &[&str]) {
        let (key, request, certificate) =
            (format!("{name}.key"), format!("{name}.csr"), format!("{name}.crt"));
        let mut args = vec!["req", "-nodes", "-subj", "/CN=broker", "-keyout", &key, "-out", &request];
        args.extend(kind);
        self.openssl(&args);
        fs::write(self.file("extensions"), extensions).unwrap();
        let (authority, authority_key) = (format!("{by}.crt"), format!("{by}.key"));
        let mut args = vec!["x509", "-req", "-in", &request, "-CA", &authority, "-CAkey", &authority_key];
        args.extend(["-CAcreateserial", "-extfile", "extensions", "-out", &certificate]);
        args.extend(times);
        self.openssl(&args);
    }
}

const P256: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
const RSA: [&str; 2] = ["-newkey", "rsa:2048"];
const HERE: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1\n";

/// mosquitto with one TLS listener and one without.
struct Mosquitto {
    _running: Running,
    plain: u16,
    tls: u16,
}

fn mosquitto(folder: &Path, name: &str, wants_certificate: bool) -> Mosquitto {
    let (plain, tls) = (free_port(), free_port());
    let mut config = format!(
        "user root\nallow_anonymous true\nlog_type none\nlistener {plain} 127.0.0.1\nlistener {tls} 127.0.0.1\n\
         certfile {0}/{name}.crt\nkeyfile {0}/{name}.key\n",
        folder.display()
    );
    if wants_certificate {
        config += &format!("cafile {}/ours.crt\nrequire_certificate true\n", folder.display());
    }
    let file = folder.join(format!("{name}-{tls}.conf"));
    fs::write(&file, config).unwrap();
    let mut command = Command::new("mosquitto");
    command.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    listens(plain, "mosquitto without TLS");
    listens(tls, "mosquitto with TLS");
    Mosquitto { _running: running, plain, tls }
}

/// Whether a bridge is connected, or else why it is not.
fn outcome(folder: &Path, broker: &str, options: &[&str]) -> Result<(), String> {
    let mut command = bridge_command(folder, broker, "rack");
    command.arg("--json").args(options).args(["--user", "rack"]).env("STICKSHIFT_MQTT_PASSWORD", "secret");
    let mut running = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    for line in BufReader::new(running.0.stdout.take().unwrap()).lines().map_while(Result::ok) {
        let line: Value = serde_json::from_str(&line).unwrap();
        match (line["event"].as_str(), line["code"].as_str()) {
            (Some("step"), Some("broker-connected")) => return Ok(()),
            (Some("warning"), Some("broker-away")) => return Err(line["text"].to_string()),
            (Some("error"), _) => return Err(line.to_string()),
            _ => {}
        }
    }
    panic!("the bridge says neither that it is connected nor why not");
}

#[test]
fn only_a_broker_with_the_right_certificate_is_told_anything() {
    if let Some(missing) = missing(&["mosquitto", "openssl"]) {
        return test_support::skip(&missing);
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = Authority::of_two(folder);
    made.certificate("elsewhere", "ours", &P256, "subjectAltName=DNS:mqtt.example\n", &["-days", "2"]);
    made.certificate("old", "ours", &P256, HERE, &["-days", "-1"]);
    made.certificate("stranger", "theirs", &P256, HERE, &["-days", "2"]);
    let own = made.file("ours.crt").display().to_string();
    let theirs = made.file("theirs.crt").display().to_string();
    let at = |port: u16| format!("mqtts://localhost:{port}");

    let good = mosquitto(folder, "good", false);
    assert_eq!(outcome(folder, &at(good.tls), &["--ca", &own]), Ok(()));
    assert_eq!(outcome(folder, &format!("mqtts://127.0.0.1:{}", good.tls), &["--ca", &own]), Ok(()));
    let refused = |broker: &str, options: &[&str], why: &str| {
        let said = outcome(folder, broker, options).unwrap_err();
        assert!(said.contains(why), "{options:?}: {said}");
    };
    refused(&at(good.tls), &["--ca", &theirs], "nobody who is trusted here");
    refused(&at(good.tls), &["--ca", &own, "--tls-name", "mqtt.example"], "for another name");
    refused(&at(good.plain), &["--ca", &own], "does it have TLS");
    refused(&format!("localhost:{}", good.tls), &[], "does it want TLS");
    refused(&format!("localhost:{}", good.plain), &["--ca", &own], "is for a broker with TLS");
    let stranger = mosquitto(folder, "stranger", false);
    refused(&at(stranger.tls), &["--ca", &own], "nobody who is trusted here");
    let old = mosquitto(folder, "old", false);
    refused(&at(old.tls), &["--ca", &own], "has expired");
    let elsewhere = mosquitto(folder, "elsewhere", false);
    refused(&at(elsewhere.tls), &["--ca", &own], "for another name");
    assert_eq!(outcome(folder, &at(elsewhere.tls), &["--ca", &own, "--tls-name", "mqtt.example"]), Ok(()));
}

#[test]
fn keys_of_other_kinds_and_own_certificates_are_checked_too() {
    if let Some(missing) = missing(&["mosquitto", "openssl"]) {
        return test_support::skip(&missing);
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = Authority(folder);
    // Each key and each signature of a chain is of another kind.
    made.authority("rsa", &RSA);
    made.authority("p384", &P384);
    made.certificate("by-rsa", "rsa", &P384, HERE, &["-days", "2", "-sha384"]);
    made.certificate("by-p384", "p384", &RSA, HERE, &["-days", "2", "-sha384"]);
    // One that signed itself, as `docs/web.md` makes it.
    made.authority("self", &[&P256[..], &["-addext", "subjectAltName=DNS:localhost"]].concat());
    made.openssl(&["req", "-new", "-key", "self.key", "-subj", "/CN=self", "-out", "old-self.csr"]);
    fs::write(made.file("extensions"), HERE).unwrap();
    let old = ["-extfile", "extensions", "-days", "-1", "-out", "old-self.crt"];
    made.openssl(&[&["x509", "-req", "-in", "old-self.csr", "-signkey", "self.key"][..], &old].concat());
    fs::copy(made.file("self.key"), made.file("old-self.key")).unwrap();
    for (name, trusted, why) in [
        ("by-rsa", "rsa", None),
        ("by-p384", "p384", None),
        ("by-rsa", "p384", Some("nobody who is trusted here")),
        ("self", "self", None),
        ("self", "rsa", Some("nobody who is trusted here")),
        ("old-self", "old-self", Some("has expired")),
    ] {
        let broker = mosquitto(folder, name, false);
        let trusted = made.file(&format!("{trusted}.crt")).display().to_string();
        let outcome = outcome(folder, &format!("mqtts://localhost:{}", broker.tls), &["--ca", &trusted]);
        match (outcome, why) {
            (Ok(()), None) => {}
            (Err(said), Some(why)) if said.contains(why) => {}
            (outcome, _) => panic!("{name} with {trusted}: {outcome:?}"),
        }
    }
    let broker = mosquitto(folder, "self", false);
    let own = made.file("self.crt").display().to_string();
    let said = outcome(folder, &format!("mqtts://127.0.0.1:{}", broker.tls), &["--ca", &own]).unwrap_err();
    assert!(said.contains("for another name"), "{said}");
}

#[test]
fn a_broker_may_want_a_certificate() {
    if let Some(missing) = missing(&["mosquitto", "openssl"]) {
        return test_support::skip(&missing);
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let made = Authority::of_two(folder);
    made.certificate("rack", "ours", &P256, "keyUsage=digitalSignature\n", &["-days", "2"]);
    made.certificate("stranger", "theirs", &P256, "keyUsage=digitalSignature\n", &["-days", "2"]);
    let broker = mosquitto(folder, "good", true);
    let at = format!("mqtts://localhost:{}", broker.tls);
    let file = |name: &str| made.file(name).display().to_string();
    let own = file("ours.crt");
    let with = |name: &str| {
        let (certificate, key) = (file(&format!("{name}.crt")), file(&format!("{name}.key")));
        outcome(folder, &at, &["--ca", &own, "--cert", &certificate, "--key", &key])
    };
    assert_eq!(with("rack"), Ok(()));
    let said = with("stranger").unwrap_err();
    assert!(said.contains("refuses the connection"), "{said}");
    let said = outcome(folder, &at, &["--ca", &own]).unwrap_err();
    assert!(said.contains("may want a certificate"), "{said}");
}
