#!/usr/bin/env python3
"""Write the list of Rust crates in THIRD_PARTY_NOTICES.md anew from bridge/Cargo.lock.

Usage: third_party_notices.py [--check]     --check changes nothing and fails where the list is out of date

Listed is what cargo links into the bridge on x86-64 Linux: crates that only the build uses (procedural macros,
build scripts) leave nothing in the program. Needs cargo and the crates' sources, which any build has fetched. A
crate whose licence is not in PREFERENCE stops the script: somebody has to look at it.
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTICES = ROOT / "THIRD_PARTY_NOTICES.md"
BEGIN, END = "<!-- crates: begin -->", "<!-- crates: end -->"
# Where a crate offers several licences we take the first of these. Each has its text in LICENSE or in the notices.
PREFERENCE = ["Apache-2.0", "MIT", "MIT-0", "Zlib"]
COPYRIGHT = re.compile(r"copyright\s+(\(c\)|\d|[A-Z][a-z])", re.IGNORECASE)


def metadata():
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform",
               "x86_64-unknown-linux-gnu", "--manifest-path", str(ROOT / "bridge" / "Cargo.toml")]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def linked_crates(data):
    """The packages that the bridge links, by name and version, without the bridge."""
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    root = data["resolve"]["root"]
    found, pending = set(), [root]
    while pending:
        node = pending.pop()
        if node in found:
            continue
        found.add(node)
        for dependency in nodes[node]["deps"]:
            kinds = [target["kind"] for target in packages[dependency["pkg"]]["targets"]]
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if normal and ["proc-macro"] not in kinds:
                pending.append(dependency["pkg"])
    return sorted((packages[node] for node in found - {root}), key=lambda p: (p["name"], p["version"]))


def chosen_licence(package):
    """The licence of PREFERENCE that the crate's SPDX expression offers."""
    expression = package["license"] or ""
    offered = {name.strip() for name in re.split(r"\s+OR\s+|/", expression)}
    for licence in PREFERENCE:
        if licence in offered:
            return licence
    sys.exit(f"{package['name']} {package['version']}: licence '{expression}' offers none of {PREFERENCE}")


def copyright_lines(package):
    """What the crate's licence files say, else its authors; without mail addresses."""
    folder = pathlib.Path(package["manifest_path"]).parent
    found = []
    for path in sorted(folder.glob("LICENSE*")):
        text = re.sub(r"^> ?", "", path.read_text(errors="replace"), flags=re.MULTILINE)
        for paragraph in re.split(r"\n\s*\n", text):
            line = " ".join(paragraph.split())
            if COPYRIGHT.match(line) and line not in found:
                found.append(line)
    found = found or [f"Copyright {', '.join(package['authors'])}"]
    return [re.sub(r"\s*<[^>]*>", "", line).rstrip(" .") for line in found]


def render(crates):
    lines = ["| crate | version | its licence | used under |", "| --- | --- | --- | --- |"]
    for crate in crates:
        link = crate["repository"] or f"https://crates.io/crates/{crate['name']}"
        lines.append(f"| [{crate['name']}]({link}) | {crate['version']} | {crate['license']} "
                     f"| {chosen_licence(crate)} |")
    lines += ["", "Copyright lines of the crates that are not used under the Apache License:", ""]
    for crate in crates:
        if chosen_licence(crate) != "Apache-2.0":
            lines.append(f"- {crate['name']}: {'; '.join(copyright_lines(crate))}")
    return "\n".join(lines)


def main():
    text = NOTICES.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{NOTICES.name}: needs one line '{BEGIN}' and one line '{END}'")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    crates = linked_crates(metadata())
    wanted = f"{before}{BEGIN}\n{render(crates)}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        if wanted != text:
            sys.exit(f"{NOTICES.name}: the crate list is out of date; run tools/third_party_notices.py")
    else:
        NOTICES.write_text(wanted)
    print(f"third-party notices: {len(crates)} crates")


if __name__ == "__main__":
    main()
