//! Cells are trained, each once, and one that fails does not take others with it.

use std::collections::BTreeMap;
use std::path::Path;

use cf_ensemble::metrics::Scored;

use super::super::cell::{Outcome, run};
use super::super::error::AblateError;
use super::super::figure::Figure;
use super::super::plan::{Job, Plan};
use super::super::runner::run_all;
use super::plan_of;
use crate::error::Error;

/// Six small cells; a learning rate of 1e307 throws w beyond the largest number.
const SMALL: &str = r#"
title = "Small"
seeds = 3
base = { set = { max_iterations = 5, latent_dim = 2 }, data = { n_instances = 60, n_classifiers = 3 } }
[[factors]]
name = "rate"
key = "aggregator.solver.gradient_step.learning_rate"
levels = [0.1, 1e307]
"#;

fn all(plan: &Plan) -> Vec<&Job> {
    plan.jobs.iter().collect()
}

fn outcomes(plan: &Plan, threads: usize) -> BTreeMap<String, Outcome> {
    let mut heard = BTreeMap::new();
    let finished = |job: &Job, outcome| {
        assert!(heard.insert(job.id.clone(), outcome).is_none(), "each job once");
        Ok(())
    };
    run_all(&all(plan), Path::new("."), threads, finished).expect("runs");
    heard
}

#[test]
fn any_number_of_threads_gives_the_same_outcome_of_each_job() {
    let plan = plan_of(SMALL);
    let one = outcomes(&plan, 1);
    assert_eq!(one.len(), plan.jobs.len());
    assert_eq!(outcomes(&plan, 4), one);
    let failed = one.values().filter(|outcome| outcome.figures().is_none()).count();
    assert_eq!(failed, 3, "every seed at the rate that diverges");
}

#[test]
fn what_hears_of_the_cells_can_stop_them() {
    let plan = plan_of(SMALL);
    let mut heard = 0;
    let stopped = run_all(&all(&plan), Path::new("."), 1, |_, _| {
        heard += 1;
        if heard == 2 { Err(AblateError::NoCells.into()) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(Error::Ablation(AblateError::NoCells))));
    assert_eq!(heard, 2, "nothing is heard after the error");
    let refused = run_all(&all(&plan), Path::new("."), 5000, |_, _| Ok(()));
    assert!(matches!(refused, Err(Error::Threads { threads: 5000, .. })));
}

#[test]
fn the_figures_of_a_cell_are_those_of_its_trainer_on_the_hidden_labels() {
    let plan = plan_of(SMALL);
    let job = &plan.jobs[0];
    let Outcome::Figures(found) = run(job, Path::new(".")) else { panic!("trained") };
    let drawn = job.scenario.draw(Path::new("."), job.seed).expect("valid");
    let fitted = job.trainer().expect("valid").fit(&drawn.data).expect("trained");
    let logits = fitted.model.predict_training(&drawn.data).expect("finite").logits;
    let scores: Vec<f64> = drawn.test.iter().map(|&i| logits[i]).collect();
    let ranking = Scored::new(&drawn.truth, &scores).expect("valid").ranking();
    assert_eq!(Figure::AveragePrecision.of(&found), Some(ranking.average_precision()));
    // The plain mean by hand.
    let of_mean = |i: usize| drawn.data.predictions().column(i).sum() / 3.0;
    let means: Vec<f64> = drawn.test.iter().map(|&i| of_mean(i)).collect();
    let of_mean = Scored::new(&drawn.truth, &means).expect("valid").ranking().average_precision();
    assert_eq!(found.mean.average_precision, Some(of_mean));
    assert_eq!((found.iterations, found.final_loss), (5, fitted.loss.total));
}

#[test]
fn a_cell_without_data_says_why() {
    let plan = plan_of(&SMALL.replace("n_instances = 60", "n_instances = 60, prevalence = 0.0"));
    let Outcome::Error(why) = run(&plan.jobs[0], Path::new(".")) else { panic!("nothing to score") };
    assert!(why.contains("instances to be scored is positive"), "{why}");
}
