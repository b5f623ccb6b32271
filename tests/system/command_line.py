"""The command line as a promise: JSON on standard output and nothing else, examples of the help that work, exit statuses,
completions that know every command."""
import json
import os
import re
import shlex
import shutil
import subprocess

import house
from house import INVALID, MODEL, NOT_FOUND, USAGE

COMMANDS = [["model", "import"], ["model", "list"], ["model", "show"], ["model", "export"], ["model", "remove"],
            ["customize"], ["chat"], ["run"], ["doctor"], ["version"], ["completion"]]


class Json(house.House):
    def one(self, *arguments, status=0):
        done = self.run_outcrop("--json", *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout)

    def lines(self, *arguments):
        return [json.loads(line) for line in self.succeed("--json", *arguments).splitlines()]

    def test_every_command_gives_one_document(self):
        self.assertEqual(self.one("model", "import", self.source, "--id", "b.c-v1:0")["id"], "b.c-v1:0")
        self.assertEqual(len(self.one("model", "list")["models"]), 2)
        self.assertEqual(self.one("model", "list", "--ids")["ids"], ["b.c-v1:0", MODEL])
        self.assertEqual(self.one("model", "show", MODEL)["architecture"], "llama")
        self.assertTrue(self.one("model", "export", MODEL, "--format", "hf", "--out", self.folder / "hf")["files"])
        self.assertEqual(self.one("model", "remove", "b.c-v1:0"), {"removed": "b.c-v1:0"})
        self.assertIn("text", self.one("chat", MODEL, "--message", "say 1", "--max-tokens", "2"))
        self.assertTrue(self.one("customize", "--list-hyperparameters")["hyperparameters"])
        self.assertIn("machine", self.one("doctor", "--no-measure"))
        self.assertIn("cpu_features", self.one("version"))
        self.assertEqual(self.one("--version"), self.one("version"))
        self.assertIn("complete -F", self.one("completion", "bash")["script"])

    def test_long_work_gives_an_event_a_line_and_the_result_last(self):
        events = self.lines(*self.customize_arguments("m", settings=["epochCount=1"]))
        kinds = [event["event"] for event in events]
        self.assertIn("plan", kinds)
        self.assertEqual((kinds[-1], events[-1]["model"]), ("result", "m"))
        self.assertEqual(events[-1]["steps"], max(event.get("step", 0) for event in events))
        prompts = house.write_records(self.folder / "p.jsonl", count=3)
        events = self.lines("run", MODEL, "--input", prompts, "--output", self.folder / "o", "--max-tokens", "2")
        self.assertEqual([event["event"] for event in events], ["progress"] * 3 + ["result"])
        plan = self.lines(*self.customize_arguments("n", "--plan"))
        self.assertEqual([event["event"] for event in plan if event["event"] != "progress"], ["plan"])

    def test_every_kind_of_error_is_a_document_too(self):
        for status, code, arguments in (
                (USAGE, "invalid_argument", ["model", "lst"]),
                (USAGE, "invalid_argument", ["chat", MODEL]),
                (USAGE, "invalid_argument", ["chat"]),
                (NOT_FOUND, "not_found", ["model", "show", "nobody"]),
                (INVALID, "invalid_argument", ["chat", MODEL, "--message", "x", "--top-p", "7"]),
                (house.FAILURE, "already_exists", ["model", "import", self.source, "--id", MODEL]),
                (house.FAILURE, "conflict", ["model", "remove", self.based()])):
            error = self.one(*arguments, status=status)["error"]
            self.assertEqual(error["code"], code)
            self.assertTrue(error["message"])

    def based(self):
        self.customize("custom", settings=["epochCount=1"])
        return MODEL

    def test_options_of_the_program_may_stand_anywhere(self):
        first = self.succeed("--json", "model", "list")
        self.assertEqual(self.succeed("model", "--json", "list"), first)
        self.assertEqual(self.succeed("model", "list", "--json"), first)


class Help(house.House):
    def help_of(self, command):
        return self.succeed(*command, "--help")

    def examples(self, command):
        """Command lines of the help that begin with outcrop, without shell redirections and comments."""
        for line in self.help_of(command).splitlines():
            line = re.split(r" # | > |\)  +#", line.strip())[0]
            if line.startswith("outcrop "):
                yield shlex.split(line)[1:]

    def test_every_example_of_every_help_parses(self):
        self.home = self.folder / "empty"
        found = 0
        for command in [[]] + COMMANDS:
            for example in self.examples(command):
                if example[0].startswith("COMMAND"):
                    continue
                found += 1
                done = self.run_outcrop(*example, cwd=self.folder)
                self.assertNotEqual(done.returncode, USAGE, f"{example}: {done.stderr}")
        self.assertGreater(found, 25)

    def test_every_command_has_examples_of_itself(self):
        for command in COMMANDS:
            mine = [example for example in self.examples(command) if example[:len(command)] == command]
            if command != ["completion"]:  # its examples redirect
                self.assertTrue(mine, command)
            self.assertIn("Example", self.help_of(command))

    def test_the_first_help_lists_every_command_and_every_exit_status(self):
        text = self.help_of([])
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^  {command[0]} ")
        header = (self.header_of_exit_codes())
        documented = {int(status) for status in re.findall(r"(?m)^  (\d+) +\S", text)}
        self.assertEqual(documented, header)

    @staticmethod
    def header_of_exit_codes():
        path = os.path.join(os.path.dirname(__file__), "..", "..", "src", "cli", "exit_codes.h")
        with open(path) as file:
            return {int(value) for value in re.findall(r"constexpr int k\w+ = (\d+);", file.read())}

    def test_no_line_of_help_is_wider_than_a_window(self):
        for command in [[]] + COMMANDS:
            for line in self.help_of(command).splitlines():
                self.assertLessEqual(len(line), 120, f"{command}: {line}")

    def test_errors_say_where_help_is(self):
        for arguments in (["modle"], ["model"], ["model", "list", "--idz"], ["chat"], ["customize"]):
            done = self.run_outcrop(*arguments)
            self.assertEqual(done.returncode, USAGE)
            self.assertRegex(done.stderr, r"outcrop: see `outcrop.* --help`")


class Completion(house.House):
    def completed(self, *words):
        """What bash would offer for the last word."""
        script = ("source <(\"$0\" completion bash)\nCOMP_WORDS=(\"$@\")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n"
                  "_outcrop 2>/dev/null\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
        path = f"{os.path.dirname(house.outcrop)}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", script, house.outcrop, *words], capture_output=True, text=True,
                              env={**os.environ, "OUTCROP_HOME": str(self.home), "PATH": path}, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_every_command_is_offered(self):
        self.assertLessEqual({command[0] for command in COMMANDS}, set(self.completed("outcrop", "")))
        for command in COMMANDS:
            self.assertIn(command[-1], self.completed("outcrop", *command[:-1], command[-1][:2]))

    def test_every_option_of_every_help_is_offered(self):
        for command in COMMANDS:
            offered = set(self.completed("outcrop", *command, "--"))
            text = self.succeed(*command, "--help").split("Example")[0]
            options = set(re.findall(r"(?m)^  (?:-\w,)?(--[a-z-]+)", text)) - {"--help"}
            self.assertLessEqual(options, offered, command)

    def test_ids_of_models_are_offered(self):
        for before in (["chat"], ["run"], ["model", "show"], ["customize", "--base"], ["model", "export"]):
            self.assertIn(MODEL, self.completed("outcrop", *before, "test."), before)

    def test_the_committed_scripts_are_these(self):
        folder = os.path.join(os.path.dirname(__file__), "..", "..", "completions")
        for shell, name in (("bash", "outcrop.bash"), ("zsh", "_outcrop")):
            with open(os.path.join(folder, name)) as file:
                self.assertEqual(file.read(), self.succeed("completion", shell))

    def test_the_scripts_are_good_shell(self):
        for shell in ("bash", "zsh"):
            if shutil.which(shell):
                done = subprocess.run([shell, "-n"], input=self.succeed("completion", shell), capture_output=True,
                                      text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""))


class Doctor(house.House):
    def report(self, **environment):
        return json.loads(self.succeed("--json", "doctor", "--no-measure", env={**os.environ, **environment}))

    def test_the_processor_is_what_the_kernel_says(self):
        with open("/proc/cpuinfo") as file:
            flags = set(re.search(r"(?m)^flags\s*: (.*)$", file.read()).group(1).split())
        report = self.report()
        names = {"avx512_bf16": "avx512bf16", "avx512_vnni": "avx512vnni"}
        known = {"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16", "avx512_vnni"}
        self.assertEqual({names.get(flag, flag) for flag in flags & known}, set(report["build"]["cpu_features"]))
        findings = " ".join(item["finding"] for item in report["advice"] if item["level"] == "slow")
        self.assertEqual("no AVX-512" in findings, "avx512f" not in flags and "avx2" in flags)
        self.assertEqual("no bfloat16 instructions" in findings, not flags & {"avx512_bf16", "amx_bf16"})
        text = self.succeed("--version")
        for feature in report["build"]["cpu_features"]:
            self.assertIn(feature, text)

    def test_kernels_held_back_are_told(self):
        report = self.report(OUTCROP_ISA="generic", OUTCROP_THREADS="1")
        findings = " ".join(item["finding"] for item in report["advice"])
        self.assertIn("OUTCROP_ISA holds the kernels at generic", findings)
        if os.cpu_count() > 1:
            self.assertIn("1 of ", findings)

    def test_an_adapter_without_its_base_is_broken(self):
        self.customize("custom", settings=["epochCount=1"])
        shutil.rmtree(self.home / "models" / house.MODEL_FOLDER)
        done = self.run_outcrop("doctor", "--no-measure")
        self.assertEqual(done.returncode, house.FAILURE)
        self.assertIn("broken: model 'custom' needs its base", done.stdout)

    def test_a_model_that_cannot_be_read_is_broken(self):
        (self.home / "models" / house.MODEL_FOLDER / "outcrop.json").write_text("{")
        done = self.run_outcrop("doctor", "--no-measure")
        self.assertEqual(done.returncode, house.FAILURE, done.stdout + done.stderr)
        self.assertIn(f"broken: model '{MODEL}' cannot be read: ", done.stdout)
        self.assertIn("outcrop: warning: a model that cannot be read is left out", self.run_outcrop("model", "list").stderr)
        self.succeed("model", "remove", MODEL)
        self.succeed("doctor", "--no-measure")


if __name__ == "__main__":
    house.main()
