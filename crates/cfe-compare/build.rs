//! Puts libtorch's folder into the run path of this crate's programs, tests and doctests, so that they start
//! without LD_LIBRARY_PATH (docs/libtorch.md, "Run path"). A crate must do this for itself: cargo does not
//! pass it on.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // From torch-sys, a direct dependency under feature `torch`, which says nothing under `doc-only`.
    if let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    }
}
