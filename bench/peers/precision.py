"""Which type a peer should compute in: the one that is fast on this processor, or that BENCH_DTYPE names."""
import os
import pathlib

import torch


def has_native_bfloat16():
    """Without these instructions PyTorch's bfloat16 products are many times slower than its float ones."""
    cpu = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return "avx512_bf16" in cpu or "amx_bf16" in cpu


def dtype():
    name = os.environ.get("BENCH_DTYPE") or ("bfloat16" if has_native_bfloat16() else "float32")
    return getattr(torch, name)
