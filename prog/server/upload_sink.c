#include "prog/server/upload_sink.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"

#define BEHIND ((uint64_t)8 << 20) /* the disk is told to write so much at a time, */
#define BEHIND_WAIT 4u		   /* and so many of them may be under way */

struct block {
	uint8_t *bytes; /* SINK_BLOCK */
	size_t len;
};

struct upload_sink {
	struct sink_spec spec;
	struct hasher *hash;
	uint64_t at; /* hashed and written up to here */
	bool drops;
	/* of a sink with a thread */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct block ring[SINK_BLOCKS];
	size_t filling; /* the block that pieces go to; only the caller's */
	size_t full;	/* blocks that wait for the thread, the one in work included */
	bool ending;
	rc failed; /* the first failure; what comes after it is dropped */
	struct fault fault;
};

/* Keeps the disk busy while the rest comes, and memory free of what has been written. */
static void write_behind(struct upload_sink *s, uint64_t before)
{
	uint64_t now = s->at / BEHIND * BEHIND;
	uint64_t old = now - BEHIND_WAIT * BEHIND;

	if (before / BEHIND == s->at / BEHIND)
		return;
	(void)sync_file_range(s->spec.fd, (off_t)(now - BEHIND), (off_t)BEHIND,
			      SYNC_FILE_RANGE_WRITE);
	if (!s->drops || now < BEHIND_WAIT * BEHIND)
		return;
	(void)sync_file_range(s->spec.fd, (off_t)old, (off_t)BEHIND,
			      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				      SYNC_FILE_RANGE_WAIT_AFTER);
	(void)posix_fadvise(s->spec.fd, (off_t)old, (off_t)BEHIND, POSIX_FADV_DONTNEED);
}

static rc take(struct upload_sink *s, struct view piece, struct fault *f)
{
	uint64_t before = s->at;

	if (!rc_is_ok(hasher_update(s->hash, piece)))
		return fault_set(f, RC_CRYPTO, s->at, "hashing failed");
	TRY(fd_pwrite_full(s->spec.fd, piece.ptr, piece.len, s->at, f));
	s->at += piece.len;
	if (s->has_thread)
		write_behind(s, before);
	return OK;
}

/* ---- The thread ----------------------------------------------------------------------------*/

static void *sink_main(void *ctx)
{
	struct upload_sink *s = ctx;

	for (size_t i = 0;; i = (i + 1) % SINK_BLOCKS) {
		rc r = OK;

		(void)pthread_mutex_lock(&s->lock);
		while (s->full == 0 && !s->ending)
			(void)pthread_cond_wait(&s->changed, &s->lock);
		if (s->full == 0) {
			(void)pthread_mutex_unlock(&s->lock);
			return NULL;
		}
		(void)pthread_mutex_unlock(&s->lock);
		if (rc_is_ok(s->failed))
			r = take(s, view_of(s->ring[i].bytes, s->ring[i].len), &s->fault);
		(void)pthread_mutex_lock(&s->lock);
		if (!rc_is_ok(r))
			s->failed = r;
		s->ring[i].len = 0;
		s->full--;
		(void)pthread_cond_signal(&s->changed);
		(void)pthread_mutex_unlock(&s->lock);
	}
}

/* What has failed so far; under the lock while there is a thread. */
static rc told(const struct upload_sink *s, struct fault *f)
{
	if (!rc_is_ok(s->failed) && f != NULL)
		*f = s->fault;
	return s->failed;
}

/* Hands the block in work to the thread and waits for an empty one. */
static rc hand_over(struct upload_sink *s, struct fault *f)
{
	rc r;

	(void)pthread_mutex_lock(&s->lock);
	s->full++;
	(void)pthread_cond_signal(&s->changed);
	while (s->full == SINK_BLOCKS)
		(void)pthread_cond_wait(&s->changed, &s->lock);
	r = told(s, f);
	(void)pthread_mutex_unlock(&s->lock);
	s->filling = (s->filling + 1) % SINK_BLOCKS;
	return r;
}

static void thread_end(struct upload_sink *s)
{
	if (!s->has_thread)
		return;
	if (s->ring[s->filling].len > 0)
		rc_ignore(hand_over(s, NULL), "kept in s->failed");
	(void)pthread_mutex_lock(&s->lock);
	s->ending = true;
	(void)pthread_cond_signal(&s->changed);
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	s->has_thread = false;
	atomic_fetch_sub(s->spec.running, 1);
}

/* Without room, memory or a thread the caller does the work: slower, not wrong. */
static void thread_begin(struct upload_sink *s)
{
	bool room = atomic_fetch_add(s->spec.running, 1) < SINKS_MAX;

	for (size_t i = 0; room && i < SINK_BLOCKS; i++) {
		s->ring[i].bytes = malloc(SINK_BLOCK);
		room = s->ring[i].bytes != NULL;
	}
	/* Before the thread is there, which reads it. */
	s->has_thread = true;
	if (room && pthread_create(&s->thread, NULL, sink_main, s) == 0)
		return;
	s->has_thread = false;
	atomic_fetch_sub(s->spec.running, 1);
}

/* ---- The caller's side ---------------------------------------------------------------------*/

static rc rehash(struct upload_sink *s, struct fault *f)
{
	_Alignas(FD_ALIGN) uint8_t block[65536];

	while (s->at < s->spec.at) {
		uint64_t left = s->spec.at - s->at;
		size_t n = left < sizeof(block) ? (size_t)left : sizeof(block);

		TRY(fd_pread_full(s->spec.fd, block, n, s->at, f));
		TRY(hasher_update(s->hash, view_of(block, n)));
		s->at += n;
	}
	return OK;
}

rc upload_sink_new(const struct sink_spec *spec, struct upload_sink **ret, struct fault *f)
{
	struct upload_sink *s = calloc(1, sizeof(*s));
	rc r;

	if (s == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	s->spec = *spec;
	s->drops = spec->size - spec->at >= SINK_DROP_FROM;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->changed, NULL);
	r = hasher_new(HASH_SHA256, &s->hash);
	if (rc_is_ok(r))
		r = rehash(s, f);
	if (!rc_is_ok(r)) {
		upload_sink_free(s);
		return r;
	}
	if (spec->size - spec->at >= SINK_THREAD_FROM)
		thread_begin(s);
	*ret = s;
	return OK;
}

rc upload_sink_put(struct upload_sink *s, struct view piece, struct fault *f)
{
	if (!s->has_thread) {
		if (rc_is_ok(s->failed))
			s->failed = take(s, piece, &s->fault);
		return told(s, f);
	}
	while (piece.len > 0) {
		struct block *b = &s->ring[s->filling];
		size_t n = SINK_BLOCK - b->len < piece.len ? SINK_BLOCK - b->len : piece.len;

		memcpy(b->bytes + b->len, piece.ptr, n);
		b->len += n;
		piece = view_of(piece.ptr + n, piece.len - n);
		if (b->len == SINK_BLOCK)
			TRY(hand_over(s, f));
	}
	return OK;
}

rc upload_sink_finish(struct upload_sink *s, struct hash *ret_sha256, struct fault *f)
{
	thread_end(s);
	TRY(told(s, f));
	return hasher_finish(s->hash, ret_sha256);
}

void upload_sink_free(struct upload_sink *s)
{
	if (s == NULL)
		return;
	thread_end(s);
	for (size_t i = 0; i < SINK_BLOCKS; i++)
		free(s->ring[i].bytes);
	hasher_free(s->hash);
	(void)pthread_cond_destroy(&s->changed);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
