#!/usr/bin/env python3
"""Make training, validation and test records of this machine's Debian package index.

    prepare.py --train 1500 --validation 100 --test 200 --seed 3 --out DIR

The task: from `name: short description` to the package's section, its role and, where it has one, its
interface, as JSON. Section and tags were given by people (Debian's archive section and debtags).

One package stands for its source package, and a source package is in one of the three files only, so that
the test never asks about a relative of a training record. The seed alone decides where a source goes.
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
from typing import Iterable, Iterator, NamedTuple

SYSTEM = "Describe the Debian package as JSON."
SCHEMA = "bedrock-conversation-2024"
NO_TAG_YET = "TODO"  # what debtags writes where nobody has decided


class Problem(Exception):
    """Something the user can put right; the text says how."""


class Example(NamedTuple):
    source: str
    user: str
    answer: dict


def paragraphs(lines: Iterable[str]) -> Iterator[dict]:
    """The control paragraphs of a package index, as {field: value}; folded lines keep their line breaks."""
    fields: dict = {}
    name = None
    for raw in lines:
        line = raw.rstrip("\r\n")
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, None
        elif line[0] in " \t":
            if name is not None:
                fields[name] += "\n" + line.strip()
        else:
            name, colon, value = line.partition(":")
            if not colon:
                name = None
                continue
            fields[name] = value.strip()
    if fields:
        yield fields


def tags_of(text: str) -> dict:
    """{facet: [tags]} of a Tag field, in its order. `facet::{a,b}` means facet::a and facet::b."""
    facets: dict = {}
    facet = ""
    inside_braces = False
    for piece in text.split(","):
        value = piece.strip()
        if not inside_braces:
            facet, separator, value = value.partition("::")
            if not separator:
                continue
            inside_braces = value.startswith("{")
        if value.endswith("}"):
            inside_braces = False
        value = value.strip("{} ")
        if value and value != NO_TAG_YET:
            facets.setdefault(facet, []).append(value)
    return facets


def examples_of(index: Iterable[dict]) -> Iterator[Example]:
    """The first package with a role of every source package."""
    seen = set()
    for fields in index:
        name, section = fields.get("Package"), fields.get("Section")
        summary = fields.get("Description", "").partition("\n")[0].strip()
        if not (name and section and summary):
            continue
        source = fields.get("Source", name).split(" ")[0]  # "bash (5.2-1)" names the source's version
        tags = tags_of(fields.get("Tag", ""))
        if "role" not in tags or source in seen:
            continue
        seen.add(source)
        answer = {"section": section, "role": tags["role"][0]}
        if "interface" in tags:
            answer["interface"] = min(tags["interface"])
        yield Example(source, f"{name}: {summary}", answer)


def rank(source: str, seed: int) -> bytes:
    """Where a source stands in the order of this seed: nothing but the seed and its name decides."""
    return hashlib.sha256(f"{seed}/{source}".encode()).digest()


def split(examples: Iterable[Example], sizes: dict, seed: int) -> dict:
    """{file: examples}. Test comes first in the order, so that it stays the same whatever --train says."""
    ordered = sorted(examples, key=lambda e: (rank(e.source, seed), e.source))
    needed = sum(sizes.values())
    if len(ordered) < needed:
        raise Problem(
            f"the index has {len(ordered)} source packages with a section and a role, {needed} are asked for; "
            "run `apt-get update` with Debian's main archive in the sources, or ask for fewer"
        )
    parts = {}
    begin = 0
    for name in ("test", "validation", "train"):
        parts[name] = ordered[begin : begin + sizes[name]]
        begin += sizes[name]
    return parts


def record_of(example: Example) -> dict:
    return {
        "schemaVersion": SCHEMA,
        "system": [{"text": SYSTEM}],
        "messages": [
            {"role": "user", "content": [{"text": example.user}]},
            {"role": "assistant", "content": [{"text": json.dumps(example.answer)}]},
        ],
    }


def write_jsonl(path: pathlib.Path, examples: list) -> None:
    """The file appears whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8") as out:
            for example in examples:
                out.write(json.dumps(record_of(example), ensure_ascii=False) + "\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def index_lines(source: str) -> list:
    """The lines of a saved index (`-` is standard input), or of this machine's own."""
    if source == "-":
        data = sys.stdin.buffer.read()
    elif source:
        data = pathlib.Path(source).read_bytes()
    else:
        command = ["apt-cache", "dumpavail"]
        try:
            run = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        except FileNotFoundError:
            raise Problem("apt-cache is not on this machine; save `apt-cache dumpavail` on a Debian machine and "
                          "name the file with --input") from None
        except subprocess.CalledProcessError as error:
            raise Problem(f"`apt-cache dumpavail` failed: {error.stderr.decode(errors='replace').strip()}") from None
        data = run.stdout
    if not data.strip():
        raise Problem("the package index is empty; run `apt-get update` (as root) and try again")
    return data.decode("utf-8", errors="replace").split("\n")


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


def parse_arguments(arguments) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", type=positive, default=1500, metavar="N", help="training records (default 1500)")
    parser.add_argument("--validation", type=positive, default=100, metavar="N", help="(default 100)")
    parser.add_argument("--test", type=positive, default=200, metavar="N", help="held-out records (default 200)")
    parser.add_argument("--seed", type=int, default=3, help="another seed, another split (default 3)")
    parser.add_argument("--input", default="", metavar="FILE",
                        help="a saved `apt-cache dumpavail`; - reads standard input (default: run it)")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR",
                        help="where train.jsonl, validation.jsonl and test.jsonl go")
    return parser.parse_args(arguments)


def describe(parts: dict, out: pathlib.Path) -> None:
    for name in ("train", "validation", "test"):
        with_interface = sum("interface" in e.answer for e in parts[name])
        print(f"{out / (name + '.jsonl')}: {len(parts[name])} records, {with_interface} with an interface")
    print("for example:")
    for example in parts["train"][:3]:
        print(f"  {example.user}\n    {json.dumps(example.answer)}")


def main(arguments=None) -> int:
    options = parse_arguments(arguments)
    sizes = {"train": options.train, "validation": options.validation, "test": options.test}
    try:
        parts = split(examples_of(paragraphs(index_lines(options.input))), sizes, options.seed)
        options.out.mkdir(parents=True, exist_ok=True)
        for name, examples in parts.items():
            write_jsonl(options.out / f"{name}.jsonl", examples)
    except Problem as problem:
        print(f"prepare.py: {problem}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"prepare.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    describe(parts, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
