//! Columns of weights, folds, times and costs.

use cfe_io::{Labels, Role, Source, Table, TableError, TableOptions, TableResult, TableWarning, read_table};

fn read(text: &str, set: impl Fn(&mut TableOptions)) -> TableResult<Table> {
    let mut options = TableOptions::default();
    set(&mut options);
    read_table(Source::bytes("t.csv", text.into()), &options)
}

const ROWS: &str = "id,label,w,cv,when,cost,group,svm,rf\n\
    a,1,2,0,2024-01-01,5,x,0.9,0.8\n\
    b,0,0.5,0,2024-01-02,1,y,0.2,0.1\n\
    c,1,1,1,2024-01-03,0,z,0.7,0.6\n\
    d,0,0,1,2024-01-04,2,u,0.3,0.2\n\
    e,,,,,,v,0.4,0.3\n";

fn named(options: &mut TableOptions) {
    options.weight_column = Some("w".into());
    options.fold_column = Some("cv".into());
    options.cost_column = Some("cost".into());
}

#[test]
fn named_columns_are_read_and_said() {
    let table = read(ROWS, named).expect("a table");
    assert_eq!(table.data.sample_weights(), Some(&[2.0, 0.5, 1.0, 0.0, 0.0][..]));
    assert_eq!(table.costs, Some(vec![5.0, 1.0, 0.0, 2.0, 0.0]));
    let folds = table.given_folds(5).expect("two folds").expect("a fold column");
    assert_eq!((folds.as_slice(), folds.n_splits()), (&[0, 0, 1, 1][..], 2));
    let said = table.taken.to_string();
    assert!(said.contains("weight = w, fold = cv, cost = cost, 2 classifiers: svm, rf"), "{said}");
    assert!(said.contains("passed over: when"), "{said}");
}

#[test]
fn weights_and_folds_are_taken_by_their_names_alone() {
    for (weight, fold) in
        [("sample_weights", "fold"), ("Sample Weight", "cv_fold"), ("SAMPLE_WEIGHT", "Fold")]
    {
        let text = ROWS.replacen(",w,cv,", &format!(",{weight},{fold},"), 1);
        let table = read(&text, |_| ()).expect("a table");
        assert!(table.data.sample_weights().is_some() && table.folds.is_some(), "{weight} {fold}");
        assert_eq!(table.taken.roles.get(Role::Weight).map(String::as_str), Some(weight));
        // What is not wanted is left out by name.
        let table = read(&text, |o| o.exclude = vec![weight.into(), fold.into()]).expect("a table");
        assert!(table.data.sample_weights().is_none() && table.folds.is_none());
        let table = read(&text, |o| o.not_guessed = vec![Role::Weight, Role::Fold]).expect("a table");
        assert!(table.data.sample_weights().is_none() && table.folds.is_none());
    }
    // The weight of a person is not that of a row.
    for other in ["exposure", "weight"] {
        let table = read(&ROWS.replacen(",w,", &format!(",{other},"), 1), |_| ()).expect("a table");
        assert!(table.data.sample_weights().is_none(), "{other} is not taken unasked");
    }
}

#[test]
fn all_rows_without_a_weight_are_named() {
    let text = ROWS.replace("a,1,2,", "a,1,-2,").replace("c,1,1,", "c,1,inf,").replace("d,0,0,", "d,0,,");
    match read(&text, named).expect_err("no weights") {
        TableError::BadAmounts { role: "weight", count: 3, rows, .. } => {
            assert_eq!(rows, "line 2 (\"-2\"), line 4 (\"inf\"), line 5 (\"\")");
        }
        other => panic!("{other}"),
    }
    // A column that was only guessed is passed over instead, with a warning.
    let negative = text.replacen(",w,", ",sample_weight,", 1);
    for text in [negative.replace("a,1,-2,", "a,1,,"), negative] {
        let table = read(&text, |_| ()).expect("a table");
        assert!(table.data.sample_weights().is_none());
        assert!(table.taken.passed_over.iter().any(|p| p.column == "sample_weight"));
        assert!(
            table.warnings.iter().any(|w| matches!(w, TableWarning::ColumnNotUsed { role: "weight", .. }))
        );
    }
}

#[test]
fn a_class_of_weight_zero_is_refused_with_its_rows() {
    let text = ROWS.replace("b,0,0.5,", "b,0,0,");
    match read(&text, named).expect_err("nothing negative counts") {
        TableError::AllAmountsZero { role: "weight", class, count: 2, rows, .. } => {
            assert_eq!((&*class, &*rows), ("0", "line 3, line 5"));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn folds_that_cannot_be_followed_are_refused() {
    let fold = |cells: [&str; 4]| {
        let mut text = "label,cv,g,svm\n".to_owned();
        for ((cell, label), group) in cells.iter().zip([1, 0, 1, 0]).zip(["x", "y", "x", "z"]) {
            text += &format!("{label},{cell},{group},0.{label}5\n");
        }
        let table = read(&text, |o| o.fold_column = Some("cv".into()))?;
        table.given_folds(5)
    };
    assert!(fold(["a", "a", "b", "b"]).is_ok());
    assert!(
        matches!(fold(["a", "a", "a", "a"]), Err(TableError::TooFewFolds { found, .. }) if found == "\"a\"")
    );
    assert!(
        matches!(fold(["a", "b", "a", "b"]), Err(TableError::FoldLacksClass { folds, .. }) if folds == "\"a\", \"b\"")
    );
    assert!(
        matches!(fold(["a", "", "b", ""]), Err(TableError::NoFold { count: 2, rows, .. }) if rows == "line 3, line 5")
    );
    // By number, 2 before 10.
    let folds = fold(["10", "10", "2", "2"]).expect("two folds").expect("given");
    assert_eq!(folds.as_slice(), [1, 1, 0, 0]);
    let torn = read("label,cv,group,svm\n1,0,p,0.9\n0,0,q,0.1\n1,1,p,0.8\n0,1,q,0.2\n0,1,r,0.3\n", |o| {
        o.fold_column = Some("cv".into());
        o.group_column = Some("group".into());
    });
    match torn.expect("a table").given_folds(5).expect_err("torn groups") {
        TableError::GroupInFolds { count: 2, groups, .. } => assert_eq!(groups, "\"p\", \"q\""),
        other => panic!("{other}"),
    }
}

#[test]
fn later_rows_are_scored_by_earlier_ones() {
    let mut text = "label,when,svm\n".to_owned();
    for i in 0..12 {
        text += &format!("{},2024-01-{:02},0.{i}5\n", i % 2, 12 - i);
    }
    let timed = |text: &str| read(text, |o| o.time_column = Some("when".into()));
    let table = timed(&text).expect("a table");
    let folds = table.given_folds(3).expect("enough times").expect("given");
    assert!(folds.is_forward());
    assert_eq!((folds.train(0), folds.test(0)), (vec![9, 10, 11], vec![6, 7, 8]));
    assert_eq!(folds.scored(), (0..9).collect::<Vec<_>>());
    assert!(matches!(table.given_folds(12), Err(TableError::TooFewTimes { found: 12, needed: 13, .. })));
    let bad = text.replace("2024-01-03", "soon");
    assert!(
        matches!(timed(&bad), Err(TableError::BadTimes { count: 1, rows, .. }) if rows == "line 11 (\"soon\")")
    );
    // Folds are not guessed beside times, and both cannot be followed.
    let both = text.replacen("when", "fold,when", 1).replace(",2024", ",k,2024");
    assert!(timed(&both).expect("a table").folds.is_none());
    let mut both = timed(&text).expect("a table");
    both.folds = Some(vec!["a".into(); 12]);
    assert!(matches!(both.given_folds(3), Err(TableError::FoldsAndTimes { .. })));
}

#[test]
fn what_is_to_be_predicted_may_hold_anything_in_these_columns() {
    let mut options = TableOptions::default();
    options.classifiers = Some(vec!["svm".into(), "rf".into()]);
    options.labels = Labels::IfPresent;
    options.remembered.roles.weight = Some("w".into());
    options.remembered.roles.fold = Some("cv".into());
    let text = "w,cv,svm,rf,other\nx,,0.1,0.2,1\n,,0.3,0.4,2\n";
    let table = read_table(Source::bytes("new.csv", text.into()), &options).expect("a table");
    let extra =
        |w: &TableWarning| matches!(w, TableWarning::ExtraColumns { columns, .. } if columns == &["other"]);
    assert!(table.warnings.iter().any(extra), "{:?}", table.warnings);
}
