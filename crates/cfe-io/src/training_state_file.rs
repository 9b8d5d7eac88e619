//! A [`TrainingState`] as a [`ModelFile`] and back.

use cfe_core::{Factors, History, HistoryEntry, LossParts, Parameters, TrainingState};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model_error::{ModelFileError, ModelFileResult};
use crate::model_file::ModelFile;

/// Kind of the file of a [`TrainingState`].
pub const TRAINING_STATE_KIND: &str = "cf-ensemble-training-state";

/// Before the names of the memory's tensors.
const MEMORY: &str = "memory.";

#[derive(Serialize, Deserialize)]
struct Document {
    trainer: String,
    spec: Value,
    iteration: usize,
}

impl ModelFile {
    /// The state as a file: tensors `X` (d x m), `Y` (d x n), `w` (m), `b` (1), `history` (iteration, total,
    /// reconstruction, penalty, supervised), `rates` (iteration, learning rate), and `memory.*`.
    ///
    /// # Errors
    /// [`ModelFileError::BadDocument`] for a document that is not JSON, which no trainer makes.
    pub fn from_training_state(state: &TrainingState) -> ModelFileResult<Self> {
        let TrainingState { trainer, spec, iteration, .. } = state.clone();
        let document = serde_json::to_value(Document { trainer, spec, iteration }).map_err(|e| {
            ModelFileError::BadDocument { file: "the training state".to_owned(), reason: e.to_string() }
        })?;
        let mut file = Self::new(TRAINING_STATE_KIND, document);
        let Parameters { factors, weights, bias } = &state.parameters;
        file.insert("X", factors.classifiers.clone().into_dyn());
        file.insert("Y", factors.instances.clone().into_dyn());
        file.insert("w", Array1::from(weights.clone()).into_dyn());
        file.insert("b", Array1::from(vec![*bias]).into_dyn());
        let entries: Vec<[f64; 5]> = state.history.entries.iter().map(row).collect();
        file.insert("history", Array2::from(entries).into_dyn());
        let rates = state.history.learning_rate_changes.iter().map(|&(at, rate)| [at as f64, rate]);
        file.insert("rates", Array2::from(rates.collect::<Vec<_>>()).into_dyn());
        for (name, values) in &state.memory {
            file.insert(format!("{MEMORY}{name}"), values.clone());
        }
        Ok(file)
    }

    /// The training state in this file. Whether it fits the data and the trainer is checked by
    /// [`TrainingState::check`].
    ///
    /// # Errors
    /// [`ModelFileError`], one variant for each cause.
    pub fn to_training_state(&self) -> ModelFileResult<TrainingState> {
        self.expect_kind(TRAINING_STATE_KIND)?;
        let Document { trainer, spec, iteration } = self.parse_document()?;
        let classifiers = self.matrix("X", None, None)?;
        let (d, m) = classifiers.dim();
        let factors = Factors { classifiers, instances: self.matrix("Y", Some(d), None)? };
        let weights = self.vector("w", Some(m))?.to_vec();
        let parameters = Parameters { factors, weights, bias: self.vector("b", Some(1))?[0] };
        let history = History {
            entries: self.matrix("history", None, Some(5))?.rows().into_iter().map(|r| entry(&r)).collect(),
            learning_rate_changes: self
                .matrix("rates", None, Some(2))?
                .rows()
                .into_iter()
                .map(|r| (r[0] as usize, r[1]))
                .collect(),
        };
        let mut state = TrainingState::new(&trainer, &spec, iteration, parameters, history);
        let memory = self.tensors().iter().filter_map(|(name, values)| {
            name.strip_prefix(MEMORY).map(|name| (name.to_owned(), values.clone()))
        });
        state.memory = memory.collect();
        Ok(state)
    }
}

fn row(entry: &HistoryEntry) -> [f64; 5] {
    let LossParts { total, reconstruction, penalty, supervised } = entry.loss;
    [entry.iteration as f64, total, reconstruction, penalty, supervised]
}

fn entry(row: &ndarray::ArrayView1<'_, f64>) -> HistoryEntry {
    let loss = LossParts { total: row[1], reconstruction: row[2], penalty: row[3], supervised: row[4] };
    HistoryEntry { iteration: row[0] as usize, loss }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state() -> TrainingState {
        let mut history = History::default();
        let loss = LossParts { total: 0.1 + 0.2, supervised: 1.0 / 3.0, ..LossParts::default() };
        history.entries.push(HistoryEntry { iteration: 1, loss });
        history.learning_rate_changes.push((3, 1e-3));
        let spec = json!({ "lambda": 0.1 + 0.2, "seed": u64::MAX });
        let mut state =
            TrainingState::new("als", &spec, 7, Parameters::random(2, 3, 4, 1).expect("in range"), history);
        state.remember("moments", [0.1, -0.0]);
        state.remember("none", []);
        state
    }

    #[test]
    fn every_bit_comes_back() {
        let state = state();
        let bytes = ModelFile::from_training_state(&state).and_then(|file| file.to_bytes()).expect("finite");
        let read = ModelFile::from_bytes("inline", &bytes).expect("whole");
        assert_eq!(read.to_training_state().expect("whole"), state);
        assert!(read.part("state").is_none());
    }

    #[test]
    fn a_file_in_a_file_comes_back() {
        let mut outer = ModelFile::new("outer", json!({ "part": 3 }));
        outer.embed("state", ModelFile::from_training_state(&state()).expect("finite"));
        let outer = ModelFile::from_bytes("inline", &outer.to_bytes().expect("finite")).expect("whole");
        let part = outer.part("state").expect("embedded");
        assert_eq!(part.to_training_state().expect("whole"), state());
        assert!(outer.to_training_state().is_err(), "another kind");
    }

    #[test]
    fn what_is_missing_is_named() {
        let whole = ModelFile::from_training_state(&state()).expect("finite");
        for name in ["X", "Y", "w", "b", "history", "rates"] {
            let mut file = ModelFile::new(TRAINING_STATE_KIND, whole.document().clone());
            whole.tensors().iter().filter(|(n, _)| *n != name).for_each(|(n, t)| file.insert(n, t.clone()));
            let error = file.to_training_state().expect_err("not whole").to_string();
            assert!(error.contains(&format!("{name:?}")), "{error}");
        }
    }
}
