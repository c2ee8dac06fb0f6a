/* guard_upgrade - one guard takes over from another while programs are started all the time: nobody
 * is let through, nobody refused wrongly; and it stays the old one whatever becomes of the new. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/handover.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define DENIED (GW_REFUSED + EPERM)
#define TIMES 20

static struct guard_world w;

/* A guard that enforces a list of the program "good", of greatseal-guard and of this test. */
static void world(void)
{
	char path[200];

	gw_new(&w);
	gw_program(&w, "good", 'A', "", 0);
	gw_program(&w, "bad", 'B', "", 0);
	gw_path(&w, "good", path);
	gw_approve(&w, path, LIST_PROGRAM);
	gw_approve(&w, w.guard_path, LIST_PROGRAM);
	gw_approve(&w, "/proc/self/exe", LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, NULL);
	gw_enforce(&w);
	assert_int_equal(0, gw_run_name(&w, "good"));
}

/* It guards: what it knew, and what it has never seen. */
static void guards(void)
{
	static unsigned n;
	char name[20], path[200];

	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	assert_int_equal(0, gw_run_name(&w, "good"));
	for (int i = 0; i < 2; i++) {
		(void)snprintf(name, sizeof(name), "new%u", n++);
		gw_program(&w, name, i == 0 ? 'A' : 'B', "", 0);
		assert_int_equal(i == 0 ? 0 : DENIED, gw_run_name(&w, name));
		gw_path(&w, name, path);
		fx_check(unlink(path) == 0);
	}
	assert_true(gw_status_has(&w, "\"mode\":\"enforce\""));
}

static size_t descriptors(pid_t pid)
{
	char path[40];
	size_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	fx_check(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

/* Contents, leases, mode, list and counts are the other's. */
static void it_goes_on_in_another(void **state)
{
	uint64_t hashed, allowed, denied, serial;
	pid_t before;
	char path[200];
	int fd;

	(void)state;
	world();
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	before = w.guard;
	hashed = gw_number(&w, "hashed");
	allowed = gw_number(&w, "allowed");
	denied = gw_number(&w, "denied");
	serial = gw_number(&w, "serial");
	assert_int_equal(0, gw_upgrade(&w, NULL));
	assert_int_not_equal(before, w.guard);
	assert_true(gw_status_has(&w, "\"mode\":\"enforce\""));
	assert_int_equal(serial, gw_number(&w, "serial"));
	assert_int_equal(0, gw_run_name(&w, "good"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	assert_int_equal(hashed, gw_number(&w, "hashed")); /* read by the other, and held since */
	assert_int_equal(allowed, gw_number(&w, "allowed"));
	assert_int_equal(denied + 1, gw_number(&w, "denied"));
	assert_int_equal(1, gw_reports(&w, "\"upgrade\"", "takes over from", 1));
	assert_int_equal(2, gw_reports(&w, "\"denied\"", "/bad\"", 2));
	/* The lease is in force: who writes waits for the mark to go, and what is run then is asked
	 * for. */
	gw_path(&w, "good", path);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	fx_check(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	assert_int_equal(DENIED, gw_run_name(&w, "good"));
	gw_program(&w, "good", 'A', "", 0);
	/* Lists go on from here. */
	gw_publish(&w);
	guards();
	gw_free(&w);
}

static void nothing_is_lost_under_load(void **state)
{
	const struct gw_runner runner[] = {{&w, "good", 0, 0, false},
					   {&w, "bad", DENIED, 0, false},
					   {&w, "good", 0, 0, true},
					   {&w, "bad", DENIED, 0, true}};
	size_t before = 0, after;
	pid_t pid[4];
	int status;

	(void)state;
	world();
	for (size_t i = 0; i < 4; i++)
		pid[i] = gw_start_runner(&runner[i]);
	for (int i = 0; i < TIMES; i++) {
		assert_int_equal(0, gw_upgrade(&w, NULL));
		if (i == 0)
			before = descriptors(w.guard);
	}
	for (size_t i = 0; i < 4; i++)
		fx_check(kill(pid[i], SIGTERM) == 0 && waitpid(pid[i], &status, 0) == pid[i] &&
			 WIFEXITED(status) && WEXITSTATUS(status) == 0);
	guards();
	/* Nothing stays behind of those before; some files are held, some asked for. */
	after = descriptors(w.guard);
	(void)printf("guard: %d upgrades under load, descriptors %zu, then %zu\n", TIMES, before,
		     after);
	assert_true(after < before + 64);
	assert_int_equal(TIMES, gw_reports(&w, "\"upgrade\"", "takes over from", TIMES));
	gw_free(&w);
}

/* ---- What is not taken ----------------------------------------------------------------------*/

static void copy_guard(const char *to)
{
	AUTO(buf) struct buf bytes = {0};
	struct file_spec spec = {.dirfd = AT_FDCWD, .name = to, .mode = 0755};

	buf_init(&bytes, (size_t)128 << 20);
	fx_ok(file_read(w.guard_path, &bytes, NULL));
	buf_put_u8(&bytes, 0);
	fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
	fx_check(chmod(to, 0755) == 0);
}

/* By the list, also where nobody is asked about what is executed. */
static void another_program_is_refused(void **state)
{
	char right[400], other[100], inside[200];
	pid_t before;

	(void)state;
	world();
	before = w.guard;
	(void)snprintf(right, sizeof(right), "%s", w.guard_path);
	(void)snprintf(other, sizeof(other), "%s/other-guard", w.top);
	copy_guard(other);
	(void)snprintf(w.guard_path, sizeof(w.guard_path), "%s", other);
	assert_int_equal(1, gw_upgrade(&w, NULL));
	(void)gw_reports(&w, "\"upgrade\"", "refused: take-over: its program is not approved", 1);
	/* Where it is asked for it does not even start. */
	gw_path(&w, "other-guard", inside);
	copy_guard(inside);
	assert_int_equal(DENIED, gw_run(inside));
	/* An older one is another content: the list says whether it may come back. */
	gw_approve(&w, other, LIST_PROGRAM);
	gw_publish(&w);
	w.record[w.count - 1].classes = LIST_REVOKED;
	gw_publish(&w);
	assert_int_equal(1, gw_upgrade(&w, NULL));
	(void)gw_reports(&w, "\"upgrade\"", "refused: take-over: its program is revoked", 1);
	(void)snprintf(w.guard_path, sizeof(w.guard_path), "%s", right);
	assert_int_equal(before, (pid_t)gw_number(&w, "pid"));
	guards();
	w.record[w.count - 1].classes = LIST_PROGRAM;
	gw_publish(&w);
	(void)snprintf(w.guard_path, sizeof(w.guard_path), "%s", other);
	assert_int_equal(0, gw_upgrade(&w, NULL));
	guards();
	/* Who only observes lets everybody, as everything. */
	assert_int_equal(0, gw_verb(&w, "observe"));
	w.record[w.count - 1].classes = LIST_REVOKED;
	gw_publish(&w);
	assert_int_equal(0, gw_upgrade(&w, NULL));
	(void)snprintf(w.guard_path, sizeof(w.guard_path), "%s", right);
	gw_free(&w);
}

/* Settings that the group or its marks were made for: said, and the old one goes on. */
static void settings_that_need_a_restart(void **state)
{
	static const struct {
		const char *more[3];
		const char *why;
	} rows[] = {
		{{"--level", "strict"}, "level has changed"},
		{{"--mount", "/proc"}, "mount has changed"},
		{{"--files", "16"}, "files: number 17"},
		{{"--list-key", "00"}, NULL}, /* wrong settings: not even asked */
	};
	pid_t before;
	char name[20];

	(void)state;
	world();
	before = w.guard;
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "held%d", i);
		gw_program(&w, name, 'A', "", 0);
		assert_int_equal(0, gw_run_name(&w, name));
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_not_equal(0, gw_upgrade(&w, rows[i].more));
		if (rows[i].why != NULL)
			(void)gw_reports(&w, "\"upgrade\"", rows[i].why, 1);
		assert_int_equal(before, (pid_t)gw_number(&w, "pid"));
		guards();
	}
	/* Others change at once. */
	{
		const char *const more[] = {"--patience", "3", "--files", "4000", NULL};

		assert_int_equal(0, gw_upgrade(&w, more));
		assert_int_equal(4000, gw_number(&w, "files"));
		guards();
	}
	gw_free(&w);
}

/* ---- An heir that fails ---------------------------------------------------------------------*/

static int reach(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	fx_check(fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

struct message {
	char bytes[4096];
	size_t len;
	int fd[HANDOVER_BATCH];
	size_t count;
};

/* False at the end. */
static bool get(int from, struct message *m)
{
	struct iovec v = {.iov_base = m->bytes, .iov_len = sizeof(m->bytes)};
	char control[CMSG_SPACE(sizeof(m->fd))];
	struct msghdr h = {.msg_iov = &v,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(from, &h, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	m->len = n > 0 ? (size_t)n : 0;
	m->count = c == NULL ? 0 : (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (m->count > 0)
		memcpy(m->fd, CMSG_DATA(c), m->count * sizeof(int));
	return m->len > 0;
}

static void put(int to, struct message *m)
{
	struct iovec v = {.iov_base = m->bytes, .iov_len = m->len};
	char control[CMSG_SPACE(sizeof(m->fd))] = {0};
	struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (m->count > 0) {
		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE(m->count * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->count * sizeof(int));
		memcpy(CMSG_DATA(c), m->fd, m->count * sizeof(int));
	}
	(void)!sendmsg(to, &h, MSG_NOSIGNAL);
	for (size_t i = 0; i < m->count; i++)
		(void)close(m->fd[i]);
	m->count = 0;
}

static void ask(int to, unsigned format, const char *program)
{
	struct message m = {.count = 0};

	if (format == 0)
		(void)strcpy(m.bytes, "take-over x\n");
	else
		(void)snprintf(m.bytes, sizeof(m.bytes), "take-over %u x\n", format);
	m.len = strlen(m.bytes);
	if (program != NULL) {
		m.fd[0] = open(program, O_RDONLY | O_CLOEXEC);
		m.count = 1;
	}
	put(to, &m);
}

#define NEW_CONNECTION "over a new connection"

/* This program says that it is a guard. */
__attribute__((used)) static const char mark[] = "\n" HANDOVER_MARK "\n";

/* As an heir does: all is given over a connection that is made when the program has been seen. */
static void knock(const char *socket)
{
	static struct message m;
	int fd = reach(socket);

	ask(fd, HANDOVER_FORMAT, "/proc/self/exe");
	fx_check(get(fd, &m) && m.count == 0 && m.len < sizeof(m.bytes));
	m.bytes[m.len] = '\0';
	fx_check(strstr(m.bytes, NEW_CONNECTION) != NULL);
	(void)close(fd);
}

struct failing {
	bool knocks;
	unsigned format;     /* 0: names none */
	const char *program; /* NULL: shows none */
	int takes;	     /* messages of the guard before it says: */
	const char *says;
	bool hangs; /* then */
};

static int fail_so(void *ctx)
{
	const struct failing *f = (const struct failing *)ctx;
	static struct message m;
	int fd;

	if (f->knocks)
		knock(w.socket);
	fd = reach(w.socket);
	ask(fd, f->format, f->program);
	for (int i = 0; i < f->takes; i++)
		if (!get(fd, &m))
			return 1;
	if (f->says != NULL)
		(void)send(fd, f->says, strlen(f->says), MSG_NOSIGNAL);
	while (f->hangs && get(fd, &m))
		;
	return 0;
}

/* In each state that an heir can be in: dead, mad, or silent. */
static void the_old_one_stays(void **state)
{
	static const struct failing rows[] = {
		{false, HANDOVER_FORMAT, NULL, 1, NULL, false},
		{false, HANDOVER_FORMAT, "/bin/true", 1, NULL, false},
		{false, HANDOVER_FORMAT + 1, "/proc/self/exe", 1, NULL, false},
		{false, 0, "/proc/self/exe", 1, NULL, false},
		{true, HANDOVER_FORMAT, "/proc/self/exe", 0, NULL, false},
		{true, HANDOVER_FORMAT, "/proc/self/exe", 1, NULL, false},
		{true, HANDOVER_FORMAT, "/proc/self/exe", 2, NULL, false},
		{true, HANDOVER_FORMAT, "/proc/self/exe", 2, "Nit does not please me\n", false},
		{true, HANDOVER_FORMAT, "/proc/self/exe", 2, "???", false},
		{true, HANDOVER_FORMAT, "/proc/self/exe", 2, NULL, true},
	};
	const struct gw_runner runner[] = {{&w, "good", 0, 0, true}, {&w, "bad", DENIED, 0, true}};
	pid_t before, pid[2];
	int status;

	(void)state;
	world();
	before = w.guard;
	for (size_t i = 0; i < 2; i++)
		pid[i] = gw_start_runner(&runner[i]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)gw_child(fail_so, (void *)(uintptr_t)&rows[i]);
		assert_int_equal(before, (pid_t)gw_number(&w, "pid"));
		guards();
	}
	for (size_t i = 0; i < 2; i++)
		fx_check(kill(pid[i], SIGTERM) == 0 && waitpid(pid[i], &status, 0) == pid[i] &&
			 WIFEXITED(status) && WEXITSTATUS(status) == 0);
	(void)gw_reports(&w, "\"upgrade\"", "it does not please me", 1);
	(void)gw_reports(&w, "\"upgrade\"", "no word for 10 seconds", 1);
	assert_int_equal(0, gw_upgrade(&w, NULL));
	guards();
	gw_free(&w);
}

/* ---- A connection that somebody else holds --------------------------------------------------*/

/* Makes two connections, leaves them behind, and becomes another program. */
static pid_t leave_behind(const char *program, int fd[2])
{
	static struct message m = {.bytes = "x", .len = 1};
	int ends[2], mute = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	pid_t pid;

	/* Where a guard, and a program that reads, waits for an answer. */
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/mute", w.top);
	fx_check(mute >= 0 && bind(mute, (const struct sockaddr *)&a, sizeof(a)) == 0 &&
		 listen(mute, 2) == 0 &&
		 socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	pid = fork();
	fx_check(pid >= 0);
	if (pid == 0) {
		m.fd[0] = reach(w.socket);
		m.fd[1] = reach(w.socket);
		m.count = 2;
		put(ends[1], &m);
		(void)dup2(reach(a.sun_path), STDIN_FILENO);
		if (strcmp(program, w.guard_path) == 0)
			(void)execl(program, program, "status", "--socket", a.sun_path, NULL);
		else
			(void)execl(program, program, NULL);
		_exit(99);
	}
	/* `mute` is left open. */
	fx_check(get(ends[0], &m) && m.count == 2);
	memcpy(fd, m.fd, 2 * sizeof(int));
	(void)close(ends[0]);
	(void)close(ends[1]);
	return pid;
}

static void wait_until_it_runs(pid_t pid, const char *program)
{
	struct stat wanted, st = {.st_ino = 0};
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fx_check(stat(program, &wanted) == 0);
	while (stat(path, &st) != 0 || st.st_ino != wanted.st_ino || st.st_dev != wanted.st_dev)
		(void)poll(NULL, 0, 10);
}

/* Asks for everything; true: it was refused with this, and nothing came. */
static bool is_refused(int fd, const char *program, const char *with)
{
	static struct message m;

	ask(fd, HANDOVER_FORMAT, program);
	fx_check(get(fd, &m) && m.len < sizeof(m.bytes));
	m.bytes[m.len] = '\0';
	(void)close(fd);
	return m.count == 0 && strstr(m.bytes, with) != NULL;
}

/* The process is an approved guard by now: who has its connections is not. */
static void a_connection_from_before_is_nobodys(void **state)
{
	pid_t before, pid;
	int fd[2], status;

	(void)state;
	world();
	before = w.guard;
	pid = leave_behind(w.guard_path, fd);
	wait_until_it_runs(pid, w.guard_path);
	assert_true(is_refused(fd[0], w.guard_path, NEW_CONNECTION));
	assert_true(is_refused(fd[1], w.guard_path, NEW_CONNECTION));
	/* Nor does a new one of another process help. */
	assert_true(is_refused(reach(w.socket), w.guard_path, "not the one that it shows"));
	fx_check(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
	assert_int_equal(before, (pid_t)gw_number(&w, "pid"));
	guards();
	/* Who gets everything is said by who gives it. */
	assert_int_equal(0, gw_upgrade(&w, NULL));
	(void)gw_reports(&w, "take-over: all goes to process", "program", 1);
	guards();
	gw_free(&w);
}

/* Approved, but what it does is up to its caller. */
static void a_program_that_is_no_guard(void **state)
{
	static const char cat[] = "/bin/cat";
	pid_t before, pid;
	int fd[2], status;

	(void)state;
	world();
	gw_approve(&w, cat, LIST_PROGRAM);
	gw_publish(&w);
	before = w.guard;
	pid = leave_behind(cat, fd);
	wait_until_it_runs(pid, cat);
	assert_true(is_refused(fd[0], cat, "its program is no guard"));
	assert_int_equal(0, gw_verb(&w, "observe"));
	assert_true(is_refused(fd[1], cat, "its program is no guard"));
	fx_check(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
	assert_int_equal(before, (pid_t)gw_number(&w, "pid"));
	(void)gw_reports(&w, "\"upgrade\"", "refused: take-over: its program is no guard", 2);
	gw_free(&w);
}

/* Worker, reporter and lookout of the guard that gives all: a debugger holds each at its end. */
static void children_that_do_not_end(void **state)
{
	char path[64], text[200] = "", *at = text;
	pid_t child[8];
	size_t count = 0;
	int status, fd;

	(void)state;
	world();
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)w.guard, (int)w.guard);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	fx_check(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	(void)close(fd);
	for (pid_t pid; (pid = (pid_t)strtol(at, &at, 10)) > 0; child[count++] = pid)
		fx_check(count < 8 && ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT) == 0);
	assert_true(count >= 3);
	assert_int_equal(0, gw_upgrade(&w, NULL));
	guards();
	for (size_t i = 0; i < count; i++)
		fx_check(waitpid(child[i], &status, 0) == child[i] && WIFSTOPPED(status) &&
			 ptrace(PTRACE_CONT, child[i], NULL, NULL) == 0 &&
			 waitpid(child[i], &status, 0) == child[i] && WIFSIGNALED(status));
	guards();
	gw_free(&w);
}

/* A debugger holds it at its end, as a file system that hangs would. */
static void a_killed_heir_that_does_not_end(void **state)
{
	static const struct failing f = {true, HANDOVER_FORMAT, "/proc/self/exe", 2, "???\n", true};
	int go[2], status;
	pid_t before, pid;
	char byte = 0;

	(void)state;
	world();
	before = w.guard;
	fx_check(pipe2(go, O_CLOEXEC) == 0);
	pid = fork();
	fx_check(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		fx_check(read(go[0], &byte, 1) == 1);
		_exit(fail_so((void *)(uintptr_t)&f));
	}
	fx_check(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT) == 0 &&
		 write(go[1], &byte, 1) == 1);
	(void)gw_reports(&w, "\"upgrade\"", "was killed and has not ended", 1);
	assert_int_equal(before, (pid_t)gw_number(&w, "pid"));
	guards();
	fx_check(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
		 ptrace(PTRACE_CONT, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid &&
		 WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	(void)close(go[0]);
	(void)close(go[1]);
	assert_int_equal(0, gw_upgrade(&w, NULL));
	guards();
	gw_free(&w);
}

/* ---- Killed in the midst --------------------------------------------------------------------*/

struct between {
	char real[120];
	int listener;
	int steps; /* messages that are handed on before ... */
	bool heir; /* ... this one is killed */
};

/* Stands between the two, and hands on what they say. */
static int stand_between(void *ctx)
{
	const struct between *b = (const struct between *)ctx;
	static struct message m;
	struct ucred who;
	socklen_t len = sizeof(who);
	int heir = accept(b->listener, NULL, NULL), guard;

	knock(b->real);
	guard = reach(b->real);

	fx_check(heir >= 0 && getsockopt(heir, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
		 get(heir, &m));
	for (size_t i = 0; i < m.count; i++)
		(void)close(m.fd[i]);
	ask(guard, HANDOVER_FORMAT, "/proc/self/exe");
	for (int i = 0; i < b->steps; i++) {
		struct pollfd p[] = {{.fd = heir, .events = POLLIN},
				     {.fd = guard, .events = POLLIN}};

		fx_check(poll(p, 2, -1) > 0);
		if (!get(p[0].revents != 0 ? heir : guard, &m))
			return 1;
		put(p[0].revents != 0 ? guard : heir, &m);
	}
	(void)kill(b->heir ? who.pid : w.guard, SIGKILL);
	if (!b->heir)
		return 0; /* and with it the connections end */
	/* As long as the guard has not noticed. */
	while (get(heir, &m))
		;
	return 0;
}

/* The verb's exit status. Messages: state, descriptors, ready, yours. */
static int upgrade_killed(int steps, bool heir)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct between b = {.steps = steps, .heir = heir};
	pid_t pid;
	int result;

	(void)snprintf(b.real, sizeof(b.real), "%s.real", w.socket);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", w.socket);
	b.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fx_check(rename(w.socket, b.real) == 0 && b.listener >= 0 &&
		 bind(b.listener, (const struct sockaddr *)&a, sizeof(a)) == 0 &&
		 listen(b.listener, 1) == 0);
	pid = fork();
	fx_check(pid >= 0);
	if (pid == 0)
		_exit(stand_between(&b));
	(void)close(b.listener);
	result = gw_verb(&w, "upgrade");
	fx_check(waitpid(pid, NULL, 0) == pid && rename(b.real, w.socket) == 0);
	return result;
}

static void a_killed_heir_changes_nothing(void **state)
{
	(void)state;
	for (int steps = 0; steps <= 3; steps++) {
		pid_t before;

		world();
		before = w.guard;
		assert_int_equal(1, upgrade_killed(steps, true));
		if (steps < 3) {
			assert_int_equal(before, (pid_t)gw_number(&w, "pid"));
			guards();
		}
		gw_free(&w);
	}
}

static void a_killed_guard_has_an_heir_or_none(void **state)
{
	int status;

	(void)state;
	for (int steps = 0; steps <= 3; steps++) {
		int result;

		world();
		result = upgrade_killed(steps, false);
		fx_check(waitpid(w.guard, &status, 0) == w.guard);
		/* It had all, or it was the end of a guard like any other. */
		assert_int_equal(steps < 2 ? 1 : 0, result);
		w.guard = 0;
		if (result == 0)
			w.guard = (pid_t)gw_number(&w, "pid");
		else
			gw_start(&w, NULL);
		guards();
		gw_free(&w);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_goes_on_in_another),
		cmocka_unit_test(nothing_is_lost_under_load),
		cmocka_unit_test(another_program_is_refused),
		cmocka_unit_test(settings_that_need_a_restart),
		cmocka_unit_test(the_old_one_stays),
		cmocka_unit_test(a_connection_from_before_is_nobodys),
		cmocka_unit_test(a_program_that_is_no_guard),
		cmocka_unit_test(children_that_do_not_end),
		cmocka_unit_test(a_killed_heir_that_does_not_end),
		cmocka_unit_test(a_killed_heir_changes_nothing),
		cmocka_unit_test(a_killed_guard_has_an_heir_or_none),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!gw_possible())
		return MOUNTS_SKIP;
	gw_own_processes();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
