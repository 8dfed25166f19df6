/*
 * report usage|tools|credentials: ready-made answers over a period.  A report is sections, each a table of figures of its
 * own; where people read them each has a heading, for programs all are rows of one answer that name their section.
 */
#include "figures.h"
#include "json.h"
#include "timestamp.h"

#define PERIOD_NS (30 * NS_PER_DAY)

enum { ROWS_OF_A_SECTION = 10, UNUSED_LIMIT = 100, CREDENTIALS_LIMIT = 100 };

static const char period_note[] = "The report is of 30 days, up to now or to --until; --since says otherwise.";

#define TOOL_CALLS "kind:tool_call ( action:tools/call OR -action:* )"

struct section {
	const char *heading;
	struct figures figures;
	bool ever;  /* counted from the beginning of what is stored */
	bool again; /* other groups of what the section before has counted */
};

enum { SECTIONS_MAX = 5 };

/* A report being written.  Each section keeps what it counted: a later one may ask. */
struct writing {
	struct cli *cli;
	struct figures figures[SECTIONS_MAX];
	struct counting countings[SECTIONS_MAX];
	size_t count; /* of sections so far */
	struct sheet sheet;
	struct sheet_column columns[FIGURES_COLUMNS_MAX];
	struct coverage coverage;
	struct text flags[3]; /* of the credential in hand */
};

/* --- usage --- */

#define USAGE_COLUMNS(section, server, name)                                                                           \
	{                                                                                                              \
		{{"section", NULL, SHEET_TEXT, 0}, FIGURE_WORD, 0, section},                                           \
			{{"tenant", "TENANT", SHEET_TEXT, 10}, FIGURE_TENANT, 0}, server, name,                        \
			{{"calls", "CALLS", SHEET_COUNT, 0}, FIGURE_CALLS},                                            \
			{{"errors", "ERRORS", SHEET_COUNT, 0}, FIGURE_ERRORS},                                         \
			{{"refused", "REFUSED", SHEET_COUNT, 0}, FIGURE_REFUSED},                                      \
			{{"error_rate", "ERROR %", SHEET_SHARE, 0}, FIGURE_ERROR_RATE},                                \
			{{"p50_ns", NULL, SHEET_DURATION, 0}, FIGURE_P50},                                             \
			{{"p95_ns", "P95", SHEET_DURATION, 0}, FIGURE_P95},                                            \
			{{"bytes", "BYTES", SHEET_BYTES, 0}, FIGURE_BYTES},                                            \
			{{"user_count", "USERS", SHEET_COUNT, 6}, FIGURE_SET_SIZE, 0},                                 \
			{{"tool_count", "TOOLS", SHEET_COUNT, 6}, FIGURE_SET_SIZE, 1},                                 \
			{{"other", NULL, SHEET_BOOL, 0}, FIGURE_OTHER},                                                \
			{{"first_seen", NULL, SHEET_TIME, 0}, FIGURE_FIRST},                                           \
			{{"last_seen", "LAST SEEN", SHEET_TIME, 0}, FIGURE_LAST},                                      \
	}
#define NO_SERVER                                                                                                      \
	{                                                                                                              \
		{"server", NULL, SHEET_TEXT, 0}, FIGURE_WORD, 0, ""                                                    \
	}
#define NAME(index, head)                                                                                              \
	{                                                                                                              \
		{"name", head, SHEET_TEXT, 0}, FIGURE_KEY, index                                                       \
	}

static const struct figure_column usage_tenants[] = USAGE_COLUMNS("tenant", NO_SERVER, NAME(0, "TENANT"));
static const struct figure_column usage_teams[] = USAGE_COLUMNS("team", NO_SERVER, NAME(1, "TEAM"));
static const struct figure_column usage_users[] = USAGE_COLUMNS("user", NO_SERVER, NAME(1, "USER"));
static const struct figure_column usage_agents[] = USAGE_COLUMNS("agent", NO_SERVER, NAME(1, "AGENT"));
static const struct figure_column usage_tools[] = USAGE_COLUMNS(
	"tool", ((struct figure_column){{"server", "SERVER", SHEET_TEXT, 0}, FIGURE_KEY, 1}), NAME(2, "TOOL"));

#define USAGE(columns_of_it, count, ...)                                                                               \
	{                                                                                                              \
		.words = TOOL_CALLS,                                                                                   \
		.spec = {.keys = {VALUE_TENANT, __VA_ARGS__},                                                          \
			.key_count = (count),                                                                          \
			.sets = {VALUE_PRINCIPAL, VALUE(FIELD_TARGET_NAME)},                                           \
			.set_count = 2,                                                                                \
			.durations = true,                                                                             \
			.bytes = true,                                                                                 \
			.times = true},                                                                                \
		.columns = (columns_of_it), .column_count = COLUMN_COUNT(columns_of_it), .sort = "calls",              \
		.once = true, .folds = true, .limit = ROWS_OF_A_SECTION,                                               \
	}

static const struct section usage[] = {
	{"By tenant", USAGE(usage_tenants, 1, VALUE(0))},
	{"By team", USAGE(usage_teams, 2, VALUE(FIELD_USER_TEAM))},
	{"By user", USAGE(usage_users, 2, VALUE_PRINCIPAL)},
	{"By agent", USAGE(usage_agents, 2, VALUE(FIELD_AGENT_NAME))},
	{"By tool", USAGE(usage_tools, 3, VALUE(FIELD_SERVER_NAME), VALUE(FIELD_TARGET_NAME))},
};

/* --- tools --- */

enum { TOOL_SAMPLE_MESSAGE, TOOL_SAMPLE_CALL, TOOL_SAMPLE_OP, TOOL_SAMPLES };

#define TOOLS_COLUMNS(section, ...)                                                                                    \
	{                                                                                                              \
		{{"section", NULL, SHEET_TEXT, 0}, FIGURE_WORD, 0, section},                                           \
			{{"tenant", "TENANT", SHEET_TEXT, 10}, FIGURE_TENANT, 0},                                      \
			{{"server", "SERVER", SHEET_TEXT, 0}, FIGURE_KEY, 1},                                          \
			{{"tool", "TOOL", SHEET_TEXT, 0}, FIGURE_KEY, 2}, __VA_ARGS__,                                 \
			{{"user_count", "USERS", SHEET_COUNT, 6}, FIGURE_SET_SIZE, 0},                                 \
			{{"last_call", "LAST CALL", SHEET_TIME, 0}, FIGURE_SAMPLE_TIME, TOOL_SAMPLE_CALL},             \
			{{"last_error_message", NULL, SHEET_TEXT, 0}, FIGURE_SAMPLE, TOOL_SAMPLE_MESSAGE},             \
	}
#define TOOLS_FIGURES                                                                                                  \
	{{"calls", "CALLS", SHEET_COUNT, 0}, FIGURE_CALLS}, {{"errors", "ERRORS", SHEET_COUNT, 0}, FIGURE_ERRORS},     \
		{{"error_rate", "ERROR %", SHEET_SHARE, 0}, FIGURE_ERROR_RATE},                                        \
		{{"p50_ns", "P50", SHEET_DURATION, 0}, FIGURE_P50},                                                    \
		{{"p95_ns", "P95", SHEET_DURATION, 0}, FIGURE_P95},                                                    \
		{{"p99_ns", "P99", SHEET_DURATION, 0}, FIGURE_P99},                                                    \
	{                                                                                                              \
		{"first_seen", NULL, SHEET_TIME, 0}, FIGURE_FIRST                                                      \
	}
#define TOOLS_NO_FIGURES                                                                                               \
	{{"calls", NULL, SHEET_COUNT, 0}, FIGURE_OWN}, {{"errors", NULL, SHEET_COUNT, 0}, FIGURE_OWN},                 \
		{{"error_rate", NULL, SHEET_SHARE, 0}, FIGURE_OWN, 1},                                                 \
		{{"p50_ns", NULL, SHEET_DURATION, 0}, FIGURE_OWN, 1},                                                  \
		{{"p95_ns", NULL, SHEET_DURATION, 0}, FIGURE_OWN, 1},                                                  \
		{{"p99_ns", NULL, SHEET_DURATION, 0}, FIGURE_OWN, 1},                                                  \
	{                                                                                                              \
		{"first_seen", "FIRST SEEN", SHEET_TIME, 0}, FIGURE_FIRST                                              \
	}

static const struct figure_column failing_columns[] = TOOLS_COLUMNS("failing", TOOLS_FIGURES);
static const struct figure_column slowest_columns[] = TOOLS_COLUMNS("slowest", TOOLS_FIGURES);
static const struct figure_column unused_columns[] = TOOLS_COLUMNS("unused", TOOLS_NO_FIGURES);

#define TOOLS_SPEC                                                                                                     \
	{                                                                                                              \
		.keys = {VALUE_TENANT, VALUE(FIELD_SERVER_NAME), VALUE(FIELD_TARGET_NAME)}, .key_count = 3,            \
		.sets = {VALUE_PRINCIPAL}, .set_count = 1,                                                             \
		.samples = {[TOOL_SAMPLE_MESSAGE] = {{.fields = {FIELD_ERROR_MESSAGE, FIELD_OUTCOME_REASON,            \
							      FIELD_ERROR_TYPE}},                                      \
				    .errors = true},                                                                   \
			[TOOL_SAMPLE_CALL] = {{.fields = {FIELD_KIND},                                                 \
				.only = {{.fields = {FIELD_KIND}, .words = {"tool_call"}}}}},                          \
			[TOOL_SAMPLE_OP] = {{.fields = {FIELD_OP},                                                     \
				.only = {{.fields = {FIELD_KIND}, .words = {"tool_definition"}}}}}},                   \
		.sample_count = TOOL_SAMPLES, .durations = true, .times = true, .calls_alone = true,                   \
	}

enum { SECTION_FAILING, SECTION_SLOWEST, SECTION_UNUSED };

static bool has_failed(void *context, struct tally_group *group)
{
	(void)context;
	return tally_errors(group) > 0;
}

static bool has_durations(void *context, struct tally_group *group)
{
	(void)context;
	return group->durations.count > 0;
}

/* Known, not removed, and without a call in the period. */
static bool is_unused(void *context, struct tally_group *group)
{
	const struct writing *writing = context;
	const struct tally_found *op = &group->samples[TOOL_SAMPLE_OP];
	return !(op->moment.known && text_equal(op->text, TEXT("removed"))) &&
	       tally_lookup(writing->countings[SECTION_FAILING].tally, group->parts) == NULL;
}

/* In the period there is nothing to tell of: 0, or (index 1) no value. */
static struct cell nothing(void *context, struct tally_group *group, const struct figure_column *column)
{
	(void)context;
	(void)group;
	return column->index ? cell_none() : cell_number(0);
}

static const struct section tools[] = {
	[SECTION_FAILING] = {"Most failures", {.words = TOOL_CALLS,
						      .spec = TOOLS_SPEC,
						      .columns = failing_columns,
						      .column_count = COLUMN_COUNT(failing_columns),
						      .sort = "errors",
						      .once = true,
						      .limit = ROWS_OF_A_SECTION,
						      .shows = has_failed}},
	[SECTION_SLOWEST] = {"Slowest",
		{.words = TOOL_CALLS,
			.spec = TOOLS_SPEC,
			.columns = slowest_columns,
			.column_count = COLUMN_COUNT(slowest_columns),
			.sort = "p95_ns",
			.once = true,
			.limit = ROWS_OF_A_SECTION,
			.tops = true,
			.shows = has_durations},
		.again = true},
	[SECTION_UNUSED] = {"Not used",
		{.words = "tool:* ( kind:tool_definition OR ( " TOOL_CALLS " ) )",
			.spec = TOOLS_SPEC,
			.columns = unused_columns,
			.column_count = COLUMN_COUNT(unused_columns),
			.sort = "first_seen",
			.newest_last = true,
			.keeps_reports_apart = true,
			.limit = UNUSED_LIMIT,
			.shows = is_unused,
			.own = nothing},
		.ever = true},
};

/* --- credentials --- */

enum {
	CREDENTIAL_STATE,
	CREDENTIAL_REVOKED,
	CREDENTIAL_EXPIRES,
	CREDENTIAL_FIRST_USE,
	CREDENTIAL_LAST_USE,
	CREDENTIAL_SAMPLES
};
enum { CREDENTIAL_USERS };
enum { OWN_EXPIRES, OWN_FLAGS, OWN_FLAG_COUNT };

static const struct figure_column credential_columns[] = {
	{{"section", NULL, SHEET_TEXT, 0}, FIGURE_WORD, 0, "credential"},
	{{"tenant", "TENANT", SHEET_TEXT, 10}, FIGURE_TENANT, 0},
	{{"credential", "CREDENTIAL", SHEET_TEXT, 0}, FIGURE_KEY, 1},
	{{"types", NULL, SHEET_LIST, 0}, FIGURE_SET, 1},
	{{"issuers", NULL, SHEET_LIST, 0}, FIGURE_SET, 2},
	{{"user_count", NULL, SHEET_COUNT, 0}, FIGURE_SET_SIZE, CREDENTIAL_USERS},
	{{"users", "USED BY", SHEET_LIST, 0}, FIGURE_SET, CREDENTIAL_USERS},
	{{"agents", NULL, SHEET_LIST, 0}, FIGURE_SET, 3},
	{{"clients", NULL, SHEET_LIST, 0}, FIGURE_SET, 4},
	{{"peers", "FROM", SHEET_LIST, 16}, FIGURE_SET, 5},
	{{"servers", NULL, SHEET_LIST, 0}, FIGURE_SET, 6},
	{{"tool_count", NULL, SHEET_COUNT, 0}, FIGURE_SET_SIZE, 7},
	{{"tools", "TOOLS", SHEET_LIST, 0}, FIGURE_SET, 7},
	{{"calls", "CALLS", SHEET_COUNT, 6}, FIGURE_CALLS},
	{{"errors", NULL, SHEET_COUNT, 0}, FIGURE_ERRORS},
	{{"refused", "REFUSED", SHEET_COUNT, 7}, FIGURE_REFUSED},
	{{"state", "STATE", SHEET_TEXT, 8}, FIGURE_SAMPLE, CREDENTIAL_STATE},
	{{"state_since", NULL, SHEET_TIME, 0}, FIGURE_SAMPLE_TIME, CREDENTIAL_STATE},
	{{"expires_at", NULL, SHEET_TIME, 0}, FIGURE_OWN, OWN_EXPIRES},
	{{"revoked_at", NULL, SHEET_TIME, 0}, FIGURE_SAMPLE_TIME, CREDENTIAL_REVOKED},
	{{"first_use", NULL, SHEET_TIME, 0}, FIGURE_SAMPLE_TIME, CREDENTIAL_FIRST_USE},
	{{"last_use", "LAST USE", SHEET_TIME, 0}, FIGURE_SAMPLE_TIME, CREDENTIAL_LAST_USE},
	{{"flag_count", NULL, SHEET_COUNT, 0}, FIGURE_OWN, OWN_FLAG_COUNT},
	{{"flags", "FLAGS", SHEET_LIST, 0}, FIGURE_OWN, OWN_FLAGS},
};

/* A use that was let through. */
#define ONLY_USES                                                                                                      \
	{                                                                                                              \
		{.fields = {FIELD_KIND}, .words = {"tool_call", "auth", "connection", "approval"}},                    \
		{                                                                                                      \
			.fields = {FIELD_VERDICT}, .words = {"denied"}, .but = true                                    \
		}                                                                                                      \
	}

static bool expiry_of(const struct tally_group *group, int64_t *expires_at)
{
	const struct tally_found *found = &group->samples[CREDENTIAL_EXPIRES];
	return found->moment.known && json_integer(found->text, expires_at) == STATUS_OK;
}

/* What somebody should look at; lives for ever. */
static size_t flags_of(const struct tally_group *group, struct text flags[3])
{
	const struct tally_moment *use = &group->samples[CREDENTIAL_LAST_USE].moment;
	const struct tally_moment *revoked = &group->samples[CREDENTIAL_REVOKED].moment;
	int64_t expires_at = 0;
	size_t count = 0;
	if (use->known && revoked->known && use->time > revoked->time)
		flags[count++] = TEXT("used after it was revoked");
	if (use->known && expiry_of(group, &expires_at) && use->time > expires_at)
		flags[count++] = TEXT("used after it expired");
	if (group->sets[CREDENTIAL_USERS].count > 1)
		flags[count++] = TEXT("several users");
	return count;
}

static struct cell credential_cell(void *context, struct tally_group *group, const struct figure_column *column)
{
	struct text *flags = ((struct writing *)context)->flags;
	int64_t expires_at = 0;
	size_t count = flags_of(group, flags);
	if (column->index == OWN_FLAGS)
		return cell_list(flags, count, 0);
	if (column->index == OWN_FLAG_COUNT)
		return cell_number((int64_t)count);
	return expiry_of(group, &expires_at) ? cell_number(expires_at) : cell_none();
}

static const struct section credentials[] = {
	{"Credentials",
		{.words = "oauth.token_id:* OR credential_id:*",
			.spec = {.keys = {VALUE_TENANT, {.fields = {FIELD_OAUTH_TOKEN_ID, FIELD_CREDENTIAL_ID}}},
				.key_count = 2,
				.sets = {VALUE_PRINCIPAL,
					{.fields = {FIELD_TYPE},
						.only = {{.fields = {FIELD_KIND}, .words = {"credential"}}}},
					{.fields = {FIELD_OAUTH_ISSUER, FIELD_ISSUER}}, VALUE(FIELD_AGENT_NAME),
					VALUE(FIELD_CLIENT_NAME), {.fields = {FIELD_NET_PEER}, .host = true},
					VALUE(FIELD_SERVER_NAME),
					{.fields = {FIELD_TARGET_NAME},
						.only = {{.fields = {FIELD_KIND}, .words = {"tool_call"}},
							{.fields = {FIELD_TARGET_TYPE, FIELD_ACTION},
								.words = {"tool", "tools/call"}}}}},
				.set_count = 8,
				.samples = {[CREDENTIAL_STATE] = {{.fields = {FIELD_STATE},
						    .only = {{.fields = {FIELD_KIND}, .words = {"credential"}}}}},
					[CREDENTIAL_REVOKED] =
						{{.fields = {FIELD_STATE},
							 .only = {{.fields = {FIELD_KIND}, .words = {"credential"}},
								 {.fields = {FIELD_STATE}, .words = {"revoked"}}}},
							.earliest = true},
					[CREDENTIAL_EXPIRES] = {{.fields = {FIELD_EXPIRES_AT, FIELD_OAUTH_EXPIRES_AT}}},
					[CREDENTIAL_FIRST_USE] = {{.fields = {FIELD_KIND}, .only = ONLY_USES},
						.earliest = true},
					[CREDENTIAL_LAST_USE] = {{.fields = {FIELD_KIND}, .only = ONLY_USES}}},
				.sample_count = CREDENTIAL_SAMPLES,
				.times = true,
				.calls_alone = true},
			.columns = credential_columns,
			.column_count = COLUMN_COUNT(credential_columns),
			.sort = "flag_count",
			.once = true,
			.limit = CREDENTIALS_LIMIT,
			.own = credential_cell}},
};

/* --- the whole --- */

static const struct report {
	const char *name;
	const struct section *sections;
	size_t count;
} reports[] = {
	{"usage", usage, COLUMN_COUNT(usage)},
	{"tools", tools, COLUMN_COUNT(tools)},
	{"credentials", credentials, COLUMN_COUNT(credentials)},
};

static enum status count_section(struct writing *writing, const struct section *section, struct counting *counting)
{
	struct cli *cli = writing->cli;
	enum status status = figures_open(cli, counting->figures, counting);
	if (section->ever)
		counting->scan.since = INT64_MIN;
	else if (cli->options.since == NULL)
		counting->scan.since = (cli->options.until ? counting->scan.until : cli->now) - PERIOD_NS;
	if (status == STATUS_OK)
		status = figures_count(counting);
	if (status == STATUS_OK && cli->options.since == NULL)
		coverage_add_note(&counting->coverage, period_note);
	return status;
}

static enum status put_section(struct writing *writing, const struct section *section, struct counting *counting)
{
	struct buf *text = &writing->cli->out.text;
	bool table = writing->cli->options.output == OUTPUT_TABLE;
	if (table)
		buf_printf(text, "%s%s\n", writing->count > 1 ? "\n" : "", section->heading);
	if (table || writing->count == 1)
		figures_begin(counting, writing->columns, &writing->sheet);
	enum status status = figures_put_rows(counting, &writing->sheet);
	if (table && writing->sheet.rows == 0)
		buf_put_string(text, "none\n");
	return status;
}

/* The first section is of the whole period; the others add what only they know. */
static void join_coverage(struct writing *writing, const struct coverage *coverage)
{
	if (writing->count == 1)
		writing->coverage = *coverage;
	else
		coverage_join(&writing->coverage, coverage);
	writing->coverage.more = writing->coverage.more || coverage->more;
	for (size_t i = 0; i < coverage->note_count; i++)
		coverage_add_note(&writing->coverage, coverage->notes[i]);
}

static enum status write_section(struct writing *writing, const struct section *section)
{
	struct figures *figures = &writing->figures[writing->count];
	struct counting *counting = &writing->countings[writing->count];
	enum status status = STATUS_OK;
	*figures = section->figures;
	figures->context = writing;
	if (section->again)
		counting--;
	counting->figures = figures;
	writing->count++;
	if (!section->again)
		status = count_section(writing, section, counting);
	if (status == STATUS_OK)
		status = put_section(writing, section, counting);
	if (status == STATUS_OK)
		join_coverage(writing, &counting->coverage);
	return status;
}

static enum exit_code write_report(struct cli *cli, const struct report *report)
{
	struct writing *writing = arena_calloc(&cli->arena, 1, sizeof(*writing));
	enum status status = writing ? STATUS_OK : STATUS_NO_MEMORY;
	if (writing == NULL)
		return cli_fail(cli, status);
	writing->cli = cli;
	for (size_t i = 0; i < report->count && status == STATUS_OK; i++)
		status = write_section(writing, &report->sections[i]);
	if (status == STATUS_OK)
		status = sheet_end(&writing->sheet, &writing->coverage);
	for (size_t i = 0; i < writing->count; i++)
		figures_finish(&writing->countings[i]);
	if (status == STATUS_CANCELLED)
		return EXIT_FOUND;
	return status == STATUS_OK ? cli_cover(cli, &writing->coverage) : cli_fail(cli, status);
}

enum exit_code verb_report(struct cli *cli)
{
	const char *space = cli->words.len > 0 ? memchr(cli->words.at, ' ', cli->words.len) : NULL;
	struct text name = {cli->words.at, space ? (size_t)(space - cli->words.at) : cli->words.len};
	for (size_t i = 0; i < COLUMN_COUNT(reports); i++) {
		if (!text_equal(name, text_of(reports[i].name)))
			continue;
		cli->words = (struct text){name.at + name.len, cli->words.len - name.len};
		return write_report(cli, &reports[i]);
	}
	return cli_misuse(cli, "there are the reports usage, tools and credentials");
}
