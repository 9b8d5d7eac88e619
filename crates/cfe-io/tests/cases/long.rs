//! Long tables, repeated rows, pairs of classes.

use crate::*;

#[test]
fn long_tables_are_pivoted() {
    let mut long = String::from("row_id,model,fold,label,prob\n");
    for (id, label, p) in [("c1", 1, [0.9, 0.7]), ("c2", 0, [0.2, 0.1]), ("c3", 0, [0.4, 0.3])] {
        for (model, p) in ["clf1", "clf2"].iter().zip(p) {
            long += &format!("{id},{model},0,{label},{p}\n");
        }
    }
    let table = read(&long);
    is_plain(&table);
    assert_eq!(table.data.instance_id(2), "c3");
    assert!(
        table.taken.to_string().contains("a long table: 6 rows of 2 classifiers for 3 instances"),
        "{}",
        table.taken
    );
    // The rows of one classifier together, as caret writes them.
    let mut lines: Vec<&str> = long.lines().collect();
    lines[1..].sort_by_key(|line| line.contains("clf2"));
    is_plain(&read(&(lines.join("\n") + "\n")));
    // What is missing in the long table is missing in the wide one, and repetitions are averaged.
    let lines: Vec<&str> = long.lines().filter(|line| !line.starts_with("c2,clf2")).collect();
    let table = read(&(lines.join("\n") + "\nc1,clf1,1,1,0.7\n"));
    assert!(table.data.predictions()[(1, 1)].is_nan());
    assert!((table.data.predictions()[(0, 0)] - 0.8).abs() < 1e-15);
    assert!(table.taken.to_string().contains("means of several rows"), "{}", table.taken);
    // A model's table may be long as well.
    let chosen = with(&long, |o| o.classifiers = Some(vec!["clf2".into(), "clf1".into()])).expect("pivoted");
    assert_eq!(chosen.data.predictions().row(0).to_vec(), [0.7, 0.1, 0.3]);
    refused(
        with(&(long.clone() + "c1,clf1,1,0,0.7\n"), |_| {}),
        &["line 8, column \"label\"", "\"c1\"", "line 2"],
    );
    // A first row without a label hides no contradiction among the others.
    let unlabeled = long.replacen("c1,clf1,0,1,", "c1,clf1,0,,", 1);
    is_plain(&read(&unlabeled));
    refused(with(&(unlabeled + "c1,clf1,1,0,0.7\n"), |_| {}), &["line 8, column \"label\"", "\"c1\""]);
}

#[test]
fn long_tables_as_caret_mlr3_and_numbers_write_them() {
    let rows = [("c1", 1, [0.9, 0.7]), ("c2", 0, [0.2, 0.1]), ("c3", 0, [0.4, 0.3])];
    let long = |header: &str, line: &dyn Fn(&str, usize, i32, f64) -> String| {
        let mut text = format!("{header}\n");
        for (id, label, p) in rows {
            (0..2).for_each(|k| text += &(line(id, k, label, p[k]) + "\n"));
        }
        text
    };
    let yes = |label: i32| if label == 1 { "yes" } else { "no" };
    let hard = |p: f64| u8::from(p > 0.5);
    // mlr3: the response is the hard prediction, and both classes have a column.
    let mlr3 = long("row_ids,truth,response,prob.pos,prob.neg,learner_id", &|id, k, y, p| {
        format!("{id},{y},{},{p},{:.1},clf{}", hard(p), 1.0 - p, k + 1)
    });
    is_plain(&read(&mlr3));
    let caret = long("rowIndex,method,pred,obs,no,yes,Resample", &|id, k, y, p| {
        format!("{},clf{},{},{},{:.1},{p},Fold1", &id[1..], k + 1, yes(i32::from(hard(p))), yes(y), 1.0 - p)
    });
    is_plain(&read(&caret));
    let tidymodels = long(".row,wflow_id,.pred_bad,.pred_fine,Class", &|id, k, y, p| {
        format!("{id},clf{},{p},{:.1},{}", k + 1, 1.0 - p, if y == 1 { "bad" } else { "fine" })
    });
    is_plain(&read(&tidymodels));
    // New rows without labels are read as those of training were.
    let unlabeled = tidymodels.replace(",bad\n", ",\n").replace(",fine\n", ",\n");
    let new = with(&unlabeled, |o| {
        o.labels = Labels::IfPresent;
        o.remembered.positive = Some("bad".into());
        o.classifiers = Some(vec!["clf1".into(), "clf2".into()]);
    });
    assert_eq!(new.expect("readable").data.predictions(), array![[0.9, 0.2, 0.4], [0.7, 0.1, 0.3]]);
    // Which class is positive is only known once all labels are read.
    let turned = with(&tidymodels, |o| o.positive_label = Some("fine".into())).expect("readable");
    assert_eq!(turned.data.predictions().row(1).mapv(|p| (1e6 * p).round() / 1e6), array![0.3, 0.9, 0.7]);
    // Classifiers that are numbers.
    let numbers = long("row_id,model,label,prob", &|id, k, y, p| format!("{id},{},{y},{p}", k + 1));
    let table = read(&numbers);
    assert_eq!(table.data.classifier_names(), ["1", "2"]);
    assert_eq!(table.data.predictions(), array![[0.9, 0.2, 0.4], [0.7, 0.1, 0.3]]);
    // Rows of other classifiers are never averaged as if they were repetitions.
    let unknown = long("row_id,model,fold,label,p_a,p_b,p_c", &|id, k, y, p| {
        format!("{id},m{k},0,{y},{p},{:.2},{:.2}", p / 2.0, p / 4.0)
    });
    refused(
        with(&unknown, |_| {}),
        &["\"c1\" was used in line 2 already", "`model`", "`repeat`", "--exclude"],
    );
}

#[test]
fn ids_of_instances_that_repeat_are_not_passed_over_in_silence() {
    let text = |id: &str, extra: &str| {
        format!("{id},{extra},y,a,b\n1,7,1,0.8,0.7\n2,7,0,0.2,0.1\n1,8,1,0.6,0.5\n2,8,0,0.4,0.3\n")
    };
    for (id, extra) in [("row", "seed"), ("row_id", "run"), ("sample_id", "random_state")] {
        let table = read(&text(id, extra));
        assert_eq!(table.data.n_instances(), 2, "{id}: {}", table.taken);
        assert!((table.data.predictions()[(0, 0)] - 0.7).abs() < 1e-15);
    }
    refused(with(&text("row_id", "n"), |_| {}), &["the id \"1\" was used in line 2"]);
    let table = read(&text("index", "n"));
    assert_eq!(table.data.n_instances(), 4);
    assert!(
        table.warnings.iter().any(|w| matches!(w, TableWarning::RepeatedIds { .. })),
        "{:?}",
        table.warnings
    );
    // Columns of seeds are classifiers where they hold fractions, and what is excluded is not guessed.
    let seeds = read("y,seed1,seed2\n1,0.8,0.7\n0,0.2,0.1\n");
    assert_eq!(seeds.data.classifier_names(), ["seed1", "seed2"]);
    let without = with(&text("id", "n"), |o| o.exclude = vec!["id".into(), "n".into()]).expect("no id");
    assert_eq!((without.data.n_instances(), without.data.instance_ids()), (4, None));
}

#[test]
fn repeated_cross_validation_is_averaged() {
    let text = "id,repeat,y,a,b\n1,1,1,0.8,0.7\n2,1,0,0.2,0.1\n1,2,1,0.6,0.5\n2,2,0,0.4,\n";
    let table = read(text);
    assert_eq!(table.data.n_instances(), 2);
    assert!((table.data.predictions()[(0, 0)] - 0.7).abs() < 1e-15);
    assert_eq!(table.data.predictions()[(1, 1)], 0.1);
    assert_eq!(table.truth, [Some(true), Some(false)]);
    assert!(table.taken.to_string().contains("4 rows of 2 ids, means of several rows"), "{}", table.taken);
    // Without such a column ids that repeat are an error where they are sure, and a word where they were
    // guessed.
    refused(with("id,y,a\n1,1,0.8\n1,0,0.2\n2,0,0.3\n", |_| {}), &["the id \"1\" was used in line 2"]);
    let mut customers = String::from("customer_id,y,a,b\n");
    (0..6000).for_each(|i| customers += &format!("{i},{},0.{i},0.5\n", i % 2));
    customers += "5,1,0.25,0.5\n";
    let table = read(&customers);
    assert_eq!((table.data.n_instances(), table.data.instance_ids()), (6001, None));
    assert!(
        table.warnings.iter().any(|w| matches!(w, TableWarning::RepeatedIds { .. })),
        "{:?}",
        table.warnings
    );
}

#[test]
fn pairs_of_both_classes_are_recognized() {
    let text = "instance_id,label,clf1_predict,clf1_p0,clf1_p1,clf2_p0,clf2_p1\n\
                c1,1,1,0.1,0.9,0.3,0.7\nc2,0,0,0.8,0.2,0.9,0.1\nc3,0,0,0.6,0.4,0.7,0.3\n";
    let table = read(text);
    assert_eq!(table.data.classifier_names(), ["clf1_p1", "clf2_p1"]);
    assert_eq!(table.data.predictions(), array![[0.9, 0.2, 0.4], [0.7, 0.1, 0.3]]);
    let passed = reasons(&table);
    assert!(
        passed.contains(&("clf1_p0", "1 - clf1_p1")) && passed.contains(&("clf2_p0", "1 - clf2_p1")),
        "{passed:?}"
    );
    assert!(passed.contains(&("clf1_predict", "hard predictions, 0 and 1 only")), "{passed:?}");
    let gaps = read(&text.replace("0.3,0.7\n", "0.3,\n"));
    assert_eq!(gaps.data.classifier_names(), ["clf1_p1", "clf2_p1"]);
    assert!(
        reasons(&gaps).contains(&("clf2_p0", "1 - clf2_p1, but alone in 1 rows")),
        "{:?}",
        reasons(&gaps)
    );
    // `clf1_pred` beside `clf1_p1` is hard; alone it may be all that there is of a classifier.
    let hard = read(&text.replace("clf1_predict", "clf1_pred"));
    assert_eq!(hard.data.classifier_names(), ["clf1_p1", "clf2_p1"]);
    let alone = read("label,svm_pred,rf_prob\n1,1,0.9\n0,0,0.2\n0,1,0.4\n");
    assert_eq!(alone.data.classifier_names(), ["svm_pred", "rf_prob"]);
    let chosen = with(text, |o| o.columns = vec!["clf1_p*".into()]).expect("as asked");
    assert_eq!(chosen.data.n_classifiers(), 3);
    assert!(chosen.warnings.iter().any(|w| w.to_string().contains("sum to 1 in every row")));
}
