/* guard_zone - build zones: what an approved linker has just written runs there, at once and every
 * time; nothing else does. In a copy of the machine's root, at level strict. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define DENIED (GW_REFUSED + EPERM)
#define BUILDER 1000
#define ZONE "/zone"
#define LINKS 1000

static struct guard_world w;

/* ---- The builder ----------------------------------------------------------------------------*/

static void become(uid_t uid)
{
	if (setgroups(0, NULL) != 0 || setgid(uid) != 0 || setuid(uid) != 0 || chdir(ZONE) != 0 ||
	    setenv("PATH", "/usr/bin:/bin", 1) != 0)
		_exit(98);
}

static int shell(void *ctx)
{
	become(BUILDER);
	(void)execl("/bin/sh", "sh", "-c", (const char *)ctx, (char *)NULL);
	return 99;
}

/* As the builder, in the zone: exit status. */
static int sh(const char *line)
{
	return gw_child(shell, (void *)(uintptr_t)line);
}

struct attempt {
	uid_t uid;
	const char *path;
	int result;
};

static int attempt(void *ctx)
{
	struct attempt *a = (struct attempt *)ctx;
	int r;

	become(a->uid);
	r = gw_run(a->path);
	/* An exit status has eight bits. */
	return r == DENIED ? 201 : r >= GW_REFUSED ? 202 : r;
}

/* 0: it ran; 201: refused. */
static int run_as(uid_t uid, const char *path)
{
	struct attempt a = {.uid = uid, .path = path};

	return gw_child(attempt, &a);
}
#define REFUSED 201

/* ---- The world ------------------------------------------------------------------------------*/

static void put(const char *path, const char *text)
{
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0755};

	fx_ok(file_replace(&spec, view_str(text), NULL));
	fx_check(chown(path, BUILDER, BUILDER) == 0);
}

static const char *const builds[] = {
	"as -o main.o main.s && ld -o a.out main.o && ./a.out",
	"cc -o prog prog.c && ./prog",
	"cc -shared -fPIC -o libseven.so seven.c && cc -o user user.c -L. -lseven && "
	"LD_LIBRARY_PATH=. ./user",
	"cp a.out copy; mv copy copy2; ln copy2 copy3; rm -f copy2 copy3; cat a.out > copy4; chmod "
	"755 copy4; truncate -s 9 copy4",
};
#define BUILDS (sizeof(builds) / sizeof(builds[0]))

static void build_all(void)
{
	for (size_t i = 0; i < BUILDS; i++)
		if (sh(builds[i]) != 0)
			fail_msg("%s", builds[i]);
}

static void as_producers(void)
{
	static const char *const producers[] = {"/usr/bin/ld", "/usr/bin/as"};

	for (size_t i = 0; i < sizeof(producers) / sizeof(producers[0]); i++) {
		AUTO(buf) struct buf bytes = {0};
		struct digest digest;

		buf_init(&bytes, (size_t)128 << 20);
		fx_ok(file_read(producers[i], &bytes, NULL));
		digest = digest_of(buf_view(&bytes));
		for (size_t k = 0; k < w.count; k++)
			if (digest_is_equal(&w.record[k].digest, &digest))
				w.record[k].classes |= LIST_PRODUCER;
	}
}

static char zone_setting[200];
static char zone_level[8] = "strict";
static const char *const settings[] = {"--level", zone_level, "--zone", zone_setting, NULL};

static void world_of(const char *who, const char *span)
{
	(void)snprintf(zone_setting, sizeof(zone_setting), "%s " ZONE " %s", who, span);
	gw_new_root(&w);
	(void)mkdir(ZONE, 0755);
	(void)mkdir("/outside", 0777);
	fx_check(chown(ZONE, BUILDER, BUILDER) == 0 && chmod("/outside", 0777) == 0);
	put(ZONE "/main.s",
	    ".globl _start\n_start:\n\tmov $60, %eax\n\txor %edi, %edi\n\tsyscall\n");
	put(ZONE "/prog.c", "int main(void) { return 0; }\n");
	put(ZONE "/seven.c", "int seven(void);\nint seven(void) { return 7; }\n");
	put(ZONE "/user.c", "int seven(void);\nint main(void) { return seven() - 7; }\n");
	gw_approve(&w, "/proc/self/exe", LIST_PROGRAM);
	gw_approve(&w, w.guard_path, LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, settings);
	build_all();
	while (gw_learn(&w, "zone", true) > 0) {
		gw_publish(&w);
		build_all();
	}
	while (gw_learn(&w, "zone", false) > 0) {
		gw_publish(&w);
		build_all();
	}
	gw_learn_needed(&w);
	as_producers();
	gw_publish(&w);
	gw_enforce(&w);
}

static void world(const char *span)
{
	char who[20];

	(void)snprintf(who, sizeof(who), "uid:%d", BUILDER);
	world_of(who, span);
}

/* ---- Tests ----------------------------------------------------------------------------------*/

static int link_and_run(void *ctx)
{
	int *bad = (int *)ctx;
	int n = 0;

	become(BUILDER);
	for (int i = 0; i < LINKS; i++) {
		char out[40];
		int status;
		pid_t pid;

		(void)snprintf(out, sizeof(out), "out.%d", i % 7);
		pid = fork();
		if (pid == 0) {
			(void)execl("/usr/bin/ld", "ld", "-o", out, "main.o", (char *)NULL);
			_exit(99);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 || gw_run(out) != 0)
			n++;
		if (i % 2 == 0)
			(void)unlink(out);
	}
	(void)bad;
	return n > 250 ? 250 : n;
}

static void linked_then_run(void **state)
{
	(void)state;
	world("1h");
	assert_int_equal(0, sh("as -o main.o main.s"));
	assert_int_equal(0, gw_child(link_and_run, NULL));
	(void)printf("guard: linked and run at once: %d of %d\n", LINKS, LINKS);
	assert_true(gw_number(&w, "outputs_ran") >= LINKS);
	gw_free(&w);
}

/* Outputs and producers are the other guard's, also those of the moment. */
static void linked_while_guards_change(void **state)
{
	int status, upgrades = 0;
	pid_t pid;

	(void)state;
	world("1h");
	assert_int_equal(0, sh("as -o main.o main.s && ld -o before main.o"));
	pid = fork();
	fx_check(pid >= 0);
	if (pid == 0)
		_exit(link_and_run(NULL));
	for (; waitpid(pid, &status, WNOHANG) == 0; upgrades++) {
		assert_int_equal(0, gw_upgrade(&w, settings));
		assert_int_equal(0, run_as(BUILDER, ZONE "/before"));
		assert_int_equal(REFUSED, run_as(0, ZONE "/before"));
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(0, WEXITSTATUS(status));
	(void)printf("guard: linked and run at once during %d upgrades: %d of %d\n", upgrades,
		     LINKS, LINKS);
	assert_true(upgrades > 1);
	gw_free(&w);
}

static void what_runs_in_a_zone(void **state)
{
	(void)state;
	world("1h");
	build_all(); /* programs, and a library that one of them loads */
	assert_int_equal(0, run_as(BUILDER, ZONE "/a.out"));
	/* Renamed it is the same; somebody else's, elsewhere, or another file it is not. */
	assert_int_equal(0, sh("mv a.out renamed"));
	assert_int_equal(0, run_as(BUILDER, ZONE "/renamed"));
	assert_int_equal(REFUSED, run_as(0, ZONE "/renamed"));
	assert_int_equal(REFUSED, run_as(1001, ZONE "/renamed"));
	assert_int_equal(0, sh("cp renamed copied"));
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/copied"));
	assert_int_equal(0, sh("mv renamed /outside/moved"));
	assert_int_equal(REFUSED, run_as(BUILDER, "/outside/moved"));
	assert_int_equal(0, sh("mv /outside/moved back"));
	assert_int_equal(0, run_as(BUILDER, ZONE "/back"));
	assert_int_equal(0, sh("ld -o /outside/linked main.o"));
	assert_int_equal(REFUSED, run_as(BUILDER, "/outside/linked"));
	/* By the linker of another user. */
	assert_int_equal(0, sh("chmod 777 ."));
	{
		const char *const argv[] = {"ld", "-o", ZONE "/roots", ZONE "/main.o", NULL};
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			(void)execv("/usr/bin/ld", (char *const *)(uintptr_t)argv);
			_exit(99);
		}
		fx_check(waitpid(pid, &status, 0) == pid && status == 0);
	}
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/roots"));
	gw_free(&w);
}

/* Whoever is no producer makes nothing that runs, also of what was one's output. */
static void malware_is_refused(void **state)
{
	(void)state;
	world("1h");
	gw_program(&w, "zone/dropped", 'B', "", 0);
	fx_check(chown(ZONE "/dropped", BUILDER, BUILDER) == 0);
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/dropped"));
	assert_int_equal(0,
			 sh("cp dropped dropped2 && cat dropped > dropped3 && chmod +x dropped3"));
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/dropped2"));
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/dropped3"));
	/* Over an output, in every way that keeps the inode. */
	assert_int_equal(0, sh("ld -o a.out main.o"));
	assert_int_equal(0, run_as(BUILDER, ZONE "/a.out"));
	assert_int_equal(0, sh("cat dropped > a.out"));
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/a.out"));
	assert_int_equal(0, sh("rm a.out; ld -o a.out main.o && echo x >> a.out"));
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/a.out"));
	assert_int_equal(0, sh("rm a.out; ld -o a.out main.o && truncate -s 4096 a.out"));
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/a.out"));
	/* While somebody has it open for writing. */
	assert_int_equal(0, sh("rm a.out; ld -o a.out main.o"));
	{
		int fd = open(ZONE "/a.out", O_RDWR | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_not_equal(0, run_as(BUILDER, ZONE "/a.out"));
		(void)close(fd);
		assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/a.out"));
	}
	/* A process that was a linker's number just before. */
	assert_int_equal(0, sh("rm a.out; ld -o a.out main.o; (exec cp dropped a.out); true"));
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/a.out"));
	gw_free(&w);
}

/* ---- What a producer closes and another has written ----------------------------------------*/

static void drop_something(void)
{
	gw_program(&w, "zone/dropped", 'B', "", 0);
	fx_check(chown(ZONE "/dropped", BUILDER, BUILDER) == 0);
}

/* An open descriptor is left to a linker, which is the last to close it. */
static void what_a_producer_inherits(void **state)
{
	static const char *const ways[] = {
		"exec 3>out; cat dropped >&3; chmod 755 out; exec ld --version >/dev/null",
		"exec 3<>out; cat dropped >&3; chmod 755 out; exec ld --version >/dev/null",
		"(cat dropped; chmod 755 out; exec ld --version) >out",
		"cat dropped >out; chmod 755 out; exec ld --version >>out",
		/* Over an output, and over one that is being made. */
		"ld -o out main.o; exec 3>out; cat dropped >&3; exec ld --version >/dev/null",
		"ld -o out main.o; exec 3>>out; cat dropped >&3; exec ld --version >/dev/null",
		/* A number, and a time, that were another's a moment ago. */
		"ld -o out main.o; rm out; exec 3>out; cat dropped >&3; chmod 755 out; exec ld "
		"--version >/dev/null",
		/* Made where nothing runs. */
		"exec 3>/outside/out; cat dropped >&3; chmod 755 /outside/out; mv /outside/out .; "
		"exec ld --version >/dev/null",
	};

	(void)state;
	world("1h");
	drop_something();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		assert_int_equal(0, sh("rm -f out"));
		assert_int_equal(0, sh(ways[i]));
		if (run_as(BUILDER, ZONE "/out") != REFUSED)
			fail_msg("it ran: %s", ways[i]);
	}
	/* It is anew what a linker makes anew. */
	assert_int_equal(0, sh("ld -o out main.o"));
	assert_int_equal(0, run_as(BUILDER, ZONE "/out"));
	gw_free(&w);
}

/* That cannot be told from what it makes: producers are chosen narrowly. */
static void what_a_producer_copies(void **state)
{
	(void)state;
	world("1h");
	drop_something();
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/dropped"));
	assert_int_equal(0, sh("ld -b binary --oformat binary -o out dropped && chmod 755 out"));
	assert_int_not_equal(REFUSED, run_as(BUILDER, ZONE "/out"));
	gw_free(&w);
}

/* Where "held" is among the descriptors of a process; -1: not there yet. */
static int descriptor_of(pid_t pid)
{
	for (int i = 0; i < 64; i++) {
		char link[60], path[100];
		ssize_t n;

		(void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, i);
		n = readlink(link, path, sizeof(path) - 1);
		path[n > 0 ? n : 0] = '\0';
		if (strcmp(path, ZONE "/held") == 0)
			return i;
	}
	return -1;
}

enum through { BY_PROC, BY_MAPPING };

static bool write_into(const char *path, enum through way)
{
	AUTO(buf) struct buf bytes = {0};
	AUTO(fd) int fd = open(path, O_RDWR | O_CLOEXEC);
	void *at;

	buf_init(&bytes, (size_t)64 << 20);
	if (fd < 0 || !rc_is_ok(file_read("dropped", &bytes, NULL)))
		return false;
	if (way == BY_PROC)
		return rc_is_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL));
	if (ftruncate(fd, (off_t)bytes.len) != 0)
		return false;
	at = mmap(NULL, bytes.len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return false;
	memcpy(at, bytes.ptr, bytes.len);
	return munmap(at, bytes.len) == 0;
}

/* A linker has its output open and waits for its second input; it fails by what it gets then. */
static int while_it_links(void *ctx)
{
	enum through way = *(const enum through *)ctx;
	char path[60];
	int at, fd, status;
	pid_t pid;

	become(BUILDER);
	(void)unlink("input");
	(void)unlink("kept");
	if (mkfifo("input", 0600) != 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		(void)execl("/usr/bin/ld", "ld", "-o", "held", "main.o", "input", (char *)NULL);
		_exit(99);
	}
	while ((at = descriptor_of(pid)) < 0)
		if (waitpid(pid, &status, WNOHANG) != 0)
			return 2;
		else
			(void)poll(NULL, 0, 5);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, at);
	if (chmod("held", 0755) != 0 || link("held", "kept") != 0 ||
	    !write_into(way == BY_PROC ? path : "held", way))
		return 3;
	fd = open("input", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "nothing\n", 8) != 8 || close(fd) != 0)
		return 4;
	return waitpid(pid, &status, 0) != pid;
}

static void what_another_writes_meanwhile(void **state)
{
	(void)state;
	world("1h");
	drop_something();
	for (enum through way = BY_PROC; way <= BY_MAPPING; way++) {
		assert_int_equal(0, gw_child(while_it_links, &way));
		assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/kept"));
	}
	gw_free(&w);
}

/* As the builder, in the zone. */
static int copies(void)
{
	AUTO(buf) struct buf bytes = {0};
	int fd;

	buf_init(&bytes, (size_t)64 << 20);
	fd = open("mine", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	return fd < 0 || !rc_is_ok(file_read("dropped", &bytes, NULL)) ||
	       !rc_is_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL)) || close(fd) != 0;
}

static void *sleeps(void *unused)
{
	(void)unused;
	for (;;)
		(void)pause();
	return NULL;
}

static int execs_beside_a_thread(void *unused)
{
	pthread_t t;

	(void)unused;
	become(BUILDER);
	if (pthread_create(&t, NULL, sleeps, NULL) != 0)
		return 1;
	(void)execl("/usr/bin/ld", "ld", "-o", "out", "main.o", (char *)NULL);
	return 99;
}

#define TOO_LONG ((size_t)200 << 10) /* for an argument, as execve(2) says */

/* The guard is asked and says yes; the exec fails afterwards. */
static int fails_to_exec(void *ctx)
{
	char *argument = (char *)malloc(TOO_LONG);
	int r;

	become(BUILDER);
	if (argument == NULL)
		return 1;
	memset(argument, 'x', TOO_LONG - 1);
	argument[TOO_LONG - 1] = '\0';
	(void)execl("/usr/bin/ld", "ld", argument, (char *)NULL);
	r = errno != E2BIG;
	free(argument);
	(void)ctx;
	/* It ends before anybody sees what it is. */
	return r != 0 || copies() != 0;
}

static void who_is_no_producer_yet(void **state)
{
	(void)state;
	world("1h");
	drop_something();
	/* Another thread could have left it anything. */
	assert_int_equal(0, gw_child(execs_beside_a_thread, NULL));
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/out"));
	for (int i = 0; i < 50; i++) {
		assert_int_equal(0, gw_child(fails_to_exec, NULL));
		assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/mine"));
		fx_check(unlink(ZONE "/mine") == 0);
	}
	gw_free(&w);
}

/* The builder, whose write lease the guard runs into when it is told of the open. */
static int holds_a_lease(int said)
{
	AUTO(buf) struct buf bytes = {0};
	sigset_t io;
	int fd;

	become(BUILDER);
	(void)sigemptyset(&io);
	(void)sigaddset(&io, SIGIO);
	(void)sigprocmask(SIG_BLOCK, &io, NULL);
	buf_init(&bytes, (size_t)64 << 20);
	(void)unlink("out");
	fd = open("out", O_RDWR | O_CREAT | O_EXCL, 0755); /* is left to the linker */
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) != 0)
		return 1;
	if (!rc_is_ok(file_read("dropped", &bytes, NULL)) ||
	    !rc_is_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL)) || write(said, "", 1) != 1)
		return 2;
	if (sigwaitinfo(&io, NULL) != SIGIO || fcntl(fd, F_SETLEASE, F_UNLCK) != 0)
		return 3;
	(void)!freopen("/dev/null", "w", stdout);
	(void)execl("/usr/bin/ld", "ld", "--version", (char *)NULL);
	return 4;
}

static int while_it_stands_still(void *ctx)
{
	pid_t worker = *(const pid_t *)ctx, pid;
	int ends[2], status;
	char byte;

	if (pipe2(ends, O_CLOEXEC) != 0 || kill(worker, SIGSTOP) != 0)
		return 10;
	pid = fork();
	if (pid == 0)
		_exit(holds_a_lease(ends[1]));
	(void)close(ends[1]);
	(void)!read(ends[0], &byte, 1); /* or it has ended */
	if (kill(worker, SIGCONT) != 0 || waitpid(pid, &status, 0) != pid)
		return 11;
	return WEXITSTATUS(status);
}

/* The kernel cannot open for the guard what is under such a lease, and drops the event. */
static void what_the_guard_could_not_see(void **state)
{
	pid_t worker;

	(void)state;
	(void)strcpy(zone_level, "base"); /* at level strict opening waits for the worker */
	world("1h");
	drop_something();
	assert_int_equal(0, sh("ld -o before main.o"));
	assert_int_equal(0, run_as(BUILDER, ZONE "/before"));
	worker = (pid_t)gw_number(&w, "worker");
	assert_int_equal(0, gw_child(while_it_stands_still, &worker));
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/out"));
	/* Which file it was is not known, so nothing counts that was made before. */
	assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/before"));
	assert_int_equal(0, sh("rm before && ld -o before main.o"));
	assert_int_equal(0, run_as(BUILDER, ZONE "/before"));
	(void)strcpy(zone_level, "strict");
	gw_free(&w);
}

static void its_time_ends(void **state)
{
	(void)state;
	world("2s");
	assert_int_equal(0, sh("rm -f a.out; ld -o a.out main.o"));
	while (run_as(BUILDER, ZONE "/a.out") != REFUSED)
		(void)poll(NULL, 0, 50);
	/* Linked anew, it begins anew. */
	do
		assert_int_equal(0, sh("rm -f a.out; ld -o a.out main.o"));
	while (run_as(BUILDER, ZONE "/a.out") != 0);
	gw_free(&w);
}

/* The number of a linker that has ended, given to somebody else (ns_last_pid, in proc(5)). */
static bool as_its_successor(pid_t before)
{
	char text[20];
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC), status;
	pid_t pid;

	(void)snprintf(text, sizeof(text), "%d", (int)before - 1);
	fx_check(fd >= 0 && write(fd, text, strlen(text)) > 0);
	pid = fork();
	fx_check(pid >= 0);
	if (pid == 0) {
		become(BUILDER);
		_exit(copies());
	}
	(void)close(fd);
	fx_check(waitpid(pid, &status, 0) == pid && status == 0);
	return pid == before;
}

static void a_number_that_comes_again(void **state)
{
	unsigned same = 0;

	(void)state;
	world("1h");
	gw_program(&w, "zone/dropped", 'B', "", 0);
	fx_check(chown(ZONE "/dropped", BUILDER, BUILDER) == 0);
	for (int i = 0; i < 200 && same < 20; i++) {
		int status;
		pid_t pid = fork();

		fx_check(pid >= 0);
		if (pid == 0) {
			become(BUILDER);
			(void)execl("/usr/bin/ld", "ld", "-o", "a.out", "main.o", (char *)NULL);
			_exit(99);
		}
		fx_check(waitpid(pid, &status, 0) == pid && status == 0);
		same += as_its_successor(pid);
		assert_int_equal(REFUSED, run_as(BUILDER, ZONE "/mine"));
		fx_check(unlink(ZONE "/mine") == 0);
	}
	(void)printf("guard: numbers of linkers that came again: %u\n", same);
	assert_true(same > 0);
	gw_free(&w);
}

/* ---- By cgroup ------------------------------------------------------------------------------*/

#define GROUPS_AT "/groups"

struct member {
	const char *group; /* where its processes are listed; NULL: stays where it is */
	const char *path;
};

static int in_group(void *ctx)
{
	const struct member *m = (const struct member *)ctx;
	struct attempt a = {.uid = BUILDER, .path = m->path};
	int fd = m->group != NULL ? open(m->group, O_WRONLY | O_CLOEXEC) : -1;

	/* 0: whoever writes it */
	if (m->group != NULL && (fd < 0 || write(fd, "0", 1) != 1))
		return 97;
	return m->path == NULL ? shell((void *)(uintptr_t) "rm -f a.out; ld -o a.out main.o")
			       : attempt(&a);
}

static int as_member(const char *group, const char *path)
{
	struct member m = {.group = group, .path = path};

	return gw_child(in_group, &m);
}

/* The machine's own hierarchy, with a name of our own in it. */
static void a_cgroup_is_a_zone(void **state)
{
	char who[80], group[80], below[100], beside[80], procs[120], procs_below[120], other[120];

	(void)state;
	fx_check(mkdir(GROUPS_AT, 0755) == 0 || errno == EEXIST);
	if (mount("cgroup2", GROUPS_AT, "cgroup2", 0, NULL) != 0) {
		(void)printf("zones of a cgroup: skipped: no cgroups of version 2 here (%s)\n",
			     strerror(errno));
		return;
	}
	/* The guard, too, sees the whole of them. */
	(void)snprintf(group, sizeof(group), GROUPS_AT "/greatseal-%jx-%x", (uintmax_t)time(NULL),
		       (unsigned)(uintptr_t)&group & 0xffff);
	(void)snprintf(who, sizeof(who), "cgroup:%s", group + strlen(GROUPS_AT));
	(void)snprintf(below, sizeof(below), "%s/below", group);
	(void)snprintf(beside, sizeof(beside), "%sx", group); /* the same beginning */
	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", group);
	(void)snprintf(procs_below, sizeof(procs_below), "%s/cgroup.procs", below);
	(void)snprintf(other, sizeof(other), "%s/cgroup.procs", beside);
	if (mkdir(group, 0755) != 0 || mkdir(below, 0755) != 0 || mkdir(beside, 0755) != 0) {
		(void)printf("zones of a cgroup: skipped: none can be made (%s)\n",
			     strerror(errno));
		(void)rmdir(group);
		(void)umount2(GROUPS_AT, MNT_DETACH);
		return;
	}
	world_of(who, "1h");
	assert_int_equal(0, as_member(procs, NULL));
	assert_int_equal(0, as_member(procs, ZONE "/a.out"));
	assert_int_equal(0, as_member(procs_below, ZONE "/a.out"));
	assert_int_equal(REFUSED, as_member(other, ZONE "/a.out"));
	assert_int_equal(REFUSED, as_member(NULL, ZONE "/a.out"));
	/* What was linked outside runs inside: it is who runs it that counts, and what made it. */
	assert_int_equal(0, as_member(NULL, NULL));
	assert_int_equal(0, as_member(procs, ZONE "/a.out"));
	assert_int_equal(REFUSED, as_member(NULL, ZONE "/a.out"));
	gw_free(&w);
	fx_check(rmdir(below) == 0 && rmdir(group) == 0 && rmdir(beside) == 0);
	fx_check(umount2(GROUPS_AT, MNT_DETACH) == 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linked_then_run),
		cmocka_unit_test(linked_while_guards_change),
		cmocka_unit_test(what_runs_in_a_zone),
		cmocka_unit_test(a_number_that_comes_again),
		cmocka_unit_test(a_cgroup_is_a_zone),
		cmocka_unit_test(malware_is_refused),
		cmocka_unit_test(its_time_ends),
		cmocka_unit_test(what_a_producer_inherits),
		cmocka_unit_test(what_a_producer_copies),
		cmocka_unit_test(what_another_writes_meanwhile),
		cmocka_unit_test(who_is_no_producer_yet),
		cmocka_unit_test(what_the_guard_could_not_see),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!gw_possible() || !gw_enter_root())
		return MOUNTS_SKIP;
	if (access("/usr/bin/ld", X_OK) != 0 || access("/usr/bin/cc", X_OK) != 0) {
		(void)printf("1 test program skipped: there is no compiler\n");
		return MOUNTS_SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
