/* guard_records - package records in a real greatseal-guard: what they approve, which are refused,
 * and the gate's answer about archives, with a guard and without one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define DENIED (GW_REFUSED + EPERM)
#define OUT 4096

static struct guard_world w;
static char out[OUT];
static char deb[200], record[200];

/* A file that stands for an archive: the gate looks at its digest alone. */
static void archive(const char *name, const char *text, char path[200])
{
	struct file_spec spec = {.dirfd = AT_FDCWD, .mode = 0644};

	(void)snprintf(path, 200, "%s/%s", w.top, name);
	spec.name = path;
	fx_ok(file_replace(&spec, view_str(text), NULL));
}

static int gate(const char *path)
{
	const char *const words[] = {"gate", path, NULL};

	return gw_words(&w, words, out, sizeof(out));
}

static int take(const char *path)
{
	const char *const words[] = {"take", path, NULL};

	return gw_words(&w, words, out, sizeof(out));
}

/* A guard that enforces a list of "good"; "new" is in an archive that has no record yet. */
static void world(const char *const *more)
{
	char path[200];

	gw_new(&w);
	fx_check(mkdir(w.records, 0700) == 0);
	gw_program(&w, "good", 'A', "", 0);
	gw_program(&w, "new", 'B', "", 0);
	gw_path(&w, "good", path);
	gw_approve(&w, path, LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, more);
	gw_enforce(&w);
	archive("hello_1.0_all.deb", "an archive", deb);
}

static void put_record(struct list_maker *m, unsigned classes)
{
	char path[200];

	gw_path(&w, "new", path);
	gw_record(m, w.records, deb, path, classes, record);
}

static void forget(void)
{
	char proof[220];

	(void)snprintf(proof, sizeof(proof), "%s.greatseal", record);
	(void)unlink(proof);
	fx_check(unlink(record) == 0);
}

static void a_record_approves_what_is_in_it(void **state)
{
	(void)state;
	world(NULL);
	assert_int_equal(DENIED, gw_run_name(&w, "new"));
	assert_int_equal(1, gate(deb));
	assert_non_null(strstr(out, "not approved: hello_1.0_all.deb (sha256 "));
	assert_non_null(strstr(out, "greatseal request-package /"));
	assert_non_null(strstr(out, "nothing is installed"));
	put_record(&w.maker, LIST_PROGRAM);
	/* The gate has it read. */
	assert_int_equal(0, gate(deb));
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "new"));
	assert_int_equal(0, gate(deb));
	assert_non_null(strstr(out, "approved: "));
	assert_int_equal(1, gw_number(&w, "packages"));
	/* It is the archive's content that counts. */
	archive("hello_1.0_all.deb", "an Archive", deb);
	assert_int_equal(1, gate(deb));
	/* Also after a start; and no longer when it is taken away. */
	gw_stop(&w);
	gw_start(&w, NULL);
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "new"));
	forget();
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(DENIED, gw_run_name(&w, "new"));
	assert_int_equal(0, gw_run_name(&w, "good"));
	assert_int_equal(0, gw_verb(&w, "check"));
	gw_free(&w);
}

/* Each of these is told and passed over; what is good beside it counts. */
static void bad_records_are_refused(void **state)
{
	AUTO(buf) struct buf bytes = {0};
	struct file_spec spec = {.dirfd = AT_FDCWD, .mode = 0600};
	static struct list_maker other;
	char proof[220];

	(void)state;
	world(NULL);
	(void)snprintf(proof, sizeof(proof), "%s/hello_1.0_all.deb.record.greatseal", w.records);
	list_maker_new(&other, "log.example", 9);
	put_record(&other, LIST_PROGRAM); /* another log and key */
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(1, gw_number(&w, "records_refused"));
	assert_int_equal(1, gw_reports(&w, "\"record-refused\"", "hello_1.0_all.deb.record", 1));
	list_maker_free(&other);
	list_maker_new(&other, "log.example", 7); /* the same log, another key */
	put_record(&other, LIST_PROGRAM);
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(1, gw_reports(&w, "\"record-refused\"", "another key", 1));
	assert_int_equal(1, gw_number(&w, "records_refused"));
	list_maker_free(&other);
	/* Bytes changed, cut, no proof, the proof of a list, a list as a record. */
	put_record(&w.maker, LIST_PROGRAM);
	buf_init(&bytes, 1 << 20);
	fx_ok(file_read(record, &bytes, NULL));
	spec.name = record;
	for (size_t i = 0; i < bytes.len; i += 5) {
		bytes.ptr[i] ^= 1;
		fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
		assert_int_equal(0, gw_verb(&w, "reload"));
		assert_int_equal(1, gw_number(&w, "records_refused"));
		bytes.ptr[i] ^= 1;
	}
	fx_check(truncate(record, (off_t)bytes.len - 1) == 0);
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(1, gw_number(&w, "records_refused"));
	fx_check(truncate(record, (off_t)1 << 30) == 0);
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(1, gw_number(&w, "records_refused"));
	fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
	fx_check(unlink(proof) == 0);
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(1, gw_number(&w, "records_refused"));
	list_maker_write(&w.maker, 9, w.record, w.count, record);
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(1, gw_number(&w, "records_refused"));
	assert_int_equal(0, gw_number(&w, "packages"));
	assert_int_equal(DENIED, gw_run_name(&w, "new"));
	assert_int_equal(1, gate(deb));
	/* A refused one beside a good one. */
	assert_int_equal(0, rename(record, strcat(strcpy(proof, record), ".bad.record")));
	put_record(&w.maker, LIST_PROGRAM);
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(1, gw_number(&w, "records_refused"));
	assert_int_equal(1, gw_number(&w, "packages"));
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "new"));
	gw_free(&w);
}

/* What a list takes away no record gives back: content and archive. */
static void a_list_revokes_what_a_record_brings(void **state)
{
	char path[200];

	(void)state;
	world(NULL);
	put_record(&w.maker, LIST_PROGRAM);
	gw_approve(&w, deb, LIST_REVOKED);
	gw_publish(&w);
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "new"));
	assert_int_equal(1, gate(deb));
	assert_non_null(strstr(out, "revoked: hello_1.0_all.deb"));
	assert_null(strstr(out, "request-package"));
	gw_path(&w, "new", path);
	gw_approve(&w, path, LIST_REVOKED);
	gw_publish(&w);
	assert_int_equal(DENIED, gw_run_name(&w, "new"));
	/* A list may approve an archive by itself, and an archive does not run. */
	w.count = 1;
	gw_approve(&w, deb, LIST_ARCHIVE);
	gw_approve(&w, path, LIST_ARCHIVE);
	forget();
	gw_publish(&w);
	assert_int_equal(0, gate(deb));
	assert_int_equal(DENIED, gw_run_name(&w, "new"));
	gw_free(&w);
}

/* A key for records alone: its records count, its lists do not. */
static void records_may_have_a_key_of_their_own(void **state)
{
	static struct list_maker other;
	char log[512], key[DIGEST_HEX];
	const char *const more[] = {"--record-key", key, NULL};

	(void)state;
	list_maker_new(&other, "log.example", 7);
	list_maker_keys(&other, log, key);
	world(more);
	put_record(&other, LIST_PROGRAM);
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "new"));
	list_maker_write(&other, 7, w.record, w.count, w.list);
	assert_int_equal(1, gw_verb(&w, "reload"));
	assert_int_equal(1, gw_number(&w, "serial"));
	list_maker_free(&other);
	gw_free(&w);
}

static void records_are_taken_by_command(void **state)
{
	char path[200];

	(void)state;
	world(NULL);
	gw_path(&w, "new", path);
	gw_record(&w.maker, w.top, deb, path, LIST_PROGRAM, record);
	assert_int_equal(0, take(record));
	assert_non_null(strstr(out, "taken: hello 1.0 all"));
	assert_int_equal(0, gate(deb));
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "new"));
	assert_int_equal(1, take(deb)); /* no record */
	assert_int_equal(1, take("/nowhere.record"));
	gw_free(&w);
}

/* Nobody answers: closed if it enforces, or may; told if not. */
static void without_a_guard_the_gate_is_closed(void **state)
{
	char mode[100];

	(void)state;
	world(NULL);
	put_record(&w.maker, LIST_PROGRAM);
	gw_stop(&w);
	assert_int_equal(1, gate(deb));
	assert_non_null(strstr(out, "cannot be asked"));
	(void)snprintf(mode, sizeof(mode), "%s/mode", w.state);
	fx_check(truncate(mode, 3) == 0); /* damaged */
	assert_int_equal(1, gate(deb));
	gw_start(&w, NULL);
	assert_int_equal(0, gate(deb));
	assert_int_equal(0, gw_verb(&w, "observe"));
	archive("hello_1.0_all.deb", "another", deb);
	assert_int_equal(0, gate(deb));
	assert_non_null(strstr(out, "not approved: "));
	assert_non_null(strstr(out, "only observes"));
	gw_stop(&w);
	assert_int_equal(0, gate(deb));
	assert_non_null(strstr(out, "not checked"));
	assert_int_equal(0, gw_status_has(&w, "ok"));
	fx_check(unlink(deb) == 0);
	assert_int_equal(0, gate(deb));
	assert_int_equal(2, gate("--socket"));
	gw_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_approves_what_is_in_it),
		cmocka_unit_test(bad_records_are_refused),
		cmocka_unit_test(a_list_revokes_what_a_record_brings),
		cmocka_unit_test(records_may_have_a_key_of_their_own),
		cmocka_unit_test(records_are_taken_by_command),
		cmocka_unit_test(without_a_guard_the_gate_is_closed),
	};

	if (!gw_possible())
		return MOUNTS_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
