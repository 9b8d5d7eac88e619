//! X and Y, and the points training starts from.

use ndarray::{Array2, ArrayView2};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Side, check_length, ensure};
use crate::memory::check_matrix;
use crate::ridge::Scalar;

/// The two halves of the factorization R ~ X^T Y.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Factors {
    /// X, d x m: column u describes classifier u.
    pub classifiers: Array2<f64>,
    /// Y, d x n: column i describes instance i.
    pub instances: Array2<f64>,
}

/// Standard deviation of random start factors, as published.
pub const START_SCALE: f64 = 0.01;

/// One side of [`Factors::random`], latent_dim x columns, in either number format.
///
/// # Errors
/// [`Error::NotEnoughMemory`].
pub fn random_side<T: Scalar>(
    latent_dim: usize,
    columns: usize,
    scale: f64,
    seed: u64,
    side: Side,
) -> Result<Array2<T>> {
    check_matrix("a matrix of factors", latent_dim, columns)?;
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    // A stream of its own for each side: another number of instances leaves X as it is.
    rng.set_stream(match side {
        Side::Classifier => 0,
        Side::Instance => 1,
    });
    // Drawn in f64 and then rounded, so that both number formats start at the same point.
    Ok(Array2::from_shape_fn((latent_dim, columns), |_| {
        let z: f64 = StandardNormal.sample(&mut rng);
        T::from_f64(scale * z)
    }))
}

impl Factors {
    /// Draws independent normal entries of standard deviation `scale`, reproducibly: ChaCha12, stream 0 for X
    /// and stream 1 for Y, so that neither depends on the size of the other.
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`].
    pub fn random(latent_dim: usize, m: usize, n: usize, scale: f64, seed: u64) -> Result<Self> {
        Ok(Self {
            classifiers: random_side(latent_dim, m, scale, seed, Side::Classifier)?,
            instances: random_side(latent_dim, n, scale, seed, Side::Instance)?,
        })
    }

    /// d.
    pub fn latent_dim(&self) -> usize {
        self.classifiers.nrows()
    }

    /// X^T Y, m x n. Costs 2 m n d flops and 8 m n bytes; prediction does not need it.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if X and Y have another number of latent dimensions,
    /// [`Error::NotEnoughMemory`].
    pub fn reconstruct(&self) -> Result<Array2<f64>> {
        let n = self.instances.ncols();
        check_shape("Y", self.instances.view(), (self.latent_dim(), n))?;
        check_matrix("the reconstruction", self.classifiers.ncols(), n)?;
        Ok(self.classifiers.t().dot(&self.instances))
    }

    /// X w (d): one dot product with y_i then gives w . r_hat_i.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there is not one weight for each classifier.
    pub fn combine_classifiers(&self, weights: &[f64]) -> Result<Vec<f64>> {
        check_length("aggregator weights", weights.len(), self.classifiers.ncols())?;
        Ok(combine(self.classifiers.view(), weights))
    }

    /// The same numbers laid out row by row, as the kernels need them; transposing and selecting lay them out
    /// otherwise.
    #[must_use]
    pub fn into_row_major(self) -> Self {
        let lay_out = |matrix: Array2<f64>| match matrix.is_standard_layout() {
            true => matrix,
            false => matrix.as_standard_layout().into_owned(),
        };
        Self { classifiers: lay_out(self.classifiers), instances: lay_out(self.instances) }
    }

    /// Shapes d x m and d x n, d >= 1, every entry finite.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], [`Error::InvalidParameter`].
    pub fn validate(&self, m: usize, n: usize) -> Result<()> {
        let d = self.latent_dim();
        ensure(d >= 1, "latent_dim", d, "at least 1 is needed")?;
        check_shape("X", self.classifiers.view(), (d, m))?;
        check_shape("Y", self.instances.view(), (d, n))?;
        for (name, matrix) in [("X", &self.classifiers), ("Y", &self.instances)] {
            if let Some(&value) = matrix.iter().find(|v| !v.is_finite()) {
                return Err(Error::parameter(name, value, "factors are finite"));
            }
        }
        Ok(())
    }
}

/// X w (d) for a w that was checked.
pub(crate) fn combine(classifiers: ArrayView2<'_, f64>, weights: &[f64]) -> Vec<f64> {
    classifiers.rows().into_iter().map(|row| row.iter().zip(weights).map(|(x, w)| x * w).sum()).collect()
}

fn check_shape(what: &'static str, matrix: ArrayView2<'_, f64>, expected: (usize, usize)) -> Result<()> {
    if matrix.dim() == expected {
        Ok(())
    } else {
        Err(Error::ShapeMismatch { what, found: matrix.dim(), expected })
    }
}

/// Logits z_i = v . y_i + b of the instances in the columns of `instances` (d x n), v = X w.
pub(crate) fn logits(v: &[f64], bias: f64, instances: ArrayView2<'_, f64>) -> Vec<f64> {
    // Row by row, since Y lies row-major: the inner loop runs over neighbors in memory.
    let mut z = vec![bias; instances.ncols()];
    for (k, row) in instances.rows().into_iter().enumerate() {
        z.iter_mut().zip(row).for_each(|(z, &y)| *z += v[k] * y);
    }
    z
}

/// r_hat of one instance with factor `y` (d), into `out` (m).
pub(crate) fn reconstruct_instance(classifiers: ArrayView2<'_, f64>, y: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    for (k, row) in classifiers.rows().into_iter().enumerate() {
        out.iter_mut().zip(row).for_each(|(r, &x)| *r += x * y[k]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_have_streams_of_their_own() {
        let small = Factors::random(3, 4, 5, 1.0, 7).expect("in range");
        let wide = Factors::random(3, 4, 50, 1.0, 7).expect("in range");
        assert_eq!(small.classifiers, wide.classifiers);
        assert_ne!(Factors::random(3, 4, 5, 1.0, 8).expect("in range"), small);
        assert_eq!(Factors::random(3, 4, 5, 1.0, 7).expect("in range"), small);
    }

    #[test]
    fn logits_agree_with_the_reconstruction() {
        let factors = Factors::random(3, 4, 5, 1.0, 1).expect("in range");
        let w = [0.3, -0.2, 0.5, 0.1];
        let z = logits(&combine(factors.classifiers.view(), &w), 0.25, factors.instances.view());
        let r_hat = factors.reconstruct().expect("equal latent dimensions");
        for (i, z) in z.iter().enumerate() {
            let column: Vec<f64> = r_hat.column(i).to_vec();
            assert!((z - (crate::stats::moments::dot(&w, &column) + 0.25)).abs() < 1e-14);
            let mut out = [0.0; 4];
            reconstruct_instance(factors.classifiers.view(), &factors.instances.column(i).to_vec(), &mut out);
            assert!(out.iter().zip(&column).all(|(a, b)| (a - b).abs() < 1e-15));
        }
    }

    #[test]
    fn wrong_shapes_and_nan_are_refused() {
        let factors = Factors::random(3, 4, 5, 1.0, 1).expect("in range");
        assert!(factors.validate(4, 5).is_ok());
        assert!(factors.validate(5, 5).is_err());
        assert!(factors.validate(4, 6).is_err());
        let mut broken = factors;
        broken.instances[(0, 0)] = f64::NAN;
        assert!(broken.validate(4, 5).is_err());
        assert!(broken.combine_classifiers(&[1.0; 3]).is_err(), "one weight for each classifier");
        let unequal = Factors { instances: Array2::zeros((2, 5)), ..broken };
        assert!(unequal.reconstruct().is_err());
        for (latent_dim, m) in [(usize::MAX, 2), (1 << 30, 1 << 30)] {
            assert!(matches!(Factors::random(latent_dim, m, 2, 1.0, 1), Err(Error::NotEnoughMemory { .. })));
        }
    }
}
