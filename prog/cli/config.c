#include "prog/cli/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"

#define CONFIG_BYTES 65536u

/* One row per member, for reading and writing alike. */
static const struct {
	const char *name;
	size_t offset;
	size_t size;
	bool required;
} fields[] = {
#define FIELD(n, member, req)                                                                      \
	{                                                                                          \
		n, offsetof(struct config, member), sizeof(((struct config *)NULL)->member), req   \
	}
	FIELD("agent", agent, false),
	FIELD("client_cert", client_cert, false),
	FIELD("client_key", client_key, false),
	FIELD("host", host.s, false),
	FIELD("host_key", host_key, false),
	FIELD("key", key, false),
	FIELD("oidc", oidc, false),
	FIELD("oidc_ca", oidc_ca, false),
	FIELD("origin", origin, true),
	FIELD("person", person.s, true),
	FIELD("pin", pin, true),
	FIELD("server", server, true),
	FIELD("svid_dir", svid_dir, false),
	FIELD("token_file", token_file, false),
	FIELD("vkey", vkey, true),
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static char *at(struct config *c, size_t i)
{
	return (char *)c + fields[i].offset;
}

rc config_path(const char *argument, struct config *c, struct fault *f)
{
	const char *named = argument != NULL ? argument : getenv("GREATSEAL_CONFIG");
	const char *home = getenv("HOME");
	const char *xdg = getenv("XDG_CONFIG_HOME");
	int n;

	if (named != NULL && named[0] != '\0')
		n = snprintf(c->path, sizeof(c->path), "%s", named);
	else if (xdg != NULL && xdg[0] == '/')
		n = snprintf(c->path, sizeof(c->path), "%s/greatseal/client.json", xdg);
	else if (home != NULL && home[0] == '/')
		n = snprintf(c->path, sizeof(c->path), "%s/.config/greatseal/client.json", home);
	else
		return fault_set(f, RC_USAGE, 0,
				 "neither --config, $GREATSEAL_CONFIG, $XDG_CONFIG_HOME nor $HOME "
				 "says where the client configuration is: give --config FILE");
	if (n < 0 || (size_t)n >= sizeof(c->path))
		return fault_set(f, RC_LIMIT, 0, "the configuration's path is too long");
	return OK;
}

static rc take_field(struct config *c, const char *name, const json_t *value, struct fault *f)
{
	const char *text = json_string_value(value);

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (strcmp(fields[i].name, name) != 0)
			continue;
		if (text == NULL || strlen(text) >= fields[i].size)
			return fault_set(f, RC_SYNTAX, 0,
					 "%s: \"%s\" must be a string of at most %zu bytes",
					 c->path, name, fields[i].size - 1);
		memcpy(at(c, i), text, strlen(text) + 1);
		return OK;
	}
	return fault_set(f, RC_UNKNOWN, 0, "%s: unknown field \"%s\"", c->path, name);
}

rc config_load(struct config *c, struct fault *f)
{
	AUTO(buf) struct buf b = {0};
	AUTO(json) json_t *root = NULL;
	json_error_t e;
	const char *name;
	json_t *value;

	buf_init(&b, CONFIG_BYTES);
	TRY(file_read(c->path, &b, f));
	if (b.len == 0)
		return fault_set(
			f, RC_SYNTAX, 0,
			"%s: the configuration is empty; greatseal init-client --replace makes "
			"one",
			c->path);
	root = json_loadb((const char *)b.ptr, b.len, JSON_REJECT_DUPLICATES, &e);
	if (root == NULL)
		return fault_set(f, RC_SYNTAX, 0, "%s:%d: %s", c->path, e.line, e.text);
	if (!json_is_object(root))
		return fault_set(f, RC_SYNTAX, 0,
				 "%s: the configuration is not a JSON object; greatseal "
				 "init-client --replace makes one",
				 c->path);
	json_object_foreach(root, name, value) TRY(take_field(c, name, value, f));
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (fields[i].required && at(c, i)[0] == '\0')
			return fault_set(f, RC_SYNTAX, 0, "%s: \"%s\" is missing", c->path,
					 fields[i].name);
	return config_check(c, f);
}

rc config_check(const struct config *c, struct fault *f)
{
	struct name name;
	struct hash pin;

	if (!rc_is_ok(name_parse(view_str(c->person.s), &name)))
		return fault_set(f, RC_SYNTAX, 0, "person \"%s\" is not a name (a-z 0-9 . _ -)",
				 c->person.s);
	if (c->host.s[0] != '\0' && !rc_is_ok(name_parse(view_str(c->host.s), &name)))
		return fault_set(f, RC_SYNTAX, 0, "host \"%s\" is not a name (a-z 0-9 . _ -)",
				 c->host.s);
	if (!rc_is_ok(hash_parse(view_str(c->pin), &pin)) || pin.alg != HASH_SHA256)
		return fault_set(f, RC_SYNTAX, 0, "pin must be sha256: and 64 hex digits");
	if (strncmp(c->server, "https://", 8) != 0 || strpbrk(c->server + 8, "/?#@") != NULL)
		return fault_set(f, RC_SYNTAX, 0, "server must be https://HOST:PORT");
	if (c->agent[0] != '\0' && c->agent[0] != '/')
		return fault_set(f, RC_SYNTAX, 0, "agent must be an absolute path");
	if (c->svid_dir[0] != '\0' && c->svid_dir[0] != '/')
		return fault_set(f, RC_SYNTAX, 0, "svid_dir must be an absolute path");
	return OK;
}

/* Makes the directory that path lies in. */
static rc make_parent(const char *path, struct fault *f)
{
	char dir[PATH_MAX];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return OK;
	*slash = '\0';
	return dir_make(dir, 0700, f);
}

rc config_save(const struct config *c, struct fault *f)
{
	AUTO(json) json_t *root = json_object();
	AUTO(buf) struct buf text = {0};
	struct config copy = *c;
	char *dump;

	if (root == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (at(&copy, i)[0] != '\0' &&
		    json_object_set_new(root, fields[i].name, json_string(at(&copy, i))) != 0)
			return fault_set(f, RC_SYNTAX, 0, "%s is not UTF-8", fields[i].name);
	buf_init(&text, CONFIG_BYTES);
	dump = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
	if (dump == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	buf_printf(&text, "%s\n", dump);
	free(dump);
	TRY(buf_done(&text));
	TRY(make_parent(c->path, f));
	return file_replace(
		&(struct file_spec){
			.dirfd = AT_FDCWD, .name = c->path, .mode = 0600, .durable = true},
		buf_view(&text), f);
}

/* Where the newest verified checkpoint is remembered. */
static rc state_path(const struct config *c, char out[PATH_MAX], struct fault *f)
{
	if ((size_t)snprintf(out, PATH_MAX, "%s.checkpoint", c->path) >= PATH_MAX)
		return fault_set(f, RC_LIMIT, 0, "the configuration's path is too long");
	return OK;
}

rc config_checkpoint_load(const struct config *c, struct buf *out, struct fault *f)
{
	char path[PATH_MAX];

	TRY(state_path(c, path, f));
	return file_read(path, out, f);
}

rc config_checkpoint_save(const struct config *c, struct view note, struct fault *f)
{
	char path[PATH_MAX];

	TRY(state_path(c, path, f));
	TRY(make_parent(path, f));
	return file_replace(
		&(struct file_spec){.dirfd = AT_FDCWD, .name = path, .mode = 0600, .durable = true},
		note, f);
}
