/* SPDX-License-Identifier: MIT */
/* What -d stats prints at the end: how much was translated, what it took, and why translated code was left. */
#include "translator/statistics.h"

#include <inttypes.h>
#include <unistd.h>

#include "translator/translate.h"

static const char *const names[COUNT_COUNT] = {
#define ROW(count, name) [count] = name,
	COUNTS(ROW)
#undef ROW
};

uint64_t statistics_counts[COUNT_COUNT];

static void print(const char *name, uint64_t number)
{
	log_printf("%s: %" PRIu64 "\n", name, number);
}

void translator_log_statistics(void)
{
	struct CacheStatistics s;

	if (!log_wants(LOG_STATS))
		return;
	cache_statistics(&s);
	print("statistics of process", getpid());
	print("blocks translated", s.blocks);
	print("regions translated", s.regions);
	print("guest instructions translated", s.guest_insns);
	print("guest code bytes", s.guest_bytes);
	print("host code bytes", s.host_bytes);
	print("metadata bytes", s.meta_bytes);
	print("code cache bytes in use", s.code_used);
	print("blocks invalidated", s.invalidations);
	print("blocks that became valid again", s.revivals);
	print("flushes", s.flushes);
	print("exits chained", s.chains);
	for (unsigned i = 0; i < COUNT_COUNT; i++)
		print(names[i], __atomic_load_n(&statistics_counts[i], __ATOMIC_RELAXED));
}
