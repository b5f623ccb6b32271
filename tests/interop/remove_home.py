"""Removes what home.py made."""
import shutil

from common import parse_arguments

if __name__ == "__main__":
    shutil.rmtree(parse_arguments().workplace, ignore_errors=True)
