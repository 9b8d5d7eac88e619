//! Builds the Python package, installs it, and runs all of its tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::commands::{run, step, target_dir};
use crate::error::Error;
use crate::libtorch;

/// The oldest Python that the wheel is for, as in `requires-python` of crates/cfe-python/pyproject.toml.
const OLDEST_PYTHON: (u32, u32) = (3, 11);

/// Names that a Python goes by, the default first.
const PYTHONS: [&str; 6] = ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11"];

/// A virtual environment below the build folder.
pub(crate) struct Environment {
    python: PathBuf,
}

impl Environment {
    /// The environment `name` with what `requirements` pins; made, or brought up to date, where needed.
    pub(crate) fn set_up(root: &Path, name: &str, requirements: &str) -> Result<Self, Error> {
        let folder = target_dir(root).join("python").join(name);
        let python = folder.join("bin/python");
        let requirements = root.join("crates/cfe-python").join(requirements);
        let wanted = fs::read_to_string(&requirements).map_err(Error::io(&requirements))?;
        // A copy of the list that was installed: the same list needs no pip.
        let installed = folder.join("requirements.txt");
        if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
            return Ok(Self { python });
        }
        eprintln!("== python: setting up {}", folder.display());
        run(Command::new(find_python()?).args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        // A list that says so is whole.
        pip.args(wanted.contains("--no-deps").then_some("--no-deps"));
        run(pip.arg("--requirement").arg(&requirements))?;
        fs::write(&installed, wanted).map_err(Error::io(&installed))?;
        Ok(Self { python })
    }

    /// A module of this Python, to be run in the folder of the package.
    pub(crate) fn module(&self, root: &Path, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg("-m").arg(name).current_dir(root.join("crates/cfe-python"));
        command.env("CARGO_TARGET_DIR", target_dir(root));
        command
    }

    /// A script of the package, run in its folder.
    pub(crate) fn script(&self, root: &Path, path: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(path).current_dir(root.join("crates/cfe-python"));
        command
    }

    pub(crate) fn install(&self, root: &Path, wheel: &Path) -> Result<(), Error> {
        let mut pip = self.module(root, "pip");
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--force-reinstall"]);
        run(pip.arg(wheel))
    }
}

/// Builds the wheel, installs it into an environment of its own, and runs the tests, the examples of the
/// docstrings, the checks of types and stubs, and the notebook on it; then scikit-learn's checks on the
/// oldest one that is supported.
///
/// The wheel is built like the tests of Rust, with the checks of overflow and debugging, unless `release` is
/// asked for.
pub(crate) fn python(root: &Path, release: bool) -> Result<(), Error> {
    let started = Instant::now();
    let newest = Environment::set_up(root, "venv", "requirements-dev.txt")?;

    let wheel = wheel(root, &newest, release)?;
    newest.install(root, &wheel)?;
    step("python: tests", newest.module(root, "pytest").args(["-q", "tests"]))?;
    let mut doctests = newest.module(root, "pytest");
    step(
        "python: examples of the docstrings",
        // The adapter of Spark cannot be imported where there is none.
        doctests.args([
            "-q",
            "--doctest-modules",
            "--doctest-ignore-import-errors",
            "--pyargs",
            "cf_ensemble",
        ]),
    )?;
    step("python: types", newest.module(root, "mypy").arg("python/cf_ensemble"))?;
    step("python: stubs", newest.module(root, "mypy.stubtest").arg("cf_ensemble._core"))?;

    let oldest = Environment::set_up(root, "venv-oldest", "requirements-oldest.txt")?;
    oldest.install(root, &wheel)?;
    let mut pytest = oldest.module(root, "pytest");
    step(
        "python: the oldest scikit-learn",
        pytest.args(["-q", "tests/test_sklearn.py", "tests/test_stacking.py"]),
    )?;

    eprintln!("All tests of the Python package passed ({:.0} s).", started.elapsed().as_secs_f64());
    Ok(())
}

/// Prints the figures of docs/python.md, measured with a wheel built in release: signals, copies, speed
/// beside the program, and how well other combiners do.
pub(crate) fn figures(root: &Path) -> Result<(), Error> {
    let newest = Environment::set_up(root, "venv", "requirements-dev.txt")?;
    let peers = Environment::set_up(root, "venv-peers", "benchmarks/requirements.txt")?;
    let wheel = wheel(root, &newest, true)?;
    let mut cargo = libtorch::cargo(root);
    cargo.args(["build", "--quiet", "--release", "--package", "cfe-cli"]);
    step("python: the program beside it", &mut cargo)?;
    let cfe = target_dir(root).join("release").join("cfe");

    newest.install(root, &wheel)?;
    let mut behavior = newest.script(root, "benchmarks/behavior.py");
    step("python: behavior", behavior.arg("--cfe").arg(cfe))?;
    peers.install(root, &wheel)?;
    step("python: other combiners", &mut peers.script(root, "benchmarks/peers.py"))
}

/// Builds the wheel with what `environment` has.
pub(crate) fn wheel(root: &Path, environment: &Environment, release: bool) -> Result<PathBuf, Error> {
    let wheels = target_dir(root).join("python").join("wheels");
    // Wheels of earlier builds go, so that the one found below is the one just built.
    if wheels.exists() {
        fs::remove_dir_all(&wheels).map_err(Error::io(&wheels))?;
    }
    let mut maturin = environment.module(root, "maturin");
    maturin.args(["build", "--quiet", "--profile", if release { "release" } else { "dev" }]);
    step("python: the wheel", maturin.arg("--out").arg(&wheels))?;
    let found = fs::read_dir(&wheels).map_err(Error::io(&wheels))?.flatten().map(|entry| entry.path()).next();
    let wheel = found.ok_or_else(|| Error::Usage("maturin built no wheel".to_owned()))?;
    eprintln!("   {}", wheel.display());
    Ok(wheel)
}

/// The first Python that is new enough.
fn find_python() -> Result<&'static str, Error> {
    let (major, minor) = OLDEST_PYTHON;
    let question =
        format!("import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < ({major}, {minor}))");
    let new_enough = |name: &&&str| {
        Command::new(name).args(["-c", &question]).output().is_ok_and(|output| output.status.success())
    };
    PYTHONS
        .iter()
        .find(new_enough)
        .copied()
        .ok_or_else(|| Error::OldPython { tried: PYTHONS.join(", "), needed: format!("{major}.{minor}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_and_this_command_agree_on_the_oldest_python() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        let project = fs::read_to_string(root.join("crates/cfe-python/pyproject.toml")).expect("a text file");
        let (major, minor) = OLDEST_PYTHON;
        assert!(project.contains(&format!("requires-python = \">={major}.{minor}\"")));
        let manifest = fs::read_to_string(root.join("crates/cfe-python/Cargo.toml")).expect("a text file");
        assert!(manifest.contains(&format!("abi3-py{major}{minor}")));
    }

    #[test]
    fn every_requirement_is_pinned() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
        for file in [
            "requirements-dev.txt",
            "requirements-oldest.txt",
            "requirements-dask.txt",
            "requirements-spark.txt",
            "benchmarks/requirements.txt",
        ] {
            let text = fs::read_to_string(root.join("crates/cfe-python").join(file)).expect("a text file");
            let lines: Vec<&str> =
                text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
            assert!(lines.len() >= 3 && lines.iter().all(|line| line.contains("==")), "{file}");
        }
    }
}
