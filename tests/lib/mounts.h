/* mounts - file systems that this test program alone sees: small ones to fill, read-only ones.
 *
 * Owns: a mount namespace, which goes with the program, and what is mounted in it. Failures end the
 * test program (fx_check); that the machine has no namespaces for us is told before. */
#ifndef GS_TESTS_MOUNTS_H
#define GS_TESTS_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

/* The status by which Meson knows a test that was skipped. */
#define MOUNTS_SKIP 77

/* A namespace of our own, first thing in main(): as root, or through a user namespace. False if
 * this machine permits neither; the reason is printed. */
bool mounts_private(void);
/* Moves what is in dir onto a tmpfs of that many KiB, which is then dir. */
void mount_small(const char *dir, unsigned kib);
/* Makes dir a mount of its own, the first time, and that read-only or not. */
void mount_readonly(const char *dir, bool readonly);
/* Takes away the mount at dir; what was written to a small one is gone. */
void mount_end(const char *dir);

/* Writes dir/filler until nothing more goes in; the file system is full to the last block. */
void disk_fill(const char *dir);
void disk_free(const char *dir);

#endif
