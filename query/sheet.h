/*
 * sheet - an answer of rows and columns in every output format: a table for people, JSON, NDJSON or CSV for programs.
 *
 *   sheet_begin(&sheet, &cli->out, cli->options.output, columns, count);
 *   sheet_row(&sheet, (struct cell[]){cell_text(name), cell_number(calls), …});      once for each row
 *   sheet_end(&sheet, &coverage);
 *
 * JSON is {"items":[{…},…],"coverage":{…}}.  What a cell has not is null there, "-" in a table, empty in CSV.  All texts
 * are raw: they pass through printable, JSON is exact.  One thread.
 */
#ifndef MCPLEDGER_QUERY_SHEET_H
#define MCPLEDGER_QUERY_SHEET_H

#include "coverage.h"
#include "output.h"

enum sheet_type {
	SHEET_TEXT,
	SHEET_LIST,     /* texts: a JSON array, else joined by ", " */
	SHEET_JSON,     /* a JSON value as it is; its text in tables and CSV */
	SHEET_COUNT,    /* a whole number */
	SHEET_BYTES,    /* the same, shown as KiB and so on in tables */
	SHEET_DURATION, /* ns */
	SHEET_TIME,     /* ns since 1970; RFC 3339 but in tables */
	SHEET_SHARE,    /* 0..1; a percentage in tables */
	SHEET_BOOL,
};

struct sheet_column {
	const char *name; /* the member in JSON, the head in CSV: snake_case, unit last */
	const char *head; /* of the table; NULL: tables leave it out */
	enum sheet_type type;
	unsigned
		width; /* terminal columns in tables; 0: as wide as its type needs, for texts a share of what is left */
	const char *object; /* the JSON object that it and its neighbours of the same are members of; NULL: none */
};

struct cell {
	bool present;
	int64_t number;
	double share;
	struct text text;
	const struct text *items;
	size_t item_count;
	uint64_t more; /* items that are not listed */
};

static inline struct cell cell_none(void)
{
	return (struct cell){.present = false};
}
/* An empty text is none. */
static inline struct cell cell_text(struct text text)
{
	return (struct cell){.present = text.len > 0, .text = text};
}
static inline struct cell cell_number(int64_t number)
{
	return (struct cell){.present = true, .number = number};
}
static inline struct cell cell_share(double share)
{
	return (struct cell){.present = true, .share = share};
}
static inline struct cell cell_list(const struct text *items, size_t count, uint64_t more)
{
	return (struct cell){.present = true, .items = items, .item_count = count, .more = more};
}

struct sheet {
	struct output *out;
	enum output_format format;
	const struct sheet_column *columns;
	size_t column_count;
	unsigned share_width; /* of a text column without a width */
	uint64_t rows;
	struct text
		members; /* of the JSON object, beside its items: `"window":{…}`; set before sheet_end; empty: none */
};

void sheet_begin(struct sheet *sheet, struct output *out, enum output_format format, const struct sheet_column *columns,
	size_t column_count);
/* One cell for each column, in their order.  What the output's write returns. */
enum status sheet_row(struct sheet *sheet, const struct cell *cells) MUST_CHECK;
/* Writes what is left, with the coverage where the format has a place for it. */
enum status sheet_end(struct sheet *sheet, const struct coverage *coverage) MUST_CHECK;

/* "1.5 MiB", "312 bytes". */
void sheet_put_bytes(struct buf *out, uint64_t bytes);

#endif
