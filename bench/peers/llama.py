"""llama.py prefill|decode|load MODEL.gguf: llama.cpp on two threads; the counterpart of generate_bench.

load: seconds from opening the file to the first token behind a 32-token prompt, without the interpreter's start.
"""
import random
import statistics
import sys
import time

from llama_cpp import Llama

PREFILL, DECODE, REPEATS = 512, 128, 5


def main():
    what, path = sys.argv[1:3]
    start = time.perf_counter()
    model = Llama(path, n_ctx=1024, n_threads=2, n_threads_batch=2, n_batch=PREFILL, n_ubatch=PREFILL, verbose=False)
    if what == "load":
        model.eval([5] * 32)
        print(f"load seconds {time.perf_counter() - start:.3f}")
        return
    random.seed(3)
    times = []
    for _ in range(REPEATS + 1):
        model.reset()
        if what == "prefill":
            pieces = [[random.randrange(100, 40000) for _ in range(PREFILL)]]
        else:
            model.eval([5] * 8)
            pieces = [[random.randrange(100, 40000)] for _ in range(DECODE)]
        start = time.perf_counter()
        for piece in pieces:
            model.eval(piece)
        times.append(time.perf_counter() - start)
    tokens = PREFILL if what == "prefill" else DECODE
    print(f"{what} tokens/s {tokens / statistics.median(times[1:]):.1f}")


if __name__ == "__main__":
    main()
