/* guard_strict - level strict and people's work: what has to go on where only approved programs,
 * libraries and scripts run, and what an interpreter may not read. In a copy of the machine's root;
 * the guard guards all of it ("mount = all"). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/mark.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define SKIP 254

/* Long since written, and read by a program that may read all, more often than the guard asks to be
 * asked. */
#define TIMES8(path) path " " path " " path " " path " " path " " path " " path " " path
#define OFTEN(name)                                                                                \
	"rm -f /" name " && echo a > /" name " && touch -d @1 /" name " && "                       \
	"cat " TIMES8("/" name) " > /dev/null && "

static struct guard_world w;

static const struct {
	const char *name;
	bool works;
	const char *needs; /* a program without which there is nothing to try; NULL: none */
	const char *shell; /* in the directory of files() */
} rows[] = {
	{"compile", true, "cc", "cc -c hello.c -o hello.o && test -s hello.o"},
	{"link a library", true, "cc", "cc -shared -fPIC lib.c -o libx.so && test -s libx.so"},
	{"link with a fresh library", true, "cc",
	 "cc -shared -fPIC lib.c -o liby.so && cc main.c -L. -ly -o prog && test -s prog"},
	{"strip what was just linked", true, "strip",
	 "cc -shared -fPIC -g lib.c -o libs.so && strip libs.so && test -s libs.so"},
	{"copy an unapproved program", true, NULL, "cp unapproved copy && cmp unapproved copy"},
	{"read it", true, NULL, "cat unapproved | wc -c | grep -q ."},
	{"archive and unpack it", true, "tar",
	 "rm -rf out && mkdir out && tar cf t.tar unapproved script.sh && tar xf t.tar -C out && "
	 "cmp unapproved out/unapproved"},
	{"git checkout of scripts", true, "git",
	 "rm -rf r && git init -q r && cp script.sh unapproved r && git -C r add . && "
	 "git -C r -c user.name=a -c user.email=b@c commit -qm x && rm r/script.sh && "
	 "git -C r checkout -q script.sh && cmp script.sh r/script.sh"},
	{"debugger, of an unapproved program", true, "gdb",
	 "gdb -nx -q -batch -ex 'info line main' dynamic 2>&1 | grep -q main"},
	{"debugger, runs an approved one", true, "gdb",
	 "gdb -nx -q -batch -ex run /bin/true 2>&1 | grep -q 'exited normally'"},
	{"JIT", true, "node", "node -e 'let s=0; for (let i=0;i<1e6;i++) s+=i; console.log(s)'"},
	{"shell writes", true, NULL, "rm -f new && echo a > new && echo b >> new && grep -q b new"},
	{"FIFO", true, NULL, "rm -f f && mkfifo f && { echo a > f & } && read x < f"},
	{"directories and devices", true, NULL,
	 "ls . > /dev/null && dd if=/dev/zero of=/dev/null count=1 2>/dev/null"},
	{"empty file", true, NULL, ": > e && . ./e"},
	{"data where data lies", true, NULL, "python3 -c 'open(\"/box.data/note\").read()'"},
	{"the same twice", true, NULL,
	 "python3 -c 'open(\"/box.data/note\").read()' && read x < /box.data/note"},
	{"data elsewhere, by an interpreter", false, NULL,
	 "python3 -c 'open(\"data.txt\").read()'"},
	{"data elsewhere, by the shell", false, NULL, "read x < data.txt"},
	{"to read and write", false, NULL, "python3 -c 'open(\"data.txt\", \"r+\").read()'"},
	{"a link from where data lies", false, NULL,
	 "ln -sf $PWD/data.txt /etc/linked && python3 -c 'open(\"/etc/linked\").read()'"},
	{"a mount over where data lies", false, "unshare",
	 "unshare -m sh -c 'mount --bind . /etc && exec python3 -c \"open(\\\"/etc/data.txt\\\")"
	 ".read()\"'"},
	{"data that is read often", true, NULL, OFTEN("box.data/o1") "read x < /box.data/o1"},
	{"and changes", true, NULL,
	 OFTEN("box.data/o2") "echo b > /box.data/o2 && test \"$(cat /box.data/o2)\" = b"},
	{"read often elsewhere, by an interpreter", false, NULL,
	 OFTEN("box/o3") "read x < /box/o3"},
	{"and a library by then", false, "cc",
	 OFTEN("box.data/o4") "cat lib.so > /box.data/o4 && "
			      "python3 -c 'import ctypes; ctypes.CDLL(\"/box.data/o4\")'"},
	{"a library that is read often", false, "cc",
	 "rm -f /box.data/o5 && cp lib.so /box.data/o5 && touch -d @1 /box.data/o5 && "
	 "cat " TIMES8("/box.data/o5") " > /dev/null && "
				       "python3 -c 'import ctypes; ctypes.CDLL(\"/box.data/o5\")'"},
	{"a library in a directory of data", false, "cc",
	 "cp lib.so /box.data && python3 -c 'import ctypes; ctypes.CDLL(\"/box.data/lib.so\")'"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static int run_row(void *ctx)
{
	size_t i = *(const size_t *)ctx;
	char line[600];

	if (rows[i].needs != NULL) {
		(void)snprintf(line, sizeof(line), "command -v %s > /dev/null", rows[i].needs);
		if (system(line) != 0)
			return SKIP;
	}
	if (chdir("/box") != 0 || setenv("HOME", "/box", 1) != 0 ||
	    setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin", 1) != 0)
		return SKIP;
	(void)execl("/bin/sh", "sh", "-c", rows[i].shell, (char *)NULL);
	return SKIP;
}

static void put(const char *name, const char *text)
{
	char path[200];
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0755};

	(void)snprintf(path, sizeof(path), "/box/%s", name);
	fx_ok(file_replace(&spec, view_str(text), NULL));
}

static void copy(const char *from, const char *name)
{
	AUTO(buf) struct buf bytes = {0};
	char full[500], path[200];
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0755};

	(void)snprintf(full, sizeof(full), "%s/tests/%s", getenv("BUILD"), from);
	(void)snprintf(path, sizeof(path), "/box/%s", name);
	buf_init(&bytes, (size_t)64 << 20);
	fx_ok(file_read(full, &bytes, NULL));
	fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
}

static void files(void)
{
	fx_check(mkdir("/box", 0755) == 0 && mkdir("/box.data", 0755) == 0);
	gw_program(&w, "box/unapproved", 'B', "", 0);
	copy("guard-dynamic", "dynamic");
	copy("libguard-lib.so", "lib.so");
	put("hello.c", "#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n");
	put("lib.c", "int seven(void);\nint seven(void) { return 7; }\n");
	put("main.c", "int seven(void);\nint main(void) { return seven() - 7; }\n");
	put("script.sh", "#!/bin/sh\nexit 0\n");
	put("data.txt", "some text\n");
	/* What the test learns lies elsewhere: it is let through as data or not at all. */
	put("../box.data/note", "a note\n");
}

static bool skipped[ROWS];

static void observe(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		int status = gw_child(run_row, &i);

		skipped[i] = status == SKIP;
		if (status != 0 && status != SKIP)
			fail_msg("%s does not work without a guard either", rows[i].name);
	}
}

/* How many opens are asked for while this runs. */
static uint64_t asked(const char *shell)
{
	uint64_t before = gw_number(&w, "opens");

	fx_check(system(shell) == 0);
	return gw_number(&w, "opens") - before;
}

/* Where everybody may read, the kernel learns that it need not ask. */
static void check_often(void)
{
	static const char *const name[] = {"/box.data/kept", "/box/kept"};
	uint64_t count[2];
	char line[400];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(line, sizeof(line),
			       "echo a > %s && touch -d @1 %s && cat %s %s %s %s > /dev/null",
			       name[i], name[i], name[i], name[i], name[i], name[i]);
		fx_check(system(line) == 0);
		(void)snprintf(line, sizeof(line),
			       "set -- " TIMES8("%s") "; cat $@ $@ $@ $@ > /dev/null", name[i],
			       name[i], name[i], name[i], name[i], name[i], name[i], name[i]);
		(void)asked(line);
		count[i] = asked(line);
	}
	(void)printf("guard: a file read 32 times is asked for %llu times where data lies, %llu "
		     "times elsewhere\n",
		     (unsigned long long)count[0], (unsigned long long)count[1]);
	assert_true(count[0] < 16 && count[1] >= 32);
}

static void work_goes_on(void **state)
{
	static const char *const more[] = {"--level", "strict",		 "--data",
					   "/etc",    "--data",		 "/box.data",
					   "--data",  "/usr/lib/locale", NULL};
	unsigned wrong = 0, tried = 0;

	(void)state;
	gw_new_root(&w);
	files();
	/* The test itself. */
	gw_approve(&w, "/proc/self/exe", LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, more);
	assert_true(gw_status_has(&w, "\"level\":\"strict\""));
	observe();
	while (gw_learn(&w, "box", true) > 0) {
		gw_publish(&w);
		observe();
	}
	while (gw_learn(&w, "box", false) > 0) {
		gw_publish(&w);
		observe();
	}
	gw_learn_needed(&w);
	gw_enforce(&w);
	for (size_t i = 0; i < ROWS; i++) {
		int status = gw_child(run_row, &i);
		bool works = status == 0;

		(void)printf("guard: strict %-36s %s\n", rows[i].name,
			     skipped[i] ? "skipped: not to be had here"
			     : works	? "works"
					: "refused");
		tried += !skipped[i];
		wrong += !skipped[i] && works != rows[i].works;
	}
	(void)printf("guard: %u of %zu tried\n", tried, ROWS);
	check_often();
	assert_int_equal(0, wrong);
	gw_free(&w);
}

/* ---- Data -----------------------------------------------------------------------------------*/

static void put_data(const char *path, uid_t owner, mode_t mode)
{
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0644};
	char text[200];

	(void)snprintf(text, sizeof(text), ": %s\n", path);
	fx_ok(file_replace(&spec, view_str(text), NULL));
	fx_check(chown(path, owner, owner) == 0 && chmod(path, mode) == 0);
}

/* Where no setting says what is data, a directory into which everybody may write makes nothing of
 * it. */
static void usual_data_is_roots(void **state)
{
	static const char *const more[] = {"--level", "strict", NULL};

	(void)state;
	gw_new_root(&w);
	fx_check(mkdir("/var/lib/everybody", 0777) == 0);
	put_data("/var/lib/everybody/roots", 0, 0644);
	put_data("/var/lib/everybody/loose", 0, 0666);
	put_data("/var/lib/everybody/theirs", 65534, 0644);
	/* dnf is an interpreter that reads rpm's macros. */
	fx_check(system("mkdir -p /usr/lib/rpm") == 0);
	put_data("/usr/lib/rpm/macros.test", 0, 0644);
	gw_approve(&w, "/proc/self/exe", LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, more);
	fx_check(system("cd /var/lib/everybody; . /usr/lib/rpm/macros.test; . ./roots; . ./loose; "
			". ./theirs") == 0);
	(void)gw_reports(&w, "\"act\":\"open\"", "/var/lib/everybody/loose\"", 1);
	(void)gw_reports(&w, "\"act\":\"open\"", "/var/lib/everybody/theirs\"", 1);
	assert_int_equal(0, gw_reports(&w, "", "/var/lib/everybody/roots\"", 0));
	assert_int_equal(0, gw_reports(&w, "", "/usr/lib/rpm/macros.test\"", 0));
	gw_free(&w);
}

/* ---- Every file system ----------------------------------------------------------------------*/

static void until_marked(uint64_t count)
{
	/* By polling of mountinfo; SIGALRM ends a wait that has no end. */
	while (gw_number(&w, "file_systems") < count)
		(void)poll(NULL, 0, 10);
}

/* What is mounted later is guarded, too: another file system, one over two others, and the same one
 * at another place. */
static void later_mounts_are_guarded(void **state)
{
	uint64_t before;

	(void)state;
	gw_new_root(&w);
	gw_program(&w, "good", 'A', "", 0);
	gw_approve(&w, "/good", LIST_PROGRAM);
	gw_approve(&w, "/proc/self/exe", LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, NULL);
	gw_learn_needed(&w);
	gw_enforce(&w);
	before = gw_number(&w, "file_systems");
	fx_check(mkdir("/later", 0755) == 0 && mkdir("/over", 0755) == 0 &&
		 mkdir("/same", 0755) == 0);
	fx_check(mount("tmpfs", "/later", "tmpfs", 0, NULL) == 0);
	until_marked(before + 1);
	gw_program(&w, "later/good", 'A', "", 0);
	gw_program(&w, "later/bad", 'B', "", 0);
	assert_int_equal(0, gw_run("/later/good"));
	assert_int_equal(GW_REFUSED + EPERM, gw_run("/later/bad"));
	fx_check(mkdir("/later/low", 0755) == 0 && mkdir("/later/up", 0755) == 0 &&
		 mkdir("/later/work", 0755) == 0);
	gw_program(&w, "later/low/bad", 'B', "", 0);
	fx_check(mount("overlay", "/over", "overlay", 0,
		       "lowerdir=/later/low,upperdir=/later/up,workdir=/later/work") == 0);
	until_marked(before + 2);
	gw_program(&w, "over/good", 'A', "", 0);
	gw_program(&w, "over/bad2", 'B', "", 0);
	assert_int_equal(0, gw_run("/over/good"));
	assert_int_equal(GW_REFUSED + EPERM, gw_run("/over/bad")); /* of the lower one */
	assert_int_equal(GW_REFUSED + EPERM, gw_run("/over/bad2"));
	fx_check(mount("/later", "/same", NULL, MS_BIND, NULL) == 0);
	assert_int_equal(GW_REFUSED + EPERM, gw_run("/same/bad"));
	assert_int_equal(0, gw_run("/same/good"));
	fx_check(umount2("/same", MNT_DETACH) == 0 && umount2("/over", MNT_DETACH) == 0 &&
		 umount2("/later", MNT_DETACH) == 0);
	gw_free(&w);
}

/* ---- Containers -----------------------------------------------------------------------------*/

/* As a container engine that root runs makes one: an overlay over an image's layers, that is
 * another mount namespace's root, with a file system in memory of its own. Says what ran. */
static int container(void *unused)
{
	(void)unused;
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", "/image/run", "tmpfs", 0, NULL) != 0 || chdir("/image") != 0 ||
	    syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 ||
	    chdir("/") != 0 || system("/bin/busybox cp /good /bad /run/") != 0)
		return 100;
	/* The guard looks every two seconds; SIGALRM ends a wait that has no end. */
	while (gw_run("/run/bad") != GW_REFUSED + EPERM)
		(void)poll(NULL, 0, 20);
	return (gw_run("/good") == 0) | (gw_run("/run/good") == 0) << 1 |
	       (gw_run("/bad") != GW_REFUSED + EPERM) << 2 |
	       (gw_run("/above") != GW_REFUSED + EPERM) << 3;
}

static void make_image(void)
{
	fx_check(mkdir("/layers", 0755) == 0 && mkdir("/image", 0755) == 0 &&
		 mount("tmpfs", "/layers", "tmpfs", 0, NULL) == 0 &&
		 mkdir("/layers/low", 0755) == 0 && mkdir("/layers/low/run", 0755) == 0 &&
		 mkdir("/layers/low/bin", 0755) == 0 && mkdir("/layers/up", 0755) == 0 &&
		 mkdir("/layers/work", 0755) == 0);
	gw_program(&w, "layers/low/good", 'A', "", 0);
	gw_program(&w, "layers/low/bad", 'B', "", 0);
	fx_check(system("cp /bin/busybox /layers/low/bin && ln -s busybox /layers/low/bin/sh") ==
		 0);
	fx_check(mount("overlay", "/image", "overlay", 0,
		       "lowerdir=/layers/low,upperdir=/layers/up,workdir=/layers/work") == 0);
	gw_program(&w, "image/above", 'B', "", 0);
}

static void containers_are_guarded(void **state)
{
	(void)state;
	gw_new_root(&w);
	make_image();
	gw_approve(&w, "/layers/low/good", LIST_PROGRAM);
	gw_approve(&w, "/bin/busybox", LIST_PROGRAM | LIST_INTERPRETER);
	gw_approve(&w, "/proc/self/exe", LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, NULL);
	gw_learn_needed(&w);
	gw_enforce(&w);
	assert_int_equal(3, gw_child(container, NULL));
	fx_check(umount2("/image", MNT_DETACH) == 0 && umount2("/layers", MNT_DETACH) == 0);
	gw_free(&w);
}

/* Longer than a path can be that anybody names in one piece. */
static void mount_deeply(void)
{
	char name[NAME_MAX + 1];

	memset(name, 'd', NAME_MAX);
	name[NAME_MAX] = '\0';
	fx_check(chdir("/") == 0);
	for (size_t i = 0; i < 2 + PATH_MAX / NAME_MAX; i++)
		fx_check(mkdir(name, 0755) == 0 && chdir(name) == 0);
	fx_check(mount("none", ".", "tmpfs", 0, NULL) == 0 && chdir("/") == 0);
}

/* A process in a mount namespace of its own, until hold[1] is closed. */
static pid_t elsewhere(const int hold[2])
{
	pid_t pid = fork();
	char byte;

	fx_check(pid >= 0);
	if (pid > 0)
		return pid;
	(void)close(hold[1]);
	_exit(unshare(CLONE_NEWNS) == 0 && read(hold[0], &byte, 1) == 0 ? 0 : 1);
}

static void what_is_left_out_is_counted(void **state)
{
	static pid_t pid[MARK_SPACES_MAX + 4];
	const size_t count = sizeof(pid) / sizeof(pid[0]);
	int hold[2], status;

	(void)state;
	mount_deeply();
	fx_check(pipe2(hold, O_CLOEXEC) == 0);
	gw_new_root(&w);
	gw_approve(&w, "/proc/self/exe", LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, NULL);
	assert_true(gw_number(&w, "not_guarded") >= 1);
	assert_int_equal(0, gw_number(&w, "mounts_cut") + gw_number(&w, "spaces_passed"));
	pid[0] = elsewhere(hold);
	while (gw_number(&w, "mounts_cut") == 0)
		(void)poll(NULL, 0, 20);
	for (size_t i = 1; i < count; i++)
		pid[i] = elsewhere(hold);
	while (gw_number(&w, "spaces_passed") < 4)
		(void)poll(NULL, 0, 20);
	(void)close(hold[1]);
	for (size_t i = 0; i < count; i++)
		fx_check(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
	while (gw_number(&w, "mounts_cut") + gw_number(&w, "spaces_passed") > 0)
		(void)poll(NULL, 0, 20);
	(void)close(hold[0]);
	gw_free(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(work_goes_on),
					   cmocka_unit_test(usual_data_is_roots),
					   cmocka_unit_test(later_mounts_are_guarded),
					   cmocka_unit_test(containers_are_guarded),
					   cmocka_unit_test(what_is_left_out_is_counted)};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!gw_possible() || !gw_enter_root())
		return MOUNTS_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
