//! Settings laid over settings.

use serde_json::{Map, Value};

use super::grid::Settings;

/// Lays `changes` over `base`, nested settings key by key.
///
/// A setting with alternatives is an object with the name of the chosen one as its only key; another
/// alternative takes its place whole: `{newton}` over `{gradient_step: {...}}` is `{newton}`. The text "null"
/// switches an optional setting off, as TOML has no null of its own.
pub(super) fn merge(base: &mut Settings, changes: &Settings) {
    for (key, change) in changes {
        match (base.get_mut(key), change) {
            (Some(Value::Object(old)), Value::Object(new)) if !is_other_alternative(old, new) => {
                merge(old, new)
            }
            (_, Value::String(text)) if text == "null" => {
                base.insert(key.clone(), Value::Null);
            }
            _ => {
                base.insert(key.clone(), change.clone());
            }
        }
    }
}

/// Both have one key, and not the same.
fn is_other_alternative(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
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
    use serde_json::json;

    use super::*;

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
