#include "session_pairs.h"

#include <stdlib.h>

static enum status list_inferred(struct session_pairs *pairs)
{
	size_t count = 0;
	struct tally_group **groups = tally_groups(pairs->second.tally, &count);
	pairs->inferred = calloc(count + 1, sizeof(struct tally_group *));
	if (pairs->inferred == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		if (session_unit_key(groups[i]) == SESSION_KEY_HALF_HOUR)
			pairs->inferred[pairs->inferred_count++] = groups[i];
	if (pairs->inferred_count > 1)
		qsort(pairs->inferred, pairs->inferred_count, sizeof(struct tally_group *), session_by_who_and_start);
	return STATUS_OK;
}

enum status session_pairs_count(
	struct session_pairs *pairs, struct cli *cli, const struct figures *figures, const char *words, bool in_order)
{
	struct text first_words = cli->words;
	struct counting *second = &pairs->second;
	pairs->in_order = in_order;
	cli->words = text_of(words);
	enum status status = figures_open(cli, figures, second);
	cli->words = first_words;
	second->scan.backward = true;
	if (status == STATUS_OK)
		status = figures_count(second);
	if (status == STATUS_OK)
		status = session_units_join(second);
	return status == STATUS_OK ? list_inferred(pairs) : status;
}

void session_pairs_finish(struct session_pairs *pairs)
{
	free(pairs->inferred);
	tally_destroy(&pairs->second.tally);
	*pairs = (struct session_pairs){.inferred = NULL};
}

static bool are_apart(const struct tally_group *earlier, const struct tally_group *later)
{
	int64_t idle = 0;
	return later->first.time > earlier->busy_until &&
	       (__builtin_sub_overflow(later->first.time, earlier->busy_until, &idle) || idle > SESSION_IDLE_NS_MAX);
}

static bool goes_with(
	const struct session_pairs *pairs, const struct tally_group *unit, const struct tally_group *other)
{
	return !pairs->in_order || tally_moment_before(&unit->first, &other->last);
}

/* The first of those of the same who that is not over too long before it. */
static size_t first_of_who(const struct session_pairs *pairs, const struct tally_group *unit)
{
	size_t low = 0;
	size_t high = pairs->inferred_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (session_compare_who(pairs->inferred[middle], unit) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct tally_group *session_pairs_find(const struct session_pairs *pairs, const struct tally_group *unit)
{
	if (session_unit_key(unit) != SESSION_KEY_HALF_HOUR) {
		struct tally_group *other = tally_lookup(pairs->second.tally, unit->parts);
		return other && goes_with(pairs, unit, other) ? other : NULL;
	}
	for (size_t i = first_of_who(pairs, unit); i < pairs->inferred_count; i++) {
		struct tally_group *other = pairs->inferred[i];
		if (session_compare_who(other, unit) != 0 || are_apart(unit, other))
			break;
		if (!are_apart(other, unit) && goes_with(pairs, unit, other))
			return other;
	}
	return NULL;
}

enum status session_pairs_keep(const struct session_pairs *pairs, struct counting *counting)
{
	struct tally *kept = NULL;
	size_t count = 0;
	struct tally_group **groups = tally_groups(counting->tally, &count);
	enum status status = tally_sibling(counting->tally, &kept);
	struct coverage *coverage = &counting->coverage;
	/* Whether those beyond the limit go together is not known. */
	if (tally_other(counting->tally)->events > 0 || tally_other(pairs->second.tally)->events > 0)
		coverage->more = true;
	coverage->events = 0;
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		if (session_pairs_find(pairs, groups[i]) == NULL)
			continue;
		coverage->events += groups[i]->events;
		status = tally_add_group(kept, groups[i], groups[i]->parts);
	}
	if (status != STATUS_OK) {
		tally_destroy(&kept);
		return status;
	}
	tally_destroy(&counting->tally);
	counting->tally = kept;
	return STATUS_OK;
}
