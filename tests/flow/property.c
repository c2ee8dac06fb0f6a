/* property [EPISODES [STEPS]] - a real keeper against the reference (tests/lib/reference.h): random
 * acts, replays, clocks, changes and kills, and every answer compared.
 *
 * Each episode has a keeper of its own and a seed that is printed when it fails; GS_PROPERTY_SEED
 * names the first one's, always the same without it; GS_PROPERTY_STEPS says how many steps an
 * episode has. Half of the episodes run in a second process.
 *
 * What it is worth: tools/property-faults puts the faults of property.faults into a copy of the
 * keeper, one at a time, and says after how many steps each is found. */
#include "tests/flow/property.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#define FIRST_SEED 20261127000u
#define LINES 1000
#define LAST 60 /* lines that are shown of what is about no request */

struct world w;
static uint64_t seed, random_state;
unsigned long step;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = (random_state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

unsigned below(unsigned n)
{
	return (unsigned)(next() % n);
}

bool chance(unsigned percent)
{
	return below(100) < percent;
}

/* ---- The script of what was done, for those who have to find out ----------------------------*/

static struct line {
	int slot; /* -1: it concerns all */
	char text[200];
} script[LINES];
static unsigned long lines;

void note(int slot, const char *fmt, ...)
{
	struct line *l = &script[lines++ % LINES];
	int n = snprintf(l->text, sizeof(l->text), "%6lu ", step);
	va_list ap;

	l->slot = slot;
	va_start(ap, fmt);
	(void)vsnprintf(l->text + n, sizeof(l->text) - (size_t)n, fmt, ap);
	va_end(ap);
}

/* The line with which this request began; the oldest there is if that is forgotten. */
static unsigned long beginning(int slot)
{
	unsigned long keep = slot < 0 ? LAST : LINES;
	unsigned long from = lines > keep ? lines - keep : 0;
	unsigned long n = lines;

	while (slot >= 0 && n > from &&
	       (script[(n - 1) % LINES].slot != slot ||
		strstr(script[(n - 1) % LINES].text, " asks on ") == NULL))
		n--;
	return slot >= 0 && n > from ? n - 1 : from;
}

/* What concerned this request since; -1: the end of it all. */
static void tell(int slot)
{
	for (unsigned long i = beginning(slot); i < lines; i++) {
		const struct line *l = &script[i % LINES];

		if (slot < 0 || l->slot == slot || l->slot < 0)
			(void)fprintf(stderr, "%s\n", l->text);
	}
	(void)fprintf(stderr, "again: GS_PROPERTY_SEED=%llu flow-property 1\n",
		      (unsigned long long)seed);
}

/* The fixture gives up by abort(): that, too, shows what had been done. */
static void on_abort(int number)
{
	(void)number;
	(void)fprintf(stderr, "seed %llu, step %lu:\n", (unsigned long long)seed, step);
	tell(-1);
	if (w.fx.pid > 0)
		(void)kill(w.fx.pid, SIGKILL);
	_exit(1);
}

void give_up(int slot, const char *what)
{
	(void)fprintf(stderr, "seed %llu, step %lu, request %d: %s\n", (unsigned long long)seed,
		      step, slot, what);
	tell(slot);
	tell_difference();
	if (w.fx.pid > 0)
		fx_kill(&w.fx);
	world_release(&w);
	exit(1);
}

/* ---- Episodes ------------------------------------------------------------------------------*/

static void approve(int slot)
{
	act(slot, STATEMENT_APPROVAL);
}

static void withdraw(int slot)
{
	act(slot, STATEMENT_WITHDRAWAL);
}

static void deny(int slot)
{
	act(slot, STATEMENT_DENIAL);
}

static void cancel(int slot)
{
	act(slot, STATEMENT_CANCELLATION);
}

static void one_step(void)
{
	static const struct {
		unsigned share; /* of 1000 */
		void (*slot)(int slot);
		void (*world)(void);
	} deeds[] = {
		{90, new_request, NULL}, {40, request_again, NULL}, {171, approve, NULL},
		{25, withdraw, NULL},	 {8, deny, NULL},	    {8, cancel, NULL},
		{60, act_again, NULL},	 {110, commit, NULL},	    {40, look_at, NULL},
		{95, NULL, clock_step},	 {28, NULL, change_policy}, {15, NULL, change_roster},
		{24, NULL, lock_key},	 {2, NULL, restart},	    {40, NULL, preapprove},
		{40, NULL, say_word},	 {25, NULL, give_access},   {22, NULL, change_host},
		{22, NULL, catch_up},	 {12, NULL, emergency},	    {8, NULL, foreseen},
		{32, NULL, all_at_once}, {28, NULL, doubt},	    {7, NULL, thaw},
		{7, NULL, cut_short},	 {9, NULL, move_house},	    {3, NULL, clash},
		{11, NULL, bring_keys},	 {8, NULL, list_hosts},	    {10, NULL, held_back},
	};
	unsigned lot = below(1000);
	size_t i = 0;

	while (lot >= deeds[i].share)
		lot -= deeds[i++].share;
	if (deeds[i].world != NULL)
		deeds[i].world();
	else if (deeds[i].slot == new_request)
		new_request((int)below(SLOTS));
	else
		deeds[i].slot(any_slot());
}

static void episode(uint64_t its_seed, unsigned long steps)
{
	seed = random_state = its_seed;
	lines = 0;
	world_begin(&w);
	for (step = 1; step <= steps; step++)
		one_step();
	world_end(&w);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	unsigned long episodes = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;
	unsigned long steps = number("GS_PROPERTY_STEPS", 5000);
	uint64_t first = number("GS_PROPERTY_SEED", FIRST_SEED);
	pid_t child = episodes > 1 ? fork() : 0;
	int status = 0;

	fx_check(child >= 0);
	(void)printf("seed %llu\n", (unsigned long long)first);
	(void)signal(SIGABRT, on_abort);
	world_make_chips();
	world_make_roots();
	fx_in_memory(); /* what the disk does is for other tests (crash, disk) */
	for (unsigned long i = 0; i < episodes; i++)
		if (episodes == 1 || (i % 2 == 0) == (child == 0))
			episode(first + i, steps);
	compare_summary();
	world_free_chips();
	world_free_roots();
	if (child == 0)
		return 0;
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}
