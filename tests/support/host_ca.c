/* host_ca - a stand-in for the server's side of enrolment, for tests of greatseal-agent alone.
 *
 * usage: host_ca DIR   serves until it is ended; writes DIR/address and DIR/pin, and a line for
 * each call to DIR/calls. DIR/mode says what it does: "ok"; "refuse" (409 host.locked); "lose"
 * (does what is asked and answers 500). It knows one token, "token-1", and counts renewals: one out
 * of order is host.clone. */
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/codec/pem.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/host_token.h"
#include "lib/net/http_server.h"
#include "lib/net/tls.h"
#include "tests/support/ca.h"

#define DAY 86400
#define MUST_OK(expr)                                                                              \
	do {                                                                                       \
		if (!rc_is_ok(expr)) {                                                             \
			(void)fprintf(stderr, "host_ca: %s failed\n", #expr);                      \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static struct {
	const char *dir;
	struct ca ca;
	pthread_mutex_t lock;
	struct digest token;
	bool enrolled;
	json_int_t counter;
	struct digest last_body;
	char *last_answer;
} s = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void write_text(const char *name, const char *text)
{
	char path[300];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", s.dir, name);
	file = fopen(path, strcmp(name, "calls") == 0 ? "ae" : "we");
	if (file == NULL || fprintf(file, "%s\n", text) < 0 || fclose(file) != 0)
		abort();
}

static void read_mode(char out[32])
{
	char path[300];
	AUTO(buf) struct buf b = {0};

	buf_init(&b, 31);
	(void)snprintf(path, sizeof(path), "%s/mode", s.dir);
	out[0] = '\0';
	if (rc_is_ok(file_read(path, &b, NULL)))
		(void)snprintf(out, 32, "%s", buf_cstr(&b));
	out[strcspn(out, "\n")] = '\0';
}

static void answer(struct http_exchange *x, unsigned status, const char *text)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_put_str(&b, text);
	http_answer(x, &(struct http_answer){.status = status, .body = &b});
}

static void refuse(struct http_exchange *x, const char *code)
{
	char text[200];

	write_text("calls", code);
	(void)snprintf(text, sizeof(text),
		       "{\"error\":{\"code\":\"%s\",\"text\":\"no\",\"remedy\":\"ask\"}}", code);
	answer(x, 409, text);
}

/* The P-256 key in an SSH blob as SubjectPublicKeyInfo. */
static struct pkey *key_of(struct view blob)
{
	static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
				       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
				       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
	uint8_t spki[sizeof(head) + 65];
	struct pkey *k = NULL;

	memcpy(spki, head, sizeof(head));
	memcpy(spki + sizeof(head), blob.ptr + blob.len - 65, 65);
	MUST_OK(pkey_from_spki(view_of(spki, sizeof(spki)), &k, NULL));
	return k;
}

static const struct pem_kind certificate = {.label = "CERTIFICATE", .columns = PEM_COLUMNS};

static void certify(const struct pkey *pub, const char *host, unix_time from, struct buf *pem)
{
	static const uint8_t serial[] = {0x02, 0x01, 0x05};
	char subject[100];
	struct x509_make m = {.provider = s.ca.provider,
			      .pub = pub,
			      .signer = &s.ca.root.signer,
			      .hash = HASH_SHA256};
	const struct x509_issue i = {.validity = {.not_before = from,
						  .not_after = from + DAY,
						  .serial = view_of(serial + 2, 1)},
				     .issuer_der = buf_view(&s.ca.root.cert),
				     .issuer_pub = pkey_soft_public(s.ca.root.key)};
	AUTO(buf) struct buf der = {0};

	(void)snprintf(subject, sizeof(subject), "CN=%s", host);
	m.subject = view_str(subject);
	buf_init(&der, X509_DER_MAX);
	MUST_OK(x509_issue(&m, &i, &der, NULL));
	pem_put(&certificate, buf_view(&der), pem);
}

/* Verifies the signature and answers with a certificate. */
static void serve(struct http_exchange *x, bool enrol, const json_t *o, const char *mode)
{
	static const struct sshsig_rules rules = {0};
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf sig = {0};
	AUTO(buf) struct buf pem = {0};
	AUTO(buf) struct buf token_sig = {0};
	const char *by_token = json_string_value(json_object_get(o, "token_signature"));
	struct sshkey *ssh = NULL;
	struct pkey *pub;
	struct sshsig parts;
	json_t *st;
	const json_t *p;
	json_int_t counter;
	unix_time when = 0;
	char line[200];

	buf_init(&statement, 8192);
	buf_init(&sig, SSHSIG_BLOB_MAX);
	buf_init(&pem, 65536);
	buf_init(&token_sig, SSHSIG_BLOB_MAX);
	MUST_OK(base64_parse(BASE64_STD,
			     view_str(json_string_value(json_object_get(o, "statement"))),
			     &statement, NULL));
	MUST_OK(base64_parse(BASE64_STD,
			     view_str(json_string_value(json_object_get(o, "signature"))), &sig,
			     NULL));
	MUST_OK(sshsig_parse(buf_view(&sig), &parts, NULL));
	MUST_OK(sshkey_parse_blob(parts.key_blob, &ssh, NULL));
	MUST_OK(sshsig_verify(ssh, "enrolment.v1@greatseal", buf_view(&statement), buf_view(&sig),
			      &rules, NULL, NULL));
	st = json_loadb((const char *)statement.ptr, statement.len, 0, NULL);
	p = json_object_get(st, "predicate");
	counter = json_integer_value(json_object_get(p, "counter"));
	MUST_OK(time_parse(view_str(json_string_value(json_object_get(p, "time"))), &when));
	(void)snprintf(line, sizeof(line), "%s %s %lld", enrol ? "enrol" : "renew",
		       json_string_value(json_object_get(p, "host")), (long long)counter);
	if (by_token != NULL)
		MUST_OK(base64_parse(BASE64_STD, view_str(by_token), &token_sig, NULL));
	if (enrol && (s.enrolled || !rc_is_ok(host_token_verify(&s.token, buf_view(&statement),
								buf_view(&token_sig), NULL)))) {
		refuse(x, "host.token");
	} else if (!enrol && counter != s.counter + 1) {
		refuse(x, "host.clone");
	} else {
		write_text("calls", line);
		pub = key_of(parts.key_blob);
		certify(pub, json_string_value(json_object_get(p, "host")), when, &pem);
		pkey_destroy(pub);
		s.enrolled = true;
		s.counter = counter;
		free(s.last_answer);
		{
			json_t *a = json_pack("{s:s,s:s,s:I,s:s}", "certificate", buf_cstr(&pem),
					      "class", "software", "counter", counter, "host",
					      json_string_value(json_object_get(p, "host")));

			s.last_answer = json_dumps(a, JSON_COMPACT);
			json_decref(a);
		}
		s.last_body = digest_of(http_body(x));
		if (strcmp(mode, "lose") == 0)
			answer(x, 500, "{}");
		else
			answer(x, 200, s.last_answer);
	}
	json_decref(st);
	sshkey_free(ssh);
}

static void on_begin(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	http_expect_memory(x, 65536);
}

static void on_ready(void *ctx, struct http_exchange *x)
{
	struct view target = http_raw_target(x);
	struct view body = http_body(x);
	struct digest d = digest_of(body);
	char mode[32];
	json_t *o;

	(void)ctx;
	(void)pthread_mutex_lock(&s.lock);
	read_mode(mode);
	o = json_loadb((const char *)body.ptr, body.len, 0, NULL);
	if (view_is(target, "/v1/info")) {
		answer(x, 200, "{\"origin\":\"log.example\"}");
	} else if (strcmp(mode, "refuse") == 0) {
		refuse(x, "host.locked");
	} else if (s.last_answer != NULL && digest_is_equal(&d, &s.last_body)) {
		write_text("calls", "again");
		answer(x, 200, s.last_answer);
	} else {
		serve(x, view_is(target, "/v1/hosts/enrol"), o, mode);
	}
	json_decref(o);
	(void)pthread_mutex_unlock(&s.lock);
}

static bool on_data(void *ctx, struct http_exchange *x, struct view piece)
{
	(void)ctx;
	(void)x;
	(void)piece;
	return true;
}

static void on_end(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	(void)x;
}

static void make_token(void)
{
	const struct name host = {"build-07"};
	AUTO(secret) struct secret seed = {0};
	AUTO(secret) struct secret text = {0};

	MUST_OK(host_token_make(&seed));
	MUST_OK(host_token_digest(&seed, &s.token, NULL));
	MUST_OK(host_token_format(&host, &seed, &text));
	write_text("token", (const char *)text.ptr);
}

int main(int argc, char **argv)
{
	static const struct http_handler handler = {
		.begin = on_begin, .data = on_data, .ready = on_ready, .end = on_end};
	const struct tls_make m = {
		.name = "127.0.0.1", .not_before = 1000000000, .not_after = (unix_time)4000000000};
	struct http_server_spec spec = {.address = "127.0.0.1:0",
					.threads = 2,
					.connections = 100,
					.idle_seconds = 60,
					.header_seconds = 30,
					.body_seconds = 60,
					.body_memory = 1 << 20,
					.handler = &handler};
	struct http_server *server = NULL;
	AUTO(secret) struct secret key = {0};
	AUTO(buf) struct buf cert = {0};
	char pin[DIGEST_HEX + 8] = "sha256:";
	struct digest d;
	sigset_t ends;
	int sig;

	if (argc != 2)
		return 2;
	s.dir = argv[1];
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGUSR1); /* a new token; the host is forgotten */
	(void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
	ca_new(&s.ca, KEY_P256);
	buf_init(&cert, 8192);
	MUST_OK(tls_self_signed(&m, &key, &cert, NULL));
	MUST_OK(tls_pin(buf_view(&cert), &d, NULL));
	digest_hex(&d, pin + 7);
	spec.key_pem = (const char *)key.ptr;
	spec.cert_pem = buf_cstr(&cert);
	MUST_OK(http_server_start(&spec, &server, NULL));
	make_token();
	write_text("pin", pin);
	write_text("address", http_server_address(server));
	while (sigwait(&ends, &sig) == 0 && sig == SIGUSR1) {
		(void)pthread_mutex_lock(&s.lock);
		s.enrolled = false;
		make_token();
		(void)pthread_mutex_unlock(&s.lock);
	}
	http_server_free(server);
	ca_free(&s.ca);
	free(s.last_answer);
	return 0;
}
