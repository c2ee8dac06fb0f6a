/* cli - what all commands share: configuration, the connection, output, and the problem to report.
 *
 * Owns: the lifetime of all of these. Data goes to stdout, talk to stderr; with --json, stdout
 * holds one JSON value and nothing else. */
#ifndef GS_CLI_CLI_H
#define GS_CLI_CLI_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"
#include "lib/net/sshsigner.h"
#include "lib/tlog/note.h"
#include "prog/cli/args.h"
#include "prog/cli/command.h"

/* Why a command did not do what was asked: shown to people, and as JSON. */
struct problem {
	char code[64]; /* reason id of the server ("approve.quorum") or name of the rc */
	char text[512];
	char remedy[256];
};

/* client.json: who I am, where the server is, how it proves itself. */
struct config {
	char path[PATH_MAX];
	char server[512];
	char pin[80];	 /* "sha256:<hex>" */
	char agent[108]; /* socket of greatseal-agent; empty: the server is called directly */
	char client_cert[PATH_MAX];
	char client_key[PATH_MAX];
	struct name person;
	char key[PATH_MAX];
	struct name host; /* empty s: none */
	char host_key[PATH_MAX];
	char svid_dir[PATH_MAX];   /* of a host with a SPIFFE ID, instead of host_key */
	char oidc[16];		   /* "github": asks by tokens that its runner gives; see job.h */
	char oidc_ca[PATH_MAX];	   /* PEM roots for the token service; empty: the system's */
	char token_file[PATH_MAX]; /* or by one that the job has in a file */
	char origin[ORIGIN_MAX + 1];
	char vkey[512];
};

struct api;
struct job;
struct https_progress;

struct cli {
	const struct args *args;
	bool json;
	bool quiet;
	bool colour;
	struct config config;
	bool config_loaded;
	struct api *api;
	struct job *job;		    /* its tokens, once they are wanted */
	const struct https_progress *watch; /* looks on during calls, or NULL; see wait.h */
	uint64_t log_still; /* size at which the log was waited for in vain; see logview.c */
	struct sshsigner *person_key;
	struct sshsigner *host_key;
	struct problem problem;
	enum exit_code exit; /* what RC_OK of the command means; EXIT_DONE unless set */
};

/* The configuration, read once. RC_NOTFOUND with "greatseal init-client" as remedy. */
MUST rc cli_config(struct cli *c);
/* The connection to the configured server; made once. */
MUST rc cli_api(struct cli *c, struct api **ret);
/* The person's key and the host's; opened once. */
MUST rc cli_person_key(struct cli *c, struct sshsigner **ret);
/* Appends the host's proof over a statement, by its key, its SVID or the agent. */
MUST rc cli_host_sign(struct cli *c, enum statement_kind kind, struct view statement,
		      struct buf *out);
MUST rc cli_host_key(struct cli *c, struct sshsigner **ret);
void cli_release(struct cli *c);

/* Signs with it. A key that is refused, by its agent, its device or a wrong passphrase, is this
 * machine's error and no denial: never RC_DENIED. */
MUST rc cli_sign(struct cli *c, struct sshsigner *key, const char *ns, struct view message,
		 struct buf *out);

/* Opens a signer for a key path with the user's agent and environment. */
MUST rc cli_open_key(const char *path, struct sshsigner **ret, struct fault *f);

/* Fills c->problem and returns RC(code). What the text is made of may come from anybody. */
rc cli_problem(struct cli *c, enum rc_code code, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* For a file that the system does not give: RC_NOTFOUND if it is not there, else RC_IO. Its name is
 * shown as it is written, control characters escaped, which a fault cannot. */
rc cli_no_file(struct cli *c, const char *path, int e);
/* Turns a fault into the problem; returns r. */
rc cli_fault(struct cli *c, rc r, const struct fault *f);
#define CLI_TRY(c, f, expr)                                                                        \
	do {                                                                                       \
		rc rc_cli_ = (expr);                                                               \
		if (rc_cli_.code != RC_OK)                                                         \
			return cli_fault((c), rc_cli_, (f));                                       \
	} while (0)

/* Prints a JSON value to stdout with --json (and returns true), else returns false. */
bool cli_print_json(const struct cli *c, const json_t *value);
/* Talk on stderr, unless --quiet. */
void cli_say(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Escape sequences if stdout is a terminal that wants colour, else "". */
const char *cli_bold(const struct cli *c);
const char *cli_red(const struct cli *c);
const char *cli_green(const struct cli *c);
const char *cli_yellow(const struct cli *c);
const char *cli_plain(const struct cli *c);

static inline void json_autorelease(json_t **j)
{
	json_decref(*j);
}

/* String member, "" if it is missing or no string; integer member, 0 likewise. */
const char *json_text(const json_t *object, const char *name);
json_int_t json_number(const json_t *object, const char *name);

#endif
