#include "prog/guard/bring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/guard.h"
#include "prog/guard/records.h"

static rc fetch(const struct conf *c, const struct digest *archives, size_t count, int memory,
		struct fetch_result *ret, struct fault *f)
{
	AUTO(fd) int from = -1;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return fault_errno(f, errno, "records");
	from = ends[0];
	(void)fflush(stdout);
	child = fork();
	if (child == 0)
		fetch_records_run(c, archives, count, memory, ends[1]);
	(void)close(ends[1]);
	if (child < 0)
		return fault_errno(f, errno, "records: fork");
	fetch_await(child, from, guard_now() + FETCH_RECORDS_MS + FETCH_GRACE_MS, ret);
	if (ret->code != RC_OK)
		return fault_set(f, (enum rc_code)ret->code, 0, "%s", ret->text);
	if (ret->count == 0 && ret->text[0] != '\0')
		return fault_set(f, RC_DENIED, 0, "%s", ret->text);
	return OK;
}

/* What the child has found good. It may be in other hands: so each is of an archive that was asked
 * for, or is not kept. */
static rc keep_all(int dir, struct view v, const struct digest *archives, size_t count,
		   size_t *ret_count, struct fault *f)
{
	*ret_count = 0;
	while (v.len > 0) {
		struct package_record_header header;
		struct package_record r;
		struct view record, proof;
		bool wanted = false;

		TRY(view_string(&v, RECORD_BYTES, &record));
		TRY(view_string(&v, RECORD_PROOF_BYTES, &proof));
		TRY(package_record_open(record, &r, f));
		for (size_t i = 0; i < count; i++)
			wanted = wanted || package_record_is_of(&r.header, &archives[i]);
		if (!wanted)
			return fault_set(f, RC_PEER, 0, "a record that nobody has asked for");
		TRY(records_keep(dir, record, proof, &header, f));
		++*ret_count;
	}
	return OK;
}

rc bring_records(const struct conf *c, const struct digest *archives, size_t count,
		 size_t *ret_count, struct fault *f)
{
	AUTO(fd) int memory = memfd_create("greatseal-records", MFD_CLOEXEC);
	AUTO(fd) int dir = -1;
	struct fetch_result result;
	uint64_t size = 0;
	void *map;
	rc r;

	if (c->agent[0] == '\0')
		return fault_set(f, RC_STATE, 0, "the settings name no agent to fetch from");
	if (memory < 0)
		return fault_errno(f, errno, "records");
	TRY(fetch(c, archives, count, memory, &result, f));
	TRY(fd_size(memory, &size, f));
	*ret_count = 0;
	if (size == 0)
		return OK;
	TRY(dir_make(c->records, 0700, f));
	TRY(dir_open(c->records, &dir, f));
	/* Nobody else has the file any more: the child is gone. */
	map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, memory, 0);
	if (map == MAP_FAILED)
		return fault_errno(f, errno, "records: mmap");
	r = keep_all(dir, view_of(map, (size_t)size), archives, count, ret_count, f);
	(void)munmap(map, (size_t)size);
	return r;
}
