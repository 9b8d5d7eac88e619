//! The minimum of a smooth convex function: limited-memory BFGS (Liu and Nocedal, "On the Limited Memory BFGS
//! Method for Large Scale Optimization", 1989) with halving steps.

/// Pairs of steps that are remembered.
const MEMORY: usize = 10;

/// How a search is ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopping {
    /// Steps at most.
    pub max_steps: usize,
    /// Largest absolute entry of the gradient at the end.
    pub tolerance: f64,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Minimizes from `x`, where `function` gives value and gradient. Every sum has one order, so that the result
/// has the same bits for any number of threads. The point after the last step that went down is returned.
pub(crate) fn minimize(
    mut x: Vec<f64>,
    stopping: Stopping,
    mut function: impl FnMut(&[f64]) -> (f64, Vec<f64>),
) -> Vec<f64> {
    let (mut value, mut gradient) = function(&x);
    // (step, change of the gradient, 1 / their product), the oldest first.
    let mut pairs: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::new();
    for _ in 0..stopping.max_steps {
        if gradient.iter().all(|g| g.abs() <= stopping.tolerance) {
            break;
        }
        let mut direction = direction(&gradient, &pairs);
        let mut slope = dot(&direction, &gradient);
        if !(slope < 0.0) {
            // Rounding has spoiled the memory: begin again with the steepest descent.
            pairs.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = -dot(&gradient, &gradient);
        }
        // The first step has no scale yet, and a unit of length is a safe one.
        let mut step = if pairs.is_empty() { 1.0 / slope.abs().sqrt().max(1.0) } else { 1.0 };
        let taken = loop {
            let next: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
            let (next_value, next_gradient) = function(&next);
            if next_value <= value + 1e-4 * step * slope {
                break Some((next, next_value, next_gradient));
            }
            step /= 2.0;
            if step < 1e-12 {
                break None;
            }
        };
        // No step goes down any more: the rest is rounding.
        let Some((next, next_value, next_gradient)) = taken else { break };
        let moved: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let changed: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&moved, &changed);
        if curvature > 1e-14 * dot(&changed, &changed) {
            if pairs.len() == MEMORY {
                pairs.remove(0);
            }
            pairs.push((moved, changed, 1.0 / curvature));
        }
        (x, value, gradient) = (next, next_value, next_gradient);
    }
    x
}

/// The two-loop recursion: minus the inverse Hessian, as remembered, times the gradient.
fn direction(gradient: &[f64], pairs: &[(Vec<f64>, Vec<f64>, f64)]) -> Vec<f64> {
    let mut q = gradient.to_vec();
    let mut weights = Vec::with_capacity(pairs.len());
    for (moved, changed, inverse) in pairs.iter().rev() {
        let weight = inverse * dot(moved, &q);
        q.iter_mut().zip(changed).for_each(|(q, y)| *q -= weight * y);
        weights.push(weight);
    }
    if let Some((moved, changed, _)) = pairs.last() {
        let scale = dot(moved, changed) / dot(changed, changed);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((moved, changed, inverse), weight) in pairs.iter().zip(weights.into_iter().rev()) {
        let beta = inverse * dot(changed, &q);
        q.iter_mut().zip(moved).for_each(|(q, s)| *q += (weight - beta) * s);
    }
    q.iter_mut().for_each(|q| *q = -*q);
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badly_scaled_bowl_is_solved() {
        let stopping = Stopping { max_steps: 500, tolerance: 1e-10 };
        // Curvatures from 1 to 10,000, the minimum at (1, 2, ..., 5).
        let curvature = |k: usize| 10f64.powi(k as i32);
        let x = minimize(vec![0.0; 5], stopping, |x| {
            let away = |k: usize| x[k] - (k + 1) as f64;
            let value = (0..5).map(|k| 0.5 * curvature(k) * away(k).powi(2)).sum();
            (value, (0..5).map(|k| curvature(k) * away(k)).collect())
        });
        x.iter().enumerate().for_each(|(k, x)| assert!((x - (k + 1) as f64).abs() < 1e-8, "{k}: {x}"));
    }
}
