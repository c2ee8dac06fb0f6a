#include "prog/guard/approved.h"

#include <sys/mman.h>
#include <sys/stat.h>

/* The file's own size, not a number that came beside it: the two might be of two loads. */
static void *map_file(int fd, size_t *ret_len)
{
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0)
		return NULL;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	*ret_len = (size_t)st.st_size;
	return map;
}

static void take_list(struct approved *a, int fd)
{
	struct list list;
	size_t len;
	void *map = map_file(fd, &len);

	if (map == NULL)
		return;
	/* The loader has read it before; it is sealed. */
	if (!rc_is_ok(list_open(view_of(map, len), &list, NULL))) {
		(void)munmap(map, len);
		return;
	}
	if (a->list_map.at != NULL)
		(void)munmap(a->list_map.at, a->list_map.len);
	a->list_map.at = map;
	a->list_map.len = len;
	a->list = list;
	a->has_list = true;
}

static void take_records(struct approved *a, int fd)
{
	struct contents records;
	struct view header;
	size_t len;
	void *map = map_file(fd, &len);

	if (map == NULL)
		return;
	if (!rc_is_ok(contents_open(view_of(map, len), APPROVED_RECORDS_MAGIC, &header, &records,
				    NULL))) {
		(void)munmap(map, len);
		return;
	}
	if (a->records_map.at != NULL)
		(void)munmap(a->records_map.at, a->records_map.len);
	a->records_map.at = map;
	a->records_map.len = len;
	a->records = records;
}

void approved_take(struct approved *a, int list_fd, int records_fd)
{
	take_list(a, list_fd);
	take_records(a, records_fd);
}

void approved_release(struct approved *a)
{
	if (a->list_map.at != NULL)
		(void)munmap(a->list_map.at, a->list_map.len);
	if (a->records_map.at != NULL)
		(void)munmap(a->records_map.at, a->records_map.len);
	*a = (struct approved){0};
}
