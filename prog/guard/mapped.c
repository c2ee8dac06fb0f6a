#include "prog/guard/mapped.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/gate.h"

static bool is_known(const struct mapped *m, const struct stat *st)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->file[i].dev == st->st_dev && m->file[i].ino == st->st_ino)
			return true;
	return false;
}

static rc add(struct mapped *m, const struct stat *st, const struct digest *digest, struct fault *f)
{
	if (m->count == MAPPED_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %u files are mapped", MAPPED_MAX);
	if (m->count == m->cap) {
		size_t cap = m->cap == 0 ? 256 : 2 * m->cap;
		struct mapped_file *more =
			(struct mapped_file *)reallocarray(m->file, cap, sizeof(*more));

		if (more == NULL)
			return fault_set(f, RC_NOMEM, 0, "no memory for what is mapped");
		m->file = more;
		m->cap = cap;
	}
	m->file[m->count++] =
		(struct mapped_file){.dev = st->st_dev, .ino = st->st_ino, .digest = *digest};
	return OK;
}

/* The file behind /proc/PID/map_files/RANGE. */
static rc take_file(struct mapped *m, struct hasher *h, const char *path, struct fault *f)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct digest digest;
	struct stat st;

	if (fd < 0)
		/* It was unmapped, or its process has ended. */
		return errno == ENOENT || errno == ESRCH || errno == ENXIO
			       ? OK
			       : fault_errno(f, errno, "%s", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || is_known(m, &st))
		return OK;
	TRY(gate_hash(h, fd, &digest, f));
	return add(m, &st, &digest, f);
}

/* "START-END r-xp OFFSET DEV INODE  PATH" */
static rc take_line(struct mapped *m, struct hasher *h, const char *pid, const char *line,
		    struct fault *f)
{
	char path[NAME_MAX + 80];
	unsigned long start, end, inode;
	char rights[8];

	if (sscanf(line, "%lx-%lx %7s %*s %*s %lu", &start, &end, rights, &inode) != 4 ||
	    inode == 0 || strchr(rights, 'x') == NULL)
		return OK;
	(void)snprintf(path, sizeof(path), "/proc/%s/map_files/%lx-%lx", pid, start, end);
	return take_file(m, h, path, f);
}

static rc take_process(struct mapped *m, struct hasher *h, const char *pid, struct fault *f)
{
	char path[NAME_MAX + 20], *line = NULL;
	size_t cap = 0;
	FILE *maps;
	rc r = OK;

	(void)snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	if (maps == NULL)
		return OK;
	while (rc_is_ok(r) && getline(&line, &cap, maps) > 0)
		r = take_line(m, h, pid, line, f);
	free(line);
	(void)fclose(maps);
	return r;
}

rc mapped_look(struct mapped *m, struct fault *f)
{
	struct hasher *h;
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	rc r;

	if (proc == NULL)
		return fault_errno(f, errno, "/proc");
	r = hasher_new(HASH_SHA256, &h);
	if (rc_is_ok(r)) {
		while (rc_is_ok(r) && (e = readdir(proc)) != NULL)
			if (strspn(e->d_name, "0123456789") == strlen(e->d_name))
				r = take_process(m, h, e->d_name, f);
		hasher_free(h);
	}
	(void)closedir(proc);
	return r;
}

bool mapped_has(const struct mapped *m, const struct digest *digest)
{
	for (size_t i = 0; i < m->count; i++)
		if (digest_is_equal(&m->file[i].digest, digest))
			return true;
	return false;
}

void mapped_release(struct mapped *m)
{
	free(m->file);
	*m = (struct mapped){0};
}
