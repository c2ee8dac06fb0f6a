#include "tests/lib/guard_world.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/classify.h"
#include "tests/lib/fixture.h"
#include "tests/lib/mounts.h"

#define LETTER "GREATSEAL-LETTER:"

/* ---- The machine ----------------------------------------------------------------------------*/

bool gw_possible(void)
{
	int fd;

	(void)alarm(GW_ALARM_SECONDS);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		(void)printf("1 test program skipped: a mount namespace of our own needs root\n");
		return false;
	}
	fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE, O_RDONLY);
	if (fd < 0) {
		(void)printf("1 test program skipped: no fanotify permission events (%s)\n",
			     strerror(errno));
		return false;
	}
	(void)close(fd);
	return true;
}

static void make_world(struct guard_world *w)
{
	const char *build = getenv("BUILD");

	memset(w, 0, sizeof(*w));
	fx_check(build != NULL);
	fx_ok(dir_temp("/tmp/greatseal-guard", w->top, sizeof(w->top), NULL));
	(void)snprintf(w->mount, sizeof(w->mount), "%s/m", w->top);
	(void)snprintf(w->list, sizeof(w->list), "%s/in/allowlist", w->top);
	(void)snprintf(w->state, sizeof(w->state), "%s/state", w->top);
	(void)snprintf(w->records, sizeof(w->records), "%s/records", w->top);
	(void)snprintf(w->socket, sizeof(w->socket), "%s/control", w->top);
	(void)snprintf(w->log, sizeof(w->log), "%s/log", w->top);
	(void)snprintf(w->guard_path, sizeof(w->guard_path), "%s/prog/guard/greatseal-guard",
		       build);
	(void)snprintf(w->prog_path, sizeof(w->prog_path), "%s/tests/guard-prog", build);
	(void)chmod(w->top, 0755);
	fx_check(mkdir(w->mount, 0755) == 0 && mkdir(w->state, 0700) == 0);
	(void)snprintf(w->socket, sizeof(w->socket), "%s/in", w->top);
	fx_check(mkdir(w->socket, 0755) == 0);
	(void)snprintf(w->socket, sizeof(w->socket), "%s/control", w->top);
	list_maker_new(&w->maker, "log.example", 7);
	list_maker_keys(&w->maker, w->log_key, w->list_key);
}

void gw_new(struct guard_world *w)
{
	make_world(w);
	fx_check(mount("tmpfs", w->mount, "tmpfs", 0, "size=768m,mode=0777") == 0);
}

/* The file system's own device goes with the mount. */
bool gw_new_image(struct guard_world *w, const char *type)
{
	char line[400];

	make_world(w);
	(void)snprintf(line, sizeof(line),
		       "PATH=$PATH:/usr/sbin:/sbin; command -v mkfs.%s >/dev/null && truncate -s "
		       "400M %s/image && mkfs.%s -q %s/image >/dev/null && mount -t %s -o loop "
		       "%s/image %s 2>%s/mount && chmod 0777 %s",
		       type, w->top, type, w->top, type, w->top, w->mount, w->top, w->mount);
	if (system(line) == 0)
		return true;
	(void)printf("%s: skipped: no image of it can be made and mounted here\n", type);
	gw_free(w);
	return false;
}

/* The machine's root is out of reach from here on: what we have is a copy of it in memory, and
 * /proc. Anything else that is mounted would be marked by "all". */
static bool only_ours(dev_t before)
{
	AUTO(buf) struct buf text = {0};
	struct stat st;
	size_t lines = 0;

	buf_init(&text, 65536);
	fx_ok(file_read("/proc/self/mountinfo", &text, NULL));
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	return stat("/", &st) == 0 && st.st_dev != before && lines == 2 &&
	       strstr(buf_cstr(&text), " - overlay ") != NULL &&
	       strstr(buf_cstr(&text), " - proc ") != NULL;
}

static void make_nodes(void)
{
	static const struct {
		const char *path;
		unsigned minor;
	} nodes[] = {{"/dev/null", 3}, {"/dev/zero", 5}, {"/dev/random", 8}, {"/dev/urandom", 9}};

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (access(nodes[i].path, F_OK) != 0)
			fx_check(mknod(nodes[i].path, S_IFCHR | 0666, makedev(1, nodes[i].minor)) ==
					 0 &&
				 chmod(nodes[i].path, 0666) == 0);
}

/* The rest of the test is process 1 of its own: what else runs on this machine is no business of a
 * guard that asks what does. */
static void leave_processes(void)
{
	int status;
	pid_t pid;

	(void)fflush(stdout);
	fx_check(unshare(CLONE_NEWPID) == 0);
	pid = fork();
	fx_check(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)alarm(GW_ALARM_SECONDS);
		return;
	}
	fx_check(waitpid(pid, &status, 0) == pid);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void gw_own_processes(void)
{
	leave_processes();
	fx_check(mount("proc", "/proc", "proc", 0, NULL) == 0);
}

bool gw_enter_root(void)
{
	AUTO(fd) int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char top[64], path[100], options[300];
	struct stat st;

	fx_check(stat("/", &st) == 0);
	fx_ok(dir_temp("/tmp/greatseal-root", top, sizeof(top), NULL));
	fx_check(mount("tmpfs", top, "tmpfs", 0, "size=1024m,mode=0755") == 0);
	for (const char *const *name = (const char *const[]){"up", "work", "m", NULL};
	     *name != NULL; name++) {
		(void)snprintf(path, sizeof(path), "%s/%s", top, *name);
		fx_check(mkdir(path, 0755) == 0);
	}
	(void)snprintf(options, sizeof(options), "lowerdir=/,upperdir=%s/up,workdir=%s/work", top,
		       top);
	if (mount("overlay", path, "overlay", 0, options) != 0) {
		(void)printf("1 test program skipped: no overlay over the root (%s)\n",
			     strerror(errno));
		(void)umount2(top, MNT_DETACH);
		(void)rmdir(top);
		return false;
	}
	/* pivot_root(2): the old root comes to lie on top of the new one, and goes. */
	fx_check(old >= 0 && chdir(path) == 0 && syscall(SYS_pivot_root, ".", ".") == 0);
	fx_check(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0);
	fx_check(unlinkat(old, top + 1, AT_REMOVEDIR) == 0);
	leave_processes();
	fx_check(mount("proc", "/proc", "proc", 0, NULL) == 0);
	make_nodes();
	fx_check(only_ours(st.st_dev));
	return true;
}

void gw_new_root(struct guard_world *w)
{
	make_world(w);
	w->mount[0] = '\0';
	w->all = true;
}

void gw_free(struct guard_world *w)
{
	char command[100];

	gw_stop(w);
	if (!w->all)
		(void)umount2(w->mount, MNT_DETACH);
	(void)snprintf(command, sizeof(command), "rm -rf %s", w->top);
	fx_check(system(command) == 0);
	list_maker_free(&w->maker);
}

/* ---- The guard ------------------------------------------------------------------------------*/

#define ARGS_MAX 40

static void arguments(const struct guard_world *w, const char *verb, const char *const *more,
		      const char *argv[ARGS_MAX])
{
	const char *const first[] = {w->guard_path, verb,
				     "--mount",	    w->all ? "all" : w->mount,
				     "--list",	    w->list,
				     "--state",	    w->state,
				     "--records",   w->records,
				     "--socket",    w->socket,
				     "--log-key",   w->log_key,
				     "--list-key",  w->list_key,
				     "--group",	    LIST_MAKER_GROUP};
	size_t n = 0;

	while (n < sizeof(first) / sizeof(first[0])) {
		argv[n] = first[n];
		n++;
	}
	while (more != NULL && *more != NULL && n < ARGS_MAX - 1)
		argv[n++] = *more++;
	argv[n] = NULL;
}

static pid_t spawn(const char *const argv[], const char *out)
{
	pid_t pid = fork();
	int fd;

	fx_check(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);
	(void)dup2(fd, 1);
	(void)dup2(fd, 2);
	(void)execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(99);
}

static void pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

void gw_start(struct guard_world *w, const char *const *more)
{
	const char *argv[ARGS_MAX];
	int status;

	arguments(w, "run", more, argv);
	w->guard = spawn(argv, w->log);
	/* Until it says that it is ready; SIGALRM ends a wait that has no end. */
	while (!gw_status_has(w, "\"ready\":true")) {
		fx_check(waitpid(w->guard, &status, WNOHANG) == 0);
		pause_ms(10);
	}
}

void gw_stop(struct guard_world *w)
{
	int status;

	if (w->guard <= 0)
		return;
	(void)kill(w->guard, SIGTERM);
	fx_check(waitpid(w->guard, &status, 0) == w->guard);
	w->guard = 0;
}

int gw_upgrade(struct guard_world *w, const char *const *more)
{
	const char *argv[ARGS_MAX];
	char out[100];
	int status, code;
	pid_t pid;

	(void)snprintf(out, sizeof(out), "%s/out", w->top);
	(void)unlink(out);
	arguments(w, "upgrade", more, argv);
	pid = spawn(argv, out);
	fx_check(waitpid(pid, &code, 0) == pid && WIFEXITED(code));
	if (WEXITSTATUS(code) != 0)
		return WEXITSTATUS(code);
	fx_check(waitpid(w->guard, &status, 0) == w->guard && WIFEXITED(status) &&
		 WEXITSTATUS(status) == 0);
	w->guard = (pid_t)gw_number(w, "pid");
	return 0;
}

static int verb_into(const struct guard_world *w, const char *verb, const char *out)
{
	const char *argv[ARGS_MAX];
	int status;
	pid_t pid;

	arguments(w, verb, NULL, argv);
	pid = spawn(argv, out);
	fx_check(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

int gw_words(const struct guard_world *w, const char *const *words, char *out, size_t out_cap)
{
	AUTO(buf) struct buf text = {0};
	const char *argv[ARGS_MAX];
	char path[100];
	int status;
	pid_t pid;

	arguments(w, words[0], words + 1, argv);
	(void)snprintf(path, sizeof(path), "%s/words", w->top);
	(void)unlink(path);
	pid = spawn(argv, path);
	fx_check(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	buf_init(&text, out_cap - 1);
	fx_ok(file_read(path, &text, NULL));
	(void)snprintf(out, out_cap, "%s", buf_cstr(&text));
	return WEXITSTATUS(status);
}

int gw_verb(const struct guard_world *w, const char *verb)
{
	char out[100];

	(void)snprintf(out, sizeof(out), "%s/out", w->top);
	return verb_into(w, verb, out);
}

static void status_of(const struct guard_world *w, struct buf *out)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/status", w->top);
	(void)unlink(path);
	buf_init(out, 65536);
	if (verb_into(w, "status", path) == 0)
		fx_ok(file_read(path, out, NULL));
}

bool gw_status_has(const struct guard_world *w, const char *text)
{
	AUTO(buf) struct buf status = {0};

	status_of(w, &status);
	return strstr(buf_cstr(&status), text) != NULL;
}

uint64_t gw_number(const struct guard_world *w, const char *name)
{
	AUTO(buf) struct buf status = {0};
	char key[60];
	const char *at;

	status_of(w, &status);
	(void)snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(buf_cstr(&status), key);
	fx_check(at != NULL);
	return strtoull(at + strlen(key), NULL, 10);
}

size_t gw_reports(const struct guard_world *w, const char *a, const char *b, size_t least)
{
	for (;;) {
		AUTO(buf) struct buf text = {0};
		size_t n = 0;

		buf_init(&text, (size_t)64 << 20);
		fx_ok(file_read(w->log, &text, NULL));
		for (char *line = strtok((char *)(uintptr_t)buf_cstr(&text), "\n"); line != NULL;
		     line = strtok(NULL, "\n"))
			n += strstr(line, a) != NULL && strstr(line, b) != NULL;
		if (n >= least)
			return n;
		pause_ms(10);
	}
}

/* ---- Programs and lists ---------------------------------------------------------------------*/

void gw_path(const struct guard_world *w, const char *name, char out[200])
{
	(void)snprintf(out, 200, "%s/%s", w->mount, name);
}

void gw_program(const struct guard_world *w, const char *name, char letter, const char *tail,
		size_t size)
{
	AUTO(buf) struct buf bytes = {0};
	struct file_spec spec = {.dirfd = AT_FDCWD, .mode = 0755};
	static const uint8_t filler[4096];
	char path[200];
	uint8_t *at;

	buf_init(&bytes, (size_t)128 << 20);
	fx_ok(file_read(w->prog_path, &bytes, NULL));
	at = (uint8_t *)memmem(bytes.ptr, bytes.len, LETTER, strlen(LETTER));
	fx_check(at != NULL);
	at[strlen(LETTER)] = (uint8_t)letter;
	buf_put_str(&bytes, tail);
	while (bytes.len < size)
		buf_put(&bytes, filler,
			size - bytes.len < sizeof(filler) ? size - bytes.len : sizeof(filler));
	fx_ok(buf_done(&bytes));
	gw_path(w, name, path);
	spec.name = path;
	fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
	fx_check(chmod(path, 0755) == 0);
}

static struct digest digest_of_file(const char *path)
{
	AUTO(buf) struct buf bytes = {0};

	buf_init(&bytes, (size_t)128 << 20);
	fx_ok(file_read(path, &bytes, NULL));
	return digest_of(buf_view(&bytes));
}

void gw_approve(struct guard_world *w, const char *path, unsigned classes)
{
	fx_check(w->count < GW_RECORDS);
	w->record[w->count++] =
		(struct content){.digest = digest_of_file(path), .classes = (uint8_t)classes};
}

void gw_record(struct list_maker *m, const char *dir, const char *archive, const char *path,
	       unsigned classes, char out[200])
{
	struct package_record_header h = {.name = "hello", .version = "1.0", .architecture = "all"};
	struct content one = {.digest = digest_of_file(path), .classes = (uint8_t)classes};
	const char *slash = strrchr(archive, '/');

	h.archive = digest_of_file(archive);
	(void)snprintf(out, 200, "%s/%s.record", dir, slash == NULL ? archive : slash + 1);
	list_maker_record(m, &h, &one, 1, out);
}

void gw_publish(struct guard_world *w)
{
	struct content copy[GW_RECORDS];

	memcpy(copy, w->record, sizeof(copy));
	list_maker_write(&w->maker, ++w->serial, copy, w->count, w->list);
	if (w->guard > 0)
		fx_check(gw_verb(w, "reload") == 0);
}

static bool member(const char *line, const char *name, char *out, size_t cap)
{
	char key[40];
	const char *at, *end;

	(void)snprintf(key, sizeof(key), "\"%s\":\"", name);
	at = strstr(line, key);
	end = at != NULL ? strchr(at + strlen(key), '"') : NULL;
	if (end == NULL)
		return false;
	at += strlen(key);
	(void)snprintf(out, cap, "%.*s", (int)(end - at), at);
	return true;
}

static unsigned classes_by_name(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base == NULL ? path : base + 1;
	if (strncmp(base, "ld-linux", 8) == 0)
		return LIST_PROGRAM | LIST_LIBRARY;
	if (strstr(base, ".so") != NULL)
		return LIST_LIBRARY;
	if (classify_is_interpreter(view_str(path)))
		return LIST_PROGRAM | LIST_INTERPRETER;
	return LIST_PROGRAM;
}

bool gw_is_machine(void)
{
	const char *is = getenv("GUARD_MACHINE");

	return is != NULL && strcmp(is, "virtual") == 0;
}

static struct guard_world *walker;

static int approve_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)at;
	if (type == FTW_D && (strcmp(path, "/proc") == 0 || strcmp(path, "/sys") == 0 ||
			      strcmp(path, "/dev") == 0 || strcmp(path, "/tmp") == 0 ||
			      strcmp(path, "/hostile") == 0 || strcmp(path, "/build/tests") == 0))
		return FTW_SKIP_SUBTREE;
	if (type != FTW_F || !S_ISREG(st->st_mode) || st->st_size == 0)
		return FTW_CONTINUE;
	gw_approve(walker, path, classes_by_name(path));
	for (size_t i = 0; i + 1 < walker->count; i++) {
		if (!digest_is_equal(&walker->record[i].digest,
				     &walker->record[walker->count - 1].digest))
			continue;
		walker->count--;
		break;
	}
	return FTW_CONTINUE;
}

void gw_approve_machine(struct guard_world *w)
{
	walker = w;
	fx_check(nftw("/", approve_one, 16, FTW_PHYS | FTW_ACTIONRETVAL) == 0);
}

struct refused {
	char path[500];
	bool opened;
	struct digest digest;
};

static bool would_be_refused(const char *line, struct refused *ret)
{
	char hex[DIGEST_HEX];

	if (strstr(line, "\"would-deny\"") == NULL ||
	    !member(line, "path", ret->path, sizeof(ret->path)) ||
	    !member(line, "sha256", hex, sizeof(hex)))
		return false;
	ret->opened = strstr(line, "\"act\":\"open\"") != NULL;
	fx_ok(digest_parse(view_str(hex), &ret->digest));
	return true;
}

static bool is_hostile(const struct guard_world *w, const struct digest *d)
{
	for (size_t i = 0; i < w->hostile_count; i++)
		if (digest_is_equal(&w->hostile[i], d))
			return true;
	return false;
}

static bool is_recorded(const struct guard_world *w, const struct digest *d)
{
	for (size_t i = 0; i < w->count; i++)
		if (digest_is_equal(&w->record[i].digest, d))
			return true;
	return false;
}

static void note_hostile(struct guard_world *w, const struct refused *r, const char *beneath)
{
	if (strncmp(r->path, beneath, strlen(beneath)) != 0 || is_hostile(w, &r->digest))
		return;
	fx_check(w->hostile_count < GW_HOSTILE);
	w->hostile[w->hostile_count++] = r->digest;
}

static bool learn(struct guard_world *w, const struct refused *r, bool only_exec)
{
	struct content c = {.digest = r->digest};

	if ((only_exec && r->opened) || is_hostile(w, &r->digest) || is_recorded(w, &r->digest))
		return false;
	c.classes =
		(uint8_t)(r->opened && strstr(r->path, ".so") == NULL ? LIST_SCRIPT
								      : classes_by_name(r->path));
	fx_check(w->count < GW_RECORDS);
	w->record[w->count++] = c;
	return true;
}

size_t gw_learn(struct guard_world *w, const char * not, bool only_exec)
{
	AUTO(buf) struct buf text = {0};
	char beneath[200];
	struct refused r;
	size_t n = 0;

	/* All that was counted is written, or counted as dropped. */
	while (gw_reports(w, "\"would-deny\"", "", 0) + gw_number(w, "dropped") <
	       gw_number(w, "would_deny"))
		pause_ms(10);
	gw_path(w, not, beneath);
	for (unsigned pass = 0; pass < 2; pass++) {
		buf_init(&text, (size_t)64 << 20);
		fx_ok(file_read(w->log, &text, NULL));
		for (char *line = strtok((char *)(uintptr_t)buf_cstr(&text), "\n"); line != NULL;
		     line = strtok(NULL, "\n")) {
			if (!would_be_refused(line, &r))
				continue;
			if (pass == 0)
				note_hostile(w, &r, beneath);
			else
				n += learn(w, &r, only_exec);
		}
		buf_release(&text);
	}
	return n;
}

/* "not approved: HEX PATH (why)" */
static bool learn_needed(struct guard_world *w, const char *line)
{
	struct content c = {.classes = LIST_PROGRAM};
	const char *path;
	char name[300];

	if (strncmp(line, "not approved: ", 14) != 0 ||
	    !rc_is_ok(digest_parse(view_of(line + 14, DIGEST_HEX - 1), &c.digest)))
		return false;
	path = line + 14 + DIGEST_HEX;
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(path, " "), path);
	c.classes = (uint8_t)classes_by_name(name);
	fx_check(w->count < GW_RECORDS);
	w->record[w->count++] = c;
	return true;
}

void gw_learn_needed(struct guard_world *w)
{
	AUTO(buf) struct buf text = {0};
	char out[100];
	size_t n = 0;

	(void)snprintf(out, sizeof(out), "%s/needed", w->top);
	(void)unlink(out);
	buf_init(&text, 1 << 20);
	(void)verb_into(w, "check", out);
	fx_ok(file_read(out, &text, NULL));
	for (char *line = strtok((char *)(uintptr_t)buf_cstr(&text), "\n"); line != NULL;
	     line = strtok(NULL, "\n"))
		n += learn_needed(w, line);
	if (n > 0)
		gw_publish(w);
}

void gw_enforce(const struct guard_world *w)
{
	fx_check(gw_verb(w, "enforce") == 0);
}

/* ---- Running --------------------------------------------------------------------------------*/

int gw_child(int (*fn)(void *ctx), void *ctx)
{
	int status;
	pid_t pid = fork();

	fx_check(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(fn(ctx));
	}
	fx_check(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

int gw_run(const char *path)
{
	int ends[2], status, e = 0;
	pid_t pid;

	fx_check(pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	fx_check(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl(path, path, (char *)NULL);
		e = errno;
		(void)!write(ends[1], &e, sizeof(e));
		_exit(0);
	}
	(void)close(ends[1]);
	(void)!read(ends[0], &e, sizeof(e));
	(void)close(ends[0]);
	fx_check(waitpid(pid, &status, 0) == pid);
	if (e != 0)
		return GW_REFUSED + e;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

int gw_run_name(const struct guard_world *w, const char *name)
{
	char path[200];

	gw_path(w, name, path);
	return gw_run(path);
}

static volatile sig_atomic_t runner_ends;

static void end_runner(int sig)
{
	(void)sig;
	runner_ends = 1;
}

static int run_many(const struct gw_runner *r)
{
	char name[60], path[200];

	for (int i = 0; r->rounds == 0 ? runner_ends == 0 : i < r->rounds; i++) {
		(void)snprintf(name, sizeof(name), "%s", r->name);
		if (r->fresh) {
			(void)snprintf(name, sizeof(name), "%s.%d", r->name, i);
			gw_program(r->w, name, r->want == 0 ? 'A' : 'B', "", 0);
		}
		if (gw_run_name(r->w, name) != r->want)
			return 1;
		gw_path(r->w, name, path);
		if (r->fresh && unlink(path) != 0)
			return 2;
	}
	return 0;
}

pid_t gw_start_runner(const struct gw_runner *r)
{
	const struct sigaction act = {.sa_handler = end_runner, .sa_flags = SA_RESTART};
	pid_t pid = fork();

	fx_check(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigaction(SIGTERM, &act, NULL);
	_exit(run_many(r));
}
