#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dawid-Skene in NumPy, straight from the paper, against allot's.

  dawid_skene_numpy.py BENCH ANSWERS.csv...   compare likelihoods and times
  dawid_skene_numpy.py BENCH                  the same on simulated answers

BENCH is the program allot_aggregate_bench. The model is the one of
lib/truth/dawid_skene.h: start at the vote shares, add 0.01 to every expected
count, stop when no posterior moves by more than 1e-6, or after 300 iterations.
Both sides run the same number of iterations. Two versions in NumPy: `plain`
scatters with np.add.at, as the update reads; `tuned` uses one np.bincount a
class. Ratios are CPU-bound wall times, one thread of allot against NumPy.
Exit status 1 if a log-likelihood differs by more than 1e-9 (relative).
"""
import csv
import gzip
import json
import subprocess
import sys
import tempfile
import time

import numpy as np

SMOOTHING, TOLERANCE, MAX_ITERATIONS = 0.01, 1e-6, 300


def scatter_plain(posterior, task, labeler, label, shape):
    counts = np.zeros(shape)  # [labeler, label, truth]
    np.add.at(counts, (labeler, label), posterior[task])
    return counts


def scatter_tuned(posterior, task, labeler, label, shape):
    cell = labeler * shape[1] + label
    return np.stack(
        [np.bincount(cell, posterior[task, k], shape[0] * shape[1])
         for k in range(shape[2])], axis=-1).reshape(shape)


def fit(task, labeler, label, classes, scatter, iterations=None):
    tasks, labelers = task.max() + 1, labeler.max() + 1
    shape = (labelers, classes, classes)
    posterior = np.zeros((tasks, classes))
    np.add.at(posterior, (task, label), 1)
    posterior /= posterior.sum(axis=1, keepdims=True)
    done = 0
    while True:
        counts = scatter(posterior, task, labeler, label, shape) + SMOOTHING
        confusion = counts / counts.sum(axis=1, keepdims=True)
        prior = posterior.sum(axis=0) + SMOOTHING
        prior /= prior.sum()
        logs = np.log(confusion)[labeler, label]
        joint = np.tile(np.log(prior), (tasks, 1))
        if scatter is scatter_plain:
            np.add.at(joint, task, logs)
        else:
            joint += np.stack([np.bincount(task, logs[:, k], tasks)
                               for k in range(classes)], axis=-1)
        top = joint.max(axis=1, keepdims=True)
        new = np.exp(joint - top)
        total = new.sum(axis=1, keepdims=True)
        new /= total
        log_likelihood = float((top + np.log(total)).sum())
        moved = np.abs(new - posterior).max()
        posterior = new
        done += 1
        if done == (iterations or MAX_ITERATIONS):
            break
        if iterations is None and moved <= TOLERANCE:
            break
    return log_likelihood, done


def read(path):
    opener = gzip.open if path.endswith(".gz") else open
    ids = {}, {}, {}
    rows = []
    with opener(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            rows.append([index.setdefault(row[name], len(index)) for index, name
                         in zip(ids, ("task", "labeler", "answer"))])
    return np.array(rows), len(ids[2])


def simulate(tasks, labelers, classes, redundancy, seed=1):
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=tasks)
    accuracy = rng.uniform(0.4, 0.95, size=labelers)
    task = np.repeat(np.arange(tasks), redundancy)
    labeler = rng.integers(labelers, size=tasks * redundancy)
    right = rng.random(task.size) < accuracy[labeler]
    other = (truth[task] + rng.integers(1, classes, size=task.size)) % classes
    label = np.where(right, truth[task], other)
    return np.stack([task, labeler, label], axis=1), classes


def compare(bench, name, rows, classes):
    task, labeler, label = (np.ascontiguousarray(c) for c in rows.T)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        np.savetxt(file, rows, fmt="%d")
        file.flush()
        ours = json.loads(subprocess.check_output(
            [bench, file.name, str(classes)]))
    count = ours["iterations"]
    seconds = {}
    for version in (scatter_plain, scatter_tuned):
        # A few iterations are timed, so that large sets stay short.
        timed = min(count, 5)
        start = time.process_time()
        fit(task, labeler, label, classes, version, timed)
        seconds[version] = (time.process_time() - start) / timed * count
    theirs, _ = fit(task, labeler, label, classes, scatter_tuned, count)
    difference = abs(ours["log_likelihood"] - theirs) / abs(theirs)
    print(f"{name:16} {len(rows):8d} answers K={classes:<3d} "
          f"iterations {count:3d}  relative difference {difference:.1e}  "
          f"allot {ours['seconds'] * 1e3:8.2f} ms  "
          f"plain {seconds[scatter_plain] / ours['seconds']:6.1f} x  "
          f"tuned {seconds[scatter_tuned] / ours['seconds']:6.1f} x  "
          f"{ours['bytes_per_answer']:.1f} B/answer")
    return difference <= 1e-9


def main():
    bench, *paths = sys.argv[1:]
    good = True
    for path in paths:
        good &= compare(bench, path.rstrip("/").split("/")[-2], *read(path))
    if not paths:
        for shape in ((20000, 200, 2, 5), (20000, 200, 4, 5),
                      (50000, 500, 10, 8)):
            rows, classes = simulate(*shape)
            good &= compare(bench, "simulated", rows, classes)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
