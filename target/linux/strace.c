/* SPDX-License-Identifier: MIT */
/* -strace: one line of the log for each system call. */
#include "target/linux/strace.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "instrument/log.h"
#include "target/linux/strace_kinds.h"
#include "translator/translator.h"

/* Steps to the next word of a list of kinds; its length, 0 at the end. */
static size_t next_word(const char **word, size_t previous)
{
	*word += previous;
	*word += strspn(*word, " ");
	return strcspn(*word, " ");
}

unsigned strace_begin(struct Strace *strace, const struct SyscallRow *row)
{
	const char *word = row->arguments;
	size_t length = next_word(&word, 0);
	g_string_append_printf(strace->text, "%s(", row->name);
	unsigned i = 0;
	for (; length && !strace_argument_after(word, length); i++) {
		if (i)
			g_string_append(strace->text, ", ");
		strace_argument(strace, word, length, strace->a[i]);
		length = next_word(&word, length);
	}
	return i;
}

static void append_result(struct Strace *strace, const struct SyscallRow *row)
{
	int64_t result = strace->result;
	GString *text = strace->text;
	static const struct { int code; const char *text; } special[] = {
		{ GUEST_ERESTARTSYS, "? ERESTARTSYS (To be restarted if SA_RESTART is set)" },
		{ GUEST_ERESTARTNOINTR, "? ERESTARTNOINTR (To be restarted)" },
		{ GUEST_ERESTARTNOHAND, "? ERESTARTNOHAND (To be restarted if no handler)" },
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(special); i++)
		if (result == -special[i].code) {
			g_string_append(text, special[i].text);
			return;
		}
	if (result < 0 && result >= -4095) {
		const char *name = strerrorname_np(-result), *description = strerrordesc_np(-result);
		if (name)
			g_string_append_printf(text, "-1 %s (%s)", name, description);
		else
			g_string_append_printf(text, "-1 (errno %d)", (int)-result);
	} else if (!strcmp(row->result, "none")) {
		g_string_append_c(text, '?');
	} else if (!strcmp(row->result, "ptr")) {
		g_string_append_printf(text, "0x%llx", (unsigned long long)result);
	} else {
		strace_argument(strace, row->result, strlen(row->result), result);
	}
}

void strace_rest(struct Strace *strace, const struct SyscallRow *row, unsigned from)
{
	const char *word = row->arguments;
	size_t length = next_word(&word, 0);
	strace->after = true;
	for (unsigned i = 0; length; i++) {
		if (i >= from) {
			if (i)
				g_string_append(strace->text, ", ");
			/* what went in is there though the call failed */
			strace->after = strace_argument_after(word, length);
			strace_argument(strace, word, length, strace->a[i]);
		}
		length = next_word(&word, length);
	}
	strace->after = true;
	g_string_append(strace->text, ") = ");
	append_result(strace, row);
}

/* -- lines --------------------------------------------------------------------------------------------------------------------- */

struct StraceLine {
	struct Strace strace;
	const struct SyscallRow *row;   /* NULL: a number we do not know */
	uint64_t a[6];
	unsigned from;                  /* first argument not printed yet */
	bool told;                      /* written as unfinished */
};

static atomic_bool several;             /* there is or was more than one task: lines are told apart by thread */

static GString *line_new(void)
{
	GString *text = g_string_sized_new(128);
	if (several)
		g_string_printf(text, "[pid %5d] ", (int)gettid());
	return text;
}

/* A call that does not return if all goes well. */
static bool may_not_return(const struct SyscallRow *row)
{
	return !strcmp(row->result, "none") || !strcmp(row->result, "exec");
}

struct StraceLine *strace_enter(struct Task *task, const struct SyscallRow *row, int64_t number, const uint64_t a[6])
{
	struct StraceLine *line = g_new0(struct StraceLine, 1);
	(void)task;
	memcpy(line->a, a, sizeof(line->a));
	line->row = row;
	line->strace = (struct Strace){ .text = line_new(), .a = line->a, .read = guest_read };
	if (!row) {
		g_string_append_printf(line->strace.text, "syscall_%lld(0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx", (long long)number,
				       (unsigned long long)a[0], (unsigned long long)a[1], (unsigned long long)a[2], (unsigned long long)a[3],
				       (unsigned long long)a[4], (unsigned long long)a[5]);
		return line;
	}
	line->from = strace_begin(&line->strace, row);
	if (!strncmp(row->name, "clone", 5))
		several = true;
	if (may_not_return(row)) {
		bool never = !strcmp(row->result, "none");
		log_printf("%s%s\n", line->strace.text->str, never ? ") = ?" : " <unfinished ...>");
		log_flush();
		line->told = true;
	}
	return line;
}

void strace_leave(struct StraceLine *line, int64_t result)
{
	if (!line)
		return;
	line->strace.result = result;
	if (!line->row) {
		log_printf("%s) = -1 ENOSYS (%s)\n", line->strace.text->str, strerrordesc_np(ENOSYS));
	} else if (line->told) {
		g_string_free(line->strace.text, TRUE);
		line->strace.text = line_new();
		g_string_append_printf(line->strace.text, "<... %s resumed>", line->row->name);
		strace_rest(&line->strace, line->row, 6);
		log_printf("%s\n", line->strace.text->str);
	} else {
		strace_rest(&line->strace, line->row, line->from);
		log_printf("%s\n", line->strace.text->str);
	}
	strace_abandon(line);
}

void strace_abandon(struct StraceLine *line)
{
	if (!line)
		return;
	g_string_free(line->strace.text, TRUE);
	g_free(line);
}
