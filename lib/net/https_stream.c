/* https_stream - see https_stream.h. Purpose: libcurl's multi interface with one transfer, driven
 * from the calls that bring and take bytes; both directions pause when there is nothing to do. */
#include "lib/net/https_stream.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "lib/base/num.h"
#include "lib/net/https_internal.h"

#define WAIT_MS 1000
#define CURL_BUFFER 65536L
#define ASK_MS 20000L	 /* then a server that does not know Expect is sent the body all the same */
#define IDLE_SECONDS 60L /* below what greatseald keeps a connection for: 75 */

struct https_stream {
	struct https_client *client;
	uint64_t size;
	uint64_t sent;	   /* of the body, before the current piece */
	struct view piece; /* what is being sent */
	size_t piece_at;
	bool send_paused;
	bool take_paused;
	uint8_t *block;
	size_t block_len;
	size_t block_at;
	struct curl_slist *headers;
	struct https_head head;
	bool has_head;
	bool is_done;
	CURLcode code; /* once it is done */
	uint64_t moved;
	unsigned patience;
	bool (*gone)(void *ctx);
	void *ctx;
};

static size_t give(char *out, size_t size, size_t count, void *ctx)
{
	struct https_stream *s = (struct https_stream *)ctx;
	size_t left = s->piece.len - s->piece_at;
	size_t n = size * count;

	if (left == 0) {
		if (s->sent + s->piece.len == s->size)
			return 0;
		s->send_paused = true;
		return CURL_READFUNC_PAUSE;
	}
	if (n > left)
		n = left;
	memcpy(out, s->piece.ptr + s->piece_at, n);
	s->piece_at += n;
	s->moved += n;
	return n;
}

/* curl rewinds when a kept connection turns out to be dead: possible while nothing is gone. */
static int rewind_body(void *ctx, curl_off_t offset, int origin)
{
	struct https_stream *s = (struct https_stream *)ctx;

	if (origin != SEEK_SET || offset != 0 || s->sent != 0)
		return CURL_SEEKFUNC_FAIL;
	s->piece_at = 0;
	return CURL_SEEKFUNC_OK;
}

static size_t take(char *p, size_t size, size_t count, void *ctx)
{
	struct https_stream *s = (struct https_stream *)ctx;
	size_t n = size * count;

	if (s->block_at == s->block_len)
		s->block_at = s->block_len = 0;
	if (n > HTTPS_STREAM_BLOCK - s->block_len) {
		if (n > HTTPS_STREAM_BLOCK)
			return 0; /* over CURL_MAX_WRITE_SIZE: never */
		s->take_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(s->block + s->block_len, p, n);
	s->block_len += n;
	s->moved += n;
	return n;
}

static struct view trimmed(const char *p, size_t n)
{
	while (n > 0 && (*p == ' ' || *p == '\t')) {
		p++;
		n--;
	}
	while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == '\n' || p[n - 1] == ' '))
		n--;
	return view_of(p, n);
}

/* A value that does not fit, or is not plain, is left out. */
static void keep(struct view value, char *out, size_t cap)
{
	out[0] = '\0';
	if (value.len >= cap)
		return;
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
			return;
	memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
}

static void take_field(struct https_stream *s, const char *line, size_t n)
{
	struct {
		const char *name;
		char *out;
		size_t cap;
	} const table[] = {
		{"Content-Type", s->head.content_type, sizeof(s->head.content_type)},
		{"Cache-Control", s->head.cache, sizeof(s->head.cache)},
		{"Allow", s->head.allow, sizeof(s->head.allow)},
	};
	const char *colon = (const char *)memchr(line, ':', n);
	size_t name_len = colon == NULL ? 0 : (size_t)(colon - line);
	struct view value;
	uint64_t number;

	if (colon == NULL)
		return;
	value = trimmed(colon + 1, n - name_len - 1);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].name) == name_len &&
		    strncasecmp(table[i].name, line, name_len) == 0)
			keep(value, table[i].out, table[i].cap);
	if (name_len == 11 && strncasecmp("Retry-After", line, 11) == 0 &&
	    rc_is_ok(num_parse_u64((const char *)value.ptr, value.len, 86400, &number)))
		s->head.retry_seconds = (unsigned)number;
}

static size_t take_line(char *line, size_t size, size_t count, void *ctx)
{
	struct https_stream *s = (struct https_stream *)ctx;
	curl_off_t length = -1;
	size_t n = size * count;
	long status = 0;

	s->moved += n;
	if (s->has_head)
		return n; /* trailers say nothing to our clients */
	if (n > 5 && memcmp(line, "HTTP/", 5) == 0) {
		s->head = (struct https_head){0};
		return n;
	}
	if (trimmed(line, n).len > 0) {
		take_field(s, line, n);
		return n;
	}
	(void)curl_easy_getinfo(s->client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return n; /* 100 Continue: the real one follows */
	(void)curl_easy_getinfo(s->client->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	s->head.status = (unsigned)status;
	s->head.has_size = length >= 0;
	s->head.size = length >= 0 ? (uint64_t)length : 0;
	s->has_head = true;
	return n;
}

static int64_t monotonic_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* One look at the sockets. */
static rc turn(struct https_stream *s, struct fault *f)
{
	const struct CURLMsg *m;
	int running = 0;
	int left;

	if (curl_multi_perform(s->client->multi, &running) != CURLM_OK)
		return fault_set(f, RC_IO, 0, "https: libcurl's state is broken");
	while ((m = curl_multi_info_read(s->client->multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE) {
			s->is_done = true;
			s->code = m->data.result;
		}
	return OK;
}

/* Turns until cond says enough or the transfer is over. */
static rc drive(struct https_stream *s, bool (*enough)(const struct https_stream *s),
		struct fault *f)
{
	int64_t since = monotonic_seconds();
	uint64_t moved = s->moved;

	for (;;) {
		TRY(turn(s, f));
		if (s->is_done || enough(s))
			return OK;
		(void)curl_multi_poll(s->client->multi, NULL, 0, WAIT_MS, NULL);
		if (moved != s->moved) {
			moved = s->moved;
			since = monotonic_seconds();
			continue;
		}
		if (s->gone != NULL && s->gone(s->ctx))
			return fault_set(f, RC_STATE, s->moved, "https: given up");
		if (monotonic_seconds() - since > (int64_t)s->patience)
			return fault_set(f, RC_IO, s->moved, "https: %s: no byte for %u seconds",
					 s->client->base_url, s->patience);
	}
}

static rc over(const struct https_stream *s, struct fault *f)
{
	return s->code == CURLE_OK ? OK : https_failed(s->client, s->code, f);
}

static bool set_call(struct https_stream *s, const struct https_stream_spec *spec, const char *url)
{
	CURL *h = s->client->curl;
	bool has_body = spec->body_size > 0 || strcmp(spec->method, "POST") == 0;
	bool good = curl_easy_setopt(h, CURLOPT_URL, url) == CURLE_OK;

	if (spec->body.len > 0) {
		good = good && curl_easy_setopt(h, CURLOPT_UPLOAD, 0L) == CURLE_OK;
		good = good && curl_easy_setopt(h, CURLOPT_POSTFIELDS, spec->body.ptr) == CURLE_OK;
		good = good && curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE,
						(curl_off_t)spec->body.len) == CURLE_OK;
	} else if (has_body) {
		good = good && curl_easy_setopt(h, CURLOPT_UPLOAD, 1L) == CURLE_OK;
		good = good && curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE,
						(curl_off_t)spec->body_size) == CURLE_OK;
	} else {
		good = good && curl_easy_setopt(h, CURLOPT_UPLOAD, 0L) == CURLE_OK;
		good = good && curl_easy_setopt(h, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	}
	good = good && curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, spec->method) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_HTTPHEADER, s->headers) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_READFUNCTION, give) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_READDATA, s) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, rewind_body) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_SEEKDATA, s) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_WRITEDATA, s) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_line) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_HEADERDATA, s) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_NOPROGRESS, 1L) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, CURL_BUFFER) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_BUFFERSIZE, CURL_BUFFER) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_EXPECT_100_TIMEOUT_MS, ASK_MS) == CURLE_OK;
	good = good && curl_easy_setopt(h, CURLOPT_MAXAGE_CONN, IDLE_SECONDS) == CURLE_OK;
	return good;
}

static rc begin(struct https_stream *s, const struct https_stream_spec *spec, struct fault *f)
{
	struct https_client *c = s->client;
	char url[HTTPS_URL_MAX];

	TRY(https_prepare(c, spec->method, spec->target, url, f));
	TRY(https_headers(spec->headers, spec->type,
			  spec->ask_first ? "Expect: 100-continue" : "Expect:", &s->headers, f));
	if (c->block == NULL)
		c->block = (uint8_t *)malloc(HTTPS_STREAM_BLOCK);
	s->block = c->block;
	if (c->multi == NULL)
		c->multi = curl_multi_init();
	if (s->block == NULL || c->multi == NULL || !set_call(s, spec, url))
		return fault_set(f, RC_NOMEM, 0, "https: no memory");
	c->error[0] = '\0';
	if (curl_multi_add_handle(c->multi, c->curl) != CURLM_OK)
		return fault_set(f, RC_NOMEM, 0, "https: no memory");
	return OK;
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
	s->patience = spec->patience != 0 ? spec->patience : c->stall_seconds;
	s->gone = spec->gone;
	s->ctx = spec->ctx;
	r = begin(s, spec, f);
	if (!rc_is_ok(r)) {
		https_stream_end(s);
		return r;
	}
	*ret = s;
	return OK;
}

static void go_on(struct https_stream *s)
{
	(void)curl_easy_pause(s->client->curl, (s->send_paused ? CURLPAUSE_SEND : 0) |
						       (s->take_paused ? CURLPAUSE_RECV : 0));
}

static bool piece_is_sent(const struct https_stream *s)
{
	return s->piece_at == s->piece.len;
}

static bool is_asked(const struct https_stream *s)
{
	return s->send_paused || s->has_head;
}

rc https_stream_wanted(struct https_stream *s, bool *ret, struct fault *f)
{
	TRY(drive(s, is_asked, f));
	if (s->is_done && !s->has_head)
		TRY(over(s, f));
	*ret = !s->has_head;
	return OK;
}

rc https_stream_send(struct https_stream *s, struct view piece, struct fault *f)
{
	if (s->is_done)
		return s->code == CURLE_OK ? RC(RC_EXISTS) : over(s, f);
	if (piece.len > s->size - s->sent - s->piece.len)
		return fault_set(f, RC_LIMIT, s->sent, "https: more bytes than were announced");
	s->sent += s->piece.len;
	s->piece = piece;
	s->piece_at = 0;
	if (s->send_paused) {
		s->send_paused = false;
		go_on(s);
	}
	TRY(drive(s, piece_is_sent, f));
	if (s->is_done && !piece_is_sent(s))
		return s->code == CURLE_OK ? RC(RC_EXISTS) : over(s, f);
	/* The memory is the caller's again; what curl holds of it is a copy. */
	s->sent += s->piece.len;
	s->piece = (struct view){0};
	s->piece_at = 0;
	return OK;
}

static bool has_head(const struct https_stream *s)
{
	return s->has_head;
}

rc https_stream_head(struct https_stream *s, struct https_head *ret, struct fault *f)
{
	if (!s->is_done && !s->has_head && s->sent + s->piece_at != s->size)
		return fault_set(f, RC_TRUNCATED, s->sent, "https: the body is not complete");
	TRY(drive(s, has_head, f));
	if (!s->has_head) {
		TRY(over(s, f));
		return fault_set(f, RC_IO, 0, "https: an answer without a status");
	}
	*ret = s->head;
	return OK;
}

static bool has_bytes(const struct https_stream *s)
{
	return s->block_at < s->block_len;
}

rc https_stream_read(struct https_stream *s, uint8_t *out, size_t max, size_t *ret_n,
		     struct fault *f)
{
	size_t n;

	if (!has_bytes(s) && s->take_paused) {
		s->take_paused = false;
		go_on(s);
	}
	if (!has_bytes(s))
		TRY(drive(s, has_bytes, f));
	n = s->block_len - s->block_at;
	if (n == 0)
		TRY(over(s, f));
	if (n > max)
		n = max;
	memcpy(out, s->block + s->block_at, n);
	s->block_at += n;
	*ret_n = n;
	return OK;
}

void https_stream_end(struct https_stream *s)
{
	CURL *h;

	if (s == NULL)
		return;
	h = s->client->curl;
	if (s->client->multi != NULL)
		(void)curl_multi_remove_handle(s->client->multi, h);
	/* The handle outlives the transfer: it must not keep pointers into it. */
	(void)curl_easy_setopt(h, CURLOPT_HTTPHEADER, NULL);
	(void)curl_easy_setopt(h, CURLOPT_POSTFIELDS, NULL);
	(void)curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, NULL);
	(void)curl_easy_setopt(h, CURLOPT_HEADERDATA, NULL);
	curl_slist_free_all(s->headers);
	free(s);
}
