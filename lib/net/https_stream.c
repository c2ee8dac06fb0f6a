/* https_stream - see https_stream.h. Purpose: one HTTP/1.1 exchange over a connection that libcurl
 * has made, kept between calls.
 *
 * libcurl connects, shakes hands and checks the pin, and gives and takes bytes; what it does for
 * each transfer besides costs more than the transfer, when that is a relayed request of 2 KB. */
#include "lib/net/https_stream.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/secret.h"
#include "lib/net/http_reply.h"
#include "lib/net/https_internal.h"

#define WAIT_MS 1000
#define ASK_SECONDS 20	/* then a server that does not know Expect is sent the body all the same */
#define IDLE_SECONDS 60 /* below what greatseald keeps a connection for: 75 */
#define OUT_MAX ((size_t)1 << 20) /* of head and a whole body */
#define INTERIM_MAX                                                                                \
	16u /* heads of 1xx before the answer; a server that asks for a body sends one */

struct https_stream {
	struct https_client *client;
	struct buf out;	  /* what https_stream_begin was given: head, whole body */
	struct view rest; /* of it what is not sent */
	uint64_t size;	  /* of a body in pieces */
	uint64_t sent;
	bool asks;	 /* and waits for the server's word before the first piece */
	bool is_on;	 /* the connection is this call's */
	bool reused;	 /* and was another's before */
	bool heard;	 /* a byte has come */
	bool lost;	 /* the connection is broken: by now, or before we had it */
	bool idempotent; /* RFC 9110 9.2.2 */
	bool has_head;
	unsigned interim; /* heads before it */
	struct http_reply reply;
	uint64_t left; /* of an answer that says its size */
	struct http_chunks chunks;
	struct view in; /* in the client's block: come and not yet used */
	bool is_done;
	unsigned patience;
	bool (*gone)(void *ctx);
	void *ctx;
};

static int64_t monotonic_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* ---- The connection ------------------------------------------------------------------------*/

static rc given_up(struct fault *f)
{
	return fault_set(f, RC_STATE, 0, "https: given up");
}

/* Drives libcurl until it is connected. */
static rc shake_hands(struct https_stream *s, struct fault *f)
{
	struct https_client *c = s->client;
	const struct CURLMsg *m = NULL;
	curl_socket_t fd = CURL_SOCKET_BAD;
	int running = 0;
	int left;

	for (;;) {
		if (curl_multi_perform(c->multi, &running) != CURLM_OK)
			return fault_set(f, RC_IO, 0, "https: libcurl's state is broken");
		do
			m = curl_multi_info_read(c->multi, &left);
		while (m != NULL && m->msg != CURLMSG_DONE);
		if (m != NULL)
			break;
		if (s->gone != NULL && s->gone(s->ctx))
			return given_up(f);
		(void)curl_multi_poll(c->multi, NULL, 0, WAIT_MS, NULL);
	}
	if (m->data.result != CURLE_OK)
		return https_failed(c, m->data.result, f);
	if (curl_easy_getinfo(c->line, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
	    fd == CURL_SOCKET_BAD)
		return fault_set(f, RC_IO, 0, "https: no connection");
	c->fd = fd;
	return OK;
}

static rc connect_anew(struct https_stream *s, struct fault *f)
{
	struct https_client *c = s->client;
	rc r;

	https_hang_up(c);
	c->error[0] = '\0';
	if (c->line == NULL)
		c->line = curl_easy_duphandle(c->curl);
	c->multi = curl_multi_init();
	if (c->line == NULL || c->multi == NULL ||
	    curl_easy_setopt(c->line, CURLOPT_URL, c->base_url) != CURLE_OK ||
	    curl_easy_setopt(c->line, CURLOPT_CONNECT_ONLY, 1L) != CURLE_OK ||
	    curl_multi_add_handle(c->multi, c->line) != CURLM_OK)
		return fault_set(f, RC_NOMEM, 0, "https: no memory");
	r = shake_hands(s, f);
	if (!rc_is_ok(r))
		https_hang_up(c);
	return r;
}

/* Neither the socket nor TLS, which may have taken in more than the answer was, holds anything. A
 * read that finds nothing would say so too, and costs several times as much. */
static bool is_quiet(const struct https_client *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	struct curl_tlssessioninfo *tls = NULL;

	return curl_easy_getinfo(c->line, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls != NULL &&
	       tls->backend == CURLSSLBACKEND_OPENSSL && tls->internals != NULL &&
	       SSL_has_pending((const SSL *)tls->internals) == 0 && poll(&p, 1, 0) == 0;
}

/* What comes between two answers is the end of the connection, or TLS talking to itself. */
static bool is_alive(const struct https_client *c)
{
	uint8_t byte;
	size_t n;

	return c->multi != NULL && monotonic_seconds() - c->since < IDLE_SECONDS &&
	       (is_quiet(c) || curl_easy_recv(c->line, &byte, 1, &n) == CURLE_AGAIN);
}

static rc take_connection(struct https_stream *s, bool anew, struct fault *f)
{
	s->reused = !anew && is_alive(s->client);
	if (!s->reused)
		TRY(connect_anew(s, f));
	s->is_on = true;
	s->lost = false;
	s->rest = buf_view(&s->out);
	s->in = (struct view){0};
	return OK;
}

/* Until something can be done; RC_BUSY: nothing for so many seconds. */
static rc wait_for(const struct https_stream *s, short events, unsigned seconds, struct fault *f)
{
	struct pollfd p = {.fd = s->client->fd, .events = events};

	for (unsigned waited = 0; waited < seconds; waited++) {
		if (poll(&p, 1, WAIT_MS) > 0)
			return OK;
		if (s->gone != NULL && s->gone(s->ctx))
			return given_up(f);
	}
	return RC(RC_BUSY);
}

static rc wait_patiently(const struct https_stream *s, short events, struct fault *f)
{
	rc r = wait_for(s, events, s->patience, f);

	if (r.code == RC_BUSY)
		return fault_set(f, RC_IO, 0, "https: %s: no byte for %u seconds",
				 s->client->base_url, s->patience);
	return r;
}

static rc lose(struct https_stream *s, CURLcode code, struct fault *f)
{
	s->lost = true;
	return code == CURLE_OK ? fault_set(f, RC_IO, 0, "https: %s: the connection ended",
					    s->client->base_url)
				: https_failed(s->client, code, f);
}

/* ---- Reading -------------------------------------------------------------------------------*/

/* What is there now, at least a byte; RC_BUSY: nothing yet. *ret_n 0: the connection is over. */
static rc receive(struct https_stream *s, uint8_t *out, size_t max, size_t *ret_n, struct fault *f)
{
	CURLcode code = curl_easy_recv(s->client->line, out, max, ret_n);

	if (code == CURLE_AGAIN)
		return RC(RC_BUSY);
	if (code != CURLE_OK)
		return lose(s, code, f);
	s->heard = s->heard || *ret_n > 0;
	return OK;
}

static rc receive_patiently(struct https_stream *s, uint8_t *out, size_t max, size_t *ret_n,
			    struct fault *f)
{
	rc r = receive(s, out, max, ret_n, f);

	while (r.code == RC_BUSY) {
		TRY(wait_patiently(s, POLLIN, f));
		r = receive(s, out, max, ret_n, f);
	}
	return r;
}

/* More of a head, behind what is there of it. */
static rc extend_head(struct https_stream *s, struct fault *f)
{
	uint8_t *block = s->client->block;
	size_t n = 0;

	if (s->in.len == HTTP_REPLY_HEAD_MAX)
		return fault_set(f, RC_IO, 0, "https: a header of over %zu bytes",
				 HTTP_REPLY_HEAD_MAX);
	if (s->in.len > 0)
		memmove(block, s->in.ptr, s->in.len);
	s->in.ptr = block;
	TRY(receive(s, block + s->in.len, HTTP_REPLY_HEAD_MAX - s->in.len, &n, f));
	s->in.len += n;
	return n > 0 ? OK : lose(s, CURLE_OK, f);
}

/* One head, without waiting: RC_BUSY. Those that only say "go on" count as one. */
static rc read_head(struct https_stream *s, struct fault *f)
{
	struct view head;
	size_t n;
	rc r;

	while ((n = http_reply_head_size(s->in)) == 0)
		TRY(extend_head(s, f));
	head = view_of(s->in.ptr, n);
	r = http_reply_parse(head, &s->reply, f);
	if (!rc_is_ok(r))
		return RC(RC_IO); /* with its words; it stays, so that its body is taken for none */
	TRY(view_skip(&s->in, n));
	s->has_head = s->reply.status >= 200;
	if (!s->has_head && ++s->interim > INTERIM_MAX)
		return fault_set(f, RC_IO, 0, "https: over %u answers that are none", INTERIM_MAX);
	s->left = s->reply.size;
	s->is_done = s->has_head && s->reply.framing == HTTP_SIZED && s->left == 0;
	return OK;
}

static rc await_head(struct https_stream *s, struct fault *f)
{
	bool waited = false;
	rc r;

	while (!s->has_head) {
		/* What has just been asked has no answer yet. */
		r = s->heard || waited ? read_head(s, f) : RC(RC_BUSY);
		waited = true;
		if (r.code == RC_BUSY)
			r = wait_patiently(s, POLLIN, f);
		TRY(r);
	}
	return OK;
}

/* ---- Sending -------------------------------------------------------------------------------*/

/* All of *v. RC_EXISTS: the server has answered, and wants no more. */
static rc send_all(struct https_stream *s, struct view *v, struct fault *f)
{
	while (v->len > 0) {
		size_t n = 0;
		CURLcode code = curl_easy_send(s->client->line, v->ptr, v->len, &n);
		rc r;

		if (code == CURLE_OK) {
			TRY(view_skip(v, n));
			continue;
		}
		/* The answer may be there although nobody takes more. */
		r = read_head(s, f);
		if (s->has_head)
			return RC(RC_EXISTS);
		if (code != CURLE_AGAIN)
			return lose(s, code, f);
		if (r.code == RC_BUSY || rc_is_ok(r))
			r = wait_patiently(s, POLLIN | POLLOUT, f);
		TRY(r);
	}
	return OK;
}

/* Whether it may go out a second time, when a kept connection has ended without an answer: a server
 * may have acted on a whole call and died before it said so. One that does the same twice as once
 * may, and one of which a part was never sent (RFC 9110 9.2.2, RFC 9112 9.3.1). */
static bool may_repeat(const struct https_stream *s)
{
	return s->reused && !s->heard && s->sent == 0 &&
	       (s->idempotent || s->rest.len > 0 || s->size > 0);
}

/* Sends what begin was given; on a kept connection that turns out to be dead once more. */
static rc go(struct https_stream *s, rc (*then)(struct https_stream *s, struct fault *f),
	     struct fault *f)
{
	rc r = OK;

	for (int i = 0; i < 2 && !s->has_head; i++) {
		if (!s->is_on)
			TRY(take_connection(s, i > 0, f));
		r = send_all(s, &s->rest, f);
		if (r.code == RC_EXISTS)
			return OK;
		if (rc_is_ok(r) && then != NULL)
			r = then(s, f);
		if (rc_is_ok(r) || !s->lost || !may_repeat(s))
			return r;
		s->is_on = false;
	}
	return r;
}

/* ---- The call ------------------------------------------------------------------------------*/

static bool is_idempotent(const char *method)
{
	static const char *const those[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};

	for (size_t i = 0; i < sizeof(those) / sizeof(those[0]); i++)
		if (strcmp(method, those[i]) == 0)
			return true;
	return false;
}

static rc put_head(struct https_stream *s, const struct https_stream_spec *spec, struct fault *f)
{
	struct buf *out = &s->out;
	uint64_t size = spec->body.len > 0 ? spec->body.len : spec->body_size;
	const char *host = strstr(s->client->base_url, "://") + 3;
	char url[HTTPS_URL_MAX];

	TRY(https_prepare(s->client, spec->method, spec->target, url, f));
	buf_init(out, OUT_MAX);
	buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", spec->method, spec->target, host);
	for (size_t i = 0; i < HTTPS_HEADERS_MAX && spec->headers[i] != NULL; i++) {
		TRY(https_header_check(spec->headers[i], i, f));
		buf_put_str(out, spec->headers[i]);
		buf_put_str(out, "\r\n");
	}
	if (spec->type != NULL)
		buf_printf(out, "%s\r\n", spec->type);
	if (size > 0 || strcmp(spec->method, "POST") == 0)
		buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)size);
	if (spec->ask_first)
		buf_put_str(out, "Expect: 100-continue\r\n");
	buf_put_str(out, "\r\n");
	buf_put_view(out, spec->body); /* in the same packet */
	return buf_done(out);
}

rc https_stream_begin(struct https_client *c, const struct https_stream_spec *spec,
		      struct https_stream **ret, struct fault *f)
{
	struct https_stream *s = (struct https_stream *)calloc(1, sizeof(*s));
	rc r;

	if (s == NULL)
		return RC(RC_NOMEM);
	s->client = c;
	s->size = spec->body_size;
	s->asks = spec->ask_first;
	s->idempotent = is_idempotent(spec->method);
	s->patience = spec->patience != 0 ? spec->patience : c->stall_seconds;
	s->gone = spec->gone;
	s->ctx = spec->ctx;
	if (c->block == NULL)
		c->block = (uint8_t *)malloc(HTTP_REPLY_HEAD_MAX);
	r = c->block == NULL ? RC(RC_NOMEM) : put_head(s, spec, f);
	if (!rc_is_ok(r)) {
		https_stream_end(s);
		return r;
	}
	*ret = s;
	return OK;
}

/* The server's word on the body, or its silence for long. */
static rc await_word(struct https_stream *s, struct fault *f)
{
	for (;;) {
		rc r = read_head(s, f);

		if (rc_is_ok(r) && (s->has_head || s->reply.status == 100))
			return OK;
		if (r.code == RC_BUSY)
			r = wait_for(s, POLLIN, ASK_SECONDS, f);
		if (r.code == RC_BUSY)
			return OK;
		TRY(r);
	}
}

rc https_stream_wanted(struct https_stream *s, bool *ret, struct fault *f)
{
	TRY(go(s, s->asks ? await_word : NULL, f));
	*ret = !s->has_head;
	return OK;
}

rc https_stream_send(struct https_stream *s, struct view piece, struct fault *f)
{
	struct pollfd p = {.events = POLLIN};
	rc r = RC(RC_BUSY);

	if (s->has_head)
		return RC(RC_EXISTS);
	if (piece.len > s->size - s->sent)
		return fault_set(f, RC_LIMIT, s->sent, "https: more bytes than were announced");
	TRY(go(s, NULL, f));
	p.fd = s->client->fd;
	if (poll(&p, 1, 0) == 1)
		r = read_head(s, f);
	if (s->has_head)
		return RC(RC_EXISTS);
	if (r.code != RC_BUSY)
		TRY(r);
	s->sent += piece.len;
	return send_all(s, &piece, f);
}

rc https_stream_head(struct https_stream *s, struct https_head *ret, struct fault *f)
{
	const struct http_reply *r = &s->reply;

	if (!s->has_head && s->sent != s->size)
		return fault_set(f, RC_TRUNCATED, s->sent, "https: the body is not complete");
	TRY(go(s, await_head, f));
	*ret = (struct https_head){.status = r->status,
				   .has_size = r->framing == HTTP_SIZED,
				   .size = r->size,
				   .retry_seconds = r->retry_seconds};
	memcpy(ret->content_type, r->content_type, sizeof(ret->content_type));
	memcpy(ret->cache, r->cache, sizeof(ret->cache));
	memcpy(ret->allow, r->allow, sizeof(ret->allow));
	return OK;
}

/* Of the body what came with the head. */
static size_t take_in(struct https_stream *s, uint8_t *out, size_t max)
{
	size_t n = s->in.len < max ? s->in.len : max;
	struct view part;

	if (n > 0 && rc_is_ok(view_take(&s->in, n, &part)))
		memcpy(out, part.ptr, n);
	return n;
}

static rc read_plain(struct https_stream *s, uint8_t *out, size_t max, size_t *ret_n,
		     struct fault *f)
{
	bool sized = s->reply.framing == HTTP_SIZED;
	size_t n;

	if (sized && max > s->left)
		max = (size_t)s->left;
	n = take_in(s, out, max);
	if (n == 0)
		TRY(receive_patiently(s, out, max, &n, f));
	if (n == 0 && sized)
		return lose(s, CURLE_OK, f);
	if (sized)
		s->left -= n;
	s->is_done = sized ? s->left == 0 : n == 0;
	*ret_n = n;
	return OK;
}

static rc read_chunked(struct https_stream *s, uint8_t *out, size_t max, size_t *ret_n,
		       struct fault *f)
{
	struct view data = {0};
	struct view part;
	size_t n;

	for (;;) {
		part = view_of(s->in.ptr, s->in.len < max ? s->in.len : max);
		n = part.len;
		if (!rc_is_ok(http_chunks_next(&s->chunks, &part, &data)))
			return fault_set(f, RC_IO, 0, "https: the answer's chunks are no chunks");
		TRY(view_skip(&s->in, n - part.len));
		if (data.len > 0 || s->chunks.at == CHUNK_DONE)
			break;
		if (s->in.len > 0)
			continue;
		TRY(receive_patiently(s, s->client->block, HTTP_REPLY_HEAD_MAX, &n, f));
		if (n == 0)
			return lose(s, CURLE_OK, f);
		s->in = view_of(s->client->block, n);
	}
	if (data.len > 0)
		memcpy(out, data.ptr, data.len);
	s->is_done = data.len == 0;
	*ret_n = data.len;
	return OK;
}

rc https_stream_read(struct https_stream *s, uint8_t *out, size_t max, size_t *ret_n,
		     struct fault *f)
{
	if (!s->has_head)
		return RC(RC_STATE);
	if (s->is_done || max == 0) {
		*ret_n = 0;
		return OK;
	}
	return s->reply.framing == HTTP_CHUNKED ? read_chunked(s, out, max, ret_n, f)
						: read_plain(s, out, max, ret_n, f);
}

void https_stream_end(struct https_stream *s)
{
	bool good;

	if (s == NULL)
		return;
	/* Between two calls nothing may be left, neither of ours nor of theirs. */
	good = s->is_done && !s->lost && !s->reply.closes && s->rest.len == 0 &&
	       s->sent == s->size && s->in.len == 0;
	if (s->is_on && good)
		s->client->since = monotonic_seconds();
	else if (s->is_on)
		https_hang_up(s->client);
	secret_buf_release(&s->out); /* a token may be in it */
	free(s);
}
