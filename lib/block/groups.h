/*
 * groups - rows of a block that have the same tenant, server and target stand together.
 *
 * Groups are numbered so that those of one tenant follow one another.
 */
#ifndef MCPLEDGER_BLOCK_GROUPS_H
#define MCPLEDGER_BLOCK_GROUPS_H

#include "rows.h"

struct groups {
	uint32_t count;
	uint32_t *of_row; /* owned: per row its group */
	uint32_t *rows;   /* owned: the rows, group by group, in order of arrival within each */
};

enum status groups_make(const struct rows *rows, struct groups *groups) MUST_CHECK;
void groups_finish(struct groups *groups);

/* Whether all rows of each group have the same code; then codes[g] (room for count) gets it. */
bool groups_share_code(
	const struct groups *groups, const struct rows *rows, const struct texts *texts, uint32_t *codes);

/* A copy of the column with its places in the order given by `order`, entries in the order of their first use. */
enum status texts_arrange(const struct texts *from, const uint32_t *order, uint32_t count, struct texts *to) MUST_CHECK;
/* The same for a payload's columns: rows in groups' order; shapes and leaf columns keep their numbers. */
enum status payload_arrange(const struct payload_columns *from, const struct groups *groups, uint32_t rows,
	struct payload_columns *to) MUST_CHECK;
/* Frees what payload_arrange made. */
void payload_arranged_finish(struct payload_columns *columns);

#endif
