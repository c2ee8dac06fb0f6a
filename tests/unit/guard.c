/* Unit tests of prog/guard: events as the kernel writes them, the ring, mountinfo, settings. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prog/guard/apt_hook.h"
#include "prog/guard/conf.h"
#include "prog/guard/event.h"
#include "prog/guard/mark.h"
#include "prog/guard/ring.h"
#include "prog/guard/rpm_hook.h"
#include "prog/guard/supervisor.h"
#include "prog/guard/tidy.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct fanotify_event_metadata ask(int fd)
{
	return (struct fanotify_event_metadata){.event_len = sizeof(struct fanotify_event_metadata),
						.vers = FANOTIFY_METADATA_VERSION,
						.metadata_len =
							sizeof(struct fanotify_event_metadata),
						.mask = FAN_OPEN_EXEC_PERM,
						.fd = fd,
						.pid = 42};
}

static void events_are_told_apart(void **state)
{
	struct fanotify_event_metadata m[4] = {ask(7), ask(8), ask(-1), ask(9)};
	struct view v = view_of(m, sizeof(m));
	struct event e;

	(void)state;
	m[1].mask = FAN_OPEN_PERM;
	m[2].mask = FAN_Q_OVERFLOW;
	assert_rc(RC_OK, event_next(&v, &e, NULL));
	assert_int_equal(EVENT_ASK, e.kind);
	assert_int_equal(7, e.fd);
	assert_int_equal(42, e.pid);
	assert_rc(RC_OK, event_next(&v, &e, NULL));
	assert_int_equal(EVENT_ASK_OPEN, e.kind);
	assert_int_equal(8, e.fd);
	assert_rc(RC_OK, event_next(&v, &e, NULL));
	assert_int_equal(EVENT_OVERFLOW, e.kind);
	assert_int_equal(-1, e.fd);
	assert_rc(RC_OK, event_next(&v, &e, NULL));
	assert_int_equal(9, e.fd);
	assert_int_equal(0, v.len);
	assert_rc(RC_TRUNCATED, event_next(&v, &e, NULL));
}

static void events_are_read_strictly(void **state)
{
	struct fanotify_event_metadata m = ask(7);
	struct view v = view_of(&m, sizeof(m));
	struct event e;

	(void)state;
	for (size_t n = 0; n < sizeof(m); n++) {
		v = view_of(&m, n);
		assert_rc(RC_TRUNCATED, event_next(&v, &e, NULL));
		assert_int_equal(n, v.len);
	}
	v = view_of(&m, sizeof(m));
	m.vers++;
	assert_rc(RC_UNSUPPORTED, event_next(&v, &e, NULL));
	m = ask(7);
	m.event_len = sizeof(m) - 1;
	assert_rc(RC_SYNTAX, event_next(&v, &e, NULL));
	m.event_len = sizeof(m) + 1;
	assert_rc(RC_TRUNCATED, event_next(&v, &e, NULL));
	m = ask(-1);
	assert_rc(RC_SYNTAX, event_next(&v, &e, NULL));
	v = view_of(&m, sizeof(m));
	m.mask = FAN_OPEN_PERM;
	assert_rc(RC_SYNTAX, event_next(&v, &e, NULL));
	v = view_of(&m, sizeof(m));
	m = ask(7);
	m.mask = FAN_CLOSE_WRITE;
	assert_rc(RC_OK, event_next(&v, &e, NULL));
	assert_int_equal(EVENT_USED, e.kind);
	assert_true(e.closed && !e.opened);
	v = view_of(&m, sizeof(m));
	m.mask = FAN_OPEN | FAN_CLOSE_WRITE;
	assert_rc(RC_OK, event_next(&v, &e, NULL));
	assert_int_equal(EVENT_USED, e.kind);
	assert_true(e.closed && e.opened);
	v = view_of(&m, sizeof(m));
	m.mask = FAN_ONDIR;
	assert_rc(RC_OK, event_next(&v, &e, NULL));
	assert_int_equal(EVENT_OTHER, e.kind);
	v = view_of(&m, sizeof(m));
	m = ask(7);
	m.metadata_len = 8;
	assert_rc(RC_SYNTAX, event_next(&v, &e, NULL));
}

/* What does not fit is counted, nothing is written over, and the order stays. */
static void the_ring_drops_and_counts(void **state)
{
	struct ring *r = (struct ring *)calloc(1, sizeof(*r));
	struct news n = {.kind = NEWS_DENIED};

	(void)state;
	assert_non_null(r);
	assert_false(ring_take(r, &n));
	for (uint64_t round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < RING_ROWS + 5; i++) {
			n.count = i;
			assert_int_equal(i < RING_ROWS, ring_put(r, &n));
		}
		assert_int_equal(5 * (round + 1), r->dropped);
		for (uint64_t i = 0; i < RING_ROWS; i++) {
			assert_true(ring_take(r, &n));
			assert_int_equal(i, n.count);
		}
		assert_false(ring_take(r, &n));
	}
	free(r);
}

static void mountinfo_is_read(void **state)
{
	static struct mount_line l;
	struct view v = view_str("22 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw\n"
				 "23 22 0:5 / /my\\040dir\\134x rw,nosuid,noexec - tmpfs tmpfs rw\n"
				 "24 22 0:6 / /proc rw - proc proc rw\n"
				 "25 22 0:7 / /srv rw\n");

	(void)state;
	assert_rc(RC_OK, mount_line_next(&v, &l, NULL));
	assert_string_equal("/", l.path);
	assert_string_equal("ext4", l.type);
	assert_true(mark_knows(l.type));
	assert_rc(RC_OK, mount_line_next(&v, &l, NULL));
	assert_string_equal("/my dir\\x", l.path);
	assert_string_equal("tmpfs", l.type);
	assert_rc(RC_OK, mount_line_next(&v, &l, NULL));
	assert_false(mark_knows(l.type));
	assert_false(mark_knows("nfs4"));
	assert_true(mark_knows("exfat"));
	assert_true(mark_knows("devtmpfs"));
	assert_false(mark_knows("fuse.sshfs"));
	assert_rc(RC_SYNTAX, mount_line_next(&v, &l, NULL));
	assert_rc(RC_TRUNCATED, mount_line_next(&v, &l, NULL));
}

/* None is passed over in silence, and none hides those behind it. */
static void long_paths_are_counted(void **state)
{
	AUTO(buf) struct buf text = {0};

	(void)state;
	buf_init(&text, 32768);
	for (int i = 0; i < 3; i++) {
		/* Fits, fits not behind the root, fits nowhere. */
		buf_put_str(&text, "23 22 0:5 / /");
		for (int k = 0; k < (i == 0 ? 8 : i == 1 ? 4090 : 5000); k++)
			buf_put_u8(&text, 'x');
		buf_put_str(&text, " rw - tmpfs tmpfs rw\n");
	}
	buf_put_str(&text, "24 22 0:6 / /y rw - ext4 e rw\n");
	assert_rc(RC_OK, buf_done(&text));
	assert_int_equal(2, mark_below(-1, 0, "/proc/1/root", buf_view(&text)));
	assert_int_equal(0, mark_below(-1, 0, "/proc/1/root", view_str("24 22 0:6 /\n")));
}

#define MORE 5

/* Each in a mount namespace of its own, as many as are gone through and some more. */
static void spaces_are_counted(void **state)
{
	static struct mark_spaces spaces;
	int ready[2], hold[2];
	pid_t pid[MARK_SPACES_MAX + MORE];
	char byte = 0;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(0, pipe2(ready, O_CLOEXEC));
	assert_int_equal(0, pipe2(hold, O_CLOEXEC));
	for (size_t i = 0; i < MARK_SPACES_MAX + MORE; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] > 0)
			continue;
		(void)close(hold[1]);
		byte = unshare(CLONE_NEWNS) == 0;
		(void)!write(ready[1], &byte, 1);
		(void)!read(hold[0], &byte, 1);
		_exit(0);
	}
	for (size_t i = 0; i < MARK_SPACES_MAX + MORE; i++)
		assert_true(read(ready[0], &byte, 1) == 1 && byte == 1);
	mark_others(-1, 0, &spaces, MARK_SPACES_MS);
	assert_int_equal(MARK_SPACES_MAX, spaces.count);
	assert_true(spaces.passed >= MORE);
	(void)close(hold[1]);
	for (size_t i = 0; i < MARK_SPACES_MAX + MORE; i++)
		assert_int_equal(pid[i], waitpid(pid[i], NULL, 0));
}

static void the_hook_of_apt_is_read(void **state)
{
	struct view v =
		view_str("VERSION 3\nAPT::Architecture=amd64\nAPT=\n\n"
			 "old - - none > - - none **REMOVE**\n"
			 "hello - - none < 2.10-3 amd64 none /var/cache/hello_2.10-3_amd64.deb\n"
			 "libc6 2.36 amd64 same > 2.35 amd64 same /tmp/a b.deb\n"
			 "hello - - none < 2.10-3 amd64 none **CONFIGURE**");
	struct apt_package p;

	(void)state;
	assert_rc(RC_OK, apt_hook_begin(&v, NULL));
	assert_rc(RC_OK, apt_hook_next(&v, &p, NULL));
	assert_true(view_is(p.name, "hello"));
	assert_true(view_is(p.version, "2.10-3"));
	assert_true(view_is(p.architecture, "amd64"));
	assert_true(view_is(p.path, "/var/cache/hello_2.10-3_amd64.deb"));
	assert_rc(RC_OK, apt_hook_next(&v, &p, NULL));
	assert_true(view_is(p.path, "/tmp/a b.deb"));
	assert_rc(RC_NOTFOUND, apt_hook_next(&v, &p, NULL));
}

/* What apt has fetched is asked for by name, and a file that somebody has named by its path. */
static void what_apt_refused_can_be_asked_for(void **state)
{
	static const char *const paths[][2] = {
		{"/var/cache/apt/archives/hello_1%3a2.10-3_amd64.deb", "hello=1:2.10-3"},
		{"/debs/hello_1%3a2.10-3_amd64.deb", "/debs/hello_1%3a2.10-3_amd64.deb"},
		{"/var/cache/apt/archives/other_1_amd64.deb",
		 "/var/cache/apt/archives/other_1_amd64.deb"},
		{"/archives/hello", "/archives/hello"},
		{"/archives/hello_", "hello=1:2.10-3"},
		{"/notarchives/hello_1.deb", "/notarchives/hello_1.deb"},
		{"/hello_1.deb", "/hello_1.deb"},
		{"/a b/it's;x.deb", "'/a b/it'\\''s;x.deb'"},
		{"/a\033[2J.deb", "FILE"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct apt_package p = {.name = view_str("hello"),
					.version = view_str("1:2.10-3"),
					.path = view_str(paths[i][0])};
		AUTO(buf) struct buf out = {0};

		buf_init(&out, 1000);
		apt_hook_put_wish(&p, &out);
		assert_rc(RC_OK, buf_done(&out));
		assert_string_equal(buf_cstr(&out), paths[i][1]);
	}
}

/* Whatever is not understood refuses the whole. */
static void the_hook_of_apt_is_read_strictly(void **state)
{
	static const char *const heads[] = {"", "VERSION 2\n\n", "/var/cache/a.deb\n",
					    "version 3\n\n"};
	static const char *const lines[] = {
		"\n",
		"hello\n",
		"hello - - none < 1 amd64 /a.deb\n",
		"hello - - none ~ 1 amd64 none /a.deb\n",
		"hello - - none < 1 amd64 none \n",
		"hello - - none < 1 amd64 none a.deb\n",
		"hello - - none < 1 amd64 none **ERROR**\n",
		" - - none < 1 amd64 none /a.deb\n",
	};
	struct apt_package p;
	struct view v;

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		v = view_str(heads[i]);
		assert_rc(RC_UNSUPPORTED, apt_hook_begin(&v, NULL));
	}
	v = view_str("VERSION 3\nAPT=1\n");
	assert_rc(RC_TRUNCATED, apt_hook_begin(&v, NULL));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		v = view_str(lines[i]);
		assert_rc(RC_SYNTAX, apt_hook_next(&v, &p, NULL));
	}
	v = view_of("hello - - none < 1 amd64 none /a\0.deb\n", 39);
	assert_rc(RC_SYNTAX, apt_hook_next(&v, &p, NULL));
}

/* A record is in use as long as dpkg knows this version in any state. */
static void the_database_of_dpkg_is_read(void **state)
{
	static const char status[] = "Package: hello\nStatus: install ok installed\nVersion: 1.0\n"
				     "Architecture: amd64\nDescription: x\n Package: other\n\n"
				     "Package: left\nStatus: deinstall ok config-files\n"
				     "Version: 1.0\nArchitecture: amd64\n\n"
				     "Package: gone\nStatus: purge ok not-installed\n"
				     "Version: 1.0\nArchitecture: amd64\n\n"
				     "Package: last\nArchitecture: all\nVersion: 2:1.0\n"
				     "Status: install ok unpacked";
	static const struct {
		const char *name, *version, *architecture;
		bool installed;
	} rows[] = {
		{"hello", "1.0", "amd64", true},  {"hello", "1.1", "amd64", false},
		{"hello", "1.0", "i386", false},  {"hell", "1.0", "amd64", false},
		{"other", "1.0", "amd64", false}, {"left", "1.0", "amd64", true},
		{"gone", "1.0", "amd64", false},  {"last", "2:1.0", "all", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct package_record_header h = {.name = ""};

		(void)strcpy(h.name, rows[i].name);
		(void)strcpy(h.version, rows[i].version);
		(void)strcpy(h.architecture, rows[i].architecture);
		assert_int_equal(rows[i].installed, tidy_is_installed(view_str(status), &h));
	}
}

static void the_hook_of_rpm_is_read(void **state)
{
	static const char hex[] =
		"6ef13a4ffa6ec5b2ce1bc4a8a1b0bd33d8f0ec9ba19e7ddd93b3a6b6ec3a2d0d";
	static const char *const lines[] = {"",
					    "\n",
					    " a b c\n",
					    "X a b c\n",
					    "H\n",
					    "H \n",
					    "H a b\n",
					    "H a b c d\n",
					    "H a b  c\n",
					    "H  a b c\n",
					    "H a b c \n",
					    "H a\tb c d\n",
					    "H a b c",
					    "H a b \x7f\n",
					    "h a b c\n",
					    " H\n",
					    " H lua\n",
					    " H lua \n",
					    " H lua a b\n",
					    " H sh a\n",
					    "  H lua a\n",
					    " H lua a",
					    " H  a\n"};
	struct rpm_line p;
	char text[1000];
	struct digest d;
	struct view v;

	(void)state;
	(void)snprintf(text, sizeof(text),
		       "greatseal-rpm-2\n%s hello 3:1.0-1 x86_64\n %s lua preun\n"
		       " %s expanded trigger.0\n%s libx ? noarch\n",
		       hex, hex, hex, hex);
	assert_rc(RC_OK, digest_parse(view_str(hex), &d));
	v = view_str(text);
	assert_rc(RC_OK, rpm_hook_begin(&v, NULL));
	assert_rc(RC_OK, rpm_hook_next(&v, &p, NULL));
	assert_int_equal(RPM_LINE_PACKAGE, p.kind);
	assert_true(digest_is_equal(&d, &p.digest));
	assert_true(view_is(p.shown, "hello 3:1.0-1 x86_64"));
	assert_rc(RC_OK, rpm_hook_next(&v, &p, NULL));
	assert_int_equal(RPM_LINE_LUA, p.kind);
	assert_true(digest_is_equal(&d, &p.digest) && view_is(p.shown, "preun"));
	assert_rc(RC_OK, rpm_hook_next(&v, &p, NULL));
	assert_int_equal(RPM_LINE_EXPANDED, p.kind);
	assert_true(view_is(p.shown, "trigger.0"));
	assert_rc(RC_OK, rpm_hook_next(&v, &p, NULL));
	assert_rc(RC_NOTFOUND, rpm_hook_next(&v, &p, NULL));
	v = view_str("greatseal-rpm-1\n");
	assert_rc(RC_UNSUPPORTED, rpm_hook_begin(&v, NULL));
	v = view_str("greatseal-rpm-2");
	assert_rc(RC_UNSUPPORTED, rpm_hook_begin(&v, NULL));
	for (size_t i = 1; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *h = strchr(lines[i], 'H');
		int n = h == NULL ? 0 : (int)(h - lines[i]);

		(void)snprintf(text, sizeof(text), "%.*s%s%s", n, lines[i], h == NULL ? "" : hex,
			       h == NULL ? lines[i] : h + 1);
		v = view_str(text);
		assert_rc(RC_SYNTAX, rpm_hook_next(&v, &p, NULL));
	}
}

static void the_database_of_rpm_is_read(void **state)
{
	static const char listed[] = "hello 3:1.0-1 x86_64\ngpg-pubkey 1-1 (none)\nlibx 1-1 noarch";
	static const struct {
		const char *name, *version, *architecture;
		bool installed;
	} rows[] = {
		{"hello", "3:1.0-1", "x86_64", true}, {"hello", "1.0-1", "x86_64", false},
		{"hello", "3:1.0-1", "i686", false},  {"ello", "3:1.0-1", "x86_64", false},
		{"libx", "1-1", "noarch", true},      {"gpg-pubkey", "1-1", "noarch", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct package_record_header h = {.kind = PACKAGE_RPM};

		(void)strcpy(h.name, rows[i].name);
		(void)strcpy(h.version, rows[i].version);
		(void)strcpy(h.architecture, rows[i].architecture);
		assert_int_equal(rows[i].installed, tidy_is_in_rpm(view_str(listed), &h));
	}
	assert_false(tidy_is_in_rpm(view_str(""), &(struct package_record_header){.name = "x"}));
}

static rc set(struct conf *c, const char *name, const char *value)
{
	return settings_set(&conf_settings, c, view_str(name), view_str(value), NULL);
}

static void settings_are_strict(void **state)
{
	static struct conf c;
	static const char zeros[] =
		"0000000000000000000000000000000000000000000000000000000000000000";

	(void)state;
	settings_defaults(&conf_settings, &c);
	assert_rc(RC_USAGE, conf_check(&c, NULL));
	assert_rc(RC_UNKNOWN, set(&c, "nothing", "1"));
	assert_rc(RC_SYNTAX, set(&c, "list-key", "abc"));
	assert_rc(RC_SYNTAX, set(&c, "log-key", "abc"));
	assert_rc(RC_SYNTAX, set(&c, "record-key", "abc"));
	assert_rc(RC_SYNTAX, set(&c, "group", "Not A Name"));
	assert_rc(RC_SYNTAX, set(&c, "list-name", ""));
	assert_rc(RC_SYNTAX, set(&c, "mount", "relative"));
	assert_rc(RC_RANGE, set(&c, "files", "15"));
	assert_rc(RC_RANGE, set(&c, "patience", "31"));
	assert_rc(RC_OK, set(&c, "list-key", zeros));
	for (size_t i = 0; i < CONF_KEYS_MAX; i++)
		assert_rc(RC_OK, set(&c, "record-key", zeros));
	assert_rc(RC_LIMIT, set(&c, "record-key", zeros));
	assert_rc(RC_OK, set(&c, "log-key",
			     "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
			     "LDE4izWy10TW"));
	assert_rc(RC_USAGE, conf_check(&c, NULL)); /* no group */
	assert_rc(RC_OK, set(&c, "group", "build-farm"));
	assert_rc(RC_USAGE, conf_check(&c, NULL)); /* nothing to guard */
	assert_rc(RC_OK, set(&c, "mount", "/srv"));
	assert_rc(RC_OK, conf_check(&c, NULL));
	assert_rc(RC_OK, set(&c, "mount", "all"));
	assert_rc(RC_USAGE, conf_check(&c, NULL)); /* both */
}

static void what_the_guard_refuses_is_told(void **state)
{
	struct fault f = {0};

	(void)state;
	assert_rc(RC_OK, control_agreed("{\"ok\":true}\n", NULL));
	assert_rc(RC_DENIED,
		  control_agreed("{\"ok\":false,\"code\":\"no-space\",\"text\":\"a list\"}\n", &f));
	assert_string_equal("no-space: a list", f.text);
	assert_rc(RC_DENIED, control_agreed("{\"ok\":false,\"code\":\"no-space\"}\n", &f));
	assert_string_equal("the guard gives no reason", f.text);
	assert_rc(RC_DENIED, control_agreed("", &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_told_apart),
		cmocka_unit_test(events_are_read_strictly),
		cmocka_unit_test(the_ring_drops_and_counts),
		cmocka_unit_test(mountinfo_is_read),
		cmocka_unit_test(long_paths_are_counted),
		cmocka_unit_test(spaces_are_counted),
		cmocka_unit_test(settings_are_strict),
		cmocka_unit_test(the_hook_of_apt_is_read),
		cmocka_unit_test(the_database_of_dpkg_is_read),
		cmocka_unit_test(the_hook_of_rpm_is_read),
		cmocka_unit_test(the_database_of_rpm_is_read),
		cmocka_unit_test(the_hook_of_apt_is_read_strictly),
		cmocka_unit_test(what_apt_refused_can_be_asked_for),
		cmocka_unit_test(what_the_guard_refuses_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
