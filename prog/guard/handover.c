#include "prog/guard/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/num.h"
#include "prog/guard/opener.h"
#include "prog/guard/supervisor.h"

#define PROGRAM_BYTES ((off_t)256 << 20)
#define HEIR_MS 30000	   /* what an heir waits for a word of the guard */
#define HEIR_ENDS_MS 5000u /* what a guard waits for the end of one that it has killed */
#define GUARD_FOR_MS 10000 /* what a guard waits for one of the heir: execs wait, too */

/* ---- One byte, and descriptors --------------------------------------------------------------*/

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(HANDOVER_BATCH * sizeof(int))];
};

static rc send_fds(int to, const char *what, const int *fd, size_t n, struct fault *f)
{
	struct iovec bytes = {.iov_base = (void *)(uintptr_t)what, .iov_len = strlen(what)};
	union control control = {.bytes = {0}};
	struct msghdr m = {.msg_iov = &bytes, .msg_iovlen = 1};
	struct cmsghdr *c = &control.head;

	if (n > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fd, n * sizeof(int));
	}
	while (sendmsg(to, &m, MSG_NOSIGNAL) != (ssize_t)strlen(what))
		if (errno != EINTR)
			return fault_errno(f, errno, "take-over: send");
	return OK;
}

/* Up to cap descriptors; more than that, and others than these, the kernel does not give us. */
static ssize_t recv_some(int from, void *out, size_t len, int flags, int *fd, size_t cap,
			 size_t *ret_n)
{
	struct iovec bytes = {.iov_base = out, .iov_len = len};
	union control control = {.bytes = {0}};
	struct msghdr m = {.msg_iov = &bytes,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = CMSG_LEN(cap * sizeof(int))};
	ssize_t n = recvmsg(from, &m, flags | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*ret_n = 0;
	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return n;
	*ret_n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fd, CMSG_DATA(c), *ret_n * sizeof(int));
	return n;
}

ptrdiff_t handover_recv(int fd, void *out, size_t cap, int *ret_fd)
{
	size_t n;
	ssize_t len;

	*ret_fd = -1;
	len = recv_some(fd, out, cap, MSG_DONTWAIT, ret_fd, 1, &n);
	return len;
}

/* Waits for a byte, and no longer than that. RC_NOTFOUND: the other has ended. */
static rc recv_byte(int from, int ms, char *ret, int *fd, size_t cap, size_t *ret_n,
		    struct fault *f)
{
	struct pollfd p = {.fd = from, .events = POLLIN};
	ssize_t n;
	int ready;

	do
		ready = poll(&p, 1, ms);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return fault_set(f, RC_PEER, 0, "take-over: no word for %d seconds", ms / 1000);
	n = recv_some(from, ret, 1, 0, fd, cap, ret_n);
	if (n == 1)
		return OK;
	return n == 0 || errno == ECONNRESET
		       ? fault_set(f, RC_NOTFOUND, 0, "take-over: the other has ended")
		       : fault_errno(f, errno, "take-over: receive");
}

/* The rest of what the other says, as far as it goes. */
static void recv_text(int from, char *out, size_t cap)
{
	size_t have = 0, n = 0;
	char byte;

	while (have + 1 < cap && rc_is_ok(recv_byte(from, 1000, &byte, NULL, 0, &n, NULL)) &&
	       byte != '\n')
		out[have++] = byte;
	out[have] = '\0';
}

/* ---- The guard that runs --------------------------------------------------------------------*/

struct heir {
	int fd;
	pid_t pid;
	int pidfd;
	char program[DIGEST_HEX];
};

/* Every guard that can take over has this in it, and no other program: what else is approved, an
 * interpreter above all, does what its caller wants. */
static const char guard_mark[] = "\n" HANDOVER_MARK "\n";
#define MARK_LEN (sizeof(guard_mark) - 1)

/* Its digest, and whether it is a guard. */
static rc read_program(struct hasher *hasher, int program, struct digest *ret, bool *ret_guard,
		       struct fault *f)
{
	static uint8_t chunk[MARK_LEN + (1u << 18)];
	size_t kept = 0; /* of the chunk before: the mark may lie across */
	struct hash hash;
	ssize_t n;

	*ret_guard = false;
	while ((n = read(program, chunk + kept, sizeof(chunk) - kept)) != 0) {
		size_t have = kept + (n > 0 ? (size_t)n : 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(f, errno, "take-over: its program");
		TRY(hasher_update(hasher, view_of(chunk + kept, (size_t)n)));
		*ret_guard = *ret_guard || memmem(chunk, have, guard_mark, MARK_LEN) != NULL;
		kept = have < MARK_LEN ? have : MARK_LEN - 1;
		memmove(chunk, chunk + have - kept, kept);
	}
	TRY(hasher_finish(hasher, &hash));
	memcpy(ret->b, hash.b, sizeof(ret->b));
	return OK;
}

/* Who holds the descriptor is the program itself. Read without being opened: that could have to be
 * asked. */
static bool is_its_program(const struct heir *h, int program)
{
	struct opener exe;
	struct stat st;

	opener_exe(h->pid, &exe);
	return program >= 0 && fstat(program, &st) == 0 && exe.has_exe && S_ISREG(st.st_mode) &&
	       st.st_dev == exe.dev && st.st_ino == exe.ino && st.st_size <= PROGRAM_BYTES;
}

/* By the list, as if it were executed here: it may lie where nobody is asked. */
static rc check_program(const struct supervisor *s, struct heir *h, int program, struct fault *f)
{
	bool enforce = atomic_load(&s->g.share->mode) == GUARD_ENFORCE, guard = false;
	struct hasher *hasher = NULL;
	struct digest digest;
	unsigned classes;
	rc r;

	if (!is_its_program(h, program))
		return fault_set(f, RC_DENIED, 0,
				 "take-over: the program of process %d is not the "
				 "one that it shows",
				 (int)h->pid);
	if (lseek(program, 0, SEEK_SET) != 0)
		return fault_errno(f, errno, "take-over: its program");
	TRY(hasher_new(HASH_SHA256, &hasher));
	r = read_program(hasher, program, &digest, &guard, f);
	hasher_free(hasher);
	TRY(r);
	digest_hex(&digest, h->program);
	classes = approved_find(&s->approved, digest.b);
	if (enforce && ((classes & LIST_CLASS_RUNS) == 0 || (classes & LIST_REVOKED) != 0))
		return fault_set(f, RC_DENIED, 0, "take-over: its program is %s (%s)",
				 (classes & LIST_REVOKED) != 0 ? "revoked" : "not approved",
				 h->program);
	if (!guard)
		return fault_set(f, RC_DENIED, 0, "take-over: its program is no guard (%s)",
				 h->program);
	return OK;
}

/* The kernel says who made a connection, and no more: who did may have become another program
 * since, and have left the connection with somebody else. So all is given over one that was made
 * after the process was seen to run a guard, for a guard gives its connections to nobody. */
static bool is_made_by_program(const struct supervisor *s, const struct heir *h,
			       const struct client *c)
{
	struct pollfd p = {.fd = s->shown.pidfd, .events = POLLIN};

	return s->shown.pidfd >= 0 && s->shown.pid == h->pid && c->number > s->shown.number &&
	       poll(&p, 1, 0) == 0;
}

/* Connections that wait already to be accepted are none that come after this. */
static void remember_shown(struct supervisor *s, struct heir *h)
{
	control_accept_all(s);
	fd_close(&s->shown.pidfd);
	s->shown.pid = h->pid;
	s->shown.pidfd = fcntl(h->pidfd, F_DUPFD_CLOEXEC, 0);
	s->shown.number = s->connections;
}

/* "take-over FORMAT VERSION" */
static rc check_line(const char *line, struct fault *f)
{
	const char *number = line + strlen("take-over ");
	uint64_t format;

	if (!rc_is_ok(num_parse_u64(number, strcspn(number, " "), UINT32_MAX, &format)))
		return fault_set(f, RC_SYNTAX, 0, "take-over: FORMAT VERSION");
	return format == HANDOVER_FORMAT
		       ? OK
		       : fault_set(f, RC_UNSUPPORTED, 0,
				   "take-over: of format %u, this guard has %u; restart it",
				   (unsigned)format, HANDOVER_FORMAT);
}

static rc open_heir(const struct client *c, struct heir *ret, struct fault *f)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	*ret = (struct heir){.fd = c->fd, .pidfd = -1};
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 ||
	    fcntl(c->fd, F_SETFL, 0) != 0)
		return fault_errno(f, errno, "take-over");
	ret->pid = who.pid;
	ret->pidfd = (int)syscall(SYS_pidfd_open, who.pid, 0);
	return ret->pidfd < 0 ? fault_errno(f, errno, "take-over") : OK;
}

static rc send_state(const struct supervisor *s, const struct heir *h, struct handover *index,
		     struct fault *f)
{
	AUTO(fd) int memory = memfd_create("greatseal-heir", MFD_CLOEXEC);
	AUTO(buf) struct buf state = {0};

	buf_init(&state, HANDOVER_BYTES);
	handover_encode(s, index, &state);
	TRY(buf_done(&state));
	if (memory < 0)
		return fault_errno(f, errno, "take-over");
	TRY(fd_write_full(memory, state.ptr, state.len, f));
	return send_fds(h->fd, "S", (const int[]){memory, STDERR_FILENO}, 2, f);
}

static rc send_all(const struct supervisor *s, const struct heir *h, struct fault *f)
{
	AUTO(handover) struct handover index = {.number = NULL};
	size_t n;

	TRY(send_state(s, h, &index, f));
	for (size_t at = 0; at < index.count; at += n) {
		n = index.count - at < HANDOVER_BATCH ? index.count - at : HANDOVER_BATCH;
		TRY(send_fds(h->fd, "D", index.number + at, n, f));
	}
	return OK;
}

/* All up to the heir's word that it is ready. One that has refused before it had all is heard, too.
 */
static rc give(const struct supervisor *s, const struct heir *h, struct fault *f)
{
	rc sent = send_all(s, h, f);
	char word = 0, text[FAULT_TEXT / 2];
	size_t n;

	TRY(recv_byte(h->fd, GUARD_FOR_MS, &word, NULL, 0, &n, f));
	if (word == 'R')
		return sent;
	recv_text(h->fd, text, sizeof(text));
	return fault_set(f, RC_PEER, 0, "take-over: the other refuses: %s", text);
}

/* False: it has not ended, for it hangs in the kernel or a debugger holds it. It runs no more of
 * its program for all that, and its worker only waits: never are there two that answer. */
static bool end_heir(const struct heir *h)
{
	struct pollfd p = {.fd = h->pidfd, .events = POLLIN};
	uint64_t until = guard_now() + HEIR_ENDS_MS, now;

	(void)syscall(SYS_pidfd_send_signal, h->pidfd, SIGKILL, NULL, 0);
	while ((now = guard_now()) < until)
		if (poll(&p, 1, (int)(until - now)) > 0)
			return true;
	return false;
}

static rc give_all(struct supervisor *s, struct heir *h, struct fault *f)
{
	char line[40];

	supervisor_pause(s);
	TRY(give(s, h, f));
	/* Before this process ends, which systemd would take for the guard's end. */
	(void)snprintf(line, sizeof(line), "MAINPID=%d", (int)h->pid);
	supervisor_notify(s, line);
	return send_fds(h->fd, "Y", NULL, 0, f);
}

rc handover_give(struct supervisor *s, struct client *c, const char *line, struct fault *f)
{
	struct heir h = {.fd = -1, .pidfd = -1};
	AUTO(fd) int pidfd = -1;
	char why[FAULT_TEXT / 2];
	rc r;

	TRY(check_line(line, f));
	if (s->loader != 0 || s->saver != 0 || s->fetching.child != 0 || s->fetching.came ||
	    !s->marked)
		return fault_set(f, RC_BUSY, 0, "take-over: a list is being looked at; ask again");
	TRY(open_heir(c, &h, f));
	pidfd = h.pidfd;
	TRY(check_program(s, &h, c->given, f));
	if (!is_made_by_program(s, &h, c)) {
		remember_shown(s, &h);
		return fault_set(f, RC_BUSY, 0,
				 "take-over: process %d is a guard; ask again, over a new "
				 "connection",
				 (int)h.pid);
	}
	fd_close(&s->shown.pidfd);
	/* Said here: who is given all may say nothing. */
	log_warn("take-over: all goes to process %d, program %s", (int)h.pid, h.program);
	r = give_all(s, &h, f);
	if (rc_is_ok(r))
		return OK;
	if (end_heir(&h))
		return RC(RC_PEER);
	(void)snprintf(why, sizeof(why), "%s", f->text);
	return fault_set(f, RC_PEER, 0,
			 "%s; process %d was killed and has not ended: what holds it must end", why,
			 (int)h.pid);
}

/* ---- The heir -------------------------------------------------------------------------------*/

static rc ask(int fd, struct fault *f)
{
	AUTO(fd) int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char line[80];

	if (program < 0)
		return fault_errno(f, errno, "/proc/self/exe");
	(void)snprintf(line, sizeof(line), "take-over %u %s\n", HANDOVER_FORMAT, GS_VERSION);
	return send_fds(fd, line, &program, 1, f);
}

/* What the guard says instead of the state. */
static rc refused(int fd, struct fault *f)
{
	char text[FAULT_TEXT];

	recv_text(fd, text, sizeof(text));
	return fault_set(f, strstr(text, rc_name(RC(RC_BUSY))) != NULL ? RC_BUSY : RC_DENIED, 0,
			 "{%.150s", text);
}

/* The lowest numbers are free but for those that have their place already, so each that came has a
 * number that is not above its place; taken from the highest on, none is in another's. */
static rc put_in_place(const int *came, const int *place, size_t n, struct fault *f)
{
	for (size_t i = n; i-- > 0;) {
		if (came[i] == place[i])
			continue;
		if (came[i] > place[i] || dup3(came[i], place[i], O_CLOEXEC) < 0)
			return fault_set(f, RC_LIMIT, 0,
					 "take-over: descriptor %d has no place here", place[i]);
		(void)close(came[i]);
	}
	return OK;
}

static rc take_descriptors(int fd, const struct handover *h, struct fault *f)
{
	int came[HANDOVER_BATCH];
	char what;
	size_t n;

	for (size_t at = 0; at < h->count; at += n) {
		TRY(recv_byte(fd, HEIR_MS, &what, came, HANDOVER_BATCH, &n, f));
		if (what != 'D' || n == 0 || n > h->count - at)
			return fault_set(f, RC_SYNTAX, 0,
					 "take-over: not the descriptors that the "
					 "state names");
		TRY(put_in_place(came, h->number + at, n, f));
	}
	return OK;
}

rc handover_take(struct supervisor *s, int fd, struct handover *ret, struct fault *f)
{
	AUTO(buf) struct buf state = {0};
	int came[2];
	char what;
	size_t n;
	rc r;

	*ret = (struct handover){.number = NULL};
	TRY(ask(fd, f));
	TRY(recv_byte(fd, HEIR_MS, &what, came, 2, &n, f));
	if (what != 'S' || n != 2)
		return what == '{' ? refused(fd, f)
				   : fault_set(f, RC_SYNTAX, 0, "take-over: not a guard's state");
	buf_init(&state, HANDOVER_BYTES);
	r = lseek(came[0], 0, SEEK_SET) == 0 ? fd_read_all(came[0], &state, f)
					     : fault_errno(f, errno, "take-over");
	(void)close(came[0]);
	/* Reports are written where they were; later it has no right to this call. */
	if (dup2(came[1], STDERR_FILENO) < 0)
		r = fault_errno(f, errno, "take-over");
	(void)close(came[1]);
	TRY(r);
	TRY(handover_decode(buf_view(&state), s, ret, f));
	return take_descriptors(fd, ret, f);
}

rc handover_commit(int fd, struct fault *f)
{
	char word = 0;
	size_t n;
	rc r;

	rc_ignore(send_fds(fd, "R", NULL, 0, NULL), "then the other has ended, as is seen next");
	r = recv_byte(fd, HEIR_MS, &word, NULL, 0, &n, f);
	/* Its end before the word: it had not taken it back, or this process would have ended
	 * first. */
	if (r.code == RC_NOTFOUND || (rc_is_ok(r) && word == 'Y'))
		return OK;
	/* From here on no word can come any more; one that had would count. */
	(void)shutdown(fd, SHUT_RD);
	if (recv_some(fd, &word, 1, MSG_DONTWAIT, NULL, 0, &n) == 1 && word == 'Y')
		return OK;
	return fault_set(f, RC_PEER, 0, "take-over: the guard did not let go");
}

void handover_refuse(int fd, const struct fault *f)
{
	char text[FAULT_TEXT + 4];
	int n = snprintf(text, sizeof(text), "N%s\n", f->text);

	rc_ignore(fd_write_full(fd, text, (size_t)n, NULL), "it hears the end");
}
