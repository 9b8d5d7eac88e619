//! The steps of continuous integration, said once: `.ci/run` and the workflow call `cargo xtask ci`.

use std::path::Path;
use std::process::Command;

use crate::commands::{downstream, run, step, test};
use crate::engines::{Engine, engine, engine_after_tests};
use crate::error::Error;
use crate::{fences, libtorch};

/// One step: its name for `--only`, what it checks, and whether a plain `cargo xtask ci` includes it.
struct Step {
    name: &'static str,
    does: &'static str,
    included: bool,
    run: Run,
}

/// How a step runs.
enum Run {
    /// Whatever ran before.
    Alone(fn(&Path) -> Result<(), Error>),
    /// With whether the step `tests` ran before, whose build may serve again.
    Tested(fn(&Path, bool) -> Result<(), Error>),
}

/// In the order of what fails soonest.
const STEPS: [Step; 13] = [
    Step { name: "format", does: "rustfmt changes nothing", included: true, run: Run::Alone(format) },
    Step {
        name: "fences",
        does: "the rules of the repository hold",
        included: true,
        run: Run::Alone(fences::check),
    },
    Step {
        name: "lints",
        does: "clippy has nothing to say, with all features",
        included: true,
        run: Run::Alone(lints),
    },
    Step { name: "docs", does: "rustdoc has nothing to say", included: true, run: Run::Alone(docs) },
    Step {
        name: "tests",
        does: "`cargo xtask test`: every test of every crate",
        included: true,
        run: Run::Alone(test),
    },
    Step {
        name: "python",
        does: "`cargo xtask python`: the wheel, its tests, examples, stubs and notebook",
        included: true,
        run: Run::Alone(python),
    },
    Step {
        name: "dask",
        does: "`cargo xtask dask`: fits on several processes, one of which is killed",
        included: true,
        run: Run::Tested(dask),
    },
    Step {
        name: "downstream",
        does: "examples/downstream runs with each backend",
        included: true,
        run: Run::Alone(downstream),
    },
    Step {
        name: "tests-without-libtorch",
        does: "`cargo test`: every test that needs Rust alone, on any system",
        included: false,
        run: Run::Alone(tests_without_libtorch),
    },
    Step {
        name: "spark",
        does: "`cargo xtask spark`: the same on Spark, which needs Java",
        included: false,
        run: Run::Alone(spark),
    },
    Step {
        name: "features",
        does: "clippy has nothing to say about each set of features",
        included: false,
        run: Run::Alone(features),
    },
    Step {
        name: "ablation",
        does: "a small ablation repeats its baseline",
        included: false,
        run: Run::Alone(ablation),
    },
    Step {
        name: "semver",
        does: "no released interface is broken (cargo-semver-checks, skipped where it is missing)",
        included: false,
        run: Run::Alone(semver),
    },
];

/// What `cargo xtask ci --list` prints.
pub(crate) fn list() -> String {
    let line = |step: &Step| {
        let note = if step.included { "" } else { " (only by name)" };
        format!("  {:<22}  {}{note}\n", step.name, step.does)
    };
    STEPS.iter().map(line).collect()
}

/// Whether there is a step of this name.
pub(crate) fn is_step(name: &str) -> bool {
    STEPS.iter().any(|step| step.name == name)
}

/// Runs the named steps, or all that are included where none is named, and stops at the first that fails.
pub(crate) fn ci(root: &Path, only: &[String]) -> Result<(), Error> {
    let chosen = |step: &&Step| {
        if only.is_empty() { step.included } else { only.iter().any(|name| name == step.name) }
    };
    let mut tested = false;
    // The order is that of the list, whatever the order of the names typed.
    for step in STEPS.iter().filter(chosen) {
        eprintln!("== {}: {}", step.name, step.does);
        match step.run {
            Run::Alone(run) => run(root)?,
            Run::Tested(run) => run(root, tested)?,
        }
        // The tests come before the steps that can use what was built for them.
        tested |= step.name == "tests";
    }
    eprintln!("CI passed.");
    Ok(())
}

fn format(root: &Path) -> Result<(), Error> {
    run(libtorch::cargo(root).args(["fmt", "--all", "--check"]))
}

/// All features include `doc-only`, which compiles tch without libtorch.
fn lints(root: &Path) -> Result<(), Error> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"];
    run(libtorch::cargo(root).args(clippy))
}

fn docs(root: &Path) -> Result<(), Error> {
    let doc = ["doc", "--workspace", "--no-deps", "--all-features", "--document-private-items"];
    run(libtorch::cargo(root).args(doc).env("RUSTDOCFLAGS", "--deny warnings"))
}

fn tests_without_libtorch(root: &Path) -> Result<(), Error> {
    run(libtorch::cargo(root).args(["test", "--no-fail-fast"]))
}

fn python(root: &Path) -> Result<(), Error> {
    crate::python::python(root, false)
}

fn dask(root: &Path, tested: bool) -> Result<(), Error> {
    if tested { engine_after_tests(root, Engine::Dask) } else { engine(root, Engine::Dask, false) }
}

fn spark(root: &Path) -> Result<(), Error> {
    engine(root, Engine::Spark, false)
}

fn ablation(root: &Path) -> Result<(), Error> {
    let ablate = ["run", "--release", "--package", "cfe-compare", "--", "ablate", "ci", "--check", "--out"];
    run(libtorch::cargo(root).args(ablate).arg("ablation"))
}

/// Sets of features that a user may ask for, `+` for none; `doc-only` stands in for libtorch.
const FEATURES: [(&str, &[&str]); 7] = [
    ("cfe-core", &["", "learned", "contract"]),
    ("cfe-io", &["", "parquet", "excel"]),
    ("cfe-als", &[""]),
    ("cfe-combine", &["", "als", "parquet", "als,parquet", "report", "torch,doc-only"]),
    ("cf-ensemble", &["", "als", "parquet", "report", "als,learned", "torch,doc-only"]),
    ("cfe-cli", &[""]),
    ("cfe-compare", &[""]),
];

fn features(root: &Path) -> Result<(), Error> {
    for (package, sets) in FEATURES {
        for set in sets {
            let mut cargo = libtorch::cargo(root);
            cargo.args(["clippy", "--package", package, "--no-default-features", "--features", set]);
            cargo.args(["--", "--deny", "warnings"]);
            step(&format!("{package} with {}", if set.is_empty() { "no feature" } else { set }), &mut cargo)?;
        }
    }
    Ok(())
}

fn semver(root: &Path) -> Result<(), Error> {
    // The tool is installed apart from the workspace, so that a machine without it skips the step.
    let there = Command::new("cargo").args(["semver-checks", "--version"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "skipped: cargo-semver-checks is not installed (`cargo install cargo-semver-checks --locked`)"
        );
        return Ok(());
    }
    run(libtorch::cargo(root).args(["semver-checks", "check-release", "--workspace"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_steps_are_unique_and_listed() {
        for step in &STEPS {
            assert_eq!(STEPS.iter().filter(|other| other.name == step.name).count(), 1, "{}", step.name);
            assert!(is_step(step.name) && list().contains(step.does));
        }
        assert!(!is_step("fromat"));
    }

    #[test]
    fn the_script_and_the_workflow_ask_for_steps_that_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let mut asked = 0;
        for file in [".ci/run", ".github/workflows/ci.yml"] {
            let text = std::fs::read_to_string(root.join(file)).expect("a text file");
            for name in text.split("--only ").skip(1).filter_map(|rest| rest.split_whitespace().next()) {
                // A matrix of the workflow fills the name in.
                assert!(name.starts_with("${{") || is_step(name), "{file}: {name}");
                asked += 1;
            }
        }
        assert!(asked > 5, "{asked}");
    }
}
