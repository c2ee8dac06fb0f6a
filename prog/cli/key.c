#include "prog/cli/key.h"

#include <string.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/codec/base64.h"
#include "lib/codec/pem.h"
#include "lib/crypt/x509.h"
#include "lib/model/change.h"
#include "lib/model/change_life.h"
#include "prog/cli/api.h"
#include "prog/cli/document.h"

#define CHAIN_TEXT_MAX ((size_t)X509_CHAIN_MAX * X509_DER_MAX * 2)

static void print_key(const struct cli *c, const json_t *key)
{
	const json_t *cert = json_object_get(key, "certificate");
	const char *state = json_text(key, "state");

	(void)printf("%s%-20s%s %-11s %s%-7s%s token %s (%s)\n", cli_bold(c),
		     json_text(key, "name"), cli_plain(c), json_text(key, "algorithm"),
		     strcmp(state, "active") == 0 ? cli_green(c) : cli_red(c), state, cli_plain(c),
		     json_text(key, "token"), json_text(key, "token_state"));
	(void)printf("  fingerprint %s\n", json_text(key, "fingerprint"));
	if (json_is_object(cert))
		(void)printf("  certificate %s\n  valid       %s to %s\n",
			     json_text(cert, "subject"), json_text(cert, "not_before"),
			     json_text(cert, "not_after"));
	else if (strcmp(state, "retired") != 0)
		(void)printf("  no certificate yet: greatseal key csr %s\n",
			     json_text(key, "name"));
}

rc cmd_key_list(struct cli *c, const struct args *a)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	const json_t *row;
	size_t i;

	(void)a;
	TRY(api_json(c, &get, &answer, "/v1/keys"));
	if (cli_print_json(c, answer))
		return OK;
	json_array_foreach(json_is_array(answer) ? answer : json_object_get(answer, "keys"), i, row)
		print_key(c, row);
	if (i == 0)
		(void)printf("the keeper holds no key yet: greatseal key create\n");
	return OK;
}

static rc key_name(struct cli *c, const char *text, struct name *ret)
{
	if (!rc_is_ok(name_parse(view_str(text), ret)))
		return cli_problem(c, RC_USAGE, "", "%s: a key's name has a-z 0-9 . _ - only",
				   text);
	return OK;
}

rc cmd_key_show(struct cli *c, const struct args *a)
{
	const struct api_call get = {.method = "GET"};
	AUTO(json) json_t *answer = NULL;
	struct name name;

	TRY(key_name(c, a->words[0], &name));
	TRY(api_json(c, &get, &answer, "/v1/keys/%s", name.s));
	if (!cli_print_json(c, answer))
		print_key(c, answer);
	return OK;
}

/* Percent-encodes what a query may not hold (RFC 3986 2.3). */
static void put_query(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char ch = (unsigned char)*text;

		if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
		    (ch >= '0' && ch <= '9') || strchr("-._~", ch) != NULL)
			buf_put_u8(out, ch);
		else
			buf_printf(out, "%%%02X", ch);
	}
}

/* Written anew: what the server sends besides a request does not reach the terminal. */
static rc print_csr(struct cli *c, struct view pem)
{
	static const struct pem_kind kind = {"CERTIFICATE REQUEST", PEM_COLUMNS};
	AUTO(buf) struct buf der = {0};
	AUTO(buf) struct buf text = {0};
	AUTO(json) json_t *value = NULL;
	struct fault f = {0};

	buf_init(&der, CHAIN_TEXT_MAX);
	buf_init(&text, CHAIN_TEXT_MAX);
	if (!rc_is_ok(pem_parse(&kind, pem, &der, &f)))
		return cli_problem(c, RC_PEER, "", "the server's answer is no request: %s", f.text);
	pem_put(&kind, buf_view(&der), &text);
	value = json_pack("{s:s}", "csr", buf_cstr(&text));
	if (!cli_print_json(c, value))
		(void)printf("%s", buf_cstr(&text));
	return OK;
}

rc cmd_key_csr(struct cli *c, const struct args *a)
{
	AUTO(buf) struct buf query = {0};
	AUTO(buf) struct buf pem = {0};
	const char *subject = args_value(a, "subject");
	struct name name;

	buf_init(&query, 900);
	buf_init(&pem, CHAIN_TEXT_MAX);
	TRY(key_name(c, a->words[0], &name));
	if (subject == NULL)
		return cli_problem(c, RC_USAGE, "--subject CN=Example Signing,O=Example Ltd",
				   "--subject is missing");
	put_query(&query, subject);
	TRY(api_bytes(c, false, &pem, "/v1/keys/%s/csr?subject=%s", name.s, buf_cstr(&query)));
	return print_csr(c, buf_view(&pem));
}

static rc begin(struct cli *c, const struct args *a, enum key_action action, struct key_change *ret)
{
	const char *comment = args_value(a, "message");

	*ret = (struct key_change){.action = action};
	TRY(cli_config(c));
	TRY(key_name(c, a->words[0], &ret->key));
	memcpy(ret->origin, c->config.origin, sizeof(ret->origin));
	ret->expires = clock_now(&clock_system) + CHANGE_LIFE;
	if (comment != NULL && strlen(comment) >= sizeof(ret->comment))
		return cli_problem(c, RC_USAGE, "", "the message is too long");
	(void)snprintf(ret->comment, sizeof(ret->comment), "%s", comment == NULL ? "" : comment);
	if (!rc_is_ok(rng_fill(&rng_system, ret->nonce, sizeof(ret->nonce))))
		return cli_problem(c, RC_IO, "", "the system gives no random numbers");
	return OK;
}

static rc send_change(struct cli *c, const struct key_change *change)
{
	AUTO(buf) struct buf statement = {0};
	struct fault f = {0};

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	CLI_TRY(c, &f, key_change_encode(change, &statement, &f));
	return change_send(c, STATEMENT_KEYADMIN, buf_view(&statement));
}

rc cmd_key_create(struct cli *c, const struct args *a)
{
	const char *algorithm = args_value(a, "algorithm");
	const char *token = args_value(a, "token");
	enum key_alg alg;
	struct key_change change;

	TRY(begin(c, a, KEY_CREATE, &change));
	if (algorithm == NULL)
		algorithm = "rsa-3072";
	if (!rc_is_ok(key_alg_parse(view_str(algorithm), &alg)))
		return cli_problem(
			c, RC_USAGE, "",
			"--algorithm %s: rsa-3072, rsa-4096, ecdsa-p256, ecdsa-p384 or ed25519",
			algorithm);
	if (token == NULL || !rc_is_ok(name_parse(view_str(token), &change.token)))
		return cli_problem(c, RC_USAGE, "", "--token NAME is missing or not a name");
	(void)snprintf(change.algorithm, sizeof(change.algorithm), "%s", algorithm);
	return send_change(c, &change);
}

rc cmd_key_import(struct cli *c, const struct args *a)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf base64 = {0};
	AUTO(x509_chain) struct x509_chain chain = {0};
	struct key_change change;
	size_t start[X509_CHAIN_MAX + 1] = {0};
	struct fault f = {0};

	buf_init(&text, CHAIN_TEXT_MAX);
	buf_init(&base64, CHAIN_TEXT_MAX);
	TRY(begin(c, a, KEY_IMPORT, &change));
	CLI_TRY(c, &f, file_read(a->words[1], &text, &f));
	if (!rc_is_ok(x509_chain_read(buf_view(&text), &chain, &f)))
		return cli_problem(c, RC_SYNTAX, "PEM, the leaf first, then its issuers", "%s: %s",
				   a->words[1], f.text);
	for (size_t i = 0; i < chain.count; i++) {
		start[i] = base64.len;
		base64_put(BASE64_STD, chain.der[i], &base64);
		start[i + 1] = base64.len;
	}
	CLI_TRY(c, &f, buf_done(&base64));
	for (size_t i = 0; i < chain.count; i++)
		change.certificates[i] = view_of(base64.ptr + start[i], start[i + 1] - start[i]);
	change.certificate_count = chain.count;
	return send_change(c, &change);
}

rc cmd_key_self_sign(struct cli *c, const struct args *a)
{
	const char *subject = args_value(a, "subject");
	const char *days = args_value(a, "days");
	struct key_change change;
	uint64_t n = 365;

	TRY(begin(c, a, KEY_SELF_SIGN, &change));
	if (subject == NULL || strlen(subject) >= sizeof(change.subject))
		return cli_problem(c, RC_USAGE, "--subject CN=Example Signing",
				   "--subject is missing or too long");
	if (days != NULL && (!rc_is_ok(num_parse_u64(days, strlen(days), 3660, &n)) || n == 0))
		return cli_problem(c, RC_USAGE, "", "--days %s: 1 to 3660", days);
	(void)snprintf(change.subject, sizeof(change.subject), "%s", subject);
	change.days = (uint32_t)n;
	return send_change(c, &change);
}

static rc simple(struct cli *c, const struct args *a, enum key_action action)
{
	struct key_change change;

	TRY(begin(c, a, action, &change));
	return send_change(c, &change);
}

rc cmd_key_lock(struct cli *c, const struct args *a)
{
	return simple(c, a, KEY_LOCK);
}

rc cmd_key_unlock(struct cli *c, const struct args *a)
{
	return simple(c, a, KEY_UNLOCK);
}

rc cmd_key_retire(struct cli *c, const struct args *a)
{
	return simple(c, a, KEY_RETIRE);
}
