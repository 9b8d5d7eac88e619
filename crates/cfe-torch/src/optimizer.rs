//! Adam, AdamW and SGD as tensor operations in place.
//!
//! libtorch has these too, but tch cannot reach the state of its optimizers, and a run that goes on after a
//! kill needs the moments to the bit. The update rules are libtorch's; the operations are as many, and
//! allocate nothing of the size of a parameter.

use cfe_core::{Result, TrainingState};
use tch::{TchError, Tensor};

use crate::convert::{fill, to_vec};
use crate::spec::Optimizer;
use crate::tensors::Tensors;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// An optimizer over all parameters.
#[derive(Debug)]
pub(crate) struct Stepper {
    optimizer: Optimizer,
    slots: Vec<Slot>,
}

/// One parameter with what the optimizer remembers of it.
#[derive(Debug)]
struct Slot {
    name: &'static str,
    /// Shares its storage with the parameter.
    parameter: Tensor,
    /// Steps made: a parameter that is frozen for a while begins later.
    steps: i32,
    /// First moment of Adam, velocity of SGD.
    first: Tensor,
    /// Second moment of Adam; empty for SGD.
    second: Tensor,
    /// Room for one expression.
    scratch: Tensor,
}

impl Slot {
    fn new(optimizer: Optimizer, name: &'static str, parameter: &Tensor) -> Result<Self, TchError> {
        let values = parameter.f_detach()?;
        let zeros = || values.f_zeros_like();
        // An empty slice of the parameter has its type and device and takes no memory.
        let second = match optimizer {
            Optimizer::Sgd { .. } => values.f_narrow(0, 0, 0)?.f_zeros_like(),
            Optimizer::Adam | Optimizer::AdamW { .. } => zeros(),
        };
        Ok(Self {
            name,
            parameter: parameter.shallow_clone(),
            steps: 0,
            first: zeros()?,
            second: second?,
            scratch: zeros()?,
        })
    }

    /// With m and v the moving means of gradient and squared gradient, and their corrections c1 and c2 for
    /// the start at 0: p -= rate (m / c1) / (sqrt(v / c2) + epsilon).
    fn adam(&mut self, gradient: &Tensor, rate: f64) -> Result<(), TchError> {
        self.steps = self.steps.saturating_add(1);
        let correction = |beta: f64| 1.0 - beta.powi(self.steps);
        let (c1, root2) = (correction(BETA1), correction(BETA2).sqrt());
        // lerp moves a mean by 1 - beta of its distance to the new value, which is the moving mean.
        let _ = self.first.f_lerp_(gradient, 1.0 - BETA1)?;
        let _ = gradient.f_square_out(&self.scratch)?;
        let _ = self.second.f_lerp_(&self.scratch, 1.0 - BETA2)?;
        // All factors go to the divisor, as the quotient has no room for one.
        let _ = self.second.f_sqrt_out(&self.scratch)?;
        let _ = self.scratch.f_add_scalar_(EPSILON * root2)?;
        let _ = self.scratch.f_mul_scalar_(-c1 / (rate * root2))?;
        let _ = self.parameter.f_addcdiv_(&self.first, &self.scratch)?;
        Ok(())
    }

    /// v = momentum v + g, p -= rate v.
    fn sgd(&mut self, gradient: &Tensor, rate: f64, momentum: f64) -> Result<(), TchError> {
        self.steps = self.steps.saturating_add(1);
        let _ = self.first.f_mul_scalar_(momentum)?;
        let _ = self.first.f_add_(gradient)?;
        let _ = self.first.f_mul_scalar_out(&self.scratch, -rate)?;
        let _ = self.parameter.f_add_(&self.scratch)?;
        Ok(())
    }

    /// Names of steps and moments in the state of a run.
    fn names(&self) -> [String; 3] {
        ["steps", "first", "second"].map(|what| format!("optimizer.{}.{what}", self.name))
    }

    fn save(&self, state: &mut TrainingState) -> Result<(), TchError> {
        let [steps, first, second] = self.names();
        state.remember(steps, [f64::from(self.steps)]);
        state.remember(first, to_vec(&self.first)?);
        state.remember(second, to_vec(&self.second)?);
        Ok(())
    }

    fn load(&mut self, state: &TrainingState) -> Result<()> {
        let [steps, first, second] = self.names();
        let [count] = state.recall_exactly(&steps)?;
        self.steps = count as i32;
        fill(&mut self.first, state, &first)?;
        fill(&mut self.second, state, &second)
    }
}

impl Stepper {
    pub(crate) fn new(optimizer: Optimizer, parameters: &Tensors) -> Result<Self, TchError> {
        let slots = parameters.all().into_iter().map(|(name, tensor)| Slot::new(optimizer, name, tensor));
        Ok(Self { optimizer, slots: slots.collect::<Result<_, _>>()? })
    }

    /// One step down the gradients of the first parameters; the others stay as they are.
    pub(crate) fn step(&mut self, gradients: &[Tensor], rate: f64) -> Result<(), TchError> {
        let optimizer = self.optimizer;
        tch::no_grad(|| {
            self.slots.iter_mut().zip(gradients).try_for_each(|(slot, gradient)| match optimizer {
                Optimizer::Adam => slot.adam(gradient, rate),
                Optimizer::AdamW { weight_decay } => {
                    // The decay is decoupled: it acts on the parameter and does not enter the moments.
                    let _ = slot.parameter.f_mul_scalar_(1.0 - rate * weight_decay)?;
                    slot.adam(gradient, rate)
                }
                Optimizer::Sgd { momentum } => slot.sgd(gradient, rate, momentum),
            })
        })
    }

    /// Puts what it remembers into the state of a run.
    pub(crate) fn save(&self, state: &mut TrainingState) -> Result<(), TchError> {
        self.slots.iter().try_for_each(|slot| slot.save(state))
    }

    /// Takes up what [`save`](Self::save) kept.
    pub(crate) fn load(&mut self, state: &TrainingState) -> Result<()> {
        self.slots.iter_mut().try_for_each(|slot| slot.load(state))
    }
}
