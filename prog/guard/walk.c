#include "prog/guard/walk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prog/guard/plain.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK)

static void enter(struct walk *w, int fd, size_t len)
{
	DIR *dir = fd < 0 || w->depth == WALK_DEPTH ? NULL : fdopendir(fd);

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	w->dir[w->depth] = dir;
	w->len[w->depth] = len;
	w->depth++;
}

void walk_begin(struct walk *w, const char *root)
{
	struct stat st;
	int fd;

	memset(w, 0, sizeof(*w));
	if (realpath(root, w->path) == NULL)
		return;
	fd = open(w->path, OPEN_DIR);
	if (fd >= 0 && plain_stat(fd, "", &st))
		w->dev = st.st_dev;
	enter(w, fd, strlen(w->path) == 1 ? 0 : strlen(w->path));
}

static void leave(struct walk *w)
{
	w->depth--;
	(void)closedir(w->dir[w->depth]);
}

static void look(struct walk *w, const char *name, walk_visit visit, void *ctx)
{
	size_t at = w->len[w->depth - 1], n = strlen(name);
	struct walk_file f = {.dir = dirfd(w->dir[w->depth - 1]), .name = name, .path = w->path};

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || at + n + 2 > sizeof(w->path) ||
	    !plain_stat(f.dir, name, &f.st) || f.st.st_dev != w->dev)
		return;
	w->path[at] = '/';
	memcpy(w->path + at + 1, name, n + 1);
	if (S_ISREG(f.st.st_mode))
		visit(ctx, &f);
	else if (S_ISDIR(f.st.st_mode))
		enter(w, openat(f.dir, name, OPEN_DIR | O_NOFOLLOW), at + 1 + n);
}

bool walk_on(struct walk *w, size_t count, walk_visit visit, void *ctx)
{
	for (size_t i = 0; i < count && w->depth > 0; i++) {
		const struct dirent *entry = readdir(w->dir[w->depth - 1]);

		if (entry == NULL)
			leave(w);
		else
			look(w, entry->d_name, visit, ctx);
	}
	return w->depth > 0;
}

void walk_end(struct walk *w)
{
	while (w->depth > 0)
		leave(w);
}
