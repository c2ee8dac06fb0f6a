/* greatseal-guard - only approved programs run. See greatseal-guard(8) and docs/guard.md.
 *
 * Owns: the verbs. What a running guard does is in supervisor.c and decide.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "prog/guard/certificates.h"
#include "prog/guard/cover.h"
#include "prog/guard/setup.h"
#include "prog/guard/supervisor.h"
#include "prog/guard/tidy.h"
#include "prog/guard/upgrade.h"

static int usage(FILE *out, int status)
{
	(void)fprintf(
		out,
		"usage: greatseal-guard VERB [WORD]... [--config FILE] [--NAME VALUE]...\n\n"
		"  run      guard, until SIGTERM\n"
		"  check    would this machine go on if its list were enforced\n"
		"  enforce  the same, and then enforce\n"
		"  observe  report, and let everything run\n"
		"  reload   look at the list again\n"
		"  fetch    ask the server for a newer list now\n"
		"  certificates  fetch those whose signatures are looked for; a timer does\n"
		"  break-glass  observe for as long as this signed token says: FILE\n"
		"  gate     may these packages be installed: FILE..., apt, rpm or dpkg FILE\n"
		"  take     take these package records: FILE.record...\n"
		"  setup    put the gate in front of apt, dpkg and rpm; --remove: take it away\n"
		"  tidy     withdraw the records of packages that are gone\n"
		"  release  takes level kernel out of the kernel; while no guard runs\n"
		"  upgrade  this program takes over from the guard that runs, with these settings\n"
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
	return control_agreed(buf_cstr(&answer), f);
}

/* What each level leaves open, in short. */
static const char *const holes[] = {
	[LEVEL_BASE] = ("{\"level\":\"base\",\"holes\":[\"libraries\",\"scripts named to an "
			"interpreter\",\"memory\",\"other processes' memory\"],"
			"\"see\":\"docs/guard.md\"}"),
	[LEVEL_STRICT] = ("{\"level\":\"strict\",\"holes\":[\"files mapped by a program's own "
			  "code\",\"scripts through a pipe\",\"memory\",\"other processes' "
			  "memory\"],\"see\":\"docs/guard.md\"}"),
	[LEVEL_KERNEL] = ("{\"level\":\"kernel\",\"holes\":[\"scripts through a pipe\",\"memory "
			  "without a file\"],\"see\":\"docs/guard.md\"}"),
};
_Static_assert(sizeof(holes) / sizeof(holes[0]) == LEVEL__COUNT, "each level has its holes");

static const char *const rpm_doors[] = {
	[RPM_DOOR_NONE] = "null", [RPM_DOOR_OPEN] = "false", [RPM_DOOR_GUARDED] = "true"};

/* The guard's own line, and one of the machine's settings for each hole. */
static rc status(const struct conf *c, struct fault *f)
{
	AUTO(buf) struct buf answer = {0};
	struct companion companion[COMPANIONS];
	struct setup_state doors;
	enum guard_level level = LEVEL_BASE;
	char member[40];

	buf_init(&answer, REPLY_MAX);
	TRY(control_ask(c->socket, "status", &answer, f));
	cover_companions(companion);
	(void)printf("%s", buf_cstr(&answer));
	for (size_t i = 0; i < COMPANIONS; i++)
		(void)printf(
			"{\"companion\":\"%s\",\"value\":\"%s\",\"good\":%s,\"hole\":\"%s\"}\n",
			companion[i].name, companion[i].value, companion[i].good ? "true" : "false",
			companion[i].good ? "" : companion[i].hole);
	setup_state(&doors);
	(void)printf("{\"gate\":{\"apt\":%s,\"dpkg\":%s,\"rpm\":%s}}\n",
		     doors.apt ? "true" : "false", doors.dpkg ? "true" : "false",
		     rpm_doors[doors.rpm]);
	for (unsigned i = LEVEL_BASE; i < LEVEL__COUNT; i++) {
		(void)snprintf(member, sizeof(member), "\"level\":\"%s\"", level_name(i));
		if (strstr(buf_cstr(&answer), member) != NULL)
			level = (enum guard_level)i;
	}
	(void)printf("%s\n", holes[level]);
	return OK;
}

/* ---- Check ----------------------------------------------------------------------------------*/

/* List and records as they would be in force after a start. */
static rc load_approved(const struct conf *c, struct approved *ret, struct load_result *loaded,
			struct fault *f)
{
	AUTO(fd) int list = memfd_create("greatseal-list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	AUTO(fd) int records = memfd_create("greatseal-records", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (list < 0 || records < 0)
		return fault_set(f, RC_NOMEM, 0, "no memory file");
	load_list(c, &(struct load_from){.source = LOAD_KEPT}, list, clock_now(&clock_system),
		  loaded);
	if (loaded->code != RC_OK)
		return fault_set(f, loaded->code, 0, "%s", loaded->text);
	records_load(c, NULL, records, &loaded->records);
	if (loaded->records.code != RC_OK)
		return fault_set(f, loaded->records.code, 0, "%s", loaded->records.text);
	approved_take(ret, list, records);
	return ret->has_list ? OK : fault_set(f, RC_NOMEM, 0, "no memory for the list");
}

/* Of the last list that was taken, and the package records. *ret_serial is the list's number. */
static rc check(const struct conf *c, uint64_t *ret_serial, struct fault *f)
{
	struct approved approved = {0};
	struct setup_state doors;
	struct load_result loaded;
	struct cover cover;
	rc r;

	TRY(load_approved(c, &approved, &loaded, f));
	setup_state(&doors);
	if (doors.rpm == RPM_DOOR_OPEN)
		(void)printf("rpm is here and installs without asking: greatseal-guard setup\n");
	r = cover_check(c, &approved, &cover, f);
	approved_release(&approved);
	TRY(r);
	(void)printf("list %s %llu, %llu package records: %llu approved, %llu not, %llu on file "
		     "systems that are not guarded\n",
		     loaded.name.s, (unsigned long long)loaded.serial,
		     (unsigned long long)loaded.records.packages, (unsigned long long)cover.covered,
		     (unsigned long long)cover.missing, (unsigned long long)cover.outside);
	if (cover.missing > 0)
		return fault_set(f, RC_DENIED, 0,
				 "%llu contents that this machine needs are not approved",
				 (unsigned long long)cover.missing);
	*ret_serial = loaded.serial;
	return OK;
}

static rc check_and_say(const struct conf *c, bool enforce, struct fault *f)
{
	uint64_t serial = 0;
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

/* Asks for a newer list at once; says what there is. */
static rc verb_fetch(const struct conf *c, struct fault *f)
{
	AUTO(buf) struct buf answer = {0};

	buf_init(&answer, REPLY_MAX);
	TRY(control_ask(c->socket, "fetch", &answer, f));
	TRY(control_agreed(buf_cstr(&answer), f));
	(void)printf("%s\n", strstr(buf_cstr(&answer), "\"current\":true") != NULL
				     ? "the list in force is the newest"
				     : "a newer list is in force");
	return OK;
}

static rc verb_release(const struct conf *c, struct fault *f)
{
	AUTO(buf) struct buf answer = {0};

	buf_init(&answer, REPLY_MAX);
	if (control_ask(c->socket, "status", &answer, NULL).code != RC_NOTFOUND)
		return fault_set(f, RC_STATE, 0,
				 "stop the guard first: it would go on as if "
				 "nothing had happened");
	return kernel_release(f);
}

static const struct {
	const char *name;
	rc (*run)(const struct conf *c, struct fault *f);
	rc (*run_words)(const struct conf *c, const struct words *w, struct fault *f);
} verbs[] = {
	{"run", verb_run, NULL},	 {"check", verb_check, NULL},
	{"enforce", verb_enforce, NULL}, {"observe", verb_observe, NULL},
	{"reload", verb_reload, NULL},	 {"fetch", verb_fetch, NULL},
	{"status", status, NULL},	 {"gate", NULL, verb_gate},
	{"take", NULL, verb_take},	 {GATE_SLOT, NULL, verb_slot},
	{"setup", NULL, verb_setup},	 {"tidy", NULL, verb_tidy},
	{"release", verb_release, NULL}, {"break-glass", NULL, verb_break_glass},
	{"upgrade", verb_upgrade, NULL}, {"certificates", verb_certificates, NULL},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* ---- The command line -----------------------------------------------------------------------*/

/* Words before settings, in place. */
static struct words take_words(int argc, char **argv)
{
	struct words w = {.at = argv};

	for (int i = 0; i < argc; i++) {
		char *word = argv[i];

		if (strncmp(word, "--", 2) == 0 && strcmp(word, "--remove") != 0) {
			i++; /* and its value */
			continue;
		}
		memmove(&argv[w.count + 1], &argv[w.count], (size_t)(i - w.count) * sizeof(*argv));
		argv[w.count++] = word;
	}
	return w;
}

/* Verbs that package managers call take the unit's file if nothing is set. */
static rc read_args(int argc, char **argv, bool own_file, struct conf *c, struct fault *f)
{
	if (own_file && argc == 0)
		return settings_load(&conf_settings, c, CONF_FILE, f);
	return settings_args(&conf_settings, c, argc, argv, f);
}

/* The verb that argv begins with; as the program that dpkg asks about an archive, always that one.
 * Arguments from *ret_first on are its own. */
static size_t find_verb(int argc, char **argv, int *ret_first)
{
	const char *slash = strrchr(argv[0], '/');
	bool slot = strcmp(slash == NULL ? argv[0] : slash + 1, GATE_SLOT) == 0;
	const char *name = slot ? GATE_SLOT : argc >= 2 ? argv[1] : "";
	size_t verb = 0;

	while (verb < VERBS && strcmp(name, verbs[verb].name) != 0)
		verb++;
	*ret_first = slot ? 1 : 2;
	return verb;
}

static rc run_verb(size_t verb, int argc, char **argv, struct fault *f)
{
	bool wordy = verbs[verb].run == NULL;
	struct words words = {.at = argv};
	static struct conf conf;

	if (wordy)
		words = take_words(argc, argv);
	settings_defaults(&conf_settings, &conf);
	/* Settings that are wrong are no refusal, but as little a yes. */
	if (!rc_is_ok(read_args(argc - words.count, argv + words.count, wordy, &conf, f)))
		return RC(RC_USAGE);
	return wordy ? verbs[verb].run_words(&conf, &words, f) : verbs[verb].run(&conf, f);
}

int main(int argc, char **argv)
{
	struct fault f = {0};
	size_t verb;
	int first;
	rc r;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("greatseal-guard %s\n", GS_VERSION) > 0 ? 0 : 1;
	verb = argc > 0 ? find_verb(argc, argv, &first) : VERBS;
	if (verb == VERBS)
		return usage(stderr, 2);
	log_setup("greatseal-guard", LOG_LEVEL_INFO, getenv("JOURNAL_STREAM") != NULL);
	(void)umask(0077);
	(void)signal(SIGPIPE, SIG_IGN);
	/* What libcrypto is told to load is not for a program that must not wait for a file. */
	if (setenv("OPENSSL_CONF", "/dev/null", 1) != 0 || setenv("TZ", "UTC0", 1) != 0)
		return 1;
	tzset(); /* or the first time that is written opens /etc/localtime */
	r = run_verb(verb, argc - first, argv + first, &f);
	if (rc_is_ok(r))
		return 0;
	log_err("%s: %s", rc_name(r), f.text);
	return r.code == RC_USAGE ? 2 : 1;
}
