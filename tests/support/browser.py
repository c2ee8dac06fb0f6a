#!/usr/bin/env python3
"""A browser with a passkey, for demonstrations: what a page would send for a person who approves there.

browser.py new FILE RP          makes a P-256 key (PEM) in FILE and prints its line for a roster
browser.py sign FILE ORIGIN NS  signs standard input as a page of ORIGIN would let the passkey do it (WebAuthn
                                by OpenSSH's PROTOCOL.u2f, PIN given), and prints the SSHSIG blob in base64;
                                FILE.rp, made by `new`, says for which site the key is
"""
import base64
import hashlib
import json
import struct
import subprocess
import sys

SK = b"sk-ecdsa-sha2-nistp256@openssh.com"
TOUCHED_AND_VERIFIED = 0x05


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout


def string(b):
    return struct.pack(">I", len(b)) + b


def mpint(b):
    b = b.lstrip(b"\0")
    return string(b"\0" + b if b[0] & 0x80 else b)


def key_blob(path):
    point = openssl("pkey", "-in", path, "-pubout", "-outform", "DER")[-65:]
    with open(path + ".rp", encoding="ascii") as f:
        rp = f.read().strip().encode()
    return rp, string(SK) + string(b"nistp256") + string(point) + string(rp)


def ecdsa(path, message):
    """r and s as SSH writes them; the DER of a P-256 signature has short lengths only."""
    der = openssl("dgst", "-sha256", "-sign", path, data=message)
    r_len = der[3]
    r = der[4:4 + r_len]
    s = der[4 + r_len + 2:]
    return mpint(r) + mpint(s)


def sign(path, origin, ns, statement):
    rp, blob = key_blob(path)
    tbs = b"SSHSIG" + string(ns) + string(b"") + string(b"sha512") + string(hashlib.sha512(statement).digest())
    challenge = base64.urlsafe_b64encode(tbs).rstrip(b"=").decode()
    client = json.dumps({"type": "webauthn.get", "challenge": challenge, "origin": origin, "crossOrigin": False},
                        separators=(",", ":")).encode()
    said = struct.pack(">BI", TOUCHED_AND_VERIFIED, 7)
    value = ecdsa(path, hashlib.sha256(rp).digest() + said + hashlib.sha256(client).digest())
    signature = (string(b"webauthn-" + SK) + string(value) + said + string(origin.encode()) + string(client) +
                 string(b""))
    return b"SSHSIG" + struct.pack(">I", 1) + string(blob) + string(ns) + string(b"") + string(b"sha512") + string(signature)


def main():
    if sys.argv[1] == "new":
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", sys.argv[2])
        with open(sys.argv[2] + ".rp", "w", encoding="ascii") as f:
            f.write(sys.argv[3])
        print(SK.decode(), base64.b64encode(key_blob(sys.argv[2])[1]).decode())
    else:
        print(base64.b64encode(sign(sys.argv[2], sys.argv[3], sys.argv[4].encode(), sys.stdin.buffer.read())).decode())


main()
