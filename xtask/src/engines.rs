//! Fits on engines of many processes: what each needs is set up, a table is made, and the model files are
//! compared with that of the program byte by byte.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::commands::{step, target_dir};
use crate::error::Error;
use crate::libtorch;
use crate::python::{Environment, wheel};

/// An engine that the Python package has an adapter for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Dask,
    Spark,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Engine::Dask => "dask",
            Engine::Spark => "spark",
        }
    }
}

/// Builds the wheel and the program, and runs the tests of an adapter on them: processes on this machine, one
/// of which is killed in the middle. With `figures` the speed of passes is measured instead, in release.
pub(crate) fn engine(root: &Path, engine: Engine, figures: bool) -> Result<(), Error> {
    let mut cargo = libtorch::cargo(root);
    cargo.args(["build", "--quiet", "--package", "cfe-cli"]).args(figures.then_some("--release"));
    run_on(root, engine, figures, &mut cargo)
}

/// The tests of an adapter after those of Rust, whose program serves here too: to build `cfe` alone, with
/// other features, would compile half of the workspace again.
pub(crate) fn engine_after_tests(root: &Path, engine: Engine) -> Result<(), Error> {
    let mut cargo = libtorch::cargo(root);
    cargo.args(["build", "--quiet", "--workspace", "--features", "torch", "--bin", "cfe"]);
    run_on(root, engine, false, &mut cargo)
}

/// `program` builds `cfe`.
fn run_on(root: &Path, engine: Engine, figures: bool, program: &mut Command) -> Result<(), Error> {
    let started = Instant::now();
    let name = engine.name();
    // Spark needs Java, which is asked for before anything is built.
    let has_java = || Command::new("java").arg("-version").output().is_ok_and(|it| it.status.success());
    if engine == Engine::Spark && !has_java() {
        return Err(Error::NoJava);
    }
    // Two environments: one has what builds the wheel, the other the engine and its pinned versions.
    let newest = Environment::set_up(root, "venv", "requirements-dev.txt")?;
    let own = Environment::set_up(root, &format!("venv-{name}"), &format!("requirements-{name}.txt"))?;
    own.install(root, &wheel(root, &newest, figures)?)?;
    step(&format!("{name}: the program beside it"), program)?;
    // Speed is measured in release, and tests run with the checks of a debug build.
    let cfe = target_dir(root).join(if figures { "release" } else { "debug" }).join("cfe");
    if figures {
        let mut passes = own.script(root, "benchmarks/passes.py");
        return step(&format!("{name}: passes"), passes.arg(name).arg("--cfe").arg(cfe));
    }
    let mut pytest = own.module(root, "pytest");
    pytest.args(["-q", "--show-capture=no"]).arg(format!("tests/engines/test_{name}.py"));
    step(&format!("{name}: tests"), pytest.env("CFE", cfe))?;
    eprintln!("All tests of {name} passed ({:.0} s).", started.elapsed().as_secs_f64());
    Ok(())
}
