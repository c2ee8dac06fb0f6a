#include "lib/model/provenance.h"

#include <jansson.h>
#include <stdlib.h>

#include "lib/codec/json_depth.h"
#include "lib/model/field.h"

void provenance_release(struct provenance *p)
{
	free(p->subjects);
	p->subjects = NULL;
	p->count = 0;
}

/* ---- Reading --------------------------------------------------------------------------------*/

/* What lies at a path of member names; NULL if nothing does. */
static const json_t *at_path(const json_t *v, const char *const *path)
{
	for (; v != NULL && *path != NULL; path++)
		v = json_object_get(v, *path);
	return v;
}
#define AT(v, ...) at_path(v, (const char *const[]){__VA_ARGS__, NULL})

static rc literal_check(const json_t *root, const char *key, const char *expected, struct fault *f)
{
	const json_t *v = json_object_get(root, key);

	if (!json_is_string(v))
		return fault_set(f, RC_SYNTAX, 0, "provenance: \"%s\" is not a text", key);
	if (!view_is(view_of(json_string_value(v), json_string_length(v)), expected))
		return fault_set(f, RC_MISMATCH, 0, "provenance: \"%s\" is not %s", key, expected);
	return OK;
}

static rc uri_read(const json_t *v, const char *what, char out[PROVENANCE_URI_MAX + 1],
		   struct fault *f)
{
	const char *s = json_string_value(v);
	size_t len = json_string_length(v);

	if (s == NULL || len == 0)
		return fault_set(f, RC_SYNTAX, 0, "provenance: %s is not a URI", what);
	if (len > PROVENANCE_URI_MAX)
		return fault_set(f, RC_LIMIT, 0, "provenance: %s has %zu bytes, at most %d", what,
				 len, PROVENANCE_URI_MAX);
	for (size_t i = 0; i < len; i++)
		if (s[i] <= 0x20 || s[i] > 0x7e)
			return fault_set(f, RC_SYNTAX, 0,
					 "provenance: %s is not printable ASCII without spaces",
					 what);
	memcpy(out, s, len + 1);
	return OK;
}

/* Parameters before dependencies: the build service itself takes the former from its caller, and
 * the order of the latter is a habit alone. */
static rc source_read(const json_t *predicate, struct provenance *p, struct fault *f)
{
	const json_t *build = json_object_get(predicate, "buildDefinition");
	const json_t *source = AT(build, "externalParameters", "source");

	if (json_is_object(source))
		source = json_object_get(source, "uri");
	if (source == NULL)
		source = AT(build, "externalParameters", "workflow", "repository");
	if (source == NULL)
		source = json_object_get(
			json_array_get(json_object_get(build, "resolvedDependencies"), 0), "uri");
	return source == NULL ? OK : uri_read(source, "the source", p->source, f);
}

static rc finished_read(const json_t *predicate, struct provenance *p, struct fault *f)
{
	const json_t *v = AT(predicate, "runDetails", "metadata", "finishedOn");
	struct view text = view_of(json_string_value(v), json_string_length(v));
	char whole[TIME_TEXT];

	if (v == NULL)
		return OK;
	/* Some write fractions of a second: they are dropped. */
	if (text.len > TIME_TEXT - 1 && text.ptr[TIME_TEXT - 2] == '.' &&
	    text.ptr[text.len - 1] == 'Z') {
		memcpy(whole, text.ptr, TIME_TEXT - 2);
		whole[TIME_TEXT - 2] = 'Z';
		text = view_of(whole, TIME_TEXT - 1);
	}
	if (text.ptr == NULL || !rc_is_ok(time_parse(text, &p->finished)))
		return fault_set(f, RC_SYNTAX, 0,
				 "provenance: finishedOn is not like 2026-11-23T09:00:00Z");
	return OK;
}

static rc subjects_read(const json_t *root, struct provenance *p, struct fault *f)
{
	const json_t *list = json_object_get(root, "subject");
	size_t count = json_array_size(list);

	if (!json_is_array(list))
		return fault_set(f, RC_SYNTAX, 0, "provenance: \"subject\" is not an array");
	if (count == 0)
		return fault_set(f, RC_RANGE, 0, "provenance: no subject");
	if (count > PROVENANCE_SUBJECTS_MAX)
		return fault_set(f, RC_LIMIT, 0, "provenance: more than %u subjects",
				 PROVENANCE_SUBJECTS_MAX);
	p->subjects = (struct digest *)calloc(count, sizeof(*p->subjects));
	if (p->subjects == NULL)
		return fault_set(f, RC_NOMEM, 0, "out of memory");
	for (size_t i = 0; i < count; i++) {
		const json_t *v = AT(json_array_get(list, i), "digest", "sha256");

		if (!json_is_string(v))
			return fault_set(f, RC_UNSUPPORTED, 0,
					 "provenance: subject %zu has no sha256 digest", i);
		if (!rc_is_ok(digest_parse(view_of(json_string_value(v), json_string_length(v)),
					   &p->subjects[i])))
			return fault_set(f, RC_SYNTAX, 0,
					 "provenance: subject %zu: sha256 is not 64 lower-case hex "
					 "digits",
					 i);
	}
	p->count = count;
	return OK;
}

static rc provenance_read(const json_t *root, struct provenance *p, struct fault *f)
{
	const json_t *predicate = json_object_get(root, "predicate");

	TRY(literal_check(root, "_type", STATEMENT_TYPE, f));
	TRY(literal_check(root, "predicateType", PROVENANCE_TYPE, f));
	TRY(uri_read(AT(predicate, "runDetails", "builder", "id"), "builder.id", p->builder, f));
	TRY(source_read(predicate, p, f));
	TRY(finished_read(predicate, p, f));
	return subjects_read(root, p, f);
}

rc provenance_parse(struct view payload, struct provenance *ret, struct fault *f)
{
	struct provenance p = {0};
	json_error_t error;
	json_t *root;
	rc r;

	if (payload.len > PROVENANCE_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "provenance: %zu bytes, at most %u", payload.len,
				 PROVENANCE_BYTES_MAX);
	TRY(json_depth_check("provenance", payload, PROVENANCE_DEPTH_MAX, f));
	root = json_loadb((const char *)payload.ptr, payload.len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		return fault_set(f,
				 json_error_code(&error) == json_error_out_of_memory ? RC_NOMEM
										     : RC_SYNTAX,
				 (uint64_t)error.position, "provenance: %s", error.text);
	r = provenance_read(root, &p, f);
	json_decref(root);
	if (rc_is_ok(r))
		*ret = p;
	else
		provenance_release(&p);
	return r;
}

/* ---- Writing --------------------------------------------------------------------------------*/

static void build_write(struct jcan_out *w, const struct provenance_made *p)
{
	jcan_out_key(w, "buildDefinition");
	jcan_out_object(w);
	field_out_string(w, "buildType", PROVENANCE_BUILD_TYPE);
	jcan_out_key(w, "externalParameters");
	jcan_out_object(w);
	field_out_string(w, "source", p->source);
	jcan_out_object_end(w);
	jcan_out_key(w, "resolvedDependencies");
	jcan_out_array(w);
	jcan_out_object(w);
	field_out_string(w, "uri", p->source);
	jcan_out_object_end(w);
	jcan_out_array_end(w);
	jcan_out_object_end(w);
}

static void run_write(struct jcan_out *w, const struct provenance_made *p)
{
	jcan_out_key(w, "runDetails");
	jcan_out_object(w);
	jcan_out_key(w, "builder");
	jcan_out_object(w);
	field_out_string(w, "id", p->builder);
	jcan_out_object_end(w);
	jcan_out_key(w, "metadata");
	jcan_out_object(w);
	field_out_time(w, "finishedOn", p->finished);
	jcan_out_object_end(w);
	jcan_out_object_end(w);
}

rc provenance_encode(const struct provenance_made *p, struct buf *out, struct fault *f)
{
	AUTO(provenance) struct provenance check = {0};
	size_t at = out->len;
	struct jcan_out w;
	rc r;

	envelope_out_begin(&w, out);
	build_write(&w, p);
	run_write(&w, p);
	jcan_out_object_end(&w);
	field_out_string(&w, "predicateType", PROVENANCE_TYPE);
	jcan_out_key(&w, "subject");
	jcan_out_array(&w);
	for (size_t i = 0; i < p->count; i++) {
		jcan_out_object(&w);
		jcan_out_key(&w, "digest");
		jcan_out_object(&w);
		field_out_digest(&w, "sha256", &p->subjects[i].sha256);
		jcan_out_object_end(&w);
		field_out_string(&w, "name", p->subjects[i].name);
		jcan_out_object_end(&w);
	}
	jcan_out_array_end(&w);
	jcan_out_object_end(&w);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "provenance: %s", rc_name(r));
	return provenance_parse(view_of(out->ptr + at, out->len - at), &check, f);
}
