//! Whether and where a fit keeps its progress.

use std::path::{Path, PathBuf};

use super::options::FitOptions;
use crate::error::{CheckpointError, FitError, FitResult};
use crate::methods::Method;

/// Iterations between two writes unless said otherwise.
const EVERY: usize = 10;

/// Where a checkpoint is to be kept.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub path: PathBuf,
    pub every: usize,
}

impl Request {
    /// What the options ask for, checked before any work; `None` for no checkpoint.
    pub(super) fn of(options: &FitOptions, trainer: Method) -> FitResult<Option<Self>> {
        let FitOptions { checkpoint, checkpoint_every, resume, .. } = options;
        let Some(path) = checkpoint else {
            return match (checkpoint_every, resume) {
                (None, false) => Ok(None),
                (Some(_), _) => Err(FitError::options(
                    "--checkpoint-every needs a checkpoint to write; name one with --checkpoint FILE",
                )),
                (None, true) => Err(FitError::options(
                    "--resume needs a checkpoint to read; name one with --checkpoint FILE",
                )),
            };
        };
        if trainer == Method::Recommended {
            return Err(FitError::options(
                "--checkpoint: the trainer `recommended` takes seconds and keeps no checkpoint; \
                 leave the option out, or take --trainer als or torch",
            ));
        }
        if *checkpoint_every == Some(0) {
            return Err(FitError::options("--checkpoint-every 0: at least 1 is needed; 10 is usual"));
        }
        if path == Path::new("-") {
            return Err(FitError::options("--checkpoint -: a checkpoint is read again; give a file"));
        }
        let file = path.display().to_string();
        // Asked before the table is read, since a fit must not end with a refusal to write its checkpoint.
        if path.exists() && !resume {
            return Err(CheckpointError::Exists { file }.into());
        }
        Ok(Some(Self { path: path.clone(), every: checkpoint_every.unwrap_or(EVERY) }))
    }
}
