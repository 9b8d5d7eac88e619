//! Heat maps: a value for each pair of levels.

use super::markup::{CHARACTER, at as place, escape, push, shortened, text};
use super::number::fixed;

/// A value for each row and column, written out and shaded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeatMap {
    /// Short heading.
    pub title: String,
    /// What the columns are.
    pub x: String,
    /// What the rows are.
    pub y: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Rows of values; `None` stays empty.
    pub values: Vec<Vec<Option<f64>>>,
    /// Decimals shown.
    pub decimals: usize,
    /// Values above and below this have colors of their own, the stronger the farther; without it, the larger
    /// the stronger.
    pub center: Option<f64>,
}

const TOP: f64 = 42.0;
const ROW: f64 = 26.0;
const BOTTOM: f64 = 40.0;
/// The strongest shade still lets the text be read, in light and in dark.
const STRONGEST: f64 = 0.6;

impl HeatMap {
    /// The map as an `svg` element of this width.
    pub fn draw(&self, whole: f64) -> String {
        let height = TOP + ROW * self.rows.len() as f64 + BOTTOM;
        let names = self.rows.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        // Names of rows take the room they need, up to two fifths; the tiles share what is left.
        let left = (names as f64 * CHARACTER + 12.0).clamp(40.0, whole / 2.5);
        let width = (whole - left - 4.0) / self.columns.len().max(1) as f64;
        let title = escape(&self.title);
        let mut out = format!("<svg viewBox=\"0 0 {whole} {height}\" role=\"img\" aria-label=\"{title}\">\n");
        text(&mut out, (4.0, 14.0), "start", "title", &shortened(&self.title, whole - 8.0));
        text(&mut out, (4.0, TOP - 8.0), "start", "axis-title", &self.y);
        for (row, (name, values)) in self.rows.iter().zip(&self.values).enumerate() {
            let top = TOP + ROW * row as f64;
            text(&mut out, (left - 6.0, top + 17.0), "end", "tick", &shortened(name, left - 8.0));
            for (column, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    self.tile(&mut out, (left + width * column as f64, top), width, *value);
                }
            }
        }
        for (column, name) in self.columns.iter().enumerate() {
            let at = (left + width * (column as f64 + 0.5), height - BOTTOM + 14.0);
            text(&mut out, at, "middle", "tick", &shortened(name, width));
        }
        text(&mut out, ((left + whole) / 2.0, height - 8.0), "middle", "axis-title", &self.x);
        out + "</svg>\n"
    }

    fn tile(&self, out: &mut String, (x, y): (f64, f64), width: f64, value: f64) {
        let (class, share) = self.shade(value);
        let opacity = fixed(share * STRONGEST, 3);
        let (w, h) = (place(width - 1.5), place(ROW - 1.5));
        let corner = format!("x=\"{}\" y=\"{}\" width=\"{w}\" height=\"{h}\"", place(x), place(y));
        push(out, format_args!("<rect class=\"tile {class}\" fill-opacity=\"{opacity}\" {corner}/>"));
        text(out, (x + width / 2.0, y + 16.5), "middle", "label", &fixed(value, self.decimals));
    }

    /// Class of the color, and its strength from 0 to 1.
    fn shade(&self, value: f64) -> (&'static str, f64) {
        let all = || self.values.iter().flatten().flatten().copied().filter(|v| v.is_finite());
        match self.center {
            // The farthest value of either side has the full shade, so that the two sides can be compared.
            Some(center) => {
                let farthest = all().map(|v| (v - center).abs()).fold(0.0, f64::max);
                let share = if farthest > 0.0 { (value - center).abs() / farthest } else { 0.0 };
                (if value < center { "s1" } else { "s0" }, share)
            }
            None => {
                let (low, high) = super::chart::extent(all());
                ("s0", if high > low { (value - low) / (high - low) } else { 0.0 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> HeatMap {
        HeatMap {
            title: "gain".into(),
            x: "rate".into(),
            y: "steps".into(),
            columns: vec!["0.1".into(), "1".into()],
            rows: vec!["<10>".into(), "a name that is far too long to be shown in a chart".into()],
            values: vec![vec![Some(0.5), None], vec![Some(-1.0), Some(0.0)]],
            decimals: 2,
            center: Some(0.0),
        }
    }

    #[test]
    fn values_are_written_and_shaded_from_the_center() {
        let svg = map().draw(crate::svg::HALF);
        for part in [
            "&lt;10&gt;",
            ">0.50<",
            ">-1.00<",
            "tile s1\" fill-opacity=\"0.600\"",
            "tile s0\" fill-opacity=\"0.300\"",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert_eq!(svg.matches("<rect").count(), 3, "nothing where nothing was measured");
        assert!(svg.contains("a name that"), "{svg}");
    }

    #[test]
    fn equal_values_do_not_divide_by_zero() {
        let flat = HeatMap { values: vec![vec![Some(1.0); 2]; 2], center: None, ..map() };
        assert!(!flat.draw(crate::svg::HALF).contains("NaN"));
    }
}
