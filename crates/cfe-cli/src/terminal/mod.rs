//! Talking to the person at the terminal, on standard error: progress, warnings, Ctrl-C.

pub(crate) mod interrupt;
mod progress;
mod say;

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use cfe_combine::judge::Finding;
use cfe_combine::pipeline::{Progress, Watch};
use cfe_io::{Table, TableWarning};

use crate::args::Talk;
use cfe_report::printable;
use progress::Bar;

pub(crate) use say::say;

/// Shows the progress of the work, and hears Ctrl-C.
pub(crate) struct Terminal {
    talk: Talk,
    bar: Mutex<Option<Bar>>,
}

impl Terminal {
    pub(crate) fn new(talk: Talk) -> Self {
        Self { talk, bar: Mutex::new(None) }
    }

    pub(crate) fn verbose(&self) -> bool {
        self.talk.verbose
    }

    /// A line that everybody sees but those who asked for quiet.
    pub(crate) fn note(&self, message: &str) {
        if !self.talk.quiet {
            self.say(message);
        }
    }

    /// Does `work` with a bar that says so.
    pub(crate) fn during<T>(&self, stage: &str, work: impl FnOnce() -> T) -> T {
        self.progress(Progress::Started { stage, steps: None, keeps_on_stop: false });
        let done = work();
        self.progress(Progress::Finished);
        done
    }

    /// Tells how long something took, to those who asked for it.
    pub(crate) fn took(&self, what: &str, since: Instant) {
        if self.talk.verbose {
            self.say(&format!("{what}: {:.2} s", since.elapsed().as_secs_f64()));
        }
    }

    /// What a table was taken for, and what is odd about it.
    pub(crate) fn taken(&self, table: &Table) {
        self.note(&table.taken.to_string());
        table.warnings.iter().map(TableWarning::to_string).for_each(|w| self.warn(&w));
    }

    /// What should be known before a result is trusted, a line for each.
    pub(crate) fn findings(&self, findings: &[Finding]) {
        findings.iter().for_each(|finding| self.note(&format!("finding: {}", printable(&finding.text))));
    }

    /// A line that leaves the bar whole.
    pub(crate) fn say(&self, line: &str) {
        match &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }
}

impl Watch for Terminal {
    fn progress(&self, progress: Progress<'_>) {
        match progress {
            Progress::Started { stage, steps, keeps_on_stop } => {
                *self.bar.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Bar::start(stage, steps, self.talk.quiet));
                // Ctrl-C lets a stage that keeps something end in order, and ends the program in any other.
                interrupt::end_in_order(keeps_on_stop);
            }
            Progress::Step => {
                if let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
                    bar.step();
                }
            }
            Progress::Finished => {
                *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = None;
                interrupt::end_in_order(false);
            }
            Progress::Resumed { checkpoint, at } => {
                self.note(&format!("Resuming from {}: {at}.", checkpoint.display()));
            }
            Progress::Checkpoint(path) => interrupt::hint(format!(
                "Interrupted; the checkpoint {} is complete: resume with the same command and --resume.",
                path.display()
            )),
            _ => {}
        }
    }

    fn warn(&self, message: &str) {
        if !self.talk.quiet {
            self.say(&format!("warning: {message}"));
        }
    }

    fn stop_asked(&self) -> bool {
        interrupt::asked()
    }
}
