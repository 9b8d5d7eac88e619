//! The grids that ship with the program.

/// Name, text, and the baseline of those that have one.
const GRIDS: &[(&str, &str, Option<&str>)] = &[
    ("published", include_str!("../../grids/published.toml"), None),
    ("collapse", include_str!("../../grids/collapse.toml"), None),
    ("focal", include_str!("../../grids/focal.toml"), None),
    ("diversity", include_str!("../../grids/diversity.toml"), None),
    ("ci", include_str!("../../grids/ci.toml"), Some(include_str!("../../grids/ci.baseline.json"))),
];

/// The text of a grid.
pub(super) fn grid(name: &str) -> Option<&'static str> {
    GRIDS.iter().find(|(of, ..)| *of == name).map(|(_, text, _)| *text)
}

/// The baseline of a grid.
pub(super) fn baseline(name: &str) -> Option<&'static str> {
    GRIDS.iter().find(|(of, ..)| *of == name).and_then(|(.., baseline)| *baseline)
}

/// The names, joined by commas.
pub(super) fn names() -> String {
    GRIDS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}
