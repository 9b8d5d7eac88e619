//! Options as fields by name, from one struct to another.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The fields of a struct that are given; those that are left out are `null`, which says nothing.
pub(crate) fn object(fields: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(fields) {
        Ok(Value::Object(map)) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => {
            unreachable!("options are structs with named fields, so they serialize to an object: {other:?}")
        }
    }
}

/// The options with these fields, which were checked when they were parsed.
pub(crate) fn parsed<T: DeserializeOwned>(fields: Map<String, Value>) -> T {
    serde_json::from_value(Value::Object(fields))
        .expect("the options of the command line have the names and types of the library's options")
}
