#include "lib/format/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/inspect_impl.h"

#define FINDING_TEXT 300
#define READ_BLOCK 262144
#define FORGET_FROM (512ULL << 20)
#define FORGET_BLOCK (8 << 20) /* a multiple of READ_BLOCK */

const struct inspect_limits inspect_limits_default = {
	.expanded = 4ULL << 30,
	.ratio = 250,
	.report = 256ULL << 20,
	.entries = 200000,
	.findings = 1000,
	.script_text = 65536,
};

static void json_release(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}
AUTO_DEFINE(json, json_t *, json_release)

rc report_set(json_t *o, const char *key, json_t *v)
{
	return json_object_set_new_nocheck(o, key, v) == 0 ? OK : RC(RC_NOMEM);
}

rc report_add(json_t *list, json_t *v)
{
	return json_array_append_new(list, v) == 0 ? OK : RC(RC_NOMEM);
}

rc report_set_u64(json_t *o, const char *key, uint64_t v)
{
	/* Canonical JSON has integers up to 2^53-1 only. */
	const uint64_t most = (1ULL << 53) - 1;

	return report_set(o, key, json_integer((json_int_t)(v > most ? most : v)));
}

json_t *report_text(struct view in, enum clean_mode mode, size_t max)
{
	AUTO(buf) struct buf b = {0};

	buf_init(&b, max + 1);
	(void)clean_put(&b, in, mode, max);
	if (!rc_is_ok(buf_done(&b)))
		return NULL;
	return json_stringn_nocheck(b.len == 0 ? "" : (const char *)b.ptr, b.len);
}

rc report_set_text(json_t *o, const char *key, struct view in, size_t max)
{
	return report_set(o, key, report_text(in, CLEAN_LINE, max));
}

rc report_set_hex(json_t *o, const char *key, const struct hash *h)
{
	char text[2 * HASH_MAX_SIZE + 1];

	for (size_t i = 0; i < h->size; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", h->b[i]);
	return report_set(o, key, json_string_nocheck(text));
}

rc report_spend(struct inspection *in, uint64_t n)
{
	if (n > in->limits->report - in->spent)
		return RC(RC_LIMIT);
	in->spent += n;
	return OK;
}

rc finding(struct inspection *in, enum severity severity, const char *code, struct view path,
	   const char *fmt, ...)
{
	static const char *const names[] = {"notice", "warning", "error"};
	char text[FINDING_TEXT];
	json_t *o;
	va_list ap;

	if (severity == SEVERITY_ERROR)
		in->complete = false;
	/* Errors always have room: there is only a handful of places that make one. */
	if (json_array_size(in->findings) >= in->limits->findings && severity != SEVERITY_ERROR) {
		in->findings_left_off++;
		return OK;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o = json_object();
	TRY(report_add(in->findings, o));
	TRY(report_set(o, "severity", json_string_nocheck(names[severity])));
	TRY(report_set(o, "code", json_string_nocheck(code)));
	TRY(report_set_text(o, "text", view_str(text), 2 * FINDING_TEXT));
	return path.ptr == NULL ? OK : report_set_text(o, "path", path, INSPECT_PATH_MAX);
}

rc inspect_read(const struct inspection *in, uint64_t at, void *out, size_t n, size_t *ret,
		struct fault *f)
{
	size_t want = at >= in->size ? 0 : in->size - at < n ? (size_t)(in->size - at) : n;

	TRY(fd_pread_full(in->fd, out, want, at, f));
	*ret = want;
	return OK;
}

unsigned entropy_of(const uint64_t counts[256])
{
	uint64_t total = 0;
	double bits = 0;

	for (size_t i = 0; i < 256; i++)
		total += counts[i];
	for (size_t i = 0; i < 256; i++)
		if (counts[i] != 0 && counts[i] != total)
			bits -= (double)counts[i] / (double)total *
				log2((double)counts[i] / (double)total);
	return (unsigned)(bits * 100 + 0.5);
}

/* A very large file would push everything else out of the page cache. */
static void forget(const struct inspection *in, uint64_t at)
{
	if (in->size >= FORGET_FROM && at % FORGET_BLOCK == 0)
		(void)posix_fadvise(in->fd, (off_t)(at - FORGET_BLOCK), FORGET_BLOCK,
				    POSIX_FADV_DONTNEED);
}

/* One pass over the whole file: size, digests, entropy, and its first bytes for the magic table. */
static rc whole_file(struct inspection *in, uint8_t *block, uint8_t *head, size_t *ret_head,
		     struct fault *f)
{
	AUTO(hasher) struct hasher *sha256 = NULL;
	AUTO(hasher) struct hasher *sha512 = NULL;
	uint64_t counts[4][256] = {{0}};
	struct hash h;

	TRY(hasher_new(HASH_SHA256, &sha256));
	TRY(hasher_new(HASH_SHA512, &sha512));
	for (uint64_t at = 0; at < in->size;) {
		size_t got;

		TRY(inspect_read(in, at, block, READ_BLOCK, &got, f));
		if (at == 0) {
			*ret_head = got < MAGIC_BYTES ? got : MAGIC_BYTES;
			memcpy(head, block, *ret_head);
		}
		TRY(hasher_update(sha256, view_of(block, got)));
		TRY(hasher_update(sha512, view_of(block, got)));
		/* Four tables: one alone waits for its own last store on runs of equal bytes. */
		for (size_t i = 0; i < got; i++)
			counts[i & 3][block[i]]++;
		at += got;
		forget(in, at);
	}
	for (size_t i = 0; i < 256; i++)
		counts[0][i] += counts[1][i] + counts[2][i] + counts[3][i];
	TRY(report_set_u64(in->report, "size", in->size));
	TRY(report_set_u64(in->report, "entropy", entropy_of(counts[0])));
	TRY(hasher_finish(sha256, &h));
	TRY(report_set_hex(in->report, "sha256", &h));
	TRY(hasher_finish(sha512, &h));
	return report_set_hex(in->report, "sha512", &h);
}

static rc kinds(struct inspection *in, const char *name, struct view head, struct fault *f)
{
	struct magic m = magic_find(head);
	const char *promised = magic_of_name(name);

	TRY(report_set(in->report, "type", json_string_nocheck(m.type)));
	if (promised != NULL && strcmp(promised, m.type) != 0)
		TRY(finding(in, SEVERITY_WARNING, "type-name-mismatch", NO_PATH,
			    "the name promises %s, the content is %s", promised, m.type));
	if (strcmp(m.type, "rpm") == 0)
		return rpm_inspect(in, f);
	if (m.archive)
		return archive_inspect(in, m.type, f);
	if (strcmp(m.type, "list") == 0 || strcmp(m.type, "record") == 0)
		return list_inspect(in, m.type, f);
	if (strcmp(m.type, "guard-token") == 0)
		return token_inspect(in, f);
	return strcmp(m.type, "pe") == 0 ? pe_inspect(in, f) : OK;
}

rc inspect_file(int fd, const char *name, const struct inspect_limits *l, json_t **ret_report,
		struct fault *f)
{
	AUTO(json) json_t *report = json_object();
	struct inspection in = {.fd = fd, .limits = l, .report = report, .complete = true};
	AUTO(buf) struct buf block = {0};
	uint8_t head[MAGIC_BYTES];
	size_t head_len = 0;

	if (strlen(name) > INSPECT_NAME_MAX)
		return fault_set(f, RC_LIMIT, 0, "inspect: name of more than %d bytes",
				 INSPECT_NAME_MAX);
	TRY(fd_size(fd, &in.size, f));
	buf_init(&block, READ_BLOCK);
	if (report == NULL || buf_space(&block, READ_BLOCK) == NULL)
		return fault_set(f, RC_NOMEM, 0, "inspect: no memory");
	in.findings = json_array();
	TRY(report_set(report, "findings", in.findings));
	TRY(report_set(report, "schema", json_string_nocheck(INSPECT_SCHEMA)));
	TRY(report_set_text(report, "name", view_str(name), 4 * INSPECT_NAME_MAX));
	TRY(whole_file(&in, block.ptr, head, &head_len, f));
	buf_release(&block);
	TRY(kinds(&in, name, view_of(head, head_len), f));
	if (in.findings_left_off != 0) {
		in.complete = false;
		TRY(report_set_u64(report, "findings_left_off", in.findings_left_off));
	}
	TRY(report_set(report, "complete", json_boolean(in.complete)));
	*ret_report = report;
	report = NULL;
	return OK;
}

static int dump_to_buf(const char *p, size_t n, void *ctx)
{
	struct buf *b = (struct buf *)ctx;

	buf_put(b, p, n);
	return rc_is_ok(buf_done(b)) ? 0 : -1;
}

rc inspect_dump(const json_t *report, struct buf *out)
{
	const size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII;

	if (json_dump_callback(report, dump_to_buf, out, flags) != 0)
		return rc_is_ok(buf_done(out)) ? RC(RC_NOMEM) : buf_done(out);
	return OK;
}
