#!/usr/bin/env python3
"""Writes canonical statements and leaves; Python's json is the oracle of the form."""
import base64
import hashlib
import json
import os
import sys

T = "2026-11-23T09:00:00Z"
LATER = "2026-11-26T09:00:00Z"


def dump(o):
    s = json.dumps(o, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    out, i = "", 0
    while i < len(s):  # Python writes \u00e9, we write \u00E9
        if s[i] == "\\":
            n = 6 if s[i + 1] == "u" else 2
            out += s[i : i + 2] + s[i + 2 : i + n].upper()
            i += n
        else:
            out += s[i]
            i += 1
    return out.encode()


def h(s):
    return hashlib.sha256(s if isinstance(s, bytes) else s.encode()).hexdigest()


def statement(kind, predicate, subject):
    return dump({"_type": "https://in-toto.io/Statement/v1", "predicate": predicate,
                 "predicateType": f"urn:greatseal:{kind}:v1", "subject": subject})


def one(name, digest):
    return [{"digest": {"sha256": digest}, "name": name}]


def request(names, **more):
    items = [{"content": "sha256:" + h("content " + n), "format": "cms", "params": {"digest": "sha256"},
              "product": "acme", "size": 4711 + i} for i, n in enumerate(names)]
    p = {"deadline": LATER, "host": "build-07", "items": items, "key": "release-2026", "key_fingerprint": h("key"),
         "nonce": "00112233445566778899aabbccddeeff", "not_before": T, "origin": "keeper.example",
         "reason": "acme 2.4.0, see the notes", "requester": "carol", "upload": True, "uses": 1}
    p.update(more)
    return statement("request", p, [{"digest": {"sha256": h(n)}, "name": n} for n in names])


REQUEST = h(request(["acme-2.4.0.tar.gz"]))
act = {"comment": "diff to 2.3.1 read", "nonce": "ffeeddccbbaa99887766554433221100", "origin": "keeper.example"}


subjects = one("acme-2.4.0.tar.gz", h("acme")) + one("notes.txt", h("notes"))
items = [{"content": "sha256:" + h("content " + n), "format": "cms", "params": {"digest": "sha256"}, "sha256": h(n)}
         for n in ("b", "a")]


def item_set(items):
    def string(b):
        return len(b).to_bytes(4, "big") + b

    def item(i):
        return hashlib.sha256(string(bytes.fromhex(i["sha256"])) + string(i["content"].encode()) + string(i["format"].encode())
                              + string(hashlib.sha256(dump(i["params"])).digest())).digest()
    return h(b"greatseal-items-v1\n" + b"".join(sorted(map(item, items))))


def keyadmin(action, params, **more):
    p = {"action": action, "expires": LATER, "key": "release-2026", "nonce": "00" * 16, "origin": "keeper.example",
         "params": params}
    p.update(more)
    return statement("keyadmin", p, one("params", h(dump(params))))


def access(action, params):
    p = {"action": action, "expires": "2026-12-01T00:00:00Z", "key": "release", "nonce": "00" * 16, "origin": "sign.example",
         "params": params}
    return statement("access", p, one("params", h(dump(params))))


def grant(size, reason, **more):
    return access("grant", {"checkpoint": {"root": ("cd" if size > 0 else "00") * 32, "size": size}, "person": "dave", "reason": reason,
                            "role": "requester", "until": "2026-12-31T00:00:00Z", **more})


def document(kind, doc):
    return statement(kind, {"document": doc, "expires": LATER, "previous": "0" * 64}, one(kind, h(dump(doc))))


der = [base64.b64encode(b"\x30\x03\x02\x01" + bytes([i])).decode() for i in range(2)]
ref = {"request": REQUEST, "time": T}
count = {"count": 2, "key": h("key")}
files = {
    "request/one": request(["acme-2.4.0.tar.gz"]),
    "request/several": request(["b.exe", "a.exe", "caf\u00e9 \U0001f600.msi", 'q"uo\\te'], uses=3, upload=False,
                               reason="first line\nsecond\tline \u00e9"),
    "request/held": request(["acme-2.4.0.tar.gz"], release=LATER),
    "act/approval": statement("approval", {**act, "approver": "alice", "checkpoint": {"root": h("r"), "size": 48121},
                              "decision": "approve", "evidence": [h("report"), h("diff")], "expires": LATER,
                              "rule": h("rule")}, one("request", REQUEST)),
    "act/approval-bare": statement("approval", {**act, "approver": "alice", "checkpoint": {"root": "0" * 64, "size": 0},
                                   "comment": "", "decision": "approve", "evidence": [], "expires": LATER,
                                   "rule": h("rule")}, one("request", REQUEST)),
    "act/denial": statement("denial", {**act, "decision": "deny", "person": "dave"}, one("request", REQUEST)),
    "act/withdrawal": statement("withdrawal", {**act, "approval": h("a"), "decision": "withdraw", "person": "alice"},
                                one("request", REQUEST)),
    "act/cancellation": statement("cancellation", {**act, "decision": "cancel", "person": "carol"}, one("request", REQUEST)),
    "act/review": statement("review", {**act, "authorize": h("entry"), "person": "erin", "time": T, "use": 2,
                                       "verdict": "ok"}, one("request", REQUEST)),
    "act/review-incident": statement("review", {**act, "authorize": h("entry"), "person": "erin", "time": T, "use": 1,
                                                "verdict": "incident"}, one("request", REQUEST)),
    "evidence/scan": statement("scan", {"by": "scan-01", "database": "27444", "given": T, "nonce": "11" * 16,
                                        "scanner": "clamav 1.0.7", "verdict": "clean"}, subjects),
    "evidence/infected": statement("scan", {"by": "scan-01", "database": "", "given": LATER, "nonce": "12" * 16,
                                            "scanner": "caf\u00e9", "verdict": "infected"}, subjects[:1]),
    "evidence/rebuild": statement("rebuild", {"builder": "builder-a", "given": T, "nonce": "13" * 16,
                                              "source": "git+https://git.example/acme@v2.4.0", "version": "2.4.0"},
                                  subjects),
    "evidence/preapproval": statement("preapproval", {"approver": "alice", "comment": "nightly", "expires": LATER,
                                                      "items": items, "key": "release-2026", "key_fingerprint": h("key"),
                                                      "nonce": "14" * 16, "origin": "keeper.example", "rule": h("rule"),
                                                      "uses": 3}, one("items", item_set(items))),
    "change/policy": document("policy", {"rules": [], "version": 2}),
    "change/roster": document("roster", {"hosts": [], "people": [], "version": 2}),
    "change/create": keyadmin("create", {"algorithm": "ecdsa-p256", "token": "main"}),
    "change/import": keyadmin("import", {"certificates": der}),
    "change/self-sign": keyadmin("self-sign", {"days": 365, "subject": "CN=Acme Test,O=Acm\u00e9"}),
    "change/lock": keyadmin("lock", {"comment": "leaked?"}),
    "change/unlock": keyadmin("unlock", {"comment": ""}),
    "change/retire": keyadmin("retire", {"comment": "replaced by release-2027"}),
    "access/grant": grant(41, "carol is on leave", host="build-07"),
    "access/any-host": grant(0, "x"),
    "access/revoke": access("revoke", {"comment": "", "grant": "ab" * 32, "person": "dave"}),
    "leaf/request": dump({**ref, **count, "items": h("items"), "kind": "request"}),
    "leaf/authorize": dump({**ref, **count, "approvals": [h("a"), h("b")], "items": h("items"), "kind": "authorize",
                            "policy": h("p"), "roster": h("r"), "rule": h("rule"), "use": 1}),
    "leaf/authorize-evidence": dump({**ref, **count, "approvals": [], "evidence": h("e"), "items": h("items"),
                                     "kind": "authorize", "policy": h("p"), "roster": h("r"), "rule": h("rule"), "use": 1}),
    "leaf/evidence": dump({"count": 2, "evidence": "scan", "kind": "evidence", "signature": h("sig"), "statement": h("st"),
                           "subjects": h("items"), "time": T}),
    "leaf/preapproval": dump({"items": h("set"), "key": h("key"), "kind": "preapproval", "signature": h("sig"),
                              "statement": h("st"), "time": T, "uses": 3}),
    "leaf/review": dump({**ref, "authorize": 7, "kind": "review", "signature": h("sig"), "statement": h("st"), "use": 1,
                         "verdict": "ok"}),
    "leaf/review-complete": dump({**ref, "authorize": 7, "complete": True, "kind": "review", "signature": h("sig"),
                                  "statement": h("st"), "use": 2, "verdict": "incident"}),
    "leaf/issue": dump({**ref, **count, "authorize": 0, "kind": "issue", "signatures": h("s"), "use": 1}),
    "leaf/admin": dump({"action": "key.create", "kind": "admin", "object": h("o"), "signatures": [h("s")],
                        "statement": h("st"), "time": T}),
    "leaf/log": dump({"event": "start", "kind": "log", "time": T}),
    "leaf/log-note": dump({"event": "recovery", "kind": "log", "note": h("n"), "time": T}),
}
for kind in ("approval", "denial", "withdrawal", "cancel"):
    files["leaf/" + kind] = dump({**ref, "kind": kind, "signature": h("sig"), "statement": h("st")})

for name, data in files.items():
    path = os.path.join(sys.argv[1], name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
