//! The data of a cell.

use std::path::{Path, PathBuf};

use cf_ensemble::EnsembleData;
use cf_ensemble::io::TableOptions;
use cf_ensemble::synthetic::{Correlated, Separable, Synthetic};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::grid::Settings;
use crate::unweighted::read_unweighted;

/// Where data come from: settings with a `kind`.
///
/// | `kind` | other settings |
/// |---|---|
/// | `separable` (default) | fields of [`Separable`], the published kind |
/// | `correlated` | fields of [`Correlated`]: prevalence, label noise, disagreement, quality, sizes, labeled share, ... |
/// | `table` | fields of [`TableScenario`] |
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// The published kind.
    Separable(Separable),
    /// The harder kind.
    Correlated(Correlated),
    /// A real table.
    Table(TableScenario),
}

/// A table with a split column: rows with `train` are labeled in training, the labels of the others are for
/// scoring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableScenario {
    /// The file, from the folder of the grid; `{seed}` stands for the seed of the cell. Without it, the seed
    /// changes the start of training alone.
    pub path: String,
    /// Column of the split.
    #[serde(default = "split")]
    pub split_column: String,
    /// Column of the label, `label` unless given.
    #[serde(default)]
    pub label_column: Option<String>,
}

fn split() -> String {
    "split".to_owned()
}

/// Data with the truth of the instances that are scored.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// What the trainer sees.
    pub data: EnsembleData,
    /// Instances that are scored.
    pub test: Vec<usize>,
    /// Their labels, in that order.
    pub truth: Vec<bool>,
}

impl Scenario {
    /// Reads the settings.
    ///
    /// # Errors
    /// What is wrong and what is allowed.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        // `kind` says which settings are known; the type of the kind refuses all others.
        let mut rest = settings.clone();
        let kind = rest.remove("kind").unwrap_or_else(|| Value::from("separable"));
        match kind.as_str() {
            Some("separable") => Ok(Scenario::Separable(read("separable", rest)?)),
            Some("correlated") => Ok(Scenario::Correlated(read("correlated", rest)?)),
            Some("table") => Ok(Scenario::Table(read("table", rest)?)),
            _ => Err(format!("data.kind = {kind} is not allowed: known are separable, correlated, table")),
        }
    }

    /// Whether each seed gives data of its own. If not, seeds are not independent repetitions.
    pub fn is_redrawn(&self) -> bool {
        match self {
            Scenario::Table(table) => table.path.contains("{seed}"),
            _ => true,
        }
    }

    /// What tells the data from others: the settings, and the contents of a table.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn fingerprint(&self, folder: &Path, seed: u64) -> Result<String, String> {
        // Drawn data follow from their settings and the seed. A table may change under its path, so that its
        // bytes are hashed.
        match self {
            Scenario::Table(table) => {
                let path = table.file(folder, seed);
                let bytes = std::fs::read(&path)
                    .map_err(|error| format!("{}: cannot be read ({error})", path.display()))?;
                Ok(format!("{:x}", Sha256::digest(&bytes)))
            }
            _ => Ok(String::new()),
        }
    }

    /// Draws or reads the data.
    ///
    /// # Errors
    /// Parameters out of range, tables that cannot be read, nothing to score.
    pub fn draw(&self, folder: &Path, seed: u64) -> Result<Drawn, String> {
        let drawn = match self {
            Scenario::Separable(spec) => synthetic(spec.generate(seed)),
            Scenario::Correlated(spec) => synthetic(spec.generate(seed)),
            Scenario::Table(table) => table.read(folder, seed),
        }?;
        // Without a positive instance no ranking can be measured, and the cell would only fail later.
        if !drawn.truth.iter().any(|&y| y) {
            return Err(format!(
                "none of the {} instances to be scored is positive; take more instances or a higher prevalence",
                drawn.truth.len()
            ));
        }
        Ok(drawn)
    }
}

fn read<T: DeserializeOwned>(kind: &str, settings: Settings) -> Result<T, String> {
    serde_json::from_value(Value::Object(settings)).map_err(|error| format!("data of kind {kind}: {error}"))
}

fn synthetic(drawn: cf_ensemble::Result<Synthetic>) -> Result<Drawn, String> {
    let drawn = drawn.map_err(|error| format!("data: {error}"))?;
    let test = drawn.test_index();
    let truth = test.iter().map(|&i| drawn.truth[i]).collect();
    Ok(Drawn { data: drawn.data, test, truth })
}

impl TableScenario {
    fn file(&self, folder: &Path, seed: u64) -> PathBuf {
        folder.join(self.path.replace("{seed}", &seed.to_string()))
    }

    fn read(&self, folder: &Path, seed: u64) -> Result<Drawn, String> {
        let mut options = TableOptions::default();
        options.split_column = Some(self.split_column.clone());
        options.label_column.clone_from(&self.label_column);
        let table = read_unweighted(&self.file(folder, seed), options).map_err(|error| error.to_string())?;
        table.require_labels().map_err(|error| error.to_string())?;
        // The table's data have the labels of the train split alone; the truth has all of them.
        let held_out = (0..table.truth.len()).filter(|&i| !table.in_train[i]);
        let (test, truth) = held_out.filter_map(|i| Some((i, table.truth[i]?))).unzip();
        Ok(Drawn { data: table.data, test, truth })
    }
}
