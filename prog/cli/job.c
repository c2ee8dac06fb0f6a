#include "prog/cli/job.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/crypt/jwt.h"
#include "lib/model/token.h"
#include "lib/net/https_client.h"
#include "prog/cli/config.h"

/* What a runner of GitHub Actions has in the environment of a job that may ask for tokens. */
#define GITHUB "github"
#define GITHUB_URL "ACTIONS_ID_TOKEN_REQUEST_URL"
#define GITHUB_BEARER "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
#define GITHUB_REMEDY "permissions: {id-token: write}, in the workflow; see examples/ci"
#define ANSWER_MAX 65536u
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

struct job {
	struct secret token; /* for calls; empty at first */
	unix_time expires;
	struct https_client *client; /* to the token service */
	const char *target;	     /* of its address; in the environment */
};

void job_free(struct job *j)
{
	if (j == NULL)
		return;
	secret_release(&j->token);
	https_client_free(j->client);
	free(j);
}

bool job_asks(const struct cli *c)
{
	return c->config.oidc[0] != '\0' || c->config.token_file[0] != '\0';
}

static rc make_job(struct cli *c)
{
	if (c->job == NULL)
		c->job = calloc(1, sizeof(*c->job));
	return c->job != NULL ? OK : cli_problem(c, RC_NOMEM, "", "no memory");
}

static rc take(struct cli *c, const struct args *a, const char *option, char *out, size_t cap)
{
	const char *value = args_value(a, option);

	if (value == NULL)
		return OK;
	if (value[0] == '\0' || strlen(value) >= cap)
		return cli_problem(c, RC_USAGE, "", "--%s is empty or too long", option);
	memcpy(out, value, strlen(value) + 1);
	return OK;
}

rc job_options(struct cli *c, const struct args *a, struct config *config)
{
	bool github = args_has(a, "oidc");
	bool file = args_has(a, "token-file");

	if (github && file)
		return cli_problem(c, RC_USAGE, "", "either --oidc or --token-file");
	if (github)
		config->token_file[0] = '\0';
	if (file)
		config->oidc[0] = '\0';
	TRY(take(c, a, "oidc", config->oidc, sizeof(config->oidc)));
	TRY(take(c, a, "token-file", config->token_file, sizeof(config->token_file)));
	TRY(take(c, a, "oidc-ca", config->oidc_ca, sizeof(config->oidc_ca)));
	TRY(take(c, a, "service", config->person.s, sizeof(config->person.s)));
	if (config->oidc[0] != '\0' && strcmp(config->oidc, GITHUB) != 0)
		return cli_problem(c, RC_USAGE,
				   "let the CI system write its token to a file: --token-file FILE",
				   "--oidc %s: there is " GITHUB, config->oidc);
	return OK;
}

/* ---- Files -----------------------------------------------------------------------------------*/

/* The bytes of the file without white space at its end. */
static rc read_file(struct cli *c, struct secret *mem, struct view *ret)
{
	const char *path = c->config.token_file;
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct fault f = {0};
	uint64_t size;

	if (fd < 0)
		return cli_problem(c, RC_USAGE, "the job writes its token there before it asks",
				   "--token-file %s: it cannot be opened", path);
	CLI_TRY(c, &f, fd_size(fd, &size, &f));
	if (size == 0 || size > JWT_BYTES_MAX + 2)
		return cli_problem(c, RC_USAGE, "", "--token-file %s: %s", path,
				   size == 0 ? "it is empty" : "it is too long for a token");
	CLI_TRY(c, &f, secret_new(mem, (size_t)size));
	CLI_TRY(c, &f, fd_read_full(fd, mem->ptr, (size_t)size, &f));
	while (size > 0 && strchr("\r\n\t ", mem->ptr[size - 1]) != NULL)
		size--;
	*ret = view_of(mem->ptr, (size_t)size);
	return OK;
}

/* ---- GitHub ----------------------------------------------------------------------------------*/

/* Opens nothing yet. The address is the runner's, and its host gets the runner's own token: only
 * over TLS. */
static rc find_service(struct cli *c, struct job *j)
{
	const char *url = getenv(GITHUB_URL);
	const char *ca = c->config.oidc_ca[0] != '\0' ? c->config.oidc_ca : NULL;
	struct https_client_spec spec = {.ca_file = ca};
	char base[HTTPS_URL_MAX];
	struct fault f = {0};
	size_t n;
	rc r;

	if (j->client != NULL)
		return OK;
	if (url == NULL || getenv(GITHUB_BEARER) == NULL)
		return cli_problem(c, RC_USAGE, GITHUB_REMEDY,
				   "--oidc github: this is no job of GitHub Actions that may ask "
				   "for tokens: %s or %s is not set",
				   GITHUB_URL, GITHUB_BEARER);
	n = strncmp(url, "https://", 8) == 0 ? 8 + strcspn(url + 8, "/?#") : 0;
	if (n <= 8 || url[n] != '/' || n >= sizeof(base) || strlen(url) >= HTTPS_URL_MAX / 2 ||
	    strchr(url, '#') != NULL)
		return cli_problem(c, RC_USAGE, "", "%s: not an https:// address", GITHUB_URL);
	memcpy(base, url, n);
	base[n] = '\0';
	spec.base_url = base;
	r = https_setup();
	if (rc_is_ok(r))
		r = https_client_new(&spec, &j->client, &f);
	if (!rc_is_ok(r))
		return cli_problem(c, r.code, "", "%s: %s", GITHUB_URL, f.text);
	j->target = url + n;
	return OK;
}

/* The service's address with the audience as its last parameter (RFC 3986 2.3). */
static rc make_target(struct cli *c, const struct job *j, const char *audience, struct buf *out)
{
	buf_printf(out, "%s%caudience=", j->target, strchr(j->target, '?') == NULL ? '?' : '&');
	for (const char *p = audience; *p != '\0'; p++)
		if (strspn(p, UNRESERVED) > 0)
			buf_put_u8(out, (uint8_t)*p);
		else
			buf_printf(out, "%%%02X", (unsigned char)*p);
	(void)buf_cstr(out);
	return rc_is_ok(buf_done(out)) ? OK
				       : cli_problem(c, RC_USAGE, "", "%s is too long", GITHUB_URL);
}

/* {"value":TOKEN} to the token; what jansson held of it is wiped. */
static rc read_value(struct cli *c, struct view body, struct secret *ret)
{
	AUTO(json)
	json_t *answer = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *value = json_object_get(answer, "value");
	size_t len = json_string_length(value);
	rc r;

	if (len == 0 || len > JWT_BYTES_MAX)
		return cli_problem(c, RC_PEER, "", "GitHub's token service answers no token");
	r = secret_new(ret, len);
	if (rc_is_ok(r))
		memcpy(ret->ptr, json_string_value(value), len);
	secret_wipe((char *)json_string_value(value), len);
	return rc_is_ok(r) ? OK : cli_problem(c, r.code, "", "no memory");
}

static rc service_says(struct cli *c, const struct https_answer *answer, struct secret *ret)
{
	if (answer->status == 200)
		return read_value(c, buf_view(&answer->body), ret);
	return cli_problem(c, answer->status >= 500 || answer->status == 429 ? RC_BUSY : RC_USAGE,
			   GITHUB_REMEDY, "GitHub's token service answers %u", answer->status);
}

static rc ask_github(struct cli *c, struct job *j, const char *audience, struct secret *ret)
{
	AUTO(https_answer) struct https_answer answer = {0};
	AUTO(secret) struct secret mem = {0};
	AUTO(buf) struct buf target = {0};
	struct https_request q = {.method = "GET", .answer_max = ANSWER_MAX, .progress = c->watch};
	struct buf header;
	struct fault f = {0};
	rc r;

	TRY(find_service(c, j));
	buf_init(&target, HTTPS_URL_MAX / 2 + TOKEN_AUDIENCE_MAX * 3);
	TRY(make_target(c, j, audience, &target));
	CLI_TRY(c, &f, secret_new(&mem, HTTPS_HEADER_MAX));
	buf_init_fixed(&header, mem.ptr, mem.len);
	buf_printf(&header, "Authorization: Bearer %s", getenv(GITHUB_BEARER));
	q.headers[0] = buf_cstr(&header);
	q.headers[1] = "Accept: application/json";
	q.target = buf_cstr(&target);
	if (!rc_is_ok(buf_done(&header)))
		return cli_problem(c, RC_USAGE, "", "%s is too long", GITHUB_BEARER);
	r = https_call(j->client, &q, &answer, &f);
	if (!rc_is_ok(r))
		return cli_problem(c,
				   r.code == RC_NOTFOUND || r.code == RC_MISMATCH ? RC_IO : r.code,
				   "", "GitHub's token service: %s", f.text);
	r = service_says(c, &answer, ret);
	secret_wipe(answer.body.ptr, answer.body.cap);
	return r;
}

/* ---- Tokens ----------------------------------------------------------------------------------*/

/* Anew into j->token. When it ends is its own word: whoever is wrong about that is refused. */
static rc renew(struct cli *c, struct job *j)
{
	char audience[TOKEN_AUDIENCE_MAX];
	AUTO(secret) struct secret fresh = {0};
	AUTO(jwt) struct jwt *t = NULL;
	struct fault f = {0};
	struct view token;
	rc r;

	if (c->config.oidc[0] != '\0') {
		token_call_audience(c->config.origin, audience);
		TRY(ask_github(c, j, audience, &fresh));
		token = secret_view(&fresh);
	} else {
		TRY(read_file(c, &fresh, &token));
	}
	r = jwt_parse(token, &t, &f);
	if (!rc_is_ok(r))
		return cli_problem(c, RC_USAGE, "", "%s: not a token that is taken: %s",
				   c->config.oidc[0] != '\0' ? "GitHub's token service"
							     : c->config.token_file,
				   f.text);
	secret_release(&j->token);
	CLI_TRY(c, &f, secret_new(&j->token, token.len));
	memcpy(j->token.ptr, token.ptr, token.len);
	j->expires = jwt_expires(t);
	return OK;
}

rc job_call_token(struct cli *c, struct view *ret)
{
	struct job *j;

	TRY(make_job(c));
	j = c->job;
	if (j->token.len == 0 || j->expires - clock_now(&clock_system) < JOB_RENEW_SECONDS)
		TRY(renew(c, j));
	*ret = secret_view(&j->token);
	return OK;
}

rc job_request_token(struct cli *c, const struct digest *request, struct buf *out)
{
	char audience[TOKEN_AUDIENCE_MAX];
	AUTO(secret) struct secret token = {0};
	struct view same;

	TRY(make_job(c));
	if (c->config.oidc[0] == '\0') {
		TRY(job_call_token(c, &same));
		buf_put_view(out, same);
	} else {
		token_audience(c->config.origin, request, audience);
		TRY(ask_github(c, c->job, audience, &token));
		buf_put_view(out, secret_view(&token));
	}
	return rc_is_ok(buf_done(out)) ? OK : cli_problem(c, RC_USAGE, "", "the token is too long");
}
