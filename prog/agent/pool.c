#include "prog/agent/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct pool {
	pthread_mutex_t lock;
	char server[512];
	struct digest pin;
	struct tls_identity *identity;
	unsigned generation;
	struct https_client *idle[POOL_IDLE_MAX];
	size_t idle_count;
};

rc pool_new(const char *server, const struct digest *pin, struct pool **ret)
{
	struct pool *p = (struct pool *)calloc(1, sizeof(*p));

	if (p == NULL)
		return RC(RC_NOMEM);
	if (strlen(server) >= sizeof(p->server)) {
		free(p);
		return RC(RC_LIMIT);
	}
	memcpy(p->server, server, strlen(server) + 1);
	p->pin = *pin;
	(void)pthread_mutex_init(&p->lock, NULL);
	*ret = p;
	return OK;
}

static void drop_idle(struct pool *p)
{
	while (p->idle_count > 0)
		https_client_free(p->idle[--p->idle_count]);
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	drop_idle(p);
	tls_identity_free(p->identity);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

void pool_identity(struct pool *p, struct tls_identity *t)
{
	struct tls_identity *old;

	(void)pthread_mutex_lock(&p->lock);
	old = p->identity;
	p->identity = tls_identity_share(t);
	p->generation++;
	drop_idle(p);
	(void)pthread_mutex_unlock(&p->lock);
	tls_identity_free(old);
}

rc pool_take(struct pool *p, struct pool_client *ret, struct fault *f)
{
	struct https_client_spec spec = {.base_url = p->server, .has_pin = true, .pin = p->pin};
	struct https_client *c = NULL;
	rc r = OK;

	(void)pthread_mutex_lock(&p->lock);
	ret->generation = p->generation;
	if (p->idle_count > 0)
		c = p->idle[--p->idle_count];
	else
		spec.identity = tls_identity_share(p->identity);
	(void)pthread_mutex_unlock(&p->lock);
	if (c == NULL)
		r = https_client_new(&spec, &c, f);
	tls_identity_free(spec.identity);
	if (rc_is_ok(r))
		ret->client = c;
	return r;
}

void pool_give(struct pool *p, struct pool_client *c)
{
	struct https_client *over = c->client;

	(void)pthread_mutex_lock(&p->lock);
	if (c->generation == p->generation && p->idle_count < POOL_IDLE_MAX) {
		p->idle[p->idle_count++] = c->client;
		over = NULL;
	}
	(void)pthread_mutex_unlock(&p->lock);
	c->client = NULL;
	https_client_free(over);
}
