#include "prog/guard/conf.h"

#include <string.h>

#include "prog/guard/zone.h"

static rc set_log(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	(void)s;
	TRY(vkey_parse(value, &c->log, f));
	c->has_log = true;
	return OK;
}

static rc set_list_key(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	if (!rc_is_ok(digest_parse(value, &c->list_key)))
		return fault_set(f, RC_SYNTAX, 0, "%s is 64 lower-case hex digits", s->name);
	c->has_list_key = true;
	return OK;
}

static rc add_record_key(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	if (c->record_key_count == CONF_KEYS_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u record keys", CONF_KEYS_MAX);
	if (!rc_is_ok(digest_parse(value, &c->record_keys[c->record_key_count])))
		return fault_set(f, RC_SYNTAX, 0, "%s is 64 lower-case hex digits", s->name);
	c->record_key_count++;
	return OK;
}

static rc set_token_key(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	c->has_token_key = true;
	return rc_is_ok(digest_parse(value, &c->token_key))
		       ? OK
		       : fault_set(f, RC_SYNTAX, 0, "%s is 64 lower-case hex digits", s->name);
}

static rc set_host(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	return rc_is_ok(name_parse(value, &c->host))
		       ? OK
		       : fault_set(f, RC_SYNTAX, 0, "%s is a name: [a-z0-9._-]", s->name);
}

static rc set_list_name(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	if (!rc_is_ok(name_parse(value, &c->name)))
		return fault_set(f, RC_SYNTAX, 0, "%s is a name: [a-z0-9._-]", s->name);
	return OK;
}

static rc add_group(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	if (c->group_count == CONF_GROUPS_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u groups", CONF_GROUPS_MAX);
	if (!rc_is_ok(name_parse(value, &c->groups[c->group_count])))
		return fault_set(f, RC_SYNTAX, 0, "%s is a name: [a-z0-9._-], at most %d long",
				 s->name, NAME_MAX_LEN);
	c->group_count++;
	return OK;
}

static rc set_path(const struct setting *s, struct view value, char ret[PATH_MAX], struct fault *f)
{
	if (value.len == 0 || value.len >= PATH_MAX || value.ptr[0] != '/' ||
	    memchr(value.ptr, 0, value.len) != NULL)
		return fault_set(f, RC_SYNTAX, 0, "%s: not an absolute path", s->name);
	memcpy(ret, value.ptr, value.len);
	ret[value.len] = '\0';
	return OK;
}

static rc add_mount(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	if (view_is(value, "all")) {
		c->all = true;
		return OK;
	}
	if (c->mount_count == CONF_MOUNTS_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u mounts", CONF_MOUNTS_MAX);
	TRY(set_path(s, value, c->mounts[c->mount_count], f));
	c->mount_count++;
	return OK;
}

static const char *const levels[] = {
	[LEVEL_BASE] = "base", [LEVEL_STRICT] = "strict", [LEVEL_KERNEL] = "kernel"};
_Static_assert(sizeof(levels) / sizeof(levels[0]) == LEVEL__COUNT, "each level has a name");

const char *level_name(enum guard_level level)
{
	return levels[level];
}

static rc set_level(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	if (view_is(value, "base"))
		c->level = LEVEL_BASE;
	else if (view_is(value, "strict"))
		c->level = LEVEL_STRICT;
	else if (view_is(value, "kernel"))
		c->level = LEVEL_KERNEL;
	else
		return fault_set(f, RC_SYNTAX, 0, "%s is base, strict or kernel", s->name);
	return OK;
}

static rc add_data(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	if (c->data_count == CONF_DATA_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u directories of data", CONF_DATA_MAX);
	TRY(set_path(s, value, c->data[c->data_count], f));
	c->data_count++;
	return OK;
}

static rc add_zone(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	if (c->zone_count == CONF_ZONES_MAX)
		return fault_set(f, RC_LIMIT, 0, "%s: more than %u", s->name, CONF_ZONES_MAX);
	TRY(zone_parse(value, &c->zones[c->zone_count], f));
	c->zone_count++;
	return OK;
}

static rc add_watch(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	if (c->watch_count == CONF_WATCH_MAX)
		return fault_set(f, RC_LIMIT, 0, "%s: more than %u", s->name, CONF_WATCH_MAX);
	TRY(set_path(s, value, c->watch[c->watch_count], f));
	c->watch_count++;
	return OK;
}

static const struct setting rows[] = {
	SETTING_TEXT("list", list, "/var/lib/greatseal-approved/incoming/allowlist",
		     "the list of approved contents; its proof is LIST.greatseal"),
	SETTING_TEXT("state", state, "/var/lib/greatseal-approved",
		     "directory of the last good list and the mode"),
	SETTING_TEXT("records", records, "/var/lib/greatseal-approved/records",
		     "directory of package records, each with its proof"),
	SETTING_TEXT("socket", socket, "/run/greatseal-guard/control", "where commands come in"),
	SETTING_TEXT("agent", agent, "",
		     "socket of greatseal-agent, to fetch lists and package records from the "
		     "server; empty: they are brought otherwise"),
	SETTING_SPAN("fetch-interval", fetch_interval, 1, 86400, "5m",
		     "between two looks for a newer list, a quarter more or less"),
	SETTING_NUMBER("fetch-max", fetch_max, 65536, (uint64_t)512 << 20, "134217728",
		       "bytes of a list that is fetched, at most"),
	SETTING_TEXT("reports-socket", reports_socket, "/run/greatseal-guard/reports",
		     "where greatseal-agent fetches reports; empty: nowhere"),
	SETTING_TEXT("reader", reader, "greatseal-agent",
		     "user, or its number, that may fetch reports, beside root"),
	SETTING_NUMBER("backlog", backlog, 131072, (uint64_t)1 << 30, "8388608",
		       "bytes of reports that are kept until they are fetched"),
	SETTING_OTHER("log-key", set_log, "the log's key, as the keeper's init printed it"),
	SETTING_OTHER("list-key", set_list_key, "SHA-256 fingerprint of the key that signs lists"),
	SETTING_OTHER("record-key", add_record_key,
		      "the same of a key that signs package records alone; may be repeated"),
	SETTING_OTHER("token-key", set_token_key,
		      "the same of the key that signs guard tokens [list-key]"),
	SETTING_OTHER("host", set_host,
		      "this host's name in the roster; without it no guard token is taken"),
	SETTING_OTHER("list-name", set_list_name, "take lists of this name alone"),
	SETTING_OTHER("group", add_group, "a host group that this host is in; may be repeated"),
	SETTING_OTHER(
		"mount", add_mount,
		"guard the file system mounted here, or all local ones (all); may be repeated"),
	SETTING_OTHER("level", set_level,
		      "base: what is executed; strict: also libraries and scripts; kernel: also "
		      "what is mapped [base]"),
	SETTING_OTHER("data", add_data,
		      "directory whose files interpreters may read at level strict; may be "
		      "repeated [/etc and others]"),
	SETTING_OTHER("zone", add_zone,
		      "uid:NUMBER or cgroup:/PATH, DIRECTORY and SPAN: what producers write there "
		      "runs there for so long; may be repeated"),
	SETTING_TEXT("certificates", certificates,
		     "/var/lib/greatseal-approved/incoming/certificates.pem",
		     "PEM file of certificates whose signatures are reported when they are met"),
	SETTING_OTHER("watch", add_watch,
		      "directory whose files are looked through for such signatures; may be "
		      "repeated [/lib/modules]"),
	SETTING_SPAN("watch-every", watch_every, 1, 86400, "5m", "time between these looks"),
	SETTING_NUMBER("files", files, 16, 1000000, "65536", "most files that are held at a time"),
	SETTING_SPAN("grace", grace, 0, 365 * 86400, "7d",
		     "for how long a package record outlives its package"),
	SETTING_NUMBER("patience", patience, 1, 30, "10",
		       "seconds after which a worker that does not move is replaced"),
};

const struct settings conf_settings = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.conf_size = sizeof(struct conf),
	.manual = "greatseal-guard(8)",
};

rc conf_check(const struct conf *c, struct fault *f)
{
	if (!c->has_log || !c->has_list_key)
		return fault_set(f, RC_USAGE, 0,
				 "log-key and list-key say whose lists count: both are needed");
	if (c->group_count == 0)
		return fault_set(f, RC_USAGE, 0, "there is no group: a list is for host groups");
	if (c->all == (c->mount_count > 0))
		return fault_set(f, RC_USAGE, 0, "mount: either all, or one or more paths");
	if (c->level == LEVEL_KERNEL && !c->all)
		return fault_set(f, RC_USAGE, 0,
				 "level kernel knows of no mounts: it needs \"mount = all\"");
	return OK;
}
