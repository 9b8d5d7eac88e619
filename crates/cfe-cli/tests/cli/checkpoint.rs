//! `cfe fit --checkpoint`: what is refused, and going on after Ctrl-C. Kills are in `kills`.

use crate::support::{Folder, small_table};

const FIT: &str =
    "fit t.csv --split-column split --trainer als --set latent_dim=3 --set tolerance=0 --folds 2";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    folder
}

#[test]
fn a_finished_fit_is_finished_again_at_once() {
    let folder = folder();
    let with = format!("{FIT} --checkpoint c.safetensors");
    folder.ok(&format!("{with} --model-out whole.safetensors"));
    let bytes = folder.bytes("c.safetensors");
    let error = folder.fails(2, &with);
    assert!(
        error.contains("c.safetensors: this checkpoint exists already") && error.contains("--resume"),
        "{error}"
    );
    let again = folder.ok(&format!("{with} --resume --model-out again.safetensors"));
    assert!(again.stderr.contains("Resuming from c.safetensors: fold 3"), "{}", again.stderr);
    assert_eq!(folder.bytes("again.safetensors"), folder.bytes("whole.safetensors"));
    assert_eq!(folder.bytes("c.safetensors"), bytes);
}

#[test]
fn a_checkpoint_of_another_fit_is_refused_by_what_differs() {
    let folder = folder();
    folder.ok(&format!("{FIT} --checkpoint c.safetensors"));
    folder.write("other.csv", small_table(90));
    for (command, what) in [
        (format!("{FIT} --seed 1"), "the settings was"),
        (format!("{FIT} --set lambda=1"), "the settings was"),
        (FIT.replace("t.csv", "other.csv"), "the table was"),
        (FIT.replace("--folds 2", "--folds 3"), "the folds was"),
    ] {
        let error = folder.fails(2, &format!("{command} --checkpoint c.safetensors --resume"));
        assert!(error.contains(what) && error.contains("choose another name"), "{command}: {error}");
    }
}

#[test]
fn impossible_checkpoints_are_refused_before_the_work() {
    let folder = folder();
    folder.write("damaged.safetensors", "not a checkpoint");
    folder.ok(&format!("{FIT} --model-out m.safetensors"));
    for (options, code, what) in [
        ("--resume", 2, "with --checkpoint FILE"),
        ("--checkpoint-every 5", 2, "with --checkpoint FILE"),
        ("--checkpoint c --checkpoint-every 0", 2, "at least 1 is needed"),
        ("--checkpoint -", 2, "give a file"),
        ("--checkpoint t.csv --resume", 2, "would replace the input"),
        ("--checkpoint no/such/folder/c", 2, "cannot be written"),
        ("--checkpoint c --model-out c", 2, "are one file"),
        ("--checkpoint damaged.safetensors --resume", 3, "damaged.safetensors"),
        ("--checkpoint m.safetensors --resume", 3, "cf-ensemble-checkpoint"),
    ] {
        let error = folder.fails(code, &format!("{FIT} {options}"));
        assert!(error.contains(what), "{options}: {error}");
    }
    let error = folder.fails(2, "fit t.csv --split-column split --checkpoint c");
    assert!(error.contains("`recommended` takes seconds"), "{error}");
}

/// Ctrl-C at three moments of training, each some checkpoints further than the one before.
#[cfg(unix)]
#[test]
fn after_ctrl_c_it_goes_on_to_the_same_bytes() {
    use crate::support::Started;

    let folder = folder();
    let command =
        format!("{FIT} --set max_iterations=3000 --model-out m.safetensors --predictions-out p.csv");
    folder.ok(&command);
    let (model, predictions) = (folder.bytes("m.safetensors"), folder.bytes("p.csv"));
    let with = format!("{command} --checkpoint c.safetensors --checkpoint-every 100 --resume");
    let mut interrupted = 0;
    while interrupted < 3 {
        let cfe = Started::new(&folder, &with).ignoring("c.safetensors");
        (0..5).for_each(|_| cfe.wait_for_change_of("c.safetensors"));
        cfe.signal("INT");
        let ran = cfe.end();
        match ran.code {
            130 => interrupted += 1,
            // It was done before the signal: from the start again.
            0 => std::fs::remove_file(folder.path("c.safetensors")).expect("kept"),
            other => panic!("{other}: {}", ran.stderr),
        }
        assert!(ran.code == 0 || ran.stderr.contains("same command and --resume"), "{}", ran.stderr);
    }
    folder.ok(&with);
    assert!(model == folder.bytes("m.safetensors") && predictions == folder.bytes("p.csv"));
}
