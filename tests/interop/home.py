"""Sets up what the tests share: a home with the sample model in both types, and a short fine-tune of each."""
import json
import os
import shutil
import time

import numpy as np

from common import BASE, BASE32, TUNED, TUNED32, Outcrop, check, parse_arguments

COLOURS = ["amber", "blue", "coral", "denim", "ecru", "fawn", "green", "hazel"]


def write_records(path, count):
    with open(path, "w", encoding="utf-8") as out:
        for i in range(count):
            answer = json.dumps({"colour": COLOURS[i % 8], "size": i // 8})
            out.write(json.dumps({"messages": [{"role": "user", "content": f"Describe item {i}."},
                                               {"role": "assistant", "content": answer}]}) + "\n")


def tune(outcrop, base, name, records, *settings):
    start = time.monotonic()
    more = [part for setting in settings for part in ("--set", setting)]
    outcrop.run("customize", "--base", base, "--train", records, "--name", name, "--method", "lora", "--replace", *more)
    print(f"{name}: {time.monotonic() - start:.1f} s of fine-tuning")


def main():
    arguments = parse_arguments()
    shutil.rmtree(arguments.workplace, ignore_errors=True)
    home = arguments.workplace / "home"
    home.mkdir(parents=True)
    outcrop = Outcrop(arguments.outcrop, arguments.print_logits, home)
    sample = os.environ["OUTCROP_SAMPLE_MODEL"]
    outcrop.model_import(sample, BASE, "bf16")
    outcrop.model_import(sample, BASE32, "f32")
    records = arguments.workplace / "train.jsonl"
    write_records(records, 64)
    common = ["batchSize=8", "learningRate=0.002", "warmupRatio=0.1"]
    tune(outcrop, BASE, TUNED, records, "maxSteps=8", "loraRank=8", *common)
    tune(outcrop, BASE32, TUNED32, records, "maxSteps=4", "loraRank=6", "loraVariant=rslora",
         "loraTargets=q_proj,v_proj", *common)
    rows = [prompt["ids"] for prompt in outcrop.prompts(BASE)]
    for base, tuned in ((BASE, TUNED), (BASE32, TUNED32)):
        moved = np.abs(outcrop.logits(tuned, rows) - outcrop.logits(base, rows)).max()
        print(f"{tuned}: training moved the logits by {moved:.2f}")
        check(moved > 1.0, f"{tuned} hardly differs from its base: nothing would be tested")


if __name__ == "__main__":
    main()
