#include "lib/format/rpm_index.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names as expat gives them: namespace, this, local name. */
#define SEP '|'
#define REPO "http://linux.duke.edu/metadata/repo|"
#define COMMON "http://linux.duke.edu/metadata/common|"

enum field { F_NONE, F_NAME, F_ARCH, F_VERSION, F_CHECKSUM, F_OPEN, F_LOCATION, F__COUNT };

static const struct {
	const char *name;
	bool text; /* its content is the value */
} repomd_fields[F__COUNT] = {[F_CHECKSUM] = {REPO "checksum", true},
			     [F_OPEN] = {REPO "open-checksum", true},
			     [F_LOCATION] = {REPO "location", false}},
  primary_fields[F__COUNT] = {[F_NAME] = {COMMON "name", true},
			      [F_ARCH] = {COMMON "arch", true},
			      [F_VERSION] = {COMMON "version", false},
			      [F_CHECKSUM] = {COMMON "checksum", true},
			      [F_LOCATION] = {COMMON "location", false}};

struct rpm_index {
	XML_Parser parser;
	rpm_index_visit visit;
	void *ctx;
	unsigned depth;
	enum rpm_index_kind kind;
	bool in_row;
	unsigned seen; /* bits of enum field, of this row */
	enum field field;
	bool sha256; /* of a checksum */
	char text[RPM_INDEX_TEXT + 1];
	size_t len;
	struct rpm_index_row row;
	uint64_t rows, bytes;
	rc failed; /* why parsing was stopped */
	struct fault fault;
};

static void stop(struct rpm_index *x, rc r)
{
	if (rc_is_ok(x->failed))
		x->failed = r;
	(void)XML_StopParser(x->parser, XML_FALSE);
}

static void refuse(struct rpm_index *x, enum rc_code code, const char *what)
{
	if (rc_is_ok(x->failed))
		stop(x, fault_set(&x->fault, code, (uint64_t)XML_GetCurrentByteIndex(x->parser),
				  "rpm repository: %s", what));
}

/* ---- Elements -------------------------------------------------------------------------------*/

static const char *attribute(const XML_Char **list, const char *name)
{
	for (; list[0] != NULL; list += 2)
		if (strcmp(list[0], name) == 0)
			return list[1];
	return NULL;
}

static void copy(struct rpm_index *x, char out[RPM_INDEX_TEXT + 1], const char *text)
{
	size_t n = text == NULL ? 0 : strlen(text);

	if (n > RPM_INDEX_TEXT)
		refuse(x, RC_LIMIT, "a text is too long");
	else if (n > 0)
		memcpy(out, text, n + 1);
}

static void take_version(struct rpm_index *x, const XML_Char **list)
{
	const char *epoch = attribute(list, "epoch"), *ver = attribute(list, "ver"),
		   *rel = attribute(list, "rel");
	char *out = x->row.version;
	bool has_epoch = epoch != NULL && strcmp(epoch, "0") != 0;
	int n;

	if (ver == NULL || rel == NULL) {
		refuse(x, RC_SYNTAX, "a version without ver or rel");
		return;
	}
	n = snprintf(out, RPM_INDEX_TEXT + 1, "%s%s%s-%s", has_epoch ? epoch : "",
		     has_epoch ? ":" : "", ver, rel);
	if (n < 0 || (size_t)n > RPM_INDEX_TEXT)
		refuse(x, RC_LIMIT, "a version is too long");
}

static enum field field_of(const struct rpm_index *x, const char *name)
{
	for (enum field i = F_NAME; i < F__COUNT; i++) {
		const char *want = x->kind == RPM_INDEX_REPOMD ? repomd_fields[i].name
							       : primary_fields[i].name;

		if (want != NULL && strcmp(want, name) == 0)
			return i;
	}
	return F_NONE;
}

static void begin_field(struct rpm_index *x, const char *name, const XML_Char **list)
{
	enum field field = field_of(x, name);
	const char *type = attribute(list, "type");

	if (field == F_NONE)
		return;
	if ((x->seen & 1u << field) != 0) {
		refuse(x, RC_DUPLICATE, "an element stands twice");
		return;
	}
	x->seen |= 1u << field;
	x->field = field;
	x->len = 0;
	x->text[0] = '\0';
	x->sha256 = type != NULL && strcmp(type, "sha256") == 0;
	if (field == F_VERSION)
		take_version(x, list);
	if (field == F_LOCATION)
		copy(x, x->row.location, attribute(list, "href"));
}

static void begin_row(struct rpm_index *x, const char *name, const XML_Char **list)
{
	const char *want = x->kind == RPM_INDEX_REPOMD ? REPO "data" : COMMON "package";
	const char *type = attribute(list, "type");

	if (strcmp(name, want) != 0)
		return;
	/* Other types of packages than rpm are none. */
	if (x->kind == RPM_INDEX_PRIMARY && (type == NULL || strcmp(type, "rpm") != 0))
		return;
	if (++x->rows > RPM_INDEX_ROWS) {
		refuse(x, RC_LIMIT, "too many packages");
		return;
	}
	x->in_row = true;
	x->seen = 0;
	x->row = (struct rpm_index_row){.kind = x->kind};
	if (x->kind == RPM_INDEX_REPOMD)
		copy(x, x->row.name, type);
}

static void begin_root(struct rpm_index *x, const char *name)
{
	if (strcmp(name, REPO "repomd") == 0)
		x->kind = RPM_INDEX_REPOMD;
	else if (strcmp(name, COMMON "metadata") == 0)
		x->kind = RPM_INDEX_PRIMARY;
	else
		refuse(x, RC_SYNTAX, "neither a repomd.xml nor a primary.xml");
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **list)
{
	struct rpm_index *x = (struct rpm_index *)ctx;
	unsigned depth = x->depth++;

	if (depth >= RPM_INDEX_DEPTH)
		refuse(x, RC_LIMIT, "elements lie too deep");
	else if (depth == 0)
		begin_root(x, name);
	else if (depth == 1)
		begin_row(x, name, list);
	else if (depth == 2 && x->in_row)
		begin_field(x, name, list);
	else if (x->field != F_NONE)
		refuse(x, RC_SYNTAX, "an element inside of a text");
}

static void end_field(struct rpm_index *x)
{
	bool open = x->field == F_OPEN;

	if (x->field == F_NAME)
		copy(x, x->row.name, x->text);
	if (x->field == F_ARCH)
		copy(x, x->row.architecture, x->text);
	if ((x->field == F_CHECKSUM || open) && x->sha256) {
		if (!rc_is_ok(digest_parse(view_of(x->text, x->len),
					   open ? &x->row.open : &x->row.digest)))
			refuse(x, RC_SYNTAX, "a checksum that is no SHA-256");
		*(open ? &x->row.has_open : &x->row.has_digest) = true;
	}
	x->field = F_NONE;
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
	struct rpm_index *x = (struct rpm_index *)ctx;
	unsigned depth = --x->depth;

	(void)name;
	if (!rc_is_ok(x->failed))
		return;
	if (depth == 2 && x->field != F_NONE)
		end_field(x);
	if (depth != 1 || !x->in_row)
		return;
	x->in_row = false;
	if (rc_is_ok(x->failed)) {
		rc r = x->visit(x->ctx, &x->row, &x->fault);

		if (!rc_is_ok(r))
			stop(x, r);
	}
}

static void XMLCALL on_text(void *ctx, const XML_Char *s, int len)
{
	struct rpm_index *x = (struct rpm_index *)ctx;
	bool wanted = x->kind == RPM_INDEX_REPOMD ? repomd_fields[x->field].text
						  : primary_fields[x->field].text;

	if (x->field == F_NONE || !wanted)
		return;
	if ((size_t)len > RPM_INDEX_TEXT - x->len) {
		refuse(x, RC_LIMIT, "a text is too long");
		return;
	}
	memcpy(x->text + x->len, s, (size_t)len);
	x->len += (size_t)len;
	x->text[x->len] = '\0';
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *sysid,
			       const XML_Char *pubid, int has_internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_internal;
	refuse((struct rpm_index *)ctx, RC_UNSUPPORTED, "it has a document type");
}

/* ---- The document ---------------------------------------------------------------------------*/

rc rpm_index_new(rpm_index_visit visit, void *ctx, struct rpm_index **ret)
{
	struct rpm_index *x = (struct rpm_index *)calloc(1, sizeof(*x));

	if (x == NULL)
		return RC(RC_NOMEM);
	x->failed = OK;
	x->visit = visit;
	x->ctx = ctx;
	/* Whatever it declares, it is read as UTF-8. */
	x->parser = XML_ParserCreateNS("UTF-8", SEP);
	if (x->parser == NULL) {
		free(x);
		return RC(RC_NOMEM);
	}
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, on_start, on_end);
	XML_SetCharacterDataHandler(x->parser, on_text);
	XML_SetStartDoctypeDeclHandler(x->parser, on_doctype);
	*ret = x;
	return OK;
}

void rpm_index_free(struct rpm_index *x)
{
	if (x == NULL)
		return;
	XML_ParserFree(x->parser);
	free(x);
}

static rc parse(struct rpm_index *x, struct view bytes, bool last, struct fault *f)
{
	enum XML_Error why;

	if (rc_is_ok(x->failed) &&
	    XML_Parse(x->parser, (const char *)bytes.ptr, (int)bytes.len, last) == XML_STATUS_OK)
		return OK;
	why = XML_GetErrorCode(x->parser);
	if (rc_is_ok(x->failed) && why == XML_ERROR_NO_MEMORY)
		x->failed = RC(RC_NOMEM);
	if (rc_is_ok(x->failed))
		refuse(x, RC_SYNTAX, XML_ErrorString(why));
	if (f != NULL)
		*f = x->fault;
	return x->failed;
}

rc rpm_index_feed(struct rpm_index *x, struct view bytes, struct fault *f)
{
	x->bytes += bytes.len;
	if (x->bytes > RPM_INDEX_BYTES || bytes.len > 1u << 30) {
		x->failed = fault_set(&x->fault, RC_LIMIT, 0, "rpm repository: too long");
		return parse(x, view_str(""), false, f);
	}
	return parse(x, bytes, false, f);
}

rc rpm_index_end(struct rpm_index *x, enum rpm_index_kind *ret, struct fault *f)
{
	TRY(parse(x, view_str(""), true, f));
	*ret = x->kind;
	return OK;
}
