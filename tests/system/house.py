"""What the tests of the whole program share: a folder of their own with a home, a tiny model in it, and the commands.

A test file ends with `house.main()` and is called with the path of the program:
    python3 hostile_models.py build/release/outcrop [-v] [TEST ...]
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import tiny_model

MODEL = "test.tiny-v1:0"
MODEL_FOLDER = "test.tiny-v1@0"
SKIPPED = 77
# Exit statuses, as `outcrop --help` promises them.
FAILURE, USAGE, INVALID, NOT_FOUND, NO_ROOM, CANCELLED = 1, 2, 3, 4, 5, 130

# Seconds for one command: a test waits for what must happen, and never fails because a machine is busy.
PATIENCE = 500

outcrop = ""
_seed_folder = None


def _seed():
    """A source folder and a home with the model imported, made once a process and copied for each test."""
    global _seed_folder
    if _seed_folder is None:
        _seed_folder = pathlib.Path(tempfile.mkdtemp(prefix="outcrop-seed-"))
        tiny_model.write_model(_seed_folder / "source")
        subprocess.run([outcrop, "-q", "--home", _seed_folder / "home", "model", "import", _seed_folder / "source",
                        "--id", MODEL], check=True)
    return _seed_folder


def write_records(path, first=0, count=40, tail=""):
    """Prompt/completion records that the tiny tokenizer turns into a few tokens each."""
    lines = (json.dumps({"prompt": f"say {i}", "completion": f"it is {i * 7 % 10}{tail}"})
             for i in range(first, first + count))
    path.write_text("\n".join(lines) + "\n")
    return path


class House(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="outcrop-system-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.home = self.folder / "home"
        self.source = self.folder / "source"
        shutil.copytree(_seed() / "home", self.home)
        shutil.copytree(_seed() / "source", self.source)

    def command(self, *arguments):
        return [outcrop, "--home", str(self.home), *map(str, arguments)]

    def run_outcrop(self, *arguments, stdin="", **more):
        """Never at a terminal. A death by signal is a failure of the test: exit statuses only."""
        done = subprocess.run(self.command(*arguments), input=stdin.encode(), capture_output=True, timeout=PATIENCE, **more)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()  # strict: no character is ever cut
        self.assertGreaterEqual(done.returncode, 0, f"{arguments} died of signal {-done.returncode}: {done.stderr}")
        return done

    def succeed(self, *arguments, **more):
        done = self.run_outcrop(*arguments, **more)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr}")
        return done.stdout

    def refused(self, status, *arguments, says=(), **more):
        """The command must end with `status` and one error that has all the texts of `says`. Returns the error."""
        done = self.run_outcrop(*arguments, **more)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout} {done.stderr}")
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, done.stderr)
        self.assertNotIn("this should not happen", done.stderr)
        return done.stderr

    def models(self):
        """Names in the models folder, hidden ones too: what a failed command left would show."""
        return sorted(entry.name for entry in (self.home / "models").iterdir())

    def runs(self):
        jobs = self.home / "jobs"
        return sorted(entry.name for entry in jobs.iterdir()) if jobs.exists() else []

    def customize_arguments(self, name, *more, train=None, settings=()):
        chosen = [part for setting in settings for part in ("--set", setting)]
        train = train or self.folder / "train.jsonl"
        if not train.exists():
            write_records(train)
        return ["customize", "--base", MODEL, "--train", train, "--name", name, *chosen, *more]

    def customize(self, name, *more, **options):
        return self.succeed("-q", *self.customize_arguments(name, *more, **options))


def main():
    global outcrop
    outcrop = os.path.abspath(sys.argv.pop(1))
    if not os.path.exists(outcrop) or subprocess.run([outcrop, "--version"], capture_output=True).returncode != 0:
        print(f"skipped: {outcrop} does not run")
        sys.exit(SKIPPED)
    try:
        unittest.main(module="__main__")
    finally:
        if _seed_folder:
            shutil.rmtree(_seed_folder, ignore_errors=True)
