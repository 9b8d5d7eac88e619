//! Prepared stores, and fits whose passes run wherever Python sends them.

use std::path::PathBuf;
use std::sync::Arc;

use cfe_combine::Watch;
use cfe_combine::out_of_core::fit_store_on;
use cfe_core::Dtype;
use cfe_core::shards::{Engine, InstructionSet, Request, Shape, Statistics};
use cfe_io::Labels;
use cfe_io::store::{PrepareOptions, StoreEngine, Verified, prepare};
use ndarray::Array2;
use numpy::{IntoPyArray, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::border::{Caller, Note, run, run_owned};
use crate::common::options;
use crate::errors::Failure;
use crate::fit::Watching;
use crate::model::Model;

/// A table as shards in a folder.
#[pyclass(frozen, module = "cf_ensemble._core")]
pub(crate) struct Store {
    store: Arc<cfe_io::store::Store>,
    /// Shared by all passes of this process, so that each shard is hashed once.
    verified: Verified,
}

impl Store {
    fn new(store: cfe_io::store::Store) -> Self {
        Self { store: Arc::new(store), verified: Verified::default() }
    }
}

/// Refuses options of a fit that passes over shards cannot give. `options` is JSON.
#[pyfunction]
#[pyo3(signature = (options, *, resume = false))]
pub(crate) fn check_plan(py: Python<'_>, options: &str, resume: bool) -> PyResult<()> {
    run(py, 1, None, None, |_| {
        let mut options = self::options(options)?;
        // What passes cannot give is refused here, before any worker is sent for.
        options.resume = resume;
        Ok(cfe_combine::out_of_core::check_plan(&options.plan()?)?)
    })
}

/// Computes with this instruction set from here on, in the whole process.
#[pyfunction]
pub(crate) fn pin_instruction_set(py: Python<'_>, name: &str) -> PyResult<()> {
    let pinned = name.parse::<InstructionSet>().and_then(InstructionSet::pin);
    pinned.map_err(|error| Failure::Settings(error.to_string()).into_py(py, None))
}

/// What this process computes with.
#[pyfunction]
pub(crate) fn instruction_set() -> &'static str {
    InstructionSet::current().name()
}

#[pymethods]
impl Store {
    /// Whether a path is a folder with a store in it.
    #[staticmethod]
    fn is_store(path: PathBuf) -> bool {
        cfe_io::store::Store::is_store(path)
    }

    /// Opens a store.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        run(py, 1, None, None, |_| Ok(Store::new(cfe_io::store::Store::open(&path)?)))
    }

    /// Reads tables once, checks every cell, and writes a store; what its columns were taken for is told with
    /// it. `options` is JSON.
    #[staticmethod]
    #[pyo3(signature = (tables, folder, options = "{}", *, double = false, threads = 0))]
    fn prepare(
        py: Python<'_>,
        tables: Vec<PathBuf>,
        folder: PathBuf,
        options: &str,
        double: bool,
        threads: usize,
    ) -> PyResult<(Self, Vec<String>)> {
        let mut how = PrepareOptions::default();
        how.table = self::options(options)
            .and_then(|options| Ok(options.table_options()?))
            .map_err(|failure| failure.into_py(py, None))?;
        // A store of rows that are only predicted has no labels.
        how.table.labels = Labels::IfPresent;
        how.dtype = if double { Dtype::F64 } else { Dtype::F32 };
        let prepared = run_owned(py, threads, None, None, move |caller| {
            // The reader asks after each batch of rows whether to go on.
            Ok(prepare(&tables, &folder, &how, &mut |_| !caller.stop_asked())?)
        })?;
        let warnings = prepared.warnings.iter().map(ToString::to_string).collect();
        Ok((Store::new(prepared.store), warnings))
    }

    /// Where it lies.
    #[getter]
    fn folder(&self) -> PathBuf {
        self.store.folder().to_owned()
    }

    /// Names of the classifiers.
    #[getter]
    fn classifier_names(&self) -> Vec<String> {
        self.store.shape().classifier_names.clone()
    }

    /// Number of rows.
    #[getter]
    fn rows(&self) -> u64 {
        self.store.shape().rows
    }

    /// Number of shards.
    #[getter]
    fn shards(&self) -> u64 {
        self.store.shape().shards()
    }

    /// Tells these data from others.
    #[getter]
    fn fingerprint(&self) -> String {
        self.store.shape().fingerprint.clone()
    }

    /// Rows of a shard.
    fn rows_of(&self, py: Python<'_>, shard: u64) -> PyResult<u64> {
        self.check_run(py, shard, shard.saturating_add(1))?;
        let rows = self.store.shape().rows_of(shard);
        Ok(rows.end - rows.start)
    }

    /// The predictions of a shard, k x m, NaN where there is none.
    fn predictions<'py>(&self, py: Python<'py>, shard: u64) -> PyResult<Bound<'py, PyArray2<f64>>> {
        self.check_run(py, shard, shard.saturating_add(1))?;
        let r: Array2<f64> = run(py, 1, None, None, |_| Ok(self.store.shard(shard)?.predictions()))?;
        Ok(r.reversed_axes().into_pyarray(py))
    }

    /// The statistics of the shards from `first` to before `end` in answer to a request, both as bytes: what
    /// one worker does in a pass.
    #[pyo3(signature = (request, first, end, *, threads = 0))]
    fn statistics<'py>(
        &self,
        py: Python<'py>,
        request: &[u8],
        first: u64,
        end: u64,
        threads: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.check_run(py, first, end)?;
        let bytes = run(py, threads, None, None, |caller| {
            // The request comes from another process, so its bytes are checked like those of a file.
            let request = Request::from_bytes(request).map_err(cfe_core::Error::from)?;
            let mut engine = StoreEngine::new(&self.store)
                .knowing(self.verified.clone())
                .watched(|_| !caller.stop_asked());
            Ok(engine.pass_over(&request, first..end)?.to_bytes())
        })?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Fits a model. `run_pass` gets the bytes of a request and gives those of the statistics of all shards,
    /// in any number of parts. `options` is JSON.
    #[pyo3(signature = (run_pass, options = "{}", *, resume = false, threads = 0, progress = None))]
    fn fit(
        &self,
        py: Python<'_>,
        run_pass: Py<PyAny>,
        options: &str,
        resume: bool,
        threads: usize,
        progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Model> {
        let (options, store) = (options.to_owned(), Arc::clone(&self.store));
        let saved = run_owned(py, threads, progress.as_ref(), None, move |caller| {
            let mut options = self::options(&options)?;
            options.resume = resume;
            // The fit is that of `cfe fit` on a store. Only the passes are sent to Python.
            let mut engine = Remote { store: &store, run_pass, caller, passes: 0 };
            let fitted = fit_store_on(&options.plan()?, &store, &mut engine, &mut Watching(caller), caller)?;
            // A stopped fit raises what stopped it.
            caller.check()?;
            Ok(fitted.model)
        })?;
        Ok(Model::new(saved))
    }
}

impl Store {
    fn check_run(&self, py: Python<'_>, first: u64, end: u64) -> PyResult<()> {
        let shards = self.store.shape().shards();
        if first < end && end <= shards {
            return Ok(());
        }
        let text = format!("shards {first} to {end}: the store has {shards}, counted from 0");
        Err(Failure::Data(text).into_py(py, None))
    }
}

/// Passes that a callable of Python runs.
struct Remote<'a, 'b> {
    store: &'a cfe_io::store::Store,
    run_pass: Py<PyAny>,
    caller: &'a Caller<'b>,
    passes: u64,
}

impl Engine for Remote<'_, '_> {
    fn shape(&self) -> &Shape {
        self.store.shape()
    }

    fn pass(&mut self, request: &Request) -> cfe_core::Result<Statistics> {
        let shape = self.store.shape();
        self.passes += 1;
        let stage = format!("Pass {} over {} rows", self.passes, shape.rows);
        self.caller.tell(Note::Started { stage, steps: None });
        let bytes = request.to_bytes();
        // Cloning the callable needs the interpreter, so the calling thread does.
        let run_pass = Python::attach(|py| self.run_pass.clone_ref(py));
        let parts = self.caller.on_calling_thread(move |py| {
            run_pass.call1(py, (PyBytes::new(py, &bytes),))?.extract::<Vec<Vec<u8>>>(py)
        });
        self.caller.tell(Note::Finished);
        // Workers may answer in any grouping and order: merged statistics have the same bits either way.
        let mut all = Statistics::new(shape, request);
        for part in parts.map_err(|_| cfe_core::Error::Stopped)? {
            all = all.merge(Statistics::from_bytes(&part)?)?;
        }
        Ok(all)
    }
}
