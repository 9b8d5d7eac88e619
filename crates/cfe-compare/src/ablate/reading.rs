//! Reading a grid, and what is refused.

use serde_json::{Map, Value};

use super::error::AblateError;
use super::figure::{Figure, OTHER_COLUMNS};
use super::grid::{Factor, Grid, HeatMap, Key, Level, Match, Seeds, Settings};

impl Grid {
    /// Reads a grid; `name` is for messages.
    ///
    /// # Errors
    /// [`AblateError::Grid`] with the place and what is allowed there.
    pub fn parse(name: &str, text: &str) -> Result<Self, AblateError> {
        let mut grid: Grid = toml::from_str(text)
            .map_err(|error| AblateError::Grid { grid: name.to_owned(), why: error.to_string() })?;
        // The short form is written out first, so that the checks and all that follows know one form.
        grid.spell_out().map_err(|why| AblateError::Grid { grid: name.to_owned(), why })?;
        grid.check().map_err(|why| AblateError::Grid { grid: name.to_owned(), why })?;
        Ok(grid)
    }

    /// Writes the short form of factors out as levels.
    fn spell_out(&mut self) -> Result<(), String> {
        for factor in &mut self.factors {
            let name = &factor.name;
            let failed = |why: String| format!("factor {name:?}: {why}");
            let plain: Vec<Value> = factor.levels.iter().filter_map(|level| level.plain().cloned()).collect();
            if !plain.is_empty() && plain.len() < factor.levels.len() {
                return Err(failed(
                    "its levels are partly plain values and partly tables; write all one way".to_owned(),
                ));
            }
            // `values` is the other name of plain levels; from here on they are one list.
            let values = match (plain.is_empty(), factor.values.is_empty()) {
                (true, _) => std::mem::take(&mut factor.values),
                (false, true) => plain,
                (false, false) => {
                    return Err(failed("`values` and `levels` are both given; give one of them".to_owned()));
                }
            };
            // Plain values need the key that they are values of, and named levels have none.
            match (&factor.key, values.is_empty(), factor.levels.is_empty()) {
                (Some(key), false, _) => {
                    let levels = values.iter().map(|value| key.level(value));
                    factor.levels = levels.collect::<Result<_, String>>().map_err(failed)?;
                }
                (None, true, false) => {}
                (None, false, _) => {
                    return Err(failed(
                        "plain levels need a `key`, the setting that they are values of".to_owned(),
                    ));
                }
                _ => {
                    return Err(failed(
                        "give either `key` and plain `levels`, as in levels = [0, 1, 2], or `levels` with names".to_owned(),
                    ));
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.factors.is_empty() {
            return Err("`factors` is empty; give at least one [[factors]] with two levels".to_owned());
        }
        if self.seeds.count() == 0 {
            return Err("`seeds` is empty; at least 1 is needed, 5 or more are usual".to_owned());
        }
        if let Seeds::List(seeds) = &self.seeds
            && let Some(seed) = duplicate(seeds)
        {
            return Err(format!("seed {seed} is given twice"));
        }
        // A name of the base would be shown nowhere, and is most likely a level in the wrong place.
        if !self.base.name.is_empty() {
            return Err("`base` has a name; only levels have one".to_owned());
        }
        let names: Vec<&str> = self.factors.iter().map(|factor| factor.name.as_str()).collect();
        if let Some(name) = duplicate(&names) {
            return Err(format!("there are two factors {name:?}; give each a name of its own"));
        }
        for factor in &self.factors {
            factor.check()?;
            self.check_match(&factor.not_for, &format!("`not_for` of factor {:?}", factor.name))?;
            let place = format!("`by` of factor {:?}", factor.name);
            factor.by.iter().try_for_each(|name| self.find(name, &place).map(|_| ()))?;
            if factor.not_for.contains_key(&factor.name) || factor.by.contains(&factor.name) {
                return Err(format!("factor {:?}: `not_for` and `by` name other factors", factor.name));
            }
        }
        self.exclude.iter().try_for_each(|of| self.check_match(of, "`exclude`"))?;
        self.heat_maps.iter().try_for_each(|map| self.check_map(map))
    }

    fn check_match(&self, of: &Match, place: &str) -> Result<(), String> {
        of.iter().try_for_each(|(factor, levels)| {
            let factor = self.find(factor, place)?;
            levels.names().iter().try_for_each(|level| match factor.position(level) {
                Some(_) => Ok(()),
                None => Err(format!(
                    "{place}: factor {:?} has no level {level:?}; its levels are {}",
                    factor.name,
                    list(factor.levels.iter().map(|level| &level.name))
                )),
            })
        })
    }

    fn check_map(&self, map: &HeatMap) -> Result<(), String> {
        let place = format!("heat map of {:?} and {:?}", map.x, map.y);
        let used: Vec<&String> = [Some(&map.x), Some(&map.y), map.panels.as_ref(), map.ratio_of.as_ref()]
            .into_iter()
            .flatten()
            .collect();
        // Every factor that the map names has to be there, each once.
        used.iter().try_for_each(|name| self.find(name, &place).map(|_| ()))?;
        if duplicate(&used).is_some() {
            return Err(format!("{place}: names one factor twice; name different ones"));
        }
        self.check_match(&map.only, &place)?;
        // A ratio of two levels has no meaning where the figure may be 0 or below.
        if let Some(of) = &map.ratio_of {
            let levels = self.find(of, &place)?.levels.len();
            if levels != 2 || !map.figure.is_positive() {
                return Err(format!(
                    "{place}: `ratio_of` needs a factor with two levels and a figure above 0; {of:?} has {levels}, the \
                     figure is {}",
                    map.figure.id()
                ));
            }
        }
        Ok(())
    }

    fn find(&self, name: &str, place: &str) -> Result<&Factor, String> {
        self.factors.iter().find(|factor| factor.name == name).ok_or_else(|| {
            format!(
                "{place}: there is no factor {name:?}; factors are {}",
                list(self.factors.iter().map(|f| &f.name))
            )
        })
    }
}

impl Factor {
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if name.trim().is_empty() {
            return Err("a factor has no name; give `name`".to_owned());
        }
        // results.csv has a column for each factor, beside those of the figures.
        if OTHER_COLUMNS.contains(&name.as_str()) || Figure::ALL.iter().any(|figure| figure.id() == name) {
            return Err(format!(
                "a factor cannot be named {name:?}, as a column of results.csv is; choose another name"
            ));
        }
        if self.levels.len() < 2 {
            return Err(format!(
                "factor {name:?} has {} level; two or more are needed, or put it in `base`",
                self.levels.len()
            ));
        }
        if self.levels.iter().any(|level| level.name.trim().is_empty()) {
            return Err(format!("factor {name:?}: a level has no name; give `name`"));
        }
        let names: Vec<&String> = self.levels.iter().map(|level| &level.name).collect();
        match duplicate(&names) {
            Some(level) => {
                Err(format!("factor {name:?} has two levels {level:?}; give each a name of its own"))
            }
            None => Ok(()),
        }
    }
}

impl Key {
    /// The level that gives this setting a value.
    fn level(&self, value: &Value) -> Result<Level, String> {
        let name = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => {
                return Err(format!(
                    "{value} is not a plain value; write the level as a table with a `name`"
                ));
            }
        };
        let mut level = Level { name, ..Level::default() };
        // Settings of the data have a prefix; all others go to the trainer, one key for all or one for each.
        match self {
            Key::Same(path) => match path.strip_prefix("data.") {
                Some(path) => level.data = nested(path, value)?,
                None => level.set = nested(path, value)?,
            },
            Key::ByTrainer(paths) => {
                for (trainer, path) in paths {
                    match trainer.as_str() {
                        "als" => level.als = nested(path, value)?,
                        "torch" => level.torch = nested(path, value)?,
                        _ => {
                            return Err(format!(
                                "`key`: {trainer:?} is not a trainer with keys; the trainers are als, torch"
                            ));
                        }
                    }
                }
            }
        }
        Ok(level)
    }
}

/// Levels of a key: settings nested without end would exhaust the stack.
const DEEPEST: usize = 16;

/// `a.b = value` as nested settings.
fn nested(path: &str, value: &Value) -> Result<Settings, String> {
    let levels = path.split('.').count();
    if levels > DEEPEST {
        return Err(format!("a key of {levels} levels is not allowed; at most {DEEPEST} are taken"));
    }
    let mut value = value.clone();
    // From the innermost name outward, each step wraps what there is.
    for part in path.rsplit('.') {
        if part.trim().is_empty() {
            return Err(format!("{path:?} is not a key; write names joined by dots"));
        }
        value = Value::Object(Map::from_iter([(part.to_owned(), value)]));
    }
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(format!("{path:?} is not a key; write names joined by dots")),
    }
}

fn duplicate<T: PartialEq>(values: &[T]) -> Option<&T> {
    values.iter().enumerate().find(|(k, value)| values[..*k].contains(value)).map(|(_, value)| value)
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grid(factor: &str) -> Result<Grid, String> {
        let text = format!("title = \"t\"\nseeds = 1\n[[factors]]\nname = \"f\"\n{factor}\n");
        Grid::parse("g", &text).map_err(|error| error.to_string())
    }

    #[test]
    fn plain_levels_are_values_of_the_key() {
        let spelled = grid("key = \"loss.focal.gamma\"\nlevels = [0, 1.5, 2]").expect("valid");
        let levels = &spelled.factors[0].levels;
        let names: Vec<&str> = levels.iter().map(|level| level.name.as_str()).collect();
        assert_eq!(names, ["0", "1.5", "2"]);
        assert_eq!(json!(levels[1].set), json!({"loss": {"focal": {"gamma": 1.5}}}));
        let values = grid("key = \"loss.focal.gamma\"\nvalues = [0, 1.5, 2]").expect("valid");
        assert_eq!(&values.factors[0].levels, levels, "`values` is another name for plain levels");
        let data = grid("key = \"data.prevalence\"\nlevels = [0.5, 0.1]").expect("valid");
        assert_eq!(json!(data.factors[0].levels[1].data), json!({"prevalence": 0.1}));
        let words = grid("key = \"class_weight\"\nlevels = [\"uniform\", \"balanced\"]").expect("valid");
        assert_eq!(words.factors[0].levels[1].name, "balanced");
    }

    #[test]
    fn levels_that_cannot_be_read_are_refused_with_the_way_out() {
        let named = "levels = [{ name = \"a\", set = { d = 1 } }, { name = \"b\" }]";
        assert!(grid(named).is_ok());
        for (factor, said) in [
            ("levels = [1, 2]", "plain levels need a `key`"),
            ("key = \"d\"\nlevels = [1, { name = \"b\" }]", "partly plain values and partly tables"),
            ("key = \"d\"\nlevels = [1, 2]\nvalues = [3, 4]", "`values` and `levels` are both given"),
            ("key = \"d\"\nlevels = [[1], [2]]", "is not a plain value"),
            ("key = \"d\"", "give either `key` and plain `levels`"),
            (&format!("key = \"d\"\n{named}"), "give either `key` and plain `levels`"),
            ("levels = [{ nane = \"a\" }, { name = \"b\" }]", "unknown field `nane`"),
        ] {
            let error = grid(factor).expect_err(factor);
            assert!(error.contains(said), "{said} in {error}");
        }
    }
}
