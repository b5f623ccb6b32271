"""A real Gemma 3, read by three programs from the same GGUF file. Opt-in: see README.md."""
import os
import pathlib

import torch

import transformers_peer as peer
from common import (Outcrop, expect_close, expect_equal, expect_roughly, expect_same_choices, parse_arguments,
                    scratch_folder)
from llama_cpp_peer import LlamaCpp

MODEL = "test.gemma-v1:0"
TEXTS = ["The capital of France is", "Once upon a time,  there were\n\n\ttwo naïve foxes — 日本語 \U0001f600 12345.\n\n",
         "def fibonacci(n):\n    "]


def main():
    sample = pathlib.Path(os.environ["OUTCROP_SAMPLE_GEMMA"])
    arguments = parse_arguments()
    with scratch_folder(arguments.workplace) as scratch:
        outcrop = Outcrop(arguments.outcrop, arguments.print_logits, scratch / "home")
        outcrop.model_import(sample, MODEL, "f32")
        prompts = outcrop.texts(MODEL, TEXTS)
        rows = [prompt["ids"] for prompt in prompts]
        ours = outcrop.logits(MODEL, rows)
        model = peer.load(sample.parent, torch.float32, gguf_file=sample.name)
        expect_close("Transformers' own reading of the file", ours, peer.logits(model, rows), 1e-3)
        llama = LlamaCpp(sample)
        expect_roughly("llama.cpp", ours, llama.logits(rows), 1.0)
        for text, row in zip(TEXTS, rows):
            expect_equal("  tokens of llama.cpp", row, llama.plain_tokens(text))
            chosen = llama.greedy(row)
            expect_same_choices("  llama.cpp", outcrop.logits(MODEL, [row + chosen]), row, chosen, 1.0)


if __name__ == "__main__":
    main()
