//! From a distribution to a class.

use cfe_core::classes::ClassData;
use cfe_core::metrics::classes::{ClassConfusion, largest};
use cfe_core::{Result, ensure, is_positive};
use ndarray::{Array2, ArrayView1, Axis};
use serde::{Deserialize, Serialize};

use super::decision_rule::DecisionRule;
use super::rows::ClassRows;

/// How a model decides; stored with it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// The largest p_k.
    #[default]
    Largest,
    /// The smallest sum over k of p_k `costs[k][j]`: K lists of K, a row for each true class.
    Costs(Vec<Vec<f64>>),
    /// The largest w_k p_k (K, positive).
    Weights(Vec<f64>),
}

const COSTS: &str = "a decision by costs needs a row for each class and a cost for each decision, finite and at least 0, in \
                     the order of the classes";

impl Decision {
    /// Decides about one distribution (K); of equal ones the first.
    pub fn decide(&self, p: ArrayView1<'_, f64>) -> usize {
        match self {
            Decision::Largest => largest(p.iter().copied()),
            Decision::Costs(costs) => {
                let cost = |j: usize| p.iter().zip(costs).map(|(p, row)| p * row[j]).sum::<f64>();
                // The negated costs, so that ties go to the first class as they do with the largest
                // probability.
                largest((0..p.len()).map(|j| -cost(j)))
            }
            Decision::Weights(weights) => largest(p.iter().zip(weights).map(|(p, w)| p * w)),
        }
    }

    /// The same for each row (n x K).
    pub fn decide_all(&self, probabilities: &Array2<f64>) -> Vec<usize> {
        probabilities.rows().into_iter().map(|row| self.decide(row)).collect()
    }

    /// Refuses what does not fit the number of classes.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](cfe_core::Error::InvalidParameter).
    pub fn validate(&self, classes: usize) -> Result<()> {
        match self {
            Decision::Largest => Ok(()),
            Decision::Costs(costs) => {
                let sound = |row: &Vec<f64>| {
                    row.len() == classes && row.iter().all(|&cost| cfe_core::is_at_least_zero(cost))
                };
                if let Some(cost) = costs.iter().flatten().find(|&&cost| !cfe_core::is_at_least_zero(cost)) {
                    return ensure(false, "costs", *cost, COSTS);
                }
                let shape = format!("{} rows of costs for {classes} classes", costs.len());
                ensure(costs.len() == classes && costs.iter().all(sound), "costs", shape, COSTS)
            }
            Decision::Weights(weights) => {
                let sound = weights.len() == classes && weights.iter().all(|&w| is_positive(w));
                ensure(sound, "model", "decision", "a positive weight for each class; was the file changed?")
            }
        }
    }

    /// What it costs to take class `decided` where class `truth` is right: the entry of the matrix, and else
    /// 1 for a wrong class.
    pub fn cost(&self, truth: usize, decided: usize) -> f64 {
        match self {
            Decision::Costs(costs) => costs[truth][decided],
            _ => f64::from(u8::from(truth != decided)),
        }
    }

    /// The decision of a rule; `out_of_fold` are probabilities (n x K) of rows that were not learned from,
    /// and those rows. Without any, weights cannot be fitted, and the largest probability decides.
    pub(super) fn of_rule(
        rule: &DecisionRule,
        classes: usize,
        out_of_fold: Option<(&Array2<f64>, &ClassRows)>,
    ) -> Result<Self> {
        let decision = match (rule, out_of_fold) {
            // A matrix of costs is taken as it stands; the other two rules search for weights.
            (DecisionRule::Costs(costs), _) => Decision::Costs(costs.clone()),
            (DecisionRule::MacroF1, Some((p, rows))) => {
                let p = p.select(Axis(0), &rows.rows);
                let score = |decided: &[usize]| {
                    Ok(ClassConfusion::new(classes, &rows.labels, decided, Some(&rows.weights))?.macro_f1())
                };
                Decision::Weights(best_weights(&p, &rows.labels, score)?)
            }
            (DecisionRule::LeastCost, Some((p, rows))) => {
                let p = p.select(Axis(0), &rows.rows);
                // A share of the cost of all rows, so that one tolerance serves any unit.
                let cost = |i: usize| rows.weights[i] * rows.costs.as_ref().map_or(1.0, |costs| costs[i]);
                let total: f64 = (0..rows.labels.len()).map(cost).sum();
                let score = |decided: &[usize]| {
                    let wrong = (0..decided.len()).filter(|&i| decided[i] != rows.labels[i]);
                    Ok(-wrong.map(cost).sum::<f64>() / total.max(f64::MIN_POSITIVE))
                };
                Decision::Weights(best_weights(&p, &rows.labels, score)?)
            }
            (_, _) => Decision::Largest,
        };
        decision.validate(classes)?;
        Ok(decision)
    }
}

/// Rounds over all classes; the search ends before where a round changes nothing.
const ROUNDS: usize = 10;
/// Weights are kept within this factor of 1.
const MOST: f64 = 1e6;

/// Weights w (K) that make the `score` of the largest w_k p_k best: one class after the other, the rarest
/// first, over every weight at which a row changes sides, until nothing gets better. Equal weights stay where
/// no others are better.
fn best_weights(
    p: &Array2<f64>,
    labels: &[usize],
    score: impl Fn(&[usize]) -> Result<f64>,
) -> Result<Vec<f64>> {
    let classes = p.ncols();
    let mut found = vec![1.0; classes];
    let score = |found: &[f64]| score(&Decision::Weights(found.to_vec()).decide_all(p));
    // Rare classes first: they are seldom the largest and gain most from a weight of their own.
    let mut counts = vec![0_usize; classes];
    labels.iter().for_each(|&label| counts[label] += 1);
    let mut order: Vec<usize> = (0..classes).collect();
    order.sort_by_key(|&k| counts[k]);
    let mut best = score(&found)?;
    for _ in 0..ROUNDS {
        let before = best;
        for &k in &order {
            // Row i is decided to be k from the weight max_j (w_j p_j) / p_k on.
            let mut turns: Vec<f64> = p
                .rows()
                .into_iter()
                .map(|row| {
                    let other = (0..classes).filter(|&j| j != k).map(|j| found[j] * row[j]);
                    other.fold(0.0, f64::max) / row[k]
                })
                // A class that a row gives 0 divides by 0. The infinity or NaN lies outside of the range and
                // is left out.
                .filter(|w| (1.0 / MOST..=MOST).contains(w))
                .collect();
            turns.sort_by(f64::total_cmp);
            turns.dedup();
            // Between two turns every weight decides alike: the middle of the gap, and of many a sample.
            let step = turns.len().div_ceil(SAMPLED).max(1);
            for pair in turns.windows(2).step_by(step) {
                let mut tried = found.clone();
                tried[k] = (pair[0] * pair[1]).sqrt();
                let value = score(&tried)?;
                // Better by more than rounding, so that chance ties do not move a weight.
                if value > best + 1e-9 {
                    (best, found) = (value, tried);
                }
            }
        }
        if best <= before {
            break;
        }
    }
    Ok(found)
}

/// Weights tried of each class in a round.
const SAMPLED: usize = 200;

/// Refuses a rule that does not fit the classes of the data, before any work.
pub(super) fn check_rule(rule: &DecisionRule, data: &ClassData) -> Result<()> {
    match rule {
        DecisionRule::Costs(costs) => Decision::Costs(costs.clone()).validate(data.predictions().n_classes()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_cost_matrix_turns_a_decision() {
        let p = array![0.6, 0.3, 0.1];
        assert_eq!(Decision::Largest.decide(p.view()), 0);
        let costs = Decision::Costs(vec![vec![0.0, 1.0, 1.0], vec![1.0, 0.0, 1.0], vec![20.0, 20.0, 0.0]]);
        // Expected costs 0.3 + 2, 0.6 + 2, 0.9.
        assert_eq!(costs.decide(p.view()), 2);
        assert_eq!(Decision::Weights(vec![1.0, 3.0, 1.0]).decide(p.view()), 1);
        assert!(costs.validate(3).is_ok() && costs.validate(4).is_err());
        assert!(Decision::Costs(vec![vec![0.0, -1.0], vec![0.0, 0.0]]).validate(2).is_err());
        assert!(Decision::Weights(vec![1.0, f64::NAN]).validate(2).is_err());
        for text in ["largest", "macro_f1", "least_cost", "costs=0,1/2.5,0"] {
            assert_eq!(String::from(text.parse::<DecisionRule>().expect("a form")), text);
        }
        for bad in ["", "costs", "costs=a/b", "f1"] {
            assert!(bad.parse::<DecisionRule>().is_err(), "{bad}");
        }
    }

    #[test]
    fn weights_find_a_rare_class_that_never_has_the_largest_probability() {
        let p = Array2::from_shape_fn((40, 3), |(i, k)| match (i % 10 == 0, k) {
            (true, _) => [0.45, 0.25, 0.3][k],
            (false, 2) => 0.1,
            (false, _) if k == i % 2 => 0.6,
            (false, _) => 0.3,
        });
        let labels: Vec<usize> = (0..40).map(|i| if i % 10 == 0 { 2 } else { i % 2 }).collect();
        let known: Vec<Option<usize>> = labels.iter().copied().map(Some).collect();
        let every: Vec<usize> = (0..40).collect();
        let of = |rule, rows: &ClassRows| Decision::of_rule(&rule, 3, Some((&p, rows))).expect("valid");
        let rows = ClassRows::new(&every, &known, None, None);
        assert_eq!(of(DecisionRule::MacroF1, &rows).decide_all(&p), labels);

        // Rows of class 2 are as dear as all others together, or as cheap as nothing.
        let costs = |dear: f64| -> Vec<f64> {
            labels.iter().map(|&label| if label == 2 { dear } else { 1.0 }).collect()
        };
        let decided = |costs: &[f64]| {
            let rows = ClassRows::new(&every, &known, None, Some(costs));
            of(DecisionRule::LeastCost, &rows).decide_all(&p)
        };
        assert_eq!(decided(&costs(40.0)), labels);
        assert_eq!(decided(&costs(0.0)), Decision::Largest.decide_all(&p));
        // A row of weight 0 is as good as none.
        let weights: Vec<f64> = labels.iter().map(|&label| f64::from(u8::from(label != 2))).collect();
        let rows = ClassRows::new(&every, &known, Some(&weights), None);
        assert_eq!(rows.rows.len(), 36);
        assert_eq!(of(DecisionRule::MacroF1, &rows), Decision::Weights(vec![1.0; 3]));
        assert_eq!((Decision::Largest.cost(1, 1), Decision::Largest.cost(1, 2)), (0.0, 1.0));
    }
}
