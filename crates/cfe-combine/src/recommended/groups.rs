//! The members of a spec, in groups that share features and ridge.

use super::family::Family;
use super::features::Features;
use super::spec::RecommendedSpec;

/// Members that share features and ridge.
pub(super) struct MemberGroup {
    pub family: Family,
    pub ridge: Option<f64>,
    /// Prior power and shrinkage of each.
    pub grid: Vec<(f64, f64)>,
}

impl MemberGroup {
    /// Members that differ in shrinkage alone.
    pub(super) fn chains(&self) -> impl Iterator<Item = &[(f64, f64)]> {
        self.grid.chunk_by(|a, b| a.0 == b.0)
    }
}

/// The groups of a spec: all members, or without `every` those with the strongest penalties alone.
pub(super) fn groups(spec: &RecommendedSpec, features: &Features, every: bool) -> Vec<MemberGroup> {
    // Without folds nothing tells the members apart, and the most shrunken ones are the safest.
    let strengths = |list: &[f64]| match every {
        true => list.to_vec(),
        false => list.iter().copied().reduce(f64::max).into_iter().collect(),
    };
    let shrinkage = strengths(&spec.shrinkage);
    let grid: Vec<(f64, f64)> =
        spec.prior_powers.iter().flat_map(|&p| shrinkage.iter().map(move |&l| (p, l))).collect();
    let on = spec.families;
    let mut groups = Vec::new();
    if on.aggregator {
        groups.push(MemberGroup { family: Family::Aggregator, ridge: None, grid: grid.clone() });
    }
    // A mean is chosen beforehand and only calibrated: it has nothing to shrink.
    for (on, family) in
        [(on.selection, Family::Selection), (on.equal, Family::Equal), (on.bagged, Family::Bagged)]
    {
        if on {
            groups.push(MemberGroup { family, ridge: None, grid: vec![(0.0, 0.0)] });
        }
    }
    // Families of one view, each with a grid of ridges alone.
    for (on, family, ridges) in [
        (on.sparse && features.views > features.probabilities, Family::Sparse, &spec.sparse_ridge),
        (on.signed && features.probabilities > 0, Family::Signed, &spec.signed_ridge),
        (on.ridge, Family::Ridge, &spec.many_ridge),
    ] {
        if on {
            let grid = strengths(ridges).into_iter().map(|ridge| (0.0, ridge)).collect();
            groups.push(MemberGroup { family, ridge: None, grid });
        }
    }
    // A correction has the aggregator's whole grid under each of its own ridges.
    for (on, family, ridges) in
        [(on.low_rank, Family::LowRank, &spec.low_rank_ridge), (on.local, Family::Local, &spec.local_ridge)]
    {
        let ridges = if on { strengths(ridges) } else { Vec::new() };
        let group = |ridge| MemberGroup { family, ridge: Some(ridge), grid: grid.clone() };
        groups.extend(ridges.into_iter().map(group));
    }
    groups
}
