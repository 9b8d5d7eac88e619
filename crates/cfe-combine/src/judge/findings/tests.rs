use cfe_io::{Source, TableOptions, read_table};

use super::shift::{Distribution, distance};
use super::*;

#[test]
fn each_trouble_is_found_and_named() {
    let mut csv = "split,label,good,copy,inverted,drifting,gappy\n".to_owned();
    for i in 0..400 {
        let (train, label) = (i % 2 == 0, i % 8 < 2);
        let p = if label { 0.3 } else { 0.1 } + f64::from(i % 13) / 40.0;
        let drift = f64::from(i % 10) / if train { 10.0 } else { 20.0 };
        let gap = if i % 4 == 0 { String::new() } else { format!("{}", f64::from(i * 7 % 11) / 11.0) };
        let split = if train { "train" } else { "test" };
        let p2 = p + f64::from(i % 3) / 1000.0;
        csv += &format!(
            "{split},{},{p},{p2},{},{drift},{gap}\n",
            u8::from(label),
            1.0 - p - f64::from(i % 7) / 100.0
        );
    }
    let mut options = TableOptions::default();
    options.split_column = Some("split".to_owned());
    let table = read_table(Source::bytes("inline", csv.into()), &options).unwrap();
    let found = diagnose(&table).unwrap();
    let of = |kind: &str| {
        let found = found.iter().filter(|f| f.kind == kind);
        found.map(|f| f.classifiers.join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(of("duplicate"), ["good copy"]);
    assert_eq!(of("inverted"), ["inverted"]);
    assert_eq!(of("missing"), ["gappy"]);
    assert!(found.is_sorted_by_key(|f| f.severity));
    assert_eq!(found[0].kind, "inverted");
    assert!(of("shift").iter().any(|names| names.contains("drifting")));
    assert!(of("few_positives").is_empty());
}

/// What is found in a table of `rows` rows, whose cells follow the label.
fn found_in(header: &str, rows: usize, line: impl Fn(usize) -> String) -> Vec<Finding> {
    let csv: String = (0..rows).map(|i| line(i) + "\n").collect();
    let mut options = TableOptions::default();
    options.split_column = header.contains("split").then(|| "split".to_owned());
    // Columns that are chosen by name are kept, whatever the reader thinks of them.
    options.columns =
        header.split(',').filter(|name| !["split", "label"].contains(name)).map(str::to_owned).collect();
    let bytes = format!("{header}\n{csv}").into_bytes();
    diagnose(&read_table(Source::bytes("inline", bytes), &options).unwrap()).unwrap()
}

fn noise(i: usize, k: usize) -> f64 {
    ((i * k + 7 * (i / 11)) % 97) as f64 / 97.0
}

#[test]
fn a_column_that_is_the_label_is_a_leak_by_name() {
    let found = found_in("label,chargeback,good,flag", 400, |i| {
        let y = i % 8 == 0;
        let leak = if i % 100 == 3 { !y } else { y };
        let good = 0.5 * noise(i, 31) + if y { 0.3 } else { 0.0 };
        let flag = if i % 3 == 0 { 0.5 } else { 1.0 };
        format!("{},{},{good},{flag}", u8::from(y), u8::from(leak))
    });
    assert_eq!((found[0].kind, found[0].severity), ("leak", Severity::Alarm));
    assert_eq!(found[0].classifiers, ["chargeback"]);
    assert!(found[0].text.contains("99.0% of the labeled train rows"), "{}", found[0].text);
    let flag = found.iter().find(|f| f.kind == "two_values").unwrap();
    assert_eq!(flag.classifiers, ["flag"]);
}

#[test]
fn the_label_is_known_turned_round_and_by_its_gaps() {
    let good = |i: usize, y: bool| 0.5 * noise(i, 31) + if y { 0.3 } else { 0.0 };
    let label = |i: usize| i.is_multiple_of(8);
    for (leak, said) in [
        (
            &|_, y: bool| u8::from(!y).to_string() as String,
            "is the opposite of the label in every labeled train row",
        ),
        (
            &|i: usize, y| if y { String::new() } else { good(i, y).to_string() },
            "is missing where a row is positive",
        ),
        (
            &|i: usize, y| if y { good(i, y).to_string() } else { String::new() },
            "is missing where a row is negative",
        ),
    ] as [(&dyn Fn(usize, bool) -> String, &str); 3]
    {
        let found = found_in("label,suspect,good,other", 400, |i| {
            let y = label(i);
            format!(
                "{},{},{},{}",
                u8::from(y),
                leak(i, y),
                good(i, y),
                0.6 * noise(i, 43) + if y { 0.2 } else { 0.0 }
            )
        });
        assert_eq!((found[0].kind, found[0].severity), ("leak", Severity::Alarm), "{said}: {found:?}");
        assert!(found[0].text.contains(said), "{}", found[0].text);
        assert!(found.iter().all(|f| f.kind != "inverted"));
    }
    // Of many numbers, turned round, and where most of the classifiers saw their rows.
    let found = found_in("label,a,turned,memo,memo2", 400, |i| {
        let y = label(i);
        let memo = |k| 0.3 * noise(i, k) + if y { 0.6 } else { 0.0 };
        format!("{},{},{},{},{}", u8::from(y), good(i, y), 1.0 - memo(13), memo(17), memo(19))
    });
    let suspects: Vec<&str> =
        found.iter().filter(|f| f.kind == "in_sample").map(|f| f.classifiers[0].as_str()).collect();
    assert_eq!(suspects, ["turned", "memo", "memo2"], "{found:?}");
    // Gaps that come and go without the label are not a leak.
    let found = found_in("label,gappy,good", 400, |i| {
        let y = label(i);
        let gap = if i % 5 == 0 { String::new() } else { good(i, y).to_string() };
        format!("{},{gap},{}", u8::from(y), good(i + 1, y))
    });
    assert!(found.iter().all(|f| f.kind != "leak"), "{found:?}");
}

#[test]
fn classifiers_of_a_rare_event_are_not_the_same_for_being_small() {
    let found = found_in("label,a,b,copy", 400, |i| {
        let (a, b) = (1e-5 * (0.01 + noise(i, 31)), 1e-5 * (0.01 + noise(i, 43)));
        format!("{},{a},{b},{}", u8::from(i % 8 == 0), 0.5 * a)
    });
    let alike: Vec<&Finding> = found.iter().filter(|f| f.kind == "duplicate").collect();
    assert_eq!(alike.len(), 1, "{found:?}");
    assert_eq!(alike[0].classifiers, ["a", "copy"]);
}

#[test]
fn a_member_that_saw_its_rows_is_found_with_and_without_other_rows() {
    let cell = |i: usize, y: bool, k: usize| 0.6 * noise(i, k) + if y { 0.25 } else { 0.0 };
    let memo = |i: usize, y: bool, train: bool| match train {
        true => 0.3 * noise(i, 13) + if y { 0.6 } else { 0.0 },
        false => noise(i, 13),
    };
    let with_test = found_in("split,label,rf,svm,memo", 1200, |i| {
        let (y, train) = (i % 6 == 0, i / 6 % 2 == 0);
        let split = if train { "train" } else { "test" };
        format!("{split},{},{},{},{}", u8::from(y), cell(i, y, 31), cell(i, y, 43), memo(i, y, train))
    });
    assert_eq!((with_test[0].kind, &with_test[0].classifiers[..]), ("in_sample", &["memo".to_owned()][..]));
    let train_only = found_in("label,rf,svm,memo", 600, |i| {
        let y = i % 6 == 0;
        format!("{},{},{},{}", u8::from(y), cell(i, y, 31), cell(i, y, 43), memo(i, y, true))
    });
    assert_eq!((train_only[0].kind, &train_only[0].classifiers[..]), ("in_sample", &["memo".to_owned()][..]));
}

#[test]
fn a_leak_is_found_beside_labeled_rows_outside() {
    // It separates both parts, where the others are far from that; a classifier that does so less well
    // outside is not accused.
    let table = |outside: f64| {
        found_in("split,label,rf,svm,smooth", 1200, |i| {
            let (y, train) = (i % 6 == 0, i / 6 % 2 == 0);
            let cell = |k| 0.6 * noise(i, k) + if y { 0.25 } else { 0.0 };
            let gap = if train { 0.6 } else { outside };
            let smooth = 0.3 * noise(i, 13) + if y { gap } else { 0.0 };
            format!(
                "{},{},{},{},{smooth}",
                if train { "train" } else { "test" },
                u8::from(y),
                cell(31),
                cell(43)
            )
        })
    };
    let found = table(0.6);
    assert_eq!((found[0].kind, found[0].severity), ("in_sample", Severity::Alarm), "{found:?}");
    assert_eq!(found[0].classifiers, ["smooth"]);
    assert!(found[0].text.contains("and the rows outside almost perfectly"), "{}", found[0].text);
    assert!(table(0.25).iter().all(|f| f.kind != "in_sample" || f.text.contains("far better")));
}

#[test]
fn where_most_rank_the_wrong_way_round_one_line_asks_for_the_label() {
    let found = found_in("label,a,b,c,d", 400, |i| {
        let y = i % 8 == 0;
        let cell = |k| 0.5 * noise(i, k) + if y { 0.3 } else { 0.0 };
        let good = 0.5 * noise(i, 29) + if y { 0.0 } else { 0.3 };
        format!("{},{},{},{},{good}", if y { 1 } else { 2 }, cell(31), cell(43), cell(53))
    });
    let inverted: Vec<&Finding> = found.iter().filter(|f| f.kind == "inverted").collect();
    assert_eq!(inverted.len(), 1, "{found:?}");
    assert_eq!(inverted[0].classifiers, ["a", "b", "c"]);
    assert!(
        inverted[0].text.starts_with("3 of 4 classifiers rank the wrong way round"),
        "{}",
        inverted[0].text
    );
    assert!(inverted[0].text.ends_with("give --positive-label '1'"), "{}", inverted[0].text);
}

#[test]
fn copies_of_rows_are_said() {
    let line = |i: usize, split: &str| {
        let (y, k) = (i.is_multiple_of(6), i as f64);
        let cell = |s: f64| (k * s).sin().abs() / 2.0 + if y { 0.3 } else { 0.0 };
        format!("{split},{},{},{}", u8::from(y), cell(1.7), cell(2.9))
    };
    let copies = |found: Vec<Finding>| {
        let found = found.into_iter().filter(|f| f.kind == "copies");
        found.map(|f| (f.severity, f.text)).collect::<Vec<_>>()
    };
    let once = found_in("split,label,a,b", 600, |i| line(i, if i < 300 { "train" } else { "test" }));
    assert_eq!(copies(once), []);
    let thrice = copies(found_in("split,label,a,b", 600, |i| line(i / 3, "train")));
    assert_eq!(thrice[0].0, Severity::Warning);
    assert!(thrice[0].1.starts_with("67% of the labeled train rows are copies"), "{thrice:?}");
    // The test rows are the train rows, or a third of them is.
    for (from, share) in [(0, "100%"), (200, "33%")] {
        let both = found_in("split,label,a,b", 600, |i| match i {
            0..300 => line(i, "train"),
            _ => line(i - 300 + from, "test"),
        });
        let both = copies(both);
        assert_eq!(both.len(), 1, "{both:?}");
        assert_eq!(both[0].0, Severity::Alarm);
        assert!(both[0].1.starts_with(&format!("{share} of the labeled rows outside")), "{both:?}");
    }
    // Votes of 0, 0.5 and 1 repeat by chance.
    let votes = found_in("split,label,a,b", 600, |i| {
        let y = i % 6 == 0;
        let vote = |k: usize| (noise(i, k) * 2.0 + if y { 0.4 } else { 0.0 }).round().min(2.0) / 2.0;
        format!("{},{},{},{}", if i < 300 { "train" } else { "test" }, u8::from(y), vote(31), vote(43))
    });
    assert_eq!(copies(votes), []);
}

#[test]
fn rows_that_were_joined_wrongly_are_found() {
    // The predictions outside belong to other rows: all classifiers lose them, or all but one.
    let table = |lost: usize| {
        found_in("split,label,a,b,c", 1600, |i| {
            let (y, train) = (i % 8 == 0, i < 800);
            let cell = |k: usize, lost: bool| {
                let y = if lost && !train { i * 37 % 101 % 8 == 0 } else { y };
                0.6 * noise(i, k) + 1e-6 * i as f64 + if y { 0.3 } else { 0.0 }
            };
            let cells =
                [(31, lost > 0), (43, lost > 1), (53, lost > 2)].map(|(k, lost)| cell(k, lost).to_string());
            format!("{},{},{}", if train { "train" } else { "test" }, u8::from(y), cells.join(","))
        })
    };
    let all = table(3);
    assert_eq!((all[0].kind, all[0].severity), ("unjoined", Severity::Alarm), "{all:?}");
    assert!(all[0].text.starts_with("3 of 3 classifiers rank the train rows"), "{}", all[0].text);
    assert!(all.iter().all(|f| f.kind != "in_sample"));
    assert_eq!(table(2)[0].classifiers, ["a", "b"]);
    // One classifier alone was trained on its train rows, whatever the labels.
    assert_eq!(table(1)[0].kind, "in_sample");
    assert!(table(0).iter().all(|f| f.severity != Severity::Alarm));
}

#[test]
fn what_happened_to_one_classifier_outside_is_named() {
    let found = |outside: fn(f64) -> String| {
        found_in("split,label,a,b", 1600, |i| {
            let (y, train) = (i % 8 == 0, i < 800);
            let cell = |k| 0.6 * noise(i, k) + 1e-6 * i as f64 + if y { 0.3 } else { 0.0 };
            let b = if train { cell(43).to_string() } else { outside(cell(43)) };
            format!("{},{},{},{b}", if train { "train" } else { "test" }, u8::from(y), cell(31))
        })
    };
    let swapped = found(|p| (1.0 - p).to_string());
    assert_eq!(
        (swapped[0].kind, &swapped[0].classifiers[..]),
        ("inverted", &["b".to_owned()][..]),
        "{swapped:?}"
    );
    assert!(swapped[0].text.contains("are its classes swapped there?"), "{}", swapped[0].text);
    let absent = found(|_| String::new());
    let text = &absent.iter().find(|f| f.kind == "constant").expect("found").text;
    assert!(text.starts_with("\"b\" is missing in every row outside"), "{text}");
}

#[test]
fn groups_on_both_sides_of_the_split_are_said() {
    let found = |groups: usize, width: usize| {
        let mut csv = "split,label,patient,a,b\n".to_owned();
        for i in 0..400 {
            let (y, split) = (i % 8 == 0, if i < 200 { "train" } else { "test" });
            let cell = |k| 0.5 * noise(i, k) + if y { 0.3 } else { 0.0 };
            csv += &format!("{split},{},p{},{},{}\n", u8::from(y), i / width % groups, cell(31), cell(43));
        }
        let mut options = TableOptions::default();
        options.group_column = Some("patient".to_owned());
        let table = read_table(Source::bytes("inline", csv.into()), &options).unwrap();
        diagnose(&table).unwrap().into_iter().find(|f| f.kind == "groups").map(|f| f.text)
    };
    let text = found(50, 1).expect("each patient has rows in both parts");
    assert!(text.starts_with("50 of 50 groups outside the train split"), "{text}");
    assert_eq!(found(100, 4), None);
}

#[test]
fn one_value_outside_the_train_split_is_not_a_leak() {
    let found = found_in("split,label,a,b", 800, |i| {
        let (train, y) = (i < 400, i % 8 == 0);
        let good = |k| 0.5 * noise(i, k) + if y { 0.3 } else { 0.0 };
        let b = if train { good(43) } else { 0.5 };
        format!("{},{},{},{b}", if train { "train" } else { "test" }, u8::from(y), good(31))
    });
    let kinds: Vec<&str> = found.iter().map(|f| f.kind).collect();
    assert!(!kinds.contains(&"in_sample"), "{found:?}");
    let constant = found.iter().find(|f| f.kind == "constant").expect("found");
    assert!(
        constant.text.starts_with("\"b\" is 0.5 in every row outside the train split"),
        "{}",
        constant.text
    );
}

/// Each of the three things that move a distribution, alone.
#[test]
fn prevalence_refit_and_leakage_are_told_apart() {
    // No two rows are alike.
    let p = |i: usize, y: bool| 0.6 * noise(i, 31) + 1e-6 * i as f64 + if y { 0.3 } else { 0.05 };
    // Five times the positives outside, each class as before.
    let prevalence = found_in("split,label,a", 3000, |i| {
        let train = i < 1500;
        let y = if train { i % 10 == 0 } else { i % 2 == 0 };
        format!("{},{},{}", if train { "train" } else { "test" }, u8::from(y), p(i, y))
    });
    assert_eq!(prevalence.iter().map(|f| f.kind).collect::<Vec<_>>(), ["prevalence"]);
    // The same rows ranked the same way, on another scale.
    let refit = found_in("split,label,a", 3000, |i| {
        let (train, y) = (i < 1500, i % 10 == 0);
        let value = if train { p(i, y) } else { p(i, y).powi(2) };
        format!("{},{},{value}", if train { "train" } else { "test" }, u8::from(y))
    });
    assert_eq!(refit.iter().map(|f| (f.kind, f.severity)).collect::<Vec<_>>(), [("shift", Severity::Note)]);
}

#[test]
fn the_two_classes_of_one_classifier_are_a_pair_and_not_inverted() {
    let found = found_in("label,a_p0,a_p1", 300, |i| {
        let y = i % 6 == 0;
        // No two rows are alike.
        let p = (0.6 * noise(i, 31) + 1e-5 * i as f64 + if y { 0.3 } else { 0.05 }).clamp(0.01, 0.99);
        format!("{},{:.6},{:.6}", u8::from(y), 1.0 - p, p)
    });
    assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), ["pair"]);
}

#[test]
fn distances_of_distributions() {
    let of = |values: &[f64], weights: Option<&[f64]>| {
        Distribution::new(ndarray::ArrayView1::from(values), weights, &|_| true)
    };
    let between = |a: &[f64], b: &[f64]| distance(&of(a, None), &of(b, None));
    assert_eq!(between(&[1.0, 2.0], &[1.0, 2.0]), Some(0.0));
    assert_eq!(between(&[1.0, 1.0], &[2.0]), Some(1.0));
    assert_eq!(between(&[1.0, 2.0], &[2.0, 3.0]), Some(0.5));
    assert_eq!(between(&[], &[2.0]), None);
    // A weight of 2 is a row twice, 0 is none, and rows that all weigh nothing count alike.
    let weighted = |weights: &[f64]| distance(&of(&[1.0, 2.0, 3.0], Some(weights)), &of(&[1.0, 2.0], None));
    assert_eq!(weighted(&[1.0, 2.0, 0.0]), between(&[1.0, 2.0, 2.0], &[1.0, 2.0]));
    assert_eq!(weighted(&[1e6, 2e6, 0.0]), weighted(&[1.0, 2.0, 0.0]));
    assert_eq!(weighted(&[0.0; 3]), weighted(&[1.0; 3]));
}
