//! Fewer instances to learn from, where there are more than a fit gains by.

/// Instances (ascending) and their weights.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub places: Vec<usize>,
    pub weights: Vec<f64>,
}

/// At most `most` of the instances: all of the rarer class or half of `most`, and of the rest those of the
/// smallest `keys` (hashes, see [`row_keys`](super::keys::row_keys)). Weights keep the share of each class
/// and sum to what so many instances weigh on average. `None` if there are not more than `most`.
pub(crate) fn sample(labels: &[bool], weights: &[f64], keys: &[u64], most: usize) -> Option<Sample> {
    let members = |class: bool| (0..labels.len()).filter(|&i| labels[i] == class).collect::<Vec<usize>>();
    let mut classes = [members(false), members(true)];
    let (negatives, positives) = sizes((classes[0].len(), classes[1].len()), most)?;
    let mut kept: Vec<(usize, f64)> = Vec::with_capacity(most);
    for (class, count) in classes.iter_mut().zip([negatives, positives]) {
        let total = |members: &[usize]| members.iter().map(|&i| weights[i]).sum::<f64>();
        let all = total(class);
        class.sort_by_key(|&i| keys[i]);
        let drawn = &class[..count];
        let scale = drawn_scale(all, total(drawn), most, labels.len());
        kept.extend(drawn.iter().map(|&i| (i, weights[i] * scale)));
    }
    kept.sort_unstable_by_key(|(i, _)| *i);
    let (places, weights) = kept.into_iter().unzip();
    Some(Sample { places, weights })
}

/// How many (negatives, positives) of these are drawn: all of the rarer class or half of `most`, and `most`
/// together. `None` if there are not more than `most`.
pub(crate) fn sizes((negatives, positives): (usize, usize), most: usize) -> Option<(usize, usize)> {
    if negatives + positives <= most {
        return None;
    }
    let rare = negatives.min(positives).min(most / 2);
    Some(if positives < negatives { (most - rare, rare) } else { (rare, most - rare) })
}

/// What the weights of the drawn instances of a class are multiplied by: those of the class weigh `all` and
/// its drawn ones `drawn`; `most` of `there` are drawn of both classes.
pub(crate) fn drawn_scale(all: f64, drawn: f64, most: usize, there: usize) -> f64 {
    all / drawn * most as f64 / there as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(n: u64) -> Vec<u64> {
        (0..n).map(|i| (i * 7919) % 1009).collect()
    }

    #[test]
    fn the_rare_class_stays_and_shares_are_kept() {
        let labels: Vec<bool> = (0..1000).map(|i| i % 50 == 0).collect();
        let drawn = sample(&labels, &[2.0; 1000], &keys(1000), 100).expect("more than 100");
        assert_eq!(drawn.places.len(), 100);
        assert!(drawn.places.windows(2).all(|w| w[0] < w[1]));
        let positives: Vec<usize> = (0..100).filter(|&k| labels[drawn.places[k]]).collect();
        assert_eq!(positives.len(), 20);
        let weight: f64 = positives.iter().map(|&k| drawn.weights[k]).sum();
        let total: f64 = drawn.weights.iter().sum();
        assert!((total - 200.0).abs() < 1e-9 && (weight / total - 0.02).abs() < 1e-12);
        assert_eq!(sample(&labels, &[2.0; 1000], &keys(1000), 1000), None);
    }

    #[test]
    fn neither_class_takes_all_the_room() {
        let labels: Vec<bool> = (0..1000).map(|i| i % 5 < 2).collect();
        let drawn = sample(&labels, &[1.0; 1000], &keys(1000), 100).expect("more than 100");
        assert_eq!(drawn.places.iter().filter(|&&i| labels[i]).count(), 50);
    }
}
