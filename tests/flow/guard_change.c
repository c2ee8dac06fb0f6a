/* guard_change - approved programs that are changed, by every kind of writer, and while they are
 * looked at: what was not approved must not run. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define DENIED (GW_REFUSED + EPERM)
#define BUSY (GW_REFUSED + ETXTBSY)
#define LETTER "GREATSEAL-LETTER:"
#define RACE_BYTES ((size_t)16 << 20)
#define RACE_EXECS 3000

static struct guard_world w;
static off_t letter_at; /* where the letter is in a copy of guard_prog */

static void settle(const char *const *more)
{
	AUTO(buf) struct buf bytes = {0};
	const uint8_t *at;
	char path[200];

	gw_program(&w, "good", 'A', "", 0);
	gw_path(&w, "good", path);
	gw_approve(&w, path, LIST_PROGRAM);
	buf_init(&bytes, (size_t)64 << 20);
	fx_ok(file_read(path, &bytes, NULL));
	at = (const uint8_t *)memmem(bytes.ptr, bytes.len, LETTER, strlen(LETTER));
	letter_at = (off_t)(at - bytes.ptr) + (off_t)strlen(LETTER);
	gw_publish(&w);
	gw_start(&w, more);
	gw_enforce(&w);
}

static void world(void)
{
	gw_new(&w);
	settle(NULL);
}

/* ---- Writers: each makes an unapproved program of an approved one ---------------------------*/

static bool not_here; /* set by one that this machine or file system does not have */

static int open_write(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	fx_check(fd >= 0);
	return fd;
}

static void by_write(const char *path)
{
	int fd = open_write(path);

	fx_check(lseek(fd, letter_at, SEEK_SET) == letter_at && write(fd, "B", 1) == 1);
	(void)close(fd);
}

static void by_pwrite(const char *path)
{
	int fd = open_write(path);

	fx_check(pwrite(fd, "B", 1, letter_at) == 1);
	(void)close(fd);
}

static void by_splice(const char *path)
{
	int fd = open_write(path), ends[2];
	off_t at = letter_at;

	fx_check(pipe(ends) == 0 && write(ends[1], "B", 1) == 1);
	fx_check(splice(ends[0], NULL, fd, &at, 1, 0) == 1);
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(fd);
}

/* A file of one byte B, to copy from. */
static int one_byte(void)
{
	int fd = memfd_create("b", MFD_CLOEXEC);

	fx_check(fd >= 0 && write(fd, "B", 1) == 1 && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static void by_sendfile(const char *path)
{
	int fd = open_write(path), from = one_byte();

	fx_check(lseek(fd, letter_at, SEEK_SET) == letter_at && sendfile(fd, from, NULL, 1) == 1);
	(void)close(from);
	(void)close(fd);
}

/* From a file of the same file system, without the bytes passing through the process. */
static void by_copy_file_range(const char *path)
{
	int fd = open_write(path), from;
	loff_t at = letter_at, zero = 0;
	char source[200];

	gw_path(&w, "source", source);
	from = open(source, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	fx_check(from >= 0 && write(from, "B", 1) == 1);
	fx_check(copy_file_range(from, &zero, fd, &at, 1, 0) == 1);
	(void)close(from);
	(void)close(fd);
}

static void by_truncate(const char *path)
{
	AUTO(buf) struct buf bytes = {0};
	int fd;

	buf_init(&bytes, (size_t)64 << 20);
	fx_ok(file_read(path, &bytes, NULL));
	bytes.ptr[letter_at] = 'B';
	fx_check(truncate(path, 0) == 0);
	fd = open_write(path);
	fx_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL));
	(void)close(fd);
}

static void by_append(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	fx_check(fd >= 0 && write(fd, "x", 1) == 1);
	(void)close(fd);
}

static void by_fallocate(const char *path)
{
	int fd = open_write(path);

	fx_check(fallocate(fd, 0, 0, 1 << 22) == 0);
	(void)close(fd);
}

static char *map_shared(const char *path, size_t *ret_len)
{
	int fd = open_write(path);
	struct stat st;
	char *map;

	fx_check(fstat(fd, &st) == 0);
	*ret_len = (size_t)st.st_size;
	map = (char *)mmap(NULL, *ret_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fx_check(map != MAP_FAILED);
	(void)close(fd);
	return map;
}

static void by_mapping(const char *path)
{
	size_t len;
	char *map = map_shared(path, &len);

	map[letter_at] = 'B';
	(void)munmap(map, len);
}

/* The times of before, as if nothing had been. */
static void by_mapping_and_times(const char *path)
{
	struct timespec times[2];
	struct stat st;

	fx_check(stat(path, &st) == 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	by_mapping(path);
	fx_check(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static void by_write_and_times(const char *path)
{
	struct timespec times[2];
	struct stat st;

	fx_check(stat(path, &st) == 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	by_pwrite(path);
	fx_check(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static void by_rename(const char *path)
{
	char other[200];

	gw_program(&w, "other", 'B', "", 0);
	gw_path(&w, "other", other);
	fx_check(rename(other, path) == 0);
}

/* Through another name of the same file. */
static void by_hard_link(const char *path)
{
	char other[210];

	(void)snprintf(other, sizeof(other), "%s.link", path);
	fx_check(link(path, other) == 0);
	by_pwrite(other);
	fx_check(unlink(other) == 0);
}

/* As by_pwrite, with the clock of the file far back: times say nothing. */
static void by_write_long_ago(const char *path)
{
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	by_pwrite(path);
	fx_check(utimensat(AT_FDCWD, path, times, 0) == 0);
}

/* The blocks of another file become those of this one; no byte is written. */
static void by_reflink(const char *path)
{
	char other[200];
	int from, to = open_write(path);

	gw_program(&w, "blocks", 'B', "", 0);
	gw_path(&w, "blocks", other);
	from = open(other, O_RDONLY | O_CLOEXEC);
	fx_check(from >= 0);
	not_here = ioctl(to, FICLONE, from) != 0;
	fx_check(!not_here || errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL);
	(void)close(from);
	(void)close(to);
}

/* A ring of one request (io_uring(7)): the kernel writes, not the process. */
static void by_io_uring(const char *path)
{
	struct io_uring_params p = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 1, &p), fd;
	struct io_uring_sqe *sqe;
	uint8_t *sq;

	not_here = ring < 0;
	if (not_here)
		return;
	fd = open_write(path);
	sqe = (struct io_uring_sqe *)mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE,
					  MAP_SHARED, ring, (off_t)IORING_OFF_SQES);
	sq = (uint8_t *)mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(uint32_t),
			     PROT_READ | PROT_WRITE, MAP_SHARED, ring, (off_t)IORING_OFF_SQ_RING);
	fx_check(sqe != MAP_FAILED && sq != MAP_FAILED);
	*sqe = (struct io_uring_sqe){.opcode = IORING_OP_WRITE,
				     .fd = fd,
				     .addr = (uint64_t)(uintptr_t) "B",
				     .len = 1,
				     .off = (uint64_t)letter_at};
	memset(sq + p.sq_off.array, 0, sizeof(uint32_t));
	memcpy(sq + p.sq_off.tail, &(uint32_t){1}, sizeof(uint32_t));
	fx_check(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
	(void)munmap(sqe, p.sq_entries * sizeof(*sqe));
	(void)munmap(sq, p.sq_off.array + p.sq_entries * sizeof(uint32_t));
	(void)close(ring);
	(void)close(fd);
}

/* Cut by an open that does not write, and filled again. */
static void by_truncating_open(const char *path)
{
	AUTO(buf) struct buf bytes = {0};
	int fd;

	buf_init(&bytes, (size_t)64 << 20);
	fx_ok(file_read(path, &bytes, NULL));
	bytes.ptr[letter_at] = 'B';
	fd = open(path, O_RDONLY | O_TRUNC | O_CLOEXEC);
	fx_check(fd >= 0);
	(void)close(fd);
	fd = open_write(path);
	fx_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL));
	(void)close(fd);
}

static const struct {
	const char *name;
	void (*change)(const char *path);
} writers[] = {
	{"write", by_write},
	{"pwrite", by_pwrite},
	{"splice", by_splice},
	{"sendfile", by_sendfile},
	{"copy_file_range", by_copy_file_range},
	{"truncate and rewrite", by_truncate},
	{"append", by_append},
	{"fallocate", by_fallocate},
	{"shared mapping", by_mapping},
	{"shared mapping, times restored", by_mapping_and_times},
	{"write, times restored", by_write_and_times},
	{"rename over", by_rename},
	{"hard link", by_hard_link},
	{"write, times of long ago", by_write_long_ago},
	{"open with O_TRUNC alone", by_truncating_open},
	{"reflink", by_reflink},
	{"io_uring", by_io_uring},
};

static void try_writers(const char *type)
{
	unsigned tried = 0;
	char path[200], name[20];

	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		(void)snprintf(name, sizeof(name), "prog%zu", i);
		gw_program(&w, name, 'A', "", 0);
		gw_path(&w, name, path);
		assert_int_equal(0, gw_run(path));
		assert_int_equal(0, gw_run(path)); /* by its mark */
		not_here = false;
		writers[i].change(path);
		if (not_here) {
			(void)printf("guard: %-6s %-32s skipped: not to be had here\n", type,
				     writers[i].name);
			continue;
		}
		tried++;
		if (gw_run(path) != DENIED)
			fail_msg("%s: changed by %s, and it ran", type, writers[i].name);
		(void)printf("guard: %-6s %-32s caught\n", type, writers[i].name);
		/* The good content again, in place. */
		gw_program(&w, name, 'A', "", 0);
		assert_int_equal(0, gw_run(path));
	}
	(void)printf("guard: %s: changed by %u of %zu writers, none ran\n", type, tried,
		     sizeof(writers) / sizeof(writers[0]));
}

static void changed_after_it_ran(void **state)
{
	(void)state;
	world();
	try_writers("tmpfs");
	gw_free(&w);
}

static void changed_on(const char *type)
{
	if (!gw_new_image(&w, type))
		return;
	settle(NULL);
	try_writers(type);
	gw_free(&w);
}

static void changed_on_ext4(void **state)
{
	(void)state;
	changed_on("ext4");
}

static void changed_on_xfs(void **state)
{
	(void)state;
	changed_on("xfs");
}

static void changed_on_btrfs(void **state)
{
	(void)state;
	changed_on("btrfs");
}

/* The number of a file that is gone becomes another's: not while it is held, and then another
 * content is under it. */
static void numbers_are_used_again(void **state)
{
	/* So few that the deleted ones are soon found among them. */
	static const char *const few[] = {"--files", "16", NULL};
	char path[200], name[20];
	unsigned same = 0;
	struct stat was, st;

	(void)state;
	if (!gw_new_image(&w, "ext4"))
		return;
	settle(few);
	for (int i = 0; i < 20; i++) {
		gw_path(&w, "gone", path);
		gw_program(&w, "gone", 'A', "", 0);
		assert_int_equal(0, gw_run(path));
		fx_check(stat(path, &was) == 0 && unlink(path) == 0);
		while (i % 4 == 0 && gw_number(&w, "held") > 0)
			(void)poll(NULL, 0, 10); /* polls a condition */
		for (int k = 0; k < 3; k++) {
			(void)snprintf(name, sizeof(name), "new%d", k);
			gw_program(&w, name, 'B', "", 0);
			gw_path(&w, name, path);
			fx_check(stat(path, &st) == 0);
			same += st.st_ino == was.st_ino;
			assert_int_equal(DENIED, gw_run(path));
			fx_check(unlink(path) == 0);
		}
	}
	(void)printf("guard: numbers of inodes that came again: %u\n", same);
	assert_true(same > 0);
	gw_free(&w);
}

/* Other rights are no other content. */
static void a_chmod_asks_nothing_anew(void **state)
{
	uint64_t before;
	char path[200];

	(void)state;
	world();
	gw_path(&w, "good", path);
	assert_int_equal(0, gw_run(path));
	before = gw_number(&w, "hashed");
	for (mode_t mode = 0700; mode <= 0755; mode++) {
		fx_check(chmod(path, mode) == 0);
		assert_int_equal(0, gw_run(path));
	}
	assert_int_equal(before, gw_number(&w, "hashed"));
	gw_free(&w);
}

/* Through a mapping that stays: made before the file was ever asked for, with its page dirty; and
 * made after it had run. Nothing of it may run as long as it can be changed. */
static void mapped_while_it_is_asked_for(void **state)
{
	char path[200];
	size_t len;
	char *map;

	(void)state;
	world();
	gw_program(&w, "before", 'A', "", 0);
	gw_path(&w, "before", path);
	map = map_shared(path, &len);
	map[letter_at] = 'A';
	assert_int_not_equal(0, gw_run(path)); /* EPERM, or ETXTBSY by the kernel */
	map[letter_at] = 'B';
	assert_int_not_equal(GW_UNAPPROVED, gw_run(path));
	(void)munmap(map, len);
	assert_int_equal(DENIED, gw_run(path));
	assert_true(gw_reports(&w, "\"reason\":\"writer\"", "/before\"", 1) >= 1);

	gw_path(&w, "good", path);
	assert_int_equal(0, gw_run(path));
	map = map_shared(path, &len);
	map[letter_at] = 'B';
	assert_int_not_equal(GW_UNAPPROVED, gw_run(path));
	(void)munmap(map, len);
	assert_int_equal(DENIED, gw_run(path));
	gw_free(&w);
}

/* A program that runs keeps its writers waiting only for a moment. */
static void writers_are_let_in(void **state)
{
	char path[200];

	(void)state;
	world();
	for (int i = 0; i < 20; i++) {
		int fd;

		gw_path(&w, "good", path);
		assert_int_equal(0, gw_run(path));
		fd = open(path, O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0);
		(void)close(fd);
	}
	assert_int_equal(0, gw_number(&w, "denied"));
	gw_free(&w);
}

/* ---- Races ----------------------------------------------------------------------------------*/

/* Flips the letter of the file, now faster and now slower than it can be read, until the parent has
 * had enough. */
static int flip(void *ctx)
{
	_Atomic int *stop = (_Atomic int *)ctx;
	char path[200];

	gw_path(&w, "race", path);
	for (unsigned i = 0; atomic_load(stop) == 0; i++) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		if (fd < 0)
			continue; /* ETXTBSY: it runs */
		(void)!pwrite(fd, i % 2 == 0 ? "B" : "A", 1, letter_at);
		(void)close(fd);
		(void)usleep(i * 7919 % 300000);
	}
	return 0;
}

static void flipped_while_it_is_read(void **state)
{
	_Atomic int *stop = (_Atomic int *)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
						MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned ran = 0, unapproved = 0, refused = 0;
	char path[200];
	pid_t writer;

	(void)state;
	fx_check(stop != MAP_FAILED);
	world();
	gw_program(&w, "race", 'A', "", RACE_BYTES);
	gw_path(&w, "race", path);
	gw_approve(&w, path, LIST_PROGRAM);
	gw_publish(&w);
	assert_int_equal(0, gw_run(path));
	writer = fork();
	if (writer == 0)
		_exit(flip((void *)(uintptr_t)stop));
	for (int i = 0; i < RACE_EXECS; i++) {
		int r = gw_run(path);

		ran += r == 0;
		unapproved += r == GW_UNAPPROVED;
		refused += r == DENIED || r == BUSY;
		assert_true(r == 0 || r == GW_UNAPPROVED || r == DENIED || r == BUSY);
	}
	atomic_store(stop, 1);
	fx_check(waitpid(writer, NULL, 0) == writer);
	(void)printf("race: %d execs of a %zu MiB file that is flipped: %u ran, %u refused, "
		     "%u unapproved\n",
		     RACE_EXECS, RACE_BYTES >> 20, ran, refused, unapproved);
	assert_int_equal(0, unapproved);
	assert_true(ran > 0 && refused > 0);
	(void)munmap((void *)(uintptr_t)stop, 4096);
	gw_free(&w);
}

/* A program that is written and run at once, again and again: approved content never refused,
 * other content always. */
static void written_then_run(void **state)
{
	char name[20], path[200];

	(void)state;
	world();
	for (int i = 0; i < 1000; i++) {
		bool good = i % 2 == 0;

		(void)snprintf(name, sizeof(name), "new%d", i);
		gw_program(&w, name, good ? 'A' : 'B', "", 0);
		gw_path(&w, name, path);
		if (gw_run(path) != (good ? 0 : DENIED))
			fail_msg("%d of 1000: a %s program", i, good ? "good" : "bad");
		fx_check(unlink(path) == 0);
	}
	gw_free(&w);
}

#define TOGETHER 8

/* Many ask for a file that nobody has asked for yet: it is read once, and all get the answer. */
static void asked_for_by_many(void **state)
{
	char path[200];
	uint64_t hashed;
	pid_t pid[TOGETHER];
	int status;

	(void)state;
	world();
	for (int good = 0; good < 2; good++) {
		gw_program(&w, "large", good ? 'A' : 'B', "", RACE_BYTES);
		gw_path(&w, "large", path);
		if (good) {
			gw_approve(&w, path, LIST_PROGRAM);
			gw_publish(&w);
		}
		hashed = gw_number(&w, "hashed");
		for (size_t i = 0; i < TOGETHER; i++) {
			pid[i] = fork();
			fx_check(pid[i] >= 0);
			if (pid[i] == 0)
				_exit(gw_run(path) == (good ? 0 : DENIED) ? 0 : 1);
		}
		for (size_t i = 0; i < TOGETHER; i++) {
			fx_check(waitpid(pid[i], &status, 0) == pid[i]);
			assert_int_equal(0, status);
		}
		assert_int_equal(hashed + 1, gw_number(&w, "hashed"));
	}
	gw_free(&w);
}

static int storm(void *ctx)
{
	_Atomic int *stop = (_Atomic int *)ctx;
	int n = 0;

	while (atomic_load(stop) == 0)
		n += gw_run_name(&w, "good") != 0 || gw_run_name(&w, "bad") != DENIED;
	return n > 250 ? 250 : n;
}

/* While lists are replaced, what all of them have runs, and what none has does not. */
static void lists_change_under_execs(void **state)
{
	_Atomic int *stop = (_Atomic int *)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
						MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[2];
	int status;

	(void)state;
	fx_check(stop != MAP_FAILED);
	world();
	gw_program(&w, "bad", 'B', "", 0);
	for (size_t i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(storm((void *)(uintptr_t)stop));
	}
	for (int i = 0; i < 30; i++) {
		w.record[w.count++] = (struct content){.digest = {.b = {(uint8_t)(i + 1)}},
						       .classes = LIST_PROGRAM};
		gw_publish(&w);
	}
	atomic_store(stop, 1);
	for (size_t i = 0; i < 2; i++) {
		fx_check(waitpid(pid[i], &status, 0) == pid[i]);
		assert_int_equal(0, status);
	}
	(void)munmap((void *)(uintptr_t)stop, 4096);
	gw_free(&w);
}

/* A write lease on one's own file makes the kernel wait for us when it opens that file for the
 * guard. It must not: everybody else would wait too. */
static void a_write_lease_holds_nobody_up(void **state)
{
	char path[200];
	int fd;

	(void)state;
	world();
	gw_program(&w, "leased", 'A', "", 0);
	gw_path(&w, "leased", path);
	(void)signal(SIGIO, SIG_IGN);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) != 0) {
		(void)printf("no write leases here (%s)\n", strerror(errno));
	} else {
		assert_int_equal(DENIED, gw_run(path));
		assert_int_equal(0, gw_run_name(&w, "good"));
		assert_int_equal(0, fcntl(fd, F_SETLEASE, F_UNLCK));
	}
	(void)close(fd);
	assert_int_equal(0, gw_run(path));
	gw_free(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changed_after_it_ran),
		cmocka_unit_test(changed_on_ext4),
		cmocka_unit_test(changed_on_xfs),
		cmocka_unit_test(changed_on_btrfs),
		cmocka_unit_test(numbers_are_used_again),
		cmocka_unit_test(a_chmod_asks_nothing_anew),
		cmocka_unit_test(mapped_while_it_is_asked_for),
		cmocka_unit_test(writers_are_let_in),
		cmocka_unit_test(flipped_while_it_is_read),
		cmocka_unit_test(written_then_run),
		cmocka_unit_test(asked_for_by_many),
		cmocka_unit_test(lists_change_under_execs),
		cmocka_unit_test(a_write_lease_holds_nobody_up),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!gw_possible())
		return MOUNTS_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
