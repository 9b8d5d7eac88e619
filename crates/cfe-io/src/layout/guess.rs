//! The meaning of columns that no option names, from their names and their first rows.

use super::{Layout, Table};
use crate::names;
use crate::profile::Profile;
use crate::reading::Labels;
use crate::roles::Role;
use crate::split;

impl Table<'_> {
    pub(super) fn guess(&mut self, layout: &mut Layout) {
        // Each guess takes its column from what the next one may choose, so that the surest comes first.
        let options = self.options;
        if layout.label.is_none() && options.label_column.is_none() && options.labels != Labels::Ignored {
            layout.label = self.guess_label();
            layout.label.iter().for_each(|&at| self.used[at] = true);
        }
        if layout.roles.split.is_none() {
            layout.roles.split = self.guess_split();
            layout.roles.split.iter().for_each(|&at| self.used[at] = true);
        }
        self.guess_long(layout);
        if layout.roles.id.is_none() {
            layout.roles.id = self.guess_id();
            // A column of these two names is an id beyond doubt; any other may turn out to repeat.
            let sure = |at: usize| ["instance_id", "id"].contains(&self.header[at].as_str());
            layout.set_guessed(Role::Id, layout.roles.id.is_some_and(|at| !sure(at)));
            layout.roles.id.iter().for_each(|&at| self.used[at] = true);
        }
        self.guess_average(layout);
        if layout.roles.id.is_none() {
            self.guess_repeated_id(layout);
        }
        if layout.roles.group.is_none() {
            layout.roles.group = self.free().find(|&at| {
                names::is_group(&self.normal[at])
                    && self.profile(at).is_some_and(|p| p.repeats() && !p.has_fractions())
            });
            layout.roles.group.iter().for_each(|&at| self.used[at] = true);
        }
        self.guess_weight_and_fold(layout);
    }

    /// Weights and folds by their names alone, where the first rows do not speak against it.
    fn guess_weight_and_fold(&mut self, layout: &mut Layout) {
        // Cells below 0 are said with a warning when the rows are read.
        let is_weight = |p: &Profile| p.text.is_none() && p.numbers > 0;
        let is_fold = |p: &Profile| p.present() > 0 && !p.has_fractions() && !p.is_unique();
        type Named = fn(&str) -> bool;
        type Fits = fn(&Profile) -> bool;
        let guesses: [(Role, Named, Fits); 2] =
            [(Role::Weight, names::is_weight, is_weight), (Role::Fold, names::is_given_fold, is_fold)];
        for (role, is_named, fits) in guesses {
            // Rows that are scored by earlier ones follow no folds.
            let in_time = role == Role::Fold && layout.roles.time.is_some();
            if layout.roles.get(role).is_some() || in_time || self.options.not_guessed.contains(&role) {
                continue;
            }
            let found = self.free().find(|&at| {
                is_named(&self.normal[at])
                    // Rows of one id are put together over it.
                    && layout.average != Some(at)
                    && self.profile(at).is_some_and(fits)
            });
            if let Some(at) = found {
                layout.roles.set(role, at);
                layout.set_guessed(role, true);
                self.used[at] = true;
            }
        }
    }

    fn guess_label(&self) -> Option<usize> {
        // Labels of more than two values belong to a positive one, or to columns of more than two classes.
        let classes_in_rows = |at: usize| self.class_column(Some(at)).is_some();
        let many = self.options.positive_label.is_some() || self.is_of_classes();
        let fits = |at: usize| match self.profile(at) {
            _ if self.header[at] == "label" => true,
            Some(profile) => {
                profile.is_pair()
                    || !profile.has_fractions() && (many || self.names_columns(at) || classes_in_rows(at))
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
        // Or the only column whose values are the classes of columns.
        let mut of_classes = self.free().filter(|&at| {
            let hard = names::is_hard_prediction(&self.normal[at]) || self.normal[at].contains("pred");
            !hard && self.profile(at).is_some_and(Profile::repeats) && self.names_columns(at)
        });
        if let (Some(only), None) = (of_classes.next(), of_classes.next()) {
            return Some(only);
        }
        let mut pairs = self.free().filter_map(sure);
        let only = pairs.next().filter(|_| pairs.next().is_none())?;
        let fractions = |at: usize| self.profile(at).is_some_and(|p| p.is_probability() && p.has_fractions());
        self.free().any(fractions).then_some(only)
    }

    /// Columns of two values, for the message that no label was found.
    pub(super) fn label_candidates(&self) -> Vec<String> {
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
    pub(super) fn unknown_splits(&self) -> Vec<usize> {
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
        layout.roles.id = self.free().find(|&at| names::is_instance_id(&self.normal[at]) && repeats(at));
        let is_index = layout.roles.id.is_some_and(|at| names::is_index(&self.normal[at]));
        layout.set_guessed(Role::Id, is_index);
        layout.roles.id.iter().for_each(|&at| self.used[at] = true);
    }
}
