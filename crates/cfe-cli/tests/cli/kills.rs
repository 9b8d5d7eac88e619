//! Killed at random moments: nothing is lost, no file is half-written, and in the end there are the bytes of a run that
//! nobody killed.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cfe_io::ModelFile;

use crate::support::{Folder, small_table};

/// Moments that are the same in every run of the test, as far as the machine allows (xorshift, Marsaglia 2003).
struct Moments(u64);

impl Moments {
    fn next(&mut self, most: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        most.mul_f64((self.0 >> 11) as f64 / (1u64 << 53) as f64)
    }
}

fn start(folder: &Folder, arguments: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_cfe"))
        .current_dir(folder.path("."))
        .args(arguments.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

/// Runs `command`, which writes `outputs`, with `--checkpoint CHECKPOINT --resume` and kills it, until `kills` have hit.
/// Each time it comes to its end, all begins anew.
fn survives(command: &str, every: usize, checkpoint: &str, outputs: &[&str], kills: usize) {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    folder.ok(command);
    let whole: BTreeMap<&str, Vec<u8>> = outputs.iter().map(|&name| (name, folder.bytes(name))).collect();
    let same = |name: &str| folder.bytes(name) == whole[name];
    let clear = || outputs.iter().for_each(|name| std::fs::remove_file(folder.path(name)).expect("there"));
    clear();

    let command = format!("{command} --checkpoint {checkpoint} --checkpoint-every {every} --resume");
    // Moments over all of a run, whatever machine this is.
    let begun = Instant::now();
    folder.ok(&command);
    let longest = begun.elapsed();
    clear();
    std::fs::remove_file(folder.path(checkpoint)).expect("kept");

    let mut moments = Moments(0x9e37_79b9_7f4a_7c15);
    let (mut hits, mut resumed) = (0, 0);
    while hits < kills {
        resumed += usize::from(folder.path(checkpoint).exists());
        let mut child = start(&folder, &command);
        std::thread::sleep(moments.next(longest));
        child.kill().expect("ours");
        let status = child.wait().expect("ends");
        if status.code().is_none() {
            hits += 1;
            for name in outputs {
                assert!(!folder.path(name).exists() || same(name), "{name} is half-written");
            }
            if checkpoint.ends_with(".safetensors") && folder.path(checkpoint).exists() {
                ModelFile::load(folder.path(checkpoint)).expect("a whole checkpoint");
            }
        } else {
            assert_eq!(status.code(), Some(0), "after {hits} kills");
            outputs.iter().for_each(|name| assert!(same(name), "{name} differs after {hits} kills"));
            clear();
            std::fs::remove_file(folder.path(checkpoint)).expect("kept");
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
fn a_fit_by_als_survives_fifty_kills() {
    let command = fit("--trainer als --set max_iterations=20000 --set tolerance=0");
    survives(&command, 400, "c.safetensors", &OUTPUTS, 50);
}

/// The past of the acceleration is part of the state.
#[test]
fn a_fit_of_the_exact_objective_survives_kills() {
    let command =
        fit("--trainer als --set objective.exact={\"rho\":0.5,\"reduction\":\"sum\"} --set tolerance=0 \
         --set aggregator.solver=bound --set confidence.strategy=certainty --set max_iterations=1000");
    survives(&command, 100, "c.safetensors", &OUTPUTS, 15);
}

#[cfg(feature = "torch")]
#[test]
fn a_joint_fit_survives_fifty_kills() {
    let command = fit("--trainer torch --set max_iterations=1500 --set early_stopping=null --set device=cpu");
    survives(&command, 50, "c.safetensors", &OUTPUTS, 50);
}

#[test]
fn a_search_survives_kills() {
    let command = "-q tune t.csv --split-column split --folds 2 --trials 12 --set max_iterations=400 \
                   --set tolerance=0 --out best.toml";
    survives(command, 1, "trials.jsonl", &["best.toml"], 20);
}
