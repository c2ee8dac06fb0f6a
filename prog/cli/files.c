#include "prog/cli/files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/jcan.h"
#include "lib/format/file.h"
#include "lib/format/tbs.h"
#include "lib/model/field.h"

#define READ_BLOCK ((size_t)1 << 20)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Where the version begins: a separator followed by a digit, or by v and a digit. */
static size_t stem_length(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 1; i < len; i++) {
		if (strchr("-_.+ ", name[i]) == NULL)
			continue;
		if (is_digit(name[i + 1]) || (name[i + 1] == 'v' && is_digit(name[i + 2])))
			return i;
	}
	for (size_t i = 1; i < len; i++)
		if (name[i] == '.')
			return i;
	return len;
}

void product_of(const char *name, struct name *ret)
{
	size_t len = stem_length(name);
	size_t n = 0;

	*ret = (struct name){0};
	for (size_t i = 0; i < len && n < NAME_MAX_LEN; i++) {
		char c = (char)tolower((unsigned char)name[i]);

		if ((c >= 'a' && c <= 'z') || is_digit(c))
			ret->s[n++] = c;
		else if (n > 0 && (c == '-' || c == '_' || c == '.'))
			ret->s[n++] = c;
		else if (n > 0 && ret->s[n - 1] != '-')
			ret->s[n++] = '-';
	}
	if (n == 0)
		(void)snprintf(ret->s, sizeof(ret->s), "product");
}

/* Size, SHA-256 and (when it is another algorithm over the same bytes) the content digest of a
 * detached format, in one pass. */
static rc hash_whole(struct local_file *l, enum hash_alg content_alg, struct fault *f)
{
	AUTO(hasher) struct hasher *sha256 = NULL;
	AUTO(hasher) struct hasher *other = NULL;
	uint8_t *block = aligned_alloc(FD_ALIGN, READ_BLOCK);
	struct hash sum = {0};
	rc r = OK;

	if (block == NULL)
		return fault_set(f, RC_NOMEM, 0, "no memory");
	r = hasher_new(HASH_SHA256, &sha256);
	if (rc_is_ok(r) && content_alg != HASH_SHA256)
		r = hasher_new(content_alg, &other);
	l->size = 0;
	while (rc_is_ok(r)) {
		ssize_t got = read(l->fd, block, READ_BLOCK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			r = fault_errno(f, errno, "%s", l->path);
		if (got <= 0)
			break;
		l->size += (uint64_t)got;
		r = hasher_update(sha256, view_of(block, (size_t)got));
		if (rc_is_ok(r) && other != NULL)
			r = hasher_update(other, view_of(block, (size_t)got));
	}
	free(block);
	TRY(r);
	TRY(hasher_finish(sha256, &sum));
	memcpy(l->sha256.b, sum.b, DIGEST_SIZE);
	if (other != NULL)
		TRY(hasher_finish(other, &sum));
	l->content = sum;
	return OK;
}

static rc write_params(struct local_file *l, const struct file_choice *choice, struct fault *f)
{
	struct jcan_out w;
	struct buf b;
	bool is_pe = strcmp(l->format, "pe") == 0;

	buf_init_fixed(&b, l->params, ITEM_PARAMS_MAX);
	jcan_out_init(&w, &b);
	jcan_out_object(&w);
	jcan_out_key(&w, "digest");
	jcan_out_string(&w, hash_name(l->content.alg));
	if (is_pe && choice->program != NULL) {
		jcan_out_key(&w, "name");
		jcan_out_string(&w, choice->program);
	}
	if (is_pe && choice->url != NULL) {
		jcan_out_key(&w, "url");
		jcan_out_string(&w, choice->url);
	}
	jcan_out_object_end(&w);
	if (!rc_is_ok(jcan_out_done(&w)))
		return fault_set(f, RC_USAGE, 0,
				 "%s: programme name or URL is too long or not UTF-8", l->name);
	l->params[b.len] = '\0';
	return OK;
}

static rc choose_format(struct local_file *l, const struct file_choice *choice,
			const struct format_file **ret, struct fault *f)
{
	const char *name = choice->format;

	*ret = NULL;
	if (name != NULL && strcmp(name, "auto") != 0)
		*ret = format_file_find(view_str(name));
	else /* cms, the last one, takes every file */
		for (size_t i = 0; *ret == NULL && format_file_table[i] != NULL; i++)
			if (format_file_table[i]->recognise(l->fd))
				*ret = format_file_table[i];
	if (*ret == NULL)
		return fault_set(f, RC_USAGE, 0,
				 "--format %s: no such format (cms, pe, allowlist, package-record, "
				 "guard-token, auto)",
				 name);
	(void)snprintf(l->format, sizeof(l->format), "%s", (*ret)->name);
	return OK;
}

static rc read_file(struct local_file *l, const struct file_choice *choice, struct fault *f)
{
	const struct format_file *format;
	enum hash_alg alg = HASH_SHA256;
	uint64_t size;
	struct hash content;

	TRY(fd_size(l->fd, &size, f));
	if (choice->digest != NULL && !rc_is_ok(hash_alg_parse(view_str(choice->digest), &alg)))
		return fault_set(f, RC_USAGE, 0, "--digest %s: sha256, sha384 or sha512",
				 choice->digest);
	TRY(choose_format(l, choice, &format, f));
	if (format->takes != NULL)
		TRY(format->takes(l->fd, f));
	TRY(hash_whole(l, alg, f));
	if (!format_tbs_find(view_str(format->name))->whole) {
		TRY(format->content(l->fd, alg, &content, f));
		l->content = content;
	}
	return write_params(l, choice, f);
}

rc local_file_open(const char *path, const struct file_choice *choice, struct local_file *ret,
		   struct fault *f)
{
	const char *base = strrchr(path, '/');
	struct local_file *l = ret;
	rc r;

	*l = (struct local_file){.fd = -1};
	base = base == NULL ? path : base + 1;
	if (strlen(path) >= sizeof(l->path) || strlen(base) > ITEM_NAME_MAX || base[0] == '\0')
		return fault_set(f, RC_USAGE, 0, "%s: not a usable file name", path);
	if (!rc_is_ok(prose_check(view_str(base), false)))
		return fault_set(
			f, RC_USAGE, 0,
			"%s: a name with control or hidden characters, or not UTF-8: approvers "
			"could not read it",
			path);
	(void)snprintf(l->path, sizeof(l->path), "%s", path);
	(void)snprintf(l->name, sizeof(l->name), "%s", base);
	if (choice->product == NULL)
		product_of(base, &l->product);
	else if (!rc_is_ok(name_parse(view_str(choice->product), &l->product)))
		return fault_set(f, RC_USAGE, 0, "--product %s: a-z 0-9 . _ - only",
				 choice->product);
	/* A pipe or device is refused and not waited for. */
	l->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (l->fd < 0)
		return fault_errno(f, errno, "%s", path);
	r = read_file(l, choice, f);
	if (!rc_is_ok(r)) {
		local_file_close(l);
		return fault_wrap(f, r, "%s", path);
	}
	return OK;
}

void local_file_close(struct local_file *l)
{
	fd_close(&l->fd);
}
