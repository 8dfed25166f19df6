/*
 * The prefilter.  Every secret redact_scan can find holds one of these (any case where the scan takes any case):
 *
 *   yJ              JWT ("eyJ")                  h?_ behind g    GitHub tokens ("ghp_")
 *   rer             bearer                       x?x             Slack tokens ("xoxb-")
 *   -B              PEM ("-----BEGIN")           sk-             API keys
 *   IA              AWS keys ("AKIA", "ASIA")    :/              scheme://user:password@
 *   oki riz p-p     cookie, authorization, Mcp-Param
 *   LETTER =        parameters                   LETTER '        members in text (in decoded text also LETTER " and \)
 *
 * All are tested at 32 places at once, by vectors of the compiler's own; nothing here branches on a single byte.
 */
#include "redact_scan.h"

enum { LANES = 32, AHEAD = 3 };

typedef uint8_t lanes __attribute__((vector_size(LANES)));

#define IS(lane, byte) ((lanes)((lane) == (uint8_t)(byte)))

/* Adds the places where a secret may begin; reads LANES + AHEAD bytes. */
static inline __attribute__((always_inline)) void find_lanes(const char *at, bool raw, lanes *found)
{
	lanes a, b, c, d;
	memcpy(&a, at, LANES);
	memcpy(&b, at + 1, LANES);
	memcpy(&c, at + 2, LANES);
	memcpy(&d, at + 3, LANES);
	lanes lower_a = a | 0x20;
	lanes lower_b = b | 0x20;
	lanes lower_c = c | 0x20;
	lanes letter = (lanes)((lower_a - (uint8_t)'a') < 26);
	lanes after_letter = IS(b, '=') | IS(b, '\'');
	if (!raw)
		after_letter |= IS(b, '"') | IS(b, '\\');
	*found |= letter & after_letter;
	*found |= IS(a, 'y') & IS(b, 'J');
	*found |= IS(lower_a, 'r') & ((IS(lower_b, 'e') & IS(lower_c, 'r')) | (IS(lower_b, 'i') & IS(lower_c, 'z')));
	*found |= IS(a, '-') & IS(b, 'B');
	*found |= IS(a, 'I') & IS(b, 'A');
	*found |= IS(a, 'g') & IS(b, 'h') & IS(d, '_');
	*found |= IS(a, 'x') & IS(c, 'x');
	*found |= IS(a, 's') & IS(b, 'k') & IS(c, '-');
	*found |= IS(a, ':') & IS(b, '/');
	*found |= IS(lower_a, 'o') & IS(lower_b, 'k') & IS(lower_c, 'i');
	*found |= IS(lower_a, 'p') & IS(b, '-') & IS(lower_c, 'p');
}

static inline __attribute__((always_inline)) bool suspect(struct text text, bool raw)
{
	lanes found = {0};
	size_t i = 0;
	for (; i + LANES + AHEAD <= text.len; i += LANES)
		find_lanes(text.at + i, raw, &found);
	char tail[2 * LANES + AHEAD] = {0};
	if (i < text.len)
		memcpy(tail, text.at + i, text.len - i);
	find_lanes(tail, raw, &found);
	find_lanes(tail + LANES, raw, &found);
	uint64_t words[LANES / 8];
	memcpy(words, &found, LANES);
	return (words[0] | words[1] | words[2] | words[3]) != 0;
}

#if defined(__x86_64__)
static __attribute__((target("avx2"))) bool suspect_avx2(struct text text, bool raw)
{
	return raw ? suspect(text, true) : suspect(text, false);
}
#endif

bool redact_suspect(struct text text, bool raw)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return suspect_avx2(text, raw);
#endif
	return raw ? suspect(text, true) : suspect(text, false);
}
