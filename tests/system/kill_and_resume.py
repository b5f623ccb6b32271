"""kill -9 and Ctrl-C at random moments of a run: whatever is on disk is whole, and --resume ends with the same bytes.

    python3 kill_and_resume.py build/release/outcrop [-v]      OUTCROP_KILL_SEED=N repeats a run, OUTCROP_KILLS=N kills more
"""
import json
import os
import random
import signal
import subprocess
import time

import house

SEED = int(os.environ.get("OUTCROP_KILL_SEED", random.SystemRandom().randrange(1 << 30)))
KILLS = int(os.environ.get("OUTCROP_KILLS", 10))

# Rows of 32 tokens hold one or two records: a step of four accumulates the gradients of several rows.
COMMON = ["batchSize=4", "rowTokens=32", "validationSteps=3"]
LORA = [*COMMON, "epochCount=3", "loraRank=4", "loraDropout=0.1", "learningRate=0.01", "checkpointSteps=2"]
FULL = [*COMMON, "epochCount=2", "learningRate=0.003", "checkpointSteps=3"]
# The loss on other records soon rises: the run ends before its steps, with the parameters of an earlier one.
EARLY = ["learningRate=0.2", "schedule=constant", "earlyStoppingPatience=2", "epochCount=20"]


class KillAndResume(house.House):
    def setUp(self):
        super().setUp()
        self.train = house.write_records(self.folder / "train.jsonl")
        self.validation = house.write_records(self.folder / "val.jsonl", first=1000, count=6)

    def arguments(self, name, method, settings, *more):
        return ["-q", *self.customize_arguments(name, "--validation", self.validation, "--method", method, *more,
                                                settings=settings)]

    def run_folder(self, name):
        return self.home / "jobs" / name

    def results(self, name):
        """The bytes that must not depend on kills: every file of weights that the run gave."""
        found = {}
        for kind, folder in (("run", self.run_folder(name) / "adapter"), ("model", self.home / "models" / name)):
            for path in folder.rglob("*.safetensors"):
                found[f"{kind}/{path.name}"] = path.read_bytes()
        self.assertTrue(found, "the run left no weights")
        return found

    def check_log(self, name):
        """metrics.csv and events.jsonl name every step exactly once, in order. Returns how many."""
        folder = self.run_folder(name)
        rows = (folder / "metrics.csv").read_text().splitlines()[1:]
        events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        logged = [event["step"] for event in events if event["event"] == "step"]
        for found in ([int(row.split(",")[0]) for row in rows], logged):
            self.assertEqual(found, list(range(1, len(found) + 1)))
        return len(rows)

    def check_whole(self, name):
        """What a run that was killed left: no broken file under a name that counts."""
        self.succeed("model", "list")
        folder = self.run_folder(name)
        for checkpoint in folder.glob("checkpoints/step-*"):
            json.loads((checkpoint / "state.json").read_text())
            self.assertTrue((checkpoint / "tensors.safetensors").exists())
        if folder.exists():
            json.loads((folder / "config.json").read_text())

    def stop_once(self, command, rng, duration):
        """Starts, stops at a random moment. True when the process was still at work then. The number of threads
        differs from start to start, as the result may not depend on it."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "OUTCROP_THREADS": rng.choice("12")})
        try:
            _, errors = process.communicate(timeout=rng.uniform(0.02, max(0.7 * duration, 0.05)))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL if rng.random() < 0.8 else signal.SIGINT)
            process.communicate()
            return process.returncode != 0
        self.assertEqual(process.returncode, 0, errors)
        return False

    def check(self, method, settings, stops_early=False):
        rng = random.Random(f"{SEED} {method} {stops_early}")
        begin = time.monotonic()
        self.succeed(*self.arguments("whole", method, settings))
        duration = time.monotonic() - begin
        steps, expected = self.check_log("whole"), self.results("whole")
        result = json.loads((self.run_folder("whole") / "result.json").read_text())
        self.assertEqual(result["stopped_early"], stops_early)
        if stops_early:
            self.assertLess(result["best_step"], result["steps"])

        stops, finished = 0, 0
        while stops < KILLS or finished == 0:
            name = f"killed-{finished}"
            more = ["--resume"] if self.run_folder(name).exists() else []
            command = self.command(*self.arguments(name, method, settings, *more))
            if stops < KILLS:
                stops += self.stop_once(command, rng, duration)
            else:
                subprocess.run(command, check=True)
            self.check_whole(name)
            if not (self.run_folder(name) / "result.json").exists():
                continue
            finished += 1
            self.assertEqual(self.check_log(name), steps)
            got = self.results(name)
            self.assertEqual(sorted(got), sorted(expected))
            self.assertEqual([file for file in expected if got[file] != expected[file]], [],
                             f"{name}: other bytes after {stops} stops, OUTCROP_KILL_SEED={SEED}")
        print(f"{method}, {steps} steps: {stops} stops, {finished} runs equal")

    def test_lora(self):
        self.check("lora", LORA)

    def test_full(self):
        self.check("full", FULL)

    def test_lora_with_early_stopping(self):
        self.check("lora", [*LORA[:3], "loraRank=4", "checkpointSteps=2", *EARLY], stops_early=True)

    def test_full_with_early_stopping(self):
        self.check("full", [*COMMON, "checkpointSteps=2", *EARLY], stops_early=True)


if __name__ == "__main__":
    print(f"OUTCROP_KILL_SEED={SEED}")
    house.main()
