#include "prog/guard/records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/approved.h"
#include "prog/guard/load.h"
#include "prog/guard/proof.h"

/* What has been read so far. */
struct table {
	struct content *row;
	size_t count, cap;
};

static void table_release(struct table *t)
{
	free(t->row);
	*t = (struct table){0};
}

static rc table_add(struct table *t, const uint8_t *digest, unsigned classes, struct fault *f)
{
	if (t->count == RECORDS_CONTENTS)
		return fault_set(f, RC_LIMIT, 0, "more than %u contents in all records",
				 RECORDS_CONTENTS);
	if (t->count == t->cap) {
		size_t cap = t->cap == 0 ? 1024 : t->cap * 2;
		struct content *more = (struct content *)reallocarray(t->row, cap, sizeof(*more));

		if (more == NULL)
			return fault_set(f, RC_NOMEM, 0, "no memory for the records");
		t->row = more;
		t->cap = cap;
	}
	t->row[t->count] = (struct content){.classes = (uint8_t)classes};
	memcpy(t->row[t->count++].digest.b, digest, DIGEST_SIZE);
	return OK;
}

bool records_is_name(const char *name, size_t *ret_len)
{
	size_t n = strlen(name), s = strlen(RECORD_SUFFIX);

	if (n <= s || name[0] == '.' || strcmp(name + n - s, RECORD_SUFFIX) != 0)
		return false;
	*ret_len = n - s;
	return true;
}

rc records_read(int dir, const char *name, struct buf *out, struct package_record *ret,
		struct fault *f)
{
	TRY(file_read_at(dir, name, out, f));
	return package_record_open(buf_view(out), ret, f);
}

rc records_verify(const struct conf *c, struct view record, struct view proof,
		  struct package_record *ret, struct fault *f)
{
	struct digest keys[CONF_KEYS_MAX + 1] = {c->list_key};
	const struct proof_wish wish = {.log = &c->log,
					.keys = keys,
					.key_count = c->record_key_count + 1,
					.format = PACKAGE_RECORD_FORMAT,
					.file = record};

	memcpy(keys + 1, c->record_keys, sizeof(c->record_keys));
	/* Signature and log come first, as with a list. */
	TRY(proof_check(proof, &wish, f));
	return package_record_open(record, ret, f);
}

static rc put(int dir, const char *name, struct view bytes, struct fault *f)
{
	const struct file_spec spec = {.dirfd = dir, .name = name, .mode = 0600, .durable = true};

	return file_replace(&spec, bytes, f);
}

rc records_keep(int dir, struct view record, struct view proof, struct package_record_header *ret,
		struct fault *f)
{
	char hex[DIGEST_HEX], name[RECORD_NAME], proof_name[RECORD_NAME + 16];
	struct package_record r;

	TRY(package_record_open(record, &r, f));
	digest_hex(&r.header.archive, hex);
	(void)snprintf(name, sizeof(name), "%s_%s" RECORD_SUFFIX, r.header.name, hex);
	(void)snprintf(proof_name, sizeof(proof_name), "%s.greatseal", name);
	/* A record without its proof would be refused, a proof alone is nothing. */
	TRY(put(dir, proof_name, proof, f));
	TRY(put(dir, name, record, f));
	*ret = r.header;
	return OK;
}

/* What names the package as a whole: the archive, and of an rpm its header. A list that revokes one
 * of the two means the package. */
static rc add_archive(const struct package_record_header *h, const struct list *list,
		      struct table *t, struct fault *f)
{
	bool rpm = h->kind == PACKAGE_RPM;
	unsigned class = LIST_ARCHIVE;

	if (!rpm)
		return table_add(t, h->archive.b, class, f);
	if (list != NULL &&
	    ((list_find(list, h->archive.b) | list_find(list, h->header.b)) & LIST_REVOKED) != 0)
		class = LIST_REVOKED;
	TRY(table_add(t, h->archive.b, class, f));
	return table_add(t, h->header.b, class, f);
}

struct records {
	const struct conf *conf;
	const struct list *list; /* may be NULL */
	int dir;
	struct table table;
};

static void records_release(struct records *r)
{
	table_release(&r->table);
}
AUTO_DEFINE(records, struct records, records_release)

/* One record into the table: all of it, or nothing. */
static rc add_record(struct records *all, const char *name, struct fault *f)
{
	const struct conf *c = all->conf;
	struct table *t = &all->table;
	int dir = all->dir;

	AUTO(buf) struct buf bytes = {0};
	AUTO(buf) struct buf proof = {0};
	char beside[NAME_MAX + 32];
	struct package_record record;
	size_t before = t->count;
	rc r;

	buf_init(&bytes, RECORD_BYTES);
	buf_init(&proof, RECORD_PROOF_BYTES);
	(void)snprintf(beside, sizeof(beside), "%s.greatseal", name);
	TRY(file_read_at(dir, beside, &proof, f));
	TRY(file_read_at(dir, name, &bytes, f));
	TRY(records_verify(c, buf_view(&bytes), buf_view(&proof), &record, f));
	r = add_archive(&record.header, all->list, t, f);
	for (size_t i = 0; i < record.contents.count && rc_is_ok(r); i++)
		r = table_add(t, contents_digest(&record.contents, i), record.contents.classes[i],
			      f);
	if (!rc_is_ok(r))
		t->count = before;
	return r;
}

static void refuse(struct records_result *ret, const char *name, const char *why)
{
	if (ret->refused < RECORDS_TOLD)
		(void)snprintf(ret->told[ret->refused], FAULT_TEXT, "%.80s: %.110s", name, why);
	ret->refused++;
}

static rc read_all(struct records *all, DIR *list, struct records_result *ret, struct fault *f)
{
	const struct dirent *e;
	size_t ignored, seen = 0;

	for (errno = 0; (e = readdir(list)) != NULL; errno = 0) {
		struct fault why = {0};
		rc r;

		if (!records_is_name(e->d_name, &ignored))
			continue;
		if (++seen > RECORDS_MAX) {
			refuse(ret, e->d_name, "there are more records than 4096");
			continue;
		}
		r = add_record(all, e->d_name, &why);
		if (r.code == RC_NOMEM)
			return fault_set(f, RC_NOMEM, 0, "%s", why.text);
		if (rc_is_ok(r))
			ret->packages++;
		else
			refuse(ret, e->d_name, why.text);
	}
	return errno == 0 ? OK : fault_errno(f, errno, "%s", all->conf->records);
}
_Static_assert(RECORDS_MAX == 4096, "the sentence above says so");

static rc write_table(struct table *t, int memory, struct records_result *ret, struct fault *f)
{
	AUTO(buf) struct buf out = {0};

	buf_init(&out, (size_t)1 << 30);
	TRY(contents_write(APPROVED_RECORDS_MAGIC, view_str("{}"), t->row, t->count, &out, f));
	ret->contents = t->count;
	TRY(fd_pwrite_full(memory, out.ptr, out.len, 0, f));
	return fcntl(memory, F_ADD_SEALS, LOAD_SEALS) == 0
		       ? OK
		       : fault_errno(f, errno, "records: sealing");
}

static rc load(struct records *all, int memory, struct records_result *ret, struct fault *f)
{
	const char *path = all->conf->records;
	DIR *list = opendir(path);
	rc r = OK;

	if (list == NULL && errno != ENOENT)
		return fault_errno(f, errno, "%s", path);
	if (list != NULL) {
		all->dir = dirfd(list);
		r = read_all(all, list, ret, f);
		(void)closedir(list);
	}
	return rc_is_ok(r) ? write_table(&all->table, memory, ret, f) : r;
}

void records_load(const struct conf *c, const struct list *list, int memory,
		  struct records_result *ret)
{
	AUTO(records) struct records all = {.conf = c, .list = list, .dir = -1};
	struct fault f = {0};
	rc r;

	memset(ret, 0, sizeof(*ret));
	r = load(&all, memory, ret, &f);
	ret->code = r.code;
	if (!rc_is_ok(r))
		(void)snprintf(ret->text, sizeof(ret->text), "%s: %s", rc_name(r), f.text);
}
