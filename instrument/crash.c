/* SPDX-License-Identifier: MIT */
/* The report of a crash that is not the guest's. Everything here is async-signal-safe. */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "instrument/host/machine.h"
#include "instrument/loader.h"
#include "instrument/log.h"
#include "instrument/probe.h"
#include "translator/fault.h"
#include "translator/translate.h"

enum {
	STACK_WORDS = 1 << 16,          /* of the stack between crash and translated code that are looked at */
	STACK_GUESS = 1024, STACK_STEP = 64,    /* words looked at, and copied at a time, where there is no frame of translated code */
	REPORT_MAX = 1024,
};

#define BUG_ADDRESS "this is a bug of forerun: please report it with the command line and the program"

/* Text put together without stdio. */
struct Text {
	char text[REPORT_MAX];
	size_t used;
};

static void add(struct Text *t, const char *s)
{
	while (*s && t->used < sizeof t->text)
		t->text[t->used++] = *s++;
}

static void add_hex(struct Text *t, uint64_t value)
{
	char digits[19], *p = digits + sizeof digits - 1;

	*p = 0;
	do
		*--p = "0123456789abcdef"[value & 15];
	while (value >>= 4);
	*--p = 'x';
	*--p = '0';
	add(t, p);
}

static void add_signal(struct Text *t, int sig)
{
	const char *name = sigabbrev_np(sig);
	add(t, "SIG");
	add(t, name ? name : "?");
}

/* What was running when the host crashed. */
struct Culprit {
	const struct Plugin *plugin;    /* NULL: forerun */
	const char *callback;           /* outermost function of the plugin, or NULL */
	const char *function;           /* innermost, or NULL */
};

static const struct Plugin *plugin_at(uint64_t addr)
{
	for (const struct Plugin *p = plugin_first(); p; p = p->next)
		if (image_contains(&p->image, addr))
			return p;
	return NULL;
}

/* Takes WORD of the stack into account: a return address into a plugin, each further out than those before? */
static void consider(struct Culprit *culprit, uint64_t word)
{
	const struct Plugin *plugin = plugin_at(word - 1);
	if (!plugin)
		return;
	const struct ImageSymbol *symbol = image_symbol(&plugin->image, word - 1);
	culprit->plugin = plugin;
	if (symbol) {
		culprit->callback = symbol->name;
		if (!culprit->function)
			culprit->function = symbol->name;
	}
}

/* Looks at the crash's PC and the words of the stack from SP up to END, the frame of translated code; END 0: it is unknown. */
static void search_stack(uint64_t pc, uint64_t sp, uint64_t end, struct Culprit *culprit)
{
	uint64_t words[STACK_GUESS];
	size_t n = 0;

	consider(culprit, pc + 1);
	if (!sp)
		return;
	sp = (sp + 7) & ~(uint64_t)7;
	if (end > sp && end - sp <= STACK_WORDS * sizeof words[0]) {
		for (const uint64_t *word = (const uint64_t *)sp; (uintptr_t)(word + 1) <= end; word++)
			consider(culprit, *word);
		return;
	}
	/* The stack may end anywhere: the kernel copies what there is. */
	while (n < STACK_GUESS) {
		struct iovec to = { words + n, STACK_STEP * sizeof *words }, from = { (void *)(uintptr_t)(sp + n * sizeof *words), to.iov_len };
		if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != (ssize_t)to.iov_len)
			break;
		n += STACK_STEP;
	}
	for (size_t i = 0; i < n; i++)
		consider(culprit, words[i]);
}

/* The function whose body at host PC translated code has in place of a call; NULL: none. */
static const void *inlined_at(const void *pc)
{
	return host && host->inlined && cache_has_code(pc) ? host->inlined(cache_find_code(pc), pc) : NULL;
}

/* The guest instruction whose translation is at PC or called what crashed there; 0: none. */
static uint64_t guest_pc(const void *pc, const struct Cpu *cpu)
{
	const void *back;

	if (!cpu || !cpu->running || !cpu->host_frame || !host || !host->is_jit)
		return cpu ? cpu->pc : 0;
	memcpy(&back, (const char *)cpu->host_frame - sizeof back, sizeof back);
	if (cache_has_code(pc))
		back = pc;
	if (!cache_has_code(back))
		return cpu->pc;
	const struct Block *block = cache_find_code(back);
	uint64_t found = block ? host->guest_pc(block, back) : 0;
	return found ? found : cpu->pc;
}

static struct Culprit find_culprit(const void *ucontext, const struct Cpu *cpu)
{
	struct Culprit culprit = { 0 };
	uint64_t sp = ucontext ? machine.stack_pointer(ucontext) : 0;
	const void *inlined = inlined_at(ucontext_pc(ucontext));

	if (inlined) {
		consider(&culprit, (uintptr_t)inlined + 1);
		return culprit;
	}
	search_stack((uintptr_t)ucontext_pc(ucontext), sp, cpu && cpu->running ? (uint64_t)(uintptr_t)cpu->host_frame : 0, &culprit);
	if (calling.owner) {
		culprit.plugin = calling.owner;
		culprit.callback = calling.name;
	}
	return culprit;
}

static void die(int sig)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigaction(sig, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + sig);
}

void instrument_crash(int sig, void *fault_addr, void *ucontext, struct Cpu *cpu)
{
	static volatile sig_atomic_t crashing;
	struct Text t = { .used = 0 };

	if (crashing)
		die(sig);
	crashing = 1;
	struct Culprit culprit = find_culprit(ucontext, cpu);
	add(&t, "forerun: ");
	add_signal(&t, sig);
	if (sig == SIGSEGV || sig == SIGBUS) {
		add(&t, " at address ");
		add_hex(&t, (uintptr_t)fault_addr);
	}
	if (culprit.plugin) {
		add(&t, " in plugin '");
		add(&t, culprit.plugin->given);
		add(&t, "', callback ");
		add(&t, culprit.callback ? culprit.callback : "unknown");
		if (culprit.function && (!culprit.callback || strcmp(culprit.function, culprit.callback) != 0)) {
			add(&t, ", function ");
			add(&t, culprit.function);
		}
	} else {
		add(&t, " in forerun itself");
	}
	add(&t, ", host pc ");
	add_hex(&t, (uintptr_t)ucontext_pc(ucontext));
	if (cpu) {
		add(&t, ", guest pc ");
		add_hex(&t, guest_pc(ucontext_pc(ucontext), cpu));
	}
	if (!culprit.plugin)
		add(&t, "; " BUG_ADDRESS);
	if (t.used == sizeof t.text)
		t.used--;
	t.text[t.used++] = '\n';
	log_flush_crash();
	for (size_t done = 0; done < t.used;) {
		ssize_t n = write(STDERR_FILENO, t.text + done, t.used - done);
		if (n <= 0)
			break;
		done += n;
	}
	die(sig);
	__builtin_unreachable();
}
