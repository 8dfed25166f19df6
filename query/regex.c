#include "regex.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "regex_words.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/*
 * JIT where the system lets us make code, the interpreter where not (MemoryDenyWriteExecute) or where the JIT's small
 * stack is not enough.  Both count their steps against the match limit; the interpreter also counts its memory.
 *
 * The steps that are allowed grow with the text: an innocent pattern may take a few at each byte of a large payload,
 * while one that explodes takes thousands.
 */

enum {
	NESTING_MAX = 50,
	STEPS_MAX = 1000 * 1000,
	STEPS_PER_BYTE = 16,
	DEPTH_MAX = 100 * 1000,
	HEAP_KIB_MAX = 16 * 1024,
	JIT_STACK_BYTES = 32 * 1024,
	JIT_STACK_BYTES_MAX = 512 * 1024,
	ASKERS_MAX = 8,
};

/* What a match writes to; whoever asks takes one. */
struct asker {
	atomic_bool taken;
	pcre2_match_data *data; /* NULL: not yet made */
	pcre2_match_context *limits;
	pcre2_jit_stack *stack; /* NULL: the interpreter */
};

struct regex {
	pcre2_code *code;
	bool has_jit;
	struct asker askers[ASKERS_MAX];
	size_t words;
	struct text word[REGEX_WORDS_MAX];
};

static void finish_asker(struct asker *asker)
{
	pcre2_jit_stack_free(asker->stack);
	pcre2_match_context_free(asker->limits);
	pcre2_match_data_free(asker->data);
	asker->stack = NULL;
	asker->limits = NULL;
	asker->data = NULL;
}

static void finish(void *object)
{
	struct regex *regex = object;
	for (unsigned i = 0; i < ASKERS_MAX; i++)
		finish_asker(&regex->askers[i]);
	pcre2_code_free(regex->code);
}

static enum status compile_code(
	struct text pattern, bool any_case, pcre2_compile_context *rules, struct regex *regex, struct error *error)
{
	int fault = 0;
	PCRE2_SIZE at = 0;
	PCRE2_UCHAR text[200];
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
			   (any_case ? (uint32_t)PCRE2_CASELESS : 0);
	regex->code = pcre2_compile((PCRE2_SPTR)pattern.at, pattern.len, options, &fault, &at, rules);
	if (regex->code)
		return STATUS_OK;
	if (fault == PCRE2_ERROR_HEAP_FAILED)
		return STATUS_NO_MEMORY;
	(void)pcre2_get_error_message(fault, text, sizeof(text));
	enum status status = error_set(error, STATUS_INVALID, "regular expression: %s", (const char *)text);
	if (error)
		error->column = (unsigned)(at < pattern.len ? at : pattern.len) + 1;
	return status;
}

/* Without JIT code, and without a stack for it, the interpreter does. */
static enum status prepare(const struct regex *regex, struct asker *asker)
{
	asker->limits = pcre2_match_context_create(NULL);
	asker->data = pcre2_match_data_create(1, NULL);
	if (asker->data == NULL || asker->limits == NULL) {
		finish_asker(asker);
		return STATUS_NO_MEMORY;
	}
	pcre2_set_depth_limit(asker->limits, DEPTH_MAX);
	pcre2_set_heap_limit(asker->limits, HEAP_KIB_MAX);
	if (regex->has_jit)
		asker->stack = pcre2_jit_stack_create(JIT_STACK_BYTES, JIT_STACK_BYTES_MAX, NULL);
	if (asker->stack)
		pcre2_jit_stack_assign(asker->limits, NULL, asker->stack);
	return STATUS_OK;
}

enum status regex_compile(
	struct text pattern, bool any_case, struct arena *arena, struct regex **regex, struct error *error)
{
	if (pattern.len > REGEX_BYTES_MAX)
		return error_set(error, STATUS_INVALID, "a regular expression may have %d bytes", REGEX_BYTES_MAX);
	struct regex *made = arena_calloc(arena, 1, sizeof(*made));
	pcre2_compile_context *rules = pcre2_compile_context_create(NULL);
	enum status status = STATUS_NO_MEMORY;
	if (made && rules && arena_at_end(arena, finish, made)) {
		pcre2_set_parens_nest_limit(rules, NESTING_MAX);
		status = compile_code(pattern, any_case, rules, made, error);
	}
	if (status == STATUS_OK) {
		made->has_jit = pcre2_jit_compile(made->code, PCRE2_JIT_COMPLETE) == 0;
		status = prepare(made, &made->askers[0]);
	}
	if (status == STATUS_OK)
		status = regex_words_find(pattern, any_case, arena, made->word, &made->words);
	pcre2_compile_context_free(rules);
	if (status == STATUS_OK)
		*regex = made;
	return status;
}

/* One that nobody else has; waits where there are more who ask than ASKERS_MAX. */
static struct asker *take_asker(struct regex *regex)
{
	for (unsigned i = 0;; i++) {
		if (!atomic_exchange_explicit(&regex->askers[i % ASKERS_MAX].taken, true, memory_order_acquire))
			return &regex->askers[i % ASKERS_MAX];
		if (i % ASKERS_MAX == ASKERS_MAX - 1)
			(void)sched_yield();
	}
}

static int match(const struct regex *regex, const struct asker *asker, struct text text, uint32_t options)
{
	uint64_t steps = STEPS_MAX + (uint64_t)text.len * STEPS_PER_BYTE;
	pcre2_set_match_limit(asker->limits, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
	return pcre2_match(
		regex->code, (PCRE2_SPTR)(text.at ? text.at : ""), text.len, 0, options, asker->data, asker->limits);
}

enum status regex_find(struct regex *regex, struct text text)
{
	struct asker *asker = take_asker(regex);
	int found = PCRE2_ERROR_NOMEMORY;
	if (asker->data || prepare(regex, asker) == STATUS_OK)
		found = match(regex, asker, text, 0);
	if (found == PCRE2_ERROR_JIT_STACKLIMIT)
		found = match(regex, asker, text, PCRE2_NO_JIT);
	atomic_store_explicit(&asker->taken, false, memory_order_release);
	if (found >= 0)
		return STATUS_OK;
	switch (found) {
	case PCRE2_ERROR_NOMATCH:
		return STATUS_NOT_FOUND;
	case PCRE2_ERROR_NOMEMORY:
		return STATUS_NO_MEMORY;
	default: /* limits of steps, depth and memory, and loops of recursion */
		return STATUS_LIMIT;
	}
}

size_t regex_words(const struct regex *regex, const struct text **words)
{
	*words = regex->word;
	return regex->words;
}
