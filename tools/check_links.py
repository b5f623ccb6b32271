#!/usr/bin/env python3
"""Check that every relative link in the project's Markdown files leads somewhere.

Usage: check_links.py [ROOT]       exit status 1 and one line a finding when a link is broken.

A link is [text](target), ![text](target) or [label]: target outside code. The target must exist inside ROOT, with the
same spelling; a fragment (#words) must be a heading of the Markdown file that it points into. Links with a scheme
(https:, mailto:) are not followed.
"""
import os
import pathlib
import re
import sys
import unicodedata
from urllib.parse import unquote

SKIPPED = {".git", "build", "target", "node_modules"}
SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
INLINE = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"^ {0,3}\[[^\]^]+\]:\s*<?([^\s>]+)>?", re.MULTILINE)
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")


def markdown_files(root):
    """Yield every .md file below root, leaving out what is built or foreign."""
    for folder, names, files in os.walk(root):
        here = pathlib.Path(folder)
        names[:] = sorted(n for n in names if n not in SKIPPED)
        for name in sorted(files):
            if name.endswith(".md"):
                yield here / name


def without_code(text):
    """The text with fenced blocks and code spans blanked, line by line, so that line numbers stay."""
    lines, fence = [], ""
    for line in text.splitlines():
        opening = FENCE.match(line)
        if fence:
            if opening and opening[1].startswith(fence):
                fence = ""
            lines.append("")
        elif opening:
            fence = opening[1]
            lines.append("")
        else:
            lines.append(line)
    return SPAN.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), "\n".join(lines))


def anchors_of(text):
    """The fragments that GitHub gives to the headings of a Markdown text."""
    anchors, fence = set(), ""
    for line in text.splitlines():
        opening = FENCE.match(line)
        if opening and (not fence or opening[1].startswith(fence)):
            fence = "" if fence else opening[1]
        heading = None if fence else HEADING.match(line)
        if not heading:
            continue
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
        kept = "".join(c for c in words if c in " -_" or unicodedata.category(c)[0] in "LNM")
        slug = base = kept.replace(" ", "-")
        count = 0
        while slug in anchors:
            count += 1
            slug = f"{base}-{count}"
        anchors.add(slug)
    return anchors


def spelled_alike(path, root):
    """Whether path exists below root in exactly this spelling, on file systems that ignore case too."""
    here = root
    for part in path.relative_to(root).parts:
        if not here.is_dir() or part not in os.listdir(here):
            return False
        here = here / part
    return True


def problem_of(target, source, root):
    """What is wrong with a relative link, or nothing."""
    place, _, fragment = unquote(target).partition("#")
    if place.startswith("/"):
        return "is absolute"
    path = pathlib.Path(os.path.normpath(source.parent / place)) if place else source
    if path != root and root not in path.parents:
        return "leads out of the project"
    if not spelled_alike(path, root):
        return "does not exist"
    if fragment and path.suffix == ".md" and fragment not in anchors_of(path.read_text(encoding="utf-8")):
        return f"has no heading '#{fragment}'"
    return ""


def check_file(source, root):
    """Yield (line, target, problem) for every relative link; problem is empty for a good one."""
    text = without_code(source.read_text(encoding="utf-8"))
    for match in sorted([*INLINE.finditer(text), *DEFINITION.finditer(text)], key=lambda m: m.start()):
        target = match[1]
        if SCHEME.match(target):
            continue
        yield text.count("\n", 0, match.start(1)) + 1, target, problem_of(target, source, root)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    files = links = broken = 0
    for source in markdown_files(root):
        files += 1
        for line, target, problem in check_file(source, root):
            links += 1
            if problem:
                broken += 1
                print(f"{source.relative_to(root)}:{line}: link '{target}' {problem}")
    if broken:
        return 1
    print(f"links: {links} in {files} files, all lead somewhere")
    return 0


if __name__ == "__main__":
    sys.exit(main())
