#include "rank.h"

enum rank rank_of_role(struct text role)
{
	static const struct {
		struct text role;
		enum rank rank;
	} ranks[] = {{TEXT("client"), RANK_CLIENT}, {TEXT("host"), RANK_CLIENT}, {TEXT("agent"), RANK_CLIENT},
		{TEXT("server"), RANK_SERVER}, {TEXT("tool"), RANK_SERVER}};
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		if (text_equal(ranks[i].role, role))
			return ranks[i].rank;
	return RANK_BETWEEN;
}
