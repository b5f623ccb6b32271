"""train_step.py MODEL lora|full [--compile] [--steps N]: PyTorch's optimizer step on 2 x 512 tokens."""
import argparse
import resource
import statistics
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

import precision


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("method", choices=["lora", "full"])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=precision.dtype())
    model.config.use_cache = False
    if args.method == "lora":
        model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    run = torch.compile(model) if args.compile else model
    tokens = torch.randint(0, 49000, (2, 512))
    times = []
    for _ in range(args.steps):
        start = time.perf_counter()
        run(input_ids=tokens, labels=tokens).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - start)
    step = statistics.median(times[1:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"step {step:.3f} s  tokens/core-s {1024 / step / args.threads:.0f}  peak {peak:.2f} GB")


if __name__ == "__main__":
    main()
