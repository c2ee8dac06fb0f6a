/* https_client - see https_client.h. Purpose: libcurl driven call by call, with one handle that
 * keeps its connection. Owns: the mapping of curl's errors to rc. Must not own: retries. */
#include "lib/net/https_client.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/secret.h"
#include "lib/codec/base64.h"
#include "lib/net/https_internal.h"
#include "lib/net/tls_identity.h"

#define ANSWER_MAX ((size_t)1 << 20)
#define CONNECT_SECONDS 10u
#define STALL_SECONDS 60u
#define LOCAL_URL "http://localhost"
#define UPLOAD_CHUNK 524288L /* curl's largest is 2 MiB; this is where it stops to matter */
#define PINNED_TEXT 64	     /* "sha256//" and 44 characters */

/* One call while it runs. */
struct transfer {
	struct https_client *client;
	const struct https_request *q;
	uint64_t sent;
	struct buf body;
	uint64_t sunk;
	bool sink_failed;
	rc failed; /* set by a callback before it tells curl to stop */
	struct fault *fault;
};

rc https_setup(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? OK : RC(RC_NOMEM);
}

static bool base_url_is_good(const char *url)
{
	const char *host = url + strlen("https://");
	size_t n;

	if (strncmp(url, "https://", strlen("https://")) != 0)
		return false;
	n = strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]");
	return n > 0 && host[n] == '\0' && strlen(url) < HTTPS_URL_MAX / 2;
}

static int remember_peer(X509_STORE_CTX *store, void *ctx)
{
	struct https_client *c = (struct https_client *)ctx;
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	uint8_t *der = NULL;
	int n = leaf == NULL ? 0 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);

	if (n > 0) {
		c->peer = digest_of(view_of(der, (size_t)n));
		c->has_peer = true;
	}
	OPENSSL_free(der);
	return X509_verify_cert(store);
}

static CURLcode watch_handshake(CURL *curl, void *ssl_ctx, void *ctx)
{
	struct https_client *c = (struct https_client *)ctx;

	SSL_CTX_set_cert_verify_callback((SSL_CTX *)ssl_ctx, remember_peer, ctx);
	/* A stream reads until there is nothing more before it waits: records that came together
	 * then take one system call, not two each. libcurl on its own would wait in between. */
	if (curl == c->line)
		SSL_CTX_set_read_ahead((SSL_CTX *)ssl_ctx, 1);
	if (c->identity != NULL && !rc_is_ok(tls_identity_use(c->identity, (SSL_CTX *)ssl_ctx)))
		return CURLE_SSL_CERTPROBLEM;
	return CURLE_OK;
}

static bool set_tls(struct https_client *c, const struct https_client_spec *spec)
{
	CURL *h = c->curl;
	bool good =
		curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;

	good = good && curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, watch_handshake) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_SSL_CTX_DATA, c) == CURLE_OK;
	if (spec->has_pin) {
		char text[PINNED_TEXT];
		struct buf b;

		buf_init_fixed(&b, text, sizeof(text));
		buf_put_str(&b, "sha256//");
		base64_put(BASE64_STD, digest_view(&spec->pin), &b);
		good = good &&
		       curl_easy_setopt(h, CURLOPT_PINNEDPUBLICKEY, buf_cstr(&b)) == CURLE_OK;
		/* The key is named exactly: a chain or a name could add nothing. */
		good = good && curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK;
		good = good && curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
	}
	if (spec->ca_file != NULL)
		good = good && curl_easy_setopt(h, CURLOPT_CAINFO, spec->ca_file) == CURLE_OK;
	if (spec->client_cert != NULL) {
		good = good && curl_easy_setopt(h, CURLOPT_SSLCERT, spec->client_cert) == CURLE_OK;
		good = good &&
		       curl_easy_setopt(h, CURLOPT_SSLKEY,
					spec->client_key != NULL ? spec->client_key
								 : spec->client_cert) == CURLE_OK;
	}
	return good;
}

static bool set_local(struct https_client *c, const struct https_client_spec *spec)
{
	return curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
	       curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, spec->unix_socket) == CURLE_OK;
}

rc https_client_new(const struct https_client_spec *spec, struct https_client **ret,
		    struct fault *f)
{
	struct https_client *c;
	bool good;

	if (spec->unix_socket == NULL && !base_url_is_good(spec->base_url))
		return fault_set(f, RC_USAGE, 0, "server address must be https://HOST[:PORT]");
	c = (struct https_client *)calloc(1, sizeof(*c));
	if (c == NULL)
		return RC(RC_NOMEM);
	c->has_pin = spec->has_pin;
	c->stall_seconds = spec->stall_seconds != 0 ? spec->stall_seconds : STALL_SECONDS;
	c->identity = tls_identity_share(spec->identity);
	c->base_url = strdup(spec->unix_socket != NULL ? LOCAL_URL : spec->base_url);
	c->curl = curl_easy_init();
	good = c->base_url != NULL && c->curl != NULL;
	good = good && (spec->unix_socket != NULL ? set_local(c, spec) : set_tls(c, spec));
	good = good && curl_easy_setopt(c->curl, CURLOPT_PROXY, "") == CURLE_OK;
	good = good && curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(c->curl, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(c->curl, CURLOPT_HTTP_VERSION,
					(long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
	good = good &&
	       curl_easy_setopt(c->curl, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_CHUNK) == CURLE_OK;
	good = good && curl_easy_setopt(c->curl, CURLOPT_BUFFERSIZE, UPLOAD_CHUNK) == CURLE_OK;
	good = good && curl_easy_setopt(c->curl, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->error) == CURLE_OK;
	good = good &&
	       curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT,
				(long)(spec->connect_seconds != 0 ? spec->connect_seconds
								  : CONNECT_SECONDS)) == CURLE_OK;
	if (!good) {
		https_client_free(c);
		return fault_set(f, RC_NOMEM, 0, "libcurl cannot be set up");
	}
	*ret = c;
	return OK;
}

void https_hang_up(struct https_client *c)
{
	if (c->multi == NULL)
		return;
	(void)curl_multi_remove_handle(c->multi, c->line);
	(void)curl_multi_cleanup(c->multi); /* closes it */
	c->multi = NULL;
	c->fd = -1;
}

void https_client_free(struct https_client *c)
{
	if (c == NULL)
		return;
	https_hang_up(c);
	if (c->line != NULL)
		curl_easy_cleanup(c->line);
	if (c->curl != NULL)
		curl_easy_cleanup(c->curl);
	tls_identity_free(c->identity);
	free(c->block);
	free(c->base_url);
	free(c);
}

void https_answer_release(struct https_answer *a)
{
	buf_release(&a->body);
}

static size_t send_some(char *out, size_t size, size_t count, void *ctx)
{
	struct transfer *t = (struct transfer *)ctx;
	const struct https_request *q = t->q;
	uint64_t left = (q->has_body_fd ? q->body_size : q->body.len) - t->sent;
	size_t n = size * count;

	if (n > left)
		n = (size_t)left;
	if (n == 0)
		return 0;
	if (q->has_body_fd) {
		t->failed = fd_pread_full(q->body_fd, out, n, q->body_offset + t->sent, t->fault);
		if (!rc_is_ok(t->failed))
			return CURL_READFUNC_ABORT;
	} else {
		memcpy(out, q->body.ptr + t->sent, n);
	}
	t->sent += n;
	return n;
}

/* curl rewinds when a kept connection turns out to be dead before anything was answered. */
static int seek_body(void *ctx, curl_off_t offset, int origin)
{
	struct transfer *t = (struct transfer *)ctx;
	uint64_t size = t->q->has_body_fd ? t->q->body_size : t->q->body.len;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > size)
		return CURL_SEEKFUNC_FAIL;
	t->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static size_t take_some(char *p, size_t size, size_t count, void *ctx)
{
	struct transfer *t = (struct transfer *)ctx;
	size_t n = size * count;
	long status = 0;

	(void)curl_easy_getinfo(t->client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (!t->q->has_sink_fd || status < 200 || status > 299) {
		buf_put(&t->body, p, n);
		t->failed = buf_done(&t->body);
		if (!rc_is_ok(t->failed))
			rc_ignore(fault_set(t->fault, t->failed.code, 0,
					    "https: the answer is over %zu bytes", t->body.max),
				  "kept in t->failed");
		return rc_is_ok(t->failed) ? n : 0;
	}
	if (n > t->q->sink_max - t->sunk) {
		t->failed = fault_set(t->fault, RC_LIMIT, t->sunk,
				      "https: the answer is over %llu bytes",
				      (unsigned long long)t->q->sink_max);
		return 0;
	}
	t->failed = fd_write_full(t->q->sink_fd, p, n, t->fault);
	t->sink_failed = !rc_is_ok(t->failed);
	if (t->sink_failed)
		return 0;
	t->sunk += n;
	return n;
}

static int show_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
			 curl_off_t up)
{
	struct transfer *t = (struct transfer *)ctx;
	const struct https_progress *p = t->q->progress;
	bool going_up = t->q->has_body_fd || t->q->body.len > 0;
	uint64_t moved = (uint64_t)(going_up ? up : down);
	uint64_t total = (uint64_t)(going_up ? up_total : down_total);

	if (p->step(p->ctx, moved, total))
		return 0;
	t->failed = fault_set(t->fault, RC_STATE, moved, "https: given up");
	return 1;
}

static bool text_is_sendable(const char *s, size_t max)
{
	size_t n = strlen(s);

	if (n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] > 0x7e)
			return false;
	}
	return true;
}

rc https_header_check(const char *header, size_t i, struct fault *f)
{
	if (!text_is_sendable(header, HTTPS_HEADER_MAX) || strchr(header, ':') == NULL)
		return fault_set(f, RC_USAGE, i, "https: header %zu cannot be sent", i);
	return OK;
}

/* *list is the caller's also on failure. */
static rc make_headers(const char *const headers[HTTPS_HEADERS_MAX], const char *type,
		       struct curl_slist **list, struct fault *f)
{
	/* No "100 Continue" wait: the size is always known. */
	const char *const own[] = {"Expect:", type};
	struct curl_slist *next;

	for (size_t i = 0; i < HTTPS_HEADERS_MAX && headers[i] != NULL; i++) {
		TRY(https_header_check(headers[i], i, f));
		next = curl_slist_append(*list, headers[i]);
		if (next == NULL)
			return RC(RC_NOMEM);
		*list = next;
	}
	for (size_t i = 0; i < 2 && own[i] != NULL; i++) {
		next = curl_slist_append(*list, own[i]);
		if (next == NULL)
			return RC(RC_NOMEM);
		*list = next;
	}
	return OK;
}

/* libcurl has copies of them; this one is ours, and a token may be in it. */
static void headers_free(struct curl_slist *list)
{
	for (struct curl_slist *at = list; at != NULL; at = at->next)
		secret_wipe(at->data, strlen(at->data));
	curl_slist_free_all(list);
}

rc https_prepare(const struct https_client *c, const char *method, const char *target,
		 char url[HTTPS_URL_MAX], struct fault *f)
{
	if (!text_is_sendable(method, 16) || !text_is_sendable(target, HTTPS_URL_MAX) ||
	    target[0] != '/' || strchr(target, ' ') != NULL || strchr(target, '#') != NULL)
		return fault_set(f, RC_USAGE, 0, "https: method or target cannot be sent");
	if ((size_t)snprintf(url, HTTPS_URL_MAX, "%s%s", c->base_url, target) >= HTTPS_URL_MAX)
		return fault_set(f, RC_USAGE, 0, "https: the target is too long");
	return OK;
}

static rc set_call(struct transfer *t, struct curl_slist *headers, const char *url)
{
	const struct https_request *q = t->q;
	CURL *h = t->client->curl;
	bool has_body = q->has_body_fd || q->body.len > 0 || strcmp(q->method, "POST") == 0;
	uint64_t size = q->has_body_fd ? q->body_size : q->body.len;
	long stall = (long)(q->patience != 0 ? q->patience : t->client->stall_seconds);
	bool good = curl_easy_setopt(h, CURLOPT_URL, url) == CURLE_OK;

	if (has_body) {
		good = good && curl_easy_setopt(h, CURLOPT_UPLOAD, 1L) == CURLE_OK;
		good = good &&
		       curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size) == CURLE_OK;
	} else {
		good = good && curl_easy_setopt(h, CURLOPT_UPLOAD, 0L) == CURLE_OK;
		good = good && curl_easy_setopt(h, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	}
	good = good && curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, q->method) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_READFUNCTION, send_some) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_READDATA, t) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, seek_body) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_SEEKDATA, t) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_some) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_WRITEDATA, t) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, show_progress) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_XFERINFODATA, t) == CURLE_OK;
	good = good &&
	       curl_easy_setopt(h, CURLOPT_NOPROGRESS, q->progress == NULL ? 1L : 0L) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, stall) == CURLE_OK;
	return good ? OK : RC(RC_NOMEM);
}

/* What curl's codes mean to our callers; anything else is RC_IO. */
static enum rc_code curl_rc(CURLcode code)
{
	static const struct {
		CURLcode curl;
		enum rc_code rc;
	} table[] = {
		{CURLE_COULDNT_RESOLVE_HOST, RC_NOTFOUND},
		{CURLE_SSL_PINNEDPUBKEYNOTMATCH, RC_MISMATCH},
		{CURLE_PEER_FAILED_VERIFICATION, RC_MISMATCH},
		{CURLE_OUT_OF_MEMORY, RC_NOMEM},
		{CURLE_URL_MALFORMAT, RC_USAGE},
		{CURLE_SSL_CERTPROBLEM, RC_USAGE},
		{CURLE_SSL_CACERT_BADFILE, RC_USAGE},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].curl == code)
			return table[i].rc;
	}
	return RC_IO;
}

rc https_failed(const struct https_client *c, CURLcode code, struct fault *f)
{
	if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		return fault_set(f, RC_MISMATCH, 0,
				 "https: the server's key is not the pinned one");
	/* libcurl says the same of a line of the head that is longer than it takes. */
	if (code == CURLE_OUT_OF_MEMORY)
		return fault_set(f, RC_NOMEM, 0,
				 "https: %s: no memory, or an answer with a header line of more "
				 "than 100 KB",
				 c->base_url);
	return fault_set(f, curl_rc(code), 0, "https: %s: %s", c->base_url,
			 c->error[0] != '\0' ? c->error : curl_easy_strerror(code));
}

static void take_content_type(CURL *curl, char out[96])
{
	const char *type = NULL;
	size_t n;

	out[0] = '\0';
	if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type) != CURLE_OK || type == NULL)
		return;
	n = strcspn(type, "; \t");
	if (n > 95)
		return;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(type[i] >= 'A' && type[i] <= 'Z' ? type[i] + 32 : type[i]);
	out[n] = '\0';
}

static rc perform(struct transfer *t, struct https_answer *ret)
{
	struct https_client *c = t->client;
	CURLcode code;
	long status = 0;

	c->error[0] = '\0';
	code = curl_easy_perform(c->curl);
	ret->sink_failed = t->sink_failed;
	if (!rc_is_ok(t->failed))
		return t->failed;
	if (code != CURLE_OK)
		return https_failed(c, code, t->fault);
	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 599)
		return fault_set(t->fault, RC_IO, 0, "https: status %ld", status);
	ret->status = (unsigned)status;
	ret->sunk = t->sunk;
	take_content_type(c->curl, ret->content_type);
	ret->body = t->body;
	memset(&t->body, 0, sizeof(t->body));
	return OK;
}

rc https_call(struct https_client *c, const struct https_request *q, struct https_answer *ret,
	      struct fault *f)
{
	struct transfer t = {.client = c, .q = q, .fault = f};
	struct curl_slist *headers = NULL;
	const char *type = NULL;
	char url[HTTPS_URL_MAX];
	rc r;

	TRY(https_prepare(c, q->method, q->target, url, f));
	if (q->has_body_fd)
		type = "Content-Type: application/octet-stream";
	else if (q->body.len > 0)
		type = "Content-Type: application/json";
	buf_init(&t.body, q->answer_max != 0 ? q->answer_max : ANSWER_MAX);
	r = make_headers(q->headers, type, &headers, f);
	if (rc_is_ok(r))
		r = set_call(&t, headers, url);
	if (rc_is_ok(r))
		r = perform(&t, ret);
	/* The handle outlives the transfer: it must not keep pointers into it. */
	(void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
	(void)curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 1L);
	(void)curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, NULL);
	headers_free(headers);
	buf_release(&t.body);
	return r;
}

rc https_client_peer_pin(const struct https_client *c, struct digest *ret)
{
	if (!c->has_peer)
		return RC(RC_STATE);
	*ret = c->peer;
	return OK;
}
