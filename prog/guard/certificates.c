#include "prog/guard/certificates.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/codec/pem.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/x509.h"
#include "lib/model/leaf.h"
#include "lib/tlog/proof_file.h"
#include "prog/guard/fetch.h"
#include "prog/guard/guard.h"
#include "prog/guard/scan.h"

static const struct pem_kind kind = {.label = "CERTIFICATE", .columns = PEM_COLUMNS};

static void json_autorelease(json_t **j)
{
	json_decref(*j);
}

/* ---- The answer -----------------------------------------------------------------------------*/

static rc take(const json_t *row, const char *name, struct buf *out)
{
	const json_t *text = json_object_get(row, name);

	if (!json_is_string(text))
		return RC(RC_SYNTAX);
	TRY(base64_parse(BASE64_STD, view_of(json_string_value(text), json_string_length(text)),
			 out, NULL));
	return buf_done(out);
}

/* The log has an entry of something that the certificate's key has signed. */
static rc check(const struct vkey *log, struct view der, struct view entry, struct view proof,
		struct fault *f)
{
	AUTO(pkey) struct pkey *key = NULL;
	struct proof_file file;
	struct x509 cert;
	struct leaf leaf;

	TRY(proof_file_parse(proof, &file, f));
	TRY(proof_file_verify(&file, entry, log, NULL, f));
	TRY(leaf_parse(entry, &leaf, f));
	if (leaf.kind != LEAF_ISSUE)
		return fault_set(f, RC_MISMATCH, 0, "the log entry is of kind %s, not issue",
				 leaf_kind_name(leaf.kind));
	TRY(x509_parse(der, &cert, f));
	TRY(pkey_from_spki(cert.spki, &key, f));
	return digest_is_equal(pkey_fingerprint(key), &leaf.key)
		       ? OK
		       : fault_set(f, RC_MISMATCH, 0, "the log entry is of another key");
}

static rc take_row(const json_t *row, const struct vkey *log, struct buf *pem, struct fault *f)
{
	AUTO(buf) struct buf der = {0};
	AUTO(buf) struct buf entry = {0};
	AUTO(buf) struct buf proof = {0};
	rc r;

	buf_init(&der, X509_DER_MAX);
	buf_init(&entry, LEAF_BYTES_MAX);
	buf_init(&proof, PROOF_FILE_MAX);
	r = take(row, "certificate", &der);
	if (rc_is_ok(r))
		r = take(row, "issue_entry", &entry);
	if (rc_is_ok(r))
		r = take(row, "issue_proof", &proof);
	if (!rc_is_ok(r))
		return r.code == RC_NOMEM ? r : fault_set(f, RC_SYNTAX, 0, "it is not whole");
	TRY(check(log, buf_view(&der), buf_view(&entry), buf_view(&proof), f));
	pem_put(&kind, buf_view(&der), pem);
	return buf_done(pem);
}

rc certificates_take(struct view body, const struct vkey *log, struct buf *pem, uint64_t *ret_count,
		     char *told, struct fault *f)
{
	__attribute__((cleanup(json_autorelease))) json_t *root =
		json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *rows = json_object_get(root, "certificates");

	if (!json_is_array(rows))
		return fault_set(f, RC_PEER, 0, "the server's answer: no certificates");
	*ret_count = 0;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		struct fault why = {0};
		rc r = take_row(json_array_get(rows, i), log, pem, &why);

		if (r.code == RC_NOMEM || r.code == RC_LIMIT)
			return fault_set(f, r.code, 0, "no room for the certificates");
		if (rc_is_ok(r))
			++*ret_count;
		else if (told[0] == '\0')
			(void)snprintf(told, FAULT_TEXT, "a certificate is refused: %.150s",
				       why.text);
	}
	return OK;
}

/* ---- The file -------------------------------------------------------------------------------*/

static rc read_file(const struct conf *c, struct buf *out, struct fault *f)
{
	struct stat st;

	if (stat(c->certificates, &st) != 0 && errno == ENOENT)
		return OK;
	return file_read(c->certificates, out, f);
}

/* The next certificate of a text; RC_NOTFOUND: there is no more. */
static rc next(struct view *text, struct buf *der, struct digest *ret, struct fault *f)
{
	if (text->len == 0)
		return RC(RC_NOTFOUND);
	buf_clear(der);
	TRY(pem_next(&kind, text, der, f));
	*ret = digest_of(buf_view(der));
	return OK;
}

/* The first of the file's, as the query of the call; the others come again, and are passed over. */
static rc put_have(struct view text, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf der = {0};
	char hex[DIGEST_HEX];
	struct digest d;
	rc r = OK;

	buf_init(&der, X509_DER_MAX);
	for (size_t i = 0; rc_is_ok(r); i++) {
		r = next(&text, &der, &d, f);
		if (!rc_is_ok(r) || i >= CERTIFICATES_HAVE)
			continue;
		digest_hex(&d, hex);
		buf_printf(out, i == 0 ? "?have=%s" : ",%s", hex);
	}
	if (r.code != RC_NOTFOUND)
		return fault_set(f, RC_SYNTAX, 0,
				 "the file of certificates is not, from its beginning to its end, "
				 "certificates in PEM");
	return buf_done(out);
}

static bool has(struct view text, const struct digest *wanted)
{
	AUTO(buf) struct buf der = {0};
	struct digest d;

	buf_init(&der, X509_DER_MAX);
	while (rc_is_ok(next(&text, &der, &d, NULL)))
		if (digest_is_equal(&d, wanted))
			return true;
	return false;
}

/* What the child has found good. It may be in other hands: each must be a certificate. */
static rc add_new(struct view came, struct buf *text, size_t *ret_count, struct fault *f)
{
	AUTO(buf) struct buf der = {0};
	struct digest d;
	struct x509 cert;
	rc r;

	buf_init(&der, X509_DER_MAX);
	while (rc_is_ok(r = next(&came, &der, &d, f))) {
		TRY(x509_parse(buf_view(&der), &cert, f));
		if (has(buf_view(text), &d))
			continue;
		pem_put(&kind, buf_view(&der), text);
		if (!rc_is_ok(buf_done(text)))
			return fault_set(f, RC_LIMIT, 0, "more than %u bytes of certificates",
					 SCAN_PEM_MAX);
		++*ret_count;
	}
	return r.code == RC_NOTFOUND ? OK : r;
}

/* ---- The verb -------------------------------------------------------------------------------*/

static rc fetch(const struct conf *c, const char *have, int memory, struct fault *f)
{
	AUTO(fd) int from = -1;
	struct fetch_result result;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return fault_errno(f, errno, "certificates");
	from = ends[0];
	(void)fflush(stdout);
	child = fork();
	if (child == 0)
		fetch_certificates_run(c, have, memory, ends[1]);
	(void)close(ends[1]);
	if (child < 0)
		return fault_errno(f, errno, "certificates: fork");
	fetch_await(child, from, guard_now() + FETCH_RECORDS_MS + FETCH_GRACE_MS, &result);
	if (result.code != RC_OK)
		return fault_set(f, (enum rc_code)result.code, 0, "%s", result.text);
	if (result.text[0] != '\0')
		(void)fprintf(stderr, "greatseal-guard: %s\n", result.text);
	return result.count == 0 && result.text[0] != '\0'
		       ? fault_set(f, RC_DENIED, 0, "none of the certificates is good")
		       : OK;
}

static rc write_file(const struct conf *c, struct view text, struct fault *f)
{
	char dir[PATH_MAX];
	char *slash;
	AUTO(fd) int at = -1;

	(void)snprintf(dir, sizeof(dir), "%s", c->certificates);
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return fault_set(f, RC_USAGE, 0, "certificates: an absolute path is needed");
	*slash = '\0';
	TRY(dir_open(dir, &at, f));
	return file_replace(
		&(struct file_spec){.dirfd = at, .name = slash + 1, .mode = 0600, .durable = true},
		text, f);
}

rc verb_certificates(const struct conf *c, struct fault *f)
{
	AUTO(fd) int memory = memfd_create("greatseal-certificates", MFD_CLOEXEC);
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf have = {0};
	AUTO(buf) struct buf came = {0};
	size_t count = 0;

	if (c->agent[0] == '\0' || c->certificates[0] == '\0')
		return fault_set(f, RC_STATE, 0,
				 "the settings name no agent to fetch from, or no certificates");
	if (memory < 0)
		return fault_errno(f, errno, "certificates");
	buf_init(&text, SCAN_PEM_MAX);
	buf_init(&have, 2000);
	buf_init(&came, SCAN_PEM_MAX);
	TRY(read_file(c, &text, f));
	TRY(put_have(buf_view(&text), &have, f));
	TRY(fetch(c, buf_cstr(&have), memory, f));
	if (lseek(memory, 0, SEEK_SET) != 0)
		return fault_errno(f, errno, "certificates");
	TRY(fd_read_all(memory, &came, f));
	TRY(add_new(buf_view(&came), &text, &count, f));
	if (count > 0)
		TRY(write_file(c, buf_view(&text), f));
	(void)printf("%zu certificates are new\n", count);
	return OK;
}
