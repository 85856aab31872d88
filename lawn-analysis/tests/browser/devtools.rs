//! Chromium, driven over the pipe of its DevTools protocol: real keys, real schemes, real widths.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(120);

/// The colour scheme that the reader prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub(crate) const ALL: [Self; 2] = [Self::Light, Self::Dark];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A key, as the keyboard of a desk has it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    Tab,
    BackTab,
    Enter,
    Space,
    Escape,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
}

impl Key {
    /// `key` and `code` of a keyboard event, the number that Windows gives it, the text it types.
    fn parts(self) -> (&'static str, &'static str, u32, &'static str) {
        match self {
            Self::Tab | Self::BackTab => ("Tab", "Tab", 9, ""),
            Self::Enter => ("Enter", "Enter", 13, "\r"),
            Self::Space => (" ", "Space", 32, " "),
            Self::Escape => ("Escape", "Escape", 27, ""),
            Self::Left => ("ArrowLeft", "ArrowLeft", 37, ""),
            Self::Right => ("ArrowRight", "ArrowRight", 39, ""),
            Self::Up => ("ArrowUp", "ArrowUp", 38, ""),
            Self::Down => ("ArrowDown", "ArrowDown", 40, ""),
            Self::Home => ("Home", "Home", 36, ""),
            Self::End => ("End", "End", 35, ""),
        }
    }

    /// The bit of the shift key, where it is held.
    fn modifiers(self) -> u32 {
        if matches!(self, Self::BackTab) { 8 } else { 0 }
    }
}

/// A browser with one page.
pub(crate) struct Browser {
    process: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    next: u64,
    /// What the page wrote to its console as an error or a warning, and every uncaught exception.
    complaints: Vec<String>,
    loaded: bool,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser without a window; none where there is no Chromium.
    pub(crate) fn start() -> Option<Self> {
        let works = |name: &&str| {
            let version = Command::new(name).arg("--version").output();
            version.is_ok_and(|output| output.status.success())
        };
        let Some(browser) = BROWSERS.into_iter().find(works) else {
            eprintln!("no browser of {BROWSERS:?} found: the page was not driven");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // The protocol is spoken over the descriptors 3 and 4, which a shell makes of its own.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null"])
            .arg(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--no-first-run",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = process.stdin.take().unwrap();
        let mut replies = BufReader::new(process.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while replies.read_until(0, &mut bytes).is_ok_and(|n| n > 0) {
                bytes.pop();
                let message = serde_json::from_slice(&bytes).unwrap();
                if sender.send(message).is_err() {
                    return;
                }
                bytes.clear();
            }
        });
        let mut browser = Self {
            process,
            commands,
            messages,
            session: None,
            next: 0,
            complaints: Vec::new(),
            loaded: false,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        // A page without a window has the focus all the same.
        browser.call(
            "Emulation.setFocusEmulationEnabled",
            json!({"enabled": true}),
        );
        Some(browser)
    }

    /// Opens a file in a width and colour scheme, and waits until it is loaded.
    pub(crate) fn open(&mut self, file: &Path, width: u32, scheme: Scheme) {
        self.visit(&format!("file://{}", file.display()), width, scheme);
    }

    /// Opens an address, as [`Self::open`] does a file.
    pub(crate) fn visit(&mut self, url: &str, width: u32, scheme: Scheme) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 640}),
        );
        self.call(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme.as_str()}]}),
        );
        self.loaded = false;
        let gone = self.call("Page.navigate", json!({"url": url}));
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
        while !self.loaded {
            let message = self.receive();
            self.notice(&message);
        }
    }

    /// The value of an expression of JavaScript in the page, a promise's once it is kept.
    ///
    /// Panics where it throws.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut reply = self.call("Runtime.evaluate", asked);
        let thrown = &reply["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}\nthrew {thrown}");
        reply["result"]["value"].take()
    }

    /// Whether an expression is true in the page.
    pub(crate) fn holds(&mut self, expression: &str) -> bool {
        self.evaluate(&format!("Boolean({expression})")) == json!(true)
    }

    /// Waits until an expression is true in the page: what is packed is unpacked off its thread.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        for _ in 0..400 {
            if self.holds(expression) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("never true: {expression}");
    }

    /// Presses and releases a key, as the keyboard would: the browser itself acts on it.
    pub(crate) fn press(&mut self, key: Key) {
        let (name, code, number, text) = key.parts();
        let event = |kind: &str| {
            json!({"type": kind, "key": name, "code": code, "windowsVirtualKeyCode": number,
                   "nativeVirtualKeyCode": number, "modifiers": key.modifiers()})
        };
        let mut down = event(if text.is_empty() {
            "rawKeyDown"
        } else {
            "keyDown"
        });
        if !text.is_empty() {
            down["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", down);
        self.call("Input.dispatchKeyEvent", event("keyUp"));
    }

    /// Presses a key and waits for the event that it brings about on the target of an expression:
    /// what is animated is over only then, however slow the machine.
    pub(crate) fn press_for(&mut self, key: Key, target: &str, event: &str) {
        self.evaluate(&format!(
            "void (window.heard = new Promise((heard) =>
               ({target}).addEventListener('{event}', heard, {{ once: true }})))"
        ));
        self.press(key);
        self.evaluate("window.heard.then(() => true)");
    }

    /// What the page complained of since it was last asked.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // Whatever was said before this is answered.
        self.evaluate("0");
        std::mem::take(&mut self.complaints)
    }

    /// Sends a command and waits for its result.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let mut command = json!({"id": self.next, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).unwrap();
        loop {
            let mut message = self.receive();
            if message["id"] == json!(self.next) {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.notice(&message);
        }
    }

    fn receive(&mut self) -> Value {
        let received = self.messages.recv_timeout(PATIENCE);
        received.unwrap_or_else(|error| panic!("the browser says nothing: {error}"))
    }

    fn notice(&mut self, event: &Value) {
        let parameters = &event["params"];
        match event["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded = true,
            Some("Runtime.exceptionThrown") => self.complaints.push(parameters.to_string()),
            Some("Runtime.consoleAPICalled")
                if ["error", "warning", "assert"]
                    .iter()
                    .any(|kind| parameters["type"] == *kind) =>
            {
                self.complaints.push(parameters.to_string());
            }
            Some("Log.entryAdded") => self.complaints.push(parameters["entry"].to_string()),
            _ => {}
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It is gone either way; the profile can only be removed after.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
