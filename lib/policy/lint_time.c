/* Windows, freezes, holds, deadlines, rates: whether they ever meet. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/policy/lint_impl.h"

#define HORIZON (400 * 86400) /* seconds ahead of now: every yearly opening is in it */
#define STEPS_MAX 2000u	      /* openings of one rule that are looked at */

/* ---- Text -----------------------------------------------------------------------------------*/

#define SPAN_TEXT 48

/* "3d17h": the two largest units that there are. */
static void span_text(uint64_t seconds, char out[SPAN_TEXT])
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t shown = 0;
	int len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < 4 && shown < 2; i++) {
		uint64_t n = seconds / units[i].seconds;

		seconds %= units[i].seconds;
		if (n == 0)
			continue;
		len += snprintf(out + len, SPAN_TEXT - (size_t)len, "%llu%c", (unsigned long long)n,
				units[i].unit);
		shown++;
	}
}

/* ---- When a rule is open --------------------------------------------------------------------*/

struct span {
	unix_time from;
	unix_time to;
};

/* Each zone is read once: rules are many, and each looks at a year of openings. */
struct times {
	const struct policy *policy;
	unix_time now;
	struct zone_read {
		struct buf bytes;
		struct tzif z;
	} * windows; /* of the policy's windows, in their order */
	struct zone_read *freezes;
};

static void zones_release(struct zone_read *list, size_t count)
{
	for (size_t i = 0; list != NULL && i < count; i++)
		buf_release(&list[i].bytes);
	free(list);
}

static void times_release(struct times *t)
{
	zones_release(t->windows, t->policy->window_count);
	zones_release(t->freezes, t->policy->freeze_count);
}
AUTO_DEFINE(times, struct times, times_release)

/* A zone that cannot be read has been reported as refused: nothing more is said of its policy. */
static rc times_init(const struct linter *l, struct times *t)
{
	const struct policy *p = l->policy;

	t->now = l->now;
	t->windows = calloc(p->window_count + 1, sizeof(*t->windows));
	t->freezes = calloc(p->freeze_count + 1, sizeof(*t->freezes));
	if (t->windows == NULL || t->freezes == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < p->window_count; i++)
		TRY(zone_open(l->zones, &p->windows[i].zone, &t->windows[i].bytes, &t->windows[i].z,
			      NULL));
	for (size_t i = 0; i < p->freeze_count; i++)
		TRY(zone_open(l->zones, &p->freezes[i].zone, &t->freezes[i].bytes, &t->freezes[i].z,
			      NULL));
	return OK;
}

/* The first time >= t at which this window is open, and until when. False: never. */
static bool window_after(const struct times *l, const struct window *w, unix_time t,
			 struct span *ret)
{
	const struct tzif *z = &l->windows[w - l->policy->windows].z;
	unix_time at;

	if (rc_is_ok(calendar_opened(&w->open, z, t, &at)) && (uint64_t)(t - at) < w->length) {
		*ret = (struct span){t, at + (unix_time)w->length};
		return true;
	}
	if (!rc_is_ok(calendar_opens(&w->open, z, t, &at)))
		return false;
	*ret = (struct span){at, at + (unix_time)w->length};
	return true;
}

/* The same of all windows of a rule; one without any is always open. */
static bool rule_after(const struct times *l, const struct rule *rule, unix_time t,
		       struct span *ret)
{
	bool found = rule->window_count == 0;

	*ret = (struct span){t, l->now + HORIZON + 1};
	for (size_t i = 0; i < rule->window_count; i++) {
		const struct window *w = policy_window(l->policy, &rule->windows[i]);
		struct span s;

		if (w == NULL || !window_after(l, w, t, &s))
			continue;
		if (!found || s.from < ret->from || (s.from == ret->from && s.to > ret->to))
			*ret = s;
		found = true;
	}
	return found;
}

/* Moves t behind a freeze of the key that holds at t. False: none does. */
static bool skip_freeze(const struct times *l, const struct name *key, unix_time *t)
{
	for (size_t i = 0; i < l->policy->freeze_count; i++) {
		const struct freeze *f = &l->policy->freezes[i];
		const struct tzif *z = &l->freezes[i].z;

		if (!freeze_names(f, key) || *t < tzif_instant(z, f->from) ||
		    *t >= tzif_instant(z, f->to))
			continue;
		*t = tzif_instant(z, f->to);
		return true;
	}
	return false;
}

/* ---- Findings -------------------------------------------------------------------------------*/

/* No moment ahead at which a window is open and no freeze holds. Each step leaves a window or a
 * freeze behind. */
static bool is_closed(const struct times *l, const struct rule *rule, const struct name *key,
		      bool *ret_opens)
{
	unix_time t = l->now;
	struct span s;

	*ret_opens = false;
	for (unsigned i = 0; i < STEPS_MAX && t <= l->now + HORIZON; i++) {
		if (!rule_after(l, rule, t, &s))
			return true;
		*ret_opens = true;
		t = s.from;
		while (t < s.to)
			if (!skip_freeze(l, key, &t))
				return false;
	}
	return t > l->now + HORIZON;
}

static void closed(struct linter *l, const struct times *t, const struct rule *rule)
{
	const struct spot at = {LINT_RULE, rule->name.s};
	bool opens;

	for (size_t i = 0; i < rule->key_count; i++) {
		if (!is_closed(t, rule, &rule->keys[i], &opens))
			continue;
		if (opens)
			lint_add(l, at, "rule.closed",
				 "rule %s: key %.40s is frozen whenever a window is open: end a "
				 "freeze, or open at other times",
				 rule->name.s, rule->keys[i].s);
		else
			lint_add(l, at, "rule.closed",
				 "rule %s: none of its windows opens any more: give one a date to "
				 "come",
				 rule->name.s);
		return;
	}
}

/* The longest time from a closing to the next opening. Freezes are meant to be long. */
static uint64_t longest_gap(const struct times *l, const struct rule *rule)
{
	unix_time t = l->now;
	uint64_t longest = 0;
	struct span s;

	for (unsigned i = 0; i < STEPS_MAX && t <= l->now + HORIZON; i++) {
		if (!rule_after(l, rule, t, &s))
			break;
		if (i > 0 && (uint64_t)(s.from - t) > longest)
			longest = (uint64_t)(s.from - t);
		t = s.to;
	}
	return longest;
}

static void gaps(struct linter *l, const struct times *t, const struct rule *rule)
{
	const struct spot at = {LINT_RULE, rule->name.s};
	uint64_t wait = longest_gap(t, rule) + rule->hold;
	char waits[SPAN_TEXT];
	char lives[SPAN_TEXT];

	span_text(wait, waits);
	span_text(rule->max_deadline, lives);
	if (wait > rule->max_deadline) {
		lint_add(l, at, "rule.gap",
			 "rule %s: a request may have to wait %s for a window%s and is over after "
			 "%s: raise max_deadline, or open more often",
			 rule->name.s, waits, rule->hold > 0 ? " and its hold" : "", lives);
		return;
	}
	span_text(rule->approval_lifetime, lives);
	if (!rule->unattended && wait > rule->approval_lifetime)
		lint_add(l, at, "rule.gap",
			 "rule %s: approvals may have to wait %s for a window%s and count for %s: "
			 "raise approval_lifetime, or open more often",
			 rule->name.s, waits, rule->hold > 0 ? " and the hold" : "", lives);
}

/* What was approved early is an approval, too, and counts no longer than one. */
static void early(struct linter *l, const struct rule *rule)
{
	char said[SPAN_TEXT];
	char lives[SPAN_TEXT];

	if (!rule->has_preapproved || rule->unattended ||
	    rule->preapproved_max_age <= rule->approval_lifetime)
		return;
	span_text(rule->preapproved_max_age, said);
	span_text(rule->approval_lifetime, lives);
	lint_add(l, (struct spot){LINT_RULE, rule->name.s}, "rule.gap",
		 "rule %s: preapproved.max_age is %s, and no approval counts longer than %s: raise "
		 "approval_lifetime, or lower it",
		 rule->name.s, said, lives);
}

/* All its uses, as fast as one of the key's rates permits. */
static void rates(struct linter *l, const struct rule *rule, const struct name *name)
{
	const struct key_policy *key = policy_key(l->policy, name);

	for (size_t i = 0; key != NULL && i < key->rate_count; i++) {
		const struct rate *r = &key->rates[i];
		uint64_t takes = (uint64_t)(rule->max_uses - 1) / r->count * r->period;
		char needs[SPAN_TEXT];
		char lives[SPAN_TEXT];

		if (takes <= rule->max_deadline)
			continue;
		span_text(takes, needs);
		span_text(rule->max_deadline, lives);
		lint_add(l, (struct spot){LINT_RULE, rule->name.s}, "rule.rate",
			 "rule %s: %u uses of key %.40s take %s at its rate, and a request is over "
			 "after %s: lower max_uses, or raise the rate",
			 rule->name.s, (unsigned)rule->max_uses, name->s, needs, lives);
		return;
	}
}

void lint_times(struct linter *l)
{
	AUTO(times) struct times t = {.policy = l->policy};
	rc r = times_init(l, &t);

	if (!rc_is_ok(r)) {
		l->failed = r;
		return;
	}
	for (size_t i = 0; i < l->policy->rule_count; i++) {
		const struct rule *rule = &l->policy->rules[i];

		for (size_t k = 0; k < rule->key_count; k++)
			rates(l, rule, &rule->keys[k]);
		early(l, rule);
		if (rule->break_glass)
			continue; /* it passes both */
		closed(l, &t, rule);
		if (rule->window_count > 0)
			gaps(l, &t, rule);
	}
}
