//! Threads: one meaning of `--threads` for every command.

use crate::error::Error;

/// Threads that may be asked for. More would only wait for each other, and starting them could hang the
/// machine.
const MOST: usize = 1024;

/// How many threads `--threads` stands for: 0 is all cores.
///
/// # Errors
/// [`Error::Threads`] beyond 1024.
pub fn count(threads: usize) -> Result<usize, Error> {
    match threads {
        0 => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        1..=MOST => Ok(threads),
        _ => Err(Error::Threads { threads, why: format!("at most {MOST} are allowed") }),
    }
}

/// A pool of so many threads; 0 is all cores.
///
/// # Errors
/// [`Error::Threads`].
pub fn pool(threads: usize) -> Result<rayon::ThreadPool, Error> {
    let threads = count(threads)?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Error::Threads { threads, why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_all_cores_and_an_absurd_number_is_refused() {
        assert!(count(0).expect("at least one core") >= 1);
        assert_eq!(count(7).expect("allowed"), 7);
        let error = pool(100_000).expect_err("too many");
        assert!(error.to_string().contains("100000 threads"), "{error}");
    }
}
