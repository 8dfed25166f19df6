#include "observation.h"

void observation_add(const struct observation *observation, int64_t now)
{
	static const uint8_t none[16];
	struct metric_exemplar exemplar = {.time = now};
	memcpy(exemplar.trace_id, observation->trace_id, sizeof(exemplar.trace_id));
	bool is_traced = memcmp(exemplar.trace_id, none, sizeof(none)) != 0;
	if (observation->total)
		metric_add_traced(observation->total, 1, is_traced ? &exemplar : NULL);
	if (observation->auth)
		metric_add(observation->auth, 1);
	if (observation->duration)
		metric_observe_traced(observation->duration, observation->duration_ns, is_traced ? &exemplar : NULL);
}
