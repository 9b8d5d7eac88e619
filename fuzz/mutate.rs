//! Seeded mutations of bytes, for the tests that need no fuzzer.

use rand::{Rng, RngExt};

/// Mutations of each file; CFE_MUTATIONS asks for more.
pub(crate) fn mutations() -> usize {
    std::env::var("CFE_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(400)
}

/// Numbers that lengths and counts are replaced by.
const LENGTHS: [u64; 8] = [0, 1, 0x7f, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, u64::MAX];

/// One to four changes: a flipped bit, a byte, a cut, a piece moved or doubled, a length in 2, 4 or 8 bytes.
pub(crate) fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut impl Rng) {
    for _ in 0..rng.random_range(1..=4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..6) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => bytes.truncate(at),
            3 => {
                let end = rng.random_range(at..bytes.len().min(at + 64).max(at + 1));
                let piece = bytes[at..end].to_vec();
                let to = rng.random_range(0..bytes.len());
                bytes.splice(to..to, piece);
            }
            4 if !other.is_empty() => {
                let from = rng.random_range(0..other.len());
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            _ => {
                let length = LENGTHS[rng.random_range(0..LENGTHS.len())];
                let width = [2, 4, 8][rng.random_range(0..3)];
                let end = bytes.len().min(at + width);
                let written = length.to_le_bytes();
                bytes[at..end].copy_from_slice(&written[..end - at]);
            }
        }
    }
}
