//! What is tried.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde_json::{Map, Value, json};

use crate::methods::Backend;

/// Draws that may repeat earlier trials before the space counts as exhausted.
const PATIENCE: usize = 200;

/// The settings that may be tried: those of a trainer, less what the user fixed.
pub(super) struct Space<'a> {
    pub backend: Backend,
    pub n_classifiers: usize,
    pub fixed: &'a Map<String, Value>,
}

impl Space<'_> {
    /// Up to `count` different settings: the defaults, single changes of them, random draws. Those of a
    /// longer list begin with those of a shorter one.
    pub(super) fn candidates(&self, count: usize, seed: u64) -> Vec<Map<String, Value>> {
        let mut out: Vec<Map<String, Value>> = Vec::with_capacity(count.min(1000));
        for settings in self.designed() {
            self.add(&mut out, settings);
        }
        out.truncate(count);
        while out.len() < count {
            // A trial has a stream of its own by its place, so a longer search begins with the trials of a
            // shorter one.
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            rng.set_stream(out.len() as u64);
            // Repeated draws are skipped; where only such are left, the search ends early.
            if !(0..PATIENCE).any(|_| self.add(&mut out, self.draw(&mut rng))) {
                break;
            }
        }
        out
    }

    /// Lays what is fixed over settings and adds them unless they are there already.
    fn add(&self, to: &mut Vec<Map<String, Value>>, settings: Value) -> bool {
        let Value::Object(mut settings) = settings else { return false };
        settings.extend(self.fixed.clone());
        let new = !to.contains(&settings);
        if new {
            to.push(settings);
        }
        new
    }

    /// A few factors for many classifiers: well below their number, where factors denoise.
    fn few_factors(&self) -> usize {
        (self.n_classifiers / 3).max(1)
    }

    /// The defaults, and single changes of them.
    fn designed(&self) -> Vec<Value> {
        let few = self.few_factors();
        match self.backend {
            Backend::Als => vec![
                json!({}),
                exact(0.5),
                json!({ "aggregator": { "solver": "newton" } }),
                json!({ "latent_dim": few }),
                json!({ "class_weight": "uniform" }),
                json!({ "confidence": { "label_alpha": 0.0 } }),
                json!({ "loss": { "focal": { "gamma": 2.0 } } }),
                json!({ "lambda": 0.1 }),
                json!({ "aggregator": { "kind": "mean" } }),
                json!({ "aggregator": { "bias_start": "prior_log_odds" } }),
                json!({ "aggregator": { "solver": "newton", "ridge": 0.01, "non_negative": true } }),
            ],
            Backend::Torch => vec![
                json!({}),
                json!({ "latent_dim": few }),
                json!({ "rho": 0.1 }),
                json!({ "class_weight": "uniform" }),
                json!({ "loss": { "focal": { "gamma": 2.0 } } }),
                json!({ "lambda": 0.001 }),
                json!({ "learning_rate": 0.03 }),
                json!({ "aggregator": { "kind": { "gated": { "hidden": 4 } } } }),
            ],
        }
    }

    fn draw(&self, rng: &mut ChaCha12Rng) -> Value {
        let mut out = Map::new();
        // The same draws in the same order, whatever is kept: a setting that is fixed does not move the
        // others.
        let latent_dim = pick(rng, &[1, 2, 3, 5, 8, 12, 15, 20]).min(self.n_classifiers.max(1));
        let gamma = pick(rng, &[0.0, 0.0, 0.5, 1.0, 2.0, 3.0]);
        let class_weight = pick(rng, &["balanced", "uniform"]);
        let rho = pick(rng, &[0.1, 0.3, 0.5, 0.7, 0.9]);
        let lambda = pick(rng, &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]);
        match self.backend {
            Backend::Als => {
                // An objective that the user fixed decides which solvers go with it.
                let by_coin = rng.random::<bool>();
                let is_exact = self.fixed.get("objective").map_or(by_coin, |o| o.get("exact").is_some());
                let alpha = pick(rng, &[0.0, 0.5, 1.0, 2.0, 4.0]);
                let solver = if is_exact {
                    pick(rng, &["bound", "newton"])
                } else {
                    pick(rng, &["gradient_step", "newton", "bound"])
                };
                if is_exact && let Value::Object(base) = exact(rho) {
                    out = base;
                } else if alpha != 1.0 {
                    out.insert("confidence".to_owned(), json!({ "label_alpha": alpha }));
                }
                let mut aggregator = Map::new();
                if solver != "gradient_step" {
                    aggregator.insert("solver".to_owned(), json!(solver));
                }
                let ridge = pick(rng, &[0.0, 0.001, 0.01, 0.1]);
                keep(&mut aggregator, "ridge", ridge, 0.0);
                keep(&mut aggregator, "non_negative", rng.random::<bool>(), false);
                keep(&mut aggregator, "bias_start", pick(rng, &["start", "prior_log_odds"]), "start");
                if !aggregator.is_empty() {
                    out.insert("aggregator".to_owned(), aggregator.into());
                }
            }
            Backend::Torch => {
                keep(&mut out, "rho", rho, 0.5);
                keep(&mut out, "learning_rate", pick(rng, &[0.003, 0.01, 0.03]), 0.01);
            }
        }
        keep(&mut out, "latent_dim", latent_dim, 15);
        keep(&mut out, "lambda", lambda, 0.01);
        keep(&mut out, "class_weight", class_weight, "balanced");
        if gamma > 0.0 {
            out.insert("loss".to_owned(), json!({ "focal": { "gamma": gamma } }));
        }
        Value::Object(out)
    }
}

/// What `AlsSpec::exact()` changes of the defaults, with another rho: its reconstruction is a sum, since as a
/// mean the ranking of unlabeled instances is lost (docs/exact-als.md).
#[cfg(feature = "als")]
fn exact(rho: f64) -> Value {
    use cfe_als::{AlsObjective, AlsSpec};

    let mut spec = AlsSpec::exact();
    if let AlsObjective::Exact { rho: searched, .. } = &mut spec.objective {
        *searched = rho;
    }
    changes(&json!(spec), &json!(AlsSpec::default()))
}

/// Without the backend nothing is searched: making its trainer has failed before.
#[cfg(not(feature = "als"))]
fn exact(_rho: f64) -> Value {
    json!({})
}

/// The fields of `spec` that are not those of `default`. Of nested settings only what differs; the
/// alternatives of an enum exclude each other and are taken whole.
#[cfg(feature = "als")]
fn changes(spec: &Value, default: &Value) -> Value {
    let (Value::Object(spec), Value::Object(default)) = (spec, default) else { return spec.clone() };
    let same_fields = spec.len() == default.len() && spec.keys().all(|key| default.contains_key(key));
    if !same_fields {
        return Value::Object(spec.clone());
    }
    let changed = spec.iter().filter(|&(key, value)| value != &default[key]);
    Value::Object(changed.map(|(key, value)| (key.clone(), changes(value, &default[key]))).collect())
}

/// Keeps a setting unless it is the default.
fn keep<T: PartialEq + Into<Value>>(settings: &mut Map<String, Value>, name: &str, value: T, default: T) {
    if value != default {
        settings.insert(name.to_owned(), value.into());
    }
}

fn pick<T: Copy>(rng: &mut ChaCha12Rng, among: &[T]) -> T {
    among[rng.random_range(0..among.len())]
}
