/* journal_fill - fills a keeper's journal as that many signed requests would have, through the
 * keeper's own code: the same rows, leaves, checkpoints, guard and public files.
 *
 * usage: journal_fill ENTRIES KEY FINGERPRINT --state DIR --guard DIR --token SPEC  (keeper
 * stopped) Each request has one file, one use and an RSA-3072 signature's worth of bytes; the
 * signatures under statements and the signature value are made up, since nobody verifies them at a
 * start. Ends without closing the journal, as a crash does: the next start finds a write-ahead log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/num.h"
#include "prog/keeper/start.h"

#define BATCH 3000u /* entries of one commit */
#define SSHSIG_BYTES 190u
#define SIGNATURE_BYTES 384u

struct fill {
	struct keeper *k;
	struct request request;
	struct request_item item;
	unix_time now;
};

static rc statement_make(struct fill *s, struct buf *out, struct fault *f)
{
	const char *names[] = {"program-1.0.tar.gz"};
	uint8_t content[32];

	TRY(rng_fill(&rng_system, s->request.nonce, sizeof(s->request.nonce)));
	TRY(rng_fill(&rng_system, content, sizeof(content)));
	s->item.sha256 = digest_of(view_of(content, sizeof(content)));
	s->item.content = hash_of(HASH_SHA256, view_of(content, sizeof(content)));
	return request_encode(&s->request, names, out, f);
}

static rc add_request(struct fill *s, struct journal_request *row, struct fault *f)
{
	AUTO(buf) struct buf statement = {0};
	uint8_t sigs[2 * (4 + SSHSIG_BYTES)] = {0};
	struct journal_statement st = {.kind = STATEMENT_REQUEST};
	struct leaf leaf = {.kind = LEAF_REQUEST,
			    .time = s->now,
			    .key = s->request.key_fingerprint,
			    .count = 1};

	buf_init(&statement, REQUEST_BYTES_MAX);
	TRY(statement_make(s, &statement, f));
	*row = (struct journal_request){.digest = digest_of(buf_view(&statement)),
					.uses = 1,
					.deadline = s->request.deadline,
					.closed = REASON_NONE};
	leaf.request = st.digest = row->digest;
	leaf.items = s->item.sha256;
	TRY(rng_fill(&rng_system, sigs, sizeof(sigs)));
	sigs[3] = sigs[4 + SSHSIG_BYTES + 3] = SSHSIG_BYTES;
	memset(sigs, 0, 3);
	memset(sigs + 4 + SSHSIG_BYTES, 0, 3);
	TRY(ledger_append(&s->k->ledger, &leaf, &row->leaf, f));
	st.leaf = row->leaf;
	TRY(journal_statement_add(s->k->journal, &st, buf_view(&statement),
				  view_of(sigs, sizeof(sigs)), f));
	return journal_request_add(s->k->journal, row, f);
}

static rc add_use(struct fill *s, struct journal_request *row, struct journal_use *use,
		  struct fault *f)
{
	struct leaf leaf = {.kind = LEAF_AUTHORIZE,
			    .time = s->now,
			    .request = row->digest,
			    .key = s->request.key_fingerprint,
			    .items = s->item.sha256,
			    .policy = s->k->policy->digest,
			    .roster = s->k->roster->digest,
			    .rule = s->k->policy->digest,
			    .count = 1,
			    .use = 1};

	*use = (struct journal_use){.request = row->leaf, .use = 1, .signed_at = s->now};
	TRY(ledger_append(&s->k->ledger, &leaf, &use->authorize, f));
	TRY(journal_use_add(s->k->journal, use, &s->request.key, &s->request.requester, f));
	row->spent = 1;
	row->released = true;
	return journal_request_set(s->k->journal, row, f);
}

static rc add_result(struct fill *s, struct journal_request *row, struct journal_use *use,
		     struct fault *f)
{
	uint8_t value[4 + SIGNATURE_BYTES];
	struct leaf leaf = {.kind = LEAF_ISSUE,
			    .time = s->now,
			    .request = row->digest,
			    .key = s->request.key_fingerprint,
			    .signatures = s->item.sha256,
			    .authorize = use->authorize,
			    .count = 1,
			    .use = 1};

	TRY(rng_fill(&rng_system, value, sizeof(value)));
	value[0] = value[1] = 0;
	value[2] = SIGNATURE_BYTES >> 8;
	value[3] = SIGNATURE_BYTES & 0xff;
	TRY(ledger_append(&s->k->ledger, &leaf, &use->issue, f));
	TRY(journal_result_add(s->k->journal, use, view_of(value, sizeof(value)), f));
	row->done = 1;
	return journal_request_set(s->k->journal, row, f);
}

static rc add(struct fill *s, struct fault *f)
{
	struct journal_request row;
	struct journal_use use;

	TRY(add_request(s, &row, f));
	TRY(add_use(s, &row, &use, f));
	return add_result(s, &row, &use, f);
}

static rc fill(struct fill *s, uint64_t entries, struct fault *f)
{
	struct ledger *l = &s->k->ledger;
	bool fatal;

	while (l->head.tree.size < entries) {
		for (unsigned i = 0; i < BATCH && l->head.tree.size < entries; i += 3)
			TRY(add(s, f));
		TRY(ledger_commit(l, f));
		TRY(ledger_publish(l, l->head.tree.size < entries, &fatal, f));
	}
	/* That all of it is published stands in the journal from the next commit on. */
	TRY(add(s, f));
	TRY(ledger_commit(l, f));
	return ledger_publish(l, false, &fatal, f);
}

static rc prepare(struct fill *s, const char *key, const char *print, struct fault *f)
{
	struct request *r = &s->request;

	s->now = clock_now(&clock_system);
	(void)snprintf(r->origin, sizeof(r->origin), "%s", s->k->ledger.id.origin);
	TRY(name_parse(view_str(key), &r->key));
	TRY(name_parse(view_str("dave"), &r->requester));
	TRY(name_parse(view_str("host"), &r->host));
	TRY(digest_parse(view_str(print), &r->key_fingerprint));
	TRY(name_parse(view_str("program"), &s->item.product));
	(void)snprintf(s->item.format, sizeof(s->item.format), "cms");
	(void)snprintf(r->reason, sizeof(r->reason), "nightly build");
	s->item.size = 123456;
	s->item.params = view_str("{\"digest\":\"sha256\"}");
	r->items = &s->item;
	r->count = r->uses = 1;
	r->not_before = s->now;
	r->deadline = s->now + 86400;
	(void)f;
	return OK;
}

static rc run(int argc, char **argv, struct fault *f)
{
	static struct parts parts;
	struct conf *conf = calloc(1, sizeof(*conf));
	struct fill s = {.k = &parts.keeper};
	struct unlock unlock = {0};
	uint64_t entries;
	bool test = false;

	if (conf == NULL)
		return RC(RC_NOMEM);
	TRY(num_parse_u64(argv[1], strlen(argv[1]), UINT32_MAX, &entries));
	settings_defaults(&conf_settings, conf);
	TRY(conf_args(conf, argc - 4, argv + 4, &test, f));
	TRY(conf_check(conf, false, f));
	TRY(unlock_read(conf, &unlock, f));
	TRY(parts_open(conf, &unlock, &parts, f));
	unlock_release(&unlock);
	TRY(parts_load(conf, &parts, f));
	TRY(prepare(&s, argv[2], argv[3], f));
	TRY(fill(&s, entries, f));
	printf("%llu\n", (unsigned long long)s.k->ledger.committed.tree.size);
	return OK;
}

int main(int argc, char **argv)
{
	struct fault f = {0};
	rc r;

	if (argc < 5) {
		(void)fputs("usage: journal_fill ENTRIES KEY FINGERPRINT --state DIR --guard DIR "
			    "--token SPEC\n",
			    stderr);
		return 2;
	}
	r = run(argc, argv, &f);
	(void)fflush(stdout);
	if (!rc_is_ok(r))
		(void)fprintf(stderr, "journal_fill: %s: %s\n", rc_name(r), f.text);
	_exit(rc_is_ok(r) ? 0 : 1);
}
