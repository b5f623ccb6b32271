#!/usr/bin/env python3
"""Starts one interop test with the peers' Python, or skips it (exit status 77).

Usage: run.py TEST --outcrop PROGRAM --print-logits PROGRAM --workplace FOLDER

Environment: OUTCROP_INTEROP_PYTHON the interpreter of the environment that scripts/interop makes;
OUTCROP_SAMPLE_MODEL the sample model's GGUF file; OUTCROP_SAMPLE_GEMMA the optional Gemma one.
"""
import os
import pathlib
import sys

NEEDS = {"home": ["OUTCROP_SAMPLE_MODEL"], "remove_home": ["OUTCROP_SAMPLE_MODEL"],
         "sample_model": ["OUTCROP_SAMPLE_MODEL"], "peft_adapter": ["OUTCROP_SAMPLE_MODEL"],
         "transformers_folder": ["OUTCROP_SAMPLE_MODEL"], "llama_cpp_file": ["OUTCROP_SAMPLE_MODEL"],
         "transformers_import": [], "sample_gemma": ["OUTCROP_SAMPLE_GEMMA"]}


def main():
    test = sys.argv[1]
    for name in ["OUTCROP_INTEROP_PYTHON"] + NEEDS[test]:
        value = os.environ.get(name)
        if not value:
            print(f"skipped: {name} is not set; scripts/interop sets up what this test needs")
            sys.exit(77)
        if not os.path.exists(value):
            sys.exit(f"{name}: {value} does not exist")
    python = os.environ["OUTCROP_INTEROP_PYTHON"]
    script = pathlib.Path(__file__).resolve().parent / f"{test}.py"
    # Nothing here may reach for the network.
    environment = dict(os.environ, HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    os.execve(python, [python, str(script), *sys.argv[2:]], environment)


if __name__ == "__main__":
    main()
