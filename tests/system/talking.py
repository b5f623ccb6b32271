"""chat and run as a user and as a script meet them: one answer, a pipe, a terminal, seeds, limits, a reader that leaves."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import house
import tiny_model
from house import CANCELLED, INVALID, MODEL

CONTEXT = 128  # of the tiny model


class Terminal:
    """outcrop at a pseudo-terminal; stdin, stdout and stderr are one, as in a window."""

    def __init__(self, test, *arguments):
        self.test, self.seen = test, b""
        self.process, self.screen = None, None
        pid, self.screen = pty.fork()
        if pid == 0:
            command = test.command(*arguments)
            os.execv(command[0], command)
        self.pid = pid
        test.addCleanup(self.close)

    def wait_for(self, text, seconds=house.PATIENCE):
        """Reads on until the text has come after what was waited for before; returns what came up to it."""
        until = time.monotonic() + seconds
        wanted = text.encode()
        while wanted not in self.seen:
            ready, _, _ = select.select([self.screen], [], [], max(until - time.monotonic(), 0))
            try:
                piece = os.read(self.screen, 4096) if ready else b""
            except OSError:  # the other end is closed
                piece = b""
            if not piece:
                self.test.fail(f"'{text}' did not come after: {self.seen.decode(errors='replace')}")
            self.seen += piece
        before, self.seen = self.seen.split(wanted, 1)
        # A terminal throws away what it has not shown yet when Ctrl-C is typed, in the middle of a character too.
        return before.decode(errors="replace")

    def type(self, text):
        os.write(self.screen, text.encode())

    def interrupt(self):
        self.type("\x03")

    def status(self):
        """Exit status once the program has ended."""
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def close(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.screen)


class OneMessage(house.House):
    def ask(self, *more):
        return self.succeed("chat", MODEL, "--message", "say 1", *more)

    def test_the_answer_is_all_of_standard_output(self):
        answer = json.loads(self.succeed("--json", "chat", MODEL, "--message", "say 1", "--max-tokens", "12"))
        self.assertEqual(self.ask("--max-tokens", "12"), answer["text"] + "\n")
        self.assertEqual(answer["generated_tokens"], 12)
        self.assertEqual(answer["stop_reason"], "max_tokens")

    def test_a_cut_answer_is_told_on_standard_error(self):
        done = self.run_outcrop("chat", MODEL, "--message", "say 1", "--max-tokens", "3")
        self.assertEqual(done.stderr, "outcrop: cut by --max-tokens\n")
        self.assertEqual(self.run_outcrop("-q", "chat", MODEL, "--message", "say 1", "--max-tokens", "3").stderr, "")

    def test_a_seed_gives_the_same_text_twice_and_another_seed_another(self):
        drawn = ["--temperature", "1", "--max-tokens", "30", "--seed"]
        self.assertEqual(self.ask(*drawn, "7"), self.ask(*drawn, "7"))
        self.assertNotEqual(self.ask(*drawn, "7"), self.ask(*drawn, "8"))

    def test_a_character_is_never_cut(self):
        """The random model says byte tokens in any order; run_outcrop decodes strictly. Cut at every length."""
        for tokens in range(1, 25):
            for seed in range(3):
                self.ask("--temperature", "2", "--seed", seed, "--max-tokens", tokens)

    def test_a_full_context_is_told(self):
        drawn = ["chat", MODEL, "--message", "say 1", "--temperature", "1", "--seed"]
        answers = (json.loads(self.succeed("--json", *drawn, seed)) for seed in range(100))
        seed, answer = next((seed, answer) for seed, answer in enumerate(answers) if answer["stop_reason"] != "end_turn")
        self.assertEqual(answer["stop_reason"], "context_limit")
        self.assertEqual(answer["prompt_tokens"] + answer["generated_tokens"], CONTEXT)
        done = self.run_outcrop(*drawn, seed)
        self.assertEqual((done.returncode, done.stderr), (0, "outcrop: cut: the context is full\n"))

    def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(self):
        error = self.refused(INVALID, "chat", MODEL, "--message", "word " * 300, says=[f"holds {CONTEXT}", MODEL])
        self.assertRegex(error, r"the prompt has \d{3,} tokens")

    def test_empty_and_broken_messages_are_refused(self):
        for message in ("", "  ", b"\xff"):
            self.refused(INVALID, "chat", MODEL, "--message", *[message] if isinstance(message, str) else
                         [message.decode(errors="surrogateescape")], says="message")

    def test_text_that_looks_like_a_control_token_stays_text(self):
        plain = json.loads(self.succeed("--json", "chat", MODEL, "--message", "x", "--max-tokens", "1"))
        tricky = json.loads(self.succeed("--json", "chat", MODEL, "--message", "<|im_end|>", "--max-tokens", "1"))
        self.assertGreater(tricky["prompt_tokens"], plain["prompt_tokens"])


class Piped(house.House):
    def talk(self, text, *more):
        return self.succeed("chat", MODEL, "--max-tokens", "5", *more, stdin=text)

    def test_only_the_answers_are_printed(self):
        done = self.run_outcrop("-q", "chat", MODEL, "--max-tokens", "5", stdin="say 1\nsay 2\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        first = self.succeed("-q", "chat", MODEL, "--message", "say 1", "--max-tokens", "5")
        self.assertTrue(done.stdout.startswith(first))
        self.assertGreater(len(done.stdout), len(first))

    def test_the_model_sees_what_was_said_before(self):
        alone = self.talk("say 2\n")
        after = self.talk("say 1\nsay 2\n")
        forgotten = self.talk("say 1\n/reset\nsay 2\n")
        first = self.talk("say 1\n")
        self.assertEqual(forgotten, first + alone)
        self.assertNotEqual(after, first + alone)

    def test_a_system_text_can_be_set_on_the_way(self):
        given = self.talk("say 1\n", "--system", "be short")
        self.assertEqual(self.talk("/system be short\nsay 1\n"), given)
        self.assertNotEqual(self.talk("say 1\n"), given)

    def test_the_last_line_may_lack_its_newline_and_blank_lines_are_nothing(self):
        self.assertEqual(self.talk("\n  \nsay 1"), self.talk("say 1\n"))

    def test_a_full_context_in_a_script_is_an_error_and_never_cut(self):
        done = self.run_outcrop("chat", MODEL, "--max-tokens", "20", stdin="say 1\n" * 12)
        self.assertEqual(done.returncode, INVALID)
        self.assertIn(f"holds {CONTEXT}", done.stderr)

    def test_text_that_is_no_utf8_is_refused(self):
        done = subprocess.run(self.command("chat", MODEL), input=b"\xff\xfe\n", capture_output=True)
        self.assertEqual(done.returncode, INVALID, done.stderr)
        self.assertIn(b"UTF-8", done.stderr)


class AtATerminal(house.House):
    def test_a_conversation(self):
        terminal = Terminal(self, "chat", MODEL, "--max-tokens", "5")
        self.assertIn(f"{MODEL}, context {CONTEXT} tokens", terminal.wait_for("> "))
        terminal.type("say 1\n")
        terminal.wait_for("[cut by --max-tokens]")
        terminal.wait_for("> ")
        terminal.type("/history\n")
        shown = terminal.wait_for("> ")
        self.assertIn("user: say 1", shown)
        self.assertIn("assistant: ", shown)
        terminal.type("/nonsense\n")
        self.assertIn("no command '/nonsense'", terminal.wait_for("> "))
        terminal.type("/reset\n")
        terminal.wait_for("> ")
        terminal.type("/history\n")
        self.assertNotIn("user: say 1", terminal.wait_for("> "))
        terminal.type("\x04")
        self.assertEqual(terminal.status(), 0)

    def test_a_mistake_does_not_end_the_conversation(self):
        terminal = Terminal(self, "chat", MODEL, "--max-tokens", "5")
        terminal.wait_for("> ")
        terminal.type("word " * 250 + "\n")
        self.assertIn(f"holds {CONTEXT}", terminal.wait_for("> ").split("error:")[-1])
        terminal.type("say 1\n")
        terminal.wait_for("[cut by --max-tokens]")
        terminal.type("/exit\n")
        self.assertEqual(terminal.status(), 0)

    def test_ctrl_c_at_the_prompt_leaves(self):
        terminal = Terminal(self, "chat", MODEL)
        terminal.wait_for("> ")
        terminal.interrupt()
        self.assertEqual(terminal.status(), CANCELLED)

    def test_ctrl_c_stops_an_answer_and_keeps_the_conversation(self):
        """On random weights that talk in circles, with a context that would take an hour to fill."""
        tiny_model.write_model(self.folder / "long", seed=8, context=1 << 20)
        self.succeed("-q", "model", "import", self.folder / "long", "--id", "long.model-v1:0")
        terminal = Terminal(self, "chat", "long.model-v1:0", "--max-tokens", str(1 << 20))
        terminal.wait_for("> ")
        terminal.type("say 0\n")
        time.sleep(0.3)
        terminal.interrupt()
        terminal.wait_for("[stopped]")
        terminal.wait_for("> ")
        terminal.type("/history\n")
        self.assertIn("user: say 0", terminal.wait_for("> "))
        terminal.interrupt()
        self.assertEqual(terminal.status(), CANCELLED)

    def test_progress_is_drawn_at_a_terminal_and_taken_away(self):
        terminal = Terminal(self, "model", "import", self.source, "--id", "other.model-v1:0")
        shown = terminal.wait_for("imported other.model-v1:0")
        self.assertIn("\r", shown)
        self.assertTrue(shown.endswith("\r\x1b[K"), repr(shown))


class Batches(house.House):
    def setUp(self):
        super().setUp()
        self.prompts = self.folder / "prompts.jsonl"
        self.out = self.folder / "out.jsonl"

    def answers(self, *more):
        self.succeed("-q", "run", MODEL, "--input", self.prompts, "--output", self.out, *more)
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def test_answers_do_not_depend_on_the_batch(self):
        house.write_records(self.prompts, count=12)
        drawn = ["--temperature", "0.8", "--seed", "5", "--max-tokens", "12"]
        one = self.answers(*drawn, "--max-batch", "1")
        self.assertEqual(one, self.answers(*drawn, "--max-batch", "5"))
        self.assertEqual(one, self.answers(*drawn, "--max-batch", "16"))
        self.assertEqual(one, self.answers(*drawn, "--max-batch", "16"))

    def test_a_batch_of_one_is_what_chat_says(self):
        self.prompts.write_text('{"prompt": "say 1"}\n')
        drawn = ["--temperature", "0.8", "--seed", "5", "--max-tokens", "12"]
        self.assertEqual(self.answers(*drawn)[0]["completion"] + "\n",
                         self.succeed("chat", MODEL, "--message", "say 1", *drawn))

    def test_records_keep_order_and_format(self):
        records = [{"messages": [{"role": "user", "content": f"say {i}"}], "system": f"be {i}"} for i in range(20)]
        self.prompts.write_text("".join(json.dumps(record) + "\n" for record in records))
        for given, got in zip(records, self.answers("--max-tokens", "3"), strict=True):
            self.assertEqual(got["messages"][:-1], given["messages"])
            self.assertEqual(got["system"], given["system"])
            self.assertEqual(got["messages"][-1]["role"], "assistant")

    def test_a_prompt_beyond_the_context_is_named_by_its_line(self):
        self.prompts.write_text('{"prompt": "say 1"}\n' + json.dumps({"prompt": "word " * 300}) + "\n")
        self.refused(INVALID, "run", MODEL, "--input", self.prompts, "--output", self.out,
                     says=["prompts.jsonl:2: ", f"holds {CONTEXT}"])
        self.assertFalse(self.out.exists())

    def test_output_that_cannot_be_written_is_told_before_the_work(self):
        house.write_records(self.prompts, count=2)
        for out in (self.folder / "no" / "out.jsonl", self.folder, self.prompts):
            done = self.run_outcrop("run", MODEL, "--input", self.prompts, "--output", out)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(out.name, done.stderr)

    def test_no_half_written_output_is_ever_seen(self):
        house.write_records(self.prompts, count=30)
        self.out.write_text("old\n")
        process = subprocess.Popen(self.command("-q", "run", MODEL, "--input", self.prompts, "--output", self.out,
                                                "--max-tokens", "8"))
        seen = set()
        while process.poll() is None:
            seen.add(self.out.read_text().count("\n"))
        self.assertEqual(process.returncode, 0)
        self.assertLessEqual(seen, {1, 30})

    def test_progress_is_not_written_to_a_file_or_pipe(self):
        house.write_records(self.prompts, count=30)
        done = self.run_outcrop("run", MODEL, "--input", self.prompts, "--output", self.out, "--max-tokens", "4")
        self.assertEqual(done.stderr, "")
        self.assertIn("30 answers in ", done.stdout)


class ReadersThatLeave(house.House):
    def test_a_closed_pipe_is_quiet(self):
        """`outcrop … | head -1`, also below a parent that ignores SIGPIPE."""
        commands = [["--help"], ["customize", "--list-hyperparameters"], ["model", "list"], ["completion", "bash"],
                    ["--json", "chat", MODEL, "--message", "say 1"], ["chat", MODEL, "--message", "say 1"]]
        for arguments in commands:
            for restore in (True, False):
                reader, writer = os.pipe()
                os.close(reader)
                process = subprocess.Popen(self.command(*arguments), stdout=writer, stderr=subprocess.PIPE, text=True,
                                           restore_signals=restore)
                os.close(writer)
                _, error = process.communicate(timeout=house.PATIENCE)
                self.assertNotIn("error", error, arguments)
                self.assertNotIn("terminate", error, arguments)

    def test_head_sees_whole_lines(self):
        shown = subprocess.run(["bash", "-c", f"'{house.outcrop}' customize --list-hyperparameters | head -1"],
                               capture_output=True, text=True)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertTrue(re.match("NAME +DEFAULT", shown.stdout))


if __name__ == "__main__":
    house.main()
