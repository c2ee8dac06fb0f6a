#include "prog/guard/load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/base/sandbox.h"
#include "lib/model/list.h"
#include "prog/guard/approved.h"
#include "prog/guard/proof.h"

#define PROOF_SUFFIX ".greatseal"
#define NAME_TEXT 64

/* What the state directory remembers. serial 0: nothing. */
struct newest {
	uint64_t serial;
	struct digest digest;
};

/* ---- What is kept ---------------------------------------------------------------------------*/

/* "SERIAL HEX\n" */
static rc newest_read(int dir, struct newest *ret, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	struct view rest, number;
	rc r;

	*ret = (struct newest){.serial = 0};
	buf_init(&text, 128);
	r = file_read_at(dir, "newest", &text, f);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	rest = buf_view(&text);
	/* Whoever could damage it could make us take an old list: nothing is taken then. */
	if (!rc_is_ok(view_until(&rest, ' ', &number)) ||
	    !rc_is_ok(
		    num_parse_u64((const char *)number.ptr, number.len, INT64_MAX, &ret->serial)) ||
	    rest.len != 2 * DIGEST_SIZE + 1 || rest.ptr[rest.len - 1] != '\n' ||
	    !rc_is_ok(digest_parse(view_of(rest.ptr, rest.len - 1), &ret->digest)))
		return fault_set(f, RC_CORRUPT, 0,
				 "state: \"newest\" is damaged: no list is taken");
	return OK;
}

static rc newest_write(int dir, const struct newest *n, struct fault *f)
{
	const struct file_spec spec = {
		.dirfd = dir, .name = "newest", .mode = 0600, .durable = true};
	char text[128], hex[DIGEST_HEX];

	digest_hex(&n->digest, hex);
	(void)snprintf(text, sizeof(text), "%" PRIu64 " %s\n", n->serial, hex);
	return file_replace(&spec, view_str(text), f);
}

static rc keep(int dir, const struct newest *before, const struct newest *now, struct view list,
	       struct view proof, struct fault *f)
{
	char name[NAME_TEXT];
	struct file_spec spec = {.dirfd = dir, .name = name, .mode = 0600, .durable = true};

	(void)snprintf(name, sizeof(name), "list.%" PRIu64, now->serial);
	TRY(file_replace(&spec, list, f));
	(void)snprintf(name, sizeof(name), "list.%" PRIu64 PROOF_SUFFIX, now->serial);
	TRY(file_replace(&spec, proof, f));
	TRY(newest_write(dir, now, f));
	if (before->serial == 0 || before->serial == now->serial)
		return OK;
	(void)snprintf(name, sizeof(name), "list.%" PRIu64, before->serial);
	(void)unlinkat(dir, name, 0);
	(void)snprintf(name, sizeof(name), "list.%" PRIu64 PROOF_SUFFIX, before->serial);
	(void)unlinkat(dir, name, 0);
	return OK;
}

bool load_enforces(const struct conf *c)
{
	char path[PATH_MAX + 8];
	AUTO(buf) struct buf text = {0};

	(void)snprintf(path, sizeof(path), "%s/mode", c->state);
	buf_init(&text, 16);
	return rc_is_ok(file_read(path, &text, NULL)) && view_is(buf_view(&text), "enforce\n");
}

rc load_keep_mode(const struct conf *c, bool enforce, struct fault *f)
{
	AUTO(fd) int dir = -1;
	struct file_spec spec = {.name = "mode", .mode = 0600, .durable = true};

	TRY(dir_open(c->state, &dir, f));
	spec.dirfd = dir;
	/* Whoever says enforce has done with the token. */
	if (enforce)
		glass_forget(c);
	return file_replace(&spec, view_str(enforce ? "enforce\n" : "observe\n"), f);
}

/* ---- What comes in --------------------------------------------------------------------------*/

/* The whole file into the memory file, which nobody can change from here on. */
static rc copy_in(int from, int memory, uint64_t *ret_len, struct fault *f)
{
	static _Alignas(FD_ALIGN) uint8_t chunk[1 << 16];
	uint64_t size, at = 0;

	TRY(fd_size(from, &size, f));
	if (size == 0 || size > LOAD_LIST_MAX)
		return fault_set(f, RC_LIMIT, 0, "the list has %" PRIu64 " bytes, at most %" PRIu64,
				 size, LOAD_LIST_MAX);
	while (at < size) {
		size_t n = size - at < sizeof(chunk) ? (size_t)(size - at) : sizeof(chunk);

		TRY(fd_pread_full(from, chunk, n, at, f));
		TRY(fd_pwrite_full(memory, chunk, n, at, f));
		at += n;
	}
	if (fcntl(memory, F_ADD_SEALS, LOAD_SEALS) != 0)
		return fault_errno(f, errno, "list: sealing");
	*ret_len = size;
	return OK;
}

static rc judge(const struct conf *c, int dir, struct view bytes, struct view proof,
		const struct newest *before, unix_time now, struct list *ret, struct fault *f)
{
	struct newest is = {.digest = digest_of(bytes)};
	const struct proof_wish wish = {.log = &c->log,
					.keys = &c->list_key,
					.key_count = 1,
					.format = LIST_FORMAT,
					.file = bytes};
	const struct list_host host = {.origin = c->log.name,
				       .name = c->name.s[0] != '\0' ? &c->name : NULL,
				       .groups = c->groups,
				       .group_count = c->group_count,
				       .serial = before->serial,
				       .digest = before->digest,
				       .now = now};

	/* Signature and log come first: until they are good, nothing else of it is believed. */
	TRY(proof_check(proof, &wish, f));
	TRY(list_open(bytes, ret, f));
	TRY(list_check(&ret->header, &is.digest, &host, f));
	is.serial = ret->header.serial;
	if (is.serial == before->serial)
		return OK;
	return keep(dir, before, &is, bytes, proof, f);
}

/* Opens the list and reads its proof. */
static rc open_files(const char *path, int *ret_list, struct buf *proof, struct fault *f)
{
	char beside[PATH_MAX + NAME_TEXT + 16];
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return fault_errno(f, errno, "%s", path);
	(void)snprintf(beside, sizeof(beside), "%s" PROOF_SUFFIX, path);
	TRY(file_read(beside, proof, f));
	*ret_list = fd;
	fd = -1;
	return OK;
}

static rc open_source(const struct conf *c, const struct load_from *from,
		      const struct newest *before, int *ret_list, struct buf *proof,
		      struct fault *f)
{
	char path[PATH_MAX + NAME_TEXT];

	switch (from->source) {
	case LOAD_FILE:
		return open_files(c->list, ret_list, proof, f);
	case LOAD_KEPT:
		if (before->serial == 0)
			return fault_set(f, RC_NOTFOUND, 0, "no list was ever taken");
		(void)snprintf(path, sizeof(path), "%s/list.%" PRIu64, c->state, before->serial);
		return open_files(path, ret_list, proof, f);
	case LOAD_FETCHED:
		break;
	}
	*ret_list = fcntl(from->list, F_DUPFD_CLOEXEC, 0);
	if (*ret_list < 0 || lseek(from->proof, 0, SEEK_SET) != 0)
		return fault_errno(f, errno, "list");
	return fd_read_all(from->proof, proof, f);
}

static rc load(const struct conf *c, const struct load_from *source, int memory, unix_time now,
	       struct load_result *ret, struct fault *f)
{
	AUTO(fd) int dir = -1;
	AUTO(fd) int from = -1;
	AUTO(buf) struct buf proof = {0};
	struct newest before;
	struct list list;
	uint64_t len = 0;
	void *map;
	rc r;

	buf_init(&proof, PROOF_BYTES_MAX);
	TRY(dir_open(c->state, &dir, f));
	TRY(newest_read(dir, &before, f));
	TRY(open_source(c, source, &before, &from, &proof, f));
	TRY(copy_in(from, memory, &len, f));
	map = mmap(NULL, (size_t)len, PROT_READ, MAP_SHARED, memory, 0);
	if (map == MAP_FAILED)
		return fault_errno(f, errno, "list: mmap");
	r = judge(c, dir, view_of(map, (size_t)len), buf_view(&proof), &before, now, &list, f);
	/* One that has expired since it was taken goes on until there is a newer one. */
	if (source->source == LOAD_KEPT && r.code == RC_EXPIRED) {
		r = list_open(view_of(map, (size_t)len), &list, f);
		(void)snprintf(ret->text, sizeof(ret->text), "it has expired");
	}
	if (rc_is_ok(r)) {
		ret->serial = list.header.serial;
		ret->count = list.contents.count;
		ret->not_after = list.header.not_after;
		ret->name = list.header.name;
		ret->digest = digest_of(view_of(map, (size_t)len));
	}
	(void)munmap(map, (size_t)len);
	return r;
}

void load_list(const struct conf *c, const struct load_from *from, int memory, unix_time now,
	       struct load_result *ret)
{
	struct fault f = {0};
	rc r;

	memset(ret, 0, sizeof(*ret));
	ret->records.code = RC_NOTFOUND;
	ret->glass.code = RC_NOTFOUND;
	r = load(c, from, memory, now, ret, &f);
	ret->code = r.code;
	if (!rc_is_ok(r))
		(void)snprintf(ret->text, sizeof(ret->text), "%s: %s", rc_name(r), f.text);
}

/* The directory of the list, which may not be there yet. */
static void parent_of(const char *path, char out[PATH_MAX])
{
	char *slash;

	(void)snprintf(out, PATH_MAX, "%s", path);
	slash = strrchr(out, '/');
	if (slash != NULL)
		slash[slash == out ? 1 : 0] = '\0';
}

void load_run(const struct conf *c, const struct load_from *from, const struct list *in_force,
	      const int memory[static 2], int out)
{
	const bool fetched = from->source == LOAD_FETCHED;
	const int keep_fds[] = {memory[0], memory[1], out, fetched ? from->list : -1,
				fetched ? from->proof : -1};
	struct sandbox_path paths[3] = {{c->state, true, false}};
	struct approved fresh = {0};
	char parent[PATH_MAX];
	struct load_result result = {
		.code = RC_IO, .records = {.code = RC_IO}, .glass = {.code = RC_NOTFOUND}};
	struct fault f = {0};
	size_t n = 1;
	int abi;
	rc r;

	parent_of(c->list, parent);
	if (access(parent, F_OK) == 0)
		paths[n++].path = parent;
	if (access(c->records, F_OK) == 0)
		paths[n++].path = c->records;
	r = sandbox_close_others(keep_fds, 5, &f);
	if (rc_is_ok(r))
		r = sandbox_paths(paths, n, &abi, &f);
	if (rc_is_ok(r)) {
		load_list(c, from, memory[0], clock_now(&clock_system), &result);
		if (result.code == RC_OK)
			approved_take(&fresh, memory[0], -1);
		records_load(c, fresh.has_list ? &fresh.list : in_force, memory[1],
			     &result.records);
		glass_load(c, clock_now(&clock_system), &result.glass);
	} else {
		(void)snprintf(result.text, sizeof(result.text), "%s", f.text);
		(void)snprintf(result.records.text, sizeof(result.records.text), "%s", f.text);
	}
	rc_ignore(fd_write_full(out, &result, sizeof(result), NULL), "the supervisor sees the end");
	_exit(0);
}
