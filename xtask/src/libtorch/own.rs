//! A libtorch the user already has. The settings and their order are those of torch-sys, which will read them
//! after us but checks the version of an archive only, not of a PyTorch that LIBTORCH points to.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::store::Store;
use crate::error::Error;
use crate::version::{is_needed, version_in};

/// Prints to `cargo xtask libtorch`'s reader where their libtorch is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Own {
    setting: String,
    version: String,
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (libtorch {})", self.setting, self.version)
    }
}

/// The libtorch that the environment names, if it names one; an error if that one will not do.
pub(super) fn find(root: &Path) -> Result<Option<Own>, Error> {
    let own = Settings::from_environment(root).find(python_torch)?;
    if own.as_ref().is_some_and(|own| !is_needed(&own.version)) {
        eprintln!(
            "warning: LIBTORCH_BYPASS_VERSION_CHECK is set: another version than the needed one is used"
        );
    }
    Ok(own)
}

#[derive(Debug, Default)]
struct Settings {
    use_pytorch: bool,
    libtorch: Option<OsString>,
    /// Where the headers are, when not in LIBTORCH.
    include: Option<OsString>,
    bypass: bool,
}

impl Settings {
    fn from_environment(root: &Path) -> Settings {
        let ours = Store::in_repository(root).link();
        Settings {
            use_pytorch: std::env::var_os("LIBTORCH_USE_PYTORCH").is_some(),
            // Cargo hands us the value from .cargo/config.toml as if it were the user's.
            libtorch: std::env::var_os("LIBTORCH").filter(|value| Path::new(value) != ours),
            include: std::env::var_os("LIBTORCH_INCLUDE"),
            bypass: std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some(),
        }
    }

    fn find(&self, python_torch: impl FnOnce() -> Result<String, String>) -> Result<Option<Own>, Error> {
        // LIBTORCH_USE_PYTORCH goes before LIBTORCH, as in torch-sys.
        let own = if self.use_pytorch {
            let setting = "the PyTorch that your Python imports (LIBTORCH_USE_PYTORCH)".to_owned();
            Own { setting, version: python_torch().map_err(|why| Error::NoPytorch { why })? }
        } else if let Some(libtorch) = &self.libtorch {
            let setting = format!("LIBTORCH={}", libtorch.display());
            match self.version_at(Path::new(libtorch)) {
                Ok(version) => Own { setting, version },
                Err(why) => return Err(Error::NotLibtorch { setting, why }),
            }
        } else {
            // Neither is set, so that the folder `.libtorch` serves.
            return Ok(None);
        };
        // torch-sys does not check the version of a PyTorch, so both are checked here.
        if !is_needed(&own.version) && !self.bypass {
            return Err(Error::WrongVersion { setting: own.setting, found: own.version });
        }
        Ok(Some(own))
    }

    fn version_at(&self, libtorch: &Path) -> Result<String, String> {
        if libtorch.is_relative() {
            return Err(
                "it must be an absolute path, because each crate is compiled in its own folder".to_owned()
            );
        }
        if !libtorch.is_dir() {
            return Err("there is no such folder".to_owned());
        }
        let include = self.include.as_ref().map(PathBuf::from);
        let folders = [Some(libtorch), include.as_deref()];
        folders.into_iter().flatten().find_map(version_in).ok_or_else(|| {
            "no version is to be found in it (no build-version, no version.py, no header of torch)".to_owned()
        })
    }
}

/// The version of the torch that Python imports, asked in the way of torch-sys.
fn python_torch() -> Result<String, String> {
    let python = if std::env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let output = Command::new(python)
        .args(["-c", "import torch; print(torch.__version__)"])
        .output()
        .map_err(|error| format!("{python} could not be started: {error}"))?;
    let text =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().lines().last().unwrap_or_default().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{python} cannot import torch: {}", text(&output.stderr)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::testing::Folder;
    use super::*;

    fn no_python() -> Result<String, String> {
        panic!("Python was asked")
    }

    fn at(folder: &Path) -> Settings {
        Settings { libtorch: Some(folder.into()), ..Settings::default() }
    }

    #[test]
    fn without_settings_there_is_none() {
        assert_eq!(Settings::default().find(no_python).unwrap(), None);
    }

    #[test]
    fn the_version_of_a_folder_decides() {
        let folder = Folder::new("own-version");
        let settings = at(folder.path());
        assert!(settings.find(no_python).unwrap_err().to_string().contains("no version"));

        fs::write(folder.path().join("version.py"), "__version__ = '2.9.1+cu128'\n").unwrap();
        let error = settings.find(no_python).unwrap_err().to_string();
        for part in ["2.9.1+cu128", "exactly 2.13.0", "LIBTORCH=/", "What to do"] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
        let bypassed = Settings { bypass: true, ..at(folder.path()) };
        assert_eq!(bypassed.find(no_python).unwrap().unwrap().version, "2.9.1+cu128");

        fs::write(folder.path().join("version.py"), "__version__ = '2.13.0+cu130'\n").unwrap();
        assert_eq!(settings.find(no_python).unwrap().unwrap().version, "2.13.0+cu130");
    }

    #[test]
    fn headers_kept_elsewhere_are_asked_too() {
        let (folder, include) = (Folder::new("own-lib"), Folder::new("own-include"));
        let headers = include.path().join("include/torch/headeronly");
        fs::create_dir_all(&headers).unwrap();
        let text =
            "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 0\n";
        fs::write(headers.join("version.h"), text).unwrap();
        let settings = Settings { include: Some(include.path().into()), ..at(folder.path()) };
        assert_eq!(settings.find(no_python).unwrap().unwrap().version, "2.13.0");
    }

    #[test]
    fn a_folder_that_cannot_be_one_is_said_so() {
        for (value, word) in
            [("", "absolute"), ("libtorch", "absolute"), ("/there/is/none", "no such folder")]
        {
            let error = at(Path::new(value)).find(no_python).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn pytorch_goes_before_the_folder() {
        let settings = Settings { use_pytorch: true, ..at(Path::new("/there/is/none")) };
        assert_eq!(settings.find(|| Ok("2.13.0+cpu".into())).unwrap().unwrap().version, "2.13.0+cpu");
        let error = settings.find(|| Ok("2.8.0".into())).unwrap_err();
        assert!(matches!(&error, Error::WrongVersion { found, .. } if found == "2.8.0"), "{error}");
        let error = settings.find(|| Err("No module named 'torch'".into())).unwrap_err().to_string();
        assert!(error.contains("No module named"), "{error}");
    }
}
