//! A line on standard error.

use std::io::Write as _;

use cfe_report::printable_lines;

use crate::words::color;

/// A line on standard error, which is all the program has for talking beside its results. Names in it cannot
/// steer the terminal.
pub(crate) fn say(line: &str) {
    // Where nobody listens there is nothing to be done about it.
    writeln!(std::io::stderr(), "{}", color::talk(&printable_lines(line))).ok();
}
