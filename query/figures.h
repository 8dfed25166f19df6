/*
 * figures - the groups of a tally as the rows of a sheet.  A verb is a table: which events, grouped how, and what of each
 * group stands in which column.
 *
 *   figures_open(cli, &figures, &counting);   reads the words, opens the stores
 *   figures_count(…); figures_put(…);         or figures_run for all of it
 *
 * One thread.
 */
#ifndef MCPLEDGER_QUERY_FIGURES_H
#define MCPLEDGER_QUERY_FIGURES_H

#include "cli.h"
#include "sheet.h"
#include "tally.h"

enum { FIGURES_COLUMNS_MAX = 64, FIGURES_LISTED_MAX = 20 };

#define COLUMN_COUNT(columns) (sizeof(columns) / sizeof((columns)[0]))

/* Values that several verbs group by, see struct tally_value. */
#define VALUE_TENANT                                                                                                   \
	{                                                                                                              \
		.fields = { FIELD_TENANT, FIELD_INGEST_TENANT }                                                        \
	}
#define VALUE_PRINCIPAL                                                                                                \
	{                                                                                                              \
		.fields = { FIELD_USER_ID, FIELD_WORKLOAD_ID, FIELD_OAUTH_CLIENT_ID }                                  \
	}
#define VALUE(field)                                                                                                   \
	{                                                                                                              \
		.fields = { field }                                                                                    \
	}

/* What a column shows of a group. */
enum figure {
	FIGURE_KEY,       /* the key `index` */
	FIGURE_TENANT,    /* the same; tables leave it out where all groups have one tenant */
	FIGURE_KEY_FIELD, /* the path of the field that the key is of */
	FIGURE_OTHER,     /* whether it is the group of all that the limits left out */
	FIGURE_EVENTS,
	FIGURE_CALLS,
	FIGURE_ERRORS,     /* verdict:error */
	FIGURE_REFUSED,    /* denied, throttled, rejected, cancelled */
	FIGURE_ERROR_RATE, /* of what has a verdict */
	FIGURE_VERDICT,    /* the verdict `index` */
	FIGURE_VERDICT_RATE,
	FIGURE_DURATIONS, /* how many have one */
	FIGURE_P50,
	FIGURE_P95,
	FIGURE_P99,
	FIGURE_MAX,
	FIGURE_BYTES,
	FIGURE_REQUEST_BYTES,
	FIGURE_RESPONSE_BYTES,
	FIGURE_FIRST, /* times */
	FIGURE_LAST,
	FIGURE_FIRST_ERROR,
	FIGURE_LAST_ERROR,
	FIGURE_SPAN,        /* from the first event's start to the last one's end */
	FIGURE_SET,         /* the most frequent values of the set `index` */
	FIGURE_SET_SIZE,    /* how many there are */
	FIGURE_SET_COUNT,   /* how often it has `word` */
	FIGURE_SAMPLE,      /* the sample `index` */
	FIGURE_SAMPLE_TIME, /* when its event was */
	FIGURE_WORD,        /* `word`, the same in each row */
	FIGURE_OWN,         /* what the verb's `own` makes */
};

struct figure_column {
	struct sheet_column sheet;
	enum figure figure;
	unsigned index;
	const char *word;
};

struct figures {
	const char *words; /* a search that events must match, too; NULL: all */
	struct tally_spec spec;
	const struct figure_column *columns;
	size_t column_count;
	const char *sort;         /* the column by which the largest stand first; --sort says another one */
	bool newest_last;         /* with the sort by a time: shown the other way round */
	bool once;                /* a call that several observers tell of counts once */
	bool keeps_reports_apart; /* the groups tell observers apart, or events are not about calls */
	bool folds;     /* groups beyond -n are one row "(other)", else they are left out and the coverage says so */
	bool tops;      /* but nothing is missed: the first ones are all that is asked for */
	uint64_t limit; /* without -n; 0: all */
	/* Which groups are rows; NULL: all. */
	bool (*shows)(void *context, struct tally_group *group);
	/* The cells of FIGURE_OWN; may be NULL.  Texts live as long as the context. */
	struct cell (*own)(void *context, struct tally_group *group, const struct figure_column *column);
	void *context;
};

struct counting {
	struct cli *cli;
	const struct figures *figures;
	struct filter filter;
	struct coverage coverage;
	struct scan scan;       /* borrows filter and coverage: a counting does not move */
	struct tally_spec spec; /* the figures', and once */
	struct once *once;
	struct tally *tally;
};

/* Reads the words, opens the stores, checks --sort.  figures is borrowed. */
enum status figures_open(struct cli *cli, const struct figures *figures, struct counting *counting) MUST_CHECK;
/* Counts into a new tally, and collects the coverage. */
enum status figures_count(struct counting *counting) MUST_CHECK;
/* Puts the groups of the tally as a whole answer. */
enum status figures_put(struct counting *counting) MUST_CHECK;
/* Begins a sheet with the columns, which must outlive it; puts the rows into one with the same columns. */
void figures_begin(struct counting *counting, struct sheet_column columns[FIGURES_COLUMNS_MAX], struct sheet *sheet);
enum status figures_put_rows(struct counting *counting, struct sheet *sheet) MUST_CHECK;
/* Frees what a counting holds. */
void figures_finish(struct counting *counting);
/* The same, puts the coverage or the error into messages, and says how the verb ends. */
enum exit_code figures_close(struct counting *counting, enum status status);
/* All of it. */
enum exit_code figures_run(struct cli *cli, const struct figures *figures);

/*
 * "verified" where each event that names a principal vouches for it, "mixed" where some do, else "claimed".  trust is the
 * set of marks.user_trust, principals that of the principals.
 */
struct cell figures_trust(const struct tally_set *trust, const struct tally_set *principals);

/* Makes root also ask for a search of our own. */
enum status figures_narrow(struct cli *cli, const char *words, struct filter *filter) MUST_CHECK;

#endif
