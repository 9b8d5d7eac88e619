//! Exponentials and logarithms against those of the standard library.

use cfe_kernel::exp_and_log1p;

fn both(s: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut e, mut l) = (vec![f64::NAN; s.len()], vec![f64::NAN; s.len()]);
    exp_and_log1p(s, &mut e, &mut l);
    (e, l)
}

#[test]
fn they_are_those_of_the_standard_library_to_rounding() {
    let s: Vec<f64> = (-200_000..200_000)
        .map(|k| f64::from(k) * 3.54e-3)
        .chain((0..600).map(|k| 10f64.powf(-f64::from(k) / 20.0)))
        .collect();
    let (e, l) = both(&s);
    for ((&s, e), l) in s.iter().zip(e).zip(l) {
        let exact = (-s.abs()).exp();
        assert!((e - exact).abs() <= 9e-16 * exact, "exp(-|{s}|) = {exact:e}, not {e:e}");
        assert!((l - exact.ln_1p()).abs() <= 9e-16 * exact.ln_1p(), "at {s}: {l:e}");
    }
}

#[test]
fn the_edges_are_defined() {
    let (e, l) = both(&[0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1e300, f64::NAN, 708.0, 709.0]);
    assert_eq!((e[0], e[1]), (1.0, 1.0));
    assert!((l[0] - 2f64.ln()).abs() < 3e-16);
    for k in [2, 3, 4, 7] {
        assert!(e[k] > 0.0 && e[k] < 4e-308 && l[k] == e[k], "{k}");
    }
    assert!(e[5].is_nan() && l[5].is_nan());
    assert!((e[6] / (-708f64).exp() - 1.0).abs() < 1e-15);
}

#[test]
fn a_number_does_not_depend_on_its_place() {
    let s: Vec<f64> = (0..67).map(|k| f64::from(k) * 0.37 - 11.0).collect();
    let whole = both(&s);
    for (k, &one) in s.iter().enumerate() {
        let (e, l) = both(&[one]);
        assert_eq!((e[0].to_bits(), l[0].to_bits()), (whole.0[k].to_bits(), whole.1[k].to_bits()));
    }
}
