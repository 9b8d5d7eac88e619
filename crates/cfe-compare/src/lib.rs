//! The program `cfe-compare`: compares the trainers of CF-Ensemble with each other, with simpler combiners
//! and with published figures.
//!
//! Each command has a room of its own, under its name:
//!
//! | command | room | question |
//! |---|---|---|
//! | `published` | [`published`] | Are the published figures reproduced? |
//! | `ablate` | [`ablate`] | What does each technique, setting and kind of data change? |
//! | `on-tables` | [`on_tables`] | Which method is best on tables of your own? |
//! | `over-data-sets` | [`over_data_sets`] | How do the methods rank over a folder of data sets? |
//! | `over-classes` | [`over_classes`] | How do they rank where there are more than two classes? |
//! | `convergence` | [`convergence`] | How fast does the loss fall, exact ALS beside joint training? |
//! | `speed` | [`speed`] | How long does a sweep or an epoch take, beside other implementations? |
//!
//! A command measures and returns one serde struct with everything that it found. The writers of [`report`]
//! turn this struct into text, tables and charts. `main.rs` reads the options, prints and writes files, and
//! nothing else does.

#![forbid(unsafe_code)]

pub mod ablate;
pub mod cli;
pub mod convergence;
pub mod error;
pub mod numpy;
pub mod on_tables;
pub mod output;
pub mod over_classes;
pub mod over_data_sets;
pub mod published;
pub mod speed;
pub mod threads;
pub mod trainer_form;
mod unweighted;

pub use cfe_report as report;
