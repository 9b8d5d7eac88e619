//! The recommended preset with one family more, or with one part less.

use cf_ensemble::recommended::{Averaging, Families, RecommendedSpec, ShrinkTo, Views};

/// What a variant of the recommended preset has, or goes without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The calibrated mean of the log-odds as one more family.
    WithEqual,
    /// No correction linear in the factors.
    NoLowRank,
    /// The correction for any number of positives.
    EarlyCorrections,
    /// The local correction as one more family.
    WithLocal,
    /// Both of these families.
    AllFamilies,
    /// The aggregators pulled to a prior direction, and no other family.
    AggregatorOnly,
    /// No aggregators pulled to a prior direction.
    NoAggregator,
    /// No mean of the best classifiers.
    NoSelection,
    /// No weights on the log-odds alone.
    NoSparse,
    /// No weights of either sign.
    NoSigned,
    /// Aggregators with a pull of up to 1000.
    PullTo1000,
    /// No evidence as a prior direction.
    NoEvidencePrior,
    /// No equal weights as a prior direction.
    NoEqualPrior,
    /// No probabilities.
    NoProbabilities,
    /// No log-odds.
    NoLogOdds,
    /// No bound of the weights.
    NoBound,
    /// No prior direction: aggregators pulled to zero.
    ShrunkToZero,
    /// No standard errors taken off the evidence.
    NoCaution,
    /// No evidence: families alike, and members of a family.
    Flat,
    /// No average: the best member alone.
    BestMember,
}

/// (variant, name of the method, what it does)
const TABLE: [(Variant, &str, &str); 20] = [
    (Variant::WithEqual, "with_equal", "and the calibrated mean of the log-odds, by evidence"),
    (Variant::NoLowRank, "no_low_rank", "without the correction linear in the factors"),
    (Variant::EarlyCorrections, "early_corrections", "the correction for any number of positives"),
    (Variant::WithLocal, "with_local", "and the local correction, by evidence"),
    (
        Variant::AllFamilies,
        "all_families",
        "and the mean of the log-odds and the local correction, by evidence",
    ),
    (Variant::AggregatorOnly, "aggregator_only", "the aggregators pulled to a prior alone"),
    (Variant::NoAggregator, "no_aggregator", "without the aggregators pulled to a prior"),
    (Variant::NoSelection, "no_selection", "without the mean of the best"),
    (Variant::NoSparse, "no_sparse", "without the weights on log-odds alone"),
    (Variant::NoSigned, "no_signed", "without the weights of either sign"),
    (Variant::PullTo1000, "pull_to_1000", "aggregators with a pull of up to 1000"),
    (Variant::NoEvidencePrior, "no_evidence_prior", "aggregators pulled to equal weights alone"),
    (Variant::NoEqualPrior, "no_equal_prior", "aggregators pulled to weights by evidence alone"),
    (Variant::NoProbabilities, "no_probabilities", "log-odds as the only view"),
    (Variant::NoLogOdds, "no_log_odds", "probabilities as the only view"),
    (Variant::NoBound, "no_bound", "aggregators of either sign"),
    (Variant::ShrunkToZero, "shrunk_to_zero", "aggregators pulled to zero"),
    (Variant::NoCaution, "no_caution", "no standard errors taken off the evidence"),
    (Variant::Flat, "flat", "families alike, and members of a family"),
    (Variant::BestMember, "best_member", "the member of the smallest held-out loss alone"),
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
        // Each variant differs from the default in one part, so that a difference in figures is that of the
        // part.
        let mut spec = RecommendedSpec { seed, ..RecommendedSpec::default() };
        match self {
            Variant::WithEqual => spec.families.equal = true,
            Variant::NoLowRank => spec.families.low_rank = false,
            Variant::EarlyCorrections => spec.correction_min_instances = 0,
            Variant::WithLocal => spec.families.local = true,
            Variant::AllFamilies => spec.families = Families::ALL,
            Variant::AggregatorOnly => spec.families = Families { aggregator: true, ..Families::NONE },
            Variant::NoAggregator => spec.families.aggregator = false,
            Variant::NoSelection => spec.families.selection = false,
            Variant::NoSparse => spec.families.sparse = false,
            Variant::NoSigned => spec.families.signed = false,
            Variant::PullTo1000 => spec.shrinkage.retain(|&pull| pull <= 1000.0),
            // A power of 0 makes the prior equal weights; powers above weigh by evidence.
            Variant::NoEvidencePrior => spec.prior_powers.retain(|&power| power == 0.0),
            Variant::NoEqualPrior => spec.prior_powers.retain(|&power| power > 0.0),
            Variant::NoProbabilities => spec.views = Views { probabilities: false, log_odds: true },
            Variant::NoLogOdds => spec.views = Views { probabilities: true, log_odds: false },
            Variant::NoBound => spec.non_negative = false,
            Variant::ShrunkToZero => spec.shrink_to = ShrinkTo::Zero,
            Variant::NoCaution => spec.caution = 0.0,
            Variant::Flat => spec.averaging = Averaging::Flat,
            Variant::BestMember => spec.averaging = Averaging::BestMember,
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
