/* evil_evidence - scans and provenance made in the test, sent to the keeper of tests/flow/evil.h.
 * Included once by each program. */
#ifndef GS_TESTS_EVIL_EVIDENCE_H
#define GS_TESTS_EVIL_EVIDENCE_H

#include "tests/flow/evil.h"

#include <string.h>

#include "lib/crypt/dsse.h"
#include "lib/model/evidence.h"
#include "lib/model/provenance.h"

static struct evidence scan;
static uint32_t count;

static void scan_new(void)
{
	scan = (struct evidence){.kind = STATEMENT_SCAN,
				 .by = {"build1"},
				 .given = fx_now(&fx),
				 .scanner = "clamav",
				 .count = 1,
				 .subjects = {{.name = "a.deb"}}};
	memcpy(scan.nonce, &count, sizeof(count));
	count++;
	memcpy(scan.subjects[0].sha256.b, &count, sizeof(count));
}

static enum keeper_type send(enum statement_kind kind, struct view statement, struct view sig)
{
	const struct keeper_act m = {.kind = kind, .statement = statement, .sig = sig};
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	keeper_put_act(&frame, ++fx.correlation, &m);
	fx_ok(buf_done(&frame));
	return fx_exchange(&fx, &frame);
}

static enum keeper_type scan_send_as(const struct fx_key *key, const char *ns)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;

	buf_init(&statement, EVIDENCE_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_ok(evidence_encode(&scan, &statement, NULL));
	fx_sign(key, ns, buf_view(&statement), &sig);
	return send(scan.kind, buf_view(&statement), buf_view(&sig));
}

static enum keeper_type scan_send(void)
{
	return scan_send_as(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_SCAN)->ns);
}

static bool answered(const char *text)
{
	return strstr(buf_cstr(&fx.body), text) != NULL;
}

/* What the keeper knows of the artifact. */
static void query(const struct digest *artifact)
{
	const struct keeper_evidence m = {.artifact = *artifact, .name = view_str("a.deb")};
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_evidence(&frame, ++fx.correlation, &m);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_JSON);
}

/* ---- Envelopes ------------------------------------------------------------------------------*/

static struct evidence_subject subject = {.sha256 = {{0xee, 1}}, .name = "p.deb"};
static const char *builder_id = "https://ci.test";

static void payload_new(struct buf *out)
{
	const struct provenance_made made = {.builder = builder_id,
					     .source = "git+https://git.test/a",
					     .finished = fx_now(&fx),
					     .subjects = &subject,
					     .count = 1};

	fx_ok(provenance_encode(&made, out, NULL));
}

/* What the key signs is given as it is. */
static void raw_sign(const struct fx_key *key, struct view bytes, struct dsse_signature *ret)
{
	*ret = (struct dsse_signature){.len = ED25519_SIGNATURE};
	fx_ok(ed25519_sign(key->ed, bytes, ret->sig, NULL));
	sshkey_fingerprint_text(sshkey_fingerprint(key->ssh), ret->keyid);
}

static void envelope_new(const char *type, struct view payload, struct buf *out)
{
	AUTO(buf) struct buf pae;
	struct dsse_signature s;

	buf_init(&pae, DSSE_PAYLOAD_MAX);
	dsse_put_pae(type, payload, &pae);
	raw_sign(&fx_host(&fx, "build1")->key[0], buf_view(&pae), &s);
	dsse_put(type, payload, &s, out);
	fx_ok(buf_done(out));
}

static enum keeper_type envelope_send(struct view envelope)
{
	return send(STATEMENT_PROVENANCE, envelope, view_of("", 0));
}

#endif
