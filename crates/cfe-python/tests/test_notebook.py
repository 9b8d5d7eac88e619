"""The notebook runs from its first cell to its last and shows what it talks of."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_runs(path, tmp_path, monkeypatch):
    # The kernel draws into the notebook, whatever the tests were told.
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "kept without its outputs"
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 3
    assert any("soft voting" in output.get("data", {}).get("text/html", "") for output in outputs)
    assert any("averaging" in output.get("data", {}).get("text/html", "") for output in outputs)
    # For whoever wants to look at them.
    keep = os.environ.get("CF_ENSEMBLE_PICTURES")
    folder = Path(keep) if keep else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    for k, picture in enumerate(pictures):
        (folder / f"{path.stem}-{k}.png").write_bytes(base64.b64decode(picture))
    nbformat.write(notebook, folder / path.name)
