//! Charts as data: axes, and marks on them. [`super::svg`] draws them.

use super::markup::{CHARACTER, HALF};

/// A color by its role; the page decides which one it is, in light and in dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ink {
    /// Series `k` of the chart, told apart by color and by its label.
    Series(u8),
    /// Context: grid-like, secondary.
    Muted,
}

/// How strongly a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stroke {
    /// One of many.
    Thin,
    /// The line that is meant.
    #[default]
    Normal,
    /// Told apart from another of the same color.
    Dashed,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Quantity, with its unit.
    pub title: String,
    /// Values shown.
    pub domain: (f64, f64),
    /// Base-10 logarithm.
    pub log: bool,
    /// Ticks that are not numbers, such as names.
    pub ticks: Option<Vec<(f64, String)>>,
}

impl Axis {
    /// A linear axis over `domain`.
    pub fn linear(title: impl Into<String>, domain: (f64, f64)) -> Self {
        Self { title: title.into(), domain, log: false, ticks: None }
    }

    /// A logarithmic axis over `domain`.
    pub fn log(title: impl Into<String>, domain: (f64, f64)) -> Self {
        Self { log: true, ..Self::linear(title, domain) }
    }

    /// An axis of names, at 0, 1, 2, ...
    pub fn names(title: impl Into<String>, names: impl IntoIterator<Item = String>) -> Self {
        let ticks: Vec<_> = names.into_iter().enumerate().map(|(k, name)| (k as f64, name)).collect();
        let end = ticks.len() as f64 - 0.5;
        Self { ticks: Some(ticks), ..Self::linear(title, (-0.5, end)) }
    }
}

/// A bar from the base line of its chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Left edge on the x axis.
    pub from: f64,
    /// Right edge.
    pub to: f64,
    /// Height: ends here, begins at 0.
    pub value: f64,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line through points, with a label at its end.
    Line {
        /// (x, y).
        points: Vec<(f64, f64)>,
        /// Color.
        ink: Ink,
        /// Strength.
        stroke: Stroke,
        /// Text at the right end.
        label: Option<String>,
    },
    /// Bars from 0.
    Bars {
        /// The bars.
        bars: Vec<Bar>,
        /// Color.
        ink: Ink,
    },
    /// Bars that lie, from 0 on the x axis, with a text at the end of each: `from` and `to` are on the y
    /// axis.
    LyingBars {
        /// The bars.
        bars: Vec<Bar>,
        /// Color.
        ink: Ink,
        /// A text for each bar; none, or as many as there are bars.
        texts: Vec<String>,
    },
    /// A horizontal line over the whole width, with its text above the right end.
    Rule {
        /// Where.
        y: f64,
        /// What it means.
        text: String,
    },
    /// A vertical line over the whole height, with its text at the top.
    VerticalRule {
        /// Where.
        x: f64,
        /// What it means.
        text: String,
    },
    /// Text at a point, beginning there.
    Text {
        /// (x, y).
        at: (f64, f64),
        /// The text.
        text: String,
        /// Color.
        ink: Ink,
        /// Ends at the point instead.
        end: bool,
    },
}

/// One chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Short heading.
    pub title: String,
    /// Names of the series, shown as a key of one line under the heading where no direct label fits.
    pub key: Vec<(Ink, String)>,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Marks, the first at the bottom.
    pub marks: Vec<Mark>,
}

impl Panel {
    /// An empty chart.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), key: Vec::new(), x, y, marks: Vec::new() }
    }

    /// Names a series in the key.
    #[must_use]
    pub fn keyed(mut self, ink: Ink, name: impl Into<String>) -> Self {
        self.key.push((ink, name.into()));
        self
    }

    /// Adds a line.
    #[must_use]
    pub fn line(mut self, points: Vec<(f64, f64)>, ink: Ink, stroke: Stroke, label: Option<String>) -> Self {
        self.marks.push(Mark::Line { points, ink, stroke, label });
        self
    }

    /// Adds a staircase through points: horizontal to the next x, then vertical.
    #[must_use]
    pub fn steps(self, points: &[(f64, f64)], ink: Ink, stroke: Stroke, label: Option<String>) -> Self {
        let mut stairs = Vec::with_capacity(2 * points.len());
        for (k, &(x, y)) in points.iter().enumerate() {
            if k > 0 {
                stairs.push((x, points[k - 1].1));
            }
            stairs.push((x, y));
        }
        self.line(stairs, ink, stroke, label)
    }

    /// Adds bars.
    #[must_use]
    pub fn bars(mut self, bars: Vec<Bar>, ink: Ink) -> Self {
        self.marks.push(Mark::Bars { bars, ink });
        self
    }

    /// A chart of lying bars: one row for each name, the first at the top, and in it one bar for each of
    /// `series`.
    ///
    /// Each bar has its value written at its end, to so many significant digits. A series is (color, name,
    /// values); one that is alone needs no key.
    pub fn named_bars(
        title: impl Into<String>,
        quantity: impl Into<String>,
        names: &[String],
        series: &[(Ink, &str, &[f64])],
        digits: usize,
    ) -> Self {
        // Bars begin at 0, so that 0 belongs to the axis even where no value is near it.
        let (low, high) = extent(series.iter().flat_map(|(_, _, values)| values.iter().copied()));
        let (low, high) = (low.min(0.0), high.max(0.0));
        let text = |value: f64| super::number::significant(value, digits);
        let longest =
            series.iter().flat_map(|(_, _, values)| values.iter().map(|value| text(*value).chars().count()));
        // The texts at the ends of the bars need room on the sides that bars are on: a share of a chart of
        // half a page.
        let share = (longest.max().unwrap_or(0) as f64 * CHARACTER + 8.0) / (HALF * 0.7);
        let sides = f64::from(u8::from(low < 0.0)) + f64::from(u8::from(high > 0.0));
        // The room widens the domain that it is a share of: room = share (high - low + sides room).
        let room = share.min(0.3) / (1.0 - sides * share.min(0.3)) * (high - low).max(f64::MIN_POSITIVE);
        let domain = (if low < 0.0 { low - room } else { low }, if high > 0.0 { high + room } else { high });
        let top_down = names.iter().rev().cloned();
        let mut panel = Self::new(title, Axis::linear(quantity, domain), Axis::names("", top_down));
        // The bars of a row share four fifths of it, the first series at the top.
        let thickness = 0.8 / series.len().max(1) as f64;
        for (lane, (ink, name, values)) in series.iter().enumerate() {
            let upper = 0.4 - lane as f64 * thickness;
            let bar = |(row, value): (usize, &f64)| {
                // Names count from the bottom of the axis, and rows from the top.
                let middle = (names.len() - 1 - row) as f64;
                Bar { from: middle + upper - thickness, to: middle + upper, value: *value }
            };
            let texts = values.iter().map(|value| text(*value)).collect();
            let bars = values.iter().take(names.len()).enumerate().map(bar).collect();
            panel.marks.push(Mark::LyingBars { bars, ink: *ink, texts });
            if series.len() > 1 {
                panel = panel.keyed(*ink, *name);
            }
        }
        // The line that all bars begin at.
        panel.vertical_rule(0.0, "")
    }

    /// An empty chart for precision-recall curves (see [`precision_recall_steps`]), with the precision of a
    /// random ranking, which is the share of positives.
    pub fn precision_recall(title: impl Into<String>, prevalence: f64) -> Self {
        let x = Axis::linear("recall", (0.0, 1.0));
        let words = format!("random ranking: {}", super::number::significant(prevalence, 3));
        Self::new(title, x, Axis::linear("precision", (0.0, 1.05))).rule(prevalence, words)
    }

    /// Adds a histogram of `values`: the share of them in each of the equal bins of `width`, from a multiple
    /// of it.
    #[must_use]
    pub fn histogram(self, values: &[f64], width: f64, ink: Ink) -> Self {
        self.bars(histogram(values, width), ink)
    }

    /// Adds a horizontal line with a meaning.
    #[must_use]
    pub fn rule(mut self, y: f64, text: impl Into<String>) -> Self {
        self.marks.push(Mark::Rule { y, text: text.into() });
        self
    }

    /// Adds a vertical line with a meaning.
    #[must_use]
    pub fn vertical_rule(mut self, x: f64, text: impl Into<String>) -> Self {
        self.marks.push(Mark::VerticalRule { x, text: text.into() });
        self
    }

    /// Adds text that begins, or ends, at a point.
    #[must_use]
    pub fn text(mut self, at: (f64, f64), text: impl Into<String>, ink: Ink, end: bool) -> Self {
        self.marks.push(Mark::Text { at, text: text.into(), ink, end });
        self
    }
}

/// The points of a precision-recall curve as steps whose area is the average precision: (recall, precision)
/// from recall 0 to the first threshold that finds every positive.
///
/// `precision` and `recall` are those of ascending thresholds. A last point at recall 0, which scikit-learn
/// adds by definition, may follow or not.
pub fn precision_recall_steps(precision: &[f64], recall: &[f64]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut before = 0.0;
    // Ascending thresholds have falling recall, so the way back goes from recall 0 upward.
    for (&recall, &precision) in recall.iter().zip(precision).rev() {
        if recall <= before {
            continue;
        }
        // The precision of a threshold holds over the recall that it adds.
        points.push((before, precision));
        before = recall;
        if recall >= 1.0 {
            points.push((recall, precision));
            break;
        }
    }
    points
}

/// Share of the values in each occupied bin [k width, (k + 1) width).
pub fn histogram(values: &[f64], width: f64) -> Vec<Bar> {
    // Bins are counted by their whole number k, so that histograms of different values share their edges.
    let mut counts = std::collections::BTreeMap::<i64, usize>::new();
    for value in values.iter().filter(|value| value.is_finite()) {
        *counts.entry((value / width).floor() as i64).or_default() += 1;
    }
    let edge = |k: i64| k as f64 * width;
    let share = |count: usize| count as f64 / values.len() as f64;
    counts.into_iter().map(|(k, n)| Bar { from: edge(k), to: edge(k + 1), value: share(n) }).collect()
}

/// Smallest and largest of the finite values; (0, 1) if there are none.
pub fn extent(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_the_steps_is_the_average_precision() {
        // Labels by descending score: 1, 0, 1; thresholds ascending, and the point that is there by
        // definition.
        let steps = precision_recall_steps(&[2.0 / 3.0, 0.5, 1.0, 1.0], &[1.0, 0.5, 0.5, 0.0]);
        assert_eq!(steps, [(0.0, 1.0), (0.5, 2.0 / 3.0), (1.0, 2.0 / 3.0)]);
        let area: f64 = steps.windows(2).map(|pair| (pair[1].0 - pair[0].0) * pair[0].1).sum();
        assert!((area - (0.5 + 1.0 / 3.0)).abs() < 1e-15);
    }

    #[test]
    fn named_bars_begin_at_the_top_and_do_not_overlap() {
        let names = ["a", "b"].map(str::to_owned);
        let series: [(Ink, &str, &[f64]); 2] =
            [(Ink::Series(0), "x", &[1.0, -2.0]), (Ink::Series(1), "y", &[3.0, 4.0])];
        let panel = Panel::named_bars("t", "weight", &names, &series, 1);
        let ticks: Vec<&str> = panel.y.ticks.iter().flatten().map(|tick| tick.1.as_str()).collect();
        assert_eq!(ticks, ["b", "a"]);
        assert!(panel.x.domain.0 < -2.0 && panel.x.domain.1 > 4.0, "room for the texts");
        let all: Vec<&Bar> = panel
            .marks
            .iter()
            .flat_map(|mark| match mark {
                Mark::LyingBars { bars, .. } => bars.iter().collect(),
                _ => Vec::new(),
            })
            .collect();
        assert_eq!(all.len(), 4);
        assert!(all[0].from > 0.5 && all[0].value == 1.0, "the first name is at the top: {all:?}");
        assert!(all[0].from > all[2].to - 1e-9, "lanes lie below each other: {all:?}");
    }

    #[test]
    fn shares_of_a_histogram_sum_to_one() {
        let bars = histogram(&[0.11, 0.12, 0.25, 0.31], 0.1);
        assert_eq!(bars.iter().map(|bar| bar.value).collect::<Vec<_>>(), [0.5, 0.25, 0.25]);
        assert!((bars[0].from - 0.1).abs() < 1e-15 && (bars[0].to - 0.2).abs() < 1e-15);
        assert!(histogram(&[], 0.1).is_empty());
    }

    #[test]
    fn steps_go_sideways_first() {
        let axis = || Axis::linear("", (0.0, 1.0));
        let panel =
            Panel::new("", axis(), axis()).steps(&[(0.0, 1.0), (1.0, 0.0)], Ink::Muted, Stroke::Normal, None);
        let Mark::Line { points, .. } = &panel.marks[0] else { panic!("a line") };
        assert_eq!(points, &[(0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]);
    }

    #[test]
    fn extents_ignore_what_is_not_finite() {
        assert_eq!(extent([1.0, f64::NAN, -2.0, f64::INFINITY]), (-2.0, 1.0));
        assert_eq!(extent([]), (0.0, 1.0));
    }
}
