/* builds - the worker's part of build zones: who is a producer, what it has made, whether that
 * runs.
 *
 * Owns: what an event or a question means for zone.h. Must not own: the tables (zone.h), answers
 * (decide.c). */
#ifndef GS_GUARD_BUILDS_H
#define GS_GUARD_BUILDS_H

#include "prog/guard/decide.h"
#include "prog/guard/event.h"
#include "prog/guard/opener.h"

/* A producer is about to run, if the kernel lets it. It is asked for each time, so that it is known
 * by its number. */
void builds_begin(struct decider *d, const struct question *q, const struct slot *s, uint64_t now);
/* This process runs o just now. */
void builds_met(const struct decider *d, int32_t pid, const struct opener *o);
/* EVENT_USED. */
void builds_used(struct decider *d, const struct event *e);
/* Whether what q asks for is an output that may run. The queue has been read to its end. */
bool builds_let(struct decider *d, const struct question *q, uint64_t now);

#endif
