#include "prog/keeper/sign_job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format/tbs.h"
#include "lib/tlog/items.h"

/* Items a thread takes at once: one where a signature takes milliseconds. */
#define CHUNK_RSA 1
#define CHUNK_EC 32
/* Chunks in a turn: about as long as one signature of RSA-3072. A request of some hundred files is
 * then finished before the next is begun; if all went on side by side they would all be ready at
 * once, and the keys without work while those are written and the next are decided. */
#define TURN_RSA 1
#define TURN_EC 4

size_t sign_job_bytes(const struct request *r, size_t statement_len, enum key_alg alg)
{
	return sizeof(struct sign_job) + statement_len +
	       r->count * (sizeof(struct request_item) + 2 * key_alg_signature_max(alg) + 8);
}

/* ---- In the pool's threads -----------------------------------------------------------------*/

static rc sign_item(struct sign_job *j, struct signer *s, size_t at, struct fault *f)
{
	const struct request_item *item = &j->request.items[at];
	const struct format_tbs *format = format_tbs_find(view_str(item->format));
	const struct tbs_input in = {.content = item->content,
				     .params = item->params,
				     .when = j->use.signed_at,
				     .key = key_tbs(j->key)};
	uint8_t mem[TBS_MAX];
	struct buf tbs;
	struct buf value;

	if (format == NULL)
		return fault_set(f, RC_UNKNOWN, 0, "format %s", item->format);
	buf_init_fixed(&tbs, mem, sizeof(mem));
	TRY(format->tbs(&in, &tbs, f));
	TRY(buf_done(&tbs));
	buf_init_fixed(&value, j->values + at * j->slot_size, j->slot_size);
	TRY(tbs_sign(&in, buf_view(&tbs), s, &value, f));
	TRY(buf_done(&value));
	j->sizes[at] = (uint16_t)value.len;
	return OK;
}

static void sign_part(struct work *w, struct key_user *user, size_t part)
{
	struct sign_job *j = (struct sign_job *)w;
	struct key_use use = {.user = user, .key = j->key};
	struct signer signer = key_use_signer(&use);
	size_t to = (part + 1) * j->chunk;

	if (to > j->request.count)
		to = j->request.count;
	for (size_t i = part * j->chunk; i < to; i++) {
		struct fault f = {0};
		rc r;

		if (__atomic_load_n(&j->failed, __ATOMIC_RELAXED))
			return;
		r = sign_item(j, &signer, i, &f);
		if (rc_is_ok(r))
			continue;
		/* The first failure keeps its words. */
		if (f.code == RC_OK)
			rc_ignore(fault_set(&f, r.code, 0, "%s", rc_name(r)), "it is the code");
		if (!__atomic_exchange_n(&j->failed, true, __ATOMIC_ACQ_REL))
			j->fault = f;
		return;
	}
}

static rc pack(struct sign_job *j)
{
	struct compact c;

	compact_init(&c);
	for (size_t i = 0; i < j->request.count; i++) {
		struct view value = view_of(j->values + i * j->slot_size, j->sizes[i]);
		struct digest d = items_signature_leaf(&j->request.items[i], value);

		TRY(compact_append(&c, &d));
		buf_put_string(&j->signatures, value);
	}
	j->root = compact_root(&c);
	return buf_done(&j->signatures);
}

static void sign_finish(struct work *w)
{
	struct sign_job *j = (struct sign_job *)w;
	rc r;

	if (j->failed)
		return;
	r = pack(j);
	if (!rc_is_ok(r)) {
		j->failed = true;
		rc_ignore(fault_set(&j->fault, r.code, 0, "packing signatures"), "it is the code");
	}
}

/* ---- In the decision thread ----------------------------------------------------------------*/

static void rebase(struct view *v, struct view from, const uint8_t *to)
{
	if (v->len == 0)
		return;
	assert(v->ptr >= from.ptr && v->ptr + v->len <= from.ptr + from.len);
	v->ptr = to + (v->ptr - from.ptr);
}

rc sign_job_new(struct request *r, struct view statement, const struct key *key,
		const struct journal_use *use, struct sign_job **ret)
{
	struct sign_job *j = calloc(1, sizeof(*j));
	enum key_alg alg = key_algorithm(key);
	bool rsa = key_alg_scheme(alg) == SIGN_RSA_PKCS1;

	if (j == NULL)
		return RC(RC_NOMEM);
	j->slot_size = key_alg_signature_max(alg);
	j->chunk = rsa ? CHUNK_RSA : CHUNK_EC;
	j->bytes = sign_job_bytes(r, statement.len, alg);
	buf_init(&j->signatures, JOURNAL_RESULT_MAX);
	j->statement = malloc(statement.len);
	j->values = calloc(r->count, j->slot_size);
	j->sizes = calloc(r->count, sizeof(*j->sizes));
	if (j->statement == NULL || j->values == NULL || j->sizes == NULL) {
		sign_job_free(j);
		return RC(RC_NOMEM);
	}
	memcpy(j->statement, statement.ptr, statement.len);
	j->request = *r;
	r->items = NULL;
	r->count = 0;
	for (size_t i = 0; i < j->request.count; i++) {
		rebase(&j->request.items[i].name_json, statement, j->statement);
		rebase(&j->request.items[i].params, statement, j->statement);
	}
	j->key = key_hold(key);
	j->use = *use;
	j->work = (struct work){.token = key_token(key),
				.parts = (j->request.count + j->chunk - 1) / j->chunk,
				.turn = rsa ? TURN_RSA : TURN_EC,
				.part = sign_part,
				.finish = sign_finish};
	*ret = j;
	return OK;
}

void sign_job_free(struct sign_job *j)
{
	if (j == NULL)
		return;
	key_drop(j->key);
	request_release(&j->request);
	buf_release(&j->signatures);
	free(j->statement);
	free(j->values);
	free(j->sizes);
	free(j);
}

void sign_job_reset(struct sign_job *j)
{
	j->failed = false;
	j->fault = (struct fault){0};
	buf_clear(&j->signatures);
}
