#include "prog/cli/list_rpm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/cli/inspect.h"
#include "prog/cli/list_source.h"

bool list_rpm_is_index(const char *path)
{
	static const struct {
		const char *bytes;
		size_t len;
	} begin[] = {{"<", 1},
		     {"\x1f\x8b", 2},
		     {"\xfd"
		      "7zXZ",
		      5},
		     {"(\xb5/\xfd", 4},
		     {"BZh", 3}};
	AUTO(fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char head[8] = {0};

	if (fd < 0 || pread(fd, head, sizeof(head), 0) <= 0)
		return false;
	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (memcmp(head, begin[i].bytes, begin[i].len) == 0)
			return true;
	return false;
}

rc list_rpm_read(struct cli *c, const char *path, const char *what, json_t **ret)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const char *args[] = {"index", "--in", "3"};
	const struct worker_fd fds[] = {{.number = 3, .fd = fd}};
	const struct worker_job job = {.args = args, .arg_count = 3, .fds = fds, .fd_count = 1};
	json_t *answer = NULL;

	if (fd < 0)
		return cli_no_file(c, path, errno);
	TRY(local_worker(c, &job, path, &answer));
	if (json_is_array(json_object_get(answer, what))) {
		*ret = answer;
		return OK;
	}
	json_decref(answer);
	return cli_problem(c, RC_SYNTAX, "", "%s: names no %s", path, what);
}

rc gather_rpm_index(struct gather *g, const char *index, const char *pool, size_t *count)
{
	AUTO(json) json_t *answer = NULL;
	const json_t *row;
	size_t i;

	TRY(list_rpm_read(g->c, index, "packages", &answer));
	json_array_foreach(json_object_get(answer, "packages"), i, row)
	{
		const struct indexed p = {.index = index,
					  .pool = pool,
					  .package = json_text(row, "name"),
					  .filename = json_text(row, "location"),
					  .sha256 = json_text(row, "sha256")};

		TRY(gather_indexed(g, &p, count));
	}
	return OK;
}
