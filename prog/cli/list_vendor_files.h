/* list_vendor_files - single files that a vendor has signed: PE images with an Authenticode
 * signature under a certificate, or files with a detached OpenPGP signature beside them. */
#ifndef GS_CLI_LIST_VENDOR_FILES_H
#define GS_CLI_LIST_VENDOR_FILES_H

#include "prog/cli/list_gather.h"

/* Adds a PE image, as program and library, if the worker verifies it with those roots (a PEM file).
 * RC_BADSIG. */
MUST rc vendor_image(struct gather *g, const char *path, const char *roots);
/* PATH.asc or PATH.sig is a signature of it by a key of the keyring (gpgv checks), or RC_BADSIG.
 * shown: the path for people. */
MUST rc vendor_detached(struct cli *c, const char *path, const char *keyring, const char *shown);
/* Adds PATH as gather_path does, if it is signed so, or is an rpm whose main header is signed in
 * the package itself. RC_BADSIG; RC_MISMATCH it was exchanged meanwhile. */
MUST rc vendor_signed_file(struct gather *g, const char *path, const char *keyring);

#endif
