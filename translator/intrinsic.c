/* SPDX-License-Identifier: MIT */
/* The list of functions whose effects are known. */
#include "translator/intrinsic.h"

#include <assert.h>

enum { MAX_INTRINSICS = 32 };

static struct {
	const void *fn;
	Explain *explain;
} list[MAX_INTRINSICS];
static unsigned count;

Explain *intrinsic_find(const void *fn)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i].fn == fn)
			return list[i].explain;
	return 0;
}

void intrinsic_add(const void *fn, Explain *explain)
{
	if (!fn || intrinsic_find(fn))
		return;
	assert(count < MAX_INTRINSICS);
	list[count].fn = fn;
	list[count++].explain = explain;
}
