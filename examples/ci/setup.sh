#!/bin/sh
# setup.sh - writes the client configuration of one CI job, from its environment. Once per job, before sign.sh.
#
#   GREATSEAL_CONFIG       where it goes; sign.sh and greatseal read the same variable
#   GREATSEAL_SERVICE      the service's name in the roster
#   GREATSEAL_SERVICE_KEY  file with the service's SSH key
#   GREATSEAL_AGENT        socket of greatseal-agent on an enrolled machine, or else these four:
#   GREATSEAL_SERVER       https://HOST:PORT
#   GREATSEAL_PIN          sha256:HEX, the server's key
#   GREATSEAL_HOST         this machine's name in the roster
#   GREATSEAL_HOST_KEY     file with its SSH key
set -eu
: "${GREATSEAL_CONFIG:?a file of this job, for example \$PWD/.greatseal/client.json}"
: "${GREATSEAL_SERVICE:?the name of the service}"
: "${GREATSEAL_SERVICE_KEY:?the file with its key}"

# CI systems hand secret files out with modes of their own; a key that others can read is refused.
umask 077
dir=$(dirname "$GREATSEAL_CONFIG")
mkdir -p "$dir"
cat "$GREATSEAL_SERVICE_KEY" >"$dir/service.key"
set -- --config "$GREATSEAL_CONFIG" --person "$GREATSEAL_SERVICE" --key "$dir/service.key"

if [ -n "${GREATSEAL_AGENT:-}" ]; then
	set -- "$@" --agent "$GREATSEAL_AGENT"
else
	cat "${GREATSEAL_HOST_KEY:?the file with the key of this machine}" >"$dir/host.key"
	set -- "$@" --server "${GREATSEAL_SERVER:?https://HOST:PORT}" --pin "${GREATSEAL_PIN:?sha256:HEX}" \
		--host "${GREATSEAL_HOST:?the name of this machine}" --host-key "$dir/host.key"
fi
exec greatseal init-client "$@"
