//! The commands that run cargo.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::error::Error;
use crate::libtorch;

/// The published comparison, with both trainers.
pub(crate) fn compare(root: &Path, args: &[OsString]) -> Result<(), Error> {
    libtorch::ensure(root)?;
    let mut cargo = libtorch::cargo(root);
    cargo.args(["run", "--release", "--package", "cfe-compare", "--features", "torch", "--"]);
    // Before the caller's arguments, so that an --out of theirs is the last one, which counts.
    cargo.args(["published", "--out", "report"]).args(args);
    run(&mut cargo)
}

/// Versions of the peers that the figures of the docs were measured with.
const PEERS: [&str; 3] = ["numpy==2.4.6", "cmfrec==3.5.1.post14", THREADPOOLCTL];
/// cmfrec imports it and does not ask for it.
const THREADPOOLCTL: &str = "threadpoolctl==3.6.0";
const PYTORCH: &str = "torch==2.13.0";

/// Speed, beside the peers.
pub(crate) fn bench(root: &Path, pytorch: bool, args: &[OsString]) -> Result<(), Error> {
    libtorch::ensure(root)?;
    let mut cargo = libtorch::cargo(root);
    cargo.args([
        "run",
        "--release",
        "--package",
        "cfe-compare",
        "--features",
        "torch",
        "--",
        "speed",
        "suite",
    ]);
    cargo.arg("--update").arg(root.join("docs/performance.md"));
    // A Python that the caller names has peers of its own, and no environment is made.
    if !args.iter().any(|arg| arg.to_string_lossy().starts_with("--python")) {
        cargo.arg("--python").arg(peers(root, pytorch)?);
    }
    run(cargo.args(args))
}

/// The Python of a virtual environment with the peers.
fn peers(root: &Path, pytorch: bool) -> Result<PathBuf, Error> {
    let folder = target_dir(root).join("bench-python");
    let python = folder.join("bin/python");
    if !python.exists() {
        run(Command::new(libtorch::find_python()?).args(["-m", "venv"]).arg(&folder))?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PEERS);
    run(pip.args(pytorch.then_some(PYTORCH)))?;
    Ok(python)
}

/// Every test of every crate: unit, integration, examples and doctests, in one build with all backends.
pub(crate) fn test(root: &Path) -> Result<(), Error> {
    let started = Instant::now();
    libtorch::ensure(root)?;
    // Not stopped at the first crate that fails: one run shows all there is to mend.
    run(libtorch::cargo(root).args(["test", "--workspace", "--features", "torch", "--no-fail-fast"]))?;
    eprintln!("All tests of all crates passed ({:.0} s).", started.elapsed().as_secs_f64());
    Ok(())
}

/// The crate that uses ours as a dependency, with each set of features it offers.
pub(crate) fn downstream(root: &Path) -> Result<(), Error> {
    let manifest = root.join("examples/downstream/Cargo.toml");
    if !manifest.exists() {
        eprintln!("== downstream: skipped, there is no examples/downstream");
        return Ok(());
    }
    libtorch::ensure(root)?;
    for features in ["als", "torch", "als,torch"] {
        let mut cargo = libtorch::cargo(root);
        cargo
            .args(["run", "--no-default-features", "--features", features, "--manifest-path"])
            .arg(&manifest);
        // The workspace's build folder, so that tch is not compiled once more.
        cargo.arg("--target-dir").arg(target_dir(root));
        step(&format!("downstream with {features}"), &mut cargo)?;
    }
    Ok(())
}

pub(crate) fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

pub(crate) fn step(title: &str, command: &mut Command) -> Result<(), Error> {
    eprintln!("== {title}");
    run(command)
}

pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let line = || {
        let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
        std::iter::once(command.get_program().to_string_lossy().into_owned())
            .chain(args)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let line = line();
    let status = command.status().map_err(|source| Error::NotStarted { line: line.clone(), source })?;
    if status.success() {
        return Ok(());
    }
    // A process ended by a signal has no status of its own.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(Error::Failed { line, code })
}
