#include "path.h"

#include "json.h"
#include "members.h"

struct walk {
	struct arena *scratch;
	bool (*visit)(void *context, struct text value);
	void *context;
};

/* How many steps a member's name takes; 0: it is not on the path. */
static size_t steps_taken(const struct path *path, struct text name)
{
	size_t at = 0;
	for (size_t i = 0; i < path->count; i++) {
		const struct path_step *step = &path->steps[i];
		if (step->any || step->name.len > name.len - at ||
			(step->name.len > 0 && memcmp(name.at + at, step->name.at, step->name.len) != 0))
			return 0;
		at += step->name.len;
		if (at == name.len)
			return i + 1;
		if (name.at[at++] != '.' || step->quoted || i + 1 == path->count || path->steps[i + 1].quoted)
			return 0;
	}
	return 0;
}

static bool walk_value(const struct walk *walk, struct text json, struct path path, unsigned depth);

static bool walk_array(const struct walk *walk, struct members *members, struct path path, unsigned depth)
{
	struct text name;
	struct text value;
	const struct path_step *step = &path.steps[0];
	size_t taken = step->index || step->any;
	struct path rest = {path.steps + taken, path.count - taken};
	for (uint64_t index = 0; members_next(members, &name, &value); index++)
		if ((!step->index || index == step->number) && walk_value(walk, value, rest, depth))
			return true;
	return false;
}

static bool walk_object(const struct walk *walk, struct members *members, struct path path, unsigned depth)
{
	struct text name;
	struct text value;
	while (members_next(members, &name, &value)) {
		arena_clear(walk->scratch);
		name = json_string_decode(name, walk->scratch);
		size_t taken = name.at ? steps_taken(&path, name) : 0;
		struct path rest = {path.steps + taken, path.count - taken};
		if (taken > 0 && walk_value(walk, value, rest, depth))
			return true;
	}
	return false;
}

static bool walk_value(const struct walk *walk, struct text json, struct path path, unsigned depth)
{
	struct members members;
	if (path.count == 0)
		return walk->visit(walk->context, json);
	if (depth == 0 || !members_begin(json, &members))
		return false;
	return members.object ? walk_object(walk, &members, path, depth - 1)
			      : walk_array(walk, &members, path, depth - 1);
}

bool path_visit(struct text json, const struct path *path, struct arena *scratch,
	bool (*visit)(void *context, struct text value), void *context)
{
	struct walk walk = {scratch, visit, context};
	return walk_value(&walk, json, *path, JSON_DEPTH_MAX);
}
