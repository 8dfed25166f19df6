/* errors: the same ones together.  What a group's figures do not hold, the text of a failed result, is read for the rows
 * that are shown. */
#include "brief.h"
#include "figures.h"

enum { ERRORS_LIMIT = 50, MESSAGE_BYTES_MAX = 4096, SCRATCH_BYTES_MAX = 64 * 1024 * 1024 };
enum { KEY_TENANT, KEY_DIGEST, KEY_TYPE, KEY_SERVER, KEY_TOOL, KEYS };
enum { SET_TYPES, SET_SERVERS, SET_TOOLS, SET_VERSIONS, SET_USERS, SET_AGENTS, SETS };
enum { SAMPLE_MESSAGE, SAMPLE_STACK, SAMPLES };
enum { OWN_MESSAGE, OWN_NEW, OWN_LAST_SEQ };

static const struct figure_column columns[] = {
	{{"tenant", "TENANT", SHEET_TEXT, 10}, FIGURE_TENANT, KEY_TENANT},
	{{"types", "ERROR", SHEET_LIST, 0}, FIGURE_SET, SET_TYPES},
	{{"stack_digest", NULL, SHEET_TEXT, 0}, FIGURE_KEY, KEY_DIGEST},
	{{"servers", "SERVER", SHEET_LIST, 0}, FIGURE_SET, SET_SERVERS},
	{{"tools", "TOOL", SHEET_LIST, 0}, FIGURE_SET, SET_TOOLS},
	{{"other", NULL, SHEET_BOOL, 0}, FIGURE_OTHER},
	{{"count", "COUNT", SHEET_COUNT, 6}, FIGURE_EVENTS},
	{{"new", "NEW", SHEET_BOOL, 4}, FIGURE_OWN, OWN_NEW},
	{{"user_count", "USERS", SHEET_COUNT, 6}, FIGURE_SET_SIZE, SET_USERS},
	{{"users", NULL, SHEET_LIST, 0}, FIGURE_SET, SET_USERS},
	{{"agents", NULL, SHEET_LIST, 0}, FIGURE_SET, SET_AGENTS},
	{{"versions", NULL, SHEET_LIST, 0}, FIGURE_SET, SET_VERSIONS},
	{{"first_seen", "FIRST SEEN", SHEET_TIME, 0}, FIGURE_FIRST},
	{{"last_seen", "LAST SEEN", SHEET_TIME, 0}, FIGURE_LAST},
	{{"last_seq", NULL, SHEET_COUNT, 0}, FIGURE_OWN, OWN_LAST_SEQ},
	{{"message", "LATEST MESSAGE", SHEET_TEXT, 0}, FIGURE_OWN, OWN_MESSAGE},
	{{"stack", NULL, SHEET_TEXT, 0}, FIGURE_SAMPLE, SAMPLE_STACK},
};

#define KEYS_OF_AN_ERROR                                                                                               \
	{                                                                                                              \
		[KEY_TENANT] = {.fields = {FIELD_TENANT, FIELD_INGEST_TENANT}},                                        \
		[KEY_DIGEST] = {.fields = {FIELD_STACK_DIGEST}},                                                       \
		[KEY_TYPE] = {.fields = {FIELD_ERROR_TYPE, FIELD_CLASS, FIELD_VERDICT}, .unless = 1 << KEY_DIGEST},    \
		[KEY_SERVER] = {.fields = {FIELD_SERVER_NAME}, .unless = 1 << KEY_DIGEST},                             \
		[KEY_TOOL] = {.fields = {FIELD_TARGET_NAME}, .unless = 1 << KEY_DIGEST},                               \
	}

/* The errors before the range: the others are new in it. */
static const struct tally_spec earlier = {.keys = KEYS_OF_AN_ERROR, .key_count = KEYS};

struct context {
	struct counting *counting;
	struct tally *before; /* NULL: the range has no beginning */
};

static enum status put_event_message(void *context, const struct scan_place *place, const struct event *event)
{
	(void)place;
	struct arena scratch;
	arena_init(&scratch, SCRATCH_BYTES_MAX);
	brief_result(context, event_text(event, FIELD_RESPONSE), &scratch);
	arena_finish(&scratch);
	return STATUS_LIMIT;
}

/* The words of the latest event's result: a tool tells there what went wrong. */
static struct cell message_of(struct counting *counting, const struct tally_group *group)
{
	struct scan one = counting->scan;
	struct buf message;
	struct cell cell = cell_none();
	if (group->samples[SAMPLE_MESSAGE].moment.known)
		return cell_text(group->samples[SAMPLE_MESSAGE].text);
	if (!group->last.known)
		return cell;
	for (size_t i = 0; i < one.store_count; i++)
		if (i != group->last.store)
			one.stores[i].seq_last = 0;
	scan_narrow(&one, group->last.seq, group->last.seq);
	one.filter = NULL;
	one.coverage = NULL;
	buf_init(&message, MESSAGE_BYTES_MAX);
	enum status status = scan_events(&one, put_event_message, &message, NULL);
	struct text copy = arena_copy(&counting->cli->arena, buf_text(&message));
	if (status == STATUS_OK && copy.at)
		cell = cell_text(copy);
	buf_finish(&message);
	return cell;
}

/* No value where nothing is asked to be new, or where there were too many before to know. */
static struct cell is_new(const struct context *context, const struct tally_group *group)
{
	if (context->before == NULL)
		return cell_none();
	bool was = tally_lookup(context->before, group->parts) != NULL;
	if (!was && tally_other(context->before)->events > 0)
		return cell_none();
	return cell_number(!was);
}

static struct cell own_cell(void *context, struct tally_group *group, const struct figure_column *column)
{
	const struct context *own = context;
	bool other = group == tally_other(own->counting->tally);
	switch (column->index) {
	case OWN_NEW:
		return other ? cell_none() : is_new(own, group);
	case OWN_LAST_SEQ:
		return group->last.known ? cell_number((int64_t)group->last.seq) : cell_none();
	default:
		return other ? cell_none() : message_of(own->counting, group);
	}
}

static enum status count_before(struct counting *counting, struct tally **tally)
{
	struct scan before = counting->scan;
	struct coverage ignored = {0};
	if (before.since == INT64_MIN)
		return STATUS_OK;
	before.until = before.since;
	before.since = INT64_MIN;
	before.coverage = &ignored;
	before.purpose = "errors before the range";
	return tally_scan(&before, &earlier, tally, &counting->cli->error);
}

enum exit_code verb_errors(struct cli *cli)
{
	struct counting counting;
	struct context context = {.counting = &counting};
	const struct figures figures = {
		.words = "kind:error OR verdict:error",
		.spec = {.keys = KEYS_OF_AN_ERROR,
			.key_count = KEYS,
			.sets = {[SET_TYPES] = {.fields = {FIELD_ERROR_TYPE, FIELD_CLASS, FIELD_VERDICT}},
				[SET_SERVERS] = {.fields = {FIELD_SERVER_NAME}},
				[SET_TOOLS] = {.fields = {FIELD_TARGET_NAME}},
				[SET_VERSIONS] = {.fields = {FIELD_SERVER_VERSION, FIELD_VERSION}},
				[SET_USERS] = {.fields = {FIELD_USER_ID, FIELD_WORKLOAD_ID, FIELD_OAUTH_CLIENT_ID}},
				[SET_AGENTS] = {.fields = {FIELD_AGENT_NAME}}},
			.set_count = SETS,
			.samples = {[SAMPLE_MESSAGE] = {{.fields = {FIELD_ERROR_MESSAGE, FIELD_OUTCOME_REASON,
								 FIELD_REASON}}},
				[SAMPLE_STACK] = {{.fields = {FIELD_ERROR_STACK, FIELD_STACK}}}},
			.sample_count = SAMPLES,
			.times = true},
		.once = true,
		.columns = columns,
		.column_count = sizeof(columns) / sizeof(columns[0]),
		.sort = "count",
		.limit = ERRORS_LIMIT,
		.own = own_cell,
		.context = &context,
	};
	enum status status = figures_open(cli, &figures, &counting);
	if (status == STATUS_OK)
		status = figures_count(&counting);
	if (status == STATUS_OK)
		status = count_before(&counting, &context.before);
	if (status == STATUS_OK)
		status = figures_put(&counting);
	tally_destroy(&context.before);
	return figures_close(&counting, status);
}
