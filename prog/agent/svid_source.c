#include "prog/agent/svid_source.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/net/svidsigner.h"

#define CHAIN_PEM_MAX 131072u

static const char *const names[] = {"svid.pem", "svid_key.pem", "svid_bundle.pem"};
#define NAMES (sizeof(names) / sizeof(names[0]))

/* What tells one version of the files from the next; zeros: not there. */
struct stamp {
	struct {
		struct timespec changed;
		ino_t inode;
		off_t size;
	} file[NAMES];
};

struct svid_source {
	pthread_mutex_t lock;
	struct stamp last;
	bool failed; /* is tried again, but not in the same second */
	unix_time tried;
	char dir[]; /* NUL */
};

rc svid_source_new(const char *dir, struct svid_source **ret)
{
	size_t n = strlen(dir) + 1;
	struct svid_source *s = (struct svid_source *)calloc(1, sizeof(*s) + n);

	if (s == NULL)
		return RC(RC_NOMEM);
	memcpy(s->dir, dir, n);
	s->failed = true; /* files that are not there look like those before the first look */
	s->tried = INT64_MIN;
	(void)pthread_mutex_init(&s->lock, NULL);
	*ret = s;
	return OK;
}

void svid_source_free(struct svid_source *s)
{
	if (s == NULL)
		return;
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

static void look(const struct svid_source *s, struct stamp *ret)
{
	char path[4400];
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < NAMES; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", s->dir, names[i]);
		if (stat(path, &st) != 0)
			continue;
		ret->file[i].changed = st.st_ctim; /* nobody can set it back */
		ret->file[i].inode = st.st_ino;
		ret->file[i].size = st.st_size;
	}
}

static rc make(const struct svid_source *s, unix_time now, struct tls_identity **ret,
	       unix_time *ret_end, struct fault *f)
{
	AUTO(secret) struct secret key = {0};
	AUTO(buf) struct buf pem = {0};

	buf_init(&pem, CHAIN_PEM_MAX);
	TRY(svid_read(s->dir, now, &pem, &key, ret_end, f));
	return tls_identity_new(buf_view(&pem), secret_view(&key), ret, f);
}

rc svid_source_look(struct svid_source *s, unix_time now, struct tls_identity **ret,
		    unix_time *ret_end, struct fault *f)
{
	struct stamp seen;
	rc r = OK;

	*ret = NULL;
	(void)pthread_mutex_lock(&s->lock);
	/* Before they are read: what changes meanwhile is seen the next time. */
	look(s, &seen);
	if (memcmp(&seen, &s->last, sizeof(seen)) != 0 || (s->failed && now != s->tried)) {
		s->last = seen;
		s->tried = now;
		r = make(s, now, ret, ret_end, f);
		s->failed = !rc_is_ok(r);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}
