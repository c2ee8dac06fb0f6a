/* guard_met - a real guard meets signatures by the organisation's keys, wherever they are, and
 * reports each once; what reads them can be killed, stopped and fed with anything, and nobody who
 * wants to run a program waits for it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/guard.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"
#include "tests/support/pe.h"
#include "tests/support/signed_files.h"

#define FLOOD 700

static struct guard_world w;
static struct ca ours, theirs;
static char watched[120], certificates[120];

/* ---- The world ------------------------------------------------------------------------------*/

static const char *level = "base";

static void start(void)
{
	const char *const more[] = {"--certificates", certificates,    "--watch",
				    watched,	      "--watch-every", "1s",
				    "--level",	      level,	       NULL};

	gw_start(&w, more);
}

static void put_certificates(void)
{
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = certificates, .mode = 0644};
	AUTO(buf) struct buf pem = {0};

	buf_init(&pem, 65536);
	signed_pem(&ours, &pem);
	fx_ok(file_replace(&spec, buf_view(&pem), NULL));
}

static void world(bool with_certificates)
{
	char path[200];

	gw_new(&w);
	(void)snprintf(watched, sizeof(watched), "%s/watched", w.top);
	(void)snprintf(certificates, sizeof(certificates), "%s/certificates.pem", w.top);
	fx_check(mkdir(watched, 0755) == 0);
	gw_program(&w, "good", 'A', "", 0);
	gw_path(&w, "good", path);
	gw_approve(&w, path, LIST_PROGRAM);
	gw_publish(&w);
	if (with_certificates)
		put_certificates();
	start();
}

static void put_file(const char *dir, const char *name, struct view bytes, char out[200])
{
	struct file_spec spec = {.dirfd = AT_FDCWD, .name = out, .mode = 0644};

	(void)snprintf(out, 200, "%s/%s", dir, name);
	fx_ok(file_replace(&spec, bytes, NULL));
}

/* The file, with a signature by ca beside it, which comes first. */
static void put_signed(const char *dir, const char *name, const char *text, const struct ca *ca)
{
	AUTO(buf) struct buf object = {0};
	char path[200], beside[100];

	signed_cms(ca, view_str(text), &object);
	(void)snprintf(beside, sizeof(beside), "%s.p7s", name);
	put_file(dir, beside, buf_view(&object), path);
	put_file(dir, name, view_str(text), path);
}

static size_t told(const char *form, const char *tail, size_t least)
{
	char a[100], b[100];

	(void)snprintf(a, sizeof(a), "\"event\":\"signature\"");
	(void)snprintf(b, sizeof(b), "/%s\"", tail);
	if (gw_reports(&w, a, b, least) < least)
		return 0;
	(void)snprintf(a, sizeof(a), "\"reason\":\"%s\",\"path\"", form);
	return gw_reports(&w, a, b, 0);
}

/* Waits until the number has come to that. */
static uint64_t at_least(const char *name, uint64_t least)
{
	uint64_t n;

	while ((n = gw_number(&w, name)) < least)
		(void)poll(NULL, 0, 20);
	return n;
}

/* A walk that began after this call has come to its end: what lies there is told. */
static void after_a_walk(void)
{
	(void)at_least("walks", gw_number(&w, "walks") + 2);
}

/* ---- Where signatures are -------------------------------------------------------------------*/

static void beside_a_program(void **state)
{
	AUTO(buf) struct buf program = {0};
	AUTO(buf) struct buf object = {0};
	char path[200];

	(void)state;
	world(true);
	gw_path(&w, "good", path);
	buf_init(&program, 64 << 20);
	fx_ok(file_read(path, &program, NULL));
	signed_cms(&ours, buf_view(&program), &object);
	put_file(w.mount, "good.p7s", buf_view(&object), path);
	/* Anew: on a busy machine it was taken for code already when it was read above. */
	gw_program(&w, "good", 'A', "", 0);
	assert_int_equal(0, gw_run_name(&w, "good"));
	assert_int_equal(told("cms", "good", 1), 1);
	assert_int_equal(gw_reports(&w, "\"event\":\"signature\"", "\"fits\":1", 1), 1);
	assert_int_equal(gw_number(&w, "certificates"), 1);
	gw_free(&w);
}

/* Where each open is a question, the lookout's own are none. */
static void at_level_strict(void **state)
{
	level = "strict";
	beside_a_program(state);
	level = "base";
}

static void in_watched_directories(void **state)
{
	uint8_t image[PE_SIZE];
	AUTO(buf) struct buf object = {0};
	AUTO(buf) struct buf module = {0};
	AUTO(buf) struct buf ima = {0};
	AUTO(fd) int in = memfd_create("in", 0);
	char path[200], deep[200];

	(void)state;
	world(true);
	/* a PE image */
	pe_make(image, true);
	fx_ok(fd_pwrite_full(in, image, sizeof(image), 0, NULL));
	(void)snprintf(path, sizeof(path), "%s/image.tmp", w.top);
	AUTO(fd) int out = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	signed_image(&ours, in, out, &object);
	(void)snprintf(deep, sizeof(deep), "%s/a", watched);
	fx_check(mkdir(deep, 0755) == 0);
	(void)snprintf(deep, sizeof(deep), "%s/a/setup.exe", watched);
	fx_check(rename(path, deep) == 0);
	assert_int_equal(told("pe", "setup.exe", 1), 1);
	/* a kernel module */
	signed_cms(&ours, view_str("\177ELF module"), &module);
	(void)snprintf(path, sizeof(path), "%s/module.tmp", w.top);
	AUTO(fd) int ko = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	fx_ok(fd_pwrite_full(ko, "\177ELF module", 11, 0, NULL));
	signed_append(ko, buf_view(&module));
	(void)snprintf(deep, sizeof(deep), "%s/evil.ko", watched);
	fx_check(rename(path, deep) == 0);
	assert_int_equal(told("appended", "evil.ko", 1), 1);
	/* IMA, where the file system has such attributes */
	signed_ima(&ours, view_str("a program"), &ima);
	put_file(w.top, "labelled", view_str("a program"), path);
	if (setxattr(path, "security.ima", ima.ptr, ima.len, 0) == 0) {
		(void)snprintf(deep, sizeof(deep), "%s/labelled", watched);
		fx_check(rename(path, deep) == 0);
		assert_int_equal(told("ima", "labelled", 1), 1);
	} else {
		(void)printf("1 case skipped: security.ima: %s\n", strerror(errno));
	}
	gw_free(&w);
}

/* As on a mirror that gets the signature first. */
static void what_comes_after_its_signature(void **state)
{
	AUTO(buf) struct buf object = {0};
	char path[200];

	(void)state;
	world(true);
	signed_cms(&ours, view_str("late"), &object);
	put_file(watched, "late.p7s", buf_view(&object), path);
	after_a_walk();
	assert_int_equal(gw_number(&w, "signatures"), 0);
	put_file(watched, "late", view_str("late"), path);
	after_a_walk();
	assert_int_equal(gw_number(&w, "signatures"), 1);
	assert_int_equal(told("cms", "late", 1), 1);
	gw_free(&w);
}

/* Whoever opens a FIFO to write waits until somebody opens it to read, if only for a moment. */
static pid_t start_writer(const char *name)
{
	char path[200];
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/%s", watched, name);
	fx_check(mkfifo(path, 0644) == 0);
	pid = fork();
	fx_check(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(open(path, O_WRONLY | O_CLOEXEC) < 0);
}

/* What lies beside a file may be a device: none is opened, for that does something to some. */
static void no_device_is_opened(void **state)
{
	const char *words[] = {"gate", NULL, NULL};
	char path[200], out[4096];
	pid_t writer[2];

	(void)state;
	world(true);
	writer[0] = start_writer("one.p7s");
	writer[1] = start_writer("two");
	put_file(watched, "one", view_str("one"), path);
	put_file(watched, "two.p7s", view_str("two"), path);
	/* Once with the directory at hand, and once from where the file is. */
	(void)snprintf(path, sizeof(path), "%s/one", watched);
	words[1] = path;
	(void)gw_words(&w, words, out, sizeof(out));
	after_a_walk();
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(0, waitpid(writer[i], NULL, WNOHANG));
		fx_check(kill(writer[i], SIGKILL) == 0 && waitpid(writer[i], NULL, 0) > 0);
	}
	gw_free(&w);
}

/* What was told cannot be noted: it is told, and the lookout goes on. */
static void a_full_disk_does_not_end_it(void **state)
{
	char path[200];
	int lookout;

	(void)state;
	world(true);
	gw_stop(&w);
	(void)snprintf(path, sizeof(path), "%s/signatures", w.state);
	fx_check(unlink(path) == 0);
	mount_small(w.state, 10240);
	for (int round = 0; round < 2; round++) {
		char name[20];

		start();
		after_a_walk();
		lookout = (int)gw_number(&w, "lookout");
		disk_fill(w.state);
		(void)snprintf(name, sizeof(name), "full%d", round);
		put_signed(watched, name, name, &ours);
		while (gw_reports(&w, "\"event\":\"signature\"", name, 0) == 0)
			assert_int_equal(gw_number(&w, "lookout"), lookout);
		after_a_walk();
		assert_int_equal(gw_number(&w, "lookout"), lookout);
		gw_stop(&w);
		/* And now without room from the beginning. */
		fx_check(unlink(path) == 0);
		disk_fill(w.state);
	}
	mount_end(w.state);
	gw_free(&w);
}

/* The archives that the gate is asked about. */
static void at_the_gate(void **state)
{
	const char *words[] = {"gate", NULL, NULL};
	char path[200], out[4096];

	(void)state;
	world(true);
	put_signed(w.mount, "hello.deb", "an archive", &ours);
	gw_path(&w, "hello.deb", path);
	words[1] = path;
	(void)gw_words(&w, words, out, sizeof(out));
	assert_int_equal(told("cms", "hello.deb", 1), 1);
	gw_free(&w);
}

/* A key that the settings name needs no certificate: the list's own. */
static void by_the_key_of_lists(void **state)
{
	(void)state;
	world(false);
	put_signed(watched, "list-like", "not a list", &w.maker.ca);
	assert_int_equal(told("cms", "list-like", 1), 1);
	assert_int_equal(gw_number(&w, "certificates"), 0);
	gw_free(&w);
}

/* ---- What is told, and how often ------------------------------------------------------------*/

static void others_and_bad_ones_are_not_told(void **state)
{
	AUTO(buf) struct buf object = {0};
	char path[200];

	(void)state;
	world(true);
	put_signed(watched, "foreign", "by another organisation", &theirs);
	signed_cms(&ours, view_str("tampered"), &object);
	object.ptr[object.len - 1] ^= 1;
	put_file(watched, "tampered.p7s", buf_view(&object), path);
	put_file(watched, "tampered", view_str("tampered"), path);
	(void)at_least("signatures_bad", 1);
	after_a_walk();
	assert_int_equal(told("cms", "foreign", 0), 0);
	assert_int_equal(told("cms", "tampered", 0), 0);
	assert_int_equal(gw_number(&w, "signatures"), 0);
	gw_free(&w);
}

static void each_is_told_once(void **state)
{
	(void)state;
	world(true);
	put_signed(watched, "first", "the same", &ours);
	assert_int_equal(told("cms", "first", 1), 1);
	/* The same signature elsewhere: ECDSA values differ each time, so it is copied. */
	{
		AUTO(buf) struct buf object = {0};
		char path[200];

		(void)snprintf(path, sizeof(path), "%s/first.p7s", watched);
		buf_init(&object, 65536);
		fx_ok(file_read(path, &object, NULL));
		put_file(watched, "second.p7s", buf_view(&object), path);
		put_file(watched, "second", view_str("the same"), path);
	}
	after_a_walk();
	assert_int_equal(told("cms", "second", 0), 0);
	/* nor by the next guard */
	gw_stop(&w);
	start();
	after_a_walk();
	assert_int_equal(told("cms", "first", 0), 1);
	assert_int_equal(gw_reports(&w, "\"event\":\"signature\"", "", 0), 1);
	gw_free(&w);
}

/* Files that were looked into before the certificates were there are looked into again. */
static void certificates_that_come_later(void **state)
{
	char path[200];

	(void)state;
	world(false);
	put_signed(watched, "early", "before", &ours);
	(void)at_least("scanned", 1);
	assert_int_equal(told("cms", "early", 0), 0);
	/* what is no certificate is said, and hurts nobody */
	put_file(w.top, "certificates.pem", view_str("no certificate\n"), path);
	(void)gw_reports(&w, "certificates: ", "in PEM", 1);
	assert_int_equal(gw_number(&w, "certificates"), 0);
	put_certificates();
	assert_int_equal(told("cms", "early", 1), 1);
	assert_int_equal(gw_number(&w, "certificates"), 1);
	gw_free(&w);
}

/* ---- Hostile --------------------------------------------------------------------------------*/

static void put_hostile(unsigned n, struct view image, struct view object)
{
	AUTO(buf) struct buf bytes = {0};
	char name[60], path[200];

	buf_init(&bytes, 1 << 20);
	buf_put_view(&bytes, n % 2 == 0 ? image : object);
	fx_ok(buf_done(&bytes));
	for (unsigned i = 0; i < 8; i++) {
		uint32_t at = (n * 2654435761u + i * 40503u) % (uint32_t)bytes.len;

		bytes.ptr[at] = (uint8_t)(n * 37 + i * 11);
	}
	(void)snprintf(name, sizeof(name), n % 2 == 0 ? "h%u.exe" : "h%u.p7s", n);
	put_file(watched, name, buf_view(&bytes), path);
	if (n % 2 == 0)
		return;
	(void)snprintf(name, sizeof(name), "h%u", n);
	put_file(watched, name, view_str("x"), path);
}

static void hostile_files_hurt_nobody(void **state)
{
	uint8_t image[PE_SIZE];
	AUTO(buf) struct buf object = {0};
	AUTO(buf) struct buf whole = {0};
	AUTO(buf) struct buf cms = {0};
	AUTO(fd) int in = memfd_create("in", 0);
	AUTO(fd) int out = memfd_create("out", 0);
	uint64_t restarts;
	int lookout;

	(void)state;
	world(true);
	pe_make(image, true);
	fx_ok(fd_pwrite_full(in, image, sizeof(image), 0, NULL));
	signed_image(&ours, in, out, &object);
	buf_init(&whole, 1 << 20);
	fx_check(lseek(out, 0, SEEK_SET) == 0);
	fx_ok(fd_read_all(out, &whole, NULL));
	signed_cms(&ours, view_str("x"), &cms);
	lookout = (int)gw_number(&w, "lookout");
	restarts = gw_number(&w, "restarts");
	for (unsigned n = 0; n < 300; n++)
		put_hostile(n, buf_view(&whole), buf_view(&cms));
	(void)at_least("scanned", 150);
	after_a_walk();
	assert_int_equal(gw_number(&w, "lookout"), lookout);
	assert_int_equal(gw_number(&w, "restarts"), restarts);
	assert_int_equal(0, gw_run_name(&w, "good"));
	gw_free(&w);
}

static uint64_t seconds_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

/* More than may be told at once: the rest comes later, and programs run meanwhile. */
static void a_flood_is_bounded(void **state)
{
	uint64_t began, seconds, n;

	(void)state;
	world(true);
	began = seconds_now();
	for (unsigned i = 0; i < FLOOD; i++) {
		char name[40], text[40];

		(void)snprintf(name, sizeof(name), "f%u", i);
		(void)snprintf(text, sizeof(text), "flood %u", i);
		put_signed(watched, name, text, &ours);
	}
	n = at_least("signatures", LOOKOUT_BURST);
	seconds = seconds_now() - began + 1;
	assert_true(n <= LOOKOUT_BURST + seconds * 1000 / LOOKOUT_EVERY_MS + 1);
	assert_int_equal(0, gw_run_name(&w, "good"));
	/* It goes on. */
	assert_true(at_least("signatures", n + 2) < FLOOD);
	gw_free(&w);
}

/* A lookout that stands still: its queue fills, programs run, and what did not fit is counted. */
static void nobody_waits_for_it(void **state)
{
	char path[200], text[300];
	int lookout;

	(void)state;
	world(true);
	lookout = (int)gw_number(&w, "lookout");
	assert_true(lookout > 1);
	fx_check(kill(lookout, SIGSTOP) == 0);
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "#!%s/good\n%u\n", w.mount, i);
		put_file(w.mount, "script", view_str(text), path);
		fx_check(chmod(path, 0755) == 0);
		assert_int_equal(0, gw_run(path));
	}
	assert_true(gw_number(&w, "passed_over") > 0);
	/* Killed, another one comes. */
	fx_check(kill(lookout, SIGKILL) == 0);
	put_signed(watched, "later", "after it", &ours);
	while ((int)gw_number(&w, "lookout") == lookout || gw_number(&w, "lookout") == 0)
		(void)poll(NULL, 0, 20);
	assert_int_equal(told("cms", "later", 1), 1);
	gw_free(&w);
}

/* ---- The processes --------------------------------------------------------------------------*/

/* What the lookout holds of the guard: nothing but its queue, its reports and its table. */
static void it_holds_nothing_of_the_guard(void **state)
{
	char path[80], link[80], to[200];
	int lookout;

	(void)state;
	world(true);
	after_a_walk();
	lookout = (int)gw_number(&w, "lookout");
	for (int fd = 0; fd < 1000; fd++) {
		ssize_t n;

		(void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", lookout, fd);
		n = readlink(link, to, sizeof(to) - 1);
		if (n < 0)
			continue;
		to[n] = '\0';
		assert_null(strstr(to, "fanotify"));
		assert_null(strstr(to, "memfd"));
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", lookout);
	AUTO(buf) struct buf maps = {0};
	buf_init(&maps, 1 << 20);
	fx_ok(file_read(path, &maps, NULL));
	assert_null(strstr(buf_cstr(&maps), "memfd"));
	assert_non_null(strstr(buf_cstr(&maps), "/signatures"));
	gw_free(&w);
}

static int setup(void **state)
{
	(void)state;
	ca_new(&ours, KEY_P256);
	ca_new(&theirs, KEY_P256);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ca_free(&ours);
	ca_free(&theirs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside_a_program),
		cmocka_unit_test(at_level_strict),
		cmocka_unit_test(in_watched_directories),
		cmocka_unit_test(what_comes_after_its_signature),
		cmocka_unit_test(no_device_is_opened),
		cmocka_unit_test(a_full_disk_does_not_end_it),
		cmocka_unit_test(at_the_gate),
		cmocka_unit_test(by_the_key_of_lists),
		cmocka_unit_test(others_and_bad_ones_are_not_told),
		cmocka_unit_test(each_is_told_once),
		cmocka_unit_test(certificates_that_come_later),
		cmocka_unit_test(hostile_files_hurt_nobody),
		cmocka_unit_test(a_flood_is_bounded),
		cmocka_unit_test(nobody_waits_for_it),
		cmocka_unit_test(it_holds_nothing_of_the_guard),
	};

	if (!gw_possible())
		return MOUNTS_SKIP;
	return cmocka_run_group_tests(tests, setup, teardown);
}
