/* list_vendor_files - single files that a vendor has signed: PE images with an Authenticode
 * signature under a certificate, or files with a detached OpenPGP signature beside them. */
#ifndef GS_CLI_LIST_VENDOR_FILES_H
#define GS_CLI_LIST_VENDOR_FILES_H

#include "prog/cli/list_gather.h"

/* Adds a PE image, as program and library, if the worker verifies it with those roots (a PEM file).
 * RC_BADSIG. */
MUST rc vendor_image(struct gather *g, const char *path, const char *roots);
/* Adds PATH as gather_path does, if PATH.asc or PATH.sig is a signature of it by a key of the
 * keyring (gpgv checks). RC_BADSIG. */
MUST rc vendor_signed_file(struct gather *g, const char *path, const char *keyring);

#endif
