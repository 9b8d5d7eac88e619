//! A matrix that grows by columns while a table is read.

use ndarray::Array2;
use rayon::prelude::*;

/// 2 GiB; more room is made once more is there.
const MOST_GUESSED: usize = 1 << 28;

/// m rows of equal length in one buffer, each with room to grow: the room costs address space but no memory
/// until it is written to, and the matrix is never there twice unless the room was guessed too small.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    values: Vec<f64>,
    m: usize,
    n: usize,
    /// Room of each row.
    capacity: usize,
}

impl Growing {
    /// `expected` columns are a guess, which is believed up to [`MOST_GUESSED`] cells.
    pub(crate) fn new(m: usize, expected: usize) -> Self {
        Self::with_capacity(m, expected.min(MOST_GUESSED / m.max(1)).max(1))
    }

    fn with_capacity(m: usize, capacity: usize) -> Self {
        // Zeroed memory comes from the system untouched.
        Self { values: vec![0.0; m * capacity], m, n: 0, capacity }
    }

    /// Columns so far.
    pub(crate) fn len(&self) -> usize {
        self.n
    }

    fn reserve(&mut self, rows: usize) {
        let needed = self.n + rows;
        if needed <= self.capacity {
            return;
        }
        let mut larger = Self::with_capacity(self.m, needed.max(self.capacity + self.capacity / 2));
        for (to, from) in larger.values.chunks_mut(larger.capacity).zip(self.values.chunks(self.capacity)) {
            to[..self.n].copy_from_slice(&from[..self.n]);
        }
        larger.n = self.n;
        *self = larger;
    }

    /// Adds the columns that lie one after the other in `cells` (m each).
    pub(crate) fn append(&mut self, cells: &[f64]) {
        let (m, n) = (self.m.max(1), self.n);
        let rows = cells.len() / m;
        self.reserve(rows);
        self.values.par_chunks_mut(self.capacity).enumerate().for_each(|(u, row)| {
            let from = cells.iter().skip(u).step_by(m);
            row[n..n + rows].iter_mut().zip(from).for_each(|(to, &v)| *to = v);
        });
        self.n += rows;
    }

    /// The matrix (m x n).
    pub(crate) fn finish(mut self) -> Array2<f64> {
        // In place: each row moves up to the end of the row before it, over room that was not used.
        for u in 1..self.m {
            let start = u * self.capacity;
            self.values.copy_within(start..start + self.n, u * self.n);
        }
        self.values.truncate(self.m * self.n);
        self.values.shrink_to_fit();
        let shape = (self.m, self.n);
        Array2::from_shape_vec(shape, self.values).expect("m rows of n values each were kept")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_whatever_was_expected() {
        let cells: Vec<f64> = (0..3 * 1000).map(f64::from).collect();
        for expected in [0, 1, 10, 999, 1000, 1001, 5000] {
            let mut matrix = Growing::new(3, expected);
            cells.chunks(3 * 7).for_each(|part| matrix.append(part));
            assert_eq!(matrix.len(), 1000);
            let matrix = matrix.finish();
            assert_eq!(matrix.dim(), (3, 1000));
            assert!(matrix.indexed_iter().all(|((u, i), &v)| v == (3 * i + u) as f64), "{expected}");
        }
    }
}
