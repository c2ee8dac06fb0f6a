/* assuan_sign - signatures a second of a running gpg-agent, over connections that stay open.
 *
 * usage: assuan_sign SOCKET KEYGRIP CONNECTIONS SECONDS
 * Each connection is a thread that speaks the agent's own protocol: SIGKEY and SETHASH with a
 * digest of its own, PKSIGN, and reads the answer to its end. Prints one JSON object with the
 * signatures of all, the seconds and the threads' processor time; the agent's own is the caller's
 * to read. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define LINE_MAX_BYTES 1024 /* of the protocol: 1,000 bytes and the newline */

struct connection {
	pthread_t thread;
	const char *keygrip;
	FILE *in;
	int fd;
	unsigned number;
	double end;
	unsigned long signatures;
	char failed[LINE_MAX_BYTES];
};

static double now(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Reads to the line that ends an answer; true if it is OK. D and S lines go by. */
static bool answered(struct connection *c, bool *ret_data)
{
	char line[LINE_MAX_BYTES + 2] = "";

	*ret_data = false;
	while (fgets(line, sizeof(line), c->in) != NULL) {
		if (strncmp(line, "OK", 2) == 0)
			return true;
		if (strncmp(line, "D ", 2) == 0)
			*ret_data = true;
		else if (strncmp(line, "S ", 2) != 0 && line[0] != '#')
			break;
	}
	(void)snprintf(c->failed, sizeof(c->failed), "%.200s", line);
	return false;
}

static bool ask(struct connection *c, const char *text, bool *ret_data)
{
	size_t len = strlen(text);

	return send(c->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len && answered(c, ret_data);
}

static bool sign_once(struct connection *c)
{
	char text[LINE_MAX_BYTES];
	bool data;

	/* No two digests are the same. */
	(void)snprintf(text, sizeof(text), "SETHASH --hash=sha256 %08X%056lX\n", c->number,
		       c->signatures);
	return ask(c, text, &data) && ask(c, "PKSIGN\n", &data) && data;
}

static void *connection_main(void *arg)
{
	struct connection *c = arg;
	char text[LINE_MAX_BYTES];
	bool data;

	(void)snprintf(text, sizeof(text), "SIGKEY %s\n", c->keygrip);
	if (!ask(c, text, &data))
		return NULL;
	while (now() < c->end) {
		if (!sign_once(c)) {
			if (c->failed[0] == '\0')
				(void)snprintf(c->failed, sizeof(c->failed), "no signature came");
			return NULL;
		}
		c->signatures++;
	}
	return NULL;
}

static bool connection_open(struct connection *c, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	bool data;

	if (strlen(path) >= sizeof(at.sun_path))
		return false;
	memcpy(at.sun_path, path, strlen(path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&at, sizeof(at)) != 0)
		return false;
	c->in = fdopen(c->fd, "r");
	return c->in != NULL && answered(c, &data); /* the greeting */
}

static double cpu_seconds(void)
{
	struct rusage u = {0};

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	static struct connection all[CONNECTIONS_MAX];
	int count = argc == 5 ? atoi(argv[3]) : 0;
	unsigned long signatures = 0;
	double begin;

	if (count < 1 || count > CONNECTIONS_MAX) {
		(void)fputs("usage: assuan_sign SOCKET KEYGRIP CONNECTIONS SECONDS\n", stderr);
		return 2;
	}
	for (int i = 0; i < count; i++) {
		all[i].keygrip = argv[2];
		all[i].number = (unsigned)i;
		if (!connection_open(&all[i], argv[1])) {
			(void)fprintf(stderr, "assuan_sign: %s does not answer\n", argv[1]);
			return 1;
		}
	}
	begin = now();
	for (int i = 0; i < count; i++) {
		all[i].end = begin + atof(argv[4]);
		if (pthread_create(&all[i].thread, NULL, connection_main, &all[i]) != 0)
			return 1;
	}
	for (int i = 0; i < count; i++) {
		(void)pthread_join(all[i].thread, NULL);
		if (all[i].failed[0] != '\0') {
			(void)fprintf(stderr, "assuan_sign: gpg-agent: %s\n", all[i].failed);
			return 1;
		}
		signatures += all[i].signatures;
	}
	(void)printf("{\"signatures\":%lu,\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n", signatures,
		     now() - begin, cpu_seconds());
	return 0;
}
