//! Cells: missing values, percent, scores, rounding.

use crate::*;

#[test]
fn missing_values_as_everybody_writes_them() {
    let text = |token: &str| PLAIN.replace("0.2", token);
    for token in [
        "", " ", "NA", "NaN", "nan", "NULL", "null", "<NA>", "None", "N/A", "n/a", "#N/A", "-nan", "\\N",
        "#NA",
    ] {
        let table = read(&text(token));
        assert!(table.data.predictions()[(0, 1)].is_nan(), "{token:?}");
        assert_eq!(table.data.n_missing(), 1);
    }
    for token in [".", "?", "-", "missing", "-1", "-999", "inf"] {
        refused(with(&text(token), |_| {}), &["t.csv, line 3, column \"clf1\"", "--missing"]);
        let table = with(&text(token), |o| o.missing = vec![token.to_owned()]).expect("said");
        assert!(table.data.predictions()[(0, 1)].is_nan(), "{token:?}");
    }
}

#[test]
fn percent_and_scores() {
    let hundred = "id,label,a,b\n1,1,27.151,38.348\n2,0,6.292,31.5\n3,0,0.5,2.1\n";
    refused(with(hundred, |_| {}), &["line 2, column \"a\": 27.151 is not a probability", "--scale percent"]);
    let sign = "id,label,a,b\n1,1,27.15%,38.35%\n2,0,6.29%,31.5%\n3,0,0.5%,2.1%\n";
    refused(with(sign, |_| {}), &["\"27.15%\" is not a number", "--scale percent"]);
    for text in [hundred, sign] {
        let table = with(text, |o| o.scale = Scale::Percent).expect("said");
        assert!((table.data.predictions()[(1, 1)] - 0.315).abs() < 1e-15);
        assert!(table.warnings.is_empty(), "{:?}", table.warnings);
    }
    // Fractions that are divided once more are said.
    let fractions = "id,label,a,b\n1,1,0.25,0.5\n2,0,0.06,0.31\n3,0,0.05,0.25\n";
    let fractions = with(fractions, |o| o.scale = Scale::Percent);
    let said = fractions.expect("readable").warnings[0].to_string();
    assert!(said.contains("0.5, and --scale percent divides it by 100"), "{said}");
    let scores = "id,label,a,b\n1,1,2.5,1.5\n2,0,-3.0,-0.25\n3,0,-0.5,-2.0\n";
    refused(with(scores, |_| {}), &["2.5 is not a probability", "--input score"]);
    let table = with(scores, |o| o.input = Input::Score).expect("said");
    // 1 / (1 + exp(3)).
    assert!((table.data.predictions()[(0, 1)] - 0.047_425_873_177_566_78).abs() < 1e-16);
}

#[test]
fn a_hair_outside_is_clipped_and_said() {
    for (cell, value) in
        [("1.0000001192092896", 1.0), ("1.0000000000000007", 1.0), ("-2.3e-17", 0.0), ("1.00000536", 1.0)]
    {
        let table = read(&PLAIN.replace("0.2", cell));
        assert_eq!(table.data.predictions()[(0, 1)], value, "{cell}");
        let clipped = |w: &&TableWarning| matches!(w, TableWarning::Clipped { cells: 1, .. });
        let warning = table.warnings.iter().find(clipped).expect("said").to_string();
        assert!(
            warning.contains("1 cell is slightly outside 0 to 1") && warning.contains("clf1"),
            "{warning}"
        );
    }
    refused(with(&PLAIN.replace("0.2", "1.01"), |_| {}), &["1.01 is not a probability"]);
}
