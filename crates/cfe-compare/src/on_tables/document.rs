//! The comparison on the user's tables as a document.

use cf_ensemble::Symptom;

use super::measure::{MethodResult, Protocol, TableReport};
use super::results::{FIRST, TablesResults};
use crate::over_data_sets::{self, Method};
use crate::report::number::{fixed, or_dash, range, seconds, signed, significant, small_or_dash};
use crate::report::{Cell, Document, Ink, Panel, Section, Table};

/// Classifiers up to which their weights are drawn.
const DRAWN: usize = 30;

/// The document of the results.
pub fn document(results: &TablesResults) -> Document {
    // Each table has sections and answers of its own; what holds over all tables follows.
    let mut sections: Vec<Section> = results.tables.iter().flat_map(table).collect();
    let mut answers: Vec<String> = results.tables.iter().filter_map(answer).collect();
    answers.extend(results.tables.iter().flat_map(unhealthy));
    if let Some(summary) = &results.over_tables {
        let over = over_data_sets::document(summary, FIRST);
        answers.extend(over.answers);
        sections.extend(over.sections);
    }
    sections.push(methods(results));
    Document { title: "Combiners on your tables".to_owned(), answers, sections }
}

fn methods(results: &TablesResults) -> Section {
    let ran = |method: &Method| results.tables.iter().any(|table| find(table, method.name()).is_some());
    let described = Method::all().into_iter().filter(ran);
    let described = described.map(|method| format!("{}: {}", method.name(), method.description()));
    Section::new("What the methods are").list(described.collect())
}

/// Decreasing by average precision.
fn ordered(table: &TableReport) -> Vec<&MethodResult> {
    let mut methods: Vec<&MethodResult> = table.methods.iter().collect();
    let precision =
        |result: &MethodResult| result.cell.metrics.average_precision.unwrap_or(f64::NEG_INFINITY);
    methods.sort_by(|a, b| precision(b).total_cmp(&precision(a)));
    methods
}

fn find<'a>(table: &'a TableReport, name: &str) -> Option<&'a MethodResult> {
    table.methods.iter().find(|result| result.cell.method == name)
}

fn answer(table: &TableReport) -> Option<String> {
    let best = *ordered(table).first()?;
    let named = |name: &str| {
        let result = find(table, name).filter(|result| result.cell.method != best.cell.method)?;
        Some(format!(", {name} {}", small_or_dash(result.cell.metrics.average_precision, 2)))
    };
    Some(format!(
        "{}: the highest average precision is that of {}, {}{}{}.",
        table.table,
        best.cell.method,
        small_or_dash(best.cell.metrics.average_precision, 2),
        named(FIRST).unwrap_or_default(),
        named("mean").unwrap_or_default()
    ))
}

/// A sentence for each trained method that is not healthy.
fn unhealthy(table: &TableReport) -> Vec<String> {
    let found = table.methods.iter().filter(|result| !result.symptoms.is_empty());
    found.map(|result| format!("{}: {} {}.", table.table, result.cell.method, complaint(result))).collect()
}

/// "collapsed (negative weights); has exploded weights, -1858 to 2510; ranks worse than the mean".
fn complaint(result: &MethodResult) -> String {
    // Signs of collapse are named together, and every other symptom by itself.
    let (collapse, further): (Vec<&Symptom>, Vec<&Symptom>) =
        result.symptoms.iter().partition(|symptom| symptom.is_collapse());
    let mut parts = Vec::new();
    if !collapse.is_empty() {
        let signs: Vec<String> = collapse.iter().map(ToString::to_string).collect();
        parts.push(format!("collapsed ({})", signs.join(", ")));
    }
    for symptom in further {
        parts.push(match (symptom, result.weight_stats) {
            (Symptom::ExplodedWeights, Some(stats)) => {
                format!(
                    "has exploded weights, {} to {}",
                    significant(stats.min, 4),
                    significant(stats.max, 4)
                )
            }
            (Symptom::WorseThanMean, _) if result.gain.is_some_and(|gain| gain.upper > 0.0) => {
                "ranks below the mean, by less than the 95% interval can tell".to_owned()
            }
            _ => symptom.to_string(),
        });
    }
    parts.join("; ")
}

/// One word for a trained method, the worst first.
fn status(result: &MethodResult) -> Cell {
    let has = |of: fn(&Symptom) -> bool| result.symptoms.iter().any(of);
    if has(|symptom| symptom.is_collapse()) {
        Cell::verdict("collapsed", false)
    } else if has(|symptom| *symptom == Symptom::ExplodedWeights) {
        Cell::verdict("exploded", false)
    } else if has(|_| true) {
        Cell::verdict("below mean", false)
    } else {
        Cell::verdict("healthy", true)
    }
}

fn table(of: &TableReport) -> Vec<Section> {
    vec![quality(of), weights(of)]
}

fn quality(of: &TableReport) -> Section {
    let header =
        ["method", "AP", "AP - mean's", "95%", "ROC-AUC", "Brier", "log loss", "ECE", "best F1", "time"];
    let mut table = Table::new("", header);
    // Gains are over the plain mean of the same table, where that was among the methods.
    let mean = find(of, "mean").and_then(|result| result.cell.metrics.average_precision);
    for result in ordered(of) {
        let cell = &result.cell;
        let of_mean = mean.filter(|_| cell.method != "mean");
        let gain = cell.metrics.average_precision.zip(of_mean).map(|(own, mean)| own - mean);
        let collapsed = result.symptoms.iter().any(|symptom| symptom.is_collapse());
        let name = if collapsed { format!("{} (collapsed)", cell.method) } else { cell.method.clone() };
        table.push([
            Cell::from(name),
            Cell::from(small_or_dash(cell.metrics.average_precision, 2)),
            Cell::from(gain.map_or_else(String::new, |gain| signed(gain, 4))),
            Cell::from(result.gain.map_or_else(String::new, |gain| range(gain.lower, gain.upper, 3))),
            Cell::from(or_dash(cell.metrics.roc_auc, 4)),
            Cell::from(small_or_dash(cell.metrics.brier, 2)),
            Cell::from(small_or_dash(cell.metrics.log_loss, 2)),
            Cell::from(small_or_dash(cell.metrics.ece, 2)),
            Cell::from(small_or_dash(cell.metrics.best_f1, 2)),
            Cell::from(seconds(cell.seconds)),
        ]);
    }
    let how = match of.protocol {
        Protocol::HeldOut => {
            "Figures are those of the labeled rows outside the train split; brackets are 95% bootstrap intervals over these \
             rows."
                .to_owned()
        }
        Protocol::CrossValidated { folds } => format!(
            "No labeled rows lie outside the train split: figures are means over {folds} stratified folds, each scored by a \
             fit that did not see its labels."
        ),
    };
    let (labeled, positives) = of.labeled;
    Section::new(of.table.as_str())
        .text(format!(
            "{} classifiers, {} instances; {labeled} labeled to learn from ({positives} positive), {} scored ({} positive). \
             {how}",
            of.classifiers.len(),
            of.instances,
            of.scored.0,
            of.scored.1
        ))
        .list(of.warnings.clone())
        .table(table)
}

/// Statistics of the weights, and those of the trainers side by side.
fn weights(of: &TableReport) -> Section {
    let header = ["method", "std", "std / |mean|", "min", "max", "sum", "negative", "effective", "status"];
    let mut table = Table::new("", header);
    let drawn = |result: &&MethodResult| {
        Method::all().iter().any(|m| m.is_trained() && m.name() == result.cell.method)
    };
    for result in &of.methods {
        let Some(stats) = result.weight_stats else { continue };
        // Signs of collapse are defined for trained weights; a baseline's weights have statistics and no
        // verdict.
        let verdict = if drawn(&result) { status(result) } else { Cell::default() };
        table.push([
            Cell::from(result.cell.method.as_str()),
            Cell::from(fixed(stats.std, 4)),
            Cell::from(or_dash(stats.coefficient_of_variation, 3)),
            Cell::from(fixed(stats.min, 4)),
            Cell::from(fixed(stats.max, 4)),
            Cell::from(fixed(stats.sum, 3)),
            Cell::from(stats.n_negative.to_string()),
            Cell::from(fixed(stats.effective_classifiers, 2)),
            verdict,
        ]);
    }
    // Side by side, the weights of trained methods and of ours. Those of baselines have no such reading.
    let shown: Vec<(&MethodResult, &Vec<f64>)> = of
        .methods
        .iter()
        .filter(|r| drawn(r) || r.cell.method == FIRST)
        .filter_map(|r| Some((r, r.weights.as_ref()?)))
        .collect();
    let heads =
        std::iter::once("classifier").chain(shown.iter().map(|(result, _)| result.cell.method.as_str()));
    let mut each = Table::new("Weight of each classifier", heads);
    for (u, name) in of.classifiers.iter().enumerate() {
        let values = shown.iter().map(|(_, weights)| Cell::from(or_dash(weights.get(u).copied(), 4)));
        each.push(std::iter::once(Cell::from(name.as_str())).chain(values));
    }
    Section::new(format!("Weights on {}", of.table))
        .text(
            "The trainers weigh reconstructed probabilities, the recommended combiner standardized probabilities and log-odds, \
             nnls and the selections probabilities, nn_logistic log-odds: compare signs and shares, not sizes, between them. \
             The weights are those of a fit on all labeled rows of the train split.",
        )
        .table(table)
        .list(of.methods.iter().filter(|r| !r.symptoms.is_empty()).map(|r| format!("{} {}.", r.cell.method, complaint(r))).collect())
        .table(each)
        .figure("Weight of each classifier.", shown.iter().filter_map(|(result, weights)| bars(&of.classifiers, result, weights)).collect())
}

fn bars(names: &[String], result: &MethodResult, weights: &[f64]) -> Option<Panel> {
    let title = result.cell.method.as_str();
    let series: [(Ink, &str, &[f64]); 1] = [(Ink::Series(0), title, weights)];
    (weights.len() <= DRAWN).then(|| Panel::named_bars(title, "weight", names, &series, 3))
}

#[cfg(test)]
mod tests {
    use cf_ensemble::WeightStats;
    use cf_ensemble::metrics::MetricSummary;

    use super::*;
    use crate::report::{markdown, terminal};

    fn result(method: &str, average_precision: f64, weights: &[f64], symptoms: Vec<Symptom>) -> MethodResult {
        MethodResult {
            cell: over_data_sets::Cell {
                data_set: "mine.csv".into(),
                seed: 0,
                method: method.into(),
                train_positives: Some(21),
                metrics: MetricSummary::of_average_precision(average_precision),
                z_against_mean: None,
                seconds: 0.5,
            },
            gain: None,
            weights: Some(weights.to_vec()),
            weight_stats: WeightStats::new(weights),
            symptoms,
        }
    }

    fn results(methods: Vec<MethodResult>) -> TablesResults {
        let table = TableReport {
            table: "mine.csv".into(),
            instances: 100,
            classifiers: vec!["forest\u{1b}[31m".into(), "svm".into()],
            labeled: (50, 21),
            scored: (50, 20),
            protocol: Protocol::CrossValidated { folds: 5 },
            methods,
            warnings: vec!["a column was left out".into()],
        };
        TablesResults { version: "0", tables: vec![table], over_tables: None }
    }

    /// The weights and the average precision that were once called healthy.
    #[test]
    fn exploded_weights_and_a_ranking_below_the_mean_are_not_healthy() {
        let exploded = vec![Symptom::ExplodedWeights, Symptom::WorseThanMean];
        let results = results(vec![
            result("als", 0.55, &[0.2, 0.3], Vec::new()),
            result("als_exact", 0.31, &[-1858.0, 2510.0], exploded),
            result("als_unweighted", 0.4, &[-0.2, -0.3], vec![Symptom::NegativeWeights]),
            result("mean", 0.5, &[0.5, 0.5], Vec::new()),
        ]);
        let text = markdown::write(&document(&results));
        for part in [
            "- mine.csv: als\\_exact has exploded weights, -1858 to 2510; ranks worse than the mean.",
            "- mine.csv: als\\_unweighted collapsed (negative weights).",
            "| als | 0.0500 | 0.200 | 0.2000 | 0.3000 | 0.500 | 0 | 1.96 | healthy |",
            "| 1.98 | **exploded** |",
            "| als\\_unweighted (collapsed) | 0.4000 | -0.1000 |",
            "| 1.96 | **collapsed** |",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert_eq!(text.matches("healthy").count(), 1, "{text}");
    }

    #[test]
    fn the_document_says_how_it_was_scored_and_shows_no_escape_sequence() {
        let results = results(vec![result("mean", 0.5, &[0.5, 0.5], Vec::new())]);
        let text = terminal::write(&document(&results), 80);
        assert!(text.contains("5 stratified folds"), "{text}");
        assert!(text.contains("* a column was left out"), "{text}");
        assert!(!text.contains('\u{1b}') && text.contains(r"forest\u{1b}[31m"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
