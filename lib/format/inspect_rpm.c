/* rpm packages: name, scripts and digests of the two headers (lib/codec/rpm.h); the tree of the
 * payload is the report's archive (inspect_archive.c), which is held against the header's list of
 * files (inspect_rpm_files.c). Owns: the report's "rpm" object. Must not own: the headers' form.
 *
 * The SHA-256 of the main header stands for the whole package, as long as the header names the
 * payload by SHA-256 and the payload is that one: both are looked at here. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/codec/rpm_script.h"
#include "lib/format/inspect_impl.h"
#include "lib/format/inspect_rpm_files.h"

#define TEXT_MAX 4096
#define BLOCK 65536
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

static const struct {
	const char *key;
	uint32_t tag;
} texts[] = {
	{"architecture", TAG_ARCH}, {"build_host", 1007}, {"license", 1014},
	{"name", TAG_NAME},	    {"packager", 1015},	  {"source", 1044},
	{"summary", 1004},	    {"url", 1020},	  {"vendor", 1011},
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
	_Alignas(FD_ALIGN) uint8_t block[BLOCK];

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
static rc script_findings(struct inspection *in, const struct rpm_script *s)
{
	if (s->lua)
		TRY(finding(in, SEVERITY_WARNING, "rpm-lua", view_str(s->name),
			    "runs inside rpm itself: no guard sees it"));
	if (s->expanded)
		TRY(finding(in, SEVERITY_WARNING, "rpm-expanded", view_str(s->name),
			    "is changed by rpm on the host before it runs"));
	return finding(in, SEVERITY_NOTICE, "maintainer-script", view_str(s->name),
		       "runs as root when the package is installed or removed");
}

/* What stands for a script that rpm expands (RPM_EXPANDED_HEAD). */
static rc expanded(const struct rpm_script *s, json_t *o)
{
	AUTO(hasher) struct hasher *h = NULL;
	struct hash hash;

	TRY(hasher_new(HASH_SHA256, &h));
	TRY(hasher_update(h, view_str(RPM_EXPANDED_HEAD)));
	TRY(hasher_update(h, s->text));
	TRY(hasher_finish(h, &hash));
	return report_set_hex(o, "expanded", &hash);
}

/* program: all its words. */
static rc script(struct inspection *in, const struct rpm_script *s, struct view program,
		 json_t *list)
{
	size_t shown = in->limits->script_text;
	struct view body = s->text;
	struct hash hash = hash_of(HASH_SHA256, body);
	json_t *o = json_object();

	TRY(report_add(list, o));
	TRY(report_spend(in, body.len < shown ? body.len : shown));
	TRY(report_set(o, "name", json_string_nocheck(s->name)));
	TRY(report_set_text(o, "program", program, TEXT_MAX));
	TRY(report_set_u64(o, "size", body.len));
	TRY(report_set_hex(o, "sha256", &hash));
	if (s->expanded)
		TRY(expanded(s, o));
	TRY(report_set(o, "text",
		       report_text(view_of(body.ptr, body.len < shown ? body.len : shown),
				   CLEAN_TEXT, 4 * shown)));
	if (body.len <= shown)
		return OK;
	TRY(report_set(o, "cut", json_true()));
	return finding(in, SEVERITY_ERROR, "script-cut", view_str(s->name),
		       "longer than %zu bytes, not all of it is shown", shown);
}

/* The words of what runs a script. */
static rc program_of(const struct rpm_header *h, const struct rpm_script *s, struct buf *out)
{
	struct view word;

	buf_init(out, TEXT_MAX);
	buf_put_view(out, s->program);
	/* Each word is searched for from the first: there are no more than fit. */
	for (size_t k = 1; rc_is_ok(buf_done(out)); k++) {
		rc r = rpm_script_word(h, s, k, &word);

		if (r.code == RC_NOTFOUND)
			break;
		TRY(r);
		buf_put_u8(out, ' ');
		buf_put_view(out, word);
	}
	return buf_done(out);
}

static rc one_script(struct inspection *in, const struct rpm_header *h, const struct rpm_script *s,
		     json_t *list)
{
	AUTO(buf) struct buf program = {0};

	TRY(program_of(h, s, &program));
	TRY(script(in, s, buf_view(&program), list));
	return script_findings(in, s);
}

static rc all_scripts(struct inspection *in, const struct rpm_header *h, json_t *o)
{
	json_t *list = json_array();
	struct rpm_scripts at = {0};
	struct rpm_script s;

	TRY(report_set(o, "scripts", list));
	for (;;) {
		rc r = rpm_script_next(h, &at, &s);

		if (r.code == RC_NOTFOUND)
			return OK;
		if (rc_is_ok(r))
			r = one_script(in, h, &s, list);
		if (r.code == RC_NOMEM)
			return r;
		if (!rc_is_ok(r))
			TRY(finding(in, SEVERITY_ERROR, "rpm-malformed", view_str(s.name),
				    "scripts that cannot be read, or too many"));
	}
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
	if (!rc_is_ok(r)) {
		TRY(finding(in, SEVERITY_ERROR, "rpm-malformed", NO_PATH, "%s", why.text));
		return archive_inspect(in, "rpm", f);
	}
	TRY(facts(in, &h, o));
	TRY(payload(in, &h, at, o, f));
	TRY(archive_inspect(in, "rpm", f));
	return rpm_files_check(in, &h);
}
