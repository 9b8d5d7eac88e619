//! Which columns are classifiers.

use std::collections::HashMap;

use wildmatch::WildMatch;

use super::{Layout, Table, UNKNOWN_HINT};
use crate::class_columns;
use crate::names;
use crate::profile::{Declared, Profile};
use crate::reading::{Input, Labels, Scale};
use crate::table_error::{TableError, TableResult, list, missing_classifiers};
use crate::taken::PassedOver;
use crate::warning::TableWarning;

impl Table<'_> {
    pub(super) fn of_model(
        &mut self,
        layout: &mut Layout,
        names: &[String],
        position: &HashMap<&str, usize>,
    ) -> TableResult<()> {
        if layout.roles.model.is_some() {
            return Ok(());
        }
        let place = |name: &String| position.get(name.as_str()).copied().filter(|_| !name.is_empty());
        let missing: Vec<&String> = names.iter().filter(|name| place(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(missing_classifiers(self.file, &missing, self.header));
        }
        layout.classifiers.extend(names.iter().filter_map(place));
        let taken: Vec<usize> = layout.taken().collect();
        layout.extra = (0..self.header.len())
            .filter(|at| !layout.classifiers.contains(at) && !taken.contains(at))
            .map(|at| self.header[at].clone())
            .collect();
        layout.chosen = true;
        Ok(())
    }

    /// The columns of a model of several classes, where all of them are here.
    pub(super) fn of_class_model(&self, layout: &mut Layout) -> bool {
        let Some(model) = self.options.class_model.as_ref().filter(|model| !model.columns.is_empty()) else {
            return false;
        };
        if layout.roles.model.is_some() {
            return false;
        }
        let place = |column: &crate::ClassColumn| self.header.iter().position(|own| *own == column.column);
        let Some(places) = model.columns.iter().map(place).collect::<Option<Vec<usize>>>() else {
            return false;
        };
        let taken: Vec<usize> = layout.taken().collect();
        layout.extra = (0..self.header.len())
            .filter(|at| !places.contains(at) && !taken.contains(at))
            .map(|at| self.header[at].clone())
            .collect();
        layout.classifiers = places;
        layout.chosen = true;
        true
    }

    /// Columns that are those of a class by their names, whatever they hold. `label` is the column of the
    /// labels.
    pub(super) fn class_columns(&self, label: Option<usize>) -> Vec<usize> {
        let options = self.options;
        if options.classifiers.is_some() || options.positive_label.is_some() {
            return Vec::new();
        }
        let mut labels = label.and_then(|at| self.profile(at)).map(|p| p.values.clone()).unwrap_or_default();
        if let Some(model) = &options.class_model {
            labels.extend(model.classes.iter().cloned());
            labels.sort();
            labels.dedup();
        }
        let of_model = options.class_model.as_ref();
        let found = of_model
            .and_then(|model| class_columns::of_model(self.header, model))
            .or_else(|| class_columns::by_form(self.header, &labels, options.class_separator.as_deref()));
        let mut places = match found {
            Some(found) => found.cells.into_iter().map(|(at, ..)| at).collect(),
            None => class_columns::likely(self.header, &labels),
        };
        places.retain(|at| label != Some(*at));
        places
    }

    /// Whether the names of the columns have three classes or more.
    pub(super) fn is_of_classes(&self) -> bool {
        let separator = self.options.class_separator.as_deref();
        self.options.classifiers.is_none()
            && (self.options.class_model.is_some()
                || class_columns::by_form(self.header, &[], separator).is_some())
    }

    /// Whether columns are named after the values of this one.
    pub(super) fn names_columns(&self, at: usize) -> bool {
        let values = self.profile(at).map(|profile| &profile.values[..]).unwrap_or_default();
        let known: Vec<String> =
            values.iter().filter(|value| !crate::labels::is_unknown(value)).cloned().collect();
        self.options.classifiers.is_none() && class_columns::name_columns(self.header, &known)
    }

    /// The classifiers where no model says which they are.
    pub(super) fn choose(
        &mut self,
        layout: &mut Layout,
        chosen: &[(String, bool)],
        excluded: &[(String, bool)],
    ) -> TableResult<()> {
        let glob = |(pattern, _): &(String, bool)| WildMatch::new(pattern);
        let wanted: Vec<WildMatch> = chosen.iter().filter(|(_, out)| !out).map(glob).collect();
        let unwanted: Vec<WildMatch> =
            // What is left out stays out, even if it is chosen as well.
            chosen.iter().filter(|(_, out)| *out).chain(excluded).map(glob).collect();
        let unknown_splits = if layout.roles.split.is_none() { self.unknown_splits() } else { Vec::new() };
        let taken: Vec<usize> = layout.taken().collect();
        let is_out = |at: usize| unwanted.iter().any(|glob| glob.matches(&self.header[at]));
        if layout.roles.model.is_some() {
            // A long table has one column of values, or one for each class, whose rows are told apart by the
            // model column.
            let is_value = |at: &usize| layout.classifiers.contains(at);
            for at in (0..self.header.len()).filter(|at| !is_value(at) && !taken.contains(at)) {
                let reason = if layout.average == Some(at) { "averaged over" } else { "of a long table" };
                self.passed_over.push(PassedOver::new(&self.header[at], reason));
            }
            return Ok(());
        }
        let rest: Vec<usize> = (0..self.header.len()).filter(|at| !taken.contains(at)).collect();
        // What is a class by its name is read, whatever the column holds.
        let of_classes = self.class_columns(layout.label);
        let mut classifiers = Vec::new();
        // Numbers outside [0, 1] are passed over only where others are probabilities.
        let mut outside = Vec::new();
        for at in rest {
            let name = &self.header[at];
            if is_out(at) {
                self.passed_over.push(PassedOver::new(name, "excluded"));
            } else if unknown_splits.contains(&at) && layout.roles.model.is_none() {
                self.passed_over.push(PassedOver::new(name, "a split by its name, not used"));
                if self.options.labels == Labels::Needed {
                    let found = self.profile(at).map(|p| p.values.clone()).unwrap_or_default();
                    layout.warnings.push(TableWarning::SplitNotUsed {
                        file: self.file.to_owned(),
                        column: name.clone(),
                        found,
                    });
                }
            } else if !wanted.is_empty() {
                match wanted.iter().any(|glob| glob.matches(name)) {
                    true => classifiers.push(at),
                    false => self.passed_over.push(PassedOver::new(name, "not among --columns")),
                }
            } else if of_classes.contains(&at) {
                classifiers.push(at);
            } else {
                match self.judge(at, layout) {
                    Judged::Classifier => classifiers.push(at),
                    Judged::Outside(reason) => outside.push((at, reason)),
                    Judged::Other(reason) => self.passed_over.push(PassedOver::new(name, reason)),
                }
            }
        }
        layout.chosen = !wanted.is_empty();
        if !layout.chosen {
            classifiers = self.without_hard(classifiers);
            // Where no column holds probabilities these are read after all, and the error says how they could
            // be taken.
            if classifiers.is_empty() {
                classifiers = outside.into_iter().map(|(at, _)| at).collect();
            } else {
                let others: Vec<&String> = classifiers.iter().map(|&at| &self.header[at]).collect();
                for (at, reason) in outside {
                    let changed = match reason.ends_with(READS_ALL) {
                        true => format!(", and would change {} too", list(&others)),
                        false => String::new(),
                    };
                    self.passed_over.push(PassedOver::new(&self.header[at], reason + &changed));
                }
            }
        }
        if classifiers.is_empty() {
            return Err(self.no_classifier(layout));
        }
        layout.classifiers = classifiers;
        Ok(())
    }

    fn no_classifier(&self, layout: &Layout) -> TableError {
        let wanted = match self.options.columns.is_empty() {
            true => "holds probabilities".to_owned(),
            false => format!("matches {}", list(&self.options.columns)),
        };
        let roles = || layout.roles.iter().map(|(role, &at)| (role.name(), at));
        let reason = |at: usize| {
            let label = layout.label.map(|at| ("label", at));
            let taken = label.into_iter().chain(roles()).find(|(_, column)| *column == at);
            let taken = taken.map(|(what, _)| format!("the {what}"));
            let passed =
                || self.passed_over.iter().find(|p| p.column == self.header[at]).map(|p| p.reason.clone());
            let name = list(&self.header[at..=at]);
            taken.or_else(passed).map_or(name.clone(), |reason| format!("{name} ({reason})"))
        };
        const SHOWN: usize = 12;
        let mut available = (0..self.header.len().min(SHOWN)).map(reason).collect::<Vec<_>>().join(", ");
        if self.header.len() > SHOWN {
            available += &format!(" and {} more", self.header.len() - SHOWN);
        }
        TableError::NoClassifierColumn { file: self.file.to_owned(), wanted, available }
    }

    /// Hard predictions beside the probabilities of the same classifiers, as H2O writes them, are passed
    /// over.
    fn without_hard(&mut self, classifiers: Vec<usize>) -> Vec<usize> {
        let soft = classifiers.iter().any(|&at| self.profile(at).is_some_and(Profile::has_fractions));
        // `rf_pred` beside `rf_prob` is hard, while an `svm_pred` alone may be all that there is of a
        // classifier.
        let has_soft = |stem: &str| {
            classifiers.iter().any(|&at| {
                self.profile(at).is_some_and(Profile::has_fractions)
                    && self.normal[at].strip_prefix(stem).is_some_and(|rest| rest.starts_with('_'))
            })
        };
        let beside = |name: &str| name.strip_suffix("_pred").is_some_and(has_soft);
        let hard = |at: &usize| {
            let name = &self.normal[*at];
            (names::is_hard_prediction(name) || beside(name))
                && self.profile(*at).is_some_and(Profile::is_hard)
        };
        let (out, kept): (Vec<usize>, Vec<usize>) = classifiers.iter().partition(|at| soft && hard(at));
        for at in out {
            self.passed_over.push(PassedOver::new(&self.header[at], "hard predictions, 0 and 1 only"));
        }
        kept
    }

    fn judge(&self, at: usize, layout: &Layout) -> Judged {
        let (name, normal) = (&self.header[at], &self.normal[at]);
        // Without a look at its cells a column counts; reading it will tell.
        let Some(profile) = self.profile(at) else { return Judged::Classifier };
        if name.is_empty() {
            return Judged::Other(if profile.present() == 0 { "empty" } else { "no name" }.to_owned());
        }
        match &profile.declared {
            Declared::Unreadable(kind) => return Judged::Other(format!("of type {kind}")),
            Declared::Time => return Judged::Other("dates or times".to_owned()),
            Declared::Open => {}
        }
        if layout.average == Some(at) {
            return Judged::Other("rows of one id are averaged over it".to_owned());
        }
        if let (true, true, Some(text)) = (names::is_weight(normal), profile.is_text(), &profile.text) {
            return Judged::Other(format!(
                "sample weights by its name, but {text:?} is not a number: not used"
            ));
        }
        // `seed1`, `seed2` may be classifiers: a number of a fold has no fraction.
        let is_fold = names::is_fold(normal) && profile.has_fractions();
        if let Some(reason) = names::metadata(normal).filter(|_| !is_fold) {
            return Judged::Other(reason.to_owned());
        }
        // Another split knows which rows are for training, and nothing of the label.
        if layout.roles.split.is_some() && names::is_split(normal) && !profile.has_fractions() {
            return Judged::Other("another split, by its name".to_owned());
        }
        // A second label would be the best of all classifiers, and know what it is to predict.
        if layout.label.is_some() && names::label_rank(normal).is_some() && profile.is_pair() {
            return Judged::Other("another label, by its name".to_owned());
        }
        if self.sample.index.contains(name) {
            return Judged::Other("the index that pandas wrote".to_owned());
        }
        if let (true, Some(text)) = (profile.is_text(), &profile.text) {
            return Judged::Other(format!("text, such as {text:?}"));
        }
        // Infinities are an error in a classifier and no range of anything else.
        if profile.is_probability() || !profile.min.is_finite() || !profile.max.is_finite() {
            return Judged::Classifier;
        }
        let range = profile.range();
        Judged::Outside(match profile.whole == profile.numbers {
            true => format!("whole numbers from {range}"),
            false => {
                format!("{range} is outside 0 to 1; {READS_ALL}")
            }
        })
    }

    /// What numbers outside [0, 1] in this column may mean.
    pub(super) fn hint(&self, at: usize) -> &'static str {
        if self.options.scale == Scale::Percent {
            return "percent from 0 to 100 were asked for: give --scale only if the columns hold percent";
        }
        if self.options.input == Input::Score {
            return "scores are finite numbers";
        }
        let Some(profile) = self.profile(at) else { return UNKNOWN_HINT };
        let out = profile.numbers - profile.inside;
        // A single value that lies outside, such as -1 or 99, often marks what is missing.
        if profile.only_outside().is_some_and(|value| !(0.0..=8.0).contains(&value)) && out < profile.numbers
        {
            return "if it stands for a missing prediction, give --missing with it; log-odds and scores: --input score; \
                    percent: --scale percent";
        }
        // Grades from 1 to 10 are whole and small; percent go beyond.
        let grades = profile.numbers > 0 && profile.whole == profile.numbers && profile.max <= 10.0;
        if profile.min >= 0.0 && grades && profile.percent_signs == 0 && 4 * out > profile.numbers {
            return "these look like scores: --input score reads them as 1 / (1 + exp(-score))";
        }
        if profile.percent_signs > 0
            || (profile.min >= 0.0 && profile.max > 2.0 && profile.max <= 100.0 && 4 * out > profile.numbers)
        {
            "these look like percent: --scale percent divides them by 100"
        } else if profile.min < 0.0 && 4 * out > profile.numbers {
            "these look like log-odds or scores: --input score reads them as 1 / (1 + exp(-score))"
        } else {
            UNKNOWN_HINT
        }
    }
}

/// What reads numbers outside [0, 1]: an option for every column.
const READS_ALL: &str = "--input score or --scale percent reads such columns";

enum Judged {
    Classifier,
    /// Numbers outside [0, 1].
    Outside(String),
    Other(String),
}
