//! Settings as documents: keys that have been renamed, and bounds that all specs share.

use serde_json::{Map, Value};

use crate::error::{Error, Result, ensure};

/// Most latent dimensions of a factorization. Beyond the number of classifiers the factors only copy the
/// table, and the systems of the updates grow with the square of this number.
pub const MAX_LATENT_DIM: usize = 1000;

/// Most iterations of a run. The number is far beyond any use, and small enough for all counters.
pub const MAX_ITERATIONS: usize = 1_000_000_000;

/// Most threads that can be asked for.
pub const MAX_THREADS: usize = 256;

/// Largest factor by which a setting may multiply weights or confidences: products with the data then stay
/// finite.
pub const MAX_FACTOR: f64 = 1e9;

/// Refuses a number of latent dimensions outside 1 to [`MAX_LATENT_DIM`].
///
/// # Errors
/// [`Error::InvalidParameter`].
pub fn check_latent_dim(latent_dim: usize) -> Result<()> {
    const ALLOWED: &str =
        "1 to 1000 are allowed; from the number of classifiers on the factors copy the table";
    ensure((1..=MAX_LATENT_DIM).contains(&latent_dim), "latent_dim", latent_dim, ALLOWED)
}

/// Refuses a number of iterations outside 1 to [`MAX_ITERATIONS`].
///
/// # Errors
/// [`Error::InvalidParameter`].
pub fn check_iterations(name: &'static str, iterations: usize) -> Result<()> {
    let allowed = (1..=MAX_ITERATIONS).contains(&iterations);
    ensure(allowed, name, iterations, "1 to 1,000,000,000 are allowed")
}

/// The number of threads that `threads` stands for: 0 is all cores of the machine.
///
/// # Errors
/// [`Error::InvalidParameter`] above [`MAX_THREADS`].
pub fn threads(threads: usize) -> Result<usize> {
    ensure(threads <= MAX_THREADS, "threads", threads, "0 (all cores) to 256")?;
    Ok(match threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        given => given,
    })
}

/// A key that has another name now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenamedKey {
    /// Whose settings: a trainer or combiner by its name.
    pub owner: &'static str,
    /// The name up to version 0.1.0.
    pub old: &'static str,
    /// The name now.
    pub new: &'static str,
}

/// All renamed keys. The old ones are read for one release.
pub const RENAMED_KEYS: &[RenamedKey] = &[
    RenamedKey { owner: "torch", old: "max_epochs", new: "max_iterations" },
    RenamedKey { owner: "recommended", old: "rank", new: "latent_dim" },
];

/// Gives the renamed keys in the settings of `owner` their present names, and returns a warning for each.
/// Anything but an object is left as it is.
///
/// ```
/// use cfe_core::settings::rename_keys;
/// use serde_json::json;
///
/// let mut settings = json!({ "max_epochs": 50, "seed": 1 });
/// let warnings = rename_keys("torch", &mut settings)?;
/// assert_eq!(settings, json!({ "max_iterations": 50, "seed": 1 }));
/// assert_eq!(warnings.len(), 1);
/// # Ok::<(), cfe_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] where the settings have a key under both names.
pub fn rename_keys(owner: &str, settings: &mut Value) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let Value::Object(settings) = settings else { return Ok(warnings) };
    for &RenamedKey { old, new, .. } in RENAMED_KEYS.iter().filter(|renamed| renamed.owner == owner) {
        if rename(settings, old, new)? {
            warnings.push(format!(
                "the setting `{old}` of {owner} is now called `{new}`; the old name is read until the next release"
            ));
        }
    }
    Ok(warnings)
}

/// Moves the value of `old` to `new`; false where there is no `old`.
fn rename(settings: &mut Map<String, Value>, old: &str, new: &'static str) -> Result<bool> {
    if !settings.contains_key(old) {
        return Ok(false);
    }
    if let Some(value) = settings.get(new) {
        const ALLOWED: &str = "the settings have this key under its old name as well; remove that one";
        return Err(Error::parameter(new, value, ALLOWED));
    }
    // In its place, so that the settings are shown in the order in which they were given.
    let renamed = std::mem::take(settings).into_iter();
    *settings = renamed.map(|(key, value)| (if key == old { new.to_owned() } else { key }, value)).collect();
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_under_both_names_is_refused() {
        let mut settings = json!({ "max_epochs": 50, "max_iterations": 60 });
        assert!(rename_keys("torch", &mut settings).is_err());
    }

    #[test]
    fn other_owners_and_other_values_are_left_alone() {
        let mut settings = json!({ "max_epochs": 50 });
        assert_eq!(rename_keys("als", &mut settings).expect("nothing to do"), Vec::<String>::new());
        assert_eq!(settings, json!({ "max_epochs": 50 }));
        assert!(rename_keys("torch", &mut json!(3)).expect("nothing to do").is_empty());
    }

    #[test]
    fn no_threads_are_all_cores() {
        assert!(threads(0).expect("all cores") >= 1);
        assert_eq!(threads(3).expect("in range"), 3);
        assert!(threads(MAX_THREADS + 1).is_err());
    }
}
