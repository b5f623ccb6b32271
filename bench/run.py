#!/usr/bin/env python3
"""Runs one benchmark: ours and its peer in turns, a table, and a last line `NAME ours=… peer=… ratio=…`.

scripts/bench builds, sets up the peers and calls this. The ratio is above 1 where ours is better.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import tasks

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
SAMPLE_ID = "huggingface.smollm2-135m-instruct-v1:0"


def number(words, text):
    """The number behind `words` in `text`."""
    found = re.search(re.escape(words) + r" ([\d.]+)", text)
    if not found:
        sys.exit(f"no '{words}' in:\n{text[-2000:]}")
    return float(found.group(1))


class Bench:
    def __init__(self, args):
        self.build = pathlib.Path(args.build)
        self.python = args.python
        self.home = pathlib.Path(args.home).resolve()
        self.shared = pathlib.Path(args.shared)
        self.repeats = args.repeats
        self.seeds = args.seeds
        self.gguf_file = args.sample
        self.environment = dict(os.environ, OUTCROP_HOME=str(self.home), OMP_NUM_THREADS="2")

    def run(self, *command, parse=None):
        """The command's output, or the number behind the word(s) `parse` in it."""
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=self.environment)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        if parse is None:
            return done.stdout
        return number(parse, done.stdout)

    def outcrop(self, *arguments, parse=None):
        return self.run(self.build / "outcrop", *arguments, parse=parse)

    def peer(self, program, *arguments, parse=None):
        return self.run(self.python, PEERS / program, *arguments, parse=parse)

    def model_folder(self):
        """The sample model's folder, imported when it is not there."""
        listed = json.loads(self.outcrop("model", "list", "--json"))
        if SAMPLE_ID not in json.dumps(listed):
            self.outcrop("model", "import", self.gguf_file, "--id", SAMPLE_ID)
        return next(p for p in (self.home / "models").iterdir() if p.name.startswith("huggingface.smollm2"))

    def exported(self, form, *options):
        folder = self.home / "peers" / form
        if not folder.exists():
            self.model_folder()
            self.outcrop("model", "export", SAMPLE_ID, "--format", form, *options, "--out", folder)
        return folder if form == "hf" else next(folder.glob("*.gguf"))


def report(name, ours, peer, better_is_more=True):
    ratio = ours / peer if better_is_more else peer / ours
    print(f"{name} ours={ours:.4g} peer={peer:.4g} ratio={ratio:.2f}")


def row(*cells):
    print("  ".join(f"{c:>18}" if not isinstance(c, float) else f"{c:>18.4g}" for c in cells), flush=True)


def train_step(bench, method):
    """Tokens a core-second of an optimizer step on 2 x 512 tokens."""
    model, folder = bench.model_folder(), bench.exported("hf")
    columns = {name: [] for name in ("ours", "eager", "compiled", "roofline share", "peak GB", "eager peak GB")}
    row("round", *columns)
    for i in range(bench.repeats):
        text = bench.run(bench.build / "train_step_bench", method, "8", model)
        eager = bench.peer("train_step.py", folder, method)
        compiled = bench.peer("train_step.py", folder, method, "--compile")
        values = [number("tokens/core-s", text), number("tokens/core-s", eager), number("tokens/core-s", compiled),
                  number("roofline share", text), number("peak", text), number("peak", eager)]
        for column, value in zip(columns.values(), values):
            column.append(value)
        row(str(i + 1), *values)
    medians = {key: statistics.median(values) for key, values in columns.items()}
    row("median", *medians.values())
    print(f"against compiled: {medians['ours'] / medians['compiled']:.2f}")
    report(f"train-{method}", medians["ours"], medians["eager"])


def train_ragged(bench):
    """Examples a second over 2,000 records of different lengths: our whole command against the peers' loops."""
    folder, data = bench.exported("hf"), bench.home / "data"
    bench.model_folder()
    train, test = tasks.write("restaurant8k", bench.shared, 2000, 200, data)
    row("round", "ours", "PEFT, bucketed", "TRL")
    ours, bucketed, trl = [], [], []
    for i in range(bench.repeats):
        start = time.perf_counter()
        bench.outcrop("customize", "--base", SAMPLE_ID, "--train", train, "--name", "ragged", "--replace",
                      "--set", "epochCount=1")
        ours.append(2000 / (time.perf_counter() - start))
        bucketed.append(bench.peer("records.py", folder, train, test, "--records", 800, "--no-answers",
                                   parse="examples/s"))
        trl.append(bench.peer("trl_records.py", folder, train, 10, parse="examples/s"))
        row(str(i + 1), ours[-1], bucketed[-1], trl[-1])
    mine = statistics.median(ours)
    print(f"against TRL's defaults: {mine / statistics.median(trl):.2f}")
    report("train-ragged", mine, statistics.median(bucketed))


def exact_match(answers, expected):
    """Share of answers that are the expected JSON."""
    def answer(line):
        try:
            return json.loads(json.loads(line)["messages"][-1]["content"][0]["text"])
        except ValueError:
            return None
    pairs = list(zip(answers.read_text(encoding="utf-8").splitlines(), expected.read_text(encoding="utf-8").splitlines(),
                     strict=True))
    return sum(answer(a) == answer(e) for a, e in pairs) / len(pairs)


def quality(bench):
    """Exact match on 200 held-out records after one epoch of LoRA: the mean over seeds against PEFT's."""
    folder, data = bench.exported("hf"), bench.home / "data"
    bench.model_folder()
    means, peers = [], []
    row("task", *(f"seed {s}" for s in range(bench.seeds)), "mean", "PEFT")
    for task, records in (("restaurant8k", 2000), ("debian", 1500)):
        train, test = tasks.write(task, bench.shared, records, 200, data)
        scores = []
        for seed in range(bench.seeds):
            bench.outcrop("customize", "--base", SAMPLE_ID, "--train", train, "--name", f"quality-{task}", "--replace",
                          "--set", "epochCount=1", "--set", f"seed={seed}")
            answers = data / f"{task}-answers.jsonl"
            bench.outcrop("run", f"quality-{task}", "--input", test, "--output", answers, "--max-tokens", 64)
            scores.append(exact_match(answers, test))
        peers.append(bench.peer("records.py", folder, train, test, parse="exact"))
        means.append(statistics.mean(scores))
        row(task, *scores, means[-1], peers[-1])
    report("quality", statistics.mean(means), statistics.mean(peers))


def generate(bench, what):
    """Tokens a second of one sequence in bfloat16, against llama.cpp with the same weights."""
    model, gguf = bench.model_folder(), bench.exported("gguf", "--type", "bf16")
    ours, peer = [], []
    row("round", "ours", "llama.cpp BF16")
    for i in range(bench.repeats):
        ours.append(bench.run(bench.build / "generate_bench", what, model, parse="tokens/s"))
        peer.append(bench.peer("llama.py", what, gguf, parse="tokens/s"))
        row(str(i + 1), ours[-1], peer[-1])
    report(what, statistics.median(ours), statistics.median(peer))


def load(bench):
    """Seconds from nothing to the first token: the import, and a later start of the whole program."""
    model, gguf = bench.model_folder(), bench.exported("gguf", "--type", "bf16")
    starts, peers = [], []
    with tempfile.TemporaryDirectory() as home:
        environment = dict(bench.environment, OUTCROP_HOME=home)
        start = time.perf_counter()
        subprocess.run([bench.build / "outcrop", "model", "import", bench.gguf_file, "--id", SAMPLE_ID], check=True,
                       env=environment, capture_output=True)
        print(f"import {time.perf_counter() - start:.2f} s of {model.name}")
    row("round", "start to token, s", "llama.cpp BF16, s")
    for i in range(max(5, bench.repeats)):
        start = time.perf_counter()
        bench.outcrop("chat", SAMPLE_ID, "--message", "What is a fossil?", "--max-tokens", 1)
        starts.append(time.perf_counter() - start)
        peers.append(bench.peer("llama.py", "load", gguf, parse="seconds"))
        row(str(i + 1), starts[-1], peers[-1])
    report("load", statistics.median(starts), statistics.median(peers), better_is_more=False)


BENCHES = {
    "train-lora": lambda b: train_step(b, "lora"),
    "train-full": lambda b: train_step(b, "full"),
    "train-ragged": train_ragged,
    "quality": quality,
    "prefill": lambda b: generate(b, "prefill"),
    "decode": lambda b: generate(b, "decode"),
    "load": load,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--build", default=ROOT / "build" / "release")
    parser.add_argument("--home", default=ROOT / "build" / "bench")
    parser.add_argument("--shared", default=ROOT.parent / "shared", help="where data/restaurant8k is")
    parser.add_argument("--sample", required=True, help="the sample model's GGUF file")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the peers")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3, help="of quality")
    args = parser.parse_args()
    BENCHES[args.name](Bench(args))


if __name__ == "__main__":
    main()
