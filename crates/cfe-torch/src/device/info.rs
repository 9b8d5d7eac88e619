//! The libtorch that this process runs.

use std::path::{Path, PathBuf};

use super::version;

/// Which libtorch this process runs, from where; for reports and diagnosis.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LibtorchInfo {
    /// The version its folder states, such as `2.13.0+cpu`.
    pub version: Option<String>,
    /// The loaded library (libtorch_cpu), where the system can tell.
    pub path: Option<PathBuf>,
    /// The version this crate is made for.
    pub needed: &'static str,
}

impl LibtorchInfo {
    /// Whether it is the version needed; `None` where its folder does not tell.
    pub fn is_needed_version(&self) -> Option<bool> {
        self.version.as_deref().map(version::is_needed)
    }
}

/// Finds out which libtorch this process runs.
pub fn libtorch_info() -> LibtorchInfo {
    let path = loaded_libtorch();
    // The library is in `lib` of libtorch's folder.
    let version = path.as_deref().and_then(Path::parent).and_then(Path::parent).and_then(version::version_in);
    LibtorchInfo { version, path, needed: version::NEEDED }
}

/// The path of libtorch_cpu in this process; Linux alone has a file that tells.
pub(super) fn loaded_libtorch() -> Option<PathBuf> {
    std::fs::read_to_string("/proc/self/maps").ok().as_deref().and_then(library_in)
}

fn library_in(maps: &str) -> Option<PathBuf> {
    // A line ends with the path of the file that is mapped, if there is one.
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    paths
        .into_iter()
        .find(|path| path.file_name().is_some_and(|name| name == "libtorch_cpu.so"))
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_found_among_the_mapped_files() {
        let maps = "7f00-7f01 rw-p 00000000 00:00 0 \n\
                    7f01-7f02 r-xp 00000000 fe:00 12 /lib/libc.so.6\n\
                    7f02-7f03 r--p 00000000 fe:00 13 /home/a b/torch/lib/libtorch_cpu.so\n";
        assert_eq!(library_in(maps), Some(PathBuf::from("/home/a b/torch/lib/libtorch_cpu.so")));
        assert_eq!(library_in("7f00-7f01 rw-p 00000000 00:00 0 [heap]\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_runs_the_needed_version() {
        let _ = tch::Tensor::from(1.0); // so that the linker keeps libtorch
        let info = libtorch_info();
        assert_eq!(info.is_needed_version(), Some(true));
        assert!(info.path.is_some_and(|path| path.is_absolute()));
    }
}
