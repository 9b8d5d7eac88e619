//! Charts as data: axes, and marks on them. [`super::svg`] draws them.

/// A colour by its role; the page decides which one it is, in light and in dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ink {
    /// Series `k` of the chart, told apart by colour and by its label.
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
    /// Told apart from another of the same colour.
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
    /// Ticks that are no numbers, such as names.
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
        /// Colour.
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
        /// Colour.
        ink: Ink,
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
        /// Colour.
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

    /// Adds a histogram of `values`: the share of them in each of the equal bins of `width`, from a multiple of it.
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

/// Share of the values in each occupied bin [k width, (k + 1) width).
pub fn histogram(values: &[f64], width: f64) -> Vec<Bar> {
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
