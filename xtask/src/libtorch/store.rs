//! The ignored folder `.libtorch` in the repository, and the order of writes that keeps it whole.
//!
//! ```text
//! .libtorch/lock             held while anything here is written
//! .libtorch/archives/        checked archives of a run that did not end; gone after success
//! .libtorch/scratch/         downloads and unpacking under way; swept by the next run
//! .libtorch/2.13.0-cpu/      lib, include, and the marker `complete`, which is written last
//! .libtorch/2.13.0-cuda/     torch, nvidia, complete
//! .libtorch/current          a link to the one in use; .cargo/config.toml points LIBTORCH at it
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::flavor::Flavor;
use super::pins::{self, Pin};
use crate::error::Error;
use crate::version::NEEDED;

pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(super) fn in_repository(root: &Path) -> Store {
        Store { folder: root.join(".libtorch") }
    }

    /// What LIBTORCH is set to by the repository's cargo configuration.
    pub(super) fn link(&self) -> PathBuf {
        self.folder.join("current")
    }

    pub(super) fn archives(&self) -> PathBuf {
        self.folder.join("archives")
    }

    /// The folder of one build.
    pub(super) fn home(&self, flavor: Flavor) -> PathBuf {
        self.folder.join(home_name(flavor))
    }

    /// Whether all of `flavor` is there, from the archives pinned today.
    pub(super) fn is_complete(&self, flavor: Flavor) -> bool {
        let expected = pins::archives(flavor).map(|pins| marker(&pins));
        expected.is_some() && fs::read_to_string(self.home(flavor).join(MARKER)).ok() == expected
    }

    /// The build in use, if it is complete.
    pub(super) fn current(&self) -> Option<Flavor> {
        let target = fs::read_link(self.link()).ok()?;
        Flavor::ALL.into_iter().find(|&flavor| target == link_target(flavor) && self.is_complete(flavor))
    }

    /// Creates the folder and keeps other runs out of it for as long as the file is held.
    pub(super) fn lock(&self) -> Result<File, Error> {
        fs::create_dir_all(&self.folder).map_err(Error::io(&self.folder))?;
        let path = self.folder.join("lock");
        let file = File::create(&path).map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("another run is setting up libtorch; waiting for it");
                file.lock().map_err(Error::io(&path))?;
            }
            Err(TryLockError::Error(source)) => return Err(Error::io(&path)(source)),
        }
        Ok(file)
    }

    /// An empty folder for work under way; what earlier runs left is swept. To be called under the lock.
    pub(super) fn fresh_scratch(&self) -> Result<PathBuf, Error> {
        let all = self.folder.join("scratch");
        remove(&all)?;
        // A name of its own, because a pip that outlived its killed xtask may still write to the old one.
        let mine = all.join(std::process::id().to_string());
        fs::create_dir_all(&mine).map_err(Error::io(&mine))?;
        Ok(mine)
    }

    /// Lets `fill` make the content beside the final place, then moves it there in one step.
    pub(super) fn install(
        &self,
        flavor: Flavor,
        scratch: &Path,
        marker: &str,
        fill: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // All three lie below `.libtorch` and so on one disk, where a rename is one step.
        let (home, fresh, old) = (self.home(flavor), scratch.join("fresh"), scratch.join("old"));
        fs::create_dir_all(&fresh).map_err(Error::io(&fresh))?;
        fill(&fresh)?;
        // The marker is written last: a folder without one is not complete, whatever else it holds.
        write(&fresh.join(MARKER), marker)?;
        // A rename cannot replace a folder that is not empty, so the old build moves away first.
        if home.exists() {
            fs::rename(&home, &old).map_err(Error::io(&home))?;
        }
        fs::rename(&fresh, &home).map_err(Error::io(&home))?;
        remove(&self.folder.join("scratch"))
    }

    /// Points `current` at `flavor`, in one step as well.
    pub(super) fn make_current(&self, flavor: Flavor) -> Result<(), Error> {
        let (link, fresh) = (self.link(), self.folder.join("current.new"));
        // A link cannot be changed in place. A new one is made beside it and takes over its name.
        remove(&fresh)?;
        symlink(&link_target(flavor), &fresh).map_err(Error::io(&fresh))?;
        fs::rename(&fresh, &link).map_err(Error::io(&link))
    }

    /// Half a gigabyte that has served.
    pub(super) fn discard_archives(&self) -> Result<(), Error> {
        remove(&self.archives())
    }
}

const MARKER: &str = "complete";

/// What a complete folder was made from. Another pin makes another marker, so the folder is then made anew.
pub(super) fn marker(pins: &[&Pin]) -> String {
    pins.iter().map(|pin| format!("{} {}\n", pin.sha256, pin.file)).collect()
}

/// What the wheels lack of a libtorch folder, given as the top of one build.
pub(super) fn finish_layout(flavor: Flavor, folder: &Path) -> Result<(), Error> {
    let libtorch = folder.join(libtorch_inside(flavor));
    // torch-sys links to `torch`, whose library in the wheel would pull in all of CUDA.
    if flavor == Flavor::Cpu {
        write(&libtorch.join("lib/libtorch.so"), "INPUT(libtorch_cpu.so)\n")?;
    }
    // torch-sys links to `gomp`, which a machine with clang alone does not have under that name.
    write(&libtorch.join("lib/libgomp.so"), "INPUT(libgomp.so.1)\n")?;
    // The file by which libtorch archives state their version; torch-sys checks it.
    let kind = if flavor == Flavor::Cpu { "cpu" } else { "cu130" };
    write(&libtorch.join("build-version"), &format!("{NEEDED}+{kind}\n"))
}

fn home_name(flavor: Flavor) -> String {
    format!("{NEEDED}-{}", if flavor == Flavor::Cpu { "cpu" } else { "cuda" })
}

/// Where `lib` and `include` are in the folder of a build.
fn libtorch_inside(flavor: Flavor) -> &'static str {
    if flavor == Flavor::Cpu { "" } else { "torch" }
}

/// Relative, so that the repository can be moved.
fn link_target(flavor: Flavor) -> PathBuf {
    // Collected anew: joining an empty part would leave a slash at the end.
    Path::new(&home_name(flavor)).join(libtorch_inside(flavor)).components().collect()
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::io(path))
}

/// Removes a file, a link or a folder with all in it, if it is there.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// Nothing is pinned for such systems, so this is never reached.
#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

// Two attributes: clippy knows a test module by the plain one.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;

    fn cpu_marker() -> String {
        marker(&pins::archives(Flavor::Cpu).unwrap())
    }

    /// What a run does, cut off where `fail` says so.
    fn run(store: &Store, content: &str, fail: bool) -> Result<(), Error> {
        let _lock = store.lock()?;
        let scratch = store.fresh_scratch()?;
        store.install(Flavor::Cpu, &scratch, &cpu_marker(), |folder| {
            write(&folder.join("library"), content)?;
            if fail { Err(Error::DiskFull(folder.to_path_buf())) } else { Ok(()) }
        })?;
        store.make_current(Flavor::Cpu)
    }

    #[test]
    fn an_interrupted_run_leaves_nothing_half_done_and_the_next_one_completes() {
        let folder = Folder::new("store-interrupted");
        let store = Store::in_repository(folder.path());
        assert!(run(&store, "half", true).is_err());
        assert!(!store.home(Flavor::Cpu).exists() && store.current().is_none());

        run(&store, "whole", false).unwrap();
        assert_eq!(store.current(), Some(Flavor::Cpu));
        assert_eq!(fs::read_to_string(store.link().join("library")).unwrap(), "whole");
        assert!(!store.folder.join("scratch").exists());
    }

    #[test]
    fn a_failed_second_run_leaves_the_first_one_in_use() {
        let folder = Folder::new("store-second");
        let store = Store::in_repository(folder.path());
        run(&store, "first", false).unwrap();
        assert!(run(&store, "second", true).is_err());
        assert_eq!(fs::read_to_string(store.link().join("library")).unwrap(), "first");
        run(&store, "third", false).unwrap();
        assert_eq!(fs::read_to_string(store.link().join("library")).unwrap(), "third");
    }

    #[test]
    fn a_folder_from_other_archives_or_without_marker_is_not_complete() {
        let folder = Folder::new("store-marker");
        let store = Store::in_repository(folder.path());
        run(&store, "x", false).unwrap();
        let marker = store.home(Flavor::Cpu).join(MARKER);
        fs::write(&marker, "an older pin").unwrap();
        assert_eq!(store.current(), None);
        fs::remove_file(&marker).unwrap();
        assert_eq!(store.current(), None);
    }

    #[test]
    fn the_lock_keeps_a_second_run_out() {
        let folder = Folder::new("store-lock");
        let store = Store::in_repository(folder.path());
        let held = store.lock().unwrap();
        let second = File::open(store.folder.join("lock")).unwrap();
        assert!(matches!(second.try_lock(), Err(TryLockError::WouldBlock)));
        drop(held);
        assert!(second.try_lock().is_ok());
    }

    #[test]
    fn the_layout_states_its_version() {
        let folder = Folder::new("store-layout");
        for (flavor, inside) in [(Flavor::Cpu, ""), (Flavor::Cuda, "torch")] {
            let home = folder.path().join(home_name(flavor));
            fs::create_dir_all(home.join(inside).join("lib")).unwrap();
            finish_layout(flavor, &home).unwrap();
            let found = crate::version::version_in(&folder.path().join(link_target(flavor))).unwrap();
            assert!(crate::version::is_needed(&found), "{found}");
        }
    }
}
