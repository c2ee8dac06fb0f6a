/* Unit test of lib/crypt/sshsig.h: one key verified with by many threads at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>

#include "lib/crypt/sshsig.h"
#include "tests/unit/vectors.h"

struct hand {
	const struct sshkey *key;
	struct view message;
	struct view blob;
	bool odd; /* begins with the wrong message */
	unsigned wrong;
};

static void *verify_in_turns(void *arg)
{
	static const struct sshsig_rules rules = {0};
	struct hand *h = (struct hand *)arg;

	for (unsigned i = 0; i < 100; i++) {
		bool right = (i % 2 == 0) != h->odd;
		struct view m = view_of(h->message.ptr, h->message.len - (right ? 0 : 1));
		rc r = sshsig_verify(h->key, "test@v1", m, h->blob, &rules, NULL, NULL);

		h->wrong += r.code != (right ? RC_OK : RC_BADSIG);
	}
	return NULL;
}

/* One key, many threads, good and bad ones in turns: none has another's verdict. */
static void threads_share_a_key(void **state)
{
	AUTO(sshkey) struct sshkey *k = NULL;
	pthread_t threads[4];
	struct hand hands[4];
	AUTO(buf) struct buf blob;
	AUTO(buf) struct buf line;
	AUTO(buf) struct buf armor;
	AUTO(buf) struct buf m;
	struct view message = vector_read(&m, "sshsig", "message");

	(void)state;
	assert_rc(RC_OK,
		  sshkey_parse_line(vector_read(&line, "sshsig", "ecdsa.pub"), &k, NULL, NULL));
	buf_init(&blob, SSHSIG_BLOB_MAX);
	assert_rc(RC_OK, sshsig_dearmor(vector_read(&armor, "sshsig", "ecdsa.sig"), &blob, NULL));
	for (unsigned i = 0; i < 4; i++) {
		hands[i] = (struct hand){
			.key = k, .message = message, .blob = buf_view(&blob), .odd = i % 2 == 1};
		assert_int_equal(pthread_create(&threads[i], NULL, verify_in_turns, &hands[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(hands[i].wrong, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_share_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
