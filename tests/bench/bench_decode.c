/* bench_decode FILE [ROUNDS]: decodes the events of an NDJSON file and prints CPU nanoseconds an event, the best round's. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "event.h"
#include "json_split.h"
#include "timestamp.h"

static int64_t cpu_ns(void)
{
	struct timespec time;
	return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 ? time.tv_sec * NS_PER_S + time.tv_nsec : 0;
}

static bool read_file(const char *path, struct buf *text)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return false;
	char *to = buf_reserve(text, 1 << 20);
	for (size_t got = 1; to && got > 0; to = buf_reserve(text, 1 << 20)) {
		got = fread(to, 1, 1 << 20, file);
		text->len += got;
	}
	(void)fclose(file);
	return buf_status(text) == STATUS_OK;
}

static uint64_t decode_all(
	struct event_decoder *decoder, struct text body, const struct event_rules *rules, uint64_t *rejected)
{
	static struct event event;
	struct json_split split;
	struct json_piece piece;
	uint64_t count = 0;
	json_split_begin(&split, body);
	for (; json_split_next(&split, &piece); count++) {
		struct reject why;
		*rejected += event_decode(decoder, piece.text, rules, &event, &why) != STATUS_OK;
	}
	return count;
}

int main(int argc, char **argv)
{
	struct buf text;
	struct event_decoder *decoder;
	buf_init(&text, (size_t)4 << 30);
	if (argc < 2 || !read_file(argv[1], &text) || event_decoder_create(&decoder) != STATUS_OK) {
		(void)fputs("usage: bench_decode FILE [ROUNDS]\n", stderr);
		return 2;
	}
	struct event_rules rules = {.tenant = TEXT("default"),
		.event_bytes_max = 16 << 20,
		.payload_bytes_max = 4 << 20,
		.depth_max = 64,
		.now_ns = timestamp_now()};
	double best_ns = 0;
	uint64_t count = 0;
	uint64_t rejected = 0;
	for (long round = argc > 2 ? strtol(argv[2], NULL, 10) : 5; round > 0; round--) {
		int64_t begun = cpu_ns();
		rejected = 0;
		count = decode_all(decoder, buf_text(&text), &rules, &rejected);
		double ns = (double)(cpu_ns() - begun) / (double)(count ? count : 1);
		if (best_ns == 0 || ns < best_ns)
			best_ns = ns;
	}
	printf("%.0f ns an event, %.0f bytes an event, %llu events, %llu rejected\n", best_ns,
		(double)text.len / (double)(count ? count : 1), (unsigned long long)count,
		(unsigned long long)rejected);
	event_decoder_destroy(&decoder);
	buf_finish(&text);
	return 0;
}
