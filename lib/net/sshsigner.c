#include "lib/net/sshsigner.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/secret.h"
#include "lib/crypt/dsse.h"
#include "lib/crypt/sshpriv.h"
#include "lib/crypt/sshsig.h"
#include "lib/net/sshagent.h"

struct sshsigner {
	enum sshsigner_way way;
	struct sshkey *key;
	struct sshpriv *priv; /* SSHSIGNER_FILE */
	char *path;	      /* SSHSIGNER_KEYGEN */
	char *socket;	      /* SSHSIGNER_AGENT */
	char *ssh_keygen;
	char *const *environment;
};

static rc copy_text(const char *text, char **ret)
{
	*ret = strdup(text);
	return *ret == NULL ? RC(RC_NOMEM) : OK;
}

/* ---- what the agent holds ---- */

struct search {
	const struct sshkey *wanted; /* NULL: any usable one */
	struct sshkey *found;
	size_t usable;
};

static rc look(void *ctx, struct view blob, struct view comment)
{
	struct search *s = (struct search *)ctx;
	struct sshkey *k = NULL;

	(void)comment;
	if (s->wanted != NULL) {
		if (view_is_equal(blob, sshkey_blob(s->wanted)))
			s->usable++;
		return OK;
	}
	/* An agent may hold keys of other kinds; they are not for us. */
	if (!rc_is_ok(sshkey_parse_blob(blob, &k, NULL)))
		return OK;
	s->usable++;
	sshkey_free(s->found);
	s->found = k;
	return OK;
}

static rc search_agent(const char *socket, struct search *s, struct fault *f)
{
	const struct sshagent_visitor visitor = {.key = look, .ctx = s};
	AUTO(fd) int fd = -1;

	TRY(sshagent_connect(socket, &fd, f));
	return sshagent_list(fd, &visitor, f);
}

/* Whether the agent holds wanted. An agent that cannot be asked holds nothing. */
static bool agent_has(const char *socket, const struct sshkey *wanted)
{
	struct search s = {.wanted = wanted};

	return socket != NULL && rc_is_ok(search_agent(socket, &s, NULL)) && s.usable != 0;
}

static rc use_agent(struct sshsigner *s, const char *socket)
{
	s->way = SSHSIGNER_AGENT;
	return copy_text(socket, &s->socket);
}

/* ---- open ---- */

static rc open_agent_only(struct sshsigner *s, const char *socket, struct fault *f)
{
	struct search search = {0};
	rc r;

	if (socket == NULL)
		return fault_set(f, RC_NOTFOUND, 0,
				 "ssh: neither a key file nor an agent is named");
	r = search_agent(socket, &search, f);
	s->key = search.found;
	TRY(r);
	if (search.usable == 0)
		return fault_set(f, RC_NOTFOUND, 0,
				 "ssh-agent: holds no key that is accepted here");
	if (search.usable > 1)
		return fault_set(f, RC_STATE, 0, "ssh-agent: holds %zu usable keys, name one",
				 search.usable);
	return use_agent(s, socket);
}

/* PATH.pub of a private key file whose public half we cannot read ourselves (old PEM files). */
static rc read_public_beside(struct sshsigner *s, const char *path, struct fault *f)
{
	AUTO(buf) struct buf name = {0};
	AUTO(buf) struct buf line = {0};

	buf_init(&name, 4096);
	buf_init(&line, SSHKEY_LINE_MAX);
	buf_printf(&name, "%s.pub", path);
	TRY(file_read(buf_cstr(&name), &line, f));
	return sshkey_parse_line(buf_view(&line), &s->key, NULL, f);
}

/* As ssh does: a private key of one's own that others can read is no longer one's own. */
static rc check_mode(const char *path, struct fault *f)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return fault_errno(f, errno, "%s", path);
	if (st.st_uid == geteuid() && (st.st_mode & 077) != 0)
		return fault_set(f, RC_DENIED, 0,
				 "%s: mode %04o lets others at the private key (chmod go= it)",
				 path, (unsigned)(st.st_mode & 07777));
	return OK;
}

static rc open_private(struct sshsigner *s, const struct sshsigner_spec *spec, const char *path,
		       struct view text, struct fault *f)
{
	static const char head[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
	rc r;

	TRY(check_mode(path, f));
	if (text.len > strlen(head) && memcmp(text.ptr, head, strlen(head)) == 0) {
		r = sshpriv_parse(text, &s->priv, f);
		if (rc_is_ok(r)) {
			s->way = SSHSIGNER_FILE;
			return OK;
		}
		if (r.code != RC_UNSUPPORTED)
			return fault_wrap(f, r, "%s", path);
		TRY(sshpriv_public(text, &s->key, f));
	} else {
		TRY(read_public_beside(s, path, f));
	}
	if (agent_has(spec->agent_socket, s->key))
		return use_agent(s, spec->agent_socket);
	s->way = SSHSIGNER_KEYGEN;
	return copy_text(path, &s->path);
}

/* Reads a whole key file into memory that is wiped. */
static rc read_file(const char *path, struct secret *mem, struct view *ret, struct fault *f)
{
	struct buf text;

	TRY(secret_new(mem, SSHPRIV_FILE_MAX));
	buf_init_fixed(&text, mem->ptr, mem->len);
	TRY(file_read(path, &text, f));
	*ret = buf_view(&text);
	return OK;
}

static bool is_private(struct view text)
{
	return text.len > 11 && memcmp(text.ptr, "-----BEGIN ", 11) == 0;
}

static rc open_path(struct sshsigner *s, const struct sshsigner_spec *spec, struct fault *f)
{
	AUTO(secret) struct secret mem = {0};
	AUTO(secret) struct secret beside = {0};
	AUTO(buf) struct buf path = {0};
	size_t len = strlen(spec->key_path);
	struct view text;
	rc r;

	TRY(read_file(spec->key_path, &mem, &text, f));
	if (is_private(text))
		return open_private(s, spec, spec->key_path, text, f);
	r = sshkey_parse_line(text, &s->key, NULL, f);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "%s", spec->key_path);
	if (agent_has(spec->agent_socket, s->key))
		return use_agent(s, spec->agent_socket);
	buf_init(&path, 4096);
	if (len > 4 && strcmp(spec->key_path + len - 4, ".pub") == 0)
		buf_put(&path, spec->key_path, len - 4);
	if (path.len == 0 || !rc_is_ok(read_file(buf_cstr(&path), &beside, &text, NULL)) ||
	    !is_private(text))
		return fault_set(f, RC_NOTFOUND, 0,
				 "%s: the private half is neither in the agent nor beside it",
				 spec->key_path);
	struct sshkey *public = s->key;
	s->key = NULL;
	r = open_private(s, spec, buf_cstr(&path), text, f);
	if (rc_is_ok(r) && !sshkey_is_equal(public, sshsigner_key(s)))
		r = fault_set(f, RC_MISMATCH, 0,
			      "%s: belongs to another private key than the one beside",
			      spec->key_path);
	sshkey_free(public);
	return r;
}

rc sshsigner_open(const struct sshsigner_spec *spec, struct sshsigner **ret, struct fault *f)
{
	static char *const nothing[] = {NULL};
	AUTO(sshsigner) struct sshsigner *s = (struct sshsigner *)calloc(1, sizeof(*s));

	if (s == NULL)
		return fault_set(f, RC_NOMEM, 0, "ssh: no memory");
	s->environment = spec->environment == NULL ? nothing : spec->environment;
	TRY(copy_text(spec->ssh_keygen == NULL ? "/usr/bin/ssh-keygen" : spec->ssh_keygen,
		      &s->ssh_keygen));
	if (spec->key_path == NULL)
		TRY(open_agent_only(s, spec->agent_socket, f));
	else
		TRY(open_path(s, spec, f));
	*ret = s;
	s = NULL;
	return OK;
}

void sshsigner_free(struct sshsigner *s)
{
	if (s == NULL)
		return;
	sshkey_free(s->key);
	sshpriv_free(s->priv);
	free(s->path);
	free(s->socket);
	free(s->ssh_keygen);
	free(s);
}

const struct sshkey *sshsigner_key(const struct sshsigner *s)
{
	return s->priv != NULL ? sshpriv_key(s->priv) : s->key;
}

enum sshsigner_way sshsigner_way(const struct sshsigner *s)
{
	return s->way;
}

/* ---- sign ---- */

static rc sign_agent(const struct sshsigner *s, const char *ns, struct view tbs, struct buf *out,
		     struct fault *f)
{
	AUTO(fd) int fd = -1;
	AUTO(buf) struct buf signature = {0};

	buf_init(&signature, SSHSIG_BLOB_MAX);
	TRY(sshagent_connect(s->socket, &fd, f));
	TRY(sshagent_sign(fd, s->key, tbs, &signature, f));
	sshsig_wrap(s->key, ns, SSHSIG_HASH, buf_view(&signature), out);
	return buf_done(out);
}

/* The message as a file for the child's standard input: no pipe to fill, no SIGPIPE. */
static rc message_file(struct view message, int *ret_fd, struct fault *f)
{
	AUTO(fd) int fd = memfd_create("message", MFD_CLOEXEC);

	if (fd < 0)
		return fault_errno(f, errno, "ssh-keygen: memfd");
	TRY(fd_write_full(fd, message.ptr, message.len, f));
	if (lseek(fd, 0, SEEK_SET) != 0)
		return fault_errno(f, errno, "ssh-keygen: memfd");
	*ret_fd = fd;
	fd = -1;
	return OK;
}

/* Starts ssh-keygen with in as standard input and out as standard output; the rest is inherited, so
 * that it can ask on the terminal. */
static rc start(const struct sshsigner *s, const char *ns, const int io[2], pid_t *ret_pid,
		struct fault *f)
{
	const char *const argv[] = {"ssh-keygen", "-q", "-Y",	 "sign", "-n",
				    ns,		  "-f", s->path, NULL};
	posix_spawn_file_actions_t actions;
	int e = posix_spawn_file_actions_init(&actions);

	if (e != 0)
		return fault_errno(f, e, "ssh-keygen");
	e = posix_spawn_file_actions_adddup2(&actions, io[0], STDIN_FILENO);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(&actions, io[1], STDOUT_FILENO);
	if (e == 0)
		e = posix_spawn(ret_pid, s->ssh_keygen, &actions, NULL,
				(char *const *)(uintptr_t)argv, s->environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	return e == 0 ? OK : fault_errno(f, e, "%s", s->ssh_keygen);
}

static rc wait_for(pid_t pid, struct fault *f)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fault_errno(f, errno, "ssh-keygen: wait");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return OK;
	return fault_set(f, RC_DENIED, 0, "ssh-keygen -Y sign: ended with %s %d",
			 WIFEXITED(status) ? "status" : "signal",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static rc sign_keygen(const struct sshsigner *s, const char *ns, struct view message,
		      struct buf *out, struct fault *f)
{
	AUTO(fd) int in = -1;
	AUTO(fd) int answer = -1;
	AUTO(fd) int child_out = -1;
	AUTO(buf) struct buf text = {0};
	int pipe_fds[2];
	pid_t pid;
	rc r;

	TRY(message_file(message, &in, f));
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return fault_errno(f, errno, "ssh-keygen: pipe");
	answer = pipe_fds[0];
	child_out = pipe_fds[1];
	TRY(start(s, ns, (const int[2]){in, child_out}, &pid, f));
	fd_close(&child_out);
	buf_init(&text, SSHSIG_ARMOR_MAX);
	r = fd_read_all(answer, &text, f);
	fd_close(&answer); /* a child that writes too much ends here */
	TRY(wait_for(pid, f));
	TRY(r);
	r = sshsig_dearmor(buf_view(&text), out, f);
	return rc_is_ok(r) ? OK : fault_wrap(f, RC(RC_PEER), "ssh-keygen");
}

static rc sign_somehow(const struct sshsigner *s, const char *ns, struct view message,
		       struct buf *out, struct fault *f)
{
	uint8_t mem[SSHSIG_TBS_MAX];
	struct buf tbs;

	buf_init_fixed(&tbs, mem, sizeof(mem));
	sshsig_put_tbs(ns, SSHSIG_HASH, message, &tbs);
	if (!rc_is_ok(buf_done(&tbs)))
		return fault_set(f, buf_done(&tbs).code, 0, "ssh: namespace is not accepted");
	switch (s->way) {
	case SSHSIGNER_FILE:
		return sshpriv_sign(s->priv, ns, message, out, f);
	case SSHSIGNER_AGENT:
		return sign_agent(s, ns, buf_view(&tbs), out, f);
	case SSHSIGNER_KEYGEN:
		return sign_keygen(s, ns, message, out, f);
	}
	return RC(RC_USAGE);
}

rc sshsigner_sign(struct sshsigner *s, const char *ns, struct view message, struct buf *out,
		  struct fault *f)
{
	/* Whether PIN or synced keys are good enough is the policy's question, not ours. */
	const struct sshsig_rules rules = {.allow_unverified = true, .allow_synced = true};
	AUTO(buf) struct buf blob = {0};
	rc r;

	buf_init(&blob, SSHSIG_BLOB_MAX);
	TRY(sign_somehow(s, ns, message, &blob, f));
	r = sshsig_verify(sshsigner_key(s), ns, message, buf_view(&blob), &rules, NULL, f);
	if (!rc_is_ok(r))
		return fault_wrap(f, RC(RC_BADSIG), "ssh: what came back is no good signature");
	buf_put_view(out, buf_view(&blob));
	return buf_done(out);
}

static rc sign_pae(const struct sshsigner *s, struct view pae, struct buf *out, struct fault *f)
{
	AUTO(fd) int fd = -1;

	switch (s->way) {
	case SSHSIGNER_FILE:
		return sshpriv_sign_raw(s->priv, pae, out, f);
	case SSHSIGNER_AGENT:
		TRY(sshagent_connect(s->socket, &fd, f));
		return sshagent_sign_sha256(fd, s->key, pae, out, f);
	case SSHSIGNER_KEYGEN:
		break;
	}
	return fault_set(f, RC_UNSUPPORTED, 0,
			 "ssh: ssh-keygen signs no DSSE envelopes: add the key to ssh-agent");
}

rc sshsigner_sign_dsse(struct sshsigner *s, const char *type, struct view payload, struct buf *out,
		       struct fault *f)
{
	const struct sshkey *key = sshsigner_key(s);
	uint8_t mem[DSSE_SIGNATURE_MAX];
	AUTO(buf) struct buf pae = {0};
	AUTO(buf) struct buf ssh = {0};
	struct buf sig;
	rc r;

	if (sshkey_is_sk(key))
		return fault_set(f, RC_UNSUPPORTED, 0, "ssh: security keys sign no DSSE envelopes");
	buf_init(&pae, DSSE_PAYLOAD_MAX + 256);
	buf_init(&ssh, SSHSIG_BLOB_MAX);
	buf_init_fixed(&sig, mem, sizeof(mem));
	dsse_put_pae(type, payload, &pae);
	TRY(buf_done(&pae));
	TRY(sign_pae(s, buf_view(&pae), &ssh, f));
	TRY(dsse_put_ssh_signature(key, buf_view(&ssh), &sig, f));
	r = dsse_verify(key, type, payload, buf_view(&sig), f);
	if (!rc_is_ok(r))
		return fault_wrap(f, RC(RC_BADSIG), "ssh: what came back is no good signature");
	buf_put_view(out, buf_view(&sig));
	return buf_done(out);
}
