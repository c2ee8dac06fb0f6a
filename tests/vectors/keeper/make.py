#!/usr/bin/env python3
"""Writes one frame of every keeper message, from docs/protocol/keeper.md alone."""
import struct
import sys

u8 = lambda n: struct.pack(">B", n)
u16 = lambda n: struct.pack(">H", n)
u32 = lambda n: struct.pack(">I", n)
u64 = lambda n: struct.pack(">Q", n)
digest = lambda c: bytes([c]) * 32
string = lambda b: u32(len(b)) + b
strings = lambda *l: u16(len(l)) + b"".join(string(s) for s in l)
NOW = 1795424400

messages = {
    "1-hello": u16(1),
    "2-submit": u8(1) + string(b'{"_type":"x"}') + string(b"SSHSIG-requester") + string(b"SSHSIG-host"),
    "3-act-approval": u8(3) + u8(1) + string(b'{"a":1}') + string(b"SSHSIG"),
    "3-act-cancellation": u8(6) + u8(0) + string(b'{"a":1}') + string(b""),
    "4-commit": digest(7) + u32(1),
    "5-show": digest(8),
    "6-result": digest(7) + u32(1000),
    "7-change-policy": u8(7) + string(b'{"p":1}') + strings(b"one", b"two"),
    "7-change-keyadmin": u8(9) + string(b'{"p":1}') + strings(),
    "21-grants": string(b"release") + string(b"") + u64(48121),
    "3-act-review": u8(17) + u8(0) + string(b'{"r":1}') + string(b"SSHSIG"),
    "26-reviews": digest(0) + u64(48121),
    "7-change-access": u8(18) + string(b'{"a":1}') + strings(b"one"),
    "8-keys": string(b""),
    "9-csr": string(b"release") + string(b"CN=Example"),
    "10-document": u8(8),
    "11-statement": digest(9),
    "12-explain": u8(0) + string(b'{"_type":"x"}') + string(b"") + string(b""),
    "13-certs": string(b"release"),
    "14-log-proof": u64(48121) + u64(0),
    "3-act-scan": u8(10) + u8(0) + string(b'{"a":1}') + string(b"SSHSIG"),
    "3-act-provenance": u8(12) + u8(0) + string(b'{"payload":""}') + string(b""),
    "15-evidence": digest(9) + string("caf\u00e9.deb".encode()),
    "16-counted": digest(9),
    "20-jwks": string(b"https://issuer.example") + string(b'{"keys":[]}'),
    "25-caller": string(b"ci-release") + string(b"eyJ.e30.AA"),
    "128-r-error": string(b"who.self") + string(b"carol asked for it herself"),
    "129-r-hello": u16(1) + string(b"keeper.example") + string(b"keeper.example+0123abcd+AAAA") + u64(3) + u64(4)
    + digest(1) + digest(2) + u64(48121) + u64(NOW),
    "130-r-status": digest(7) + u8(1) + u8(1) + string(b"approve.quorum") + u32(0) + u64(2**64 - 1) + string(b"{}"),
    "131-r-result": digest(7) + u32(1) + u64(NOW) + digest(1) + digest(0) + u64(10) + u64(11) + string(b'{"kind":"issue"}')
    + string(b"c2sp.org/tlog-proof@v1\n") + u32(2) + string(b"sig0") + string(b"signature 1"),
    "132-r-change": b'{"state":"done"}',
    "133-r-json": b"[]",
    "134-r-bytes": b"\x30\x00",
    "135-r-document-request": u8(1) + u64(5) + string(b'{"_type":"x"}') + strings(b"one", b"two"),
    "135-r-document-roster": u8(8) + u64(0) + string(b'{"d":1}') + strings(b"one"),
    "135-r-document-provenance": u8(12) + u64(7) + string(b'{"payload":""}') + strings(),
    "135-r-document-preapproval": u8(13) + u64(7) + string(b'{"d":1}') + strings(b"one"),
    "136-r-certs": strings(b"\x30\x01\x00", b"\x30\x00"),
    "137-r-proof": b"c2sp.org/tlog-proof@v1\n",
}

for name, body in messages.items():
    number = int(name.split("-")[0])
    with open(f"{sys.argv[1]}/{name}", "wb") as f:
        f.write(u32(12 + len(body)) + u16(number) + u16(0) + u64(0x0102030405060708) + body)
