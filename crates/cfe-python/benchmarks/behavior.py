"""Measures what docs/python.md says of the package's behavior, and prints it as Markdown.

    python benchmarks/behavior.py [interrupt] [copies] [overhead] [speed] [import] [--cfe PATH]

Ctrl-C, copies of the predictions, overhead beside the program `cfe` (PATH), and the cost of the import. Without a word
all of them are measured. For figures that mean anything the wheel has to be built in release, and the machine idle.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from samples import noisy  # noqa: E402

warnings.simplefilter("ignore")


def interrupts() -> None:
    """Sends SIGINT at several moments of each call; how long until KeyboardInterrupt, and until the threads rest."""
    import cf_ensemble
    from cf_ensemble import CFEnsembleClassifier

    P, y = noisy(50_000, 40)
    many = np.tile(P, (20, 1))
    folder = Path(tempfile.mkdtemp())
    file = folder / "table.csv"
    header = ",".join(["label", *(f"clf_{j}" for j in range(40))])
    np.savetxt(file, np.column_stack([y, P]), delimiter=",", fmt="%.17g", header=header, comments="")
    als = CFEnsembleClassifier(method="als", settings={"max_iterations": 100_000, "tolerance": 0.0})
    fitted = CFEnsembleClassifier(method="als", settings={"max_iterations": 3}).fit(P, y)
    recommended = CFEnsembleClassifier().fit(P[:5000], y[:5000])
    table = cf_ensemble.fit(P[:20_000], y[:20_000], method="als", settings={"max_iterations": 3})
    calls = {
        "fit, recommended, 50,000 x 40": lambda: CFEnsembleClassifier().fit(P, y),
        "fit, als, 50,000 x 40": lambda: als.fit(P, y),
        "cf_ensemble.fit of a table, 50,000 x 40": lambda: cf_ensemble.fit(P, y),
        "predict, recommended, 1,000,000 x 40": lambda: recommended.predict_proba(many),
        "predict, als, 1,000,000 x 40": lambda: fitted.predict_proba(many),
        "explain, recommended, 1,000,000 x 40": lambda: recommended.explain(many),
        "Ensemble.metrics, 20,000 x 40": lambda: setattr(table, "_parts", None) or table.metrics(),
        "read, CSV of 50,000 x 40": lambda: cf_ensemble.read(file),
    }
    print("| call | moments | longest wait for KeyboardInterrupt, s | threads at rest after, s |")
    print("|---|---|---|---|")
    for name, call in calls.items():
        waits, rests = [], []
        for moment in (0.02, 0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0, 16.0):
            found = interrupted(call, moment)
            if found is None:
                break
            waits.append(found[0])
            rests.append(found[1])
        shown = f"{max(waits):.2f} | {max(rests):.2f}" if waits else "done before the signal |"
        print(f"| {name} | {len(waits)} | {shown} |", flush=True)


def interrupted(call, moment: float) -> tuple[float, float] | None:
    """Seconds from the signal to the exception, and to the end of the work; None where the call was done before."""
    sent = []
    done = threading.Event()

    def send() -> None:
        if not done.wait(moment):
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        call()
        done.set()
        sender.join()
        time.sleep(0.01)  # a signal that came with the end is raised here
        return None
    except KeyboardInterrupt:
        raised = time.perf_counter()
    sender.join()
    # At rest: a tenth of a second in which the process used less than 10 ms of a processor.
    while True:
        used, begin = time.process_time(), time.perf_counter()
        time.sleep(0.1)
        if time.process_time() - used < 0.01:
            return raised - sent[0], max(begin, raised) - sent[0]


def copies() -> None:
    """Peaks of memory above what was held before, in copies of P, each in a process of its own."""
    print("| call on 1,000,000 x 20 | allocated by Python, in P | peak memory, in P |")
    print("|---|---|---|")
    for name in COPIES:
        out = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True, check=True)
        print(out.stdout.strip(), flush=True)


COPIES = {
    "predict, float64 in C order": ("predict", lambda P: P),
    "predict, float64 in Fortran order": ("predict", lambda P: np.asfortranarray(P)),
    "predict, float32 in C order": ("predict", lambda P: P.astype(np.float32)),
    "predict, pandas": ("predict", lambda P: _frame("pandas", P)),
    "Ensemble.predict_proba, pandas": ("table", lambda P: _frame("pandas", P)),
    "Ensemble.predict_proba, polars": ("table", lambda P: _frame("polars", P)),
    "Ensemble.predict_proba, pyarrow": ("table", lambda P: _frame("pyarrow", P)),
    "fit, als, float64 in C order": ("als", lambda P: P),
    "fit, als, pandas": ("als", lambda P: _frame("pandas", P)),
    "fit, als, float32 in C order": ("als", lambda P: P.astype(np.float32)),
    "fit, recommended, float64 in C order": ("recommended", lambda P: P),
}


def _frame(library: str, P: np.ndarray):
    columns = {f"clf_{j}": np.ascontiguousarray(P[:, j]) for j in range(P.shape[1])}
    if library == "pyarrow":
        import pyarrow

        return pyarrow.table(columns)
    module = __import__(library)
    return module.DataFrame(columns)


def one_copy(name: str) -> None:
    import cf_ensemble
    from cf_ensemble import CFEnsembleClassifier

    what, make = COPIES[name]
    P, y = noisy(1_000_000, 20)
    small = make(P[:2000])
    given = make(P)
    size = P.nbytes / (2 if "float32" in name else 1)
    del P
    if what == "table":
        model = cf_ensemble.fit(small, y[:2000])
        call = lambda: model.predict_proba(given)  # noqa: E731
    elif what == "predict":
        model = CFEnsembleClassifier().fit(small, y[:2000])
        call = lambda: model.predict_proba(given)  # noqa: E731
    else:
        settings = {"max_iterations": 2} if what == "als" else None
        model = CFEnsembleClassifier(method=what, settings=settings)
        CFEnsembleClassifier(method=what, settings=settings).fit(small, y[:2000])
        call = lambda: model.fit(given, y)  # noqa: E731
    before = _resident()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    tracemalloc.start()
    call()
    traced = tracemalloc.get_traced_memory()[1]
    print(f"| {name} | {traced / size:.2f} | {(_peak() - before) / size:.2f} |")


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def _resident() -> int:
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def speed(cfe: str | None) -> None:
    """Wall and processor seconds beside the program: the same fit with the same report, the same predictions."""
    if cfe is None:
        print("(no program `cfe` given: --cfe PATH)")
        return
    folder = Path(tempfile.mkdtemp())
    P, y = noisy(4000, 20)
    many, _ = noisy(1_000_000, 20, seed=1)
    header = ",".join(f"clf_{j}" for j in range(20))
    np.savetxt(folder / "fit.csv", np.column_stack([y, P]), delimiter=",", fmt="%.17g", header="label," + header, comments="")
    np.savetxt(folder / "many.csv", many, delimiter=",", fmt="%.9g", header=header, comments="")
    np.save(folder / "many.npy", many)
    fit = "import cf_ensemble as c\nm = c.fit('fit.csv'{})\nm.report('p.html')\nm.save('p.safetensors')"
    predict = "import cf_ensemble as c\nimport numpy as np\nm = c.load('p.safetensors')\n"
    csv = predict + "np.save('out.npy', m.predict_proba('many.csv')[:, 1])"
    npy = predict + "np.save('out.npy', m.predict_proba(np.load('many.npy'))[:, 1])"
    python = [sys.executable, "-W", "ignore", "-c"]
    commands = {
        "fit with report, 4,000 x 20, `cfe`": [cfe, "fit", "fit.csv", "--model-out", "c.safetensors", "--report-out", "c.html", "-q"],
        "fit with report, 4,000 x 20, Python": [*python, fit.format("")],
        "predict 1,000,000 x 20, CSV, `cfe`": [cfe, "predict", "--model", "c.safetensors", "many.csv", "--predictions-out", "out.csv", "-q"],
        "predict 1,000,000 x 20, CSV, Python": [*python, csv],
        "predict 1,000,000 x 20, NPY, `cfe`": [cfe, "predict", "--model", "c.safetensors", "many.npy", "--predictions-out", "out.csv", "-q"],
        "predict 1,000,000 x 20, NPY, Python": [*python, npy],
    }
    print("| process | wall, s | processor, s |")
    print("|---|---|---|")
    for name, command in commands.items():
        runs = [timed(command, folder) for _ in range(3)]
        wall, used = min(run[0] for run in runs), min(run[1] for run in runs)
        print(f"| {name} | {wall:.2f} | {used:.2f} |", flush=True)


def overhead() -> None:
    """Processor seconds of a fit, 4,000 x 20: of the compiled half alone, and of what calls it."""
    import cf_ensemble
    from cf_ensemble import CFEnsembleClassifier, _core

    P, y = noisy(4000, 20)
    names = [f"clf_{j}" for j in range(20)]
    labels = y.astype(np.int8)
    table = _core.Table.from_arrays(P, labels, names, "P")
    calls = {
        "compiled half: fit of an array": lambda: _core.fit(P, labels, names),
        "`CFEnsembleClassifier.fit`": lambda: CFEnsembleClassifier().fit(P, y),
        "compiled half: fit of a table": lambda: table.fit(),
        "`cf_ensemble.fit`": lambda: cf_ensemble.fit(P, y),
    }
    best = dict.fromkeys(calls, np.inf)
    for _ in range(7):
        # In turn, so that what else the machine does meets all alike.
        for name, call in calls.items():
            begin = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - begin)
    print("| fit, 4,000 x 20 | processor, s | beyond the compiled half |")
    print("|---|---|---|")
    inside = 0.0
    for name, seconds in best.items():
        inside = seconds if name.startswith("compiled") else inside
        print(f"| {name} | {seconds:.3f} | {100 * (seconds / inside - 1):+.1f}% |")


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def imports() -> None:
    """Milliseconds of the import beyond numpy, the median of nine processes."""
    code = "import time, numpy\nt = time.perf_counter()\nimport cf_ensemble\nprint(time.perf_counter() - t)"
    runs = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(9)]
    print(f"import beyond numpy: {1000 * np.median(runs):.1f} ms (median of nine processes)")


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["--one"]:
        one_copy(words[1])
        return
    cfe = str(Path(words[words.index("--cfe") + 1]).resolve()) if "--cfe" in words else None
    chosen = [word for word in words if word in ("interrupt", "copies", "overhead", "speed", "import")]
    parts = {"interrupt": interrupts, "copies": copies, "overhead": overhead, "speed": lambda: speed(cfe), "import": imports}
    for name, part in parts.items():
        if not chosen or name in chosen:
            part()
            print(flush=True)


if __name__ == "__main__":
    main()
