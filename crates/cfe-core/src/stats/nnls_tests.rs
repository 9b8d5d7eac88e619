use ndarray::Array2;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::*;

fn problem(rows: usize, k: usize, seed: u64) -> (Array2<f64>, Vec<f64>) {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let a = Array2::from_shape_fn((rows, k), |_| rng.random::<f64>() - 0.3);
    let b = ndarray::Array1::from_shape_fn(rows, |_| rng.random::<f64>() - 0.3);
    (a.t().dot(&a), a.t().dot(&b).to_vec())
}

/// Every passive set tried: the minimum of a small problem beyond doubt.
fn by_enumeration(gram: &Array2<f64>, rhs: &[f64]) -> f64 {
    let k = rhs.len();
    let mut best = 0.0f64;
    for set in 1..1usize << k {
        let index: Vec<usize> = (0..k).filter(|j| set >> j & 1 == 1).collect();
        let g = nalgebra::DMatrix::from_fn(index.len(), index.len(), |a, b| gram[(index[a], index[b])]);
        let c = nalgebra::DVector::from_fn(index.len(), |a, _| rhs[index[a]]);
        let Some(cholesky) = g.cholesky() else { continue };
        let x = cholesky.solve(&c);
        if x.iter().all(|&v| v >= 0.0) {
            best = best.min(-0.5 * x.dot(&c));
        }
    }
    best
}

proptest! {
    #[test]
    fn is_optimal(seed in 0u64..10_000, k in 1usize..7, extra in 0usize..20) {
        let (gram, rhs) = problem(k + extra, k, seed);
        let solution = nnls(gram.view(), &rhs).expect("valid");
        prop_assert!(solution.converged);
        prop_assert!(solution.kkt_residual < 1e-9, "{:?}", solution);
        prop_assert!(solution.x.iter().all(|&v| v >= 0.0));
        let x = ndarray::Array1::from(solution.x);
        let value = 0.5 * x.dot(&gram.dot(&x)) - x.dot(&ndarray::ArrayView1::from(&rhs));
        prop_assert!((value - by_enumeration(&gram, &rhs)).abs() < 1e-9);
    }
}

#[test]
fn large_and_singular_problems_end() {
    let (gram, rhs) = problem(100, 160, 1);
    let solution = nnls(gram.view(), &rhs).expect("valid");
    assert!(solution.converged && solution.kkt_residual < 1e-8, "{}", solution.kkt_residual);
    // Twins: one of them stays out.
    let solution = nnls(Array2::from_elem((2, 2), 4.0).view(), &[4.0, 4.0]).expect("valid");
    assert_eq!(solution.x, [1.0, 0.0]);
    assert_eq!(nnls(Array2::zeros((0, 0)).view(), &[]).expect("valid").x, Vec::<f64>::new());
}

#[test]
fn refuses_bad_input() {
    assert!(nnls(Array2::zeros((2, 3)).view(), &[0.0; 2]).is_err());
    assert!(nnls(Array2::zeros((2, 2)).view(), &[0.0; 3]).is_err());
    assert!(nnls(Array2::from_elem((1, 1), f64::NAN).view(), &[0.0]).is_err());
}
