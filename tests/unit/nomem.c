/* Memory that is not to be had: each case runs with its n-th allocation failing, for every n until
 * it passes. RC_NOMEM (or the code that the header names), nothing leaked (the sanitizers look),
 * outputs as they were, and the next run is good. See failing.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/codec/hex.h"
#include "lib/codec/jcan.h"
#include "lib/codec/pem.h"
#include "lib/crypt/ed25519.h"
#include "lib/crypt/seal.h"
#include "lib/crypt/sshkey.h"
#include "lib/crypt/sshpriv.h"
#include "lib/crypt/sshsig.h"
#include "lib/format/cms_file.h"
#include "lib/format/cms_tbs.h"
#include "lib/format/pe_file.h"
#include "lib/format/pe_tbs.h"
#include "lib/model/act.h"
#include "lib/model/change.h"
#include "lib/model/leaf.h"
#include "lib/model/request.h"
#include "lib/model/roster.h"
#include "lib/policy/policy.h"
#include "lib/tlog/checkpoint.h"
#include "lib/tlog/fsck.h"
#include "lib/tlog/items.h"
#include "lib/tlog/proof_file.h"
#include "lib/tlog/tile_dir.h"
#include "tests/support/ca.h"
#include "tests/support/failing.h"
#include "tests/support/pe.h"

#define ENTRIES 300 /* more than a tile */
#define NS "request.v1@greatseal"

/* ---- What is read --------------------------------------------------------------------------*/

static struct ca world;
static struct ed25519_key *log_key;
static struct note_signer signer;
static struct sshkey *ssh;
static struct buf line, roster_doc, policy_doc, statement, armored, blob, priv, pems, b64;
static struct buf cms_object, pe_signed, note, proof_bytes;
static struct roster *people;
static struct policy *rules;
static struct tree_mem tree;
static char public_dir[200];
static int public_fd = -1;
static struct fault f;

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define ok(expr) assert_rc(RC_OK, expr)
/* What an output is before the call. */
#define UNTOUCHED ((void *)(uintptr_t)0x5a5a)

static rc entry(void *ctx, uint64_t index, struct buf *out, struct fault *fault)
{
	(void)ctx;
	(void)fault;
	buf_printf(out, "entry %llu", (unsigned long long)index);
	return buf_done(out);
}

static int file_of(struct view bytes)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	ok(fd_pwrite_full(fd, bytes.ptr, bytes.len, 0, NULL));
	return fd;
}

static void make_request(struct buf *out)
{
	static const char *const names[] = {"one", "two", "three"};
	struct request_item items[3];
	struct request r = {.origin = "log.example",
			    .not_before = CA_NOW,
			    .deadline = CA_NOW + 60,
			    .uses = 1,
			    .reason = "because",
			    .items = items,
			    .count = 3};

	memset(items, 0, sizeof(items));
	ok(name_parse(view_str("release"), &r.key));
	ok(name_parse(view_str("alice"), &r.requester));
	ok(name_parse(view_str("build"), &r.host));
	for (size_t i = 0; i < 3; i++) {
		ok(name_parse(view_str("product"), &items[i].product));
		items[i].size = i;
		items[i].content = hash_of(HASH_SHA256, view_str(names[i]));
		(void)snprintf(items[i].format, sizeof(items[i].format), "cms");
		items[i].params = view_str("{\"digest\":\"sha256\"}");
	}
	ok(request_encode(&r, names, out, &f));
}

static void make_ssh(void)
{
	static const struct pem_kind kind = {"CERTIFICATE", PEM_COLUMNS};
	AUTO(buf) struct buf path;
	AUTO(buf) struct buf tbs;
	AUTO(buf) struct buf sig;
	AUTO(sshpriv) struct sshpriv *p = NULL;

	buf_init(&path, 500);
	buf_init(&tbs, SSHSIG_TBS_MAX);
	buf_init(&sig, 4096);
	buf_init(&priv, 65536);
	buf_printf(&path, "%s/tests/vectors/sshsig/ed25519", getenv("SRCDIR"));
	ok(file_read(buf_cstr(&path), &priv, NULL));
	ok(sshpriv_parse(buf_view(&priv), &p, &f));
	buf_init(&line, SSHKEY_LINE_MAX);
	sshkey_put_line(sshpriv_key(p), view_str("a comment"), &line);
	ok(sshkey_parse_line(buf_view(&line), &ssh, NULL, &f));
	buf_init(&blob, SSHSIG_BLOB_MAX);
	ok(sshpriv_sign(p, NS, buf_view(&statement), &blob, &f));
	buf_init(&armored, SSHSIG_ARMOR_MAX);
	sshsig_armor(buf_view(&blob), &armored);
	ok(buf_done(&armored));
	buf_init(&pems, 1 << 16);
	pem_put(&kind, buf_view(&world.leaf.cert), &pems);
	pem_put(&kind, buf_view(&world.middle.cert), &pems);
	buf_init(&b64, 1 << 16);
	base64_put(BASE64_STD, buf_view(&statement), &b64);
	ok(buf_done(&b64));
}

/* The line of some Ed25519 key. */
static void put_key(uint8_t number, struct buf *out)
{
	struct ed25519_key *k;
	AUTO(secret) struct secret seed = {0};
	AUTO(buf) struct buf key;
	uint8_t point[ED25519_PUBLIC];

	ok(secret_new(&seed, ED25519_SEED));
	memset(seed.ptr, number, seed.len);
	ok(ed25519_key_new(&seed, &k, NULL));
	ed25519_key_public(k, point);
	ed25519_key_free(k);
	buf_init(&key, 200);
	buf_put_string(&key, view_str("ssh-ed25519"));
	buf_put_string(&key, view_of(point, sizeof(point)));
	ok(buf_done(&key));
	buf_put_str(out, "ssh-ed25519 ");
	base64_put(BASE64_STD, buf_view(&key), out);
}

static void make_documents(void)
{
	buf_init(&roster_doc, 65536);
	buf_init(&policy_doc, 65536);
	buf_printf(&roster_doc, "{\"hosts\":[{\"groups\":[\"farm\"],\"keys\":[\"");
	put_key(99, &roster_doc);
	buf_printf(&roster_doc, "\"],\"name\":\"build\"}],\"people\":[");
	for (uint8_t i = 0; i < 20; i++) {
		buf_printf(&roster_doc, "%s{\"groups\":[\"all\",\"g%d\"],\"keys\":[\"",
			   i == 0 ? "" : ",", i);
		put_key(i, &roster_doc);
		buf_printf(&roster_doc, "\"],\"name\":\"p%02d\"}", i);
	}
	buf_printf(&roster_doc, "],\"version\":1}");
	buf_printf(
		&policy_doc,
		"{\"admin\":{\"approve\":[\"1 of all\"]},\"change\":{\"approve\":[\"2 of all\"]},"
		"\"rules\":[{\"approve\":[\"2 of all\"],\"formats\":[\"cms\",\"pe\"],"
		"\"from\":[\"group:farm\"],\"keys\":[\"release\",\"nightly\"],"
		"\"name\":\"release\",\"request\":[\"group:all\",\"p03\"]}],"
		"\"unlock\":{\"approve\":[\"1 of all\"]},\"version\":1}");
}

static void sign_object(const struct format_tbs *format, const struct hash *content,
			struct buf *out)
{
	const struct view chain[] = {buf_view(&world.middle.cert)};
	struct tbs_key key;
	struct tbs_input in = {.content = *content,
			       .when = CA_NOW,
			       .params = view_str("{\"digest\":\"sha256\"}"),
			       .key = &key};
	AUTO(buf) struct buf tbs;
	AUTO(buf) struct buf sig;

	buf_init(&tbs, TBS_MAX);
	buf_init(&sig, PKEY_SIGNATURE_MAX);
	ok(tbs_key_init(&key, KEY_P256, buf_view(&world.leaf.cert), chain, 1, &f));
	ok(format->tbs(&in, &tbs, &f));
	ok(tbs_sign(&in, buf_view(&tbs), &world.leaf.signer, &sig, &f));
	ok(format->finish(&in, buf_view(&sig), out, &f));
}

static void make_files(void)
{
	const struct hash content = hash_of(HASH_SHA256, buf_view(&statement));
	AUTO(fd) int in = -1;
	AUTO(fd) int out = file_of(view_of(NULL, 0));
	AUTO(buf) struct buf object;
	uint8_t image[PE_SIZE];
	struct hash digest;

	buf_init(&cms_object, FILE_OBJECT_MAX);
	sign_object(&format_cms_tbs, &content, &cms_object);
	buf_init(&object, FILE_OBJECT_MAX);
	pe_make(image, true);
	in = file_of(view_of(image, sizeof(image)));
	ok(format_pe_file.content(in, HASH_SHA256, &digest, &f));
	sign_object(&format_pe_tbs, &digest, &object);
	ok(format_pe_file.insert(in, buf_view(&object), out, &f));
	buf_init(&pe_signed, 1 << 20);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	ok(fd_read_all(out, &pe_signed, NULL));
}

static void make_log(void)
{
	struct secret seed;
	const struct tile_store store = tile_dir_store(&public_fd);
	const struct entry_source source = {.entry = entry};
	const struct tree_head none = {.root = tree_empty_root()};
	struct tree_head head;
	struct tree_reader reader;
	struct proof_file file = {.index = 7};
	struct tile_pub *pub;
	AUTO(buf) struct buf e;

	buf_init(&e, 100);
	ok(secret_new(&seed, ED25519_SEED));
	memset(seed.ptr, 7, seed.len);
	ok(ed25519_key_new(&seed, &log_key, NULL));
	secret_release(&seed);
	ok(note_signer_ed25519("log.example", log_key, &signer, &f));
	tree_mem_init(&tree);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		struct digest leaf;

		buf_clear(&e);
		ok(entry(NULL, i, &e, NULL));
		leaf = tree_leaf_hash(buf_view(&e));
		ok(tree_mem_append(&tree, &leaf));
	}
	head = (struct tree_head){.size = ENTRIES, .root = tree_mem_root(&tree)};
	buf_init(&note, CHECKPOINT_MAX);
	ok(checkpoint_sign(&head, &signer, &note, &f));
	ok(dir_temp("/tmp/nomem-", public_dir, sizeof(public_dir), NULL));
	ok(dir_open(public_dir, &public_fd, NULL));
	ok(tile_pub_open(&store, &source, &none, &pub, &f));
	ok(tile_pub_advance(pub, &head, buf_view(&note), &f));
	tile_pub_free(pub);
	reader = tree_mem_reader(&tree);
	ok(tree_prove_inclusion(&reader, ENTRIES, 7, &file.proof, &f));
	file.note = buf_view(&note);
	buf_init(&proof_bytes, PROOF_FILE_MAX);
	proof_file_put(&file, &proof_bytes);
	ok(buf_done(&proof_bytes));
}

static int setup(void **state)
{
	(void)state;
	ca_new(&world, KEY_P256);
	buf_init(&statement, REQUEST_BYTES_MAX);
	make_request(&statement);
	make_ssh();
	make_documents();
	ok(roster_parse(buf_view(&roster_doc), &people, &f));
	ok(policy_parse(buf_view(&policy_doc), &rules, &f));
	make_files();
	make_log();
	return 0;
}

static int teardown(void **state)
{
	struct buf *all[] = {&line,	 &roster_doc, &policy_doc, &statement, &armored,
			     &blob,	 &priv,	      &pems,	   &b64,       &cms_object,
			     &pe_signed, &note,	      &proof_bytes};
	char command[300];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		buf_release(all[i]);
	roster_free(people);
	policy_free(rules);
	tree_mem_release(&tree);
	ed25519_key_free(log_key);
	sshkey_free(ssh);
	ca_free(&world);
	fd_close(&public_fd);
	(void)snprintf(command, sizeof(command), "rm -rf %s", public_dir);
	return system(command);
}

/* ---- Cases ---------------------------------------------------------------------------------*/

/* Each returns what the call returned, and asserts that a failure has left the output alone. */
#define REFUSED_UNTOUCHED(r, output)                                                               \
	do {                                                                                       \
		if (!rc_is_ok(r)) {                                                                \
			assert_ptr_equal(output, UNTOUCHED);                                       \
			return r;                                                                  \
		}                                                                                  \
	} while (0)

static rc parses_request(void)
{
	struct request r;
	struct request before;
	rc got;

	memset(&r, 0x5a, sizeof(r));
	before = r;
	got = request_parse(buf_view(&statement), &r, &f);
	if (rc_is_ok(got))
		request_release(&r);
	else
		assert_memory_equal(&r, &before, sizeof(r));
	return got;
}

static rc encodes_request(void)
{
	static const char *const names[] = {"one", "two", "three"};
	AUTO(request) struct request r = {0};
	AUTO(buf) struct buf out;

	buf_init(&out, REQUEST_BYTES_MAX);
	TRY(request_parse(buf_view(&statement), &r, &f));
	TRY(request_encode(&r, names, &out, &f));
	assert_true(view_is_equal(buf_view(&out), buf_view(&statement)));
	return OK;
}

static rc parses_roster(void)
{
	struct roster *r = UNTOUCHED;
	rc got = roster_parse(buf_view(&roster_doc), &r, &f);

	REFUSED_UNTOUCHED(got, r);
	roster_free(r);
	return OK;
}

static rc parses_policy(void)
{
	struct policy *p = UNTOUCHED;
	rc got = policy_parse(buf_view(&policy_doc), &p, &f);

	REFUSED_UNTOUCHED(got, p);
	policy_free(p);
	return OK;
}

static rc checks_policy(void)
{
	return policy_check(rules, people, &f);
}

static rc encodes_acts_and_changes(void)
{
	struct act a = {.kind = STATEMENT_APPROVAL, .origin = "log.example", .expires = CA_NOW};
	struct document_change doc = {
		.kind = STATEMENT_ROSTER, .document = buf_view(&roster_doc), .expires = CA_NOW};
	struct key_change key = {.action = KEY_LOCK, .origin = "log.example", .expires = CA_NOW};
	AUTO(buf) struct buf out;

	buf_init(&out, DOCUMENT_BYTES_MAX);
	(void)snprintf(a.person.s, sizeof(a.person.s), "p01");
	(void)snprintf(key.key.s, sizeof(key.key.s), "release");
	TRY(act_encode(&a, &out, &f));
	TRY(act_parse(STATEMENT_APPROVAL, buf_view(&out), &a, &f));
	buf_release(&out);
	TRY(document_change_encode(&doc, &out, &f));
	TRY(document_change_parse(STATEMENT_ROSTER, buf_view(&out), &doc, &f));
	buf_release(&out);
	TRY(key_change_encode(&key, &out, &f));
	return key_change_parse(buf_view(&out), &key, &f);
}

static rc decodes_text(void)
{
	static const struct pem_kind kind = {"CERTIFICATE", PEM_COLUMNS};
	AUTO(buf) struct buf out;
	struct view rest = buf_view(&pems);

	buf_init(&out, 1 << 16);
	TRY(base64_parse(BASE64_STD, buf_view(&b64), &out, &f));
	assert_true(view_is_equal(buf_view(&out), buf_view(&statement)));
	buf_release(&out);
	TRY(pem_next(&kind, &rest, &out, &f));
	assert_true(view_is_equal(buf_view(&out), buf_view(&world.leaf.cert)));
	return jcan_check(buf_view(&roster_doc), &f);
}

static rc encodes_text(void)
{
	static const struct pem_kind kind = {"CERTIFICATE", PEM_COLUMNS};
	AUTO(buf) struct buf out;
	struct jcan_out w;

	buf_init(&out, 1 << 20);
	jcan_out_init(&w, &out);
	jcan_out_array(&w);
	for (int i = 0; i < 100; i++)
		jcan_out_view(&w, buf_view(&b64));
	jcan_out_array_end(&w);
	TRY(jcan_out_done(&w));
	buf_release(&out);
	pem_put(&kind, buf_view(&world.leaf.cert), &out);
	TRY(buf_done(&out));
	buf_release(&out);
	buf_printf(&out, "%.*s", (int)b64.len, (const char *)b64.ptr);
	return buf_done(&out);
}

static rc reads_ssh_keys(void)
{
	struct sshkey *k = UNTOUCHED;
	struct view comment;
	rc got = sshkey_parse_line(buf_view(&line), &k, &comment, &f);

	REFUSED_UNTOUCHED(got, k);
	sshkey_free(k);
	return OK;
}

static rc reads_private_keys(void)
{
	struct sshpriv *p = UNTOUCHED;
	rc got = sshpriv_parse(buf_view(&priv), &p, &f);

	REFUSED_UNTOUCHED(got, p);
	sshpriv_free(p);
	return OK;
}

static rc signs_by_ssh(void)
{
	AUTO(sshpriv) struct sshpriv *p = NULL;
	AUTO(buf) struct buf out;

	buf_init(&out, SSHSIG_BLOB_MAX);
	TRY(sshpriv_parse(buf_view(&priv), &p, &f));
	TRY(sshpriv_sign(p, NS, buf_view(&statement), &out, &f));
	assert_true(view_is_equal(buf_view(&out), buf_view(&blob)));
	return OK;
}

/* As the keeper does: armour off, parts, signature. */
static rc verify_statement(struct view message)
{
	static const struct sshsig_rules strict;
	AUTO(buf) struct buf raw;
	struct sshsig_info info, before;
	rc got;

	buf_init(&raw, SSHSIG_BLOB_MAX);
	TRY(sshsig_dearmor(buf_view(&armored), &raw, &f));
	memset(&info, 0x5a, sizeof(info));
	before = info;
	got = sshsig_verify(ssh, NS, message, buf_view(&raw), &strict, &info, &f);
	if (!rc_is_ok(got))
		assert_memory_equal(&info, &before, sizeof(info));
	return got;
}

static rc verifies_statement(void)
{
	return verify_statement(buf_view(&statement));
}

static rc refuses_statement(void)
{
	return verify_statement(view_str("{}"));
}

static rc seals(void)
{
	AUTO(secret) struct secret key = {0};
	AUTO(secret) struct secret plain = {0};
	AUTO(buf) struct buf out;
	struct seal seal = {.key = &key};

	buf_init(&out, 1 << 16);
	TRY(seal_hkdf(view_str("0123456789abcdef0123456789abcdef"), view_str("salt"), "test", &key,
		      &f));
	TRY(seal_encrypt(&seal, buf_view(&statement), &out, &f));
	TRY(seal_decrypt(&seal, buf_view(&out), &plain, &f));
	assert_true(view_is_equal(secret_view(&plain), buf_view(&statement)));
	return OK;
}

static rc reads_certificates(void)
{
	struct x509_chain *chain = __real_calloc(1, sizeof(*chain));
	struct x509 leaf;
	struct pkey *k = UNTOUCHED;
	rc got;

	assert_non_null(chain);
	got = x509_chain_read(buf_view(&pems), chain, &f);
	if (rc_is_ok(got))
		x509_chain_release(chain);
	free(chain);
	TRY(got);
	TRY(x509_parse(buf_view(&world.leaf.cert), &leaf, &f));
	got = pkey_from_spki(leaf.spki, &k, &f);
	REFUSED_UNTOUCHED(got, k);
	pkey_destroy(k);
	return OK;
}

static rc makes_objects(void)
{
	const struct hash content = hash_of(HASH_SHA256, buf_view(&statement));
	const struct view chain[] = {buf_view(&world.middle.cert)};
	struct tbs_key key;
	struct tbs_input in = {.content = content,
			       .when = CA_NOW,
			       .params = view_str("{\"digest\":\"sha256\"}"),
			       .key = &key};
	AUTO(buf) struct buf out;

	buf_init(&out, FILE_OBJECT_MAX);
	TRY(tbs_key_init(&key, KEY_P256, buf_view(&world.leaf.cert), chain, 1, &f));
	for (size_t i = 0; format_tbs_table[i] != NULL; i++) {
		const struct format_tbs *format = format_tbs_table[i];

		TRY(format->check(&in, &f));
		buf_release(&out);
		TRY(format->tbs(&in, &out, &f));
		buf_release(&out);
		TRY(format->finish(&in, view_str("0123456789"), &out, &f));
		TRY(buf_done(&out));
	}
	return OK;
}

static rc verify_file(const struct format_file *format, int fd, struct view object)
{
	const struct view root = buf_view(&world.root.cert);
	struct verify_report report, before;
	rc got;

	memset(&report, 0x5a, sizeof(report));
	before = report;
	got = format->verify(fd, object, &(struct verify_trust){&root, 1, CA_NOW}, &report, &f);
	if (!rc_is_ok(got))
		assert_memory_equal(&report, &before, sizeof(report));
	return got;
}

static rc verifies_cms(void)
{
	AUTO(fd) int fd = file_of(buf_view(&statement));

	return verify_file(&format_cms_file, fd, buf_view(&cms_object));
}

static rc refuses_cms(void)
{
	AUTO(fd) int fd = file_of(view_str("another file"));

	return verify_file(&format_cms_file, fd, buf_view(&cms_object));
}

static rc verifies_pe(void)
{
	AUTO(fd) int fd = file_of(buf_view(&pe_signed));
	AUTO(buf) struct buf object;

	buf_init(&object, FILE_OBJECT_MAX);
	TRY(format_pe_file.extract(fd, &object, &f));
	return verify_file(&format_pe_file, fd, buf_view(&object));
}

static rc inserts_into_pe(void)
{
	uint8_t image[PE_SIZE];
	AUTO(fd) int in = -1;
	AUTO(fd) int out = file_of(view_of(NULL, 0));
	struct hash content;

	pe_make(image, false);
	in = file_of(view_of(image, sizeof(image)));
	TRY(format_pe_file.content(in, HASH_SHA256, &content, &f));
	TRY(format_pe_file.insert(in, buf_view(&cms_object), out, &f));
	return format_pe_file.restore(out, in, &f);
}

static rc reads_checkpoints(void)
{
	struct checkpoint c;
	struct proof_file p;
	struct view text = view_str("entry 7");

	TRY(checkpoint_open(buf_view(&note), &signer.key, &c, &f));
	assert_int_equal(c.head.size, ENTRIES);
	TRY(proof_file_parse(buf_view(&proof_bytes), &p, &f));
	return proof_file_verify(&p, text, &signer.key, NULL, &f);
}

static rc signs_checkpoints(void)
{
	const struct tree_head head = {.size = ENTRIES, .root = tree_mem_root(&tree)};
	AUTO(buf) struct buf out;

	buf_init(&out, CHECKPOINT_MAX);
	TRY(checkpoint_sign(&head, &signer, &out, &f));
	assert_true(view_is_equal(buf_view(&out), buf_view(&note)));
	return OK;
}

static rc follows_the_log(void)
{
	const struct tile_reader reader = tile_dir_reader(&public_fd);
	const struct tree_head none = {.root = tree_empty_root()};
	struct checkpoint c;

	return log_follow(&reader, buf_view(&note), &signer.key, &none, &c, &f);
}

static rc checks_the_log(void)
{
	struct fsck check = {
		.reader = tile_dir_reader(&public_fd), .log = &signer.key, .note = buf_view(&note)};
	struct fsck_report report;

	return fsck_run(&check, &report, &f);
}

static rc publishes(void)
{
	const struct tile_store store = tile_dir_store(&public_fd);
	const struct entry_source source = {.entry = entry};
	const struct tree_head head = {.size = ENTRIES, .root = tree_mem_root(&tree)};
	struct tile_pub *pub = UNTOUCHED;
	rc got = tile_pub_open(&store, &source, &head, &pub, &f);

	REFUSED_UNTOUCHED(got, pub);
	got = tile_pub_advance(pub, &head, buf_view(&note), &f);
	tile_pub_free(pub);
	return got;
}

static rc grows_a_tree(void)
{
	AUTO(tree_mem) struct tree_mem t;
	struct digest leaf = {{1}};

	tree_mem_init(&t);
	for (int i = 0; i < 40; i++)
		TRY(tree_mem_append(&t, &leaf));
	return OK;
}

/* ---- All of them ---------------------------------------------------------------------------*/

static const struct {
	const char *name;
	rc (*run)(void);
	enum rc_code whole; /* with all the memory there is */
} cases[] = {
	{"request_parse", parses_request, RC_OK},
	{"request_encode", encodes_request, RC_OK},
	{"roster_parse", parses_roster, RC_OK},
	{"policy_parse", parses_policy, RC_OK},
	{"policy_check", checks_policy, RC_OK},
	{"acts and changes", encodes_acts_and_changes, RC_OK},
	{"decoding text", decodes_text, RC_OK},
	{"encoding text", encodes_text, RC_OK},
	{"sshkey_parse_line", reads_ssh_keys, RC_OK},
	{"sshpriv_parse", reads_private_keys, RC_OK},
	{"sshpriv_sign", signs_by_ssh, RC_OK},
	{"sshsig_verify", verifies_statement, RC_OK},
	{"sshsig_verify, refused", refuses_statement, RC_BADSIG},
	{"seal", seals, RC_OK},
	{"certificates", reads_certificates, RC_OK},
	{"format_tbs", makes_objects, RC_OK},
	{"cms verify", verifies_cms, RC_OK},
	{"cms verify, refused", refuses_cms, RC_MISMATCH},
	{"pe verify", verifies_pe, RC_OK},
	{"pe insert", inserts_into_pe, RC_OK},
	{"checkpoints", reads_checkpoints, RC_OK},
	{"checkpoint_sign", signs_checkpoints, RC_OK},
	{"log_follow", follows_the_log, RC_OK},
	{"fsck_run", checks_the_log, RC_OK},
	{"tile_pub", publishes, RC_OK},
	{"tree_mem", grows_a_tree, RC_OK},
};

static size_t run_with(size_t i, size_t number, rc *ret)
{
	f = (struct fault){0};
	failing_begin(number);
	*ret = cases[i].run();
	return failing_end();
}

static void every_allocation_fails_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n;
		size_t all;
		rc r;

		all = run_with(i, 0, &r);
		if (r.code != cases[i].whole)
			fail_msg("%s: %s: %s", cases[i].name, rc_name(r), f.text);
		/* A case that allocates nothing would show nothing. */
		assert_true(all > 0);
		for (n = 1; n <= all; n++) {
			(void)run_with(i, n, &r);
			if (r.code != RC_NOMEM)
				fail_msg("%s, allocation %zu of %zu fails: %s: %s", cases[i].name,
					 n, all, rc_name(r), f.text);
		}
		/* Whatever failed before leaves nothing behind. */
		assert_int_equal(run_with(i, 0, &r), all);
		assert_int_equal(r.code, cases[i].whole);
		(void)printf("%s: %zu allocations\n", cases[i].name, all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_once)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
