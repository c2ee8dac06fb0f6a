/* Hostile evidence against a real keeper: what is not signed by the right machine, in the right
 * form, over the right bytes is refused with its reason; what is replayed changes nothing. */
#include "tests/flow/evil_evidence.h"

static void a_good_scan_is_kept_once(void **state)
{
	(void)state;
	scan_new();
	assert_int_equal(scan_send(), KEEPER_R_JSON);
	assert_true(answered("\"state\":\"stored\""));
	assert_int_equal(scan_send(), KEEPER_R_JSON);
	assert_true(answered("\"state\":\"known\""));
	query(&scan.subjects[0].sha256);
	assert_true(answered("\"by\":\"build1\"") && answered("\"verdict\":\"clean\""));
	assert_true(answered("\"live\":true"));
	/* The statement itself can be asked for, as every other. */
	AUTO(buf) struct buf bytes;
	AUTO(buf) struct buf frame;
	struct keeper_document doc;
	struct digest id;

	buf_init(&bytes, EVIDENCE_BYTES_MAX);
	buf_init(&frame, 4096);
	fx_ok(evidence_encode(&scan, &bytes, NULL));
	id = digest_of(buf_view(&bytes));
	keeper_put_digest(&frame, ++fx.correlation, KEEPER_STATEMENT, &id);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_DOCUMENT);
	fx_ok(keeper_get_document(buf_view(&fx.body), &doc));
	assert_int_equal(doc.kind, STATEMENT_SCAN);
	assert_true(view_is_equal(doc.statement, buf_view(&bytes)));
}

static void somebody_else(void **state)
{
	const char *ns = statement_info(STATEMENT_SCAN)->ns;
	struct fx_key stranger = {0};

	(void)state;
	scan_new();
	/* a person, another host, nobody's key, another namespace */
	refused(REASON_EVIDENCE_SIGNER, scan_send_as(&fx_person(&fx, "alice")->key[0], ns));
	refused(REASON_EVIDENCE_SIGNER, scan_send_as(&fx_host(&fx, "laptop")->key[0], ns));
	fx_key_new(&stranger, false);
	refused(REASON_EVIDENCE_SIGNER, scan_send_as(&stranger, ns));
	refused(REASON_EVIDENCE_SIGNER,
		scan_send_as(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_HOST)->ns));
	refused(REASON_EVIDENCE_SIGNER, scan_send_as(&fx_host(&fx, "build1")->key[0],
						     statement_info(STATEMENT_REBUILD)->ns));
	query(&scan.subjects[0].sha256);
	assert_true(answered("\"evidence\":[]"));
}

static void another_statement_under_the_signature(void **state)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;

	(void)state;
	scan_new();
	scan.verdict = SCAN_INFECTED;
	buf_init(&statement, EVIDENCE_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_ok(evidence_encode(&scan, &statement, NULL));
	fx_sign(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_SCAN)->ns,
		buf_view(&statement), &sig);
	/* as another kind, and with the verdict changed */
	refused(REASON_FORM_KIND, send(STATEMENT_REBUILD, buf_view(&statement), buf_view(&sig)));
	buf_clear(&statement);
	scan.verdict = SCAN_CLEAN;
	fx_ok(evidence_encode(&scan, &statement, NULL));
	refused(REASON_EVIDENCE_SIGNER, send(STATEMENT_SCAN, buf_view(&statement), buf_view(&sig)));
	refused(REASON_EVIDENCE_SIGNER, send(STATEMENT_SCAN, buf_view(&statement), view_of("", 0)));
	scan.given += 3600;
	refused(REASON_FORM_TIME, scan_send());
}

/* An old clean verdict does not take the place of a newer one, however it is sent again. */
static void replays_change_nothing(void **state)
{
	AUTO(buf) struct buf old;
	AUTO(buf) struct buf sig;

	(void)state;
	scan_new();
	buf_init(&old, EVIDENCE_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	scan.given -= 10;
	fx_ok(evidence_encode(&scan, &old, NULL));
	fx_sign(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_SCAN)->ns, buf_view(&old),
		&sig);
	scan.given += 10;
	scan.verdict = SCAN_INFECTED;
	assert_int_equal(scan_send(), KEEPER_R_JSON);
	/* Held back until now, and again. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(send(STATEMENT_SCAN, buf_view(&old), buf_view(&sig)),
				 KEEPER_R_JSON);
		assert_true(answered("\"state\":\"superseded\""));
	}
	/* The same second: the worse one stays. */
	scan.verdict = SCAN_CLEAN;
	assert_int_equal(scan_send(), KEEPER_R_JSON);
	assert_true(answered("\"state\":\"superseded\""));
	query(&scan.subjects[0].sha256);
	assert_true(answered("\"verdict\":\"infected\"") && !answered("\"verdict\":\"clean\""));
	fx_clock(&fx, fx.clock + 1);
	scan.given++;
	assert_int_equal(scan_send(), KEEPER_R_JSON);
	assert_true(answered("\"state\":\"stored\""));
}

/* ---- Envelopes ------------------------------------------------------------------------------*/

/* The first `from` in the text becomes `to`, of any length. */
static void replace(struct buf *text, const char *from, const char *to)
{
	const char *all = buf_cstr(text);
	const char *at = strstr(all, from);
	AUTO(buf) struct buf out;

	fx_check(at != NULL);
	buf_init(&out, DSSE_BYTES_MAX);
	buf_put(&out, all, (size_t)(at - all));
	buf_put_str(&out, to);
	buf_put_str(&out, at + strlen(from));
	fx_ok(buf_done(&out));
	buf_clear(text);
	buf_put_view(text, buf_view(&out));
}

static void envelopes(void **state)
{
	AUTO(buf) struct buf payload;
	AUTO(buf) struct buf envelope;
	struct dsse_signature s;
	char keyid[128];

	(void)state;
	buf_init(&payload, DSSE_PAYLOAD_MAX);
	buf_init(&envelope, DSSE_BYTES_MAX);
	payload_new(&payload);
	/* over the payload instead of the PAE */
	raw_sign(&fx_host(&fx, "build1")->key[0], buf_view(&payload), &s);
	dsse_put(PROVENANCE_PAYLOAD_TYPE, buf_view(&payload), &s, &envelope);
	refused(REASON_EVIDENCE_SIGNER, envelope_send(buf_view(&envelope)));
	/* the keyid of another machine, of a person, of nobody, none */
	(void)snprintf(keyid, sizeof(keyid), "%s", s.keyid);
	for (int i = 0; i < 4; i++) {
		char other[SSHKEY_FINGERPRINT] = "";

		buf_clear(&envelope);
		envelope_new(PROVENANCE_PAYLOAD_TYPE, buf_view(&payload), &envelope);
		if (i == 0)
			sshkey_fingerprint_text(
				sshkey_fingerprint(fx_host(&fx, "laptop")->key[0].ssh), other);
		if (i == 1)
			sshkey_fingerprint_text(
				sshkey_fingerprint(fx_person(&fx, "alice")->key[0].ssh), other);
		if (i == 2)
			(void)strcpy(other, "SHA256:none");
		replace(&envelope, keyid, other);
		refused(REASON_EVIDENCE_SIGNER, envelope_send(buf_view(&envelope)));
	}
	/* another payload type, honestly signed; two of them in one envelope */
	buf_clear(&envelope);
	envelope_new("application/json", buf_view(&payload), &envelope);
	refused(REASON_FORM_KIND, envelope_send(buf_view(&envelope)));
	replace(&envelope, "\"payloadType\":",
		"\"payloadType\":\"" PROVENANCE_PAYLOAD_TYPE "\",\"payloadType\":");
	refused(REASON_FORM_STATEMENT, envelope_send(buf_view(&envelope)));
	/* base64 with spare bits, without padding */
	buf_clear(&envelope);
	envelope_new(PROVENANCE_PAYLOAD_TYPE, buf_view(&payload), &envelope);
	replace(&envelope, "=\"}]}", "\"}]}");
	refused(REASON_FORM_STATEMENT, envelope_send(buf_view(&envelope)));
	/* a signature beside the one inside */
	buf_clear(&envelope);
	envelope_new(PROVENANCE_PAYLOAD_TYPE, buf_view(&payload), &envelope);
	refused(REASON_FORM_STATEMENT,
		send(STATEMENT_PROVENANCE, buf_view(&envelope), view_str("x")));
	assert_int_equal(envelope_send(buf_view(&envelope)), KEEPER_R_JSON);
	assert_true(answered("\"state\":\"stored\""));
	query(&subject.sha256);
	assert_true(answered("\"builder\":\"https://ci.test\""));
}

/* Honestly signed, and still not what the keeper reads. */
static void payloads(void **state)
{
	static const struct {
		const char *from;
		const char *to;
	} changes[] = {
		{"\"sha256\":", "\"sha1\":"},
		{"\"subject\":", "\"subject\":[],\"subject\":"},
		{"\"id\":\"https://ci.test\"", "\"id\":\"https://a\",\"id\":\"https://b\""},
		{"\"id\":\"https://ci.test\"", "\"id\":\"\\u0000\""},
		{"{", "{\"a\":"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		AUTO(buf) struct buf payload;
		AUTO(buf) struct buf envelope;

		buf_init(&payload, DSSE_PAYLOAD_MAX);
		buf_init(&envelope, DSSE_BYTES_MAX);
		payload_new(&payload);
		replace(&payload, changes[i].from, changes[i].to);
		envelope_new(PROVENANCE_PAYLOAD_TYPE, buf_view(&payload), &envelope);
		refused(REASON_FORM_STATEMENT, envelope_send(buf_view(&envelope)));
	}
}

/* One machine without restraint: what is remembered of each artifact is its newest word, and the
 * keeper goes on. */
static void flood(void **state)
{
	(void)state;
	scan_new();
	for (int i = 0; i < 10000; i++) {
		scan.given = fx_now(&fx) - 20000 + i;
		scan.verdict = i % 2 == 0 ? SCAN_CLEAN : SCAN_INFECTED;
		assert_int_equal(scan_send(), KEEPER_R_JSON);
	}
	query(&scan.subjects[0].sha256);
	assert_true(answered("\"verdict\":\"infected\"") && !answered("\"verdict\":\"clean\""));
	assert_true(fx.body.len < 1000);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
}

/* A machine that left the roster: its word stays to be read and no longer counts. Last, since it
 * changes the roster. */
static void a_machine_that_left(void **state)
{
	static const char *const admins[] = {"erin", "frank", NULL};
	AUTO(buf) struct buf roster;
	struct digest before = digest_of(buf_view(&fx.roster));

	(void)state;
	scan_new();
	scan.by = (struct name){"laptop"};
	assert_int_equal(
		scan_send_as(&fx_host(&fx, "laptop")->key[0], statement_info(STATEMENT_SCAN)->ns),
		KEEPER_R_JSON);
	query(&scan.subjects[0].sha256);
	assert_true(answered("\"live\":true"));
	fx_host(&fx, "laptop")->gone = true;
	buf_init(&roster, DOCUMENT_BYTES_MAX);
	fx_roster_doc(&fx, fx.roster_version + 1, &roster);
	assert_int_equal(
		fx_change_document(&fx, STATEMENT_ROSTER, buf_view(&roster), &before, admins),
		KEEPER_R_CHANGE);
	query(&scan.subjects[0].sha256);
	assert_true(answered("\"live\":false"));
	scan.given++;
	refused(REASON_EVIDENCE_SIGNER,
		scan_send_as(&fx_host(&fx, "laptop")->key[0], statement_info(STATEMENT_SCAN)->ns));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_scan_is_kept_once),
		cmocka_unit_test(somebody_else),
		cmocka_unit_test(another_statement_under_the_signature),
		cmocka_unit_test(replays_change_nothing),
		cmocka_unit_test(envelopes),
		cmocka_unit_test(payloads),
		cmocka_unit_test_setup_teardown(flood, fresh, done),
		cmocka_unit_test(a_machine_that_left),
	};

	fx_in_memory(); /* thousands of statements */
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
