"""Times other implementations on the arrays of `cfe-compare speed data`, one JSON line for each.

    python peers.py als DIR --latent-dim 20 --sweeps 5      numpy, cmfrec (Cholesky and conjugate gradients, f64 and f32)
    python peers.py torch DIR --latent-dim 15 --epochs 400  PyTorch in Python, eager

A peer that is not installed is named on stderr and left out.
"""

import argparse
import json
import os
import sys
import time

import numpy as np

LAMBDA = 0.01


def report(peer, seconds, rounds, loss):
    print(json.dumps({"peer": peer, "seconds": seconds / rounds, "loss": loss}), flush=True)


def total_loss(R, C, X, Y):
    """sum C (R - X^T Y)^2 + lambda (|X|^2 + |Y|^2), in f64 and by blocks of instances."""
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    error = 0.0
    for i in range(0, R.shape[1], 10_000):
        part = slice(i, i + 10_000)
        error += float((C[:, part] * (R[:, part] - X.T @ Y[:, part]) ** 2).sum())
    return error + LAMBDA * float((X**2).sum() + (Y**2).sum())


def numpy_als(R, C, d, sweeps):
    """All Gram matrices of a side by one matrix product, all systems in one batched solve."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(0, 0.01, (d, R.shape[0])), rng.normal(0, 0.01, (d, R.shape[1]))
    row, column = np.triu_indices(d)
    ridge, CR = LAMBDA * np.eye(d), C * R

    def side(F, W, WR):
        packed = W.T @ (F[row] * F[column]).T
        gram = np.empty((len(packed), d, d))
        gram[:, row, column] = packed
        gram[:, column, row] = packed
        return np.linalg.solve(gram + ridge, (WR.T @ F.T)[..., None])[..., 0].T.copy()

    began = time.perf_counter()
    for _ in range(sweeps):
        X = side(Y, C.T, CR.T)
        Y = side(X, C, CR)
    report("numpy, one product and one batched solve, f64", time.perf_counter() - began, sweeps, total_loss(R, C, X, Y))


def cmfrec_als(R, C, d, sweeps, use_cg, use_float):
    from cmfrec import CMF

    kind = np.float32 if use_float else np.float64
    ratings, weights = np.ascontiguousarray(R, kind), np.ascontiguousarray(C, kind)

    def fit(niter):
        model = CMF(
            k=d, lambda_=LAMBDA, use_cg=use_cg, user_bias=False, item_bias=False, center=False, niter=niter,
            finalize_chol=False, precompute_for_predictions=False, use_float=use_float, random_state=0,
            verbose=False, nthreads=os.cpu_count(),
        )
        began = time.perf_counter()
        model.fit(ratings, W=weights)
        return time.perf_counter() - began, model

    # The difference of two runs leaves out what is done once.
    once, _ = fit(1)
    whole, model = fit(1 + sweeps)
    name = f"cmfrec, {'conjugate gradients' if use_cg else 'Cholesky'}, {'f32' if use_float else 'f64'}"
    report(name, whole - once, sweeps, total_loss(R, C, np.asarray(model.A_).T, np.asarray(model.B_).T))


def torch_epochs(R, C, labels, d, epochs, threads):
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    tensor = lambda values: torch.tensor(values, dtype=torch.float32)
    R, C, labels = tensor(R), tensor(C), tensor(labels)
    index = torch.where(~torch.isnan(labels))[0]
    y = labels[index]
    positives = y.sum()
    weights = torch.where(y == 1, len(y) / (2 * positives), len(y) / (2 * (len(y) - positives)))
    weights = weights / weights.sum()
    leaf = torch.nn.Parameter
    X, Y = leaf(torch.randn(d, R.shape[0]) * 0.01), leaf(torch.randn(d, R.shape[1]) * 0.01)
    w, b = leaf(torch.ones(R.shape[0]) / R.shape[0]), leaf(torch.zeros(1))
    optimizer = torch.optim.Adam([X, Y, w, b], lr=0.01)

    def epoch():
        optimizer.zero_grad()
        rating = X.T @ Y
        first = (C * (R - rating) ** 2).sum() + LAMBDA * ((X**2).sum() + (Y**2).sum())
        logits = w @ rating[:, index] + b
        second = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, weights, reduction="sum")
        loss = 0.5 * first + 0.5 * second
        loss.backward()
        optimizer.step()
        return loss.item()

    for _ in range(5):
        epoch()
    began = time.perf_counter()
    for _ in range(epochs):
        loss = epoch()
    report("PyTorch, eager, f32", time.perf_counter() - began, epochs, loss)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["als", "torch"])
    parser.add_argument("folder")
    parser.add_argument("--latent-dim", type=int, default=20)
    parser.add_argument("--sweeps", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    R, C, labels = (np.load(os.path.join(options.folder, f"{name}.npy")) for name in ("R", "C", "labels"))
    d, sweeps = options.latent_dim, options.sweeps
    if options.what == "als":
        peers = [lambda: numpy_als(R, C, d, sweeps)]
        peers += [lambda cg=cg, f32=f32: cmfrec_als(R, C, d, sweeps, cg, f32) for cg in (False, True) for f32 in (False, True)]
    else:
        peers = [lambda: torch_epochs(R, C, labels, d, options.epochs, options.threads)]
    for peer in peers:
        try:
            peer()
        except ImportError as error:
            print(f"not installed: {error.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
