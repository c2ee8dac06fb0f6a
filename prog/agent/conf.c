#include "prog/agent/conf.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/crypt/digest.h"

#define CONF_BYTES 65536u

enum type { TEXT, NUMBER, MODE };

static const struct {
	const char *name;
	enum type type;
	size_t offset;
	size_t size; /* of a text */
	uint64_t min;
	uint64_t max;
	const char *fallback;
	const char *help;
} table[] = {
#define TEXT_ROW(n, m, d, h)                                                                       \
	{                                                                                          \
		n, TEXT, offsetof(struct conf, m), sizeof(((struct conf *)NULL)->m), 0, 0, d, h    \
	}
#define NUMBER_ROW(n, m, lo, hi, d, h)                                                             \
	{                                                                                          \
		n, NUMBER, offsetof(struct conf, m), 0, lo, hi, d, h                               \
	}
#define MODE_ROW(n, m, d, h)                                                                       \
	{                                                                                          \
		n, MODE, offsetof(struct conf, m), 0, 0, 0777, d, h                                \
	}
	TEXT_ROW("socket", socket, "/run/greatseal/agent.sock", "where clients connect"),
	MODE_ROW("socket-mode", socket_mode, "660", "who may connect: its mode, octal"),
	TEXT_ROW("state", state, "/var/lib/greatseal-agent", "directory of host key and state"),
	TEXT_ROW("server", server, "", "https://HOST:PORT, for a host that is not enrolled"),
	TEXT_ROW("pin", pin, "", "sha256:HEX, the server's key"),
	TEXT_ROW("host", host, "", "this host's name in the roster"),
	TEXT_ROW("origin", origin, "", "the log's origin that requests must name"),
	TEXT_ROW("key-file", key_file, "", "the host's SSH key, where the roster holds it"),
	TEXT_ROW("svid-dir", svid_dir, "", "or the directory of svid.pem and svid_key.pem"),
	TEXT_ROW("tpm-device", tpm, "device:/dev/tpmrm0",
		 "the TPM: device:PATH, or swtpm:path=SOCKET"),
	TEXT_ROW("builder-id", builder_id, "",
		 "the builder that this host may sign provenance as; empty: none"),
	TEXT_ROW("allow-users", allow_users, "", "names or numbers; empty: who can connect"),
	TEXT_ROW("allow-groups", allow_groups, "", "likewise"),
	NUMBER_ROW("connections", connections, 4, 16384, "512", "connections in all"),
	NUMBER_ROW("connections-user", connections_user, 1, 16384, "256",
		   "connections of one user"),
	NUMBER_ROW("program-max", program_max, 0, (uint64_t)1 << 32, "67108864",
		   "bytes of a calling program that is still hashed"),
};
#define ROWS (sizeof(table) / sizeof(table[0]))

static rc set_mode(const char *name, struct view value, uint64_t *ret, struct fault *f)
{
	uint64_t mode = 0;

	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] < '0' || value.ptr[i] > '7' || mode > 0777 / 8)
			return fault_set(f, RC_RANGE, 0, "%s must be octal, at most 777", name);
		mode = mode * 8 + (uint64_t)(value.ptr[i] - '0');
	}
	if (value.len == 0)
		return fault_set(f, RC_RANGE, 0, "%s must be octal, at most 777", name);
	*ret = mode;
	return OK;
}

static rc set_row(struct conf *c, size_t i, struct view value, struct fault *f)
{
	char *at = (char *)c + table[i].offset;
	uint64_t n = 0;

	if (table[i].type == TEXT) {
		if (value.len >= table[i].size || memchr(value.ptr, 0, value.len) != NULL)
			return fault_set(f, RC_LIMIT, 0, "%s is too long", table[i].name);
		memcpy(at, value.ptr, value.len);
		at[value.len] = '\0';
		return OK;
	}
	if (table[i].type == MODE)
		TRY(set_mode(table[i].name, value, &n, f));
	else if (!rc_is_ok(num_parse_u64((const char *)value.ptr, value.len, table[i].max, &n)) ||
		 n < table[i].min)
		return fault_set(f, RC_RANGE, 0, "%s must be a number from %llu to %llu",
				 table[i].name, (unsigned long long)table[i].min,
				 (unsigned long long)table[i].max);
	memcpy(at, &n, sizeof(n));
	return OK;
}

rc conf_set(struct conf *c, const char *name, struct view value, struct fault *f)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(table[i].name, name) == 0)
			return set_row(c, i, value, f);
	return fault_set(f, RC_UNKNOWN, 0, "%s: no such setting; see greatseal-agent(8)", name);
}

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
	*c = (struct conf){0};
	for (size_t i = 0; i < ROWS; i++)
		rc_ignore(set_row(c, i, view_str(table[i].fallback), NULL),
			  "the table's own values fit");
	return user ? user_defaults(c, f) : OK;
}

static struct view trim(struct view v)
{
	while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t'))
		rc_ignore(view_skip(&v, 1), "there is one");
	while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t'))
		v.len--;
	return v;
}

static rc load_line(struct conf *c, struct view line, struct fault *f)
{
	struct view name;
	char text[64];

	line = trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return OK;
	if (!rc_is_ok(view_until(&line, '=', &name)))
		return fault_set(f, RC_SYNTAX, 0, "a line is NAME = VALUE");
	name = trim(name);
	if (name.len >= sizeof(text))
		return fault_set(f, RC_UNKNOWN, 0, "no such setting");
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	return conf_set(c, text, trim(line), f);
}

rc conf_load(struct conf *c, const char *path, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	struct view rest;
	struct view line;
	unsigned number = 0;

	buf_init(&text, CONF_BYTES);
	TRY(file_read(path, &text, f));
	buf_put_u8(&text, '\n');
	TRY(buf_done(&text));
	rest = buf_view(&text);
	while (rc_is_ok(view_until(&rest, '\n', &line))) {
		rc r;

		number++;
		r = load_line(c, line, f);
		if (!rc_is_ok(r))
			return fault_wrap(f, r, "%s:%u", path, number);
	}
	return OK;
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

void conf_print(void)
{
	for (size_t i = 0; i < ROWS; i++)
		(void)printf("  --%-16s %s%s%s%s\n", table[i].name, table[i].help,
			     table[i].fallback[0] ? " (default " : "", table[i].fallback,
			     table[i].fallback[0] ? ")" : "");
}
