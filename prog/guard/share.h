/* share - what outlives a worker: the memory that the guard's processes share.
 *
 * The supervisor makes it, the worker alone writes questions, slots and the buffer, so that the
 * next worker finds what was asked and what is held when one is killed at any instant. All
 * processes of the guard also share one table of descriptors (CLONE_FILES), so a number in here is
 * good in each. Owns: the layout. Must not own: what is done with it (cache.c, decide.c,
 * supervisor.c). */
#ifndef GS_GUARD_SHARE_H
#define GS_GUARD_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/name.h"
#include "prog/guard/exes.h"
#include "prog/guard/ring.h"
#include "prog/guard/zone.h"

#define QUESTIONS_MAX 256u /* execs that wait; more wait in the kernel */
#define SLOTS_MIN 16u
#define SLOTS_MAX 1000000u /* files whose content is held */
#define SLOT_RECENT 6u
#define RAW_BYTES 4096u
#define OWN_MAX 7u

enum guard_mode { GUARD_OBSERVE, GUARD_ENFORCE };

enum question_state {
	QUESTION_FREE,
	QUESTION_NEW,	  /* not looked at yet */
	QUESTION_WAITING, /* for its file's slot: digest, or release */
};

enum question_kind {
	QUESTION_EXEC,
	QUESTION_OPEN,	/* not looked into yet */
	QUESTION_CODE,	/* an open that needs an approved content */
	QUESTION_DATA,	/* the same, but what is no program or library is let through */
	QUESTION_READ,	/* let through whatever it is; if approved, the kernel is to know */
	QUESTION_OFTEN, /* the same; and if it is data, we are not asked for it again */
};

/* An exec or open that waits for its answer. */
struct question {
	enum question_state state;
	enum question_kind kind;
	int fd; /* the event's; also what the kernel knows the question by */
	int32_t pid;
	uint64_t dev;
	uint64_t ino;
	uint64_t since; /* ms: when who opens did not sleep yet; 0: it did */
};

enum slot_state {
	SLOT_FREE,
	SLOT_HASHING, /* leased; its digest is being made */
	SLOT_HELD,    /* leased; digest is what it contains as long as the lease holds */
	SLOT_LEAVING, /* unmarked; the lease goes when no exec can be under way any more */
};

/* Somebody who was allowed to exec the file, and when (ms). */
struct recent {
	int32_t pid;
	uint64_t at;
};

/* A file whose content is known, for as long as the lease on fd holds. */
struct slot {
	enum slot_state state;
	int fd;
	uint64_t marked; /* of these events (FAN_*) the kernel does not ask for it */
	bool known;	 /* digest is there */
	bool told;	 /* its verdict was reported */
	bool noted;	 /* approved in the kernel (kernel.h) */
	bool elf;	 /* a program or library, by its first bytes: never data */
	uint64_t dev;
	uint64_t ino;
	uint64_t since; /* ms: taken; LEAVING: since then */
	struct digest digest;
	struct recent recent[SLOT_RECENT];
	uint32_t recent_next;
};

struct list_said {
	char name[NAME_MAX_LEN + 1];
	uint64_t serial; /* 0: there is none */
};

struct share {
	/* From the supervisor; wanted grows with each change of the three below. */
	_Atomic uint32_t wanted;
	_Atomic uint32_t mode;	/* enum guard_mode */
	_Atomic int list_fd;	/* sealed memory; -1: none */
	_Atomic int records_fd; /* the same of the package records */
	_Atomic bool waits;	/* the worker must not begin yet: another guard answers */
	_Atomic bool asked;	/* the file systems are marked: the kernel asks */
	/* From the worker. */
	_Atomic uint32_t applied; /* the last wanted that it decides by */
	_Atomic uint64_t beat;	  /* grows while it works */
	_Atomic uint64_t allowed, denied, would_deny, hashed, held;
	_Atomic uint64_t opens, strangers; /* opens asked for; by programs that are not known */
	/* Events as the kernel gave them, from raw_at on not yet among the questions. */
	uint32_t raw_at;
	/* The guard's own processes, each by its own hand; 0: none. What they open is theirs. */
	_Atomic int32_t own[OWN_MAX];
	struct exes exes;
	struct zone_state zone;
	_Alignas(8) uint8_t raw[RAW_BYTES];
	struct question question[QUESTIONS_MAX];
	/* Which list is in force, for the reporter; version is odd while it changes. */
	_Atomic uint32_t said_version;
	struct list_said said;
	struct ring decided; /* from the worker */
	struct ring ruled;   /* from the supervisor */
	uint32_t slot_count;
	struct slot slot[];
};

static inline void share_list_write(struct share *m, const struct list_said *said)
{
	atomic_fetch_add(&m->said_version, 1);
	m->said = *said;
	atomic_fetch_add(&m->said_version, 1);
}

/* False if it changes all the time; *ret is zero then. */
static inline bool share_list_read(const struct share *m, struct list_said *ret)
{
	for (int i = 0; i < 100; i++) {
		uint32_t before = atomic_load(&m->said_version);

		*ret = m->said;
		if (before % 2 == 0 && atomic_load(&m->said_version) == before)
			return true;
	}
	*ret = (struct list_said){.serial = 0};
	return false;
}

static inline size_t share_size(uint32_t slots)
{
	return sizeof(struct share) + (size_t)slots * sizeof(struct slot);
}

#endif
