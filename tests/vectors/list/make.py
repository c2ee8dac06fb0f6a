#!/usr/bin/env python3
"""Writes the vectors of this folder from docs/guard.md alone, without any of our code.

usage: make.py [DIR]   (default: this folder)"""

import hashlib
import json
import pathlib
import struct
import sys

CLASSES = {name: 1 << i for i, name in enumerate("program library interpreter producer script revoked".split())}


def digest(text):
    return hashlib.sha256(text.encode()).digest()


def contents(magic, header, records, names=True):
    """records: (digest, class names, package, path)"""
    head = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    records = sorted(records)
    lines = "".join(f"{package}\t{path}\n" for _, _, package, path in records).encode() if names else b""
    out = magic + struct.pack(">IIQ", len(head), len(records), len(lines)) + head
    out += bytes(-len(out) % 32)
    out += b"".join(r[0] for r in records)
    out += bytes(sum(CLASSES[c] for c in r[1].split()) for r in records)
    return out + lines


LIST = {
    "groups": ["build", "desktops"],
    "list": "base",
    "not_after": "2027-02-24T00:00:00Z",
    "not_before": "2026-11-26T00:00:00Z",
    "origin": "log.example.org",
    "serial": 7,
}
RECORDS = [
    (digest("true"), "program", "coreutils 9.1-1 amd64", "/usr/bin/true"),
    (digest("dash"), "program interpreter", "dash 0.5.12-2 amd64", "/usr/bin/dash"),
    (digest("ld"), "program producer", "binutils 2.40-2 amd64", "/usr/bin/ld"),
    (digest("libc"), "library", "libc6 2.36-9 amd64", "/lib/libc.so.6"),
    (digest("tool"), "script", "", "/usr/local/bin/to\\x0aol"),
    (digest("bad"), "revoked", "", ""),
]
PACKAGE = {
    "architecture": "amd64",
    "archive": hashlib.sha256(b"hello.deb").hexdigest(),
    "kind": "deb",
    "name": "hello",
    "version": "2:2.10-3~deb12u1",
}
RPM = {
    "architecture": "x86_64",
    "archive": hashlib.sha256(b"NetworkManager.rpm").hexdigest(),
    "header": hashlib.sha256(b"its header").hexdigest(),
    "kind": "rpm",
    "name": "NetworkManager-libnm_x",
    "version": "1:1.44.2~rc1^git-3.el9",
}
BROUGHT = [
    (digest("hello"), "program", "", "/usr/bin/hello"),
    (digest("postinst"), "script", "", "DEBIAN/postinst"),
]

VECTORS = {
    "base.list": contents(b"greatseal-list-1", LIST, RECORDS),
    "unnamed.list": contents(b"greatseal-list-1", LIST, RECORDS, names=False),
    "hello.record": contents(b"greatseal-pack-1", PACKAGE, BROUGHT),
    "rpm.record": contents(b"greatseal-pack-1", RPM, BROUGHT),
    "empty.record": contents(b"greatseal-pack-1", PACKAGE, []),
}

if __name__ == "__main__":
    here = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    for name, data in VECTORS.items():
        (here / name).write_bytes(data)
