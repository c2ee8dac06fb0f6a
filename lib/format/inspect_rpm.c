/* rpm packages: name, scripts and digests of the two headers (lib/codec/rpm.h); the tree of the
 * payload is the report's archive (inspect_archive.c). Owns: the report's "rpm" object. Must not
 * own: the headers' form.
 *
 * The SHA-256 of the main header stands for the whole package, as long as the header names the
 * payload by SHA-256 and the payload is that one: both are looked at here. */
#include <stdlib.h>
#include <string.h>

#include "lib/codec/rpm.h"
#include "lib/format/inspect_impl.h"

#define TEXT_MAX 4096
#define BLOCK 65536
#define SCRIPTS_MAX 1000
/* RPMTAG_*, of rpm's rpmtag.h. */
#define TAG_NAME 1000
#define TAG_VERSION 1001
#define TAG_RELEASE 1002
#define TAG_EPOCH 1003
#define TAG_ARCH 1022
#define TAG_SOURCEPACKAGE 1106
#define TAG_PAYLOADDIGEST 5092
#define TAG_PAYLOADDIGESTALGO 5093
#define ALGO_SHA256 8
/* RPMSCRIPT_FLAG_*: what runs is not what the header has. */
#define FLAG_EXPAND 1u
#define FLAG_QFORMAT 2u

static const struct {
	const char *key;
	uint32_t tag;
} texts[] = {
	{"architecture", TAG_ARCH}, {"build_host", 1007}, {"license", 1014},
	{"name", TAG_NAME},	    {"packager", 1015},	  {"source", 1044},
	{"summary", 1004},	    {"url", 1020},	  {"vendor", 1011},
};

/* Bodies, what runs them, flags. Triggers are several of each. */
static const struct {
	const char *name;
	uint32_t body, program, flags;
	bool several;
} scripts[] = {
	{"prein", 1023, 1085, 5020, false},	 {"postin", 1024, 1086, 5021, false},
	{"preun", 1025, 1087, 5022, false},	 {"postun", 1026, 1088, 5023, false},
	{"pretrans", 1151, 1153, 5024, false},	 {"posttrans", 1152, 1154, 5025, false},
	{"preuntrans", 5104, 5106, 5108, false}, {"postuntrans", 5105, 5107, 5109, false},
	{"verify", 1079, 1091, 5026, false},	 {"trigger", 1065, 1092, 5027, true},
	{"filetrigger", 5066, 5067, 5068, true}, {"transfiletrigger", 5076, 5077, 5078, true},
};

/* Bytes of a header at this place of the file. */
static rc read_header(const struct inspection *in, uint64_t at, struct buf *out, struct fault *f)
{
	uint8_t intro[RPM_INTRO];
	uint64_t size;
	uint8_t *space;
	size_t got;

	TRY(inspect_read(in, at, intro, sizeof(intro), &got, f));
	TRY(rpm_header_size(view_of(intro, got), &size, f));
	if (in->size < at || in->size - at < size)
		return fault_set(f, RC_TRUNCATED, at, "rpm: the file ends inside its header");
	buf_init(out, size);
	space = buf_space(out, size);
	TRY(buf_done(out));
	return inspect_read(in, at, space, size, &got, f);
}

/* The main header, and where the payload begins. */
static rc read_headers(const struct inspection *in, struct buf *bytes, struct rpm_header *ret,
		       uint64_t *ret_payload, struct fault *f)
{
	AUTO(buf) struct buf signature = {0};
	struct rpm_header ignored;
	uint8_t lead[RPM_LEAD];
	uint64_t at = RPM_LEAD;
	size_t got;

	TRY(inspect_read(in, 0, lead, sizeof(lead), &got, f));
	TRY(rpm_lead_check(view_of(lead, got), f));
	TRY(read_header(in, at, &signature, f));
	TRY(rpm_header_open(buf_view(&signature), RPM_REGION_SIGNATURE, &ignored, f));
	at += (signature.len + 7) / 8 * 8;
	TRY(read_header(in, at, bytes, f));
	TRY(rpm_header_open(buf_view(bytes), RPM_REGION_MAIN, ret, f));
	*ret_payload = at + bytes->len;
	return OK;
}

/* Of the file from there to its end, as rpm takes it. */
static rc hash_payload(const struct inspection *in, uint64_t at, struct hash *ret, struct fault *f)
{
	AUTO(hasher) struct hasher *h = NULL;
	uint8_t block[BLOCK];

	TRY(hasher_new(HASH_SHA256, &h));
	while (at < in->size) {
		size_t got;

		TRY(inspect_read(in, at, block, sizeof(block), &got, f));
		TRY(hasher_update(h, view_of(block, got)));
		at += got;
	}
	return hasher_finish(h, ret);
}

static rc payload(struct inspection *in, const struct rpm_header *h, uint64_t at, json_t *o,
		  struct fault *f)
{
	struct digest want, have;
	struct view text;
	struct hash is;
	uint32_t algo;

	if (!rc_is_ok(rpm_header_u32(h, TAG_PAYLOADDIGESTALGO, 0, &algo)) || algo != ALGO_SHA256 ||
	    !rc_is_ok(rpm_header_string(h, TAG_PAYLOADDIGEST, 0, &text)) ||
	    !rc_is_ok(digest_parse(text, &want)))
		return finding(in, SEVERITY_WARNING, "rpm-payload-unnamed", NO_PATH,
			       "the header does not name its payload by SHA-256 (rpm before 4.14)");
	TRY(hash_payload(in, at, &is, f));
	memcpy(have.b, is.b, DIGEST_SIZE);
	if (!digest_is_equal(&want, &have))
		return finding(in, SEVERITY_ERROR, "rpm-payload", NO_PATH,
			       "the payload is not the one that the header names");
	return report_set_hex(o, "payload", &is);
}

/* "EPOCH:VERSION-RELEASE", without an epoch if there is none. */
static rc version(const struct rpm_header *h, json_t *o)
{
	AUTO(buf) struct buf b = {0};
	struct view text, release;
	uint32_t epoch;

	buf_init(&b, TEXT_MAX);
	if (rc_is_ok(rpm_header_u32(h, TAG_EPOCH, 0, &epoch)))
		buf_printf(&b, "%u:", epoch);
	if (!rc_is_ok(rpm_header_string(h, TAG_VERSION, 0, &text)) ||
	    !rc_is_ok(rpm_header_string(h, TAG_RELEASE, 0, &release)))
		return OK;
	buf_put_view(&b, text);
	buf_put_u8(&b, '-');
	buf_put_view(&b, release);
	if (buf_done(&b).code == RC_LIMIT)
		return OK;
	TRY(buf_done(&b));
	return report_set_text(o, "version", buf_view(&b), TEXT_MAX);
}

/* What is run otherwise than by an interpreter that is given exactly this text. */
static rc script_findings(struct inspection *in, const char *name, struct view program,
			  uint32_t flags)
{
	if (view_is(program, "<lua>"))
		TRY(finding(in, SEVERITY_WARNING, "rpm-lua", view_str(name),
			    "runs inside rpm itself: no guard sees it"));
	if ((flags & (FLAG_EXPAND | FLAG_QFORMAT)) != 0)
		TRY(finding(in, SEVERITY_WARNING, "rpm-expanded", view_str(name),
			    "is changed by rpm on the host before it runs"));
	return finding(in, SEVERITY_NOTICE, "maintainer-script", view_str(name),
		       "runs as root when the package is installed or removed");
}

static rc script(struct inspection *in, const char *name, struct view body, struct view program,
		 json_t *list)
{
	size_t shown = in->limits->script_text;
	struct hash hash = hash_of(HASH_SHA256, body);
	json_t *o = json_object();

	TRY(report_add(list, o));
	TRY(report_spend(in, body.len < shown ? body.len : shown));
	TRY(report_set(o, "name", json_string_nocheck(name)));
	TRY(report_set_text(o, "program", program, TEXT_MAX));
	TRY(report_set_u64(o, "size", body.len));
	TRY(report_set_hex(o, "sha256", &hash));
	TRY(report_set(o, "text",
		       report_text(view_of(body.ptr, body.len < shown ? body.len : shown),
				   CLEAN_TEXT, 4 * shown)));
	if (body.len <= shown)
		return OK;
	TRY(report_set(o, "cut", json_true()));
	return finding(in, SEVERITY_ERROR, "script-cut", view_str(name),
		       "longer than %zu bytes, not all of it is shown", shown);
}

/* The words of what runs a script: several for one script, one each for several. */
static rc program_of(const struct rpm_header *h, size_t kind, size_t i, struct buf *out)
{
	struct view word;
	rc r = rpm_header_string(h, scripts[kind].program, i, &word);

	buf_init(out, TEXT_MAX);
	/* Each word is searched for from the first: there are no more than fit. */
	for (size_t k = 1; rc_is_ok(r) && rc_is_ok(buf_done(out)); k++) {
		buf_put_view(out, word);
		if (scripts[kind].several)
			break;
		r = rpm_header_string(h, scripts[kind].program, k, &word);
		if (rc_is_ok(r))
			buf_put_u8(out, ' ');
	}
	if (!rc_is_ok(r) && (r.code != RC_NOTFOUND || out->len == 0))
		return r;
	return buf_done(out);
}

/* The i-th script of this kind. RC_NOTFOUND: there is none. */
static rc one_script(struct inspection *in, const struct rpm_header *h, size_t kind, size_t i,
		     json_t *list)
{
	AUTO(buf) struct buf program = {0};
	struct view body = view_str("");
	uint32_t flags = 0;
	char name[64];
	rc r = rpm_header_string(h, scripts[kind].body, i, &body);
	rc p = program_of(h, kind, i, &program);

	if (!rc_is_ok(p) && p.code != RC_NOTFOUND)
		return p;
	/* A program alone is run, too; a text alone by /bin/sh. */
	if (!rc_is_ok(r) && (r.code != RC_NOTFOUND || !rc_is_ok(p)))
		return r;
	if (!rc_is_ok(p))
		buf_put_str(&program, "/bin/sh");
	rc_ignore(rpm_header_u32(h, scripts[kind].flags, i, &flags), "none then");
	(void)snprintf(name, sizeof(name), "%s.%zu", scripts[kind].name, i);
	if (!scripts[kind].several)
		name[strlen(scripts[kind].name)] = '\0';
	TRY(script(in, name, body, buf_view(&program), list));
	return script_findings(in, name, buf_view(&program), flags);
}

static rc all_scripts(struct inspection *in, const struct rpm_header *h, json_t *o)
{
	json_t *list = json_array();

	TRY(report_set(o, "scripts", list));
	for (size_t k = 0; k < sizeof(scripts) / sizeof(scripts[0]); k++)
		for (size_t i = 0; i == 0 || scripts[k].several; i++) {
			rc r = i == SCRIPTS_MAX ? RC(RC_LIMIT) : one_script(in, h, k, i, list);

			if (r.code == RC_NOTFOUND)
				break;
			if (r.code == RC_NOMEM)
				return r;
			if (!rc_is_ok(r))
				return finding(in, SEVERITY_ERROR, "rpm-malformed",
					       view_str(scripts[k].name),
					       "scripts that cannot be read, or too many");
		}
	return OK;
}

static rc facts(struct inspection *in, const struct rpm_header *h, json_t *o)
{
	struct hash hash = hash_of(HASH_SHA256, h->bytes);
	struct view text;

	TRY(report_set_hex(o, "header", &hash));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (rc_is_ok(rpm_header_string(h, texts[i].tag, 0, &text)))
			TRY(report_set_text(o, texts[i].key, text, TEXT_MAX));
	TRY(version(h, o));
	if (rpm_header_u32(h, TAG_SOURCEPACKAGE, 0, &(uint32_t){0}).code != RC_NOTFOUND)
		TRY(finding(in, SEVERITY_WARNING, "rpm-source", NO_PATH,
			    "a source package: it is unpacked, not installed"));
	return all_scripts(in, h, o);
}

rc rpm_inspect(struct inspection *in, struct fault *f)
{
	AUTO(buf) struct buf bytes = {0};
	json_t *o = json_object();
	struct rpm_header h;
	struct fault why = {0};
	uint64_t at = 0;
	rc r;

	TRY(report_set(in->report, "rpm", o));
	r = read_headers(in, &bytes, &h, &at, &why);
	if (r.code == RC_NOMEM || r.code == RC_IO)
		return fault_set(f, r.code, 0, "%s", why.text);
	if (!rc_is_ok(r))
		return finding(in, SEVERITY_ERROR, "rpm-malformed", NO_PATH, "%s", why.text);
	TRY(facts(in, &h, o));
	return payload(in, &h, at, o, f);
}
