"""What the interop tests share: our programs as functions, prompts, and comparison of logits and texts."""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

BASE = "test.sample-v1:0"  # the sample model in BF16
BASE32 = "test.sample32-v1:0"  # the same in F32: what a comparison without rounding needs
TUNED = "tuned"  # LoRA on BASE
TUNED32 = "tuned32"  # LoRA on BASE32, rank-stabilised, on attention only

CONVERSATIONS = [
    [{"role": "user", "content": "What is the capital of France?"}],
    [{"role": "system", "content": "You answer in one short sentence."},
     {"role": "user", "content": "Why is the sky blue?\n\nThink of 2 reasons: äöü, 日本語, \U0001f600."}],
    [{"role": "user", "content": "Count: 1, 2,"}, {"role": "assistant", "content": "3, 4"},
     {"role": "user", "content": "  Go on. <|im_end|> is text here, def f(x):\n\treturn x ** 2  "}],
]
# A control token spelled out by a user stays text with us and becomes one with Transformers: not compared.
PLAIN_CONVERSATIONS = CONVERSATIONS[:2]
GREEDY_TOKENS = 32


def check(condition, message):
    """assert, also under python -O."""
    if not condition:
        sys.exit(f"FAILED: {message}")


class Outcrop:
    """The built program on one home, and the helper that shows logits."""

    def __init__(self, program, print_logits, home):
        self.program, self.print_logits, self.home = program, print_logits, pathlib.Path(home)

    def run(self, *arguments):
        """One command with --json. Returns the last document it printed."""
        command = [self.program, "--home", str(self.home), "--json", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        check(done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def model_import(self, source, name, dtype="bf16"):
        self.run("model", "import", source, "--id", name, "--dtype", dtype, "--replace")

    def export(self, name, form, out, *more):
        report = json.loads(self.run("model", "export", name, "--format", form, "--out", out, *more))
        return [pathlib.Path(path) for path in report["files"]]

    def ask(self, name, request):
        with tempfile.TemporaryDirectory() as folder:
            request_file, out = pathlib.Path(folder) / "request.json", pathlib.Path(folder) / "logits.f32"
            request_file.write_text(json.dumps(request))
            command = [self.print_logits, str(self.home), name, str(request_file), str(out)]
            done = subprocess.run(command, capture_output=True, text=True)
            check(done.returncode == 0, f"{' '.join(command)}: {done.stderr}")
            answer = json.loads(done.stdout)
            return answer, np.fromfile(out, dtype=np.float32).reshape(-1, answer["vocabulary"])

    def logits(self, name, rows, adapter=None):
        """[tokens of all rows, V]."""
        return self.ask(name, {"rows": rows} | ({"adapter": str(adapter)} if adapter else {}))[1]

    def prompts(self, name, conversations=None):
        """Rendered text and ids of each conversation, with the generation prompt."""
        return self.ask(name, {"conversations": conversations or PLAIN_CONVERSATIONS})[0]["prompts"]

    def texts(self, name, texts):
        """The same for plain texts: no template, and the beginning that the tokenizer asks for."""
        return self.ask(name, {"texts": texts})[0]["prompts"]

    def greedy_text(self, name, conversation, tokens=GREEDY_TOKENS):
        """The answer of `outcrop chat` to a conversation of one user message."""
        arguments = ["chat", name, "--max-tokens", tokens, "--temperature", "0"]
        for message in conversation:
            arguments += ["--system" if message["role"] == "system" else "--message", message["content"]]
        return json.loads(self.run(*arguments))["text"]


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--outcrop", required=True)
    parser.add_argument("--print-logits", required=True)
    parser.add_argument("--workplace", required=True, type=pathlib.Path)
    return parser.parse_args()


@contextlib.contextmanager
def scratch_folder(workplace):
    """A folder beside the shared home, removed at the end whatever happens."""
    workplace.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="scratch-", dir=workplace))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def opened():
    """The programs on the shared home, and a scratch folder: (outcrop, folder)."""
    arguments = parse_arguments()
    with scratch_folder(arguments.workplace) as folder:
        yield Outcrop(arguments.outcrop, arguments.print_logits, arguments.workplace / "home"), folder


def largest(a, b):
    check(a.shape == b.shape, f"logits of shape {a.shape} against {b.shape}")
    check(np.isfinite(a).all() and np.isfinite(b).all(), "logits that are not finite")
    return float(np.abs(a - b).max())


def rms(a, b):
    return float(np.sqrt(np.mean(np.square(a - b, dtype=np.float64))))


def expect_close(what, ours, theirs, limit):
    """The largest difference of any logit is stated and held below the limit."""
    error = largest(ours, theirs)
    print(f"{what}: max logit error {error:.2e} (limit {limit:g}; logits reach {np.abs(theirs).max():.1f})")
    check(error <= limit, f"{what}: max logit error {error:.3e} is above {limit:g}")


def expect_roughly(what, ours, theirs, limit):
    """For a peer that rounds more than we do: the root of the mean square is held below the limit."""
    error = rms(ours, theirs)
    print(f"{what}: logit error {error:.3f} rms (limit {limit:g}), {largest(ours, theirs):.2f} at most; "
          f"logits vary by {theirs.std():.1f} rms")
    check(error <= limit, f"{what}: rms logit error {error:.3f} is above {limit:g}")


def expect_as_close(what, ours, theirs, truth, factor=1.5):
    """Both compute in bfloat16: we may be no farther from the float32 truth than the peer is, within a factor."""
    our_error, their_error = rms(ours, truth), rms(theirs, truth)
    print(f"{what}: against float32, ours is off by {our_error:.3f} rms and {largest(ours, truth):.2f} at most, "
          f"the peer by {their_error:.3f} and {largest(theirs, truth):.2f}; "
          f"between the two {largest(ours, theirs):.2f} at most")
    check(our_error <= factor * their_error, f"{what}: rms error {our_error:.3f} against the peer's {their_error:.3f}")


def expect_same_choices(what, ours, prompt, chosen, margin):
    """ours: our logits [prompt + chosen, V] with the peer's choices as input. Each of them is also our choice, or
    behind it by no more than the margin, which is what the rounding may decide."""
    rows = ours[len(prompt) - 1:len(prompt) - 1 + len(chosen)]
    behind = rows.max(axis=1) - rows[np.arange(len(chosen)), chosen]
    same = int((behind == 0).sum())
    print(f"{what}: {same} of {len(chosen)} greedy tokens the same, the others behind by {behind.max():.2g} at most "
          f"(limit {margin:g})")
    check(behind.max() <= margin, f"{what}: the peer chose a token that we rate lower by {behind.max():.3g}")
    return same == len(chosen)


def expect_equal(what, ours, theirs):
    check(ours == theirs, f"{what}:\n  ours   {ours!r}\n  theirs {theirs!r}")
    print(f"{what}: the same")


def threads():
    return len(os.sched_getaffinity(0))
