//! A bare matrix of numbers, such as a confidence that goes with a table.

use ndarray::{Array2, ShapeBuilder};

use crate::npy::{Origin, read_array};
use crate::source::Source;
use crate::table_error::TableResult;

/// Reads an .npy file with two dimensions as it stands, in C or Fortran order.
///
/// # Errors
/// [`TableError`](crate::TableError): not found, damaged, no numbers, not two dimensions.
pub fn read_matrix(source: Source) -> TableResult<Array2<f64>> {
    let opened = source.open()?;
    let (file, length) = (opened.file.clone(), opened.len());
    let origin = Origin { file: &file, array: "matrix" };
    let array = read_array(&mut opened.stream(), length, origin)?;
    let &[rows, columns] = array.header.shape.as_slice() else {
        return Err(origin.damaged(format!("{} dimensions; 2 are needed", array.header.shape.len())));
    };
    let shape = (rows, columns).set_f(array.header.fortran);
    let numbers = array.into_numbers().map_err(|_| origin.wrong_type("strings", "numbers"))?;
    Array2::from_shape_vec(shape, numbers).map_err(|error| origin.damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_no_array_is_refused() {
        assert!(read_matrix(Source::bytes("c.npy", b"a,b\n1,2\n".to_vec())).is_err());
        assert!(read_matrix(Source::new("/there/is/none.npy")).is_err());
    }
}
