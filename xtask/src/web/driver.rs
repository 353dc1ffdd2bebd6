//! A browser by the WebDriver protocol: <https://www.w3.org/TR/webdriver2/>, and Chrome's own commands for what that has not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The key under which WebDriver passes an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// A page, or what is waited for on it, is there by then.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser with one window. It ends with this value.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.call("DELETE", "", &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A port of the loopback that nobody listens on.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|e| e.to_string())
}

impl Browser {
    /// Starts Debian's Chromium without a window on the screen.
    pub(crate) fn start() -> Result<Browser, String> {
        let port = free_port()?;
        let driver = Command::new("/usr/bin/chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("chromedriver: {e}"))?;
        let mut browser = Browser { driver, port, session: String::new() };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until {
                return Err("chromedriver does not answer".into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        let options = json!({
            "binary": "/usr/bin/chromium",
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en"],
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let made = browser.call("POST", "", &wanted)?;
        browser.session = made["sessionId"].as_str().ok_or("no session")?.to_owned();
        Ok(browser)
    }

    /// One call; its value.
    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let failed = |e: std::io::Error| format!("chromedriver: {e}");
        let session = if self.session.is_empty() { String::new() } else { format!("/{}", self.session) };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(failed)?;
        stream.set_read_timeout(Some(2 * PATIENCE)).map_err(failed)?;
        let request = format!(
            "{method} /session{session}{path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let document = read(stream).map_err(failed)?;
        let value: Value =
            serde_json::from_str(&document).map_err(|e| format!("chromedriver: {e}: {document}"))?;
        match value["value"]["error"].as_str() {
            Some(error) => Err(format!("{method} {path}: {error}: {}", value["value"]["message"])),
            None => Ok(value["value"].clone()),
        }
    }

    pub(crate) fn open(&self, url: &str) -> Result<(), String> {
        self.call("POST", "/url", &json!({ "url": url })).map(|_| ())
    }

    pub(crate) fn url(&self) -> Result<String, String> {
        Ok(self.call("GET", "/url", &Value::Null)?.as_str().unwrap_or_default().to_owned())
    }

    /// A command of Chrome's own protocol.
    fn chrome(&self, command: &str, parameters: &Value) -> Result<Value, String> {
        self.call("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// The width of the window in pixels, as on a telephone where it is small.
    pub(crate) fn width(&self, width: u32) -> Result<(), String> {
        let size = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.chrome("Emulation.setDeviceMetricsOverride", &size).map(|_| ())
    }

    /// Light or dark colours.
    pub(crate) fn colours(&self, scheme: &str) -> Result<(), String> {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.chrome("Emulation.setEmulatedMedia", &json!({ "features": [feature] })).map(|_| ())
    }

    /// Whether scripts of pages run.
    pub(crate) fn scripts(&self, run: bool) -> Result<(), String> {
        self.chrome("Emulation.setScriptExecutionDisabled", &json!({ "value": !run })).map(|_| ())
    }

    /// The value of a script in the page.
    pub(crate) fn script(&self, script: &str) -> Result<Value, String> {
        self.call("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The value that a script gives to its callback, `arguments[0]`.
    pub(crate) fn script_later(&self, script: &str) -> Result<Value, String> {
        self.call("POST", "/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// The first element that a CSS selector finds, as soon as it is there.
    fn element(&self, selector: &str) -> Result<String, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.call("POST", "/element", &json!({ "using": "css selector", "value": selector }));
            match found {
                Ok(element) => return Ok(element[ELEMENT].as_str().unwrap_or_default().to_owned()),
                Err(why) if Instant::now() > until => {
                    let text = self.text("body").unwrap_or_default();
                    return Err(format!("{}: {selector}: {why}\n{text}", self.url()?));
                }
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    pub(crate) fn wait_for(&self, selector: &str) -> Result<(), String> {
        self.element(selector).map(|_| ())
    }

    pub(crate) fn click(&self, selector: &str) -> Result<(), String> {
        self.act(selector, "click", &json!({}))
    }

    /// Clicks a button that sends its form, and waits for the page that comes of it: what is looked for next may be on this page, too, and
    /// whoever opens another address before the answer is there aborts the request.
    pub(crate) fn submit(&self, selector: &str) -> Result<(), String> {
        self.script("window.isSent = true")?;
        self.click(selector)?;
        let until = Instant::now() + PATIENCE;
        // Between two pages there is none to ask.
        while !matches!(self.script("return window.isSent !== true"), Ok(Value::Bool(true))) {
            if Instant::now() > until {
                return Err(format!("{}: no page comes of {selector}", self.url()?));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Types a text, or names the file of a file field.
    pub(crate) fn fill(&self, selector: &str, text: &str) -> Result<(), String> {
        self.act(selector, "value", &json!({ "text": text }))
    }

    /// Does something to an element. A page that is drawn anew in between has another one in its place.
    fn act(&self, selector: &str, what: &str, with: &Value) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let element = self.element(selector)?;
            match self.call("POST", &format!("/element/{element}/{what}"), with) {
                Err(why) if why.contains("stale element reference") && Instant::now() < until => {}
                done => return done.map(|_| ()),
            }
        }
    }

    pub(crate) fn text(&self, selector: &str) -> Result<String, String> {
        let script = format!(
            "return [...document.querySelectorAll({})].map(e => e.innerText).join('\\n')",
            json!(selector)
        );
        Ok(self.script(&script)?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until an element of this selector shows a text.
    pub(crate) fn wait_for_text(&self, selector: &str, text: &str) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.text(selector)?;
            if shown.contains(text) {
                return Ok(());
            }
            if Instant::now() > until {
                let page = self.text("body").unwrap_or_default();
                return Err(format!(
                    "{}: {selector} does not show {text:?} but {shown:?}; the page:\n{page}",
                    self.url()?
                ));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The whole page as an image.
    pub(crate) fn picture(&self, file: &Path) -> Result<(), String> {
        let size =
            self.script("const d = document.documentElement; return [d.clientWidth, d.scrollHeight]")?;
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1].as_u64().unwrap_or(800).min(4000), "scale": 1 });
        let picture = self.chrome(
            "Page.captureScreenshot",
            &json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }),
        )?;
        let bytes = base64(picture["data"].as_str().unwrap_or_default());
        std::fs::write(file, bytes).map_err(|e| format!("{}: {e}", file.display()))
    }
}

/// The document of an answer. The driver keeps connections open, whatever it is asked.
fn read(stream: TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim().to_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut document = vec![0; length];
    reader.read_exact(&mut document)?;
    Ok(String::from_utf8_lossy(&document).into_owned())
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for digit in text.bytes().filter_map(|b| DIGITS.iter().position(|d| *d == b)) {
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_is_read() {
        assert_eq!(super::base64("aGVsbG8="), b"hello");
        assert_eq!(super::base64("+/8A"), [0xfb, 0xff, 0]);
    }
}
