//! The tier of the web page: a real browser on virtual sticks, every page at the width of a telephone and of a desk, and axe-core's rules for
//! those who cannot see or use a mouse.

pub(crate) mod client;
mod driver;
mod proxy;
mod schema;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::install::{self, Need};
use crate::run::{self, command, phase, run, target};
use driver::Browser;

const AXE: &str = "axe-core@4.14.1";
const STICKS: &str = "e3372h-hilink,k3772,e3372s,e3372h-stick-pin,e3372h-hilink-login";
const PAGES: [&str; 11] = [
    "/",
    "/sticks/1-1",
    "/sticks/1-1/connect",
    "/sticks/1-1/messages",
    "/sticks/1-1/network",
    "/profiles",
    "/profiles/12d1:1526",
    "/convert",
    "/rehearse",
    "/doctor",
    "/jobs",
];

/// A profile whose message is a command for the shell of a router.
const ATTACK: &str = "usb_modeswitch -v 12d1 -p 1526 -M `reboot`\n";

/// The same in a TP-Link bin file: its options are `-n -M 55534243;reboot`.
const ATTACK_BIN: &[u8] = include_bytes!("attack.bin");

/// Installs the browser and axe-core.
pub(crate) fn prepare() -> Result<(), String> {
    install::debian(&[
        Need { file: "/usr/bin/chromium", package: "chromium" },
        Need { file: "/usr/bin/chromedriver", package: "chromium-driver" },
    ])?;
    schema::prepare()?;
    proxy::prepare()?;
    if axe()?.exists() {
        return Ok(());
    }
    install::debian(&[Need { file: "/usr/bin/npm", package: "npm" }])?;
    let folder = target("axe")?;
    println!("    fetching {AXE} into {}", folder.display());
    run("npm", &["install", "--silent", "--no-save", "--prefix", &folder.to_string_lossy(), AXE])
}

fn axe() -> Result<PathBuf, String> {
    target("axe/node_modules/axe-core/axe.min.js")
}

/// A server that ends with this value.
pub(crate) struct Server {
    pub(crate) process: Child,
    /// The one-time links that it printed.
    links: Arc<Mutex<Vec<String>>>,
    /// Where it listens.
    listening: Arc<Mutex<Option<String>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts a build of the program on virtual sticks, with more options.
    pub(crate) fn of(program: &str, folder: &Path, sticks: &str, more: &[&str]) -> Result<Server, String> {
        let mut args = vec!["serve", "--listen", "127.0.0.1:0", "--json", "--virtual", sticks];
        args.extend(more);
        let mut serve = command(program, &args);
        serve.env("STICKSHIFT_STATE", folder.join("state")).env("STICKSHIFT_ROOT", folder.join("root"));
        let mut process = serve.stdout(Stdio::piped()).spawn().map_err(|e| format!("serve: {e}"))?;
        let out = process.stdout.take().ok_or("serve has no output")?;
        let server = Server { process, links: Arc::default(), listening: Arc::default() };
        let (links, listening) = (Arc::clone(&server.links), Arc::clone(&server.listening));
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).unwrap_or_default();
                if let (Some(url), Ok(mut links)) = (line["link"]["url"].as_str(), links.lock()) {
                    links.push(url.to_owned());
                }
                if let (Some(address), Ok(mut known)) =
                    (line["listening"]["address"].as_str(), listening.lock())
                {
                    *known = Some(address.to_owned());
                }
            }
        });
        Ok(server)
    }

    /// The newest link, as soon as there are `count`.
    pub(crate) fn link(&self, count: usize) -> Result<String, String> {
        for _ in 0..300 {
            if let Some(link) = self.links.lock().map_err(|e| e.to_string())?.get(count - 1) {
                return Ok(link.clone());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err("serve prints no link".into())
    }

    /// Its address, as soon as it listens.
    fn listening(&self) -> Result<String, String> {
        for _ in 0..300 {
            if let Some(address) = self.listening.lock().map_err(|e| e.to_string())?.clone() {
                return Ok(address);
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err("serve does not listen".into())
    }

    fn address(&self) -> Result<String, String> {
        Ok(self.link(1)?.split("/enter").next().unwrap_or_default().to_owned())
    }
}

fn program() -> Result<String, String> {
    Ok(run::program()?.to_string_lossy().into_owned())
}

/// Looks at every page and uses every form, at both widths.
pub(crate) fn pages() -> Result<(), String> {
    let pictures = target("web-pictures")?;
    fs::create_dir_all(&pictures).map_err(|e| e.to_string())?;
    let rules = fs::read_to_string(axe()?).map_err(|e| e.to_string())?;
    for width in [1280, 360] {
        phase(&format!("every page and form, {width} pixels wide"));
        let folder = target(&format!("web-{width}"))?;
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("root/etc/stickshift/devices.d")).map_err(|e| e.to_string())?;
        let files = folder.to_string_lossy();
        run(&program()?, &["rehearse", "--quiet", "--files", &files])?;
        run(
            &program()?,
            &[
                "profile",
                "convert",
                "12d1:1526",
                "--to",
                "tplink",
                "--quiet",
                "-o",
                &format!("{files}/k3772.bin"),
            ],
        )?;
        fs::write(folder.join("attack.conf"), ATTACK).map_err(|e| e.to_string())?;
        fs::write(folder.join("attack.bin"), ATTACK_BIN).map_err(|e| e.to_string())?;
        let server = Server::of(&program()?, &folder, STICKS, &["--fault", "powerloss@300"])?;
        let browser = Browser::start()?;
        browser.width(width)?;
        let visit =
            Visit { browser, server, folder, pictures: pictures.clone(), rules: rules.clone(), width };
        visit.everything().map_err(|why| format!("at {width} px: {why}"))?;
        println!("    {width} px: {} pages looked at and every form used", PAGES.len());
    }
    println!("    pictures: {}", pictures.display());
    proxy::check(&target("web-proxy")?)?;
    let folder = target("web-api")?;
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    schema::check(&folder)
}

struct Visit {
    browser: Browser,
    server: Server,
    folder: PathBuf,
    pictures: PathBuf,
    rules: String,
    width: u32,
}

impl Visit {
    fn everything(&self) -> Result<(), String> {
        self.browser.open(&self.server.link(1)?)?;
        self.browser.wait_for(".card")?;
        for (number, page) in PAGES.iter().enumerate() {
            self.open(page)?;
            self.look(&format!("{number}-{}", page.trim_matches('/').replace(['/', ':'], "-")))?;
        }
        self.connect()?;
        self.wrong_pin()?;
        self.login()?;
        self.messages()?;
        self.profile()?;
        self.network()?;
        self.rehearse()?;
        self.convert()?;
        self.dark_german_and_without_scripts()
    }

    fn open(&self, path: &str) -> Result<(), String> {
        self.browser.open(&format!("{}{path}", self.server.address()?))?;
        self.browser.wait_for("h1")
    }

    /// Checks what every page has to keep, and takes a picture of it.
    fn look(&self, name: &str) -> Result<(), String> {
        let name = name.trim_end_matches('-');
        self.browser.picture(&self.pictures.join(format!("{}-{name}.png", self.width)))?;
        let wide =
            "const d = document.documentElement; return d.scrollWidth > d.clientWidth ? d.scrollWidth : 0";
        let wide = self.browser.script(wide)?;
        if wide != 0 {
            return Err(format!("{name}: the page is {wide} pixels wide"));
        }
        if !self.browser.script("return typeof axe === 'object'")?.as_bool().unwrap_or(false) {
            self.browser.script(&format!("{}; window.axe = axe", self.rules))?;
        }
        let script = "const done = arguments[0]; axe.run({resultTypes: ['violations']}).then(r => \
            done(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | '))))";
        let violations = self.browser.script_later(script)?;
        match violations.as_array().map(Vec::as_slice) {
            Some([]) => Ok(()),
            _ => Err(format!("{name}: axe-core finds {violations:#}")),
        }
    }

    /// The button that connects; another one in the same form only shows what that would do.
    fn press_connect(&self) -> Result<(), String> {
        self.browser.submit("form[action='/do/up'] button:not([formaction])")
    }

    fn connect(&self) -> Result<(), String> {
        self.open("/sticks/1-3/connect")?;
        self.browser.wait_for_text("#apn-note", "as the stick has it")?;
        self.browser.wait_for_text("#connection", "not online")?;
        self.browser.submit("button[formaction='/do/preview-up']")?;
        self.browser.wait_for_text(".steps", "CGDCONT")?;
        self.look("connect-preview")?;
        // An access point that the network refuses, with its cause; later the status tells of it.
        self.open("/sticks/1-3/connect")?;
        self.browser.fill("#apn", "refused")?;
        self.press_connect()?;
        self.browser.wait_for_text(".box.bad", "does not take the data connection")?;
        self.look("connect-refused")?;
        self.open("/sticks/1-3/connect")?;
        self.press_connect()?;
        self.browser.wait_for(".box.good .badge.done")?;
        self.browser.wait_for_text("dl", "10.249.198")?;
        self.look("connect-done")?;
        self.open("/sticks/1-3")?;
        self.browser.wait_for(".plot")?;
        self.browser.wait_for("#connection .badge.done")?;
        for text in ["ncm", "10.249.198", "Connected for", "Last drop"] {
            self.browser.wait_for_text("#connection", text)?;
        }
        self.look("status-online")?;
        self.open("/sticks/1-3/connect")?;
        self.browser.submit("form[action='/do/down'] button")?;
        self.browser.wait_for_text(".box.good", "Disconnected")?;
        self.browser.wait_for_text("#connection", "not online")
    }

    /// A wrong PIN is sent once, and not again before somebody says so.
    fn wrong_pin(&self) -> Result<(), String> {
        let with_pin = |pin: &str| {
            self.open("/sticks/1-4/connect")?;
            if !pin.is_empty() {
                self.browser.fill("#pin", pin)?;
            }
            self.press_connect()
        };
        with_pin("")?;
        self.browser.wait_for_text(".box.bad", "wants its PIN")?;
        with_pin("0000")?;
        self.browser.wait_for_text(".box.bad", "code is wrong")?;
        with_pin("1234")?;
        self.browser.wait_for_text(".box.bad", "no PIN was sent")?;
        self.look("connect-pin")?;
        self.open("/sticks/1-4/connect")?;
        self.browser.submit("form[action='/do/down'] button")?;
        self.browser.wait_for(".box.good")?;
        with_pin("1234")?;
        self.browser.wait_for(".box.good .badge.done")
    }

    /// A stick whose web interface wants a password.
    fn login(&self) -> Result<(), String> {
        let password = |text: &str| {
            self.open("/sticks/1-5/messages")?;
            self.browser.fill("#login-password", text)?;
            self.browser.submit("form[action$='/login'] button")
        };
        self.open("/sticks/1-5/messages")?;
        self.browser.wait_for("#login-password")?;
        self.look("stick-login")?;
        password("wrong")?;
        self.browser.wait_for_text(".box.bad", "refused the login")?;
        self.browser.wait_for("#login-password")?;
        password("admin")?;
        self.browser.wait_for("form[action='/sticks/1-5/logout']")?;
        self.open("/sticks/1-5/messages")?;
        self.browser.wait_for_text(".thread", "Hello")
    }

    fn messages(&self) -> Result<(), String> {
        self.open("/sticks/1-1/messages")?;
        self.browser.wait_for_text(".thread", "Hello")?;
        self.browser.fill("#to", "+4915112345678")?;
        self.browser.fill("#text", "Sent by a browser <b>")?;
        self.browser.submit("form[action='/do/send'] button")?;
        self.browser.wait_for_text(".box.good", "was sent")?;
        self.browser.wait_for_text(".thread", "Sent by a browser <b>")?;
        self.browser.fill("#code", "*100#")?;
        self.browser.submit("form[action='/do/ussd'] button")?;
        self.browser.wait_for_text(".answers", "Balance")?;
        self.look("messages-sent")?;
        let before = self.browser.script("return document.querySelectorAll('.message').length")?;
        self.browser.click(".message summary")?;
        self.browser.submit(".message details[open] button")?;
        self.browser.wait_for_text(".box.good", "deleted")?;
        let after = self.browser.script("return document.querySelectorAll('.message').length")?;
        if after.as_u64() < before.as_u64() {
            Ok(())
        } else {
            Err("the deleted message is still shown".into())
        }
    }

    fn upload(&self, page: &str, name: &str) -> Result<(), String> {
        self.open(page)?;
        self.browser.fill("#file", &self.folder.join(name).to_string_lossy())?;
        self.browser.submit("form[action='/upload'] button")
    }

    fn profile(&self) -> Result<(), String> {
        self.upload("/profiles", "attack.conf")?;
        self.browser.wait_for(".box.bad")?;
        self.look("profile-refused")?;
        self.upload("/profiles", "attack.bin")?;
        self.browser.wait_for_text(".box.bad", "attack on the router")?;
        self.look("profile-attack")?;
        if self.browser.text("main")?.contains("Add to my profiles") {
            return Err("an attack can be added".into());
        }
        self.upload("/profiles", "k3772.bin")?;
        self.browser.wait_for_text(".box.good", "can be used")?;
        self.browser.wait_for_text("pre", "HuaweiNewMode")?;
        self.look("profile-bin")?;
        let page = self.browser.url()?;
        self.browser.submit("form[action='/do/try-profile'] button")?;
        self.browser.wait_for(".box.good .badge.done")?;
        self.browser.open(&page)?;
        self.browser.submit("form[action='/profiles/add'] button")?;
        self.browser.wait_for(".badge, article")?;
        self.browser.wait_for("form[action='/profiles/remove']")?;
        self.browser.open(&page)?;
        self.browser.submit("form[action='/do/plan-switch'] button")?;
        self.browser.wait_for(".transfers")?;
        self.look("switch-plan")?;
        self.browser.submit("form[action$='/start'] button")?;
        self.browser.wait_for(".box.good .badge.done")?;
        self.open("/")?;
        self.browser.wait_for_text(".cards", "12d1:14cf")?;
        self.open("/profiles/12d1:1526")?;
        self.browser.submit("form[action='/profiles/remove'] button")?;
        self.browser.wait_for("#search")
    }

    fn network(&self) -> Result<(), String> {
        self.open("/sticks/1-3/network")?;
        self.browser.submit("form[action='/do/scan'] button")?;
        self.browser.wait_for_text(".rows", "20801")?;
        self.look("network-scan")?;
        self.browser.submit("form[action='/do/use-network'] button")?;
        self.browser.wait_for_text(".box.good", "network was selected")?;
        self.browser.script("document.querySelector('#mode').value = 'lte'")?;
        self.browser.submit("form[action='/do/radio'] button")?;
        self.browser.wait_for_text(".box.good", "settings")?;
        self.browser.wait_for_text("dl", "lte")
    }

    fn rehearse(&self) -> Result<(), String> {
        self.open("/rehearse")?;
        self.browser.submit("form[action='/do/rehearse'] > button")?;
        self.browser.wait_for(".box.good .badge.done")?;
        self.browser.wait_for_text("dl", "21.180.01.00.00")?;
        self.look("rehearse-done")
    }

    /// Agrees to each danger of the plan on the page, and starts it.
    fn start_plan(&self) -> Result<String, String> {
        self.browser.wait_for("input[name='danger']")?;
        let boxes =
            self.browser.script("return document.querySelectorAll(\"input[name='danger']\").length")?;
        for _ in 0..boxes.as_u64().unwrap_or(0) {
            self.browser.click("input[name='danger']:not(:checked)")?;
        }
        let plan = self.browser.url()?;
        self.browser.submit("form[action$='/start'] button")?;
        for _ in 0..600 {
            let now = self.browser.url()?;
            if now != plan {
                return Ok(now);
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err("the plan does not start".into())
    }

    fn convert(&self) -> Result<(), String> {
        for name in ["loader.bin", "firmware.bin", "webui.bin"] {
            self.upload("/convert", name)?;
            self.browser.wait_for_text(".rows", name)?;
        }
        self.look("convert-files")?;
        self.browser.submit("form[action='/do/plan-convert'] > button")?;
        self.browser.wait_for("input[name='danger']")?;
        self.look("convert-plan")?;
        let job = self.start_plan()?;
        // The power fails; whoever looks sees the same.
        self.browser.wait_for(".badge.recoverable")?;
        self.look("convert-interrupted")?;
        let shown = self.browser.text("main")?;
        let second = Browser::start()?;
        second.open(&self.server.link(2)?)?;
        second.open(&job)?;
        second.wait_for(".badge.recoverable")?;
        if second.text("main")? != shown {
            return Err("a second viewer sees something else".into());
        }
        self.browser.submit("form[action='/replug'] button")?;
        self.browser.wait_for(".badge.recoverable")?;
        self.browser.submit("form[action='/do/plan-convert'] button")?;
        self.start_plan()?;
        self.browser.wait_for(".box.good .badge.done")?;
        self.browser.wait_for_text("dl", "21.180.01.00.00")?;
        self.look("convert-done")?;
        self.open("/")?;
        self.browser.wait_for_text(".cards", "modem (serial ports)")
    }

    fn dark_german_and_without_scripts(&self) -> Result<(), String> {
        self.browser.colours("dark")?;
        self.open("/")?;
        self.browser.submit("form[action='/language'] button")?;
        self.browser.wait_for("html[lang='de']")?;
        for page in ["/", "/sticks/1-3", "/sticks/1-3/connect", "/doctor", "/convert", "/jobs"] {
            self.open(page)?;
            self.look(&format!("dark-de-{}", page.trim_matches('/').replace('/', "-")))?;
        }
        self.browser.scripts(false)?;
        for page in PAGES {
            self.open(page)?;
        }
        Ok(())
    }
}
