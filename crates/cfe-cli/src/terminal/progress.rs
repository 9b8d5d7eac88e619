//! A bar for a person who waits.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// Shows, from the third second on and on a terminal alone, that work goes on.
pub(super) struct Bar {
    bar: ProgressBar,
    done: Option<Sender<()>>,
    waiter: Option<JoinHandle<()>>,
}

impl Bar {
    /// Begins; `steps` are unknown for work that does not tell.
    pub(super) fn start(doing: &str, steps: Option<u64>, quiet: bool) -> Self {
        // The bar is hidden until a thread shows it after the time of patience, so that short work draws
        // nothing.
        let bar = ProgressBar::with_draw_target(steps, ProgressDrawTarget::hidden());
        if quiet || !std::io::stderr().is_terminal() {
            return Self { bar, done: None, waiter: None };
        }
        let template = match steps {
            Some(_) => "{msg} [{bar:24}] {pos}/{len}, {elapsed}",
            None => "{msg} {spinner} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(doing.to_owned());
        let (done, wait) = mpsc::channel();
        let shown = bar.clone();
        let waiter = std::thread::spawn(move || {
            if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(120));
            }
        });
        Self { bar, done: Some(done), waiter: Some(waiter) }
    }

    /// One step is done.
    pub(super) fn step(&self) {
        self.bar.inc(1);
    }
}

impl Bar {
    /// Does something, such as printing a line, that leaves the bar whole.
    pub(super) fn suspend(&self, work: impl FnOnce()) {
        self.bar.suspend(work);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        // The closed channel wakes the waiting thread at once, so that short work does not wait for it.
        drop(self.done.take());
        if let Some(waiter) = self.waiter.take() {
            waiter.join().ok();
        }
        self.bar.finish_and_clear();
    }
}
