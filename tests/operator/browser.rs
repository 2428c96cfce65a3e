//! A real browser without a window, driven through chromedriver.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use takeover_tests::programs;

use crate::desk::{Desk, SOON};

/// A browser with one page.
pub(crate) struct Browser {
    driver: Child,
    client: Client,
    // Its profile lives as long as the browser.
    _profile: tempfile::TempDir,
}

/// Runs a story with a fresh system and a fresh browser, where there can be one.
pub(crate) fn story(tell: impl AsyncFnOnce(&mut Desk, &Browser) -> Result<()>) -> Result<()> {
    let missing = programs::missing(&["chromium", "chromedriver"]);
    if !missing.is_empty() {
        let name = std::thread::current().name().unwrap_or("story").to_owned();
        if std::env::var_os("REQUIRE_ALL").is_some() {
            bail!("{name} needs {missing:?}");
        }
        eprintln!("SKIP {name}: needs {missing:?}");
        return Ok(());
    }
    let mut desk = Desk::open()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let browser = Browser::open().await?;
        let told = tell(&mut desk, &browser).await;
        let seen = browser.text("body").await.unwrap_or_default();
        browser.close().await;
        told.with_context(|| format!("the page shows:\n{seen}"))
    })
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    async fn open() -> Result<Self> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver")?;
        let output = driver.stdout.take().context("chromedriver: no output")?;
        let port = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
            .context("chromedriver did not say its port")?;
        let profile = tempfile::tempdir()?;
        let arguments = [
            "--headless=new".to_owned(),
            // The browser's own sandbox needs privileges that a test machine may lack; the only
            // page it opens is ours.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--window-size=1000,1400".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let options = json!({ "goog:chromeOptions": { "args": arguments } });
        let Value::Object(capabilities) = options else { bail!("no capabilities") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("chromedriver")?;
        Ok(Self { driver, client, _profile: profile })
    }

    /// Ends the browser; the driver alone would leave it behind.
    async fn close(&self) {
        let _ = self.client.clone().close().await;
    }

    /// Opens the page with a token.
    pub(crate) async fn visit(&self, desk: &Desk, token: &str) -> Result<()> {
        Ok(self.client.goto(&format!("{}/#token={token}", desk.url())).await?)
    }

    /// Opens the same address again.
    pub(crate) async fn reload(&self) -> Result<()> {
        Ok(self.client.refresh().await?)
    }

    /// What the address bar shows.
    pub(crate) async fn address(&self) -> Result<String> {
        Ok(self.client.current_url().await?.to_string())
    }

    /// What somebody reads at this place.
    pub(crate) async fn text(&self, place: &str) -> Result<String> {
        Ok(self.client.find(Locator::Css(place)).await?.text().await?)
    }

    /// Waits until somebody reads `wanted` at this place.
    pub(crate) async fn reads(&self, place: &str, wanted: &str) -> Result<()> {
        self.until(place, |text| text.contains(wanted), wanted).await
    }

    /// Waits until nobody reads `unwanted` at this place any more.
    pub(crate) async fn reads_no_more(&self, place: &str, unwanted: &str) -> Result<()> {
        let wanted = format!("anything without {unwanted:?}");
        self.until(place, |text| !text.contains(unwanted), &wanted).await
    }

    async fn until(&self, place: &str, good: impl Fn(&str) -> bool, wanted: &str) -> Result<()> {
        let deadline = Instant::now() + SOON;
        loop {
            let text = self.text(place).await;
            match text {
                Ok(text) if good(&text) => return Ok(()),
                text if Instant::now() > deadline => {
                    bail!("{place}: {text:?}, expected {wanted}")
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Clicks what is at this place, as a hand would: it has to be visible.
    pub(crate) async fn click(&self, place: &str) -> Result<()> {
        let found = self.client.wait().at_most(SOON).for_element(Locator::Css(place)).await;
        Ok(found.with_context(|| place.to_owned())?.click().await?)
    }

    /// Types into what is at this place.
    pub(crate) async fn write(&self, place: &str, text: &str) -> Result<()> {
        let found = self.client.wait().at_most(SOON).for_element(Locator::Css(place)).await;
        Ok(found.with_context(|| place.to_owned())?.send_keys(text).await?)
    }

    /// The value of an expression in the page.
    pub(crate) async fn value(&self, expression: &str) -> Result<Value> {
        Ok(self.client.execute(&format!("return {expression}"), vec![]).await?)
    }
}
