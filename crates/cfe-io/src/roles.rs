//! Columns that hold neither predictions nor labels, by what they mean.

use serde::{Deserialize, Serialize};

/// What a column means that holds neither predictions nor labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Names the rows.
    Id,
    /// Says which rows are for training.
    Split,
    /// Names what several rows belong to (a patient, a day), which cross-validation keeps together.
    Group,
    /// How much a row counts: finite, at least 0.
    Weight,
    /// The fold of a cross-validation that a row was held out in.
    Fold,
    /// When a row happened: a number or an ISO 8601 date.
    Time,
    /// What a wrong decision about a row costs: finite, at least 0.
    Cost,
    /// Of a long table: the classifier that a row is of.
    Model,
    /// Of a long table: the class whose probability a row holds.
    Class,
}

impl Role {
    /// Every role, in the order in which a table is told of.
    pub const ALL: [Role; 9] = [
        Role::Id,
        Role::Split,
        Role::Group,
        Role::Weight,
        Role::Fold,
        Role::Time,
        Role::Cost,
        Role::Model,
        Role::Class,
    ];

    /// Its name in options, files and messages.
    ///
    /// ```
    /// assert_eq!(cfe_io::Role::Weight.name(), "weight");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Role::Id => "id",
            Role::Split => "split",
            Role::Group => "group",
            Role::Weight => "weight",
            Role::Fold => "fold",
            Role::Time => "time",
            Role::Cost => "cost",
            Role::Model => "model",
            Role::Class => "class",
        }
    }

    /// What a message calls its column.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Role::Id => "the id column",
            Role::Split => "the split column",
            Role::Group => "the group column",
            Role::Weight => "the weight column",
            Role::Fold => "the fold column",
            Role::Time => "the time column",
            Role::Cost => "the cost column",
            Role::Model => "the model column",
            Role::Class => "the class column",
        }
    }

    /// Whether the column matters to what learns or scores alone, so that rows which are to be predicted may
    /// hold anything in it.
    pub(crate) fn is_of_labeled_rows(self) -> bool {
        matches!(self, Role::Weight | Role::Fold | Role::Time | Role::Cost)
    }
}

/// A value for each role that has one: the names of columns, their positions, or their cells.
///
/// ```
/// use cfe_io::{Role, Roles};
///
/// let mut columns: Roles<String> = Roles::default();
/// columns.set(Role::Id, "customer".to_owned());
/// assert_eq!(columns.get(Role::Id).map(String::as_str), Some("customer"));
/// assert_eq!(columns.iter().count(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Roles<T> {
    /// Of [`Role::Id`].
    pub id: Option<T>,
    /// Of [`Role::Split`].
    pub split: Option<T>,
    /// Of [`Role::Group`].
    pub group: Option<T>,
    /// Of [`Role::Weight`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<T>,
    /// Of [`Role::Fold`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<T>,
    /// Of [`Role::Time`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<T>,
    /// Of [`Role::Cost`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<T>,
    /// Of [`Role::Model`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<T>,
    /// Of [`Role::Class`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<T>,
}

impl<T> Default for Roles<T> {
    fn default() -> Self {
        Self {
            id: None,
            split: None,
            group: None,
            weight: None,
            fold: None,
            time: None,
            cost: None,
            model: None,
            class: None,
        }
    }
}

impl<T> Roles<T> {
    /// The value of a role.
    pub fn get(&self, role: Role) -> Option<&T> {
        match role {
            Role::Id => self.id.as_ref(),
            Role::Split => self.split.as_ref(),
            Role::Group => self.group.as_ref(),
            Role::Weight => self.weight.as_ref(),
            Role::Fold => self.fold.as_ref(),
            Role::Time => self.time.as_ref(),
            Role::Cost => self.cost.as_ref(),
            Role::Model => self.model.as_ref(),
            Role::Class => self.class.as_ref(),
        }
    }

    /// The place of the value of a role.
    pub fn slot(&mut self, role: Role) -> &mut Option<T> {
        match role {
            Role::Id => &mut self.id,
            Role::Split => &mut self.split,
            Role::Group => &mut self.group,
            Role::Weight => &mut self.weight,
            Role::Fold => &mut self.fold,
            Role::Time => &mut self.time,
            Role::Cost => &mut self.cost,
            Role::Model => &mut self.model,
            Role::Class => &mut self.class,
        }
    }

    /// Gives a role its value.
    pub fn set(&mut self, role: Role, value: T) {
        *self.slot(role) = Some(value);
    }

    /// The roles that have a value, in the order of [`Role::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Role, &T)> {
        Role::ALL.into_iter().filter_map(|role| Some((role, self.get(role)?)))
    }

    /// The same roles with other values.
    pub fn map<U>(&self, mut to: impl FnMut(Role, &T) -> U) -> Roles<U> {
        let mut mapped = Roles::default();
        self.iter().for_each(|(role, value)| mapped.set(role, to(role, value)));
        mapped
    }
}

impl<T> Roles<Vec<T>> {
    /// Adds the cells of the rows that follow, to the roles that both have.
    pub(crate) fn extend(&mut self, mut more: Self) {
        for role in Role::ALL {
            if let (Some(all), Some(more)) = (self.slot(role), more.slot(role).take()) {
                all.extend(more);
            }
        }
    }

    /// The cells of the rows `rows`, in this order.
    pub(crate) fn select(&self, rows: &[usize]) -> Self
    where
        T: Clone,
    {
        self.map(|_, cells| rows.iter().map(|&i| cells[i].clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_a_place_of_its_own() {
        let mut roles = Roles::default();
        Role::ALL.into_iter().for_each(|role| roles.set(role, role.name()));
        assert!(roles.iter().map(|(role, _)| role).eq(Role::ALL));
        assert!(roles.iter().all(|(role, name)| role.name() == *name && role.column().contains(name)));
        let written = serde_json::to_value(&roles).expect("text");
        assert!(Role::ALL.iter().all(|role| written[role.name()] == role.name()));
    }

    #[test]
    fn what_earlier_versions_wrote_is_written_as_before() {
        let written = serde_json::to_string(&Roles::<String>::default()).expect("text");
        assert_eq!(written, r#"{"id":null,"split":null,"group":null}"#);
    }
}
