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
#include "tests/lib/guard_cases.h"
#include "tests/lib/mounts.h"

#define CASES 28 /* of the comparison in the literature: the first rows of the table */
#define BASE_LEAST 7
#define STRICT_LEAST 18
#define KERNEL_LEAST 24
#define SKIP CASE_SKIP

static struct guard_try t;
static const char *const dir = t.dir; /* where the hostile files are, for those who try */
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

static int own_namespace(void)
{
	if (!case_become_root())
		return SKIP;
	(void)execl(bad, bad, (char *)NULL);
	return 1;
}

static int own_tmpfs(void)
{
	AUTO(buf) struct buf bytes = {0};
	int fd;

	buf_init(&bytes, (size_t)64 << 20);
	if (!rc_is_ok(file_read(bad, &bytes, NULL)) || !case_become_root() ||
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
	if (!case_become_root() || mount(dir, "/mnt", NULL, MS_BIND, NULL) != 0)
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
	if (!case_become_root() || chroot(dir) != 0)
		return SKIP;
	/* Where the trace goes is out of reach in there. */
	return gw_run("/bad") == GW_UNAPPROVED ? 0 : 1;
}

/* From a directory that is hidden under another mount, in another namespace. */
static int from_below(void)
{
	if (chdir(dir) != 0 || !case_become_root() || mount("tmpfs", dir, "tmpfs", 0, NULL) != 0)
		return SKIP;
	(void)execl("./bad", "bad", (char *)NULL);
	return 1;
}

/* An overlay of one's own shows the same file; nobody has marked it. */
static int own_overlay(void)
{
	char options[300];

	(void)snprintf(options, sizeof(options), "lowerdir=%s:/etc", dir);
	if (!case_become_root() || mount("overlay", "/mnt", "overlay", 0, options) != 0)
		return SKIP;
	(void)execl("/mnt/bad", "bad", (char *)NULL);
	return 1;
}

/* What the loader is told to load into every program, in one's own view of /etc. */
static int preload_file(void)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/preload", dir);
	if (access("/etc/ld.so.preload", F_OK) != 0 || !case_become_root() ||
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
	if (!case_become_root() || mount("binfmt_misc", "/mnt", "binfmt_misc", 0, NULL) != 0)
		return SKIP;
	(void)case_write_text("/mnt/register", text);
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

static const struct guard_case cases[] = {
	{"exec", CASE_BASE, "$M/dynamic", NULL, AS_USER},
	{"exec of a static program", CASE_BASE, "$M/bad", NULL, AS_USER},
	{"O_PATH and execveat", CASE_BASE, NULL, by_path_fd, AS_USER},
	{"descriptor and execveat", CASE_BASE, NULL, by_fd, AS_USER},
	{"shell script, executed", CASE_BASE, "$M/script.sh", NULL, AS_USER},
	{"Python script, executed", CASE_BASE, "$M/script.py", NULL, AS_USER},
	{"user and mount namespace, exec", CASE_BASE, NULL, own_namespace, AS_USER},
	{"memory file, dynamic program", CASE_KERNEL, NULL, memfd_dynamic, AS_USER},
	{"memory file, static program", CASE_KERNEL, NULL, memfd_static, AS_USER},
	{"memory file, dlopen", CASE_KERNEL, NULL, memfd_dlopen, AS_USER},
	{"dlopen", CASE_STRICT, NULL, by_dlopen, AS_USER},
	{"LD_PRELOAD", CASE_STRICT, "LD_PRELOAD=$M/lib.so /bin/true", NULL, AS_USER},
	{"LD_AUDIT", CASE_STRICT, "LD_AUDIT=$M/lib.so /bin/true", NULL, AS_USER},
	{"ld.so as launcher", CASE_STRICT, "/lib64/ld-linux-x86-64.so.2 $M/dynamic", NULL, AS_USER},
	{"mmap, executable", CASE_KERNEL, NULL, map_exec, AS_USER},
	{"mmap, then mprotect", CASE_KERNEL, NULL, map_then_protect, AS_USER},
	{"anonymous memory", CASE_NEVER, NULL, anonymous, AS_USER},
	{"sh FILE", CASE_STRICT, "sh $M/script.sh", NULL, AS_USER},
	{"sh < FILE", CASE_STRICT, "sh < $M/script.sh", NULL, AS_USER},
	{". FILE", CASE_STRICT, ". $M/script.sh", NULL, AS_USER},
	{"cat FILE | sh", CASE_NEVER, "cat $M/script.sh | sh", NULL, AS_USER},
	{"python3 FILE", CASE_STRICT, "python3 $M/script.py", NULL, AS_USER},
	{"python3 FILE without #!", CASE_STRICT, "python3 $M/plain.py", NULL, AS_USER},
	{"python3 import", CASE_STRICT, "PYTHONPATH=$M python3 -c 'import plain'", NULL, AS_USER},
	{"perl FILE", CASE_STRICT, "perl $M/script.pl", NULL, AS_USER},
	{"sh -c", CASE_NEVER, "sh -c ': > $GUARD_RAN'", NULL, AS_USER},
	{"python3 -c", CASE_NEVER, "python3 -c 'import os; open(os.environ[\"GUARD_RAN\"], \"w\")'",
	 NULL, AS_USER},
	{"user namespace, tmpfs of one's own", CASE_KERNEL, NULL, own_tmpfs, AS_USER},
	{"AT_EXECVE_CHECK", CASE_BASE, NULL, execve_check, AS_USER},
	{"user namespace, bind mount", CASE_BASE, NULL, bind_mount, AS_USER},
	{"deleted but open", CASE_BASE, NULL, opened_then_deleted, AS_USER},
	{"Python, ctypes", CASE_STRICT, "python3 -c 'import ctypes; ctypes.CDLL(\"'$M'/lib.so\")'",
	 NULL, AS_USER},
	{"Python, mmap", CASE_STRICT,
	 "python3 -c 'import mmap, os; mmap.mmap(os.open(\"'$M'/bad\", 0), 4096, 2, 5); "
	 "open(os.environ[\"GUARD_RAN\"], \"w\")'",
	 NULL, AS_USER},
	{"LD_PRELOAD by descriptor", CASE_STRICT,
	 "LD_PRELOAD=/proc/self/fd/3 /bin/true 3< $M/lib.so", NULL, AS_USER},
	{"ld.so by descriptor", CASE_STRICT,
	 "/lib64/ld-linux-x86-64.so.2 /proc/self/fd/3 3< $M/dynamic", NULL, AS_USER},
	{"awk -f FILE", CASE_STRICT, "awk -f $M/script.awk", NULL, AS_USER},
	{"make -f FILE", CASE_STRICT, "make -s -f $M/script.mk", NULL, AS_USER},
	{"perl -I, module", CASE_STRICT, "perl -I$M -e 'require Plain'", NULL, AS_USER},
	{"/proc/self/fd, exec", CASE_BASE, NULL, by_proc_fd, AS_USER},
	{"io_uring opens, exec", CASE_BASE, NULL, ring_opens, AS_USER},
	{"setuid program", CASE_BASE, "$M/setuid", NULL, AS_USER},
	{"symbolic link", CASE_BASE, "$M/link", NULL, AS_USER},
	{"script with a script as interpreter", CASE_BASE, "$M/outer", NULL, AS_USER},
	{"32 bits, static program", CASE_BASE, HAVE("guard32") "$M/guard32", NULL, AS_USER},
	{"32 bits, LD_PRELOAD", CASE_STRICT, HAVE("good32") "LD_PRELOAD=$M/lib32.so $M/good32",
	 NULL, AS_USER},
	{"32 bits, ld.so as launcher", CASE_STRICT, HAVE("bad32") "/lib/ld-linux.so.2 $M/bad32",
	 NULL, AS_USER},
	{"user namespace, chroot", CASE_BASE, NULL, in_chroot, AS_USER},
	{"user namespace, from below a mount", CASE_BASE, NULL, from_below, AS_USER},
	/* Kernels before 6.13 or so do not ask for what an overlay opens below itself. */
	{"user namespace, overlay of one's own", CASE_VARIES, NULL, own_overlay, AS_USER},
	{"user namespace, binfmt_misc", CASE_BASE, NULL, own_format_named, AS_USER},
	{"user namespace, binfmt_misc with F", CASE_BASE, NULL, own_format_held, AS_USER},
	{"user namespace, ld.so.preload", CASE_STRICT, NULL, preload_file, AS_USER},
	{"library beside the program (RPATH)", CASE_STRICT, "$M/origin", NULL, AS_USER},
	{"library of a character set", CASE_STRICT,
	 "GCONV_PATH=$M iconv -f EVIL -t UTF-8 /dev/null", NULL, AS_USER},
	{"mmap, reading implies running", CASE_KERNEL, NULL, map_by_personality, AS_USER},
	{"mmap, then remap_file_pages", CASE_KERNEL, NULL, map_again, AS_USER},
	{"sh, ENV", CASE_STRICT, "ENV=$M/script.sh sh -i -c : </dev/null 2>/dev/null", NULL,
	 AS_USER},
	{"bash, BASH_ENV", CASE_STRICT, "BASH_ENV=$M/script.sh bash -c :", NULL, AS_USER},
	{"busybox sh FILE", CASE_STRICT, "busybox sh $M/script.sh", NULL, AS_USER},
	{"sh, FILE by descriptor", CASE_STRICT, "sh /proc/self/fd/3 3< $M/script.sh", NULL,
	 AS_USER},
	{"perl, PERL5OPT", CASE_STRICT, "PERL5LIB=$M PERL5OPT=-MPlain perl -e 1", NULL, AS_USER},
	{"perl5.VERSION FILE", CASE_STRICT, "perl5.36-x86_64-linux-gnu $M/script.pl", NULL,
	 AS_USER},
	{"python3 FILE.pyc", CASE_STRICT, HAVE("plain.pyc") "python3 $M/plain.pyc", NULL, AS_USER},
	{"python3 ARCHIVE", CASE_STRICT, HAVE("app.zip") "python3 $M/app.zip", NULL, AS_USER},
	{"python3 -m", CASE_STRICT,
	 "python3 -c 'import runpy' 2>/dev/null || exit 127; PYTHONPATH=$M python3 -m plain", NULL,
	 AS_USER},
	{"make, include", CASE_STRICT, "make -s -f /dev/null --eval=\"include $M/script.mk\"", NULL,
	 AS_USER},
	{"tclsh FILE", CASE_STRICT, "tclsh $M/script.tcl", NULL, AS_USER},
	{"node FILE", CASE_STRICT, "node $M/script.js", NULL, AS_USER},
	{"node --require", CASE_STRICT, "node --require $M/script.js -e 1", NULL, AS_USER},
	{"java FILE", CASE_STRICT,
	 "java --list-modules 2>/dev/null | grep -q jdk.compiler || exit 127; java "
	 "-XX:-UsePerfData $M/Script.java",
	 NULL, AS_USER},
	{"gdb -x FILE", CASE_NEVER, "gdb -nx -q -batch -x $M/script.gdb", NULL, AS_USER},
	{"vim -S FILE", CASE_NEVER, "vim -es -u NONE -S $M/script.vim -c q </dev/null", NULL,
	 AS_USER},
	{"sed -f FILE", CASE_NEVER, "echo x | sed -n -f $M/script.sed", NULL, AS_USER},
	{"script, changed while it is read", CASE_KERNEL,
	 "{ sh $M/slow.sh || : < $M/pipe; } & exec 9> $M/pipe; echo ': > $GUARD_RAN' >> "
	 "$M/slow.sh; "
	 "exec 9>&-; wait",
	 NULL, AS_USER},
};
#define ROWS (sizeof(cases) / sizeof(cases[0]))
_Static_assert(ROWS >= CASES, "the comparison's cases are all here");

/* Waits for somebody, who may change it meanwhile. */
static void put_slow(void)
{
	char path[200];

	case_put(&t, "slow.sh", "#!/bin/sh\nread x < $M/pipe\ntrue\n");
	case_place(&t, "slow.sh", path);
	fx_check(chmod(path, 0777) == 0);
}

/* More scripts, some of which a program makes. */
static void more_files(void)
{
	char text[500], path[200];

	case_put(&t, "file.evil", "a text that is approved\n");
	case_put(&t, "script.tcl", "close [open $env(GUARD_RAN) w]\n");
	case_put(&t, "script.js", "require('fs').writeFileSync(process.env.GUARD_RAN, '');\n");
	case_put(&t, "Script.java",
		 "public class Script { public static void main(String[] a) throws "
		 "Exception { new java.io.File(System.getenv(\"GUARD_RAN\"))"
		 ".createNewFile(); } }\n");
	case_put(&t, "script.gdb", "shell : > $GUARD_RAN\n");
	case_put(&t, "script.vim", "call writefile([], $GUARD_RAN)\n");
	case_put(&t, "script.sed", "e : > $GUARD_RAN\n");
	case_put(&t, "inner", "#!/bin/sh\n: > $GUARD_RAN\n");
	(void)snprintf(text, sizeof(text), "#!%s/inner\n", dir);
	case_put(&t, "outer", text);
	case_put(&t, "gconv-modules", "module EVIL// INTERNAL lib 1\n");
	(void)snprintf(text, sizeof(text), "%s/lib.so\n", dir);
	case_put(&t, "preload", text);
	(void)snprintf(text, sizeof(text),
		       "cd %s; python3 -c \"import py_compile; py_compile.compile('plain.py', "
		       "'plain.pyc')\"; python3 -c \"import zipfile; "
		       "zipfile.ZipFile('app.zip', 'w').write('plain.py', '__main__.py')\"; "
		       "cp $BUILD/tests/guard-32 guard32; cp $BUILD/tests/guard-32-dynamic good32; "
		       "cp $BUILD/tests/guard-32-launched bad32; "
		       "cp $BUILD/tests/libguard-32.so lib32.so; ln -s bad link; chmod 644 *.so",
		       dir);
	(void)!system(text);
	case_place(&t, "pipe", path);
	fx_check(mkfifo(path, 0666) == 0 && chmod(path, 0666) == 0);
	case_program(&t, "loose", 'B');
	case_place(&t, "loose", path);
	fx_check(chmod(path, 0777) == 0);
	case_program(&t, "setuid", 'B');
	case_place(&t, "setuid", path);
	fx_check(chmod(path, 04755) == 0);
	case_copy(&t, "guard-origin", "origin");
	case_copy(&t, "libguard-lib.so", "libguard-lib.so");
	if (t.own_root && access("/etc/ld.so.preload", F_OK) != 0)
		(void)close(open("/etc/ld.so.preload", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
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
		case_place(&t, approved[i].name, path);
		if (access(path, F_OK) == 0)
			gw_approve(&t.w, path, approved[i].classes);
	}
}

static void files(struct guard_try *unused)
{
	(void)unused;
	case_program(&t, "good", 'A');
	case_program(&t, "bad", 'B');
	case_copy(&t, "guard-dynamic", "dynamic");
	case_place(&t, "dynamic", dynamic);
	case_copy(&t, "libguard-lib.so", "lib.so");
	case_place(&t, "lib.so", lib);
	case_place(&t, "bad", bad);
	case_put(&t, "script.sh", "#!/bin/sh\n: > $GUARD_RAN\n");
	case_put(&t, "script.py",
		 "#!/usr/bin/python3\nimport os\nopen(os.environ['GUARD_RAN'], 'w')\n");
	case_put(&t, "plain.py", "import os\nopen(os.environ['GUARD_RAN'], 'w')\n");
	case_put(&t, "script.pl", "open(my $f, '>', $ENV{GUARD_RAN});\n");
	case_put(&t, "Plain.pm", "open(my $f, '>', $ENV{GUARD_RAN}); 1;\n");
	case_put(&t, "script.awk", "BEGIN { printf \"\" > ENVIRON[\"GUARD_RAN\"] }\n");
	case_put(&t, "script.mk", "all:\n\t: > $$GUARD_RAN\n");
	more_files();
	approve_files();
}

static void before(struct guard_try *unused, size_t row)
{
	(void)unused;
	if (cases[row].fn == opened_then_deleted)
		case_program(&t, "gone", 'B');
	put_slow();
}

static void table(enum case_level level, unsigned at_least)
{
	static const struct case_table all = {
		.rows = cases, .count = ROWS, .first = CASES, .files = files, .before = before};
	struct guard_score s = case_table_run(&t, &all, level, level > CASE_BASE);

	(void)printf("guard: caught %u of %d (%u of all %zu skipped)\n", s.first_stopped, CASES,
		     s.skipped, ROWS);
	assert_int_equal(0, s.wrong);
	assert_int_equal(s.first_expected, s.first_stopped);
	assert_true(s.skipped > 0 || s.first_stopped >= at_least);
}

static void level_base(void **state)
{
	(void)state;
	table(CASE_BASE, BASE_LEAST);
}

static void level_strict(void **state)
{
	(void)state;
	if (gw_enter_root())
		table(CASE_STRICT, STRICT_LEAST);
}

static void level_kernel(void **state)
{
	(void)state;
	table(CASE_KERNEL, KERNEL_LEAST);
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
