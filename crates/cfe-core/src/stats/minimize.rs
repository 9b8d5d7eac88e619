//! The minimum of a smooth convex function: Newton steps that conjugate gradients find (Nocedal and Wright,
//! "Numerical Optimization", 2006, algorithm 7.1), with a diagonal preconditioner and halving steps.

use super::moments::dot;

/// Steps of conjugate gradients for one Newton step.
const MOST_INNER: usize = 2000;
/// A step goes down by this share of what the slope promises.
const SUFFICIENT: f64 = 1e-4;
/// Steps shorter than this share of a Newton step are not tried.
const SHORTEST: f64 = 1e-12;
/// Two values of the function that differ by this share are equal but for rounding.
const ROUNDING: f64 = 1e-13;

/// How a search is ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopping {
    /// Newton steps at most.
    pub max_steps: usize,
    /// Largest absolute entry of the gradient at the end.
    pub tolerance: f64,
}

/// A function to minimize. It remembers the last point that it was asked for.
pub(crate) trait Convex {
    /// Value and gradient at a point.
    fn at(&mut self, x: &[f64]) -> (f64, Vec<f64>);
    /// The Hessian at the last point, times a direction.
    fn curvature(&self, direction: &[f64]) -> Vec<f64>;
    /// About the diagonal of that Hessian.
    fn diagonal(&self) -> Vec<f64>;
}

fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0, |most, g| g.abs().max(most))
}

/// Minimizes from `x`. Every sum has one order, so that the result has the same bits for any number of
/// threads. The search ends before the tolerance is reached where rounding hides every way down.
pub(crate) fn minimize(mut x: Vec<f64>, stopping: Stopping, function: &mut impl Convex) -> Vec<f64> {
    let (mut value, mut gradient) = function.at(&x);
    for _ in 0..stopping.max_steps {
        if largest(&gradient) <= stopping.tolerance {
            break;
        }
        let direction = newton_step(function, &gradient);
        let slope = dot(&direction, &gradient);
        let mut step = 1.0;
        let taken = loop {
            let next: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
            let (next_value, next_gradient) = function.at(&next);
            let is_down = next_value <= value + SUFFICIENT * step * slope;
            // Near the minimum all values are equal but for rounding, and the gradient still tells the way.
            let is_level = next_value - value <= ROUNDING * value.abs();
            if is_down || is_level && largest(&next_gradient) < largest(&gradient) {
                break Some((next, next_value, next_gradient));
            }
            step /= 2.0;
            if step < SHORTEST {
                break None;
            }
        };
        // Neither value nor gradient can be made smaller: the rest is rounding.
        let Some(next) = taken else { break };
        (x, value, gradient) = next;
    }
    x
}

/// About minus the inverse Hessian times the gradient, the more exact the smaller the gradient.
fn newton_step(function: &impl Convex, gradient: &[f64]) -> Vec<f64> {
    let scale: Vec<f64> = function.diagonal().iter().map(|d| d.max(f64::MIN_POSITIVE)).collect();
    let scaled = |r: &[f64]| -> Vec<f64> { r.iter().zip(&scale).map(|(r, d)| r / d).collect() };
    let mut step = vec![0.0; gradient.len()];
    // What is left of the gradient once the step is taken, and its share that ends the search.
    let mut left: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut conditioned = scaled(&left);
    let mut product = dot(&left, &conditioned);
    let enough = product * 0.25_f64.min(product.sqrt());
    let mut direction = conditioned.clone();
    for _ in 0..MOST_INNER {
        let turned = function.curvature(&direction);
        let curvature = dot(&direction, &turned);
        // Flat but for rounding, as where classes move together: no step along it lowers the loss.
        if !(curvature > 0.0) {
            break;
        }
        let length = product / curvature;
        step.iter_mut().zip(&direction).for_each(|(s, d)| *s += length * d);
        left.iter_mut().zip(&turned).for_each(|(r, t)| *r -= length * t);
        conditioned = scaled(&left);
        let next = dot(&left, &conditioned);
        if !(next > enough) {
            break;
        }
        let ratio = next / product;
        direction.iter_mut().zip(&conditioned).for_each(|(d, c)| *d = c + ratio * *d);
        product = next;
    }
    // Without any curvature, the steepest descent; it is halved to fit.
    if step.iter().all(|&s| s == 0.0) { gradient.iter().map(|g| -g).collect() } else { step }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sum_k c_k (x_k - k - 1)^2 / 2 with curvatures c from 1 to 10,000, on top of a large number that rounds
    /// the last digits away.
    struct Bowl(f64);

    fn curvature(k: usize) -> f64 {
        10f64.powi(k as i32)
    }

    impl Convex for Bowl {
        fn at(&mut self, x: &[f64]) -> (f64, Vec<f64>) {
            let away = |k: usize| x[k] - (k + 1) as f64;
            let value: f64 = (0..5).map(|k| 0.5 * curvature(k) * away(k).powi(2)).sum();
            (self.0 + value, (0..5).map(|k| curvature(k) * away(k)).collect())
        }

        fn curvature(&self, direction: &[f64]) -> Vec<f64> {
            direction.iter().enumerate().map(|(k, d)| curvature(k) * d).collect()
        }

        fn diagonal(&self) -> Vec<f64> {
            vec![1.0; 5]
        }
    }

    #[test]
    fn a_badly_scaled_bowl_is_solved_whatever_the_values_hide() {
        for hidden in [0.0, 1e6] {
            let stopping = Stopping { max_steps: 100, tolerance: 1e-10 };
            let x = minimize(vec![0.0; 5], stopping, &mut Bowl(hidden));
            x.iter().enumerate().for_each(|(k, x)| assert!((x - (k + 1) as f64).abs() < 1e-9, "{k}: {x}"));
        }
    }
}
