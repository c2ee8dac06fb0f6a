#include "prog/agent/prober.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "prog/agent/confine.h"

#define QUESTION 24 /* bytes: number, uid, pid, zero */
#define ANSWER_MAX 2048
#define HASH_BLOCK 65536

struct prober {
	pthread_mutex_t lock;
	uint64_t number; /* of the last question */
	int fd;
	struct {
		int64_t until; /* monotonic milliseconds; 0: empty */
		struct claims claims;
	} recent[PROBER_RECENT];
	size_t recent_next;
};

/* ---- The process that looks ---- */

struct known {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	struct timespec ctime;
	struct digest sha256;
};

struct looker {
	int fd;
	uint64_t program_max;
	struct known known[PROBER_CACHE];
	size_t known_next;
	unsigned stuck; /* children that were killed and have not ended */
};

static struct known key_of(const struct stat *st)
{
	return (struct known){.dev = st->st_dev,
			      .ino = st->st_ino,
			      .size = st->st_size,
			      .mtime = st->st_mtim,
			      .ctime = st->st_ctim};
}

static bool is_same(const struct known *a, const struct known *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec &&
	       a->ctime.tv_sec == b->ctime.tv_sec && a->ctime.tv_nsec == b->ctime.tv_nsec;
}

/* In the child: the digest of the whole file to the pipe, or nothing. */
static rc hash_into(int in, int out)
{
	AUTO(hasher) struct hasher *h = NULL;
	_Alignas(FD_ALIGN) uint8_t block[HASH_BLOCK];
	struct hash sum;
	ssize_t n;

	TRY(hasher_new(HASH_SHA256, &h));
	while ((n = read(in, block, sizeof(block))) > 0)
		TRY(hasher_update(h, view_of(block, (size_t)n)));
	if (n < 0)
		return RC(RC_IO);
	TRY(hasher_finish(h, &sum));
	return fd_write_full(out, sum.b, DIGEST_SIZE, NULL);
}

/* Reads what the child says, for a limited time: a file may lie where nobody answers. */
static bool read_in_time(int fd, struct digest *ret)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, PROBER_SECONDS * 1000) == 1 &&
	       read(fd, ret->b, DIGEST_SIZE) == DIGEST_SIZE;
}

static void reap(struct looker *l)
{
	while (l->stuck > 0 && waitpid(-1, NULL, WNOHANG) > 0)
		l->stuck--;
}

static bool hash_aside(struct looker *l, int fd, struct digest *ret)
{
	int ends[2];
	bool good;
	pid_t pid;

	reap(l);
	if (l->stuck >= PROBER_CHILDREN_MAX || pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0)
		_exit(rc_is_ok(hash_into(fd, ends[1])) ? 0 : 1);
	(void)close(ends[1]);
	good = pid > 0 && read_in_time(ends[0], ret);
	(void)close(ends[0]);
	if (pid <= 0)
		return false;
	if (!good)
		(void)kill(pid, SIGKILL);
	if (waitpid(pid, NULL, good ? 0 : WNOHANG) == 0)
		l->stuck++;
	return good;
}

static bool program_digest(struct looker *l, int fd, struct digest *ret)
{
	struct known key;
	struct known after;
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > l->program_max)
		return false;
	key = key_of(&st);
	for (size_t i = 0; i < PROBER_CACHE; i++)
		if (l->known[i].ino != 0 && is_same(&l->known[i], &key)) {
			*ret = l->known[i].sha256;
			return true;
		}
	if (!hash_aside(l, fd, ret) || fstat(fd, &st) != 0)
		return false;
	after = key_of(&st);
	if (!is_same(&key, &after))
		return false; /* written to meanwhile */
	key.sha256 = *ret;
	l->known[l->known_next++ % PROBER_CACHE] = key;
	return true;
}

/* Program and digest of a process, if it is still that user's. */
static void look_at(struct looker *l, struct claims *c)
{
	AUTO(fd) int dir = -1;
	AUTO(fd) int exe = -1;
	char path[32];
	struct stat st;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%u", c->pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Of root are processes that do not let others look at them. */
	if (dir < 0 || fstat(dir, &st) != 0 || (st.st_uid != c->uid && st.st_uid != 0))
		return;
	n = readlinkat(dir, "exe", c->program, CLAIMS_PROGRAM_MAX + 1);
	if (n <= 0 || n > CLAIMS_PROGRAM_MAX) {
		c->program[0] = '\0';
		return;
	}
	c->program[n] = '\0';
	exe = openat(dir, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (exe >= 0)
		c->has_sha256 = program_digest(l, exe, &c->sha256);
}

static void look_up_user(struct claims *c)
{
	const struct passwd *pw = getpwuid(c->uid);

	if (pw != NULL && strlen(pw->pw_name) <= CLAIMS_USER_MAX)
		(void)snprintf(c->user, sizeof(c->user), "%s", pw->pw_name);
}

static rc answer_one(struct looker *l, struct view q, struct buf *out)
{
	struct claims c = {0};
	uint64_t number;
	uint32_t zero;

	TRY(view_u64be(&q, &number));
	TRY(view_u32be(&q, &c.uid));
	TRY(view_u32be(&q, &c.pid));
	TRY(view_u32be(&q, &zero));
	look_up_user(&c);
	look_at(l, &c);
	buf_put_u64be(out, number);
	buf_put_string(out, view_str(c.user));
	buf_put_string(out, view_str(c.program));
	buf_put_u8(out, c.has_sha256);
	buf_put(out, c.sha256.b, DIGEST_SIZE);
	return buf_done(out);
}

/* Until the agent closes its end, or is gone. */
static void look(struct looker *l)
{
	uint8_t q[QUESTION];
	uint8_t bytes[ANSWER_MAX];
	struct buf out;
	ssize_t n;

	for (;;) {
		n = read(l->fd, q, sizeof(q));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf_init_fixed(&out, bytes, sizeof(bytes));
		if (!rc_is_ok(answer_one(l, view_of(q, (size_t)n), &out)) ||
		    write(l->fd, out.ptr, out.len) < 0)
			return;
	}
}

static int be_prober(int fd, uint64_t program_max)
{
	struct looker *l = (struct looker *)calloc(1, sizeof(*l));
	struct fault f = {0};
	rc r;

	if (l == NULL)
		return 1;
	l->fd = fd;
	l->program_max = program_max;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)getpwuid(0); /* loads what looking a name up takes */
	r = sandbox_close_others(&fd, 1, &f);
	if (rc_is_ok(r))
		r = confine_prober(&f);
	if (rc_is_ok(r))
		look(l);
	else
		log_err("%s", f.text);
	free(l);
	return rc_is_ok(r) ? 0 : 1;
}

/* ---- The agent's side ---- */

rc prober_start(uint64_t program_max, struct prober **ret, struct fault *f)
{
	struct prober *p = (struct prober *)calloc(1, sizeof(*p));
	int ends[2];
	pid_t pid;

	if (p == NULL)
		return RC(RC_NOMEM);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		free(p);
		return fault_errno(f, errno, "socketpair");
	}
	pid = fork();
	if (pid == 0)
		_exit(be_prober(ends[1], program_max));
	(void)close(ends[1]);
	p->fd = ends[0];
	(void)pthread_mutex_init(&p->lock, NULL);
	if (pid < 0) {
		prober_stop(p);
		return fault_set(f, RC_IO, 0, "no process can be made");
	}
	*ret = p;
	return OK;
}

static int64_t monotonic_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static rc copy_text(struct view *v, size_t max, char *out)
{
	struct view text;

	TRY(view_string(v, max, &text));
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return OK;
}

static rc read_answer(struct view v, uint64_t number, struct claims *c)
{
	uint64_t its;
	uint8_t has;

	TRY(view_u64be(&v, &its));
	if (its != number)
		return RC(RC_MISMATCH); /* of a question that was given up */
	TRY(copy_text(&v, CLAIMS_USER_MAX, c->user));
	TRY(copy_text(&v, CLAIMS_PROGRAM_MAX, c->program));
	TRY(view_u8(&v, &has));
	TRY(view_copy(&v, c->sha256.b, DIGEST_SIZE));
	c->has_sha256 = has == 1;
	return view_end(&v);
}

static void ask(struct prober *p, struct claims *c)
{
	int64_t until = monotonic_ms() + PROBER_SECONDS * 1000 + 500;
	struct pollfd in = {.fd = p->fd, .events = POLLIN};
	uint8_t bytes[ANSWER_MAX];
	struct buf q;
	ssize_t n;

	buf_init_fixed(&q, bytes, sizeof(bytes));
	buf_put_u64be(&q, ++p->number);
	buf_put_u32be(&q, c->uid);
	buf_put_u32be(&q, c->pid);
	buf_put_u32be(&q, 0);
	if (send(p->fd, q.ptr, q.len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)q.len)
		return;
	for (;;) {
		struct claims found = *c;
		int64_t left = until - monotonic_ms();

		if (left <= 0 || poll(&in, 1, (int)left) <= 0)
			return;
		n = recv(p->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n <= 0)
			return;
		if (rc_is_ok(read_answer(view_of(bytes, (size_t)n), p->number, &found))) {
			*c = found;
			return;
		}
	}
}

static bool recall(const struct prober *p, struct claims *c)
{
	int64_t now = monotonic_ms();

	for (size_t i = 0; i < PROBER_RECENT; i++) {
		const struct claims *old = &p->recent[i].claims;

		if (p->recent[i].until <= now || old->pid != c->pid || old->uid != c->uid)
			continue;
		*c = *old; /* the host is the same */
		return true;
	}
	return false;
}

void prober_ask(struct prober *p, struct claims *c)
{
	(void)pthread_mutex_lock(&p->lock);
	if (!recall(p, c)) {
		ask(p, c);
		p->recent[p->recent_next].until = monotonic_ms() + PROBER_RECENT_MS;
		p->recent[p->recent_next].claims = *c;
		p->recent_next = (p->recent_next + 1) % PROBER_RECENT;
	}
	(void)pthread_mutex_unlock(&p->lock);
}

void prober_stop(struct prober *p)
{
	if (p == NULL)
		return;
	fd_close(&p->fd); /* which ends it */
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}
