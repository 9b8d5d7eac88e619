//! Texts and tables that a command prints.

pub(crate) mod color;
pub(crate) mod text;
pub(crate) mod tune;
