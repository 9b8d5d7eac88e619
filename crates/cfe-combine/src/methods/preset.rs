//! Named sets of settings.

use serde::{Deserialize, Serialize};

/// A named set of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Preset {
    /// The trainer `recommended` as it comes.
    Recommended,
    /// CF-Ensemble as published: the trainer `als`, or `torch` if that is asked for.
    Published,
}

impl Preset {
    /// Every preset with its name and a one-line description.
    pub const ALL: &[(Self, &str, &str)] = &[
        (Self::Recommended, "recommended", "The trainer `recommended` with its defaults"),
        (
            Self::Published,
            "published",
            "CF-Ensemble as published: the trainer als, or torch if that is asked for",
        ),
    ];
}
