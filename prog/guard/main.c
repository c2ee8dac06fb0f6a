/* greatseal-guard - only approved programs run. See greatseal-guard(8) and docs/guard.md.
 *
 * Owns: the verbs. What a running guard does is in supervisor.c and decide.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "prog/guard/cover.h"
#include "prog/guard/supervisor.h"

static int usage(FILE *out, int status)
{
	(void)fprintf(
		out, "usage: greatseal-guard VERB [--config FILE] [--NAME VALUE]...\n\n"
		     "  run      guard, until SIGTERM\n"
		     "  check    would this machine go on if its list were enforced\n"
		     "  enforce  the same, and then enforce\n"
		     "  observe  report, and let everything run\n"
		     "  reload   look at the list again\n"
		     "  status   level, mode, list, counts, and which holes remain\n\nsettings:\n");
	settings_print(&conf_settings, out);
	return status;
}

/* ---- Talking to the running guard -----------------------------------------------------------*/

static rc ask(const struct conf *c, const char *line, struct fault *f)
{
	AUTO(buf) struct buf answer = {0};

	buf_init(&answer, REPLY_MAX);
	TRY(control_ask(c->socket, line, &answer, f));
	if (strncmp(buf_cstr(&answer), "{\"ok\":true", 10) == 0)
		return OK;
	return fault_set(f, RC_DENIED, 0, "%.150s", buf_cstr(&answer));
}

/* The guard's own line, and one of the machine's settings for each hole. */
static rc status(const struct conf *c, struct fault *f)
{
	AUTO(buf) struct buf answer = {0};
	struct companion companion[COMPANIONS];

	buf_init(&answer, REPLY_MAX);
	TRY(control_ask(c->socket, "status", &answer, f));
	cover_companions(companion);
	(void)printf("%s", buf_cstr(&answer));
	for (size_t i = 0; i < COMPANIONS; i++)
		(void)printf(
			"{\"companion\":\"%s\",\"value\":\"%s\",\"good\":%s,\"hole\":\"%s\"}\n",
			companion[i].name, companion[i].value, companion[i].good ? "true" : "false",
			companion[i].good ? "" : companion[i].hole);
	(void)printf(
		"{\"level\":\"base\",\"holes\":[\"libraries\",\"scripts named to an interpreter\","
		"\"memory\",\"other processes' memory\"],\"see\":\"docs/guard.md\"}\n");
	return OK;
}

/* ---- Check ----------------------------------------------------------------------------------*/

/* Of the last list that was taken. *ret_serial is its number. */
static rc check(const struct conf *c, uint64_t *ret_serial, struct fault *f)
{
	AUTO(fd) int memory = memfd_create("greatseal-list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct load_result loaded;
	struct cover cover;
	struct list list;
	void *map;

	if (memory < 0)
		return fault_set(f, RC_NOMEM, 0, "no memory file");
	load_list(c, true, memory, clock_now(&clock_system), &loaded);
	if (loaded.code != RC_OK)
		return fault_set(f, loaded.code, 0, "%s", loaded.text);
	map = mmap(NULL, (size_t)loaded.len, PROT_READ, MAP_SHARED, memory, 0);
	if (map == MAP_FAILED)
		return fault_set(f, RC_NOMEM, 0, "no memory for the list");
	TRY(list_open(view_of(map, (size_t)loaded.len), &list, f));
	TRY(cover_check(c, &list, &cover, f));
	(void)printf("list %s %llu: %llu approved, %llu not, %llu on file systems that are not "
		     "guarded\n",
		     loaded.name.s, (unsigned long long)loaded.serial,
		     (unsigned long long)cover.covered, (unsigned long long)cover.missing,
		     (unsigned long long)cover.outside);
	if (cover.missing > 0)
		return fault_set(f, RC_DENIED, 0,
				 "%llu contents that this machine needs are not in the list",
				 (unsigned long long)cover.missing);
	*ret_serial = loaded.serial;
	return OK;
}

static rc check_and_say(const struct conf *c, bool enforce, struct fault *f)
{
	uint64_t serial;
	char line[COMMAND_MAX];
	rc r;

	TRY(check(c, &serial, f));
	(void)snprintf(line, sizeof(line), "checked %llu", (unsigned long long)serial);
	r = ask(c, line, f);
	if (!enforce)
		return r.code == RC_NOTFOUND ? OK : r;
	TRY(r);
	(void)snprintf(line, sizeof(line), "enforce %llu", (unsigned long long)serial);
	return ask(c, line, f);
}

/* ---- Verbs ----------------------------------------------------------------------------------*/

static rc verb_run(const struct conf *c, struct fault *f)
{
	TRY(conf_check(c, f));
	TRY(sandbox_harden(f));
	return supervisor_run(c, f);
}

static rc verb_check(const struct conf *c, struct fault *f)
{
	TRY(conf_check(c, f));
	return check_and_say(c, false, f);
}

static rc verb_enforce(const struct conf *c, struct fault *f)
{
	TRY(conf_check(c, f));
	return check_and_say(c, true, f);
}

static rc verb_observe(const struct conf *c, struct fault *f)
{
	return ask(c, "observe", f);
}

static rc verb_reload(const struct conf *c, struct fault *f)
{
	return ask(c, "reload", f);
}

static const struct {
	const char *name;
	rc (*run)(const struct conf *c, struct fault *f);
} verbs[] = {
	{"run", verb_run},	   {"check", verb_check},   {"enforce", verb_enforce},
	{"observe", verb_observe}, {"reload", verb_reload}, {"status", status},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

int main(int argc, char **argv)
{
	static struct conf conf;
	struct fault f = {0};
	size_t verb = 0;
	rc r;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("greatseal-guard %s\n", GS_VERSION) > 0 ? 0 : 1;
	while (argc >= 2 && verb < VERBS && strcmp(argv[1], verbs[verb].name) != 0)
		verb++;
	if (argc < 2 || verb == VERBS)
		return usage(stderr, 2);
	log_setup("greatseal-guard", LOG_LEVEL_INFO, getenv("JOURNAL_STREAM") != NULL);
	(void)umask(0077);
	(void)signal(SIGPIPE, SIG_IGN);
	/* What libcrypto is told to load is not for a program that must not wait for a file. */
	if (setenv("OPENSSL_CONF", "/dev/null", 1) != 0)
		return 1;
	settings_defaults(&conf_settings, &conf);
	r = settings_args(&conf_settings, &conf, argc - 2, argv + 2, &f);
	if (!rc_is_ok(r)) {
		log_err("%s", f.text);
		return 2;
	}
	r = verbs[verb].run(&conf, &f);
	if (rc_is_ok(r))
		return 0;
	log_err("%s: %s", rc_name(r), f.text);
	return r.code == RC_USAGE ? 2 : 1;
}
