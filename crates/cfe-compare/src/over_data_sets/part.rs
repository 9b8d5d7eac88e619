//! The recommended preset with one part taken away.

use cf_ensemble::recommended::{Averaging, Families, RecommendedSpec, ShrinkTo, Views};

/// A part of the recommended preset that a variant goes without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Both corrections.
    Factorization,
    /// The correction linear in the factors.
    LowRank,
    /// The local correction.
    Local,
    /// The aggregators pulled to a prior direction.
    Aggregator,
    /// The mean of the best classifiers.
    Selection,
    /// The weights on the log-odds alone.
    Sparse,
    /// The weights of either sign.
    Signed,
    /// The calibrated mean of the log-odds.
    Equal,
    /// Everything but the aggregators.
    AllButAggregator,
    /// The evidence as a prior direction.
    EvidencePrior,
    /// Equal weights as a prior direction.
    EqualPrior,
    /// The probabilities.
    Probabilities,
    /// The log-odds.
    LogOdds,
    /// The bound of the weights.
    Bound,
    /// The prior direction.
    PriorDirection,
    /// The standard errors.
    Caution,
    /// The evidence for the corrections.
    Evidence,
    /// The average.
    Average,
}

/// (part, name of the method, what it does)
const TABLE: [(Part, &str, &str); 18] = [
    (Part::Factorization, "no_factorization", "without both corrections"),
    (Part::LowRank, "no_low_rank", "without the correction linear in the factors"),
    (Part::Local, "no_local", "without the local correction"),
    (Part::Aggregator, "no_aggregator", "without the aggregators pulled to a prior"),
    (Part::Selection, "no_selection", "without the mean of the best"),
    (Part::Sparse, "no_sparse", "without the weights on log-odds alone"),
    (Part::Signed, "no_signed", "without the weights of either sign"),
    (Part::Equal, "no_equal", "without the calibrated mean of the log-odds"),
    (Part::AllButAggregator, "aggregator_only", "the aggregators pulled to a prior alone"),
    (Part::EvidencePrior, "no_evidence_prior", "aggregators pulled to equal weights alone"),
    (Part::EqualPrior, "no_equal_prior", "aggregators pulled to weights by evidence alone"),
    (Part::Probabilities, "no_probabilities", "log-odds as the only view"),
    (Part::LogOdds, "no_log_odds", "probabilities as the only view"),
    (Part::Bound, "no_bound", "weights of either sign"),
    (Part::PriorDirection, "shrunk_to_zero", "aggregators pulled to zero"),
    (Part::Caution, "no_caution", "no standard errors taken off the evidence"),
    (Part::Evidence, "flat", "families alike, and members of a family"),
    (Part::Average, "best_member", "the member of the smallest held-out loss alone"),
];

impl Part {
    /// Every part.
    pub fn all() -> impl Iterator<Item = Part> {
        TABLE.into_iter().map(|row| row.0)
    }

    fn row(self) -> (&'static str, &'static str) {
        let row = TABLE.into_iter().find(|row| row.0 == self);
        row.map(|row| (row.1, row.2)).expect("the table has a row for each part")
    }

    /// Name of the variant in tables and files.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What the variant is, in a few words.
    pub fn description(self) -> &'static str {
        self.row().1
    }

    /// The recommended settings without this part.
    pub fn without(self, seed: u64) -> RecommendedSpec {
        let mut spec = RecommendedSpec { seed, ..RecommendedSpec::default() };
        let Families { aggregator, selection, sparse, signed, low_rank, local, equal, .. } =
            &mut spec.families;
        match self {
            Part::Factorization => (*low_rank, *local) = (false, false),
            Part::LowRank => *low_rank = false,
            Part::Local => *local = false,
            Part::Aggregator => *aggregator = false,
            Part::Selection => *selection = false,
            Part::Sparse => *sparse = false,
            Part::Signed => *signed = false,
            Part::Equal => *equal = false,
            Part::AllButAggregator => spec.families = Families { aggregator: true, ..Families::NONE },
            // A power of 0 makes the prior equal weights; powers above weigh by evidence.
            Part::EvidencePrior => spec.prior_powers.retain(|&power| power == 0.0),
            Part::EqualPrior => spec.prior_powers.retain(|&power| power > 0.0),
            Part::Probabilities => spec.views = Views { probabilities: false, log_odds: true },
            Part::LogOdds => spec.views = Views { probabilities: true, log_odds: false },
            Part::Bound => spec.non_negative = false,
            Part::PriorDirection => spec.shrink_to = ShrinkTo::Zero,
            Part::Caution => spec.caution = 0.0,
            Part::Evidence => spec.averaging = Averaging::Flat,
            Part::Average => spec.averaging = Averaging::BestMember,
        }
        spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_is_valid_and_another() {
        let full = RecommendedSpec::default();
        for part in Part::all() {
            let spec = part.without(0);
            assert!(spec.validate().is_ok() && spec != full, "{part:?}");
            assert_eq!(Part::all().filter(|other| other.name() == part.name()).count(), 1);
        }
    }
}
