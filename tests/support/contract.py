"""Reads everything a server tells and holds each answer against docs/openapi.yaml, as a client made from that file would.

contract.py CONFIG OPENAPI [TARGET...]: CONFIG is a person's client configuration, a TARGET a path of the document with a query. Members that the document does not name are faults,
too: a generated client drops them. A call is signed with ssh-keygen and sent with Python's own HTTP, by docs/api.md alone."""

import base64
import hashlib
import http.client
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.parse

import jsonschema
import yaml

SCHEMA_WORDS = {
    "$ref", "type", "properties", "items", "required", "enum", "format", "description", "nullable", "additionalProperties",
    "pattern", "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "oneOf", "anyOf", "allOf", "default", "example",
}
faults = []
looked = {}


def fault(where, text):
    faults.append(f"{where}: {text}")


def lint(node, where):
    """A schema of OpenAPI 3.0. An unquoted comma in {description: a, b} makes a word that no schema has."""
    for word in node:
        if word not in SCHEMA_WORDS:
            fault(where, f"a schema has no '{word}'")
    for name in node.get("required", []):
        if name not in node.get("properties", {}):
            fault(where, f"requires '{name}', which it does not describe")
    for name, child in node.get("properties", {}).items():
        lint(child, f"{where}.{name}")
    for word in ("oneOf", "anyOf", "allOf"):
        for child in node.get(word, []):
            lint(child, where)
    if "items" in node:
        lint(node["items"], f"{where}[]")


def lint_all(node, where=""):
    if isinstance(node, dict):
        for word, child in node.items():
            if word == "schema":
                lint(child, where)
            elif word == "schemas" and where.endswith("/components"):
                for name, schema in child.items():
                    lint(schema, name)
            else:
                lint_all(child, f"{where}/{word}")
    elif isinstance(node, list):
        for child in node:
            lint_all(child, where)


def strict(node):
    """As JSON Schema: nullable spelled out, and nothing but what is described."""
    if isinstance(node, list):
        return [strict(child) for child in node]
    if not isinstance(node, dict):
        return node
    node = {word: strict(child) for word, child in node.items()}
    if isinstance(node.get("properties"), dict) and "additionalProperties" not in node and node.get("type") == "object":
        node["additionalProperties"] = False
    if node.pop("nullable", False) is True:
        return {"anyOf": [node, {"type": "null"}]}
    return node


class Server:
    def __init__(self, config_file, document_file):
        self.config = json.load(open(config_file, encoding="utf-8"))
        self.document = yaml.safe_load(open(document_file, encoding="utf-8"))
        lint_all(self.document)
        self.described = strict(self.document)
        self.resolver = jsonschema.RefResolver("", self.described)
        url = urllib.parse.urlsplit(self.config["server"])
        context = ssl._create_unverified_context()  # pinned by PIN in the signed lines
        self.connection = http.client.HTTPSConnection(url.hostname, url.port, context=context)

    def call(self, target):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        nonce, body = os.urandom(16).hex(), hashlib.sha256(b"").hexdigest()
        pin = self.config["pin"].removeprefix("sha256:")
        lines = f"greatseal-call-v1\nGET\n{target}\n{body}\n{now}\n{nonce}\n{pin}\n"
        signed = subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-f", self.config["key"], "-n", "call.v1@greatseal"],
            input=lines.encode(), capture_output=True, check=True).stdout
        value = b"".join(line for line in signed.splitlines() if not line.startswith(b"-----")).decode()
        self.connection.request("GET", target, headers={"Authorization": f"Greatseal t={now},n={nonce},b={body},s={value}"})
        answer = self.connection.getresponse()
        return answer.status, (answer.getheader("Content-Type") or "").split(";")[0], answer.read()

    def get(self, path, names=None, query=""):
        """One call: its status, type and members must be those of PATH in the document. The JSON, else None."""
        target = path.format(**(names or {})) + query
        status, kind, body = self.call(target)
        looked[path] = looked.get(path, 0) + 1
        answers = self.described["paths"][path]["get"]["responses"]
        answer = answers.get(str(status), answers.get("default"))
        if answer is None:
            fault(target, f"status {status} is not described")
            return None
        if "$ref" in answer:
            answer = self.resolver.resolve(answer["$ref"])[1]
        if kind not in answer.get("content", {}):
            fault(target, f"'{kind}' is not described for status {status}")
            return None
        if kind != "application/json":
            return None
        value = json.loads(body)
        checker = jsonschema.Draft7Validator(answer["content"][kind].get("schema", {}), resolver=self.resolver)
        for error in checker.iter_errors(value):
            fault(target, "/".join(map(str, error.absolute_path)) + ": " + error.message[:200])
        return value if status == 200 else None


def walk(server):
    lists = {"/v1/log/proof": "?index=0", "/v1/search": "?digest=" + "0" * 64, "/v1/evidence": "?artifact=" + "0" * 64,
             "/v1/history": "?since=2020-01-01T00:00:00Z", "/v1/requests": "?limit=500"}
    answers = {path: server.get(path, query=lists.get(path, ""))
               for path, calls in server.document["paths"].items() if "get" in calls and "{" not in path}
    for digest in (answers["/v1/policy"], answers["/v1/roster"]):
        server.get("/v1/statements/{digest}", {"digest": digest["digest"]})
    for key in answers["/v1/keys"]["keys"]:
        server.get("/v1/keys/{key}", {"key": key["name"]})
        server.get("/v1/keys/{key}/certificates", {"key": key["name"]})
        server.get("/v1/keys/{key}/csr", {"key": key["name"]}, "?subject=CN%3Dx")
    for host in answers["/v1/hosts"]["hosts"]:
        server.get("/v1/hosts/{host}", {"host": host["name"]})
    for alarm in answers["/v1/alarms"]["alarms"]:
        server.get("/v1/alarms/{alarm}", {"alarm": alarm["signature"]})
    for change in answers["/v1/changes"]["changes"]:
        server.get("/v1/changes/{change}", {"change": change["id"]})
    newest = answers["/v1/guard/list"]
    if newest:
        server.get("/v1/guard/list", query="?have=" + newest["sha256"])
        server.get("/v1/guard/list/{digest}", {"digest": newest["sha256"]})
    for event in answers["/v1/guard/events"]["events"]:
        if "sha256" in event:
            server.get("/v1/guard/digests/{digest}", {"digest": event["sha256"]})
    for listed in answers["/v1/requests"]["requests"]:
        one = {"request": listed["request"]}
        whole = server.get("/v1/requests/{request}", one)
        server.get("/v1/requests/{request}/result", one)
        server.get("/v1/requests/{request}/wait", one, "?since=0&timeout=1")
        for item in range(min(listed["items"], 3)):
            server.get("/v1/requests/{request}/items/{item}/signed", {**one, "item": item})
            server.get("/v1/requests/{request}/items/{item}/artifact", {**one, "item": item})
        for subject in json.loads(base64.b64decode(whole["statement"]))["subject"][:3] if whole else []:
            server.get("/v1/evidence", query="?artifact=" + subject["digest"]["sha256"])
        for report in whole["reports"] if whole else []:
            server.get("/v1/reports/{digest}", {"digest": report["report"]})
    # what does not exist is described, too
    for path, calls in server.document["paths"].items():
        if "get" in calls and "{" in path and path != "/v1/log/{path}":
            absent = {name: "9" * 64 for name in ("request", "digest", "alarm", "change", "root")}
            server.get(path, {**absent, "key": "nobody", "host": "nobody", "item": 0})


server = Server(sys.argv[1], sys.argv[2])
walk(server)
for target in sys.argv[3:]:
    path, query = target.split("?")
    if server.get(path, query="?" + query) is None:
        fault(target, "no answer")
for line in faults:
    print(line)
print(f"{sum(looked.values())} answers of {len(looked)} calls, {len(faults)} faults")
sys.exit(bool(faults))
