//! The critical-difference diagram of mean ranks (Demsar, "Statistical Comparisons of Classifiers over
//! Multiple Data Sets", JMLR 2006, figure 1).

use super::markup::{CHARACTER, at as place, escape, push, rule, shortened, text};
use super::number::fixed;

/// Mean ranks on an axis; bars join what does not differ significantly.
#[derive(Debug, Clone, PartialEq)]
pub struct RankDiagram {
    title: String,
    /// (name, mean rank), ascending by rank.
    ranks: Vec<(String, f64)>,
    critical_difference: f64,
}

const AXIS: f64 = 66.0;
const ROW: f64 = 18.0;
const BAR: f64 = 7.0;

impl RankDiagram {
    /// Of names with their mean ranks; ranks that are not finite are left out.
    pub fn new(title: impl Into<String>, mut ranks: Vec<(String, f64)>, critical_difference: f64) -> Self {
        ranks.retain(|(_, rank)| rank.is_finite());
        ranks.sort_by(|a, b| a.1.total_cmp(&b.1));
        Self { title: title.into(), ranks, critical_difference }
    }

    /// Largest runs (first, last) of two or more whose mean ranks differ by less than the critical
    /// difference.
    ///
    /// ```
    /// use cfe_report::RankDiagram;
    /// let ranks = [("a", 1.2), ("b", 1.9), ("c", 2.9)].map(|(name, rank)| (name.to_owned(), rank));
    /// assert_eq!(RankDiagram::new("", ranks.to_vec(), 1.1).groups(), [(0, 1), (1, 2)]);
    /// ```
    pub fn groups(&self) -> Vec<(usize, usize)> {
        let mut groups: Vec<(usize, usize)> = Vec::new();
        for (first, (_, rank)) in self.ranks.iter().enumerate() {
            let close = |(_, other): &&(String, f64)| other - rank < self.critical_difference;
            // With a critical difference of 0 not even the method itself is taken, hence the 1. A run that
            // ends where the one before it ended lies inside that one.
            let last = first + self.ranks[first..].iter().take_while(close).count().max(1) - 1;
            if last > first && groups.last().is_none_or(|before| before.1 < last) {
                groups.push((first, last));
            }
        }
        groups
    }

    /// The diagram as an `svg` element of this width.
    pub fn draw(&self, width: f64) -> String {
        let k = self.ranks.len();
        // The better half is labeled on the left and the worse half on the right, the best and the worst in
        // the first row: no line then crosses another.
        let half = k.div_ceil(2);
        let groups = self.groups();
        let first_row = AXIS + 14.0 + BAR * groups.len() as f64;
        let height = first_row + ROW * half as f64;
        let longest = self.ranks.iter().map(|(name, _)| name.chars().count() + 5).max().unwrap_or(0);
        let margin = (longest as f64 * CHARACTER + 8.0).min(width * 0.36);
        let (left, right) = (margin, width - margin);
        let x = |rank: f64| left + (rank - 1.0) / (k as f64 - 1.0).max(1.0) * (right - left);
        let title = escape(&self.title);
        let mut out = format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">\n");
        text(&mut out, (4.0, 14.0), "start", "title", &shortened(&self.title, width - 8.0));
        rule(&mut out, "axis", (left, AXIS), (right, AXIS));
        for rank in 1..=k {
            let at = x(rank as f64);
            rule(&mut out, "axis", (at, AXIS - 4.0), (at, AXIS));
            text(&mut out, (at, AXIS - 7.0), "middle", "tick", &rank.to_string());
        }
        // The line above the axis shows how long the critical difference is.
        let end = x(1.0 + self.critical_difference).min(width - 4.0);
        rule(&mut out, "group", (left, AXIS - 28.0), (end, AXIS - 28.0));
        let difference = format!("critical difference {}", fixed(self.critical_difference, 2));
        text(&mut out, (left, AXIS - 33.0), "start", "tick", &difference);
        // A bar joins the methods of a group, which the test does not tell apart.
        for (row, (from, to)) in groups.iter().enumerate() {
            let y = AXIS + 7.0 + BAR * row as f64;
            rule(&mut out, "group", (x(self.ranks[*from].1) - 3.0, y), (x(self.ranks[*to].1) + 3.0, y));
        }
        for (index, (name, rank)) in self.ranks.iter().enumerate() {
            // Each name has a line down from its rank and then to the side.
            let on_left = index < half;
            let row = if on_left { index } else { k - 1 - index };
            let y = first_row + ROW * row as f64 + 5.0;
            let (edge, anchor) = if on_left { (left - 4.0, "end") } else { (right + 4.0, "start") };
            let path = format!(
                "{},{} {},{} {},{}",
                place(x(*rank)),
                place(AXIS),
                place(x(*rank)),
                place(y),
                place(edge),
                place(y)
            );
            push(&mut out, format_args!("<polyline class=\"line thin muted\" points=\"{path}\"/>"));
            let rank = fixed(*rank, 2);
            let name = shortened(name, margin - 8.0 - 5.0 * CHARACTER);
            let words = if on_left { format!("{name} {rank}") } else { format!("{rank} {name}") };
            text(&mut out, (if on_left { edge - 2.0 } else { edge + 2.0 }, y + 4.0), anchor, "label", &words);
        }
        out + "</svg>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagram(ranks: &[f64], difference: f64) -> RankDiagram {
        let ranks = ranks.iter().enumerate().map(|(k, rank)| (format!("<{k}>"), *rank)).collect();
        RankDiagram::new("t", ranks, difference)
    }

    #[test]
    fn groups_are_the_largest_runs() {
        assert_eq!(diagram(&[1.0, 2.0, 3.0], 0.5).groups(), []);
        assert_eq!(diagram(&[3.0, 1.0, 2.0], 5.0).groups(), [(0, 2)]);
        assert_eq!(diagram(&[1.0, 1.5, 2.1, 4.0], 1.0).groups(), [(0, 1), (1, 2)]);
    }

    #[test]
    fn every_name_is_there_and_every_number_finite() {
        let svg = diagram(&[1.5, 1.5, 3.0, 4.0, f64::NAN], 1.0).draw(crate::svg::HALF);
        for part in [
            "&lt;0&gt; 1.50",
            "&lt;1&gt; 1.50",
            "3.00 &lt;2&gt;",
            "4.00 &lt;3&gt;",
            "critical difference 1.00",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(!svg.contains("NaN"), "{svg}");
        assert!(diagram(&[], 1.0).draw(crate::svg::HALF).contains("</svg>"));
    }
}
