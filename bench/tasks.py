"""The tasks of the benchmarks, as bedrock-conversation-2024 records: one file to train on, one held out."""
import collections
import json
import pathlib
import random
import re
import subprocess

SYSTEM = {
    "restaurant8k": "Extract the booking details from the message as JSON.",
    "debian": "Describe the Debian package as JSON.",
}


def restaurant8k(shared: pathlib.Path):
    """(training, held-out) pairs: a message of a booking dialogue, and its slots as JSON."""
    def pair(turn):
        text = turn["userInput"]["text"]
        slots = {}
        for label in turn.get("labels", []):
            span = label["valueSpan"]
            slots[label["slot"]] = text[span.get("startIndex", 0):span["endIndex"]]
        asked = turn.get("context", {}).get("requestedSlots", [])
        question = f"Asked for: {', '.join(asked)}\n{text}" if asked else text
        return question, json.dumps(slots)

    shuffle = random.Random(0).shuffle
    parts = []
    for name in ("train_0.json", "test.json"):
        pairs = [pair(t) for t in json.loads((shared / "data" / "restaurant8k" / name).read_text(encoding="utf-8"))]
        shuffle(pairs)
        parts.append(pairs)
    return parts[0], parts[1]


def debian(_shared: pathlib.Path):
    """(training, held-out) pairs of this machine's package index, one package a source package."""
    index = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, errors="replace", check=True)
    seen = set()
    pairs = []
    for paragraph in index.stdout.split("\n\n"):
        fields = dict(re.findall(r"^([\w-]+): ?(.*(?:\n[ \t].*)*)", paragraph, re.MULTILINE))
        if "Package" not in fields:
            continue
        tags = collections.defaultdict(list)
        for tag in re.split(r",\s*", re.sub(r"[{}]|\n", "", fields.get("Tag", ""))):
            facet, _, value = tag.partition("::")
            tags[facet.strip()].append(value)
        source = fields.get("Source", fields["Package"]).split(" ")[0]
        if not tags.get("role") or source in seen:
            continue
        seen.add(source)
        answer = {"section": fields["Section"], "role": tags["role"][0]}
        if tags.get("interface"):
            answer["interface"] = sorted(tags["interface"])[0]
        pairs.append((f"{fields['Package']}: {fields.get('Description', '')}", json.dumps(answer)))
    random.Random(3).shuffle(pairs)
    return pairs[:-1000], pairs[-1000:]


def write(task: str, shared: pathlib.Path, records: int, held_out: int, folder: pathlib.Path):
    """Writes folder/TASK-train.jsonl and folder/TASK-test.jsonl; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = {"restaurant8k": restaurant8k, "debian": debian}[task](shared)
    paths = []
    for part, pairs in (("train", train[:records]), ("test", test[-held_out:])):
        path = folder / f"{task}-{part}.jsonl"
        with path.open("w", encoding="utf-8") as out:
            for question, answer in pairs:
                record = {
                    "schemaVersion": "bedrock-conversation-2024",
                    "system": [{"text": SYSTEM[task]}],
                    "messages": [{"role": "user", "content": [{"text": question}]},
                                 {"role": "assistant", "content": [{"text": answer}]}],
                }
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
        paths.append(path)
    return paths
