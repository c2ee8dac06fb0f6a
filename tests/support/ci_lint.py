#!/usr/bin/env python3
"""ci_lint.py github|gitlab|jenkins FILE OUT: looks at an example for a CI system as far as can be without it.

Names and shapes that the system would refuse are errors. The shell commands go to OUT, one a line or block, and
the environment of the signing job to OUT.env as NAME=VALUE, for tests that run them.
"""
import re
import sys

import yaml


def fail(text):
    sys.exit(f"ci_lint: {sys.argv[2]}: {text}")


class Strict(yaml.SafeLoader):
    """Names that come twice are errors; "on" is a name and not the value true, as GitHub reads it."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                fail(f"line {key.start_mark.line + 1}: {key.value} twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


Strict.yaml_implicit_resolvers = {
    first: [(tag, regex) for tag, regex in rules if tag != "tag:yaml.org,2002:bool"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def known(what, mapping, names):
    if not isinstance(mapping, dict):
        fail(f"{what} is not a mapping")
    for name in mapping:
        if name not in names:
            fail(f"{what}: {name} is not known")


def text_list(what, value):
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        fail(f"{what} is not a list of texts")
    return value


def gitlab(source):
    root = yaml.load(source, Strict)
    stages = text_list("stages", root.pop("stages", None))
    commands, env = [], {}
    for name, job in root.items():
        known(name, job, {"stage", "script", "after_script", "artifacts", "tags", "rules", "timeout", "retry", "variables", "id_tokens"})
        if job.get("stage") not in stages:
            fail(f"{name}: no such stage")
        script = text_list(f"{name}.script", job.get("script")) + text_list(f"{name}.after_script", job.get("after_script", ["true"]))
        for token in job.get("id_tokens", {}).values():
            known(f"{name}.id_tokens", token, {"aud"})
        known(f"{name}.retry", job.get("retry", {}), {"max", "exit_codes", "when"})
        if not all(isinstance(v, (str, int)) for v in job.get("variables", {}).values()):
            fail(f"{name}.variables are not texts")
        if any("greatseal" in v or "sign.sh" in v for v in script):
            commands, env = script, job.get("variables", {})
    return commands, env


def github(source):
    root = yaml.load(source, Strict)
    known("the workflow", root, {"name", "on", "permissions", "concurrency", "env", "jobs"})
    if root.get("permissions") not in ({}, {"contents": "read"}):
        fail("permissions of all jobs are wider than contents: read")
    commands, env = [], {}
    for name, job in root["jobs"].items():
        known(name, job, {"runs-on", "needs", "permissions", "steps", "env", "timeout-minutes", "environment", "if"})
        for step in job["steps"]:
            known(f"{name}.steps", step, {"name", "id", "uses", "with", "run", "env", "if", "shell"})
            if ("run" in step) == ("uses" in step):
                fail(f"{name}: a step has either run or uses")
            if "uses" in step and not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", step["uses"]):
                fail(f"{name}: {step['uses']} names no commit; tags move")
            if step.get("uses", "").startswith("actions/checkout@") and step.get("with", {}).get("persist-credentials") != "false":
                fail(f"{name}: the checkout leaves its credentials behind")
            if "${{" in step.get("run", ""):
                fail(f"{name}: an expression inside of run is put into the shell's text; use env")
        if any("sign.sh" in s.get("run", "") for s in job["steps"]):
            if job.get("permissions") != {"contents": "read", "id-token": "write"}:
                fail(f"{name}: its permissions are not contents: read, id-token: write")
            if not isinstance(job.get("environment"), str):
                fail(f"{name}: no environment, so nothing says who may start it")
            commands = [s["run"] for s in job["steps"] if "run" in s]
            env = {**root.get("env", {}), **job.get("env", {})}
    return commands, env


def jenkins(source):
    """Braces, quotes and comments of a declarative pipeline, and where its parts may stand."""
    inside = {"pipeline": None, "agent": {"pipeline", "stage"}, "stages": {"pipeline", "stage"}, "stage": {"stages"},
              "steps": {"stage"}, "environment": {"pipeline", "stage"}, "options": {"pipeline", "stage"}, "when": {"stage"},
              "post": {"pipeline", "stage"}, "always": {"post"}, "withCredentials": {"steps"}}
    token = re.compile(r"//[^\n]*|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|[(\[]|[)\]]|[{}]|\n|[^\s'\"(){}\[\]]+|[ \t]+")
    blocks, brackets, words, at = [], [], [], 0
    commands = re.findall(r"^\s*sh '((?:[^'\\\n]|\\.)*)'$", source, re.M)
    while at < len(source):
        m = token.match(source, at)
        if m is None:
            fail(f"character {at}: an open quote, or what no Jenkinsfile has")
        word, at = m.group(0), m.end()
        if word in "([":
            brackets.append(word)
        elif word in ")]":
            if not brackets or brackets.pop() + word not in ("()", "[]"):
                fail(f"character {at}: {word} without its beginning")
        elif word == "{":
            head = re.match(r"\w*", words[0] if words else "").group(0)
            if brackets or head not in inside:
                fail(f"a block {head or '?'} is not known")
            if inside[head] is not None and (not blocks or blocks[-1] not in inside[head]):
                fail(f"{head} inside of {blocks[-1] if blocks else 'nothing'}")
            blocks.append(head)
            words = []
        elif word == "}":
            if brackets or not blocks:
                fail(f"character {at}: a brace too many")
            blocks.pop()
            words = []
        elif word == "\n":
            words = [] if not brackets else words
        elif word.strip() and not word.startswith("//"):
            words.append(word)
    if blocks or brackets:
        fail(f"{(blocks + brackets)[-1]} does not end")
    return commands, dict(re.findall(r"^\s*([A-Z_]+) = '([^']*)'$", source, re.M))


with open(sys.argv[2]) as f:
    text = f.read()
lines, variables = {"github": github, "gitlab": gitlab, "jenkins": jenkins}[sys.argv[1]](text)
if not lines:
    fail("no job signs anything")
with open(sys.argv[3], "w") as f:
    f.write("\n".join(line.rstrip("\n") for line in lines) + "\n")
with open(sys.argv[3] + ".env", "w") as f:
    f.writelines(f"{name}={value}\n" for name, value in variables.items())
