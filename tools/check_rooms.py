#!/usr/bin/env python3
"""Hold every project #include against src/ROOMS, and every source file against the size limit.

Usage: check_rooms.py [SRC]        exit status 1 and one line a finding when a rule is broken.

Rules: a room includes only itself and the rooms its line in ROOMS names; a header in a
sub-folder of a room is private to that room; no file passes 1,000 lines; no header includes
a library header that costs every including file seconds.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
HEAVY = ("spdlog/", "nlohmann/json.hpp", "gtest/", "regex", "fmt/", "iostream", "dnnl.hpp", "CLI/", "nghttp2/", "curl/")
MAX_LINES = 1000


def read_rooms(path):
    """Return {room: set of rooms it may include}; raise ValueError on a line that breaks layer order."""
    rooms = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, _, allowed = line.partition(":")
        for other in allowed.split():
            if other not in rooms:
                raise ValueError(f"{path}:{number}: room '{name}' names '{other}', which does not stand above it")
        rooms[name.strip()] = set(allowed.split())
    return rooms


def check_file(path, src, rooms):
    """Yield one finding a broken rule in this file."""
    room = path.relative_to(src).parts[0]
    if room not in rooms:
        yield f"{path}: folder '{room}' is not a room of ROOMS"
        return
    lines = path.read_text(errors="replace").splitlines()
    if len(lines) > MAX_LINES:
        yield f"{path}: {len(lines)} lines, the limit is {MAX_LINES}"
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, target = match.groups()
        if quote == "<":
            if path.suffix == ".h" and target.startswith(HEAVY):
                yield f"{path}:{number}: heavy header <{target}> in a .h file"
            continue
        parts = pathlib.PurePosixPath(target).parts
        if parts[0] not in rooms:
            if not (path.parent / target).exists() and not target.startswith("outcrop_bridge"):
                yield f"{path}:{number}: \"{target}\" starts with no room's name"
        elif parts[0] != room and parts[0] not in rooms[room]:
            yield f"{path}:{number}: room '{room}' may not include room '{parts[0]}'"
        elif parts[0] != room and len(parts) > 2:
            yield f"{path}:{number}: \"{target}\" is private to room '{parts[0]}'"


def main():
    src = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "src")
    try:
        rooms = read_rooms(src / "ROOMS")
    except ValueError as error:
        print(error)
        return 1
    files = [p for p in sorted(src.rglob("*")) if p.suffix in (".h", ".cpp")]
    findings = [f for p in files for f in check_file(p, src, rooms)]
    print("\n".join(findings) if findings else f"rooms: {len(files)} files, every include allowed")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
