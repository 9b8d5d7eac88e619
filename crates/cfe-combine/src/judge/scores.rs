//! What a way to combine says of some rows.

/// Scores of one way to combine, for the rows of a part.
pub(crate) struct MethodScores {
    pub name: String,
    /// Rank by this.
    pub ranking: Vec<f64>,
    /// `None` for scores that are none.
    pub probabilities: Option<Vec<f64>>,
    /// Whether one threshold fits all rows: not for scores of a method that picks other classifiers in each
    /// fold.
    pub one_scale: bool,
}

impl MethodScores {
    /// Those of the rows at the places `places`.
    pub(crate) fn select(self, places: &[usize]) -> Self {
        let take = |values: Vec<f64>| places.iter().map(|&p| values[p]).collect();
        let (ranking, probabilities) = (take(self.ranking), self.probabilities.map(take));
        Self { ranking, probabilities, name: self.name, one_scale: self.one_scale }
    }
}
