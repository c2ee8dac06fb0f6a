#include "lib/base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

/* Set once by main before threads exist. */
static struct {
	const char *name;
	enum log_level level;
	bool journal;
} setup = {.name = "greatseal", .level = LOG_LEVEL_INFO};

void log_setup(const char *name, enum log_level level, bool journal)
{
	setup.name = name;
	setup.level = level;
	setup.journal = journal;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	size_t len = 0;
	va_list ap;

	if (level > setup.level)
		return;
	if (setup.journal)
		len = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	len += (size_t)snprintf(line + len, sizeof(line) - len, "%s: ", setup.name);
	va_start(ap, fmt);
	(void)vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	len = strlen(line);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || (unsigned char)line[i] > 0x7e)
			line[i] = '?';
	line[len == sizeof(line) - 1 ? len - 1 : len] = '\n';
	/* One write, so that lines of several threads and processes do not mix. */
	if (write(STDERR_FILENO, line, len + (len < sizeof(line) - 1)) < 0)
		return;
}
