"""Data sets that break rules: every broken line is named with field, rule and value, nothing is trained, nothing stays."""
import json

import house
from house import INVALID, MODEL, NOT_FOUND

GOOD = json.dumps({"prompt": "say 1", "completion": "it is 1"})
USER = {"role": "user", "content": "hi"}
ASSISTANT = {"role": "assistant", "content": "yes"}


def chat(*messages, **more):
    return json.dumps({"messages": list(messages), **more})


def bedrock(*messages, **more):
    return json.dumps({"schemaVersion": "bedrock-conversation-2024", "messages": list(messages), **more})


# name: (line, what the error says of it)
BAD_LINES = {
    "cut_json": ('{"prompt": "a", "completion": ', ["each line must be one JSON object"]),
    "no_object": ("[1, 2]", ["each line must be one JSON object", "[1, 2]"]),
    "two_objects_in_a_line": (GOOD + GOOD, ["each line must be one JSON object"]),
    "a_number_too_deep": ("[" * 5000, ["each line must be one JSON object"]),
    "no_known_fields": ('{"text": "x"}', ['"prompt" and "completion"', '"text":"x"']),
    "a_mistyped_field": ('{"prompt": "a", "completion": "b", "promt": "c"}', ["promt", 'did you mean "prompt"']),
    "a_missing_completion": ('{"prompt": "a"}', ["completion: must be a text", "nothing"]),
    "an_empty_target": ('{"prompt": "a", "completion": " "}', ["completion: must not be empty"]),
    "an_empty_prompt": ('{"prompt": "", "completion": "b"}', ["prompt: must not be empty"]),
    "a_target_of_another_type": ('{"prompt": "a", "completion": 7}', ["completion: must be a text, found 7"]),
    "an_unknown_role": (chat({"role": "robot", "content": "x"}, ASSISTANT), ["messages[0].role", '"robot"']),
    "the_assistant_first": (chat(ASSISTANT, USER), ["messages[0].role", "begin with", '"assistant"']),
    "two_users": (chat(USER, USER, ASSISTANT), ["messages[1].role", "alternate", '"user"']),
    "the_user_last": (chat(USER), ["messages[0].role", "last message must be the assistant's"]),
    "a_system_role_in_the_middle": (chat({"role": "system", "content": "s"}, USER, {"role": "system", "content": "s"}),
                                    ["messages[2].role", '"system"']),
    "an_empty_answer": (chat(USER, {"role": "assistant", "content": ""}), ["messages[1].content", "must not be empty"]),
    "no_messages": (chat(), ["messages", "at least one message"]),
    "messages_of_another_type": ('{"messages": {"role": "user"}}', ["messages", "must be a list"]),
    "a_message_that_is_a_text": (chat("hi"), ["messages[0]", "must be an object"]),
    "an_unknown_schema": ('{"schemaVersion": "v9", "messages": []}', ["schemaVersion", "bedrock-conversation-2024", '"v9"']),
    "bedrock_text_without_blocks": (bedrock(USER, {**ASSISTANT, "content": [{"text": "yes"}]}), ["messages[0].content", "must be a list"]),
    "a_picture": (chat({"role": "user", "content": [{"type": "image", "source": {}}]}, ASSISTANT),
                  ["messages[0].content[0]", "only text blocks"]),
    "text_that_is_not_utf8": (b'{"prompt": "\xff", "completion": "b"}', ["UTF-8", "0xff", "column 13"]),
    "a_lone_surrogate": ('{"prompt": "\\ud800", "completion": "b"}', ["each line must be one JSON object"]),
}


class BadLines(house.House):
    def write(self, *lines, name="train.jsonl"):
        path = self.folder / name
        path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\n")
        return path

    def refuse(self, *says, train=None, settings=(), more=()):
        error = self.refused(INVALID, *self.customize_arguments("m", *more, train=train, settings=settings), says=says)
        self.assertEqual(self.runs(), [])
        self.assertEqual(self.models(), [house.MODEL_FOLDER])
        return error

    def check_line(self, line, says):
        error = self.refuse(*says, train=self.write(GOOD, line, GOOD))
        self.assertIn("train.jsonl:2: ", error)
        self.assertIn("1 problem", error)

    def test_all_errors_come_together_up_to_a_hundred(self):
        error = self.refuse("150 problems", "and 50 more", train=self.write(*['{"prompt": "a"}'] * 150))
        self.assertEqual(error.count("train.jsonl:"), 100 + 1)  # and the headline
        self.assertIn("train.jsonl:100: ", error)
        self.assertNotIn("train.jsonl:101: ", error)

    def test_one_line_may_break_several_rules(self):
        self.refuse("2 problems", "prompt: must be a text, found 1", "completion: must be a text, found 2",
                    train=self.write('{"prompt": 1, "completion": 2}'))

    def test_both_files_are_reported(self):
        train = self.write(GOOD, "nonsense")
        validation = self.write("nonsense too", name="val.jsonl")
        self.refuse("train.jsonl:2: ", "val.jsonl:1: ", train=train, more=["--validation", validation])

    def test_mixed_formats_are_named(self):
        self.refuse("train.jsonl:2: ", "one format", train=self.write(GOOD, chat(USER, ASSISTANT)))

    def test_an_empty_file_has_no_record(self):
        for content in ("", "\n\n"):
            self.refuse("has no record", train=self.write(content))

    def test_a_record_too_long_is_named_with_its_length(self):
        long = json.dumps({"prompt": "a " * 300, "completion": "b"})
        error = self.refuse("train.jsonl:2: ", "at most 128 tokens", train=self.write(GOOD, long))
        self.assertRegex(error, r"found \d+ tokens")
        self.assertIn("tooLong=drop", error)

    def test_records_too_long_can_be_dropped_but_not_all(self):
        long = json.dumps({"prompt": "a " * 300, "completion": "b"})
        drop = ["tooLong=drop"]
        said = self.succeed(*self.customize_arguments("m", "--plan", train=self.write(GOOD, long), settings=drop))
        self.assertIn("1 of 2 training records have more than 128 tokens and are left out", said)
        self.refuse("no record is left", train=self.write(long, long), settings=drop)

    def test_a_target_lost_to_the_length_is_an_error_and_not_a_shorter_target(self):
        record = json.dumps({"prompt": "a", "completion": "b " * 60})
        self.refuse("train.jsonl:1: ", "at most 16 tokens", train=self.write(record), settings=["maxSequenceLength=16"])

    def test_a_missing_file_is_not_found(self):
        self.refused(NOT_FOUND, *self.customize_arguments("m")[:4], self.folder / "no.jsonl", "--name", "m",
                     says="no.jsonl")
        self.assertEqual(self.runs(), [])

    def test_a_folder_is_no_data(self):
        self.refuse("regular file", train=self.source)

    def test_the_name_is_free_after_a_refusal(self):
        self.refuse("train.jsonl:1: ", train=self.write("nonsense"))
        self.customize("m", train=self.write(GOOD, GOOD), settings=["epochCount=1"])

    def test_wrong_settings_come_together_and_write_nothing(self):
        self.refuse("3 settings are wrong", "epochCount: ", "0", "learningRte", "did you mean", "learningRate",
                    "loraRank: ", settings=["epochCount=0", "learningRte=1", "loraRank=big"])

    def test_run_reports_bad_records_and_writes_nothing(self):
        prompts = self.write(GOOD, '{"prompt": 3}', name="prompts.jsonl")
        out = self.folder / "out.jsonl"
        out.write_text("mine")
        self.refused(INVALID, "run", MODEL, "--input", prompts, "--output", out,
                     says=["prompts.jsonl:2: prompt: must be a text, found 3"])
        self.assertEqual(out.read_text(), "mine")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir() if "out" in path.name), ["out.jsonl"])


for _name, (_line, _says) in BAD_LINES.items():
    setattr(BadLines, f"test_{_name}_is_named", lambda self, line=_line, says=_says: self.check_line(line, says))

if __name__ == "__main__":
    house.main()
