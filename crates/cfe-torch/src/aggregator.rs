//! The aggregator in tensors: what is asked for, and how r_hat becomes a logit.
//!
//! Formulas: `cfe_core::Aggregator`; the tests hold the two against each other.

use cfe_core::{AggregatorKind, BiasStart, Error, Gate, MEAN_LOGIT_CLIP, Result, ensure, is_at_least_zero};
use serde::{Deserialize, Serialize};
use tch::{Kind, TchError, Tensor};

use crate::convert::{Placement, to_array, to_vec};

/// In f32, 1 - 1e-12 is 1.
const F32_MEAN_LOGIT_CLIP: f64 = 1e-6;

/// The aggregator's part of the parameters. Keys that `cfe-als` has too mean the same there.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AggregatorSpec {
    /// `weighted`, `mean` (X and Y are trained for the mean of r_hat; w and b are left alone), or `gated`:
    /// weights that depend on the instance, see [`Gate`].
    pub kind: AggregatorKind,
    /// lambda_d of the penalty (lambda_d / 2) |w|^2, at least 0, added to the supervised loss in training and
    /// left out of reported losses. It acts on w alone; the weight decay of
    /// [`AdamW`](crate::Optimizer::AdamW) acts on X, Y, w and b.
    pub weight_decay: f64,
    /// Whether w and b work on r_hat - mu, mu the mean of r_hat over the labeled instances: b then does
    /// nothing that the weights could do. The model's bias is b - w . mu, so that it predicts from r_hat as
    /// ever. `weighted` alone.
    pub center: bool,
    /// Bias at the start.
    pub bias_start: BiasStart,
    /// Epochs at the start that leave w, b and the gate alone.
    pub freeze_iterations: usize,
}

impl AggregatorSpec {
    pub(crate) fn validate(&self) -> Result<()> {
        self.kind.validate()?;
        let decay = self.weight_decay;
        ensure(is_at_least_zero(decay), "aggregator.weight_decay", decay, "finite and at least 0")?;
        if self.center && self.kind != AggregatorKind::Weighted {
            const ALLOWED: &str =
                "centering needs the weighted aggregator: only there it is a shift of the bias";
            return Err(Error::parameter("aggregator.center", true, ALLOWED));
        }
        Ok(())
    }
}

/// The parameters of a gate on the device.
#[derive(Debug)]
pub(crate) struct GateTensors {
    /// h x m.
    hidden: Tensor,
    /// h x 1.
    hidden_bias: Tensor,
    /// m x h.
    output: Tensor,
    /// m x 1.
    output_bias: Tensor,
}

impl GateTensors {
    pub(crate) fn new(gate: &Gate, placement: Placement) -> Result<Self, TchError> {
        let leaf = |tensor: Tensor| tensor.f_set_requires_grad(true);
        let column = |values: &[f64]| placement.matrix(values, values.len(), 1);
        Ok(Self {
            hidden: leaf(placement.array(&gate.hidden)?)?,
            hidden_bias: leaf(column(&gate.hidden_bias)?)?,
            output: leaf(placement.array(&gate.output)?)?,
            output_bias: leaf(column(&gate.output_bias)?)?,
        })
    }

    pub(crate) fn all(&self) -> [(&'static str, &Tensor); 4] {
        [
            ("gate.U", &self.hidden),
            ("gate.c", &self.hidden_bias),
            ("gate.V", &self.output),
            ("gate.e", &self.output_bias),
        ]
    }

    /// A copy with every tensor through `f`.
    pub(crate) fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor, TchError>) -> Result<Self, TchError> {
        let [hidden, hidden_bias, output, output_bias] = self.all().map(|(_, tensor)| f(tensor));
        Ok(Self { hidden: hidden?, hidden_bias: hidden_bias?, output: output?, output_bias: output_bias? })
    }

    pub(crate) fn read(&self) -> Result<Gate, TchError> {
        let array = |tensor: &Tensor| {
            let (rows, columns) = tensor.size2()?;
            to_array(tensor, rows as usize, columns as usize)
        };
        Ok(Gate {
            hidden: array(&self.hidden)?,
            hidden_bias: to_vec(&self.hidden_bias)?,
            output: array(&self.output)?,
            output_bias: to_vec(&self.output_bias)?,
        })
    }

    /// Logits (k), without the bias, of instances with reconstruction `r_hat` (m x k) under weights w (m).
    pub(crate) fn logits(&self, w: &Tensor, r_hat: &Tensor) -> Result<Tensor, TchError> {
        // g = softmax(V tanh(U r_hat + c) + e), and the logit is m sum_u w_u g_u r_hat_u.
        let units = self.hidden.f_matmul(r_hat)?.f_add(&self.hidden_bias)?.f_tanh()?;
        let gate = self.output.f_matmul(&units)?.f_add(&self.output_bias)?.f_softmax(0, None::<Kind>)?;
        let (m, _) = r_hat.size2()?;
        let weights = gate.f_mul(&w.f_unsqueeze(1)?)?.f_mul_scalar(m as f64)?;
        weights.f_mul(r_hat)?.f_sum_dim_intlist(0i64, false, None::<Kind>)
    }
}

/// Logits (k) of the mean of `r_hat` (m x k), taken as a probability.
pub(crate) fn mean_logits(r_hat: &Tensor) -> Result<Tensor, TchError> {
    let clip = if r_hat.kind() == Kind::Double { MEAN_LOGIT_CLIP } else { F32_MEAN_LOGIT_CLIP };
    r_hat.f_mean_dim(0i64, false, None::<Kind>)?.f_logit(clip)
}
