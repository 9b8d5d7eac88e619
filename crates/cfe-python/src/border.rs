//! How work gets from Python to the pool, and what happens meanwhile.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use cfe_combine::{Progress, Watch};
use pyo3::prelude::*;

use crate::errors::Failure;
use crate::pool::lend;

/// How often the calling thread looks for signals.
const LOOK: Duration = Duration::from_millis(50);
/// How long work that was asked to stop is waited for, where it can be left to itself.
const GRACE: Duration = Duration::from_millis(250);

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

/// Something that the calling thread does with the interpreter.
type Call = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

enum Said<T> {
    Note(Note, Sender<()>),
    Call(Call, Sender<()>),
    Done(Result<T, Failure>),
}

/// What the work knows of its caller. The work asks it whether to stop, and tells it how far it is.
pub(crate) struct Caller<'a> {
    stop: &'a AtomicBool,
    /// `None` where nobody watches.
    notes: Option<&'a (dyn Fn(Note) + Sync)>,
    calls: &'a (dyn Fn(Call) + Sync),
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

    /// What `act` gives on the calling thread, which is waited for. What it raises ends the work, and comes
    /// out of the call unchanged.
    pub(crate) fn on_calling_thread<T: Send + 'static>(
        &self,
        act: impl FnOnce(Python<'_>) -> PyResult<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let (give, given) = channel();
        (self.calls)(Box::new(move |py| {
            let _ = give.send(act(py)?);
            Ok(())
        }));
        // Nothing was given where something was raised, before or in the call.
        given.try_recv().map_err(|_| Failure::Stopped)
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

/// Runs `work`, which borrows from the caller, on the pool of `threads` threads (0: one for each core)
/// without the interpreter lock.
///
/// The calling thread waits, looks for signals twenty times a second, and calls `callback` for the notes of
/// the work, so that the callable runs where it was handed over. Ctrl-C and an exception of the callable ask
/// the work to stop, and are raised as they are once the work has stopped. The work therefore has to ask
/// [`Caller::check`] often. Work that owns what it needs goes to [`run_owned`].
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
    let stop = AtomicBool::new(false);
    let mut listener = Listener::new(callback, &stop);
    let watched = listener.callback.is_some();
    // From here to the end of the closure other threads of Python run.
    let outcome = py.detach(|| {
        let (sender, receiver) = channel::<Said<T>>();
        let stop = &stop;
        // The scope ends after the work has, so the work may borrow from this frame.
        pool.in_place_scope(|scope| {
            scope.spawn(move |_| perform(work, watched, stop, &sender));
            listener.listen(&receiver, None)
        })
    });
    listener.outcome(py, outcome, row_names)
}

/// Like [`run`], for work that owns what it needs.
///
/// If a stop is not answered within [`GRACE`], the work is left to itself: what was raised reaches the user
/// at once, and the threads end when the work next looks, or is done. So a phase that never asks cannot keep
/// a notebook waiting.
pub(crate) fn run_owned<T, F>(
    py: Python<'_>,
    threads: usize,
    callback: Option<&Bound<'_, PyAny>>,
    row_names: Option<&Bound<'_, PyAny>>,
    work: F,
) -> PyResult<T>
where
    T: Send + 'static,
    F: FnOnce(&Caller<'_>) -> Result<T, Failure> + Send + 'static,
{
    let pool = lend(threads).map_err(|failure| failure.into_py(py, None))?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut listener = Listener::new(callback, &stop);
    let watched = listener.callback.is_some();
    let outcome = py.detach(|| {
        let (sender, receiver) = channel::<Said<T>>();
        let stop = Arc::clone(&stop);
        pool.spawn(move || perform(work, watched, &stop, &sender));
        listener.listen(&receiver, Some(GRACE))
    });
    if outcome.is_none() {
        pool.abandon();
    }
    listener.outcome(py, outcome, row_names)
}

/// Does the work and says how it ended.
fn perform<T, F>(work: F, watched: bool, stop: &AtomicBool, sender: &Sender<Said<T>>)
where
    T: Send,
    F: FnOnce(&Caller<'_>) -> Result<T, Failure>,
{
    let notes = |note| ask(sender, |answer| Said::Note(note, answer));
    let calls = |call| ask(sender, |answer| Said::Call(call, answer));
    let caller = Caller { stop, notes: watched.then_some(&notes), calls: &calls };
    // A panic would end the pool and the process; it becomes an ordinary error instead.
    let done = catch_unwind(AssertUnwindSafe(|| work(&caller)));
    let done = done.unwrap_or_else(|panic| Err(from_panic(panic.as_ref())));
    // Nobody hears of work that was left to itself.
    let _ = sender.send(Said::Done(done));
}

/// The calling thread while the work is done.
struct Listener<'a> {
    callback: Option<Py<PyAny>>,
    stop: &'a AtomicBool,
    /// What a signal handler or the callable raised.
    raised: Option<PyErr>,
}

impl<'a> Listener<'a> {
    fn new(callback: Option<&Bound<'_, PyAny>>, stop: &'a AtomicBool) -> Self {
        // Without the interpreter lock only an unbound reference may be held.
        Self { callback: callback.map(|callback| callback.clone().unbind()), stop, raised: None }
    }

    /// How the work ended; `None` if it did not answer a stop within `grace`.
    fn listen<T>(
        &mut self,
        receiver: &Receiver<Said<T>>,
        grace: Option<Duration>,
    ) -> Option<Result<T, Failure>> {
        let mut asked: Option<Instant> = None;
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(Said::Done(done)) => return Some(done),
                Ok(Said::Note(note, answer)) => {
                    // Once something was raised the callable hears no more.
                    if self.raised.is_none()
                        && let Some(callback) = &self.callback
                    {
                        self.raise(Python::attach(|py| note.tell(callback.bind(py))));
                    }
                    // The work waits for this answer after every note, also when it has been told to stop.
                    let _ = answer.send(());
                }
                Ok(Said::Call(call, answer)) => {
                    if self.raised.is_none() {
                        self.raise(Python::attach(call));
                    }
                    let _ = answer.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.raise(Python::attach(|py| py.check_signals())),
                Err(RecvTimeoutError::Disconnected) => {
                    return Some(Err(Failure::Training("the work ended without a word".to_owned())));
                }
            }
            if self.raised.is_some() {
                let since = *asked.get_or_insert_with(Instant::now);
                if grace.is_some_and(|grace| since.elapsed() >= grace) {
                    return None;
                }
            }
        }
    }

    fn raise(&mut self, result: PyResult<()>) {
        if let Err(error) = result {
            // The first exception is kept, and everything after it is a consequence of the stop.
            self.raised.get_or_insert(error);
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// What was raised goes before how the work ended: it must not be lost even if the work was done by then.
    fn outcome<T>(
        self,
        py: Python<'_>,
        outcome: Option<Result<T, Failure>>,
        row_names: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<T> {
        match self.raised {
            Some(error) => Err(error),
            None => {
                outcome.unwrap_or(Err(Failure::Stopped)).map_err(|failure| failure.into_py(py, row_names))
            }
        }
    }
}

/// Hands something over and waits until the calling thread is done with it.
fn ask<T>(sender: &Sender<Said<T>>, what: impl FnOnce(Sender<()>) -> Said<T>) {
    let (answer, answered) = channel();
    if sender.send(what(answer)).is_ok() {
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
