//! The two forms of an instance's system, permutations, and numbers at the edge of f64.

mod common;

use cfe_kernel::{DenseCells, Workspace, update_classifiers, update_instances};
use cfe_testing::cases;
use common::{Problem, Rng};
use proptest::prelude::*;

fn instances(p: &Problem, x: &[f64], m: usize, r: &[f64], c: &[f64], lambda: f64) -> Vec<f64> {
    let mut y = vec![f64::NAN; p.d * p.n];
    let cells = DenseCells::new(r, c, m, p.n).expect("shape");
    update_instances(&Workspace::new(), &cells, x, p.d, lambda, &mut y).expect("lambda above 0");
    y
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / (1.0 + a.abs())).fold(0.0, f64::max)
}

/// Columns `order` of a row-major matrix.
fn columns(a: &[f64], width: usize, order: &[usize]) -> Vec<f64> {
    a.chunks_exact(width).flat_map(|row| order.iter().map(|&k| row[k])).collect()
}

fn reversed(len: usize, by: usize) -> Vec<usize> {
    (0..len).map(|k| (len - 1 - k + by) % len).collect()
}

proptest! {
    #![proptest_config(cases(48))]

    /// Fewer classifiers than dimensions are solved as m x m systems. Classifiers that nobody trusts make
    /// them d x d ones, and change nothing.
    #[test]
    fn dual_and_primal_solve_agree(m in 1usize..9, more in 1usize..8, n in 1usize..70, log_lambda in -3.0..3.0) {
        let d = m + more;
        let p = Problem::random(m, n, d, 0.2);
        let lambda = 10f64.powf(log_lambda);
        let dual = instances(&p, &p.x, m, &p.r, &p.c, lambda);
        let wide = d + 3;
        let mut rng = Rng(7);
        let x: Vec<f64> = p.x.chunks_exact(m).flat_map(|row| [row.to_vec(), rng.vec(wide - m)].concat()).collect();
        let r = [p.r.clone(), rng.vec((wide - m) * n)].concat();
        let c = [p.c.clone(), vec![0.0; (wide - m) * n]].concat();
        let primal = instances(&p, &x, wide, &r, &c, lambda);
        let difference = largest_difference(&dual, &primal);
        prop_assert!(difference < 1e-9, "m {m} d {d} lambda {lambda}: {difference:e}");
    }

    #[test]
    fn permutations_permute(m in 1usize..8, n in 1usize..90, d in 1usize..7, by in 0usize..90) {
        let p = Problem::random(m, n, d, 0.2);
        let (rows, order) = (reversed(m, by), reversed(n, by));
        let permuted = |a: &[f64]| -> Vec<f64> {
            let a = columns(a, n, &order);
            rows.iter().flat_map(|&u| a[u * n..(u + 1) * n].to_vec()).collect()
        };
        let (r, c) = (permuted(&p.r), permuted(&p.c));
        let plain = instances(&p, &p.x, m, &p.r, &p.c, 0.1);
        let moved = instances(&p, &columns(&p.x, m, &rows), m, &r, &c, 0.1);
        prop_assert!(largest_difference(&columns(&plain, n, &order), &moved) < 1e-10);

        let of = |r: &[f64], c: &[f64], y: &[f64]| {
            let mut x = vec![f64::NAN; d * m];
            let cells = DenseCells::new(r, c, m, n).expect("shape");
            update_classifiers(&Workspace::new(), &cells, y, d, 0.1, &mut x).expect("lambda above 0");
            x
        };
        let (plain, moved) = (of(&p.r, &p.c, &p.y), of(&r, &c, &columns(&p.y, n, &order)));
        prop_assert!(largest_difference(&columns(&plain, m, &rows), &moved) < 1e-10);
    }

    /// A result is finite or an error, whatever the magnitude of the numbers.
    #[test]
    fn extreme_numbers_give_a_finite_result_or_an_error(
        m in 1usize..6, n in 1usize..20, d in 1usize..8,
        lambda in prop::sample::select(vec![0.0, 5e-324, 1e-300, 1e-12, 1.0, 1e12, 1e300]),
        scale in prop::sample::select(vec![0.0, 5e-324, 1e-160, 1e-10, 1.0, 1e10, 1e160, 1e300]),
        weight in prop::sample::select(vec![0.0, 5e-324, 1e-160, 1.0, 1e160, 1e300]),
    ) {
        let mut p = Problem::random(m, n, d, 0.2);
        p.c.iter_mut().for_each(|c| *c *= weight);
        p.x.iter_mut().chain(&mut p.y).for_each(|v| *v *= scale);
        let cells = DenseCells::new(&p.r, &p.c, m, n).expect("shape");
        let ws = Workspace::new();
        let mut y = vec![f64::NAN; d * n];
        if update_instances(&ws, &cells, &p.x, d, lambda, &mut y).is_ok() {
            prop_assert!(y.iter().all(|v| v.is_finite()), "instances: lambda {lambda:e} scale {scale:e} weight {weight:e}");
        }
        let mut x = vec![f64::NAN; d * m];
        if update_classifiers(&ws, &cells, &p.y, d, lambda, &mut x).is_ok() {
            prop_assert!(x.iter().all(|v| v.is_finite()), "classifiers: lambda {lambda:e} scale {scale:e} weight {weight:e}");
        }
    }
}

#[test]
fn five_hundred_dimensions_agree_with_the_plain_implementation() {
    let p = Problem::random(3, 4, 500, 0.0);
    let y = instances(&p, &p.x, 3, &p.r, &p.c, 0.1);
    for (i, expected) in common::instances(&p, 0.1, &[0, 3]) {
        assert!(common::column_deviation(&y, p.n, i, &expected) < 1e-9);
    }
    let cells = DenseCells::new(&p.r, &p.c, 3, 4).expect("shape");
    let mut x = vec![f64::NAN; 1500];
    update_classifiers(&Workspace::new(), &cells, &p.y, 500, 0.1, &mut x).expect("lambda above 0");
    for (u, expected) in common::classifiers(&p, 0.1, &[0, 2]) {
        assert!(common::column_deviation(&x, p.m, u, &expected) < 1e-9);
    }
}
