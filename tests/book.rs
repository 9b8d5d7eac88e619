//! The book: every page is in the summary, every link leads somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("docs")).expect("a folder docs");
    let mut pages: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    pages.retain(|path| path.extension().is_some_and(|ext| ext == "md"));
    pages.sort();
    pages
}

/// Targets of inline links outside code.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Inline code has no links.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let targets = plain.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        links.extend(targets.map(|(target, _)| target.to_owned()));
    }
    links
}

/// The anchors mdbook and GitHub give the headings of a page.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    let anchor = |heading: &str| -> String {
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

fn check(page: &Path, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for link in links(text) {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (file, anchor) = link.split_once('#').map_or((link.as_str(), None), |(f, a)| (f, Some(a)));
        let target = if file.is_empty() { page.to_owned() } else { page.with_file_name("").join(file) };
        let found = if target.is_dir() { Ok(String::new()) } else { std::fs::read_to_string(&target) };
        match (found, anchor) {
            (Err(_), _) => broken.push(format!("{}: {link} leads nowhere", page.display())),
            (Ok(text), Some(anchor)) if !anchors(&text).contains(anchor) => {
                broken.push(format!("{}: {link} names no heading", page.display()));
            }
            _ => {}
        }
    }
    broken
}

#[test]
fn every_link_leads_somewhere() {
    let mut pages = pages();
    pages.extend(
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASE-CHECKLIST.md"].map(|name| root().join(name)),
    );
    let read = |page: &PathBuf| std::fs::read_to_string(page).expect("readable");
    let broken: Vec<String> = pages.iter().flat_map(|page| check(page, &read(page))).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(pages.iter().map(|page| links(&read(page)).len()).sum::<usize>() > 20, "links are found at all");
}

#[test]
fn every_page_is_in_the_summary_once() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).expect("a summary");
    let mut listed = links(&summary);
    listed.sort();
    let mut pages: Vec<String> =
        pages().iter().filter_map(|page| Some(page.file_name()?.to_str()?.to_owned())).collect();
    pages.retain(|name| name != "SUMMARY.md");
    assert_eq!(listed, pages);
}

#[test]
fn a_broken_link_would_be_seen() {
    let page = root().join("docs/index.md");
    let text = "[a](nowhere.md) `[b](code.md)` [c](quick-start.md#no-such-heading) [d](quick-start.md)";
    assert_eq!(check(&page, text).len(), 2);
}
