"""How a run can end before its time: a loss that is not finite, Ctrl-C, SIGTERM, a rival, a broken checkpoint."""
import json
import os
import signal
import struct
import subprocess
import time

import house
from house import CANCELLED, FAILURE, INVALID, MODEL

# Long enough to be stopped in the middle on any machine; --set maxSteps ends it where a whole run is wanted.
ENDLESS = ["epochCount=100", "batchSize=2", "rowTokens=64", "checkpointSteps=3", "loraRank=2"]


class Endings(house.House):
    def start(self, *arguments):
        return subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_for_step(self, name, step, process):
        """Until metrics.csv of the run has the step."""
        metrics = self.home / "jobs" / name / "metrics.csv"
        until = time.monotonic() + house.PATIENCE
        while time.monotonic() < until and process.poll() is None:
            if metrics.exists() and len(metrics.read_text().splitlines()) > step:
                return
            time.sleep(0.002)
        self.fail(f"no step {step}: {process.communicate()}")

    def checkpoints(self, name):
        folder = self.home / "jobs" / name / "checkpoints"
        return sorted((path.name for path in folder.iterdir()), key=lambda text: int(text.split("-")[1]))

    def adapter(self, name):
        return (self.home / "jobs" / name / "adapter" / "adapter_model.safetensors").read_bytes()


class NotFinite(Endings):
    def test_a_loss_that_is_not_finite_stops_with_the_step_and_saves_nothing(self):
        settings = ["learningRate=1", "learningRateMultiplier=100", "gradientClip=0", "loraAlpha=100000",
                    "warmupRatio=0", "epochCount=50", "checkpointSteps=1", "batchSize=4"]
        error = self.refused(INVALID, *self.customize_arguments("m", settings=settings),
                             says=["step ", "nothing of this step is saved", "lower learningRate", "--replace"])
        self.assertNotIn("m", self.models())
        step = int(error.split("step ")[1].split(":")[0])
        for name in self.checkpoints("m"):
            self.assertLess(int(name.split("-")[1]), step)
            content = (self.home / "jobs" / "m" / "checkpoints" / name / "tensors.safetensors").read_bytes()
            length, = struct.unpack_from("<Q", content)
            entry = json.loads(content[8:8 + length])["parameters"]["data_offsets"]
            values = struct.unpack(f"<{(entry[1] - entry[0]) // 4}f", content[8 + length + entry[0]:8 + length + entry[1]])
            self.assertTrue(all(abs(value) < float("inf") for value in values))
        events = [json.loads(line) for line in (self.home / "jobs" / "m" / "events.jsonl").read_text().splitlines()]
        self.assertEqual(events[-1]["event"], "failed")
        self.assertFalse((self.home / "jobs" / "m" / "result.json").exists())

    def test_infinite_weights_of_the_base_are_found_at_the_first_step(self):
        path = self.home / "models" / house.MODEL_FOLDER / "model.safetensors"
        content = bytearray(path.read_bytes())
        length, = struct.unpack_from("<Q", content)
        begin = json.loads(content[8:8 + length])["model.layers.0.self_attn.q_proj.weight"]["data_offsets"][0]
        struct.pack_into("<H", content, 8 + length + begin, 0x7F80)  # bfloat16 infinity
        path.write_bytes(content)
        for method in ("lora", "full"):
            self.refused(INVALID, *self.customize_arguments(method, "--method", method),
                         says=["step 1: loss is", "the base model's weights"])
            self.assertNotIn(method, self.models())

    def test_a_model_of_numbers_that_are_none_does_not_answer(self):
        path = self.home / "models" / house.MODEL_FOLDER / "model.safetensors"
        content = bytearray(path.read_bytes())
        length, = struct.unpack_from("<Q", content)
        content[8 + length:] = b"\xC0\x7F" * ((len(content) - 8 - length) // 2)
        path.write_bytes(content)
        done = self.run_outcrop("chat", MODEL, "--message", "hi")
        self.assertEqual(done.returncode, INVALID, done.stderr)
        self.assertIn("damaged", done.stderr)


class Signals(Endings):
    def stop_with(self, number):
        arguments = self.customize_arguments("m", settings=ENDLESS)
        process = self.start("-q", *arguments)
        self.wait_for_step("m", 5, process)
        process.send_signal(number)
        _, error = process.communicate(timeout=house.PATIENCE)
        self.assertEqual(process.returncode, CANCELLED, error)
        step = int(self.checkpoints("m")[-1].split("-")[1])
        self.assertIn(f"stopped at step {step} of ", error)
        self.assertIn("--resume", error)
        self.assertNotIn("error:", error)
        self.assertEqual(self.runs(), ["m"])
        return arguments

    def check_goes_on(self, arguments):
        """A stop in the middle changes nothing: compared with a run of as many steps in one go."""
        process = self.start("-q", *arguments, "--resume")
        reached = int(self.checkpoints("m")[-1].split("-")[1])
        self.wait_for_step("m", reached + 3, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=house.PATIENCE)
        self.assertEqual(process.returncode, CANCELLED)
        rows = (self.home / "jobs" / "m" / "metrics.csv").read_text().splitlines()[1:]
        self.assertEqual([int(row.split(",")[0]) for row in rows], list(range(1, len(rows) + 1)))
        process = self.start("-q", *self.customize_arguments("whole", settings=ENDLESS))
        self.wait_for_step("whole", len(rows), process)
        process.kill()
        process.communicate()
        whole = (self.home / "jobs" / "whole" / "metrics.csv").read_text().splitlines()[1:]
        losses = [[row.split(",")[2] for row in lines[:len(rows)]] for lines in (rows, whole)]
        self.assertEqual(*losses)

    def test_ctrl_c_leaves_a_checkpoint_that_goes_on(self):
        self.check_goes_on(self.stop_with(signal.SIGINT))

    def test_sigterm_leaves_a_checkpoint_that_goes_on(self):
        self.check_goes_on(self.stop_with(signal.SIGTERM))

    def test_sighup_leaves_a_checkpoint(self):
        self.stop_with(signal.SIGHUP)

    def test_two_quick_ctrl_c_end_at_once_and_break_nothing(self):
        arguments = self.customize_arguments("m", settings=ENDLESS)
        process = self.start("-q", *arguments)
        self.wait_for_step("m", 5, process)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)  # two of one kind may arrive as one
        process.communicate(timeout=house.PATIENCE)
        self.assertEqual(process.returncode, CANCELLED)
        self.assertLess(time.monotonic() - begin, 30)
        process = self.start("-q", *arguments, "--resume")
        self.wait_for_step("m", 8, process)
        process.kill()
        process.communicate()

    def test_ctrl_c_stops_a_batch_and_writes_nothing(self):
        prompts = house.write_records(self.folder / "prompts.jsonl", count=5000)
        process = self.start("run", MODEL, "--input", prompts, "--output", self.folder / "out.jsonl", "--max-batch", "1")
        while not list(self.folder.glob("out.jsonl.tmp*")) and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=house.PATIENCE)
        self.assertEqual(process.returncode, CANCELLED, error)
        self.assertIn("is not written", error)
        self.assertEqual(list(self.folder.glob("out.jsonl*")), [])


class Rivals(Endings):
    def test_a_second_run_of_a_name_is_refused_clearly(self):
        first = self.start("-q", *self.customize_arguments("m", settings=ENDLESS))
        self.wait_for_step("m", 1, first)
        for more in ([], ["--resume"], ["--replace"]):
            self.refused(FAILURE, *self.customize_arguments("m", *more, settings=ENDLESS),
                         says="run 'm' is being worked on by another process")
        self.customize("other", settings=["epochCount=1"])  # another name may run
        self.succeed("-q", *self.customize_arguments("m", "--plan", settings=ENDLESS))
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=house.PATIENCE)
        self.assertEqual(first.returncode, CANCELLED)
        self.refused(FAILURE, *self.customize_arguments("m", settings=ENDLESS), says=["unfinished", "--resume", "--replace"])

    def test_of_many_at_once_exactly_one_wins(self):
        settings = ["epochCount=3", "batchSize=2", "rowTokens=64"]
        started = [self.start("-q", *self.customize_arguments("m", settings=settings)) for _ in range(6)]
        errors = [process.communicate(timeout=house.PATIENCE)[1] for process in started]
        self.assertEqual(sorted(process.returncode for process in started), [0] + [FAILURE] * 5, errors)
        self.succeed("chat", "m", "--message", "say 1", "--max-tokens", "2")
        self.assertEqual(self.runs(), ["m"])


class BrokenCheckpoints(Endings):
    def stopped(self):
        settings = ["epochCount=2", "batchSize=4", "rowTokens=64", "checkpointSteps=3", "loraRank=2"]
        whole = self.customize_arguments("whole", settings=settings)
        self.succeed("-q", *whole)
        arguments = self.customize_arguments("m", settings=settings)
        self.succeed("-q", *arguments)
        # As a run that was killed between its last checkpoint and its model.
        (self.home / "jobs" / "m" / "result.json").unlink()
        self.succeed("-q", "model", "remove", "m")
        return arguments

    def check(self, damage):
        arguments = self.stopped()
        earlier, newest = self.checkpoints("m")
        damage(self.home / "jobs" / "m" / "checkpoints" / newest)
        done = self.run_outcrop("-q", *arguments, "--resume")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"outcrop: warning: a broken checkpoint is left out (step {newest[5:]}): ", done.stderr)
        self.assertIn(f"outcrop: warning: going on from the checkpoint before it (step {earlier[5:]})", done.stderr)
        self.assertEqual(self.adapter("m"), self.adapter("whole"))

    def test_a_flipped_bit_in_the_tensors(self):
        def damage(folder):
            path = folder / "tensors.safetensors"
            content = bytearray(path.read_bytes())
            content[-100] ^= 1
            path.write_bytes(content)
        self.check(damage)

    def test_tensors_cut_short(self):
        self.check(lambda folder: os.truncate(folder / "tensors.safetensors", 1000))

    def test_a_changed_state(self):
        def damage(folder):
            path = folder / "state.json"
            path.write_text(path.read_text().replace('"tokens": ', '"tokens": 1'))
        self.check(damage)

    def test_a_state_that_is_no_json(self):
        self.check(lambda folder: (folder / "state.json").write_text("{"))

    def test_a_missing_file(self):
        self.check(lambda folder: (folder / "state.json").unlink())

    def test_without_any_whole_checkpoint_the_run_begins_anew(self):
        arguments = self.stopped()
        for name in self.checkpoints("m"):
            (self.home / "jobs" / "m" / "checkpoints" / name / "state.json").write_text("")
        done = self.run_outcrop("-q", *arguments, "--resume")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no whole checkpoint is left: the run begins at its first step", done.stderr)
        self.assertEqual(self.adapter("m"), self.adapter("whole"))


del Endings  # a base only
if __name__ == "__main__":
    house.main()
