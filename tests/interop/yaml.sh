#!/usr/bin/env bash
# Our reading of YAML against PyYAML's, over random policies and rosters in random styles: `compile` gives what
# PyYAML reads when it takes every scalar for text and the schema says what it is; what `fmt` writes is the same
# document also for a reader that guesses types; docs/schema/*.json accepts it, where jsonschema is installed.
# usage: yaml.sh [SEED [ROUNDS]]
set -euo pipefail
python3 -c 'import yaml' 2>/dev/null || {
	echo "PyYAML is not installed"
	exit 77
}
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-yaml.XXXXXX")
trap 'rm -rf "$work"' EXIT
export PATH=$BUILD/prog/cli:$BUILD/tests/interop:$PATH GREATSEAL_CONFIG=/nonexistent
cd "$work"
python3 - "$SRCDIR" "${1:-1}" "${2:-60}" <<'PYTHON'
import base64, json, random, struct, subprocess, sys

import yaml

src, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
print(f"seed {seed}")
rnd = random.Random(seed)
try:
    import jsonschema
except ImportError:
    jsonschema = None
schemas = {k: json.load(open(f"{src}/docs/schema/{k}.json")) for k in ("policy", "roster")}

# Names that readers of YAML like to take for something else.
ODD = ["no", "yes", "on", "off", "null", "true", "false", "y", "n", "010", "1", "0x1f", "1e3", "1.5", "0o17", "1_000",
       "2026-11-24", "12.5e-1", "a", "x-y", "release", "1.2.3", "7-zip", "0", "0b1", "190.20.30"]


def name():
    return rnd.choice(ODD) if rnd.random() < 0.6 else "n%d" % rnd.randrange(10**6)


def names(most):
    return list(dict.fromkeys(name() for _ in range(rnd.randint(1, most))))


def key(i):
    raw = struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + KEYS[i]
    return "ssh-ed25519 " + base64.b64encode(raw).decode()


KEYS = []
for line in open(f"{src}/examples/company/roster.yaml"):
    words = line.split()
    if "ssh-ed25519" in words:
        KEYS.append(base64.b64decode(words[words.index("ssh-ed25519") + 1])[-32:])


def seats():
    return ["%d of %s" % (rnd.randint(1, 5), n) for n in names(3)]


def span(seconds):
    unit = rnd.choice([("", 1), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 604800)])
    return f"{seconds // unit[1]}{unit[0]}" if seconds % unit[1] == 0 else str(seconds)


def policy():
    """A policy twice: as text values for the source, and as what it has to compile to."""
    source, compiled = {}, {}
    for part in ("change", "admin", "unlock"):
        source[part] = compiled[part] = {"approve": seats()}
    version = rnd.randint(1, 2**53 - 1)
    source["version"], compiled["version"] = str(version), version
    source["rules"], compiled["rules"] = [], []
    for rule_name in names(4):
        s = {"name": rule_name, "keys": names(3), "formats": rnd.sample(["cms", "pe", "x.y", "0", "1e3"], rnd.randint(1, 3)),
             "request": [rnd.choice(["", "group:"]) + n for n in names(3)], "from": [rnd.choice(["", "group:"]) + n for n in names(3)]}
        c = dict(s)
        if rnd.random() < 0.7:
            s["approve"] = c["approve"] = seats()
            if rnd.random() < 0.2:
                s["unattended"] = "false"
        else:
            s["unattended"], c["unattended"] = "true", True
        if rnd.random() < 0.5:
            s["upload"] = c["upload"] = rnd.choice(["required", "optional"])
        if rnd.random() < 0.5:
            n = rnd.randint(1, 1000)
            s["max_uses"], c["max_uses"] = str(n), n
        for field in ("max_deadline", "approval_lifetime"):
            if rnd.random() < 0.5:
                n = rnd.choice([60, 3600, 86400, 604800, 1]) * rnd.randint(1, 50)
                s[field], c[field] = span(n), n
        source["rules"].append(s)
        compiled["rules"].append(c)
    return source, compiled


def roster():
    keys = list(range(len(KEYS)))
    rnd.shuffle(keys)
    source, compiled = {"version": "3"}, {"version": 3, "people": [], "hosts": []}
    for kind in ("people", "hosts"):
        if rnd.random() < 0.2:
            continue
        source[kind] = []
        for n in names(3):
            if not keys:
                break
            k = key(keys.pop())
            s, c = {"name": n, "keys": [k + rnd.choice(["", " laptop", " a: b # c", ' "x"', " [1, 2]"])]}, {"name": n, "keys": [k], "groups": []}
            if rnd.random() < 0.8:
                s["groups"] = c["groups"] = names(4)
            source[kind].append(s)
            compiled[kind].append(c)
    return source, compiled


class Text(str):
    """Written in any style: plain where PyYAML can, or quoted."""


def styled(value):
    if isinstance(value, dict):
        items = list(value.items())
        rnd.shuffle(items)
        return {Text(k): styled(v) for k, v in items}
    if isinstance(value, list):
        return [styled(v) for v in value]
    return Text(value)


class Dumper(yaml.Dumper):
    def ignore_aliases(self, data):
        return True


def represent(dumper, text):
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=rnd.choice([None, None, "'", '"']))


def represent_map(dumper, value):
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=rnd.random() < 0.4)


def represent_list(dumper, value):
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=rnd.random() < 0.5)


Dumper.add_representer(Text, represent)
Dumper.add_representer(dict, represent_map)
Dumper.add_representer(list, represent_list)
# No text has a type here, so none needs quotes for its type's sake.
Dumper.yaml_implicit_resolvers = {}


def same(kind, got, want, what):
    if got != want:
        print(f"seed {seed}: {kind}: {what}\n got {got}\nwant {want}", open(f"{kind}.yaml").read(), sep="\n")
        sys.exit(1)


def typed(value):
    """What a reader that guesses types has to see: texts as texts, numbers and flags as such."""
    if isinstance(value, dict):
        return {k: (int(v) if k in ("version", "max_uses") else v == "true" if k == "unattended" else
                    int(v) if k in ("max_deadline", "approval_lifetime") and v.isdigit() else typed(v)) for k, v in value.items()}
    return [typed(v) for v in value] if isinstance(value, list) else value


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


for i in range(rounds):
    for kind, make in (("policy", policy), ("roster", roster)):
        source, compiled = make()
        text = yaml.dump(styled(source), Dumper=Dumper, width=10**6, allow_unicode=True, indent=rnd.choice([2, 4]),
                         sort_keys=False, explicit_start=rnd.random() < 0.2)
        open(f"{kind}.yaml", "w").write(text)
        same(kind, yaml.load(text, Loader=yaml.BaseLoader), source, "PyYAML reads what it wrote")
        want = json.dumps(compiled, sort_keys=True, separators=(",", ":"))
        for stage in ("as written", "laid out"):
            code, out, err = run("source_tool", kind, f"{kind}.yaml")
            same(kind, (code, out, err), (0, want, ""), f"compiled, {stage}")
            if stage == "as written":
                code, out, err = run("greatseal", "policy", "fmt", f"{kind}.yaml", "--quiet")
                same(kind, (code, err), (0, ""), "fmt")
        laid = open(f"{kind}.yaml").read()
        same(kind, yaml.safe_load(laid), typed(source), "a reader that guesses types")
        if jsonschema:
            jsonschema.validate(yaml.safe_load(laid), schemas[kind])
print(f"{rounds} policies and {rounds} rosters, jsonschema {'too' if jsonschema else 'not installed'}")
PYTHON
