//! From values to positions, and ticks at round numbers.

use super::number::fixed;

/// A linear or logarithmic map from an interval of values to an interval of positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    log: bool,
    domain: (f64, f64),
    range: (f64, f64),
}

impl Scale {
    /// A linear scale; an empty domain is widened.
    pub fn linear(domain: (f64, f64), range: (f64, f64)) -> Self {
        Self { log: false, domain: widened(domain), range }
    }

    /// A base-10 logarithmic scale; the domain has to be positive, and is made so.
    pub fn log(domain: (f64, f64), range: (f64, f64)) -> Self {
        let low = domain.0.max(f64::MIN_POSITIVE);
        Self { log: true, domain: widened((low, domain.1.max(low))), range }
    }

    /// The position of a value.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(f64::MIN_POSITIVE) / self.domain.0).ln() / (self.domain.1 / self.domain.0).ln()
        } else {
            (value - self.domain.0) / (self.domain.1 - self.domain.0)
        };
        self.range.0 + share * (self.range.1 - self.range.0)
    }

    /// Round values within the domain, about `count` of them, with their text.
    pub fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        if self.log { log_ticks(self.domain) } else { linear_ticks(self.domain, count) }
    }
}

fn widened((low, high): (f64, f64)) -> (f64, f64) {
    if high > low { (low, high) } else { (low, low + low.abs().max(1.0)) }
}

/// The round step (1, 2 or 5 times a power of ten) that cuts a span into about `count` pieces.
pub fn nice_step(span: f64, count: usize) -> f64 {
    let raw = span / count.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    // A factor that misses the span by rounding alone is taken.
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= raw * 0.999).unwrap_or(10.0);
    factor * power
}

/// The interval widened to round numbers.
pub fn nice_domain((low, high): (f64, f64), count: usize) -> (f64, f64) {
    let (low, high) = widened((low, high));
    let step = nice_step(high - low, count);
    // A value on a step, up to rounding, needs no further one.
    ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step)
}

fn linear_ticks((low, high): (f64, f64), count: usize) -> Vec<(f64, String)> {
    let step = nice_step(high - low, count);
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let first = (low / step - 1e-6).ceil() as i64;
    let last = (high / step + 1e-6).floor() as i64;
    (first..=last).map(|k| (k as f64 * step, fixed(k as f64 * step, decimals))).collect()
}

fn log_ticks((low, high): (f64, f64)) -> Vec<(f64, String)> {
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    // Few decades leave room for steps between them.
    let steps: &[f64] = if high / low > 1e3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    decades
        .flat_map(|decade| steps.iter().map(move |step| (step * 10f64.powi(decade), decade)))
        .filter(|(value, _)| *value >= low * 0.999 && *value <= high * 1.001)
        .map(|(value, decade)| (value, fixed(value, (-decade).max(0) as usize)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let texts = |scale: Scale, n| scale.ticks(n).into_iter().map(|tick| tick.1).collect::<Vec<_>>();
        let unit = (0.0, 1.0);
        assert_eq!(texts(Scale::linear((0.0, 1.0), unit), 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(Scale::linear((-0.21, 0.33), unit), 5), ["-0.2", "0.0", "0.2"]);
        assert_eq!(texts(Scale::linear((0.0, 200.0), unit), 4), ["0", "50", "100", "150", "200"]);
        assert_eq!(texts(Scale::log((3.0, 300.0), unit), 5), ["5", "10", "20", "50", "100", "200"]);
        assert_eq!(texts(Scale::log((0.1, 1000.0), unit), 5), ["0.1", "1", "10", "100", "1000"]);
    }

    #[test]
    fn nice_domains_contain_what_they_were_made_for() {
        assert_eq!(nice_domain((0.0, 0.335), 4), (0.0, 0.4));
        let (low, high) = nice_domain((-0.19, 0.34), 5);
        assert!(low <= -0.19 && high >= 0.34);
    }

    #[test]
    fn positions_may_run_downwards() {
        let scale = Scale::linear((0.0, 10.0), (100.0, 0.0));
        assert_eq!((scale.at(0.0), scale.at(10.0), scale.at(2.5)), (100.0, 0.0, 75.0));
        assert!((Scale::log((1.0, 100.0), (0.0, 1.0)).at(10.0) - 0.5).abs() < 1e-15);
    }

    #[test]
    fn empty_domains_do_not_divide_by_zero() {
        assert!(Scale::linear((2.0, 2.0), (0.0, 1.0)).at(2.0).is_finite());
        assert!(Scale::log((0.0, 0.0), (0.0, 1.0)).at(0.0).is_finite());
    }
}
