/* What is said to the keeper and what it answers. */
#include "tests/lib/fixture.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/crypt/x509.h"
#include "lib/format/tbs.h"
#include "lib/tlog/note.h"
#include "lib/tlog/proof_file.h"

void fx_send(struct fixture *fx, const struct buf *frames)
{
	fx_ok(buf_done(frames));
	fx_ok(fd_write_full(fx->fd, frames->ptr, frames->len, NULL));
}

bool fx_recv(struct fixture *fx)
{
	uint8_t head[KEEPER_HEADER];
	uint8_t *at;

	if (!rc_is_ok(fd_read_full(fx->fd, head, sizeof(head), NULL)))
		return false;
	fx_ok(keeper_header_parse(view_of(head, sizeof(head)), &fx->header));
	buf_clear(&fx->body);
	if (fx->header.body_len == 0)
		return true;
	at = buf_space(&fx->body, fx->header.body_len);
	fx_check(at != NULL);
	fx_ok(fd_read_full(fx->fd, at, fx->header.body_len, NULL));
	return true;
}

enum keeper_type fx_exchange(struct fixture *fx, struct buf *frame)
{
	fx_ok(buf_done(frame));
	if (fx->may_die) {
		fx->header = (struct keeper_header){0};
		if (fx->fd < 0 ||
		    send(fx->fd, frame->ptr, frame->len, MSG_NOSIGNAL) != (ssize_t)frame->len ||
		    !fx_recv(fx))
			return 0;
		return fx->header.type;
	}
	fx_send(fx, frame);
	fx_check(fx_recv(fx));
	fx_check(fx->header.correlation == fx->correlation);
	return fx->header.type;
}

enum reason fx_reason(struct fixture *fx)
{
	struct keeper_status status;
	struct keeper_error error;

	if (fx->header.type == KEEPER_R_ERROR) {
		fx_ok(keeper_get_error(buf_view(&fx->body), &error));
		return error.reason;
	}
	fx_check(fx->header.type == KEEPER_R_STATUS);
	fx_ok(keeper_get_status(buf_view(&fx->body), &status));
	return status.reason;
}

/* ---- Requests ------------------------------------------------------------------------------*/

static void nonce(struct fixture *fx, uint8_t out[REQUEST_NONCE])
{
	fx->nonce++;
	memset(out, 0, REQUEST_NONCE);
	memcpy(out, &fx->nonce, sizeof(fx->nonce));
}

void fx_request_new(struct fixture *fx, const char *key, size_t count, struct fx_request *q)
{
	static const char *const names[] = {"a.bin", "b.bin", "c.bin", "d.bin"};
	bool robot = strcmp(key, "nightly") == 0;

	memset(q, 0, sizeof(*q));
	buf_init(&q->statement, REQUEST_BYTES_MAX);
	q->r = (struct request){.origin = "keeper.test",
				.not_before = fx_now(fx),
				.deadline = fx_now(fx) + 3600,
				.uses = 1,
				.reason = "a test",
				.items = q->items,
				.count = count};
	fx_ok(name_parse(view_str(key), &q->r.key));
	fx_ok(name_parse(view_str(robot ? "robot" : "alice"), &q->r.requester));
	fx_ok(name_parse(view_str("build1"), &q->r.host));
	nonce(fx, q->r.nonce);
	fx_key_fingerprint(fx, key, &q->r.key_fingerprint);
	for (size_t i = 0; i < count; i++) {
		struct request_item *item = &q->items[i];

		q->names[i] = names[i];
		(void)snprintf(q->params[i], sizeof(q->params[i]), "{\"digest\":\"sha256\"}");
		fx_ok(name_parse(view_str("product"), &item->product));
		item->size = 100 + i;
		item->sha256 = digest_of(view_str(names[i]));
		item->content = hash_of(HASH_SHA256, view_str(names[i]));
		(void)snprintf(item->format, sizeof(item->format), "cms");
		item->params = view_str(q->params[i]);
	}
	fx_request_encode(q);
}

void fx_request_encode(struct fx_request *q)
{
	struct fault f = {0};

	buf_clear(&q->statement);
	if (!rc_is_ok(request_encode(&q->r, q->names, &q->statement, &f)))
		fx_die(__FILE__, __LINE__, f.text);
	q->id = digest_of(buf_view(&q->statement));
}

void fx_request_release(struct fx_request *q)
{
	buf_release(&q->statement);
}

enum keeper_type fx_submit_raw(struct fixture *fx, enum keeper_type type, struct view statement,
			       struct view sig, struct view host_sig, bool sign)
{
	const struct keeper_submit m = {
		.statement = statement, .requester_sig = sig, .host_sig = host_sig, .sign = sign};
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	keeper_put_submit(&frame, ++fx->correlation, type, &m);
	return fx_exchange(fx, &frame);
}

enum keeper_type fx_submit(struct fixture *fx, struct fx_request *q, bool sign)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host_sig;

	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host_sig, KEEPER_SIG_MAX);
	fx_sign_as(fx, q->r.requester.s, STATEMENT_REQUEST, buf_view(&q->statement), &sig);
	fx_sign(&fx_host(fx, q->r.host.s)->key[0], statement_info(STATEMENT_HOST)->ns,
		buf_view(&q->statement), &host_sig);
	return fx_submit_raw(fx, KEEPER_SUBMIT, buf_view(&q->statement), buf_view(&sig),
			     buf_view(&host_sig), sign);
}

enum keeper_type fx_commit(struct fixture *fx, const struct fx_request *q, uint32_t use)
{
	const struct keeper_commit m = {.request = q->id, .use = use == 0 ? 1 : use};
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_commit(&frame, ++fx->correlation, KEEPER_COMMIT, &m);
	/* Our own encoder refuses use 0; a taken-over server writes it by hand. */
	if (use == 0)
		memset(frame.ptr + frame.len - 4, 0, 4);
	return fx_exchange(fx, &frame);
}

enum keeper_type fx_show(struct fixture *fx, const struct fx_request *q)
{
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_digest(&frame, ++fx->correlation, KEEPER_SHOW, &q->id);
	return fx_exchange(fx, &frame);
}

/* ---- Acts ----------------------------------------------------------------------------------*/

/* The value of a text field of the status, as an approver's program reads it. */
static struct view json_text(struct view json, const char *field)
{
	char want[64];
	const uint8_t *at;
	const uint8_t *end;

	(void)snprintf(want, sizeof(want), "\"%s\":\"", field);
	at = (const uint8_t *)memmem(json.ptr, json.len, want, strlen(want));
	if (at == NULL)
		return view_of(NULL, 0);
	at += strlen(want);
	end = (const uint8_t *)memchr(at, '"', (size_t)(json.ptr + json.len - at));
	fx_check(end != NULL);
	return view_of(at, (size_t)(end - at));
}

void fx_act(struct fixture *fx, enum statement_kind kind, const char *person,
	    const struct fx_request *q, struct act *ret)
{
	struct keeper_status status;

	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	ret->request = q->id;
	(void)snprintf(ret->origin, sizeof(ret->origin), "keeper.test");
	fx_ok(name_parse(view_str(person), &ret->person));
	nonce(fx, ret->nonce);
	if (kind != STATEMENT_APPROVAL)
		return;
	ret->expires = fx_now(fx) + 1800;
	if (fx_show(fx, q) == KEEPER_R_STATUS) {
		fx_ok(keeper_get_status(buf_view(&fx->body), &status));
		struct view hex = json_text(status.json, "rule_digest");
		if (hex.len > 0)
			fx_ok(digest_parse(hex, &ret->rule));
	}
}

enum keeper_type fx_act_raw(struct fixture *fx, enum statement_kind kind, struct view statement,
			    struct view sig, bool sign)
{
	const struct keeper_act m = {
		.kind = kind, .statement = statement, .sig = sig, .sign = sign};
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	keeper_put_act(&frame, ++fx->correlation, &m);
	return fx_exchange(fx, &frame);
}

enum keeper_type fx_act_send(struct fixture *fx, const struct act *a, bool sign)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;

	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_ok(act_encode(a, &statement, NULL));
	fx_sign_as(fx, a->person.s, a->kind, buf_view(&statement), &sig);
	return fx_act_raw(fx, a->kind, buf_view(&statement), buf_view(&sig), sign);
}

enum keeper_type fx_approve(struct fixture *fx, const char *person, const struct fx_request *q,
			    bool sign)
{
	struct act a;

	fx_act(fx, STATEMENT_APPROVAL, person, q, &a);
	return fx_act_send(fx, &a, sign);
}

/* ---- Changes -------------------------------------------------------------------------------*/

enum keeper_type fx_change(struct fixture *fx, enum statement_kind kind, struct view statement,
			   const char *const *people)
{
	struct keeper_change m = {.kind = kind, .statement = statement};
	struct buf sigs[FX_PEOPLE];
	AUTO(buf) struct buf frame;
	enum keeper_type type;

	buf_init(&frame, KEEPER_FRAME_MAX);
	for (; people[m.sig_count] != NULL; m.sig_count++) {
		buf_init(&sigs[m.sig_count], KEEPER_SIG_MAX);
		fx_sign_as(fx, people[m.sig_count], kind, statement, &sigs[m.sig_count]);
		m.sigs[m.sig_count] = buf_view(&sigs[m.sig_count]);
	}
	keeper_put_change(&frame, ++fx->correlation, &m);
	type = fx_exchange(fx, &frame);
	for (size_t i = 0; i < m.sig_count; i++)
		buf_release(&sigs[i]);
	return type;
}

enum keeper_type fx_change_document(struct fixture *fx, enum statement_kind kind,
				    struct view document, const struct digest *previous,
				    const char *const *people)
{
	const struct document_change c = {.kind = kind,
					  .document = document,
					  .previous = *previous,
					  .expires = fx_now(fx) + 3600};
	AUTO(buf) struct buf statement;

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	fx_ok(document_change_encode(&c, &statement, NULL));
	return fx_change(fx, kind, buf_view(&statement), people);
}

enum keeper_type fx_policy(struct fixture *fx, const struct buf *doc)
{
	static const char *const admins[] = {"erin", "frank", NULL};
	struct digest before = digest_of(buf_view(&fx->policy));
	enum keeper_type type =
		fx_change_document(fx, STATEMENT_POLICY, buf_view(doc), &before, admins);

	if (type != KEEPER_R_CHANGE)
		return type;
	fx->policy_version++;
	buf_clear(&fx->policy);
	buf_put_view(&fx->policy, buf_view(doc));
	return type;
}

enum keeper_type fx_key_change(struct fixture *fx, struct key_change *c, const char *const *people)
{
	AUTO(buf) struct buf statement;

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	(void)snprintf(c->origin, sizeof(c->origin), "keeper.test");
	nonce(fx, c->nonce);
	c->expires = fx_now(fx) + UNLOCK_LIFE;
	fx_ok(key_change_encode(c, &statement, NULL));
	return fx_change(fx, STATEMENT_KEYADMIN, buf_view(&statement), people);
}

void fx_make_key(struct fixture *fx, const char *name, const char *algorithm)
{
	static const char *const admins[] = {"erin", "frank", NULL};
	struct key_change c = {.action = KEY_CREATE};

	fx_ok(name_parse(view_str(name), &c.key));
	fx_ok(name_parse(view_str("main"), &c.token));
	(void)snprintf(c.algorithm, sizeof(c.algorithm), "%s", algorithm);
	fx_check(fx_key_change(fx, &c, admins) == KEEPER_R_CHANGE);
	c.action = KEY_SELF_SIGN;
	c.days = 365;
	(void)snprintf(c.subject, sizeof(c.subject), "CN=%s", name);
	fx_check(fx_key_change(fx, &c, admins) == KEEPER_R_CHANGE);
}

void fx_key_fingerprint(struct fixture *fx, const char *name, struct digest *ret)
{
	const struct view in = view_str(name);
	AUTO(buf) struct buf frame;
	struct view hex;

	buf_init(&frame, 4096);
	keeper_put_strings(&frame, ++fx->correlation, KEEPER_KEYS, &in, 1);
	fx_check(fx_exchange(fx, &frame) == KEEPER_R_JSON);
	hex = json_text(buf_view(&fx->body), "fingerprint");
	fx_check(hex.len == 64);
	fx_ok(digest_parse(hex, ret));
}

/* ---- Results -------------------------------------------------------------------------------*/

static void log_key(struct fixture *fx, struct vkey *ret)
{
	struct keeper_hello hello;
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, ++fx->correlation);
	fx_check(fx_exchange(fx, &frame) == KEEPER_R_HELLO);
	fx_ok(keeper_get_hello(buf_view(&fx->body), &hello));
	fx_ok(vkey_parse(view_str(hello.vkey), ret, NULL));
}

static void check_signatures(const struct fx_request *q, const struct keeper_result *m,
			     const struct tbs_key *key, const struct pkey *pub)
{
	struct view rest = m->signatures;

	fx_check(m->count == q->r.count);
	for (size_t i = 0; i < q->r.count; i++) {
		const struct request_item *item = &q->items[i];
		const struct format_tbs *format = format_tbs_find(view_str(item->format));
		const struct tbs_input in = {.content = item->content,
					     .params = item->params,
					     .when = m->signed_at,
					     .key = key};
		AUTO(buf) struct buf tbs;
		struct hash h;
		struct view sig;

		buf_init(&tbs, TBS_MAX);
		fx_ok(keeper_result_next(&rest, &sig));
		fx_ok(format->tbs(&in, &tbs, NULL));
		h = hash_of(item->content.alg, buf_view(&tbs));
		const struct sign_input si = {.scheme = key_alg_scheme(key->alg),
					      .hash = item->content.alg,
					      .input = hash_view(&h)};
		fx_ok(pkey_verify(pub, &si, sig, NULL));
	}
	fx_check(rest.len == 0);
}

bool fx_entry(struct fixture *fx, uint64_t index, struct leaf *ret, struct digest *ret_digest)
{
	AUTO(buf) struct buf frame;
	AUTO(buf) struct buf bytes;
	struct proof_file proof;
	enum keeper_type type;

	buf_init(&frame, 4096);
	buf_init(&bytes, LEAF_BYTES_MAX);
	keeper_put_proof_request(&frame, ++fx->correlation, index, 0);
	type = fx_exchange(fx, &frame);
	if (type == 0)
		return false;
	fx_check(type == KEEPER_R_PROOF);
	fx_ok(proof_file_parse(buf_view(&fx->body), &proof, NULL));
	fx_ok(base64_parse(BASE64_STD, proof.extra, &bytes, NULL));
	fx_ok(leaf_parse(buf_view(&bytes), ret, NULL));
	*ret_digest = digest_of(buf_view(&bytes));
	return true;
}

bool fx_seen(struct fixture *fx, struct tree_head *ret)
{
	AUTO(buf) struct buf frame;
	struct proof_file proof;
	struct checkpoint c;
	struct note note;
	enum keeper_type type;

	buf_init(&frame, 4096);
	keeper_put_proof_request(&frame, ++fx->correlation, 0, 0);
	type = fx_exchange(fx, &frame);
	if (type == 0)
		return false;
	fx_check(type == KEEPER_R_PROOF);
	fx_ok(proof_file_parse(buf_view(&fx->body), &proof, NULL));
	fx_ok(note_parse(proof.note, &note, NULL));
	fx_ok(checkpoint_parse(note.text, &c, NULL));
	*ret = c.head;
	return true;
}

void fx_check_result(struct fixture *fx, const struct fx_request *q)
{
	AUTO(buf) struct buf copy;
	AUTO(buf) struct buf frame;
	AUTO(pkey) struct pkey *pub = NULL;
	const struct view name = name_view(&q->r.key);
	struct keeper_result m;
	struct keeper_certs certs;
	struct proof_file proof;
	struct tbs_key key;
	struct x509 leaf_cert;
	struct vkey log;
	struct leaf leaf;

	fx_check(fx->header.type == KEEPER_R_RESULT);
	buf_init(&copy, FX_BODY_MAX);
	buf_init(&frame, 4096);
	buf_put_view(&copy, buf_view(&fx->body));
	fx_ok(keeper_get_result(buf_view(&copy), &m));
	fx_check(digest_is_equal(&m.request, &q->id));
	fx_check(digest_is_equal(&m.key, &q->r.key_fingerprint));
	fx_check(m.authorize_leaf < m.issue_leaf);
	fx_ok(leaf_parse(m.leaf, &leaf, NULL));
	fx_check(leaf.kind == LEAF_ISSUE && leaf.authorize == m.authorize_leaf);
	fx_check(digest_is_equal(&leaf.request, &q->id) && leaf.use == m.use);
	log_key(fx, &log);
	fx_ok(proof_file_parse(m.proof, &proof, NULL));
	fx_check(proof.index == m.issue_leaf);
	fx_ok(proof_file_verify(&proof, m.leaf, &log, NULL, NULL));
	keeper_put_strings(&frame, ++fx->correlation, KEEPER_CERTS, &name, 1);
	fx_check(fx_exchange(fx, &frame) == KEEPER_R_CERTS);
	fx_ok(keeper_get_certs(buf_view(&fx->body), &certs));
	fx_check(certs.count > 0);
	fx_ok(x509_parse(certs.certs[0], &leaf_cert, NULL));
	fx_ok(pkey_from_spki(leaf_cert.spki, &pub, NULL));
	fx_check(digest_is_equal(pkey_fingerprint(pub), &m.key));
	fx_ok(tbs_key_init(&key, pkey_alg(pub), certs.certs[0], certs.certs + 1, certs.count - 1,
			   NULL));
	check_signatures(q, &m, &key, pub);
}
