#include "prog/server/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/crypt/spiffe.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/call.h"
#include "lib/model/change.h"
#include "prog/server/bearer.h"
#include "prog/server/guard.h"
#include "prog/server/routes.h"

#define ROSTER_SECONDS 2   /* how long a copy is used before the keeper is asked again */
#define NONCES_MAX 262144u /* in one generation; then calls wait for the next */
#define SLOTS (NONCES_MAX * 2)
#define GENERATION (4 * CALL_SKEW) /* longer than a nonce can be replayed */
#define RECORD 24

/* Two generations: the older one is forgotten when the younger one has outlived every replay. */
struct generation {
	uint8_t (*slots)[REQUEST_NONCE]; /* zero: free */
	uint32_t count;
	unix_time since;
	int fd;
};

/* Nonces are written and not synced: they outlive the process, not the power. So that nothing is
 * replayed across a loss of power either, a start that does not follow a clean end takes no call
 * that could have been made before it: none older than the start, and none up to `ahead`, a time
 * that is made durable before a call from the future is taken. A call from further ahead is synced
 * itself, so that one clock that is wrong does not hold up everybody after a start. What is not
 * seen is a clock that was set back while the power was away. */
struct nonces {
	pthread_mutex_t lock;
	struct generation now;
	struct generation before;
	unix_time floor; /* older calls are not taken */
	unix_time ahead;
	int ahead_fd;
	int data_fd;
	uint64_t size; /* of files[0]: whole records */
};

static const char *const files[2] = {"nonces.0", "nonces.1"};
#define FILE_AHEAD "nonces.ahead" /* u64 big-endian */
#define FILE_CLEAN "nonces.clean" /* is there between a clean end and the next start */
#define AHEAD_NEAR 5		  /* seconds that a clock may be ahead without being synced */
#define AHEAD_STEP 5		  /* seconds: so often at most `ahead` is synced */

/* Where the nonce is or would be. Nonces are random, so their first bytes are a hash. */
static uint8_t *slot_of(const struct generation *g, const uint8_t nonce[REQUEST_NONCE])
{
	static const uint8_t zero[REQUEST_NONCE];
	uint32_t at;

	memcpy(&at, nonce, sizeof(at));
	for (at %= SLOTS;; at = (at + 1) % SLOTS)
		if (memcmp(g->slots[at], nonce, REQUEST_NONCE) == 0 ||
		    memcmp(g->slots[at], zero, REQUEST_NONCE) == 0)
			return g->slots[at];
}

static bool has(const struct generation *g, const uint8_t nonce[REQUEST_NONCE])
{
	return memcmp(slot_of(g, nonce), nonce, REQUEST_NONCE) == 0;
}

static void remember(struct generation *g, const uint8_t nonce[REQUEST_NONCE])
{
	memcpy(slot_of(g, nonce), nonce, REQUEST_NONCE);
	g->count++;
}

static rc load(struct nonces *n, const char *name, unix_time now, struct fault *f)
{
	AUTO(fd) int fd = openat(n->data_fd, name, O_RDONLY | O_CLOEXEC);
	uint8_t record[RECORD];

	if (fd < 0)
		return errno == ENOENT ? OK : fault_errno(f, errno, "%s", name);
	while (rc_is_ok(fd_read_full(fd, record, sizeof(record), NULL))) {
		struct view v = view_of(record, 8);
		uint64_t t;

		TRY(view_u64be(&v, &t));
		if ((unix_time)t + 2 * CALL_SKEW >= now && n->before.count < NONCES_MAX &&
		    !has(&n->before, record + 8))
			remember(&n->before, record + 8);
	}
	return OK;
}

/* Opens files[0] behind its last whole record: what a crash or a full disk has cut off would shift
 * all that follows, so that the next start could not read it. */
static rc open_file(struct nonces *n, struct fault *f)
{
	uint64_t size;
	int fd = openat(n->data_fd, files[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return fault_errno(f, errno, "%s", files[0]);
	n->now.fd = fd;
	TRY(fd_size(fd, &size, f));
	n->size = size - size % RECORD;
	return OK;
}

static rc open_ahead(struct nonces *n, struct fault *f)
{
	uint8_t bytes[8] = {0};
	struct view v = view_of(bytes, sizeof(bytes));
	uint64_t t;

	n->ahead_fd = openat(n->data_fd, FILE_AHEAD, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (n->ahead_fd < 0)
		return fault_errno(f, errno, FILE_AHEAD);
	rc_ignore(fd_pread_full(n->ahead_fd, bytes, sizeof(bytes), 0, NULL), "new: 0");
	TRY(view_u64be(&v, &t));
	n->ahead = t > INT64_MAX / 2 ? 0 : (unix_time)t;
	return OK;
}

/* The mark of a clean end is durably gone before the first call is taken. */
static rc take_mark(struct nonces *n, unix_time now, struct fault *f)
{
	bool clean = unlinkat(n->data_fd, FILE_CLEAN, 0) == 0;

	if (!clean && errno != ENOENT)
		return fault_errno(f, errno, FILE_CLEAN);
	if (fsync(n->data_fd) != 0)
		return fault_errno(f, errno, FILE_CLEAN);
	/* Within the second of the start nothing was lost: no machine comes back as fast. */
	if (!clean)
		n->floor = n->ahead > now && n->ahead <= now + AHEAD_NEAR + AHEAD_STEP
				   ? n->ahead + 1
				   : now;
	return OK;
}

static rc open_all(struct nonces *n, unix_time now, struct fault *f)
{
	n->now.slots = calloc(SLOTS, REQUEST_NONCE);
	n->before.slots = calloc(SLOTS, REQUEST_NONCE);
	n->now.since = n->before.since = now;
	if (n->now.slots == NULL || n->before.slots == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	for (int i = 0; i < 2; i++)
		TRY(load(n, files[i], now, f));
	TRY(open_file(n, f));
	TRY(open_ahead(n, f));
	return take_mark(n, now, f);
}

rc nonces_open(int data_fd, unix_time now, struct nonces **ret, struct fault *f)
{
	struct nonces *n = calloc(1, sizeof(*n));
	rc r;

	if (n == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	(void)pthread_mutex_init(&n->lock, NULL);
	n->data_fd = data_fd;
	n->now.fd = n->before.fd = n->ahead_fd = -1;
	r = open_all(n, now, f);
	if (!rc_is_ok(r)) {
		nonces_free(n);
		return r;
	}
	*ret = n;
	return OK;
}

/* Whatever fails here leaves no mark, and the next start is careful. */
void nonces_end(struct nonces *n)
{
	const struct file_spec spec = {
		.dirfd = n->data_fd, .name = FILE_CLEAN, .mode = 0600, .durable = true};

	for (int i = 0; i < 2; i++) {
		AUTO(fd) int fd = openat(n->data_fd, files[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0 ? errno != ENOENT : fdatasync(fd) != 0)
			return;
	}
	if (fsync(n->data_fd) == 0)
		rc_ignore(file_replace(&spec, view_str(""), NULL), "no mark then");
}

void nonces_free(struct nonces *n)
{
	if (n == NULL)
		return;
	free(n->now.slots);
	free(n->before.slots);
	fd_close(&n->now.fd);
	fd_close(&n->ahead_fd);
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
}

/* Starts a new generation: file 1 becomes the old one, file 0 is begun again. */
static rc rotate(struct nonces *n, unix_time now, struct fault *f)
{
	struct generation old = n->before;

	if (renameat(n->data_fd, files[0], n->data_fd, files[1]) != 0)
		return fault_errno(f, errno, "%s", files[1]);
	fd_close(&n->now.fd);
	n->before = n->now;
	memset(old.slots, 0, (size_t)SLOTS * REQUEST_NONCE);
	n->now = (struct generation){.slots = old.slots, .since = now, .fd = -1};
	return fsync(n->data_fd) == 0 ? OK : fault_errno(f, errno, "%s", files[1]);
}

/* Written at its place, not appended: after a disk that was full in the middle of a record the next
 * one covers the piece. */
static rc write_record(struct nonces *n, unix_time t, const uint8_t nonce[REQUEST_NONCE],
		       struct fault *f)
{
	uint8_t record[RECORD];
	struct buf b;

	buf_init_fixed(&b, record, sizeof(record));
	buf_put_u64be(&b, (uint64_t)t);
	buf_put(&b, nonce, REQUEST_NONCE);
	if (n->now.fd < 0)
		TRY(open_file(n, f));
	TRY(fd_pwrite_full(n->now.fd, record, sizeof(record), n->size, f));
	n->size += sizeof(record);
	return OK;
}

/* Whether a call of time t cannot be replayed after a start that comes before t; its nonce has been
 * written. */
static bool is_covered(struct nonces *n, unix_time t, unix_time now)
{
	uint8_t bytes[8];
	struct buf b;

	if (t <= now || t <= n->ahead)
		return true;
	if (t > now + AHEAD_NEAR)
		return fdatasync(n->now.fd) == 0;
	buf_init_fixed(&b, bytes, sizeof(bytes));
	buf_put_u64be(&b, (uint64_t)t + AHEAD_STEP);
	if (!rc_is_ok(fd_pwrite_full(n->ahead_fd, bytes, sizeof(bytes), 0, NULL)) ||
	    fdatasync(n->ahead_fd) != 0)
		return false;
	n->ahead = t + AHEAD_STEP;
	return true;
}

/* REASON_NONE if the nonce is new and is now remembered, also on disk. f: what the disk said. */
static enum reason nonce_use(struct nonces *n, const uint8_t nonce[REQUEST_NONCE], unix_time t,
			     unix_time now, struct fault *f)
{
	enum reason reason = REASON_NONE;

	(void)pthread_mutex_lock(&n->lock);
	if (now - n->now.since > GENERATION && !rc_is_ok(rotate(n, now, f)))
		reason = REASON_CALL_LIMIT;
	else if (has(&n->now, nonce) || has(&n->before, nonce))
		reason = REASON_CALL_REPLAY;
	else if (t < n->floor)
		reason = REASON_CALL_TIME;
	else if (n->now.count >= NONCES_MAX)
		reason = REASON_CALL_LIMIT;
	else if (!rc_is_ok(write_record(n, t, nonce, f)) || !is_covered(n, t, now))
		reason = REASON_CALL_LIMIT;
	else
		remember(&n->now, nonce);
	(void)pthread_mutex_unlock(&n->lock);
	return reason;
}

/* ---- The roster ---- */

static void ref_drop(struct roster_ref *r)
{
	if (r == NULL || --r->users > 0)
		return;
	roster_free(r->roster);
	free(r);
}

void roster_drop(struct server *s, struct roster_ref *r)
{
	(void)pthread_mutex_lock(&s->lock);
	ref_drop(r);
	(void)pthread_mutex_unlock(&s->lock);
}

void roster_stale(struct server *s)
{
	(void)pthread_mutex_lock(&s->lock);
	s->roster_read = 0;
	(void)pthread_mutex_unlock(&s->lock);
}

/* Asks the keeper for the roster and makes it the current one. */
static rc roster_fetch(struct call_ctx *c)
{
	struct server *s = c->server;
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(s->keeper);
	struct keeper_document doc;
	struct document_change change;
	struct roster_ref *ref;
	struct roster *roster;

	buf_init(&frame, 64);
	keeper_put_document_request(&frame, id, STATEMENT_ROSTER);
	TRY(call_keeper(c, id, &frame, KEEPER_R_DOCUMENT, KEEPER_R_DOCUMENT, &reply));
	if (!rc_is_ok(keeper_get_document(buf_view(&reply.body), &doc)) ||
	    !rc_is_ok(document_source_parse(STATEMENT_ROSTER, doc.statement, &change, NULL)) ||
	    !rc_is_ok(roster_parse(change.document, &roster, NULL)))
		return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper's roster cannot be read");
	ref = calloc(1, sizeof(*ref));
	if (ref == NULL) {
		roster_free(roster);
		return call_refuse(c, REASON_CALL_LIMIT, "no memory");
	}
	*ref = (struct roster_ref){.roster = roster, .users = 1};
	(void)pthread_mutex_lock(&s->lock);
	ref_drop(s->roster);
	s->roster = ref;
	s->roster_read = clock_now(&clock_system);
	(void)pthread_mutex_unlock(&s->lock);
	return OK;
}

rc roster_take(struct call_ctx *c, struct roster_ref **ret)
{
	struct server *s = c->server;
	unix_time now = clock_now(&clock_system);
	bool fresh;

	(void)pthread_mutex_lock(&s->lock);
	fresh = s->roster != NULL && now >= s->roster_read &&
		now - s->roster_read <= ROSTER_SECONDS;
	(void)pthread_mutex_unlock(&s->lock);
	if (!fresh)
		TRY(roster_fetch(c));
	(void)pthread_mutex_lock(&s->lock);
	*ret = s->roster;
	s->roster->users++;
	(void)pthread_mutex_unlock(&s->lock);
	return OK;
}

/* ---- One call ---- */

static rc verify(struct call_ctx *c, const struct call *call, struct view sig,
		 const struct roster *roster)
{
	static const struct sshsig_rules rules = {.allow_unverified = true, .allow_synced = true};
	AUTO(buf) struct buf text = {0};
	const struct principal *caller;
	const struct sshkey *key;
	struct sshsig parts;
	struct fault f = {0};

	buf_init(&text, HTTP_TARGET_MAX + 1024);
	if (!rc_is_ok(sshsig_parse(sig, &parts, &f)))
		return call_refuse(c, REASON_CALL_AUTH, "the call's signature: %s", f.text);
	caller = roster_requester_by_key(roster, parts.key_blob);
	key = caller == NULL ? NULL : principal_key(caller, parts.key_blob);
	if (key == NULL)
		return call_refuse(c, REASON_CALL_AUTH, "the roster knows nobody with this key");
	if (!rc_is_ok(call_text(call, &text)) ||
	    !rc_is_ok(sshsig_verify(key, statement_info(STATEMENT_CALL)->ns, buf_view(&text), sig,
				    &rules, NULL, &f)))
		return call_refuse(c, REASON_CALL_AUTH, "the call's signature: %s", f.text);
	c->person = caller->name;
	return OK;
}

/* Of a host. It changes nothing here, so one that comes twice within its time is no harm, and no
 * nonce is kept: many hosts ask often. */
static rc host_check(struct call_ctx *c, const struct call *call, struct view proof)
{
	AUTO(buf) struct buf text = {0};

	if ((c->route->flags & ROUTE_HOST) == 0)
		return call_refuse(c, REASON_CALL_AUTH, "hosts do not make this call");
	buf_init(&text, HTTP_TARGET_MAX + 1024);
	if (!rc_is_ok(call_text(call, &text)))
		return call_refuse(c, REASON_CALL_AUTH, "the call cannot be signed so");
	TRY(call_open_rate(c));
	TRY(guard_verify(c, &call->host, HOST_CALL_NS, buf_view(&text), proof));
	call_rate_give(c);
	c->host = call->host;
	return OK;
}

rc auth_check(struct call_ctx *c, struct nonces *n, bool upload)
{
	const char *header = http_header(c->exchange, "Authorization");
	unix_time now = clock_now(&clock_system);
	struct call call = {0};
	AUTO(buf) struct buf sig = {0};
	struct roster_ref *roster;
	struct fault f = {0};
	enum reason reason;
	rc r;

	buf_init(&sig, SVID_PROOF_MAX);
	if (header == NULL)
		return call_refuse(c, REASON_CALL_AUTH, "the call is not signed");
	if (bearer_is_like(header))
		return bearer_check(c, header);
	if (!rc_is_ok(call_header_parse(view_str(header), &call, &sig, &f)))
		return call_refuse(c, REASON_CALL_AUTH, "Authorization: %s", f.text);
	call.method = view_str(c->method);
	call.target = http_raw_target(c->exchange);
	call.pin = c->server->pin;
	if (call.has_body_digest == upload)
		return call_refuse(c, REASON_CALL_AUTH,
				   "the signature is over another kind of body");
	c->signed_body = call.body;
	if (call.time > now + CALL_SKEW || call.time < now - CALL_SKEW)
		return call_refuse(c, REASON_CALL_TIME,
				   "the call's time differs by more than %d seconds", CALL_SKEW);
	if (call.host.s[0] != '\0')
		return host_check(c, &call, buf_view(&sig));
	TRY(roster_take(c, &roster));
	r = verify(c, &call, buf_view(&sig), roster->roster);
	roster_drop(c->server, roster);
	TRY(r);
	f = (struct fault){0};
	reason = nonce_use(n, call.nonce, call.time, now, &f);
	if (reason == REASON_NONE)
		return OK;
	if (reason == REASON_CALL_TIME)
		return call_refuse(c, reason,
				   "the call may be from before the server's start, which did not "
				   "follow a clean end; make it again");
	if (f.text[0] == '\0')
		return call_refuse(c, reason, "%s", "");
	return call_refuse(c, reason, "the server's disk: %s", f.text);
}

rc auth_body(struct call_ctx *c, bool upload)
{
	struct digest body;

	if (upload || c->is_bearer)
		return OK; /* the path names the digest of the whole; a token covers no body */
	body = digest_of(c->body);
	if (!digest_is_equal(&c->signed_body, &body))
		return call_refuse(c, REASON_CALL_AUTH, "the signature is over another body");
	return OK;
}
