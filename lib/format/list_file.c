#include "lib/format/list_file.h"

#include <errno.h>
#include <sys/mman.h>

#include "lib/base/fd.h"
#include "lib/format/cms_file.h"
#include "lib/format/oid_tbs.h"
#include "lib/model/list.h"
#include "lib/model/package_record.h"

rc file_map_open(int fd, struct file_map *ret, struct fault *f)
{
	uint64_t size;
	void *p;

	TRY(fd_size(fd, &size, f));
	if (size > CONTENTS_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "list: %llu bytes, at most %llu",
				 (unsigned long long)size, (unsigned long long)CONTENTS_BYTES_MAX);
	if (size == 0)
		return fault_set(f, RC_TRUNCATED, 0, "list: the file is empty");
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return fault_errno(f, errno, "list: mmap");
	ret->bytes = view_of(p, (size_t)size);
	return OK;
}

void file_map_release(struct file_map *m)
{
	if (m->bytes.ptr != NULL)
		(void)munmap((void *)(uintptr_t)m->bytes.ptr, m->bytes.len);
	m->bytes = (struct view){0};
}

static bool begins_with(int fd, const char *magic)
{
	uint8_t head[CONTENTS_MAGIC];

	return rc_is_ok(fd_pread_full(fd, head, sizeof(head), 0, NULL)) &&
	       memcmp(head, magic, sizeof(head)) == 0;
}

static bool is_list(int fd)
{
	return begins_with(fd, LIST_MAGIC);
}

static bool is_record(int fd)
{
	return begins_with(fd, PACKAGE_RECORD_MAGIC);
}

static rc list_content(int fd, enum hash_alg alg, struct hash *ret, struct fault *f)
{
	AUTO(file_map) struct file_map map = {0};
	struct list l;

	TRY(file_map_open(fd, &map, f));
	TRY(list_open(map.bytes, &l, f));
	TRY(contents_names_check(&l.contents, f));
	*ret = hash_of(alg, map.bytes);
	return OK;
}

static rc record_content(int fd, enum hash_alg alg, struct hash *ret, struct fault *f)
{
	AUTO(file_map) struct file_map map = {0};
	struct package_record p;

	TRY(file_map_open(fd, &map, f));
	TRY(package_record_open(map.bytes, &p, f));
	TRY(contents_names_check(&p.contents, f));
	*ret = hash_of(alg, map.bytes);
	return OK;
}

static rc list_verify(int fd, struct view object, const struct verify_trust *t,
		      struct verify_report *ret, struct fault *f)
{
	const struct cms_wish wish = {.format = LIST_FORMAT,
				      .type = OID(OID_ALLOWLIST),
				      .type_name = "an allowlist's",
				      .fd = fd,
				      .content = list_content};

	return cms_verify(object, &wish, t, ret, f);
}

static rc record_verify(int fd, struct view object, const struct verify_trust *t,
			struct verify_report *ret, struct fault *f)
{
	const struct cms_wish wish = {.format = PACKAGE_RECORD_FORMAT,
				      .type = OID(OID_PACKAGE_RECORD),
				      .type_name = "a package record's",
				      .fd = fd,
				      .content = record_content};

	return cms_verify(object, &wish, t, ret, f);
}

const struct format_file format_allowlist_file = {
	.name = LIST_FORMAT,
	.detached = true,
	.recognise = is_list,
	.content = list_content,
	.verify = list_verify,
};

const struct format_file format_package_record_file = {
	.name = PACKAGE_RECORD_FORMAT,
	.detached = true,
	.recognise = is_record,
	.content = record_content,
	.verify = record_verify,
};
