#include "lib/base/settings.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"
#include "lib/base/num.h"

#define FILE_BYTES 65536u
#define MODE_MOST 0777u

static rc set_text(const struct setting *s, char *at, struct view v, struct fault *f)
{
	if (v.len < s->min)
		return fault_set(f, RC_RANGE, 0, "%s is empty", s->name);
	if (v.len >= s->size)
		return fault_set(f, RC_LIMIT, 0, "%s is too long: at most %zu bytes", s->name,
				 s->size - 1);
	if (v.len > 0 && memchr(v.ptr, '\0', v.len) != NULL)
		return fault_set(f, RC_RANGE, 0, "%s has a NUL byte in it", s->name);
	if (v.len > 0)
		memcpy(at, v.ptr, v.len);
	at[v.len] = '\0';
	return OK;
}

static rc read_number(const struct setting *s, struct view v, uint64_t *ret, struct fault *f)
{
	uint64_t n;

	if (!rc_is_ok(num_parse_u64((const char *)v.ptr, v.len, s->max, &n)) || n < s->min)
		return fault_set(f, RC_RANGE, 0, "%s must be a number from %llu to %llu", s->name,
				 (unsigned long long)s->min, (unsigned long long)s->max);
	*ret = n;
	return OK;
}

static rc read_mode(const struct setting *s, struct view v, uint64_t *ret, struct fault *f)
{
	uint64_t mode = 0;
	bool good = v.len > 0 && v.len <= 4;

	for (size_t i = 0; good && i < v.len; i++) {
		good = v.ptr[i] >= '0' && v.ptr[i] <= '7';
		mode = mode * 8 + (uint64_t)(v.ptr[i] - '0');
	}
	if (!good || mode > MODE_MOST)
		return fault_set(f, RC_RANGE, 0, "%s must be octal, at most 0777", s->name);
	*ret = mode;
	return OK;
}

static rc read_span(const struct setting *s, struct view v, uint64_t *ret, struct fault *f)
{
	static const char units[] = {'s', 'm', 'h', 'd'};
	static const uint64_t seconds[] = {1, 60, 3600, 86400};
	const char *unit = v.len == 0 ? NULL : memchr(units, v.ptr[v.len - 1], sizeof(units));
	uint64_t n = 0;

	if (unit == NULL ||
	    !rc_is_ok(num_parse_u64((const char *)v.ptr, v.len - 1, UINT32_MAX, &n)) ||
	    n * seconds[unit - units] < s->min || n * seconds[unit - units] > s->max)
		return fault_set(f, RC_RANGE, 0, "%s: a number and s, m, h or d; %s", s->name,
				 s->help);
	*ret = n * seconds[unit - units];
	return OK;
}

static rc set_row(const struct setting *s, void *conf, struct view v, struct fault *f)
{
	char *at = (char *)conf + s->at;
	uint64_t n = 0;
	bool yes;

	switch (s->type) {
	case SETTING_IS_TEXT:
		return set_text(s, at, v, f);
	case SETTING_IS_OTHER:
		return s->set(s, conf, v, f);
	case SETTING_IS_BOOL:
		yes = view_is(v, "yes");
		if (!yes && !view_is(v, "no"))
			return fault_set(f, RC_RANGE, 0, "%s: yes or no", s->name);
		memcpy(at, &yes, sizeof(yes));
		return OK;
	case SETTING_IS_NUMBER:
		TRY(read_number(s, v, &n, f));
		break;
	case SETTING_IS_MODE:
		TRY(read_mode(s, v, &n, f));
		break;
	case SETTING_IS_SPAN:
		TRY(read_span(s, v, &n, f));
		break;
	}
	memcpy(at, &n, sizeof(n));
	return OK;
}

void settings_defaults(const struct settings *s, void *conf)
{
	memset(conf, 0, s->conf_size);
	for (size_t i = 0; i < s->count; i++)
		if (s->rows[i].fallback != NULL)
			rc_ignore(set_row(&s->rows[i], conf, view_str(s->rows[i].fallback), NULL),
				  "the table's own values fit");
}

static rc find(const struct settings *s, struct view name, const struct setting **ret,
	       struct fault *f)
{
	for (size_t i = 0; i < s->count; i++)
		if (view_is(name, s->rows[i].name)) {
			*ret = &s->rows[i];
			return OK;
		}
	return fault_set(f, RC_UNKNOWN, 0, "%.*s: no such setting; see %s",
			 name.len > 64 ? 64 : (int)name.len, (const char *)name.ptr, s->manual);
}

rc settings_set(const struct settings *s, void *conf, struct view name, struct view value,
		struct fault *f)
{
	const struct setting *row;

	TRY(find(s, name, &row, f));
	return set_row(row, conf, value, f);
}

/* ---- The file ---- */

static struct view trim(struct view v)
{
	while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t'))
		rc_ignore(view_skip(&v, 1), "there is one");
	while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t'))
		v.len--;
	return v;
}

static rc take_line(const struct settings *s, void *conf, struct view line, struct fault *f)
{
	const struct setting *row;
	struct view name;

	line = trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return OK;
	if (!rc_is_ok(view_until(&line, '=', &name)))
		return fault_set(f, RC_SYNTAX, 0, "not NAME = VALUE");
	TRY(find(s, trim(name), &row, f));
	if (row->args_only)
		return fault_set(f, RC_USAGE, 0, "%s belongs on the command line alone", row->name);
	return set_row(row, conf, trim(line), f);
}

rc settings_load(const struct settings *s, void *conf, const char *path, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	struct view rest;
	struct view line;
	unsigned number = 0;

	buf_init(&text, FILE_BYTES);
	TRY(file_read(path, &text, f));
	rest = buf_view(&text);
	while (rest.len > 0) {
		rc r;

		number++;
		if (!rc_is_ok(view_until(&rest, '\n', &line))) {
			line = rest;
			rest.len = 0;
		}
		r = take_line(s, conf, line, f);
		if (!rc_is_ok(r))
			return fault_wrap(f, r, "%s:%u", path, number);
	}
	return OK;
}

/* ---- The command line ---- */

rc settings_args(const struct settings *s, void *conf, int argc, char **argv, struct fault *f)
{
	for (int i = 0; i < argc; i += 2)
		if (strncmp(argv[i], "--", 2) != 0 || i + 1 == argc)
			return fault_set(f, RC_USAGE, 0, "%.64s: a setting is --NAME VALUE",
					 argv[i]);
	for (int i = 0; i < argc; i += 2)
		if (strcmp(argv[i], "--config") == 0)
			TRY(settings_load(s, conf, argv[i + 1], f));
	for (int i = 0; i < argc; i += 2)
		if (strcmp(argv[i], "--config") != 0)
			TRY(settings_set(s, conf, view_str(argv[i] + 2), view_str(argv[i + 1]), f));
	return OK;
}

void settings_print(const struct settings *s, FILE *out)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct setting *row = &s->rows[i];
		bool shown = row->fallback != NULL && row->fallback[0] != '\0';

		(void)fprintf(out, "  --%-19s %s%s%s%s\n", row->name, row->help, shown ? " [" : "",
			      shown ? row->fallback : "", shown ? "]" : "");
	}
}
