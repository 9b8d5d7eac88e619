//! Where libtorch comes from: the user's own, or one set up in the ignored folder `.libtorch`.

mod fetch;
mod flavor;
mod own;
mod pins;
mod pip;
mod store;
mod unpack;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

pub(crate) use flavor::Flavor;
pub(crate) use pip::find_python;

use crate::error::Error;
use crate::version::NEEDED;
use store::Store;

/// `cargo xtask libtorch`: sets one up, or says which one is there already.
pub(crate) fn provision(root: &Path, flavor: Flavor, force: bool) -> Result<(), Error> {
    // The user's own libtorch goes before any that could be set up here.
    if let Some(found) = own::find(root)? {
        eprintln!("{found} is used; unset it to have one set up here");
        return Ok(());
    }
    let store = Store::in_repository(root);
    // A complete folder that is in use leaves nothing to do, and needs no network.
    if !force && store.is_complete(flavor) && store.current() == Some(flavor) {
        eprintln!(
            "libtorch {NEEDED} ({}) is already set up in {}",
            flavor.title(),
            store.home(flavor).display()
        );
        return Ok(());
    }
    set_up(&store, flavor, force)
}

/// Before a command that links to libtorch: makes sure of one, and says nothing where that is so already.
pub(crate) fn ensure(root: &Path) -> Result<(), Error> {
    if own::find(root)?.is_some() {
        return Ok(());
    }
    let store = Store::in_repository(root);
    match store.current() {
        Some(_) => Ok(()),
        None => set_up(&store, Flavor::Cpu, false),
    }
}

/// Cargo as a command that finds the same libtorch in the same way as a cargo typed by hand.
///
/// A cargo that started us has put the value from `.cargo/config.toml` into our environment. Left there, it
/// would look like one the user set, and torch-sys would be compiled again for the seeming change.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    if std::env::var_os("LIBTORCH")
        .is_some_and(|value| Path::new(&value) == Store::in_repository(root).link())
    {
        command.env_remove("LIBTORCH");
    }
    command
}

fn set_up(store: &Store, flavor: Flavor, force: bool) -> Result<(), Error> {
    let pins = pins::archives(flavor)
        .ok_or(Error::Platform { os: std::env::consts::OS, arch: std::env::consts::ARCH })?;
    let started = Instant::now();
    let _lock = store.lock()?;
    // Another run may have done the work while this one waited for the lock.
    if force || !store.is_complete(flavor) {
        let size = pins::megabytes(pins.iter().map(|pin| pin.bytes).sum());
        let count = pins.len();
        eprintln!("libtorch {NEEDED} ({}): {count} archives, {size} MB, once", flavor.title());
        install(store, flavor, &pins)?;
    }
    store.make_current(flavor)?;
    let home = store.home(flavor);
    eprintln!("libtorch {NEEDED} is ready in {} ({:.0} s)", home.display(), started.elapsed().as_secs_f64());
    Ok(())
}

fn install(store: &Store, flavor: Flavor, pins: &[&pins::Pin]) -> Result<(), Error> {
    let scratch = store.fresh_scratch()?;
    let mut pip = pip::Pip::new(scratch.join("download"));
    // All archives are fetched and checked before the first one is unpacked.
    let archives = pins
        .iter()
        .map(|pin| fetch::obtain(pin, &store.archives(), &mut |pin| pip.download(pin)))
        .collect::<Result<Vec<_>, _>>()?;

    // The marker names the archives, so that other pins make the folder out of date.
    let marker = store::marker(pins);
    store.install(flavor, &scratch, &marker, |folder| {
        let started = Instant::now();
        let mut total = unpack::Unpacked::default();
        for archive in &archives {
            total += unpack::unpack(archive, folder, |entry| pins::destination(flavor, entry))?;
        }
        // The folder still has a name of its own here, so a failure leaves the last build in its place.
        unpack::check(folder, pins::required(flavor))?;
        store::finish_layout(flavor, folder)?;
        let (files, size) = (total.files, pins::megabytes(total.bytes));
        eprintln!("  unpacked {files} files, {size} MB ({:.0} s)", started.elapsed().as_secs_f64());
        Ok(())
    })?;
    // Archives are kept until here, so that a run that was ended does not fetch them again.
    store.discard_archives()
}

#[cfg(test)]
pub(crate) mod testing {
    use std::path::{Path, PathBuf};

    /// A folder of one test, gone after it.
    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn new(test: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("cfe-xtask-{test}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
