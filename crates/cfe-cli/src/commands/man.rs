//! `cfe man`.

use std::fs;
use std::io;
use std::path::Path;

use cfe_io::{AtomicFile, WriteError};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::args::Cli;
use crate::error::CliResult;
use crate::outputs;

pub(crate) fn run(folder: Option<&Path>) -> CliResult<()> {
    let mut cfe = Cli::command();
    cfe.build();
    let Some(folder) = folder else { return outputs::print(&page(&cfe)?) };
    fs::create_dir_all(folder)
        .map_err(|source| WriteError::Unwritable { path: folder.display().to_string(), source })?;
    let help = |command: &&Command| command.get_name() != "help";
    for command in std::iter::once(&cfe).chain(cfe.get_subcommands().filter(help)) {
        // `cfe-fit.1`, which `man cfe fit` finds.
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        AtomicFile::write(folder.join(format!("{name}.1")), page(command)?.as_bytes())?;
    }
    Ok(())
}

/// The manual page of a command in roff.
fn page(command: &Command) -> CliResult<String> {
    let mut out = Vec::new();
    let rendered: io::Result<()> = Man::new(command.clone()).render(&mut out);
    rendered.map_err(|source| WriteError::Interrupted { path: "the manual page".to_owned(), source })?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
