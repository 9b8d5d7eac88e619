//! Settings laid over settings.

use serde_json::{Map, Value};

use super::grid::Settings;

/// Lays `changes` over `base`, nested settings key by key.
///
/// A setting with alternatives is an object with the name of the chosen one as its only key; another
/// alternative takes its place whole: `{newton}` over `{gradient_step: {...}}` is `{newton}`. The text "null"
/// switches an optional setting off, as TOML has no null of its own.
pub(super) fn merge(base: &mut Settings, changes: &Settings) {
    // Objects are merged key by key; everything else, and another alternative, replaces what was there.
    for (key, change) in changes {
        match (base.get_mut(key), change) {
            (Some(Value::Object(old)), Value::Object(new)) if !is_other_alternative(old, new) => {
                merge(old, new)
            }
            _ => {
                base.insert(key.clone(), with_nulls(change));
            }
        }
    }
}

/// A value as it is put into the settings: "null" is null at any depth, also within an alternative that comes
/// as a whole.
fn with_nulls(change: &Value) -> Value {
    match change {
        Value::String(text) if text == "null" => Value::Null,
        Value::Object(inner) => {
            Value::Object(inner.iter().map(|(key, value)| (key.clone(), with_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

/// Both have one key, and not the same.
fn is_other_alternative(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    // An enum with fields is written as an object with the one key of its variant.
    old.len() == 1 && new.len() == 1 && old.keys().ne(new.keys())
}

/// Dotted paths of all values.
pub(super) fn leaves(settings: &Settings) -> Vec<String> {
    let mut out = Vec::new();
    collect(settings, "", &mut out);
    out
}

fn collect(settings: &Settings, before: &str, out: &mut Vec<String>) {
    for (key, value) in settings {
        let path = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        match value {
            Value::Object(inner) if !inner.is_empty() => collect(inner, &path, out),
            _ => out.push(path),
        }
    }
}

/// Whether one path is the other, or lies within it.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    within(a, b) || within(b, a)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Settings as grids have them: numbers, words, "null", nested up to three deep, few names so that they
    /// meet.
    fn settings() -> impl Strategy<Value = Settings> {
        let leaf = prop_oneof![
            (0..4i64).prop_map(Value::from),
            Just(json!("null")),
            Just(json!("newton")),
            Just(json!([1, 2])),
        ];
        let value = leaf.prop_recursive(3, 24, 3, |inner| {
            prop::collection::btree_map("[abc]", inner, 1..4)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        });
        prop::collection::btree_map("[abc]", value, 0..4).prop_map(|map| map.into_iter().collect())
    }

    fn at<'a>(settings: &'a Settings, path: &str) -> Option<&'a Value> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        match (settings.get(first)?, rest) {
            (value, None) => Some(value),
            (Value::Object(inner), Some(rest)) => at(inner, rest),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn every_change_arrives_and_what_no_change_names_stays(base in settings(), changes in settings()) {
            let mut merged = base.clone();
            merge(&mut merged, &changes);
            for path in leaves(&changes) {
                let asked = at(&changes, &path).expect("a leaf of the changes");
                let asked = if asked == "null" { &Value::Null } else { asked };
                prop_assert_eq!(at(&merged, &path), Some(asked), "{}", path);
            }
            for (key, value) in base.iter().filter(|(key, _)| !changes.contains_key(*key)) {
                prop_assert_eq!(merged.get(key), Some(value));
            }
            let mut twice = merged.clone();
            merge(&mut twice, &changes);
            prop_assert_eq!(twice, merged, "the same changes once more change nothing");
        }

        #[test]
        fn paths_overlap_where_one_is_at_or_within_the_other(a in "[ab](\\.[ab]){0,2}", b in "[ab](\\.[ab]){0,2}") {
            let (of_a, of_b): (Vec<&str>, Vec<&str>) = (a.split('.').collect(), b.split('.').collect());
            let shared = of_a.len().min(of_b.len());
            prop_assert_eq!(overlap(&a, &b), of_a[..shared] == of_b[..shared]);
        }
    }

    #[test]
    fn null_switches_off_within_a_whole_alternative_too() {
        let base = json!({"solver": {"gradient_step": {"learning_rate": 0.01}}});
        let changes = json!({"solver": {"newton": {"max_steps": "null", "step": 1}}});
        assert_eq!(merged(base, changes)["solver"], json!({"newton": {"max_steps": null, "step": 1}}));
    }

    fn merged(base: Value, changes: Value) -> Value {
        let (Value::Object(mut base), Value::Object(changes)) = (base, changes) else { panic!("objects") };
        merge(&mut base, &changes);
        Value::Object(base)
    }

    #[test]
    fn nested_settings_are_merged_and_alternatives_replaced() {
        let base = json!({"a": {"x": 1, "y": 2}, "solver": {"gradient_step": {"learning_rate": 0.01}}});
        assert_eq!(merged(base.clone(), json!({"a": {"y": 3}}))["a"], json!({"x": 1, "y": 3}));
        assert_eq!(merged(base.clone(), json!({"solver": "newton"}))["solver"], json!("newton"));
        let other = json!({"solver": {"momentum": {"beta": 0.9}}});
        assert_eq!(merged(base.clone(), other.clone())["solver"], other["solver"]);
        let faster = json!({"solver": {"gradient_step": {"learning_rate": 0.1}}});
        assert_eq!(merged(base.clone(), json!({"a": "null"}))["a"], Value::Null);
        assert_eq!(merged(base, faster.clone())["solver"], faster["solver"]);
    }

    #[test]
    fn paths_overlap_at_dots_alone() {
        assert!(overlap("a.b", "a") && overlap("a", "a.b") && overlap("a", "a"));
        assert!(!overlap("a.b", "a.c") && !overlap("ab", "a"));
        let Value::Object(settings) = json!({"a": {"b": 1, "c": {}}, "d": [1]}) else { panic!("an object") };
        assert_eq!(leaves(&settings), ["a.b", "a.c", "d"]);
    }
}
