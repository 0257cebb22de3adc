//! A real Chromium, driven through Debian's chromedriver as a person would: fields by their labels, buttons and links by what
//! stands on them, and what is asserted is what can be read on the screen.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Longest wait for something that the program does in the background.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    On,
    Off,
}

/// How wide the window is.
#[derive(Debug, Clone, Copy)]
pub enum Screen {
    Desk,
    /// As large as people have them beside each other.
    Wide,
    Phone,
    /// The narrowest that pages are made for.
    Narrow,
}

pub struct Browser {
    runtime: Runtime,
    client: Option<Client>,
    driver: Child,
    driver_url: String,
    folder: tempfile::TempDir,
    /// Where addresses without a host lead.
    base: String,
}

impl Browser {
    /// A fresh browser without a history, at the desk.
    pub fn new(base: &str, scripts: Scripts) -> Self {
        Self::with(base, scripts, &[])
    }

    /// One for which every host besides this machine's own address is the listener on `port`.
    pub fn in_a_world_at(base: &str, port: u16) -> Self {
        let world = format!("--host-resolver-rules=MAP * 127.0.0.1:{port}, EXCLUDE 127.0.0.1");
        Self::with(base, Scripts::On, &[&world])
    }

    fn with(base: &str, scripts: Scripts, switches: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (driver, port) = start_driver(folder.path());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let mut browser = Self {
            runtime,
            client: None,
            driver,
            driver_url: format!("http://127.0.0.1:{port}"),
            folder,
            base: base.to_owned(),
        };
        let capabilities = capabilities(browser.folder.path(), scripts, switches);
        let client = browser.runtime.block_on(
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities)
                .connect(&browser.driver_url),
        );
        browser.client = Some(client.expect("Chromium starts (Debian's package `chromium`)"));
        browser.at(Screen::Desk);
        browser
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("it was connected")
    }

    pub fn at(&self, screen: Screen) {
        let (width, height) = match screen {
            Screen::Desk => (1280, 900),
            Screen::Wide => (1920, 1080),
            Screen::Phone => (390, 844),
            Screen::Narrow => (320, 568),
        };
        let is_mobile = !matches!(screen, Screen::Desk | Screen::Wide);
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_mobile}),
        );
    }

    /// The system's colours: what `prefers-color-scheme` answers.
    pub fn in_the_dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({"features": [
                {"name": "prefers-color-scheme", "value": value},
                // A colour on its way from light to dark has no contrast to speak of.
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ]}),
        );
    }

    /// One command of Chromium's own protocol, through the driver's door for it.
    pub fn devtools(&self, command: &str, params: Value) {
        let session = self.runtime.block_on(self.client().session_id());
        let session = session.expect("a session").unwrap_or_default();
        let url = format!("{}/session/{session}/goog/cdp/execute", self.driver_url);
        let body = json!({"cmd": command, "params": params});
        let answer = ureq::post(url).send(body.to_string());
        answer.unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    /// Goes to an address; without a host it is one of ours.
    pub fn go(&self, place: &str) {
        let url = if place.starts_with("http") || place.starts_with("data:") {
            place.to_owned()
        } else {
            format!("{}{place}", self.base)
        };
        let gone = self.runtime.block_on(self.client().goto(&url));
        gone.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// The path of this page, with its query.
    pub fn place(&self) -> String {
        let url = self.runtime.block_on(self.client().current_url());
        let url = url.expect("an address");
        url.as_str()
            .strip_prefix(&self.base)
            .unwrap_or(url.as_str())
            .to_owned()
    }

    /// What can be read on the page.
    pub fn text(&self) -> String {
        let body = self.find("//body");
        self.runtime.block_on(body.text()).unwrap_or_default()
    }

    #[track_caller]
    pub fn sees(&self, text: &str) {
        let shown = self.text();
        assert!(
            shown.contains(text),
            "{text:?} isn't on {}:\n{shown}",
            self.place()
        );
    }

    #[track_caller]
    pub fn sees_no(&self, text: &str) {
        let shown = self.text();
        assert!(
            !shown.contains(text),
            "{text:?} is on {}:\n{shown}",
            self.place()
        );
    }

    /// Loads this page again until it says `text`: for what a job does behind it.
    #[track_caller]
    pub fn comes_to_see(&self, text: &str) {
        let began = Instant::now();
        while !self.text().contains(text) {
            assert!(
                began.elapsed() < PATIENCE,
                "{text:?} doesn't come on {}:\n{}",
                self.place(),
                self.text()
            );
            // The page is asked for anew: not so often that asking is all that the server does.
            std::thread::sleep(Duration::from_millis(200));
            let place = self.place();
            self.go(&place);
        }
    }

    /// Waits until this page says `text` by itself: for what a script shows.
    #[track_caller]
    pub fn will_see(&self, text: &str) {
        let began = Instant::now();
        while !self.text().contains(text) {
            assert!(
                began.elapsed() < PATIENCE,
                "{text:?} doesn't come by itself on {}:\n{}",
                self.place(),
                self.text()
            );
            crate::waiting::look_again();
        }
    }

    /// Types into the field with this label, in place of what stood there.
    #[track_caller]
    pub fn fill(&self, label: &str, value: &str) {
        let field = self.field(label);
        let typed = self.runtime.block_on(async {
            field.clear().await?;
            field.send_keys(value).await
        });
        typed.unwrap_or_else(|error| panic!("{label}: {error}"));
    }

    /// Sets a field for dates or times, whose keys differ from machine to machine.
    #[track_caller]
    pub fn set_time(&self, label: &str, value: &str) {
        let field = self.field(label);
        let field = serde_json::to_value(field).expect("a reference");
        self.runs(
            "arguments[0].value = arguments[1];",
            vec![field, json!(value)],
        );
    }

    /// Chooses the option that reads so.
    #[track_caller]
    pub fn choose(&self, label: &str, option: &str) {
        let field = self.field(label);
        let chosen = self.runtime.block_on(field.select_by_label(option));
        chosen.unwrap_or_else(|error| panic!("{label}, {option}: {error}"));
    }

    /// Ticks a box or a radio button.
    #[track_caller]
    pub fn tick(&self, label: &str) {
        let path = format!("//label[contains(normalize-space(.),{})]", quoted(label));
        self.click(&path);
    }

    /// Presses the button on which these words stand, before its key.
    #[track_caller]
    pub fn press(&self, words: &str) {
        let words = quoted(words);
        self.leave(&format!("//button[normalize-space(text()[1])={words}]"));
    }

    /// Follows the link that begins with these words.
    #[track_caller]
    pub fn follow(&self, words: &str) {
        let words = quoted(words);
        self.leave(&format!("//a[starts-with(normalize-space(.),{words})]"));
    }

    /// Follows the link that begins with these words, to a file: what was saved.
    #[track_caller]
    pub fn save(&self, words: &str) -> Vec<u8> {
        let words = quoted(words);
        self.click(&format!("//a[starts-with(normalize-space(.),{words})]"));
        self.saved()
    }

    /// Opens a drawer or a menu.
    #[track_caller]
    pub fn unfold(&self, words: &str) {
        let words = quoted(words);
        self.click(&format!(
            "//summary[starts-with(normalize-space(.),{words})]"
        ));
    }

    /// Clicks, and waits for the page that comes.
    #[track_caller]
    fn leave(&self, path: &str) {
        self.leave_by(|| self.click(path));
    }

    /// Does what leads to another page, and waits for it.
    #[track_caller]
    fn leave_by(&self, go: impl FnOnce()) {
        self.runs("window.leaving = true", vec![]);
        go();
        let began = Instant::now();
        let arrived = "return !window.leaving && document.readyState === 'complete'";
        // While the pages change there is no page to ask.
        while self.tries(arrived) != Some(json!(true)) {
            assert!(
                began.elapsed() < PATIENCE,
                "nothing came after {}:\n{}",
                self.place(),
                self.text()
            );
            crate::waiting::look_again();
        }
    }

    fn tries(&self, script: &str) -> Option<Value> {
        let client = self.client();
        self.runtime.block_on(client.execute(script, vec![])).ok()
    }

    /// Clicks the first of these that is on the screen.
    #[track_caller]
    fn click(&self, path: &str) {
        let found = self.shown(path);
        let clicked = self.runtime.block_on(found.click());
        clicked.unwrap_or_else(|error| panic!("{path} on {}: {error}", self.place()));
    }

    /// The control with this label, or else whose label begins so.
    #[track_caller]
    fn field(&self, label: &str) -> Element {
        let label = quoted(label);
        let of = |test: &str| {
            format!(
                "//*[@id=//label[{test}]/@for] | //label[{test}]//input | //label[{test}]//select"
            )
        };
        let exact = of(&format!("normalize-space(.)={label}"));
        let beginning = of(&format!("starts-with(normalize-space(.),{label})"));
        // In a table the label is one that only a screen reader says.
        let said = format!("//input[@aria-label={label}] | //select[@aria-label={label}]");
        self.looks_for(&exact)
            .or_else(|| self.looks_for(&said))
            .unwrap_or_else(|| self.shown(&beginning))
    }

    /// The first element of the path that a person can see.
    #[track_caller]
    fn shown(&self, path: &str) -> Element {
        self.looks_for(path)
            .unwrap_or_else(|| panic!("{path} isn't shown on {}:\n{}", self.place(), self.text()))
    }

    fn looks_for(&self, path: &str) -> Option<Element> {
        let found = self.runtime.block_on(async {
            for one in self.client().find_all(Locator::XPath(path)).await? {
                if one.is_displayed().await? {
                    return Ok::<_, CmdError>(Some(one));
                }
            }
            Ok(None)
        });
        found.unwrap_or_else(|error| panic!("{path} on {}: {error}", self.place()))
    }

    fn find(&self, path: &str) -> Element {
        let found = self
            .runtime
            .block_on(self.client().find(Locator::XPath(path)));
        found.unwrap_or_else(|error| panic!("{path} on {}: {error}", self.place()))
    }

    /// Whether the page has an element.
    pub fn has(&self, css: &str) -> bool {
        let found = self
            .runtime
            .block_on(self.client().find_all(Locator::Css(css)));
        !found.expect("a selector").is_empty()
    }

    /// Runs a script of the test's own in the page, whatever the page may do itself.
    #[track_caller]
    pub fn runs(&self, script: &str, with: Vec<Value>) -> Value {
        let ran = self.runtime.block_on(self.client().execute(script, with));
        ran.unwrap_or_else(|error| panic!("on {}: {error}", self.place()))
    }

    /// Runs a script that calls its last argument when it is done.
    #[track_caller]
    pub fn runs_async(&self, script: &str, with: Vec<Value>) -> Value {
        let ran = self
            .runtime
            .block_on(self.client().execute_async(script, with));
        ran.unwrap_or_else(|error| panic!("on {}: {error}", self.place()))
    }

    /// Sends the first form of the selector as it stands, past the browser's own checks.
    #[track_caller]
    pub fn send_unchecked(&self, css: &str) {
        self.leave_by(|| {
            self.runs(
                "document.querySelector(arguments[0]).submit()",
                vec![json!(css)],
            );
        });
    }

    /// The words of a dialog that stands open, which goes away; `None`: there is none.
    pub fn dialog(&self) -> Option<String> {
        let client = self.client();
        let text = self.runtime.block_on(client.get_alert_text()).ok()?;
        self.runtime.block_on(client.dismiss_alert()).ok();
        Some(text)
    }

    /// Opens a session of ours here that was opened elsewhere.
    pub fn bring(&self, session: &str) {
        self.devtools(
            "Network.setCookie",
            json!({"name": "watchkeeper", "value": session, "url": self.base, "httpOnly": true}),
        );
    }

    /// Forgets every session.
    pub fn forget(&self) {
        let forgot = self.runtime.block_on(self.client().delete_all_cookies());
        forgot.expect("cookies go");
    }

    /// A picture of what is on the screen, as PNG.
    pub fn picture(&self) -> Option<Vec<u8>> {
        self.runtime.block_on(self.client().screenshot()).ok()
    }

    /// What a click saved, once it is there whole.
    #[track_caller]
    fn saved(&self) -> Vec<u8> {
        let folder = downloads(self.folder.path());
        let began = Instant::now();
        loop {
            let found = std::fs::read_dir(&folder).ok().and_then(|entries| {
                let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
                paths.find(|path| is_whole(path))
            });
            if let Some(path) = found {
                let bytes = std::fs::read(&path).expect("the file");
                std::fs::remove_file(&path).expect("the file goes");
                return bytes;
            }
            assert!(began.elapsed() < PATIENCE, "nothing was saved");
            crate::waiting::look_again();
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // What a person would have seen when it failed.
        if std::thread::panicking()
            && let Some(picture) = self.client.as_ref().and_then(|_| self.picture())
        {
            let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser.png");
            if std::fs::write(&place, picture).is_ok() {
                eprintln!("the page as it was: {}", place.display());
            }
        }
        if let Some(client) = self.client.take() {
            // It may be gone already; the driver's end takes it along in any case.
            let _ = self.runtime.block_on(async {
                tokio::time::timeout(Duration::from_secs(5), client.close()).await
            });
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Starts the driver on a port of its own choice. It ends with this thread's process, however that ends, and Chromium with it.
fn start_driver(folder: &Path) -> (Child, u16) {
    let mut driver = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "chromedriver", "--port=0"])
        .env("HOME", folder)
        .env("TMPDIR", folder)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("setpriv runs (Debian's package `util-linux`)");
    let told = BufReader::new(driver.stdout.take().expect("its output"));
    let mut heard = String::new();
    for line in told.lines().map_while(Result::ok) {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            let port = port.trim_end_matches('.').parse().expect("a port");
            return (driver, port);
        }
        heard.push_str(&line);
    }
    let _ = driver.wait();
    panic!(
        "chromedriver doesn't start (Debian's package `chromium-driver`; `tests/run` installs it): {heard}"
    );
}

/// Chromium writes into a file with an ending or a name of its own, and gives it its name at the end.
fn is_whole(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.ends_with(".crdownload") && !name.starts_with('.')
}

fn downloads(folder: &Path) -> PathBuf {
    folder.join("downloads")
}

fn capabilities(
    folder: &Path,
    scripts: Scripts,
    switches: &[&str],
) -> fantoccini::wd::Capabilities {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    // The pipe is what makes Chromium end when its driver does.
    let mut args = vec![
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--lang=en-GB",
        "--remote-debugging-pipe",
        &profile,
    ];
    args.extend_from_slice(switches);
    let mut prefs = json!({
        "download.default_directory": downloads(folder),
        "download.prompt_for_download": false,
        "plugins.always_open_pdf_externally": true,
        "credentials_enable_service": false,
    });
    if scripts == Scripts::Off {
        prefs["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    let options = json!({"args": args, "prefs": prefs});
    let mut capabilities = serde_json::Map::new();
    capabilities.insert("browserName".to_owned(), json!("chrome"));
    capabilities.insert("goog:chromeOptions".to_owned(), options);
    capabilities
}

/// A text inside an XPath.
fn quoted(text: &str) -> String {
    assert!(!text.contains('"'), "{text}: no way to quote it");
    format!("\"{text}\"")
}
