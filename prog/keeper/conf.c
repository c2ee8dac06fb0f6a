#include "prog/keeper/conf.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"
#include "lib/base/num.h"

enum type { TYPE_TEXT, TYPE_PATH, TYPE_LIST, TYPE_BOOL, TYPE_MODE, TYPE_SPAN };

#define HOUR 3600ll
#define DAY (24 * HOUR)

static const struct setting {
	const char *name;
	enum type type;
	size_t at; /* in struct conf */
	bool init_only;
	const char *fallback; /* NULL: none */
	const char *help;
	int64_t min; /* of a span, in seconds */
	int64_t max;
} settings[] = {
#define SETTING(name_, type_, member, init, fallback_, help_)                                      \
	{                                                                                          \
		.name = (name_), .type = (type_), .at = offsetof(struct conf, member),             \
		.init_only = (init), .fallback = (fallback_), .help = (help_)                      \
	}
#define SPAN(name_, member, fallback_, min_, max_, help_)                                          \
	{                                                                                          \
		.name = (name_), .type = TYPE_SPAN, .at = offsetof(struct conf, member),           \
		.fallback = (fallback_), .help = (help_), .min = (min_), .max = (max_)             \
	}
	SETTING("state", TYPE_PATH, state, false, "/var/lib/greatseal-keeper",
		"directory of journal, tokens and the public log"),
	SETTING("guard", TYPE_PATH, guard, false, "/var/lib/greatseal-guard",
		"directory of head.guard; leave it out of backups"),
	SETTING("socket", TYPE_PATH, socket, false, "/run/greatseal-keeper/socket",
		"unix socket to serve; not used under socket activation"),
	SETTING("socket-mode", TYPE_MODE, socket_mode, false, "0660", "octal mode of the socket"),
	SETTING("jwks-socket", TYPE_PATH, jwks_socket, false, NULL,
		"unix socket for greatseal-jwksd; not used under socket activation"),
	SETTING("token", TYPE_LIST, tokens, false, NULL,
		"file:NAME[,...] or pkcs11:NAME,...; may be repeated"),
	SETTING("self-sign", TYPE_BOOL, self_sign, false, "no",
		"permit self-signed certificates (tests, closed circles)"),
	SETTING("web-origin", TYPE_LIST, web_origins, false, NULL,
		"origin of a console whose passkeys may sign; may be repeated"),
	SETTING("synced-passkeys", TYPE_BOOL, synced_passkeys, false, "no",
		"accept passkeys that a vendor synchronises"),
	SETTING("touch-only", TYPE_BOOL, touch_only, false, "no",
		"accept security keys that were touched without PIN or finger"),
	SETTING("zoneinfo", TYPE_PATH, zoneinfo, false, "/usr/share/zoneinfo",
		"directory of time zones, for the policy's windows and freezes"),
	SETTING("tpm-roots", TYPE_PATH, tpm_roots, false, NULL,
		"directory of the certificates of vendors of TPMs: class attested"),
	SETTING("vtpm-roots", TYPE_PATH, vtpm_roots, false, NULL,
		"directory of the certificates of makers of virtual TPMs: class vtpm"),
	SPAN("host-cert-life", host_cert_life, "24h", HOUR / 12, 30 * DAY,
	     "how long a host's certificate lasts: 5m to 30d"),
	SPAN("host-cert-grace", host_cert_grace, "30d", 0, 366 * DAY,
	     "how long after its end a host may still renew: 0s to 366d"),
	SETTING("read-path", TYPE_LIST, read_paths, false, NULL,
		"path that a token module may read after start; may be repeated"),
	SETTING("write-path", TYPE_LIST, write_paths, false, NULL,
		"path that a token module may write too (SoftHSM's tokens); may be repeated"),
	SETTING("origin", TYPE_TEXT, origin, true, NULL, "init: the log's name, a host name"),
	SETTING("policy", TYPE_PATH, policy, true, NULL, "init: policy document or statement"),
	SETTING("roster", TYPE_PATH, roster, true, NULL, "init: roster document or statement"),
	SETTING("signature", TYPE_LIST, signatures, true, NULL,
		"init: signature under either statement; may be repeated"),
	SETTING("log-token", TYPE_TEXT, log_token, true, NULL,
		"init: token of the log's own key (default: the first)"),
#undef SPAN
#undef SETTING
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static rc set_text(const struct setting *s, struct view v, char out[CONF_TEXT], struct fault *f)
{
	if (v.len == 0 || v.len >= CONF_TEXT || memchr(v.ptr, '\0', v.len) != NULL)
		return fault_set(f, RC_USAGE, 0, "%s: 1 to %u bytes", s->name, CONF_TEXT - 1);
	memcpy(out, v.ptr, v.len);
	out[v.len] = '\0';
	return OK;
}

static rc set_mode(const struct setting *s, struct view v, unsigned *ret, struct fault *f)
{
	unsigned mode = 0;

	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] < '0' || v.ptr[i] > '7' || v.len > 4)
			return fault_set(f, RC_USAGE, 0, "%s: octal, at most 0777", s->name);
		mode = mode * 8 + (unsigned)(v.ptr[i] - '0');
	}
	if (v.len == 0 || mode > 0777)
		return fault_set(f, RC_USAGE, 0, "%s: octal, at most 0777", s->name);
	*ret = mode;
	return OK;
}

/* A number and s, m, h or d. */
static rc set_span(const struct setting *s, struct view v, int64_t *ret, struct fault *f)
{
	static const char units[] = "smhd";
	static const uint64_t seconds[] = {1, 60, HOUR, DAY};
	const char *unit = v.len == 0 ? NULL : memchr(units, v.ptr[v.len - 1], 4);
	uint64_t n = 0;

	if (unit == NULL ||
	    !rc_is_ok(num_parse_u64((const char *)v.ptr, v.len - 1, UINT32_MAX, &n)) ||
	    (int64_t)(n * seconds[unit - units]) < s->min ||
	    (int64_t)(n * seconds[unit - units]) > s->max)
		return fault_set(f, RC_USAGE, 0, "%s: a number and s, m, h or d; %s", s->name,
				 s->help);
	*ret = (int64_t)(n * seconds[unit - units]);
	return OK;
}

static rc set_value(struct conf *c, const struct setting *s, struct view v, struct fault *f)
{
	void *at = (char *)c + s->at;
	struct conf_list *list;

	switch (s->type) {
	case TYPE_TEXT:
	case TYPE_PATH:
		return set_text(s, v, (char *)at, f);
	case TYPE_LIST:
		list = (struct conf_list *)at;
		if (list->count == CONF_LIST_MAX)
			return fault_set(f, RC_LIMIT, 0, "%s: at most %u", s->name, CONF_LIST_MAX);
		TRY(set_text(s, v, list->text[list->count], f));
		list->count++;
		return OK;
	case TYPE_BOOL:
		if (!view_is(v, "yes") && !view_is(v, "no"))
			return fault_set(f, RC_USAGE, 0, "%s: yes or no", s->name);
		*(bool *)at = view_is(v, "yes");
		return OK;
	case TYPE_MODE:
		return set_mode(s, v, (unsigned *)at, f);
	case TYPE_SPAN:
		return set_span(s, v, (int64_t *)at, f);
	}
	return RC(RC_USAGE);
}

void conf_init(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < SETTINGS; i++)
		if (settings[i].fallback != NULL)
			rc_ignore(set_value(c, &settings[i], view_str(settings[i].fallback), NULL),
				  "the table's own values are good");
}

rc conf_set(struct conf *c, struct view name, struct view value, bool from_file, struct fault *f)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (view_is(name, settings[i].name)) {
			if (from_file && settings[i].init_only)
				return fault_set(f, RC_USAGE, 0, "%s belongs to init alone",
						 settings[i].name);
			return set_value(c, &settings[i], value, f);
		}
	return fault_set(f, RC_UNKNOWN, 0, "no setting %.*s", (int)(name.len > 40 ? 40 : name.len),
			 (const char *)name.ptr);
}

static struct view trim(struct view v)
{
	while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t')) {
		v.ptr++;
		v.len--;
	}
	while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t'))
		v.len--;
	return v;
}

static rc conf_line(struct conf *c, struct view line, struct fault *f)
{
	struct view name;

	line = trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return OK;
	if (!rc_is_ok(view_until(&line, '=', &name)))
		return fault_set(f, RC_SYNTAX, 0, "not of the form name = value");
	return conf_set(c, trim(name), trim(line), true, f);
}

rc conf_file(struct conf *c, const char *path, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	struct view rest;
	uint64_t number = 0;

	buf_init(&text, CONF_FILE_MAX);
	TRY(file_read(path, &text, f));
	rest = buf_view(&text);
	while (rest.len > 0) {
		struct view line;
		rc r;

		number++;
		if (!rc_is_ok(view_until(&rest, '\n', &line))) {
			line = rest;
			rest.len = 0;
		}
		r = conf_line(c, line, f);
		if (!rc_is_ok(r))
			return fault_wrap(f, r, "%s:%llu", path, (unsigned long long)number);
	}
	return OK;
}

rc conf_args(struct conf *c, int argc, char **argv, bool *ret_test, struct fault *f)
{
	for (int i = 0; i < argc; i++) {
		const char *a = argv[i];

		if (strcmp(a, "-t") == 0) {
			*ret_test = true;
			continue;
		}
		if (strncmp(a, "--", 2) != 0 || i + 1 == argc)
			return fault_set(f, RC_USAGE, 0, "%s: --NAME VALUE expected", a);
		i++;
		if (strcmp(a, "--config") == 0)
			TRY(conf_file(c, argv[i], f));
		else
			TRY(conf_set(c, view_str(a + 2), view_str(argv[i]), false, f));
	}
	return OK;
}

rc conf_check(const struct conf *c, bool init, struct fault *f)
{
	if (c->tokens.count == 0)
		return fault_set(f, RC_USAGE, 0, "no token is configured");
	if (init && (c->origin[0] == '\0' || c->policy[0] == '\0' || c->roster[0] == '\0'))
		return fault_set(f, RC_USAGE, 0, "init needs --origin, --policy and --roster");
	return OK;
}

void conf_help(FILE *out)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = &settings[i];

		(void)fprintf(out, "  --%-16s %s%s%s%s\n", s->name, s->help,
			      s->fallback != NULL ? " [" : "",
			      s->fallback != NULL ? s->fallback : "",
			      s->fallback != NULL ? "]" : "");
	}
}
