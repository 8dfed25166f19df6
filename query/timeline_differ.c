#include "timeline_unit.h"

#include "timestamp.h"

/*
 * What the reports of one call say differently.  Who knows nothing
 * does not differ: an observer without an outcome, parameters or user has only not looked.  A caller always waits a
 * little longer than the server works; only what a person would ask about is told.
 */

#define WAIT_TOLD_NS NS_PER_S

static bool differ(struct text a, struct text b)
{
	return a.len > 0 && b.len > 0 && !text_equal(a, b);
}

static bool knows_verdict(const struct moment *moment)
{
	return moment->own.tone != TONE_UNKNOWN && moment->own.verdict.len > 0;
}

static bool verdicts_differ(const struct moment *outer, const struct moment *inner)
{
	return differ(outer->own.verdict, inner->own.verdict);
}

static bool knows_duration(const struct moment *moment)
{
	return moment->own.has_duration;
}

/*
 * Far longer, and long enough to matter; or the inner one went on when the outer one had ended.  Where verdicts differ,
 * that is told with how long each took.
 */
static bool durations_differ(const struct moment *outer, const struct moment *inner)
{
	if (knows_verdict(outer) && knows_verdict(inner) && verdicts_differ(outer, inner))
		return false;
	int64_t more = outer->own.duration_ns - inner->own.duration_ns;
	return more < -WAIT_TOLD_NS || (more > WAIT_TOLD_NS && more > inner->own.duration_ns / 2);
}

static bool knows_result(const struct moment *moment)
{
	return moment->own.tone == TONE_GOOD && moment->own.result.len > 0;
}

static bool results_differ(const struct moment *outer, const struct moment *inner)
{
	return differ(outer->own.result, inner->own.result);
}

static bool knows_parameters(const struct moment *moment)
{
	return moment->arguments != 0;
}

static bool parameters_differ(const struct moment *outer, const struct moment *inner)
{
	return outer->arguments != inner->arguments;
}

static bool knows_user(const struct moment *moment)
{
	return moment->user.len > 0;
}

static bool users_differ(const struct moment *outer, const struct moment *inner)
{
	return differ(outer->user, inner->user);
}

static const struct {
	const char *about;
	bool (*knows)(const struct moment *moment);
	bool (*differs)(const struct moment *outer, const struct moment *inner);
} tests[DIFFERENCE_COUNT] = {
	[DIFFERENCE_VERDICT] = {"verdict", knows_verdict, verdicts_differ},
	[DIFFERENCE_DURATION] = {"duration", knows_duration, durations_differ},
	[DIFFERENCE_RESULT] = {"result", knows_result, results_differ},
	[DIFFERENCE_PARAMETERS] = {"parameters", knows_parameters, parameters_differ},
	[DIFFERENCE_USER] = {"user", knows_user, users_differ},
	[DIFFERENCE_UNSEEN] = {"unseen", NULL, NULL},
};

const char *difference_about(enum difference_type type)
{
	return tests[type].about;
}

/* Each report that knows is held against the next one nearer to the server that knows: between these two it changed. */
static size_t compare(const struct moment *leader, enum difference_type type, struct difference *found)
{
	size_t count = 0;
	const struct moment *outer = NULL;
	for (const struct moment *report = leader->outermost; report; report = report->next_report) {
		if (!tests[type].knows(report))
			continue;
		if (outer && tests[type].differs(outer, report))
			found[count++] = (struct difference){type, outer, report, NULL};
		outer = report;
	}
	return count;
}

/* --- calls that somebody does not tell of --- */

static bool is_tool(const struct moment *moment)
{
	return moment->is_call && (moment->action.len == 0 || text_equal(moment->action, TEXT("tools/call")));
}

static uint64_t bit_of(const struct unit *unit, const struct observer *observer)
{
	return UINT64_C(1) << (observer - unit->observers);
}

static uint64_t tellers_of(const struct unit *unit, const struct moment *leader)
{
	uint64_t tellers = 0;
	for (const struct moment *report = leader->outermost; report; report = report->next_report)
		tellers |= report->observer ? bit_of(unit, report->observer) : 0;
	return tellers;
}

static void note_telling(struct observer *observer, const struct moment *report, bool first)
{
	if (first) {
		observer->first_at = observer->last_at = report->own.at;
		observer->server = report->server;
	}
	observer->first_at = report->own.at < observer->first_at ? report->own.at : observer->first_at;
	observer->last_at = report->own.at > observer->last_at ? report->own.at : observer->last_at;
	if (!text_equal(observer->server, report->server))
		observer->server = (struct text){NULL, 0};
}

void differences_learn(struct unit *unit)
{
	uint64_t known = 0;
	for (size_t i = 0; i < unit->count; i++) {
		struct moment *moment = unit->moments[i];
		if (!is_tool(moment) || moment->observer == NULL)
			continue;
		uint64_t bit = bit_of(unit, moment->observer);
		note_telling(moment->observer, moment, (known & bit) == 0);
		known |= bit;
		moment->observer->linked_with |= tellers_of(unit, moment->leader) & ~bit;
	}
}

/* Whether the server answered: else a call may never have come as far as that. */
static bool was_answered(const struct moment *leader)
{
	return text_equal(leader->own.verdict, TEXT("ok")) || text_equal(leader->own.verdict, TEXT("tool_error")) ||
	       text_equal(leader->own.verdict, TEXT("pending"));
}

/*
 * An observer that tells of the same calls as one of those who tell of this one, for the same server, before and after
 * it, should have told of this one too.
 */
static bool should_tell(const struct observer *observer, const struct moment *leader)
{
	bool inside = observer->rank > leader->observer->rank;
	bool same_server = leader->server.len == 0 || text_equal(observer->server, leader->server) ||
			   (observer->server.len == 0 && observer->rank != RANK_SERVER);
	return same_server && !observer->sampled && observer->first_at < leader->own.at &&
	       observer->last_at > leader->own.at && (!inside || was_answered(leader));
}

static size_t find_unseen(const struct unit *unit, const struct moment *leader, struct difference *found)
{
	size_t count = 0;
	uint64_t expected = 0;
	if (!is_tool(leader) || leader->observer == NULL)
		return 0;
	uint64_t tellers = tellers_of(unit, leader);
	for (const struct moment *report = leader->outermost; report; report = report->next_report)
		expected |= report->observer ? report->observer->linked_with : 0;
	for (size_t i = 0; i < unit->observer_count; i++) {
		const struct observer *observer = &unit->observers[i];
		if ((expected & ~tellers) >> i & 1 && should_tell(observer, leader))
			found[count++] = (struct difference){DIFFERENCE_UNSEEN, leader, NULL, observer};
	}
	return count;
}

size_t differences_find(const struct unit *unit, const struct moment *leader, struct difference found[DIFFERENCES_MAX])
{
	size_t count = 0;
	for (enum difference_type type = 0; leader->reports > 1 && type < DIFFERENCE_UNSEEN; type++)
		count += compare(leader, type, &found[count]);
	return count + find_unseen(unit, leader, &found[count]);
}

/* --- in words --- */

void observer_put(struct buf *out, const struct observer *observer)
{
	struct text name = observer->name.len > 0 ? observer->name : observer->instance;
	buf_put_text(out, observer->role.len > 0 ? observer->role : TEXT("observer"));
	if (name.len > 0) {
		buf_put_byte(out, ' ');
		buf_put_text(out, name);
	}
	if (observer->shares_name && observer->name.len > 0) {
		buf_put_byte(out, '/');
		buf_put_text(out, observer->instance);
	}
}

const struct observer *difference_observer(const struct difference *difference, bool inner)
{
	const struct moment *moment = inner ? difference->inner : difference->outer;
	return moment ? moment->observer : difference->missing;
}

void difference_put_says(struct buf *out, enum difference_type type, const struct moment *moment)
{
	char took[TIMESTAMP_TEXT_BYTES];
	switch (type) {
	case DIFFERENCE_VERDICT:
	case DIFFERENCE_DURATION:
		buf_put_string(out, verdict_words(moment->own.verdict));
		if (moment->own.has_duration) {
			(void)duration_format(moment->own.duration_ns, took);
			buf_printf(out, " after %s", took);
		}
		break;
	case DIFFERENCE_RESULT:
		buf_put_text(out, moment->own.result);
		break;
	case DIFFERENCE_PARAMETERS:
		buf_put_text(out, moment->parameters);
		break;
	case DIFFERENCE_USER:
		buf_put_text(out, moment->user);
		break;
	case DIFFERENCE_UNSEEN:
		buf_put_text(out, moment ? moment->own.outcome : TEXT("does not tell of it"));
		break;
	case DIFFERENCE_COUNT:
		break;
	}
}
