//! Ctrl-C.

#![cfg(unix)]

use crate::support::{Folder, Started, small_table};

/// Hours of work, of which every iteration is kept.
const LONG: &str = "-v fit t.csv --split-column split --trainer als --set max_iterations=1000000000 \
                    --set tolerance=0 --set latent_dim=3 --checkpoint c --checkpoint-every 1";

#[test]
fn training_ends_in_order_and_what_there_is_is_saved() {
    let folder = Folder::new();
    folder.write("t.csv", small_table(60));
    let cfe = Started::new(&folder, &format!("{LONG} --model-out m.safetensors --predictions-out p.csv"));
    // A checkpoint is written by training, which hears the signal.
    cfe.wait_for_change_of("c");
    cfe.signal("INT");
    let ran = cfe.end();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    for said in ["Stopping after this iteration", "interrupted after"] {
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    assert!(folder.read("p.csv").lines().count() > 60);
    folder.ok("predict --model m.safetensors t.csv --split-column split --predictions-out again.csv");
}

/// Before there is anything to keep, the program ends at once, and says so.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_before_training_is_a_clean_end() {
    let folder = Folder::new();
    // A pipe that nobody writes to: the program waits for its table for as long as it lives.
    let cfe = Started::with_open_input(&folder, "-v fit -");
    cfe.wait_for_handler();
    cfe.signal("INT");
    let ran = cfe.end();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was written"), "{}", ran.stderr);
    assert_eq!(folder.files(), Vec::<String>::new());
}
