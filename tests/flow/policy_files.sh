#!/usr/bin/env bash
# Policy, roster and test files without a server: the example of a company and the schemas in docs/ are what the
# programs take and print, and each command says in words, exit codes and JSON what is wrong.
set -euo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/greatseal-policy.XXXXXX")
trap 'rm -rf "$work"' EXIT
export PATH=$BUILD/prog/cli:$BUILD/prog/keeper:$PATH
export GREATSEAL_CONFIG=/nonexistent
checks=0
ok() {
	checks=$((checks + 1))
	echo "ok $checks - $*"
}
die() {
	echo "FAILED: $*" >&2
	exit 1
}
# expect CODE TEXT command...: the exit code, and a part of what is printed.
expect() {
	local want=$1 text=$2 code=0
	shift 2
	"$@" >out.log 2>&1 || code=$?
	((code == want)) || die "exit $code instead of $want: $*: $(cat out.log)"
	grep -qF -- "$text" out.log || die "no '$text' in: $(cat out.log)"
	ok "exit $want, $text: ${*:2}"
}
# json CODE FILTER command...: the exit code, and a jq filter that holds for the one value on stdout.
json() {
	local want=$1 filter=$2 code=0
	shift 2
	"$@" --json >out.json 2>/dev/null || code=$?
	((code == want)) || die "exit $code instead of $want: $*"
	jq -es "length == 1 and (.[0] | $filter)" out.json >/dev/null || die "not $filter: $(cat out.json)"
	ok "json, exit $want: ${*:2}"
}
cd "$work"

# ---- docs and examples
for kind in policy roster tests; do
	greatseal policy schema "$kind" >schema.json
	cmp schema.json "$SRCDIR/docs/schema/$kind.json" || die "docs/schema/$kind.json: greatseal policy schema $kind prints another"
done
ok "docs/schema is what the command prints"
cp "$SRCDIR"/examples/company/*.yaml .
for kind in policy roster tests; do
	json 0 ".kind == \"$kind\" and (.changed | not)" greatseal policy fmt --check $kind.yaml
done
json 0 '.fits and .findings == []' greatseal policy check --strict policy.yaml roster.yaml
json 0 '.failed == 0 and .passed > 20' greatseal policy test tests.yaml
expect 0 "0 failed" greatseal policy test tests.yaml

# ---- compile
json 0 '.policy == "policy.json" and .roster == "roster.json"' greatseal policy compile policy.yaml roster.yaml
greatseal policy compile policy.yaml roster.yaml --out-policy p --out-roster r --quiet
for pair in "policy.json p" "roster.json r"; do
	read -r one two <<<"$pair"
	cmp "$one" "$two"
	jq -cSja . "$one" | cmp - "$one" || die "$one is not canonical"
done
[[ $(jq -r .rules.hotfix policy.map) == policy.yaml:$(grep -n 'name: hotfix' policy.yaml | cut -d: -f1) ]] || die "the map"
[[ $(jq -r .document policy.map) == $(sha256sum <policy.json | cut -d' ' -f1) ]] || die "the map's digest"
cmp policy.map p.map
jq -e '.rules[0].approval_lifetime == 259200 and (.rules[3] | has("approve") | not)' policy.json >/dev/null || die "the compiled policy"
jq -e '[.people[].keys[]] | all(test(" .* ") | not)' roster.json >/dev/null || die "a comment was compiled"
ok "compiled: canonical, with a map"
json 0 .fits greatseal policy check policy.json roster.json
(umask 077 && echo "a passphrase for a test" >passphrase)
greatseal-keeper init --state "$work/keeper" --guard "$work/guard" --origin log.example --policy policy.json --roster roster.json \
	--token "file:main,passphrase=$work/passphrase,scrypt=10" 2>/dev/null
ok "the keeper takes what was compiled"
expect 2 "policy.json would be written over its own source" greatseal policy compile policy.json roster.json
cp policy.json policy.before
sed 's/2 of security/9 of security/' policy.yaml >misfit.yaml
expect 1 'misfit.yaml:17: admin: "9 of security" cannot be filled' greatseal policy compile misfit.yaml roster.yaml --out-policy policy.json
cmp policy.json policy.before || die "a misfit was written"

# ---- check
json 1 '.error.code == "state" and (.fits | not) and .findings[0].place == "misfit.yaml:17"' greatseal policy check misfit.yaml roster.yaml
sed 's/- name: kim/- name: tim/; /- name: heidi/,/groups/s/\[developers\]/[]/' roster.yaml >odd.yaml
expect 0 "odd.yaml:$(grep -n 'name: heidi$' odd.yaml | cut -d: -f1): warning: heidi is in no group and is named nowhere (person.idle)" \
	greatseal policy check policy.yaml odd.yaml
json 1 '.fits and .error.text == "1 warning counts as error (--strict)"' greatseal policy check --strict policy.yaml odd.yaml

# ---- windows, freezes, tiers, keys
at() { grep -n -- "$1" "$2" | head -n 1 | cut -d: -f1; }
jq -e '.windows[0] == {length: 25200, name: "office-hours", open: "Mon..Thu 09:00", zone: "Europe/Berlin"} and
	.keys[0].rate == ["40 per 1d", "10 per 1h per requester"] and .rules[1].break_glass' policy.json >/dev/null || die "the compiled parts"
sed 's/1 of release-managers, 2 of security (cli)\]/2 of security (cli)]/' policy.yaml >under.yaml
expect 1 "under.yaml:$(at 'name: hotfix' under.yaml): error: rule hotfix undercuts tier customers of key windows-release" \
	greatseal policy check under.yaml roster.yaml
sed '/^freezes/,$s|Europe/Berlin|Europe/Nowhere|' policy.yaml >nowhere.yaml
expect 1 "nowhere.yaml:$(at 'name: year-end' nowhere.yaml): error: freeze year-end" greatseal policy check nowhere.yaml roster.yaml
expect 1 "" greatseal policy compile nowhere.yaml roster.yaml
[[ ! -e nowhere.json ]] || die "a policy with an unknown zone was written"
sed '/^tiers/,/^$/s/of security/of nobody/' policy.yaml >nobody.yaml
expect 1 "nobody.yaml:$(at 'name: customers' nobody.yaml): error: tier customers: approve names nobody" greatseal policy check nobody.yaml roster.yaml
sed 's/windows: \[office-hours\]/windows: [night]/' policy.yaml >night.yaml
expect 2 "night.yaml:" greatseal policy check night.yaml roster.yaml
sed 's/Mon..Thu 09:00/Mon..Thu 9 o clock/' policy.yaml >clock.yaml
expect 2 "clock.yaml:$(at 'o clock' clock.yaml):11: expected times like" greatseal policy check clock.yaml roster.yaml
sed 's/40 per 1d, /40 a day, /' policy.yaml >rate.yaml
expect 2 "rate.yaml:$(at 'a day' rate.yaml):12: expected \"N per PERIOD\"" greatseal policy check rate.yaml roster.yaml
sed 's/length: 7h/length: 32d/' policy.yaml >long.yaml
expect 2 'expected 1 to 2678400 seconds for `length`' greatseal policy check long.yaml roster.yaml

# ---- what is wrong, and where
sed 's/    approve: \[2 of rel/    aprove: [2 of rel/' policy.yaml >typo.yaml
typo=$(grep -n aprove typo.yaml | cut -d: -f1)
expect 2 "typo.yaml:$typo:5: unknown field \`aprove\` in a rule; did you mean \`approve\`?" greatseal policy check typo.yaml roster.yaml
expect 2 'see greatseal-policy(5)' greatseal policy fmt typo.yaml
json 2 '.error.code == "usage" and (.error.text | startswith("typo.yaml:'"$typo"':5: "))' greatseal policy compile typo.yaml roster.yaml
sed 's/7d$/1.5h/' policy.yaml >half.yaml
expect 2 "half.yaml:$((typo + 1)):19: expected whole units for \`max_deadline\`, found \`1.5h\`: write 90m" greatseal policy check half.yaml roster.yaml
key=$(grep -m 1 -o 'sk-ssh[^ ]* [^ ]*' roster.yaml)
sed "s|ssh-ed25519 .* carol@laptop|$key|" roster.yaml >twice.yaml
expect 2 'is there twice; first in line 13' greatseal policy check policy.yaml twice.yaml
# What only the document's own parser finds has a place, too.
sed 's/deadline: 30d/not_before: 31d\n      &/' tests.yaml >behind.yaml
line=$(grep -m 1 -n 'not_before: 31d' behind.yaml | cut -d: -f1)
expect 2 "behind.yaml:$line:19: not_before is behind deadline" greatseal policy test behind.yaml
expect 2 'roster.yaml:8:1: unknown field `people` in a policy' greatseal policy check roster.yaml roster.yaml
expect 1 'nothing.yaml' greatseal policy check nothing.yaml roster.yaml
expect 2 'no such schema' greatseal policy schema keys
head -c 5000000 /dev/zero | tr '\0' '#' >large.yaml
expect 1 'large.yaml' greatseal policy fmt large.yaml
expect 2 'policy.json: only .yaml and .yml are laid out' greatseal policy fmt policy.json

# ---- fmt
printf '{"people": [], version: 1} # all\n' >flow.yaml
chmod 640 flow.yaml
expect 1 'would lay it out otherwise' greatseal policy fmt --check flow.yaml
expect 0 'laid out' greatseal policy fmt flow.yaml
[[ $(cat flow.yaml) == $'version: 1 # all\npeople: []' ]] || die "$(cat flow.yaml)"
[[ $(stat -c %a flow.yaml) == 640 ]] || die "the file's mode"
json 0 '.changed | not' greatseal policy fmt --check flow.yaml

# ---- test
sed '0,/expect: allow/s//expect: deny/' tests.yaml >fails.yaml
expect 1 'FAIL  fails.yaml:7: two release managers and security release: expected deny, but allow (release)' \
	greatseal policy test fails.yaml
json 1 '.failed == 1 and (.tests[0] | .passed | not) and .tests[0].place == "fails.yaml:7"' greatseal policy test fails.yaml
sed 's/2 of release-managers, 1 of security/1 of release-managers/' policy.yaml >weak.yaml
expect 1 'FAIL  tests.yaml:' greatseal policy test tests.yaml --policy weak.yaml
mkdir -p elsewhere
(cd elsewhere && greatseal policy test ../tests.yaml --quiet >/dev/null) || die "files beside the tests"
ok "the files that tests name are beside them"
sed '0,/expect: allow/s//expect: allow\n    because: key.locked/' tests.yaml >reason.yaml
expect 2 'what is allowed has no reason' greatseal policy test reason.yaml

# ---- explain --who: nobody has asked
what=(greatseal explain --policy policy.yaml --roster roster.yaml --from build-01 --key linux-release --who)
expect 3 'wait at 2026-12-04T17:00:00Z, by rule release (policy.yaml:' "${what[@]}" carol --at '2026-12-04 18:00' --zone Europe/Berlin
expect 3 'office-hours opens 2026-12-07 09:00 Europe/Berlin (passes at 2026-12-07T08:00:00Z)' "${what[@]}" carol --at 2026-12-04T17:00:00Z
expect 3 'what would make it pass: greatseal approve' "${what[@]}" carol --at '2026-11-24 10:00'
expect 0 'approved by alice, bob and dave' "${what[@]}" carol --at '2026-11-24 10:00' --approved-by alice,bob,dave
expect 4 'the roster has no person or service mallory' "${what[@]}" mallory
expect 4 'the roster has no host laptop' greatseal explain --policy policy.yaml --roster roster.yaml --who carol --key linux-release --from laptop
job=(greatseal explain --policy policy.yaml --roster roster.yaml --key test --from issuer:github --who)
expect 0 'a job of github is accepted' "${job[@]}" service:plugins
expect 4 'the roster has no person or service' "${job[@]}" service:ci
expect 4 'the roster has no person or service' "${job[@]}" carol
expect 4 'a job of github is not accepted; rule nightly is for group build-farm' greatseal explain --policy policy.yaml \
	--roster roster.yaml --key nightly --from issuer:github --who service:plugins
json 3 '.outcome == "wait" and .rule == "release" and (.checks[] | select(.reason == "approve.quorum") | .remedy != "")' "${what[@]}" carol --at '2026-11-24 10:00'
# What a test may say, a question may ask.
cat >demands.yaml <<'YAML'
version: 1
change: {approve: [1 of security]}
admin: {approve: [1 of security]}
unlock: {approve: [1 of security]}
keys: [{name: linux-release, owners: [1 of security], rate: [3 per 1d]}]
rules:
  - name: release
    keys: [linux-release]
    formats: [cms]
    request: [group:developers]
    from: [build-01]
    approve: [1 of security]
    max_uses: 2
    max_deadline: 2d
    artifact:
      names: ["acme-*.deb"]
      products: [acme]
      max_size: 1000
      scan: {by: [build-02], max_age: 24h}
      provenance: {by: [ci], builder: ["https://ci.example/*"], source: ["git+https://git.example/acme"]}
      rebuild: {agree: 2, of: [builder-a, builder-b, builder-c]}
YAML
# asked CODE TEXT WHO [OPTION VALUE]...: all that the rule demands, but for these.
asked() {
	local want=$1 text=$2 who=$3 name options=()
	local -A said=([file]=acme-2.deb [product]=acme [size]=1000 [scan]='clean by build-02 23h ago' [rebuilt-by]=builder-a,builder-c
		[provenance]='https://ci.example/7 by ci from git+https://git.example/acme' [deadline]=2d [approved-by]=dave)
	shift 3
	while (($# > 0)); do
		said[${1#--}]=$2
		shift 2
	done
	for name in "${!said[@]}"; do options+=("--$name" "${said[$name]}"); done
	expect "$want" "$text" greatseal explain --policy demands.yaml --roster roster.yaml --from build-01 --key linux-release --who "$who" "${options[@]}"
}
asked 0 'independent builders agree on the digest' carol --uses 2 --used 2
asked 3 'limit.rate' carol --used 3
asked 4 'rule.uses' carol --uses 3
asked 4 'rule.deadline' carol --deadline 3d
asked 4 'artifact.name' carol --file acme-2.rpm
asked 4 'artifact.product' carol --product other
asked 4 'artifact.size' carol --size 1001
asked 3 '1 of 2 builders agree' carol --rebuilt-by builder-a
asked 4 'rule.requester' ivan
asked 0 'by grant' ivan --granted '*'
asked 3 'evidence.provenance' carol --provenance 'https://ci.example/7 by ci'
asked 4 'a scanner found it not clean' carol --scan 'infected by build-02'
asked 2 'VERDICT by NAME' carol --scan 'clean, I think'
asked 2 '--size big: a number' carol --size big
asked 2 'the question is not plain text' carol --file $'a\xff'
asked 3 'evidence.rebuild' carol --rebuilt-by builder-a
asked 0 'file 2, acme-3.deb alone: allow' carol --also 'acme-3.deb; size=9; scan=clean by build-02; rebuilt-by=builder-a,builder-b;
	provenance=https://ci.example/8 by ci from git+https://git.example/acme'
asked 4 'file 2, acme-3.deb alone: deny, rule.format' carol --also 'acme-3.deb; format=pe; scan=clean by build-02; rebuilt-by=builder-a,builder-b'
asked 4 'file 1, acme-2.deb alone: allow' carol --also 'other.deb'
asked 2 'NAME=VALUE is expected' carol --also 'acme-3.deb; clean'
asked 2 "the file's name comes first" carol --also '; size=3'
asked 2 'is expected' carol --also 'acme-3.deb; size=big'
asked 2 'is expected' carol --also 'acme-3.deb; by=carol'
expect 2 'build-02 twice' greatseal explain --policy demands.yaml --roster roster.yaml --from build-01 --key linux-release --who carol \
	--scan 'clean by build-02' --scan 'infected by build-02'
expect 2 'explain a request, or --who would make one' greatseal explain
expect 2 'explain --who needs --key and --from' greatseal explain --who carol
expect 2 'give both --policy and --roster' greatseal explain --who carol --key k --from h --policy policy.yaml
expect 2 'like 2026-12-04T17:00:00Z' "${what[@]}" carol --at 'next friday'
expect 2 '--zone ../etc/passwd' "${what[@]}" carol --at '2026-12-04 18:00' --zone ../etc/passwd
expect 1 'Nowhere/City' "${what[@]}" carol --at '2026-12-04 18:00' --zone Nowhere/City
expect 2 'the question: ' "${what[@]}" 'carol"'
expect 2 'the question is not plain text' "${what[@]}" $'carol\xff'

# ---- help
# Every command's, and the list of them, in a terminal of 80 columns; only the usage line is as long as it is.
greatseal help | tee commands.txt >help.txt
commands=0
while read -r line; do
	read -ra words <<<"${line%%  *}"
	greatseal help "${words[@]}" | tail -n +2 >>help.txt || die "help ${words[*]}"
	commands=$((commands + 1))
done < <(sed -n '/^  [a-z]/s/^  //p' commands.txt)
((commands > 60)) || die "only $commands commands in the list"
! grep -E '.{81}' help.txt || die "help is wider than 80 columns"
grep -q 'and these had approved: alice,bob$' help.txt || die "an option's text is not what it was"
ok "the help of $commands commands fits 80 columns"
echo "$checks checks"
