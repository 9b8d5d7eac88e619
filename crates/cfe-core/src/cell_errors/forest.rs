//! A regression forest as a list of nodes: small to store, checked when it is read, and walked without
//! surprises.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A node; a leaf has children 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Which feature of the cell is compared, below the number of features.
    pub feature: usize,
    /// Values up to and including this one go left.
    pub threshold: f64,
    /// Position of the left child.
    pub left: usize,
    /// Position of the right child.
    pub right: usize,
    /// Mean of the target.
    pub value: f64,
}

/// Trees one after the other; without trees it predicts 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Forest {
    /// Position of the root of each tree, ascending.
    pub roots: Vec<usize>,
    /// The nodes of all trees; a child follows its node.
    pub nodes: Vec<Node>,
}

impl Forest {
    /// Mean over the trees. The forest has been checked.
    pub(crate) fn predict(&self, features: &[f64]) -> f64 {
        let of_tree = |&root: &usize| {
            let mut node = &self.nodes[root];
            while node.left > 0 {
                node = &self.nodes
                    [if features[node.feature] <= node.threshold { node.left } else { node.right }];
            }
            node.value
        };
        self.roots.iter().map(of_tree).sum::<f64>() / self.roots.len().max(1) as f64
    }

    /// Refuses nodes that point outside or backwards, unknown features, and numbers that are not finite: then
    /// every walk ends.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn validate(&self, n_features: usize) -> Result<()> {
        const ALLOWED: &str = "children follow their node, features exist and numbers are finite";
        let refuse = |k: usize| Err(Error::parameter("node of the forest", k, ALLOWED));
        let n = self.nodes.len();
        if let Some(&root) = self.roots.iter().find(|&&root| root >= n) {
            return refuse(root);
        }
        for (k, node) in self.nodes.iter().enumerate() {
            // Children come after their node, so node 0 is nobody's child and 0 can stand for none.
            let leaf = node.left == 0 && node.right == 0;
            let follows = |child: usize| child > k && child < n;
            let inner = follows(node.left) && follows(node.right) && node.feature < n_features;
            if !(leaf || inner) || !node.threshold.is_finite() || !node.value.is_finite() {
                return refuse(k);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(value: f64) -> Node {
        Node { feature: 0, threshold: 0.0, left: 0, right: 0, value }
    }

    fn forest() -> Forest {
        let split = Node { feature: 1, threshold: 0.5, left: 1, right: 2, value: 0.0 };
        Forest { roots: vec![0, 3], nodes: vec![split, leaf(0.2), leaf(0.6), leaf(1.0)] }
    }

    #[test]
    fn trees_are_walked_and_averaged() {
        assert_eq!(forest().predict(&[9.0, 0.5]), 0.6);
        assert_eq!(forest().predict(&[9.0, 0.51]), 0.8);
        assert_eq!(Forest::default().predict(&[1.0]), 0.0);
    }

    #[test]
    fn nodes_that_lead_astray_are_refused() {
        assert!(forest().validate(2).is_ok() && forest().validate(1).is_err());
        for change in [
            |f: &mut Forest| f.roots[1] = 4,
            |f: &mut Forest| f.nodes[0].left = 9,
            |f: &mut Forest| f.nodes[0].right = 0,
            |f: &mut Forest| f.nodes[2].left = 1,
            |f: &mut Forest| f.nodes[1].value = f64::NAN,
            |f: &mut Forest| f.nodes[0].threshold = f64::INFINITY,
        ] {
            let mut broken = forest();
            change(&mut broken);
            assert!(broken.validate(2).is_err(), "{broken:?}");
        }
    }
}
