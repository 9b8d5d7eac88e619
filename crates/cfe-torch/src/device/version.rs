//! Which release a libtorch folder holds.
//!
//! Compiled three times, so that the same rule decides everywhere: here (`libtorch_info`), in this crate's
//! build script (a wrong release must not link), and in xtask (a wrong release must not even be compiled
//! against).

use std::fs;
use std::path::Path;

/// The one release that tch 0.26 is generated for; any other fails to compile, or worse, links and
/// misbehaves.
pub(crate) const NEEDED: &str = "2.13.0";

/// The version a libtorch folder (the one with `lib` and `include`) states about itself, if it states any.
///
/// A libtorch archive has `build-version`, a Python package `version.py`, and both have a header; a
/// distribution's package may have the header alone.
pub(crate) fn version_in(libtorch: &Path) -> Option<String> {
    let read = |relative: &str| fs::read_to_string(libtorch.join(relative)).ok();
    read("build-version")
        .and_then(|text| text.lines().next().map(|line| line.trim().to_owned()))
        .filter(|line| !line.is_empty())
        .or_else(|| read("version.py").as_deref().and_then(from_python))
        .or_else(|| read("include/torch/headeronly/version.h").as_deref().and_then(from_header))
        .or_else(|| read("include/torch/csrc/api/include/torch/version.h").as_deref().and_then(from_header))
}

/// Whether `found` (such as `2.13.0+cu130`) is the release needed; what follows the plus is the kind of
/// build.
pub(crate) fn is_needed(found: &str) -> bool {
    found.trim().split('+').next() == Some(NEEDED)
}

fn from_python(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("__version__"))?;
    let value = value.trim_start_matches([' ', '=']).trim().trim_matches(['\'', '"']);
    value.starts_with(|c: char| c.is_ascii_digit()).then(|| value.to_owned())
}

fn from_header(text: &str) -> Option<String> {
    let part = |name: &str| {
        let line =
            text.lines().find_map(|line| line.strip_prefix(&format!("#define TORCH_VERSION_{name} ")))?;
        line.trim().parse::<u32>().ok()
    };
    Some(format!("{}.{}.{}", part("MAJOR")?, part("MINOR")?, part("PATCH")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_and_header_texts_are_understood() {
        let python = "from typing import Optional\n__all__ = ['__version__']\n__version__ = '2.13.0+cu130'\n";
        assert_eq!(from_python(python).as_deref(), Some("2.13.0+cu130"));
        assert_eq!(from_python("__version__ = _git()\n"), None);

        let header =
            "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 9\n#define TORCH_VERSION_PATCH 1\n";
        assert_eq!(from_header(header).as_deref(), Some("2.9.1"));
        assert_eq!(from_header("#define TORCH_VERSION_MAJOR 2\n"), None);
    }

    #[test]
    fn only_the_exact_release_will_do() {
        for good in ["2.13.0", "2.13.0+cpu", " 2.13.0+cu130\n"] {
            assert!(is_needed(good), "{good}");
        }
        for bad in ["2.13.1", "2.1.0", "2.13.0a0+git1234", "2.13", ""] {
            assert!(!is_needed(bad), "{bad}");
        }
    }
}
