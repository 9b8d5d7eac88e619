//! Each column of a table gets its meaning: as the options say, then by its name and what its first rows
//! hold.

use std::collections::HashMap;

use wildmatch::WildMatch;

use crate::names;
use crate::options::{Remembered, TableOptions};
use crate::profile::{Declared, Profile, Sample};
use crate::reading::{Input, Labels, Scale};
use crate::split;
use crate::table_error::{TableError, TableResult, list};
use crate::taken::PassedOver;
use crate::warning::TableWarning;

/// The columns (by position) that are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    pub id: Option<usize>,
    /// Whether the id was guessed: then ids that repeat are not a reason to stop.
    pub id_guessed: bool,
    pub label: Option<usize>,
    pub split: Option<usize>,
    pub group: Option<usize>,
    /// Column of a long table that says which classifier a row is of.
    pub model: Option<usize>,
    /// Of a long table that has a column for each class, named by the labels: the one that is read, and the
    /// other.
    pub classes: Option<(String, String)>,
    /// The column of folds or repetitions over which rows of one id are averaged.
    pub average: Option<usize>,
    pub classifiers: Vec<usize>,
    /// Whether the classifiers were named one by one or by patterns.
    pub chosen: bool,
    /// Columns that the model does not know.
    pub extra: Vec<String>,
    pub passed_over: Vec<PassedOver>,
    /// What is odd about the columns.
    pub warnings: Vec<TableWarning>,
    /// Columns of two values that may be the labels, with their values.
    pub candidates: Vec<String>,
    /// Why a number in a classifier's column may be outside [0, 1], one for each classifier.
    pub hints: Vec<&'static str>,
}

/// Patterns cut at commas, as (pattern, whether it leaves out).
fn patterns(given: &[String], header: &[String]) -> Vec<(String, bool)> {
    let mut out = Vec::new();
    for entry in given {
        // The name of a column may itself hold a comma.
        if header.contains(entry) {
            out.push((entry.clone(), false));
            continue;
        }
        for part in entry.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.strip_prefix('!') {
                Some(rest) => out.push((rest.trim().to_owned(), true)),
                None => out.push((part.to_owned(), false)),
            }
        }
    }
    out
}

fn matches_any(patterns: &[(String, bool)], name: &str) -> bool {
    patterns.iter().any(|(pattern, _)| WildMatch::new(pattern).matches(name))
}

fn is_name(pattern: &str) -> bool {
    !pattern.contains(['*', '?'])
}

/// A header with what is known of its columns.
struct Table<'a> {
    file: &'a str,
    header: &'a [String],
    normal: Vec<String>,
    sample: &'a Sample,
    options: &'a TableOptions,
    /// Columns that have a meaning already.
    used: Vec<bool>,
    passed_over: Vec<PassedOver>,
}

impl Layout {
    /// Gives each column of `header` its meaning.
    pub(crate) fn plan(
        file: &str,
        header: &[String],
        sample: &Sample,
        options: &TableOptions,
    ) -> TableResult<Self> {
        let position = positions(file, header)?;
        let mut table = Table {
            file,
            header,
            normal: header.iter().map(|name| names::normalize(name)).collect(),
            sample,
            options,
            used: vec![false; header.len()],
            passed_over: Vec::new(),
        };
        let mut layout = Layout::default();
        let remembered = |given: &Option<String>, of: &Option<String>| {
            given.clone().or_else(|| of.clone().filter(|name| position.contains_key(name.as_str())))
        };
        let Remembered { id, label, split, group, .. } = &options.remembered;
        // What an option names comes first, then what a model remembers if this table has it. Guesses come
        // last, over the columns that are left.
        layout.id = table.named(&remembered(&options.id_column, id), "the id column")?;
        layout.id_guessed = layout.id.is_some() && options.id_column.is_none();
        if options.labels != Labels::Ignored {
            let column = remembered(&options.label_column, label);
            layout.label = match options.labels {
                Labels::Needed => table.named(&column, "the label column")?,
                // Rows that are to be predicted need not have what the rows of training had.
                _ => table.named(&column, "the label column").unwrap_or_default(),
            };
        }
        layout.split = table.named(&remembered(&options.split_column, split), "the split column")?;
        layout.group = table.named(&remembered(&options.group_column, group), "the group column")?;
        let chosen = patterns(&options.columns, header);
        let excluded = patterns(&options.exclude, header);
        table.check_names(&chosen, &excluded)?;
        // What is named as a classifier is not guessed to be something else.
        let named: Vec<usize> = match &options.classifiers {
            Some(names) => names.iter().filter_map(|name| position.get(name.as_str()).copied()).collect(),
            None => chosen
                .iter()
                .filter(|(name, out)| !out && is_name(name))
                .filter_map(|(name, _)| position.get(name.as_str()).copied())
                .collect(),
        };
        named.into_iter().for_each(|at| table.used[at] = true);
        // Nor is what is excluded.
        let out: Vec<usize> = (0..header.len()).filter(|&at| matches_any(&excluded, &header[at])).collect();
        out.into_iter().for_each(|at| table.used[at] = true);
        if !sample.bare {
            table.guess(&mut layout);
        }
        if layout.label.is_none() && options.classifiers.is_none() {
            layout.candidates = table.label_candidates();
        }
        for at in [layout.id, layout.label, layout.split, layout.group].into_iter().flatten() {
            table.used[at] = true;
        }
        match &options.classifiers {
            Some(names) => table.of_model(&mut layout, names, &position)?,
            None => table.choose(&mut layout, &chosen, &excluded)?,
        }
        if let Some(&at) = layout.classifiers.iter().find(|&&at| header[at].is_empty()) {
            return Err(TableError::UnnamedColumn { file: file.to_owned(), position: at + 1 });
        }
        layout.hints = layout.classifiers.iter().map(|&at| table.hint(at)).collect();
        layout.passed_over = table.passed_over;
        Ok(layout)
    }

    /// Names of the classifiers, in their order.
    pub(crate) fn names(&self, header: &[String]) -> Vec<String> {
        self.classifiers.iter().map(|&at| header[at].clone()).collect()
    }
}

fn positions<'a>(file: &str, header: &'a [String]) -> TableResult<HashMap<&'a str, usize>> {
    let mut position = HashMap::with_capacity(header.len());
    for (second, name) in header.iter().enumerate() {
        if let Some(first) = position.insert(name.as_str(), second)
            && !name.is_empty()
        {
            return Err(TableError::DuplicateColumn {
                file: file.to_owned(),
                column: name.clone(),
                first: first + 1,
                second: second + 1,
            });
        }
    }
    Ok(position)
}

impl Table<'_> {
    fn profile(&self, at: usize) -> Option<&Profile> {
        self.sample.profiles.get(at)
    }

    fn free(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.header.len()).filter(|&at| !self.used[at])
    }

    fn is_first_unnamed(&self, at: usize) -> bool {
        at == 0 && self.header[0].is_empty()
    }

    /// The column of an option; in another case too, if only one is meant.
    fn named(&mut self, name: &Option<String>, option: &'static str) -> TableResult<Option<usize>> {
        let Some(name) = name else { return Ok(None) };
        let exact = self.header.iter().position(|column| column == name);
        let mut alike =
            (0..self.header.len()).filter(|&at| self.header[at].trim().eq_ignore_ascii_case(name.trim()));
        let found = exact.or_else(|| alike.next().filter(|_| alike.next().is_none()));
        match found {
            Some(at) => {
                self.used[at] = true;
                Ok(Some(at))
            }
            None => Err(self.unknown(name, option)),
        }
    }

    fn unknown(&self, name: &str, option: &'static str) -> TableError {
        TableError::UnknownColumn {
            file: self.file.to_owned(),
            column: name.to_owned(),
            option,
            available: list(self.header),
        }
    }

    /// A pattern that names a column exactly but matches nothing is a misspelling, and is said so.
    fn check_names(&self, chosen: &[(String, bool)], excluded: &[(String, bool)]) -> TableResult<()> {
        let known = |name: &String| self.header.contains(name);
        for (pattern, _) in chosen {
            if is_name(pattern) && !known(pattern) {
                return Err(self.unknown(pattern, "among the classifiers' columns"));
            }
        }
        for (pattern, _) in excluded {
            if is_name(pattern) && !known(pattern) {
                return Err(self.unknown(pattern, "among the excluded columns"));
            }
        }
        Ok(())
    }

    fn guess(&mut self, layout: &mut Layout) {
        // Each guess takes its column from what the next one may choose, so that the surest comes first.
        let options = self.options;
        if layout.label.is_none() && options.label_column.is_none() && options.labels != Labels::Ignored {
            layout.label = self.guess_label();
            layout.label.iter().for_each(|&at| self.used[at] = true);
        }
        if layout.split.is_none() {
            layout.split = self.guess_split();
            layout.split.iter().for_each(|&at| self.used[at] = true);
        }
        self.guess_long(layout);
        if layout.id.is_none() {
            layout.id = self.guess_id();
            // A column of these two names is an id beyond doubt; any other may turn out to repeat.
            layout.id_guessed =
                layout.id.is_some_and(|at| !["instance_id", "id"].contains(&self.header[at].as_str()));
            layout.id.iter().for_each(|&at| self.used[at] = true);
        }
        self.guess_average(layout);
        if layout.id.is_none() {
            self.guess_repeated_id(layout);
        }
        if layout.group.is_none() {
            layout.group = self.free().find(|&at| {
                names::is_group(&self.normal[at])
                    && self.profile(at).is_some_and(|p| p.repeats() && !p.has_fractions())
            });
        }
    }

    fn guess_label(&self) -> Option<usize> {
        let fits = |at: usize| match self.profile(at) {
            _ if self.header[at] == "label" => true,
            Some(profile) => {
                profile.is_pair() || self.options.positive_label.is_some() && !profile.has_fractions()
            }
            None => true,
        };
        let by_name = self
            .free()
            .filter_map(|at| Some((names::label_rank(&self.normal[at])?, at)))
            .filter(|&(_, at)| fits(at))
            .min();
        if let Some((_, at)) = by_name {
            return Some(at);
        }
        // By content: the only column of two values beside columns with fractions.
        if self.options.labels != Labels::Needed || self.options.classifiers.is_some() {
            return None;
        }
        let sure = |at: usize| {
            let profile = self.profile(at)?;
            let name = &self.normal[at];
            // -1 is half of the pair -1 and 1, and 2 of the pair 1 and 2.
            let words = |v: &String| crate::labels::is_class_word(v) || v == "-1" || v == "2";
            let pair = profile.is_pair() && profile.values.len() == 2 && profile.values.iter().all(words);
            let other = names::metadata(name).is_some()
                || names::is_split(name)
                || names::is_hard_prediction(name)
                || names::is_group(name)
                || name.contains("pred")
                || name.is_empty();
            (pair && !other).then_some(at)
        };
        let mut pairs = self.free().filter_map(sure);
        let only = pairs.next().filter(|_| pairs.next().is_none())?;
        let fractions = |at: usize| self.profile(at).is_some_and(|p| p.is_probability() && p.has_fractions());
        self.free().any(fractions).then_some(only)
    }

    /// Columns of two values, for the message that no label was found.
    fn label_candidates(&self) -> Vec<String> {
        let candidate = |at: usize| {
            let profile = self.profile(at)?;
            let name = &self.header[at];
            let two = profile.is_pair() && profile.values.len() == 2 && !name.is_empty();
            two.then(|| format!("{name:?} with {:?} and {:?}", profile.values[0], profile.values[1]))
        };
        self.free().filter_map(candidate).take(5).collect()
    }

    fn guess_split(&self) -> Option<usize> {
        let flag = |v: &String| crate::labels::is_class_word(v);
        let by_name = self.free().find(|&at| {
            let (name, Some(profile)) = (&self.normal[at], self.profile(at)) else { return false };
            let words = split::rule(profile.values.iter().map(String::as_str)).is_some();
            let flags = !profile.values.is_empty() && profile.values.iter().all(flag);
            names::is_split(name)
                && (words || flags && (names::is_train_flag(name) || names::is_test_flag(name)))
        });
        // By content: nothing but words such as "train" and "test".
        by_name.or_else(|| {
            self.free().find(|&at| {
                let Some(profile) = self.profile(at).filter(|profile| profile.is_text()) else {
                    return false;
                };
                let train = |value: &&String| names::is_train_word(value);
                let trained = profile.values.iter().filter(train).count();
                let held_out = profile.values.iter().filter(|value| names::is_test_word(value)).count();
                trained > 0 && held_out > 0 && trained + held_out == profile.values.len()
            })
        })
    }

    /// Columns that are named as a split and whose values do not say what is for training.
    fn unknown_splits(&self) -> Vec<usize> {
        let is_unknown = |&at: &usize| {
            let (name, Some(profile)) = (&self.normal[at], self.profile(at)) else { return false };
            let tested = profile.values.iter().any(|value| names::is_test_word(value));
            let named = names::is_surely_split(name) || names::is_split(name) && tested;
            // More values are folds, and one value splits nothing, unless it says that nothing is for
            // training.
            let splits = (2..=4).contains(&profile.values.len()) || tested;
            named && splits && !profile.has_fractions()
        };
        self.free().filter(is_unknown).collect()
    }

    fn guess_id(&self) -> Option<usize> {
        if let Some(at) = self.free().find(|&at| self.header[at] == "instance_id" || self.header[at] == "id")
        {
            return Some(at);
        }
        // From the surest sign to the weakest: what pandas calls its index, names of ids, a first column
        // without a name, names of row numbers, and the contents.
        let unique = |at: usize| self.profile(at).is_some_and(Profile::is_unique);
        if let Some(at) = self.free().find(|&at| self.sample.index.contains(&self.header[at]) && unique(at)) {
            return Some(at);
        }
        let by_name = self
            .free()
            .filter_map(|at| Some((names::id_rank(&self.normal[at])?, at)))
            .filter(|&(_, at)| unique(at) && !names::is_index(&self.normal[at]))
            .min();
        if let Some((_, at)) = by_name {
            return Some(at);
        }
        if self.free().any(|at| self.is_first_unnamed(at)) && unique(0) {
            return Some(0);
        }
        if let Some(at) = self.free().find(|&at| names::is_index(&self.normal[at]) && unique(at)) {
            return Some(at);
        }
        // By content: a first column of different texts or of whole numbers that are not probabilities, or
        // any column of different texts.
        let is_id = |at: usize| {
            let profile = self.profile(at)?;
            let numbers = at == 0 && profile.is_numeric() && profile.max > 1.0;
            let named = !self.header[at].is_empty() && profile.rows > 2;
            (named && profile.is_unique() && (profile.is_text() || numbers)).then_some(at)
        };
        self.free().find_map(is_id)
    }

    /// Ids of instances that repeat for no known reason are not ids: an error where the name is sure, and a
    /// word where it may be a mere number of the row.
    fn guess_repeated_id(&mut self, layout: &mut Layout) {
        let repeats = |at: usize| self.profile(at).is_some_and(|p| p.repeats() && !p.has_fractions());
        layout.id = self.free().find(|&at| names::is_instance_id(&self.normal[at]) && repeats(at));
        layout.id_guessed = layout.id.is_some_and(|at| names::is_index(&self.normal[at]));
        layout.id.iter().for_each(|&at| self.used[at] = true);
    }

    /// A long table has one row for each instance and classifier: a column that names the classifier, ids
    /// that repeat, and one column of probabilities.
    fn guess_long(&self, layout: &mut Layout) {
        let options = self.options;
        if options.classifiers.is_some() && self.used_classifiers() {
            return;
        }
        let Some(model) = self.model_column() else { return };
        let few = self.profile(model).is_some_and(|p| p.values.len() < 2);
        if few && self.sample.whole {
            return;
        }
        let repeats = |at: usize| self.profile(at).is_some_and(|p| p.repeats() && !p.has_fractions());
        // Where the rows of one classifier stand together, the first rows may show one classifier alone.
        let id = layout.id.or_else(|| {
            let named = self.free().filter(|&at| at != model && names::id_rank(&self.normal[at]).is_some());
            let mut named = named.filter(|&at| repeats(at) || few);
            named.next().or_else(|| self.free().find(|&at| at == 0 && at != model && repeats(at)))
        });
        let Some(id) = id.filter(|&at| repeats(at) || few) else { return };
        let is_free = |at: &usize| *at != model && *at != id;
        let fractions = |at: &usize| {
            self.profile(*at).is_some_and(|p| p.is_probability() && (p.has_fractions() || p.present() == 0))
        };
        let all: Vec<usize> = (0..self.header.len())
            .filter(|at| is_free(at) && ![layout.label, layout.split, layout.group].contains(&Some(*at)))
            .filter(|at| fractions(at) && names::metadata(&self.normal[*at]).is_none())
            .collect();
        let Some((value, classes)) = self.value_column(&all, layout) else { return };
        layout.classes = classes;
        (layout.model, layout.id, layout.id_guessed) = (Some(model), Some(id), false);
        layout.classifiers = vec![value];
    }

    /// The column of a long table that says which classifier a row is of, by name or by number.
    fn model_column(&self) -> Option<usize> {
        let is_model = |at: &usize| {
            let fits = |p: &Profile| p.repeats() && p.missing == 0 && !p.has_fractions();
            names::is_model(&self.normal[*at]) && self.profile(*at).is_some_and(fits)
        };
        self.free().find(is_model)
    }

    /// The column of the probabilities of a long table among `all` that may be it: the only one, the one with
    /// such a name, or one of a pair. Where the labels name the pair and only their counts will say which of
    /// them is positive, the names of both.
    fn value_column(&self, all: &[usize], layout: &Layout) -> Option<(usize, Option<(String, String)>)> {
        let by_name = || all.iter().copied().find(|&at| names::is_probability(&self.normal[at]));
        let (first, second) = match *all {
            [only] => return Some((only, None)),
            [first, second] => (first, second),
            _ => return by_name().map(|at| (at, None)),
        };
        let names = [&self.header[first], &self.header[second]].map(String::as_str);
        match crate::pairs::negative(names[0], names[1], (None, None)) {
            Some(true) => return Some((second, None)),
            Some(false) => return Some((first, None)),
            None => {}
        }
        // Rows that are to be predicted may have no labels; a model remembers which is positive.
        let classes = match layout.label.and_then(|at| self.profile(at)).map(|p| &p.values[..]) {
            Some([no, yes]) => (Some(no.as_str()), Some(yes.as_str())),
            _ => (None, self.options.remembered.positive.as_deref()),
        };
        if crate::pairs::negative(names[0], names[1], classes).is_some() {
            return Some((first, Some((names[0].to_owned(), names[1].to_owned()))));
        }
        by_name().map(|at| (at, None))
    }

    fn used_classifiers(&self) -> bool {
        let names = self.options.classifiers.iter().flatten();
        names.into_iter().all(|name| self.header.contains(name))
    }

    /// Ids that repeat beside a column of folds or repetitions: repeated cross-validation.
    fn guess_average(&self, layout: &mut Layout) {
        if layout.model.is_some() {
            layout.average = self.fold_column();
            return;
        }
        let Some(fold) = self.fold_column() else { return };
        // Rows of other classifiers are not repetitions.
        if self.model_column().is_some() {
            return;
        }
        let repeats = |at: usize| self.profile(at).is_some_and(|p| p.repeats() && !p.has_fractions());
        // Rows of one customer or patient are instances of their own, and not repetitions.
        let by_name = || self.free().find(|&at| names::is_instance_id(&self.normal[at]) && repeats(at));
        let id = match layout.id {
            Some(id) => Some(id).filter(|&id| repeats(id) && !layout.id_guessed),
            None => by_name(),
        };
        if let Some(id) = id {
            (layout.id, layout.id_guessed, layout.average) = (Some(id), false, Some(fold));
        }
    }

    fn fold_column(&self) -> Option<usize> {
        let whole = |at: usize| self.profile(at).is_none_or(|p| !p.has_fractions());
        self.free().find(|&at| names::is_fold(&self.normal[at]) && whole(at))
    }

    fn of_model(
        &mut self,
        layout: &mut Layout,
        names: &[String],
        position: &HashMap<&str, usize>,
    ) -> TableResult<()> {
        if layout.model.is_some() {
            return Ok(());
        }
        for name in names {
            let at = position.get(name.as_str()).copied().filter(|_| !name.is_empty());
            layout.classifiers.push(at.ok_or_else(|| TableError::MissingClassifier {
                file: self.file.to_owned(),
                column: name.clone(),
                available: list(self.header),
            })?);
        }
        let named = [layout.id, layout.label, layout.split, layout.group];
        layout.extra = (0..self.header.len())
            .filter(|at| !layout.classifiers.contains(at) && !named.contains(&Some(*at)))
            .map(|at| self.header[at].clone())
            .collect();
        layout.chosen = true;
        Ok(())
    }

    /// The classifiers where no model says which they are.
    fn choose(
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
        let unknown_splits = if layout.split.is_none() { self.unknown_splits() } else { Vec::new() };
        let named = [layout.id, layout.label, layout.split, layout.group, layout.model];
        let is_out = |at: usize| unwanted.iter().any(|glob| glob.matches(&self.header[at]));
        if layout.model.is_some() {
            // A long table has one column of values, whose rows are told apart by the model column.
            let value = layout.classifiers[0];
            for at in (0..self.header.len()).filter(|at| *at != value && !named.contains(&Some(*at))) {
                let reason = if layout.average == Some(at) { "averaged over" } else { "of a long table" };
                self.passed_over.push(PassedOver::new(&self.header[at], reason));
            }
            return Ok(());
        }
        let rest: Vec<usize> = (0..self.header.len()).filter(|at| !named.contains(&Some(*at))).collect();
        let mut classifiers = Vec::new();
        // Numbers outside [0, 1] are passed over only where others are probabilities.
        let mut outside = Vec::new();
        for at in rest {
            let name = &self.header[at];
            if is_out(at) {
                self.passed_over.push(PassedOver::new(name, "excluded"));
            } else if unknown_splits.contains(&at) && layout.model.is_none() {
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
                for (at, reason) in outside {
                    self.passed_over.push(PassedOver::new(&self.header[at], reason));
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
        let named =
            [("id", layout.id), ("label", layout.label), ("split", layout.split), ("group", layout.group)];
        let reason = |at: usize| {
            let taken =
                named.iter().find(|(_, column)| *column == Some(at)).map(|(what, _)| format!("the {what}"));
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
        // `seed1`, `seed2` may be classifiers: a number of a fold has no fraction.
        let is_fold = names::is_fold(normal) && profile.has_fractions();
        if let Some(reason) = names::metadata(normal).filter(|_| !is_fold) {
            return Judged::Other(reason.to_owned());
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
                format!("{range} is outside 0 to 1; --input score or --scale percent reads such columns")
            }
        })
    }

    /// What numbers outside [0, 1] in this column may mean.
    fn hint(&self, at: usize) -> &'static str {
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

pub(crate) const UNKNOWN_HINT: &str = "turn scores into probabilities or give --input score; percent: --scale percent; a value for a \
                            missing one: --missing; a column that is not a classifier: --exclude";

enum Judged {
    Classifier,
    /// Numbers outside [0, 1].
    Outside(String),
    Other(String),
}
