//! A page in a real browser: Debian's Chromium (or another by `SPLITLINK_CHROMIUM`), without a window,
//! driven by the Chrome DevTools Protocol over pipes.

use crate::rustc_fixture::tools::{empty_folder, skip};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Value,
    asked: u64,
    /// Closed when the browser is no longer needed.
    _needed: Sender<()>,
}

/// The browser's program, if there is one.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("SPLITLINK_CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    named.or_else(|| std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|program| program.exists()))
}

impl Browser {
    /// Starts it and opens the file `page`; `dark` is what the user's system prefers. None, after
    /// saying so, if there is no browser.
    ///
    /// # Errors
    /// If the browser does not do it.
    pub fn open(name: &str, page: &Path, dark: bool) -> Result<Option<Self>> {
        let Some(program) = program() else {
            skip("no `chromium` here to open pages; `dev/test report` installs Debian's, or SPLITLINK_CHROMIUM names another");
            return Ok(None);
        };
        let profile = empty_folder(&format!("{name}.chromium"))?;
        // It reads from descriptor 3 and writes to 4.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe", "--no-first-run"])
            .arg("--disable-background-networking")
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the browser")?;
        let to = process.stdin.take().context("no pipe to it")?;
        let from = BufReader::new(process.stdout.take().context("no pipe from it")?);
        let mut browser = Self { to, from, session: Value::Null, asked: 0, _needed: end_after(&process, Duration::from_mins(5)), process };
        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}))?["targetId"].clone();
        browser.session = browser.ask("Target.attachToTarget", &json!({"targetId": target, "flatten": true}))?["sessionId"].clone();
        browser.ask("Page.enable", &json!({}))?;
        browser.ask("Network.enable", &json!({}))?;
        browser.size(1500, 1000)?;
        let scheme = if dark { "dark" } else { "light" };
        browser.ask("Emulation.setEmulatedMedia", &json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}))?;
        browser.load(page)?;
        Ok(Some(browser))
    }

    /// Goes to the page. Now and then the empty page that is there comes after it and stays, so it is
    /// asked for again.
    fn load(&mut self, page: &Path) -> Result<()> {
        for _ in 0..10 {
            self.ask("Page.navigate", &json!({"url": format!("file://{}", page.display())}))?;
            for _ in 0..100 {
                match self.value("location.protocol === 'file:' && document.readyState === 'complete'") {
                    Ok(there) if there == true => return Ok(()),
                    // While pages change there is none to ask.
                    Err(error) if !error.to_string().starts_with("Runtime.evaluate: ") => return Err(error),
                    _ => {}
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        bail!("the browser does not open {}", page.display())
    }

    /// Gives the page's window another size.
    ///
    /// # Errors
    /// If the browser does not do it.
    pub fn size(&mut self, width: u32, height: u32) -> Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", &size).map(drop)
    }

    fn send(&mut self, method: &str, params: &Value) -> Result<u64> {
        self.asked += 1;
        let mut message = json!({"id": self.asked, "method": method, "params": params});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).context("the browser has ended")?;
        Ok(self.asked)
    }

    /// What it says that is wanted. What it says before is passed over; a page may ask for nothing of
    /// the network, and no script may fail.
    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        loop {
            let mut bytes = Vec::new();
            self.from.read_until(0, &mut bytes)?;
            ensure!(bytes.pop() == Some(0), "the browser has ended");
            let message: Value = serde_json::from_slice(&bytes)?;
            if message["method"] == "Network.requestWillBeSent" {
                let url = message["params"]["request"]["url"].as_str().unwrap_or_default();
                ensure!(url.starts_with("file://") || url.starts_with("about:"), "the page asks for {url}");
            }
            // Which stands in the way until somebody answers.
            ensure!(message["method"] != "Page.javascriptDialogOpening", "the page opens a dialog: {message}");
            if wanted(&message) {
                return Ok(message);
            }
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<Value> {
        let id = self.send(method, params)?;
        let answer = self.wait(|message| message["id"] == id)?;
        if let Some(error) = answer.get("error") {
            bail!("{method}: {error}");
        }
        Ok(answer["result"].clone())
    }

    /// The value of an expression in the page.
    ///
    /// # Errors
    /// If the expression fails.
    pub fn value(&mut self, expression: &str) -> Result<Value> {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", &asked)?;
        if let Some(exception) = answer.get("exceptionDetails") {
            bail!("{expression}: {exception}");
        }
        Ok(answer["result"]["value"].clone())
    }

    /// Presses keys, by their names (`Tab`, `Enter`, `ArrowDown`), one after another.
    ///
    /// # Errors
    /// If the browser does not do it.
    pub fn press(&mut self, keys: &[&str]) -> Result<()> {
        for key in keys {
            let code = match *key {
                "Tab" => 9,
                "Enter" => 13,
                "Escape" => 27,
                " " => 32,
                "End" => 35,
                "Home" => 36,
                "ArrowLeft" => 37,
                "ArrowUp" => 38,
                "ArrowRight" => 39,
                "ArrowDown" => 40,
                _ => 0,
            };
            let mut event = json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code});
            if *key == "Enter" {
                event["text"] = "\r".into();
            } else if code == 0 || *key == " " {
                event["text"] = (*key).into();
            }
            self.ask("Input.dispatchKeyEvent", &event)?;
            event["type"] = "keyUp".into();
            self.ask("Input.dispatchKeyEvent", &event)?;
        }
        Ok(())
    }

    /// Clicks at a place of the window.
    ///
    /// # Errors
    /// If the browser does not do it.
    pub fn click(&mut self, x: f64, y: f64) -> Result<()> {
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            self.ask("Input.dispatchMouseEvent", &json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": 1}))?;
        }
        Ok(())
    }

    /// A picture of the window, as PNG in base64.
    ///
    /// # Errors
    /// If the browser does not do it.
    pub fn picture(&mut self) -> Result<String> {
        let answer = self.ask("Page.captureScreenshot", &json!({"format": "png"}))?;
        Ok(answer["data"].as_str().context("no picture")?.to_owned())
    }
}

/// Ends the process if what is returned is still open after that time: then what waits for it fails.
fn end_after(process: &Child, time: Duration) -> Sender<()> {
    let (needed, ended) = mpsc::channel();
    let id = process.id().to_string();
    thread::spawn(move || {
        if ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
    });
    needed
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The shell has become the browser; what it started ends with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
