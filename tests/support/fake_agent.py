"""fake_agent - an agent, or a server behind it, that lies: HTTP on a unix socket.

usage: fake_agent.py SOCKET MODE-FILE OFFER LIST

OFFER is an answer of GET /v1/guard/list that was true once, LIST the bytes that it names. What is answered depends on the
word in MODE-FILE at that moment.
"""
import hashlib
import json
import os
import socketserver
import sys

path, mode_file, offer_file, list_file = sys.argv[1:]
with open(offer_file) as f:
    TRUE = json.load(f)
with open(list_file, "rb") as f:
    LIST = f.read()


def mode():
    with open(mode_file) as f:
        return f.read().strip()


class Handler(socketserver.StreamRequestHandler):
    def answer(self, body, length=None, status="200 OK", more=""):
        length = len(body) if length is None else length
        head = f"HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def offer(self, **changes):
        self.answer(json.dumps({**TRUE, **changes}).encode())

    def meta(self, what):
        flipped = bytes([LIST[-1] ^ 1])
        if what == "garbage":
            self.answer(b"\x00\xff{")
        elif what == "no-proof":
            self.offer(serial=9, proof={})
        elif what == "flipped":
            self.offer(serial=9, sha256=hashlib.sha256(LIST[:-1] + flipped).hexdigest())
        elif what == "huge":
            self.offer(serial=9, size=1 << 40)
        elif what in ("newer", "cut", "longer", "silent-end"):
            self.offer(serial=9)
        elif what == "older":
            self.offer()
        elif what == "chunked":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        elif what == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n")
        elif what == "other":
            self.answer(b'{"error":{"code":"agent.server","text":"nobody is there","remedy":""}}', status="502 Bad Gateway")
        elif what == "records":
            self.answer(json.dumps({"later": [], "records": []}).encode())

    def file(self, what):
        if what == "cut":
            self.answer(LIST[: len(LIST) // 2], length=len(LIST))
            return False
        if what == "longer":
            self.answer(LIST + b"more")
        elif what == "flipped":
            self.answer(LIST[:-1] + bytes([LIST[-1] ^ 1]))
        else:
            self.answer(LIST)
        return True

    def handle(self):
        while True:
            line = self.rfile.readline().split()
            if len(line) < 2:
                return
            while self.rfile.readline() not in (b"\r\n", b"\n", b""):
                pass
            what = mode()
            target = line[1].decode()
            if what == "silent-end":
                return
            if target.startswith("/v1/guard/list/"):
                if not self.file(what):
                    return
            else:
                self.meta(what)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass  # whoever was lied to hangs up


if os.path.exists(path):
    os.unlink(path)
Server(path, Handler).serve_forever()
