#!/usr/bin/env python3
"""Golden blocks of GGUF's tensor types, from the gguf package of the llama.cpp project.

Usage: gguf_blocks.py OUT        (needs: pip install gguf==0.19.0; versions are recorded in the file)

Writes OUT, normally tests/golden/formats/gguf_blocks.json: for each type that Outcrop reads a few blocks of random
bits with plausible scales and the float32 values that they unpack to, and for each type that it writes some float32
values and the blocks that they pack to. All numbers are hexadecimal little-endian bytes, so that they are exact. The
test tests/formats/gguf_quants_test.cpp reads them.
"""
import importlib.metadata
import json
import pathlib
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type, dequantize, quantize

READ = (Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.Q4_K, Type.Q5_K,
        Type.Q6_K)
WRITTEN = (Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0)
# Where the binary16 scales lie in a block; random bits there would mostly be huge or not a number.
SCALES = {Type.Q4_0: (0,), Type.Q4_1: (0, 2), Type.Q5_0: (0,), Type.Q5_1: (0, 2), Type.Q8_0: (0,), Type.Q4_K: (0, 2),
          Type.Q5_K: (0, 2), Type.Q6_K: (208,)}
# The last is subnormal.
SCALE_VALUES = np.array([0.0123, -0.75, 3e-6], dtype=np.float16)


def random_blocks(kind, random):
    elements, size = GGML_QUANT_SIZES[kind]
    if elements == 1:
        return pack(kind, random.standard_normal(16).astype(np.float32)).reshape(-1)
    blocks = random.integers(0, 256, (len(SCALE_VALUES), size), dtype=np.uint8)
    for shift, at in enumerate(SCALES[kind]):
        blocks[:, at:at + 2] = np.roll(SCALE_VALUES, shift).view(np.uint8).reshape(-1, 2)
    return blocks.reshape(-1)


def pack(kind, values):
    return quantize(values, kind).view(np.uint8)


def values_to_pack(random):
    """Blocks of 32: usual weights, a row of zeros, one outlier, ties of rounding, powers of two with both signs."""
    usual = random.standard_normal(64) * 0.05
    outlier = random.standard_normal(32) * 0.01
    outlier[7] = -4.0
    # In Q8_0 the largest, 127, makes the scale 1, so that the halves are ties.
    ties = np.arange(32) - 15.5
    ties[31] = 127.0
    powers = np.ldexp(1.0, np.arange(32) - 16) * np.where(np.arange(32) % 3 == 0, -1, 1)
    return np.concatenate([usual, np.zeros(32), outlier, ties, powers]).astype(np.float32)


def main():
    random = np.random.default_rng(1)
    unpack = []
    for kind in READ:
        blocks = random_blocks(kind, random)
        values = dequantize(blocks, kind).astype(np.float32)
        unpack.append({"type": kind.name, "blocks": blocks.tobytes().hex(), "values": values.tobytes().hex()})
    values = values_to_pack(random)
    packed = [{"type": kind.name, "values": values.tobytes().hex(), "blocks": pack(kind, values).tobytes().hex()}
              for kind in WRITTEN]
    versions = {name: importlib.metadata.version(name) for name in ("gguf", "numpy")}
    content = {"made_by": "tools/golden/gguf_blocks.py", "versions": versions, "unpack": unpack, "pack": packed}
    pathlib.Path(sys.argv[1]).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
