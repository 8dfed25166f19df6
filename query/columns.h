/* columns - a block's columns, where a field that no row has is a column of nothing. */
#ifndef MCPLEDGER_QUERY_COLUMNS_H
#define MCPLEDGER_QUERY_COLUMNS_H

#include "match.h"

static inline enum status column_read(struct block *block, unsigned field, struct column *column)
{
	*column = (struct column){.rows = 0};
	enum status status = block_column(block, field, column);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Empty where the row has none. */
static inline struct text column_text(const struct column *column, uint32_t row)
{
	if (row >= column->rows || column->is_number || column->codes[row] == 0)
		return (struct text){NULL, 0};
	return column->entries[column->codes[row]];
}

static inline bool column_has_number(const struct column *column, uint32_t row)
{
	return row < column->rows && column->is_number && row_is_set(column->present, row);
}

/* 0: none; a number of the row's text that is only good for comparing it with others of the block. */
static inline uint32_t column_code(const struct column *column, uint32_t row)
{
	return row < column->rows && !column->is_number ? column->codes[row] : 0;
}

/* When events happened: their own time, else that of their receipt. */
struct column_times {
	struct column own, received;
};

static inline enum status column_read_times(struct block *block, struct column_times *times)
{
	enum status status = column_read(block, FIELD_TIME, &times->own);
	return status == STATUS_OK ? column_read(block, FIELD_RECV_TIME, &times->received) : status;
}

static inline int64_t column_time(const struct column_times *times, uint32_t row)
{
	const struct column *column = column_has_number(&times->own, row) ? &times->own : &times->received;
	return column_has_number(column, row) ? column->numbers[row] : 0;
}

#endif
