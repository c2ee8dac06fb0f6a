/* receipt: what counts as the log's answer to an act, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/codec/base64.h"
#include "lib/model/change.h"
#include "lib/model/leaf.h"
#include "lib/model/objection.h"
#include "lib/model/review.h"
#include "lib/tlog/proof_file.h"
#include "prog/cli/receipt.h"

#define assert_rc(want, expr) assert_int_equal(want, (expr).code)
#define NOW ((unix_time)1795424400)

static struct ed25519_key *key;
static struct note_signer signer;

static struct ed25519_key *key_of(uint8_t first)
{
	AUTO(secret) struct secret seed = {0};
	struct ed25519_key *k;

	assert_rc(RC_OK, secret_new(&seed, 32));
	memset(seed.ptr, first, 32);
	assert_rc(RC_OK, ed25519_key_new(&seed, &k, NULL));
	return k;
}

static int setup(void **state)
{
	(void)state;
	key = key_of(1);
	assert_rc(RC_OK, note_signer_ed25519("log.example", key, &signer, NULL));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ed25519_key_free(key);
	return 0;
}

static void make(enum statement_kind kind, struct receipt *ret)
{
	AUTO(buf) struct buf statement = {0};
	struct act a = {.kind = kind, .origin = "log.example", .comment = "why"};

	a.request.b[0] = 7;
	a.expires = NOW + 3600;
	assert_rc(RC_OK, name_parse(view_str("alice"), &a.person));
	buf_init(&statement, ACT_BYTES_MAX);
	assert_rc(RC_OK, act_encode(&a, &statement, NULL));
	assert_rc(RC_OK, receipt_make(kind, "log.example", buf_view(&statement),
				      view_str("signature"), NOW, ret, NULL));
}

static struct leaf leaf_of(const struct receipt *r, enum leaf_kind kind)
{
	return (struct leaf){.kind = kind,
			     .time = NOW + 1,
			     .request = r->act.request,
			     .statement = r->digest,
			     .signature = digest_of(buf_view(&r->signature))};
}

/* A log of one entry before it and the leaf; its proof into the receipt. */
static void answer(struct receipt *r, const struct leaf *leaf, const struct note_signer *by)
{
	AUTO(buf) struct buf entry = {0};
	AUTO(buf) struct buf extra = {0};
	AUTO(buf) struct buf note = {0};
	AUTO(buf) struct buf file = {0};
	struct digest first = tree_leaf_hash(view_str("first"));
	struct proof_file p = {.index = 1, .proof = {.count = 1, .hash = {first}}};
	struct tree_head head = {.size = 2};
	struct digest hash;

	buf_init(&entry, LEAF_BYTES_MAX);
	buf_init(&extra, PROOF_FILE_MAX);
	buf_init(&note, CHECKPOINT_MAX);
	buf_init(&file, PROOF_FILE_MAX);
	assert_rc(RC_OK, leaf_encode(leaf, &entry, NULL));
	base64_put(BASE64_STD, buf_view(&entry), &extra);
	hash = tree_leaf_hash(buf_view(&entry));
	head.root = tree_node_hash(&first, &hash);
	assert_rc(RC_OK, checkpoint_sign(&head, by, &note, NULL));
	p.extra = buf_view(&extra);
	p.note = buf_view(&note);
	proof_file_put(&p, &file);
	assert_rc(RC_OK, receipt_set_proof(r, buf_view(&file), NULL));
}

static void each_kind(void **state)
{
	static const enum leaf_kind kinds[] = {LEAF_APPROVAL, LEAF_DENIAL, LEAF_WITHDRAWAL,
					       LEAF_CANCEL};

	(void)state;
	for (int i = 0; i < 4; i++) {
		AUTO(receipt) struct receipt r = {0};
		AUTO(receipt) struct receipt again = {0};
		AUTO(buf) struct buf text = {0};
		struct leaf leaf;
		struct fault f;

		make((enum statement_kind)(STATEMENT_APPROVAL + i), &r);
		leaf = leaf_of(&r, kinds[i]);
		answer(&r, &leaf, &signer);
		assert_rc(RC_OK, receipt_check(&r, &signer.key, NOW + 2, &f));
		assert_int_equal(r.leaf, 1);
		assert_int_equal(r.time, NOW + 1);
		assert_int_equal(r.head.head.size, 2);
		leaf = leaf_of(&r, kinds[(i + 1) % 4]);
		answer(&r, &leaf, &signer);
		assert_rc(RC_MISMATCH, receipt_check(&r, &signer.key, NOW + 2, &f));
		assert_non_null(strstr(f.text, "of another kind"));
		/* parse(encode(x)) == x */
		buf_init(&text, RECEIPT_BYTES_MAX);
		assert_rc(RC_OK, receipt_encode(&r, &text, NULL));
		assert_rc(RC_OK, receipt_parse(buf_view(&text), &again, NULL));
		assert_int_equal(again.kind, r.kind);
		assert_true(digest_is_equal(&again.digest, &r.digest));
		assert_true(view_is_equal(buf_view(&again.proof), buf_view(&r.proof)));
		assert_true(view_is_equal(buf_view(&again.signature), buf_view(&r.signature)));
	}
}

/* A review's entry says which use it is of, and is none of another kind. */
static void of_a_review(void **state)
{
	struct review v = {.use = 1, .time = NOW, .origin = "log.example", .comment = "looked at"};
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf text = {0};
	AUTO(receipt) struct receipt r = {0};
	AUTO(receipt) struct receipt again = {0};
	struct leaf leaf;
	struct fault f;

	(void)state;
	v.request.b[0] = 7;
	assert_rc(RC_OK, name_parse(view_str("erin"), &v.person));
	buf_init(&statement, REVIEW_BYTES_MAX);
	assert_rc(RC_OK, review_encode(&v, &statement, NULL));
	assert_rc(RC_OK, receipt_make(STATEMENT_REVIEW, "log.example", buf_view(&statement),
				      view_str("signature"), NOW, &r, NULL));
	assert_true(digest_is_equal(&r.act.request, &v.request));
	leaf = leaf_of(&r, LEAF_REVIEW);
	leaf.use = 1;
	(void)snprintf(leaf.action, sizeof(leaf.action), "ok");
	answer(&r, &leaf, &signer);
	assert_rc(RC_OK, receipt_check(&r, &signer.key, NOW + 2, &f));
	leaf.request.b[0] = 8;
	answer(&r, &leaf, &signer);
	assert_rc(RC_MISMATCH, receipt_check(&r, &signer.key, NOW + 2, &f));
	leaf = leaf_of(&r, LEAF_APPROVAL);
	answer(&r, &leaf, &signer);
	assert_rc(RC_MISMATCH, receipt_check(&r, &signer.key, NOW + 2, &f));
	buf_init(&text, RECEIPT_BYTES_MAX);
	assert_rc(RC_OK, receipt_encode(&r, &text, NULL));
	assert_rc(RC_OK, receipt_parse(buf_view(&text), &again, NULL));
	assert_int_equal(again.kind, STATEMENT_REVIEW);
	assert_string_equal(again.act.person.s, "erin");
}

static void key_lock(struct buf *statement)
{
	struct key_change k = {.action = KEY_LOCK,
			       .origin = "log.example",
			       .expires = NOW + 3600,
			       .comment = "gone"};

	assert_rc(RC_OK, name_parse(view_str("release"), &k.key));
	assert_rc(RC_OK, key_change_encode(&k, statement, NULL));
}

/* The entry of a change is about it, whoever else has signed and whenever that was. */
static void of_a_change(void **state)
{
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf text = {0};
	AUTO(receipt) struct receipt r = {0};
	AUTO(receipt) struct receipt again = {0};
	struct leaf leaf = {.kind = LEAF_ADMIN, .time = NOW - 86400, .action = "key.lock"};
	struct fault f;

	(void)state;
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	key_lock(&statement);
	assert_rc(RC_OK, receipt_make(STATEMENT_KEYADMIN, "log.elsewhere", buf_view(&statement),
				      view_str("signature"), NOW, &r, NULL));
	assert_string_equal(r.act.origin, "log.example"); /* the statement's own */
	leaf.statement = r.digest;
	answer(&r, &leaf, &signer);
	assert_rc(RC_OK, receipt_check(&r, &signer.key, NOW, &f));
	assert_string_equal(r.action, "key.lock");
	leaf.time = NOW + RECEIPT_CLOCK + 1;
	answer(&r, &leaf, &signer);
	assert_rc(RC_MISMATCH, receipt_check(&r, &signer.key, NOW, &f));
	leaf.time = NOW;
	leaf.statement.b[0] ^= 1;
	answer(&r, &leaf, &signer);
	assert_rc(RC_MISMATCH, receipt_check(&r, &signer.key, NOW, &f));
	assert_non_null(strstr(f.text, "another statement"));
	leaf = leaf_of(&r, LEAF_DENIAL);
	answer(&r, &leaf, &signer);
	assert_rc(RC_MISMATCH, receipt_check(&r, &signer.key, NOW, &f));
	assert_non_null(strstr(f.text, "another kind"));
	buf_init(&text, RECEIPT_BYTES_MAX);
	assert_rc(RC_OK, receipt_encode(&r, &text, NULL));
	assert_rc(RC_OK, receipt_parse(buf_view(&text), &again, NULL));
	assert_int_equal(again.kind, STATEMENT_KEYADMIN);
}

/* An objection names no log: the receipt does. */
static void without_a_log(void **state)
{
	struct objection o = {.expires = NOW + 3600, .comment = "no"};
	AUTO(buf) struct buf statement = {0};
	AUTO(buf) struct buf text = {0};
	AUTO(receipt) struct receipt r = {0};
	AUTO(receipt) struct receipt again = {0};
	struct leaf leaf = {.kind = LEAF_ADMIN, .time = NOW, .action = "policy.objection"};
	char longer[ORIGIN_MAX + 2];

	(void)state;
	memset(longer, 'a', sizeof(longer));
	longer[ORIGIN_MAX + 1] = '\0';
	buf_init(&statement, OBJECTION_BYTES_MAX);
	assert_rc(RC_OK, objection_encode(&o, &statement, NULL));
	assert_rc(RC_LIMIT, receipt_make(STATEMENT_OBJECTION, longer, buf_view(&statement),
					 view_str("signature"), NOW, &r, NULL));
	assert_rc(RC_OK, receipt_make(STATEMENT_OBJECTION, "log.example", buf_view(&statement),
				      view_str("signature"), NOW, &r, NULL));
	leaf.statement = r.digest;
	answer(&r, &leaf, &signer);
	buf_init(&text, RECEIPT_BYTES_MAX);
	assert_rc(RC_OK, receipt_encode(&r, &text, NULL));
	assert_rc(RC_OK, receipt_parse(buf_view(&text), &again, NULL));
	assert_string_equal(again.act.origin, "log.example");
	assert_rc(RC_OK, receipt_check(&again, &signer.key, NOW, NULL));
	(void)strcpy(again.act.origin, "log.elsewhere");
	assert_rc(RC_MISMATCH, receipt_check(&again, &signer.key, NOW, NULL));
}

/* Everything that an entry says is held against the act. */
static void another_entry(void **state)
{
	AUTO(receipt) struct receipt r = {0};
	struct leaf good;
	struct leaf leaf;
	struct fault f;

	(void)state;
	make(STATEMENT_DENIAL, &r);
	good = leaf_of(&r, LEAF_DENIAL);
#define REFUSED(change, now, words)                                                                \
	leaf = good;                                                                               \
	change;                                                                                    \
	answer(&r, &leaf, &signer);                                                                \
	assert_rc(RC_MISMATCH, receipt_check(&r, &signer.key, now, &f));                           \
	assert_non_null(strstr(f.text, words))
	REFUSED(leaf.request.b[31] ^= 1, NOW, "another request");
	REFUSED(leaf.statement.b[31] ^= 1, NOW, "another statement");
	REFUSED(leaf.signature.b[31] ^= 1, NOW, "another signature");
	REFUSED(leaf.time = NOW - RECEIPT_CLOCK - 1, NOW, "older than the act");
	REFUSED(leaf.time = NOW + RECEIPT_CLOCK + 1, NOW, "time to come");
#undef REFUSED
	/* Sent again after a long time. */
	leaf = good;
	leaf.time = NOW + 86400;
	answer(&r, &leaf, &signer);
	assert_rc(RC_OK, receipt_check(&r, &signer.key, NOW + 86400, &f));
}

static void another_log(void **state)
{
	AUTO(receipt) struct receipt r = {0};
	struct ed25519_key *other = key_of(2);
	struct note_signer forged;
	struct vkey named = signer.key;
	struct leaf leaf;

	(void)state;
	make(STATEMENT_DENIAL, &r);
	leaf = leaf_of(&r, LEAF_DENIAL);
	assert_rc(RC_OK, note_signer_ed25519("log.example", other, &forged, NULL));
	answer(&r, &leaf, &forged);
	assert_rc(RC_MISMATCH, receipt_check(&r, &signer.key, NOW, NULL));
	answer(&r, &leaf, &signer);
	(void)strcpy(named.name, "log.elsewhere");
	assert_rc(RC_MISMATCH, receipt_check(&r, &named, NOW, NULL));
	/* Any byte of the proof. */
	for (size_t i = 0; i < r.proof.len; i += 3) {
		r.proof.ptr[i] ^= 1;
		assert_rc(RC_MISMATCH, receipt_check(&r, &signer.key, NOW, NULL));
		r.proof.ptr[i] ^= 1;
	}
	assert_rc(RC_OK, receipt_check(&r, &signer.key, NOW, NULL));
	buf_clear(&r.proof);
	assert_rc(RC_MISMATCH, receipt_check(&r, &signer.key, NOW, NULL));
	ed25519_key_free(other);
}

static void refused_files(void **state)
{
	AUTO(receipt) struct receipt r = {0};
	AUTO(receipt) struct receipt out = {0};
	AUTO(buf) struct buf text = {0};
	char *copy;

	(void)state;
	make(STATEMENT_DENIAL, &r);
	assert_rc(RC_UNSUPPORTED,
		  receipt_make(STATEMENT_REQUEST, "log.example", buf_view(&r.statement),
			       view_str("s"), NOW, &out, NULL));
	assert_rc(RC_MISMATCH,
		  receipt_make(STATEMENT_APPROVAL, "log.example", buf_view(&r.statement),
			       view_str("s"), NOW, &out, NULL));
	buf_init(&text, RECEIPT_BYTES_MAX);
	assert_rc(RC_OK, receipt_encode(&r, &text, NULL));
	assert_rc(RC_OK, receipt_parse(buf_view(&text), &out, NULL));
	receipt_release(&out);
	out = (struct receipt){0};
	copy = strdup((const char *)buf_cstr(&text));
	assert_non_null(copy);
	(void)memcpy(strstr(copy, "denial"), "demial", 6);
	assert_rc(RC_SYNTAX, receipt_parse(view_str(copy), &out, NULL));
	free(copy);
	assert_rc(RC_SYNTAX, receipt_parse(view_str("{}"), &out, NULL));
	assert_rc(RC_SYNTAX,
		  receipt_parse(view_str("{\"kind\":\"denial\",\"kind\":\"denial\"}"), &out, NULL));
	assert_rc(RC_LIMIT, receipt_parse(view_of(text.ptr, RECEIPT_BYTES_MAX + 1), &out, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),	 cmocka_unit_test(of_a_review),
		cmocka_unit_test(of_a_change),	 cmocka_unit_test(without_a_log),
		cmocka_unit_test(another_entry), cmocka_unit_test(another_log),
		cmocka_unit_test(refused_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
