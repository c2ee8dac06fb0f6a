/* plugin - rpm's part of the package gate: before a transaction changes anything, greatseal-guard
 * is asked whether all that is to be installed is approved.
 *
 * A package is known by the SHA-256 of its main header, which names everything else of it by
 * digest: scripts, files, payload. In the pre-transaction hook each package's header is read as
 * rpm itself will read it, and `greatseal-guard gate rpm` says yes or no to all of them, and to
 * their scripts that no guard sees: those in Lua, and those that rpm expands. No other end than its
 * yes lets the transaction go on. rpm reads each package once more when its turn comes: the header
 * must then be one that was asked for.
 * Owns: that question. Must not own: what is approved, modes, records (the guard). */
#include "prog/rpm/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <rpm/header.h>
#include <rpm/rpmcrypto.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/codec/rpm_script.h"

/* As prog/guard/rpm_hook.h. */
#define HEAD "greatseal-rpm-2\n"
#define HEX 64
#define LINE_MAX_BYTES 1024
#define SAY(...) rpmlog(RPMLOG_ERR, "greatseal: " __VA_ARGS__)

/* Of one transaction. */
struct state {
	bool asked; /* between the hooks before and behind the transaction */
	size_t count, cap;
	char (*header)[HEX + 1]; /* those that the guard was asked for */
	char *text;		 /* what it is told */
	size_t len, size;
};

static void forget(struct state *s)
{
	free(s->header);
	free(s->text);
	*s = (struct state){0};
}

/* ---- One package ----------------------------------------------------------------------------*/

static bool sha256(struct view head, struct view text, char out[HEX + 1])
{
	DIGEST_CTX ctx = rpmDigestInit(RPM_HASH_SHA256, RPMDIGEST_NONE);
	char *hex = NULL;
	size_t len = 0;
	bool good = ctx != NULL && rpmDigestUpdate(ctx, head.ptr, head.len) == 0 &&
		    rpmDigestUpdate(ctx, text.ptr, text.len) == 0;

	/* It ends the context, whatever it says. */
	if (ctx == NULL || rpmDigestFinal(ctx, (void **)&hex, &len, 1) != 0)
		return false;
	good = good && hex != NULL && strlen(hex) == HEX;
	if (good)
		memcpy(out, hex, HEX + 1);
	free(hex);
	return good;
}

/* The main header's bytes as they lie in the package, for free(). NULL: it has none that stand for
 * themselves, or there is no memory. */
static unsigned char *bytes_of(Header h, struct view *ret)
{
	static const unsigned char magic[8] = {0x8e, 0xad, 0xe8, 0x01};
	unsigned char *bytes;
	struct rpmtd_s td;

	if (!headerGet(h, RPMTAG_HEADERIMMUTABLE, &td, HEADERGET_DEFAULT))
		return NULL;
	bytes = (unsigned char *)malloc(sizeof(magic) + td.count);
	if (bytes != NULL) {
		memcpy(bytes, magic, sizeof(magic));
		memcpy(bytes + sizeof(magic), td.data, td.count);
		*ret = view_of(bytes, sizeof(magic) + td.count);
	}
	rpmtdFreeData(&td);
	return bytes;
}

/* The package's header as rpm reads it, by the file that whoever runs the transaction hands out.
 * NULL: it cannot be read. */
static Header read_header(rpmts ts, rpmte te)
{
	FD_t fd = (FD_t)rpmtsNotify(ts, te, RPMCALLBACK_INST_OPEN_FILE, 0, 0);
	Header h = NULL;
	rpmRC code;

	if (fd == NULL)
		return NULL;
	code = rpmReadPackageFile(ts, fd, NULL, &h);
	(void)rpmtsNotify(ts, te, RPMCALLBACK_INST_CLOSE_FILE, 0, 0);
	if (code != RPMRC_OK && code != RPMRC_NOKEY && code != RPMRC_NOTTRUSTED) {
		headerFree(h);
		return NULL;
	}
	return h;
}

static bool grow(void *at, size_t *cap, size_t need, size_t size)
{
	void **p = (void **)at;
	size_t more = *cap == 0 ? 64 : *cap;
	void *bigger;

	while (more < need)
		more *= 2;
	if (more == *cap)
		return true;
	bigger = reallocarray(*p, more, size);
	if (bigger == NULL)
		return false;
	*p = bigger;
	*cap = more;
	return true;
}

static bool put(struct state *s, const char *text)
{
	size_t n = strlen(text);

	if (!grow(&s->text, &s->size, s->len + n + 1, 1))
		return false;
	memcpy(s->text + s->len, text, n + 1);
	s->len += n;
	return true;
}

/* One word of a line: what is not plain becomes a question mark. For people, no more. */
static void plain(char *out, size_t cap, const char *text)
{
	size_t i = 0;

	for (; text != NULL && text[i] != '\0' && i + 1 < cap; i++)
		out[i] = text[i] > 0x20 && text[i] < 0x7f ? text[i] : '?';
	out[i] = '\0';
	if (i == 0)
		(void)snprintf(out, cap, "?");
}

/* What no guard sees when it runs. What is empty does nothing. */
static bool add_script(struct state *s, const struct rpm_script *script)
{
	struct view head = script->expanded ? view_str(RPM_EXPANDED_HEAD) : view_str("");
	char hex[HEX + 1], line[LINE_MAX_BYTES];

	if (script->text.len == 0 || (!script->lua && !script->expanded))
		return true;
	if (!sha256(head, script->text, hex))
		return false;
	(void)snprintf(line, sizeof(line), " %s %s %s\n", hex,
		       script->expanded ? "expanded" : "lua", script->name);
	return put(s, line);
}

static bool add_scripts(struct state *s, struct view header)
{
	struct rpm_script script;
	struct rpm_scripts at = {0};
	struct rpm_header h;
	rc r;

	if (!rc_is_ok(rpm_header_open(header, RPM_REGION_MAIN, &h, NULL)))
		return false;
	while (rc_is_ok(r = rpm_script_next(&h, &at, &script)))
		if (!add_script(s, &script))
			return false;
	return r.code == RC_NOTFOUND;
}

static bool add(struct state *s, rpmte te, const char hex[HEX + 1])
{
	char name[200], evr[200], arch[64], line[LINE_MAX_BYTES];

	if (!grow(&s->header, &s->cap, s->count + 1, sizeof(*s->header)))
		return false;
	memcpy(s->header[s->count++], hex, HEX + 1);
	plain(name, sizeof(name), rpmteN(te));
	plain(evr, sizeof(evr), rpmteEVR(te));
	plain(arch, sizeof(arch), rpmteA(te));
	(void)snprintf(line, sizeof(line), "%s %s %s %s\n", hex, name, evr, arch);
	return put(s, line);
}

/* ---- All of them ----------------------------------------------------------------------------*/

/* Elements that bring nothing new: what they run came with a package that was asked for. */
static bool brings_nothing(rpmte te)
{
	rpmElementType type = rpmteType(te);

	return type == TR_REMOVED || type == TR_RPMDB || type == TR_RESTORED;
}

static bool add_header(struct state *s, rpmte te, Header h)
{
	char hex[HEX + 1];
	struct view header = view_str("");
	unsigned char *bytes = h == NULL ? NULL : bytes_of(h, &header);
	bool good = bytes != NULL && sha256(view_str(""), header, hex) && add(s, te, hex) &&
		    add_scripts(s, header);

	free(bytes);
	return good;
}

static bool add_element(struct state *s, rpmts ts, rpmte te)
{
	Header h;
	bool good;

	if (brings_nothing(te))
		return true;
	h = read_header(ts, te);
	good = add_header(s, te, h);
	headerFree(h);
	if (!good)
		SAY("%s: its header cannot be read, or has no digest\n", rpmteNEVRA(te));
	return good;
}

static bool add_elements(struct state *s, rpmts ts)
{
	rpmtsi all = rpmtsiInit(ts);
	bool good = put(s, HEAD);
	rpmte te;

	while (good && (te = rpmtsiNext(all, 0)) != NULL)
		good = add_element(s, ts, te);
	rpmtsiFree(all);
	return good;
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* rpm blocks signals and ignores some; the guard begins like any program. What it says goes where
 * errors go. */
static pid_t start(const char *guard, int in)
{
	const char *const argv[] = {guard, "gate", "rpm", NULL};
	const char *const env[] = {"LC_ALL=C", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, usual;
	pid_t pid = -1;

	(void)sigemptyset(&none);
	(void)sigemptyset(&usual);
	(void)sigaddset(&usual, SIGPIPE);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	if (posix_spawnattr_init(&attributes) == 0) {
		if (posix_spawn_file_actions_adddup2(&actions, in, 0) != 0 ||
		    posix_spawn_file_actions_adddup2(&actions, 2, 1) != 0 ||
		    posix_spawnattr_setsigmask(&attributes, &none) != 0 ||
		    posix_spawnattr_setsigdefault(&attributes, &usual) != 0 ||
		    posix_spawnattr_setflags(&attributes,
					     POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) != 0 ||
		    posix_spawn(&pid, guard, &actions, &attributes, (char *const *)(uintptr_t)argv,
				(char *const *)(uintptr_t)env) != 0)
			pid = -1;
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static bool guard_agrees(const char *guard, const struct state *s)
{
	int ends[2], status = -1;
	bool told;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid = start(guard, ends[0]);
	(void)close(ends[0]);
	told = pid > 0 && write_all(ends[1], s->text, s->len);
	(void)close(ends[1]);
	if (pid <= 0) {
		SAY("%s cannot be run\n", guard);
		return false;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return told && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- Hooks ----------------------------------------------------------------------------------*/

/* The table's shape and rpm's order of things are those of one series. */
static bool is_known(const char *version)
{
	size_t n = strlen(GS_RPM_SERIES);

	return strncmp(version, GS_RPM_SERIES, n) == 0 && (version[n] == '\0' || version[n] == '.');
}

static rpmRC on_init(rpmPlugin plugin, rpmts ts)
{
	(void)ts;
	if (!is_known(RPMVERSION)) {
		SAY("made for rpm " GS_RPM_SERIES ", and this is %s: nothing is installed or "
		    "removed\n",
		    RPMVERSION);
		return RPMRC_FAIL;
	}
	rpmPluginSetData(plugin, calloc(1, sizeof(struct state)));
	return RPMRC_OK;
}

static void on_cleanup(rpmPlugin plugin)
{
	struct state *s = (struct state *)rpmPluginGetData(plugin);

	if (s != NULL)
		forget(s);
	free(s);
	rpmPluginSetData(plugin, NULL);
}

/* Also of a test (rpm --test), so that it fails where the real one would. */
static rpmRC on_transaction(rpmPlugin plugin, rpmts ts)
{
	struct state *s = (struct state *)rpmPluginGetData(plugin);
	const char *guard = rpmPluginOpts(plugin);

	if (s == NULL)
		return RPMRC_FAIL;
	forget(s);
	s->asked = true;
	if (guard == NULL || guard[0] != '/') {
		SAY("the macro __transaction_greatseal names no guard\n");
		return RPMRC_FAIL;
	}
	if (!add_elements(s, ts))
		return RPMRC_FAIL;
	/* What only removes is not held up by a guard that is away. */
	if (s->count == 0)
		return RPMRC_OK;
	if (guard_agrees(guard, s))
		return RPMRC_OK;
	SAY("nothing is installed\n");
	return RPMRC_FAIL;
}

static rpmRC on_transaction_end(rpmPlugin plugin, rpmts ts, int result)
{
	struct state *s = (struct state *)rpmPluginGetData(plugin);

	(void)ts;
	(void)result;
	if (s != NULL)
		forget(s);
	return RPMRC_OK;
}

static bool was_asked(const struct state *s, Header h)
{
	struct view header = view_str("");
	unsigned char *bytes = bytes_of(h, &header);
	char hex[HEX + 1];
	bool good = bytes != NULL && sha256(view_str(""), header, hex);

	free(bytes);
	if (!good)
		return false;
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->header[i], hex) == 0)
			return true;
	return false;
}

/* Before any script or file of one package: rpm has opened it again, and what it has read now
 * counts. In a chroot, if rpm works in one, so nobody can be asked here. */
static rpmRC on_package(rpmPlugin plugin, rpmte te)
{
	const struct state *s = (const struct state *)rpmPluginGetData(plugin);
	Header h = rpmteHeader(te); /* ours to free */
	rpmRC code = RPMRC_FAIL;

	/* A source package by itself is unpacked like an archive, without a transaction. */
	if (brings_nothing(te) ||
	    (s != NULL && h != NULL && (s->asked ? was_asked(s, h) : headerIsSource(h) != 0)))
		code = RPMRC_OK;
	headerFree(h);
	if (code != RPMRC_OK)
		SAY("%s is not the package that was asked for\n", rpmteNEVRA(te));
	return code;
}

__attribute__((visibility("default"))) struct rpm_hooks greatseal_hooks = {
	.init = on_init,
	.cleanup = on_cleanup,
	.tsm_pre = on_transaction,
	.tsm_post = on_transaction_end,
	.psm_pre = on_package,
};
