"""Writes a table that is larger than memory: 200,000,000 rows x 20 classifiers in 40 Parquet files of 461 MB.

    pip install numpy pyarrow
    python benchmarks/large_table.py parts

The log-odds of a classifier are -3.5, an error that all classifiers share, an error of its own, and for positives a
shift. Every second row is for training, and 3% of the rows are positive. Files that are there already stay.
"""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, FILES, CLASSIFIERS = 5_000_000, 40, 20


def part(number: int) -> pa.Table:
    rng = np.random.default_rng(number)
    positive = rng.random(ROWS, dtype=np.float32) < 0.03
    shared = rng.standard_normal(ROWS, dtype=np.float32) * 0.7
    columns = {
        "id": pa.array(np.arange(number * ROWS, (number + 1) * ROWS)),
        "split": pa.array(np.where(np.arange(ROWS) % 2 == 0, "train", "test")).dictionary_encode(),
        "label": pa.array(positive.astype(np.int8)),
    }
    for j in range(CLASSIFIERS):
        own = rng.standard_normal(ROWS, dtype=np.float32) * np.float32(0.8 + 0.05 * j)
        z = own + shared + np.where(positive, np.float32(1.2 + 0.08 * j), np.float32(0)) - np.float32(3.5)
        columns[f"clf{j:02d}"] = pa.array(1 / (1 + np.exp(-z)))
    return pa.table(columns)


def main(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(FILES):
        path = folder / f"part-{number:03d}.parquet"
        if not path.exists():
            draft = path.with_suffix(".draft")
            pq.write_table(part(number), draft, compression="NONE", use_dictionary=["split"], row_group_size=1 << 20)
            draft.rename(path)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
