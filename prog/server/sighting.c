/* sighting - see sighting.h. */
#include "prog/server/sighting.h"

#include <stdlib.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/codec/hex.h"

static void release(struct sighting *s)
{
	buf_release(&s->spki);
	buf_release(&s->message);
	buf_release(&s->value);
	pkey_destroy(s->key);
	*s = (struct sighting){.key = NULL};
}

rc sightings_new(size_t most, struct sightings *all)
{
	all->rows = calloc(most, sizeof(*all->rows));
	return all->rows != NULL ? OK : RC(RC_NOMEM);
}

void sightings_release(struct sightings *all)
{
	for (size_t i = 0; i < all->count; i++)
		release(&all->rows[i]);
	free(all->rows);
	*all = (struct sightings){.rows = NULL};
}

/* ---- A row ----------------------------------------------------------------------------------*/

static bool read_hash(const json_t *row, struct sighting *s)
{
	const char *alg = json_string_value(json_object_get(row, "hash"));
	const char *hex = json_string_value(json_object_get(row, "digest"));

	if (alg == NULL || hex == NULL || !rc_is_ok(hash_alg_parse(view_str(alg), &s->hash)))
		return false;
	s->digest = (struct hash){.alg = s->hash, .size = (uint8_t)hash_size(s->hash)};
	return rc_is_ok(hex_parse(view_str(hex), s->digest.b, s->digest.size));
}

static bool is_kind(const char *kind)
{
	static const char *const kinds[] = {"pe", "appended", "ima", "cms", "sshsig"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kind != NULL && strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

/* Too little memory is not the teller's fault: a signature of which we read only half is not one
 * that nobody has met. */
static rc read_bytes(const json_t *row, const char *name, struct buf *out)
{
	const char *text = json_string_value(json_object_get(row, name));
	rc r = text == NULL ? RC(RC_SYNTAX) : base64_parse(BASE64_STD, view_str(text), out, NULL);

	return rc_is_ok(r) || r.code == RC_NOMEM ? r : RC(RC_SYNTAX);
}

static rc read_row(const json_t *row, struct sighting *s)
{
	const char *file = json_string_value(json_object_get(row, "file"));

	buf_init(&s->spki, PKEY_SPKI_MAX);
	buf_init(&s->message, SIGHTING_SIGNED_MAX);
	buf_init(&s->value, PKEY_SIGNATURE_MAX);
	s->kind = json_string_value(json_object_get(row, "kind"));
	s->name = json_string_value(json_object_get(row, "name"));
	s->fits = json_is_true(json_object_get(row, "fits"));
	if (file == NULL || !rc_is_ok(digest_parse(view_str(file), &s->file)) ||
	    !is_kind(s->kind) || s->name == NULL || strlen(s->name) > GUARD_PATH_MAX ||
	    !read_hash(row, s))
		return RC(RC_SYNTAX);
	TRY(read_bytes(row, "spki", &s->spki));
	TRY(read_bytes(row, "signature", &s->value));
	return json_object_get(row, "signed") == NULL ? OK : read_bytes(row, "signed", &s->message);
}

rc sightings_add(struct sightings *all, const json_t *row)
{
	struct sighting *s = &all->rows[all->count];
	rc r = read_row(row, s);

	if (rc_is_ok(r))
		all->count++;
	else
		release(s);
	return r;
}

/* ---- Events ---------------------------------------------------------------------------------*/

static bool is_signature(const struct guard_event *e)
{
	const unsigned need = GUARD_SHA256 | GUARD_REASON | GUARD_HASH | GUARD_DIGEST | GUARD_SPKI |
			      GUARD_SIGNATURE;

	return guard_kind_of(e->kind) == GUARD_KIND_SIGNATURE && (e->has & need) == need;
}

/* The event as a row of the call; NULL: no memory (its texts are UTF-8). */
static json_t *row_of(const struct guard_event *e)
{
	char file[DIGEST_HEX];
	json_t *row;

	digest_hex(&e->sha256, file);
	row = json_pack("{s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:s}", "file", file, "kind", e->reason,
			"name", e->path, "fits", e->fits == 1, "hash", e->hash, "digest", e->digest,
			"spki", e->spki, "signature", e->signature);
	if (row != NULL && (e->has & GUARD_SIGNED) != 0 &&
	    json_object_set_new(row, "signed", json_string(e->signed_)) != 0) {
		json_decref(row);
		row = NULL;
	}
	return row;
}

struct reading {
	json_t *rows;
	struct sightings *all;
};

static rc take_event(void *ctx, const struct guard_event *e, struct view bytes)
{
	struct reading *g = ctx;
	json_t *row;
	rc r;

	(void)bytes;
	if (!is_signature(e))
		return OK;
	row = row_of(e);
	if (row == NULL || json_array_append_new(g->rows, row) != 0)
		return RC(RC_NOMEM);
	r = sightings_add(g->all, row);
	return r.code == RC_NOMEM ? r : OK;
}

rc sightings_read_batch(const struct guard_batch *b, json_t *rows, struct sightings *all)
{
	struct reading g = {.rows = rows, .all = all};

	return guard_batch_each(b, take_event, &g);
}
