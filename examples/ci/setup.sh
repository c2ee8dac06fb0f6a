#!/bin/sh
# setup.sh - writes the client configuration of one CI job, from its environment. Once per job, before sign.sh.
#
#   GREATSEAL_CONFIG       where it goes; sign.sh and greatseal read the same variable
#   GREATSEAL_SERVICE      the service's name in the roster; and how it shows who it is, one of:
#   GREATSEAL_OIDC         github: by tokens that the runner gives
#   GREATSEAL_TOKEN        the job's token itself (GitLab: id_tokens)
#   GREATSEAL_SERVICE_KEY  file with the service's SSH key
#   GREATSEAL_AGENT        socket of greatseal-agent on an enrolled machine, or else:
#   GREATSEAL_SERVER       https://HOST:PORT
#   GREATSEAL_PIN          sha256:HEX, the server's key
#   GREATSEAL_HOST         this machine's name in the roster; with GREATSEAL_OIDC there may be none
#   GREATSEAL_HOST_KEY     file with its SSH key
#   GREATSEAL_OIDC_CA      PEM roots of the token service, if the system's are not its own
set -eu
: "${GREATSEAL_CONFIG:?a file of this job, for example \$PWD/.greatseal/client.json}"
: "${GREATSEAL_SERVICE:?the name of the service}"

# CI systems hand secret files out with modes of their own; a key that others can read is refused.
umask 077
dir=$(dirname "$GREATSEAL_CONFIG")
mkdir -p "$dir"
set -- --config "$GREATSEAL_CONFIG" --service "$GREATSEAL_SERVICE"

if [ -n "${GREATSEAL_OIDC:-}" ]; then
	set -- "$@" --oidc "$GREATSEAL_OIDC"
	[ -z "${GREATSEAL_OIDC_CA:-}" ] || set -- "$@" --oidc-ca "$GREATSEAL_OIDC_CA"
elif [ -n "${GREATSEAL_TOKEN:-}" ]; then
	printf %s "$GREATSEAL_TOKEN" >"$dir/token"
	set -- "$@" --token-file "$dir/token"
else
	cat "${GREATSEAL_SERVICE_KEY:?the file with its key, or GREATSEAL_OIDC, or GREATSEAL_TOKEN}" >"$dir/service.key"
	set -- "$@" --key "$dir/service.key"
fi

if [ -n "${GREATSEAL_AGENT:-}" ]; then
	set -- "$@" --agent "$GREATSEAL_AGENT"
else
	set -- "$@" --server "${GREATSEAL_SERVER:?https://HOST:PORT}" --pin "${GREATSEAL_PIN:?sha256:HEX}"
	if [ -n "${GREATSEAL_HOST:-}" ] || [ -z "${GREATSEAL_OIDC:-}" ]; then
		cat "${GREATSEAL_HOST_KEY:?the file with the key of this machine}" >"$dir/host.key"
		set -- "$@" --host "${GREATSEAL_HOST:?the name of this machine}" --host-key "$dir/host.key"
	fi
fi
exec greatseal init-client "$@"
