#include "prog/agent/guard_feed.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/hex.h"
#include "lib/codec/utf8.h"
#include "lib/model/field.h"

#define FEED_SECONDS 10

static inline void json_autorelease(json_t **j)
{
	json_decref(*j);
}

/* ---- The socket -----------------------------------------------------------------------------*/

static rc connect_to(const char *path, int *ret, struct fault *f)
{
	const struct timeval patience = {.tv_sec = FEED_SECONDS};
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct ucred who;
	socklen_t len = sizeof(who);

	if (strlen(path) >= sizeof(a.sun_path))
		return fault_set(f, RC_LIMIT, 0, "guard %s: the path is too long", path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (fd < 0)
		return fault_errno(f, errno, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return errno == ENOENT || errno == ECONNREFUSED
			       ? fault_set(f, RC_NOTFOUND, 0, "%s: no guard is running", path)
			       : fault_errno(f, errno, "%s", path);
	/* Who called listen(2) there. In tests everybody is one user. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 ||
	    (who.uid != 0 && who.uid != getuid()))
		return fault_set(f, RC_DENIED, 0, "%s: the other end is not root", path);
	*ret = fd;
	fd = -1;
	return OK;
}

static rc ask(const char *path, const char *line, struct buf *out, struct fault *f)
{
	AUTO(fd) int fd = -1;

	TRY(connect_to(path, &fd, f));
	TRY(fd_write_full(fd, line, strlen(line), f));
	TRY(fd_read_all(fd, out, f));
	return OK;
}

rc guard_feed_ack(const char *socket, const uint8_t run[GUARD_RUN], uint64_t seq, struct fault *f)
{
	AUTO(buf) struct buf out = {0};
	char hex[GUARD_RUN_HEX], line[128];

	hex_encode(view_of(run, GUARD_RUN), hex);
	(void)snprintf(line, sizeof(line), "ack %s %llu\n", hex, (unsigned long long)seq);
	buf_init(&out, 4096);
	TRY(ask(socket, line, &out, f));
	if (strcmp(buf_cstr(&out), "{\"ok\":true}\n") != 0)
		return fault_set(f, RC_PEER, 0, "%s: %.100s", socket, buf_cstr(&out));
	return OK;
}

/* ---- One event ------------------------------------------------------------------------------*/

/* At most cap - 1 bytes, cut between characters. */
static void take_text(const json_t *o, const char *name, unsigned bit, char *out, size_t cap,
		      struct guard_event *e)
{
	const char *text = json_string_value(json_object_get(o, name));
	size_t n;

	if (text == NULL)
		return;
	n = strlen(text);
	if (n >= cap)
		for (n = cap - 1; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			;
	memcpy(out, text, n);
	out[n] = '\0';
	e->has |= bit;
}

static bool take_word(const json_t *o, const char *name, char *out, size_t cap)
{
	const char *text = json_string_value(json_object_get(o, name));

	if (text == NULL || strlen(text) >= cap || !rc_is_ok(token_check(view_str(text))))
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static void take_base64(const json_t *o, const char *name, unsigned bit, char *out, size_t cap,
			struct guard_event *e)
{
	const char *text = json_string_value(json_object_get(o, name));

	if (text == NULL || strlen(text) >= cap || !guard_is_base64(text))
		return;
	memcpy(out, text, strlen(text) + 1);
	e->has |= bit;
}

static void take_digest(const json_t *o, const char *name, unsigned bit, struct digest *out,
			struct guard_event *e)
{
	const char *hex = json_string_value(json_object_get(o, name));

	if (hex != NULL && rc_is_ok(digest_parse(view_str(hex), out)))
		e->has |= bit;
}

static bool take_number(const json_t *o, const char *name, uint64_t *out)
{
	const json_t *n = json_object_get(o, name);

	if (!json_is_integer(n) || json_integer_value(n) < 0 ||
	    (uint64_t)json_integer_value(n) > JCAN_NUMBER_MAX)
		return false;
	*out = (uint64_t)json_integer_value(n);
	return true;
}

/* Of a signature that was met. */
static void take_signature(const json_t *o, struct guard_event *e)
{
	take_digest(o, "certificate", GUARD_CERTIFICATE, &e->certificate, e);
	take_digest(o, "key", GUARD_KEY, &e->key, e);
	if (take_word(o, "digest", e->digest, sizeof(e->digest)))
		e->has |= GUARD_DIGEST;
	if (take_word(o, "hash", e->hash, sizeof(e->hash)))
		e->has |= GUARD_HASH;
	take_base64(o, "signature", GUARD_SIGNATURE, e->signature, sizeof(e->signature), e);
	take_base64(o, "signed", GUARD_SIGNED, e->signed_, sizeof(e->signed_), e);
	take_base64(o, "spki", GUARD_SPKI, e->spki, sizeof(e->spki), e);
}

static bool take_event(const json_t *o, struct guard_event *e)
{
	const struct {
		const char *name;
		unsigned bit;
		uint64_t *to;
	} numbers[] = {{"count", GUARD_COUNT, &e->count},
		       {"fits", GUARD_FITS, &e->fits},
		       {"pid", GUARD_PID, &e->pid},
		       {"serial", GUARD_SERIAL, &e->serial},
		       {"uid", GUARD_UID, &e->uid}};
	const char *when = json_string_value(json_object_get(o, "time"));

	if (when == NULL || !rc_is_ok(time_parse(view_str(when), &e->time)) ||
	    !take_word(o, "event", e->kind, sizeof(e->kind)))
		return false;
	if (take_word(o, "reason", e->reason, sizeof(e->reason)))
		e->has |= GUARD_REASON;
	take_text(o, "path", GUARD_PATH, e->path, sizeof(e->path), e);
	take_text(o, "by", GUARD_BY, e->by, sizeof(e->by), e);
	take_text(o, "text", GUARD_TEXT, e->text, sizeof(e->text), e);
	take_digest(o, "sha256", GUARD_SHA256, &e->sha256, e);
	take_signature(o, e);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (take_number(o, numbers[i].name, numbers[i].to))
			e->has |= numbers[i].bit;
	return true;
}

rc guard_feed_event(struct view line, struct guard_event *ret, struct fault *f)
{
	AUTO(json)
	json_t *root = json_loadb((const char *)line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);

	memset(ret, 0, sizeof(*ret));
	if (!take_number(root, "seq", &ret->seq) || ret->seq == 0 ||
	    !take_event(json_object_get(root, "event"), ret))
		return fault_set(f, RC_PEER, 0, "the guard's reports: an event that is none");
	return OK;
}

/* ---- The answer -----------------------------------------------------------------------------*/

static rc take_head(struct view line, struct guard_feed *ret, uint64_t *ret_count, struct fault *f)
{
	AUTO(json)
	json_t *o = json_loadb((const char *)line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
	const char *run = json_string_value(json_object_get(o, "run"));
	const char *list = json_string_value(json_object_get(o, "list"));
	struct guard_state *s = &ret->state;

	if (!json_is_true(json_object_get(o, "ok")) || run == NULL ||
	    !rc_is_ok(hex_parse(view_str(run), ret->run, sizeof(ret->run))) ||
	    !take_number(o, "dropped", &ret->dropped) || !take_number(o, "count", ret_count) ||
	    !take_word(o, "mode", s->mode, sizeof(s->mode)) ||
	    !take_word(o, "level", s->level, sizeof(s->level)))
		return fault_set(f, RC_PEER, 0, "the guard's reports: %.100s",
				 line.len > 0 ? (const char *)line.ptr : "nothing");
	if (list != NULL && take_number(o, "serial", &s->serial) && s->serial > 0)
		s->has_list = rc_is_ok(name_parse(view_str(list), &s->list));
	return OK;
}

static rc take_answer(struct view v, struct guard_feed *ret, struct fault *f)
{
	struct view line;
	uint64_t count;

	if (!rc_is_ok(view_until(&v, '\n', &line)))
		return fault_set(f, RC_PEER, 0, "the guard's reports: no answer");
	TRY(take_head(line, ret, &count, f));
	if (ret->events == NULL)
		return OK;
	for (uint64_t i = 0; i < count; i++) {
		if (ret->count == GUARD_EVENTS_MAX || !rc_is_ok(view_until(&v, '\n', &line)))
			return fault_set(f, RC_PEER, 0, "the guard's reports: cut short");
		TRY(guard_feed_event(line, &ret->events[ret->count], f));
		ret->count++;
	}
	return OK;
}

rc guard_feed_fetch(const char *socket, struct guard_feed *ret, struct fault *f)
{
	AUTO(buf) struct buf out = {0};

	ret->count = 0;
	memset(&ret->state, 0, sizeof(ret->state));
	buf_init(&out, GUARD_FEED_MAX);
	TRY(ask(socket, ret->events != NULL ? "batch\n" : "state\n", &out, f));
	(void)buf_cstr(&out);
	return take_answer(buf_view(&out), ret, f);
}
