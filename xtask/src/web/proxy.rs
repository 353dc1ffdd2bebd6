//! The page behind nginx with TLS, as docs/web.md says it is set up.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use super::{Server, program};
use crate::install::{self, Need};
use crate::run::{command, output, status};

const PASSWORD: &str = "correct horse battery";

pub(super) fn prepare() -> Result<(), String> {
    install::debian(&[
        Need { file: "/usr/sbin/nginx", package: "nginx-light" },
        Need { file: "/usr/bin/openssl", package: "openssl" },
        Need { file: "/usr/bin/curl", package: "curl" },
    ])
}

/// nginx, which ends with this value.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it when it is asked.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|e| e.to_string())
}

/// The part of docs/web.md that is a server of nginx, with other names and ports.
fn documented(port: u16, behind: &str, folder: &Path) -> Result<String, String> {
    let page = crate::run::root().join("docs/web.md");
    let page = fs::read_to_string(&page).map_err(|e| format!("{}: {e}", page.display()))?;
    let start = page.find("    server {").ok_or("docs/web.md has no server of nginx")?;
    let end = page[start..].find("\n    }\n").ok_or("the server of nginx has no end")?;
    let server = page[start..start + end + 7]
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
        .replace("server_name sticks.example", "server_name localhost")
        .replace("127.0.0.1:8321", behind)
        .replace("/etc/ssl/sticks.pem", &folder.join("cert.pem").to_string_lossy())
        .replace("/etc/ssl/sticks.key", &folder.join("key.pem").to_string_lossy())
        .replace("Host $host", "Host $http_host");
    let temp = folder.join("temp");
    fs::create_dir_all(&temp).map_err(|e| e.to_string())?;
    let temp = temp.display();
    Ok(format!(
        "daemon off; pid {temp}/pid; error_log {temp}/error.log; events {{ }}\n\
         http {{ access_log off; client_body_temp_path {temp}/b; proxy_temp_path {temp}/p; fastcgi_temp_path {temp}/f;\n\
         uwsgi_temp_path {temp}/u; scgi_temp_path {temp}/s;\n{server}}}\n"
    ))
}

pub(super) fn check(folder: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let name = |file: &str| folder.join(file).to_string_lossy().into_owned();
    let subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", &name("key.pem")];
    let certificate = ["req", "-x509", "-nodes", "-out", &name("cert.pem")];
    let args: Vec<&str> = certificate.into_iter().chain(key).chain(subject).collect();
    output("openssl", &args)?;
    let mut passwd = command(&program()?, &["serve", "passwd", "--quiet", "--passwords", &name("passwords")]);
    passwd.env("STICKSHIFT_WEB_PASSWORD", PASSWORD);
    status(passwd)?;

    let port = free_port()?;
    let public = format!("https://localhost:{port}");
    let more = ["--public", &public, "--passwords", &name("passwords")];
    let server = Server::of(&program()?, folder, "k3772", &more)?;
    let behind = server.listening()?;
    fs::write(folder.join("nginx.conf"), documented(port, &behind, folder)?).map_err(|e| e.to_string())?;
    let nginx = command("/usr/sbin/nginx", &["-c", &name("nginx.conf")]).spawn();
    let _nginx = Nginx(nginx.map_err(|e| format!("nginx: {e}"))?);
    let (cert, jar) = (name("cert.pem"), name("jar"));
    let curl = |args: &[&str]| {
        let usual = ["-sS", "-i", "--max-time", "20", "--cacert", &cert, "-b", &jar, "-c", &jar];
        let args: Vec<&str> = usual.into_iter().chain(args.iter().copied()).collect();
        let output = command("curl", &args).output().map_err(|e| format!("curl: {e}"))?;
        Ok::<_, String>(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let has = |answer: &str, wanted: &str| {
        if answer.contains(wanted) {
            Ok(())
        } else {
            Err(format!("behind nginx: no {wanted:?} in\n{answer}"))
        }
    };
    for attempt in 0.. {
        if !curl(&[&format!("{public}/login")])?.is_empty() {
            break;
        }
        if attempt > 50 {
            return Err("nginx does not answer".into());
        }
        thread::sleep(Duration::from_millis(100));
    }
    let (login, origin) = (format!("{public}/login"), format!("Origin: {public}"));
    let form = ["-H", &origin, "--data-urlencode", &format!("password={PASSWORD}"), &login];
    let entered = curl(&form)?;
    has(&entered, "303")?;
    has(&entered, "; Secure")?;
    has(&curl(&[&format!("{public}/api/sticks")])?, "12d1:1526")?;
    let session = curl(&[&format!("{public}/api/session")])?;
    let token =
        session.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let token = format!("x-stickshift-token: {token}");
    let octets = "Content-Type: application/octet-stream";
    let upload = format!("{public}/api/files?name=x");
    has(
        &curl(&["-H", &token, "-H", octets, "-H", &origin, "--data-binary", "abc", &upload])?,
        "\"bytes\":3",
    )?;
    // Events are there as they happen: the stream never ends, so that a proxy which waits for its end shows nothing.
    has(&curl(&["-N", "--max-time", "3", &format!("{public}/api/events")])?, "\nid: ")?;
    let forced = curl(&["-H", "Host: evil.example", &format!("{public}/api/sticks")])?;
    has(&forced, "421")?;
    println!("    behind nginx: login, a change, events, a foreign name");
    Ok(())
}
