/* greatseal-jwksd - fetches the key sets of OIDC issuers and hands them to the keeper. See
 * greatseal-jwksd(8).
 *
 * Owns: when, and what is said about it. It holds nothing that outlives it: no state, no key. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "lib/net/https_client.h"
#include "prog/jwksd/confine.h"
#include "prog/jwksd/fetch.h"
#include "prog/jwksd/hand.h"

#define RETRY_SECONDS 30 /* after a failure, or the interval if that is shorter */

/* What was last said of an issuer, so that a failure that lasts is said once. */
struct said {
	enum rc_code code;
	bool any;
};

static rc one(const struct conf *c, const struct issuer *from, bool *ret_changed, struct fault *f)
{
	AUTO(buf) struct buf set = {0};

	buf_init(&set, ANSWER_MAX);
	TRY(fetch_set(c, from, &set, f));
	return hand_over(c->keeper_socket, view_str(from->url), buf_view(&set), ret_changed, f);
}

/* True if every issuer's keys have arrived. */
static bool pass(const struct conf *c, struct said said[CONF_ISSUERS_MAX])
{
	bool good = true;

	for (size_t i = 0; i < c->issuer_count; i++) {
		const struct issuer *from = &c->issuers[i];
		struct fault f = {0};
		bool changed = false;
		rc r = one(c, from, &changed, &f);
		bool news = !said[i].any || said[i].code != r.code;

		if (!rc_is_ok(r)) {
			good = false;
			if (news)
				log_warn("%s: %s: %s", from->url, rc_name(r), f.text);
		} else if (changed || news) {
			log_info("%s: the keeper %s", from->url,
				 changed ? "has new keys" : "has its keys");
		}
		said[i] = (struct said){.code = r.code, .any = true};
	}
	return good;
}

static rc lock_in(const struct conf *c, struct fault *f)
{
	int abi = 0;

	TRY(https_setup());
	TRY(confine_paths(c, &abi, f));
	if (abi == 0)
		log_warn("this kernel has no Landlock: going on without");
	return confine_calls(f);
}

static rc run(const struct conf *c, bool once, struct fault *f)
{
	static struct said said[CONF_ISSUERS_MAX];

	TRY(lock_in(c, f));
	for (;;) {
		struct timespec pause = {.tv_sec = (time_t)c->interval};
		bool good = pass(c, said);

		if (once)
			return good ? OK
				    : fault_set(f, RC_IO, 0, "not every issuer's keys arrived");
		if (!good && pause.tv_sec > RETRY_SECONDS)
			pause.tv_sec = RETRY_SECONDS;
		(void)nanosleep(&pause, NULL);
	}
}

static int usage(FILE *out, int status)
{
	(void)fprintf(out, "usage: greatseal-jwksd run | once | check [--config FILE] "
			   "[--NAME VALUE]...\n\n"
			   "  run    fetch the issuers' keys again and again\n"
			   "  once   fetch them once; exit 1 unless all have arrived\n"
			   "  check  look at the settings only\n\nsettings:\n");
	settings_print(&conf_settings, out);
	return status;
}

int main(int argc, char **argv)
{
	static struct conf conf;
	struct fault f = {0};
	rc r;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("greatseal-jwksd %s\n", GS_VERSION) > 0 ? 0 : 1;
	if (argc < 2 || (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "once") != 0 &&
			 strcmp(argv[1], "check") != 0))
		return usage(stderr, 2);
	log_setup("greatseal-jwksd", LOG_LEVEL_INFO, getenv("JOURNAL_STREAM") != NULL);
	(void)umask(0077);
	(void)signal(SIGPIPE, SIG_IGN);
	settings_defaults(&conf_settings, &conf);
	r = settings_args(&conf_settings, &conf, argc - 2, argv + 2, &f);
	if (rc_is_ok(r))
		r = conf_check(&conf, &f);
	if (!rc_is_ok(r)) {
		log_err("%s", f.text);
		return 2;
	}
	if (strcmp(argv[1], "check") == 0)
		return printf("the settings are good\n") > 0 ? 0 : 1;
	r = sandbox_harden(&f);
	if (rc_is_ok(r))
		r = run(&conf, strcmp(argv[1], "once") == 0, &f);
	if (rc_is_ok(r))
		return 0;
	log_err("%s: %s", rc_name(r), f.text);
	return 1;
}
