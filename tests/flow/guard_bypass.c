/* guard_bypass - more ways to run what nobody approved than guard_hostile.c compares guards by: the
 * means of ordinary programs, newer calls of the kernel, and what root can. Against a guard of all
 * file systems at each level. docs/guard-cases.md names the rows, docs/guard.md says in words what
 * goes through. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/fuse_one.h"
#include "tests/lib/guard_cases.h"
#include "tests/lib/mounts.h"

#define SKIP CASE_SKIP

static struct guard_try t;
/* There for mounts, and where what the test learns does not come from. */
#define MOUNT "/hostile/mount"
static char bad[200], good[200];

/* ---- Helpers --------------------------------------------------------------------------------*/

static int run(const char *path)
{
	(void)execl(path, path, (char *)NULL);
	return 1;
}

static int run_fd(int fd)
{
	char *argv[] = {bad, NULL};

	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return 1;
}

static void read_all(const char *path, struct buf *out)
{
	buf_init(out, (size_t)64 << 20);
	if (!rc_is_ok(file_read(path, out, NULL)))
		_exit(SKIP);
}

static bool write_copy(int fd, const char *from)
{
	AUTO(buf) struct buf bytes = {0};

	read_all(from, &bytes);
	return fd >= 0 && fchmod(fd, 0755) == 0 &&
	       rc_is_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL));
}

static bool copy_as(const char *from, int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	bool done = write_copy(fd, from);

	return close(fd) == 0 && done;
}

/* A file system of one's own at MOUNT, in a user namespace. */
static bool own_tmpfs(void)
{
	return case_become_root() && mount("tmpfs", MOUNT, "tmpfs", 0, NULL) == 0;
}

/* ---- Names and descriptors ------------------------------------------------------------------*/

static int by_proc_root(void)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "/proc/self/root%s", bad);
	return run(path);
}

static int by_proc_cwd(void)
{
	return chdir(t.dir) != 0 ? SKIP : run("/proc/self/cwd/bad");
}

static int without_a_name(void)
{
	int fd = open(t.dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0755);
	char path[40];

	if (!write_copy(fd, bad))
		return SKIP;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* Not open for writing any more, and still there. */
	return dup2(open(path, O_RDONLY | O_CLOEXEC), fd) == fd ? run_fd(fd) : SKIP;
}

static int named_later(void)
{
	int fd = open(t.dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0755);
	char from[40], to[200];

	case_place(&t, "later", to);
	(void)unlink(to);
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (!write_copy(fd, bad) || linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) != 0)
		return SKIP;
	(void)close(fd);
	return run(to);
}

/* Two names exchange their files: that which was let run bears the other's name now. */
static int exchanged(void)
{
	char a[200], b[200];

	case_place(&t, "one", a);
	case_place(&t, "two", b);
	(void)unlink(a);
	(void)unlink(b);
	if (!copy_as(good, AT_FDCWD, a) || !copy_as(bad, AT_FDCWD, b) || gw_run(a) != 0 ||
	    syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */) != 0)
		return SKIP;
	return run(a);
}

/* ---- Mounts ---------------------------------------------------------------------------------*/

static int cloned_mount(void)
{
	int tree;
	char *argv[] = {bad, NULL};

	if (!case_become_root())
		return SKIP;
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | 0x8000 /* AT_RECURSIVE */);
	if (tree < 0)
		return SKIP;
	(void)syscall(SYS_execveat, tree, bad + 1, argv, environ, 0);
	return 1;
}

/* A directory without other mounts in it. */
static bool bind_tools(void)
{
	char path[200];

	case_place(&t, "tools", path);
	return case_become_root() && mount(path, MOUNT, NULL, MS_BIND, NULL) == 0;
}

static int moved_mount(void)
{
	char path[200];

	case_place(&t, "empty", path);
	if (!bind_tools() || mount("tmpfs", path, "tmpfs", 0, NULL) != 0 ||
	    mount(MOUNT, path, NULL, MS_MOVE, NULL) != 0)
		return SKIP;
	case_place(&t, "empty/cc1", path);
	return run(path);
}

static int unmounted_below_us(void)
{
	if (!bind_tools() || chdir(MOUNT) != 0 || umount2(MOUNT, MNT_DETACH) != 0)
		return SKIP;
	return run("./cc1");
}

static int pivoted(void)
{
	if (!case_become_root() || mount(t.dir, t.dir, NULL, MS_BIND | MS_REC, NULL) != 0 ||
	    chdir(t.dir) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
	    umount2(".", MNT_DETACH) != 0)
		return SKIP;
	/* Where the trace goes is out of reach in there. */
	return gw_run("/bad") == GW_UNAPPROVED ? 0 : 1;
}

/* It is mounted nowhere: no table of mounts has it. */
static int tmpfs_nowhere(void)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 1 /* FSOPEN_CLOEXEC */), dir;

	if (fs < 0 || syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) != 0)
		return SKIP;
	dir = (int)syscall(SYS_fsmount, fs, 0, 0);
	if (dir < 0 || !copy_as(bad, dir, "bad"))
		return SKIP;
	return run_fd(openat(dir, "bad", O_RDONLY));
}

static int own_tmpfs_nowhere(void)
{
	return case_become_root() ? tmpfs_nowhere() : SKIP;
}

/* With a file of ours in it. */
static int in_own_tmpfs(const char *name, const char *command)
{
	char line[300];

	(void)snprintf(line, sizeof(line), "cp %s/%s " MOUNT " && { %s; exit 1; }", t.dir, name,
		       command);
	if (!own_tmpfs())
		return SKIP;
	(void)execl("/bin/sh", "sh", "-c", line, (char *)NULL);
	return SKIP;
}

static int own_tmpfs_script(void)
{
	return in_own_tmpfs("script.sh", "sh " MOUNT "/script.sh");
}

static int own_tmpfs_preload(void)
{
	return in_own_tmpfs("lib.so", "LD_PRELOAD=" MOUNT "/lib.so /bin/true");
}

/* Copied up into a layer of one's own. */
static int own_overlay_above(void)
{
	char options[300];

	(void)snprintf(options, sizeof(options), "lowerdir=%s/tools,upperdir=%s/u,workdir=%s/w",
		       t.dir, MOUNT, MOUNT);
	if (!own_tmpfs() || mkdir(MOUNT "/u", 0755) != 0 || mkdir(MOUNT "/w", 0755) != 0 ||
	    mkdir(MOUNT "/m", 0755) != 0 ||
	    mount("overlay", MOUNT "/m", "overlay", 0, options) != 0 ||
	    chmod(MOUNT "/m/loose", 0755) != 0)
		return SKIP;
	return run(MOUNT "/m/loose");
}

static int fuse_with(const char *name)
{
	AUTO(buf) struct buf bytes = {0};
	char path[200];

	case_place(&t, name, path);
	buf_init(&bytes, (size_t)64 << 20);
	if (!rc_is_ok(file_read(path, &bytes, NULL)) || !case_become_root() ||
	    !fuse_one_mount(MOUNT, "", buf_view(&bytes)))
		return SKIP;
	if (strstr(name, ".sh") != NULL)
		(void)execl("/bin/sh", "sh", MOUNT "/f", (char *)NULL);
	return run(MOUNT "/f");
}

static int fuse_program(void)
{
	return fuse_with("bad");
}

static int fuse_script(void)
{
	return fuse_with("script.sh");
}

/* ---- Memory ---------------------------------------------------------------------------------*/

static int memory_script(void)
{
	static const char text[] = ": > $GUARD_RAN\n";
	int fd = memfd_create("x", 0);
	char path[40];

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return SKIP;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)execl("/bin/sh", "sh", path, (char *)NULL);
	return SKIP;
}

/* Shared memory without a name has one for root. */
static int shared_memory_file(void)
{
	AUTO(buf) struct buf bytes = {0};
	char path[80];
	size_t len;
	uint8_t *p;

	read_all(bad, &bytes);
	len = (bytes.len + 4095) & ~(size_t)4095;
	p = (uint8_t *)mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return SKIP;
	memcpy(p, bytes.ptr, bytes.len);
	(void)snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		       (unsigned long)(uintptr_t)p, (unsigned long)(uintptr_t)(p + len));
	return run(path);
}

/* ---- Root -----------------------------------------------------------------------------------*/

static int root_tmpfs(void)
{
	int status = 1;

	if (mount("tmpfs", MOUNT, "tmpfs", 0, NULL) != 0)
		return SKIP;
	if (copy_as(bad, AT_FDCWD, MOUNT "/bad"))
		status = gw_run(MOUNT "/bad") == GW_UNAPPROVED ? 0 : 1;
	(void)umount2(MOUNT, MNT_DETACH);
	return status;
}

static int root_namespace_tmpfs(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("tmpfs", MOUNT, "tmpfs", 0, NULL) != 0 ||
	    !copy_as(bad, AT_FDCWD, MOUNT "/bad"))
		return SKIP;
	return run(MOUNT "/bad");
}

static bool shell(const char *text)
{
	return setenv("M", t.dir, 1) == 0 && system(text) == 0;
}

/* One byte of a program that the guard holds, on the disk below. */
static bool change_below(const char *disk)
{
	AUTO(fd) int fd = open(disk, O_RDWR | O_CLOEXEC);
	struct stat st;
	bool done = false;
	uint8_t *p, *at;

	if (fd < 0 || fstat(fd, &st) != 0)
		return false;
	p = (uint8_t *)mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return false;
	at = (uint8_t *)memmem(p, (size_t)st.st_size, "GREATSEAL-LETTER:A", 18);
	if (at != NULL) {
		at[17] = 'B';
		done = msync(p, (size_t)st.st_size, MS_SYNC) == 0;
	}
	(void)munmap(p, (size_t)st.st_size);
	return done;
}

static int on_the_disk_below(void)
{
	uint64_t before = gw_number(&t.w, "file_systems");
	char disk[200];
	int status = SKIP, fd;

	case_place(&t, "disk", disk);
	if (!shell("PATH=$PATH:/usr/sbin:/sbin; rm -f $M/disk; truncate -s 8M $M/disk && mkfs.ext4 "
		   "-q -d $M/empty $M/disk && mount -o loop $M/disk $M/mount 2>/dev/null"))
		return SKIP;
	while (gw_number(&t.w, "file_systems") <= before)
		;
	if (shell("cp $M/good $M/mount/p && sync -f $M/mount/p && $M/mount/p") &&
	    change_below(disk)) {
		case_place(&t, "mount/p", disk);
		fd = open(disk, O_RDONLY | O_CLOEXEC);
		/* The kernel has to read it anew. */
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		(void)close(fd);
		status = gw_run(disk) == GW_UNAPPROVED ? 0 : 1;
	}
	(void)shell("umount -l $M/mount");
	return status;
}

/* ---- The table ------------------------------------------------------------------------------*/

#define NEED(program) "command -v " program " >/dev/null || exit 127; "

static const struct guard_case cases[] = {
	/* What programs that may run are told to start. */
	{"find -exec FILE", CASE_BASE, NEED("find") "find $M/bad -exec {} \\;", NULL, AS_USER},
	{"find -exec sh FILE", CASE_STRICT, NEED("find") "find $M/script.sh -exec sh {} \\;", NULL,
	 AS_USER},
	{"xargs FILE", CASE_BASE, NEED("xargs") "echo $M/bad | xargs env", NULL, AS_USER},
	{"tar, checkpoint action", CASE_STRICT,
	 NEED("tar") "tar cf /dev/null --checkpoint=1 --checkpoint-action=exec=\"sh $M/script.sh\" "
		     "/etc/passwd 2>/dev/null",
	 NULL, AS_USER},
	{"tar, compressor", CASE_BASE, NEED("tar") "tar cf $M/x.tar -I $M/bad /etc/passwd", NULL,
	 AS_USER},
	{"git hook", CASE_BASE,
	 NEED("git") "export HOME=$M; cd $M && rm -rf rep && git init -q --template= rep && git -C "
		     "rep -c core.hooksPath=$M/hooks -c user.name=a -c user.email=b commit -q "
		     "--allow-empty -m x",
	 NULL, AS_USER},
	{"git alias, sh FILE", CASE_STRICT,
	 NEED("git") "HOME=$M git -c alias.x='!sh $M/script.sh' x", NULL, AS_USER},
	{"git, GIT_SSH", CASE_BASE, NEED("git") "GIT_SSH=$M/dynamic git ls-remote ssh://x/y", NULL,
	 AS_USER},
	{"ssh, ProxyCommand", CASE_BASE,
	 NEED("ssh") "ssh -o BatchMode=yes -o ProxyCommand=$M/bad x", NULL, AS_USER},
	{"less, LESSOPEN", CASE_BASE,
	 NEED("less") "LESSOPEN=\"|$M/script.sh %s\" less $M/data </dev/null", NULL, AS_USER},
	{"ed, !FILE", CASE_BASE, NEED("ed") "printf '!%s\\nq\\n' $M/bad | ed -s", NULL, AS_USER},
	{"vim, :!FILE", CASE_BASE, NEED("vim") "vim -es -u NONE -c \"!$M/bad\" -c q </dev/null",
	 NULL, AS_USER},
	{"make, a recipe", CASE_BASE, NEED("make") "printf 'all:\\n\\t%s\\n' $M/bad | make -s -f -",
	 NULL, AS_USER},
	{"make, SHELL", CASE_BASE,
	 NEED("make") "printf 'all:\\n\\t:;\\n' | make -s -f - SHELL=$M/dynamic", NULL, AS_USER},
	{"gdb, run", CASE_BASE, NEED("gdb") "gdb -nx -q -batch -ex run $M/dynamic", NULL, AS_USER},
	{"setarch FILE", CASE_BASE, NEED("setarch") "setarch -R $M/bad", NULL, AS_USER},
	{"env -S", CASE_BASE, NEED("env") "env -S $M/bad", NULL, AS_USER},
	{"busybox env FILE", CASE_BASE, "busybox env $M/bad", NULL, AS_USER},
	{"awk, system", CASE_BASE, "awk 'BEGIN { system(ENVIRON[\"M\"] \"/bad\") }'", NULL,
	 AS_USER},
	{"sed, e", CASE_BASE, NEED("sed") "echo x | sed \"1e $M/bad\"", NULL, AS_USER},
	{"gcc -wrapper", CASE_BASE, NEED("gcc") "gcc -wrapper $M/bad -c $M/x.c -o $M/x.o", NULL,
	 AS_USER},
	{"gcc -B", CASE_BASE, NEED("gcc") "gcc -B$M/tools/ -c $M/x.c -o $M/x.o", NULL, AS_USER},
	/* Scripts. */
	{"script without #!", CASE_BASE, "$M/no-interpreter", NULL, AS_USER},
	{"script whose #! is too long", CASE_BASE, "$M/long", NULL, AS_USER},
	{"approved script, program by PATH", CASE_BASE, "PATH=$M $M/asks-path", NULL, AS_USER},
	{"approved script, what it sources", CASE_STRICT, "cd $M && ./sources", NULL, AS_USER},
	{"copy of the shell, FILE", CASE_STRICT, "$M/shell $M/script.sh", NULL, AS_USER},
	{"sh /dev/stdin < FILE", CASE_STRICT,
	 "[ -e /dev/stdin ] || exit 127; sh /dev/stdin < $M/script.sh", NULL, AS_USER},
	{"bash, $(< FILE)", CASE_STRICT, NEED("bash") "bash -c 'eval \"$(< $M/script.sh)\"'", NULL,
	 AS_USER},
	{"sh, $(cat FILE)", CASE_NEVER, "eval \"$(cat $M/script.sh)\"", NULL, AS_USER},
	{"sh, here-document", CASE_NEVER, "sh <<-E\n\t: > $GUARD_RAN\n\tE\n", NULL, AS_USER},
	{"sh, FIFO", CASE_NEVER,
	 NEED("mkfifo") "rm -f $M/fifo; mkfifo $M/fifo && { cat $M/script.sh > $M/fifo & sh "
			"$M/fifo; }",
	 NULL, AS_USER},
	{"descriptor from flock, sh <&3", CASE_NEVER,
	 NEED("flock") "flock $M/script.sh sh -c 'exec sh <&3'", NULL, AS_USER},
	{"environment in /proc, sh FILE", CASE_NEVER,
	 NEED("env") "env -i \"A=\n: > \\$GUARD_RAN\n#\" GUARD_RAN=$GUARD_RAN sh "
		     "/proc/self/environ",
	 NULL, AS_USER},
	{"memory file, sh FILE", CASE_NEVER, NULL, memory_script, AS_USER},
	{"python3, exec(open())", CASE_STRICT,
	 "python3 -c 'import os; exec(open(os.environ[\"M\"] + \"/plain.py\").read())'", NULL,
	 AS_USER},
	{"python3, .pth", CASE_STRICT,
	 "python3 -c 'import os, site; site.addsitedir(os.environ[\"M\"] + \"/site\")'", NULL,
	 AS_USER},
	{"python3, sitecustomize", CASE_STRICT, "PYTHONPATH=$M/site python3 -c 1", NULL, AS_USER},
	{"python3, PYTHONSTARTUP", CASE_STRICT,
	 "PYTHONSTARTUP=$M/plain.py python3 -i </dev/null 2>/dev/null", NULL, AS_USER},
	{"python3, PYTHONHOME", CASE_STRICT,
	 "PYTHONDONTWRITEBYTECODE=1 PYTHONHOME=$M/home python3 -c 1 2>/dev/null", NULL, AS_USER},
	{"perl, do FILE", CASE_STRICT, "perl -e 'do \"$ENV{M}/script.pl\"'", NULL, AS_USER},
	{"perl, PERL5DB", CASE_STRICT,
	 "PERL5DB='BEGIN { require \"$ENV{M}/Plain.pm\" }' perl -d -e 1 </dev/null", NULL, AS_USER},
	{"node, NODE_OPTIONS", CASE_STRICT,
	 NEED("node") "NODE_OPTIONS=\"--require $M/script.js\" node -e 1", NULL, AS_USER},
	/* Libraries. */
	{"LD_LIBRARY_PATH", CASE_STRICT, "LD_LIBRARY_PATH=$M LD_PRELOAD=lib.so /bin/true", NULL,
	 AS_USER},
	{"ld.so --preload", CASE_STRICT,
	 "/lib64/ld-linux-x86-64.so.2 --preload $M/lib.so /bin/true", NULL, AS_USER},
	{"user namespace, name service", CASE_STRICT,
	 NEED("getent") NEED("unshare") "unshare -Urm sh -c 'mount --bind $M/nsswitch.conf "
					"/etc/nsswitch.conf && LD_LIBRARY_PATH=$M getent passwd x'",
	 NULL, AS_USER},
	{"perl, DynaLoader", CASE_STRICT,
	 "perl -MDynaLoader -e 1 2>/dev/null || exit 127; perl -MDynaLoader -e "
	 "'DynaLoader::dl_load_file(\"$ENV{M}/lib.so\")'",
	 NULL, AS_USER},
	{"bash, enable -f", CASE_STRICT, NEED("bash") "bash -c 'enable -f $M/lib.so x' 2>/dev/null",
	 NULL, AS_USER},
	{"tclsh, load", CASE_STRICT, NEED("tclsh") "echo \"load $M/lib.so X\" | tclsh", NULL,
	 AS_USER},
	{"java, -agentpath", CASE_STRICT,
	 NEED("java") "JAVA_TOOL_OPTIONS=-agentpath:$M/lib.so java -version 2>/dev/null", NULL,
	 AS_USER},
	{"openssl engine", CASE_STRICT,
	 NEED("openssl") "openssl engine dynamic -pre SO_PATH:$M/lib.so -pre LOAD", NULL, AS_USER},
	{"sqlite3, .load", CASE_STRICT, NEED("sqlite3") "sqlite3 :memory: \".load $M/lib.so\"",
	 NULL, AS_USER},
	{"gcc -fplugin", CASE_STRICT,
	 NEED("gcc") "gcc -fplugin=$M/lib.so -c $M/x.c -o $M/x.o 2>/dev/null", NULL, AS_USER},
	{"ld -plugin", CASE_STRICT, NEED("ld") "ld -plugin $M/lib.so 2>/dev/null", NULL, AS_USER},
	/* Loaders of their own, and debuggers. */
	{"valgrind FILE", CASE_STRICT, NEED("valgrind") "valgrind -q --vgdb=no $M/dynamic", NULL,
	 AS_USER},
	{"gdb, restore into an approved program", CASE_NEVER,
	 NEED("gdb") "[ -e $M/code ] || exit 127; gdb -nx -q -batch -ex starti -ex \"restore "
		     "$M/code "
		     "binary \\$pc\" -ex continue /bin/true",
	 NULL, AS_USER},
	/* Names and descriptors. */
	{"/proc/self/root", CASE_BASE, NULL, by_proc_root, AS_USER},
	{"/proc/self/cwd", CASE_BASE, NULL, by_proc_cwd, AS_USER},
	{"O_TMPFILE, by descriptor", CASE_BASE, NULL, without_a_name, AS_USER},
	{"O_TMPFILE, then linkat", CASE_BASE, NULL, named_later, AS_USER},
	{"RENAME_EXCHANGE", CASE_BASE, NULL, exchanged, AS_USER},
	/* Mounts. */
	{"noexec file system, sh FILE", CASE_STRICT, "sh $M/quiet/script.sh", NULL, AS_USER},
	{"noexec file system, python3 FILE", CASE_STRICT, "python3 $M/quiet/plain.py", NULL,
	 AS_USER},
	{"user namespace, open_tree", CASE_BASE, NULL, cloned_mount, AS_USER},
	{"user namespace, mount moved", CASE_BASE, NULL, moved_mount, AS_USER},
	{"user namespace, unmounted below us", CASE_BASE, NULL, unmounted_below_us, AS_USER},
	{"user namespace, pivot_root", CASE_BASE, NULL, pivoted, AS_USER},
	{"user namespace, tmpfs mounted nowhere", CASE_KERNEL, NULL, own_tmpfs_nowhere, AS_USER},
	{"user namespace, tmpfs, LD_PRELOAD", CASE_KERNEL, NULL, own_tmpfs_preload, AS_USER},
	{"user namespace, tmpfs, sh FILE", CASE_NEVER, NULL, own_tmpfs_script, AS_USER},
	{"user namespace, overlay, copied up", CASE_KERNEL, NULL, own_overlay_above, AS_USER},
	{"user namespace, FUSE, exec", CASE_KERNEL, NULL, fuse_program, AS_USER},
	{"user namespace, FUSE, sh FILE", CASE_NEVER, NULL, fuse_script, AS_USER},
	/* Root. */
	{"root without capabilities, exec", CASE_BASE, "$M/bad", NULL, AS_BARE_ROOT},
	{"root without capabilities, LD_PRELOAD", CASE_STRICT, "LD_PRELOAD=$M/lib.so /bin/true",
	 NULL, AS_BARE_ROOT},
	{"root, exec", CASE_BASE, "$M/bad", NULL, AS_ROOT},
	{"root, sh FILE", CASE_STRICT, "sh $M/script.sh", NULL, AS_ROOT},
	{"root, apt's hook", CASE_BASE,
	 NEED("apt-get") "apt-get -qq -o APT::Update::Pre-Invoke::=$M/dynamic -o "
			 "Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=/dev/null update",
	 NULL, AS_ROOT},
	{"root, update-alternatives", CASE_BASE,
	 NEED("update-alternatives") "update-alternatives --quiet --install $M/alt alt $M/bad 1 && "
				     "$M/alt",
	 NULL, AS_ROOT},
	{"root, shared memory by map_files", CASE_KERNEL, NULL, shared_memory_file, AS_ROOT},
	{"root, tmpfs mounted nowhere", CASE_KERNEL, NULL, tmpfs_nowhere, AS_ROOT},
	/* Caught by chance, if the guard is quicker. */
	{"root, tmpfs mounted just now", CASE_VARIES, NULL, root_tmpfs, AS_ROOT},
	{"root, namespace and tmpfs just now", CASE_VARIES, NULL, root_namespace_tmpfs, AS_ROOT},
	{"root, on the disk below", CASE_NEVER, NULL, on_the_disk_below, AS_ROOT},
};
#define ROWS (sizeof(cases) / sizeof(cases[0]))
_Static_assert(ROWS <= CASES_MAX, "they fit");

/* ---- Files ----------------------------------------------------------------------------------*/

static void make_dir(const char *name)
{
	char path[200];

	case_place(&t, name, path);
	fx_check((mkdir(path, 0777) == 0 || errno == EEXIST) && chmod(path, 0777) == 0);
}

static void python_home(void)
{
	char line[400];

	(void)snprintf(line, sizeof(line),
		       "cd %s/home/lib && v=$(python3 -c 'import sys; print(\"python%%d.%%d\" %% "
		       "sys.version_info[:2])') && busybox mkdir -p $v/encodings && printf 'import "
		       "posix\\nposix.open(posix.environ[b\"GUARD_RAN\"], 65)\\n' > "
		       "$v/encodings/__init__.py",
		       t.dir);
	(void)!system(line);
}

/* Makes the trace, and ends. */
static void machine_code(void)
{
#ifdef __x86_64__
	static const uint8_t code[] = {0x48, 0x8d, 0x3d, 0x1e, 0, 0, 0, /* lea path(%rip), %rdi */
				       0xbe, 0x41, 0,	 0,    0, /* mov $O_CREAT|O_WRONLY, %esi */
				       0xba, 0xb6, 0x01, 0,    0, /* mov $0666, %edx */
				       0xb8, 0x02, 0,	 0,    0, /* mov $SYS_open, %eax */
				       0x0f, 0x05,		  /* syscall */
				       0x31, 0xff,		  /* xor %edi, %edi */
				       0xb8, 0x3c, 0,	 0,    0, /* mov $SYS_exit, %eax */
				       0x0f, 0x05,		  /* syscall */
				       0x90, 0x90, 0x90, 0x90};
	char path[200];
	AUTO(buf) struct buf bytes = {0};
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0644};

	case_place(&t, "code", path);
	buf_init(&bytes, 1000);
	buf_put(&bytes, code, sizeof(code));
	buf_put_str(&bytes, t.trace);
	buf_put_u8(&bytes, 0);
	fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
#endif
}

static void nodes(void)
{
	char path[40];

	(void)mknod("/dev/fuse", S_IFCHR | 0666, makedev(10, 229));
	(void)chmod("/dev/fuse", 0666);
	(void)mknod("/dev/loop-control", S_IFCHR | 0600, makedev(10, 237));
	for (unsigned i = 0; i < 32; i++) {
		(void)snprintf(path, sizeof(path), "/dev/loop%u", i);
		(void)mknod(path, S_IFBLK | 0600, makedev(7, i));
	}
}

static void scripts(void)
{
	char text[500];

	case_put(&t, "script.sh", "#!/bin/sh\n: > $GUARD_RAN\n");
	case_put(&t, "hooks/post-commit", "#!/bin/sh\n: > $GUARD_RAN\n");
	case_put(&t, "quiet/script.sh", ": > $GUARD_RAN\n");
	case_put(&t, "no-interpreter", ": > $GUARD_RAN\n");
	case_put(&t, "sourced", ": > $GUARD_RAN\n");
	case_put(&t, "sources", "#!/bin/sh\n. ./sourced\n");
	case_put(&t, "asks-path", "#!/bin/sh\nbad\n");
	(void)snprintf(text, sizeof(text), "#!/%0300d\n: > $GUARD_RAN\n", 0);
	case_put(&t, "long", text);
	case_put(&t, "plain.py", "import os\nopen(os.environ['GUARD_RAN'], 'w')\n");
	case_put(&t, "quiet/plain.py", "import os\nopen(os.environ['GUARD_RAN'], 'w')\n");
	case_put(&t, "site/sitecustomize.py", "import os\nopen(os.environ['GUARD_RAN'], 'w')\n");
	case_put(&t, "site/evil.pth", "import os; open(os.environ['GUARD_RAN'], 'w')\n");
	case_put(&t, "script.pl", "open(my $f, '>', $ENV{GUARD_RAN});\n");
	case_put(&t, "Plain.pm", "open(my $f, '>', $ENV{GUARD_RAN}); 1;\n");
	case_put(&t, "script.js", "require('fs').writeFileSync(process.env.GUARD_RAN, '');\n");
	case_put(&t, "nsswitch.conf", "passwd: evil\n");
	case_put(&t, "data", "text\n");
	case_put(&t, "x.c", "int x;\n");
}

static void approve(const char *name, unsigned classes)
{
	char path[200];

	case_place(&t, name, path);
	gw_approve(&t.w, path, classes);
}

static void files(struct guard_try *unused)
{
	static const char *const dirs[] = {"empty", "mount", "hooks", "site",
					   "tools", "quiet", "home",  "home/lib"};
	char path[200];

	(void)unused;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		make_dir(dirs[i]);
	case_place(&t, "quiet", path);
	fx_check(mount("tmpfs", path, "tmpfs", MS_NOEXEC, "mode=777") == 0);
	case_program(&t, "good", 'A');
	case_program(&t, "bad", 'B');
	case_program(&t, "tools/loose", 'B');
	case_place(&t, "bad", bad);
	case_place(&t, "good", good);
	case_copy(&t, "guard-dynamic", "dynamic");
	case_copy(&t, "guard-dynamic", "tools/cc1");
	case_copy(&t, "guard-dynamic", "tools/as");
	case_copy(&t, "libguard-lib.so", "lib.so");
	case_copy(&t, "libguard-lib.so", "libnss_evil.so.2");
	case_place(&t, "tools/loose", path);
	fx_check(chown(path, 65534, 65534) == 0);
	scripts();
	machine_code();
	python_home();
	nodes();
	fx_check(shell("cp /bin/sh $M/shell && chmod 755 $M/shell"));
	approve("good", LIST_PROGRAM);
	approve("sources", LIST_SCRIPT);
	approve("asks-path", LIST_SCRIPT);
	if (t.level < CASE_KERNEL)
		approve("shell", LIST_PROGRAM | LIST_INTERPRETER);
}

static void table(enum case_level level)
{
	static const struct case_table all = {.rows = cases, .count = ROWS, .files = files};
	struct guard_score s = case_table_run(&t, &all, level, true);
	char path[200];

	(void)printf("guard: %u of %zu stopped, %u skipped\n", s.stopped, ROWS, s.skipped);
	case_place(&t, "quiet", path);
	(void)umount2(path, MNT_DETACH);
	assert_int_equal(0, s.wrong);
}

static void level_base(void **state)
{
	(void)state;
	table(CASE_BASE);
}

static void level_strict(void **state)
{
	(void)state;
	table(CASE_STRICT);
}

static void level_kernel(void **state)
{
	(void)state;
	table(CASE_KERNEL);
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
	if (!gw_enter_root())
		return MOUNTS_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
