//! The races as a document.

use super::race::{Race, Run};
use crate::report::chart::extent;
use crate::report::number::{or_dash, percent, significant};
use crate::report::{Axis, Cell, Document, Ink, Panel, Section, Stroke, Table};

/// A document of all races: a table, and one chart for each.
pub fn document(races: &[Race]) -> Document {
    Document {
        title: "Loss against time: exact ALS and joint training".to_owned(),
        answers: races.iter().map(answer).collect(),
        sections: vec![
            Section::new("Lowest losses and times").table(table(races)).text(
                "Both trainers minimize the same objective from the same start in f64, on the same number of threads. \
                 The clock runs from the first point; drawing the start and the last evaluation are left out. \"AP unseen\" is the average precision on instances \
                 whose label was hidden: a lower loss need not rank them better.",
            ),
            Section::new("Courses").figure(
                "Lowest loss so far against seconds since the first point, both axes logarithmic.",
                races.iter().map(panel).collect(),
            ),
        ],
    }
}

fn answer(race: &Race) -> String {
    let name = &race.problem.name;
    let Some(adam) = race.adam.as_ref().and_then(Run::best) else {
        return format!("{name}: this build has no joint training to compare with (feature torch).");
    };
    match (race.time_ratio, race.als.best()) {
        // Without a ratio, the lowest loss is the one at 0 seconds.
        (None, _) if race.reached == Some(true) => format!(
            "{name}: Adam does not fall below the loss that it begins with, {}.",
            significant(adam.loss, 6)
        ),
        (Some(ratio), _) => format!(
            "{name}: exact ALS reaches the lowest loss of Adam, {}, in 1/{} of the time.",
            significant(adam.loss, 6),
            significant(ratio, 3)
        ),
        (None, Some(als)) => format!(
            "{name}: exact ALS does not reach the lowest loss of Adam: {} against {}.",
            significant(als.loss, 6),
            significant(adam.loss, 6)
        ),
        (None, None) => format!("{name}: exact ALS has no finite loss."),
    }
}

fn table(races: &[Race]) -> Table {
    let header = [
        "data",
        "m x n",
        "trainer",
        "lowest loss",
        "at iteration",
        "after s",
        "whole run s",
        "s to Adam's lowest",
        "of Adam's time",
        "AP unseen",
    ];
    let mut table = Table::new("", header);
    for race in races {
        // Adam's lowest loss is the finish line of both.
        let target = race.adam.as_ref().and_then(Run::best);
        for run in [Some(&race.als), race.adam.as_ref()].into_iter().flatten() {
            let best = run.best();
            let to_target = target.and_then(|target| run.seconds_to(target.loss));
            let share = to_target.zip(target).map(|(s, target)| s / target.seconds);
            let text_of =
                |value: Option<f64>, digits| value.map_or_else(String::new, |v| significant(v, digits));
            table.push([
                Cell::from(race.problem.name.as_str()),
                format!("{} x {}", race.problem.classifiers, race.problem.instances).into(),
                run.name.into(),
                text_of(best.map(|best| best.loss), 8).into(),
                best.map_or_else(String::new, |best| best.iteration.to_string()).into(),
                text_of(best.map(|best| best.seconds), 3).into(),
                significant(run.seconds, 3).into(),
                text_of(to_target, 3).into(),
                share.map_or_else(String::new, |share| percent(share, 1)).into(),
                or_dash(run.average_precision, 3).into(),
            ]);
        }
    }
    table
}

fn panel(race: &Race) -> Panel {
    // A logarithmic axis has no place for the first point, at 0 seconds.
    let shown = |run: &Run| -> Vec<(f64, f64)> {
        run.points.iter().filter(|p| p.seconds > 0.0).map(|p| (p.seconds, p.loss)).collect()
    };
    let runs: Vec<_> = [Some(&race.als), race.adam.as_ref()]
        .into_iter()
        .flatten()
        .zip([Ink::Series(0), Ink::Series(1)])
        .map(|(run, ink)| (run.name, shown(run), ink))
        .collect();
    let (left, right) = extent(runs.iter().flat_map(|run| run.1.iter().map(|point| point.0)));
    let (low, high) = extent(runs.iter().flat_map(|run| run.1.iter().map(|point| point.1)));
    let x = Axis::log("seconds", (left * 0.9, right * 1.1));
    let mut panel = Panel::new(&race.problem.name, x, Axis::log("loss", (low * 0.98, high * 1.02)));
    for (name, points, ink) in runs {
        panel = panel.steps(&points, ink, Stroke::Normal, None).keyed(ink, name);
    }
    panel
}

#[cfg(test)]
mod tests {
    use super::super::race::{Point, Problem};
    use super::*;
    use crate::convergence::Races;
    use crate::report::{Results as _, markdown};

    fn run(name: &'static str, points: &[(usize, f64, f64)]) -> Run {
        let point = |&(iteration, seconds, loss): &(usize, f64, f64)| Point { iteration, seconds, loss };
        Run { name, points: points.iter().map(point).collect(), seconds: 2.5, average_precision: Some(0.75) }
    }

    fn race(adam: Option<Run>, time_ratio: Option<f64>) -> Race {
        let problem = Problem { name: "published".into(), classifiers: 10, instances: 500, labeled: 250 };
        let als = run("exact ALS", &[(0, 0.0, 9.0), (3, 0.5, 4.0), (7, 1.0, 2.0)]);
        Race { problem, als, adam, reached: None, time_ratio }
    }

    #[test]
    fn the_answer_is_the_ratio_of_times_to_the_same_loss() {
        let adam = run("Adam", &[(0, 0.0, 9.0), (100, 2.0, 4.0)]);
        let text = markdown::write(&document(&[race(Some(adam), Some(4.0))]));
        assert!(
            text.contains(
                "- published: exact ALS reaches the lowest loss of Adam, 4.00000, in 1/4.00 of the time."
            ),
            "{text}"
        );
        let row =
            "| published | 10 x 500 | exact ALS | 2.0000000 | 7 | 1.00 | 2.50 | 0.500 | 25.0% | 0.750 |";
        assert!(text.contains(row), "{row}\n{text}");
        assert!(
            text.contains(
                "| published | 10 x 500 | Adam | 4.0000000 | 100 | 2.00 | 2.50 | 2.00 | 100.0% | 0.750 |"
            ),
            "{text}"
        );
        let lower = run("Adam", &[(100, 2.0, 1.0)]);
        let text = markdown::write(&document(&[race(Some(lower), None)]));
        assert!(
            text.contains("exact ALS does not reach the lowest loss of Adam: 2.00000 against 1.00000."),
            "{text}"
        );
        let stuck = Race { reached: Some(true), ..race(Some(run("Adam", &[(0, 0.0, 9.0)])), None) };
        let text = markdown::write(&document(&[stuck]));
        assert!(text.contains("Adam does not fall below the loss that it begins with, 9.00000."), "{text}");
        let text = markdown::write(&document(&[race(None, None)]));
        assert!(text.contains("this build has no joint training to compare with"), "{text}");
    }

    #[test]
    fn every_point_is_a_record() {
        let rows = Races(vec![race(Some(run("Adam", &[(1, 0.5, 3.0)])), None)]).rows();
        assert_eq!(rows.records.len(), 4);
        assert_eq!(rows.to_csv().expect("equal lengths").lines().nth(2), Some("published,exact ALS,3,0.5,4"));
    }
}
