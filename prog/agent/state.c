#include "prog/agent/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/crypt/x509.h"

#define STATE_FILE "state.json"
#define PENDING_FILE "pending.json"
#define LOCK_FILE "lock"
#define FILE_BYTES ((size_t)256 << 10)

void state_init(struct state *s)
{
	*s = (struct state){0};
	buf_init(&s->certificate, STATE_PEM_MAX);
}

void state_release(struct state *s)
{
	buf_release(&s->certificate);
}

void pending_init(struct pending *p)
{
	*p = (struct pending){0};
	buf_init(&p->body, STATE_PEM_MAX);
}

void pending_release(struct pending *p)
{
	buf_release(&p->body);
}

rc state_read_certificate(struct state *s, struct fault *f)
{
	AUTO(x509_chain) struct x509_chain chain = {0};
	struct x509 leaf;

	TRY(x509_chain_read(buf_view(&s->certificate), &chain, f));
	TRY(x509_parse(chain.der[0], &leaf, f));
	s->not_before = leaf.not_before;
	s->not_after = leaf.not_after;
	return OK;
}

/* ---- Files of JSON ---- */

static rc read_object(int dirfd, const char *name, json_t **ret, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	json_t *root;

	buf_init(&text, FILE_BYTES);
	TRY(file_read_at(dirfd, name, &text, f));
	root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root)) {
		json_decref(root);
		return fault_set(f, RC_CORRUPT, 0, "%s is not what the agent has written", name);
	}
	*ret = root;
	return OK;
}

/* Takes the value. */
static rc write_object(int dirfd, const char *name, json_t *value, struct fault *f)
{
	const struct file_spec spec = {.dirfd = dirfd, .name = name, .mode = 0600, .durable = true};
	char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(1) | JSON_SORT_KEYS);
	rc r = RC(RC_NOMEM);

	json_decref(value);
	if (text != NULL)
		r = file_replace(&spec, view_str(text), f);
	free(text);
	return r;
}

static rc take(const json_t *o, const char *name, char *out, size_t cap, struct fault *f)
{
	const char *text = json_string_value(json_object_get(o, name));

	if (text == NULL || strlen(text) >= cap)
		return fault_set(f, RC_CORRUPT, 0, "the state has no %s", name);
	memcpy(out, text, strlen(text) + 1);
	return OK;
}

static rc parse_state(const json_t *o, struct state *s, struct fault *f)
{
	const json_t *counter = json_object_get(o, "counter");
	const char *pem = json_string_value(json_object_get(o, "certificate"));
	char pin[80];
	char host[NAME_MAX_LEN + 1];
	struct hash sum;

	TRY(take(o, "server", s->who.server, sizeof(s->who.server), f));
	TRY(take(o, "origin", s->who.origin, sizeof(s->who.origin), f));
	TRY(take(o, "class", s->who.klass, sizeof(s->who.klass), f));
	TRY(take(o, "pin", pin, sizeof(pin), f));
	TRY(take(o, "host", host, sizeof(host), f));
	if (pem == NULL || !json_is_integer(counter) || json_integer_value(counter) < 0 ||
	    !rc_is_ok(name_parse(view_str(host), &s->who.host)) ||
	    !rc_is_ok(hash_parse(view_str(pin), &sum)) || sum.alg != HASH_SHA256)
		return fault_set(f, RC_CORRUPT, 0, "the state cannot be read");
	memcpy(s->who.pin.b, sum.b, DIGEST_SIZE);
	s->counter = (uint64_t)json_integer_value(counter);
	buf_put_str(&s->certificate, pem);
	TRY(buf_done(&s->certificate));
	if (!rc_is_ok(state_read_certificate(s, f)))
		return fault_set(f, RC_CORRUPT, 0, "the state's certificate cannot be read");
	return OK;
}

rc state_load(int dirfd, struct state *s, struct fault *f)
{
	AUTO(json) json_t *o = NULL;

	TRY(read_object(dirfd, STATE_FILE, &o, f));
	return parse_state(o, s, f);
}

rc state_store(int dirfd, const struct state *s, struct fault *f)
{
	char hex[DIGEST_HEX];
	struct buf pem = s->certificate; /* read only */
	json_t *o;

	digest_hex(&s->who.pin, hex);
	o = json_pack("{s:s,s:s%,s:s,s:I,s:s,s:s,s:o}", "class", s->who.klass, "certificate",
		      (const char *)pem.ptr, pem.len, "host", s->who.host.s, "counter",
		      (json_int_t)s->counter, "origin", s->who.origin, "server", s->who.server,
		      "pin", json_sprintf("sha256:%s", hex));
	return write_object(dirfd, STATE_FILE, o, f);
}

rc pending_load(int dirfd, struct pending *p, struct fault *f)
{
	AUTO(json) json_t *o = NULL;
	const char *body;

	TRY(read_object(dirfd, PENDING_FILE, &o, f));
	TRY(take(o, "server", p->server, sizeof(p->server), f));
	TRY(take(o, "pin", p->pin, sizeof(p->pin), f));
	TRY(take(o, "target", p->target, sizeof(p->target), f));
	TRY(take(o, "host", p->host.s, sizeof(p->host.s), f));
	p->counter = (uint64_t)json_integer_value(json_object_get(o, "counter"));
	body = json_string_value(json_object_get(o, "body"));
	if (body == NULL || !rc_is_ok(base64_parse(BASE64_STD, view_str(body), &p->body, f)))
		return fault_set(f, RC_CORRUPT, 0, "%s cannot be read", PENDING_FILE);
	return buf_done(&p->body);
}

rc pending_store(int dirfd, const struct pending *p, struct fault *f)
{
	AUTO(buf) struct buf text = {0};

	buf_init(&text, FILE_BYTES);
	base64_put(BASE64_STD, buf_view(&p->body), &text);
	TRY(buf_done(&text));
	return write_object(dirfd, PENDING_FILE,
			    json_pack("{s:s,s:s,s:s,s:s,s:I,s:s}", "server", p->server, "pin",
				      p->pin, "target", p->target, "host", p->host.s, "counter",
				      (json_int_t)p->counter, "body", buf_cstr(&text)),
			    f);
}

rc pending_drop(int dirfd, struct fault *f)
{
	if (unlinkat(dirfd, PENDING_FILE, 0) != 0 && errno != ENOENT)
		return fault_errno(f, errno, "%s", PENDING_FILE);
	return fsync(dirfd) == 0 ? OK : fault_errno(f, errno, "the state directory");
}

rc state_dir(const char *path, int *ret_dirfd, int *ret_lock, struct fault *f)
{
	AUTO(fd) int dirfd = -1;
	AUTO(fd) int lock = -1;
	struct stat st;

	TRY(dir_make(path, 0700, f));
	TRY(dir_open(path, &dirfd, f));
	if (fstat(dirfd, &st) != 0 || (st.st_mode & 077) != 0)
		return fault_set(f, RC_DENIED, 0, "%s is open to others: chmod 700", path);
	lock = openat(dirfd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return fault_errno(f, errno, "%s/%s", path, LOCK_FILE);
	if (flock(lock, LOCK_EX | LOCK_NB) != 0)
		return fault_set(f, RC_BUSY, 0, "another greatseal-agent uses %s", path);
	*ret_dirfd = dirfd;
	*ret_lock = lock;
	dirfd = -1;
	lock = -1;
	return OK;
}
