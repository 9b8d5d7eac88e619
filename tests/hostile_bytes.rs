//! Seeded mutations of every file of the fuzz corpus: no reader panics, and none takes memory for what is
//! only promised.
#![cfg(feature = "als")]

#[path = "../fuzz/entry.rs"]
mod entry;
#[path = "../fuzz/mutate.rs"]
mod mutate;

use mutate::{mutate, mutations};
use std::fs;
use std::path::Path;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

/// What readers of a few kilobytes may take, the whole process included.
#[cfg(target_os = "linux")]
const MEMORY_BOUND_KIB: u64 = 1 << 20;

/// Files of a folder of the corpus, by name.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> =
        fs::read_dir(&folder).expect("there").map(|e| e.expect("readable").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("readable")).collect()
}

fn hostile(target: &str, read: fn(&[u8])) {
    let files = corpus(target);
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    for (k, file) in files.iter().enumerate() {
        read(file);
        for _ in 0..mutations() {
            let mut bytes = file.clone();
            let other = rng.random_range(0..files.len());
            mutate(&mut bytes, if other == k { &[] } else { &files[other] }, &mut rng);
            read(&bytes);
        }
    }
}

#[test]
fn tables() {
    for target in ["table_text", "table_npy", "table_parquet", "table_arrow"] {
        hostile(target, entry::table);
    }
    memory_stays_bounded();
}

#[test]
fn models() {
    hostile("model_file", entry::model);
    hostile("model_document", entry::model_document);
    hostile("model_tensors", entry::model_tensors);
    memory_stays_bounded();
}

#[test]
fn configurations() {
    hostile("config_toml", entry::config);
    memory_stays_bounded();
}

/// A header may promise any number of empty rows or columns: names and ids would have to be made up for them.
#[test]
fn arrays_without_a_cell_take_no_memory() {
    for shape in [
        "(0, 0)",
        "(0, 3)",
        "(3, 0)",
        "(0, 1000000000000)",
        "(1000000000000, 0)",
        "(9223372036854775808, 0)",
        "(0,)",
    ] {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend(u16::try_from(header.len()).expect("short").to_le_bytes());
        bytes.extend(header.as_bytes());
        entry::table(&bytes);
    }
    memory_stays_bounded();
}

/// Nesting that a reader would follow by recursion is refused before the stack ends.
#[test]
fn deep_nesting_is_refused() {
    let deep = 100_000;
    let values = ["[".repeat(deep), "{a=".repeat(deep), "[a".to_owned() + &".a".repeat(deep) + "]"];
    for value in values {
        entry::config(format!("[set]\nx = {value}\n").as_bytes());
        entry::config(format!("{value}\nb = 1\n").as_bytes());
    }
    entry::config(("set.a".to_owned() + &".a".repeat(deep) + " = 1\n").as_bytes());
    entry::model_document("[".repeat(deep).as_bytes());
    entry::model_document(r#"{"a":"#.repeat(deep).as_bytes());
    let assignment = "a.".repeat(deep) + "b=1";
    assert!(assignment.parse::<cf_ensemble::pipeline::Assignments>().is_err());
    let value = "a=".to_owned() + &"[".repeat(deep);
    let _ = value.parse::<cf_ensemble::pipeline::Assignments>();
}

/// The most memory that this process ever used, against the bound. A terabyte set aside at once ends the
/// process.
fn memory_stays_bounded() {
    #[cfg(target_os = "linux")]
    {
        let status = fs::read_to_string("/proc/self/status").expect("Linux");
        let number = |key: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(key)).expect("there");
            line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
        };
        let resident = number("VmHWM:");
        assert!(resident < MEMORY_BOUND_KIB, "{resident} KiB");
    }
}
