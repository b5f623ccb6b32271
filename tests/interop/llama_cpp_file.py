"""llama.cpp loads our GGUF files of every type: the same tokens, logits and greedy text."""
import pathlib

from common import (PLAIN_CONVERSATIONS, TUNED, TUNED32, expect_close, expect_equal, expect_roughly,
                    expect_same_choices, opened)
from llama_cpp_peer import LlamaCpp

# llama.cpp rounds the inputs of a product to the weights' type (8-bit blocks for q8_0 and q4_0), we do not:
# the logit error allowed, rms, and by how much a greedy choice may be behind ours.
LIMITS = {"bf16": (0.15, 0.25), "f16": (0.02, 0.05), "q8_0": (0.5, 0.5), "q4_0": (0.5, 0.5)}


def check_prompts(llama, prompts):
    for conversation, prompt in zip(PLAIN_CONVERSATIONS, prompts):
        expect_equal("  prompt", prompt["text"], llama.rendered(conversation))
        expect_equal("  and its tokens", prompt["ids"], llama.tokens(prompt["text"]))


def export_gguf(outcrop, folder, name, kind):
    (path,) = outcrop.export(name, "gguf", folder / kind, "--type", kind)
    return path


def check_float32(outcrop, folder):
    path = export_gguf(outcrop, folder, TUNED32, "f32")
    llama = LlamaCpp(path)
    prompts = outcrop.prompts(TUNED32)
    check_prompts(llama, prompts)
    rows = [prompt["ids"] for prompt in prompts]
    expect_close("f32 in llama.cpp", outcrop.logits(TUNED32, rows), llama.logits(rows), 1e-3)
    for conversation, row in zip(PLAIN_CONVERSATIONS, rows):
        expect_equal("  greedy text", outcrop.greedy_text(TUNED32, conversation), llama.text(llama.greedy(row)))
    path.unlink()


def check_type(outcrop, folder, kind):
    """Against our own reading of the same file, in float32."""
    name = f"test.back-{kind}-v1:0"
    path = export_gguf(outcrop, folder, TUNED, kind)
    outcrop.model_import(path, name, "f32")
    llama = LlamaCpp(path)
    prompts = outcrop.prompts(name)
    check_prompts(llama, prompts)
    rows = [prompt["ids"] for prompt in prompts]
    error, margin = LIMITS[kind]
    expect_roughly(f"{kind} in llama.cpp", outcrop.logits(name, rows), llama.logits(rows), error)
    for conversation, row in zip(PLAIN_CONVERSATIONS, rows):
        chosen = llama.greedy(row)
        if expect_same_choices("  greedy tokens", outcrop.logits(name, [row + chosen]), row, chosen, margin):
            expect_equal("  greedy text", outcrop.greedy_text(name, conversation), llama.text(chosen))
    outcrop.run("model", "remove", name)
    pathlib.Path(path).unlink()


def main():
    with opened() as (outcrop, folder):
        check_float32(outcrop, folder)
        for kind in LIMITS:
            check_type(outcrop, folder, kind)


if __name__ == "__main__":
    main()
