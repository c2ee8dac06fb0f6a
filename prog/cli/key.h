/* key - the commands under "greatseal key": what the keeper holds, and statements that change it.
 */
#ifndef GS_CLI_KEY_H
#define GS_CLI_KEY_H

#include "prog/cli/cli.h"

rc cmd_key_list(struct cli *c, const struct args *a);
rc cmd_key_show(struct cli *c, const struct args *a);
rc cmd_key_csr(struct cli *c, const struct args *a);
rc cmd_key_create(struct cli *c, const struct args *a);
rc cmd_key_import(struct cli *c, const struct args *a);
rc cmd_key_self_sign(struct cli *c, const struct args *a);
rc cmd_key_lock(struct cli *c, const struct args *a);
rc cmd_key_unlock(struct cli *c, const struct args *a);
rc cmd_key_retire(struct cli *c, const struct args *a);

#endif
