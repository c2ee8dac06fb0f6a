/* token_spec - the text form of a configured token, and reading what unlocks it.
 *
 * Owns: the grammar in token.h, secrets from files and standard input. Must not own: tokens. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/crypt/seal.h"
#include "prog/keeper/token.h"

#define SCRYPT_LOG2_DEFAULT 17 /* 128 MiB: OWASP's password storage advice for scrypt, r = 8 */

enum field {
	FIELD_PATH = 1 << 0,
	FIELD_MODULE = 1 << 1,
	FIELD_LABEL = 1 << 2,
	FIELD_SECRET = 1 << 3,
	FIELD_PARALLEL = 1 << 4,
	FIELD_VERIFY = 1 << 5,
	FIELD_SCRYPT = 1 << 6,
};

static rc set_text(struct view value, char *out, size_t cap, struct fault *f)
{
	if (value.len == 0 || value.len >= cap || memchr(value.ptr, '\0', value.len) != NULL)
		return fault_set(f, RC_USAGE, 0, "token: a value is empty or longer than %zu bytes",
				 cap - 1);
	memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
	return OK;
}

static rc set_number(struct view value, unsigned min, unsigned max, unsigned *ret, struct fault *f)
{
	uint64_t n;

	if (!rc_is_ok(num_parse_u64((const char *)value.ptr, value.len, max, &n)) || n < min)
		return fault_set(f, RC_USAGE, 0, "token: a number is not in %u..%u", min, max);
	*ret = (unsigned)n;
	return OK;
}

static rc set_path(struct token_spec *s, struct view v, struct fault *f)
{
	return set_text(v, s->path, sizeof(s->path), f);
}

static rc set_label(struct token_spec *s, struct view v, struct fault *f)
{
	return set_text(v, s->label, sizeof(s->label), f);
}

static rc set_passphrase(struct token_spec *s, struct view v, struct fault *f)
{
	s->unlock = TOKEN_PASSPHRASE;
	return set_text(v, s->secret_path, sizeof(s->secret_path), f);
}

static rc set_credential(struct token_spec *s, struct view v, struct fault *f)
{
	if (view_is(v, "-"))
		return fault_set(f, RC_USAGE, 0, "token: a credential is a file");
	s->unlock = TOKEN_CREDENTIAL;
	return set_text(v, s->secret_path, sizeof(s->secret_path), f);
}

static rc set_pin(struct token_spec *s, struct view v, struct fault *f)
{
	s->unlock = TOKEN_PIN;
	return set_text(v, s->secret_path, sizeof(s->secret_path), f);
}

static rc set_parallel(struct token_spec *s, struct view v, struct fault *f)
{
	return set_number(v, 1, TOKEN_PARALLEL_MAX, &s->parallel, f);
}

static rc set_scrypt(struct token_spec *s, struct view v, struct fault *f)
{
	return set_number(v, SEAL_SCRYPT_LOG2_MIN, SEAL_SCRYPT_LOG2_MAX, &s->scrypt_log2, f);
}

static rc set_verify(struct token_spec *s, struct view v, struct fault *f)
{
	if (view_is(v, "all"))
		s->verify = TOKEN_VERIFY_ALL;
	else if (view_is(v, "rsa"))
		s->verify = TOKEN_VERIFY_RSA;
	else if (view_is(v, "none") && s->ops == &token_file_ops)
		s->verify = TOKEN_VERIFY_NONE;
	else
		return fault_set(f, RC_USAGE, 0, "token: verify is %s\"rsa\" or \"all\"",
				 s->ops == &token_file_ops ? "\"none\", " : "");
	return OK;
}

static const struct {
	const char *name;
	enum field field;
	const struct token_ops *only; /* NULL: every variant */
	rc (*set)(struct token_spec *s, struct view v, struct fault *f);
} fields[] = {
	{"path", FIELD_PATH, &token_file_ops, set_path},
	{"passphrase", FIELD_SECRET, &token_file_ops, set_passphrase},
	{"credential", FIELD_SECRET, &token_file_ops, set_credential},
	{"scrypt", FIELD_SCRYPT, &token_file_ops, set_scrypt},
	{"module", FIELD_MODULE, &token_pkcs11_ops, set_path},
	{"label", FIELD_LABEL, &token_pkcs11_ops, set_label},
	{"pin", FIELD_SECRET, &token_pkcs11_ops, set_pin},
	{"parallel", FIELD_PARALLEL, NULL, set_parallel},
	{"verify", FIELD_VERIFY, NULL, set_verify},
};

/* Everything up to the next c, or all that is left. */
static struct view up_to(struct view *v, uint8_t c)
{
	struct view part;

	if (rc_is_ok(view_until(v, c, &part)))
		return part;
	part = *v;
	*v = view_of(v->ptr + v->len, 0);
	return part;
}

static rc set_field(struct token_spec *s, struct view text, unsigned *seen, struct fault *f)
{
	struct view name = up_to(&text, '=');

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!view_is(name, fields[i].name) ||
		    (fields[i].only != NULL && fields[i].only != s->ops))
			continue;
		if ((*seen & fields[i].field) != 0)
			return fault_set(f, RC_USAGE, 0, "token: %s: given twice", fields[i].name);
		*seen |= fields[i].field;
		TRY(fields[i].set(s, text, f));
		return OK;
	}
	return fault_set(f, RC_USAGE, 0, "token: a %s token has no \"%.*s\"", s->ops->kind,
			 (int)(name.len > 40 ? 40 : name.len), (const char *)name.ptr);
}

static rc set_kind(struct token_spec *s, struct view kind, struct fault *f)
{
	for (size_t i = 0; token_table[i] != NULL; i++)
		if (view_is(kind, token_table[i]->kind))
			s->ops = token_table[i];
	if (s->ops == NULL)
		return fault_set(f, RC_USAGE, 0,
				 "token: begins with \"file:NAME\" or \"pkcs11:NAME\"");
	s->verify = s->ops->verify;
	s->scrypt_log2 = SCRYPT_LOG2_DEFAULT;
	return OK;
}

/* What was not said, and whether that is permitted. */
static rc complete(struct token_spec *s, unsigned seen, const char *dir, struct fault *f)
{
	const unsigned hsm = FIELD_MODULE | FIELD_LABEL | FIELD_SECRET;
	int n;

	if (s->ops == &token_pkcs11_ops) {
		if ((seen & hsm) != hsm)
			return fault_set(f, RC_USAGE, 0,
					 "token: pkcs11 needs module=, label= and pin=");
		return OK;
	}
	if ((seen & FIELD_SECRET) == 0)
		TRY(set_passphrase(s, view_str("-"), f));
	if ((seen & FIELD_PATH) == 0) {
		n = snprintf(s->path, sizeof(s->path), "%s/%s.token", dir, s->name.s);
		if (n < 0 || (size_t)n >= sizeof(s->path))
			return fault_set(f, RC_USAGE, 0, "token: path longer than %d",
					 TOKEN_PATH_MAX);
	}
	return OK;
}

rc token_spec_parse(struct view text, const char *dir, struct token_spec *ret, struct fault *f)
{
	struct token_spec s = {0};
	struct view head;
	unsigned seen = 0;

	if (text.len > 0 && text.ptr[text.len - 1] == ',')
		return fault_set(f, RC_USAGE, 0, "token: nothing after the last comma");
	head = up_to(&text, ',');
	TRY(set_kind(&s, up_to(&head, ':'), f));
	if (!rc_is_ok(name_parse(head, &s.name)))
		return fault_set(f, RC_USAGE, 0,
				 "token: the name is not of the form [a-z0-9][a-z0-9._-]{0,63}");
	while (text.len > 0)
		TRY(set_field(&s, up_to(&text, ','), &seen, f));
	TRY(complete(&s, seen, dir, f));
	*ret = s;
	return OK;
}

/* A secret that others may read is none: refused, as ssh does with private keys. */
static rc open_secret(const char *path, int *ret, struct fault *f)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return fault_errno(f, errno, "%s", path);
	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "%s", path);
	if (S_ISREG(st.st_mode) && (st.st_mode & S_IRWXO) != 0)
		return fault_set(f, RC_DENIED, 0, "%s: others may read this secret (chmod o= it)",
				 path);
	*ret = fd;
	fd = -1;
	return OK;
}

/* Byte by byte from standard input, so that each of several tokens takes one line. */
static rc read_line(int fd, struct secret *into, size_t *ret_len, struct fault *f)
{
	size_t len = 0;

	for (;;) {
		ssize_t got = read(fd, into->ptr + len, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(f, errno, "standard input");
		if (got == 0 || into->ptr[len] == '\n')
			break;
		if (++len == into->len)
			return fault_set(f, RC_LIMIT, 0, "standard input: longer than %d bytes",
					 TOKEN_SECRET_MAX);
	}
	*ret_len = len;
	return OK;
}

static rc read_file(int fd, struct secret *into, size_t *ret_len, struct fault *f)
{
	size_t len = 0;

	while (len < into->len) {
		ssize_t got = read(fd, into->ptr + len, into->len - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(f, errno, "read");
		if (got == 0)
			break;
		len += (size_t)got;
	}
	if (len == into->len)
		return fault_set(f, RC_LIMIT, 0, "longer than %d bytes", TOKEN_SECRET_MAX);
	*ret_len = len;
	return OK;
}

static rc read_secret(const struct token_spec *spec, struct secret *into, size_t *ret_len,
		      struct fault *f)
{
	AUTO(fd) int fd = -1;
	rc r;

	if (strcmp(spec->secret_path, "-") == 0)
		return read_line(STDIN_FILENO, into, ret_len, f);
	TRY(open_secret(spec->secret_path, &fd, f));
	r = read_file(fd, into, ret_len, f);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "%s", spec->secret_path);
	if (spec->unlock != TOKEN_CREDENTIAL && *ret_len > 0 && into->ptr[*ret_len - 1] == '\n')
		(*ret_len)--;
	return OK;
}

rc token_secret_read(const struct token_spec *spec, struct secret *ret, struct fault *f)
{
	AUTO(secret) struct secret room = {0};
	size_t least = spec->unlock == TOKEN_CREDENTIAL ? TOKEN_CREDENTIAL_MIN : 1;
	struct secret s;
	size_t len = 0;

	TRY(secret_new(&room, TOKEN_SECRET_MAX + 1));
	TRY(read_secret(spec, &room, &len, f));
	if (len < least)
		return fault_set(f, RC_RANGE, 0, "token %s: its secret has %zu bytes, needs %zu",
				 spec->name.s, len, least);
	TRY(secret_new(&s, len));
	memcpy(s.ptr, room.ptr, len);
	*ret = s;
	return OK;
}
