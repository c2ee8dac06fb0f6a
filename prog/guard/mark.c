#include "prog/guard/mark.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "lib/base/fd.h"

#define MOUNTINFO_MAX ((size_t)16 << 20)

/* Local, with leases (measured for those of the first two rows; else a lease that is refused
 * refuses the file), and what we read is what runs. */
static const struct {
	const char *name;
	long magic; /* statfs(2) */
} kinds[] = {
	{"ext4", 0xef53},
	{"xfs", 0x58465342},
	{"btrfs", 0x9123683e},
	{"tmpfs", 0x01021994},
	{"overlay", 0x794c7630},
	{"ext3", 0xef53},
	{"ext2", 0xef53},
	{"f2fs", (long)0xf2f52010UL},
	{"squashfs", 0x73717368},
	{"iso9660", 0x9660},
	{"vfat", 0x4d44},
	{"ramfs", (long)0x858458f6UL},
	{"erofs", (long)0xe0f5e1e2UL},
	{"exfat", 0x2011bab0},
	{"ntfs3", 0x7366746e},
	{"ntfs", 0x5346544e},
	{"msdos", 0x4d44},
	{"udf", 0x15013346},
	{"hfs", 0x4244},
	{"hfsplus", 0x482b},
	{"jfs", 0x3153464a},
	{"reiserfs", 0x52654973},
	{"nilfs2", 0x3434},
	{"bcachefs", (long)0xca451a4eUL},
	{"zfs", 0x2fc12fc1},
	{"cramfs", 0x28cd3d45},
	{"romfs", 0x7275},
	{"minix", 0x4d5a},
	{"devtmpfs", 0x01021994},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

bool mark_knows(const char *type)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].name, type) == 0)
			return true;
	return false;
}

static rc mark(int group, uint64_t asks, const char *path, struct fault *f)
{
	if (fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, asks, AT_FDCWD, path) != 0)
		return fault_errno(f, errno, "mark %s", path);
	return OK;
}

/* The two name one file system, by device or by its own identity (btrfs has many devices). */
static bool is_one(int fd, const char *path)
{
	struct stat a, b;
	struct statfs x, y;

	if (stat(path, &b) != 0 || statfs(path, &y) != 0)
		return false; /* of init's root: it may be hidden from us */
	if (fstat(fd, &a) != 0 || fstatfs(fd, &x) != 0)
		return true; /* in doubt it is not touched */
	if (a.st_dev == b.st_dev)
		return true;
	return (x.f_fsid.__val[0] != 0 || x.f_fsid.__val[1] != 0) &&
	       memcmp(&x.f_fsid, &y.f_fsid, sizeof(x.f_fsid)) == 0;
}

rc mark_path(int group, uint64_t asks, const char *path, struct fault *f)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statx at;
	struct statfs fs;
	size_t kind = 0;

	if (fd < 0 || fstatfs(fd, &fs) != 0)
		return fault_errno(f, errno, "mount %s", path);
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &at) != 0 ||
	    (at.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)
		return fault_set(f, RC_USAGE, 0, "mount %s: nothing is mounted there", path);
	if (is_one(fd, "/") || is_one(fd, "/proc/1/root/"))
		return fault_set(f, RC_USAGE, 0,
				 "mount %s: that is the file system of the root; \"mount = all\" "
				 "guards the whole machine",
				 path);
	while (kind < KINDS && (unsigned long)kinds[kind].magic != (unsigned long)fs.f_type)
		kind++;
	if (kind == KINDS)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "mount %s: file systems of type 0x%lx cannot be guarded", path,
				 (unsigned long)fs.f_type);
	return mark(group, asks, path, f);
}

/* ---- mountinfo ------------------------------------------------------------------------------*/

static bool is_octal(uint8_t c)
{
	return c >= '0' && c <= '7';
}

/* Space, tab, line end and backslash are written as \ooo. */
static rc unescape(struct view in, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.ptr[i];

		if (n + 1 >= cap)
			return RC(RC_LIMIT);
		if (c == '\\' && in.len - i >= 4 && is_octal(in.ptr[i + 1]) &&
		    is_octal(in.ptr[i + 2]) && is_octal(in.ptr[i + 3])) {
			c = (uint8_t)((in.ptr[i + 1] - '0') * 64 + (in.ptr[i + 2] - '0') * 8 +
				      (in.ptr[i + 3] - '0'));
			i += 3;
		}
		if (c == 0)
			return RC(RC_SYNTAX);
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return OK;
}

rc mount_line_next(struct view *rest, struct mount_line *ret, struct fault *f)
{
	struct view line, field[6], type;

	TRY(view_until(rest, '\n', &line));
	for (size_t i = 0; i < 6; i++)
		if (!rc_is_ok(view_until(&line, ' ', &field[i])))
			return fault_set(f, RC_SYNTAX, i, "mountinfo: a line ends early");
	/* Any number of optional fields, then "-". */
	do {
		if (!rc_is_ok(view_until(&line, ' ', &type)))
			return fault_set(f, RC_SYNTAX, 0, "mountinfo: a line without \"-\"");
	} while (!view_is(type, "-"));
	if (!rc_is_ok(view_until(&line, ' ', &type)) || type.len >= sizeof(ret->type))
		return fault_set(f, RC_SYNTAX, 0, "mountinfo: a line without a type");
	memset(ret->type, 0, sizeof(ret->type));
	memcpy(ret->type, type.ptr, type.len);
	if (!rc_is_ok(unescape(field[4], ret->path, sizeof(ret->path))))
		return fault_set(f, RC_LIMIT, 0, "mountinfo: a path is too long");
	return OK;
}

/* Of a namespace of ours that has another root than the machine: that one is not ours to hold up,
 * wherever else it is mounted. */
static bool is_the_machines(const char *path)
{
	AUTO(fd) int own = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(fd) int fd = open(path, O_PATH | O_CLOEXEC);

	return own >= 0 && fd >= 0 && !is_one(own, "/proc/1/root/") && is_one(fd, "/proc/1/root/");
}

/* Also where nothing can be executed: scripts are read from there, and the same file system may be
 * mounted otherwise elsewhere. Of devices no open is asked for: the kernel would open them for us.
 */
static rc mark_line(int group, uint64_t asks, const struct mount_line *line)
{
	if (strcmp(line->type, "devtmpfs") == 0)
		asks &= FAN_OPEN_EXEC_PERM;
	return is_the_machines(line->path) ? RC(RC_STATE) : mark(group, asks, line->path, NULL);
}

rc mark_all(int group, uint64_t asks, size_t *ret_marked, size_t *ret_failed, struct fault *f)
{
	static struct mount_line line;
	AUTO(buf) struct buf text = {0};
	struct view rest;

	*ret_marked = 0;
	*ret_failed = 0;
	buf_init(&text, MOUNTINFO_MAX);
	TRY(file_read("/proc/self/mountinfo", &text, f));
	rest = buf_view(&text);
	while (rest.len > 0) {
		rc r = mount_line_next(&rest, &line, f);

		/* It can be reached only by way of another directory. */
		if (r.code == RC_LIMIT) {
			(*ret_failed)++;
			continue;
		}
		TRY(r);
		if (!mark_knows(line.type))
			continue;
		if (rc_is_ok(mark_line(group, asks, &line)))
			(*ret_marked)++;
		else
			(*ret_failed)++;
	}
	return OK;
}

/* ---- Other namespaces -----------------------------------------------------------------------*/

#define SPACE_TEXT 64u

/* "mnt:[NUMBER]", or "". Read, not opened: who holds a namespace keeps its mounts from going. */
static void space_of(int proc, const char *pid, const char *kind, char out[SPACE_TEXT])
{
	char path[300];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/ns/%s", pid, kind);
	n = readlinkat(proc, path, out, SPACE_TEXT - 1);
	out[n > 0 ? n : 0] = '\0';
}

/* FNV-1a: by another text with the same sum root alone could gain, who has other ways. */
static uint64_t sum_of(const char *name, struct view text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < text.len; i++)
		h = (h ^ text.ptr[i]) * UINT64_C(0x100000001b3);
	return h;
}

size_t mark_below(int group, uint64_t asks, const char *root, struct view lines)
{
	static struct mount_line line;
	char path[sizeof(line.path)];
	size_t cut = 0;

	while (lines.len > 0) {
		rc r = mount_line_next(&lines, &line, NULL);
		int n = 0;

		if (rc_is_ok(r) && !mark_knows(line.type))
			continue;
		if (rc_is_ok(r))
			n = snprintf(path, sizeof(path), "%s%s", root, line.path);
		if (r.code == RC_LIMIT || n >= (int)sizeof(path)) {
			cut++;
			continue;
		}
		if (!rc_is_ok(r))
			break;
		memcpy(line.path, path, (size_t)n + 1);
		rc_ignore(mark_line(group, asks, &line), "gone meanwhile, or below another");
	}
	return cut;
}

/* Where the one of this number is; count: it is not there. */
static size_t space_at(const struct mark_spaces *spaces, uint64_t id)
{
	size_t i = 0;

	while (i < spaces->count && spaces->known[i].id != id)
		i++;
	return i;
}

/* The one of this process; in `next` is what was seen in this round. */
static void look_at(int group, uint64_t asks, const struct mark_spaces *spaces, const char *pid,
		    const char *name, struct mark_spaces *next)
{
	AUTO(buf) struct buf text = {0};
	char path[300];
	uint64_t sum;
	size_t before, cut;

	(void)snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
	buf_init(&text, MOUNTINFO_MAX);
	if (!rc_is_ok(file_read(path, &text, NULL)))
		return;
	sum = sum_of(name, buf_view(&text));
	next->known[next->count].id = sum_of(name, view_of(NULL, 0));
	before = space_at(spaces, next->known[next->count].id);
	(void)snprintf(path, sizeof(path), "/proc/%s/root", pid);
	cut = before == spaces->count || spaces->known[before].sum != sum
		      ? mark_below(group, asks, path, buf_view(&text))
		      : spaces->known[before].cut;
	next->cut += cut;
	next->known[next->count].cut = cut;
	next->known[next->count++].sum = sum;
}

/* Of most processes one link is read: they share our mounts, or those of one before them. */
static bool is_new(int proc, const char *pid, const char *mounts, const char *users,
		   struct mark_spaces *next, char name[SPACE_TEXT])
{
	char user[SPACE_TEXT];

	space_of(proc, pid, "mnt", name);
	if (name[0] == '\0' || strcmp(name, mounts) == 0 ||
	    space_at(next, sum_of(name, view_of(NULL, 0))) < next->count)
		return false;
	space_of(proc, pid, "user", user);
	if (strcmp(user, users) != 0)
		return false;
	if (next->count == MARK_SPACES_MAX)
		next->passed++;
	return next->count < MARK_SPACES_MAX;
}

void mark_others(int group, uint64_t asks, struct mark_spaces *spaces, uint64_t now)
{
	static struct mark_spaces next;
	char mounts[SPACE_TEXT], users[SPACE_TEXT], name[SPACE_TEXT];
	const struct dirent *e;
	DIR *proc;

	if (spaces->at != 0 && now - spaces->at < MARK_SPACES_MS)
		return;
	spaces->at = now;
	proc = opendir("/proc");
	if (proc == NULL)
		return;
	next = (struct mark_spaces){.at = now};
	space_of(dirfd(proc), "self", "mnt", mounts);
	space_of(dirfd(proc), "self", "user", users);
	while ((e = readdir(proc)) != NULL)
		if (strspn(e->d_name, "0123456789") == strlen(e->d_name) &&
		    is_new(dirfd(proc), e->d_name, mounts, users, &next, name))
			look_at(group, asks, spaces, e->d_name, name, &next);
	(void)closedir(proc);
	*spaces = next;
}
