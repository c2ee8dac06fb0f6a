#include "prog/keeper/conf.h"

#include <string.h>

#define HOUR 3600u
#define DAY (24 * HOUR)

static rc add_text(const struct setting *s, void *conf, struct view v, struct fault *f)
{
	struct conf_list *list = (struct conf_list *)(void *)((char *)conf + s->at);

	if (list->count == CONF_LIST_MAX)
		return fault_set(f, RC_LIMIT, 0, "%s: at most %u", s->name, CONF_LIST_MAX);
	if (v.len == 0 || v.len >= CONF_TEXT || memchr(v.ptr, '\0', v.len) != NULL)
		return fault_set(f, RC_RANGE, 0, "%s: 1 to %u bytes", s->name, CONF_TEXT - 1);
	memcpy(list->text[list->count], v.ptr, v.len);
	list->text[list->count++][v.len] = '\0';
	return OK;
}

/* A text that cannot be made empty. */
#define FILLED(name_, member_, fallback_, help_, init_)                                            \
	{                                                                                          \
		.name = (name_), .type = SETTING_IS_TEXT, .at = offsetof(struct conf, member_),    \
		.size = CONF_TEXT, .min = 1, .fallback = (fallback_), .help = (help_),             \
		.args_only = (init_)                                                               \
	}
#define LIST(name_, member_, help_, init_)                                                         \
	{                                                                                          \
		.name = (name_), .type = SETTING_IS_OTHER, .at = offsetof(struct conf, member_),   \
		.set = add_text, .help = (help_), .args_only = (init_)                             \
	}
#define SETTING_FILLED(n, m, d, h) FILLED(n, m, d, h, false)
#define SETTING_INIT(n, m, h) FILLED(n, m, NULL, h, true)
#define SETTING_LIST(n, m, h) LIST(n, m, h, false)
#define SETTING_INIT_LIST(n, m, h) LIST(n, m, h, true)

static const struct setting rows[] = {
	SETTING_FILLED("state", state, "/var/lib/greatseal-keeper",
		       "directory of journal, tokens and the public log"),
	SETTING_FILLED("guard", guard, "/var/lib/greatseal-guard",
		       "directory of head.guard; leave it out of backups"),
	SETTING_FILLED("socket", socket, "/run/greatseal-keeper/socket",
		       "unix socket to serve; not used under socket activation"),
	SETTING_MODE("socket-mode", socket_mode, "0660", "octal mode of the socket"),
	SETTING_FILLED("jwks-socket", jwks_socket, NULL,
		       "unix socket for greatseal-jwksd; not used under socket activation"),
	SETTING_LIST("token", tokens, "file:NAME[,...] or pkcs11:NAME,...; may be repeated"),
	SETTING_BOOL("self-sign", self_sign, "no",
		     "permit self-signed certificates (tests, closed circles)"),
	SETTING_LIST("web-origin", web_origins,
		     "origin of a console whose passkeys may sign; may be repeated"),
	SETTING_BOOL("synced-passkeys", synced_passkeys, "no",
		     "accept passkeys that a vendor synchronises"),
	SETTING_BOOL("touch-only", touch_only, "no",
		     "accept security keys that were touched without PIN or finger"),
	SETTING_FILLED("zoneinfo", zoneinfo, "/usr/share/zoneinfo",
		       "directory of time zones, for the policy's windows and freezes"),
	SETTING_FILLED("tpm-roots", tpm_roots, NULL,
		       "directory of the certificates of vendors of TPMs: class attested"),
	SETTING_FILLED("vtpm-roots", vtpm_roots, NULL,
		       "directory of the certificates of makers of virtual TPMs: class vtpm"),
	SETTING_SPAN("host-cert-life", host_cert_life, HOUR / 12, 30 * DAY, "24h",
		     "how long a host's certificate lasts: 5m to 30d"),
	SETTING_SPAN("host-cert-grace", host_cert_grace, 0, 366 * DAY, "30d",
		     "how long after its end a host may still renew: 0s to 366d"),
	SETTING_LIST("read-path", read_paths,
		     "path that a token module may read after start; may be repeated"),
	SETTING_LIST("write-path", write_paths,
		     "path that a token module may write too (SoftHSM's tokens); may be repeated"),
	SETTING_INIT("origin", origin, "init: the log's name, a host name"),
	SETTING_INIT("policy", policy, "init: policy document or statement"),
	SETTING_INIT("roster", roster, "init: roster document or statement"),
	SETTING_INIT_LIST("signature", signatures,
			  "init: signature under either statement; may be repeated"),
	SETTING_INIT("log-token", log_token,
		     "init: token of the log's own key (default: the first)"),
};

const struct settings conf_settings = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.conf_size = sizeof(struct conf),
	.manual = "greatseal-keeper(8)",
};

rc conf_args(struct conf *c, int argc, char **argv, bool *ret_test, struct fault *f)
{
	int n = 0;

	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "-t") == 0)
			*ret_test = true;
		else
			argv[n++] = argv[i];
	return settings_args(&conf_settings, c, n, argv, f);
}

rc conf_check(const struct conf *c, bool init, struct fault *f)
{
	if (c->tokens.count == 0)
		return fault_set(f, RC_USAGE, 0, "no token is configured");
	if (init && (c->origin[0] == '\0' || c->policy[0] == '\0' || c->roster[0] == '\0'))
		return fault_set(f, RC_USAGE, 0, "init needs --origin, --policy and --roster");
	return OK;
}
