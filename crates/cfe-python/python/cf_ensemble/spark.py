"""Fits and predictions on Spark: an Estimator and its Model.

The rows lie in a prepared store, a folder that driver and executors see. Each pass of a fit is a job of its own: every
task adds up its shards and sends a few KB back, and the driver solves for the next parameters. Only ``mapInArrow`` and
``toArrow`` are used, so dynamic allocation, speculative execution and lost executors change nothing: the model is the
same to the byte as that of ``cfe fit STORE`` on one machine.

>>> from cf_ensemble.spark import CFEnsembleClassifier
>>> estimator = CFEnsembleClassifier(  # doctest: +SKIP
...     features_col=["forest", "svm"], label_col="sick", id_col="patient", store="/shared/store"
... )
>>> model = estimator.fit(df)  # doctest: +SKIP
>>> model.transform(df).select("patient", "probability")  # doctest: +SKIP

Needs the extra: ``pip install 'cf-ensemble[spark]'``, and Java 17 or 21.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

try:
    from pyspark.ml.base import Estimator, Model
    from pyspark.ml.param import Param, Params, TypeConverters
    from pyspark.ml.util import DefaultParamsReader, DefaultParamsWriter, MLReadable, MLReader, MLWritable, MLWriter
except ImportError as error:
    raise ImportError("cf_ensemble.spark needs pyspark 4: pip install 'cf-ensemble[spark]'") from error

from . import _core
from ._progress import ProgressCallback
from ._shards import Plan, Task, facts_of, runs, store_of, store_of_frame
from ._tables import Columns
from .errors import DataError, SettingsError, warn

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["CFEnsembleClassifier", "CFEnsembleClassifierModel"]

#: Shards of a task: 2^20 rows. Spark pays some 100 ms of processor time for each task, so they are few and large.
SHARDS_OF_TASK = 8


class _Shared(Params):
    """Params of the estimator, which its model keeps."""

    featuresCol: Param[list[str]] = Param(
        Params._dummy(), "featuresCol", "columns of the classifiers", TypeConverters.toListString
    )
    labelCol: Param[str] = Param(
        Params._dummy(), "labelCol", "column of the labels; a row without a label is null", TypeConverters.toString
    )
    idCol: Param[str] = Param(
        Params._dummy(), "idCol", "column that orders the rows, and so the bits of the model", TypeConverters.toString
    )
    splitCol: Param[str] = Param(
        Params._dummy(), "splitCol", "column of the split; rows other than 'train' are not learned from", TypeConverters.toString
    )
    weightCol: Param[str] = Param(Params._dummy(), "weightCol", "column of how much each row counts", TypeConverters.toString)
    groupCol: Param[str] = Param(
        Params._dummy(), "groupCol", "column of groups that cross-validation keeps together", TypeConverters.toString
    )
    posLabel: Param[str] = Param(Params._dummy(), "posLabel", "value of the positive class", TypeConverters.toString)
    method: Param[str] = Param(Params._dummy(), "method", "how the model is found: recommended or als", TypeConverters.toString)
    settings: Param[str] = Param(Params._dummy(), "settings", "settings of the method, as JSON", TypeConverters.toString)
    seed: Param[int] = Param(Params._dummy(), "seed", "seed of the start", TypeConverters.toInt)
    store: Param[str] = Param(
        Params._dummy(), "store", "new folder for the prepared store, seen by driver and executors", TypeConverters.toString
    )
    checkpoint: Param[str] = Param(
        Params._dummy(), "checkpoint", "file of the driver that keeps the progress of the fit", TypeConverters.toString
    )
    resume: Param[bool] = Param(
        Params._dummy(), "resume", "whether to go on from the checkpoint, if it exists", TypeConverters.toBoolean
    )
    instructionSet: Param[str] = Param(
        Params._dummy(), "instructionSet", "what all machines compute with; unset: the best of each", TypeConverters.toString
    )
    numTasks: Param[int] = Param(
        Params._dummy(), "numTasks", "tasks of a pass; unset: one for 8 shards", TypeConverters.toInt
    )
    probabilityCol: Param[str] = Param(
        Params._dummy(), "probabilityCol", "probability of the positive class", TypeConverters.toString
    )
    rawPredictionCol: Param[str] = Param(
        Params._dummy(), "rawPredictionCol", "log-odds of the positive class", TypeConverters.toString
    )
    predictionCol: Param[str] = Param(
        Params._dummy(), "predictionCol", "the more probable class, 0.0 or 1.0", TypeConverters.toString
    )
    nObservedCol: Param[str] = Param(
        Params._dummy(), "nObservedCol", "classifiers that gave a prediction", TypeConverters.toString
    )

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(
            labelCol="label",
            method="recommended",
            settings="{}",
            seed=0,
            resume=False,
            probabilityCol="probability",
            rawPredictionCol="rawPrediction",
            predictionCol="prediction",
            nObservedCol="n_observed",
        )

    def _optional(self, param: Param[Any]) -> Any:
        return self.getOrDefault(param) if self.isDefined(param) else None


#: Names of the keyword arguments, as xgboost.spark has them, and of the Params.
_PARAMS = {
    "features_col": "featuresCol",
    "label_col": "labelCol",
    "id_col": "idCol",
    "split_col": "splitCol",
    "weight_col": "weightCol",
    "group_col": "groupCol",
    "pos_label": "posLabel",
    "num_tasks": "numTasks",
    "instruction_set": "instructionSet",
    "probability_col": "probabilityCol",
    "raw_prediction_col": "rawPredictionCol",
    "prediction_col": "predictionCol",
    "n_observed_col": "nObservedCol",
}


class CFEnsembleClassifier(Estimator["CFEnsembleClassifierModel"], _Shared, MLReadable["CFEnsembleClassifier"], MLWritable):
    """Combines the probabilities of trained classifiers, on Spark.

    Parameters
    ----------
    features_col : list of str, default=None
        Columns of the classifiers, null or NaN where one gave no probability.
    label_col : str, default="label"
        Column of the labels, of any two values; null where a row has none.
    id_col : str, default=None
        Column that orders the rows. The bits of a model depend on the order of the rows, which Spark does not keep; without
        it a fit warns.
    split_col : str, default=None
        Column of the split: rows other than "train" are not learned from.
    weight_col : str, default=None
        Column of how much each row counts, finite and at least 0.
    group_col : str, default=None
        Column of groups that the cross-validation of "recommended" keeps together.
    pos_label : str, default=None
        Value of the positive class; None is told by the values.
    method : {"recommended", "als"}, default="recommended"
        How the model is found: what can be fitted in passes over shards. "recommended" fits its members on the driver, to
        the labeled rows or a sample of them.
    settings : dict, default=None
        Settings of the method by name, as in ``cfe fit --set``.
    seed : int, default=0
        Seed of the start.
    store : str, default=None
        New folder for the prepared store, which driver and executors must see under the same path. A fit writes the rows
        beside it for a while.
    checkpoint : str, default=None
        File of the driver that keeps the progress of the fit, some KB.
    resume : bool, default=False
        Whether to go on from the checkpoint, if the file exists, to the same bits as an unbroken fit.
    num_tasks : int, default=None
        Tasks of a pass; None is one for 8 shards. The model does not depend on it.
    instruction_set : {"scalar", "16-byte", "x86-64-v3", "x86-64-v4"}, default=None
        What all machines compute with, where some have a better set than others: the bits depend on it. None is the best
        one of each machine.
    probability_col, raw_prediction_col, prediction_col, n_observed_col : str, default=None
        Columns that ``transform`` adds: probability and log-odds of the positive class, the more probable class (0.0 or
        1.0), and how many classifiers gave a prediction.
    """

    def __init__(
        self,
        *,
        features_col: Sequence[str] | None = None,
        label_col: str = "label",
        id_col: str | None = None,
        split_col: str | None = None,
        weight_col: str | None = None,
        group_col: str | None = None,
        pos_label: str | None = None,
        method: str = "recommended",
        settings: dict[str, Any] | None = None,
        seed: int = 0,
        store: str | os.PathLike[str] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        num_tasks: int | None = None,
        instruction_set: str | None = None,
        probability_col: str = "probability",
        raw_prediction_col: str = "rawPrediction",
        prediction_col: str = "prediction",
        n_observed_col: str = "n_observed",
    ) -> None:
        given = {key: value for key, value in locals().items() if key not in ("self", "__class__") and value is not None}
        super().__init__()
        if "settings" in given:
            given["settings"] = json.dumps(given["settings"])
        for name in ("store", "checkpoint"):
            if name in given:
                given[name] = os.fspath(given[name])
        self._set(**{_PARAMS.get(name, name): value for name, value in given.items()})

    def _fit(self, dataset: DataFrame) -> CFEnsembleClassifierModel:
        plan = self._plan()
        columns = self._optional(self.featuresCol)
        if not columns:
            raise SettingsError("features_col= is missing: name the columns of the classifiers")
        folder = self._optional(self.store)
        if folder is None:
            raise SettingsError("store= is missing: name a new folder that driver and executors see, for the prepared rows")
        return self._fit_store(plan, dataset.sparkSession, self._prepared(dataset, folder, columns), None)

    def fit_store(
        self, spark: SparkSession, store: str | os.PathLike[str], *, progress: bool | ProgressCallback | None = None
    ) -> CFEnsembleClassifierModel:
        """Fits the combiner to a store that was prepared before, by ``cfe prepare`` or by another fit.

        Parameters
        ----------
        spark : SparkSession
            The cluster.
        store : str or path-like
            The folder, which driver and executors must see under the same path.
        progress : bool or callable, default=None
            True shows a bar of tqdm. A callable gets ``(done, total, loss)``.

        Returns
        -------
        CFEnsembleClassifierModel
            The model.
        """
        return self._fit_store(self._plan(), spark, store_of([os.fspath(store)], None), progress)

    def _plan(self) -> Plan:
        settings = json.loads(self.getOrDefault(self.settings))
        checkpoint = self._optional(self.checkpoint)
        method, seed, resume = (self.getOrDefault(param) for param in (self.method, self.seed, self.resume))
        return Plan(method, settings, seed, checkpoint, resume, self._optional(self.instructionSet))

    def _fit_store(
        self, plan: Plan, spark: SparkSession, store: _core.Store, progress: bool | ProgressCallback | None
    ) -> CFEnsembleClassifierModel:
        engine = _Engine(spark, store, self._optional(self.numTasks), plan.instruction_set)
        fitted = plan.fit(store, engine, progress)
        model: CFEnsembleClassifierModel = self._copyValues(CFEnsembleClassifierModel(fitted))
        return model

    def _prepared(self, dataset: DataFrame, folder: str, classifiers: list[str]) -> _core.Store:
        label, order, split = self.getOrDefault(self.labelCol), self._optional(self.idCol), self._optional(self.splitCol)
        weight, group = self._optional(self.weightCol), self._optional(self.groupCol)
        others = list(dict.fromkeys(name for name in (label, order, split, weight, group) if name is not None))
        missing = [name for name in [*classifiers, *others] if name not in dataset.columns]
        if missing:
            raise DataError(f"the data frame has no column {', '.join(map(repr, missing))}; it has {', '.join(dataset.columns)}")
        chosen = dataset.select(*classifiers, *others)
        if order is None:
            warn("id_col= was not given: the rows are taken in the order that Spark gives them, and another run may give other bits")
        else:
            chosen = chosen.orderBy(order)
        columns: Columns = {"columns": classifiers, "label": label}
        if order is not None:
            columns["id"] = order
        if split is not None:
            columns["split"] = split
        if weight is not None:
            columns["weight"] = weight
        if group is not None:
            columns["group"] = group
        if self.isDefined(self.posLabel):
            columns["pos_label"] = self.getOrDefault(self.posLabel)
        return store_of_frame(lambda rows: chosen.write.parquet(f"file://{rows}"), folder, **columns)

    def write(self) -> MLWriter:
        """What saves the estimator.

        Returns
        -------
        MLWriter
            Of pyspark.
        """
        return DefaultParamsWriter(self)

    @classmethod
    def read(cls) -> MLReader[CFEnsembleClassifier]:
        """What loads an estimator.

        Returns
        -------
        MLReader
            Of pyspark.
        """
        return DefaultParamsReader(cls)


class CFEnsembleClassifierModel(Model, _Shared, MLReadable["CFEnsembleClassifierModel"], MLWritable):
    """A fitted combiner, a Transformer.

    Parameters
    ----------
    combiner : Model, default=None
        The combiner of the compiled half.

    Attributes
    ----------
    combiner_ : Model
        The fitted combiner.
    fit_info_ : dict
        Iterations, stop reason and loss.
    """

    def __init__(self, combiner: _core.Model | None = None) -> None:
        super().__init__()
        if combiner is not None:
            self._take(combiner)

    def _take(self, combiner: _core.Model) -> None:
        self.combiner_ = combiner
        self.fit_info_ = facts_of(combiner)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        from pyspark.sql.types import DoubleType, LongType, StructType

        names = self.combiner_.classifier_names
        missing = [name for name in names if name not in dataset.columns]
        if missing:
            raise DataError(f"the data frame has no column {', '.join(map(repr, missing))} of the model; it has {', '.join(dataset.columns)}")
        added = [self.getOrDefault(p) for p in (self.probabilityCol, self.rawPredictionCol, self.predictionCol, self.nObservedCol)]
        there = [name for name in added if name in dataset.columns]
        if there:
            raise DataError(f"the data frame has a column {', '.join(map(repr, there))} already; drop it, or name another with its *_col")
        schema = StructType(list(dataset.schema.fields))
        for name in added:
            schema = schema.add(name, LongType() if name == added[3] else DoubleType(), nullable=False)
        return dataset.mapInArrow(_Predict(self.combiner_, added), schema)

    def save_model(self, path: str | os.PathLike[str]) -> None:
        """Writes the model file of the driver, the same that ``cfe fit STORE`` writes, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file; ``.safetensors`` is usual.
        """
        self.combiner_.save(path)

    def write(self) -> MLWriter:
        """What saves the model, with the columns that it reads and adds.

        Returns
        -------
        MLWriter
            Of pyspark.
        """
        return _ModelWriter(self)

    @classmethod
    def read(cls) -> MLReader[CFEnsembleClassifierModel]:
        """What loads a model.

        Returns
        -------
        MLReader
            Of pyspark.
        """
        return _ModelReader(cls)


class _ModelWriter(MLWriter):
    """The params as pyspark keeps them, and the bytes of the model file beside them."""

    def __init__(self, model: CFEnsembleClassifierModel) -> None:
        super().__init__()
        self.model = model

    def saveImpl(self, path: str) -> None:
        DefaultParamsWriter.saveMetadata(self.model, path, self.sparkSession)
        content = [(bytearray(self.model.combiner_.to_bytes()),)]
        self.sparkSession.createDataFrame(content, "content binary").coalesce(1).write.parquet(os.path.join(path, "model"))


class _ModelReader(MLReader[CFEnsembleClassifierModel]):
    def __init__(self, cls: type[CFEnsembleClassifierModel]) -> None:
        super().__init__()
        self.cls = cls

    def load(self, path: str) -> CFEnsembleClassifierModel:
        metadata = DefaultParamsReader.loadMetadata(path, self.sparkSession)
        row = self.sparkSession.read.parquet(os.path.join(path, "model")).first()
        if row is None:
            raise DataError(f"{path}: there is no model; save it again")
        model = self.cls(_core.Model.from_bytes(bytes(row["content"])))
        model._resetUid(metadata["uid"])
        DefaultParamsReader.getAndSetParams(model, metadata)
        return model


class _Engine:
    """Runs passes as jobs over the numbers of tasks."""

    def __init__(
        self, spark: SparkSession, store: _core.Store, tasks: int | None, instruction_set: str | None = None
    ) -> None:
        if tasks is not None and tasks < 1:
            raise SettingsError(f"num_tasks={tasks}: at least 1 is allowed")
        self.spark, self.task = spark, Task(store, instruction_set)
        self.runs = runs(store.shards, tasks or -(-store.shards // SHARDS_OF_TASK))

    def __call__(self, request: bytes) -> list[bytes]:
        share = _Share(self.task, self.runs, request)
        count = len(self.runs)
        # A number for each task; never an accumulator, which would count a repeated task twice.
        answers = self.spark.range(0, count, 1, count).mapInArrow(share, "statistics binary").toArrow()
        parts: list[bytes] = answers["statistics"].to_pylist()
        return parts


class _Share:
    """The part of a task in a pass; travels to the executors."""

    def __init__(self, task: Task, runs: list[tuple[int, int]], request: bytes) -> None:
        self.task, self.runs, self.request = task, runs, request

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        from pyspark import TaskContext

        context = TaskContext.get()
        threads = max(1, context.cpus()) if context is not None else 1
        for batch in batches:
            shares = [self.runs[int(number)] for number in batch.column("id").to_pylist()]
            sums = [self.task(self.request, first, end, threads) for first, end in shares]
            yield pa.RecordBatch.from_arrays([pa.array(sums, pa.binary())], ["statistics"])


class _Predict:
    """Adds the columns of a prediction to batches of rows; travels to the executors."""

    def __init__(self, model: _core.Model, added: list[str]) -> None:
        self.model, self.added = model, added

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            columns = [_numbers(batch.column(name)) for name in self.model.classifier_names]
            logits, positive, observed = self.model.predict(columns, threads=1)
            answers = [positive, logits, (positive > 0.5).astype(np.float64), observed]
            arrays = [*batch.columns, *(pa.array(answer) for answer in answers)]
            yield pa.RecordBatch.from_arrays(arrays, [*batch.schema.names, *self.added])


def _numbers(column: Any) -> Any:
    """A column as doubles, NaN for null."""
    return column.cast("double").fill_null(float("nan")).to_numpy(zero_copy_only=False)
