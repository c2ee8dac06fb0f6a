#include "prog/keeper/host_ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypt/provider.h"
#include "lib/crypt/x509.h"

#define KEY_PURPOSE "greatseal host CA v1\n"
#define SERIAL_PURPOSE "greatseal host serial v1\n"

struct host_ca {
	struct token *token;
	struct provider *provider;
	struct digest key_id;
	char origin[ORIGIN_MAX + 1];
};

struct digest host_ca_key_id(const char *origin)
{
	const struct view parts[] = {view_str(KEY_PURPOSE), view_str(origin)};

	return digest_of_parts(parts, 2);
}

rc host_ca_new(struct token *t, const char *origin, struct host_ca **ret, struct fault *f)
{
	struct host_ca *ca = calloc(1, sizeof(*ca));
	rc r;

	if (ca == NULL)
		return fault_set(f, RC_NOMEM, 0, "host CA");
	ca->token = t;
	ca->key_id = host_ca_key_id(origin);
	(void)snprintf(ca->origin, sizeof(ca->origin), "%s", origin);
	r = provider_new(&ca->provider, f);
	if (!rc_is_ok(r)) {
		host_ca_free(ca);
		return r;
	}
	*ret = ca;
	return OK;
}

void host_ca_free(struct host_ca *ca)
{
	if (ca == NULL)
		return;
	provider_free(ca->provider);
	free(ca);
}

/* Positive, as RFC 5280 4.1.2.2 demands, and without a leading zero. */
static void make_serial(struct view issuer, struct view subject, uint8_t out[HOST_SERIAL])
{
	const struct view parts[] = {view_str(SERIAL_PURPOSE), issuer, subject};
	struct digest d = digest_of_parts(parts, 3);

	memcpy(out, d.b, HOST_SERIAL);
	out[0] = (uint8_t)((out[0] & 0x3f) | 0x40);
}

void host_ca_serial(struct view ca_der, const struct digest *statement, uint8_t out[HOST_SERIAL])
{
	make_serial(ca_der, digest_view(statement), out);
}

/* What is signed with: a session of the key, for one certificate. They are few. */
struct issuer {
	struct pkey *pub;
	struct token_session *session;
	struct signer signer;
};

static void issuer_release(struct issuer *i)
{
	token_session_free(i->session);
	pkey_destroy(i->pub);
}
AUTO_DEFINE(issuer, struct issuer, issuer_release)

static rc issuer_open(struct host_ca *ca, struct view spki, struct issuer *ret, struct fault *f)
{
	TRY(pkey_from_spki(spki, &ret->pub, f));
	TRY(token_session_new(ca->token, &ca->key_id, spki, &ret->session, f));
	ret->signer = token_session_signer(ret->session);
	return OK;
}

/* The origin, unless a name of a certificate cannot hold it. */
static void ca_subject(const struct host_ca *ca, char out[128])
{
	if (strlen(ca->origin) <= 64)
		(void)snprintf(out, 128, "CN=Great Seal host CA,O=%s", ca->origin);
	else
		(void)snprintf(out, 128, "CN=Great Seal host CA");
}

rc host_ca_make(struct host_ca *ca, unix_time now, struct buf *out, struct fault *f)
{
	const struct token_wish wish = {.id = ca->key_id, .alg = KEY_P256};
	AUTO(issuer) struct issuer by = {0};
	AUTO(buf) struct buf spki = {0};
	uint8_t serial[HOST_SERIAL];
	char subject[128];
	struct x509_make make;
	struct x509_issue issue;

	buf_init(&spki, PKEY_SPKI_MAX);
	TRY(token_create_key(ca->token, &wish, &spki, f));
	TRY(issuer_open(ca, buf_view(&spki), &by, f));
	ca_subject(ca, subject);
	make_serial(buf_view(&spki), view_str(ca->origin), serial);
	make = (struct x509_make){.provider = ca->provider,
				  .pub = by.pub,
				  .signer = &by.signer,
				  .hash = HASH_SHA256,
				  .subject = view_str(subject)};
	issue = (struct x509_issue){.validity = {now - HOST_CERT_BACK, now + HOST_CA_LIFE,
						 view_of(serial, HOST_SERIAL)},
				    .ca = true,
				    .host_ca = true};
	return x509_issue(&make, &issue, out, f);
}

rc host_ca_issue(struct host_ca *ca, struct view ca_der, const struct host_cert *c, struct buf *out,
		 struct fault *f)
{
	AUTO(issuer) struct issuer by = {0};
	AUTO(buf) struct buf spki = {0};
	uint8_t serial[HOST_SERIAL];
	char subject[128];
	char uri[ORIGIN_MAX + NAME_MAX_LEN + 32];
	struct x509_make make;
	struct x509_issue issue;

	buf_init(&spki, PKEY_SPKI_MAX);
	TRY(token_find_key(ca->token, &ca->key_id, &spki, f));
	TRY(issuer_open(ca, buf_view(&spki), &by, f));
	(void)snprintf(subject, sizeof(subject), "CN=%s", c->host->s);
	(void)snprintf(uri, sizeof(uri), "spiffe://%s/host/%s", ca->origin, c->host->s);
	host_ca_serial(ca_der, &c->statement, serial);
	make = (struct x509_make){.provider = ca->provider,
				  .pub = c->key,
				  .signer = &by.signer,
				  .hash = HASH_SHA256,
				  .subject = view_str(subject)};
	issue = (struct x509_issue){
		.validity = {c->given - HOST_CERT_BACK, c->until, view_of(serial, HOST_SERIAL)},
		.issuer_der = ca_der,
		.issuer_pub = by.pub,
		.uri = uri};
	return x509_issue(&make, &issue, out, f);
}
