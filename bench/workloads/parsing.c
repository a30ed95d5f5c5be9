/* SPDX-License-Identifier: MIT */
/* Workload: reading structured text - a JSON document parsed into a tree, walked, looked up by name and printed again. group: integer */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum Kind { NULL_VALUE, TRUE_VALUE, FALSE_VALUE, NUMBER, STRING, LIST, OBJECT };
struct Value {
	enum Kind kind;
	long number;
	const char *name, *text;        /* name: of an object's member */
	struct Value *first, *next;
};
enum { VALUES = 8192, BYTES = 1 << 17 };
static struct Value pool[VALUES];
static char document[BYTES], again[BYTES], strings[BYTES];
static unsigned used, held;

static const char *skip(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\t')
		p++;
	return p;
}

static const char *parse_string(const char *p, const char **text)
{
	*text = strings + held;
	for (p++; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		strings[held++] = *p;
	}
	strings[held++] = 0;
	return p + 1;
}

static const char *parse(const char *p, struct Value **result)
{
	struct Value *v = *result = &pool[used++], **at = &v->first;

	*v = (struct Value){ NULL_VALUE, 0, NULL, NULL, NULL, NULL };
	p = skip(p);
	switch (*p) {
	case '{':
	case '[':
		v->kind = *p == '{' ? OBJECT : LIST;
		for (p = skip(p + 1); *p != '}' && *p != ']'; p = skip(p)) {
			const char *name = NULL;
			if (v->kind == OBJECT)
				p = skip(parse_string(p, &name)) + 1;
			p = skip(parse(p, at));
			(*at)->name = name;
			at = &(*at)->next;
			if (*p == ',')
				p = skip(p + 1);
		}
		return p + 1;
	case '"':
		v->kind = STRING;
		return parse_string(p, &v->text);
	case 't': v->kind = TRUE_VALUE; return p + 4;
	case 'f': v->kind = FALSE_VALUE; return p + 5;
	case 'n': return p + 4;
	default:
		v->kind = NUMBER;
		int minus = *p == '-';
		for (p += minus; *p >= '0' && *p <= '9'; p++)
			v->number = v->number * 10 + *p - '0';
		v->number = minus ? -v->number : v->number;
		return p;
	}
}

static char *put(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	return to;
}

static char *put_string(char *to, const char *text)
{
	*to++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*to++ = '\\';
		*to++ = *text;
	}
	*to++ = '"';
	return to;
}

static char *put_number(char *to, long n)
{
	char digits[24], *p = digits + sizeof digits;
	unsigned long v = n < 0 ? -(unsigned long)n : (unsigned long)n;

	if (n < 0)
		*to++ = '-';
	*--p = 0;
	do
		*--p = '0' + v % 10;
	while (v /= 10);
	return put(to, p);
}

static char *print(char *to, const struct Value *v)
{
	static const char *const plain[] = { "null", "true", "false" };

	if (v->kind <= FALSE_VALUE)
		return put(to, plain[v->kind]);
	if (v->kind == NUMBER)
		return put_number(to, v->number);
	if (v->kind == STRING)
		return put_string(to, v->text);
	*to++ = v->kind == OBJECT ? '{' : '[';
	for (const struct Value *m = v->first; m; m = m->next) {
		if (m->name)
			to = put(put_string(to, m->name), ":");
		to = print(to, m);
		if (m->next)
			*to++ = ',';
	}
	*to++ = v->kind == OBJECT ? '}' : ']';
	return to;
}

static const struct Value *member(const struct Value *object, const char *name)
{
	for (const struct Value *m = object->first; m; m = m->next)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	unsigned long sum = 0;
	char *to = document;

	*to++ = '[';
	for (int i = 0; i < 400; i++)
		to += sprintf(to, "%s{\"id\": %d, \"name\": \"part \\\"%d\\\" of many\", \"tags\": [\"red\", \"of wood\", %d, true],\n\t\"size\": {\"width\": %d, "
			      "\"height\": -%d, \"depth\": null}, \"price\": %d}", i ? ", " : "", i, i * 7, i * i, i % 50, i % 31, i * 1237 % 10007);
	strcpy(to, "]");
	for (unsigned round = 0; round < 24 * scale; round++) {
		struct Value *list;
		used = held = 0;
		parse(round ? again : document, &list);
		for (const struct Value *v = list->first; v; v = v->next)
			sum += member(v, "price")->number - member(member(v, "size"), "height")->number + strlen(member(v, "name")->text);
		list->first->first->number = round;
		*print(again, list) = 0;
	}
	printf("%lu %zu\n", sum, strlen(again));
	return 0;
}
