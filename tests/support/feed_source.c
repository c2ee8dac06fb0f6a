/* A guard's backlog and reports socket without a guard: feed_source STATE SOCKET BYTES. Lines of
 * standard input: "event JSON", "mode enforce|observe", "list NAME SERIAL"; each is repeated once
 * it is done. A reload that is asked for prints "reload". Ends with its input. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prog/guard/feed.h"

static volatile sig_atomic_t reloads;

static void on_reload(int sig)
{
	(void)sig;
	reloads = reloads + 1;
}

static void take(char *line, struct share *m, struct backlog *b)
{
	struct list_said said = {.serial = 0};
	unsigned long long serial;

	if (strncmp(line, "event ", 6) == 0) {
		backlog_put(b, view_str(line + 6));
	} else if (strncmp(line, "mode ", 5) == 0) {
		atomic_store(&m->mode, line[5] == 'e' ? GUARD_ENFORCE : GUARD_OBSERVE);
	} else if (sscanf(line, "list %64s %llu", said.name, &serial) == 2) {
		said.serial = serial;
		share_list_write(m, &said);
	}
	(void)printf("done %s\n", line);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	static char text[8192];
	static struct conf conf;
	static struct backlog backlog;
	static struct feed feed;
	struct guard g = {.conf = &conf, .supervisor = getpid()};
	struct fault f = {0};
	size_t len = 0;
	sig_atomic_t told = 0;

	if (argc != 4)
		return 2;
	(void)signal(SIGHUP, on_reload);
	(void)snprintf(conf.reports_socket, sizeof(conf.reports_socket), "%s", argv[2]);
	g.share = mmap(NULL, share_size(1), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);
	if (g.share == MAP_FAILED || !rc_is_ok(backlog_open(argv[1], &g.backlog, &f)) ||
	    !rc_is_ok(feed_open(&g, &f))) {
		(void)fprintf(stderr, "feed_source: %s\n", f.text);
		return 1;
	}
	backlog_load(&backlog, &g.backlog, strtoull(argv[3], NULL, 10));
	feed_init(&feed, &g, &backlog);
	for (;;) {
		struct pollfd p[1 + FEED_POLL] = {{.fd = 0, .events = POLLIN}};
		char *end;
		ssize_t n;

		feed_poll(&feed, p + 1);
		if (poll(p, 1 + FEED_POLL, 100) > 0)
			feed_run(&feed, p + 1);
		for (; told < reloads; told = told + 1) {
			(void)printf("reload\n");
			(void)fflush(stdout);
		}
		if ((p[0].revents & (POLLIN | POLLHUP)) == 0)
			continue;
		n = read(0, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			return 0;
		len += (size_t)n;
		text[len] = '\0';
		while ((end = strchr(text, '\n')) != NULL) {
			*end = '\0';
			take(text, g.share, &backlog);
			len -= (size_t)(end + 1 - text);
			memmove(text, end + 1, len + 1);
		}
	}
}
