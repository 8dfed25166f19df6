/* sessions: pieces of work, newest last; with --and or --then those that have events of a second search, too. */
#include "session_pairs.h"

enum { SESSIONS_LIMIT = 50 };
enum { SET_PRINCIPALS, SET_TRUST, SET_AGENTS, SET_CLIENTS, SET_SERVERS, SET_TOOLS, SET_EFFECTS, SETS };
enum { SAMPLE_INTENT, SAMPLE_CLOSE, SAMPLES };
enum {
	OWN_ID,
	OWN_TYPE,
	OWN_WHO,
	OWN_TRUST,
	OWN_FIRST_SEQ,
	OWN_INFERRED,
	OWN_SECOND_EVENTS,
	OWN_SECOND_FIRST,
	OWN_SECOND_LAST,
};

static const struct figure_column columns[] = {
	{{"tenant", "TENANT", SHEET_TEXT, 10}, FIGURE_TENANT, SESSION_KEY_TENANT},
	{{"started", "STARTED", SHEET_TIME, 0}, FIGURE_FIRST},
	{{"type", "TYPE", SHEET_TEXT, 12}, FIGURE_OWN, OWN_TYPE},
	{{"id", "ID", SHEET_TEXT, 36}, FIGURE_OWN, OWN_ID},
	{{"inferred", NULL, SHEET_BOOL, 0}, FIGURE_OWN, OWN_INFERRED},
	{{"first_seq", NULL, SHEET_COUNT, 0}, FIGURE_OWN, OWN_FIRST_SEQ},
	{{"who", "WHO", SHEET_TEXT, 0}, FIGURE_OWN, OWN_WHO},
	{{"users", NULL, SHEET_LIST, 0}, FIGURE_SET, SET_PRINCIPALS},
	{{"trust", NULL, SHEET_TEXT, 0}, FIGURE_OWN, OWN_TRUST},
	{{"agents", "AGENT", SHEET_LIST, 0}, FIGURE_SET, SET_AGENTS},
	{{"clients", NULL, SHEET_LIST, 0}, FIGURE_SET, SET_CLIENTS},
	{{"servers", "SERVERS", SHEET_LIST, 0}, FIGURE_SET, SET_SERVERS},
	{{"tool_count", NULL, SHEET_COUNT, 0}, FIGURE_SET_SIZE, SET_TOOLS},
	{{"tools", NULL, SHEET_LIST, 0}, FIGURE_SET, SET_TOOLS},
	{{"calls", "CALLS", SHEET_COUNT, 6}, FIGURE_CALLS},
	{{"errors", "FAILED", SHEET_COUNT, 6}, FIGURE_ERRORS},
	{{"refused", "REFUSED", SHEET_COUNT, 7}, FIGURE_REFUSED},
	{{"destructive", NULL, SHEET_COUNT, 0}, FIGURE_SET_COUNT, SET_EFFECTS, "delete"},
	{{"events", NULL, SHEET_COUNT, 0}, FIGURE_EVENTS},
	{{"second_events", NULL, SHEET_COUNT, 0}, FIGURE_OWN, OWN_SECOND_EVENTS},
	{{"second_first_seq", NULL, SHEET_COUNT, 0}, FIGURE_OWN, OWN_SECOND_FIRST},
	{{"second_last_seq", NULL, SHEET_COUNT, 0}, FIGURE_OWN, OWN_SECOND_LAST},
	{{"last_seen", NULL, SHEET_TIME, 0}, FIGURE_LAST},
	{{"ended", NULL, SHEET_TIME, 0}, FIGURE_SAMPLE_TIME, SAMPLE_CLOSE},
	{{"duration_ns", "LASTED", SHEET_DURATION, 0}, FIGURE_SPAN},
	{{"intent", "INTENT", SHEET_TEXT, 0}, FIGURE_SAMPLE, SAMPLE_INTENT},
};

#define UNLESS_ID (1 << SESSION_KEY_CONVERSATION | 1 << SESSION_KEY_SESSION | 1 << SESSION_KEY_TRACE)

static struct cell own_cell(void *context, struct tally_group *group, const struct figure_column *column);

static const struct figures sessions =
	{
		.words = "-kind:ledger,heartbeat,lifecycle,resource_usage,credential,dependency",
		.spec = {.keys = {[SESSION_KEY_TENANT] = {.fields = {FIELD_TENANT, FIELD_INGEST_TENANT}},
				 [SESSION_KEY_CONVERSATION] = {.fields = {FIELD_CONVERSATION_ID}},
				 [SESSION_KEY_TURN] = {.fields = {FIELD_TURN_ID},
					 .unless = 1 << SESSION_KEY_CONVERSATION},
				 [SESSION_KEY_SESSION] = {.fields = {FIELD_SESSION_ID},
					 .unless = 1 << SESSION_KEY_CONVERSATION},
				 [SESSION_KEY_TRACE] = {.fields = {FIELD_TRACE_ID},
					 .unless = 1 << SESSION_KEY_CONVERSATION | 1 << SESSION_KEY_SESSION},
				 [SESSION_KEY_USER] = {.fields = {FIELD_USER_ID}, .unless = UNLESS_ID},
				 [SESSION_KEY_OAUTH_CLIENT] = {.fields = {FIELD_OAUTH_CLIENT_ID}, .unless = UNLESS_ID},
				 [SESSION_KEY_CLIENT] = {.fields = {FIELD_CLIENT_NAME}, .unless = UNLESS_ID},
				 [SESSION_KEY_SERVER] = {.fields = {FIELD_SERVER_NAME}, .unless = UNLESS_ID},
				 [SESSION_KEY_HALF_HOUR] =
					 {.fields = {FIELD_TIME, FIELD_RECV_TIME},
						 .bucket_ns = SESSION_IDLE_NS_MAX,
						 .unless = UNLESS_ID}},
			.key_count = SESSION_KEYS,
			.sets = {[SET_PRINCIPALS] =
					 {.fields = {FIELD_USER_ID, FIELD_WORKLOAD_ID, FIELD_OAUTH_CLIENT_ID}},
				[SET_TRUST] = {.fields = {FIELD_MARKS_USER_TRUST}},
				[SET_AGENTS] = {.fields = {FIELD_AGENT_NAME, FIELD_AGENT_ID}},
				[SET_CLIENTS] = {.fields = {FIELD_CLIENT_NAME}},
				[SET_SERVERS] = {.fields = {FIELD_SERVER_NAME}},
				[SET_TOOLS] =
					{.fields = {FIELD_TARGET_NAME},
						.only = {{.fields = {FIELD_TARGET_TYPE, FIELD_ACTION}, .words = {"tool", "tools/call"}}}},
				[SET_EFFECTS] = {.fields = {FIELD_MARKS_EFFECT, FIELD_EFFECT}}},
			.set_count = SETS,
			.samples =
				{[SAMPLE_INTENT] = {{.fields = {FIELD_INTENT}}, .earliest = true},
					[SAMPLE_CLOSE] =
						{
							{.fields = {FIELD_PHASE},
								.only = {{.fields = {FIELD_KIND},
										 .words = {"connection"}},
									{.fields = {FIELD_PHASE},
										.words = {"close"}}}}}},
			.sample_count = SAMPLES,
			.times = true,
			.calls_alone = true},
		.once = true,
		.columns = columns,
		.column_count = sizeof(columns) / sizeof(columns[0]),
		.sort = "started",
		.newest_last = true,
		.limit = SESSIONS_LIMIT,
		.own = own_cell,
};

/* An inferred one has no id: its first event's seq finds its timeline. */
static struct cell id_of(struct counting *counting, const struct tally_group *group)
{
	char digits[24];
	unsigned key = session_unit_key(group);
	if (key != SESSION_KEY_HALF_HOUR)
		return cell_text(group->parts[key].text);
	if (counting->cli->options.output != OUTPUT_TABLE || !group->first.known)
		return cell_none();
	struct buf text;
	buf_init(&text, sizeof(digits));
	buf_put_uint(&text, group->first.seq);
	struct text copy = arena_copy(&counting->cli->arena, buf_text(&text));
	buf_finish(&text);
	return cell_text(copy);
}

static struct cell type_of(const struct tally_group *group)
{
	switch (session_unit_key(group)) {
	case SESSION_KEY_CONVERSATION:
		return cell_text(TEXT("conversation"));
	case SESSION_KEY_SESSION:
		return cell_text(TEXT("session"));
	case SESSION_KEY_TRACE:
		return cell_text(TEXT("trace"));
	default:
		return cell_text(TEXT("inferred"));
	}
}

/* What the cells are made of. */
struct asked {
	struct counting counting;
	struct session_pairs pairs;
	bool paired;
};

static struct cell cell_seq(const struct tally_moment *moment)
{
	return moment->known ? cell_number((int64_t)moment->seq) : cell_none();
}

/* What the second search found in it. */
static struct cell second_cell(const struct asked *asked, const struct tally_group *group, unsigned which)
{
	const struct tally_group *other = asked->paired ? session_pairs_find(&asked->pairs, group) : NULL;
	if (other == NULL)
		return cell_none();
	if (which == OWN_SECOND_EVENTS)
		return cell_number((int64_t)other->events);
	return cell_seq(which == OWN_SECOND_FIRST ? &other->first : &other->last);
}

static struct cell own_cell(void *context, struct tally_group *group, const struct figure_column *column)
{
	struct asked *asked = context;
	struct tally_set *set = &group->sets[group->sets[SET_PRINCIPALS].count > 0 ? SET_PRINCIPALS : SET_CLIENTS];
	if (group == tally_other(asked->counting.tally))
		return cell_none();
	switch (column->index) {
	case OWN_ID:
		return id_of(&asked->counting, group);
	case OWN_TYPE:
		return type_of(group);
	case OWN_INFERRED:
		return cell_number(session_unit_key(group) == SESSION_KEY_HALF_HOUR);
	case OWN_TRUST:
		return figures_trust(&group->sets[SET_TRUST], &group->sets[SET_PRINCIPALS]);
	case OWN_FIRST_SEQ:
		return cell_seq(&group->first);
	case OWN_WHO:
		return set->count > 0 ? cell_text(tally_set_sort(set)[0].text) : cell_none();
	default:
		return second_cell(asked, group, column->index);
	}
}

static enum status pair(struct asked *asked, struct cli *cli, const struct figures *figures)
{
	const char *both = cli->options.and_words;
	const char *then = cli->options.then_words;
	if (both == NULL && then == NULL)
		return STATUS_OK;
	if (both && then)
		return error_set(&cli->error, STATUS_INVALID, "and, then: give one of them");
	enum status status = session_pairs_count(&asked->pairs, cli, figures, both ? both : then, then != NULL);
	if (status == STATUS_OK)
		status = session_pairs_keep(&asked->pairs, &asked->counting);
	asked->paired = status == STATUS_OK;
	return status;
}

enum exit_code verb_sessions(struct cli *cli)
{
	struct asked asked = {.paired = false};
	struct figures figures = sessions;
	figures.context = &asked;
	enum status status = figures_open(cli, &figures, &asked.counting);
	asked.counting.scan.backward = true; /* so that it is the newest that are listed, where there are too many */
	if (status == STATUS_OK)
		status = figures_count(&asked.counting);
	if (status == STATUS_OK)
		status = session_units_join(&asked.counting);
	if (status == STATUS_OK)
		status = pair(&asked, cli, &figures);
	if (status == STATUS_OK)
		status = figures_put(&asked.counting);
	enum exit_code code = figures_close(&asked.counting, status);
	session_pairs_finish(&asked.pairs);
	return code;
}
