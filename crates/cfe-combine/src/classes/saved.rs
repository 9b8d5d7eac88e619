//! A model of K classes in a file, and back.

use std::path::Path;

use cfe_core::ensure;
use cfe_io::{ModelDetails, ModelFile, ModelFileError, ModelFileResult};
use serde::{Deserialize, Serialize};

use super::binary::Binary;
use super::couple::Coupling;
use super::decide::Decision;
use super::judge;
use super::model::ClassModel;
use crate::saved::SavedModel;

/// Kind of the file of a [`ClassModel`].
pub const CLASSES_KIND: &str = "cf-ensemble-classes";
/// More classes than this are not in a file that can be trusted.
const MOST_CLASSES: usize = 100_000;

#[derive(Serialize, Deserialize)]
struct Document {
    classifier_names: Vec<String>,
    classes: Vec<String>,
    /// Whether the class has a fit of its own (K).
    learned: Vec<bool>,
    coupling: Coupling,
    decision: Decision,
    #[serde(flatten)]
    details: ModelDetails,
}

fn part_name(k: usize) -> String {
    format!("class{k}")
}

impl ClassModel {
    /// The model as the content of a file: a document, and the binary model of each class as a part.
    ///
    /// # Errors
    /// Parameters that are not finite; [`ModelFileError::BadDocument`] for a model of baselines, which is not
    /// kept in files.
    pub fn to_file(&self) -> ModelFileResult<ModelFile> {
        let bad = |reason: String| ModelFileError::BadDocument { file: "the model".to_owned(), reason };
        let mut details = self.details.clone();
        env!("CARGO_PKG_VERSION").clone_into(&mut details.crate_version);
        let document = Document {
            classifier_names: self.classifier_names.clone(),
            classes: self.classes.clone(),
            learned: self.parts.iter().map(Option::is_some).collect(),
            coupling: self.coupling.clone(),
            decision: self.decision.clone(),
            details,
        };
        let document = serde_json::to_value(document).map_err(|e| bad(e.to_string()))?;
        let mut file = ModelFile::new(CLASSES_KIND, document);
        for (k, part) in self.parts.iter().enumerate() {
            match part {
                Some(Binary::Trained(model)) => file.embed(&part_name(k), model.to_file()?),
                Some(Binary::Baseline(_, fitted)) => {
                    let name = fitted.baseline().name();
                    return Err(bad(format!("{name} is a simple combiner, which is not kept in files")));
                }
                None => {}
            }
        }
        Ok(file)
    }

    /// The model in a file.
    ///
    /// # Errors
    /// [`ModelFileError`], one variant for each cause.
    pub fn from_file(file: &ModelFile) -> ModelFileResult<Self> {
        file.expect_kind(CLASSES_KIND)?;
        let bad = |reason: String| ModelFileError::BadDocument { file: file.file().to_owned(), reason };
        let document: Document = file.parse_document()?;
        // A file is data: the shape is checked before anything is counted on, then names, parts, coupling,
        // decision, and last what the file remembers of its fit.
        let k = document.classes.len();
        if !(2..=MOST_CLASSES).contains(&k) || document.learned.len() != k {
            return Err(bad(format!(
                "{k} classes, of which {} are said to be learned or not",
                document.learned.len()
            )));
        }
        // Predictions are matched to a model by name, and a name that stands twice would match either column.
        for (what, names) in [("class", &document.classes), ("classifier", &document.classifier_names)] {
            let mut sorted: Vec<&String> = names.iter().collect();
            sorted.sort();
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(bad(format!("the {what} {:?} is named twice", pair[0])));
            }
        }
        // A part is a whole binary model with checks of its own. It may know fewer classifiers than the
        // document (a column that does not vary is left out), but none besides.
        let part = |(k, &learned): (usize, &bool)| -> ModelFileResult<Option<Binary>> {
            if !learned {
                return Ok(None);
            }
            let part = file
                .part(&part_name(k))
                .ok_or_else(|| bad(format!("the model of class {k} is not there")))?;
            let model = SavedModel::from_file(&part)?;
            let known = |name: &String| document.classifier_names.contains(name);
            match model.classifier_names().iter().find(|name| !known(name)) {
                Some(name) => {
                    Err(bad(format!("class {k} needs the classifier {name:?}, which is not in the list")))
                }
                None => Ok(Some(Binary::Trained(Box::new(model)))),
            }
        };
        let parts = document.learned.iter().enumerate().map(part).collect::<ModelFileResult<Vec<_>>>()?;
        let invalid = |source| ModelFileError::Invalid { file: file.file().to_owned(), source };
        // A coupling has one offset for each class that is learned, so the two have to agree.
        let learned = parts.iter().flatten().count();
        let sound = match document.coupling {
            Coupling::Binary => document.learned == [false, true],
            _ => learned >= 2 && k >= 3,
        };
        const ALLOWED: &str =
            "two classes with the second learned, or more with two learned; was the file changed?";
        ensure(sound, "model", "coupling", ALLOWED).map_err(invalid)?;
        let coupled = if document.coupling == Coupling::Binary { 2 } else { learned };
        document.coupling.validate(coupled).map_err(invalid)?;
        document.decision.validate(k).map_err(invalid)?;
        let model = Self {
            classifier_names: document.classifier_names,
            classes: document.classes,
            parts,
            coupling: document.coupling,
            decision: document.decision,
            details: document.details,
        };
        // The report shows the remembered figures class by class and does not look again.
        judge::check_remembered(&model).map_err(bad)?;
        Ok(model)
    }

    /// Loads a file and checks it.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn load(path: impl AsRef<Path>) -> ModelFileResult<Self> {
        Self::from_file(&ModelFile::load(path)?)
    }

    /// Saves, whole or not at all.
    ///
    /// # Errors
    /// As [`to_file`](Self::to_file), and what writing can fail with.
    pub fn save(&self, path: impl AsRef<Path>) -> ModelFileResult<()> {
        self.to_file()?.save(path)
    }
}
