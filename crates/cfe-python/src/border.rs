//! How work gets from Python to the pool, and what happens meanwhile.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use cfe_combine::{Progress, Watch};
use pyo3::prelude::*;

use crate::errors::Failure;
use crate::pool::lend;

/// How often the calling thread looks for signals.
const LOOK: Duration = Duration::from_millis(50);

/// A word from the work to the Python callable that watches it.
#[derive(Debug, Clone)]
pub(crate) enum Note {
    /// A stage begins; `steps` is how many it has, where that is known.
    Started { stage: String, steps: Option<u64> },
    /// One more step of the stage is done.
    Step,
    /// The stage is done.
    Finished,
    /// An iteration is done, of at most so many, at this loss.
    Iteration { iteration: usize, max_iterations: usize, loss: Option<f64> },
    /// Something odd that does not end the work.
    Warning { message: String },
}

impl Note {
    fn tell(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        match self {
            Note::Started { stage, steps } => callback.call1(("started", stage, *steps)),
            Note::Step => callback.call1(("step",)),
            Note::Finished => callback.call1(("finished",)),
            Note::Iteration { iteration, max_iterations, loss } => {
                callback.call1(("iteration", *iteration, *max_iterations, *loss))
            }
            Note::Warning { message } => callback.call1(("warning", message)),
        }
        .map(drop)
    }
}

enum Said<T> {
    Note(Note, Sender<()>),
    Done(Result<T, Failure>),
}

/// What the work knows of its caller. The work asks it whether to stop, and tells it how far it is.
pub(crate) struct Caller<'a> {
    stop: &'a AtomicBool,
    /// `None` where nobody watches.
    notes: Option<&'a (dyn Fn(Note) + Sync)>,
}

impl Caller<'_> {
    /// `Stopped` if the work is to end.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.stop_asked() { Err(Failure::Stopped) } else { Ok(()) }
    }

    /// Tells the callable, and waits until it has returned.
    pub(crate) fn tell(&self, note: Note) {
        if let Some(notes) = self.notes {
            notes(note);
        }
    }

    /// Whether anybody listens.
    pub(crate) fn is_watched(&self) -> bool {
        self.notes.is_some()
    }
}

impl Watch for Caller<'_> {
    fn progress(&self, progress: Progress<'_>) {
        match progress {
            Progress::Started { stage, steps, .. } => {
                self.tell(Note::Started { stage: stage.to_owned(), steps })
            }
            Progress::Step => self.tell(Note::Step),
            Progress::Finished => self.tell(Note::Finished),
            // Checkpoints are the program's.
            _ => {}
        }
    }

    fn warn(&self, message: &str) {
        self.tell(Note::Warning { message: message.to_owned() });
    }

    fn stop_asked(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Runs `work` on the pool of `threads` threads (0: one for each core) without the interpreter lock.
///
/// The calling thread waits, looks for signals twenty times a second, and calls `callback` for the notes of
/// the work, so that the callable runs where it was handed over. Ctrl-C and an exception of the callable ask
/// the work to stop; they are raised as they are once it has.
pub(crate) fn run<T, F>(
    py: Python<'_>,
    threads: usize,
    callback: Option<&Bound<'_, PyAny>>,
    row_names: Option<&Bound<'_, PyAny>>,
    work: F,
) -> PyResult<T>
where
    T: Send,
    F: FnOnce(&Caller<'_>) -> Result<T, Failure> + Send,
{
    let pool = lend(threads).map_err(|failure| failure.into_py(py, None))?;
    // Without the interpreter lock only an unbound reference may be held.
    let callback = callback.map(|callback| callback.clone().unbind());
    let watched = callback.is_some();
    let stop = AtomicBool::new(false);
    let mut raised: Option<PyErr> = None;
    // From here to the end of the closure other threads of Python run.
    let outcome = py.detach(|| {
        let (sender, receiver) = channel::<Said<T>>();
        let stop = &stop;
        // The scope ends after the work has, so the work may borrow from this frame.
        pool.in_place_scope(|scope| {
            scope.spawn(move |_| {
                let notes = |note| ask(&sender, note);
                let caller = Caller { stop, notes: watched.then_some(&notes) };
                // A panic would pass through the scope and out of the extension; it becomes an ordinary error
                // instead.
                let done = catch_unwind(AssertUnwindSafe(|| work(&caller)));
                let done = done.unwrap_or_else(|panic| Err(from_panic(panic.as_ref())));
                // The receiver lives until the scope ends.
                let _ = sender.send(Said::Done(done));
            });
            // The first exception is kept, and everything after it is a consequence of the stop.
            let mut raise = |result: PyResult<()>| {
                if let Err(error) = result {
                    raised.get_or_insert(error);
                    stop.store(true, Ordering::Relaxed);
                }
            };
            loop {
                match receiver.recv_timeout(LOOK) {
                    Ok(Said::Done(done)) => break done,
                    Ok(Said::Note(note, answer)) => {
                        // Once something was raised the callable hears no more.
                        if !stop.load(Ordering::Relaxed)
                            && let Some(callback) = &callback
                        {
                            raise(Python::attach(|py| note.tell(callback.bind(py))));
                        }
                        // The work waits for this answer after every note, also when it has been told to
                        // stop.
                        let _ = answer.send(());
                    }
                    Err(RecvTimeoutError::Timeout) => raise(Python::attach(|py| py.check_signals())),
                    Err(RecvTimeoutError::Disconnected) => {
                        break Err(Failure::Training("the work ended without a word".to_owned()));
                    }
                }
            }
        })
    });
    match raised {
        Some(error) => Err(error),
        // Also what a signal handler raised just before the end must not be lost.
        None => outcome.map_err(|failure| failure.into_py(py, row_names)),
    }
}

/// Hands a note over and waits until the callable has returned.
fn ask<T>(sender: &Sender<Said<T>>, note: Note) {
    let (answer, answered) = channel();
    if sender.send(Said::Note(note, answer)).is_ok() {
        // An error says that the caller is gone, and is as good as an answer.
        let _ = answered.recv();
    }
}

fn from_panic(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    Failure::Training(format!(
        "a mistake in cf_ensemble itself ({text}); please report it with the data that show it"
    ))
}

/// Panics on our threads become exceptions; what Rust would print beside them tells a Python user nothing.
pub(crate) fn silence_caught_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let ours = std::thread::current().name().is_some_and(|name| name.starts_with("cf_ensemble-"));
        if !ours {
            before(info);
        }
    }));
}
