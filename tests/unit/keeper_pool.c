/* Unit tests of the pool: who has the next turn, when a work is finished, what is loaded. One
 * thread, so that the order is one; its token is an HSM that is not there and is never asked. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <semaphore.h>
#include <string.h>

#include "prog/keeper/pool.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static char order[64]; /* "A0A1B0": the parts as they ran; lower case: a work's finish */
static sem_t door;

struct job {
	struct work work;
	char name;
};

static void note(char name, char what)
{
	size_t n = strlen(order);

	assert_true(n + 2 < sizeof(order));
	order[n] = name;
	order[n + 1] = what;
}

static void run_part(struct work *w, struct key_user *user, size_t part)
{
	(void)user;
	note(((struct job *)w)->name, (char)('0' + part));
}

static void finish(struct work *w)
{
	note((char)(((struct job *)w)->name | 0x20), '.');
}

/* Holds the thread until the test has queued what it wants. */
static void wait_at_door(struct work *w, struct key_user *user, size_t part)
{
	(void)w;
	(void)user;
	(void)part;
	while (sem_wait(&door) != 0)
		continue;
}

struct world {
	struct token *token;
	struct pool *pool;
	struct job gate;
};

static void world_start(struct world *w)
{
	AUTO(secret) struct secret pin = {0};
	struct token_spec spec;

	memset(order, 0, sizeof(order));
	assert_int_equal(sem_init(&door, 0, 0), 0);
	assert_rc(RC_OK,
		  token_spec_parse(
			  view_str("pkcs11:hsm,module=/nonexistent.so,label=l,pin=/p,parallel=1"),
			  "/nonexistent", &spec, NULL));
	assert_rc(RC_OK, secret_new(&pin, 4));
	assert_rc(RC_OK, token_open(&spec, &pin, &w->token, NULL));
	assert_rc(RC_OK, pool_new(&w->token, 1, &w->pool, NULL));
	w->gate = (struct job){
		.work = {.token = w->token, .parts = 1, .turn = 1, .part = wait_at_door}};
	pool_submit(w->pool, &w->gate.work);
}

static void world_end(struct world *w)
{
	pool_free(w->pool);
	token_close(w->token);
	(void)sem_destroy(&door);
}

static void submit(struct world *w, struct job *j, size_t parts, size_t turn)
{
	j->work = (struct work){.token = w->token,
				.parts = parts,
				.turn = turn,
				.part = run_part,
				.finish = finish};
	pool_submit(w->pool, &j->work);
}

/* Until so many works have come back. */
static void await(struct world *w, size_t count)
{
	struct pollfd p = {.fd = pool_fd(w->pool), .events = POLLIN};

	while (count > 0) {
		assert_true(poll(&p, 1, -1) == 1);
		for (struct work *done = pool_done(w->pool); done != NULL; done = done->next)
			count--;
	}
}

static void works_take_turns(void **state)
{
	struct job a = {.name = 'A'};
	struct job b = {.name = 'B'};
	struct job c = {.name = 'C'};
	struct world w;

	(void)state;
	world_start(&w);
	submit(&w, &a, 8, 4);
	submit(&w, &b, 1, 4);
	submit(&w, &c, 3, 1);
	(void)sem_post(&door);
	await(&w, 4);
	/* A large one holds nobody up for longer than its turn; one that fits a turn is done. */
	assert_string_equal(order, "A0A1A2A3B0b.C0A4A5A6A7a.C1C2c.");
	world_end(&w);
}

static void works_within_a_turn_end_in_their_order(void **state)
{
	struct job a = {.name = 'A'};
	struct job b = {.name = 'B'};
	struct world w;

	(void)state;
	world_start(&w);
	submit(&w, &a, 4, 4);
	submit(&w, &b, 4, 4);
	(void)sem_post(&door);
	await(&w, 3);
	assert_string_equal(order, "A0A1A2A3a.B0B1B2B3b.");
	/* The same work again, as after a failure. */
	memset(order, 0, sizeof(order));
	pool_submit(w.pool, &a.work);
	await(&w, 1);
	assert_string_equal(order, "A0A1A2A3a.");
	world_end(&w);
}

static void loaded_is_more_than_one_for_each_thread(void **state)
{
	struct job a = {.name = 'A'};
	struct job b = {.name = 'B'};
	struct world w;

	(void)state;
	world_start(&w);
	submit(&w, &a, 2, 1);
	submit(&w, &b, 2, 2);
	assert_true(pool_is_loaded(w.pool));
	(void)sem_post(&door);
	await(&w, 3);
	assert_false(pool_is_loaded(w.pool));
	/* What is queued when it ends is forgotten: both are ours. */
	w.gate.work.part = wait_at_door;
	pool_submit(w.pool, &w.gate.work);
	submit(&w, &a, 2, 1);
	(void)sem_post(&door);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(works_take_turns),
		cmocka_unit_test(works_within_a_turn_end_in_their_order),
		cmocka_unit_test(loaded_is_more_than_one_for_each_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
