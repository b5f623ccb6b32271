"""Out of room: a full disk, a file size limit, an address space limit, and a plan that does not fit."""
import json
import os
import resource
import subprocess
import unittest

import house
from house import MODEL, NO_ROOM


def file_size_limit(size):
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))}


def address_space_limit(size):
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))}


class FileSizeLimit(house.House):
    def refused_for_size(self, *arguments, limit=20_000):
        return self.refused(NO_ROOM, *arguments, says=["cannot write", "File too large"], **file_size_limit(limit))

    def test_an_import_leaves_nothing(self):
        before = self.models()
        self.refused_for_size("model", "import", self.source, "--id", "other.model-v1:0")
        self.assertEqual(self.models(), before)

    def test_an_export_leaves_nothing(self):
        for kind in ("hf", "gguf"):
            self.refused_for_size("model", "export", MODEL, "--format", kind, "--out", self.folder / "out" / "x")
            self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_a_batch_keeps_the_old_answers(self):
        prompts = house.write_records(self.folder / "prompts.jsonl", count=100, tail=" and more" * 10)
        out = self.folder / "out.jsonl"
        out.write_text("mine")
        self.refused_for_size("run", MODEL, "--input", prompts, "--output", out, "--max-tokens", "8", limit=1000)
        self.assertEqual(out.read_text(), "mine")
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith("out.jsonl.")], [])

    def test_a_run_can_go_on_when_there_is_room_again(self):
        settings = ["epochCount=2", "batchSize=4", "rowTokens=64", "checkpointSteps=5"]
        arguments = self.customize_arguments("m", "--method", "full", settings=settings)
        self.refused(NO_ROOM, *arguments, says="File too large", **file_size_limit(100_000))
        self.succeed("-q", *arguments, "--resume")
        self.succeed("-q", *self.customize_arguments("n", "--method", "full", settings=settings))
        weights = [(self.home / "models" / name / "model.safetensors").read_bytes() for name in "mn"]
        self.assertEqual(*weights)


class FullDisk(house.House):
    """On a file system of a megabyte, where the tests may mount one."""

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", self.disk],
                          capture_output=True).returncode != 0:
            raise unittest.SkipTest("no right to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk])
        subprocess.run(["cp", "-a", self.home, self.disk], check=True)
        self.home = self.disk / "home"

    def fill(self, leave):
        free = os.statvfs(self.disk).f_bavail * os.statvfs(self.disk).f_frsize
        (self.disk / "filler").write_bytes(bytes(max(free - leave, 0)))

    def make_room(self):
        (self.disk / "filler").unlink()

    def test_an_import_is_refused_and_leaves_nothing(self):
        self.fill(leave=50_000)
        before = self.models()
        self.refused(NO_ROOM, "model", "import", self.source, "--id", "other.model-v1:0",
                     says="No space left on device")
        self.assertEqual(self.models(), before)
        self.make_room()
        self.succeed("model", "import", self.source, "--id", "other.model-v1:0")

    def test_a_run_stops_and_goes_on_exactly(self):
        settings = ["epochCount=4", "batchSize=4", "rowTokens=64", "checkpointSteps=2", "loraRank=2"]
        arguments = self.customize_arguments("m", train=self.folder / "train.jsonl", settings=settings)
        for leave in (120_000, 60_000, 12_000, 4_096, 0):
            with self.subTest(leave=leave):
                self.fill(leave)
                done = self.run_outcrop("-q", *arguments)
                self.assertEqual(done.returncode, NO_ROOM, done.stderr)
                self.assertIn("No space left on device", done.stderr)
                self.make_room()
                more = ["--resume"] if "m" in self.runs() else []
                self.succeed("-q", *arguments, *more)
                got = (self.home / "jobs" / "m" / "adapter" / "adapter_model.safetensors").read_bytes()
                self.succeed("-q", *arguments, "--replace")
                self.assertEqual((self.home / "jobs" / "m" / "adapter" / "adapter_model.safetensors").read_bytes(), got)
                self.succeed("-q", "model", "remove", "m")
                subprocess.run(["rm", "-r", self.home / "jobs" / "m"], check=True)

    def test_standard_output_on_a_full_device_is_an_error(self):
        with open("/dev/full", "w") as full:
            for arguments in (["version"], ["--version"], ["model", "list"], ["--json", "model", "list"]):
                done = subprocess.run(self.command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, NO_ROOM, arguments)
                self.assertIn("standard output: cannot write: No space left on device", done.stderr)


class Memory(house.House):
    def test_no_address_space_limit_crashes_any_command(self):
        prompts = house.write_records(self.folder / "prompts.jsonl", count=4)
        commands = [self.customize_arguments("m", "--replace", settings=["epochCount=1"]),
                    ["chat", MODEL, "--message", "say 1", "--max-tokens", "4"],
                    ["run", MODEL, "--input", prompts, "--output", self.folder / "o", "--max-tokens", "4"],
                    ["model", "import", self.source, "--id", "x.y-v1:0", "--replace"],
                    ["doctor", "--no-measure"]]
        seen = {0: 0, NO_ROOM: 0}
        for megabytes in (120, 140, 160, 180, 200, 230, 260, 300, 400, 600):
            for command in commands:
                with self.subTest(megabytes=megabytes, command=command[0]):
                    done = self.run_outcrop(*command, **address_space_limit(megabytes << 20))
                    self.assertIn(done.returncode, seen, done.stderr)
                    seen[done.returncode] += 1
                    self.assertEqual([name for name in self.models() if name.startswith(".")], [])
        self.assertTrue(all(seen.values()), seen)
        self.succeed("-q", *commands[0])

    def test_the_plan_counts_a_limit_of_the_address_space(self):
        lines = self.succeed("--json", *self.customize_arguments("m", "--plan"), **address_space_limit(4 << 30))
        plan = next(event for event in map(json.loads, lines.splitlines()) if event["event"] == "plan")
        self.assertLess(plan["memory_available_bytes"], 4 << 30)
        self.assertGreater(plan["memory_available_bytes"], 1 << 30)

    def test_a_plan_that_does_not_fit_names_a_fix_that_does(self):
        arguments = self.customize_arguments("m", "--method", "full", settings=["rowTokens=1000000"])
        limit = {**os.environ, "OUTCROP_MEMORY_LIMIT": str(150 << 20)}
        error = self.refused(NO_ROOM, *arguments, says=["this run needs", "are available", "needs"], env=limit)
        self.assertEqual(self.runs(), [])
        fix = next(part for part in error.replace(":", ";").split(";") if "rowTokens=" in part).split()[0]
        self.succeed("-q", *self.customize_arguments("m", "--method", "full", settings=[fix, "epochCount=1"]), env=limit)


if __name__ == "__main__":
    house.main()
