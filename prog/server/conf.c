#include "prog/server/conf.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"

#define CONF_BYTES 65536u

enum type { TEXT, NUMBER };

static const struct {
	const char *name;
	enum type type;
	size_t offset;
	size_t size; /* of a text */
	uint64_t min;
	uint64_t max;
	const char *fallback;
	const char *help;
} table[] = {
#define TEXT_ROW(n, m, d, h)                                                                       \
	{                                                                                          \
		n, TEXT, offsetof(struct conf, m), sizeof(((struct conf *)NULL)->m), 0, 0, d, h    \
	}
#define NUMBER_ROW(n, m, lo, hi, d, h)                                                             \
	{                                                                                          \
		n, NUMBER, offsetof(struct conf, m), 0, lo, hi, d, h                               \
	}
	TEXT_ROW("listen", listen, "127.0.0.1:8443", "address and port; port 0 takes a free one"),
	TEXT_ROW("data", data, "", "directory of uploads, reports, the store and the TLS key"),
	TEXT_ROW("keeper-socket", keeper_socket, "", "unix socket of greatseal-keeper"),
	TEXT_ROW("public-log", public_log, "", "the log's directory that the keeper publishes"),
	TEXT_ROW("worker", worker, "", "path of greatseal-worker"),
	TEXT_ROW("client-ca", client_ca, "",
		 "who may connect: keeper (its hosts), a PEM file, or keeper,FILE; empty: anybody"),
	NUMBER_ROW("upload-max", upload_max, 1, UINT64_MAX >> 2, "17179869184",
		   "bytes of one file"),
	NUMBER_ROW("upload-keep", upload_keep, 1, 87600, "72",
		   "hours that an incomplete upload may rest"),
	NUMBER_ROW("uploads-total", uploads_total, 0, UINT64_MAX >> 2, "274877906944",
		   "bytes of all files that are kept or announced; 0: no limit"),
	NUMBER_ROW("artifacts-keep", artifacts_keep, 0, 36500, "0",
		   "days that files are kept after the last deadline of their requests; 0: for "
		   "ever"),
	NUMBER_ROW("threads", threads, 1, 64, "4", "HTTP threads"),
	NUMBER_ROW("tasks", tasks, 1, 512, "32", "threads that wait for the keeper"),
	NUMBER_ROW("workers", workers, 1, 64, "2", "files inspected or finished at a time"),
	NUMBER_ROW("connections", connections, 4, 65536, "4096", "connections in all"),
	NUMBER_ROW("connections-address", connections_address, 0, 65536, "1024",
		   "connections from one address; 0: no limit of its own"),
};
#define ROWS (sizeof(table) / sizeof(table[0]))

rc conf_set(struct conf *c, const char *name, struct view value, struct fault *f)
{
	for (size_t i = 0; i < ROWS; i++) {
		char *at = (char *)c + table[i].offset;
		uint64_t n;

		if (strcmp(table[i].name, name) != 0)
			continue;
		if (table[i].type == TEXT) {
			if (value.len >= table[i].size)
				return fault_set(f, RC_LIMIT, 0, "%s is too long", name);
			memcpy(at, value.ptr, value.len);
			at[value.len] = '\0';
			return OK;
		}
		if (!rc_is_ok(
			    num_parse_u64((const char *)value.ptr, value.len, table[i].max, &n)) ||
		    n < table[i].min)
			return fault_set(f, RC_RANGE, 0, "%s must be a number from %llu to %llu",
					 name, (unsigned long long)table[i].min,
					 (unsigned long long)table[i].max);
		memcpy(at, &n, sizeof(n));
		return OK;
	}
	return fault_set(f, RC_UNKNOWN, 0, "%s: no such setting; see greatseald(8)", name);
}

void conf_defaults(struct conf *c)
{
	*c = (struct conf){0};
	for (size_t i = 0; i < ROWS; i++)
		rc_ignore(conf_set(c, table[i].name, view_str(table[i].fallback), NULL),
			  "the table's own values fit");
}

static struct view trim(struct view v)
{
	while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t'))
		rc_ignore(view_skip(&v, 1), "there is one");
	while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t'))
		v.len--;
	return v;
}

static rc load_line(struct conf *c, struct view line, struct fault *f)
{
	struct view name;
	char text[64];

	line = trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return OK;
	if (!rc_is_ok(view_until(&line, '=', &name)))
		return fault_set(f, RC_SYNTAX, 0, "a line is NAME = VALUE");
	name = trim(name);
	if (name.len >= sizeof(text))
		return fault_set(f, RC_UNKNOWN, 0, "no such setting");
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	return conf_set(c, text, trim(line), f);
}

rc conf_load(struct conf *c, const char *path, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	struct view rest;
	struct view line;
	unsigned number = 0;

	buf_init(&text, CONF_BYTES);
	TRY(file_read(path, &text, f));
	buf_put_u8(&text, '\n');
	TRY(buf_done(&text));
	rest = buf_view(&text);
	while (rc_is_ok(view_until(&rest, '\n', &line))) {
		rc r;

		number++;
		r = load_line(c, line, f);
		if (!rc_is_ok(r))
			return fault_wrap(f, r, "%s:%u", path, number);
	}
	return OK;
}

/* "keeper", "FILE", or both with a comma between them. */
static rc split_client_ca(struct conf *c, struct fault *f)
{
	static const char word[] = "keeper";
	const size_t n = sizeof(word) - 1;
	const char *file = c->client_ca;

	c->client_hosts = strncmp(c->client_ca, word, n) == 0 &&
			  (c->client_ca[n] == '\0' || c->client_ca[n] == ',');
	if (c->client_hosts)
		file += n;
	if (file[0] == ',' && *++file == '\0')
		return fault_set(f, RC_USAGE, 0, "client-ca: no file behind the comma");
	memmove(c->client_file, file, strlen(file) + 1);
	return OK;
}

rc conf_check(struct conf *c, struct fault *f)
{
	const char *const needed[][2] = {{"data", c->data},
					 {"keeper-socket", c->keeper_socket},
					 {"public-log", c->public_log},
					 {"worker", c->worker}};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i][1][0] != '/')
			return fault_set(f, RC_USAGE, 0, "%s must be an absolute path",
					 needed[i][0]);
	return split_client_ca(c, f);
}

void conf_print(void)
{
	for (size_t i = 0; i < ROWS; i++)
		(void)printf("  --%-16s %s%s%s%s\n", table[i].name, table[i].help,
			     table[i].fallback[0] ? " (default " : "", table[i].fallback,
			     table[i].fallback[0] ? ")" : "");
}
