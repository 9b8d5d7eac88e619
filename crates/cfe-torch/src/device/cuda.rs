//! What there is of CUDA in this process, found out once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::info::loaded_libtorch;

/// libtorch's CUDA half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Load {
    /// Not a part of this libtorch.
    Absent { folder: Option<PathBuf> },
    /// There, but not usable by this process.
    Failed { path: PathBuf, reason: String },
    /// In this process.
    Loaded,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cuda {
    pub(super) load: Load,
    /// How many devices libtorch sees.
    pub(super) count: usize,
    /// Where it is loaded and sees none: why.
    pub(super) no_device: Option<String>,
}

impl Cuda {
    /// The state of this process.
    pub(super) fn get() -> &'static Cuda {
        static CUDA: OnceLock<Cuda> = OnceLock::new();
        CUDA.get_or_init(Cuda::look)
    }

    fn look() -> Cuda {
        let nothing = |load| Cuda { load, count: 0, no_device: None };
        // The linker drops libtorch_cuda from a program, as nothing in it is called by name. It must be
        // loaded before the first question about CUDA, because libtorch keeps its first answer.
        let path = match load() {
            Ok(path) => path,
            Err(load) => return nothing(load),
        };
        if !tch::utils::has_cudart() {
            let reason = "CUDA was asked about in this process before the library was loaded".to_owned();
            return nothing(Load::Failed { path, reason });
        }
        let count = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
        let no_device = (count == 0).then(|| why_no_device(Path::new("/proc/driver/nvidia/version")));
        Cuda { load: Load::Loaded, count, no_device }
    }
}

/// Loads libtorch_cuda from beside the libtorch_cpu of this process and gives its path.
#[cfg(target_os = "linux")]
fn load() -> Result<PathBuf, Load> {
    load_from(loaded_libtorch().and_then(|library| library.parent().map(Path::to_path_buf)))
}

#[cfg(target_os = "linux")]
fn load_from(folder: Option<PathBuf>) -> Result<PathBuf, Load> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY};

    let path = match &folder {
        Some(folder) => folder.join("libtorch_cuda.so"),
        None => return Err(Load::Absent { folder }),
    };
    if !path.exists() {
        return Err(Load::Absent { folder });
    }
    #[allow(unsafe_code, reason = "the one place: loading a library of libtorch")]
    // SAFETY: loading runs the library's initializers. It is the CUDA half of the very libtorch that this
    // process runs, from the same folder, and is made to be loaded like this (PyTorch's Python package does
    // so). It registers itself in libtorch_cpu and is never unloaded (`forget`), so nothing can point to it
    // after its end.
    match unsafe { Library::open(Some(&path), RTLD_LAZY | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            Ok(path)
        }
        Err(error) => {
            // The error says "dlopen failed"; the library that is missing is in the loader's words behind it.
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Err(Load::Failed { path, reason: cause.unwrap_or_else(|| error.to_string()) })
        }
    }
}

/// On other systems there is no CUDA (macOS), or it is linked like the rest (Windows).
#[cfg(not(target_os = "linux"))]
fn load() -> Result<PathBuf, Load> {
    let folder = loaded_libtorch().and_then(|library| library.parent().map(Path::to_path_buf));
    if tch::utils::has_cudart() { Ok(folder.unwrap_or_default()) } else { Err(Load::Absent { folder }) }
}

/// The driver's own file tells whether there is a driver at all.
fn why_no_device(driver: &Path) -> String {
    if !driver.exists() {
        return "no NVIDIA driver is running on this machine".to_owned();
    }
    match std::env::var("CUDA_VISIBLE_DEVICES") {
        Ok(visible) => format!("there is a driver, but CUDA_VISIBLE_DEVICES={visible} leaves none"),
        Err(_) => "there is a driver, but it offers no device (or is too old for CUDA 13; see nvidia-smi)"
            .to_owned(),
    }
}

/// Has the device compute something, and gives libtorch's words if it cannot.
pub(super) fn try_out(index: usize) -> Result<(), String> {
    let options = (tch::Kind::Double, tch::Device::Cuda(index));
    let sum = || tch::Tensor::f_ones([2], options)?.f_sum(tch::Kind::Double)?.f_double_value(&[]);
    match sum() {
        Ok(2.0) => Ok(()),
        Ok(other) => Err(format!("it says that 1 + 1 = {other}")),
        Err(error) => Err(error.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A libtorch_cuda that cannot be loaded is told with the loader's own words.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_library_that_does_not_load_says_why() {
        let folder = std::env::temp_dir().join(format!("cfe-torch-cuda-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(load_from(Some(folder.clone())), Err(Load::Absent { folder: Some(folder.clone()) }));
        std::fs::write(folder.join("libtorch_cuda.so"), "no library").unwrap();
        let Err(Load::Failed { reason, .. }) = load_from(Some(folder.clone())) else {
            panic!("it was loaded")
        };
        assert!(reason.contains("invalid ELF header") || reason.contains("file too short"), "{reason}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn no_driver_and_no_device_are_told_apart() {
        assert!(why_no_device(Path::new("/there/is/none")).contains("no NVIDIA driver"));
        assert!(why_no_device(Path::new("/")).contains("there is a driver"));
    }
}
