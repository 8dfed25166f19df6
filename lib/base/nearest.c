#include "nearest.h"

enum { NAME_BYTES_MAX = 80 };

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits (insert, delete, replace one byte) that make a into b; both at most NAME_BYTES_MAX long. */
static size_t count_edits(struct text a, struct text b)
{
	size_t row[NAME_BYTES_MAX + 1];
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t above = row[j];
			size_t replaced = diagonal + (a.at[i - 1] != b.at[j - 1]);
			row[j] = smaller(replaced, smaller(above, row[j - 1]) + 1);
			diagonal = above;
		}
	}
	return row[b.len];
}

void nearest_init(struct nearest *nearest, struct text typed)
{
	size_t allowed = typed.len / 3;
	*nearest = (struct nearest){.typed = typed, .edits = (allowed ? allowed : 1) + 1};
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	struct text known = text_of(name);
	if (nearest->typed.len > NAME_BYTES_MAX || known.len > NAME_BYTES_MAX)
		return;
	size_t edits = count_edits(nearest->typed, known);
	if (edits < nearest->edits) {
		nearest->edits = edits;
		nearest->name = name;
	}
}
