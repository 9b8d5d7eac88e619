//! What can go wrong in libtorch, wrapped into the core's error.

use cfe_core::Error;

/// Failures of this backend beyond those of every trainer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// The data need more memory than there is.
    #[error(
        "training needs about {:.2} GiB on the device and {:.2} GiB are available; \
         use the cpu, f32, a smaller latent_dim, or fewer instances",
        gibibytes(*needed),
        gibibytes(*available)
    )]
    TooLarge {
        /// Bytes needed, as estimated.
        needed: u64,
        /// Bytes free, or the limit that was set.
        available: u64,
    },
}

fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / (1u64 << 30) as f64
}

/// Wraps an error of libtorch or of this crate.
pub(crate) fn backend(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Backend { backend: "torch", source: Box::new(error) }
}
