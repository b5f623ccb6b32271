#!/usr/bin/env python3
"""Event messages that we write, read by botocore.

Usage: event_stream_peer.py PRINT_EVENTS
"""
import random
import subprocess
import sys

from botocore.eventstream import EventStreamBuffer

COUNT = 1000
SEED = 1


def meaning(headers):
    def describe(value):
        if isinstance(value, bytes):
            return "bytes " + value.hex()
        return "text " + value.encode().hex() if isinstance(value, str) else repr(value)

    return "".join(f"{name}={describe(value)};" for name, value in headers.items())


def main():
    lines = subprocess.run([sys.argv[1], str(SEED), str(COUNT)], stdout=subprocess.PIPE, text=True,
                           check=True).stdout.splitlines()
    written = [line.split("\t") for line in lines]
    stream = b"".join(bytes.fromhex(encoded) for encoded, _, _ in written)
    rng = random.Random(SEED)
    reader, messages = EventStreamBuffer(), []
    while stream:
        size = rng.randint(1, 10_000)
        reader.add_data(stream[:size])
        stream = stream[size:]
        messages += list(reader)
    assert len(messages) == len(written) == COUNT, f"{len(messages)} of {len(written)} messages read"
    for (_, headers, payload), message in zip(written, messages):
        assert meaning(message.headers) == headers, f"{message.headers} written as {headers}"
        assert message.payload.hex() == payload
    print(f"{COUNT} event messages read as they were written")


if __name__ == "__main__":
    main()
