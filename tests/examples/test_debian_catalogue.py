"""Tests of examples/debian-catalogue: both scripts on small made-up package indexes."""
import contextlib
import importlib.util
import io
import json
import pathlib
import sys
import tempfile
import unittest

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "debian-catalogue"


def load(name):
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location(name, EXAMPLE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prepare = load("prepare")
score = load("score")


def run(module, arguments):
    """(exit status, standard output, standard error) of a script's main()."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = module.main([str(a) for a in arguments])
    return status, out.getvalue(), err.getvalue()


def package(name, **fields):
    values = {"Package": name, "Description": f"the {name} tool", "Section": "utils", "Tag": "role::program"}
    values.update({key.replace("_", "-"): value for key, value in fields.items()})
    return "".join(f"{key}: {value}\n" for key, value in values.items() if value is not None) + "\n"


def examples(text):
    return list(prepare.examples_of(prepare.paragraphs(text.split("\n"))))


def record(question, answer):
    return {"schemaVersion": "bedrock-conversation-2024",
            "messages": [{"role": "user", "content": [{"text": question}]},
                         {"role": "assistant", "content": [{"text": answer}]}]}


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.folder / name

    def write_records(self, name, pairs):
        return self.write(name, "".join(json.dumps(record(q, a)) + "\n" for q, a in pairs))


class ReadsThePackageIndex(unittest.TestCase):
    def test_takes_section_first_role_and_first_interface_by_name(self):
        [example] = examples(package("mc", Tag="interface::text-mode, interface::shell, role::program, role::data"))
        self.assertEqual(example.user, "mc: the mc tool")
        self.assertEqual(example.answer, {"section": "utils", "role": "program", "interface": "shell"})
        self.assertEqual(list(example.answer), ["section", "role", "interface"])

    def test_leaves_interface_out_where_nobody_tagged_one(self):
        [example] = examples(package("libc6", Tag="implemented-in::c, role::shared-lib"))
        self.assertEqual(example.answer, {"section": "utils", "role": "shared-lib"})

    def test_joins_folded_tag_lines_and_keeps_only_the_short_description(self):
        [example] = examples(package("a", Tag="interface::x11,\n role::program", Description="short\n long text\n ."))
        self.assertEqual(example.user, "a: short")
        self.assertEqual(example.answer["interface"], "x11")

    def test_takes_one_package_of_a_source_package(self):
        text = package("bash", Source="bash (5.2-1)") + package("bash-static", Source="bash") + package("zsh")
        self.assertEqual([e.user.partition(":")[0] for e in examples(text)], ["bash", "zsh"])

    def test_takes_the_first_tagged_package_of_a_source(self):
        text = package("a-doc", Source="a", Tag=None) + package("a")
        self.assertEqual([e.user for e in examples(text)], ["a: the a tool"])

    def test_skips_packages_without_role_section_or_description(self):
        text = package("a", Tag=None) + package("b", Section=None) + package("c", Description="") + package(
            "d", Tag="role::TODO")
        self.assertEqual(examples(text), [])

    def test_spreads_braces_over_their_facet(self):
        self.assertEqual(prepare.tags_of("role::{program,data}, use::editing"),
                         {"role": ["program", "data"], "use": ["editing"]})
        self.assertEqual(prepare.tags_of("role::{program}, interface::x11"),
                         {"role": ["program"], "interface": ["x11"]})

    def test_survives_lines_that_are_no_field(self):
        self.assertEqual(len(examples("no colon here\n folded\n" + package("a").rstrip("\n"))), 1)


class SplitsBySource(Folder):
    SIZES = {"train": 20, "validation": 5, "test": 10}

    def setUp(self):
        super().setUp()
        self.index = examples("".join(package(f"p{i}") for i in range(50)))

    def sources(self, parts, name):
        return [e.source for e in parts[name]]

    def test_no_source_is_in_two_files(self):
        parts = prepare.split(self.index, self.SIZES, seed=3)
        everything = [s for name in parts for s in self.sources(parts, name)]
        self.assertEqual({name: len(part) for name, part in parts.items()}, self.SIZES)
        self.assertEqual(len(everything), len(set(everything)))

    def test_order_of_the_index_does_not_matter(self):
        self.assertEqual(prepare.split(self.index, self.SIZES, 3), prepare.split(self.index[::-1], self.SIZES, 3))

    def test_seed_decides(self):
        self.assertNotEqual(self.sources(prepare.split(self.index, self.SIZES, 3), "test"),
                            self.sources(prepare.split(self.index, self.SIZES, 4), "test"))

    def test_test_records_stay_when_more_are_trained_on(self):
        small = prepare.split(self.index, {**self.SIZES, "train": 2}, 3)
        self.assertEqual(small["test"], prepare.split(self.index, self.SIZES, 3)["test"])

    def test_too_small_an_index_is_refused_with_both_numbers(self):
        with self.assertRaisesRegex(prepare.Problem, "has 50 .* 51 are asked for"):
            prepare.split(self.index, {"train": 31, "validation": 10, "test": 10}, 3)

    def test_writes_three_files_of_bedrock_records(self):
        index = self.write("index", "".join(package(f"p{i}", Tag="role::program, interface::x11") for i in range(6)))
        out = self.folder / "new" / "data"
        status, text, _ = run(prepare, ["--train", 3, "--validation", 1, "--test", 2, "--input", index, "--out", out])
        self.assertEqual(status, 0)
        self.assertEqual(sorted(p.name for p in out.iterdir()), ["test.jsonl", "train.jsonl", "validation.jsonl"])
        lines = (out / "train.jsonl").read_text().splitlines()
        self.assertEqual(len(lines), 3)
        first = json.loads(lines[0])
        self.assertEqual(first["schemaVersion"], "bedrock-conversation-2024")
        self.assertEqual(first["system"], [{"text": "Describe the Debian package as JSON."}])
        self.assertEqual([m["role"] for m in first["messages"]], ["user", "assistant"])
        self.assertEqual(json.loads(first["messages"][1]["content"][0]["text"]),
                         {"section": "utils", "role": "program", "interface": "x11"})
        self.assertIn("3 records, 3 with an interface", text)

    def test_empty_index_says_what_to_run(self):
        status, _, err = run(prepare, ["--input", self.write("index", "\n"), "--out", self.folder / "out"])
        self.assertEqual(status, 1)
        self.assertIn("apt-get update", err)
        self.assertFalse((self.folder / "out").exists())

    def test_missing_index_is_an_error_with_its_name(self):
        status, _, err = run(prepare, ["--input", self.folder / "none", "--out", self.folder])
        self.assertEqual(status, 1)
        self.assertIn("none", err)


class ScoresAnswers(Folder):
    EXPECTED = [("a", '{"section": "net", "role": "program", "interface": "x11"}'),
                ("b", '{"section": "libs", "role": "shared-lib"}')]

    def setUp(self):
        super().setUp()
        self.expected = self.write_records("test.jsonl", self.EXPECTED)

    def score(self, *answers, name="answers.jsonl"):
        path = self.write_records(name, [(q, a) for (q, _), a in zip(self.EXPECTED, answers)])
        status, out, err = run(score, ["--expected", self.expected, "--json", path])
        self.assertEqual(status, 0, err)
        return json.loads(out)["models"]["answers"]

    def test_perfect_answers_match_whatever_their_order_and_spaces(self):
        result = self.score('{"role":"program","interface":"x11","section":"net"}',
                            ' {"section":"libs","role":"shared-lib"}\n')
        self.assertEqual((result["valid_json"], result["exact_match"]), (1.0, 1.0))

    def test_fields_count_over_the_records_that_expect_them(self):
        result = self.score('{"section": "net", "role": "data"}', "no JSON at all")
        self.assertEqual((result["valid_json"], result["exact_match"]), (0.5, 0.0))
        self.assertEqual(result["fields"], {"section": {"records": 2, "accuracy": 0.5},
                                            "role": {"records": 2, "accuracy": 0.0},
                                            "interface": {"records": 1, "accuracy": 0.0}})

    def test_a_field_too_many_is_no_exact_match(self):
        result = self.score(self.EXPECTED[0][1], '{"section": "libs", "role": "shared-lib", "interface": "x11"}')
        self.assertEqual(result["exact_match"], 0.5)

    def test_valid_json_need_not_be_an_object(self):
        result = self.score('"net"', "[" * 100000)
        self.assertEqual((result["valid_json"], result["exact_match"]), (0.5, 0.0))

    def test_true_is_not_one(self):
        self.assertFalse(score.same({"a": 1}, {"a": True}))

    def test_table_shows_files_side_by_side_and_samples(self):
        before = self.write_records("b.jsonl", [("a", "I am\na model"), ("b", "hello")])
        after = self.write_records("a.jsonl", self.EXPECTED)
        status, out, _ = run(score, ["--expected", self.expected, "--samples", 1, f"before={before}", f"after={after}"])
        self.assertEqual(status, 0)
        self.assertRegex(out, r"before +after\n")
        self.assertRegex(out, r"exact match \(2\) +0\.0 % +100\.0 %")
        self.assertRegex(out, r"interface \(1\) +0\.0 % +100\.0 %")
        self.assertRegex(out, r"  before +I am a model\n")
        self.assertNotIn("hello", out)

    def test_answers_to_other_questions_are_refused(self):
        path = self.write_records("x.jsonl", [("a", "1"), ("c", "2")])
        status, _, err = run(score, ["--expected", self.expected, path])
        self.assertEqual(status, 1)
        self.assertIn("record 2 answers another question", err)

    def test_missing_answers_are_refused_with_both_numbers(self):
        status, _, err = run(score, ["--expected", self.expected, self.write_records("x.jsonl", [("a", "1")])])
        self.assertEqual(status, 1)
        self.assertIn("has 1 records", err)

    def test_a_broken_line_is_named(self):
        status, _, err = run(score, ["--expected", self.expected, self.write("x.jsonl", "\n{]\n")])
        self.assertEqual(status, 1)
        self.assertIn("x.jsonl:2", err)

    def test_two_files_need_two_labels(self):
        with self.assertRaises(SystemExit):
            run(score, ["--expected", self.expected, "a/x.jsonl", "b/x.jsonl"])


if __name__ == "__main__":
    unittest.main()
