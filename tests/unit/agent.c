/* Unit tests of prog/agent: settings, the host key, and what it signs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"
#include "lib/model/provenance.h"
#include "prog/agent/host_api.h"
#include "prog/agent/host_key.h"
#include "prog/agent/local.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static int new_dir(char path[64])
{
	int fd = -1;

	assert_rc(RC_OK, dir_temp("/tmp/greatseal-unit.", path, 64, NULL));
	assert_rc(RC_OK, dir_open(path, &fd, NULL));
	return fd;
}

static void drop_dir(const char *path, int fd)
{
	(void)unlinkat(fd, HOST_KEY_FILE, 0);
	(void)close(fd);
	assert_int_equal(rmdir(path), 0);
}

static void settings_are_strict(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		enum rc_code code;
	} cases[] = {
		{"socket", "/x", RC_OK},
		{"socket-mode", "666", RC_OK},
		{"socket-mode", "", RC_RANGE},
		{"socket-mode", "888", RC_RANGE},
		{"socket-mode", "1777", RC_RANGE},
		{"connections", "3", RC_RANGE},
		{"connections", "x", RC_RANGE},
		{"connections-user", "16", RC_OK},
		{"program-max", "99999999999", RC_RANGE},
		{"nothing", "1", RC_UNKNOWN},
	};
	char wide[300];
	struct conf c;

	(void)state;
	assert_rc(RC_OK, conf_defaults(&c, false, NULL));
	assert_int_equal(c.socket_mode, 0660);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (settings_set(&conf_settings, &c, view_str(cases[i].name),
				 view_str(cases[i].value), NULL)
			    .code != cases[i].code)
			fail_msg("%s = %s", cases[i].name, cases[i].value);
	assert_int_equal(c.socket_mode, 0666);
	assert_rc(RC_OK, conf_check(&c, NULL));
	memset(wide, 'a', sizeof(wide));
	assert_rc(RC_LIMIT,
		  settings_set(&conf_settings, &c, view_str("socket"), view_of(wide, 108), NULL));
	assert_rc(RC_RANGE,
		  settings_set(&conf_settings, &c, view_str("socket"), view_of("/a\0b", 4), NULL));
	assert_rc(RC_OK,
		  settings_set(&conf_settings, &c, view_str("host"), view_str("build-07"), NULL));
	assert_rc(RC_USAGE, conf_check(&c, NULL)); /* without key-file */
	assert_rc(RC_OK, settings_set(&conf_settings, &c, view_str("host"), view_str(""), NULL));
	assert_rc(RC_OK, settings_set(&conf_settings, &c, view_str("allow-users"),
				      view_str("root, 1234 root"), NULL));
	assert_rc(RC_OK, conf_check(&c, NULL));
	assert_int_equal(c.user_count, 3);
	assert_int_equal(c.users[1], 1234);
	assert_rc(RC_OK, settings_set(&conf_settings, &c, view_str("allow-groups"),
				      view_str("no-such-group-here"), NULL));
	assert_rc(RC_USAGE, conf_check(&c, NULL));
	assert_rc(RC_NOTFOUND, settings_load(&conf_settings, &c, "/nonexistent", NULL));
}

static void keys_are_private_and_durable(void **state)
{
	struct host_key *a = NULL;
	struct host_key *b = NULL;
	struct tls_identity *t = NULL;
	char path[64];
	int dir = new_dir(path);
	struct stat st;
	int fd;

	(void)state;
	assert_rc(RC_NOTFOUND, host_key_open(dir, "device:none", &a, NULL));
	assert_rc(RC_OK, host_key_create(dir, &a, NULL));
	assert_rc(RC_EXISTS, host_key_create(dir, &b, NULL));
	assert_int_equal(fstatat(dir, HOST_KEY_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_rc(RC_OK, host_key_open(dir, "device:none", &b, NULL));
	assert_true(digest_is_equal(sshkey_fingerprint(host_key_ssh(a)),
				    sshkey_fingerprint(host_key_ssh(b))));
	assert_non_null(host_key_public(a));
	assert_rc(RC_SYNTAX, host_key_identity(a, view_str("no certificate"), &t, NULL));
	host_key_free(b);
	b = NULL;
	assert_int_equal(fchmodat(dir, HOST_KEY_FILE, 0644, 0), 0);
	assert_rc(RC_DENIED, host_key_open(dir, "device:none", &b, NULL));
	assert_int_equal(fchmodat(dir, HOST_KEY_FILE, 0600, 0), 0);
	fd = openat(dir, HOST_KEY_FILE, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	(void)close(fd);
	assert_rc(RC_CORRUPT, host_key_open(dir, "device:none", &b, NULL));
	host_key_free(a);
	drop_dir(path, dir);
}

static void signatures_verify_elsewhere(void **state)
{
	static const struct sshsig_rules rules = {0};
	AUTO(buf) struct buf sig = {0};
	struct host_key *k = NULL;
	char path[64];
	int dir = new_dir(path);

	(void)state;
	buf_init(&sig, SSHSIG_BLOB_MAX);
	assert_rc(RC_OK, host_key_create(dir, &k, NULL));
	assert_rc(RC_OK, host_key_sshsig(k, "host.v1@greatseal", view_str("text"), &sig, NULL));
	assert_rc(RC_OK, sshsig_verify(host_key_ssh(k), "host.v1@greatseal", view_str("text"),
				       buf_view(&sig), &rules, NULL, NULL));
	assert_rc(RC_BADSIG, sshsig_verify(host_key_ssh(k), "host.v1@greatseal", view_str("texT"),
					   buf_view(&sig), &rules, NULL, NULL));
	buf_clear(&sig);
	assert_rc(RC_RANGE, host_key_sshsig(k, "", view_str("text"), &sig, NULL));
	host_key_free(k);
	drop_dir(path, dir);
}

static void make_request(const char *host, const char *origin, struct buf *out)
{
	static const char *const names[] = {"a"};
	struct request_item item = {.size = 1,
				    .format = "cms",
				    .content = {.alg = HASH_SHA256, .size = 32},
				    .params = view_str("{}")};
	struct request r = {.key = {"release"},
			    .requester = {"carol"},
			    .not_before = 1,
			    .deadline = 2,
			    .uses = 1,
			    .items = &item,
			    .count = 1};
	struct fault f = {0};

	(void)snprintf(r.host.s, sizeof(r.host.s), "%s", host);
	(void)snprintf(r.origin, sizeof(r.origin), "%s", origin);
	(void)snprintf(item.product.s, sizeof(item.product.s), "a");
	buf_init(out, REQUEST_BYTES_MAX);
	if (!rc_is_ok(request_encode(&r, names, out, &f)))
		fail_msg("%s", f.text);
}

/* A requester cannot have the host say of its guard what is not so. */
static void says_of_the_guard_what_is_so(void **state)
{
	struct request_guard said = {.at = 1000};

	(void)state;
	assert_rc(RC_OK, local_guard_is_true("", &said, 1000, NULL));
	said.given = true;
	(void)strcpy(said.state.mode, GUARD_ENFORCE_WORD);
	assert_rc(RC_MISMATCH, local_guard_is_true("", &said, 1000, NULL));
	assert_rc(RC_MISMATCH, local_guard_is_true("/nowhere/reports", &said,
						   1000 + LOCAL_GUARD_SECONDS + 1, NULL));
	assert_rc(RC_MISMATCH, local_guard_is_true("/nowhere/reports", &said,
						   1000 - LOCAL_GUARD_SECONDS - 1, NULL));
	assert_rc(RC_NOTFOUND, local_guard_is_true("/nowhere/reports", &said, 1000, NULL));
}

static void only_our_requests_are_signed(void **state)
{
	struct who who = {.origin = "log.example", .host = {"build-07"}};
	AUTO(buf) struct buf good = {0};
	AUTO(buf) struct buf other_host = {0};
	AUTO(buf) struct buf other_origin = {0};
	struct view v;

	(void)state;
	make_request("build-07", "log.example", &good);
	make_request("build-08", "log.example", &other_host);
	make_request("build-07", "log.example.org", &other_origin);
	v = buf_view(&good);
	assert_rc(RC_OK, local_may_sign(&who, v, NULL, NULL));
	assert_rc(RC_MISMATCH, local_may_sign(&who, buf_view(&other_host), NULL, NULL));
	assert_rc(RC_MISMATCH, local_may_sign(&who, buf_view(&other_origin), NULL, NULL));
	assert_rc(RC_LIMIT,
		  local_may_sign(&who, view_of(v.ptr, (size_t)REQUEST_BYTES_MAX + 1), NULL, NULL));
	/* A byte less, a byte more, a changed byte, and nothing: refused, whatever the code. */
	assert_false(rc_is_ok(local_may_sign(&who, view_of(v.ptr, v.len - 1), NULL, NULL)));
	assert_false(rc_is_ok(local_may_sign(&who, view_of(v.ptr, 0), NULL, NULL)));
	buf_put_u8(&good, '\n');
	assert_false(rc_is_ok(local_may_sign(&who, buf_view(&good), NULL, NULL)));
	good.len--;
	good.ptr[1] = ' ';
	assert_false(rc_is_ok(local_may_sign(&who, buf_view(&good), NULL, NULL)));
}

static void provenance_is_of_the_one_builder(void **state)
{
	static const struct evidence_subject subject = {.name = "app"};
	const struct provenance_made made = {.builder = "https://ci.example/acme",
					     .source = "git+https://git.example/acme",
					     .finished = 1800000000,
					     .subjects = &subject,
					     .count = 1};
	AUTO(buf) struct buf payload = {0};
	struct view v;

	(void)state;
	buf_init(&payload, PROVENANCE_BYTES_MAX);
	assert_rc(RC_OK, provenance_encode(&made, &payload, NULL));
	v = buf_view(&payload);
	assert_rc(RC_OK, local_may_attest("https://ci.example/acme", v, NULL));
	assert_rc(RC_STATE, local_may_attest("", v, NULL));
	assert_rc(RC_MISMATCH, local_may_attest("https://ci.example/acm", v, NULL));
	assert_rc(RC_MISMATCH, local_may_attest("https://ci.example/acme2", v, NULL));
	assert_false(rc_is_ok(
		local_may_attest("https://ci.example/acme", view_of(v.ptr, v.len - 1), NULL)));
	assert_false(rc_is_ok(local_may_attest("https://ci.example/acme", view_str("{}"), NULL)));
}

static void states_come_back_as_they_were(void **state)
{
	struct state s;
	struct pending p;
	struct pending back;
	char path[64];
	int dir = new_dir(path);
	int again = -1;
	int lock = -1;
	int other = -1;

	(void)state;
	state_init(&s);
	assert_rc(RC_NOTFOUND, state_load(dir, &s, NULL));
	state_release(&s);
	pending_init(&p);
	assert_rc(RC_NOTFOUND, pending_load(dir, &p, NULL));
	assert_rc(RC_OK, pending_drop(dir, NULL)); /* nothing to drop is dropped */
	(void)snprintf(p.server, sizeof(p.server), "https://a:1");
	(void)snprintf(p.pin, sizeof(p.pin), "sha256:x");
	(void)snprintf(p.target, sizeof(p.target), "/v1/hosts/renew");
	(void)snprintf(p.host.s, sizeof(p.host.s), "build-07");
	p.counter = 7;
	buf_put(&p.body, "a\0b\xff", 4);
	assert_rc(RC_OK, pending_store(dir, &p, NULL));
	pending_init(&back);
	assert_rc(RC_OK, pending_load(dir, &back, NULL));
	assert_int_equal(back.counter, 7);
	assert_string_equal(back.server, p.server);
	assert_string_equal(back.host.s, "build-07");
	assert_true(view_is_equal(buf_view(&back.body), buf_view(&p.body)));
	pending_release(&back);
	assert_rc(RC_OK, pending_drop(dir, NULL));
	pending_init(&back);
	assert_rc(RC_NOTFOUND, pending_load(dir, &back, NULL));
	pending_release(&back);
	pending_release(&p);
	/* One process at a time, and nobody else's directory. */
	assert_rc(RC_OK, state_dir(path, &again, &lock, NULL));
	assert_rc(RC_BUSY, state_dir(path, &other, &other, NULL));
	(void)close(lock);
	assert_int_equal(chmod(path, 0750), 0);
	assert_rc(RC_DENIED, state_dir(path, &other, &other, NULL));
	(void)close(again);
	(void)unlinkat(dir, "lock", 0);
	drop_dir(path, dir);
}

static void answers_are_strict(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"certificate\":\"x\",\"class\":\"software\",\"counter\":1}",
		"{\"certificate\":\"x\",\"class\":\"\",\"counter\":1,\"host\":\"build-07\"}",
		"{\"certificate\":\"x\",\"class\":\"A B\",\"counter\":1,\"host\":\"build-07\"}",
		"{\"certificate\":\"x\",\"class\":\"software\",\"counter\":2,\"host\":\"build-"
		"07\"}",
		"{\"certificate\":\"x\",\"class\":\"software\",\"counter\":-1,\"host\":\"build-"
		"07\"}",
		"{\"certificate\":\"x\",\"class\":\"software\",\"counter\":1,\"host\":\"build-"
		"08\"}",
		"{\"certificate\":\"x\",\"class\":\"software\",\"counter\":1,\"host\":\"build-"
		"07\"}",
	};
	struct host_api_refusal why;
	struct host_key *k = NULL;
	char path[64];
	int dir = new_dir(path);

	(void)state;
	assert_rc(RC_OK, host_key_create(dir, &k, NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct state s;

		state_init(&s);
		(void)snprintf(s.who.host.s, sizeof(s.who.host.s), "build-07");
		if (host_api_answer(view_str(bad[i]), k, 1, &s, NULL).code != RC_PEER)
			fail_msg("%s", bad[i]);
		state_release(&s);
	}
	host_api_refusal(
		view_str("{\"error\":{\"code\":\"host.clone\",\"text\":\"a\\u001b[31m\"}}"), &why);
	assert_string_equal(why.code, "host.clone");
	assert_string_equal(why.text, "a?[31m");
	assert_string_equal(why.remedy, "");
	host_api_refusal(view_str("<html>"), &why);
	assert_string_equal(why.code, "");
	host_key_free(k);
	drop_dir(path, dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_of_the_guard_what_is_so),
		cmocka_unit_test(settings_are_strict),
		cmocka_unit_test(keys_are_private_and_durable),
		cmocka_unit_test(signatures_verify_elsewhere),
		cmocka_unit_test(only_our_requests_are_signed),
		cmocka_unit_test(provenance_is_of_the_one_builder),
		cmocka_unit_test(states_come_back_as_they_were),
		cmocka_unit_test(answers_are_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
