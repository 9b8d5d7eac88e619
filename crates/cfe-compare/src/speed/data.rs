//! Arrays to measure speed on.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use cf_ensemble::losses::sigmoid;
use cf_ensemble::ridge::Cells as _;
use cf_ensemble::{Confidence, EnsembleData};
use ndarray::Array2;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution as _, StandardNormal};

use crate::error::Error;

/// What is drawn: logit r_ui = q_u (2 y_i - 1) + 1.3 e_ui + 0.7 f_i - 0.8 with q_u uniform in 0.6 to 2.2 and
/// normal e, f.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct SpeedData {
    /// Folder for R.npy (m x n), labels.npy (n, NaN unlabeled) and C.npy (m x n, certainty blended with the
    /// labels).
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// m.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub classifiers: u32,
    /// n.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub instances: u32,
    /// Leave C.npy out.
    #[arg(long)]
    pub no_confidence: bool,
    /// Seed.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
}

/// Writes the arrays, row by row.
///
/// # Errors
/// A folder or file that cannot be written.
pub fn write_data(options: &SpeedData) -> Result<(), Error> {
    let (m, n) = (options.classifiers as usize, options.instances as usize);
    std::fs::create_dir_all(&options.folder).map_err(unwritable(&options.folder))?;
    // Two streams: the errors stay the same ones when labels or qualities are drawn otherwise.
    let mut rng = ChaCha12Rng::seed_from_u64(options.seed);
    let mut normal = ChaCha12Rng::seed_from_u64(options.seed);
    normal.set_stream(1);
    let mut normal = move || -> f64 { StandardNormal.sample(&mut normal) };
    let truth: Vec<bool> = (0..n).map(|_| rng.random_bool(0.1)).collect();
    let labels: Vec<f64> =
        truth.iter().map(|&y| if rng.random_bool(0.5) { f64::from(u8::from(y)) } else { f64::NAN }).collect();
    let shared: Vec<f64> = (0..n).map(|_| 0.7 * normal()).collect();

    let array = |name: &str, shape: &str| Npy::create(&options.folder.join(name), shape);
    array("labels.npy", &format!("({n},)"))?.row(&labels)?.finish()?;
    let shape = format!("({m}, {n})");
    let mut ratings = array("R.npy", &shape)?;
    let mut confidences = if options.no_confidence { None } else { Some(array("C.npy", &shape)?) };
    for _ in 0..m {
        let quality = rng.random_range(0.6..2.2);
        let row: Vec<f64> = truth
            .iter()
            .zip(&shared)
            .map(|(&y, shared)| sigmoid(if y { quality } else { -quality } + 1.3 * normal() + shared - 0.8))
            .collect();
        ratings = ratings.row(&row)?;
        // A row at a time, so that the arrays never lie in memory as a whole.
        if let Some(file) = confidences.take() {
            confidences = Some(file.row(&blended(row, &labels)?)?);
        }
    }
    ratings.finish()?;
    confidences.map_or(Ok(()), Npy::finish)
}

/// The confidence of one row of R.
fn blended(row: Vec<f64>, labels: &[f64]) -> Result<Vec<f64>, Error> {
    let n = row.len();
    let labels = labels.iter().map(|&y| (!y.is_nan()).then_some(y > 0.5)).collect();
    let confidence = || {
        let data = EnsembleData::new(Array2::from_shape_fn((1, n), |(_, i)| row[i]), labels)?;
        let fitted = Confidence::label_blended(1.0).fit(&data)?;
        let (mut r, mut c) = (vec![0.0; n], vec![0.0; n]);
        fitted.on_training(&data).fill(0, 0, &mut r, &mut c);
        Ok(c)
    };
    confidence().map_err(Error::Measurement)
}

fn unwritable(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Unwritable { path, source }
}

/// A file in NumPy's format, version 1, little-endian f64 in C order.
struct Npy {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Npy {
    fn create(path: &Path, shape: &str) -> Result<Self, Error> {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
        // Before the header stand 10 bytes: the magic word, the version and the length.
        // The whole head is a multiple of 64 bytes and ends with a line break.
        let length = (header.len() + 11).next_multiple_of(64) - 10;
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(unwritable(path))?);
        let head = format!("{header:<width$}\n", width = length - 1);
        let bytes = [b"\x93NUMPY\x01\x00".as_slice(), &(length as u16).to_le_bytes(), head.as_bytes()];
        bytes.iter().try_for_each(|part| file.write_all(part)).map_err(unwritable(path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    fn row(mut self, values: &[f64]) -> Result<Self, Error> {
        let written = values.iter().try_for_each(|value| self.file.write_all(&value.to_le_bytes()));
        written.map_err(unwritable(&self.path))?;
        Ok(self)
    }

    fn finish(mut self) -> Result<(), Error> {
        self.file.flush().map_err(unwritable(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use cf_ensemble::confidence::ConfidenceRule;
    use cf_ensemble::io::{Source, TableOptions, read_matrix, read_table};
    use cf_ensemble::ridge::Cells;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_c_is_that_of_the_formula() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = SpeedData {
            folder: folder.path().to_owned(),
            classifiers: 3,
            instances: 50,
            no_confidence: false,
            seed: 1,
        };
        write_data(&options).expect("written");
        let table = read_table(Source::new(folder.path().join("R.npy")), &TableOptions::default());
        let data = table.expect("a table").data;
        assert_eq!((data.n_classifiers(), data.n_instances()), (3, 50));
        assert!(data.labeled().len() > 10 && data.labeled().len() < 40);
        let stored = read_matrix(Source::new(folder.path().join("C.npy"))).expect("a matrix");
        let fitted = Confidence::label_blended(1.0).fit(&data).expect("valid");
        let rule: ConfidenceRule<'_> = fitted.on_training(&data);
        let (mut r, mut c) = (vec![0.0; 50], vec![0.0; 50]);
        for u in 0..3 {
            rule.fill(u, 0, &mut r, &mut c);
            for (i, c) in c.iter().enumerate() {
                assert!((c - stored[(u, i)]).abs() < 1e-12, "{u}, {i}: {c} and {}", stored[(u, i)]);
            }
        }
    }
}
