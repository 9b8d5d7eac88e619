//! Texts and tables that a command prints.

pub(crate) mod classes;
pub(crate) mod color;
pub(crate) mod fit;
pub(crate) mod text;
pub(crate) mod tune;
