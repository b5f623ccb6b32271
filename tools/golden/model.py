#!/usr/bin/env python3
"""Golden numbers of tiny random models, from Transformers and PyTorch in float32.

Usage: model.py OUT        (needs torch and transformers; versions are recorded in the files)

Writes for each model a Hugging Face folder OUT/NAME (config.json, model.safetensors) and OUT/NAME.json with
the token rows, their logits, the loss, the gradient's norm and first values for every parameter, and ten losses
of AdamW steps. The test tests/model/golden_test.cpp reads them.
"""
import json
import pathlib
import sys

import torch
import transformers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

ROPE_LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 16}


def models():
    """Yield (name, model): small enough to commit, yet with every feature of the architecture."""
    torch.manual_seed(1)
    common = dict(vocab_size=97, hidden_size=32, intermediate_size=56, num_hidden_layers=2, max_position_embeddings=64,
                  bos_token_id=1, eos_token_id=2, pad_token_id=0)
    yield "llama", LlamaForCausalLM(LlamaConfig(
        **common, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True, rope_theta=10000.0))
    yield "llama3", LlamaForCausalLM(LlamaConfig(
        **common, num_attention_heads=4, num_key_value_heads=1, tie_word_embeddings=False, rope_theta=500000.0,
        rope_scaling=ROPE_LLAMA3))
    common["num_hidden_layers"] = 3
    yield "gemma3", Gemma3ForCausalLM(Gemma3TextConfig(
        **common, num_attention_heads=4, num_key_value_heads=2, head_dim=16, query_pre_attn_scalar=16,
        sliding_window=4, layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        rope_theta=1000000.0, rope_local_base_freq=10000.0))


def spread(model):
    """Norm weights start at one or zero: move them, so that a wrong offset shows."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.1 if parameter.dim() == 1 else 0.05))


def loss_of(model, tokens, targets):
    logits = model(input_ids=tokens[None]).logits[0]
    return torch.nn.functional.cross_entropy(logits.float(), targets, ignore_index=-100, reduction="sum"), logits


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name, model in models():
        spread(model)
        model.eval()
        model.save_pretrained(out / name, safe_serialization=True)
        generator = torch.Generator().manual_seed(7)
        tokens = torch.randint(3, 97, (24,), generator=generator)
        targets = torch.randint(3, 97, (24,), generator=generator)
        targets[::4] = -100
        loss, logits = loss_of(model, tokens, targets)
        loss.backward()
        gradients = {n: {"norm": p.grad.double().norm().item(), "first": p.grad.flatten()[:4].tolist()}
                     for n, p in model.named_parameters()}
        record = {
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "tokens": tokens.tolist(),
            "targets": [-1 if t == -100 else t for t in targets.tolist()],
            "logits": [round(v, 6) for v in logits[[0, 5, 23]].flatten().tolist()],
            "logit_rows": [0, 5, 23],
            "loss": loss.item(),
            "gradients": gradients,
        }
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
        losses = []
        count = int((targets != -100).sum())
        for _ in range(10):
            optimizer.zero_grad()
            loss = loss_of(model, tokens, targets)[0] / count
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        record["adamw_losses"] = losses
        (out / f"{name}.json").write_text(json.dumps(record, indent=None, separators=(",", ":")) + "\n")
        for extra in (out / name).iterdir():
            if extra.name not in ("config.json", "model.safetensors"):
                extra.unlink()


if __name__ == "__main__":
    main()
