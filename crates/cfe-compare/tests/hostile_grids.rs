//! Seeded mutations of the shipped grids: none panics, and none is planned beyond the limit of cells.

#[path = "../../../fuzz/mutate.rs"]
mod mutate;

use std::path::Path;

use cfe_compare::ablate::{Grid, MAX_CELLS, Plan};
use mutate::{mutate, mutations};
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

fn read(text: &str) {
    let Ok(grid) = Grid::parse("input", text) else { return };
    if let Ok(plan) = Plan::new(grid, Path::new("no-such-folder")) {
        assert!(plan.cells.len() <= MAX_CELLS);
    }
}

#[test]
fn no_mutation_of_a_grid_panics() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("grids");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("there").map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    assert!(!paths.is_empty());
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    for path in paths {
        let file = std::fs::read(path).expect("readable");
        for _ in 0..mutations() {
            let mut bytes = file.clone();
            mutate(&mut bytes, &[], &mut rng);
            read(&String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn what_would_be_endless_is_refused() {
    let factor = |key: &str, values: &str| {
        format!(
            "title = \"t\"\nseeds = 18446744073709551615\n[[factors]]\nname = \"f\"\nkey = \"{key}\"\nvalues = {values}\n"
        )
    };
    read(&factor("latent_dim", "[1, 2]"));
    read(&factor("latent_dim", "[1, 2]").replace("18446744073709551615", "9223372036854775807"));
    read(&factor(&("a.".repeat(100_000) + "b"), "[1, 2]").replace("18446744073709551615", "2"));
    read(&factor("latent_dim", &"[".repeat(100_000)));
}

/// The grid that the documentation shows is a grid.
#[test]
fn the_grid_of_the_page_is_read_as_it_is_described() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ablations.md");
    let page = std::fs::read_to_string(page).expect("readable");
    let (_, rest) = page.split_once("```toml\n").expect("a grid");
    let (text, _) = rest.split_once("```").expect("an end");
    let plan = Plan::new(Grid::parse("the page", text).expect("valid"), Path::new(".")).expect("can be run");
    assert_eq!(plan.cells.len(), 60);
    assert!(page.contains("3 x 2 x 2 x 5 = 60 cells"));
    let gamma: Vec<&str> = plan.grid.factors[0].levels.iter().map(|level| level.name.as_str()).collect();
    assert_eq!(gamma, ["0", "1", "2"]);
}
