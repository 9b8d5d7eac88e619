//! The program `cfe`, as a person or a script meets it.

mod bad_input;
mod cases;
mod checkpoint;
mod classes;
mod documentation;
mod evaluate;
#[cfg(target_os = "linux")]
mod full_disk;
mod ignored_options;
mod interrupt;
mod kills;
mod options;
mod real_data;
mod store;
mod support;
mod tune;
mod weights;
