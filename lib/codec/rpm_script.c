#include "lib/codec/rpm_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RPMSCRIPT_FLAG_*, of rpm's rpmds.h. */
#define FLAG_EXPAND 1u
#define FLAG_QFORMAT 2u

/* Bodies, what runs them, flags (RPMTAG_*, of rpm's rpmtag.h). Triggers are several of each. */
static const struct {
	const char *name;
	uint32_t body, program, flags;
	bool several;
} kinds[] = {
	{"prein", 1023, 1085, 5020, false},	 {"postin", 1024, 1086, 5021, false},
	{"preun", 1025, 1087, 5022, false},	 {"postun", 1026, 1088, 5023, false},
	{"pretrans", 1151, 1153, 5024, false},	 {"posttrans", 1152, 1154, 5025, false},
	{"preuntrans", 5104, 5106, 5108, false}, {"postuntrans", 5105, 5107, 5109, false},
	{"verify", 1079, 1091, 5026, false},	 {"trigger", 1065, 1092, 5027, true},
	{"filetrigger", 5066, 5067, 5068, true}, {"transfiletrigger", 5076, 5077, 5078, true},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Of several the i-th has one word; a single one has all. */
rc rpm_script_word(const struct rpm_header *h, const struct rpm_script *s, size_t i,
		   struct view *ret)
{
	const char *dot = strchr(s->name, '.');

	if (!kinds[s->kind].several)
		return rpm_header_string(h, kinds[s->kind].program, i, ret);
	if (i > 0)
		return RC(RC_NOTFOUND);
	return rpm_header_string(h, kinds[s->kind].program, strtoul(dot + 1, NULL, 10), ret);
}

static rc read_script(const struct rpm_header *h, size_t i, struct rpm_script *ret)
{
	uint32_t flags = 0;
	rc text, program, r;

	if (i == RPM_SCRIPTS_EACH)
		return RC(RC_LIMIT);
	ret->text = view_str("");
	ret->program = view_str("/bin/sh");
	text = rpm_header_string(h, kinds[ret->kind].body, i, &ret->text);
	program = rpm_script_word(h, ret, 0, &ret->program);
	if (!rc_is_ok(program) && program.code != RC_NOTFOUND)
		return program;
	/* A program alone is run, too; a text alone by /bin/sh. */
	if (!rc_is_ok(text) && (text.code != RC_NOTFOUND || !rc_is_ok(program)))
		return text;
	r = rpm_header_u32(h, kinds[ret->kind].flags, i, &flags);
	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return r;
	/* rpm looks at the first word alone. */
	ret->lua = view_is(ret->program, "<lua>");
	ret->expanded = (flags & (FLAG_EXPAND | FLAG_QFORMAT)) != 0;
	return OK;
}

rc rpm_script_next(const struct rpm_header *h, struct rpm_scripts *at, struct rpm_script *ret)
{
	while (at->kind < KINDS) {
		bool several = kinds[at->kind].several;
		rc r;

		ret->kind = at->kind;
		(void)snprintf(ret->name, sizeof(ret->name), several ? "%s.%zu" : "%s",
			       kinds[at->kind].name, at->number);
		r = read_script(h, at->number, ret);
		at->number++;
		if (rc_is_ok(r) && several)
			return OK;
		at->kind++;
		at->number = 0;
		if (r.code == RC_NOTFOUND)
			continue;
		if (!rc_is_ok(r))
			ret->name[strlen(kinds[ret->kind].name)] = '\0';
		return r;
	}
	return RC(RC_NOTFOUND);
}
