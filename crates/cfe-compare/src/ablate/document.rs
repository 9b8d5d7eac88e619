//! The ablation as a document.

use super::figure::Figure;
use super::summary::{
    ALPHA, Difference, FactorSummary, HeatMapSummary, HeatPanel, LevelSummary, Ranks, Summary, TIE_MARGIN,
    Within,
};
use crate::report::number::{fixed, or_dash, percent, range, signed};
use crate::report::{Cell, Document, HeatMap, RankDiagram, Section, Table};

/// Failures that are listed.
const LISTED: usize = 20;

/// The document of a summary.
pub(super) fn document(summary: &Summary) -> Document {
    let mut sections = vec![design(summary)];
    sections.extend(summary.factors.iter().map(factor));
    if !summary.heat_maps.is_empty() {
        sections.push(summary.heat_maps.iter().fold(Section::new("Two factors at once"), heat_map));
    }
    sections.push(associations(summary));
    if !summary.failures.is_empty() {
        sections.push(failures(summary));
    }
    Document {
        title: summary.title.clone(),
        answers: summary.factors.iter().flat_map(answers).collect(),
        sections,
    }
}

/// A sentence for each level against its reference; for long lists, the best by rank alone.
fn answers(factor: &FactorSummary) -> Vec<String> {
    let Some((reference, others)) = factor.levels.split_first() else { return Vec::new() };
    // A level without a single figure can never be the best one.
    let best = |levels: &[LevelSummary]| {
        let gain = |level: &LevelSummary| {
            level.average_precision.as_ref().map_or(f64::NEG_INFINITY, |d| d.interval.estimate)
        };
        levels.iter().max_by(|a, b| gain(a).total_cmp(&gain(b))).cloned()
    };
    // A sentence for each of many levels would bury the other factors.
    let chosen = if others.len() > 3 { best(others).into_iter().collect() } else { others.to_vec() };
    let sentence = |level: &LevelSummary| {
        // A level without a figure, as where every cell failed, has no sentence.
        let d = level.average_precision.as_ref()?;
        let (rate, before) = (collapse(level)?, collapse(reference)?);
        Some(format!(
            "{}: {} against {}: average precision {} {} (Wilcoxon's p {}, {} repetitions); {} of its cells collapse, against {}.",
            factor.name,
            level.name,
            reference.name,
            signed(d.interval.estimate, 4),
            range(d.interval.lower, d.interval.upper, 4),
            p_value(d.p),
            d.units,
            percent(rate, 1),
            percent(before, 1)
        ))
    };
    chosen.iter().filter_map(sentence).collect()
}

fn collapse(level: &LevelSummary) -> Option<f64> {
    level.means.get(Figure::Collapse.id()).copied().flatten()
}

fn design(summary: &Summary) -> Section {
    let factors = summary.factors.iter().map(|factor| {
        let names: Vec<&str> = factor.levels.iter().map(|level| level.name.as_str()).collect();
        format!("{}: {}", factor.name, names.join(", "))
    });
    let factors = factors.collect();
    let mut section = Section::new("Design");
    if !summary.question.is_empty() {
        section = section.text(summary.question.as_str());
    }
    section.list(factors).text(format!(
        "{} cells over {} seeds, {} failed. The first level of a factor is its reference. Figures are measured on instances whose labels training did not see; \
         probabilities are prior-corrected. A difference is paired: cells that differ in the factor alone, averaged over all \
         that was trained on the same data, so that a repetition is one drawing of data. Brackets are 95% bootstrap intervals \
         over repetitions, too narrow where these are few; p is Wilcoxon's, two-sided, not corrected for the number of tests. \
         A win or a loss differs by at least {TIE_MARGIN}. Collapsed means weights that sum to less than 0, constant \
         predictions, or a ranking that is inverted while that of the plain mean is not.",
        summary.cells,
        summary.seeds.len(),
        summary.failures.len()
    ))
}

fn factor(factor: &FactorSummary) -> Section {
    let levels = &factor.levels;
    let mut section = Section::new(factor.name.as_str())
        .table(quality(levels))
        .table(probabilities(levels))
        .table(weights(levels));
    if !factor.within.is_empty() {
        section = section.table(within(factor));
    }
    if let Some(ranks) = &factor.ranks {
        section = section
            .text(format!(
                "Friedman over {} repetitions: chi-square {}, p {}. Levels whose mean ranks differ by less than {} do not \
                 differ significantly (Nemenyi, {ALPHA}).",
                ranks.units,
                fixed(ranks.chi_square, 1),
                p_value(ranks.p),
                fixed(ranks.critical_difference, 2)
            ))
            .ranks("Mean ranks by average precision, 1 is best; a bar joins levels that do not differ significantly.", diagram(factor, ranks));
    }
    section
}

fn diagram(factor: &FactorSummary, ranks: &Ranks) -> RankDiagram {
    let names = factor.levels.iter().map(|level| level.name.clone());
    RankDiagram::new(
        factor.name.as_str(),
        names.zip(ranks.mean_ranks.iter().copied()).collect(),
        ranks.critical_difference,
    )
}

fn figure(level: &LevelSummary, figure: Figure, decimals: usize) -> Cell {
    Cell::from(or_dash(level.means.get(figure.id()).copied().flatten(), decimals))
}

fn quality(levels: &[LevelSummary]) -> Table {
    // Differences of the levels stand beside their figures, so that one row answers for a level.
    let header = [
        "level",
        "cells",
        "AP",
        "AP - mean's",
        "difference",
        "95%",
        "p",
        "win/tie/loss",
        "collapsed",
        "inverted",
    ];
    let mut table = Table::new("Average precision (AP)", header);
    for level in levels {
        let d = level.average_precision.as_ref();
        // The reference has no difference from itself.
        let cell_of = |text: &dyn Fn(&Difference) -> String| Cell::from(d.map_or_else(String::new, text));
        let cells = match level.failed {
            0 => level.cells.to_string(),
            failed => format!("{} ({failed} failed)", level.cells),
        };
        table.push([
            Cell::from(level.name.as_str()),
            Cell::from(cells),
            figure(level, Figure::AveragePrecision, 4),
            figure(level, Figure::ApGain, 4),
            cell_of(&|d| signed(d.interval.estimate, 4)),
            cell_of(&|d| range(d.interval.lower, d.interval.upper, 3)),
            cell_of(&|d| p_value(d.p)),
            cell_of(&|d| format!("{}/{}/{}", d.counts.wins, d.counts.ties, d.counts.losses)),
            share(level, Figure::Collapse),
            share(level, Figure::Inverted),
        ]);
    }
    table
}

fn probabilities(levels: &[LevelSummary]) -> Table {
    let header = ["level", "ROC-AUC", "log loss", "difference", "Brier", "ECE", "iterations"];
    let mut table = Table::new("Other figures", header);
    for level in levels {
        let difference = level.log_loss.as_ref().map(|d| signed(d.interval.estimate, 4));
        table.push([
            Cell::from(level.name.as_str()),
            figure(level, Figure::RocAuc, 4),
            figure(level, Figure::LogLoss, 4),
            Cell::from(difference.unwrap_or_default()),
            figure(level, Figure::Brier, 4),
            figure(level, Figure::Ece, 4),
            figure(level, Figure::Iterations, 1),
        ]);
    }
    table
}

/// A rate, marked where it is not 0.
fn share(level: &LevelSummary, figure: Figure) -> Cell {
    let Some(rate) = level.means.get(figure.id()).copied().flatten() else { return Cell::default() };
    let text = percent(rate, 1);
    if rate > 0.0 { Cell::verdict(text, false) } else { Cell::from(text) }
}

fn weights(levels: &[LevelSummary]) -> Table {
    let header = ["level", "std", "std ratio", "range", "largest", "std / |mean|", "effective", "negative"];
    let caption = "Weights; effective is the effective number of classifiers, the ratio a geometric mean";
    let mut table = Table::new(caption, header);
    for level in levels {
        table.push([
            Cell::from(level.name.as_str()),
            figure(level, Figure::WeightStd, 4),
            Cell::from(level.weight_std_ratio.map_or_else(String::new, |ratio| fixed(ratio, 2))),
            figure(level, Figure::WeightRange, 4),
            figure(level, Figure::WeightMax, 4),
            figure(level, Figure::WeightVariation, 3),
            figure(level, Figure::EffectiveClassifiers, 2),
            figure(level, Figure::NegativeWeights, 2),
        ]);
    }
    table
}

fn within(factor: &FactorSummary) -> Table {
    let places = factor.within.first().map_or(&[][..], |first| &first.of);
    let heads = places.iter().map(|(name, _)| name.as_str());
    let rest = ["level", "AP", "difference", "95%", "p", "weight std", "collapsed", "inverted"];
    let mut table = Table::new(format!("{} within other factors", factor.name), heads.chain(rest));
    for Within { of, levels } in &factor.within {
        for level in levels {
            // Each place has the levels in the order of the factor, its reference first and without a
            // difference.
            let d = level.average_precision.as_ref();
            let text = |text: &dyn Fn(&Difference) -> String| Cell::from(d.map_or_else(String::new, text));
            let place = of.iter().map(|(_, level)| Cell::from(level.as_str()));
            let row = [
                Cell::from(level.name.as_str()),
                figure(level, Figure::AveragePrecision, 4),
                text(&|d| signed(d.interval.estimate, 4)),
                text(&|d| range(d.interval.lower, d.interval.upper, 3)),
                text(&|d| p_value(d.p)),
                figure(level, Figure::WeightStd, 4),
                share(level, Figure::Collapse),
                share(level, Figure::Inverted),
            ];
            table.push(place.chain(row));
        }
    }
    table
}

fn p_value(p: f64) -> String {
    if p < 0.0001 { "<0.0001".to_owned() } else { fixed(p, 4) }
}

fn heat_map(section: Section, of: &HeatMapSummary) -> Section {
    // What is shown, in words: the figure, the ratio if it is one, and which cells take part.
    let mut what = of.map.figure.label().to_owned();
    if let Some(factor) = &of.map.ratio_of {
        what += &format!(", second level of {factor} by its first");
    }
    for (factor, levels) in &of.map.only {
        what += &format!(", {factor} {}", levels.names().join(" or "));
    }
    let (x, y) = (&of.map.x, &of.map.y);
    let title = |panel: &HeatPanel| match &of.map.panels {
        Some(factor) => format!("{what}; {factor} {}", panel.name),
        None => what.clone(),
    };
    // A ratio is compared with 1, and a gain in average precision with 0.
    let decimals = if of.map.ratio_of.is_some() { 1 } else { 3 };
    let section = of.panels.iter().fold(section, |section, panel| {
        let header = std::iter::once(format!("{y} \\ {x}")).chain(of.columns.iter().cloned());
        let mut table = Table::new(title(panel), header);
        for (row, values) in of.rows.iter().zip(&panel.values) {
            let values = values.iter().map(|value| Cell::from(or_dash(*value, decimals)));
            table.push(std::iter::once(Cell::from(row.as_str())).chain(values));
        }
        section.table(table)
    });
    // The values of the tables once more, as colors. The center is where nothing changes: a ratio of 1, a
    // gain of 0.
    let maps = of.panels.iter().map(|panel| HeatMap {
        title: if panel.name.is_empty() { what.clone() } else { panel.name.clone() },
        x: x.clone(),
        y: y.clone(),
        columns: of.columns.clone(),
        rows: of.rows.clone(),
        values: panel.values.clone(),
        decimals,
        center: of.map.ratio_of.is_some().then_some(1.0).or((of.map.figure == Figure::ApGain).then_some(0.0)),
    });
    section.heat_maps(format!("{what}, by {x} and {y}."), maps.collect())
}

fn associations(summary: &Summary) -> Section {
    let mut table =
        Table::new("", ["figure", "cells", "how many", "overall", "on the same data", "95%", "data sets"]);
    for of in &summary.associations {
        table.push([
            Cell::from(of.figure.label()),
            Cell::from(if of.healthy_only { "not collapsed" } else { "all" }),
            Cell::from(of.cells.to_string()),
            Cell::from(of.overall.map_or_else(|| "-".to_owned(), |rho| signed(rho, 2))),
            Cell::from(of.within.map_or_else(|| "-".to_owned(), |rho| signed(rho.estimate, 2))),
            Cell::from(of.within.map_or_else(String::new, |rho| range(rho.lower, rho.upper, 2))),
            Cell::from(of.data_sets.to_string()),
        ]);
    }
    Section::new("Does the spread of the weights tell the quality?")
        .text(
            "Spearman's rank correlation of figures of the weights with the gain in average precision over the plain mean: over \
             all cells, and as the mean of the correlations among cells that were trained on the same data.",
        )
        .table(table)
}

fn failures(summary: &Summary) -> Section {
    let mut items: Vec<String> = summary
        .failures
        .iter()
        .take(LISTED)
        .map(|failure| format!("{}: {}", failure.cell, failure.error))
        .collect();
    if summary.failures.len() > LISTED {
        items.push(format!("and {} more, in results.csv", summary.failures.len() - LISTED));
    }
    Section::new("Failed cells").list(items)
}
