#include "timeline_unit.h"

#include "timestamp.h"

/*
 * What the reports of one call say differently.  Each report is held against the one that leads.  Who knows nothing
 * does not differ: an observer without an outcome, parameters or user has only not looked.  A caller always waits a
 * little longer than the server works; only what a person would ask about is told.
 */

#define WAIT_TOLD_NS NS_PER_S

static bool differ(struct text a, struct text b)
{
	return a.len > 0 && b.len > 0 && !text_equal(a, b);
}

static bool knows_outcome(const struct moment *moment)
{
	return moment->own.tone != TONE_UNKNOWN && moment->own.verdict.len > 0;
}

static bool verdicts_differ(const struct moment *a, const struct moment *b)
{
	return knows_outcome(a) && knows_outcome(b) && differ(a->own.verdict, b->own.verdict);
}

/* Far longer, and long enough to matter; or the inner one went on when the outer one had ended. */
static bool durations_differ(const struct moment *outer, const struct moment *inner)
{
	if (!outer->own.has_duration || !inner->own.has_duration)
		return false;
	int64_t more = outer->own.duration_ns - inner->own.duration_ns;
	return more < -WAIT_TOLD_NS || (more > WAIT_TOLD_NS && more > inner->own.duration_ns / 2);
}

static bool results_differ(const struct moment *a, const struct moment *b)
{
	return a->own.tone == TONE_GOOD && b->own.tone == TONE_GOOD && differ(a->own.result, b->own.result);
}

static bool parameters_differ(const struct moment *a, const struct moment *b)
{
	return a->arguments != 0 && b->arguments != 0 && a->arguments != b->arguments;
}

static bool users_differ(const struct moment *a, const struct moment *b)
{
	return differ(a->user, b->user);
}

typedef bool difference_test(const struct moment *outer, const struct moment *inner);

static const struct {
	const char *about;
	difference_test *test;
} tests[DIFFERENCE_COUNT] = {
	[DIFFERENCE_VERDICT] = {"verdict", verdicts_differ},
	[DIFFERENCE_DURATION] = {"duration", durations_differ},
	[DIFFERENCE_RESULT] = {"result", results_differ},
	[DIFFERENCE_PARAMETERS] = {"parameters", parameters_differ},
	[DIFFERENCE_USER] = {"user", users_differ},
};

const char *difference_about(enum difference_type type)
{
	return tests[type].about;
}

static size_t compare(const struct moment *outer, const struct moment *inner, struct difference *found)
{
	size_t count = 0;
	for (size_t type = 0; type < DIFFERENCE_COUNT; type++)
		if (tests[type].test(outer, inner))
			found[count++] = (struct difference){(enum difference_type)type, outer, inner};
	return count;
}

size_t differences_find(const struct moment *leader, struct difference found[DIFFERENCES_MAX])
{
	size_t count = 0;
	bool before = true; /* nearer to the caller than the one that leads */
	for (const struct moment *report = leader->outermost; report; report = report->next_report) {
		if (report == leader)
			before = false;
		else
			count += before ? compare(report, leader, &found[count])
					: compare(leader, report, &found[count]);
	}
	return count;
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
	case DIFFERENCE_COUNT:
		break;
	}
}
