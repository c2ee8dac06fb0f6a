#include "prog/guard/told.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/crypt/digest.h"

#define WAYS 8u /* places that one number may have */
#define DAY 86400

/* A write into a hole would end the process when the disk is full. */
bool told_reserve(int fd)
{
	const off_t bytes = (off_t)(TOLD_ROWS * sizeof(struct told_row));

	return ftruncate(fd, bytes) == 0 && fallocate(fd, 0, 0, bytes) == 0;
}

bool told_init(struct told *t, int fd)
{
	const size_t bytes = TOLD_ROWS * sizeof(*t->rows);
	void *map = MAP_FAILED;

	memset(t, 0, sizeof(*t));
	if (fd >= 0)
		map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return false;
	t->rows = (struct told_row *)map;
	t->files = (uint64_t *)calloc(FILES_ROWS, sizeof(*t->files));
	if (t->files == NULL)
		told_release(t);
	return t->files != NULL;
}

void told_release(struct told *t)
{
	if (t->rows != NULL)
		(void)munmap(t->rows, TOLD_ROWS * sizeof(*t->rows));
	free(t->files);
	memset(t, 0, sizeof(*t));
}

static uint64_t number_of(struct view bytes)
{
	struct digest d = digest_of(bytes);
	uint64_t n;

	memcpy(&n, d.b, sizeof(n));
	return n == 0 ? 1 : n;
}

static struct told_row *group_of(const struct told *t, uint64_t id)
{
	return &t->rows[id % (TOLD_ROWS / WAYS) * WAYS];
}

bool told_has(const struct told *t, struct view value, unix_time now)
{
	uint64_t id = number_of(value);
	const struct told_row *row = group_of(t, id);
	int64_t today = now / DAY;

	for (size_t i = 0; i < WAYS; i++)
		if (row[i].id == id)
			/* A day to come is of a clock that was wrong. */
			return row[i].day <= today && today - row[i].day < TOLD_DAYS;
	return false;
}

/* Over itself, else over a free one, else over the oldest. */
void told_add(struct told *t, struct view value, unix_time now)
{
	uint64_t id = number_of(value);
	struct told_row *row = group_of(t, id), *to = row;

	for (size_t i = 0; i < WAYS && to->id != id; i++)
		if (row[i].id == id || (to->id != 0 && (row[i].id == 0 || row[i].day < to->day)))
			to = &row[i];
	*to = (struct told_row){.id = id, .day = now / DAY};
}

/* Whether it stands there; from here on it does. */
static bool take(struct told *t, uint64_t id)
{
	uint64_t *row = &t->files[id % (FILES_ROWS / WAYS) * WAYS];

	for (size_t i = 0; i < WAYS; i++)
		if (row[i] == id)
			return true;
	/* The newest stands first. */
	memmove(row + 1, row, (WAYS - 1) * sizeof(*row));
	row[0] = id;
	return false;
}

static uint64_t number_of_file(const struct stat *st)
{
	const uint64_t parts[] = {st->st_dev, st->st_ino, (uint64_t)st->st_size,
				  (uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec};

	return number_of(view_of(parts, sizeof(parts)));
}

bool told_looked(struct told *t, const struct stat *st)
{
	return take(t, number_of_file(st));
}

bool told_looked_both(struct told *t, const struct stat *file, const struct stat *beside)
{
	const uint64_t parts[] = {number_of_file(file), number_of_file(beside)};

	return take(t, number_of(view_of(parts, sizeof(parts))));
}
