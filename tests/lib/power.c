#include "tests/lib/power.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct crash *power_new(const struct fixture *fx, const char *name, const char *graves)
{
	char path[300];
	struct crash *p;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	fx_check(fd >= 0 && ftruncate(fd, sizeof(*p)) == 0);
	p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fx_check(p != MAP_FAILED);
	(void)close(fd);
	fx_check(snprintf(p->graves, sizeof(p->graves), "%s/%s", fx->dir, graves) <
		 (int)sizeof(p->graves));
	fx_check(mkdir(p->graves, 0700) == 0);
	return p;
}

void power_end(struct crash *power)
{
	(void)munmap(power, sizeof(*power));
}

bool power_is_loss(enum crash_mode mode)
{
	return mode != CRASH_PLAIN && mode != CRASH_TORN;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level == 0 ? 0 : remove(path);
}

/* All below dir, not dir itself. */
static void remove_below(const char *dir)
{
	fx_check(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static void give_back(const struct name_op *op)
{
	struct stat st;

	switch ((enum name_act)op->act) {
	case NAME_MADE:
		/* A directory that nobody can reach takes with it what was synced inside. */
		fx_check(lstat(op->to, &st) == 0);
		if (S_ISDIR(st.st_mode))
			remove_below(op->to);
		fx_check(remove(op->to) == 0);
		return;
	case NAME_MOVED:
		fx_check(rename(op->to, op->from) == 0);
		if (op->kept[0] != '\0')
			fx_check(rename(op->kept, op->to) == 0);
		return;
	case NAME_TAKEN:
		fx_check(rename(op->kept, op->to) == 0);
		return;
	case NAME_RMDIR:
		fx_check(mkdir(op->to, 0755) == 0);
		return;
	}
}

/* Is it one of a directory that was lost whole? Then there is nothing to give back. */
static bool is_reachable(const struct name_op *op)
{
	char dir[NAME_PATH];

	(void)snprintf(dir, sizeof(dir), "%s", op->to);
	*strrchr(dir, '/') = '\0';
	return access(dir, F_OK) == 0;
}

/* Every second directory, and others at every point. The factor is 2^64 / golden ratio. */
static bool is_spared(const struct name_op *op, uint32_t at)
{
	return ((op->ino + at) * 0x9e3779b97f4a7c15ULL >> 62 & 1) != 0;
}

static unsigned give_names_back(struct crash *p)
{
	unsigned n = 0;

	for (uint32_t i = p->names; i > 0; i--) {
		const struct name_op *op = &p->name[i - 1];

		if (op->synced != 0 || (p->mode == CRASH_MIXED && is_spared(op, p->at)) ||
		    !is_reachable(op))
			continue;
		give_back(op);
		n++;
	}
	return n;
}

void power_arm(struct crash *power, enum crash_mode mode, uint32_t at)
{
	remove_below(power->graves);
	power->count = 0;
	power->undone = 0;
	power->names = 0;
	power->signs = 0;
	power->mode = mode;
	power->at = at;
}

bool power_off(struct crash *power, unsigned *ret_undone)
{
	bool hit = power->at != 0 && power->count >= power->at;
	unsigned names = 0;

	if (hit && (power->mode == CRASH_NAMES || power->mode == CRASH_MIXED))
		names = give_names_back(power);
	if (ret_undone != NULL)
		*ret_undone = names;
	power->at = 0;
	power->names = 0;
	return hit;
}
