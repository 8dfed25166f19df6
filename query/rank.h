/* rank - where an observer stands between the one who asks and the one who does, by observer.role.  Any thread. */
#ifndef MCPLEDGER_QUERY_RANK_H
#define MCPLEDGER_QUERY_RANK_H

#include "buf.h"

enum rank { RANK_CLIENT, RANK_BETWEEN, RANK_SERVER, RANK_COUNT };

/* An unknown role, and none, stands between. */
enum rank rank_of_role(struct text role);

#endif
