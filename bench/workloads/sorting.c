/* SPDX-License-Identifier: MIT */
/* Workload: sorting and searching - quick sort, a heap, a search tree, binary search, all over integers. group: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 1 << 13 };
struct Node { uint32_t key; struct Node *child[2]; };
static uint32_t source[N], values[N], heap[N];
static struct Node nodes[N];

static void quick_sort(uint32_t *low, uint32_t *high)   /* high is the last one's address */
{
	while (high - low > 12) {
		uint32_t pivot = low[(high - low) / 2], *i = low, *j = high;
		while (i <= j) {
			while (*i < pivot)
				i++;
			while (*j > pivot)
				j--;
			if (i <= j) {
				uint32_t t = *i;
				*i++ = *j;
				*j-- = t;
			}
		}
		if (j - low < high - i) {
			quick_sort(low, j);
			low = i;
		} else {
			quick_sort(i, high);
			high = j;
		}
	}
	for (uint32_t *i = low + 1; i <= high; i++) {
		uint32_t v = *i, *j = i;
		for (; j > low && j[-1] > v; j--)
			*j = j[-1];
		*j = v;
	}
}

static void sift(uint32_t *h, unsigned n, unsigned at)
{
	uint32_t v = h[at];

	for (unsigned child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && h[child + 1] > h[child])
			child++;
		if (h[child] <= v)
			break;
		h[at] = h[child];
	}
	h[at] = v;
}

static void heap_sort(uint32_t *h, unsigned n)
{
	for (unsigned i = n / 2; i--;)
		sift(h, n, i);
	while (--n) {
		uint32_t top = h[0];
		h[0] = h[n];
		h[n] = top;
		sift(h, n, 0);
	}
}

static const struct Node *grow(void)
{
	struct Node *root = NULL;

	for (unsigned i = 0; i < N; i++) {
		struct Node **at = &root;
		while (*at)
			at = &(*at)->child[source[i] > (*at)->key];
		*at = &nodes[i];
		nodes[i] = (struct Node){ source[i], { NULL, NULL } };
	}
	return root;
}

static unsigned depth(const struct Node *root, uint32_t key)
{
	unsigned n = 0;
	for (; root && root->key != key; n++)
		root = root->child[key > root->key];
	return n;
}

static unsigned place(const uint32_t *sorted, uint32_t key)
{
	unsigned low = 0, high = N;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (sorted[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100, seed = 7;
	unsigned long sum = 0;

	for (unsigned round = 0; round < 3 * scale / 2; round++) {
		for (unsigned i = 0; i < N; i++) {
			seed = seed * 1664525 + 1013904223;
			source[i] = values[i] = heap[i] = seed >> 4;
		}
		quick_sort(values, values + N - 1);
		heap_sort(heap, N);
		const struct Node *root = grow();
		for (unsigned i = 0; i < N; i++) {
			if (values[i] != heap[i])
				return 1;
			sum += depth(root, source[i]) * 3 + place(values, source[i]);
		}
	}
	printf("%lu\n", sum);
	return 0;
}
