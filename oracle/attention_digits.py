#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Prints attention_digits.inc: attention and its gradients on some awkward heads, by Python's decimal module.
#   attention_digits.py > attention_digits.inc      generate
#   attention_digits.py --check FILE                exit 1 where FILE is not what this script prints
import sys
from decimal import Decimal
from fractions import Fraction

from digits import double, f32, nearest, numbers, quotient


def values(seed, count, size):
    """Numbers of f32 in (-size, size), by a linear congruence (Knuth's MMIX constants)."""
    result = []
    for _ in range(count):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        result.append(f32((seed >> 11) / 2.0 ** 52 * size - size))
    return result


# why, format, (seq_q, seq_kv, head_dim, value_dim), size of q and k, changes of the defaults below
HEADS = [
    ("ordinary", "f32", (2, 3, 2, 2), 1, {}),
    ("ordinary, f64", "f64", (2, 3, 3, 2), 1, {}),
    ("1/sqrt(D) rational", "f64", (1, 3, 9, 1), 1, {}),
    ("1/sqrt(D) a power of two", "f64", (1, 3, 4, 2), 2, {}),
    ("a negative scale and a bias", "f64", (2, 3, 2, 1), 2, {"scale": -0.3, "bias": 2}),
    ("causal, more keys than queries", "f64", (2, 4, 2, 1), 1, {"causal": True}),
    ("causal, more queries than keys", "f64", (3, 2, 2, 1), 1, {"causal": True}),
    ("a window", "f64", (3, 3, 2, 1), 1, {"causal": True, "window": 2}),
    ("a sink", "f64", (2, 3, 2, 2), 1, {"sink": 0.75}),
    ("a softcap", "f64", (2, 3, 2, 2), 3, {"scale": 1.0, "softcap": 2.0}),
    ("a softcap, saturated, and a bias", "f64", (1, 3, 2, 2), 40, {"scale": 1.0, "softcap": 0.7, "bias": 1}),
    ("a large softcap", "f64", (1, 3, 2, 1), 1, {"softcap": 1e6}),
    ("scores 100 apart", "f32", (2, 4, 2, 2), 10, {"scale": 1.0}),
    ("scores 1000 apart", "f64", (2, 4, 2, 2), 30, {"scale": 1.0}),
    ("halves", "f16", (1, 3, 2, 2), 1, {"bias": 1}),
    ("bfloat16, a sink far above", "bf16", (1, 3, 2, 2), 1, {"sink": 60.0}),
]


class Head:
    def __init__(self, why, format_name, dims, size, options, seed):
        self.why, self.format = why, format_name
        self.seq_q, self.seq_kv, self.dim, self.value_dim = dims
        self.q = values(seed, self.seq_q * self.dim, size)
        self.k = values(seed + 1, self.seq_kv * self.dim, size)
        self.v = values(seed + 2, self.seq_kv * self.value_dim, 2)
        self.upstream = values(seed + 3, self.seq_q * self.value_dim, 1)
        self.bias = values(seed + 4, self.seq_q * self.seq_kv, options["bias"]) if "bias" in options else []
        self.scale = options.get("scale")
        self.softcap = options.get("softcap", 0.0)
        self.sink = options.get("sink")
        self.causal = options.get("causal", False)
        self.window = options.get("window", 0)

    def visible(self, i):
        t = i + self.seq_kv - self.seq_q
        return [j for j in range(self.seq_kv)
                if (not self.causal or j <= t) and (self.window == 0 or j > t - self.window)]

    def real_scale(self):
        return Decimal(self.scale) if self.scale is not None else 1 / Decimal(self.dim).sqrt()

    def bent(self, i, j):
        """z without the bias, and the slope of the softcap there."""
        dot = sum(Fraction(self.q[i * self.dim + d]) * Fraction(self.k[j * self.dim + d]) for d in range(self.dim))
        s = self.real_scale() * quotient(dot)
        if self.softcap == 0:
            return s, Decimal(1)
        e = (2 * s / Decimal(self.softcap)).exp()
        tanh = (e - 1) / (e + 1)
        return Decimal(self.softcap) * tanh, 4 * e / (e + 1) ** 2

    def z(self, i, j):
        return self.bent(i, j)[0] + (Decimal(self.bias[i * self.seq_kv + j]) if self.bias else 0)

    def forward(self):
        out, lse = [], []
        for i in range(self.seq_q):
            exps = {j: self.z(i, j).exp() for j in self.visible(i)}
            total = sum(exps.values()) + (Decimal(self.sink).exp() if self.sink is not None else 0)
            for e in range(self.value_dim):
                weighted = sum(x * Decimal(self.v[j * self.value_dim + e]) for j, x in exps.items())
                out.append(weighted / total if exps else Decimal(0))
            lse.append(total.ln() if total else None)
        return out, lse

    def backward(self, saved_out, saved_lse):
        dq, dk = [Decimal(0)] * len(self.q), [Decimal(0)] * len(self.k)
        dv, dbias = [Decimal(0)] * len(self.v), [Decimal(0)] * (self.seq_q * self.seq_kv)
        scale = self.real_scale()
        for i in range(self.seq_q):
            for j in self.visible(i):
                p = (self.z(i, j) - Decimal(saved_lse[i])).exp()
                slope = self.bent(i, j)[1]
                inner = Decimal(0)
                for e in range(self.value_dim):
                    dy = Decimal(self.upstream[i * self.value_dim + e])
                    dv[j * self.value_dim + e] += p * dy
                    inner += dy * (Decimal(self.v[j * self.value_dim + e]) -
                                   Decimal(saved_out[i * self.value_dim + e]))
                dbias[i * self.seq_kv + j] = p * inner
                for d in range(self.dim):
                    dq[i * self.dim + d] += scale * p * inner * slope * Decimal(self.k[j * self.dim + d])
                    dk[j * self.dim + d] += scale * p * inner * slope * Decimal(self.q[i * self.dim + d])
        return dq, dk, dv, dbias


def wants(results, format_name):
    rows = []
    for value in results:
        if value is None:
            rows.append("{-INFINITY, 0, 0}")
            continue
        # Beyond 10^-9999 the fraction would be slow, and is 0 to any purpose.
        exact = Fraction(value) if value.adjusted() > -9999 else Fraction(0)
        near, ulp, rest = nearest(exact, format_name)
        rows.append("{%s, %s, %.17e}" % (float(near).hex(), float(ulp).hex(), double(rest)))
    return "{" + ",\n   ".join(rows) + "}"


def saved(results):
    return [float("-inf") if x is None else float(nearest(Fraction(x), "f64")[0]) for x in results]


def numbers_or_inf(xs):
    return "{" + ", ".join("-INFINITY" if x == float("-inf") else x.hex() for x in xs) + "}"


def main():
    out = ["// Generated by oracle/attention_digits.py; do not edit. {why, format, seq_q, seq_kv, head_dim, value_dim,",
           "//   scale, softcap, sink, causal, window, {q}, {k}, {v}, {bias}, {saved_out}, {saved_lse}, {upstream},",
           "//   out, lse, dq, dk, dv, dbias}, results as {nearest, ulp, remainder over ulp}; gradients and lse in f64"]
    for n, entry in enumerate(HEADS):
        head = Head(*entry, seed=1000 * (n + 1))
        forward, lse = head.forward()
        saved_out, saved_lse = saved(forward), saved(lse)
        option = lambda x: "std::nullopt" if x is None else float(x).hex()
        out.append('{"%s", "%s", %d, %d, %d, %d, %s, %s, %s, %s, %d,' % (
            head.why, head.format, head.seq_q, head.seq_kv, head.dim, head.value_dim, option(head.scale),
            float(head.softcap).hex(), option(head.sink), "true" if head.causal else "false", head.window))
        for operand in [head.q, head.k, head.v, head.bias, saved_out]:
            out.append(" " + numbers(operand) + ",")
        out.append(" " + numbers_or_inf(saved_lse) + ",")
        out.append(" " + numbers(head.upstream) + ",")
        out.append("  " + wants(forward, head.format) + ",")
        results = [lse] + list(head.backward(saved_out, saved_lse))
        out.append("  " + ",\n  ".join(wants(result, "f64") for result in results) + "},")
    text = "\n".join(out) + "\n"
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2], encoding="ascii") as f:
            if f.read() != text:
                sys.exit("%s is not what attention_digits.py prints; generate it again" % sys.argv[2])
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
