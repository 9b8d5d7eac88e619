//! What can go wrong, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::version::NEEDED;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}\n  See: cargo xtask --help")]
    Usage(String),

    #[error(
        "no Python 3 was found (tried: {tried}); it is needed once, to fetch libtorch {NEEDED} with pip\n  \
         What to do: install Python 3 with pip, or set LIBTORCH to the folder of a libtorch {NEEDED} that you have"
    )]
    NoPython { tried: String },

    #[error(
        "no Python {needed} or newer with venv and ensurepip was found (tried: {tried}); the Python package is built and \
         tested with it\n  \
         What to do: install Python {needed} or newer (on Debian and Ubuntu: python3 python3-venv), then run this again"
    )]
    OldPython { tried: String, needed: String },

    #[error(
        "{python} has no pip, which is needed once, to fetch libtorch {NEEDED}: {detail}\n  \
         What to do: `{python} -m ensurepip --upgrade` or your system's package python3-pip,\n  \
         or set LIBTORCH to the folder of a libtorch {NEEDED} that you have"
    )]
    NoPip { python: String, detail: String },

    #[error(
        "the package index cannot be reached to fetch {what}:\n{detail}\n  \
         What to do: check the connection and proxy that pip uses, then run this again (what is fetched is kept),\n  \
         or set LIBTORCH to the folder of a libtorch {NEEDED} that you have"
    )]
    Offline { what: String, detail: String },

    #[error(
        "pip could not fetch {what}:\n{detail}\n  \
         What to do: if pip is set to an index of your own, that index must carry this very file;\n  \
         otherwise set LIBTORCH to the folder of a libtorch {NEEDED} that you have"
    )]
    Download { what: String, detail: String },

    #[error(
        "{file} is not the file that is pinned, and was deleted\n  sha256 expected {expected}\n  sha256 found    {found}\n  \
         What to do: run this again; if it stays so, the index that pip is set to serves another build:\n  \
         use the public one, or set LIBTORCH to the folder of a libtorch {NEEDED} that you have"
    )]
    Checksum { file: String, expected: String, found: String },

    #[error(
        "{archive} does not hold what is expected of it: {detail}\n  What to do: `cargo xtask libtorch --force`"
    )]
    Archive { archive: String, detail: String },

    #[error(
        "there is no pinned libtorch for {os} on {arch}\n  \
         What to do: install PyTorch {NEEDED} and set LIBTORCH_USE_PYTORCH=1, or set LIBTORCH to a libtorch {NEEDED}"
    )]
    Platform { os: &'static str, arch: &'static str },

    #[error(
        "{setting} is libtorch {found}, but tch needs exactly {NEEDED}\n  \
         What to do: set it to a libtorch {NEEDED}, or unset it and `cargo xtask libtorch` sets one up\n  \
         (LIBTORCH_BYPASS_VERSION_CHECK=1 tries it all the same)"
    )]
    WrongVersion { setting: String, found: String },

    #[error(
        "{setting} cannot be used: {why}\n  \
         What to do: set it to the folder of libtorch {NEEDED} with `lib` and `include` in it (for a PyTorch, its\n  \
         site-packages/torch), or unset it and `cargo xtask libtorch` sets one up"
    )]
    NotLibtorch { setting: String, why: String },

    #[error(
        "LIBTORCH_USE_PYTORCH is set, but {why}\n  \
         What to do: install PyTorch {NEEDED} for that Python, or unset it and `cargo xtask libtorch` sets one up"
    )]
    NoPytorch { why: String },

    #[error("the disk is full while writing {0}\n  What to do: free {needs} and run this again", needs = DISK)]
    DiskFull(PathBuf),

    #[error("no permission to write {0}\n  What to do: run this as the owner of the repository's folder")]
    Permission(PathBuf),

    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },

    #[error("`{line}` could not be started: {source}")]
    NotStarted { line: String, source: io::Error },

    #[error(
        "no Java was found, which Spark runs on\n  \
         What to do: install Java 17 or 21 (on Debian and Ubuntu: openjdk-17-jre-headless), so that `java -version` answers"
    )]
    NoJava,

    #[error("{place}: the catalog of errors cannot be made: {why}")]
    Catalog { place: String, why: String },

    #[error("{0} is out of date\n  What to do: `cargo xtask errors`")]
    OutOfDate(&'static str),

    #[error(
        "{0} places break a rule of the repository\n  What to do: mend each; the rules are in xtask/src/fences"
    )]
    Fences(usize),

    #[error("`{line}` failed")]
    Failed { line: String, code: u8 },
}

/// For the CPU; the documentation has the figure for CUDA.
const DISK: &str = "1.1 GB (CUDA: 6.5 GB)";

impl Error {
    /// For `map_err`: the same failure of the system, said so that one can act on it.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::DiskFull(path),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Error::Permission(path),
            _ => Error::Io { path, source },
        }
    }

    /// A started command's own status is handed on: `compare --check` means something by its 1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::Failed { code, .. } => *code,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_become_ones_to_act_on() {
        let of = |kind: io::ErrorKind| Error::io(Path::new("x"))(kind.into()).to_string();
        assert!(of(io::ErrorKind::StorageFull).contains("disk is full"));
        assert!(of(io::ErrorKind::ReadOnlyFilesystem).contains("no permission"));
        assert!(of(io::ErrorKind::NotFound).starts_with("x: "));
    }
}
