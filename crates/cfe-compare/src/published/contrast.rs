//! ALS against torch.

use cf_ensemble::diversity::correlation;

use super::method::Method;
use super::report::{Contrast, Diversity, Row, Series};

/// The pairs that are compared: weighted, then unweighted.
const PAIRS: [(Method, Method); 2] =
    [(Method::AlsWeighted, Method::TorchWeighted), (Method::AlsUnweighted, Method::TorchUnweighted)];

/// Both pairs, as far as their rows are there.
// A pair is there only with both rows and both series: a build without torch has none.
pub(super) fn contrasts(rows: &[Row], series: &[Series]) -> Vec<Contrast> {
    let find = |method| {
        let row = rows.iter().find(|row| row.method == method)?;
        Some((row, series.iter().find(|series| series.method == method)?))
    };
    PAIRS.iter().filter_map(|(als, torch)| Some(contrast(find(*als)?, find(*torch)?))).collect()
}

fn contrast((als, als_series): (&Row, &Series), (torch, torch_series): (&Row, &Series)) -> Contrast {
    let ratio_of = |figure: fn(&Row) -> Option<f64>| ratio(figure(torch), figure(als));
    let weight_correlation = match (&als.weights, &torch.weights) {
        (Some(a), Some(b)) => correlation(a, b),
        _ => None,
    };
    Contrast {
        class_weights: als.method.is_weighted(),
        weight_std_ratio: ratio_of(|row| row.weight_std),
        weight_range_ratio: ratio_of(weight_range),
        // The largest of negative weights is the one closest to 0: a ratio of those says nothing.
        weight_max_ratio: ratio_of(|row| row.weight_max.filter(|&max| max > 0.0)),
        weight_variation_ratio: ratio_of(|row| row.weight_variation),
        prediction_variance_ratio: ratio_of(|row| Some(row.prediction_std.powi(2))),
        effective_classifiers_ratio: ratio_of(|row| row.effective_classifiers),
        weight_correlation,
        prediction_correlation: correlation(&als_series.test_predictions, &torch_series.test_predictions),
        seconds_ratio: ratio_of(|row| Some(row.seconds)),
    }
}

/// max - min of w.
pub(super) fn weight_range(row: &Row) -> Option<f64> {
    Some(row.weight_max? - row.weight_min?)
}

/// a / b, where both are there and b is not 0.
fn ratio(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    let (a, b) = (a?, b?);
    (b != 0.0).then(|| a / b)
}

/// The published ratios, from the weighted pair.
pub(super) fn diversity(contrasts: &[Contrast]) -> Diversity {
    contrasts.iter().find(|contrast| contrast.class_weights).map_or_else(Diversity::default, |weighted| {
        Diversity {
            weight_std_ratio: weighted.weight_std_ratio,
            weight_range_ratio: weighted.weight_range_ratio,
            weight_max_ratio: weighted.weight_max_ratio,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_need_both_sides() {
        assert_eq!(ratio(Some(3.0), Some(2.0)), Some(1.5));
        assert_eq!(ratio(Some(3.0), None), None);
        assert_eq!(ratio(Some(3.0), Some(0.0)), None);
        assert_eq!(diversity(&[]), Diversity::default());
    }
}
