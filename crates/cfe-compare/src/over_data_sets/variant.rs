//! The recommended preset with one family more, or with one part less.

use cf_ensemble::recommended::{Averaging, Families, RecommendedSpec, ShrinkTo, Views};

/// What a variant of the recommended preset has, or goes without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The calibrated mean of the log-odds.
    Equal,
    /// No correction linear in the factors.
    LowRank,
    /// Corrections for any number of positives.
    EarlyCorrections,
    /// The local correction.
    Local,
    /// Both.
    AllFamilies,
    /// The aggregators pulled to a prior direction, and no other family.
    AggregatorOnly,
    /// No aggregators pulled to a prior direction.
    Aggregator,
    /// No mean of the best classifiers.
    Selection,
    /// No weights on the log-odds alone.
    Sparse,
    /// No weights of either sign.
    Signed,
    /// Pulls up to 1000.
    Pull,
    /// No evidence as a prior direction.
    EvidencePrior,
    /// No equal weights as a prior direction.
    EqualPrior,
    /// No probabilities.
    Probabilities,
    /// No log-odds.
    LogOdds,
    /// No bound of the weights.
    Bound,
    /// No prior direction.
    PriorDirection,
    /// No standard errors taken off the evidence.
    Caution,
    /// No evidence.
    Evidence,
    /// No average.
    Average,
}

/// (variant, name of the method, what it does)
const TABLE: [(Variant, &str, &str); 20] = [
    (Variant::Equal, "with_equal", "and the calibrated mean of the log-odds, by evidence"),
    (Variant::LowRank, "no_low_rank", "without the correction linear in the factors"),
    (Variant::EarlyCorrections, "early_corrections", "the correction for any number of positives"),
    (Variant::Local, "with_local", "and the local correction, by evidence"),
    (
        Variant::AllFamilies,
        "all_families",
        "and the mean of the log-odds and the local correction, by evidence",
    ),
    (Variant::AggregatorOnly, "aggregator_only", "the aggregators pulled to a prior alone"),
    (Variant::Aggregator, "no_aggregator", "without the aggregators pulled to a prior"),
    (Variant::Selection, "no_selection", "without the mean of the best"),
    (Variant::Sparse, "no_sparse", "without the weights on log-odds alone"),
    (Variant::Signed, "no_signed", "without the weights of either sign"),
    (Variant::Pull, "pull_to_1000", "aggregators with a pull of up to 1000"),
    (Variant::EvidencePrior, "no_evidence_prior", "aggregators pulled to equal weights alone"),
    (Variant::EqualPrior, "no_equal_prior", "aggregators pulled to weights by evidence alone"),
    (Variant::Probabilities, "no_probabilities", "log-odds as the only view"),
    (Variant::LogOdds, "no_log_odds", "probabilities as the only view"),
    (Variant::Bound, "no_bound", "aggregators of either sign"),
    (Variant::PriorDirection, "shrunk_to_zero", "aggregators pulled to zero"),
    (Variant::Caution, "no_caution", "no standard errors taken off the evidence"),
    (Variant::Evidence, "flat", "families alike, and members of a family"),
    (Variant::Average, "best_member", "the member of the smallest held-out loss alone"),
];

impl Variant {
    /// Every variant.
    pub fn all() -> impl Iterator<Item = Variant> {
        TABLE.into_iter().map(|row| row.0)
    }

    fn row(self) -> (&'static str, &'static str) {
        let row = TABLE.into_iter().find(|row| row.0 == self);
        row.map(|row| (row.1, row.2)).expect("the table has a row for each variant")
    }

    /// Name in tables and files.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What it is, in a few words.
    pub fn description(self) -> &'static str {
        self.row().1
    }

    /// The settings of the variant.
    pub fn spec(self, seed: u64) -> RecommendedSpec {
        let mut spec = RecommendedSpec { seed, ..RecommendedSpec::default() };
        match self {
            Variant::Equal => spec.families.equal = true,
            Variant::LowRank => spec.families.low_rank = false,
            Variant::EarlyCorrections => spec.correction_min_instances = 0,
            Variant::Local => spec.families.local = true,
            Variant::AllFamilies => spec.families = Families::ALL,
            Variant::AggregatorOnly => spec.families = Families { aggregator: true, ..Families::NONE },
            Variant::Aggregator => spec.families.aggregator = false,
            Variant::Selection => spec.families.selection = false,
            Variant::Sparse => spec.families.sparse = false,
            Variant::Signed => spec.families.signed = false,
            Variant::Pull => spec.shrinkage.retain(|&pull| pull <= 1000.0),
            // A power of 0 makes the prior equal weights; powers above weigh by evidence.
            Variant::EvidencePrior => spec.prior_powers.retain(|&power| power == 0.0),
            Variant::EqualPrior => spec.prior_powers.retain(|&power| power > 0.0),
            Variant::Probabilities => spec.views = Views { probabilities: false, log_odds: true },
            Variant::LogOdds => spec.views = Views { probabilities: true, log_odds: false },
            Variant::Bound => spec.non_negative = false,
            Variant::PriorDirection => spec.shrink_to = ShrinkTo::Zero,
            Variant::Caution => spec.caution = 0.0,
            Variant::Evidence => spec.averaging = Averaging::Flat,
            Variant::Average => spec.averaging = Averaging::BestMember,
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
        for variant in Variant::all() {
            let spec = variant.spec(0);
            assert!(spec.validate().is_ok() && spec != full, "{variant:?}");
            assert_eq!(Variant::all().filter(|other| other.name() == variant.name()).count(), 1);
        }
    }
}
