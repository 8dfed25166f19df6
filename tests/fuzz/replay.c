/*
 * Feeds a fuzz target the files of a folder, each of their beginnings, and random mutations of them.
 * Usage: replay-NAME FOLDER [SEED].  The seed is printed; the same seed gives the same inputs.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "fuzz.h"

enum { FILE_BYTES_MAX = 64 * 1024, CUTS_MAX = 512, MUTATIONS = 2000, CHANGES_MAX = 6 };

static uint64_t state;

/* xorshift64*: good enough to mutate, and the same everywhere. */
static uint64_t next_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(0x2545F4914F6CDD1D);
}

/* A copy of exactly len bytes, so that the address sanitizer sees a read beyond its end. */
static void feed(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	if (copy == NULL)
		abort();
	if (len)
		memcpy(copy, bytes, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void mutate(const uint8_t *bytes, size_t len)
{
	uint8_t changed[FILE_BYTES_MAX];
	size_t changed_len = len;
	memcpy(changed, bytes, len);
	for (uint64_t left = 1 + next_random() % CHANGES_MAX; left && changed_len; left--) {
		size_t at = next_random() % changed_len;
		size_t span = 1 + next_random() % 8;
		switch (next_random() % 4) {
		case 0:
			changed[at] ^= (uint8_t)(1U << (next_random() % 8));
			break;
		case 1:
			changed[at] = (uint8_t)next_random();
			break;
		case 2:
			span = span < changed_len - at ? span : changed_len - at;
			memmove(changed + at, changed + at + span, changed_len - at - span);
			changed_len -= span;
			break;
		default:
			if (changed_len + span <= FILE_BYTES_MAX) {
				memmove(changed + at + span, changed + at, changed_len - at);
				changed_len += span;
			}
			break;
		}
	}
	feed(changed, changed_len);
}

static int replay_file(const char *path)
{
	static uint8_t bytes[FILE_BYTES_MAX];
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		return 1;
	}
	size_t len = fread(bytes, 1, sizeof(bytes), file);
	(void)fclose(file);
	feed(bytes, len);
	for (size_t cut = 0; cut < len; cut += 1 + len / CUTS_MAX)
		feed(bytes, cut);
	for (int i = 0; i < MUTATIONS; i++)
		mutate(bytes, len);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent **entries = NULL;
	int count = argc > 1 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
	int failed = 0;
	int replayed = 0;
	if (count < 0) {
		(void)fprintf(stderr, "usage: %s FOLDER [SEED]\n", argv[0]);
		return 2;
	}
	if (argc > 2)
		state = strtoull(argv[2], NULL, 10);
	else if (getrandom(&state, sizeof(state), 0) != sizeof(state))
		return 1;
	state |= 1;
	printf("seed %llu\n", (unsigned long long)state);
	(void)fflush(stdout);
	for (int i = 0; i < count; i++) {
		char path[4096];
		(void)snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			failed |= replay_file(path);
			replayed++;
		}
		free(entries[i]);
	}
	free(entries);
	return failed || replayed == 0;
}
