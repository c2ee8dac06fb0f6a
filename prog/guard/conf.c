#include "prog/guard/conf.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"
#include "lib/base/num.h"

#define CONF_BYTES 65536u

enum type { TEXT, NUMBER, LOG, DIGEST, NAME, GROUP, MOUNT };

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
#define OTHER_ROW(n, t, h)                                                                         \
	{                                                                                          \
		n, t, 0, 0, 0, 0, NULL, h                                                          \
	}
	TEXT_ROW("list", list, "/var/lib/greatseal-approved/incoming/allowlist",
		 "the list of approved contents; its proof is LIST.greatseal"),
	TEXT_ROW("state", state, "/var/lib/greatseal-approved",
		 "directory of the last good list and the mode"),
	TEXT_ROW("socket", socket, "/run/greatseal-guard/control", "where commands come in"),
	OTHER_ROW("log-key", LOG, "the log's key, as the keeper's init printed it"),
	OTHER_ROW("list-key", DIGEST, "SHA-256 fingerprint of the key that signs lists"),
	OTHER_ROW("list-name", NAME, "take lists of this name alone"),
	OTHER_ROW("group", GROUP, "a host group that this host is in; may be repeated"),
	OTHER_ROW("mount", MOUNT,
		  "guard the file system mounted here, or all local ones (all); may be repeated"),
	NUMBER_ROW("files", files, 16, 1000000, "65536", "most files that are held at a time"),
	NUMBER_ROW("patience", patience, 1, 30, "10",
		   "seconds after which a worker that does not move is replaced"),
};
#define ROWS (sizeof(table) / sizeof(table[0]))

static rc add_group(struct conf *c, struct view value, struct fault *f)
{
	struct name name;

	if (c->group_count == CONF_GROUPS_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u groups", CONF_GROUPS_MAX);
	if (!rc_is_ok(name_parse(value, &name)))
		return fault_set(f, RC_SYNTAX, 0, "group is a name: [a-z0-9._-], at most %d long",
				 NAME_MAX_LEN);
	c->groups[c->group_count++] = name;
	return OK;
}

static rc add_mount(struct conf *c, struct view value, struct fault *f)
{
	if (view_is(value, "all")) {
		c->all = true;
		return OK;
	}
	if (c->mount_count == CONF_MOUNTS_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u mounts", CONF_MOUNTS_MAX);
	if (value.len == 0 || value.len >= PATH_MAX || value.ptr[0] != '/' ||
	    memchr(value.ptr, 0, value.len) != NULL)
		return fault_set(f, RC_SYNTAX, 0, "mount is \"all\" or an absolute path");
	memcpy(c->mounts[c->mount_count], value.ptr, value.len);
	c->mounts[c->mount_count++][value.len] = '\0';
	return OK;
}

/* The types that are not text or number. */
static rc set_other(struct conf *c, enum type type, struct view value, struct fault *f)
{
	switch (type) {
	case LOG:
		TRY(vkey_parse(value, &c->log, f));
		c->has_log = true;
		return OK;
	case DIGEST:
		if (!rc_is_ok(digest_parse(value, &c->list_key)))
			return fault_set(f, RC_SYNTAX, 0, "list-key is 64 lower-case hex digits");
		c->has_list_key = true;
		return OK;
	case NAME:
		if (!rc_is_ok(name_parse(value, &c->name)))
			return fault_set(f, RC_SYNTAX, 0, "list-name is a name: [a-z0-9._-]");
		return OK;
	case GROUP:
		return add_group(c, value, f);
	case MOUNT:
		return add_mount(c, value, f);
	case TEXT:
	case NUMBER:
		break;
	}
	return RC(RC_UNKNOWN);
}

static rc set_row(struct conf *c, size_t i, struct view value, struct fault *f)
{
	char *at = (char *)c + table[i].offset;
	uint64_t n;

	switch (table[i].type) {
	case TEXT:
		if (value.len >= table[i].size || memchr(value.ptr, 0, value.len) != NULL)
			return fault_set(f, RC_LIMIT, 0, "%s is too long", table[i].name);
		memcpy(at, value.ptr, value.len);
		at[value.len] = '\0';
		return OK;
	case NUMBER:
		if (!rc_is_ok(
			    num_parse_u64((const char *)value.ptr, value.len, table[i].max, &n)) ||
		    n < table[i].min)
			return fault_set(f, RC_RANGE, 0, "%s must be a number from %llu to %llu",
					 table[i].name, (unsigned long long)table[i].min,
					 (unsigned long long)table[i].max);
		memcpy(at, &n, sizeof(n));
		return OK;
	case LOG:
	case DIGEST:
	case NAME:
	case GROUP:
	case MOUNT:
		return set_other(c, table[i].type, value, f);
	}
	return RC(RC_UNKNOWN);
}

void conf_defaults(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].fallback != NULL)
			rc_ignore(set_row(c, i, view_str(table[i].fallback), NULL),
				  "the table's own values fit");
}

rc conf_set(struct conf *c, struct view name, struct view value, struct fault *f)
{
	for (size_t i = 0; i < ROWS; i++)
		if (view_is(name, table[i].name))
			return set_row(c, i, value, f);
	return fault_set(f, RC_UNKNOWN, 0, "%.*s: no such setting; see greatseal-guard(8)",
			 name.len > 64 ? 64 : (int)name.len, (const char *)name.ptr);
}

static struct view trim(struct view v)
{
	while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t'))
		v = view_of(v.ptr + 1, v.len - 1);
	while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t'))
		v.len--;
	return v;
}

static rc take_line(struct conf *c, struct view line, struct fault *f)
{
	const uint8_t *equals;
	size_t at;

	line = trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return OK;
	equals = memchr(line.ptr, '=', line.len);
	if (equals == NULL)
		return fault_set(f, RC_SYNTAX, 0, "not NAME = VALUE");
	at = (size_t)(equals - line.ptr);
	return conf_set(c, trim(view_of(line.ptr, at)),
			trim(view_of(equals + 1, line.len - at - 1)), f);
}

rc conf_load(struct conf *c, const char *path, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	struct view rest;
	unsigned number = 0;

	buf_init(&text, CONF_BYTES);
	TRY(file_read(path, &text, f));
	rest = buf_view(&text);
	while (rest.len > 0) {
		const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end == NULL ? rest.len : (size_t)(end - rest.ptr);
		struct fault why = {0};
		rc r = take_line(c, view_of(rest.ptr, len), &why);

		number++;
		if (!rc_is_ok(r))
			return fault_set(f, r.code, number, "%s:%u: %s", path, number, why.text);
		rest = view_of(rest.ptr + len, rest.len - len);
		if (rest.len > 0)
			rest = view_of(rest.ptr + 1, rest.len - 1);
	}
	return OK;
}

rc conf_check(const struct conf *c, struct fault *f)
{
	if (!c->has_log || !c->has_list_key)
		return fault_set(f, RC_USAGE, 0,
				 "log-key and list-key say whose lists count: both are needed");
	if (c->group_count == 0)
		return fault_set(f, RC_USAGE, 0, "there is no group: a list is for host groups");
	if (c->all == (c->mount_count > 0))
		return fault_set(f, RC_USAGE, 0, "mount: either all, or one or more paths");
	return OK;
}

void conf_print(void)
{
	for (size_t i = 0; i < ROWS; i++)
		(void)printf("  --%-14s %s%s%s%s\n", table[i].name, table[i].help,
			     table[i].fallback != NULL ? " [" : "",
			     table[i].fallback != NULL ? table[i].fallback : "",
			     table[i].fallback != NULL ? "]" : "");
}
