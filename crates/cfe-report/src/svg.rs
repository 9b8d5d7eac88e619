//! Draws a [`Panel`] as inline SVG. Colors are CSS classes, so that the page can have a light and a dark
//! side.

use std::fmt::Write as _;

use super::chart::{Axis, Ink, Mark, Panel, Stroke};
use super::markup::{CHARACTER, at, escape, push, rule, shortened, text};
pub use super::markup::{HALF, WHOLE};
use super::scale::Scale;

/// Height of a chart whose y axis has numbers.
const HEIGHT: f64 = 260.0;
/// Height of a row, where the y axis has names instead.
const NAMED_ROW: f64 = 24.0;

const TOP: f64 = 30.0;
const KEY: f64 = 18.0;
const BOTTOM: f64 = 42.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 12.0;
/// Labels closer than this run into each other.
const LABEL_GAP: f64 = 13.0;
/// Names that are written at a slant have at most so many characters.
const SLANTED: usize = 16;

/// Where the marks go.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// Of the whole chart.
    size: (f64, f64),
    /// Characters that a label at the end of a line may have.
    label: usize,
    x: Scale,
    y: Scale,
}

/// The chart as an `svg` element, [`HALF`] or [`WHOLE`] a page wide.
pub fn draw(panel: &Panel, width: f64) -> String {
    let frame = Frame::new(panel, width);
    let title = escape(&panel.title);
    let (width, height) = (at(frame.size.0), at(frame.size.1));
    let mut out = format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">\n");
    text(&mut out, (4.0, 14.0), "start", "title", &shortened(&panel.title, frame.size.0 - 8.0));
    key(&mut out, panel, frame.size.0);
    // Later elements cover earlier ones: axes, then marks, then labels.
    axes(&mut out, panel, &frame);
    for mark in &panel.marks {
        draw_mark(&mut out, mark, &frame);
    }
    end_labels(&mut out, panel, &frame);
    out.push_str("</svg>\n");
    out
}

impl Frame {
    fn new(panel: &Panel, width: f64) -> Self {
        let longest = panel.marks.iter().filter_map(|mark| match mark {
            Mark::Line { label: Some(label), .. } => Some(label.chars().count()),
            _ => None,
        });
        // Labels at the ends of lines take up to a third of the chart.
        let label = longest.max().map_or(0, |n| n.min((width / 3.0 / CHARACTER) as usize));
        let right = width - RIGHT - label as f64 * CHARACTER;
        let key_rows = key_places(panel, width).last().map_or(0, |(_, row)| row + 1);
        let top = TOP + KEY * key_rows as f64;
        // Names on the y axis take the room they need, up to two fifths of the chart.
        let names = panel.y.ticks.iter().flatten().map(|(_, name)| name.chars().count());
        let left = names.max().map_or(LEFT, |n| (n as f64 * CHARACTER + 12.0).clamp(LEFT, width * 0.4));
        // Names that need a slant make the foot higher, by about the height of the longest slanted name.
        let slanted = slanted(panel, right - left);
        let foot = BOTTOM + if slanted { SLANTED as f64 * CHARACTER * 0.5 } else { 0.0 };
        // A chart of names grows with its rows. A chart of numbers has one height, plus that of its key.
        let height = match &panel.y.ticks {
            Some(names) => top + NAMED_ROW * names.len().max(2) as f64 + foot,
            None => HEIGHT + KEY * key_rows as f64 + foot - BOTTOM,
        };
        let bottom = height - foot;
        let (x, y) = (scale(&panel.x, (left, right)), scale(&panel.y, (bottom, top)));
        Self { left, right, top, bottom, size: (width, height), label, x, y }
    }
}

/// Whether the names below the x axis need a slant to have room.
fn slanted(panel: &Panel, room: f64) -> bool {
    let Some(names) = &panel.x.ticks else { return false };
    let widest = names.iter().map(|(_, name)| name.chars().count()).max().unwrap_or(0);
    widest as f64 * CHARACTER > room / names.len().max(1) as f64
}

fn scale(axis: &Axis, range: (f64, f64)) -> Scale {
    if axis.log { Scale::log(axis.domain, range) } else { Scale::linear(axis.domain, range) }
}

/// Place (x) and row of each entry of the key; a row that is full is followed by another.
fn key_places(panel: &Panel, width: f64) -> Vec<(f64, usize)> {
    let (mut x, mut row) = (4.0, 0);
    panel
        .key
        .iter()
        .map(|(_, name)| {
            let needed = 13.0 + name.chars().count() as f64 * CHARACTER;
            // The first entry of a row stays there, however wide it is.
            if x > 4.0 && x + needed > width {
                (x, row) = (4.0, row + 1);
            }
            let place = (x, row);
            x += needed + 14.0;
            place
        })
        .collect()
}

fn key(out: &mut String, panel: &Panel, width: f64) {
    for ((ink, name), (x, row)) in panel.key.iter().zip(key_places(panel, width)) {
        let class = class(*ink);
        let y = TOP + KEY * row as f64;
        push(
            out,
            format_args!(
                "<rect class=\"fill {class}\" x=\"{}\" y=\"{}\" width=\"9\" height=\"9\"/>",
                at(x),
                at(y - 4.0)
            ),
        );
        text(out, (x + 13.0, y + 4.5), "start", "label", &shortened(name, width - x - 13.0));
    }
}

fn axes(out: &mut String, panel: &Panel, frame: &Frame) {
    y_axis(out, panel, frame);
    x_axis(out, panel, frame);
    rule(out, "axis", (frame.left, frame.bottom), (frame.right, frame.bottom));
    let middle = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
    text(out, (middle.0, frame.size.1 - 8.0), "middle", "axis-title", &panel.x.title);
    if !panel.y.title.is_empty() {
        push(
            out,
            format_args!(
                "<text class=\"axis-title\" text-anchor=\"middle\" transform=\"translate(11 {}) rotate(-90)\">{}</text>",
                at(middle.1),
                escape(&panel.y.title)
            ),
        );
    }
}

fn y_axis(out: &mut String, panel: &Panel, frame: &Frame) {
    let named = panel.y.ticks.is_some();
    for (value, label) in panel.y.ticks.clone().unwrap_or_else(|| frame.y.ticks(4)) {
        let y = frame.y.at(value);
        if !named {
            rule(out, "grid", (frame.left, y), (frame.right, y));
        }
        text(out, (frame.left - 6.0, y + 4.0), "end", "tick", &shortened(&label, frame.left - 8.0));
    }
}

fn x_axis(out: &mut String, panel: &Panel, frame: &Frame) {
    let Some(names) = &panel.x.ticks else {
        // One tick for about 55 units. A label that would run into the one before it is left out.
        let room = (frame.right - frame.left) / 55.0;
        let mut free_from = f64::NEG_INFINITY;
        for (value, label) in frame.x.ticks(room as usize) {
            let x = frame.x.at(value);
            // Grid lines belong to the axis that has the quantity, the other one has names.
            if panel.y.ticks.is_some() {
                rule(out, "grid", (x, frame.top), (x, frame.bottom));
            }
            rule(out, "axis", (x, frame.bottom), (x, frame.bottom + 4.0));
            let half = label.chars().count() as f64 * CHARACTER / 2.0;
            if x - half >= free_from {
                text(out, (x, frame.bottom + 16.0), "middle", "tick", &label);
                free_from = x + half + 4.0;
            }
        }
        return;
    };
    let slanted = slanted(panel, frame.right - frame.left);
    for (value, name) in names {
        let (x, y) = (frame.x.at(*value), frame.bottom + 16.0);
        // The end of a slanted name stands at its tick, and the name runs down to the left.
        if slanted {
            let name = escape(&shortened(name, SLANTED as f64 * CHARACTER));
            let place = format!("translate({} {}) rotate(-35)", at(x + 4.0), at(y - 4.0));
            push(
                out,
                format_args!("<text class=\"tick\" text-anchor=\"end\" transform=\"{place}\">{name}</text>"),
            );
        } else {
            text(out, (x, y), "middle", "tick", name);
        }
    }
}

fn draw_mark(out: &mut String, mark: &Mark, frame: &Frame) {
    match mark {
        Mark::Line { points, ink, stroke, .. } => line(out, points, *ink, *stroke, frame),
        Mark::Bars { bars, ink } => {
            for bar in bars {
                let (left, right) = (frame.x.at(bar.from), frame.x.at(bar.to));
                rectangle(out, (left, frame.y.at(0.0)), (right, frame.y.at(bar.value)), *ink);
            }
        }
        Mark::LyingBars { bars, ink, texts } => {
            for (index, bar) in bars.iter().enumerate() {
                let (low, high, end) = (frame.y.at(bar.from), frame.y.at(bar.to), frame.x.at(bar.value));
                rectangle(out, (frame.x.at(0.0), low), (end, high), *ink);
                let Some(words) = texts.get(index) else { continue };
                let (x, anchor) = if bar.value < 0.0 { (end - 4.0, "end") } else { (end + 4.0, "start") };
                text(out, (x, (low + high) / 2.0 + 4.0), anchor, "label halo", words);
            }
        }
        Mark::Rule { y, text: meaning } => {
            let y = frame.y.at(*y);
            rule(out, "rule", (frame.left, y), (frame.right, y));
            // Above the line; below it where the line runs along the top.
            let above = if y - frame.top < 14.0 { y + 13.0 } else { y - 4.0 };
            text(out, (frame.right - 2.0, above), "end", "label muted halo", meaning);
        }
        Mark::VerticalRule { x, text: meaning } => {
            let x = frame.x.at(*x);
            rule(out, "rule", (x, frame.top), (x, frame.bottom));
            // Toward the middle, where there is room.
            let on_the_right = x > (frame.left + frame.right) / 2.0;
            let (x, anchor) = if on_the_right { (x - 4.0, "end") } else { (x + 4.0, "start") };
            text(out, (x, frame.top + 8.0), anchor, "label muted halo", meaning);
        }
        Mark::Text { at: (x, y), text: words, ink, end } => {
            let class = format!("label halo text {}", class(*ink));
            text(out, (frame.x.at(*x), frame.y.at(*y)), if *end { "end" } else { "start" }, &class, words);
        }
    }
}

/// A filled rectangle between two corners.
fn rectangle(out: &mut String, a: (f64, f64), b: (f64, f64), ink: Ink) {
    let place = format!("x=\"{}\" y=\"{}\"", at(a.0.min(b.0)), at(a.1.min(b.1)));
    let size = format!("width=\"{}\" height=\"{}\"", at((a.0 - b.0).abs()), at((a.1 - b.1).abs()));
    push(out, format_args!("<rect class=\"fill {}\" {place} {size}/>", class(ink)));
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
    // Labels are moved apart in the order of their lines, so that none changes place with another.
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positions: Vec<f64> = labels.iter().map(|label| label.0).collect();
    for (y, (_, words, ink)) in spread(&positions, LABEL_GAP, frame.bottom).into_iter().zip(&labels) {
        let class = format!("label text {}", class(*ink));
        let words = shortened(words, frame.label as f64 * CHARACTER);
        text(out, (frame.right + 5.0, y + 4.0), "start", &class, &words);
    }
}

/// Ascending positions moved down until they are `gap` apart, and up again where that went beyond `end`.
pub fn spread(positions: &[f64], gap: f64, end: f64) -> Vec<f64> {
    // Down first: each label makes room for the one above it.
    let mut out = positions.to_vec();
    for k in 1..out.len() {
        out[k] = out[k].max(out[k - 1] + gap);
    }
    // Then up again, from the last label on, so that none falls below the chart.
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
        let svg = draw(&panel, HALF);
        for part in ["a &lt; b", "time, s", ">loss<", ">end<", ">half<", "polyline", "class=\"fill s1\""] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(!svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn names_are_on_their_bars_and_nothing_leaves_the_chart() {
        let names: Vec<String> = (0..30).map(|k| format!("a classifier with a long name, {k:02}")).collect();
        let values: Vec<f64> = (0..30).map(|k| f64::from(k) - 10.0).collect();
        let panel = Panel::named_bars("Weights", "weight", &names, &[(Ink::Series(0), "", &values)], 3);
        for width in [HALF, WHOLE] {
            let svg = draw(&panel, width);
            let (_, height) = svg_size(&svg);
            assert!(height > 30.0 * NAMED_ROW, "every name has a row of its own");
            assert!(svg.contains(">-10.0<") && svg.contains(">19.0<"), "{svg}");
            for (x, anchor, words) in texts(&svg) {
                let length = words.chars().count() as f64 * CHARACTER;
                let left = match anchor.as_str() {
                    "end" => x - length,
                    "middle" => x - length / 2.0,
                    _ => x,
                };
                assert!(left > -8.0 && left + length < width + 8.0, "{words} leaves the chart: {left}");
                let name = words.starts_with("a classifier");
                // Names end where the bars begin, and the text of the longest negative bar stays on its side.
                assert!(
                    name || words.parse::<f64>().is_err() || left > names_end(&svg),
                    "{words} at {left} runs into a name"
                );
            }
        }
    }

    #[test]
    fn a_key_that_is_too_long_takes_more_rows() {
        let axis = || Axis::linear("", (0.0, 1.0));
        let mut panel = Panel::new("", axis(), axis());
        for k in 0..6 {
            panel = panel.keyed(Ink::Series(0), format!("a method of the name {k}"));
        }
        let places = key_places(&panel, HALF);
        assert!(places.last().is_some_and(|place| place.1 >= 2), "{places:?}");
        assert!(places.windows(2).all(|pair| pair[0].1 < pair[1].1 || pair[0].0 < pair[1].0), "{places:?}");
        assert!(svg_size(&draw(&panel, HALF)).1 > HEIGHT);
    }

    #[test]
    fn numbers_below_an_axis_do_not_collide() {
        let x = Axis::log("seconds", (1e-5, 1e2));
        let svg = draw(&Panel::new("", x, Axis::linear("", (0.0, 1.0))), HALF);
        let mut ends: Vec<(f64, f64)> = texts(&svg)
            .into_iter()
            .filter(|(_, anchor, words)| anchor == "middle" && words.parse::<f64>().is_ok())
            .map(|(x, _, words)| (x, words.chars().count() as f64 * CHARACTER / 2.0))
            .collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(ends.len() >= 4, "{ends:?}");
        assert!(ends.windows(2).all(|pair| pair[0].0 + pair[0].1 < pair[1].0 - pair[1].1), "{ends:?}");
    }

    /// Right end of the names on the y axis.
    fn names_end(svg: &str) -> f64 {
        let ends =
            texts(svg).into_iter().filter(|(_, anchor, words)| anchor == "end" && words.starts_with("a cl"));
        ends.map(|(x, ..)| x).fold(0.0, f64::max)
    }

    fn svg_size(svg: &str) -> (f64, f64) {
        let numbers = svg.split('"').nth(1).expect("a viewBox").split(' ');
        let numbers: Vec<f64> = numbers.map(|number| number.parse().expect("a number")).collect();
        (numbers[2], numbers[3])
    }

    /// Place, anchor and words of each text that is not turned.
    fn texts(svg: &str) -> Vec<(f64, String, String)> {
        let attribute = |line: &str, name: &str| -> Option<String> {
            let rest = line.split_once(&format!(" {name}=\""))?.1;
            Some(rest.split_once('"')?.0.to_owned())
        };
        svg.lines()
            .filter(|line| line.starts_with("<text") && !line.contains("transform"))
            .filter_map(|line| {
                let words = line.split_once('>')?.1.split_once('<')?.0.to_owned();
                Some((attribute(line, "x")?.parse().ok()?, attribute(line, "text-anchor")?, words))
            })
            .collect()
    }

    #[test]
    fn labels_are_moved_apart_and_stay_inside() {
        assert_eq!(spread(&[10.0, 12.0, 50.0], 5.0, 100.0), [10.0, 15.0, 50.0]);
        assert_eq!(spread(&[98.0, 99.0], 5.0, 100.0), [95.0, 100.0]);
    }
}
