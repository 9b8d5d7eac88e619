//! The program `cfe`, as a person or a script meets it.

mod bad_input;
mod documentation;
mod interrupt;
mod options;
mod real_data;
mod support;
mod tune;
