/* A preloaded gate in front of private keys: an operation can be held while the rest of the program
 * goes on, and the monotonic clock can be stopped, so that what is to happen "for at most so long"
 * can be looked at for as long as it takes. Owns nothing of the product. */
#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/shim/gate.h"

static struct gate *gate;
static _Atomic uint32_t stop;	/* the one that stopped is of */
static _Atomic int64_t stopped; /* nanoseconds */

__attribute__((constructor)) static void gate_open(void)
{
	const char *path = getenv("GS_GATE_FILE");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*gate), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		gate = p;
	(void)close(fd);
}

static void *next(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL)
		abort();
	return symbol;
}

int EVP_PKEY_sign(EVP_PKEY_CTX *ctx, unsigned char *sig, size_t *len, const unsigned char *tbs,
		  size_t tbs_len)
{
	int (*real)(EVP_PKEY_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
	void *symbol = next("EVP_PKEY_sign");
	const struct timespec pause = {.tv_nsec = 1000000};
	uint32_t number;

	memcpy(&real, &symbol, sizeof(real));
	if (gate != NULL && sig != NULL) {
		number = gate->begun++;
		while (number == gate->held)
			(void)nanosleep(&pause, NULL); /* polls a condition */
	}
	return real(ctx, sig, len, tbs, tbs_len);
}

/* Loaded before clock.c, which turns the other clock. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	int (*real)(clockid_t, struct timespec *);
	void *symbol = next("clock_gettime");
	uint32_t now = gate != NULL ? gate->still : 0;
	int r;

	memcpy(&real, &symbol, sizeof(real));
	r = real(id, ts);
	if (r != 0 || id != CLOCK_MONOTONIC || now == 0)
		return r;
	if (stop != now) {
		stopped = (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec;
		stop = now;
	}
	ts->tv_sec = stopped / 1000000000;
	ts->tv_nsec = stopped % 1000000000;
	return 0;
}
