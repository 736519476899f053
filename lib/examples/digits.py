#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a classifier on scikit-learn's digits and writes its logits on rows it has not seen: data/digits.txt.

  python3 lib/examples/digits.py            writes the file
  python3 lib/examples/digits.py --check    trains again and compares, to 1e-3 (exit code 1 where they differ)

Needs the Debian package python3-sklearn (scikit-learn 1.2). The classifier, a perceptron with one hidden layer, trained
without regularization until its loss on the training rows is almost 0, is overconfident: that is what calibration is for.
300 images train it; of 800 others one half is for fitting the temperature, the other for judging it.
"""
import sys
from pathlib import Path

import numpy
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

FILE = Path(__file__).parent / "data" / "digits.txt"


def logits_and_labels():
    images, labels = load_digits(return_X_y=True)
    images = images / 16.0
    train, held, train_labels, held_labels = train_test_split(
        images, labels, train_size=300, random_state=1, stratify=labels)
    held, held_labels = held[:800], held_labels[:800]
    model = MLPClassifier((16,), solver="lbfgs", alpha=0.0, max_iter=2000, random_state=1)
    model.fit(train, train_labels)
    hidden = numpy.maximum(held @ model.coefs_[0] + model.intercepts_[0], 0)
    logits = hidden @ model.coefs_[1] + model.intercepts_[1]
    return logits, held_labels


def main():
    logits, labels = logits_and_labels()
    if "--check" in sys.argv[1:]:
        rows = numpy.loadtxt(FILE)
        same = (rows[:, 0] == labels).all() and numpy.allclose(rows[:, 1:], logits, rtol=1e-3, atol=1e-3 * abs(logits).max())
        print("digits.txt is what this script makes" if same else "digits.txt is not what this script makes")
        return 0 if same else 1
    with open(FILE, "w", encoding="ascii") as out:
        out.write("# Made by lib/examples/digits.py. A label and ten logits a line; the first half is for fitting.\n")
        for label, row in zip(labels, logits):
            out.write(f"{label} " + " ".join(f"{x:.4g}" for x in row) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
