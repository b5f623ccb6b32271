"""trl_records.py MODEL TRAIN [STEPS]: examples a second of TRL's SFTTrainer with its defaults, LoRA of rank 16."""
import json
import pathlib
import sys
import tempfile
import time

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

import precision


def conversation(line):
    record = json.loads(line)
    turns = [{"role": "system", "content": record["system"][0]["text"]}]
    turns += [{"role": m["role"], "content": m["content"][0]["text"]} for m in record["messages"]]
    return {"prompt": turns[:-1], "completion": turns[-1:]}


def main():
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    torch.set_num_threads(2)
    lines = pathlib.Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()[:steps * 16]
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=precision.dtype()),
            processing_class=tokenizer,
            train_dataset=Dataset.from_list([conversation(line) for line in lines]),
            args=SFTConfig(output_dir=folder, per_device_train_batch_size=8, max_steps=steps, save_strategy="no",
                           report_to=[], bf16=precision.dtype() == torch.bfloat16, use_cpu=True, learning_rate=1e-3),
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
        start = time.perf_counter()
        trainer.train()
        print(f"examples/s {steps * 8 / (time.perf_counter() - start):.2f}")


if __name__ == "__main__":
    main()
