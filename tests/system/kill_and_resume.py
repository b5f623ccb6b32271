"""Kills a customize run at random moments, resumes it until it ends, and compares every byte of the result.

Usage: kill_and_resume.py OUTCROP [ROUNDS] [SEED]     exit status 77 (skipped) when the binary does not run
"""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import tiny_model

MODEL = "test.tiny-v1:0"
SETTINGS = {
    "lora": ["epochCount=3", "batchSize=4", "rowTokens=64", "loraRank=4", "loraDropout=0.1", "learningRate=0.01",
             "checkpointSteps=2", "validationSteps=3"],
    "full": ["epochCount=2", "batchSize=4", "rowTokens=64", "learningRate=0.003", "checkpointSteps=3",
             "validationSteps=4"],
}


class Bench:
    """One folder with a home, data and the commands that run in it."""

    def __init__(self, outcrop, folder):
        self.outcrop, self.folder = outcrop, folder
        self.home = folder / "home"
        tiny_model.write_model(folder / "source")
        for name, first, count in (("train", 0, 40), ("val", 1000, 6)):
            lines = (json.dumps({"prompt": f"say {i}", "completion": f"it is {i * 7 % 10}"})
                     for i in range(first, first + count))
            (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        self.check("model", "import", str(folder / "source"), "--id", MODEL)

    def command(self, *arguments):
        return [self.outcrop, "--home", str(self.home), *arguments]

    def check(self, *arguments):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def customize(self, name, method, *more):
        settings = [part for setting in SETTINGS[method] for part in ("--set", setting)]
        return self.command("--quiet", "customize", "--base", MODEL, "--train", str(self.folder / "train.jsonl"),
                            "--validation", str(self.folder / "val.jsonl"), "--name", name, "--method", method,
                            *settings, *more)

    def run_folder(self, name):
        return self.home / "jobs" / name

    def results(self, name):
        """The bytes that must not depend on kills: every file of weights that the run gave."""
        found = {}
        for folder in (self.run_folder(name) / "adapter", self.home / "models"):
            for path in folder.rglob("*.safetensors"):
                parts = path.relative_to(folder).parts
                if folder.name == "adapter" or parts[0].startswith(name):
                    found[folder.name + "/" + "/".join(parts[-1:])] = path.read_bytes()
        return found


def kill_until_done(bench, name, method, rng, duration, interrupt):
    """Starts, kills and resumes until the run ends by itself. Returns how often it was stopped."""
    stops = 0
    while True:
        more = ["--resume"] if bench.run_folder(name).exists() else []
        process = subprocess.Popen(bench.customize(name, method, *more), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        # Every fifth start may end, so that the whole comes to an end on any machine.
        patience = None if stops % 5 == 4 else rng.uniform(0, 0.6 * duration)
        try:
            _, errors = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT if interrupt and rng.random() < 0.5 else signal.SIGKILL)
            _, errors = process.communicate()
            stops += 1
            bench.check("model", "list")  # whatever is there is whole
            if (bench.run_folder(name) / "result.json").exists():
                return stops
            continue
        if process.returncode == 0:
            return stops
        sys.exit(f"{method}: start {stops} with {more} failed with exit {process.returncode}: {errors}")


def check_log(folder):
    """metrics.csv and events.jsonl name every step exactly once, in order."""
    rows = (folder / "metrics.csv").read_text().splitlines()[1:]
    steps = [int(row.split(",")[0]) for row in rows]
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    logged = [event["step"] for event in events if event["event"] == "step"]
    for what, found in (("metrics.csv", steps), ("events.jsonl", logged)):
        if found != list(range(1, len(found) + 1)):
            sys.exit(f"{folder}: {what} has the steps {found}")
    return len(steps)


def main():
    outcrop = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 30)
    if not os.path.exists(outcrop) or subprocess.run([outcrop, "--version"], capture_output=True).returncode != 0:
        print(f"skipped: {outcrop} does not run")
        sys.exit(77)
    print(f"seed {seed}")
    rng = random.Random(seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="outcrop-kill-"))
    try:
        bench = Bench(outcrop, folder)
        for method in SETTINGS:
            start = time.monotonic()
            done = subprocess.run(bench.customize("whole-" + method, method), capture_output=True, text=True)
            duration = time.monotonic() - start
            if done.returncode != 0:
                sys.exit(f"{method}: exit {done.returncode}: {done.stderr}")
            steps = check_log(bench.run_folder("whole-" + method))
            expected = bench.results("whole-" + method)
            assert expected, "the run left no weights"
            for number in range(rounds):
                name = f"killed-{method}-{number}"
                stops = kill_until_done(bench, name, method, rng, duration, interrupt=number % 2 == 1)
                if check_log(bench.run_folder(name)) != steps:
                    sys.exit(f"{name}: other steps than the run that was never stopped")
                got = bench.results(name)
                if got != expected:
                    wrong = [key for key in expected if got.get(key) != expected[key]]
                    sys.exit(f"{name}: after {stops} stops other bytes in {wrong} (seed {seed})")
                left = [path for path in (bench.home / "models").iterdir() if path.name.startswith(".")]
                print(f"{name}: {stops} stops, {len(got)} files equal, {len(left)} left-over folders")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
