#!/usr/bin/env python3
"""Starts one test with the clients' Python, or skips it (exit status 77).

Usage: run.py TEST ARGUMENT...

Environment: OUTCROP_CLIENTS_PYTHON the interpreter of the environment that scripts/clients makes.
"""
import os
import pathlib
import sys


def main():
    python = os.environ.get("OUTCROP_CLIENTS_PYTHON")
    if not python:
        print("skipped: OUTCROP_CLIENTS_PYTHON is not set; scripts/clients sets up what this test needs")
        sys.exit(77)
    if not os.path.exists(python):
        sys.exit(f"OUTCROP_CLIENTS_PYTHON: {python} does not exist")
    script = pathlib.Path(__file__).resolve().parent / f"{sys.argv[1]}.py"
    # Nobody's own AWS settings may take part.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["AWS_CONFIG_FILE"] = environment["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.execve(python, [python, str(script), *sys.argv[2:]], environment)


if __name__ == "__main__":
    main()
