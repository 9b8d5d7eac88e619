//! The kernel against a plain implementation, and its promises: determinism, errors, odd sizes.

mod common;

use cfe_kernel::{
    DenseCells, KernelError, Side, Workspace, classifier_normal_equations, update_classifiers,
    update_instances, update_instances_and_sum, weighted_squared_error,
};
use common::Problem;

fn cells(p: &Problem) -> DenseCells<'_, f64> {
    DenseCells::new(&p.r, &p.c, p.m, p.n).expect("shape")
}

/// About 40 indices below `n`, the ends included.
fn sample(n: usize) -> Vec<usize> {
    let step = (n / 40).max(1);
    let mut which: Vec<usize> = (0..n).step_by(step).collect();
    which.push(n - 1);
    which
}

/// All functions on one problem. The tolerance allows for the condition numbers of these random cases
/// (entries up to 0.5, lambda 0.1: below 1e4).
fn check(m: usize, n: usize, d: usize, zeros: f64) {
    let p = Problem::random(m, n, d, zeros);
    let (cells, ws, lambda) = (cells(&p), Workspace::new(), 0.1);
    let name = format!("m={m} n={n} d={d} zeros={zeros}");

    let mut y = vec![f64::NAN; d * n];
    update_instances(&ws, &cells, &p.x, d, lambda, &mut y).expect(&name);
    for (i, expected) in common::instances(&p, lambda, &sample(n)) {
        let deviation = common::column_deviation(&y, n, i, &expected);
        assert!(deviation < 1e-10, "{name}: y_{i} off by {deviation:e}");
    }
    assert!(y.iter().all(|v| v.is_finite()), "{name}");

    let mut x = vec![f64::NAN; d * m];
    update_classifiers(&ws, &cells, &p.y, d, lambda, &mut x).expect(&name);
    for (u, expected) in common::classifiers(&p, lambda, &sample(m)) {
        let deviation = common::column_deviation(&x, m, u, &expected);
        assert!(deviation < 1e-10, "{name}: x_{u} off by {deviation:e}");
    }

    let error = weighted_squared_error(&ws, &cells, &p.x, &p.y, d).expect(&name);
    let expected = common::error(&p);
    assert!((error - expected).abs() <= 1e-11 * expected, "{name}: {error} {expected}");
}

#[test]
fn small_shapes_agree_with_the_plain_implementation() {
    for m in [1, 2, 3, 5, 6, 9, 16, 17, 50] {
        for n in [1, 2, 7, 8, 9, 16, 17, 63, 130] {
            for d in [1, 2, 3, 4, 5, 7, 8, 13, 20] {
                check(m, n, d, 0.3);
            }
        }
    }
}

#[test]
fn larger_shapes_agree_with_the_plain_implementation() {
    for (m, n, d) in [
        (50, 3001, 20),
        (10, 2500, 15),
        (16, 700, 40),
        (65, 1300, 6),
        (129, 300, 33),
        (3, 40, 500),
        (2000, 70, 20),
        (70, 33, 66),
    ] {
        check(m, n, d, 0.1);
    }
}

/// The code for CPUs without AVX-512 and without any vector instructions.
#[test]
fn every_instruction_set_agrees() {
    let mut sets = vec![pulp::Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    sets.extend(pulp::x86::V3::try_new().map(pulp::Arch::V3));
    for (m, n, d) in [(11, 300, 7), (4, 77, 9), (70, 600, 20), (400, 70, 60)] {
        let p = Problem::random(m, n, d, 0.2);
        let run = |ws: Workspace<f64>| {
            let cells = cells(&p);
            let (mut x, mut y) = (p.x.clone(), p.y.clone());
            update_instances(&ws, &cells, &p.x, d, 0.1, &mut y).expect("y");
            update_classifiers(&ws, &cells, &y, d, 0.1, &mut x).expect("x");
            let error = weighted_squared_error(&ws, &cells, &x, &y, d).expect("error");
            [x, y, vec![error / p.r.len() as f64]].concat()
        };
        let best = run(Workspace::new());
        for &arch in &sets {
            let other = run(Workspace::with_arch(arch));
            let off = best.iter().zip(&other).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f64::max) < 1e-10, "{arch:?} m={m} n={n} d={d}");
        }
    }
}

#[test]
fn z_formed_on_the_fly_agrees() {
    // m K is above the limit for storing Z (4 MiB): 400 * 5050 * 8 = 16 MB.
    check(400, 150, 100, 0.1);
}

#[test]
fn single_precision_agrees_to_its_rounding() {
    let p = Problem::random(30, 1003, 12, 0.2);
    let r: Vec<f32> = p.r.iter().map(|&v| v as f32).collect();
    let c: Vec<f32> = p.c.iter().map(|&v| v as f32).collect();
    let x: Vec<f32> = p.x.iter().map(|&v| v as f32).collect();
    let cells = DenseCells::new(&r, &c, 30, 1003).expect("shape");
    let ws = Workspace::new();
    let mut y = vec![0.0f32; 12 * 1003];
    update_instances(&ws, &cells, &x, 12, 0.1, &mut y).expect("y");
    let wide: Vec<f64> = y.iter().map(|&v| f64::from(v)).collect();
    for (i, expected) in common::instances(&p, 0.1, &sample(1003)) {
        assert!(common::column_deviation(&wide, 1003, i, &expected) < 2e-4);
    }
    let mut x = x;
    let p = Problem { y: wide, ..p };
    update_classifiers(&ws, &cells, &y, 12, 0.1, &mut x).expect("x");
    let wide: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
    for (u, expected) in common::classifiers(&p, 0.1, &sample(30)) {
        assert!(common::column_deviation(&wide, 30, u, &expected) < 2e-4);
    }
    let p = Problem { x: wide, ..p };
    let error = weighted_squared_error(&ws, &cells, &x, &y, 12).expect("error");
    assert!((error / common::error(&p) - 1.0).abs() < 1e-5);
}

fn bits(v: &[f64]) -> Vec<u64> {
    v.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for (m, n, d) in [(9, 20_011, 5), (4, 9000, 7), (130, 1500, 8), (50, 1, 3)] {
        let p = Problem::random(m, n, d, 0.2);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
            pool.install(|| {
                let (cells, ws) = (cells(&p), Workspace::new());
                let (mut x, mut y) = (p.x.clone(), p.y.clone());
                let (mut errors, mut sums) = (Vec::new(), Vec::new());
                for _ in 0..3 {
                    update_classifiers(&ws, &cells, &y, d, 0.05, &mut x).expect("x");
                    let of_update = update_instances_and_sum(&ws, &cells, &x, d, 0.05, &mut y).expect("y");
                    sums.extend([of_update.squared_error, of_update.squared_norm]);
                    errors.push(weighted_squared_error(&ws, &cells, &x, &y, d).expect("e"));
                }
                let normal = classifier_normal_equations(&ws, &cells, &y, d).expect("ne");
                [x, y, errors, sums, normal.gram, normal.rhs].map(|v| bits(&v))
            })
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert!(run(threads) == one, "m={m} n={n} d={d} threads={threads}");
        }
    }
}

#[test]
fn an_instance_does_not_depend_on_its_neighbors() {
    let p = Problem::random(12, 100, 6, 0.2);
    let ws = Workspace::new();
    let mut all = vec![0.0; 600];
    update_instances(&ws, &cells(&p), &p.x, 6, 0.1, &mut all).expect("all");
    for i in [0, 3, 50, 99] {
        let r: Vec<f64> = p.r.iter().skip(i).step_by(100).copied().collect();
        let c: Vec<f64> = p.c.iter().skip(i).step_by(100).copied().collect();
        let one = DenseCells::new(&r, &c, 12, 1).expect("shape");
        let mut y = vec![0.0; 6];
        update_instances(&ws, &one, &p.x, 6, 0.1, &mut y).expect("one");
        let column: Vec<f64> = all.iter().skip(i).step_by(100).copied().collect();
        assert_eq!(bits(&y), bits(&column));
    }
}

#[test]
fn singular_systems_name_the_lowest_index() {
    let mut p = Problem::random(6, 200, 3, 0.0);
    for i in [77, 150] {
        for u in 0..6 {
            p.c[u * 200 + i] = 0.0;
        }
    }
    for i in 0..200 {
        p.c[4 * 200 + i] = 0.0;
    }
    let ws = Workspace::new();
    let mut y = vec![0.0; 600];
    let failed = update_instances(&ws, &cells(&p), &p.x, 3, 0.0, &mut y);
    let expected = KernelError::NotPositiveDefinite { side: Side::Instances, index: 77 };
    assert_eq!(failed, Err(expected));
    let mut x = vec![0.0; 18];
    let failed = update_classifiers(&ws, &cells(&p), &p.y, 3, 0.0, &mut x);
    let expected = KernelError::NotPositiveDefinite { side: Side::Classifiers, index: 4 };
    assert_eq!(failed, Err(expected));
    // With lambda the same systems give exactly 0.
    update_instances(&ws, &cells(&p), &p.x, 3, 0.1, &mut y).expect("y");
    assert!((0..3).all(|k| y[k * 200 + 77] == 0.0));
    update_classifiers(&ws, &cells(&p), &p.y, 3, 0.1, &mut x).expect("x");
    assert!((0..3).all(|k| x[k * 6 + 4] == 0.0));
}

#[test]
fn what_is_not_finite_is_an_error_in_both_forms() {
    for (d, lambda) in [(3, 0.1), (9, 0.1)] {
        for bad in [f64::NAN, f64::INFINITY] {
            let mut p = Problem::random(6, 50, d, 0.0);
            p.r[2 * 50 + 31] = bad;
            let ws = Workspace::new();
            let mut y = vec![0.0; 50 * d];
            let failed = update_instances(&ws, &cells(&p), &p.x, d, lambda, &mut y);
            let expected = KernelError::NotPositiveDefinite { side: Side::Instances, index: 31 };
            assert_eq!(failed, Err(expected), "d={d} {bad}");
            let mut x = vec![0.0; 6 * d];
            let failed = update_classifiers(&ws, &cells(&p), &p.y, d, lambda, &mut x);
            let expected = KernelError::NotPositiveDefinite { side: Side::Classifiers, index: 2 };
            assert_eq!(failed, Err(expected), "d={d} {bad}");
        }
    }
}

#[test]
fn wrong_shapes_and_lambdas_are_errors() {
    let p = Problem::random(4, 10, 2, 0.0);
    let (cells, ws) = (cells(&p), Workspace::new());
    let (mut x, mut y) = (p.x.clone(), p.y.clone());
    let short = &p.x[..7];
    assert!(update_instances(&ws, &cells, short, 2, 0.1, &mut y).is_err());
    assert!(update_instances(&ws, &cells, &x, 2, 0.1, &mut y[..19]).is_err());
    assert!(update_classifiers(&ws, &cells, &y[..19], 2, 0.1, &mut x).is_err());
    assert!(update_classifiers(&ws, &cells, &y, 2, 0.1, &mut x[..7]).is_err());
    for lambda in [-1.0, f64::NAN, f64::INFINITY] {
        let failed = update_instances(&ws, &cells, &x, 2, lambda, &mut y);
        assert_eq!(failed, Err(KernelError::Lambda));
        let failed = update_classifiers(&ws, &cells, &y, 2, lambda, &mut x);
        assert_eq!(failed, Err(KernelError::Lambda));
    }
    assert!(weighted_squared_error(&ws, &cells, short, &y, 2).is_err());
    let none = DenseCells::<f64>::new(&[], &[], 4, 0).expect("shape");
    assert!(update_instances(&ws, &none, &x, 2, 0.1, &mut []).is_ok());
    assert!(update_classifiers(&ws, &none, &[], 2, 0.1, &mut x).is_ok());
    assert!(x.iter().all(|&v| v == 0.0));
    assert!(DenseCells::new(&p.r, &p.c, 4, 9).is_none());
    // No classifiers: every y_i is 0.
    let none = DenseCells::<f64>::new(&[], &[], 0, 5).expect("shape");
    let mut y = [1.0; 10];
    assert!(update_instances(&ws, &none, &[], 2, 0.1, &mut y).is_ok());
    assert!(y.iter().all(|&v| v == 0.0));
    assert_eq!(weighted_squared_error(&ws, &none, &[], &y, 2), Ok(0.0));
}

#[test]
fn the_sums_of_an_update_are_those_of_its_result() {
    // Primal, dual, more classifiers than a panel, an unused half of a register, Z formed on the fly.
    for (m, n, d) in [(50, 1003, 20), (10, 517, 15), (3, 40, 33), (16, 31, 4), (1, 1, 1), (400, 60, 100)] {
        let p = Problem::random(m, n, d, 0.3);
        let (cells, ws) = (cells(&p), Workspace::new());
        let (mut y, mut same) = (vec![f64::NAN; d * n], vec![f64::NAN; d * n]);
        let sums = update_instances_and_sum(&ws, &cells, &p.x, d, 0.1, &mut y).expect("y");
        update_instances(&ws, &cells, &p.x, d, 0.1, &mut same).expect("y");
        assert_eq!(bits(&y), bits(&same), "m={m} n={n} d={d}");
        let p = Problem { y, ..p };
        let (error, norm) = (common::error(&p), p.y.iter().map(|y| y * y).sum::<f64>());
        assert!((sums.squared_error - error).abs() <= 1e-12 * error, "m={m} n={n} d={d}: {sums:?} {error}");
        assert!((sums.squared_norm - norm).abs() <= 1e-13 * norm, "m={m} n={n} d={d}: {sums:?} {norm}");
    }
}

#[test]
fn unused_lanes_leave_no_trace_in_the_sums() {
    // lambda = 0: the systems of the lanes beyond n are singular.
    let p = Problem::random(9, 21, 3, 0.0);
    let mut y = vec![f64::NAN; 63];
    let sums =
        update_instances_and_sum(&Workspace::new(), &cells(&p), &p.x, 3, 0.0, &mut y).expect("regular");
    let p = Problem { y, ..p };
    assert!((sums.squared_error - common::error(&p)).abs() <= 1e-12 * common::error(&p), "{sums:?}");
}
