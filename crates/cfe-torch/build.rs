//! Puts libtorch's folder into the run path of this crate's tests, examples and doctests, and refuses a
//! libtorch of another version. torch-sys checks that only where a `build-version` file is, so not for a
//! PyTorch folder.

#[path = "src/device/version.rs"]
#[allow(dead_code, reason = "compiled for the crate as well")]
mod version;

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/device/version.rs");
    println!("cargo::rerun-if-env-changed=LIBTORCH_BYPASS_VERSION_CHECK");
    // From torch-sys, which says nothing under `doc-only`.
    let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());

    let libtorch = Path::new(&lib).parent().unwrap_or(Path::new("/"));
    let bypass = std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some();
    match version::version_in(libtorch) {
        Some(found) if !version::is_needed(&found) && !bypass => println!(
            "cargo::error={} is libtorch {found}, but tch needs exactly {}: set LIBTORCH to that version, or unset it \
             and run `cargo xtask libtorch`",
            libtorch.display(),
            version::NEEDED
        ),
        _ => {}
    }
}
