//! The methods that are compared.

use cf_ensemble::baselines::Baseline;
use cf_ensemble::classes::{
    ClassBaseline, ClassData, ClassOptions, ClassPredictions, CouplingMethod, Decision, DecisionRule, fit,
    fit_baseline,
};
use cf_ensemble::methods::Method as Trainer;
use cf_ensemble::{FitError, FitOptions};
use ndarray::Array2;

use super::pairwise;
use crate::error::Error;

/// A way of combining more than two classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// One fit of a trainer for each class, coupled in this way.
    Trainer(Trainer, CouplingMethod),
    /// The recommended combiner, deciding for macro F1.
    MacroF1,
    /// The recommended combiner for each pair of classes, coupled as by Wu, Lin and Weng.
    Pairwise,
    /// One fit of a binary baseline for each class, normalized sums.
    OneVsRest(Baseline),
    /// A simple combiner of several classes.
    Simple(ClassBaseline),
}

/// Binary baselines that are compared one-vs-rest.
const ONE_VS_REST: [Baseline; 6] = [
    Baseline::LogitMean,
    Baseline::Top5Mean,
    Baseline::Nnls,
    Baseline::NonNegativeLogistic,
    Baseline::Logistic,
    Baseline::Average4,
];

impl Method {
    /// Every method that is run unless some are named, the recommended one first.
    pub fn all() -> Vec<Method> {
        let mut all = vec![
            Method::Trainer(Trainer::Recommended, CouplingMethod::default()),
            Method::Trainer(Trainer::Als, CouplingMethod::default()),
        ];
        all.extend(ClassBaseline::ALL.map(Method::Simple));
        all.extend(ONE_VS_REST.map(Method::OneVsRest));
        all
    }

    /// Every method that can be named: the other couplings and decisions too.
    pub fn named() -> Vec<Method> {
        let mut all = Self::all();
        let other = |(coupling, _): &(CouplingMethod, _)| *coupling != CouplingMethod::default();
        let couplings = CouplingMethod::ALL.into_iter().filter(other);
        all.extend(couplings.map(|(coupling, _)| Method::Trainer(Trainer::Recommended, coupling)));
        all.extend([Method::MacroF1, Method::Pairwise]);
        all
    }

    /// Name in tables and files.
    pub fn name(self) -> String {
        match self {
            Method::Trainer(trainer, coupling) if coupling == CouplingMethod::default() => {
                trainer.name().to_owned()
            }
            Method::Trainer(trainer, coupling) => {
                let found = CouplingMethod::ALL.into_iter().find(|(own, _)| *own == coupling);
                format!("{}_{}", trainer.name(), found.expect("the list has every coupling").1)
            }
            Method::MacroF1 => "recommended_macro_f1".to_owned(),
            Method::Pairwise => "recommended_pairwise".to_owned(),
            Method::OneVsRest(baseline) => format!("ovr_{}", baseline.name()),
            Method::Simple(baseline) => baseline.name().to_owned(),
        }
    }

    /// Fits to the labeled rows and predicts `rows`: distributions and decisions.
    ///
    /// # Errors
    /// What the fit refuses.
    pub fn run(
        self,
        data: &ClassData,
        rows: &ClassPredictions,
        seed: u64,
    ) -> Result<(Array2<f64>, Vec<usize>), FitError> {
        let mut options = FitOptions::default();
        options.seed = Some(seed);
        let mut of_classes = ClassOptions::default();
        let failed = FitError::training("predicting");
        // A model predicts and decides by itself; the two that have no model return their distributions at
        // once.
        let model = match self {
            Method::Trainer(trainer, coupling) => {
                options.trainer = Some(trainer);
                of_classes.coupling = coupling;
                fit(data, &options, &of_classes, &())?.model
            }
            Method::MacroF1 => {
                of_classes.decision = DecisionRule::MacroF1;
                fit(data, &options, &of_classes, &())?.model
            }
            Method::OneVsRest(baseline) => {
                of_classes.coupling = CouplingMethod::NormalizedSums;
                fit_baseline(baseline, data, &of_classes)?.model
            }
            Method::Pairwise => return Ok(largest(pairwise::predict(data, rows, seed).map_err(failed)?)),
            Method::Simple(baseline) => {
                let p = baseline.fit(data).and_then(|fitted| fitted.predict(rows)).map_err(failed)?;
                return Ok(largest(p));
            }
        };
        let combined = model.predict(rows).map_err(failed)?;
        Ok((combined.probabilities, combined.decisions))
    }
}

fn largest(p: Array2<f64>) -> (Array2<f64>, Vec<usize>) {
    let decisions = Decision::Largest.decide_all(&p);
    (p, decisions)
}

/// Methods by name; all that are run by default if none is named.
///
/// # Errors
/// [`Error::UnknownMethod`].
pub(super) fn chosen(names: &[String]) -> Result<Vec<Method>, Error> {
    if names.is_empty() {
        return Ok(Method::all());
    }
    let all = Method::named();
    let find = |name: &String| {
        all.iter().copied().find(|method| method.name() == *name).ok_or_else(|| Error::UnknownMethod {
            name: name.clone(),
            known: all.iter().map(|m| m.name()).collect::<Vec<_>>().join(", "),
        })
    };
    names.iter().map(find).collect()
}
