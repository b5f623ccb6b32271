#!/usr/bin/env python3
"""Compare models' answers with the expected ones: valid JSON, exact match, and every field.

    score.py --expected test.jsonl [--samples N] [--json] before=before.jsonl after=after.jsonl

Answer files are what `outcrop run MODEL --input test.jsonl --output FILE` writes: the same records in the same
order, with the model's answer as the last message. `label=` in front names a column; without it the file's
name does.
"""
import argparse
import json
import pathlib
import sys

INVALID = object()  # an answer that is no JSON; equal to nothing expected


class Problem(Exception):
    """Something the user can put right; the text says what is wrong, and where."""


def text_of(content) -> str:
    """A message's text: a string, or a list of text blocks."""
    if isinstance(content, str):
        return content
    return "".join(block["text"] for block in content)


def read_records(path: pathlib.Path) -> list:
    """[(question, answer)] of a JSONL file of conversations."""
    pairs = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                messages = json.loads(line)["messages"]
                if messages[-1]["role"] != "assistant":
                    raise Problem(f"{path}:{number}: the last message is not an answer")
                pairs.append((text_of(messages[-2]["content"]), text_of(messages[-1]["content"])))
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise Problem(f"{path}:{number}: not a record with a question and an answer ({error!r})") from None
    return pairs


def parse_answer(text: str):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return INVALID


def same(a, b) -> bool:
    """Equal as JSON: in Python alone, True == 1."""
    return a is not INVALID and b is not INVALID and canonical(a) == canonical(b)


def canonical(value) -> str:
    return json.dumps(value, sort_keys=True)


def field_names(expected: list) -> list:
    names = {}
    for answer in expected:
        names.update(dict.fromkeys(answer))
    return list(names)


def score(expected: list, answers: list) -> dict:
    """Shares from 0 to 1. A field counts over the records that expect it."""
    count = len(expected)
    result = {
        "valid_json": sum(a is not INVALID for a in answers) / count,
        "exact_match": sum(same(e, a) for e, a in zip(expected, answers)) / count,
        "fields": {},
    }
    for name in field_names(expected):
        asked = [(e[name], a) for e, a in zip(expected, answers) if name in e]
        right = sum(isinstance(a, dict) and name in a and same(want, a[name]) for want, a in asked)
        result["fields"][name] = {"records": len(asked), "accuracy": right / len(asked)}
    return result


def read_expected(path: pathlib.Path) -> list:
    """[(question, expected object)]."""
    pairs = []
    for number, (question, text) in enumerate(read_records(path), 1):
        answer = parse_answer(text)
        if not isinstance(answer, dict):
            raise Problem(f"{path}: record {number}: the expected answer is not a JSON object: {one_line(text, 60)}")
        pairs.append((question, answer))
    if not pairs:
        raise Problem(f"{path}: no record")
    return pairs


def read_answers(path: pathlib.Path, expected: list, expected_path: pathlib.Path) -> list:
    """The answers' texts, after a check that they answer the expected questions."""
    records = read_records(path)
    if len(records) != len(expected):
        raise Problem(f"{path} has {len(records)} records, {expected_path} has {len(expected)}")
    for number, ((question, _), (asked, _)) in enumerate(zip(records, expected), 1):
        if question != asked:
            raise Problem(f"{path}: record {number} answers another question than {expected_path}: "
                          f"{one_line(question, 60)}")
    return [answer for _, answer in records]


def one_line(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def print_table(scores: dict, count: int) -> None:
    rows = [(f"valid JSON ({count})", [s["valid_json"] for s in scores.values()]),
            (f"exact match ({count})", [s["exact_match"] for s in scores.values()])]
    for name, first in next(iter(scores.values()))["fields"].items():
        rows.append((f"{name} ({first['records']})", [s["fields"][name]["accuracy"] for s in scores.values()]))
    left = max(len(title) for title, _ in rows)
    widths = [max(len(label), 7) for label in scores]
    print(" " * left, *(label.rjust(width) for label, width in zip(scores, widths)), sep="  ")
    for title, shares in rows:
        cells = (f"{100 * share:.1f} %".rjust(width) for share, width in zip(shares, widths))
        print(title.ljust(left), *cells, sep="  ")


def samples_of(expected: list, texts: dict, count: int) -> list:
    return [{"question": question, "expected": answer,
             "answers": {label: texts[label][i] for label in texts}}
            for i, (question, answer) in enumerate(expected[:count])]


def print_samples(samples: list) -> None:
    for sample in samples:
        labels = ["expected", *sample["answers"]]
        left = max(len(label) for label in labels)
        print(f"\n{one_line(sample['question'], 110)}")
        for label in labels:
            text = json.dumps(sample["expected"]) if label == "expected" else sample["answers"][label]
            print(f"  {label.ljust(left)}  {one_line(text, 106 - left)}")


def labelled(text: str) -> tuple:
    label, equals, path = text.partition("=")
    if equals and label and path:
        return label, pathlib.Path(path)
    return pathlib.Path(text).stem, pathlib.Path(text)


def parse_arguments(arguments) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--expected", type=pathlib.Path, required=True, metavar="FILE", help="the held-out records")
    parser.add_argument("--samples", type=int, default=0, metavar="N", help="show N questions with all answers")
    parser.add_argument("--json", action="store_true", help="one JSON document for programs")
    parser.add_argument("answers", nargs="+", type=labelled, metavar="[LABEL=]FILE", help="answers to compare")
    options = parser.parse_args(arguments)
    labels = [label for label, _ in options.answers]
    if len(set(labels)) != len(labels):
        parser.error("two answer files have the same label; write LABEL=FILE")
    if "expected" in labels:
        parser.error("the label \"expected\" is taken; write LABEL=FILE")
    return options


def main(arguments=None) -> int:
    options = parse_arguments(arguments)
    try:
        expected = read_expected(options.expected)
        texts = {label: read_answers(path, expected, options.expected) for label, path in options.answers}
    except Problem as problem:
        print(f"score.py: {problem}", file=sys.stderr)
        return 1
    except UnicodeDecodeError as error:
        print(f"score.py: an input is not UTF-8: {error.reason} at byte {error.start}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"score.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    wanted = [answer for _, answer in expected]
    scores = {label: score(wanted, [parse_answer(text) for text in texts[label]]) for label in texts}
    samples = samples_of(expected, texts, max(0, options.samples))
    if options.json:
        print(json.dumps({"records": len(expected), "models": scores, "samples": samples}, ensure_ascii=False))
    else:
        print_table(scores, len(expected))
        print_samples(samples)
    return 0


if __name__ == "__main__":
    sys.exit(main())
