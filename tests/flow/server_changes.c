/* Changes of policy, roster and keys as greatseald gathers their signatures: whoever may call can
 * add what they like, and must not spoil what others have signed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/codec/base64.h"
#include "tests/lib/front.h"

static struct fixture fx;
static struct front s;

static int group_setup(void **state)
{
	(void)state;
	fx_start(&fx);
	front_start(&s, &fx);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	front_end(&s);
	fx_end(&fx);
	return 0;
}

#define answers(expected, expr)                                                                    \
	do {                                                                                       \
		unsigned got_ = (expr);                                                            \
		if (got_ != (expected))                                                            \
			fail_msg("%u instead of %u: %s", got_, (expected), buf_cstr(&s.body));     \
	} while (0)
#define refuses(expected, code, expr)                                                              \
	do {                                                                                       \
		answers(expected, expr);                                                           \
		assert_string_equal(front_reason(&s), reason_id(code));                            \
	} while (0)

static void make_change(struct buf *out)
{
	struct key_change c = {.action = KEY_CREATE, .expires = fx_now(&fx) + 3600};

	fx_ok(name_parse(view_str("made"), &c.key));
	fx_ok(name_parse(view_str("main"), &c.token));
	(void)snprintf(c.algorithm, sizeof(c.algorithm), "ecdsa-p256");
	(void)snprintf(c.origin, sizeof(c.origin), "keeper.test");
	fx_ok(key_change_encode(&c, out, NULL));
}

/* One bad signature would refuse the good ones beside it, for ever: it is not kept. */
static void bad_signatures_do_not_block_a_change(void **state)
{
	AUTO(buf) struct buf change;
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf text;
	AUTO(buf) struct buf sig_text;
	struct fx_key stranger;

	(void)state;
	buf_init(&change, DOCUMENT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&text, 65536);
	buf_init(&sig_text, 65536);
	make_change(&change);
	answers(200, front_change(&s, STATEMENT_KEYADMIN, buf_view(&change), "erin"));
	assert_string_equal(front_text(&s, "state"), "pending");
	/* Junk, a stranger's, and somebody's over something else: by a person of the roster. */
	fx_key_new(&stranger, false);
	base64_put(BASE64_STD, buf_view(&change), &text);
	for (int i = 0; i < 3; i++) {
		buf_clear(&sig);
		buf_clear(&sig_text);
		if (i == 0)
			buf_put_str(&sig, "SSHSIG and nothing that is one");
		if (i == 1)
			fx_sign(&stranger, statement_info(STATEMENT_KEYADMIN)->ns,
				buf_view(&change), &sig);
		if (i == 2)
			fx_sign_as(&fx, "robot", STATEMENT_KEYADMIN, view_str("{}"), &sig);
		base64_put(BASE64_STD, buf_view(&sig), &sig_text);
		refuses(403, REASON_SIG_ADMIN,
			front_post(&s, "robot", "/v1/changes",
				   json_pack("{s:s,s:s,s:[s]}", "kind", "keyadmin", "statement",
					     buf_cstr(&text), "signatures", buf_cstr(&sig_text))));
	}
	/* A key that signs anew makes another signature: still one person. Bob's is such a key. */
	answers(200, front_change(&s, STATEMENT_KEYADMIN, buf_view(&change), "robot"));
	answers(200, front_change(&s, STATEMENT_KEYADMIN, buf_view(&change), "bob"));
	answers(200, front_change(&s, STATEMENT_KEYADMIN, buf_view(&change), "bob"));
	assert_string_equal(front_text(&s, "state"), "pending");
	answers(200, front_change(&s, STATEMENT_KEYADMIN, buf_view(&change), "frank"));
	assert_string_equal(front_text(&s, "state"), "done");
	ed25519_key_free(stranger.ed);
	sshkey_free(stranger.ssh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_signatures_do_not_block_a_change),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
