#include "prog/agent/conf.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/crypt/digest.h"

static const struct setting rows[] = {
	SETTING_TEXT("socket", socket, "/run/greatseal/agent.sock", "where clients connect"),
	SETTING_MODE("socket-mode", socket_mode, "660", "who may connect: its mode, octal"),
	SETTING_TEXT("state", state, "/var/lib/greatseal-agent", "directory of host key and state"),
	SETTING_TEXT("server", server, "", "https://HOST:PORT, for a host that is not enrolled"),
	SETTING_TEXT("pin", pin, "", "sha256:HEX, the server's key"),
	SETTING_TEXT("host", host, "", "this host's name in the roster"),
	SETTING_TEXT("origin", origin, "", "the log's origin that requests must name"),
	SETTING_TEXT("key-file", key_file, "", "the host's SSH key, where the roster holds it"),
	SETTING_TEXT("svid-dir", svid_dir, "", "or the directory of svid.pem and svid_key.pem"),
	SETTING_TEXT("tpm-device", tpm, "device:/dev/tpmrm0",
		     "the TPM: device:PATH, or swtpm:path=SOCKET"),
	SETTING_TEXT("builder-id", builder_id, "",
		     "the builder that this host may sign provenance as; empty: none"),
	SETTING_TEXT("allow-users", allow_users, "", "names or numbers; empty: who can connect"),
	SETTING_TEXT("allow-groups", allow_groups, "", "likewise"),
	SETTING_NUMBER("connections", connections, 4, 16384, "512", "connections in all"),
	SETTING_NUMBER("connections-user", connections_user, 1, 16384, "256",
		       "connections of one user"),
	SETTING_TEXT("guard", guard, "",
		     "socket of greatseal-guard's reports, to bring them to the server; empty: "
		     "none"),
	SETTING_NUMBER("guard-interval", guard_interval, 1, 3600, "5",
		       "seconds between looks at the guard"),
	SETTING_NUMBER("guard-heartbeat", guard_heartbeat, 1, 86400, "60",
		       "seconds after which the server is told that nothing has happened"),
	SETTING_NUMBER("program-max", program_max, 0, (uint64_t)1 << 32, "67108864",
		       "bytes of a calling program that is still hashed"),
};

const struct settings conf_settings = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.conf_size = sizeof(struct conf),
	.manual = "greatseal-agent(8)",
};

static rc user_defaults(struct conf *c, struct fault *f)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int n;

	if (runtime == NULL || runtime[0] != '/')
		return fault_set(f, RC_USAGE, 0, "--user: $XDG_RUNTIME_DIR is not set");
	n = snprintf(c->socket, sizeof(c->socket), "%s/greatseal-agent.sock", runtime);
	if (n < 0 || (size_t)n >= sizeof(c->socket))
		return fault_set(f, RC_LIMIT, 0, "$XDG_RUNTIME_DIR is too long for a socket");
	if (state != NULL && state[0] == '/')
		n = snprintf(c->state, sizeof(c->state), "%s/greatseal-agent", state);
	else if (home != NULL && home[0] == '/')
		n = snprintf(c->state, sizeof(c->state), "%s/.local/state/greatseal-agent", home);
	else
		return fault_set(f, RC_USAGE, 0, "--user: neither $XDG_STATE_HOME nor $HOME");
	if (n < 0 || (size_t)n >= sizeof(c->state))
		return fault_set(f, RC_LIMIT, 0, "the state directory's path is too long");
	c->socket_mode = 0600;
	return OK;
}

rc conf_defaults(struct conf *c, bool user, struct fault *f)
{
	settings_defaults(&conf_settings, c);
	return user ? user_defaults(c, f) : OK;
}

/* ---- Names of users and groups ---- */

static rc look_up(const char *setting, bool group, const char *name, uint32_t *ret, struct fault *f)
{
	const struct passwd *pw;
	const struct group *gr;
	uint64_t n;

	if (rc_is_ok(num_parse_u64(name, strlen(name), UINT32_MAX - 1, &n))) {
		*ret = (uint32_t)n;
		return OK;
	}
	if (group) {
		gr = getgrnam(name);
		if (gr == NULL)
			return fault_set(f, RC_USAGE, 0, "%s: no group %s here", setting, name);
		*ret = gr->gr_gid;
		return OK;
	}
	pw = getpwnam(name);
	if (pw == NULL)
		return fault_set(f, RC_USAGE, 0, "%s: no user %s here", setting, name);
	*ret = pw->pw_uid;
	return OK;
}

/* Words between spaces or commas. */
static rc look_up_all(const char *setting, const char *list, bool group, uint32_t *out,
		      size_t *ret_count, struct fault *f)
{
	char text[1024];
	char *rest = NULL;
	size_t n = 0;

	(void)snprintf(text, sizeof(text), "%s", list);
	for (char *w = strtok_r(text, " ,\t", &rest); w != NULL;
	     w = strtok_r(NULL, " ,\t", &rest)) {
		if (n == CONF_WHO_MAX)
			return fault_set(f, RC_LIMIT, 0, "%s: at most %u", setting, CONF_WHO_MAX);
		TRY(look_up(setting, group, w, &out[n], f));
		n++;
	}
	*ret_count = n;
	return OK;
}

bool conf_is_enrolled(const struct conf *c)
{
	return c->key_file[0] == '\0' && c->svid_dir[0] == '\0';
}

/* Who the host is: by one of two settings and what enrolment would know, or by enrolment. */
static rc check_identity(const struct conf *c, struct fault *f)
{
	const char *path = c->key_file[0] != '\0' ? c->key_file : c->svid_dir;
	bool all = c->server[0] != '\0' && c->pin[0] != '\0' && c->host[0] != '\0' &&
		   c->origin[0] != '\0';
	bool any = c->server[0] != '\0' || c->pin[0] != '\0' || c->host[0] != '\0' ||
		   c->origin[0] != '\0';

	if (c->key_file[0] != '\0' && c->svid_dir[0] != '\0')
		return fault_set(f, RC_USAGE, 0, "key-file or svid-dir, not both");
	if (path[0] != '\0' && (path[0] != '/' || !all))
		return fault_set(f, RC_USAGE, 0,
				 "%s, an absolute path, needs server, pin, host and origin",
				 path == c->key_file ? "key-file" : "svid-dir");
	if (path[0] == '\0' && any)
		return fault_set(f, RC_USAGE, 0,
				 "server, pin, host and origin are for a host with key-file or "
				 "svid-dir; enrolment knows them");
	return OK;
}

rc conf_check(struct conf *c, struct fault *f)
{
	struct name name;
	struct hash pin;

	if (c->socket[0] != '/' || c->state[0] != '/')
		return fault_set(f, RC_USAGE, 0, "socket and state must be absolute paths");
	TRY(check_identity(c, f));
	if (c->host[0] != '\0' && !rc_is_ok(name_parse(view_str(c->host), &name)))
		return fault_set(f, RC_USAGE, 0, "host %s is not a name (a-z 0-9 . _ -)", c->host);
	if (c->pin[0] != '\0' &&
	    (!rc_is_ok(hash_parse(view_str(c->pin), &pin)) || pin.alg != HASH_SHA256))
		return fault_set(f, RC_USAGE, 0, "pin must be sha256: and 64 hex digits");
	TRY(look_up_all("allow-users", c->allow_users, false, c->users, &c->user_count, f));
	return look_up_all("allow-groups", c->allow_groups, true, c->groups, &c->group_count, f);
}
