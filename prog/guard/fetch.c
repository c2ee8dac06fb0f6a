#include "prog/guard/fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/sandbox.h"
#include "lib/codec/base64.h"
#include "prog/guard/certificates.h"
#include "prog/guard/guard.h"
#include "prog/guard/http_head.h"
#include "prog/guard/load.h"
#include "prog/guard/proof.h"
#include "prog/guard/records.h"
#include "prog/guard/scan.h"

#define TARGET_MAX 2047u /* as the server reads it */
#define ERROR_MAX 65536u /* of an answer that is none */
#define MEMORY_MAX ((uint64_t)1 << 30)

static void json_autorelease(json_t **j)
{
	json_decref(*j);
}
#define AUTO_JSON __attribute__((cleanup(json_autorelease))) json_t

/* ---- Answers --------------------------------------------------------------------------------*/

static rc no_answer(struct fault *f, const char *what)
{
	return fault_set(f, RC_PEER, 0, "the server's answer: %s", what);
}

static bool take_digest(const json_t *text, struct digest *ret)
{
	const char *hex = json_string_value(text);

	return hex != NULL && rc_is_ok(digest_parse(view_str(hex), ret));
}

static bool take_number(const json_t *o, const char *name, uint64_t *ret)
{
	const json_t *n = json_object_get(o, name);

	if (!json_is_integer(n) || json_integer_value(n) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(n);
	return true;
}

/* The proof's bytes: canonical, so that what is kept does not depend on the server's spaces. */
static rc take_proof(const json_t *proof, struct buf *out, struct fault *f)
{
	char *text;

	if (!json_is_object(proof))
		return no_answer(f, "no proof");
	text = json_dumps(proof, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	if (text == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory for a proof");
	buf_put_str(out, text);
	free(text);
	return rc_is_ok(buf_done(out)) ? OK : no_answer(f, "the proof is too large");
}

rc fetch_offer_parse(struct view body, struct fetch_offer *ret, struct fault *f)
{
	AUTO_JSON *root =
		json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *current = json_object_get(root, "current");

	if (!json_is_boolean(current) || !take_number(root, "serial", &ret->serial) ||
	    !take_number(root, "size", &ret->size) ||
	    !take_digest(json_object_get(root, "sha256"), &ret->digest))
		return no_answer(f, "no list");
	ret->current = json_is_true(current);
	return ret->current ? OK : take_proof(json_object_get(root, "proof"), &ret->proof, f);
}

static rc take_record(const json_t *row, fetch_visit visit, void *ctx, struct fault *f)
{
	const json_t *text = json_object_get(row, "record");
	AUTO(buf) struct buf record = {0};
	AUTO(buf) struct buf proof = {0};
	struct digest archive;

	buf_init(&record, RECORD_BYTES);
	buf_init(&proof, RECORD_PROOF_BYTES);
	if (!json_is_string(text) || !take_digest(json_object_get(row, "archive"), &archive) ||
	    !rc_is_ok(base64_parse(BASE64_STD,
				   view_of(json_string_value(text), json_string_length(text)),
				   &record, NULL)))
		return no_answer(f, "a record that is none");
	TRY(take_proof(json_object_get(row, "proof"), &proof, f));
	return visit(ctx, &archive, buf_view(&record), buf_view(&proof), f);
}

rc fetch_records_parse(struct view body, fetch_visit visit, void *ctx,
		       struct digest later[static FETCH_ARCHIVES], size_t *ret_later,
		       struct fault *f)
{
	AUTO_JSON *root =
		json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *rows = json_object_get(root, "records");
	const json_t *rest = json_object_get(root, "later");
	size_t n = json_array_size(rest);

	if (!json_is_array(rows) || !json_is_array(rest) || n > FETCH_ARCHIVES)
		return no_answer(f, "no records");
	for (size_t i = 0; i < n; i++)
		if (!take_digest(json_array_get(rest, i), &later[i]))
			return no_answer(f, "no archive");
	for (size_t i = 0; i < json_array_size(rows); i++)
		TRY(take_record(json_array_get(rows, i), visit, ctx, f));
	*ret_later = n;
	return OK;
}

/* ---- The connection -------------------------------------------------------------------------*/

struct talk {
	int fd;
	uint64_t deadline; /* guard_now() */
	uint8_t bytes[HTTP_HEAD_MAX];
	size_t len; /* of what has come and was not taken yet */
};

static rc dial(const char *path, int *ret, struct fault *f)
{
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (path[0] == '\0' || strlen(path) >= sizeof(a.sun_path))
		return fault_set(f, RC_LIMIT, 0, "agent: no path of a socket");
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (fd < 0)
		return fault_errno(f, errno, "socket");
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return errno == ENOENT || errno == ECONNREFUSED
			       ? fault_set(f, RC_NOTFOUND, 0, "%s: no agent is running", path)
			       : fault_errno(f, errno, "%s", path);
	*ret = fd;
	fd = -1;
	return OK;
}

static rc wait_for(const struct talk *t, short what, struct fault *f)
{
	uint64_t now = guard_now();
	uint64_t left = now < t->deadline ? t->deadline - now : 0;
	struct pollfd p = {.fd = t->fd, .events = what};
	int n = poll(&p, 1, (int)(left < FETCH_STALL_MS ? left : FETCH_STALL_MS));

	if (n > 0 || (n < 0 && errno == EINTR))
		return OK;
	return fault_set(f, RC_IO, 0, "the agent or the server is too slow");
}

static rc send_all(struct talk *t, struct view v, struct fault *f)
{
	while (v.len > 0) {
		ssize_t n = send(t->fd, v.ptr, v.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			TRY(wait_for(t, POLLOUT, f));
		else if (n < 0 && errno != EINTR)
			return fault_errno(f, errno, "agent");
		else if (n > 0)
			v = view_of(v.ptr + n, v.len - (size_t)n);
	}
	return OK;
}

/* At least one more byte, at most max. */
static rc receive(struct talk *t, uint8_t *out, size_t max, size_t *ret, struct fault *f)
{
	for (;;) {
		ssize_t n = recv(t->fd, out, max, MSG_DONTWAIT);

		if (n > 0) {
			*ret = (size_t)n;
			return OK;
		}
		if (n == 0)
			return fault_set(f, RC_TRUNCATED, 0, "the answer was cut off");
		if (errno == EAGAIN)
			TRY(wait_for(t, POLLIN, f));
		else if (errno != EINTR)
			return fault_errno(f, errno, "agent");
	}
}

static rc ask(struct talk *t, const char *target, struct http_head *ret, struct fault *f)
{
	char text[TARGET_MAX + 100];
	size_t n = 0;
	rc r;

	(void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
	TRY(send_all(t, view_str(text), f));
	t->len = 0;
	do {
		/* A head that fills the buffer is refused by http_head_parse. */
		TRY(receive(t, t->bytes + t->len, sizeof(t->bytes) - t->len, &n, f));
		t->len += n;
		r = http_head_parse(view_of(t->bytes, t->len), ret, f);
	} while (r.code == RC_TRUNCATED);
	TRY(r);
	t->len -= ret->size;
	memmove(t->bytes, t->bytes + ret->size, t->len);
	return OK;
}

/* The next bytes of the body, of which so many are to come. */
static rc read_body(struct talk *t, uint64_t left, uint8_t *out, size_t max, size_t *ret,
		    struct fault *f)
{
	size_t want = left < max ? (size_t)left : max;
	size_t n = t->len < want ? t->len : want;

	if (n == 0)
		return receive(t, out, want, ret, f);
	memcpy(out, t->bytes, n);
	t->len -= n;
	memmove(t->bytes, t->bytes + n, t->len);
	*ret = n;
	return OK;
}

static rc body_into(struct talk *t, const struct http_head *head, struct buf *out, struct fault *f)
{
	uint8_t chunk[16384];
	uint64_t left = head->length;
	size_t n = 0;

	if (left > out->max)
		return fault_set(f, RC_LIMIT, 0, "an answer of %" PRIu64 " bytes", left);
	for (; left > 0; left -= n) {
		TRY(read_body(t, left, chunk, sizeof(chunk), &n, f));
		buf_put(out, chunk, n);
	}
	return buf_done(out);
}

/* What the agent or the server refuses, in its words. */
static rc refused(struct talk *t, const struct http_head *head, struct fault *f)
{
	AUTO(buf) struct buf body = {0};
	AUTO_JSON *root = NULL;
	const char *code, *text;

	buf_init(&body, ERROR_MAX);
	TRY(body_into(t, head, &body, f));
	root = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	code = json_string_value(json_object_get(json_object_get(root, "error"), "code"));
	text = json_string_value(json_object_get(json_object_get(root, "error"), "text"));
	return fault_set(f, head->status == 404 ? RC_NOTFOUND : RC_PEER, 0, "%.60s: %.120s",
			 code == NULL ? "answer" : code, text == NULL ? "it has no reason" : text);
}

static rc get(struct talk *t, const char *target, struct buf *out, struct fault *f)
{
	struct http_head head;

	TRY(ask(t, target, &head, f));
	return head.status == 200 ? body_into(t, &head, out, f) : refused(t, &head, f);
}

/* ---- A list ---------------------------------------------------------------------------------*/

/* The name in force stays the name, where the settings have none. */
static void put_target(const struct conf *c, const struct fetch_have *have, struct buf *out)
{
	const struct name *name = c->name.s[0] != '\0' ? &c->name : &have->name;
	char hex[DIGEST_HEX];

	buf_put_str(out, "/v1/guard/list?groups=");
	for (size_t i = 0; i < c->group_count; i++)
		buf_printf(out, i == 0 ? "%s" : ",%s", c->groups[i].s);
	if (name->s[0] != '\0')
		buf_printf(out, "&name=%s", name->s);
	if (have->serial == 0)
		return;
	digest_hex(&have->digest, hex);
	buf_printf(out, "&have=%s", hex);
}

static rc judge(const struct conf *c, const struct fetch_have *have,
		const struct fetch_offer *offer, struct fault *f)
{
	if (have->serial > 0 && offer->serial < have->serial)
		return fault_set(f, RC_STATE, 0,
				 "the server's newest list has serial %" PRIu64
				 ", this host has had %" PRIu64,
				 offer->serial, have->serial);
	if (offer->size == 0 || offer->size > c->fetch_max)
		return fault_set(f, RC_LIMIT, 0,
				 "the list has %" PRIu64 " bytes, fetch-max is %" PRIu64,
				 offer->size, c->fetch_max);
	return OK;
}

static rc body_into_file(struct talk *t, uint64_t size, int memory, struct fault *f)
{
	static uint8_t chunk[1 << 16];
	uint64_t at = 0;
	size_t n = 0;

	for (; at < size; at += n) {
		TRY(read_body(t, size - at, chunk, sizeof(chunk), &n, f));
		TRY(fd_pwrite_full(memory, chunk, n, at, f));
	}
	return OK;
}

static rc get_file(struct talk *t, const struct fetch_offer *offer, int memory, struct fault *f)
{
	char hex[DIGEST_HEX], target[128];
	struct http_head head;

	digest_hex(&offer->digest, hex);
	(void)snprintf(target, sizeof(target), "/v1/guard/list/%s", hex);
	TRY(ask(t, target, &head, f));
	if (head.status != 200)
		return refused(t, &head, f);
	if (head.length != offer->size)
		return fault_set(f, RC_PEER, 0,
				 "the list has %" PRIu64 " bytes, and %" PRIu64 " were named",
				 head.length, offer->size);
	return body_into_file(t, head.length, memory, f);
}

static rc fetch_list(struct talk *t, const struct conf *c, const struct fetch_have *have,
		     const int memory[static 2], struct fetch_result *ret, struct fault *f)
{
	AUTO(buf) struct buf target = {0};
	AUTO(buf) struct buf body = {0};
	struct fetch_offer offer = {.current = false};
	rc r;

	buf_init(&target, TARGET_MAX);
	buf_init(&body, FETCH_ANSWER_MAX);
	put_target(c, have, &target);
	if (!rc_is_ok(buf_done(&target)))
		return fault_set(f, RC_LIMIT, 0, "too many groups for one call");
	TRY(get(t, buf_cstr(&target), &body, f));
	buf_init(&offer.proof, PROOF_BYTES_MAX);
	r = fetch_offer_parse(buf_view(&body), &offer, f);
	ret->current = offer.current ? 1 : 0;
	ret->serial = offer.serial;
	if (rc_is_ok(r) && !offer.current)
		r = judge(c, have, &offer, f);
	if (rc_is_ok(r) && !offer.current)
		r = get_file(t, &offer, memory[0], f);
	if (rc_is_ok(r) && !offer.current)
		r = fd_pwrite_full(memory[1], offer.proof.ptr, offer.proof.len, 0, f);
	buf_release(&offer.proof);
	return r;
}

/* ---- Package records ------------------------------------------------------------------------*/

struct records {
	const struct conf *conf;
	const struct digest *wanted; /* of this call */
	size_t wanted_count;
	int memory;
	uint64_t at;
	uint64_t count;
	char told[FAULT_TEXT]; /* why the first that was refused was */
};

static bool is_wanted(const struct records *r, const struct digest *archive)
{
	for (size_t i = 0; i < r->wanted_count; i++)
		if (digest_is_equal(archive, &r->wanted[i]))
			return true;
	return false;
}

/* What is not good is not kept, and keeps no other from being: a server that lies must not fill the
 * disk. */
static rc keep_record(void *ctx, const struct digest *archive, struct view record,
		      struct view proof, struct fault *f)
{
	struct records *r = (struct records *)ctx;
	AUTO(buf) struct buf out = {0};
	struct package_record p;
	struct fault why = {0};
	rc done;

	if (!is_wanted(r, archive))
		return OK;
	done = records_verify(r->conf, record, proof, &p, &why);
	if (rc_is_ok(done) && !package_record_is_of(&p.header, archive))
		done = fault_set(&why, RC_MISMATCH, 0, "a record of another archive");
	if (done.code == RC_NOMEM)
		return fault_set(f, RC_NOMEM, 0, "no memory for a record");
	if (!rc_is_ok(done)) {
		if (r->told[0] == '\0')
			(void)snprintf(r->told, sizeof(r->told), "a record is refused: %.160s",
				       why.text);
		return OK;
	}
	buf_init(&out, RECORD_BYTES + RECORD_PROOF_BYTES + 8);
	buf_put_string(&out, record);
	buf_put_string(&out, proof);
	TRY(buf_done(&out));
	if (r->at + out.len > FETCH_RECORDS_BYTES)
		return fault_set(f, RC_LIMIT, 0, "more records than fit into %" PRIu64 " bytes",
				 FETCH_RECORDS_BYTES);
	TRY(fd_pwrite_full(r->memory, out.ptr, out.len, r->at, f));
	r->at += out.len;
	r->count++;
	return OK;
}

/* One call; *count: how many archives of the front are asked for, and then how many are left out
 * and stand there again. */
static rc get_records(struct talk *t, struct records *r, struct digest *front, size_t *count,
		      struct fault *f)
{
	struct digest later[FETCH_ARCHIVES];
	AUTO(buf) struct buf target = {0};
	AUTO(buf) struct buf body = {0};
	char hex[DIGEST_HEX];
	size_t n = 0;

	buf_init(&target, TARGET_MAX);
	buf_init(&body, FETCH_ANSWER_MAX);
	buf_put_str(&target, "/v1/guard/records?archives=");
	for (size_t i = 0; i < *count; i++) {
		digest_hex(&front[i], hex);
		buf_printf(&target, i == 0 ? "%s" : ",%s", hex);
	}
	TRY(buf_done(&target));
	TRY(get(t, buf_cstr(&target), &body, f));
	r->wanted = front;
	r->wanted_count = *count;
	TRY(fetch_records_parse(buf_view(&body), keep_record, r, later, &n, f));
	/* Each call brings one at least: else this would have no end. */
	if (n >= *count)
		return fault_set(f, RC_PEER, 0, "the server brings none of the records");
	for (size_t i = 0; i < n; i++)
		front[i] = later[i];
	*count = n;
	return OK;
}

static rc fetch_records(struct talk *t, struct records *r, struct digest *archives, size_t count,
			struct fault *f)
{
	while (count > 0) {
		size_t asked = count < FETCH_ARCHIVES ? count : FETCH_ARCHIVES;
		/* From the end, so that what is left out stands where more are. */
		struct digest *front = archives + (count - asked);
		size_t left = asked;

		TRY(get_records(t, r, front, &left, f));
		count = count - asked + left;
	}
	return OK;
}

/* ---- The process ----------------------------------------------------------------------------*/

/* What it may write at most: the list, its proof, all records. */
static uint64_t file_max(const struct conf *c)
{
	uint64_t most = FETCH_RECORDS_BYTES;

	most = c->fetch_max > most ? c->fetch_max : most;
	return PROOF_BYTES_MAX > most ? PROOF_BYTES_MAX : most;
}

/* Connected, and locked in: from here on the child has its connection and what it may write to,
 * and an end to what it may take. */
static rc begin(const struct conf *c, const int *keep, size_t keep_count, struct talk *t,
		struct fault *f)
{
	const struct sandbox_limits limits = {.address_space = MEMORY_MAX,
					      .file_size = file_max(c)};
	int fds[4] = {-1, -1, -1, -1};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	TRY(dial(c->agent, &t->fd, f));
	for (size_t i = 0; i < keep_count; i++)
		fds[i] = keep[i];
	fds[3] = t->fd;
	TRY(sandbox_close_others(fds, 4, f));
	TRY(sandbox_limit(&limits, f));
	return confine_fetcher(f);
}

static _Noreturn void end(struct fetch_result *result, rc r, const struct fault *f, int out)
{
	result->code = (uint32_t)r.code;
	if (!rc_is_ok(r))
		(void)snprintf(result->text, sizeof(result->text), "%s",
			       f->text[0] != '\0' ? f->text : rc_name(r));
	rc_ignore(fd_write_full(out, result, sizeof(*result), NULL), "the other end sees the end");
	_exit(0);
}

_Noreturn void fetch_list_run(const struct conf *c, const struct fetch_have *have,
			      const int memory[static 2], int out)
{
	static struct talk t = {.fd = -1};
	const int keep[] = {memory[0], memory[1], out};
	struct fetch_result result = {.code = RC_IO};
	struct fault f = {0};
	rc r;

	t.deadline = guard_now() + FETCH_LIST_MS;
	r = begin(c, keep, 3, &t, &f);
	if (rc_is_ok(r))
		r = fetch_list(&t, c, have, memory, &result, &f);
	end(&result, r, &f, out);
}

_Noreturn void fetch_records_run(const struct conf *c, const struct digest *archives, size_t count,
				 int memory, int out)
{
	static struct talk t = {.fd = -1};
	const int keep[] = {memory, out};
	struct records records = {.conf = c, .memory = memory};
	struct fetch_result result = {.code = RC_IO};
	struct digest *mine = (struct digest *)calloc(count, sizeof(*mine));
	struct fault f = {0};
	rc r = mine == NULL ? RC(RC_NOMEM) : OK;

	t.deadline = guard_now() + FETCH_RECORDS_MS;
	if (rc_is_ok(r))
		r = begin(c, keep, 2, &t, &f);
	if (rc_is_ok(r)) {
		memcpy(mine, archives, count * sizeof(*mine));
		r = fetch_records(&t, &records, mine, count, &f);
	}
	result.count = records.count;
	(void)snprintf(result.text, sizeof(result.text), "%s", records.told);
	end(&result, r, &f, out);
}

_Noreturn void fetch_certificates_run(const struct conf *c, const char *have, int memory, int out)
{
	static struct talk t = {.fd = -1};
	const int keep[] = {memory, out};
	struct fetch_result result = {.code = RC_IO};
	struct buf body, pem;
	char target[TARGET_MAX];
	struct fault f = {0};
	rc r;

	buf_init(&body, FETCH_ANSWER_MAX);
	buf_init(&pem, SCAN_PEM_MAX);
	t.deadline = guard_now() + FETCH_RECORDS_MS;
	r = begin(c, keep, 2, &t, &f);
	(void)snprintf(target, sizeof(target), "/v1/guard/certificates%s", have);
	if (rc_is_ok(r))
		r = get(&t, target, &body, &f);
	if (rc_is_ok(r))
		r = certificates_take(buf_view(&body), &c->log, &pem, &result.count, result.text,
				      &f);
	if (rc_is_ok(r))
		r = fd_pwrite_full(memory, pem.ptr, pem.len, 0, &f);
	end(&result, r, &f, out);
}

/* ---- Its parent -----------------------------------------------------------------------------*/

void fetch_result_take(int from, struct fetch_result *ret)
{
	if (!rc_is_ok(fd_read_full(from, ret, sizeof(*ret), NULL)) || ret->code >= RC__COUNT ||
	    ret->current > 1)
		*ret = (struct fetch_result){.code = RC_IO, .text = "what fetches died"};
	ret->text[sizeof(ret->text) - 1] = '\0';
	for (char *p = ret->text; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

void fetch_await(pid_t child, int from, uint64_t until, struct fetch_result *ret)
{
	/* No events but the end: who has written a part can write no less than all of it. */
	struct pollfd p = {.fd = from};
	uint64_t now;
	int status;

	while ((now = guard_now()) < until && p.revents == 0)
		(void)poll(&p, 1, (int)(until - now));
	(void)kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	fetch_result_take(from, ret);
}
