/* Unit tests of lib/crypt/dsse: the known answer of the specification, what is read strictly,
 * signatures of each key type, and those that must not verify. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/codec/base64.h"
#include "lib/crypt/dsse.h"
#include "lib/crypt/sshpriv.h"
#include "tests/unit/vectors.h"

/* The vector of the specification (protocol.md, "Test vectors"). */
static void pae_is_the_specified_one(void **state)
{
	uint8_t mem[256];
	struct buf b;

	(void)state;
	buf_init_fixed(&b, mem, sizeof(mem));
	dsse_put_pae("http://example.com/HelloWorld", view_str("hello world"), &b);
	assert_true(
		view_is(buf_view(&b), "DSSEv1 29 http://example.com/HelloWorld 11 hello world"));
	buf_clear(&b);
	dsse_put_pae("", view_of("", 0), &b);
	assert_true(view_is(buf_view(&b), "DSSEv1 0  0 "));
}

static enum rc_code parsed(const char *text)
{
	AUTO(dsse) struct dsse d = {0};
	struct fault f = {0};

	return dsse_parse(view_str(text), &d, &f).code;
}

#define SIG "\"signatures\":[{\"sig\":\"AA==\"}]"

static void envelopes_are_strict(void **state)
{
	(void)state;
	assert_int_equal(RC_OK, parsed("{\"payload\":\"\",\"payloadType\":\"t\"," SIG "}"));
	assert_int_equal(RC_OK,
			 parsed("{" SIG ",\"payloadType\":\"t\",\"x\":{},\"payload\":\"_-8=\"}"));
	static const char *const syntax[] = {
		"",
		"[]",
		"{",
		"{\"payload\":\"\",\"payloadType\":\"t\"}",
		"{\"payload\":\"\"," SIG "}",
		"{\"payloadType\":\"t\"," SIG "}",
		"{\"payload\":1,\"payloadType\":\"t\"," SIG "}",
		"{\"payload\":\"\",\"payloadType\":\"\"," SIG "}",
		"{\"payload\":\"\",\"payloadType\":\"a b\"," SIG "}",
		"{\"payload\":\"\",\"payloadType\":\"a\\u0000b\"," SIG "}",
		"{\"payload\":\"\",\"payloadType\":\"caf\\u00e9\"," SIG "}",
		/* twice: which of the two was signed? */
		"{\"payload\":\"\",\"payloadType\":\"t\",\"payloadType\":\"u\"," SIG "}",
		"{\"payload\":\"\",\"payload\":\"AA==\",\"payloadType\":\"t\"," SIG "}",
		/* base64: no padding, spaces, two alphabets, what follows */
		"{\"payload\":\"AA\",\"payloadType\":\"t\"," SIG "}",
		"{\"payload\":\"A A=\",\"payloadType\":\"t\"," SIG "}",
		"{\"payload\":\"-/8=\",\"payloadType\":\"t\"," SIG "}",
		"{\"payload\":\"AA==AA==\",\"payloadType\":\"t\"," SIG "}",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":{}}",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[1]}",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{}]}",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"\"}]}",
		"{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA==\","
		"\"keyid\":7}]}",
		"{\"payload\":\"\",\"payloadType\":\"t\"," SIG "} ,",
	};

	for (size_t i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++)
		if (parsed(syntax[i]) != RC_SYNTAX)
			fail_msg("accepted, or refused in other words: %s", syntax[i]);
	assert_int_equal(RC_NONCANON,
			 parsed("{\"payload\":\"AB==\",\"payloadType\":\"t\"," SIG "}"));
	assert_int_equal(RC_RANGE,
			 parsed("{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}"));
}

static void envelopes_are_bounded(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, 1 << 20);
	for (unsigned n = DSSE_SIGNATURES_MAX; n <= DSSE_SIGNATURES_MAX + 1; n++) {
		buf_clear(&b);
		buf_put_str(&b, "{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[");
		for (unsigned i = 0; i < n; i++)
			buf_printf(&b, "%s{\"sig\":\"AA==\"}", i > 0 ? "," : "");
		buf_put_str(&b, "]}");
		assert_int_equal(n > DSSE_SIGNATURES_MAX ? RC_LIMIT : RC_OK, parsed(buf_cstr(&b)));
	}
	buf_clear(&b);
	buf_printf(&b, "{\"payload\":\"%0*d\",\"payloadType\":\"t\"," SIG "}", DSSE_BYTES_MAX, 0);
	assert_int_equal(RC_LIMIT, parsed(buf_cstr(&b)));
	buf_clear(&b);
	buf_printf(&b, "{\"payload\":\"%0*d\",\"payloadType\":\"t\"," SIG "}",
		   DSSE_PAYLOAD_MAX / 3 * 4 + 8, 0);
	assert_int_equal(RC_LIMIT, parsed(buf_cstr(&b)));
	buf_clear(&b);
	buf_printf(&b, "{\"payload\":\"\",\"payloadType\":\"%0*d\"," SIG "}", DSSE_TYPE_MAX + 1, 0);
	assert_int_equal(RC_LIMIT, parsed(buf_cstr(&b)));
	/* Nested as deep as the size permits: refused, not followed. */
	buf_clear(&b);
	for (int i = 0; i < 100000; i++)
		buf_put_u8(&b, '[');
	assert_int_equal(RC_LIMIT, parsed(buf_cstr(&b)));
}

/* A member that nobody reads, as deep as this; brackets in texts are none. */
static void nesting_is_bounded(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, 4096);
	for (unsigned depth = 0; depth <= DSSE_DEPTH_MAX + 1; depth++) {
		bool deep = depth + 1 > DSSE_DEPTH_MAX;

		for (int quoted = 0; quoted <= 1; quoted++) {
			buf_clear(&b);
			buf_printf(&b, "{\"x\":%s", quoted ? "\"\\\"" : "");
			for (unsigned i = 0; i < depth; i++)
				buf_put_str(&b, "[");
			if (!quoted && depth == 0)
				buf_put_str(&b, "0");
			for (unsigned i = 0; i < depth; i++)
				buf_put_str(&b, "]");
			buf_printf(&b, "%s,\"payload\":\"\",\"payloadType\":\"t\"," SIG "}",
				   quoted ? "\"" : "");
			assert_int_equal(deep && !quoted ? RC_LIMIT : RC_OK, parsed(buf_cstr(&b)));
		}
	}
	/* Closing what was never opened opens no way down. */
	buf_clear(&b);
	for (unsigned i = 0; i < 100; i++)
		buf_put_str(&b, "]");
	for (unsigned i = 0; i < 100; i++)
		buf_put_str(&b, "[");
	assert_int_equal(RC_LIMIT, parsed(buf_cstr(&b)));
}

/* Made with ssh-keygen for this test alone. */
static struct sshpriv *private_key(const char *name)
{
	AUTO(buf) struct buf text = {0};
	struct sshpriv *p;

	assert_rc(RC_OK, sshpriv_parse(vector_read(&text, "sshsig", name), &p, NULL));
	return p;
}

static void sign_and_spoil(const struct sshpriv *p)
{
	const struct sshkey *key = sshpriv_key(p);
	struct view payload = view_str("{\"a\":1}");
	uint8_t pae_mem[128];
	uint8_t ssh_mem[256];
	uint8_t sig_mem[256];
	struct buf pae;
	struct buf ssh;
	struct buf sig;

	buf_init_fixed(&pae, pae_mem, sizeof(pae_mem));
	buf_init_fixed(&ssh, ssh_mem, sizeof(ssh_mem));
	buf_init_fixed(&sig, sig_mem, sizeof(sig_mem));
	dsse_put_pae("t", payload, &pae);
	assert_rc(RC_OK, sshpriv_sign_raw(p, buf_view(&pae), &ssh, NULL));
	assert_rc(RC_OK, dsse_put_ssh_signature(key, buf_view(&ssh), &sig, NULL));
	assert_rc(RC_OK, dsse_verify(key, "t", payload, buf_view(&sig), NULL));
	assert_rc(RC_BADSIG, dsse_verify(key, "u", payload, buf_view(&sig), NULL));
	assert_rc(RC_BADSIG, dsse_verify(key, "t", view_str("{\"a\":2}"), buf_view(&sig), NULL));
	assert_rc(RC_BADSIG, dsse_verify(key, "t", payload, view_of("", 0), NULL));
	for (size_t i = 0; i < sig.len; i++) {
		sig.ptr[i] ^= 1;
		assert_rc(RC_BADSIG, dsse_verify(key, "t", payload, buf_view(&sig), NULL));
		sig.ptr[i] ^= 1;
	}
	for (size_t cut = 0; cut < ssh.len; cut++) {
		struct buf out;
		uint8_t mem[256];

		buf_init_fixed(&out, mem, sizeof(mem));
		assert_false(
			rc_is_ok(dsse_put_ssh_signature(key, view_of(ssh.ptr, cut), &out, NULL)));
	}
	/* Over the payload, not the PAE. */
	buf_clear(&ssh);
	buf_clear(&sig);
	assert_rc(RC_OK, sshpriv_sign_raw(p, payload, &ssh, NULL));
	assert_rc(RC_OK, dsse_put_ssh_signature(key, buf_view(&ssh), &sig, NULL));
	assert_rc(RC_BADSIG, dsse_verify(key, "t", payload, buf_view(&sig), NULL));
}

static void signatures_verify(void **state)
{
	static const char *const names[] = {"ed25519", "ecdsa"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO(sshpriv) struct sshpriv *p = private_key(names[i]);

		sign_and_spoil(p);
	}
}

static void another_key_is_not_enough(void **state)
{
	AUTO(sshpriv) struct sshpriv *a = private_key("ed25519");
	AUTO(sshpriv) struct sshpriv *b = private_key("ecdsa");
	uint8_t ssh_mem[256];
	uint8_t sig_mem[256];
	struct buf ssh;
	struct buf sig;

	(void)state;
	buf_init_fixed(&ssh, ssh_mem, sizeof(ssh_mem));
	buf_init_fixed(&sig, sig_mem, sizeof(sig_mem));
	assert_rc(RC_OK, sshpriv_sign_raw(a, view_str("DSSEv1 1 t 0 "), &ssh, NULL));
	assert_rc(RC_UNSUPPORTED,
		  dsse_put_ssh_signature(sshpriv_key(b), buf_view(&ssh), &sig, NULL));
	assert_rc(RC_OK, dsse_put_ssh_signature(sshpriv_key(a), buf_view(&ssh), &sig, NULL));
	assert_rc(RC_OK, dsse_verify(sshpriv_key(a), "t", view_of("", 0), buf_view(&sig), NULL));
	assert_rc(RC_BADSIG,
		  dsse_verify(sshpriv_key(b), "t", view_of("", 0), buf_view(&sig), NULL));
}

static void what_is_written_is_read(void **state)
{
	AUTO(dsse) struct dsse d = {0};
	AUTO(buf) struct buf b = {0};
	struct dsse_signature s = {.keyid = "SHA256:abc", .sig = {1, 2, 3}, .len = 3};

	(void)state;
	buf_init(&b, 4096);
	dsse_put("t/x", view_str("{}"), &s, &b);
	assert_true(view_is(buf_view(&b),
			    "{\"payload\":\"e30=\",\"payloadType\":\"t/x\",\"signatures\":"
			    "[{\"keyid\":\"SHA256:abc\",\"sig\":\"AQID\"}]}"));
	assert_rc(RC_OK, dsse_parse(buf_view(&b), &d, NULL));
	assert_string_equal(d.type, "t/x");
	assert_true(view_is(buf_view(&d.payload), "{}"));
	assert_int_equal(d.count, 1);
	assert_string_equal(d.signatures[0].keyid, "SHA256:abc");
	assert_memory_equal(d.signatures[0].sig, s.sig, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pae_is_the_specified_one),
		cmocka_unit_test(envelopes_are_strict),
		cmocka_unit_test(envelopes_are_bounded),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(signatures_verify),
		cmocka_unit_test(another_key_is_not_enough),
		cmocka_unit_test(what_is_written_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
