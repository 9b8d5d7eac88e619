//! The pages that people show, looked at by a browser: as wide as a desk and as a phone, light and dark.
//!
//! Without Chromium in the path these tests pass unseen; a page of your own is looked at as well if
//! `CFE_PAGES` names it.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, which is its work")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const PROBE: &str = include_str!("probe.js");

fn cfe(folder: &Path, arguments: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_cfe"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "cfe {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    folders.iter().flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.is_file())
}

/// What the probe says of a page in a frame of `width` pixels.
fn look(browser: &Path, folder: &Path, page: &str, width: u32, dark: bool) -> Value {
    let probed = page.replace("</body>", &format!("<script>{PROBE}</script></body>"));
    let escaped = probed.replace('&', "&amp;").replace('"', "&quot;");
    // A window has a least width; a frame in it has not. Its result is copied to where it can be read.
    let frame = format!(
        "<!doctype html><body style=\"margin:0\">\
         <iframe id=\"page\" style=\"border:0;width:{width}px;height:3000px\" srcdoc=\"{escaped}\"></iframe>\
         <script>page.onload = () => {{\
           const copy = document.createElement('code');\
           copy.id = 'copy';\
           copy.textContent = page.contentDocument.getElementById('seen').textContent;\
           document.body.append(copy);\
         }}</script></body>"
    );
    let file = folder.join("frame.html");
    fs::write(&file, frame).unwrap();
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        .args(["--no-first-run", "--window-size=1400,3000", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)))
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let (_, rest) = dom.rsplit_once("<code id=\"copy\">").unwrap_or_else(|| panic!("no result in {dom}"));
    let json = rest.split_once("</code>").unwrap().0.replace("&lt;", "<").replace("&gt;", ">");
    serde_json::from_str(&json.replace("&amp;", "&")).unwrap()
}

fn problems(found: &Value) -> Vec<&str> {
    found["problems"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect()
}

#[test]
fn every_page_can_be_read_at_any_width_and_in_any_light() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    cfe(at, "example .");
    cfe(at, "fit abalone.csv.gz --split-column split --report-out fit.html --model-out m -q");
    cfe(
        at,
        "fit abalone.csv.gz --trainer als --set latent_dim=4 --threshold cost=1,20 --report-out als.html -q",
    );
    cfe(at, "evaluate --model m abalone.csv.gz --report-out evaluate.html -q");
    cfe(at, "tune abalone.csv.gz --trials 3 --report-out tune.html -q");
    let vehicle =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../cfe-compare/data/classes/development/vehicle/seed0.csv.gz");
    fs::copy(vehicle, at.join("vehicle.csv.gz")).unwrap();
    cfe(at, "fit vehicle.csv.gz --report-out classes.html -q");
    let own = std::env::var_os("CFE_PAGES").unwrap_or_default();
    let pages =
        ["fit.html", "als.html", "evaluate.html", "tune.html", "classes.html"].map(|name| at.join(name));
    for page in pages.into_iter().chain(std::env::split_paths(&own).filter(|p| !p.as_os_str().is_empty())) {
        let text = fs::read_to_string(&page).unwrap();
        for (width, dark) in [(1200, false), (1200, true), (390, false), (390, true)] {
            let found = look(&browser, at, &text, width, dark);
            assert_eq!(found["dark"].as_bool(), Some(dark), "the browser has another color scheme");
            assert_eq!(problems(&found), [""; 0], "{} at {width}, dark: {dark}", page.display());
        }
    }
}

#[test]
fn the_probe_sees_what_is_wrong() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = "<!doctype html><body style=\"margin:0;background:white\"><p style=\"color:#bbb\">pale</p>\
        <p style=\"width:500px\">wide</p>\
        <svg width=\"200\" height=\"50\"><text x=\"10\" y=\"20\">first</text><text x=\"15\" y=\"22\">second</text>\
        <text x=\"180\" y=\"40\">longer than there is room</text><text x=\"10\" y=\"40\" font-size=\"5\">small</text></svg>\
        <table><td style=\"overflow-wrap:anywhere\">squeezed</td><td style=\"min-width:390px\">x</td></table></body>";
    let found = look(&browser, folder.path(), page, 390, false);
    let said = problems(&found).join("\n");
    for expected in [
        "\"pale\" has a contrast of 1.9",
        "the page is 500 wide in 390",
        "\"wide\" reaches from 0 to 500 of 390",
        "\"second\" lies on text \"first\"",
        "\"longer than there is room\" is cut off",
        "\"small\" is 5.0 px high",
        "\"squeezed\" is squeezed to",
    ] {
        assert!(said.contains(expected), "{expected} is not in:\n{said}");
    }
}
