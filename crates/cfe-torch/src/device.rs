//! Where training runs, and plain words when it cannot run there.
//!
//! libtorch answers "no CUDA" for three different reasons, and falls back on the CPU by itself for none.
//! Asked for CUDA, this module gives a device that has computed something, or the reason and its cure; never
//! the CPU instead.

mod cuda;
mod info;
mod version;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use cuda::{Cuda, Load};
pub use info::{LibtorchInfo, libtorch_info};

/// The device asked for. Written as `auto`, `cpu`, `cuda` (the first one) or `cuda:1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The first CUDA device if it works, otherwise the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of this number, and nothing else.
    Cuda(usize),
}

/// A device that can be used, from [`Device::resolve`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedDevice {
    /// The device in terms of tch.
    pub tch_device: tch::Device,
    /// For the record of a run: the device, and for [`Device::Auto`] why this one.
    pub description: String,
}

/// Why a CUDA device that was asked for cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// This libtorch is for the CPU alone.
    #[error(
        "CUDA was asked for, but {} was built without it (it has no libtorch_cuda); set LIBTORCH to a CUDA build, in \
         the project's repository `cargo xtask libtorch --cuda`, or use the device `cpu`",
        folder.as_ref().map_or("this libtorch".to_owned(), |folder| format!("the libtorch in {}", folder.display()))
    )]
    BuiltWithoutCuda {
        /// Where libtorch was loaded from, where the system can tell.
        folder: Option<PathBuf>,
    },
    /// libtorch's CUDA half is there, but not in this process.
    #[error(
        "CUDA was asked for, but libtorch's CUDA library {} is not loaded: {reason}; put the libraries it names beside \
         it or into LD_LIBRARY_PATH, or use the device `cpu`",
        path.display()
    )]
    LibraryNotLoaded {
        /// The library.
        path: PathBuf,
        /// What the loader says.
        reason: String,
    },
    /// All libraries are loaded, and there is no device.
    #[error(
        "CUDA was asked for and is loaded, but there is no device: {why}; mend that, or use the device `cpu`"
    )]
    NoDevice {
        /// No driver, or a driver that shows no device.
        why: String,
    },
    /// There are devices, but fewer.
    ///
    /// Cure: take an index below the count that the message gives.
    #[error("CUDA device {index} was asked for, but there are {count}, numbered from 0: use `cuda:{}`", count - 1)]
    IndexOutOfRange {
        /// The number asked for.
        index: usize,
        /// How many there are; at least one.
        count: usize,
    },
    /// The device is listed, but cannot add two numbers.
    #[error(
        "CUDA device {index} was asked for, but does not work: {reason}; this libtorch may not support the device or \
         its driver, or another process may hold it; or use the device `cpu`"
    )]
    Unusable {
        /// The number asked for.
        index: usize,
        /// What libtorch says.
        reason: String,
    },
}

/// A text that names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no device `{0}`: it is `auto`, `cpu`, `cuda` or `cuda:N`")]
pub struct ParseDeviceError(String);

impl Device {
    /// The device to use for this wish, tried out if it is a CUDA device.
    ///
    /// # Errors
    ///
    /// Only [`Device::Cuda`] can fail.
    pub fn resolve(self) -> Result<ResolvedDevice, DeviceError> {
        match self {
            Device::Cpu => Ok(ResolvedDevice::cpu("CPU".to_owned())),
            Device::Cuda(index) => choose(Cuda::get(), index, cuda::try_out),
            // `auto` may fall back on the CPU, and says why. A device that was asked for by name may not.
            Device::Auto => Ok(choose(Cuda::get(), 0, cuda::try_out).unwrap_or_else(|error| {
                ResolvedDevice::cpu(format!("CPU (chosen automatically: {})", error.in_short()))
            })),
        }
    }
}

impl ResolvedDevice {
    fn cpu(description: String) -> ResolvedDevice {
        ResolvedDevice { tch_device: tch::Device::Cpu, description }
    }
}

impl DeviceError {
    /// The reason without the cure, for those who did not ask for CUDA.
    fn in_short(&self) -> &'static str {
        match self {
            DeviceError::BuiltWithoutCuda { .. } => "libtorch was built without CUDA",
            DeviceError::LibraryNotLoaded { .. } => "libtorch's CUDA library cannot be loaded",
            DeviceError::NoDevice { .. } | DeviceError::IndexOutOfRange { .. } => "no CUDA device",
            DeviceError::Unusable { .. } => "the CUDA device does not work",
        }
    }
}

/// The rule alone, apart from the machine, so that it can be tested on one without CUDA.
fn choose(
    cuda: &Cuda,
    index: usize,
    try_out: impl FnOnce(usize) -> Result<(), String>,
) -> Result<ResolvedDevice, DeviceError> {
    // From the library to the device: the first thing that is wrong explains the rest.
    match &cuda.load {
        Load::Absent { folder } => return Err(DeviceError::BuiltWithoutCuda { folder: folder.clone() }),
        Load::Failed { path, reason } => {
            return Err(DeviceError::LibraryNotLoaded { path: path.clone(), reason: reason.clone() });
        }
        Load::Loaded => {}
    }
    if let Some(why) = &cuda.no_device {
        return Err(DeviceError::NoDevice { why: why.clone() });
    }
    let count = cuda.count;
    if index >= count {
        return Err(DeviceError::IndexOutOfRange { index, count });
    }
    try_out(index).map_err(|reason| DeviceError::Unusable { index, reason })?;
    let description = format!("CUDA device {index} of {count}");
    Ok(ResolvedDevice { tch_device: tch::Device::Cuda(index), description })
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Auto => f.write_str("auto"),
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = ParseDeviceError;

    fn from_str(text: &str) -> Result<Device, ParseDeviceError> {
        let unknown = || ParseDeviceError(text.to_owned());
        match text {
            "auto" => Ok(Device::Auto),
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(0)),
            _ => {
                let index = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                // `parse` would take a sign as well.
                let digits = index.bytes().all(|byte| byte.is_ascii_digit());
                index.parse().ok().filter(|_| digits).map(Device::Cuda).ok_or_else(unknown)
            }
        }
    }
}

impl TryFrom<String> for Device {
    type Error = ParseDeviceError;

    fn try_from(text: String) -> Result<Device, ParseDeviceError> {
        text.parse()
    }
}

impl From<Device> for String {
    fn from(device: Device) -> String {
        device.to_string()
    }
}

#[cfg(test)]
mod tests;
