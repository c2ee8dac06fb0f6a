/* log - diagnostics of the programs, one line each, to stderr (journald adds time and unit).
 *
 * lib/ never calls this. Programs log once, where a decision is made. No secrets, no raw input:
 * bytes outside 0x20..0x7e become '?'. Audit is not here: it is the Merkle log. */
#ifndef GS_BASE_LOG_H
#define GS_BASE_LOG_H

enum log_level { LOG_LEVEL_ERR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* name is printed in front of each line and must live as long as the process; lines above level
 * (numerically) are dropped. With systemd's "<n>" prefix if journal is true. */
void log_setup(const char *name, enum log_level level, _Bool journal);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...) log_write(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
