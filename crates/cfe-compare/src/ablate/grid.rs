//! What a grid file says.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::figure::Figure;
use crate::trainer_form::TrainerForm;

/// Settings by name, nested as in TOML.
pub type Settings = Map<String, Value>;

/// A grid: every combination of the levels of its factors, with every seed.
///
/// ```toml
/// title = "Class weights and the learning rate"
/// seeds = 5                       # 0, 1, 2, 3, 4; or a list
/// base = { trainer = "als", data = { kind = "separable", prevalence = 0.1 } }
///
/// [[factors]]                     # the first level of a factor is its reference
/// name = "class weights"
/// levels = [
///     { name = "none", set = { class_weight = "uniform" } },
///     { name = "balanced", set = { class_weight = "balanced" } },
/// ]
///
/// [[factors]]                     # a key with a list of plain values is the short form
/// name = "learning rate"
/// key = "aggregator.solver.gradient_step.learning_rate"
/// levels = [0.001, 0.01, 0.1]
/// ```
///
/// `docs/ablations.md` describes every part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Title of the report.
    pub title: String,
    /// What the grid is to answer; shown in the report.
    #[serde(default)]
    pub question: String,
    /// Seeds of data and start: a count, or a list.
    pub seeds: Seeds,
    /// What holds for every cell.
    #[serde(default)]
    pub base: Level,
    /// The factors that are crossed, at least one.
    pub factors: Vec<Factor>,
    /// Combinations that are left out: cells that match every entry of one of these.
    #[serde(default)]
    pub exclude: Vec<Match>,
    /// Heat maps in the report.
    #[serde(default)]
    pub heat_maps: Vec<HeatMap>,
}

/// Names of levels by factor; a cell matches if it has one of the levels of each factor named.
pub type Match = BTreeMap<String, OneOrMany>;

/// Seeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Seeds {
    /// 0 to below this.
    Count(u64),
    /// These.
    List(Vec<u64>),
}

impl Seeds {
    /// The seeds themselves.
    pub fn list(&self) -> Vec<u64> {
        match self {
            Seeds::Count(count) => (0..*count).collect(),
            Seeds::List(list) => list.clone(),
        }
    }

    /// Their number.
    pub fn count(&self) -> u64 {
        match self {
            Seeds::Count(count) => *count,
            Seeds::List(list) => list.len() as u64,
        }
    }
}

/// A name, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The names.
    pub fn names(&self) -> &[String] {
        match self {
            OneOrMany::One(name) => std::slice::from_ref(name),
            OneOrMany::Many(names) => names,
        }
    }
}

/// Something that is varied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// Name in tables.
    pub name: String,
    /// The setting that plain levels go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Another name for plain `levels`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
    /// Levels: plain values of `key`, as in `levels = [0, 1, 2]`, or named changes. A plain value becomes a
    /// named change when the grid is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "levels")]
    pub levels: Vec<Level>,
    /// Cells in which this factor changes nothing: a learning rate has no meaning under Newton's method.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_for: Match,
    /// Factors within whose levels this one is shown as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
}

/// Levels as they are written. A plain value is kept under [`PLAIN`] until the key of its factor is known.
fn levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Level>, D::Error> {
    // TOML allows plain values beside tables in a list. The key that plain values belong to stands elsewhere
    // in the factor, and may come later.
    let written = Vec::<Value>::deserialize(deserializer)?;
    let level = |value: Value| match value {
        Value::Object(_) => serde_json::from_value(value).map_err(D::Error::custom),
        plain => Ok(Level { set: Settings::from_iter([(PLAIN.to_owned(), plain)]), ..Level::default() }),
    };
    written.into_iter().map(level).collect()
}

/// A name that no setting has: what a plain level holds until its key is known.
const PLAIN: &str = "\0plain";

impl Level {
    /// The value of a plain level whose key is not known yet.
    pub(super) fn plain(&self) -> Option<&Value> {
        self.set.get(PLAIN)
    }
}

/// Where the values of a factor go: a path with dots, one for all trainers or one for each. A path that
/// begins with `data.` is a setting of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// The same for every trainer.
    Same(String),
    /// By trainer: `als` (both kinds of ALS), `torch`.
    ByTrainer(BTreeMap<String, String>),
}

/// A named set of changes. A technique is one of these.
///
/// Nested settings are merged key by key; of alternatives such as `gradient_step` and `newton` a new one
/// takes the place of the old. "null" switches an optional setting off: `torch = { early_stopping = "null"
/// }`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Level {
    /// Name in tables.
    pub name: String,
    /// The trainer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trainer: Option<TrainerForm>,
    /// Settings of the data, see [`Scenario`](super::Scenario). A new `kind` replaces all of them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub data: Settings,
    /// Settings of any trainer.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub set: Settings,
    /// Settings of ALS, exact ALS included: fields of `AlsSpec`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub als: Settings,
    /// Settings of joint training: fields of `TorchSpec`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub torch: Settings,
}

/// A figure over two factors: a mean over all else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatMap {
    /// Factor of the columns.
    pub x: String,
    /// Factor of the rows.
    pub y: String,
    /// Factor with a map for each level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panels: Option<String>,
    /// What is shown: a mean over all else.
    pub figure: Figure,
    /// Factor whose second level is shown relative to its first: the geometric mean of the ratios.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio_of: Option<String>,
    /// Cells that are shown, if not all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub only: Match,
}

impl Factor {
    /// Index of a level.
    pub fn position(&self, level: &str) -> Option<usize> {
        self.levels.iter().position(|candidate| candidate.name == level)
    }

    /// Whether a level changes the data: results on other data are other repetitions.
    pub fn changes_data(&self) -> bool {
        self.levels.iter().any(|level| !level.data.is_empty())
    }
}
