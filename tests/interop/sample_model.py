"""The sample model itself, read by three programs from the same file: us, Transformers and llama.cpp."""
import os
import pathlib

import torch

import transformers_peer as peer
from common import BASE32, PLAIN_CONVERSATIONS, expect_close, expect_equal, expect_roughly, expect_same_choices, opened
from llama_cpp_peer import LlamaCpp


def main():
    sample = pathlib.Path(os.environ["OUTCROP_SAMPLE_MODEL"])
    with opened() as (outcrop, _):
        prompts = outcrop.prompts(BASE32)
        rows = [prompt["ids"] for prompt in prompts]
        ours = outcrop.logits(BASE32, rows)
        model = peer.load(sample.parent, torch.float32, gguf_file=sample.name)
        # Transformers reads SmolLM2's end of turn from this file as another token.
        model.generation_config.eos_token_id = 2
        expect_close("Transformers' own reading of the file", ours, peer.logits(model, rows), 1e-3)
        llama = LlamaCpp(sample)
        expect_roughly("llama.cpp", ours, llama.logits(rows), 0.6)
        for conversation, prompt in zip(PLAIN_CONVERSATIONS, prompts):
            row, text = prompt["ids"], outcrop.greedy_text(BASE32, conversation)
            expect_equal("  tokens of llama.cpp", row, llama.tokens(prompt["text"]))
            expect_equal("  greedy text of Transformers", text, llama.text(peer.greedy(model, row)))
            chosen = llama.greedy(row)
            if expect_same_choices("  llama.cpp", outcrop.logits(BASE32, [row + chosen]), row, chosen, 0.5):
                expect_equal("  greedy text of llama.cpp", text, llama.text(chosen))


if __name__ == "__main__":
    main()
