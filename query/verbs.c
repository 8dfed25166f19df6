#include "verbs.h"

#include "nearest.h"

#define VERB_READS true
#define VERB_ALONE false
static const struct verb verbs[] = {
#define GROUP(title)                                   {.summary = title},
#define VERB(id, name, what, arguments, summary, help) {name, VERB_##what, arguments, summary, help},
#include "cli_verbs.h"
#undef VERB
};

size_t verbs_count(void)
{
	return sizeof(verbs) / sizeof(verbs[0]);
}

const struct verb *verb_at(size_t number)
{
	return &verbs[number];
}

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < verbs_count(); i++)
		if (verbs[i].name && strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

const char *verb_nearest(const char *name)
{
	struct nearest nearest;
	nearest_init(&nearest, text_of(name));
	for (size_t i = 0; i < verbs_count(); i++)
		if (verbs[i].name)
			nearest_offer(&nearest, verbs[i].name);
	return nearest.name;
}
