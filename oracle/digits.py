#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Prints digits.inc: softmax, log_softmax, logsumexp and sigmoid of some awkward rows, by Python's decimal module
# (libmpdec, not MPFR) and fractions.
#   digits.py > digits.inc      generate
#   digits.py --check FILE      exit 1 where FILE is not what this script prints
import decimal
import struct
import sys
from decimal import Decimal
from fractions import Fraction

MIN_DIGITS = 700
decimal.getcontext().prec = MIN_DIGITS
decimal.getcontext().Emin = decimal.MIN_EMIN
decimal.getcontext().Emax = decimal.MAX_EMAX


def f32(x):
    """x rounded to f32; Python's struct rounds to nearest even."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


# (why, temperature, logits) in f32; decimal literals are rounded to f32 first.
F32_ROWS = [
    ("small integers", 1.0, [1, 2, 3]),
    ("tenths, none of them exact in f32", 1.0, [0.1, 0.2, 0.3, 0.4]),
    ("tenths, temperature not exact either", 0.1, [0.1, 0.2, 0.3, 0.4]),
    ("temperature 0.7", 0.7, [-1.5, 2.25, 0.3, 1e-8]),
    ("temperature 3", 3.0, [10, -10, 5.5, 0]),
    ("last normal, first subnormal", 1.0, [0, -87.3, -87.4, -88]),
    ("subnormal results down to the last", 1.0, [0, -95, -100, -103, -103.2, -103.9]),
    ("around half of the least subnormal, 2^-150", 1.0, [0, -103.97, -103.972, -103.98, -110]),
    ("just below 1", 1.0, [0, -16.6, -17, -17.4]),
    ("below 1 by much less than an ulp", 1.0, [0, -40, -100, -300]),
    ("just below 1/2: two equal maxima and a far entry", 1.0, [5, 5, -120]),
    ("just below 1/4", 1.0, [1, 1, 1, 1, -200]),
    ("around 1/2 by 1e-38", 1.0, [0, 1e-38]),
    ("around 1/2 by the least subnormal", 1.0, [0, 1.4e-45]),
    ("around 1/4 by 1e-300", 1e300, [0, 1, 2, 3]),
    ("around 1/4 to second order", 1e150, [0, 0, 1, -1]),
    ("large logits, small differences", 1.0, [16777216, 16777215, 16777214]),
    ("large logits, large temperature", 1e30, [1e30, 2e30, -3e30, 1.5e30]),
    ("largest and least f32", 1e38, [3.4028235e38, -3.4028235e38, 1.4e-45]),
    ("small logits, small temperature", 1e-3, [0.001, 0.002, -0.0035, 0.0012]),
    ("subnormal logits, equally small temperature", 1e-44, [1.4e-45, 2.8e-45, 9.8e-45, -1.4e-44]),
    ("a neighbour by one ulp", 1.0, [1, 1.0000001192092896]),
    ("x - max is not exact in f32", 1.0, [30.000001, -1e-6, 0.33333334]),
    ("large temperature", 1000.0, [100, -100, 1, 50]),
]


# (why, format, temperature, logits, bias): these are doubles, whatever the format of the results.
ROWS = [(why, "f32", t, [f32(x) for x in logits], [0.0] * len(logits)) for why, t, logits in F32_ROWS] + [
    ("an additive bias", "f32", 1.0, [1, 2, 3], [0.5, -1.25, 0.1]),
    ("logit and bias cancel to the last bits", "f64", 3.0, [3e15, -3e15, 1], [-1e15, 1e15 + 0.25, 0.3]),
    ("doubles", "f64", 0.7, [0.1, -3.3, 700.25, 699.0], [0, 0, 0, 1e-9]),
    ("down to the last subnormal double", "f64", 1.0, [0, -700, -708.5, -740, -745.1], [0.0] * 5),
    ("lse near 0", "f64", 1.0, [-0.6931471805599453] * 2, [0.0] * 2),
    ("far below the maximum", "f64", 1.0, [0, -40, -1e15, -3e300], [0.0] * 4),
    ("halves", "f16", 1.0, [1, 2.5, -8, 5.25, -15], [0, 0, 1, 0, 0]),
    ("halves, subnormal shares", "f16", 0.5, [0, -4, -4.5, -8, -9], [0.0] * 5),
    ("bfloat16", "bf16", 1.0, [1, 2.5, -8, 5.25, -86], [0.0] * 5),
    ("bfloat16, subnormal shares", "bf16", 1.0, [0, -87.5, -90, -92], [0.0] * 4),
]

# Precision and log2 of the smallest subnormal.
FORMATS = {"f32": (24, -149), "f64": (53, -1074), "f16": (11, -24), "bf16": (8, -133)}


def arguments(temperature, logits, bias):
    return [Fraction(x) / Fraction(temperature) + Fraction(b) for x, b in zip(logits, bias)]


def quotient(fraction):
    """With Fraction arguments each division rounds once."""
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)


def softmax(z):
    """The exact shares to about MIN_DIGITS digits."""
    exps = [quotient(v - max(z)).exp() for v in z]
    return [e / sum(exps) for e in exps]


def rest_of_sum(z):
    """sum exp(z - max z) - 1, from positive terms alone."""
    others = list(z)
    others.remove(max(z))
    return sum((quotient(v - max(z)).exp() for v in others), Decimal(0))


def log1p(x):
    """To about MIN_DIGITS digits for x >= 0: x - x^2 / 2 is enough where x^2 vanishes beside 1."""
    return (1 + x).ln() if x > Decimal(10) ** -150 else x - x * x / 2 + x * x * x / 3 - x ** 4 / 4 + x ** 5 / 5


def log_softmax(z):
    log_sum = log1p(rest_of_sum(z))
    return [quotient(v - max(z)) - log_sum for v in z]


def logsumexp(z):
    return [quotient(max(z)) + log1p(rest_of_sum(z))]


def sigmoid(z):
    return [1 / (1 + (-quotient(v)).exp()) for v in z]


def nearest(value, format_name):
    """(nearest number with ties to even, ulp of the value, (value - nearest) / ulp) of an exact value."""
    precision, exponent = FORMATS[format_name]
    magnitude = abs(value)
    while magnitude >= Fraction(2) ** (exponent + precision):
        exponent += 1
    ulp = Fraction(2) ** exponent
    count = round(value / ulp)  # ties to even
    return count * ulp, ulp, value / ulp - count


def double(fraction):
    """A remainder that a double cannot hold is 0 to any purpose."""
    return float(fraction) + 0.0


def numbers(values):
    return "{" + ", ".join(float(x).hex() for x in values) + "}"


def main():
    out = ["// Generated by oracle/digits.py; do not edit. {why, operation, format, temperature, {logits}, {bias},",
           "//   {{digits, nearest, ulp, remainder over ulp}, ...}}"]
    for why, format_name, temperature, logits, bias in ROWS:
        z = arguments(temperature, logits, bias)
        # The sigmoid of 1000 is as close to 1 as MIN_DIGITS digits can tell.
        with_sigmoid = [sigmoid] if max(map(abs, z)) <= 1000 else []
        for operation in [softmax, log_softmax, logsumexp] + with_sigmoid:
            out.append('{"%s", "%s", "%s", %s, %s, %s, {' % (why, operation.__name__, format_name,
                                                          float(temperature).hex(), numbers(logits), numbers(bias)))
            for value in operation(z):
                # Beyond 10^-9999 the fraction would be slow, and is 0 to any purpose.
                exact = Fraction(value) if value.adjusted() > -9999 else Fraction(0)
                near, ulp, rest = nearest(exact, format_name)
                out.append('  {"%s", %s, %s, %.17e},' % (format(value, ".59e"), float(near).hex(), float(ulp).hex(),
                                                         double(rest)))
            out.append("}},")
    text = "\n".join(out) + "\n"
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2], encoding="ascii") as f:
            if f.read() != text:
                sys.exit("%s is not what digits.py prints; generate it again" % sys.argv[2])
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
