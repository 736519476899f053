#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seed corpora: python3 fuzz/make_seeds.py fuzz/corpus. Layout of the softmax seeds: fuzz/decode.h, decode_attention.h."""
import math
import pathlib
import struct
import sys

INF, NAN = float("inf"), float("nan")
ROWS = {
    "small": [1.0, 2.0, 3.0],
    "special": [0.0, -0.0, INF, -INF, NAN, 1e-45, 3e38, -3e38],
    "tail": [0.0, -86.0, -87.33, -88.0, -103.9, -104.0] + [-95.0] * 11,
    "offset": [1e4 + i / 64 for i in range(17)],
    "ties": [2.5] * 33,
}
LAWS = 112  # fuzz::Laws().size(); replay_test.cc says when a law has no seed
FIRST_MACHINE, FIRST_ATTENTION = 57, 74  # of these, in the order of the catalogue


def bfloat16(x):
    """The upper half of the f32: rounded toward zero, a NaN kept quiet."""
    return struct.pack("<f", x)[2:]


def binary16(x):
    """The nearest f16; beyond the largest finite one, infinity."""
    return struct.pack("<e", x if abs(x) < 65520 or x != x else math.copysign(INF, x))


ELEMENTS = [lambda x: struct.pack("<f", x), lambda x: struct.pack("<d", x), binary16, bfloat16]  # by assay_dtype


def softmax_seed(law, name, index):
    # One or two rows, an operation and a dtype; in every other seed masks, bias, layouts, T and the loss's switches.
    plain = index % 2 == 0
    head = [law, index // 2, index // 2 % 4, 1 + index // 2 % 2]
    head += [0 if plain else index % 256, 0 if plain else index * 7 % 256]
    head += [index % 32, 0 if plain else index % 10, 0, 0 if plain else index % 3 * 2]
    head += [0 if plain else (index * (role + 3)) % 256 for role in range(8)] + [0] * 6
    data = bytes(head) + bytes([0, 1, 2, 3, 249 if index % 5 == 0 else 4, 5, 6, 7])
    data += struct.pack("<dQQ", 0.5, index, 0xFFFFFFFFFFFFFFF7)
    return data + b"".join(ELEMENTS[head[2]](x) for x in ROWS[name] * 2)


def attention_seed(law, op, index):
    # Few heads, queries and keys; in every other seed every switch, layouts, and numbers that break kernels.
    plain = index % 2 == 0
    head = [law, op, index // 2 % 4, index * 5 % 64 if plain else index * 37 % 256]
    head += [index * 16 % 128 if plain else index * 29 % 256, 0 if plain else index * 7 % 256]
    head += [index % 32, 0 if plain else index % 11, 1 + index * 3 % 9, 1 + index * 5 % 17]
    head += [1 + index % 8, 128 if index % 3 else 1 + index % 5, 0 if plain else index * 3 % 16, 0 if plain else index % 10]
    head += [0 if plain else (index * (role + 3)) % 256 for role in range(8)] + [0] * 2
    data = bytes(head) + bytes(index * k % 19 for k in range(8))
    data += struct.pack("<dQQ", 0.5, index, 0xFFFFFFFFFFFFFFF7)
    numbers = [math.sin(3 * k + index) * (1 if plain else 3) for k in range(40)]
    if not plain:
        numbers += ROWS["special"]
    return data + b"".join(ELEMENTS[head[2]](x) for x in numbers)


def npy(version, header, data):
    text = header.encode("latin1")
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def dict_of(descr, shape, fortran=False):
    return f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


def main():
    root = pathlib.Path(sys.argv[1])
    for folder in ("softmax", "npy"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    names = list(ROWS)
    for law in range(LAWS):
        for k in range(4):
            name = names[(law + k) % len(names)]
            if law >= FIRST_ATTENTION:
                seed, name = attention_seed(law, k, 5 * law + k), "attention"
            else:
                seed = softmax_seed(law, name, 5 * law + k)
            (root / "softmax" / f"law{law:02}-{k}-{name}").write_bytes(seed)
        for k in range(2 if FIRST_MACHINE <= law < FIRST_ATTENTION else 0):
            # 251 and 250 are the last two operations of the twelve; 251 is attention where a law has only it, too.
            seed = attention_seed(law, 251 - k, 5 * law + k)
            (root / "softmax" / f"law{law:02}-{4 + k}-attention").write_bytes(seed)
    four = struct.pack("<4f", 1, 2, 3, 4)
    seeds = {
        "f4-1d": npy(1, dict_of("<f4", "(4,)"), four),
        "f4-2d-v2": npy(2, dict_of("<f4", "(2, 2)"), four),
        "f8-1d-v3": npy(3, dict_of("<f8", "(2,)"), struct.pack("<2d", 0.1, 1e300)),
        "big-endian": npy(1, dict_of(">f4", "(4,)"), four),
        "fortran": npy(1, dict_of("<f4", "(2, 2)", True), four),
        "truncated": npy(1, dict_of("<f4", "(5,)"), four),
        "huge-claim": npy(1, dict_of("<f4", "(4294967295, 4294967295)"), four),
        "3d": npy(1, dict_of("<f4", "(1, 2, 2)"), four),
        "integers": npy(1, dict_of("<i4", "(4,)"), four),
        "empty": b"",
    }
    for name, data in seeds.items():
        (root / "npy" / name).write_bytes(data)


main()
