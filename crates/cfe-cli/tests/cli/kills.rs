//! Killed at random moments: nothing is lost, no file is half-written, and in the end there are the bytes of
//! a run that nobody killed.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::time::Duration;

use cfe_io::ModelFile;

use crate::support::{Folder, Started, small_table};

/// Numbers that are the same in every run of the test (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// Checkpoints that a killed run writes, at most.
const MOST: u64 = 8;

/// Runs `command`, which writes `outputs`, with `--checkpoint CHECKPOINT --resume` and kills it, until
/// `kills` have hit: each some checkpoints after the one before, and up to 3 ms later, in the middle of
/// whatever is done then. Each time it comes to its end, all begins anew.
fn survives(command: &str, every: usize, checkpoint: &str, outputs: &[&str], kills: usize) {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    folder.ok(command);
    let whole: BTreeMap<&str, Vec<u8>> = outputs.iter().map(|&name| (name, folder.bytes(name))).collect();
    let same = |name: &str| folder.bytes(name) == whole[name];
    let clear = || outputs.iter().for_each(|name| std::fs::remove_file(folder.path(name)).expect("there"));
    clear();

    let command = format!("{command} --checkpoint {checkpoint} --checkpoint-every {every} --resume");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut hits, mut resumed) = (0, 0);
    while hits < kills {
        let goes_on = folder.path(checkpoint).exists();
        let cfe = Started::new(&folder, &command).ignoring(checkpoint);
        (0..numbers.below(MOST)).for_each(|_| cfe.wait_for_change_of(checkpoint));
        std::thread::sleep(Duration::from_micros(numbers.below(3000)));
        if let Some(code) = cfe.kill() {
            assert_eq!(code, 0, "after {hits} kills");
            outputs.iter().for_each(|name| assert!(same(name), "{name} differs after {hits} kills"));
            clear();
            std::fs::remove_file(folder.path(checkpoint)).expect("kept");
        } else {
            hits += 1;
            resumed += usize::from(goes_on);
            for name in outputs {
                assert!(!folder.path(name).exists() || same(name), "{name} is half-written");
            }
            if checkpoint.ends_with(".safetensors") && folder.path(checkpoint).exists() {
                ModelFile::load(folder.path(checkpoint)).expect("a whole checkpoint");
            }
        }
    }
    folder.ok(&command);
    outputs.iter().for_each(|name| assert!(same(name), "{name} differs at the end"));
    assert!(resumed > kills / 4, "of {kills} killed runs only {resumed} had a checkpoint to go on from");
    let leftovers =
        folder.files().into_iter().filter(|name| name.ends_with(".tmp") && name.contains(checkpoint));
    assert_eq!(leftovers.collect::<Vec<_>>(), Vec::<String>::new());
}

const OUTPUTS: [&str; 4] = ["m.safetensors", "p.csv", "j.json", "r.html"];

fn fit(options: &str) -> String {
    format!(
        "-q fit t.csv --split-column split --folds 2 --set latent_dim=3 {options} --model-out m.safetensors \
         --predictions-out p.csv --metrics-out j.json --report-out r.html"
    )
}

#[test]
fn a_fit_by_als_survives_kills() {
    let command = fit("--trainer als --set max_iterations=6000 --set tolerance=0");
    survives(&command, 200, "c.safetensors", &OUTPUTS, 20);
}

/// The past of the acceleration is part of the state.
#[test]
fn a_fit_of_the_exact_objective_survives_kills() {
    let command =
        fit("--trainer als --set objective.exact={\"rho\":0.5,\"reduction\":\"sum\"} --set tolerance=0 \
         --set aggregator.solver=bound --set confidence.strategy=certainty --set max_iterations=600");
    survives(&command, 40, "c.safetensors", &OUTPUTS, 8);
}

#[cfg(feature = "torch")]
#[test]
fn a_joint_fit_survives_kills() {
    let command = fit("--trainer torch --set max_iterations=1000 --set early_stopping=null --set device=cpu");
    survives(&command, 50, "c.safetensors", &OUTPUTS, 20);
}

#[test]
fn a_search_survives_kills() {
    let command = "-q tune t.csv --split-column split --folds 2 --trials 12 --set max_iterations=100 \
                   --set tolerance=0 --out best.toml";
    survives(command, 1, "trials.jsonl", &["best.toml"], 8);
}
