//! The threshold slider: the numbers in the page are those of the rows, and a browser that moves it shows
//! them.

use std::path::{Path, PathBuf};
use std::process::Command;

use cfe_report::{Document, Section, ThresholdSlider, html};
use serde_json::Value;

/// Sixty rows, fifteen positive, with ties.
fn rows() -> (Vec<bool>, Vec<f64>) {
    (0..60u32).map(|k| (k % 4 == 0, f64::from(k * 37 % 50 + 10 * u32::from(k % 4 == 0)) / 64.0)).unzip()
}

fn page(more: &str) -> (ThresholdSlider, String) {
    let (labels, probabilities) = rows();
    let slider = ThresholdSlider::new("Rows", &labels, &probabilities, 0.5, (1.0, 5.0));
    let sections = vec![Section::new("Where to cut?").slider(slider.clone())];
    let page = html::write(&Document { title: "Slider".into(), sections, ..Document::default() }, "");
    (slider, page.replace("</body>", &format!("{more}</body>")))
}

#[test]
fn the_numbers_in_the_page_are_those_of_the_rows() {
    let (slider, page) = page("");
    let (_, rest) = page.split_once("<script type=\"application/json\">").expect("data");
    let data: Value = serde_json::from_str(rest.split_once('<').expect("an end").0).expect("JSON");
    let points = data["points"].as_array().expect("a list");
    assert_eq!((data["positives"].as_u64(), points.len()), (Some(15), slider.len()));
    let (labels, probabilities) = rows();
    for point in points {
        let threshold = point[0].as_f64().expect("a number");
        let called = |class| {
            let rows = labels.iter().zip(&probabilities);
            rows.filter(|(label, p)| **label == class && **p >= threshold).count() as u64
        };
        assert_eq!(point[1].as_u64(), Some(called(true)), "at {threshold}");
        assert_eq!(point[2].as_u64(), Some(called(false)), "at {threshold}");
    }
}

/// Moves the slider to each position, then changes the cost of a missed positive, and puts what is shown into
/// the page.
const MOVE: &str = "<script>
  const slider = document.querySelector('.slider'), range = slider.querySelector('input[type=range]');
  const shown = () => [...slider.querySelectorAll('[data-show]')].map(e => e.dataset.show + '=' + e.textContent);
  const moved = [];
  const change = (input, value) => {
    input.value = value;
    input.dispatchEvent(new Event('input', { bubbles: true }));
    moved.push(shown());
  };
  for (let k = 0; k <= range.max; k++) change(range, k);
  change(slider.querySelector('[data-cost=miss]'), 100);
  const result = document.createElement('pre');
  result.id = 'moved';
  result.textContent = JSON.stringify(moved);
  document.body.append(result);
</script>";

#[test]
fn a_browser_that_moves_it_shows_the_same_figures() {
    // Without a browser the other test still holds the numbers in the page.
    let Some(browser) = browser() else { return };
    let (slider, page) = page(MOVE);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    std::fs::write(&file, page).expect("writable");
    let dom = dom(&browser, &file, folder.path());
    let (_, rest) = dom.split_once("<pre id=\"moved\">").unwrap_or_else(|| panic!("no result in {dom}"));
    let moved: Vec<Vec<String>> =
        serde_json::from_str(rest.split_once('<').expect("an end").0).expect("JSON");
    assert_eq!(moved.len(), slider.len() + 1);
    for (position, shown) in moved[..slider.len()].iter().enumerate() {
        let at = slider.at(position);
        let figures = [
            ("threshold", Some(at.threshold)),
            ("precision", at.precision),
            ("recall", at.recall),
            ("called", Some(at.called)),
            ("cost", Some(at.cost)),
        ];
        assert_eq!(shown.len(), figures.len());
        for (text, (name, expected)) in shown.iter().zip(figures) {
            let value = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).expect(name);
            // Shown to three or four digits.
            let close = |value: f64| {
                expected.is_some_and(|expected| (value - expected).abs() <= 6e-4 * expected.max(1.0))
            };
            assert!(
                value.parse().map_or(expected.is_none(), close),
                "{text} at position {position}: {expected:?}"
            );
        }
    }
    // The last position calls the fewest rows; each of the missed positives costs 100 now.
    let last = slider.at(slider.len() - 1);
    let missed = 15.0 * (1.0 - last.recall.expect("there are positives"));
    let false_alarms = last.called - (15.0 - missed);
    assert_eq!(moved[slider.len()][4], format!("cost={}", (false_alarms + 100.0 * missed).round()));
}

fn browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    folders.iter().flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.is_file())
}

/// The page after its scripts have run.
fn dom(browser: &Path, page: &Path, profile: &Path) -> String {
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
