/* keeper_ask - when a keeper that is starting answers, and how long its proofs of inclusion take.
 *
 * usage: keeper_ask SOCKET COUNT [PROGRAM ARGUMENT...]
 * Starts PROGRAM, or asks a keeper that runs: for its greeting, then for the proofs of COUNT random
 * entries, one after the other, over one connection. Each must be a proof of as many hashes as the
 * tree demands, under a checkpoint of the log's key. Leaves the keeper running. Prints one JSON
 * object; pid is 0 if nothing was started. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/proto/keeper.h"
#include "lib/tlog/proof_file.h"

#define COUNT_MAX 100000u
#define PATIENCE_US 60000000u
#define RETRY_NS 500000

struct ask {
	int fd;
	pid_t pid;
	struct vkey log;
	uint64_t id;
	struct buf body;
};

static uint64_t now_us(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static rc exchange(struct ask *a, const struct buf *frame, enum keeper_type want, struct fault *f)
{
	uint8_t head[KEEPER_HEADER];
	struct keeper_header h;
	uint8_t *space;

	TRY(fd_write_full(a->fd, frame->ptr, frame->len, f));
	TRY(fd_read_full(a->fd, head, sizeof(head), f));
	TRY(keeper_header_parse(view_of(head, sizeof(head)), &h));
	buf_clear(&a->body);
	space = buf_space(&a->body, h.body_len);
	TRY(buf_done(&a->body));
	TRY(fd_read_full(a->fd, space, h.body_len, f));
	return h.type == want ? OK
			      : fault_set(f, RC_PEER, 0, "the keeper answers %s",
					  keeper_type_name(h.type));
}

/* The socket appears while the keeper starts, and takes connections before it answers them. */
static rc connect_to(const char *path, uint64_t since, int *ret_fd, struct fault *f)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(at.sun_path) || fd < 0)
		return fault_set(f, RC_LIMIT, 0, "%s: socket", path);
	memcpy(at.sun_path, path, strlen(path));
	while (connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0) {
		if (now_us() - since > PATIENCE_US)
			return fault_errno(f, errno, "%s", path);
		(void)nanosleep(&pause, NULL);
	}
	*ret_fd = fd;
	fd = -1;
	return OK;
}

/* Hashes on the way from leaf to root (RFC 9162 2.1.3.2). */
static unsigned path_length(uint64_t index, uint64_t size)
{
	uint64_t last = size - 1;
	unsigned n = 0;

	for (; last > 0; index >>= 1, last >>= 1)
		if ((index & 1) != 0 || index < last)
			n++;
	return n;
}

static rc one_proof(struct ask *a, uint64_t index, uint32_t *ret_us, struct fault *f)
{
	AUTO(buf) struct buf frame = {0};
	struct proof_file file;
	struct checkpoint c;
	uint64_t begin;

	buf_init(&frame, 64);
	keeper_put_proof_request(&frame, ++a->id, index, 0);
	begin = now_us();
	TRY(exchange(a, &frame, KEEPER_R_PROOF, f));
	*ret_us = (uint32_t)(now_us() - begin);
	TRY(proof_file_parse(buf_view(&a->body), &file, f));
	TRY(checkpoint_open(file.note, &a->log, &c, f));
	if (file.index != index || file.proof.count != path_length(index, c.head.size))
		return fault_set(f, RC_PEER, 0, "a proof of %zu hashes for entry %llu",
				 (size_t)file.proof.count, (unsigned long long)index);
	return OK;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static rc run(struct ask *a, char **argv, uint64_t since, struct fault *f)
{
	static uint32_t took[COUNT_MAX];
	AUTO(buf) struct buf frame = {0};
	struct keeper_hello hello;
	uint64_t answered, count;

	TRY(num_parse_u64(argv[2], strlen(argv[2]), COUNT_MAX, &count));
	buf_init(&a->body, KEEPER_FRAME_MAX);
	buf_init(&frame, 64);
	keeper_put_hello_request(&frame, ++a->id);
	TRY(connect_to(argv[1], since, &a->fd, f));
	TRY(exchange(a, &frame, KEEPER_R_HELLO, f));
	answered = now_us() - since;
	TRY(keeper_get_hello(buf_view(&a->body), &hello));
	TRY(vkey_parse(view_str(hello.vkey), &a->log, f));
	for (uint64_t i = 0; i < count; i++) {
		uint64_t index;

		TRY(rng_fill(&rng_system, (uint8_t *)&index, sizeof(index)));
		index %= hello.log_size;
		TRY(one_proof(a, index, &took[i], f));
	}
	qsort(took, count, sizeof(took[0]), by_value);
	(void)printf(
		"{\"pid\":%ld,\"entries\":%llu,\"answered_us\":%llu,\"p50_us\":%u,\"p99_us\":%u,"
		"\"max_us\":%u}\n",
		(long)a->pid, (unsigned long long)hello.log_size, (unsigned long long)answered,
		took[count / 2], took[count * 99 / 100], took[count - 1]);
	return OK;
}

int main(int argc, char **argv)
{
	struct ask a = {.fd = -1};
	struct fault f = {0};
	uint64_t since;
	rc r;

	if (argc < 3) {
		(void)fputs("usage: keeper_ask SOCKET COUNT [PROGRAM ARGUMENT...]\n", stderr);
		return 2;
	}
	since = now_us();
	a.pid = argc > 3 ? fork() : 0;
	if (argc > 3 && a.pid == 0) {
		/* Whoever reads what we print does not wait for the keeper. */
		(void)dup2(STDERR_FILENO, STDOUT_FILENO);
		(void)execvp(argv[3], argv + 3);
		_exit(127);
	}
	r = run(&a, argv, since, &f);
	buf_release(&a.body);
	fd_close(&a.fd);
	if (rc_is_ok(r))
		return 0;
	if (a.pid > 0)
		(void)kill(a.pid, SIGTERM);
	(void)fprintf(stderr, "keeper_ask: %s: %s\n", rc_name(r), f.text);
	return 1;
}
