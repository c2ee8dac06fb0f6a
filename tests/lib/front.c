/* front - see front.h. */
#include "tests/lib/front.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"

#define ANSWER_MAX ((size_t)8 << 20)

/* ---- The process ---------------------------------------------------------------------------*/

static void build_path(const char *name, char out[400])
{
	const char *build = getenv("BUILD");

	(void)snprintf(out, 400, "%s/%s", build != NULL ? build : "build", name);
}

static int reap(pid_t pid)
{
	int status;

	fx_check(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* The power switch, if the test has made its file. */
static void preload(const struct front *s)
{
	char shim[400], path[300];

	(void)snprintf(path, sizeof(path), "%s/crash-server", s->fx->dir);
	build_path("tests/libcrash-shim.so", shim);
	if (access(path, R_OK) != 0)
		return;
	(void)setenv("GS_CRASH_FILE", path, 1);
	(void)setenv("LD_PRELOAD", shim, 1);
}

static void exec_server(struct front *s, const char *verb)
{
	char program[400], worker[400], log[300], public[300];
	const char *run[12 + FRONT_SETTINGS + 1] = {
		"greatseald", verb,	     "--data",		s->data,
		"--listen",   "127.0.0.1:0", "--keeper-socket", s->fx->socket,
		"--worker",   worker,	     "--public-log",	public};
	const char *const init[] = {"greatseald", verb, "--data", s->data, NULL};
	int fd;

	build_path("prog/server/greatseald", program);
	build_path("prog/worker/greatseal-worker", worker);
	(void)snprintf(log, sizeof(log), "%s/server.log", s->fx->dir);
	(void)snprintf(public, sizeof(public), "%s/state/public", s->fx->dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, 2) < 0 || dup2(fd, 1) < 0)
		_exit(99);
	preload(s);
	for (size_t i = 0; i < FRONT_SETTINGS && s->options.settings[i] != NULL; i++)
		run[12 + i] = s->options.settings[i];
	if (s->options.clock)
		fx_preload_clock(s->fx);
	(void)execv(program, (char *const *)(uintptr_t)(strcmp(verb, "init") == 0 ? init : run));
	_exit(98);
}

static pid_t spawn(struct front *s, const char *verb)
{
	pid_t pid = fork();

	fx_check(pid >= 0);
	if (pid == 0)
		exec_server(s, verb);
	return pid;
}

static const char *read_log(const char *path, struct buf *out)
{
	buf_clear(out);
	rc_ignore(file_read(path, out, NULL), "not there yet");
	return buf_cstr(out);
}

static void connect_client(struct front *s)
{
	char url[100];
	struct https_client_spec spec = {.base_url = url,
					 .has_pin = true,
					 .pin = s->pin,
					 .client_cert = s->options.client_cert,
					 .client_key = s->options.client_key};

	https_client_free(s->client);
	(void)snprintf(url, sizeof(url), "https://%s", s->address);
	fx_ok(https_client_new(&spec, &s->client, NULL));
}

static int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* True if it ended by itself, which it must be allowed to. */
static bool has_ended(struct front *s)
{
	int status;

	if (s->pid == 0)
		return true;
	if (waitpid(s->pid, &status, WNOHANG) != s->pid)
		return false;
	if (!s->may_die)
		fx_die(__FILE__, __LINE__, "greatseald ended");
	s->pid = 0;
	s->ended = status_of(status);
	return true;
}

int front_wait(struct front *s)
{
	if (s->pid == 0)
		return s->ended;
	(void)kill(s->pid, SIGTERM);
	s->ended = reap(s->pid);
	s->pid = 0;
	return s->ended;
}

void front_run(struct front *s)
{
	static const char mark[] = "listening on ";
	const struct timespec pause = {.tv_nsec = 5000000};
	AUTO(buf) struct buf log;
	char path[300];
	char pin[80];

	buf_init(&log, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/server.log", s->fx->dir);
	(void)unlink(path); /* the address of the one before is not ours */
	s->pid = spawn(s, "run");
	for (;;) {
		const char *at;

		if (has_ended(s))
			return;
		at = strstr(read_log(path, &log), mark);
		if (at != NULL &&
		    sscanf(at + sizeof(mark) - 1, "%63[^,], pin sha256:%64s", s->address, pin) == 2)
			break;
		(void)nanosleep(&pause, NULL); /* polls a condition */
	}
	fx_ok(digest_parse(view_str(pin), &s->pin));
	connect_client(s);
	front_ready(s);
}

/* Its connection to the keeper comes by itself. */
void front_ready(struct front *s)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	while (front_get(s, NULL, "/readyz") != 200 && !(s->may_die && has_ended(s)))
		(void)nanosleep(&pause, NULL); /* polls a condition */
}

int front_try(struct front *s)
{
	return reap(spawn(s, "run"));
}

void front_start(struct front *s, struct fixture *fx)
{
	front_start_with(s, fx, &(struct front_options){0});
}

void front_start_with(struct front *s, struct fixture *fx, const struct front_options *o)
{
	memset(s, 0, sizeof(*s));
	s->fx = fx;
	s->options = *o;
	fx_ok(https_setup());
	buf_init(&s->body, ANSWER_MAX);
	(void)snprintf(s->data, sizeof(s->data), "%s/server", fx->dir);
	fx_check(reap(spawn(s, "init")) == 0);
	front_run(s);
}

void front_stop(struct front *s)
{
	fx_check(s->pid > 0 && kill(s->pid, SIGTERM) == 0);
	fx_check(reap(s->pid) == 0);
	s->pid = 0;
}

void front_kill(struct front *s)
{
	fx_check(s->pid > 0 && kill(s->pid, SIGKILL) == 0);
	fx_check(reap(s->pid) == 1000 + SIGKILL);
	s->pid = 0;
}

void front_end(struct front *s)
{
	if (s->pid > 0)
		front_stop(s);
	https_client_free(s->client);
	json_decref(s->json);
	buf_release(&s->body);
}

void front_clone(struct front *to, const struct front *from)
{
	*to = *from;
	to->client = NULL;
	to->json = NULL;
	buf_init(&to->body, ANSWER_MAX);
	connect_client(to);
}

void front_clone_end(struct front *s)
{
	s->pid = 0;
	front_end(s);
}

/* ---- Calls ---------------------------------------------------------------------------------*/

void front_authorize(struct front *s, const char *person, const struct front_call *c,
		     struct buf *out)
{
	struct view body = c->sign_body.ptr != NULL ? c->sign_body : c->body;
	const char *target = c->sign_target != NULL ? c->sign_target : c->target;
	struct call call = {
		.method = view_str(c->method),
		.target = view_str(target),
		.has_body_digest = !c->upload,
		.body = digest_of(body),
		.time = (s->options.clock ? fx_now(s->fx) : clock_now(&clock_system)) + c->skew,
		.pin = c->pin != NULL ? *c->pin : s->pin,
	};
	AUTO(buf) struct buf text;
	AUTO(buf) struct buf sig;

	buf_init(&text, 8192);
	buf_init(&sig, 8192);
	fx_ok(rng_fill(&rng_system, call.nonce, sizeof(call.nonce)));
	fx_ok(call_text(&call, &text));
	fx_sign(c->key != NULL ? c->key : &fx_person(s->fx, person)->key[0],
		statement_info(STATEMENT_CALL)->ns, buf_view(&text), &sig);
	fx_ok(call_header_encode(&call, buf_view(&sig), out));
}

unsigned front_send(struct front *s, const char *person, const struct front_call *c)
{
	AUTO(https_answer) struct https_answer a = {0};
	AUTO(buf) struct buf header;
	struct https_request q = {.method = c->method,
				  .target = c->target,
				  .body = c->body,
				  .answer_max = ANSWER_MAX};

	buf_init(&header, 8192);
	buf_put_str(&header, "Authorization: ");
	if (c->authorization != NULL)
		buf_put_str(&header, c->authorization);
	else if (person != NULL || c->key != NULL)
		front_authorize(s, person, c, &header);
	if (person != NULL || c->key != NULL || c->authorization != NULL)
		q.headers[0] = buf_cstr(&header);
	buf_clear(&s->body);
	json_decref(s->json);
	s->json = NULL;
	s->status = 0;
	if (!rc_is_ok(https_call(s->client, &q, &a, NULL)))
		return 0;
	buf_put_view(&s->body, buf_view(&a.body));
	s->status = a.status;
	memcpy(s->content_type, a.content_type, sizeof(s->content_type));
	s->json = json_loadb((const char *)a.body.ptr, a.body.len, JSON_REJECT_DUPLICATES, NULL);
	return s->status;
}

unsigned front_get(struct front *s, const char *person, const char *target)
{
	const struct front_call c = {.method = "GET", .target = target};

	return front_send(s, person, &c);
}

unsigned front_post(struct front *s, const char *person, const char *target, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);
	const struct front_call c = {
		.method = "POST", .target = target, .body = view_str(text != NULL ? text : "")};
	unsigned status = front_send(s, person, &c);

	free(text);
	json_decref(body);
	return status;
}

unsigned front_patch(struct front *s, const char *person, const char *target, struct view bytes)
{
	const struct front_call c = {
		.method = "PATCH", .target = target, .body = bytes, .upload = true};

	return front_send(s, person, &c);
}

/* ---- Answers -------------------------------------------------------------------------------*/

static const json_t *walk(const struct front *s, const char *path)
{
	const json_t *at = s->json;
	char part[64];

	while (at != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");

		fx_check(n < sizeof(part));
		memcpy(part, path, n);
		part[n] = '\0';
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(part))
				       : json_object_get(at, part);
		path += path[n] == '.' ? n + 1 : n;
	}
	return at;
}

const char *front_text(const struct front *s, const char *path)
{
	const char *text = json_string_value(walk(s, path));

	return text != NULL ? text : "";
}

json_int_t front_number(const struct front *s, const char *path)
{
	const json_t *v = walk(s, path);

	if (json_is_array(v))
		return (json_int_t)json_array_size(v);
	return json_is_boolean(v)   ? json_is_true(v)
	       : json_is_integer(v) ? json_integer_value(v)
				    : -1;
}

const char *front_reason(const struct front *s)
{
	return front_text(s, "error.code");
}

/* ---- Requests ------------------------------------------------------------------------------*/

json_t *front_base64(struct view bytes)
{
	AUTO(buf) struct buf text;

	buf_init(&text, base64_size(BASE64_STD, bytes.len) + 1);
	base64_put(BASE64_STD, bytes, &text);
	return json_string(buf_cstr(&text));
}

unsigned front_submit(struct front *s, const char *target, const struct fx_request *q, bool sign)
{
	return front_submit_as(s, q->r.requester.s, target, q, sign);
}

unsigned front_submit_as(struct front *s, const char *person, const char *target,
			 const struct fx_request *q, bool sign)
{
	AUTO(buf) struct buf requester;
	AUTO(buf) struct buf host;
	struct view statement = buf_view(&q->statement);

	buf_init(&requester, KEEPER_SIG_MAX);
	buf_init(&host, KEEPER_SIG_MAX);
	fx_sign_as(s->fx, q->r.requester.s, STATEMENT_REQUEST, statement, &requester);
	fx_sign(&fx_host(s->fx, q->r.host.s)->key[0], statement_info(STATEMENT_HOST)->ns, statement,
		&host);
	return front_post(s, person, target,
			  json_pack("{s:o,s:o,s:o,s:b}", "statement", front_base64(statement),
				    "requester_signature", front_base64(buf_view(&requester)),
				    "host_signature", front_base64(buf_view(&host)), "sign",
				    (int)sign));
}

void front_act_make(struct front *s, const struct act *act, struct front_statement *ret)
{
	char hex[DIGEST_HEX];

	memset(ret, 0, sizeof(*ret));
	buf_init(&ret->statement, ACT_BYTES_MAX);
	buf_init(&ret->sig, KEEPER_SIG_MAX);
	ret->kind = act->kind;
	(void)snprintf(ret->person, sizeof(ret->person), "%s", act->person.s);
	fx_ok(act_encode(act, &ret->statement, NULL));
	fx_sign_as(s->fx, act->person.s, act->kind, buf_view(&ret->statement), &ret->sig);
	digest_hex(&act->request, hex);
	(void)snprintf(ret->target, sizeof(ret->target), "/v1/requests/%s/acts", hex);
}

unsigned front_act_send(struct front *s, const struct front_statement *st)
{
	return front_post(s, st->person, st->target,
			  json_pack("{s:s,s:o,s:o,s:b}", "kind", statement_info(st->kind)->name,
				    "statement", front_base64(buf_view(&st->statement)),
				    "signature", front_base64(buf_view(&st->sig)), "sign", 1));
}

void front_statement_release(struct front_statement *st)
{
	buf_release(&st->statement);
	buf_release(&st->sig);
}

unsigned front_act(struct front *s, enum statement_kind kind, const char *person,
		   const struct fx_request *q)
{
	struct front_statement st;
	unsigned status;
	struct act act;

	fx_act(s->fx, kind, person, q, &act);
	front_act_make(s, &act, &st);
	status = front_act_send(s, &st);
	front_statement_release(&st);
	return status;
}

unsigned front_change(struct front *s, enum statement_kind kind, struct view statement,
		      const char *person)
{
	AUTO(buf) struct buf sig;

	buf_init(&sig, KEEPER_SIG_MAX);
	fx_sign_as(s->fx, person, kind, statement, &sig);
	return front_post(s, person, "/v1/changes",
			  json_pack("{s:s,s:o,s:[o]}", "kind", statement_info(kind)->name,
				    "statement", front_base64(statement), "signatures",
				    front_base64(buf_view(&sig))));
}

const char *front_path(const struct digest *d, const char *pattern)
{
	const char *at = strstr(pattern, "%s");
	static char out[300];
	char hex[DIGEST_HEX];

	fx_check(at != NULL);
	digest_hex(d, hex);
	(void)snprintf(out, sizeof(out), "%.*s%s%s", (int)(at - pattern), pattern, hex, at + 2);
	return out;
}

void front_fill(uint8_t *bytes, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 31 + seed + (i >> 8));
}

unsigned front_announce(struct front *s, const char *person, const struct digest *d, uint64_t size)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return front_post(s, person, "/v1/uploads",
			  json_pack("{s:s,s:I,s:s}", "sha256", hex, "size", (json_int_t)size,
				    "name", "file"));
}

unsigned front_patch_at(struct front *s, const char *person, const struct digest *d,
			uint64_t offset, struct view bytes)
{
	char target[200], hex[DIGEST_HEX];

	digest_hex(d, hex);
	(void)snprintf(target, sizeof(target), "/v1/uploads/%s?offset=%llu", hex,
		       (unsigned long long)offset);
	return front_patch(s, person, target, bytes);
}

struct digest front_part(const char *person, const struct digest *d)
{
	const struct view parts[] = {digest_view(d), view_str(person)};
	struct digest id = digest_of_parts(parts, 2);

	for (size_t i = 0; i < DIGEST_SIZE; i++)
		id.b[i] ^= 0xff;
	return id;
}

void front_upload(struct front *s, const char *person, struct view bytes)
{
	struct digest d = digest_of(bytes);

	fx_check(front_announce(s, person, &d, bytes.len) == 200);
	if (front_number(s, "complete") == 1)
		return;
	fx_check(front_patch_at(s, person, &d, 0, bytes) == 200);
	fx_check(front_number(s, "complete") == 1);
}
