/* guard_hostile - what an ordinary user may try in order to run code that nobody approved, one case
 * after the other, against a guard of each level that enforces. Prints the table; docs/guard.md
 * says the same in words. A case that is caught where it should not be is as much a failure as the
 * other way round: then the documentation is wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define CASES 28 /* of the comparison in the literature: the first rows of the table */
#define BASE_LEAST 7
#define STRICT_LEAST 18
#define KERNEL_LEAST 24
#define SKIP 254 /* this machine does not have what the case needs */

static struct guard_world w;
static bool strict;   /* else base */
static bool kernel;   /* in a virtual machine (guard_kernel.sh): strict, and level kernel */
static char dir[100]; /* where the hostile files are, for those who try */
static char ran[200]; /* the trace */
static char bad[200], dynamic[200], lib[200];

/* ---- Cases in C: 0 is "went through" where no trace can be left -----------------------------*/

static int exec_fd(int flags)
{
	char *argv[] = {bad, NULL};
	int fd = open(bad, flags);

	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return 1;
}

static int by_path_fd(void)
{
	return exec_fd(O_PATH);
}

static int by_fd(void)
{
	return exec_fd(O_RDONLY);
}

static int memory_copy(const char *path)
{
	AUTO(buf) struct buf bytes = {0};
	int fd = memfd_create("x", 0);

	buf_init(&bytes, (size_t)64 << 20);
	if (fd < 0 || !rc_is_ok(file_read(path, &bytes, NULL)) ||
	    !rc_is_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL)))
		_exit(SKIP);
	return fd;
}

static int memfd_exec(const char *path)
{
	char *argv[] = {bad, NULL};

	(void)syscall(SYS_execveat, memory_copy(path), "", argv, environ, AT_EMPTY_PATH);
	return 1;
}

static int memfd_dynamic(void)
{
	return memfd_exec(dynamic);
}

static int memfd_static(void)
{
	return memfd_exec(bad);
}

static int memfd_dlopen(void)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", memory_copy(lib));
	return dlopen(path, RTLD_NOW) == NULL;
}

static int by_dlopen(void)
{
	return dlopen(lib, RTLD_NOW) == NULL;
}

static int mapped(bool later)
{
	int fd = open(bad, O_RDONLY | O_CLOEXEC);
	void *p = mmap(NULL, 4096, PROT_READ | (later ? 0 : PROT_EXEC), MAP_PRIVATE, fd, 0);

	return p == MAP_FAILED || (later && mprotect(p, 4096, PROT_READ | PROT_EXEC) != 0);
}

/* Whether the mapping that begins at p is, as /proc says. */
static bool is_executable(const void *p)
{
	char line[300], begin[40];
	bool found = false;
	FILE *maps = fopen("/proc/self/maps", "re");

	(void)snprintf(begin, sizeof(begin), "%lx-", (unsigned long)(uintptr_t)p);
	while (maps != NULL && !found && fgets(line, sizeof(line), maps) != NULL)
		found = strncmp(line, begin, strlen(begin)) == 0 && strchr(line, ' ')[3] == 'x';
	if (maps != NULL)
		(void)fclose(maps);
	return found;
}

static int map_exec(void)
{
	return mapped(false);
}

static int map_then_protect(void)
{
	return mapped(true);
}

static int anonymous(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED;
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	(void)close(fd);
	return done;
}

/* Root in namespaces of their own, as any user may be. */
static bool become_root(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       write_text("/proc/self/setgroups", "deny") &&
	       write_text("/proc/self/uid_map", "0 65534 1") &&
	       write_text("/proc/self/gid_map", "0 65534 1");
}

static int own_namespace(void)
{
	if (!become_root())
		return SKIP;
	(void)execl(bad, bad, (char *)NULL);
	return 1;
}

static int own_tmpfs(void)
{
	AUTO(buf) struct buf bytes = {0};
	int fd;

	buf_init(&bytes, (size_t)64 << 20);
	if (!rc_is_ok(file_read(bad, &bytes, NULL)) || !become_root() ||
	    mount("tmpfs", dir, "tmpfs", 0, NULL) != 0)
		return SKIP;
	fd = open(bad, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (fd < 0 || !rc_is_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL)))
		return SKIP;
	(void)close(fd);
	(void)execl(bad, bad, (char *)NULL);
	return 1;
}

/* ---- Beyond the 28 --------------------------------------------------------------------------*/

#define EXECVE_CHECK 0x10000 /* AT_EXECVE_CHECK, Linux 6.14 */

static int execve_check(void)
{
	char *argv[] = {bad, NULL};
	char good[200];

	(void)snprintf(good, sizeof(good), "%s/good", dir);
	if (syscall(SYS_execveat, AT_FDCWD, good, argv, environ, EXECVE_CHECK) != 0)
		return SKIP;
	return syscall(SYS_execveat, AT_FDCWD, bad, argv, environ, EXECVE_CHECK) == 0 ? 0 : 1;
}

static int bind_mount(void)
{
	if (!become_root() || mount(dir, "/mnt", NULL, MS_BIND, NULL) != 0)
		return SKIP;
	(void)execl("/mnt/bad", "bad", (char *)NULL);
	return 1;
}

static int opened_then_deleted(void)
{
	char *argv[] = {bad, NULL};
	char copy[200];
	int fd;

	(void)snprintf(copy, sizeof(copy), "%s/gone", dir);
	fd = open(copy, O_RDONLY);
	(void)unlink(copy);
	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return 1;
}

/* By the name that a descriptor has in /proc. */
static int by_proc_fd(void)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", open(bad, O_RDONLY | O_CLOEXEC));
	(void)execl(path, path, (char *)NULL);
	return 1;
}

static int in_chroot(void)
{
	if (!become_root() || chroot(dir) != 0)
		return SKIP;
	/* Where the trace goes is out of reach in there. */
	return gw_run("/bad") == GW_UNAPPROVED ? 0 : 1;
}

/* From a directory that is hidden under another mount, in another namespace. */
static int from_below(void)
{
	if (chdir(dir) != 0 || !become_root() || mount("tmpfs", dir, "tmpfs", 0, NULL) != 0)
		return SKIP;
	(void)execl("./bad", "bad", (char *)NULL);
	return 1;
}

/* An overlay of one's own shows the same file; nobody has marked it. */
static int own_overlay(void)
{
	char options[300];

	(void)snprintf(options, sizeof(options), "lowerdir=%s:/etc", dir);
	if (!become_root() || mount("overlay", "/mnt", "overlay", 0, options) != 0)
		return SKIP;
	(void)execl("/mnt/bad", "bad", (char *)NULL);
	return 1;
}

/* What the loader is told to load into every program, in one's own view of /etc. */
static int preload_file(void)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/preload", dir);
	if (access("/etc/ld.so.preload", F_OK) != 0 || !become_root() ||
	    mount(path, "/etc/ld.so.preload", NULL, MS_BIND, NULL) != 0)
		return SKIP;
	(void)execl("/bin/sh", "sh", "-c", "exit 1", (char *)NULL);
	return 1;
}

/* A format of one's own, in a user namespace (binfmt_misc, since Linux 6.7): its interpreter is the
 * program that nobody approved, opened when the format is made known, or when it is needed. */
static int own_format(const char *flags)
{
	char path[200], text[300];

	(void)snprintf(path, sizeof(path), "%s/file.evil", dir);
	(void)snprintf(text, sizeof(text), ":evil:E::evil::%s:%s", bad, flags);
	if (!become_root() || mount("binfmt_misc", "/mnt", "binfmt_misc", 0, NULL) != 0)
		return SKIP;
	(void)write_text("/mnt/register", text);
	(void)execl(path, path, (char *)NULL);
	return 1;
}

static int own_format_held(void)
{
	return own_format("F");
}

static int own_format_named(void)
{
	return own_format("");
}

/* A mapping that is made anew is made executable, where the kernel takes reading for running. */
static int map_again(void)
{
	char own[200];
	int fd;
	void *p;

	(void)snprintf(own, sizeof(own), "%s/loose", dir);
	fd = open(own, O_RDWR | O_CLOEXEC); /* or it is not shared */
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || personality(READ_IMPLIES_EXEC) < 0)
		return SKIP;
	return syscall(SYS_remap_file_pages, p, 4096, 0, 0, 0) != 0 || !is_executable(p);
}

static int map_by_personality(void)
{
	int fd = open(bad, O_RDONLY | O_CLOEXEC);
	void *p;

	if (personality(READ_IMPLIES_EXEC) < 0)
		return SKIP;
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	return p == MAP_FAILED || !is_executable(p);
}

/* The kernel opens the file for the ring, not the process. */
static int ring_opens(void)
{
	struct io_uring_params p = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	uint8_t *sq, *cq;
	char path[40];
	int32_t fd;

	if (ring < 0)
		return SKIP;
	sqe = (struct io_uring_sqe *)mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED,
					  ring, (off_t)IORING_OFF_SQES);
	sq = (uint8_t *)mmap(NULL, p.sq_off.array + sizeof(uint32_t), PROT_READ | PROT_WRITE,
			     MAP_SHARED, ring, (off_t)IORING_OFF_SQ_RING);
	cq = (uint8_t *)mmap(NULL, p.cq_off.cqes + sizeof(*cqe), PROT_READ | PROT_WRITE, MAP_SHARED,
			     ring, (off_t)IORING_OFF_CQ_RING);
	if (sqe == MAP_FAILED || sq == MAP_FAILED || cq == MAP_FAILED)
		return SKIP;
	*sqe = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
				     .flags = IOSQE_ASYNC,
				     .fd = AT_FDCWD,
				     .addr = (uint64_t)(uintptr_t)bad,
				     .open_flags = O_RDONLY};
	memset(sq + p.sq_off.array, 0, sizeof(uint32_t));
	memcpy(sq + p.sq_off.tail, &(uint32_t){1}, sizeof(uint32_t));
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return SKIP;
	memcpy(&fd, cq + p.cq_off.cqes + offsetof(struct io_uring_cqe, res), sizeof(fd));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", (int)fd);
	(void)execl(path, path, (char *)NULL);
	return 1;
}

/* ---- The table ------------------------------------------------------------------------------*/

/* 127: there is nothing to try. */
#define HAVE(file) "[ -e $M/" file " ] || exit 127; "

static const struct {
	const char *name;
	/* The lowest level that catches it; VARIES: kernels before 6.13 or so do not ask for what
	 * an overlay opens below itself. */
	enum { BASE, STRICT, KERNEL, NEVER, VARIES } from;
	const char *shell; /* $M is where the files are, $GUARD_RAN the trace; NULL: fn */
	int (*fn)(void);   /* 0: went through, 1: not, SKIP; or it leaves the trace */
} cases[] = {
	{"exec", BASE, "$M/dynamic", NULL},
	{"exec of a static program", BASE, "$M/bad", NULL},
	{"O_PATH and execveat", BASE, NULL, by_path_fd},
	{"descriptor and execveat", BASE, NULL, by_fd},
	{"shell script, executed", BASE, "$M/script.sh", NULL},
	{"Python script, executed", BASE, "$M/script.py", NULL},
	{"user and mount namespace, exec", BASE, NULL, own_namespace},
	{"memory file, dynamic program", KERNEL, NULL, memfd_dynamic},
	{"memory file, static program", KERNEL, NULL, memfd_static},
	{"memory file, dlopen", KERNEL, NULL, memfd_dlopen},
	{"dlopen", STRICT, NULL, by_dlopen},
	{"LD_PRELOAD", STRICT, "LD_PRELOAD=$M/lib.so /bin/true", NULL},
	{"LD_AUDIT", STRICT, "LD_AUDIT=$M/lib.so /bin/true", NULL},
	{"ld.so as launcher", STRICT, "/lib64/ld-linux-x86-64.so.2 $M/dynamic", NULL},
	{"mmap, executable", KERNEL, NULL, map_exec},
	{"mmap, then mprotect", KERNEL, NULL, map_then_protect},
	{"anonymous memory", NEVER, NULL, anonymous},
	{"sh FILE", STRICT, "sh $M/script.sh", NULL},
	{"sh < FILE", STRICT, "sh < $M/script.sh", NULL},
	{". FILE", STRICT, ". $M/script.sh", NULL},
	{"cat FILE | sh", NEVER, "cat $M/script.sh | sh", NULL},
	{"python3 FILE", STRICT, "python3 $M/script.py", NULL},
	{"python3 FILE without #!", STRICT, "python3 $M/plain.py", NULL},
	{"python3 import", STRICT, "PYTHONPATH=$M python3 -c 'import plain'", NULL},
	{"perl FILE", STRICT, "perl $M/script.pl", NULL},
	{"sh -c", NEVER, "sh -c ': > $GUARD_RAN'", NULL},
	{"python3 -c", NEVER, "python3 -c 'import os; open(os.environ[\"GUARD_RAN\"], \"w\")'",
	 NULL},
	{"user namespace, tmpfs of one's own", KERNEL, NULL, own_tmpfs},
	{"AT_EXECVE_CHECK", BASE, NULL, execve_check},
	{"user namespace, bind mount", BASE, NULL, bind_mount},
	{"deleted but open", BASE, NULL, opened_then_deleted},
	{"Python, ctypes", STRICT, "python3 -c 'import ctypes; ctypes.CDLL(\"'$M'/lib.so\")'",
	 NULL},
	{"Python, mmap", STRICT,
	 "python3 -c 'import mmap, os; mmap.mmap(os.open(\"'$M'/bad\", 0), 4096, 2, 5); "
	 "open(os.environ[\"GUARD_RAN\"], \"w\")'",
	 NULL},
	{"LD_PRELOAD by descriptor", STRICT, "LD_PRELOAD=/proc/self/fd/3 /bin/true 3< $M/lib.so",
	 NULL},
	{"ld.so by descriptor", STRICT, "/lib64/ld-linux-x86-64.so.2 /proc/self/fd/3 3< $M/dynamic",
	 NULL},
	{"awk -f FILE", STRICT, "awk -f $M/script.awk", NULL},
	{"make -f FILE", STRICT, "make -s -f $M/script.mk", NULL},
	{"perl -I, module", STRICT, "perl -I$M -e 'require Plain'", NULL},
	{"/proc/self/fd, exec", BASE, NULL, by_proc_fd},
	{"io_uring opens, exec", BASE, NULL, ring_opens},
	{"setuid program", BASE, "$M/setuid", NULL},
	{"symbolic link", BASE, "$M/link", NULL},
	{"script with a script as interpreter", BASE, "$M/outer", NULL},
	{"32 bits, static program", BASE, HAVE("guard32") "$M/guard32", NULL},
	{"32 bits, LD_PRELOAD", STRICT, HAVE("good32") "LD_PRELOAD=$M/lib32.so $M/good32", NULL},
	{"32 bits, ld.so as launcher", STRICT, HAVE("bad32") "/lib/ld-linux.so.2 $M/bad32", NULL},
	{"user namespace, chroot", BASE, NULL, in_chroot},
	{"user namespace, from below a mount", BASE, NULL, from_below},
	{"user namespace, overlay of one's own", VARIES, NULL, own_overlay},
	{"user namespace, binfmt_misc", BASE, NULL, own_format_named},
	{"user namespace, binfmt_misc with F", BASE, NULL, own_format_held},
	{"user namespace, ld.so.preload", STRICT, NULL, preload_file},
	{"library beside the program (RPATH)", STRICT, "$M/origin", NULL},
	{"library of a character set", STRICT, "GCONV_PATH=$M iconv -f EVIL -t UTF-8 /dev/null",
	 NULL},
	{"mmap, reading implies running", KERNEL, NULL, map_by_personality},
	{"mmap, then remap_file_pages", KERNEL, NULL, map_again},
	{"sh, ENV", STRICT, "ENV=$M/script.sh sh -i -c : </dev/null 2>/dev/null", NULL},
	{"bash, BASH_ENV", STRICT, "BASH_ENV=$M/script.sh bash -c :", NULL},
	{"busybox sh FILE", STRICT, "busybox sh $M/script.sh", NULL},
	{"sh, FILE by descriptor", STRICT, "sh /proc/self/fd/3 3< $M/script.sh", NULL},
	{"perl, PERL5OPT", STRICT, "PERL5LIB=$M PERL5OPT=-MPlain perl -e 1", NULL},
	{"perl5.VERSION FILE", STRICT, "perl5.36-x86_64-linux-gnu $M/script.pl", NULL},
	{"python3 FILE.pyc", STRICT, HAVE("plain.pyc") "python3 $M/plain.pyc", NULL},
	{"python3 ARCHIVE", STRICT, HAVE("app.zip") "python3 $M/app.zip", NULL},
	{"python3 -m", STRICT,
	 "python3 -c 'import runpy' 2>/dev/null || exit 127; PYTHONPATH=$M python3 -m plain", NULL},
	{"make, include", STRICT, "make -s -f /dev/null --eval=\"include $M/script.mk\"", NULL},
	{"tclsh FILE", STRICT, "tclsh $M/script.tcl", NULL},
	{"node FILE", STRICT, "node $M/script.js", NULL},
	{"node --require", STRICT, "node --require $M/script.js -e 1", NULL},
	{"java FILE", STRICT,
	 "java --list-modules 2>/dev/null | grep -q jdk.compiler || exit 127; java "
	 "-XX:-UsePerfData $M/Script.java",
	 NULL},
	{"gdb -x FILE", NEVER, "gdb -nx -q -batch -x $M/script.gdb", NULL},
	{"vim -S FILE", NEVER, "vim -es -u NONE -S $M/script.vim -c q </dev/null", NULL},
	{"sed -f FILE", NEVER, "echo x | sed -n -f $M/script.sed", NULL},
	{"script, changed while it is read", KERNEL,
	 "{ sh $M/slow.sh || : < $M/pipe; } & exec 9> $M/pipe; echo ': > $GUARD_RAN' >> "
	 "$M/slow.sh; "
	 "exec 9>&-; wait",
	 NULL},
};
#define ROWS (sizeof(cases) / sizeof(cases[0]))
_Static_assert(ROWS >= CASES, "the comparison's cases are all here");

static bool caught(size_t i)
{
	return cases[i].from <= (kernel ? KERNEL : strict ? STRICT : BASE);
}

static const char *level(void)
{
	return kernel ? "kernel" : strict ? "strict" : "base";
}

static int attempt(void *ctx)
{
	size_t i = *(const size_t *)ctx;

	/* Not where the test's own libraries are: one of them is that of the cases. */
	if (unsetenv("LD_LIBRARY_PATH") != 0 || setenv("GUARD_RAN", ran, 1) != 0 ||
	    setenv("M", dir, 1) != 0 || setgroups(0, NULL) != 0 || setgid(65534) != 0 ||
	    setuid(65534) != 0 ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) /* or its own uid_map is root's */
		return SKIP;
	if (cases[i].fn != NULL)
		return cases[i].fn();
	(void)execl("/bin/sh", "sh", "-c", cases[i].shell, (char *)NULL);
	return SKIP;
}

static void place(const char *name, char path[200])
{
	(void)snprintf(path, 200, "%s/%s", dir, name);
}

static void put(const char *name, const char *text)
{
	char path[200];
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0755};

	place(name, path);
	fx_ok(file_replace(&spec, view_str(text), NULL));
	fx_check(chmod(path, 0755) == 0);
}

static void copy(const char *from, const char *name, char path[200])
{
	AUTO(buf) struct buf bytes = {0};
	char full[500];
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0755};

	(void)snprintf(full, sizeof(full), "%s/tests/%s", getenv("BUILD"), from);
	place(name, path);
	buf_init(&bytes, (size_t)64 << 20);
	fx_ok(file_read(full, &bytes, NULL));
	fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
	fx_check(chmod(path, 0755) == 0);
}

static void program(const char *name, char letter)
{
	char full[100];

	(void)snprintf(full, sizeof(full), "%s%s", strict ? "hostile/" : "", name);
	gw_program(&w, full, letter, "", 0);
}

/* Waits for somebody, who may change it meanwhile. */
static void put_slow(void)
{
	char path[200];

	put("slow.sh", "#!/bin/sh\nread x < $M/pipe\ntrue\n");
	place("slow.sh", path);
	fx_check(chmod(path, 0777) == 0);
}

/* More scripts, some of which a program makes. */
static void more_files(void)
{
	char text[500], path[200];

	put("file.evil", "a text that is approved\n");
	put("script.tcl", "close [open $env(GUARD_RAN) w]\n");
	put("script.js", "require('fs').writeFileSync(process.env.GUARD_RAN, '');\n");
	put("Script.java", "public class Script { public static void main(String[] a) throws "
			   "Exception { new java.io.File(System.getenv(\"GUARD_RAN\"))"
			   ".createNewFile(); } }\n");
	put("script.gdb", "shell : > $GUARD_RAN\n");
	put("script.vim", "call writefile([], $GUARD_RAN)\n");
	put("script.sed", "e : > $GUARD_RAN\n");
	put("inner", "#!/bin/sh\n: > $GUARD_RAN\n");
	(void)snprintf(text, sizeof(text), "#!%s/inner\n", dir);
	put("outer", text);
	put("gconv-modules", "module EVIL// INTERNAL lib 1\n");
	(void)snprintf(text, sizeof(text), "%s/lib.so\n", dir);
	put("preload", text);
	(void)snprintf(text, sizeof(text),
		       "cd %s; python3 -c \"import py_compile; py_compile.compile('plain.py', "
		       "'plain.pyc')\"; python3 -c \"import zipfile; "
		       "zipfile.ZipFile('app.zip', 'w').write('plain.py', '__main__.py')\"; "
		       "cp $BUILD/tests/guard-32 guard32; cp $BUILD/tests/guard-32-dynamic good32; "
		       "cp $BUILD/tests/guard-32-launched bad32; "
		       "cp $BUILD/tests/libguard-32.so lib32.so; ln -s bad link; chmod 644 *.so",
		       dir);
	(void)!system(text);
	place("pipe", path);
	fx_check(mkfifo(path, 0666) == 0 && chmod(path, 0666) == 0);
	program("loose", 'B');
	place("loose", path);
	fx_check(chmod(path, 0777) == 0);
	program("setuid", 'B');
	place("setuid", path);
	fx_check(chmod(path, 04755) == 0);
	copy("guard-origin", "origin", path);
	copy("libguard-lib.so", "libguard-lib.so", path);
	if (strict && access("/etc/ld.so.preload", F_OK) != 0)
		(void)close(open("/etc/ld.so.preload", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

static void files(void)
{
	program("good", 'A');
	program("bad", 'B');
	copy("guard-dynamic", "dynamic", dynamic);
	copy("libguard-lib.so", "lib.so", lib);
	place("bad", bad);
	put("script.sh", "#!/bin/sh\n: > $GUARD_RAN\n");
	put("script.py", "#!/usr/bin/python3\nimport os\nopen(os.environ['GUARD_RAN'], 'w')\n");
	put("plain.py", "import os\nopen(os.environ['GUARD_RAN'], 'w')\n");
	put("script.pl", "open(my $f, '>', $ENV{GUARD_RAN});\n");
	put("Plain.pm", "open(my $f, '>', $ENV{GUARD_RAN}); 1;\n");
	put("script.awk", "BEGIN { printf \"\" > ENVIRON[\"GUARD_RAN\"] }\n");
	put("script.mk", "all:\n\t: > $$GUARD_RAN\n");
	more_files();
}

/* What they are let have: it is what else comes in by it that counts. */
static void approve_files(void)
{
	static const struct {
		const char *name;
		unsigned classes;
	} approved[] = {{"good", LIST_PROGRAM},	    {"good32", LIST_PROGRAM},
			{"origin", LIST_PROGRAM},   {"outer", LIST_SCRIPT},
			{"file.evil", LIST_SCRIPT}, {"slow.sh", LIST_SCRIPT}};
	char path[200];

	put_slow();
	for (size_t i = 0; i < sizeof(approved) / sizeof(approved[0]); i++) {
		place(approved[i].name, path);
		if (access(path, F_OK) == 0)
			gw_approve(&w, path, approved[i].classes);
	}
}

static void world(void)
{
	const char *const more[] = {"--level", level(), NULL};
	char path[200];

	if (strict)
		gw_new_root(&w);
	else
		gw_new(&w);
	(void)snprintf(dir, sizeof(dir), "%s", strict ? "/hostile" : w.mount);
	(void)snprintf(path, sizeof(path), "%s/open", w.top);
	(void)snprintf(ran, sizeof(ran), "%s/open/ran", w.top);
	fx_check(mkdir(path, 0777) == 0 && chmod(path, 0777) == 0);
	if (strict) {
		fx_check(mkdir(dir, 0777) == 0 && chmod(dir, 0777) == 0);
		/* Who tries is a program that may run: it is its means that count. */
		if (kernel)
			gw_approve_machine(&w);
		else
			gw_approve(&w, "/proc/self/exe", LIST_PROGRAM);
	}
	files();
	approve_files();
	gw_publish(&w);
	gw_start(&w, strict ? more : NULL);
}

static bool works[ROWS]; /* where nobody stops it */

/* True if the case's code ran; false if not; *ret_skip: it could not be tried. */
static bool went_through(size_t i, bool *ret_skip)
{
	bool trace;
	int status;

	if (cases[i].fn == opened_then_deleted)
		program("gone", 'B');
	put_slow();
	status = gw_child(attempt, &i);
	trace = access(ran, F_OK) == 0;
	(void)unlink(ran);
	*ret_skip = status == SKIP || (status == 127 && !trace && !works[i]);
	return trace || (status == 0 && cases[i].fn != NULL);
}

/* Each case must work where nobody stops it, or it shows nothing. */
static void observe(void)
{
	bool skip;

	for (size_t i = 0; i < ROWS; i++) {
		works[i] = went_through(i, &skip);
		if (!works[i] && !skip)
			fail_msg("%s does not work without a guard either", cases[i].name);
	}
}

static void table(bool at_strict, unsigned at_least)
{
	unsigned stopped = 0, skipped = 0, wrong = 0, least = 0;
	bool skip, through;

	strict = at_strict;
	memset(works, 0, sizeof(works));
	world();
	observe();
	/* The shells, interpreters and libraries that the cases go by are approved: first what is
	 * executed, then what these open. */
	if (strict && !kernel) {
		while (gw_learn(&w, "hostile", true) > 0) {
			gw_publish(&w);
			observe();
		}
		while (gw_learn(&w, "hostile", false) > 0) {
			gw_publish(&w);
			observe();
		}
		gw_learn_needed(&w);
	}
	gw_enforce(&w);
	while (kernel && !gw_status_has(&w, "\"kernel\":\"enforce\""))
		(void)poll(NULL, 0, 20);
	for (size_t i = 0; i < ROWS; i++) {
		through = went_through(i, &skip);
		(void)printf("guard: %-6s %-36s %s\n", level(), cases[i].name,
			     skip	? "skipped: not to be had here"
			     : !through ? "caught"
					: "not caught, documented");
		skipped += skip;
		stopped += i < CASES && !skip && !through;
		least += i < CASES && !skip && caught(i);
		wrong += !skip && through == caught(i) && cases[i].from != VARIES;
	}
	(void)printf("guard: level %s caught %u of %d (%u skipped)\n", level(), stopped, CASES,
		     skipped);
	assert_int_equal(0, wrong);
	assert_int_equal(least, stopped);
	assert_true(skipped > 0 || stopped >= at_least);
	if (kernel) {
		/* It stays without the guard: rm, too, would be refused. */
		gw_stop(&w);
		assert_int_equal(0, gw_verb(&w, "release"));
	}
	gw_free(&w);
}

static void level_base(void **state)
{
	(void)state;
	table(false, BASE_LEAST);
}

static void level_strict(void **state)
{
	(void)state;
	if (gw_enter_root())
		table(true, STRICT_LEAST);
}

static void level_kernel(void **state)
{
	(void)state;
	kernel = true;
	table(true, KERNEL_LEAST);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest machine[] = {cmocka_unit_test(level_kernel)};
	const struct CMUnitTest tests[] = {cmocka_unit_test(level_base),
					   cmocka_unit_test(level_strict)};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!gw_possible())
		return MOUNTS_SKIP;
	if (gw_is_machine())
		return cmocka_run_group_tests(machine, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
