//! Fences between crates: what depends on what, and who talks to a terminal.

use toml::{Table, Value};

use super::file::{Finding, TextFile};

/// Every crate of ours and those of ours that its library or program may use. Tests may use more.
///
/// kernel <- core <- {io, als, torch} <- combine <- {cli, compare, python}; report stands alone. A program
/// may use the front door, cf-ensemble, as well.
const DIRECTIONS: [(&str, &[&str]); 13] = [
    // For tests alone: no library and no program depends on this crate.
    ("cfe-testing", &[]),
    ("cfe-kernel", &[]),
    ("cfe-report", &[]),
    ("cfe-core", &["cfe-kernel"]),
    ("cfe-io", &["cfe-core"]),
    ("cfe-als", &["cfe-core", "cfe-kernel"]),
    ("cfe-torch", &["cfe-core"]),
    ("cfe-combine", &["cfe-core", "cfe-kernel", "cfe-io", "cfe-als", "cfe-torch", "cfe-report"]),
    ("cf-ensemble", &["cfe-core", "cfe-io", "cfe-als", "cfe-torch", "cfe-combine", "cfe-report"]),
    ("cfe-cli", &["cfe-core", "cfe-io", "cfe-als", "cfe-torch", "cfe-combine", "cfe-report"]),
    (
        "cfe-compare",
        &[
            "cf-ensemble",
            "cfe-core",
            "cfe-kernel",
            "cfe-io",
            "cfe-als",
            "cfe-torch",
            "cfe-combine",
            "cfe-report",
        ],
    ),
    ("cfe-python", &["cfe-core", "cfe-io", "cfe-als", "cfe-torch", "cfe-combine", "cfe-report"]),
    ("xtask", &[]),
];

/// The crates that make a program: they alone read a command line and talk to the terminal.
const PROGRAMS: [&str; 3] = ["cfe-cli", "cfe-compare", "xtask"];

/// What reads a command line or draws on a terminal.
const COMMAND_LINE: [&str; 5] = ["clap", "clap_complete", "ctrlc", "indicatif", "terminal_size"];

/// A manifest of the workspace.
struct Manifest<'a> {
    file: &'a TextFile,
    name: String,
    table: Table,
}

impl Manifest<'_> {
    /// Names of what the library and the program are built from, with features on.
    fn dependencies(&self) -> Vec<String> {
        self.dependencies_where(|_| true)
    }

    fn dependencies_where(&self, keep: impl Fn(&Value) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        let mut of = |table: &Table| {
            // Tests may use any crate, so dev-dependencies are left out.
            for section in ["dependencies", "build-dependencies"] {
                let Some(Value::Table(section)) = table.get(section) else { continue };
                let kept = section.iter().filter(|(_, value)| keep(value));
                names.extend(kept.map(|(key, value)| package_of(key, value)));
            }
        };
        of(&self.table);
        // Dependencies of one system alone stand in a table of that system.
        for target in self.table.get("target").and_then(Value::as_table).into_iter().flatten() {
            if let Value::Table(table) = target.1 {
                of(table);
            }
        }
        names
    }
}

/// A dependency may be used under another name.
fn package_of(key: &str, value: &Value) -> String {
    value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()
}

/// Manifests of the crates of the workspace; others (examples, fuzz) are users of it.
fn manifests(files: &[TextFile]) -> (Vec<Manifest<'_>>, Vec<Finding>) {
    let (mut manifests, mut findings) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|file| file.is_manifest()) {
        if file.path.starts_with("examples/") || file.path.starts_with("fuzz/") {
            continue;
        }
        match file.text.parse::<Table>() {
            Ok(table) => match table.get("package").and_then(|package| package.get("name")?.as_str()) {
                Some(name) => manifests.push(Manifest { file, name: name.to_owned(), table }),
                None => findings.push(Finding::new(file, 0, "a manifest without a package name")),
            },
            Err(error) => findings.push(Finding::new(file, 0, error.message())),
        }
    }
    (manifests, findings)
}

/// Dependencies against the direction of [`DIRECTIONS`], and crates that have no place there.
pub(super) fn directions(files: &[TextFile]) -> Vec<Finding> {
    let (manifests, mut findings) = manifests(files);
    for manifest in &manifests {
        // A crate without a place is a finding too, so that a new crate gets one.
        let Some((_, allowed)) = DIRECTIONS.iter().find(|(name, _)| *name == manifest.name) else {
            let what = format!("{} has no place in DIRECTIONS of xtask/src/fences/crates.rs", manifest.name);
            findings.push(Finding::new(manifest.file, 0, what));
            continue;
        };
        for name in manifest.dependencies() {
            let ours = DIRECTIONS.iter().any(|(ours, _)| *ours == name);
            if ours && !allowed.contains(&name.as_str()) {
                let what = format!("{} must not depend on {name}; it may use: {allowed:?}", manifest.name);
                findings.push(Finding::new(manifest.file, line_of(manifest.file, &name), what));
            }
        }
    }
    findings
}

/// Libraries that bring a parser of arguments, a progress bar or a handler of signals along. A feature that a
/// program turns on may: `cfe-report` can make its formats values of an option.
pub(super) fn command_lines(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifests(files).0.iter().filter(|manifest| !PROGRAMS.contains(&manifest.name.as_str())) {
        // A feature may bring these crates along: the program that turns it on has them anyway.
        let is_always_on = |value: &Value| value.get("optional").and_then(Value::as_bool) != Some(true);
        for name in manifest.dependencies_where(is_always_on) {
            if COMMAND_LINE.contains(&name.as_str()) {
                let what = format!("{} is a library; only {PROGRAMS:?} may depend on {name}", manifest.name);
                findings.push(Finding::new(manifest.file, line_of(manifest.file, &name), what));
            }
        }
    }
    findings
}

fn line_of(file: &TextFile, dependency: &str) -> usize {
    let of_it =
        |line: &str| line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
    // In the root manifest the table of the workspace comes first.
    let lines = file.text.lines().enumerate();
    lines.filter(|(_, line)| of_it(line)).last().map_or(0, |(index, _)| index + 1)
}

/// Libraries that turn off the lints against printing, and manifests that do not take the lints of the
/// workspace. Printing itself is what clippy finds.
pub(super) fn printing(files: &[TextFile]) -> Vec<Finding> {
    let (manifests, mut findings) = manifests(files);
    for manifest in &manifests {
        let lints = manifest.table.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        if lints != Some(true) {
            let what = "no `[lints] workspace = true`, so that nothing keeps this crate from printing";
            findings.push(Finding::new(manifest.file, 0, what));
        }
        // The level of the lints stands in the manifest of the workspace, for all crates at once.
        if manifest.file.path == "Cargo.toml" {
            for lint in ["print_stdout", "print_stderr"] {
                let level =
                    manifest.table.get("workspace").and_then(|w| w.get("lints")?.get("clippy")?.get(lint));
                if !level.and_then(Value::as_str).is_some_and(|level| ["warn", "deny"].contains(&level)) {
                    findings.push(Finding::new(manifest.file, 0, format!("clippy::{lint} must be on")));
                }
            }
        }
        if PROGRAMS.contains(&manifest.name.as_str()) {
            continue;
        }
        let folder = manifest.file.path.trim_end_matches("Cargo.toml");
        // Clippy finds what prints, so that only attributes that turn the lint off are looked for.
        let sources = format!("{folder}src/");
        for file in files.iter().filter(|file| file.is_rust() && file.path.starts_with(&sources)) {
            for (index, line) in file.text.lines().enumerate() {
                if line.contains("clippy::print_std") {
                    let what = format!("{} is a library and must not print", manifest.name);
                    findings.push(Finding::new(file, index + 1, what));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::{file, lines};
    use super::*;

    fn manifest(name: &str, rest: &str) -> TextFile {
        let text = format!("[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n{rest}");
        file(&format!("crates/{name}/Cargo.toml"), &text)
    }

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        let wrong = manifest("cfe-core", "[dependencies]\ncfe-kernel.workspace = true\ncfe-als = \"1\"\n");
        let found = directions(&[wrong]);
        assert_eq!(lines(&found), [7]);
        assert!(found[0].what.contains("cfe-core must not depend on cfe-als"), "{}", found[0].what);
        // Tests may use what stands above.
        assert!(directions(&[manifest("cfe-core", "[dev-dependencies]\ncfe-als = \"1\"\n")]).is_empty());
    }

    #[test]
    fn renamed_and_targeted_dependencies_are_found() {
        let renamed = "[target.'cfg(unix)'.dependencies]\nals = { package = \"cfe-als\", version = \"1\" }\n";
        assert_eq!(directions(&[manifest("cfe-core", renamed)]).len(), 1);
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        let found = directions(&[manifest("cfe-new", "")]);
        assert!(found[0].what.contains("cfe-new has no place"), "{}", found[0].what);
    }

    #[test]
    fn a_library_with_a_command_line_is_found_and_a_program_is_not() {
        let clap = "[dependencies]\nclap.workspace = true\n";
        assert_eq!(lines(&command_lines(&[manifest("cfe-combine", clap)])), [6]);
        assert!(command_lines(&[manifest("cfe-cli", clap)]).is_empty());
        let optional = "[dependencies]\nclap = { workspace = true, optional = true }\n";
        assert!(command_lines(&[manifest("cfe-report", optional)]).is_empty());
    }

    #[test]
    fn a_library_that_may_print_is_found_and_a_program_is_not() {
        let source = "fn f() {}\n#[allow(clippy::print_stderr)]\nfn g() {}\n";
        let of =
            |name: &str| printing(&[manifest(name, ""), file(&format!("crates/{name}/src/lib.rs"), source)]);
        assert_eq!(lines(&of("cfe-core")), [2]);
        assert!(of("cfe-compare").is_empty());
        let bare = file("crates/cfe-core/Cargo.toml", "[package]\nname = \"cfe-core\"\n");
        assert_eq!(printing(&[bare]).len(), 1);
        let root = "[package]\nname = \"cf-ensemble\"\n[lints]\nworkspace = true\n\
                    [workspace.lints.clippy]\nprint_stdout = \"warn\"\nprint_stderr = \"allow\"\n";
        assert!(printing(&[file("Cargo.toml", root)])[0].what.contains("print_stderr"));
    }
}
