#!/usr/bin/env python3
"""Requests that botocore signs, checked by our verifier.

Usage: sigv4_peer.py VERIFY_REQUESTS [--requests N] [--mutants N] [--seed N]

Every request that botocore signed must be accepted, and none that differs from one in a single place.
"""
import argparse
import collections
import datetime
import random
import string
import subprocess
import sys
import unittest.mock
import urllib.parse

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
LONG_LIVED = Credentials("AKIDEXAMPLE", SECRET)
TEMPORARY = Credentials("ASIATEMPORARY", SECRET, "a token/+=")
SIGNERS = {("bedrock", False): botocore.auth.SigV4Auth, ("bedrock", True): botocore.auth.SigV4QueryAuth,
           ("s3", False): botocore.auth.S3SigV4Auth, ("s3", True): botocore.auth.S3SigV4QueryAuth}
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
CHARACTERS = string.ascii_letters + string.digits + "-_.~ !\"#$%&'()*+,/:;=?@[]^`{|}äሴ𝄞"
METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]

Signed = collections.namedtuple("Signed", "service presigned time method path query body headers")


def text(rng, longest, shortest=0):
    return "".join(rng.choices(CHARACTERS, k=rng.randint(shortest, longest)))


def random_path(rng, service):
    parts = [text(rng, 12) for _ in range(rng.randint(0, 5))]
    if service != "s3":
        parts += rng.choices(["", ".", "..", "arn:aws:bedrock:us-east-1::foundation-model/a.b-v1:0"], k=rng.randint(0, 2))
        rng.shuffle(parts)
    return "/" + "/".join(urllib.parse.quote(part, safe="~") for part in parts)


def random_query(rng):
    # botocore presigns each name once only.
    names = {text(rng, 8, 1) for _ in range(rng.randint(0, 5))}
    return "&".join(f"{urllib.parse.quote(name, safe='~')}={urllib.parse.quote(text(rng, 10), safe='~')}"
                    for name in names)


def random_headers(rng, host):
    headers = {"Host": host}
    for _ in range(rng.randint(0, 3)):
        name = rng.choice(["x-amz-meta-", "X-Amz-", "Content-", "My-"]) + "".join(
            rng.choices(string.ascii_letters, k=rng.randint(1, 9)))
        value = "".join(rng.choices(string.ascii_letters + "  \t,;=\"", k=rng.randint(0, 20)))
        headers[name] = value
    if rng.random() < 0.5:
        headers["User-Agent"] = "not signed"
    return headers


def sign(rng):
    service = rng.choice(["bedrock", "s3"])
    presigned = rng.random() < 0.4
    time = datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=rng.randrange(30 * 365 * 86400))
    host = rng.choice(["localhost:8484", "bucket.localhost", "example.org"])
    body = rng.randbytes(rng.randint(0, 40))
    request = AWSRequest(method=rng.choice(METHODS), headers=random_headers(rng, host), data=b"" if presigned else body,
                         url=f"https://{host}{random_path(rng, service)}?{random_query(rng)}".rstrip("?"))
    if presigned and service == "bedrock":
        body = b""  # botocore presigns the absence of a body; for S3 it leaves the body open
    if not presigned and service == "s3" and rng.random() < 0.5:
        # A streaming upload over TLS with a checksum, which S3 takes unsigned.
        request.headers["Content-MD5"] = "x"
        request.context["has_streaming_input"] = True
    elif not presigned and rng.random() < 0.1:
        request.headers["Date"] = "to be set"
    credentials = rng.choice([LONG_LIVED, TEMPORARY])
    with unittest.mock.patch("botocore.auth.get_current_datetime", return_value=time):
        SIGNERS[service, presigned](credentials, service, "us-east-1").add_auth(request)
    parts = urllib.parse.urlsplit(request.url)
    return Signed(service, presigned, time, request.method, parts.path, parts.query, body, list(request.headers.items()))


def replace_character(rng, value, alphabet=string.ascii_letters + string.digits):
    """The text with one letter or digit become another, or nothing where it has none outside of an escape."""
    places = [at for at, c in enumerate(value)
              if c in alphabet and "%" not in value[max(0, at - 2):at]]
    if not places:
        return None
    at = rng.choice(places)
    return value[:at] + rng.choice([c for c in alphabet if c != value[at]]) + value[at + 1:]


def signed_names(signed):
    if signed.presigned:
        return urllib.parse.parse_qs(signed.query)["X-Amz-SignedHeaders"][0].split(";")
    authorization = dict(signed.headers)["Authorization"]
    return authorization.split("SignedHeaders=")[1].split(",")[0].split(";")


def with_header(signed, at, value):
    headers = list(signed.headers)
    headers[at] = (headers[at][0], value)
    return signed._replace(headers=headers)


def mutate_method(rng, signed):
    return signed._replace(method=rng.choice([m for m in METHODS if m != signed.method]))


def mutate_path(rng, signed):
    if rng.random() < 0.5:
        changed = replace_character(rng, signed.path)
        # A dot segment takes the one before it out of the path that is signed.
        if changed and (signed.service == "s3" or "/.." not in signed.path):
            return signed._replace(path=changed)
    return signed._replace(path=signed.path + rng.choice(["x", "/y", "%2F"]))


def mutate_query(rng, signed):
    if rng.random() < 0.5:
        changed = replace_character(rng, signed.query)
        if changed:
            return signed._replace(query=changed)
    return signed._replace(query=signed.query + "&" * bool(signed.query) + rng.choice(["x", "x=", "x=1"]))


def mutate_header(rng, signed):
    names = signed_names(signed)
    places = [at for at, (name, _) in enumerate(signed.headers) if name.lower() in names]
    at = rng.choice(places)
    kind = rng.randrange(4)
    if kind == 0:
        return signed._replace(headers=signed.headers[:at] + signed.headers[at + 1:])
    if kind == 1:
        return signed._replace(headers=signed.headers + [("x-amz-added", "1")])
    if kind == 2:
        return signed._replace(headers=signed.headers + [signed.headers[at]])
    return with_header(signed, at, signed.headers[at][1] + "x")


def mutate_body(rng, signed):
    declared = {name.lower(): value for name, value in signed.headers}.get("x-amz-content-sha256")
    if declared == "UNSIGNED-PAYLOAD" or (signed.presigned and signed.service == "s3"):
        return None
    body = bytearray(signed.body) or bytearray(b"x")
    if signed.body:
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    return signed._replace(body=bytes(body))


def mutate_payload_hash(rng, signed):
    for at, (name, value) in enumerate(signed.headers):
        if name.lower() == "x-amz-content-sha256":
            other = rng.choice(["0" * 64, "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""])
            return with_header(signed, at, other) if other != value else None
    return None


def mutate_authorization(rng, signed, part, alphabet):
    """One character of Credential or Signature, wherever they are."""
    if signed.presigned:
        head, tail = signed.query.split(f"X-Amz-{part}=")
        value, *rest = tail.split("&", 1)
        changed = replace_character(rng, value, alphabet)
        return signed._replace(query=head + f"X-Amz-{part}=" + "&".join([changed, *rest]))
    at = [name for name, _ in signed.headers].index("Authorization")
    head, tail = signed.headers[at][1].split(f"{part}=")
    value, *rest = tail.split(",", 1)
    return with_header(signed, at, head + f"{part}=" + ",".join([replace_character(rng, value, alphabet), *rest]))


def mutate_signature(rng, signed):
    return mutate_authorization(rng, signed, "Signature", string.hexdigits[:16])


def mutate_scope(rng, signed):
    return mutate_authorization(rng, signed, "Credential", string.ascii_lowercase + string.digits)


def mutate_date(rng, signed):
    other = (signed.time + datetime.timedelta(seconds=rng.choice([-60, -1, 1, 60]))).strftime(TIME_FORMAT)
    now = signed.time.strftime(TIME_FORMAT)
    if signed.presigned:
        return signed._replace(query=signed.query.replace(f"X-Amz-Date={now}", f"X-Amz-Date={other}"))
    for at, (name, value) in enumerate(signed.headers):
        if value == now and name.lower() == "x-amz-date":
            return with_header(signed, at, other)
    return None


def mutate_time(rng, signed):
    """Received too early or too late."""
    late = datetime.timedelta(seconds=rng.randint(3601, 10**6))
    return signed._replace(time=signed.time + rng.choice([-1, 1]) * late)


MUTATIONS = [mutate_method, mutate_path, mutate_query, mutate_header, mutate_body, mutate_payload_hash,
             mutate_signature, mutate_scope, mutate_date, mutate_time]


def line(signed):
    fields = [signed.service, signed.time.strftime(TIME_FORMAT), signed.method, signed.path, signed.query, signed.body]
    for name, value in signed.headers:
        fields += [name, value]
    return "\t".join(urllib.parse.quote(field, safe="") for field in fields)


def verify(program, requests):
    result = subprocess.run([program], input="\n".join(map(line, requests)) + "\n", stdout=subprocess.PIPE, text=True,
                            check=True)
    answers = result.stdout.splitlines()
    assert len(answers) == len(requests), f"{len(answers)} answers to {len(requests)} requests"
    return answers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)

    requests = [sign(rng) for _ in range(arguments.requests)]
    refused = [(request, answer) for request, answer in zip(requests, verify(arguments.program, requests))
               if answer != "ok"]
    for request, answer in refused[:5]:
        print(f"refused: {answer}\n  {request}")

    mutants, kinds = [], collections.Counter()
    while len(mutants) < arguments.mutants:
        mutation = rng.choice(MUTATIONS)
        mutant = mutation(rng, rng.choice(requests))
        if mutant is not None:
            mutants.append((mutation.__name__, mutant))
            kinds[mutation.__name__] += 1
    answers = verify(arguments.program, [mutant for _, mutant in mutants])
    accepted = [mutant for mutant, answer in zip(mutants, answers) if answer == "ok"]
    for kind, mutant in accepted[:5]:
        print(f"accepted after {kind}:\n  {mutant}")
    unread = sum(answer.startswith("malformed") for answer in answers)

    print(f"{len(requests)} requests, {len(refused)} refused; {len(mutants)} mutants, {len(accepted)} accepted, "
          f"by problem {sorted(collections.Counter(a.split()[0] for a in answers).items())}, by kind {dict(kinds)}")
    sys.exit(1 if refused or accepted or unread else 0)


if __name__ == "__main__":
    main()
