"""records.py MODEL TRAIN TEST [--seed N] [--records N] [--no-answers]: PEFT's LoRA over records, then exact match.

A careful hand-written loop: batches of 16 records of like length (little padding), one epoch, rank 16 on all
linear layers, loss on the answers, learning rate 1e-3 with warm-up and linear decay. TRAIN and TEST are
bedrock-conversation-2024 records, the same files that ours reads.
"""
import argparse
import json
import pathlib
import random
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

import precision

END = "<|im_end|>"
BATCH = 16


def read(path):
    """(prompt text, answer text) of each record, in the sample model's chat format."""
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        turns = [("system", record["system"][0]["text"])]
        turns += [(m["role"], m["content"][0]["text"]) for m in record["messages"]]
        prompt = "".join(f"<|im_start|>{role}\n{text}{END}\n" for role, text in turns[:-1])
        yield prompt + "<|im_start|>assistant\n", turns[-1][1]


def train(model, rows, end_id):
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
    batches = [order[i:i + BATCH] for i in range(0, len(order), BATCH)]
    random.shuffle(batches)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.0)
    model.train()
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, (step + 1) / 10) * (1.0 - step / len(batches))
        width = max(len(rows[i][0]) + len(rows[i][1]) for i in batch)
        tokens = torch.full((len(batch), width), end_id)
        labels = torch.full((len(batch), width), -100)
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for row, i in enumerate(batch):
            prompt, answer = rows[i]
            count = len(prompt) + len(answer)
            tokens[row, :count] = torch.tensor(prompt + answer)
            labels[row, len(prompt):count] = torch.tensor(answer)
            mask[row, :count] = 1
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision.dtype() == torch.bfloat16):
            loss = model(input_ids=tokens, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()


def exact_match(model, tokenizer, test, end_id):
    model.eval()
    right = 0
    for first in range(0, len(test), 20):
        part = test[first:first + 20]
        rows = [tokenizer(prompt, add_special_tokens=False).input_ids for prompt, _ in part]
        width = max(map(len, rows))
        tokens = torch.tensor([[end_id] * (width - len(r)) + r for r in rows])
        mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
        with torch.no_grad():
            out = model.generate(input_ids=tokens, attention_mask=mask, max_new_tokens=64, do_sample=False,
                                 eos_token_id=end_id, pad_token_id=end_id)
        for (_, expected), row in zip(part, out):
            try:
                right += json.loads(tokenizer.decode(row[width:]).split(END)[0]) == json.loads(expected)
            except ValueError:
                continue
    return right / len(test)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--records", type=int)
    parser.add_argument("--no-answers", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(2)
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    end_id = tokenizer.convert_tokens_to_ids(END)
    ids = lambda text: tokenizer(text, add_special_tokens=False).input_ids
    rows = [(ids(prompt), ids(answer + END)) for prompt, answer in read(args.train)][:args.records]
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=precision.dtype())
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
    start = time.perf_counter()
    train(model, rows, end_id)
    print(f"examples/s {len(rows) / (time.perf_counter() - start):.2f}", flush=True)
    if not args.no_answers:
        print(f"exact {exact_match(model, tokenizer, list(read(args.test)), end_id):.3f}")


if __name__ == "__main__":
    main()
