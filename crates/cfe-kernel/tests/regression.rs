//! The products of a linear model against sums in index order, and their bits on other instruction sets. A
//! test program of its own, as a pin holds for the whole process.

use cfe_kernel::{InstructionSet, add_exponentials, add_row_products, add_weighted_rows};

const N: usize = 261;
const K: usize = 11;

fn rows() -> Vec<f64> {
    (0..K * N).map(|k| ((k * 37) % 101) as f64 / 101.0 - 0.4).collect()
}

/// Logits, gradient and bumps.
fn products() -> [Vec<f64>; 3] {
    let rows = rows();
    let (mut z, mut g, mut bumps) = (vec![0.25; N], vec![0.5; K], vec![1.0; N]);
    add_weighted_rows(&rows, &[(0, 0.5), (3, -1.25), (4, 2.0), (7, 0.75), (10, 3.0), (1, -0.5)], &mut z);
    add_row_products(&rows, &z, &mut g);
    add_exponentials(&z, -1.5, &mut bumps);
    [z, g, bumps]
}

#[test]
fn they_are_the_sums_in_index_order_to_rounding_and_the_same_bits_everywhere() {
    let rows = rows();
    let found = products();
    let [z, g, bumps] = &found;
    for (i, z) in z.iter().enumerate() {
        let at = |j: usize| rows[j * N + i];
        let expected =
            0.25 + 0.5 * at(0) - 1.25 * at(3) + 2.0 * at(4) + 0.75 * at(7) + 3.0 * at(10) - 0.5 * at(1);
        assert!((z - expected).abs() < 1e-14, "{i}: {z} and {expected}");
    }
    for (j, g) in g.iter().enumerate() {
        let expected = 0.5 + (0..N).map(|i| rows[j * N + i] * z[i]).sum::<f64>();
        assert!((g - expected).abs() < 1e-12, "{j}: {g} and {expected}");
    }
    for (bump, z) in bumps.iter().zip(z) {
        let expected = 1.0 - 1.5 * (-z.max(0.0)).exp();
        assert!((bump - expected).abs() < 1e-15, "{z}: {bump} and {expected}");
    }
    let best = InstructionSet::current();
    for set in [InstructionSet::Scalar, InstructionSet::X86V3] {
        if set.pin().is_ok() {
            assert!(products() == found, "{set}");
        }
    }
    best.pin().expect("the machine has its own");
}

#[test]
fn nothing_is_added_to_nothing() {
    let mut none: [f64; 0] = [];
    add_weighted_rows(&[], &[(0, 1.0)], &mut none);
    add_row_products(&[], &[], &mut none);
    add_exponentials(&[f64::NAN], 1.0, &mut none);
    let mut z = [1.0];
    add_exponentials(&[f64::NAN], 1.0, &mut z);
    assert!(z[0].is_nan());
}
