"""large_list - a list of many contents, as docs/guard.md has the form: all of another list, and as many more as are wanted.

usage: large_list.py AFTER OUT COUNT

Its header is AFTER's with the next serial. The contents are made up, the same each time.
"""
import hashlib
import json
import sys

after, out, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
MAGIC = b"greatseal-list-1"


def padded(header):
    return header + bytes(-(32 + len(header)) % 32)


with open(after, "rb") as f:
    old = f.read()
length, n = int.from_bytes(old[16:20], "big"), int.from_bytes(old[20:24], "big")
header = json.loads(old[32 : 32 + length])
at = 32 + len(padded(old[32 : 32 + length]))
names = old[at + 33 * n :].split(b"\n")
rows = {old[at + 32 * i : at + 32 * i + 32]: (old[at + 32 * n + i], names[i]) for i in range(n)}
for i in range(count - n):
    name = b"package-%d 1.0-%d amd64\t/usr/lib/x86_64-linux-gnu/package-%d/file" % (i // 20, i // 20, i)
    rows[hashlib.sha256(name).digest()] = (2, name)
order = sorted(rows)
header["serial"] += 1
text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
body = b"".join(rows[d][1] + b"\n" for d in order)
with open(out, "wb") as f:
    f.write(MAGIC + len(text).to_bytes(4, "big") + len(order).to_bytes(4, "big") + len(body).to_bytes(8, "big"))
    f.write(padded(text) + b"".join(order) + bytes(rows[d][0] for d in order) + body)
