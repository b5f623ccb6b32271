"""Transformers loads our Hugging Face folders: the same prompts, tokens, logits and greedy text."""
import torch
import transformers

import transformers_peer as peer
from common import (BASE32, PLAIN_CONVERSATIONS, TUNED, TUNED32, expect_as_close, expect_close, expect_equal,
                    expect_same_choices, opened)

TEXTS = ["Hello, world!", "  two  spaces\n\n\ttab 12345 3.14", "naïve café — “quotes” 日本語 \U0001f600\U0001f3fd",
         "don't we'll", "def f(x):\n    return x ** 2  # €"]


def check_text_side(outcrop, folder, name):
    """Chat template and tokenizer."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    conversations = PLAIN_CONVERSATIONS + [[{"role": "user", "content": text}] for text in TEXTS]
    for conversation, ours in zip(conversations, outcrop.prompts(name, conversations)):
        rendered = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
        ids = tokenizer.apply_chat_template(conversation, tokenize=True, add_generation_prompt=True)
        expect_equal(f"rendered {conversation[-1]['content'][:20]!r}", ours["text"], rendered)
        expect_equal("  and its tokens", ours["ids"], list(ids))
    return tokenizer


def check_float32(outcrop, folder, name):
    """Logits within the noise of sums, hence the very same greedy text."""
    outcrop.export(name, "hf", folder / name)
    tokenizer = check_text_side(outcrop, folder / name, name)
    model = peer.load(folder / name, torch.float32)
    prompts = outcrop.prompts(name)
    rows = [prompt["ids"] for prompt in prompts]
    expect_close(f"{name} in Transformers, float32", outcrop.logits(name, rows), peer.logits(model, rows), 1e-3)
    for conversation, row in zip(PLAIN_CONVERSATIONS, rows):
        text = tokenizer.decode(peer.greedy(model, row), skip_special_tokens=True)
        expect_equal("  greedy text", outcrop.greedy_text(name, conversation), text)


def check_bfloat16(outcrop, folder, name):
    outcrop.export(name, "hf", folder / name)
    check_text_side(outcrop, folder / name, name)
    outcrop.model_import(folder / name, "test.merged-v1:0")
    rows = [prompt["ids"] for prompt in outcrop.prompts(name)]
    model = peer.load(folder / name, torch.bfloat16)
    truth = peer.logits(peer.load(folder / name, torch.float32), rows)
    expect_as_close(f"{name} merged, in Transformers, bfloat16", outcrop.logits("test.merged-v1:0", rows),
                    peer.logits(model, rows), truth)
    for row in rows:
        chosen = peer.greedy(model, row)
        ours = outcrop.logits("test.merged-v1:0", [row + chosen])
        expect_same_choices("  Transformers' greedy text", ours, row, chosen, 0.5)
    outcrop.run("model", "remove", "test.merged-v1:0")


def main():
    with opened() as (outcrop, folder):
        check_float32(outcrop, folder, BASE32)
        check_float32(outcrop, folder, TUNED32)
        check_bfloat16(outcrop, folder, TUNED)


if __name__ == "__main__":
    main()
