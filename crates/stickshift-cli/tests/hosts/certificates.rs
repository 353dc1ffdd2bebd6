//! A server whose certificate is not the right one gets no password, and the failure says why and what to do. The certificates of the folder
//! `certificates` are for 127.0.0.1 and have one key; those that do not sign themselves are signed by `authority.pem`.

use super::*;

fn file(name: &str) -> String {
    format!("{}/tests/hosts/certificates/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

/// A server with this certificate.
fn shows(folder: &Path, certificate: &str) -> (Running, String) {
    let (server, url) =
        serve(folder, "k3772", &["--tls-cert", &file(certificate), "--tls-key", &file("key")]);
    assert!(url.starts_with("https://"), "{url}");
    (server, url)
}

/// Whoever trusts this certificate.
fn trusts(folder: &Path, url: &str, certificate: &str) -> Here {
    let mut host = options(folder, url);
    host.extend(["--host-ca".to_owned(), file(certificate)]);
    Here { folder: folder.to_owned(), host }
}

#[test]
fn a_server_with_the_right_certificate_is_given_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (certificate, trusted) in [("right", "authority"), ("own", "own")] {
        let (_server, url) = shows(folder, certificate);
        let (code, line) = trusts(folder, &url, trusted).json(&["list"]);
        assert_eq!((code, &line["result"]["sticks"][0]["id"]), (0, &"12d1:1526".into()), "{line}");
        // Without encryption it says nothing.
        let (code, line) =
            Here { folder: folder.to_owned(), host: options(folder, &url.replace("https", "http")) }
                .json(&["list"]);
        assert!(code == 1 && line["what"].as_str().unwrap().contains("does it want https?"), "{line}");
        assert_eq!(line["verdict"], "untouched");
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (is_over, comes_later) = ("valid until 2021-01-01", "valid from 2100-01-01");
    for (certificate, trusted, what, cause, help) in [
        ("expired", "authority", "has expired", is_over, "put a new certificate there"),
        ("own-expired", "own-expired", "has expired", is_over, "put a new certificate there"),
        ("later", "authority", "is not valid yet", comes_later, "set the clock of this computer"),
        ("own-later", "own-later", "is not valid yet", comes_later, "set the clock of this computer"),
        (
            "other-name",
            "authority",
            "is for another name",
            "it is for rack2.lan",
            "use a name that it is for",
        ),
        ("no-name", "authority", "has no subjectAltName", "does not count", "make it with subjectAltName"),
        ("own", "authority", "nobody who is trusted here", "anybody may have made it", "--host-ca FILE"),
        ("right", "own", "nobody who is trusted here", "anybody may have made it", "--host-ca FILE"),
    ] {
        let (_server, url) = shows(folder, certificate);
        let there = trusts(folder, &url, trusted);
        for words in [&["list"][..], &["sms", "send", "+12345678901", "hello", "--stick", "1-1"]] {
            let (code, line) = there.json(words);
            assert_eq!((code, &line["kind"]), (1, &"io".into()), "{certificate}: {line}");
            // Nobody was let in, and so nothing was begun.
            assert_eq!(line["verdict"], "untouched", "{certificate}: {line}");
            for (name, part) in [("what", what), ("cause", cause), ("help", help)] {
                assert!(line[name].as_str().unwrap().contains(part), "{certificate}: {part:?}: {line}");
            }
        }
    }
}
