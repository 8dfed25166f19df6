/*
 * A hash table with chains of indices, and a list by when entries were heard of, so that those that expire are at its
 * end.  Entries lie in pages that never move; a place that is free again waits in a list.  Keys are hashes under a
 * secret of this process, so chains stay short whoever chooses what is hashed.
 */
#include "roster.h"

#include <stdlib.h>
#include <string.h>

#include "share.h"

enum { PAGE_ENTRIES = 1024, NOBODY = -1 };

struct entry {
	uint64_t key, owner;
	int64_t heard;
	int32_t next;         /* in its chain, or of the free places; NOBODY: the last */
	int32_t older, newer; /* in the list by when they were heard of */
	max_align_t contents[];
};

struct roster {
	struct roster_options options;
	struct share places;
	size_t stride, page_count;
	char **pages;
	int32_t *chains;
	size_t chain_count; /* a power of two */
	int32_t free, oldest, newest;
	struct metric_series *turned_away;
};

struct metric_family *roster_add_family(struct metric_registry *registry)
{
	static const char *const of_label[] = {"of"};
	static const struct metric_info info = {
		.type = METRIC_COUNTER,
		.name = "mcpledger_tracked_turned_away_total",
		.help = "Times that something was not followed, since metrics.tracked_max, or its emitter's share of "
			"it, "
			"was used up.",
		.labels = of_label,
		.label_count = 1,
	};
	return metric_family_add(registry, &info);
}

enum status roster_create(
	struct roster **roster, const struct roster_options *options, const struct roster_limits *limits)
{
	struct roster *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	size_t unit = sizeof(max_align_t);
	made->options = *options;
	made->places.max = limits->entries_max;
	made->turned_away =
		metric_series_get(limits->turned_away, &(struct text){options->name, strlen(options->name)});
	made->stride = (sizeof(struct entry) + options->entry_bytes + unit - 1) / unit * unit;
	made->pages = calloc(limits->entries_max / PAGE_ENTRIES + 1, sizeof(char *));
	made->free = made->oldest = made->newest = NOBODY;
	if (made->pages == NULL) {
		free(made);
		return STATUS_NO_MEMORY;
	}
	*roster = made;
	return STATUS_OK;
}

void roster_destroy(struct roster **roster)
{
	if (*roster == NULL)
		return;
	for (size_t i = 0; i < (*roster)->page_count; i++)
		free((*roster)->pages[i]);
	free((*roster)->pages);
	free((*roster)->chains);
	free(*roster);
	*roster = NULL;
}

static struct entry *entry_at(const struct roster *roster, int32_t index)
{
	char *page = roster->pages[index / PAGE_ENTRIES];
	return (void *)(page + (size_t)(index % PAGE_ENTRIES) * roster->stride);
}

static int32_t *chain_of(const struct roster *roster, uint64_t key)
{
	return &roster->chains[key & (roster->chain_count - 1)];
}

/* All places are used: makes a page more of them; the chains grow with it. */
static bool add_page(struct roster *roster)
{
	size_t used = roster->page_count * PAGE_ENTRIES;
	size_t chain_count = roster->chain_count;
	while (chain_count < used + PAGE_ENTRIES)
		chain_count = chain_count ? chain_count * 2 : PAGE_ENTRIES;
	char *page = calloc(PAGE_ENTRIES, roster->stride);
	int32_t *chains = malloc(chain_count * sizeof(*chains));
	if (page == NULL || chains == NULL) {
		free(page);
		free(chains);
		return false;
	}
	free(roster->chains);
	roster->chains = chains;
	roster->chain_count = chain_count;
	roster->pages[roster->page_count++] = page;
	memset(chains, 0xff, chain_count * sizeof(*chains)); /* NOBODY */
	for (size_t i = 0; i < used + PAGE_ENTRIES; i++) {
		struct entry *entry = entry_at(roster, (int32_t)i);
		int32_t *list = i < used ? chain_of(roster, entry->key) : &roster->free;
		entry->next = *list;
		*list = (int32_t)i;
	}
	return true;
}

static int32_t find(const struct roster *roster, uint64_t key)
{
	int32_t index = roster->chain_count ? *chain_of(roster, key) : NOBODY;
	while (index != NOBODY && entry_at(roster, index)->key != key)
		index = entry_at(roster, index)->next;
	return index;
}

/* --- the list by when entries were heard of --- */

static void put_newest(struct roster *roster, int32_t index, int64_t now)
{
	struct entry *entry = entry_at(roster, index);
	entry->heard = now;
	entry->older = roster->newest;
	entry->newer = NOBODY;
	if (roster->newest == NOBODY)
		roster->oldest = index;
	else
		entry_at(roster, roster->newest)->newer = index;
	roster->newest = index;
}

static void unlink_age(struct roster *roster, int32_t index)
{
	const struct entry *entry = entry_at(roster, index);
	if (entry->older == NOBODY)
		roster->oldest = entry->newer;
	else
		entry_at(roster, entry->older)->newer = entry->newer;
	if (entry->newer == NOBODY)
		roster->newest = entry->older;
	else
		entry_at(roster, entry->newer)->older = entry->older;
}

/* --- entering and leaving --- */

void *roster_find(struct roster *roster, uint64_t key, int64_t now)
{
	int32_t index = find(roster, key);
	if (index == NOBODY)
		return NULL;
	unlink_age(roster, index);
	put_newest(roster, index, now);
	return entry_at(roster, index)->contents;
}

static bool take_place(struct roster *roster, uint64_t owner)
{
	if (!share_take(&roster->places, owner, 1))
		return false;
	if (roster->free != NOBODY || add_page(roster))
		return true;
	share_give(&roster->places, owner, 1);
	return false;
}

void *roster_enter(struct roster *roster, uint64_t key, uint64_t owner, int64_t now, bool *is_new)
{
	void *known = roster_find(roster, key, now);
	*is_new = known == NULL;
	if (known)
		return known;
	if (!take_place(roster, owner)) {
		metric_add(roster->turned_away, 1);
		return NULL;
	}
	int32_t index = roster->free;
	struct entry *entry = entry_at(roster, index);
	int32_t *chain = chain_of(roster, key);
	roster->free = entry->next;
	*entry = (struct entry){.key = key, .owner = owner, .next = *chain};
	memset(entry->contents, 0, roster->options.entry_bytes);
	*chain = index;
	put_newest(roster, index, now);
	return entry->contents;
}

void roster_leave(struct roster *roster, uint64_t key, int64_t now)
{
	int32_t index = find(roster, key);
	if (index == NOBODY)
		return;
	struct entry *entry = entry_at(roster, index);
	roster->options.leave(roster->options.context, entry->contents, now);
	int32_t *link = chain_of(roster, key);
	while (*link != index)
		link = &entry_at(roster, *link)->next;
	*link = entry->next;
	unlink_age(roster, index);
	share_give(&roster->places, entry->owner, 1);
	entry->next = roster->free;
	roster->free = index;
}

void roster_expire(struct roster *roster, int64_t now)
{
	while (roster->oldest != NOBODY) {
		const struct entry *entry = entry_at(roster, roster->oldest);
		if (now - entry->heard < roster->options.age_max)
			return;
		roster_leave(roster, entry->key, now);
	}
}
