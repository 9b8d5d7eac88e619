//! Tables with several rows for an instance: one for each classifier, or for each repetition.

use super::{Layout, Table};
use crate::class_columns::{LEAST_CLASSES, ends_in};
use crate::names;
use crate::profile::Profile;
use crate::roles::Role;

impl Table<'_> {
    /// Guesses a long table: a column that names the classifier, ids that repeat, and one column of
    /// probabilities or one for each class.
    pub(super) fn guess_long(&self, layout: &mut Layout) {
        let options = self.options;
        // A model knows its classifiers: where all of them are columns, the table is a wide one.
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
        let id = layout.roles.id.or_else(|| {
            let named = self.free().filter(|&at| at != model && names::id_rank(&self.normal[at]).is_some());
            let mut named = named.filter(|&at| repeats(at) || few);
            named.next().or_else(|| self.free().find(|&at| at == 0 && at != model && repeats(at)))
        });
        let Some(id) = id.filter(|&at| repeats(at) || few) else { return };
        let is_free = |at: &usize| *at != model && *at != id;
        let fractions = |at: &usize| {
            self.profile(*at).is_some_and(|p| p.is_probability() && (p.has_fractions() || p.present() == 0))
        };
        // What is left may hold probabilities; a pair of columns, or one for each class, is told apart below.
        let all: Vec<usize> = (0..self.header.len())
            .filter(|&at| is_free(&at) && layout.taken().all(|taken| taken != at))
            .filter(|at| fractions(at) && names::metadata(&self.normal[*at]).is_none())
            .collect();
        let mut of_classes = self.class_columns(layout.label);
        of_classes.retain(|at| is_free(at) && layout.taken().all(|taken| taken != *at));
        let (values, classes) = match (self.value_column(&all, layout), of_classes.len()) {
            (_, 3..) => (of_classes, None),
            (Some((value, classes)), _) => (vec![value], classes),
            (None, _) => return,
        };
        if values.len() == 1 && classes.is_none() {
            layout.roles.class = self.class_column(layout.label).filter(is_free);
        }
        layout.classes = classes;
        // From here on the id is part of the form of the table, and no longer a guess that could be set
        // aside.
        (layout.roles.model, layout.roles.id) = (Some(model), Some(id));
        layout.set_guessed(Role::Id, false);
        layout.classifiers = values;
    }

    /// The column of a long table that says which classifier a row is of, by name or by number.
    fn model_column(&self) -> Option<usize> {
        let is_model = |at: &usize| {
            let fits = |p: &Profile| p.repeats() && p.missing == 0 && !p.has_fractions();
            names::is_model(&self.normal[*at]) && self.profile(*at).is_some_and(fits)
        };
        // Where R melted the columns of classes, `variable` is the class of a classifier with another name.
        let sure = self.free().find(|at| self.normal[*at] != names::MELTED && is_model(at));
        sure.or_else(|| self.free().find(is_model))
    }

    /// The column of a long table that says which class the probability of a row is of: by its name or by its
    /// values, which are the labels or end in them. `label` is the column of the labels.
    pub(super) fn class_column(&self, label: Option<usize>) -> Option<usize> {
        let model = self.model_column()?;
        let options = self.options;
        let known = |at: usize| -> Vec<&String> {
            let profile = self.profile(at).filter(|profile| !profile.has_fractions());
            let values = profile.iter().flat_map(|profile| &profile.values);
            values.filter(|value| !crate::labels::is_unknown(value)).collect()
        };
        let labels = match &options.class_model {
            Some(model) => model.classes.iter().collect(),
            None => label.map(known).unwrap_or_default(),
        };
        // Two labels are those of a table of two classes, whose rows hold the probability of one.
        if labels.len() < LEAST_CLASSES {
            return None;
        }
        let is_one = |at: &usize| {
            let fits = |p: &Profile| p.values.len() >= LEAST_CLASSES && p.missing == 0 && p.repeats();
            *at != model
                && label != Some(*at)
                && self.profile(*at).is_some_and(fits)
                && !known(*at).is_empty()
        };
        // By its name first, and else by its values, which are then the labels and no others.
        let candidates: Vec<usize> = self.free().filter(is_one).collect();
        let ends_in_one =
            |value: &&String, labels: &[&String]| labels.iter().any(|label| ends_in(value, label));
        // The first values of a column of many may be others than the first labels.
        let tells = |at: &usize| known(*at).iter().any(|value| ends_in_one(value, &labels));
        let is_same = |at: &usize| {
            let values = known(*at);
            values.len() == labels.len() && values.iter().all(|value| ends_in_one(value, &labels))
        };
        let other = |at: &usize| {
            let name = &self.normal[*at];
            names::is_hard_prediction(name)
                || name.contains("pred")
                || names::label_rank(name).is_some()
                || names::is_fold(name)
                || names::metadata(name).is_some()
        };
        let by_name = candidates.iter().find(|at| names::is_class_of_row(&self.normal[**at]) && tells(at));
        by_name.or_else(|| candidates.iter().find(|at| !other(at) && is_same(at))).copied()
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
    pub(super) fn guess_average(&self, layout: &mut Layout) {
        if layout.roles.model.is_some() {
            // The fold of an instance is followed; what numbers repetitions is averaged over.
            layout.average = self.fold_column().filter(|&at| !names::is_given_fold(&self.normal[at]));
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
        let id = match layout.roles.id {
            Some(id) => Some(id).filter(|&id| repeats(id) && !layout.is_guessed(Role::Id)),
            None => by_name(),
        };
        if let Some(id) = id {
            (layout.roles.id, layout.average) = (Some(id), Some(fold));
            layout.set_guessed(Role::Id, false);
        }
    }

    fn fold_column(&self) -> Option<usize> {
        let whole = |at: usize| self.profile(at).is_none_or(|p| !p.has_fractions());
        self.free().find(|&at| names::is_fold(&self.normal[at]) && whole(at))
    }
}
