#include "prog/server/keeper_client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"

#define RECONNECT_MS 100
#define INBOX 65536u
#define ANSWER_SECONDS 120 /* a keeper that is silent for so long is as good as gone */
#define SEND_SECONDS 30	   /* of a keeper that does not read */
#define EXPIRE_MS 5000	   /* how often the reader looks for posts that are too old */
#define RETRIES 5	   /* how often a call waits for a keeper that went */

/* What has come and is not read: a burst of answers takes one call of the kernel. The reader's. */
struct inbox {
	size_t at, len;
	uint8_t bytes[INBOX];
};

struct waiter {
	struct waiter *next;
	uint64_t id;
	struct keeper_reply *reply;
	bool done;
	rc result;
	pthread_cond_t woken;
};

struct keeper_client {
	pthread_mutex_t lock; /* fd, waiting, posts, next_id, stopping, hurried */
	pthread_mutex_t send; /* one frame at a time; taken before lock */
	pthread_cond_t up;    /* fd has become >= 0, or stopping, or hurried */
	pthread_condattr_t monotonic;
	pthread_t reader;
	struct waiter *waiting;
	struct keeper_post *posts;
	uint64_t next_id;
	int fd;		       /* -1: away */
	unsigned patience;     /* how long calls wait for it when it went, in seconds ... */
	struct timespec until; /* ... and while it is away, until when */
	int stop;
	bool stopping;
	bool hurried; /* nobody waits for it while it is away */
	struct sockaddr_un address;
};

static int connect_now(const struct keeper_client *k)
{
	const struct timeval patience = {.tv_sec = SEND_SECONDS};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
	    connect(fd, (const struct sockaddr *)&k->address, sizeof(k->address)) != 0)
		fd_close(&fd);
	return fd;
}

static struct timespec after(time_t seconds)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += seconds;
	return t;
}

/* From now on calls wait for the next connection; the lock is held. An outage is waited for once,
 * not by each call anew: a keeper that stays away must not hold all threads. */
static void set_away(struct keeper_client *k)
{
	if (k->fd >= 0)
		k->until = after(k->patience);
	k->fd = -1;
}

static struct keeper_post *take_post(struct keeper_client *k, uint64_t id)
{
	for (struct keeper_post **at = &k->posts; *at != NULL; at = &(*at)->next) {
		struct keeper_post *p = *at;

		if (p->id != id)
			continue;
		*at = p->next;
		return p;
	}
	return NULL;
}

/* No lock is held: each is its owner's again. */
static void fail_posts(struct keeper_post *list, rc r)
{
	struct keeper_post *next;

	for (struct keeper_post *p = list; p != NULL; p = next) {
		struct keeper_reply none = {0};

		next = p->next;
		p->done(p, r, &none);
	}
}

static struct keeper_post *take_expired(struct keeper_client *k)
{
	struct keeper_post *expired = NULL;
	struct timespec now = after(0);

	(void)pthread_mutex_lock(&k->lock);
	for (struct keeper_post **at = &k->posts; *at != NULL;) {
		struct keeper_post *p = *at;

		if (p->until.tv_sec > now.tv_sec) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		p->next = expired;
		expired = p;
	}
	(void)pthread_mutex_unlock(&k->lock);
	return expired;
}

/* Fails everybody who waits, and gives back the posts, to be failed without a lock; the lock is
 * held. */
static struct keeper_post *fail_all(struct keeper_client *k)
{
	struct keeper_post *posts = k->posts;

	for (struct waiter *w = k->waiting; w != NULL; w = w->next) {
		w->done = true;
		w->result = RC(RC_PEER);
		(void)pthread_cond_signal(&w->woken);
	}
	k->waiting = NULL;
	k->posts = NULL;
	return posts;
}

static struct waiter *take_waiter(struct keeper_client *k, uint64_t id)
{
	for (struct waiter **at = &k->waiting; *at != NULL; at = &(*at)->next) {
		struct waiter *w = *at;

		if (w->id != id)
			continue;
		*at = w->next;
		return w;
	}
	return NULL;
}

static rc inbox_read(struct inbox *in, int fd, uint8_t *out, size_t n)
{
	size_t part;
	ssize_t got;

	for (size_t done = 0; done < n; done += part) {
		part = in->len - in->at < n - done ? in->len - in->at : n - done;
		memcpy(out + done, in->bytes + in->at, part);
		in->at += part;
		if (part > 0)
			continue;
		if (n - done >= INBOX)
			return fd_read_full(fd, out + done, n - done, NULL);
		got = recv(fd, in->bytes, INBOX, 0);
		if (got == 0 || (got < 0 && errno != EINTR))
			return RC(RC_IO);
		in->at = 0;
		in->len = got < 0 ? 0 : (size_t)got;
	}
	return OK;
}

/* Reads one frame and hands it to its waiter. */
static rc read_frame(struct keeper_client *k, struct inbox *in, int fd)
{
	uint8_t head[KEEPER_HEADER];
	struct keeper_header h;
	struct keeper_post *post;
	struct keeper_reply reply;
	struct buf body;
	struct waiter *w;
	uint8_t *space;
	rc r = OK;

	TRY(inbox_read(in, fd, head, sizeof(head)));
	TRY(keeper_header_parse(view_of(head, sizeof(head)), &h));
	buf_init(&body, KEEPER_FRAME_MAX);
	if (h.body_len > 0) {
		space = buf_space(&body, h.body_len);
		r = space == NULL ? RC(RC_NOMEM) : inbox_read(in, fd, space, h.body_len);
	}
	if (!rc_is_ok(r)) {
		buf_release(&body);
		return r;
	}
	(void)pthread_mutex_lock(&k->lock);
	w = take_waiter(k, h.correlation);
	post = w == NULL ? take_post(k, h.correlation) : NULL;
	if (w != NULL) {
		w->reply->type = h.type;
		w->reply->body = body;
		w->done = true;
		w->result = OK;
		(void)pthread_cond_signal(&w->woken);
	}
	(void)pthread_mutex_unlock(&k->lock);
	if (post != NULL) {
		reply = (struct keeper_reply){.type = h.type, .body = body};
		post->done(post, OK, &reply);
	} else if (w == NULL) {
		buf_release(&body);
	}
	return OK;
}

/* Waits for a byte, the end, or the timeout; false: stop. */
static bool wait_readable(const struct keeper_client *k, int fd, bool *ret)
{
	struct pollfd p[2] = {{.fd = k->stop, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	int timeout = fd < 0 ? RECONNECT_MS : EXPIRE_MS;

	while (poll(p, fd < 0 ? 1 : 2, timeout) < 0 && errno == EINTR)
		continue;
	*ret = fd >= 0 && p[1].revents != 0;
	return p[0].revents == 0;
}

static void *reader_main(void *ctx)
{
	struct keeper_client *k = ctx;
	struct keeper_post *posts;
	struct inbox in = {.len = 0};
	bool readable = false;
	int fd = -1;

	for (;;) {
		if (fd < 0) {
			fd = connect_now(k);
			in.at = in.len = 0;
			(void)pthread_mutex_lock(&k->lock);
			k->fd = fd;
			if (fd >= 0)
				(void)pthread_cond_broadcast(&k->up);
			(void)pthread_mutex_unlock(&k->lock);
		}
		readable = in.at < in.len;
		if (!readable && !wait_readable(k, fd, &readable))
			break;
		if (!readable)
			fail_posts(take_expired(k), RC(RC_BUSY));
		if (!readable || rc_is_ok(read_frame(k, &in, fd)))
			continue;
		(void)pthread_mutex_lock(&k->send);
		(void)pthread_mutex_lock(&k->lock);
		set_away(k);
		posts = fail_all(k);
		(void)pthread_mutex_unlock(&k->lock);
		(void)pthread_mutex_unlock(&k->send);
		fd_close(&fd);
		fail_posts(posts, RC(RC_PEER));
	}
	(void)pthread_mutex_lock(&k->send);
	(void)pthread_mutex_lock(&k->lock);
	k->fd = -1;
	k->stopping = true;
	(void)pthread_cond_broadcast(&k->up);
	posts = fail_all(k);
	(void)pthread_mutex_unlock(&k->lock);
	(void)pthread_mutex_unlock(&k->send);
	fd_close(&fd);
	fail_posts(posts, RC(RC_PEER));
	return NULL;
}

rc keeper_client_start(const char *path, unsigned patience, struct keeper_client **ret,
		       struct fault *f)
{
	struct keeper_client *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	k->fd = -1;
	k->patience = patience;
	k->until = after(patience);
	k->next_id = 1;
	k->address.sun_family = AF_UNIX;
	k->stop = eventfd(0, EFD_CLOEXEC);
	if (k->stop < 0 || strlen(path) >= sizeof(k->address.sun_path)) {
		fd_close(&k->stop);
		free(k);
		return fault_set(f, RC_USAGE, 0, "%s: too long for a socket", path);
	}
	memcpy(k->address.sun_path, path, strlen(path) + 1);
	(void)pthread_mutex_init(&k->lock, NULL);
	(void)pthread_mutex_init(&k->send, NULL);
	(void)pthread_condattr_init(&k->monotonic);
	(void)pthread_condattr_setclock(&k->monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&k->up, &k->monotonic);
	if (pthread_create(&k->reader, NULL, reader_main, k) != 0) {
		fd_close(&k->stop);
		free(k);
		return fault_set(f, RC_NOMEM, 0, "no thread");
	}
	*ret = k;
	return OK;
}

void keeper_client_hurry(struct keeper_client *k)
{
	(void)pthread_mutex_lock(&k->lock);
	k->hurried = true;
	(void)pthread_cond_broadcast(&k->up);
	(void)pthread_mutex_unlock(&k->lock);
}

void keeper_client_stop(struct keeper_client *k)
{
	const uint64_t one = 1;

	if (k == NULL)
		return;
	rc_ignore(fd_write_full(k->stop, &one, sizeof(one), NULL), "an eventfd takes eight bytes");
	(void)pthread_join(k->reader, NULL);
	(void)pthread_mutex_destroy(&k->lock);
	(void)pthread_mutex_destroy(&k->send);
	(void)pthread_cond_destroy(&k->up);
	(void)pthread_condattr_destroy(&k->monotonic);
	fd_close(&k->stop);
	free(k);
}

bool keeper_client_is_up(struct keeper_client *k)
{
	bool up;

	(void)pthread_mutex_lock(&k->lock);
	up = k->fd >= 0;
	(void)pthread_mutex_unlock(&k->lock);
	return up;
}

uint64_t keeper_client_id(struct keeper_client *k)
{
	uint64_t id;

	(void)pthread_mutex_lock(&k->lock);
	id = k->next_id++;
	(void)pthread_mutex_unlock(&k->lock);
	return id;
}

static rc send_frame(struct keeper_client *k, const struct buf *frame)
{
	const uint8_t *p = frame->ptr;
	size_t left = frame->len;
	int fd;

	(void)pthread_mutex_lock(&k->lock);
	fd = k->fd;
	(void)pthread_mutex_unlock(&k->lock);
	while (fd >= 0 && left > 0) {
		ssize_t n = send(fd, p, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* Half a frame may be out: nothing more can be said on this connection. The
			 * reader may be late to notice: without the mark every repetition would be
			 * said to the same dead peer, at once. */
			(void)shutdown(fd, SHUT_RDWR);
			(void)pthread_mutex_lock(&k->lock);
			set_away(k);
			(void)pthread_mutex_unlock(&k->lock);
			return RC(RC_PEER);
		}
		p += n;
		left -= (size_t)n;
	}
	return fd < 0 ? RC(RC_PEER) : OK;
}

static rc call_once(struct keeper_client *k, uint64_t id, const struct buf *frame,
		    struct keeper_reply *ret)
{
	const struct timespec until = after(ANSWER_SECONDS);
	struct waiter w = {.id = id, .reply = ret};
	rc r;

	*ret = (struct keeper_reply){0};
	(void)pthread_cond_init(&w.woken, &k->monotonic);
	/* `send` is held from queueing to the last byte, so that a break of the connection either
	 * finds the waiter in the list or has not begun. */
	(void)pthread_mutex_lock(&k->send);
	(void)pthread_mutex_lock(&k->lock);
	w.next = k->waiting;
	k->waiting = &w;
	(void)pthread_mutex_unlock(&k->lock);
	r = send_frame(k, frame);
	(void)pthread_mutex_unlock(&k->send);
	(void)pthread_mutex_lock(&k->lock);
	if (!rc_is_ok(r) && !w.done) {
		(void)take_waiter(k, id);
		w.done = true;
		w.result = r;
	}
	while (!w.done) {
		if (pthread_cond_timedwait(&w.woken, &k->lock, &until) != ETIMEDOUT || w.done)
			continue;
		(void)take_waiter(k, id); /* an answer after this is nobody's */
		w.done = true;
		w.result = RC(RC_BUSY);
	}
	(void)pthread_mutex_unlock(&k->lock);
	(void)pthread_cond_destroy(&w.woken);
	return w.result;
}

rc keeper_client_post(struct keeper_client *k, uint64_t id, const struct buf *frame,
		      struct keeper_post *post)
{
	bool ours;
	rc r;

	TRY(buf_done(frame));
	post->id = id;
	post->until = after(ANSWER_SECONDS);
	(void)pthread_mutex_lock(&k->send);
	(void)pthread_mutex_lock(&k->lock);
	post->next = k->posts;
	k->posts = post;
	(void)pthread_mutex_unlock(&k->lock);
	r = send_frame(k, frame);
	(void)pthread_mutex_unlock(&k->send);
	if (rc_is_ok(r))
		return OK;
	/* Whoever takes it out of the list tells its owner. */
	(void)pthread_mutex_lock(&k->lock);
	ours = take_post(k, id) != NULL;
	(void)pthread_mutex_unlock(&k->lock);
	return ours ? r : OK;
}

/* The same bytes again have the same effect (docs/protocol/keeper.md, "Meaning"), but for these: a
 * change is based on an old version the second time, and enrolments have their own ways. A hello is
 * a health check and answers at once. */
static bool is_repeatable(const struct buf *frame)
{
	static const enum keeper_type once[] = {KEEPER_HELLO, KEEPER_CHANGE, KEEPER_ENROL,
						KEEPER_RENEW, KEEPER_CHALLENGE};
	struct keeper_header h;

	if (!rc_is_ok(keeper_header_parse(view_of(frame->ptr, KEEPER_HEADER), &h)))
		return false;
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		if (once[i] == h.type)
			return false;
	return true;
}

static bool wait_until_up(struct keeper_client *k)
{
	struct timespec until;
	bool up;

	(void)pthread_mutex_lock(&k->lock);
	do
		until = k->until;
	while (k->fd < 0 && !k->stopping && !k->hurried &&
	       pthread_cond_timedwait(&k->up, &k->lock, &until) != ETIMEDOUT);
	up = k->fd >= 0;
	(void)pthread_mutex_unlock(&k->lock);
	return up;
}

rc keeper_client_call(struct keeper_client *k, uint64_t id, const struct buf *frame,
		      struct keeper_reply *ret)
{
	rc r;

	TRY(buf_done(frame));
	r = call_once(k, id, frame, ret);
	/* A keeper that comes back may go again before it answers. */
	for (int i = 0; i < RETRIES && r.code == RC_PEER && is_repeatable(frame); i++)
		if (wait_until_up(k))
			r = call_once(k, id, frame, ret);
		else
			return r;
	return r;
}

void keeper_reply_release(struct keeper_reply *r)
{
	buf_release(&r->body);
}
