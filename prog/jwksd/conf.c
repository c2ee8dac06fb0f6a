#include "prog/jwksd/conf.h"

#include <string.h>

/* "https://ISSUER" or "https://ISSUER https://KEYS". */
static rc add_issuer(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;
	const uint8_t *space = memchr(value.ptr, ' ', value.len);
	struct view url = space == NULL ? value : view_of(value.ptr, (size_t)(space - value.ptr));
	struct issuer *to = &c->issuers[c->issuer_count];
	struct address a;

	(void)s;
	if (c->issuer_count == CONF_ISSUERS_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u issuers", CONF_ISSUERS_MAX);
	TRY(address_parse(url, &a, f));
	if (url.len > CONF_ISSUER_MAX || memchr(url.ptr, '?', url.len) != NULL)
		return fault_set(f, RC_SYNTAX, 0, "an issuer is at most %u bytes, without '?'",
				 CONF_ISSUER_MAX);
	for (size_t i = 0; i < c->issuer_count; i++)
		if (view_is(url, c->issuers[i].url))
			return fault_set(f, RC_DUPLICATE, 0, "issuer %s twice", c->issuers[i].url);
	*to = (struct issuer){.url = ""};
	memcpy(to->url, url.ptr, url.len);
	if (space != NULL) {
		value = view_of(space, value.len - url.len);
		while (value.len > 0 && value.ptr[0] == ' ')
			value = view_of(value.ptr + 1, value.len - 1);
		TRY(address_parse(value, &a, f));
		memcpy(to->jwks_uri, value.ptr, value.len);
	}
	c->issuer_count++;
	return OK;
}

static const struct setting rows[] = {
	SETTING_TEXT("keeper-socket", keeper_socket, "/run/greatseal-keeper/jwks",
		     "the keeper's socket for key sets"),
	SETTING_OTHER("issuer", add_issuer,
		      "https://ISSUER, or with the address of its keys; may be repeated"),
	SETTING_TEXT("ca-file", ca_file, "",
		     "PEM certificates of authorities; empty: the system's"),
	SETTING_NUMBER("interval", interval, 1, 43200, "600", "seconds between two looks"),
	SETTING_NUMBER("timeout", timeout, 1, 120, "20", "seconds that one answer may take"),
};

const struct settings conf_settings = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.conf_size = sizeof(struct conf),
	.manual = "greatseal-jwksd(8)",
};

rc conf_check(const struct conf *c, struct fault *f)
{
	return c->issuer_count > 0 ? OK : fault_set(f, RC_USAGE, 0, "there is no issuer");
}
