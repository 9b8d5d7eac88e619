//! Sums over the labeled columns of Y, which lie scattered in its rows.
//!
//! Rows are taken four at a time and columns in runs that stay in cache: every index is loaded once for four
//! numbers, and four sums run side by side instead of each addition waiting for the last.

/// Rows of Y taken together.
const ROWS: usize = 4;

/// Columns whose logits, indices and rows stay in the first cache.
pub(super) const RUN: usize = 512;

/// `z_j += sum_k v_k y_k,i(j)` for the columns i(j) of `instances` (rows of `n` numbers).
pub(crate) fn add_scores(instances: &[f64], n: usize, v: &[f64], columns: &[usize], z: &mut [f64]) {
    for (z, columns) in z.chunks_mut(RUN).zip(columns.chunks(RUN)) {
        let (blocks, rest) = v.as_chunks::<ROWS>();
        for (v, rows) in blocks.iter().zip(instances.chunks_exact(ROWS * n)) {
            let rows = four(rows, n);
            for (z, &i) in z.iter_mut().zip(columns) {
                *z = (0..ROWS).fold(*z, |z, k| z + v[k] * rows[k][i]);
            }
        }
        // Fewer than four rows are left, which go one by one.
        for (v, row) in rest.iter().zip(instances[blocks.len() * ROWS * n..].chunks_exact(n)) {
            z.iter_mut().zip(columns).for_each(|(z, &i)| *z += v * row[i]);
        }
    }
}

/// `sums_k += sum_j g_j y_k,i(j)` for the columns i(j) of `instances` (rows of `n` numbers).
pub(crate) fn add_weighted(instances: &[f64], n: usize, g: &[f64], columns: &[usize], sums: &mut [f64]) {
    for (g, columns) in g.chunks(RUN).zip(columns.chunks(RUN)) {
        let (blocks, rest) = sums.as_chunks_mut::<ROWS>();
        let done = blocks.len() * ROWS * n;
        for (sums, rows) in blocks.iter_mut().zip(instances.chunks_exact(ROWS * n)) {
            let rows = four(rows, n);
            let mut parts = [0.0; ROWS];
            for (g, &i) in g.iter().zip(columns) {
                for k in 0..ROWS {
                    parts[k] += g * rows[k][i];
                }
            }
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        }
        // Fewer than four rows are left, which go one by one.
        for (sum, row) in rest.iter_mut().zip(instances[done..].chunks_exact(n)) {
            *sum += g.iter().zip(columns).map(|(g, &i)| g * row[i]).sum::<f64>();
        }
    }
}

fn four(rows: &[f64], n: usize) -> [&[f64]; ROWS] {
    std::array::from_fn(|k| &rows[k * n..(k + 1) * n])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_formula_for_any_number_of_rows_and_columns() {
        let n = 1300;
        for d in [1, 3, 4, 9] {
            let y: Vec<f64> = (0..d * n).map(|k| ((k * 37) % 101) as f64 / 101.0 - 0.4).collect();
            for columns in [Vec::new(), vec![1299], (0..n).filter(|i| i % 2 == 0).collect::<Vec<usize>>()] {
                let v: Vec<f64> = (0..d).map(|k| k as f64 - 1.5).collect();
                let mut z = vec![0.25; columns.len()];
                add_scores(&y, n, &v, &columns, &mut z);
                for (z, &i) in z.iter().zip(&columns) {
                    let plain: f64 = (0..d).map(|k| v[k] * y[k * n + i]).sum();
                    assert!((z - 0.25 - plain).abs() < 1e-13, "d {d}");
                }
                let mut sums = vec![1.0; d];
                add_weighted(&y, n, &z, &columns, &mut sums);
                for (k, sum) in sums.iter().enumerate() {
                    let plain: f64 = columns.iter().zip(&z).map(|(&i, z)| z * y[k * n + i]).sum();
                    assert!((sum - 1.0 - plain).abs() < 1e-10, "d {d}");
                }
            }
        }
    }
}
