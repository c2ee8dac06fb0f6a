/* guard_tree - a small system in the directory that a guard_world guards, with the guard in it: for
 * what package managers do. Commands run in it by chroot.
 *
 * Owns: the commands, their output, records of packages. Must not own: what is in the tree. */
#ifndef GS_TESTS_GUARD_TREE_H
#define GS_TESTS_GUARD_TREE_H

#include <stdbool.h>
#include <sys/types.h>

#include "tests/lib/guard_world.h"

/* The world that all of the following is about; its state, records and socket come to lie in the
 * tree, where the guard's own settings are. */
void tree_of(struct guard_world *w);
/* The guard's settings, in the tree's /etc/greatseal/guard.conf. */
void tree_conf(void);
/* All that runs in these directories of the tree, with the classes that `greatseal list build`
 * sees, is approved by the next list. */
void approve_tree(const char *const *below);
/* The record of /DIR/NAME in the tree, as the client makes it, signed and put where the guard takes
 * it. */
void approve_package(const char *dir, const char *name);
/* The same, with options of `greatseal list record`. */
void approve_package_with(const char *options, const char *dir, const char *name);

/* Exit status of waitpid; 200: a signal. */
int tree_status(int status);
/* A command outside of the tree; its exit status. */
int here(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same in the tree. With VERBOSE set in the environment it is shown. */
int in_tree(const char *command);
/* Whether it exits with 0; what it printed is shown if not. */
bool works(const char *command);
/* Not waited for; what it prints goes to the file log. */
pid_t start_in_tree(const char *command, int in, const char *log);
/* Whether the last command of in_tree printed this; if not, that is said. */
bool says(const char *text);
/* All that it printed. */
const char *tree_output(void);
/* Whether there is anything at this path of the tree. */
bool there(const char *path);

#endif
