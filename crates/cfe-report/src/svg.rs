//! Draws a [`Panel`] as inline SVG. Colours are CSS classes, so that the page can have a light and a dark side.

use std::fmt::Write as _;

use super::chart::{Axis, Ink, Mark, Panel, Stroke};
use super::html::escape;
use super::scale::Scale;

/// Width of a chart in its own units; on a phone a unit is about a pixel, so that its text stays readable there.
pub const WIDTH: f64 = 360.0;
/// Height of a chart.
pub const HEIGHT: f64 = 250.0;

const TOP: f64 = 30.0;
const KEY: f64 = 18.0;
const BOTTOM: f64 = 42.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 12.0;
/// About the width of a character at the size of the labels.
pub(crate) const CHARACTER: f64 = 6.1;
/// Labels closer than this run into each other.
const LABEL_GAP: f64 = 13.0;

/// Where the marks go.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Scale,
    y: Scale,
}

/// The chart as an `svg` element.
pub fn draw(panel: &Panel) -> String {
    let frame = Frame::new(panel);
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n<text class=\"title\" x=\"{}\" y=\"14\">{}</text>\n",
        escape(&panel.title),
        at(4.0),
        escape(&panel.title)
    );
    key(&mut out, panel);
    axes(&mut out, panel, &frame);
    for mark in &panel.marks {
        draw_mark(&mut out, mark, &frame);
    }
    end_labels(&mut out, panel, &frame);
    out.push_str("</svg>\n");
    out
}

impl Frame {
    fn new(panel: &Panel) -> Self {
        let longest = panel.marks.iter().filter_map(|mark| match mark {
            Mark::Line { label: Some(label), .. } => Some(label.chars().count()),
            _ => None,
        });
        let right = WIDTH - RIGHT - longest.max().map_or(0.0, |n| n as f64 * CHARACTER);
        let top = TOP + if panel.key.is_empty() { 0.0 } else { KEY };
        let bottom = HEIGHT - BOTTOM;
        // Names on the y axis take the room they need, up to a third of the chart.
        let names = panel.y.ticks.iter().flatten().map(|(_, name)| name.chars().count());
        let left = names.max().map_or(LEFT, |n| (n as f64 * CHARACTER + 12.0).clamp(LEFT, WIDTH / 3.0));
        let (x, y) = (scale(&panel.x, (left, right)), scale(&panel.y, (bottom, top)));
        Self { left, right, top, bottom, x, y }
    }
}

fn scale(axis: &Axis, range: (f64, f64)) -> Scale {
    if axis.log { Scale::log(axis.domain, range) } else { Scale::linear(axis.domain, range) }
}

fn key(out: &mut String, panel: &Panel) {
    let mut x = LEFT;
    for (ink, name) in &panel.key {
        let class = class(*ink);
        push(
            out,
            format_args!(
                "<rect class=\"fill {class}\" x=\"{}\" y=\"{}\" width=\"9\" height=\"9\"/>",
                at(x),
                at(TOP - 4.0)
            ),
        );
        text(out, (x + 13.0, TOP + 4.5), "start", "label", name);
        x += 13.0 + 14.0 + name.chars().count() as f64 * CHARACTER;
    }
}

fn axes(out: &mut String, panel: &Panel, frame: &Frame) {
    for (value, label) in panel.y.ticks.clone().unwrap_or_else(|| frame.y.ticks(4)) {
        let y = frame.y.at(value);
        rule(out, "grid", (frame.left, y), (frame.right, y));
        text(out, (frame.left - 6.0, y + 4.0), "end", "tick", &label);
    }
    let room = (frame.right - frame.left) / 55.0;
    for (value, label) in panel.x.ticks.clone().unwrap_or_else(|| frame.x.ticks(room as usize)) {
        let x = frame.x.at(value);
        if panel.x.ticks.is_none() {
            rule(out, "axis", (x, frame.bottom), (x, frame.bottom + 4.0));
        }
        text(out, (x, frame.bottom + 16.0), "middle", "tick", &label);
    }
    rule(out, "axis", (frame.left, frame.bottom), (frame.right, frame.bottom));
    let middle = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
    text(out, (middle.0, HEIGHT - 8.0), "middle", "axis-title", &panel.x.title);
    push(
        out,
        format_args!(
            "<text class=\"axis-title\" text-anchor=\"middle\" transform=\"translate(11 {}) rotate(-90)\">{}</text>",
            at(middle.1),
            escape(&panel.y.title)
        ),
    );
}

fn draw_mark(out: &mut String, mark: &Mark, frame: &Frame) {
    match mark {
        Mark::Line { points, ink, stroke, .. } => line(out, points, *ink, *stroke, frame),
        Mark::Bars { bars, ink } => {
            let zero = frame.y.at(0.0);
            let class = class(*ink);
            for bar in bars {
                let (left, right, end) = (frame.x.at(bar.from), frame.x.at(bar.to), frame.y.at(bar.value));
                let (top, height) = (zero.min(end), (zero - end).abs());
                let place = format!("x=\"{}\" y=\"{}\"", at(left), at(top));
                let size = format!("width=\"{}\" height=\"{}\"", at(right - left), at(height));
                push(out, format_args!("<rect class=\"fill {class}\" {place} {size}/>"));
            }
        }
        Mark::Rule { y, text: meaning } => {
            let y = frame.y.at(*y);
            rule(out, "rule", (frame.left, y), (frame.right, y));
            text(out, (frame.right - 2.0, y - 4.0), "end", "label muted", meaning);
        }
        Mark::VerticalRule { x, text: meaning } => {
            let x = frame.x.at(*x);
            rule(out, "rule", (x, frame.top), (x, frame.bottom));
            text(out, (x + 4.0, frame.top + 8.0), "start", "label muted", meaning);
        }
        Mark::Text { at: (x, y), text: words, ink, end } => {
            let class = format!("label halo text {}", class(*ink));
            text(out, (frame.x.at(*x), frame.y.at(*y)), if *end { "end" } else { "start" }, &class, words);
        }
    }
}

fn line(out: &mut String, points: &[(f64, f64)], ink: Ink, stroke: Stroke, frame: &Frame) {
    let mut path = String::new();
    for (x, y) in points {
        let _ = write!(path, "{},{} ", at(frame.x.at(*x)), at(frame.y.at(*y)));
    }
    let weight = match stroke {
        Stroke::Thin => "thin",
        Stroke::Normal => "normal",
        Stroke::Dashed => "normal dashed",
    };
    push(
        out,
        format_args!("<polyline class=\"line {weight} {}\" points=\"{}\"/>", class(ink), path.trim_end()),
    );
}

/// Labels at the right ends of lines, moved apart where they would run into each other.
fn end_labels(out: &mut String, panel: &Panel, frame: &Frame) {
    let mut labels: Vec<(f64, &str, Ink)> = panel
        .marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Line { points, ink, label: Some(label), .. } => {
                points.last().map(|end| (frame.y.at(end.1), label.as_str(), *ink))
            }
            _ => None,
        })
        .collect();
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positions: Vec<f64> = labels.iter().map(|label| label.0).collect();
    for (y, (_, words, ink)) in spread(&positions, LABEL_GAP, frame.bottom).into_iter().zip(&labels) {
        let class = format!("label text {}", class(*ink));
        text(out, (frame.right + 5.0, y + 4.0), "start", &class, words);
    }
}

/// Ascending positions moved down until they are `gap` apart, and up again where that went beyond `end`.
pub fn spread(positions: &[f64], gap: f64, end: f64) -> Vec<f64> {
    let mut out = positions.to_vec();
    for k in 1..out.len() {
        out[k] = out[k].max(out[k - 1] + gap);
    }
    let mut limit = end;
    for position in out.iter_mut().rev() {
        *position = position.min(limit);
        limit = *position - gap;
    }
    out
}

fn class(ink: Ink) -> String {
    match ink {
        Ink::Series(k) => format!("s{k}"),
        Ink::Muted => "muted".to_owned(),
    }
}

pub(crate) fn rule(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let (x1, y1, x2, y2) = (at(from.0), at(from.1), at(to.0), at(to.1));
    push(out, format_args!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"));
}

pub(crate) fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, class: &str, words: &str) {
    if words.is_empty() {
        return;
    }
    let (x, y, words) = (at(x), at(y), escape(words));
    push(
        out,
        format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>"),
    );
}

/// Writing to a string cannot fail.
pub(crate) fn push(out: &mut String, element: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{element}");
}

/// A coordinate with a tenth of a unit.
pub(crate) fn at(position: f64) -> String {
    super::number::fixed(position, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bar;

    #[test]
    fn a_chart_holds_its_titles_and_marks() {
        let panel =
            Panel::new("a < b", Axis::linear("time, s", (0.0, 10.0)), Axis::linear("loss", (0.0, 1.0)))
                .keyed(Ink::Series(1), "bars")
                .line(vec![(0.0, 1.0), (10.0, 0.0)], Ink::Series(0), Stroke::Normal, Some("end".into()))
                .bars(vec![Bar { from: 1.0, to: 2.0, value: 0.5 }], Ink::Series(1))
                .rule(0.5, "half");
        let svg = draw(&panel);
        for part in ["a &lt; b", "time, s", ">loss<", ">end<", ">half<", "polyline", "class=\"fill s1\""] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(!svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn labels_are_moved_apart_and_stay_inside() {
        assert_eq!(spread(&[10.0, 12.0, 50.0], 5.0, 100.0), [10.0, 15.0, 50.0]);
        assert_eq!(spread(&[98.0, 99.0], 5.0, 100.0), [95.0, 100.0]);
    }
}
