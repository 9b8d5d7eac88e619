//! From grids to cells and jobs.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::super::error::AblateError;
use super::super::grid::{Grid, OneOrMany, Seeds};
use super::super::plan::Plan;
use super::plan_of;
use crate::trainer_form::TrainerForm;

/// Two solvers, and a learning rate that only one of them has.
const NOT_FOR: &str = r#"
title = "t"
seeds = [4, 7]
[[factors]]
name = "solver"
levels = [
    { name = "step", set = { aggregator = { solver = { gradient_step = { learning_rate = 0.01 } } } } },
    { name = "bound", set = { aggregator = { solver = "bound" } } },
]
[[factors]]
name = "rate"
key = "aggregator.solver.gradient_step.learning_rate"
levels = [0.01, 0.1]
not_for = { solver = ["step", "bound"] }
"#;

fn refused(grid: &str) -> AblateError {
    let grid = Grid::parse("g", grid).expect("valid");
    Plan::new(grid, Path::new(".")).expect_err("cannot be run")
}

#[test]
fn cells_stand_in_the_order_of_levels_with_the_last_factor_and_the_seed_fastest() {
    let plan = plan_of(super::GRID);
    let cells: Vec<(Vec<usize>, u64)> =
        plan.cells.iter().map(|cell| (cell.levels.clone(), cell.seed)).collect();
    let expected = [[0, 0], [0, 1], [1, 0], [1, 1]].into_iter();
    let expected: Vec<_> = expected.flat_map(|levels| [0, 1].map(|seed| (levels.to_vec(), seed))).collect();
    assert_eq!(cells, expected);
    assert_eq!(plan.name(&[1, 0]), "class weights balanced, prevalence 0.5");
    assert_eq!((plan.position("prevalence"), plan.position("seed")), (Some(1), None));
}

#[test]
fn a_cell_that_matches_every_entry_of_an_exclusion_is_left_out() {
    let excluded = format!(
        "exclude = [{{ prevalence = \"0.1\", \"class weights\" = [\"balanced\"] }}]\n{}",
        super::GRID
    );
    let plan = plan_of(&excluded);
    // Of the four combinations one matches both entries.
    assert_eq!(plan.cells.len(), 6);
    assert!(plan.cells.iter().all(|cell| cell.levels != [1, 1]));
}

#[test]
fn cells_in_which_a_factor_does_not_act_share_one_training() {
    let plan = plan_of(NOT_FOR);
    assert_eq!((plan.cells.len(), plan.jobs.len()), (8, 4), "2 x 2 x 2 cells, but the rate acts in none");
    for cell in &plan.cells {
        let twin = plan.cells.iter().find(|of| of.levels == [cell.levels[0], 0] && of.seed == cell.seed);
        assert_eq!(twin.map(|twin| twin.job), Some(cell.job));
    }
    let settings = &plan.jobs[plan.cells[4].job].settings;
    assert_eq!(settings["aggregator"]["solver"], json!("bound"), "the levels of the cell act");
    assert_eq!(settings["seed"], 4);
}

#[test]
fn what_decides_a_result_decides_the_id_and_names_do_not() {
    let ids = |grid: &str| plan_of(grid).jobs.into_iter().map(|job| job.id).collect::<Vec<String>>();
    let own = ids(super::GRID);
    assert_eq!(own.iter().collect::<BTreeSet<_>>().len(), 8, "each cell is another training");
    assert!(own.iter().all(|id| id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit())));
    let renamed =
        super::GRID.replace("Known answers", "Another title").replace("\"class weights\"", "\"weights\"");
    assert_eq!(ids(&renamed), own);
    let other_data = super::GRID.replace("n_instances = 100", "n_instances = 101");
    assert!(ids(&other_data).iter().all(|id| !own.contains(id)));
}

#[test]
fn settings_of_one_trainer_leave_the_others_alone_and_the_last_level_that_names_one_decides() {
    let plan = plan_of(
        r#"
        title = "t"
        seeds = 1
        base = { trainer = "als_exact", als = { lambda = 0.5 }, torch = { weight_decay = 3.0 } }
        factors = [{ name = "form", levels = [{ name = "exact" }, { name = "plain", trainer = "als" }] }]
        "#,
    );
    assert_eq!(
        plan.jobs.iter().map(|job| job.trainer).collect::<Vec<_>>(),
        [TrainerForm::AlsExact, TrainerForm::Als]
    );
    for job in &plan.jobs {
        assert_eq!(job.settings["lambda"], 0.5);
        assert!(job.settings.get("weight_decay").is_none(), "a setting of torch");
    }
}

#[test]
fn within_a_level_the_setting_of_the_trainer_goes_before_that_of_any() {
    let plan = plan_of(
        r#"
        title = "t"
        seeds = 1
        base = { als = { lambda = 0.5 }, set = { lambda = 0.25, tolerance = 0.25 } }
        factors = [{ name = "form", levels = [{ name = "base" }, { name = "own", set = { lambda = 2 } }] }]
        "#,
    );
    let lambdas: Vec<_> = plan.jobs.iter().map(|job| job.settings["lambda"].as_f64()).collect();
    assert_eq!(lambdas, [Some(0.5), Some(2.0)], "a level goes before the base, whatever either names");
    assert_eq!(plan.jobs[1].settings["tolerance"], 0.25);
}

#[test]
fn another_kind_of_data_forgets_the_settings_of_the_kind_before() {
    let plan = plan_of(
        r#"
        title = "t"
        seeds = 1
        base = { data = { kind = "separable", gap = 0.3 } }
        factors = [{ name = "data", levels = [
            { name = "same", data = { n_instances = 90 } },
            { name = "harder", data = { kind = "correlated", n_instances = 90 } },
        ] }]
        "#,
    );
    let written: Vec<_> = plan.jobs.iter().map(|job| json!(job.scenario)).collect();
    assert_eq!(
        (&written[0]["separable"]["gap"], &written[0]["separable"]["n_instances"]),
        (&json!(0.3), &json!(90))
    );
    // `gap` is not a setting of this kind, and would be refused.
    assert_eq!(written[1]["correlated"]["n_instances"], 90);
}

#[test]
fn two_factors_that_set_one_thing_are_named_with_the_cell() {
    let grid = NOT_FOR.replace("not_for = { solver = [\"step\", \"bound\"] }", "");
    let AblateError::Conflict { first, second, key, cell } = refused(&grid) else { panic!("another error") };
    assert_eq!(
        (first.as_str(), second.as_str(), cell.as_str()),
        ("solver", "rate", "solver step, rate 0.01")
    );
    assert_eq!(key, "aggregator.solver.gradient_step.learning_rate");
    // Where only the other solver is left for the rate, the alternative still lies on the path of the rate.
    let grid =
        NOT_FOR.replace("not_for = { solver = [\"step\", \"bound\"] }", "not_for = { solver = \"step\" }");
    assert!(matches!(refused(&grid), AblateError::Conflict { .. }));
}

#[test]
fn a_grid_beyond_the_limit_is_refused_before_a_seed_is_listed() {
    let grid =
        |seeds: &str| refused(&super::GRID.replace("seeds = 2", &format!("seeds = {seeds}"))).to_string();
    assert!(grid("12501").starts_with("the grid has 50004 cells"), "4 x 12501");
    assert!(grid("9223372036854775807").contains("more than 2^64"));
    assert_eq!(
        refused(&format!("exclude = [{{}}]\n{}", super::GRID)).to_string(),
        AblateError::NoCells.to_string()
    );
}

#[test]
fn seeds_are_a_count_or_a_list() {
    assert_eq!((Seeds::Count(3).list(), Seeds::Count(3).count()), (vec![0, 1, 2], 3));
    assert_eq!((Seeds::List(vec![9, 2]).list(), Seeds::List(vec![9, 2]).count()), (vec![9, 2], 2));
    assert_eq!(OneOrMany::One("a".into()).names(), ["a"]);
    assert_eq!(OneOrMany::Many(vec!["a".into(), "b".into()]).names(), ["a", "b"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_combination_is_a_cell_once(sizes in prop::collection::vec(2usize..4, 1..4), seeds in 1u64..4) {
        let keys = ["lambda", "tolerance", "latent_dim"];
        let factors = sizes.iter().zip(keys).map(|(size, key)| {
            let levels: Vec<String> = (1..=*size).map(|k| k.to_string()).collect();
            format!("[[factors]]\nname = \"{key}\"\nkey = \"{key}\"\nlevels = [{}]\n", levels.join(", "))
        });
        let plan = plan_of(&format!("title = \"t\"\nseeds = {seeds}\n{}", factors.collect::<String>()));
        let cells: BTreeSet<(Vec<usize>, u64)> =
            plan.cells.iter().map(|cell| (cell.levels.clone(), cell.seed)).collect();
        let expected = sizes.iter().product::<usize>() * seeds as usize;
        prop_assert_eq!((cells.len(), plan.cells.len(), plan.jobs.len()), (expected, expected, expected));
        for cell in &plan.cells {
            prop_assert!(cell.levels.iter().zip(&sizes).all(|(level, size)| level < size) && cell.seed < seeds);
            // The job of a cell has the values of the levels of the cell.
            for (level, key) in cell.levels.iter().zip(keys) {
                prop_assert_eq!(plan.jobs[cell.job].settings[key].as_f64(), Some((level + 1) as f64));
            }
            prop_assert_eq!(plan.jobs[cell.job].seed, cell.seed);
        }
    }
}
