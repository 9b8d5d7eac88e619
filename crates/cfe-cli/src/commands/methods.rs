//! `cfe methods`.

use cfe_combine::methods::Method;
use cfe_report::terminal::wrap;

use crate::error::CliResult;
use crate::outputs;
use crate::words::text;

/// Columns of the names.
const NAMES: usize = 13;

pub(crate) fn run() -> CliResult<()> {
    let page = text::page(outputs::width());
    let indent = " ".repeat(NAMES);
    let line = |m: Method| wrap(m.description(), page, &format!("{:NAMES$}", m.name()), &indent);
    let lines: String = Method::all().into_iter().map(line).collect();
    outputs::print_page(&lines)
}
