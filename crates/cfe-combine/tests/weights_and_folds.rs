//! Weights, costs, folds and times of one's own, on every path of a fit.

use cf_ensemble::cross_validation::{Following, hide_fold};
use cf_ensemble::io::{Source, Table, TableError, read_table};
use cf_ensemble::methods::Method;
use cf_ensemble::pipeline::{Assignments, Calibrate, FitOptions, FitOutcome};
use cf_ensemble::tuning::RandomizedSearch;
use cf_ensemble::{FitError, fit};

/// Rows of five classifiers, one in four positive; what each row has besides comes from `extra`.
fn text(rows: usize, header: &str, extra: impl Fn(usize) -> String) -> String {
    let mut text = format!("label,{header},a,b,c,d,e\n");
    for i in 0..rows {
        text += &line(i, &extra(i));
    }
    text
}

fn line(i: usize, extra: &str) -> String {
    let label = usize::from(i.is_multiple_of(4));
    let cell = |k: usize| {
        let noise = (i * (2 * k + 7) * 31 + k * 17) % 101;
        format!("0.{:03}", 5 + noise * 7 + 150 * label + 20 * k * label)
    };
    let cells: Vec<String> = (0..5).map(cell).collect();
    format!("{label},{extra},{}\n", cells.join(","))
}

fn table(text: &str, options: &FitOptions) -> Table {
    let source = Source::bytes("t.csv", text.as_bytes().to_vec());
    read_table(source, &options.table_options().expect("valid")).expect("a table")
}

/// A combiner of few members, so that a fit takes little time.
fn quick() -> FitOptions {
    let mut options = FitOptions::default();
    let set = ["shrinkage=[30]", "low_rank_ridge=[3]", "local_ridge=[1]"];
    options.set = Assignments::all(set.iter().map(|set| set.parse().expect("a setting")));
    options
}

/// The quick options, changed.
fn quick_with(set: impl Fn(&mut FitOptions)) -> FitOptions {
    let mut options = quick();
    set(&mut options);
    options
}

fn fitted(text: &str, options: &FitOptions) -> (Table, FitOutcome) {
    let table = table(text, options);
    let outcome = fit(&table, options).expect("fits");
    (table, outcome)
}

#[test]
fn weights_of_one_change_no_bit() {
    let text = text(160, "exposure", |_| "1".to_owned());
    for calibrate in [Calibrate::None, Calibrate::Platt] {
        let plain = quick_with(|o| o.calibrate = Some(calibrate));
        let mut weighted = plain.clone();
        weighted.table.weight_column = Some("exposure".into());
        let ((plain_table, plain), (table, weighted)) = (fitted(&text, &plain), fitted(&text, &weighted));
        assert!(table.data.sample_weights().is_some() && plain_table.data.sample_weights().is_none());
        assert_eq!(weighted.combined, plain.combined);
        assert_eq!(weighted.out_of_fold, plain.out_of_fold);
        assert_eq!(weighted.cut, plain.cut);
        assert_eq!(weighted.model.details.fingerprint, plain.model.details.fingerprint);
        let (mut parts, expected) =
            (weighted.metrics(&table).expect("scored"), plain.metrics(&plain_table).expect("scored"));
        assert_eq!(parts[0].weight, Some(160.0));
        assert_eq!((parts[0].positive_weight, parts[0].effective_rows), (Some(40.0), Some(160.0)));
        (parts[0].weight, parts[0].positive_weight, parts[0].effective_rows) = (None, None, None);
        assert_eq!(parts, expected);
    }
}

/// Rows 0 to 159 in four folds; `twice` of them stand there twice, in their fold, or weigh 2.
fn twice_and_weighted(twice: impl Fn(usize) -> bool) -> (String, String) {
    let fold = |i: usize| (i / 4) % 4;
    let mut repeated = text(160, "w,cv", |i| format!("1,{}", fold(i)));
    (0..160).filter(|&i| twice(i)).for_each(|i| repeated += &line(i, &format!("1,{}", fold(i))));
    let weighted = text(160, "w,cv", |i| format!("{},{}", 1 + usize::from(twice(i)), fold(i)));
    (repeated, weighted)
}

fn of_folds(weight: bool) -> FitOptions {
    let mut options = quick();
    options.training.fold_column = Some("cv".into());
    options.training.exclude = if weight { Vec::new() } else { vec!["w".into()] };
    options.table.weight_column = weight.then(|| "w".into());
    options
}

#[test]
fn weights_move_the_recommended_combiner_as_copies_do() {
    // Copies of rows of one class move the intercept, and so does their weight. The penalties stand against
    // the mean weight, which is another one for copies, so that the two agree nearly and not exactly.
    let (repeated, weighted) = twice_and_weighted(|i| i % 4 == 0);
    let (_, plain) = fitted(&weighted, &of_folds(false));
    let (_, repeated) = fitted(&repeated, &of_folds(false));
    let (_, weighted) = fitted(&weighted, &of_folds(true));
    let far = |a: &FitOutcome, b: &FitOutcome| {
        let pairs = a.combined.logits.iter().zip(&b.combined.logits);
        pairs.map(|(a, b)| (a - b).abs()).sum::<f64>() / 160.0
    };
    let (moved, apart) = (far(&plain, &repeated), far(&weighted, &repeated));
    assert!(moved > 0.4 && apart < moved / 5.0, "moved by {moved}, and {apart} apart");
    assert!((weighted.model.prevalence().expect("kept") - 0.4).abs() < 1e-12);
    assert_eq!(weighted.model.prevalence(), repeated.model.prevalence());
}

#[cfg(feature = "als")]
#[test]
fn weights_reach_the_aggregator_of_a_trainer() {
    let (_, weighted) = twice_and_weighted(|i| i % 4 == 0);
    let als = |weight, class_weight| {
        let mut options = of_folds(weight);
        options.trainer = Some(Method::Als);
        let set = ["max_iterations=5", "aggregator.solver=newton", class_weight];
        options.set = Assignments::all(set.iter().map(|set| set.parse().expect("a setting")));
        options
    };
    let mean = |weight, class_weight| {
        let (_, outcome) = fitted(&weighted, &als(weight, class_weight));
        outcome.combined.logits.iter().sum::<f64>() / 160.0
    };
    let (plain, twice) = (mean(false, "class_weight=uniform"), mean(true, "class_weight=uniform"));
    assert!(twice > plain + 0.2, "{twice} {plain}");
    // All positives of weight 2, among classes that weigh the same: each has what it had.
    let (plain, twice) = (mean(false, "class_weight=balanced"), mean(true, "class_weight=balanced"));
    assert!((twice - plain).abs() < 1e-9, "{twice} {plain}");
}

#[test]
fn metrics_threshold_and_report_count_weights() {
    let (_, weighted) = twice_and_weighted(|i| i % 4 == 0);
    let (table, outcome) = fitted(&weighted, &of_folds(true));
    let part = &outcome.metrics(&table).expect("scored")[0];
    let cut = outcome.cut.expect("chosen");
    let counts = cut.confusion;
    assert_eq!(counts.tp + counts.fn_, 80.0);
    assert_eq!(counts.fp + counts.tn, 120.0);
    assert_eq!((part.rows, part.positives, part.weight), (160, 40, Some(200.0)));
    assert_eq!(part.at_threshold, Some(cut));
    // The metrics are those of the rows twice.
    let (mut labels, mut p) = (Vec::new(), Vec::new());
    for (&y, &q) in table.data.labeled_targets().iter().zip(outcome.out_of_fold.as_ref().expect("folds")) {
        (0..1 + usize::from(y)).for_each(|_| {
            labels.push(y);
            p.push(q);
        });
    }
    let copies = cf_ensemble::metrics::MetricSummary::new(&labels, &p, Some(&p)).expect("valid");
    let found = part.methods[0].metrics;
    for (found, expected) in [
        (found.log_loss, copies.log_loss),
        (found.brier, copies.brier),
        (found.ece, copies.ece),
        (found.best_f1, copies.best_f1),
    ] {
        let (found, expected) = (found.expect("probabilities"), expected.expect("probabilities"));
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    let observed: f64 = part.reliability.iter().map(|g| g.observed * g.rows as f64).sum();
    assert!(observed > 40.0, "weighted shares of positives are larger than those of the rows");
    #[cfg(feature = "report")]
    {
        let said = cfe_combine::report::lines(&outcome, &table, std::slice::from_ref(part), &[]).join("\n");
        assert!(said.contains("labeled train rows of weight"), "{said}");
    }
}

#[test]
fn rows_of_weight_zero_are_neither_learned_from_nor_scored() {
    let weights = text(160, "w", |i| usize::from(i % 5 != 0).to_string());
    let mut options = quick();
    options.table.weight_column = Some("w".into());
    let (table, outcome) = fitted(&weights, &options);
    let part = &outcome.metrics(&table).expect("scored")[0];
    assert_eq!((part.rows, part.never_scored), (128, 32));
    let without: String = text(160, "w", |_| "1".to_owned())
        .lines()
        .enumerate()
        .filter(|(k, _)| *k == 0 || (k - 1) % 5 != 0)
        .map(|(_, line)| format!("{line}\n"))
        .collect();
    let (rest, other) = fitted(&without, &options);
    assert_eq!(part.methods[0].metrics, other.metrics(&rest).expect("scored")[0].methods[0].metrics);
    assert_eq!(outcome.cut, other.cut);
}

#[cfg(feature = "als")]
#[test]
fn cross_validation_follows_the_folds_of_the_table() {
    let folds = |i: usize| ["x", "y", "z"][(i / 8) % 3];
    let text = text(96, "cv", |i| folds(i).to_owned());
    let mut options = FitOptions::default();
    options.trainer = Some(Method::Als);
    options.set = "max_iterations=5".parse().expect("a setting");
    options.training.fold_column = Some("cv".into());
    let (table, outcome) = fitted(&text, &options);
    assert_eq!(outcome.folds, 3);
    let given = table.given_folds(5).expect("three folds").expect("given");
    let settings = serde_json::json!({"max_iterations": 5, "seed": 0});
    let trainer = cf_ensemble::Backend::Als.trainer_with(&settings).expect("valid");
    let scored = outcome.out_of_fold.as_ref().expect("folds");
    for fold in 0..3 {
        let model =
            trainer.fit(&hide_fold(&table.data, &given, fold).expect("its folds")).expect("fits").model;
        let rows = given.test(fold);
        assert!(rows.iter().all(|&i| folds(i) == ["x", "y", "z"][fold]));
        let logits =
            cf_ensemble::cross_validation::held_out_logits(&model, &table.data, &rows).expect("rows");
        for (&i, z) in rows.iter().zip(logits) {
            assert_eq!(scored[i], cf_ensemble::losses::sigmoid(z));
        }
    }
    let search = RandomizedSearch { n_trials: 1, ..RandomizedSearch::default() };
    assert_eq!(search.folds(&table.data, Following::new(Some(&given), None)).expect("given"), given);
}

#[test]
fn folds_and_other_ways_to_score_exclude_each_other() {
    let mut options = quick_with(|o| o.folds = Some(3));
    options.training.fold_column = Some("cv".into());
    assert!(
        matches!(options.plan(), Err(FitError::Options(text)) if text.contains("each value of the column"))
    );
    options.folds = None;
    options.training.time_column = Some("when".into());
    assert!(matches!(options.plan(), Err(FitError::Options(text)) if text.contains("exclude each other")));
    // Who asks for a number of folds gets them, and a column that was not asked for is passed over.
    let text = text(96, "fold", |i| ((i / 8) % 3).to_string());
    let asked = quick_with(|o| o.folds = Some(4));
    let (table, outcome) = fitted(&text, &asked);
    assert!(table.folds.is_none() && outcome.folds == 4);
    assert!(table.taken.to_string().contains("passed over: fold ("), "{}", table.taken);
    assert!(table_of_default(&text).folds.is_some());
}

fn table_of_default(text: &str) -> Table {
    table(text, &FitOptions::default())
}

fn in_time(text: &str, calibrate: Calibrate, folds: usize) -> (Table, FitOutcome) {
    let mut options = quick_with(|o| (o.folds, o.calibrate) = (Some(folds), Some(calibrate)));
    options.training.time_column = Some("when".into());
    fitted(text, &options)
}

#[test]
fn later_rows_are_scored_by_earlier_ones_alone() {
    let text = text(160, "when", |i| format!("2024-01-{:02}", 1 + i / 8));
    let (table, outcome) = in_time(&text, Calibrate::None, 3);
    let scored = outcome.out_of_fold.clone().expect("folds");
    let never = scored.iter().filter(|p| p.is_nan()).count();
    assert_eq!((never, outcome.folds), (40, 3));
    assert!(scored[..40].iter().all(|p| p.is_nan()) && scored[40..].iter().all(|p| p.is_finite()));
    let part = &outcome.metrics(&table).expect("scored")[0];
    assert!(part.in_time && part.never_scored == 40 && part.rows == 120);
    #[cfg(feature = "report")]
    {
        let said = cfe_combine::report::provenance(part);
        assert!(said.contains("the first 40 rows not at all"), "{said}");
    }
    // Labels of the last block reach no score of the blocks before it.
    let turned: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(k, line)| match (k > 120, line.split_at(1)) {
            (true, ("0", rest)) => format!("1{rest}\n"),
            (true, ("1", rest)) => format!("0{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let (_, other) = in_time(&turned.concat(), Calibrate::None, 3);
    assert_eq!(other.out_of_fold.expect("folds")[40..120], scored[40..120]);
    // Calibrated probabilities have nothing before the first scored block to be calibrated by.
    let (table, platt) = in_time(&text, Calibrate::Platt, 3);
    assert_eq!(platt.out_of_fold.as_ref().map(|p| p.iter().filter(|p| p.is_nan()).count()), Some(80));
    assert_eq!(platt.metrics(&table).expect("scored")[0].rows, 80);
    let early = text.replace("2024-01-01", "2024-01-02");
    let one_class: String = early
        .lines()
        .enumerate()
        .map(
            |(k, line)| {
                if (1..=40).contains(&k) { format!("0{}\n", &line[1..]) } else { format!("{line}\n") }
            },
        )
        .collect();
    let mut options = quick_with(|o| o.folds = Some(3));
    options.training.time_column = Some("when".into());
    let error = fit(&self::table(&one_class, &options), &options).expect_err("no positive to learn from");
    assert!(matches!(error, FitError::Table(TableError::FoldLacksClass { .. })), "{error}");
}

#[test]
fn the_threshold_costs_least_by_the_costs_of_the_rows() {
    // Missing a positive costs 50, a false alarm 1: much is called. The other way round next to nothing.
    let costs = |miss: u32, alarm: u32| {
        text(160, "cost", |i| if i % 4 == 0 { miss.to_string() } else { alarm.to_string() })
    };
    let mut options = quick();
    options.table.cost_column = Some("cost".into());
    let called = |text: &str, options: &FitOptions| fitted(text, options).1.cut.expect("chosen");
    let (dear, cheap) = (called(&costs(50, 1), &options), called(&costs(1, 50), &options));
    assert!(dear.called > 60.0 && cheap.called < 30.0, "{} {}", dear.called, cheap.called);
    let c = dear.confusion;
    let mean = (50.0 * c.fn_ + c.fp) / 160.0;
    assert!((dear.mean_cost.expect("costs") - mean).abs() < 1e-12);
    // The numbers of a rule are factors of the costs of the rows.
    options.threshold = Some("cost=1,50".parse().expect("a rule"));
    let factors = called(&costs(1, 1), &options);
    assert_eq!((factors.threshold, factors.mean_cost), (dear.threshold, dear.mean_cost));
    // Another rule stays what it is, and says what it costs.
    options.threshold = Some("f1".parse().expect("a rule"));
    let f1 = called(&costs(50, 1), &options);
    assert!(f1.mean_cost.expect("costs") >= dear.mean_cost.expect("costs") && f1.called < dear.called);
}

#[test]
fn a_model_remembers_weights_and_costs_for_its_evaluation() {
    let text = text(160, "w,cost", |i| format!("{},{}", 1 + i % 2, 1 + i % 3));
    let mut options = quick();
    options.table.weight_column = Some("w".into());
    options.table.cost_column = Some("cost".into());
    let (_, outcome) = fitted(&text, &options);
    let columns = cf_ensemble::pipeline::TableColumns::default();
    let needed = cf_ensemble::io::Labels::Needed;
    let reading = columns.table_options_for(&outcome.model, needed).expect("valid");
    let table = read_table(Source::bytes("new.csv", text.into_bytes()), &reading).expect("a table");
    let part = &cf_ensemble::judge::evaluate(&outcome.model, &table).expect("scored")[0];
    assert_eq!(part.weight, Some(240.0));
    assert!(part.at_threshold.and_then(|cut| cut.mean_cost).is_some());
}
