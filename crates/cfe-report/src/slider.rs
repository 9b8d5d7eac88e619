//! A threshold that the reader moves: what each one calls, and what that costs.

use super::markup::{escape, push};
use super::number::{fixed, significant};
use super::{Cell, Table};

/// Thresholds that a page holds at most: more than a slider has steps on a screen.
const MOST: usize = 400;
/// Thresholds in the table that stands for the slider in text.
const IN_TEXT: usize = 7;

/// The script that moves every slider of a page.
pub(crate) const SCRIPT: &str = include_str!("slider.js");

/// A slider over the thresholds of some labeled rows, with what each threshold does to them.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdSlider {
    /// Says whose rows these are.
    pub caption: String,
    /// Weight of the positives, and of the negatives; their number where nothing is weighted.
    positives: f64,
    negatives: f64,
    is_weighted: bool,
    /// Cost of a false alarm, and of a missed positive.
    costs: (f64, f64),
    /// Ascending by threshold, so descending by what is called.
    points: Vec<Point>,
    /// The one that is shown first.
    chosen: usize,
}

/// What one threshold does: rows with this probability or more are called positive.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    threshold: f64,
    hits: f64,
    false_alarms: f64,
}

/// The figures of one position of the slider.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtThreshold {
    /// The threshold: a row is called positive from this probability on.
    pub threshold: f64,
    /// Weight of the rows called positive; their number where nothing is weighted.
    pub called: f64,
    /// Share of positives among the called; `None` if no row is called.
    pub precision: Option<f64>,
    /// Share of the positives that are called; `None` without positives.
    pub recall: Option<f64>,
    /// Total cost of false alarms and missed positives.
    pub cost: f64,
}

impl ThresholdSlider {
    /// Of `probabilities` (n, 0 to 1) against `labels` (n), beginning at the threshold `chosen`.
    ///
    /// `costs` are those of a false alarm and of a missed positive. Of many distinct probabilities about 400
    /// are kept, evenly over the ranks of the positives, and `chosen` among them.
    ///
    /// # Panics
    /// If labels and probabilities differ in number.
    pub fn new(
        caption: impl Into<String>,
        labels: &[bool],
        probabilities: &[f64],
        chosen: f64,
        costs: (f64, f64),
    ) -> Self {
        Self::weighted(caption, labels, None, probabilities, chosen, costs)
    }

    /// As [`new`](Self::new), with weights of the rows (n, finite and at least 0; `None` is 1 each): weights are
    /// added up in place of rows.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn weighted(
        caption: impl Into<String>,
        labels: &[bool],
        weights: Option<&[f64]>,
        probabilities: &[f64],
        chosen: f64,
        costs: (f64, f64),
    ) -> Self {
        assert_eq!(labels.len(), probabilities.len(), "one label for each probability");
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        // A row without a probability is called by no threshold, and counts nowhere.
        let mut order: Vec<usize> = (0..labels.len()).filter(|&row| !probabilities[row].is_nan()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        // Added up in one order everywhere, so that equal sums have equal bits.
        let sum_of = |class: bool, least: f64| -> f64 {
            let called = order.iter().take_while(|&&row| probabilities[row] >= least);
            called.filter(|&&row| labels[row] == class).map(|&row| weight(row)).sum()
        };
        let (positives, negatives) = (sum_of(true, f64::NEG_INFINITY), sum_of(false, f64::NEG_INFINITY));
        let counts = |threshold: f64| Point {
            threshold,
            hits: sum_of(true, threshold),
            false_alarms: sum_of(false, threshold),
        };
        // Every distinct probability is a threshold of its own, the highest first.
        let (mut all, mut hits, mut false_alarms) = (Vec::new(), 0.0, 0.0);
        for (position, &row) in order.iter().enumerate() {
            if labels[row] {
                hits += weight(row)
            } else {
                false_alarms += weight(row)
            }
            let threshold = probabilities[row];
            if order.get(position + 1).is_none_or(|&next| probabilities[next] != threshold) {
                all.push(Point { threshold, hits, false_alarms });
            }
        }
        let mut points = thinned(all);
        // A threshold need not be a probability of these rows.
        let is_chosen =
            |point: &Point| point.threshold == chosen || point.threshold.is_nan() && chosen.is_nan();
        if !points.iter().any(is_chosen) {
            points.push(counts(chosen));
        }
        points.sort_by(|a, b| a.threshold.total_cmp(&b.threshold));
        let chosen = points.iter().position(is_chosen).expect("put in above");
        let is_weighted = weights.is_some();
        Self { caption: caption.into(), positives, negatives, is_weighted, costs, points, chosen }
    }

    /// Number of positions.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Never: the chosen threshold is always there.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The position that is shown first.
    pub fn chosen(&self) -> usize {
        self.chosen
    }

    /// The figures at a position, from 0 at the lowest threshold.
    ///
    /// # Panics
    /// If there is no such position.
    pub fn at(&self, position: usize) -> AtThreshold {
        let Point { threshold, hits, false_alarms } = self.points[position];
        let called = hits + false_alarms;
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let (false_alarm, miss) = self.costs;
        AtThreshold {
            threshold,
            called,
            precision: share(hits, called),
            recall: share(hits, self.positives),
            cost: false_alarm * false_alarms + miss * (self.positives - hits),
        }
    }

    /// Some positions as a table, the chosen one among them: what text shows instead of the slider.
    pub fn table(&self) -> Table {
        // The positions shown lie at equal distances, and both ends are among them.
        let step = (self.len().max(2) - 1) as f64 / (IN_TEXT - 1) as f64;
        let mut shown: Vec<usize> =
            (0..IN_TEXT).map(|k| ((k as f64 * step).round() as usize).min(self.len() - 1)).collect();
        shown.push(self.chosen);
        shown.sort_unstable();
        shown.dedup();
        let mut table =
            Table::new(self.caption.as_str(), ["threshold", "called", "precision", "recall", "cost"]);
        for position in shown {
            let at = self.at(position);
            let mark = if position == self.chosen { " (chosen)" } else { "" };
            let share = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| fixed(value, 3));
            table.push([
                Cell::from(format!("{}{mark}", significant(at.threshold, 4))),
                Cell::from(amount(at.called)),
                Cell::from(share(at.precision)),
                Cell::from(share(at.recall)),
                Cell::from(significant(at.cost, 6)),
            ]);
        }
        table
    }

    /// The slider as HTML. Its data are inside; [`SCRIPT`] moves it, and without a script it shows the chosen
    /// threshold.
    pub(crate) fn draw(&self) -> String {
        let at = self.at(self.chosen);
        let share = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| fixed(value, 3));
        let mut out = String::from("<figure class=\"slider\">\n");
        push(&mut out, format_args!("<figcaption>{}</figcaption>", escape(&self.caption)));
        push(
            &mut out,
            format_args!(
                "<label>Threshold <output data-show=\"threshold\">{}</output>\n<input type=\"range\" min=\"0\" \
                 max=\"{}\" step=\"1\" value=\"{}\"></label>",
                shortest(at.threshold, 4),
                self.len() - 1,
                self.chosen
            ),
        );
        out += "<dl>\n";
        for (key, name, value) in [
            ("precision", "precision", share(at.precision)),
            ("recall", "recall", share(at.recall)),
            ("called", if self.is_weighted { "weight called" } else { "rows called" }, amount(at.called)),
            ("cost", "cost", shortest(at.cost, 6)),
        ] {
            push(&mut out, format_args!("<div><dt>{name}</dt><dd data-show=\"{key}\">{value}</dd></div>"));
        }
        out += "</dl>\n";
        let (false_alarm, miss) = self.costs;
        let words = if self.is_weighted {
            "Of the weight {} of the labeled rows {} is positive"
        } else {
            "Of {} labeled rows {} are positive"
        };
        let (all, positive) = (amount(self.positives + self.negatives), amount(self.positives));
        let words = words.replacen("{}", &all, 1).replacen("{}", &positive, 1);
        push(
            &mut out,
            format_args!(
                "<p class=\"note\">{words}. A false alarm costs <input type=\"number\" \
                 data-cost=\"alarm\" min=\"0\" step=\"any\" value=\"{false_alarm}\" aria-label=\"cost of a false \
                 alarm\">, a missed positive <input type=\"number\" data-cost=\"miss\" min=\"0\" step=\"any\" \
                 value=\"{miss}\" aria-label=\"cost of a missed positive\">.</p>"
            ),
        );
        push(&mut out, format_args!("<script type=\"application/json\">{}</script>", self.data()));
        out + "</figure>\n"
    }

    /// What the script reads: numbers alone, so that nothing in it can be taken for markup.
    fn data(&self) -> String {
        let points: Vec<String> = self
            .points
            .iter()
            // The debug form has the shortest digits that give the same number back.
            .map(|point| format!("[{:?},{},{}]", point.threshold, point.hits, point.false_alarms))
            .collect();
        format!("{{\"positives\":{},\"points\":[{}]}}", self.positives, points.join(","))
    }
}

/// A number of rows, or a sum of weights with one decimal at most, as the script writes it.
fn amount(value: f64) -> String {
    let rounded: f64 = format!("{value:.1}").parse().expect("a number that was just written");
    rounded.to_string()
}

/// Rounded to so many significant digits and without zeros at the end, as the script writes it.
fn shortest(value: f64, digits: usize) -> String {
    let rounded: f64 = format!("{value:.*e}", digits - 1).parse().expect("a number that was just written");
    rounded.to_string()
}

/// At most about [`MOST`] points, evenly over the positives that are called and, between these, over the
/// others.
fn thinned(all: Vec<Point>) -> Vec<Point> {
    if all.len() <= MOST {
        return all;
    }
    // Half of the points go to equal steps over all thresholds, the other half to equal steps over the
    // positives.
    let last = all.last().map_or(0.0, |point| point.hits);
    let last = if last > 0.0 { last } else { 1.0 };
    let half = MOST / 2;
    let mut kept = Vec::with_capacity(MOST);
    let mut next_hits = 0.0;
    for (position, point) in all.iter().enumerate() {
        let by_rank = (position + 1) * half / all.len() > position * half / all.len();
        let by_hits = point.hits * half as f64 >= next_hits * last;
        if by_rank || by_hits || position == 0 {
            kept.push(*point);
            next_hits = (point.hits * half as f64 / last).floor() + 1.0;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Section, html};

    /// Ten rows, four positive.
    fn slider() -> ThresholdSlider {
        let labels = [true, true, false, true, false, false, true, false, false, false];
        let probabilities = [0.9, 0.8, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0];
        ThresholdSlider::new("held-out <rows>", &labels, &probabilities, 0.55, (1.0, 5.0))
    }

    #[test]
    fn the_figures_are_those_of_the_confusion() {
        let slider = slider();
        // Nine distinct probabilities and the chosen threshold.
        assert_eq!(slider.len(), 10);
        let chosen = slider.at(slider.chosen());
        assert_eq!((chosen.threshold, chosen.called), (0.55, 4.0));
        assert_eq!((chosen.precision, chosen.recall), (Some(0.75), Some(0.75)));
        assert_eq!(chosen.cost, 1.0 + 5.0);
        let all = slider.at(0);
        assert_eq!((all.called, all.precision, all.recall, all.cost), (10.0, Some(0.4), Some(1.0), 6.0));
        let highest = slider.at(slider.len() - 1);
        assert_eq!(
            (highest.called, highest.precision, highest.recall, highest.cost),
            (1.0, Some(1.0), Some(0.25), 15.0)
        );
    }

    #[test]
    fn a_row_of_weight_two_is_two_rows() {
        let labels = [true, false, true, false, false];
        let probabilities = [0.9, 0.7, 0.4, 0.2, 0.1];
        let weights = [2.0, 1.0, 1.0, 2.0, 0.0];
        let of = |labels: &[bool], weights: Option<&[f64]>, p: &[f64]| {
            ThresholdSlider::weighted("rows", labels, weights, p, 0.4, (1.0, 5.0))
        };
        let weighted = of(&labels, Some(&weights), &probabilities);
        let twice = of(&[true, true, false, true, false, false], None, &[0.9, 0.9, 0.7, 0.4, 0.2, 0.2]);
        for position in 0..twice.len() {
            // The row of weight 0 is one more threshold, the lowest, and changes no figure.
            assert_eq!(weighted.at(position + 1), twice.at(position));
        }
        assert_eq!(weighted.at(0).called, 6.0);
        assert!(weighted.draw().contains("weight called") && weighted.draw().contains("Of the weight 6 of"));
    }

    #[test]
    fn a_threshold_above_all_calls_nothing() {
        let slider = ThresholdSlider::new("", &[true, false], &[0.4, 0.3], 1.0, (1.0, 1.0));
        let at = slider.at(slider.chosen());
        assert_eq!((at.called, at.precision, at.recall, at.cost), (0.0, None, Some(0.0), 1.0));
    }

    #[test]
    fn many_thresholds_are_thinned_with_the_chosen_one_kept() {
        let n = 100_000;
        let probabilities: Vec<f64> = (0..n).map(|k| f64::from(k) / f64::from(n)).collect();
        let labels: Vec<bool> = (0..n).map(|k| k % 1000 == 999).collect();
        let slider = ThresholdSlider::new("", &labels, &probabilities, 0.123_45, (1.0, 1.0));
        assert!(slider.len() > 100 && slider.len() <= MOST + 2, "{}", slider.len());
        assert_eq!(slider.at(slider.chosen()).threshold, 0.123_45);
        assert_eq!(slider.at(0).called, f64::from(n));
        for position in 0..slider.len() {
            let at = slider.at(position);
            let called = probabilities.iter().filter(|p| **p >= at.threshold).count();
            assert_eq!(at.called, called as f64, "at {}", at.threshold);
        }
    }

    #[test]
    fn text_has_a_table_and_the_page_its_data_and_one_script() {
        let document = Document {
            title: "t".into(),
            sections: vec![Section::new("Where to cut?").slider(slider()).slider(slider())],
            ..Document::default()
        };
        let text = crate::terminal::write(&document, 80);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.lines().any(|line| words(line) == "0.5500 (chosen) 4 0.750 0.750 6.00000"), "{text}");
        let page = html::write(&document, "");
        assert_eq!(page.matches("addEventListener").count(), 1, "one script for all sliders");
        assert_eq!(page.matches("[0.55,3,1]").count(), 2);
        assert!(page.contains("held-out &lt;rows&gt;"));
        assert!(page.contains("data-show=\"threshold\">0.55<") && page.contains("data-show=\"cost\">6<"));
        assert_eq!([shortest(0.123_456, 4), shortest(1_234_567.0, 6)], ["0.1235", "1234570"]);
    }
}
