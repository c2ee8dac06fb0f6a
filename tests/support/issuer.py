#!/usr/bin/env python3
"""An OpenID issuer for tests: issuer.py DIR, which has cert.pem, key.pem (TLS) and signer.pem (RSA).

Prints https://127.0.0.1:PORT, which is the issuer. DIR/mode says how it behaves now: good, huge, slow,
redirect, html, duplicate, twice, plain, other, gone, away (no tokens), empty (an answer without one). DIR/set.json, if there, is the key set in place of
signer's own. GET /token?audience=A with "Authorization: bearer secret" gives a token as GitHub's runner
service does: DIR/claims.json, and A as aud; DIR/asked has a line for each: audience and token. Ends with its
standard input.
"""
import base64
import hashlib
import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

where = sys.argv[1]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read(name, default=""):
    try:
        with open(os.path.join(where, name)) as f:
            return f.read().strip()
    except FileNotFoundError:
        return default


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, stdout=subprocess.PIPE, check=True).stdout


def key():
    text = openssl("rsa", "-in", os.path.join(where, "signer.pem"), "-noout", "-modulus").decode()
    n = bytes.fromhex(re.search("Modulus=([0-9A-F]+)", text).group(1))
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "e": "AQAB", "n": b64(n),
            "kid": hashlib.sha256(n).hexdigest()[:16]}


def key_set(mode):
    if mode == "html":
        return "<html><body>Please log in</body></html>"
    if mode == "huge":
        return json.dumps({"keys": [key()], "padding": "x" * 70000})
    if mode == "duplicate":
        return json.dumps({"keys": [key(), key()]})
    if mode == "twice":
        return '{"keys":[],' + json.dumps({"keys": [key()]})[1:]
    return read("set.json") or json.dumps({"keys": [key()]})


def token(audience):
    now = int(time.time())
    head = {"alg": "RS256", "typ": "JWT", "kid": key()["kid"]}
    body = {"iss": base, "aud": audience, "iat": now, "nbf": now - 5, "exp": now + 300,
            "jti": base64.b16encode(os.urandom(8)).decode(), **json.loads(read("claims.json", "{}"))}
    text = ".".join(b64(json.dumps(part).encode()) for part in (head, body))
    return text + "." + b64(openssl("dgst", "-sha256", "-sign", os.path.join(where, "signer.pem"), data=text.encode()))


class Issuer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def say(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self):
        mode = read("mode", "good")
        at = urllib.parse.urlsplit(self.path)
        if at.path == "/token":
            if self.headers.get("Authorization", "").lower() != "bearer secret":
                return self.say(401, "no")
            if mode in ("away", "empty"):
                return self.say(503 if mode == "away" else 200, "{}")
            audience = urllib.parse.parse_qs(at.query).get("audience", ["https://github.com/acme"])[0]
            value = token(audience)
            with open(os.path.join(where, "asked"), "a") as f:
                f.write(f"{audience} {value}\n")
            return self.say(200, json.dumps({"count": 1, "value": value}))
        if mode == "gone":
            return self.say(503, "later")
        if mode == "redirect":
            return self.say(302, "", [("Location", base + "/keys")])
        if at.path == "/.well-known/openid-configuration":
            uri = base + "/keys" if mode != "plain" else base.replace("https:", "http:") + "/keys"
            issuer = base if mode != "other" else "https://other.example"
            return self.say(200, json.dumps({"issuer": issuer, "jwks_uri": uri}))
        if at.path != "/keys":
            return self.say(404, "no")
        if mode == "header":
            return self.say(200, key_set(mode), [("X-Padding", "x" * 200000)])
        if mode == "slow":  # a byte now and then, for as long as anybody listens
            self.send_response(200)
            self.send_header("Content-Length", "60000")
            self.end_headers()
            while True:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.2)
        return self.say(200, key_set(mode))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Issuer)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(where, "cert.pem"), os.path.join(where, "key.pem"))
server.socket = context.wrap_socket(server.socket, server_side=True)
base = f"https://127.0.0.1:{server.server_address[1]}"
print(base, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
