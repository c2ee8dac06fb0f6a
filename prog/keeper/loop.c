#include "prog/keeper/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/secret.h"
#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "prog/keeper/gate.h"
#include "prog/keeper/waiting.h"

#define IDLE_MS 1000	/* wake-up for the clock and the WAL */
#define STOP_SECONDS 30 /* jobs in flight have this long at the end */
#define GATHER_MS 16	/* a round waits for company so long, while the keys have work without it */

struct conn {
	int fd; /* -1: free slot */
	uint64_t id;
	enum keeper_door door;
	uint8_t *in; /* LOOP_SMALL bytes */
	size_t in_len;
	uint8_t *large; /* KEEPER_FRAME_MAX bytes, or NULL */
	size_t large_len;
	size_t large_want; /* whole frame; > 0 with large NULL: waits for one */
	int64_t large_since;
	struct buf out;
	size_t sent;
	struct buf held; /* answers of the open round */
	bool closing;	 /* nothing more is read; closed when out is sent */
};

struct message {
	struct reply_to to;
};

struct loop {
	struct keeper *k;
	struct conn conn[LOOP_CONNECTIONS_MAX];
	uint64_t next_id;
	size_t large_count;
	struct message message[LOOP_MESSAGES_MAX];
	size_t message_count;
	bool waits;   /* unread input is left in a buffer */
	bool failing; /* the last round could not be written, and the log says so */
	bool stop;
	int64_t last_mono;
	unix_time last_real;
	int listen_fd[DOOR__COUNT]; /* -1: no such door */
	int signal_fd;
};

static int64_t mono_seconds(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* ---- Connections ---------------------------------------------------------------------------*/

static void large_free(struct loop *l, struct conn *c)
{
	if (c->large != NULL) {
		l->large_count--;
		secret_wipe(c->large, c->large_len);
	}
	free(c->large);
	c->large = NULL;
	c->large_len = 0;
	c->large_want = 0;
}

static void conn_close(struct loop *l, struct conn *c)
{
	fd_close(&c->fd);
	large_free(l, c);
	if (c->in != NULL)
		secret_wipe(c->in, c->in_len);
	free(c->in);
	c->in = NULL;
	buf_release(&c->out);
	buf_release(&c->held);
}

/* Each door has connections of its own, so that neither peer can take the other's. */
static bool door_is_full(const struct loop *l, enum keeper_door door)
{
	size_t n = 0;

	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX; i++)
		n += l->conn[i].fd >= 0 && l->conn[i].door == door;
	return n >= (door == DOOR_JWKS ? LOOP_JWKS_MAX : LOOP_CONNECTIONS_MAX - LOOP_JWKS_MAX);
}

static void conn_accept(struct loop *l, enum keeper_door door)
{
	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX; i++) {
		struct conn *c = &l->conn[i];
		int fd;

		if (c->fd >= 0)
			continue;
		if (door_is_full(l, door))
			return;
		fd = accept4(l->listen_fd[door], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		*c = (struct conn){
			.fd = fd, .id = ++l->next_id, .door = door, .in = malloc(LOOP_SMALL)};
		buf_init(&c->out, LOOP_OUT_MAX);
		buf_init(&c->held, LOOP_OUT_MAX);
		if (c->in == NULL)
			conn_close(l, c);
	}
}

static bool conn_reads(const struct loop *l, const struct conn *c)
{
	if (c->fd < 0 || c->closing || l->stop || c->out.len - c->sent > LOOP_OUT_PAUSE)
		return false;
	if (c->large_want > 0)
		return c->large != NULL;
	return c->in_len < LOOP_SMALL;
}

static void conn_read(struct loop *l, struct conn *c)
{
	uint8_t *at = c->in + c->in_len;
	size_t room = LOOP_SMALL - c->in_len;
	ssize_t n;

	if (!conn_reads(l, c))
		return;
	if (c->large != NULL) {
		at = c->large + c->large_len;
		room = c->large_want - c->large_len;
	}
	if (room == 0)
		return;
	n = recv(c->fd, at, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(l, c);
		return;
	}
	if (c->large != NULL)
		c->large_len += (size_t)n;
	else
		c->in_len += (size_t)n;
}

static void conn_write(struct loop *l, struct conn *c)
{
	while (c->fd >= 0 && c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.ptr + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			conn_close(l, c);
			return;
		}
		c->sent += (size_t)n;
	}
	if (c->fd < 0)
		return;
	/* Large buffers are given back; small ones are kept. */
	if (c->out.cap > LOOP_OUT_PAUSE) {
		buf_release(&c->out);
		buf_init(&c->out, LOOP_OUT_MAX);
	}
	buf_clear(&c->out);
	c->sent = 0;
	if (c->closing)
		conn_close(l, c);
}

/* ---- Frames --------------------------------------------------------------------------------*/

static void broken(struct loop *l, struct conn *c, uint64_t correlation, rc r)
{
	struct refusal why = {0};

	rc_ignore(refuse(&why, r.code == RC_LIMIT ? REASON_FORM_LIMIT : REASON_FORM_MESSAGE,
			 "frame: %s", rc_name(r)),
		  "only the words are wanted");
	l->k->refused[why.reason]++;
	log_info("refused frame: %s: %s", reason_id(why.reason), why.text);
	put_refusal(&c->held, correlation, &why);
	c->closing = true;
}

static void handle(struct loop *l, struct conn *c, const struct keeper_header *h, struct view body)
{
	const struct reply_to to = {.door = c->door,
				    .slot = (uint32_t)(c - l->conn),
				    .conn = c->id,
				    .correlation = h->correlation};

	l->message[l->message_count++] = (struct message){.to = to};
	if (!gate_handle(l->k, &to, h, body, &c->held))
		c->closing = true;
}

static bool round_is_full(const struct loop *l)
{
	return l->message_count == LOOP_MESSAGES_MAX || l->k->round.full || l->k->round.failed;
}

/* The next frame is larger than the small buffer: gets a large one if there is one to be had. */
static void begin_large(struct loop *l, struct conn *c, size_t whole)
{
	c->large_want = whole;
	if (l->large_count == LOOP_LARGE_MAX)
		return;
	c->large = malloc(KEEPER_FRAME_MAX);
	if (c->large == NULL)
		return;
	l->large_count++;
	c->large_since = mono_seconds();
	memcpy(c->large, c->in, c->in_len);
	secret_wipe(c->in, c->in_len);
	c->large_len = c->in_len;
	c->in_len = 0;
}

static void take_large(struct loop *l, struct conn *c)
{
	struct keeper_header h;

	if (c->large == NULL) {
		begin_large(l, c, c->large_want);
		return;
	}
	if (c->large_len < c->large_want)
		return;
	/* The header was good when the buffer was asked for. */
	if (rc_is_ok(keeper_header_parse(view_of(c->large, KEEPER_HEADER), &h)))
		handle(l, c, &h, view_of(c->large + KEEPER_HEADER, h.body_len));
	large_free(l, c);
}

static void conn_frames(struct loop *l, struct conn *c)
{
	size_t at = 0;

	if (c->fd >= 0 && c->large_want > 0)
		take_large(l, c);
	while (c->fd >= 0 && !c->closing && c->large_want == 0 && !round_is_full(l)) {
		struct keeper_header h;
		size_t whole;
		rc r;

		if (c->in_len - at < KEEPER_HEADER)
			break;
		r = keeper_header_parse(view_of(c->in + at, KEEPER_HEADER), &h);
		if (!rc_is_ok(r)) {
			uint64_t correlation = 0;
			struct view v = view_of(c->in + at + 8, 8);

			rc_ignore(view_u64be(&v, &correlation), "8 bytes are there");
			broken(l, c, correlation, r);
			break;
		}
		if (!gate_admits(c->door, h.type)) {
			broken(l, c, h.correlation, RC(RC_UNKNOWN));
			break;
		}
		whole = KEEPER_HEADER + h.body_len;
		if (whole > LOOP_SMALL) {
			memmove(c->in, c->in + at, c->in_len - at);
			c->in_len -= at;
			secret_wipe(c->in + c->in_len, at);
			at = 0;
			begin_large(l, c, whole);
			break;
		}
		if (c->in_len - at < whole)
			break;
		handle(l, c, &h, view_of(c->in + at + KEEPER_HEADER, h.body_len));
		at += whole;
	}
	if (c->fd < 0 || c->in == NULL)
		return;
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	secret_wipe(c->in + c->in_len, at); /* a token may have been in it */
	if (round_is_full(l) && c->in_len > 0)
		l->waits = true;
}

/* ---- Rounds --------------------------------------------------------------------------------*/

static struct buf *reply_out(void *ctx, const struct reply_to *to)
{
	struct loop *l = (struct loop *)ctx;
	struct conn *c = &l->conn[to->slot];

	return c->fd >= 0 && c->id == to->conn ? &c->out : NULL;
}

static void release_held(struct loop *l)
{
	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX; i++) {
		struct conn *c = &l->conn[i];

		if (c->fd < 0)
			continue;
		buf_put_view(&c->out, buf_view(&c->held));
		if (!rc_is_ok(buf_done(&c->out)) || !rc_is_ok(buf_done(&c->held))) {
			log_warn("connection %llu does not read its answers",
				 (unsigned long long)c->id);
			conn_close(l, c);
			continue;
		}
		if (c->held.cap > LOOP_OUT_PAUSE) {
			buf_release(&c->held);
			buf_init(&c->held, LOOP_OUT_MAX);
		}
		buf_clear(&c->held);
	}
}

/* The round did not become durable (or public): every message of it is answered with that, and who
 * waits for a result that cannot be released. Trying again on its own is told once. */
static void refuse_round(struct loop *l, const struct replies *replies, const struct fault *f)
{
	struct refusal why = {0};

	rc_ignore(refuse(&why, REASON_KEEPER_STORAGE, "%s", f->text), "only the words are wanted");
	if (l->message_count > 0 || !l->failing)
		log_err("round of %zu messages: %s: %s", l->message_count, reason_id(why.reason),
			f->text);
	l->failing = true;
	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX; i++)
		if (l->conn[i].fd >= 0)
			buf_clear(&l->conn[i].held);
	for (size_t i = 0; i < l->message_count; i++) {
		struct buf *out = reply_out(l, &l->message[i].to);

		if (out != NULL)
			put_refusal(out, l->message[i].to.correlation, &why);
	}
	l->k->refused[why.reason] += l->message_count;
	round_answer(l->k, replies, &why);
}

/* A wall clock that moved otherwise than the monotonic one is written down. */
static rc watch_clock(struct loop *l, struct fault *f)
{
	int64_t mono = mono_seconds();
	unix_time real = l->k->round.now;
	int64_t jump = (real - l->last_real) - (mono - l->last_mono);
	bool first = l->last_mono == 0;

	l->last_mono = mono;
	l->last_real = real;
	if (first || (jump <= CLOCK_JUMP && jump >= -CLOCK_JUMP))
		return OK;
	log_warn("the clock jumped by %lld s", (long long)jump);
	return keeper_log_leaf(l->k, "clock", NULL, f);
}

static void write_all(struct loop *l)
{
	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX; i++)
		if (l->conn[i].fd >= 0)
			conn_write(l, &l->conn[i]);
}

static void fail_round(struct keeper *k, rc r)
{
	if (rc_is_ok(r))
		return;
	if (k->round.fault.code == RC_OK)
		k->round.fault.code = r.code;
	k->round.failed = true;
}

static rc run_round(struct loop *l, struct fault *f)
{
	const struct replies replies = {.out = reply_out, .ctx = l};
	struct keeper *k = l->k;
	struct work *done;
	bool fatal;
	rc r;

	round_begin(k);
	l->message_count = 0;
	l->waits = false;
	if (!k->ledger.lagging)
		fail_round(k, watch_clock(l, &k->round.fault));
	if (!k->round.failed)
		fail_round(k, waiting_run(k, mono_seconds(), &k->round.fault));
	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX && !round_is_full(l); i++) {
		/* Where the reading begins goes round, so that nobody is always last. */
		struct conn *c = &l->conn[(i + l->next_id) % LOOP_CONNECTIONS_MAX];

		if (c->fd >= 0) {
			conn_read(l, c);
			conn_frames(l, c);
		}
	}
	l->waits = l->waits || round_is_full(l);
	done = pool_done(k->pool);
	if (k->finished == NULL) {
		k->finished = done;
	} else {
		struct work *tail = k->finished;

		while (tail->next != NULL)
			tail = tail->next;
		tail->next = done;
	}
	if (!k->round.failed)
		fail_round(k, uses_finish(k, &k->round.fault));
	if (!k->round.failed && k->pending_from < k->pending_end)
		fail_round(k, uses_load(k, &k->round.fault));
	r = round_end(k, &fatal, f);
	if (!rc_is_ok(r)) {
		if (fatal)
			return r;
		refuse_round(l, &replies, f);
	} else {
		l->failing = false;
		release_held(l);
		round_answer(k, &replies, NULL);
	}
	write_all(l);
	uses_retry(k, mono_seconds());
	return OK;
}

/* ---- The loop ------------------------------------------------------------------------------*/

static void expire_large(struct loop *l)
{
	int64_t now = mono_seconds();

	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX; i++) {
		struct conn *c = &l->conn[i];

		if (c->fd >= 0 && c->large != NULL && now - c->large_since > LOOP_LARGE_SECONDS) {
			log_warn("connection %llu: a large message did not arrive",
				 (unsigned long long)c->id);
			conn_close(l, c);
		}
	}
}

static bool is_drained(const struct loop *l)
{
	const struct keeper *k = l->k;
	bool running = k->key_work_count > 0 || k->finished != NULL;

	for (size_t i = 0; i < k->job_count; i++)
		running = running || k->jobs[i]->retry_at == 0;
	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX; i++)
		running = running || (l->conn[i].fd >= 0 && l->conn[i].sent < l->conn[i].out.len);
	return !running;
}

static int wait_for(struct loop *l)
{
	struct pollfd p[LOOP_CONNECTIONS_MAX + 2 + DOOR__COUNT];
	const struct keeper *k = l->k;
	int timeout = IDLE_MS;
	int retry = uses_retry_in(k, mono_seconds());
	nfds_t n = 2;
	int ready;

	p[0] = (struct pollfd){.fd = l->stop ? -1 : l->signal_fd, .events = POLLIN};
	p[1] = (struct pollfd){.fd = pool_fd(k->pool), .events = POLLIN};
	for (enum keeper_door d = 0; d < DOOR__COUNT; d++)
		p[n++] = (struct pollfd){.fd = l->stop || door_is_full(l, d) ? -1 : l->listen_fd[d],
					 .events = POLLIN};
	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX; i++) {
		const struct conn *c = &l->conn[i];
		short events = 0;

		if (c->fd < 0)
			continue;
		if (conn_reads(l, c))
			events |= POLLIN;
		if (c->sent < c->out.len)
			events |= POLLOUT;
		p[n++] = (struct pollfd){.fd = c->fd, .events = events};
	}
	if (k->ledger.behind && !k->ledger.lagging)
		timeout = LEDGER_LATER_MS;
	if (l->waits)
		timeout = 0;
	else if (retry >= 0 && retry * 1000 < timeout)
		timeout = retry * 1000;
	ready = poll(p, n, timeout);
	if (ready > 0 && p[0].revents != 0)
		l->stop = true;
	for (enum keeper_door d = 0; ready > 0 && d < DOOR__COUNT; d++)
		if (p[2 + d].revents != 0)
			conn_accept(l, d);
	/* A peer that is gone while nothing is read from it. */
	for (nfds_t i = 2 + DOOR__COUNT; ready > 0 && i < n; i++)
		if (p[i].events == 0 && (p[i].revents & (POLLHUP | POLLERR)) != 0)
			for (size_t c = 0; c < LOOP_CONNECTIONS_MAX; c++)
				if (l->conn[c].fd == p[i].fd)
					conn_close(l, &l->conn[c]);
	return ready;
}

/* Under load a round costs more than what it decides: two syncs, a checkpoint. It therefore waits
 * for more messages and results as long as the keys are busy without it; when they are not, never.
 */
static void gather(const struct loop *l)
{
	struct pollfd p = {.fd = l->signal_fd, .events = POLLIN};

	for (int ms = 0; ms < GATHER_MS && pool_is_loaded(l->k->pool); ms++)
		if (poll(&p, 1, 1) != 0)
			return;
}

rc loop_run(const struct loop_config *c, struct fault *f)
{
	struct loop *l = calloc(1, sizeof(*l));
	int64_t stop_at = 0;
	rc r = OK;

	if (l == NULL)
		return fault_set(f, RC_NOMEM, 0, "loop");
	l->k = c->keeper;
	l->listen_fd[DOOR_SERVER] = c->listen_fd;
	l->listen_fd[DOOR_JWKS] = c->jwks_fd;
	l->signal_fd = c->signal_fd;
	l->waits = true;
	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX; i++)
		l->conn[i].fd = -1;
	while (rc_is_ok(r)) {
		if (wait_for(l) == 0 && !l->waits)
			journal_idle(l->k->journal);
		else if (!l->waits && !l->stop)
			gather(l);
		r = run_round(l, f);
		expire_large(l);
		if (!l->stop)
			continue;
		stop_at = stop_at == 0 ? mono_seconds() + STOP_SECONDS : stop_at;
		if (is_drained(l) || mono_seconds() > stop_at)
			break;
	}
	if (rc_is_ok(r)) {
		bool fatal;

		r = ledger_publish(&l->k->ledger, false, &fatal, f);
	}
	for (size_t i = 0; i < LOOP_CONNECTIONS_MAX; i++)
		if (l->conn[i].fd >= 0)
			conn_close(l, &l->conn[i]);
	free(l);
	return r;
}
