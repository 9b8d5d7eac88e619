//! Arrays of numbers out of a JSON document into tensors, and back: bit by bit, and readable without this
//! crate.

use std::collections::BTreeMap;

use ndarray::{Array1, ArrayD};
use serde_json::{Map, Value, json};

/// Key of the object that stands where an array was.
const TENSOR: &str = "tensor";
/// Present, and true, where the array was a matrix in the form that ndarray writes.
const MATRIX: &str = "matrix";

/// Moves every list of floats and every matrix of `value` into `tensors`, named by its path.
pub(super) fn lift(value: &mut Value, path: &str, tensors: &mut Vec<(String, ArrayD<f64>)>) {
    // A matrix is asked for first: its list of numbers would else be lifted as a vector, and its shape stay
    // behind.
    if let Some(matrix) = matrix(value) {
        tensors.push((path.to_owned(), matrix));
        *value = json!({ TENSOR: path, MATRIX: true });
    } else if let Some(list) = floats(value) {
        tensors.push((path.to_owned(), Array1::from(list).into_dyn()));
        *value = json!({ TENSOR: path });
    } else {
        let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(key, v)| lift(v, &join(key), tensors)),
            Value::Array(list) => {
                list.iter_mut().enumerate().for_each(|(i, v)| lift(v, &join(&i.to_string()), tensors));
            }
            _ => {}
        }
    }
}

/// Puts the tensors back, each in the one place that it came from.
pub(super) fn restore(value: &mut Value, tensors: &BTreeMap<String, ArrayD<f64>>) -> Result<(), String> {
    put_back(value, &mut tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect())
}

/// `left` loses what is used: named a million times, a tensor would take a million times its memory.
fn put_back(value: &mut Value, left: &mut BTreeMap<&str, &ArrayD<f64>>) -> Result<(), String> {
    if let Some(name) = value.get(TENSOR).and_then(Value::as_str) {
        let gone = || format!("there is no tensor {name:?}, or it is named twice");
        let tensor = left.remove(name).ok_or_else(gone)?;
        let data = Value::from(tensor.iter().copied().collect::<Vec<f64>>());
        *value = match value.get(MATRIX) {
            Some(_) => json!({ "v": 1, "dim": tensor.shape(), "data": data }),
            None => data,
        };
        return Ok(());
    }
    match value {
        Value::Object(map) => map.values_mut().try_for_each(|v| put_back(v, left)),
        Value::Array(list) => list.iter_mut().try_for_each(|v| put_back(v, left)),
        _ => Ok(()),
    }
}

/// Numbers written with a decimal point; integers stay what they are.
fn floats(value: &Value) -> Option<Vec<f64>> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    list.iter().map(|v| v.as_number().filter(|n| n.is_f64()).and_then(|n| n.as_f64())).collect()
}

fn matrix(value: &Value) -> Option<ArrayD<f64>> {
    let object: &Map<String, Value> = value.as_object().filter(|o| o.len() == 3 && o.contains_key("v"))?;
    let dim = object.get("dim")?.as_array()?;
    let shape: Vec<usize> =
        dim.iter().map(|k| k.as_u64().and_then(|k| usize::try_from(k).ok())).collect::<Option<_>>()?;
    let data: Vec<f64> = object.get("data")?.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    ArrayD::from_shape_vec(shape, data).ok()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_document_survives_the_way_there_and_back() {
        let matrix = array![[1.0, 0.1], [1.0 / 3.0, -5e-324]];
        let original = json!({
            "names": ["a", "b"], "counts": [1, 2], "none": null, "empty": [],
            "w": [0.1, 1.0, -1e300], "deep": [{ "x": [2.5] }, { "m": matrix }],
        });
        let mut document = original.clone();
        let mut tensors = Vec::new();
        lift(&mut document, "", &mut tensors);
        let names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["deep.0.x", "deep.1.m", "w"]);
        assert_eq!(tensors[1].1.shape(), [2, 2]);
        let tensors = tensors.into_iter().collect();
        restore(&mut document, &tensors).unwrap();
        assert_eq!(document, original);
        for mut broken in [json!({ "tensor": "gone" }), json!([{ "tensor": "w" }, { "tensor": "w" }])] {
            assert!(restore(&mut broken, &tensors).unwrap_err().starts_with("there is no tensor"));
        }
    }
}
