/* SPDX-License-Identifier: MIT */
/* The log: items, the file, and the buffer that all threads share. */
#include "instrument/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	LOG_BUFFER = 256 << 10,         /* bytes collected before a write to a file */
	LOG_LINE = 1024,                /* text up to this length is formatted without malloc */
	LOG_PIECES = 64 << 10,          /* bytes of an unfinished line kept back for its end */
	LOG_HIGH_FD = 1000,             /* where the descriptor goes, out of the way of guests that count theirs */
};

static const struct {
	const char *name;
	unsigned item;
	const char *help;
} items[] = {
	{ "in_asm", LOG_IN_ASM, "guest instructions of each block translated" },
	{ "op", LOG_OP, "intermediate representation of each block, probes included" },
	{ "op_opt", LOG_OP_OPT, "intermediate representation after optimisation" },
	{ "out_asm", LOG_OUT_ASM, "host code of each block" },
	{ "exec", LOG_EXEC, "each block before it runs" },
	{ "cpu", LOG_CPU, "registers before each block" },
	{ "strace", LOG_STRACE, "system calls of the guest" },
	{ "plugin", LOG_PLUGIN, "messages of QEMU TCG plugins, and what the loader learns of each plugin" },
	{ "nochain", LOG_NOCHAIN, "return to the run loop after each block (makes exec and cpu complete)" },
	{ "page", LOG_PAGE, "the guest's memory map at start" },
	{ "unimp", LOG_UNIMP, "requests for what is not implemented" },
	{ "stats", LOG_STATS, "at the end, how much was translated and why translated code was left" },
};

unsigned log_items;

/* A thread's line that has no end yet. */
struct Pieces {
	char *text;
	size_t used, size;
	struct Pieces *next;
};

static struct {
	pthread_mutex_t lock;
	int fd;                         /* -1: stderr, whatever descriptor 2 is at the time */
	bool buffered, failed;
	char *name, *forward;
	struct Pieces *pieces;          /* of all threads, under the lock */
	pthread_key_t key;              /* ends a thread's pieces */
	volatile size_t used;           /* of buffer; grows after the bytes are there, so that a crash finds whole text */
	volatile size_t written;        /* bytes of buffer that have been handed to the kernel */
	char buffer[LOG_BUFFER];
} logger = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

static _Thread_local struct Pieces *my_pieces;

/* -- items --------------------------------------------------------------------------------------------------- */

void log_set_items(unsigned wanted)
{
	__atomic_store_n(&log_items, wanted, __ATOMIC_RELAXED);
}

bool log_parse_items(const char *list, unsigned *result)
{
	char **names = g_strsplit(list, ",", -1);
	bool good = names[0] != NULL;

	*result = 0;
	for (char **name = names; *name && good; name++) {
		unsigned found = 0;
		for (size_t i = 0; i < G_N_ELEMENTS(items); i++)
			if (strcmp(*name, items[i].name) == 0 ||
			    (strcmp(*name, "all") == 0 && items[i].item != LOG_NOCHAIN))
				found |= items[i].item;
		good = found != 0;
		*result |= found;
	}
	g_strfreev(names);
	return good;
}

void log_help(void)
{
	printf("Log items (comma-separated):\n");
	for (size_t i = 0; i < G_N_ELEMENTS(items); i++)
		printf("  %-10s %s\n", items[i].name, items[i].help);
	printf("  %-10s all of these but nochain\n", "all");
}

/* -- writing out ------------------------------------------------------------------------------------------------ */

/* Hands LENGTH bytes to the kernel, whatever it takes, and counts them in *PROGRESS; async-signal-safe, errno kept. Returns 0, or
 * the error for which they cannot be written. */
static int write_all(int fd, const char *text, size_t length, volatile size_t *progress)
{
	int saved = errno, error = 0;

	while (length && !error) {
		ssize_t n = write(fd, text, length);
		if (n >= 0) {
			text += n;
			length -= n;
			if (progress)
				*progress += n;
		} else if (errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };
			poll(&wait, 1, 1000);
		} else if (errno != EINTR) {
			error = errno;
		}
	}
	errno = saved;
	return error;
}

static int log_fd(void)
{
	return logger.fd >= 0 ? logger.fd : STDERR_FILENO;
}

/* Says once that the log cannot be written if ERROR is not 0; the text is lost. Under the lock. */
static void check_written(int error)
{
	if (!error)
		return;
	if (!logger.failed && logger.fd >= 0)
		report("cannot write the log '%s': %s", logger.name, strerror(error));
	logger.failed = true;
}

/* Under the lock. */
static void write_buffer(void)
{
	if (!logger.used)
		return;
	check_written(write_all(log_fd(), logger.buffer + logger.written, logger.used - logger.written, &logger.written));
	/* A crash between these two writes nothing again: it takes the difference, and that only if positive. */
	logger.used = 0;
	logger.written = 0;
}

/* Under the lock. */
static void put(const char *text, size_t length)
{
	if (!logger.buffered || length > LOG_BUFFER / 2) {
		write_buffer();
		check_written(write_all(log_fd(), text, length, NULL));
		return;
	}
	if (length > LOG_BUFFER - logger.used)
		write_buffer();
	memcpy(logger.buffer + logger.used, text, length);
	atomic_signal_fence(memory_order_seq_cst);
	logger.used += length;
}

/* -- lines in pieces ---------------------------------------------------------------------------------------------- */

/* A thread ends: so does its unfinished line, lest another thread's text follows on it. */
static void pieces_end(void *data)
{
	struct Pieces *mine = data;

	pthread_mutex_lock(&logger.lock);
	for (struct Pieces **p = &logger.pieces; *p; p = &(*p)->next)
		if (*p == mine) {
			*p = mine->next;
			break;
		}
	if (mine->used) {
		put(mine->text, mine->used);
		put("\n", 1);
	}
	pthread_mutex_unlock(&logger.lock);
	my_pieces = NULL;
	g_free(mine->text);
	g_free(mine);
}

static void make_key(void)
{
	pthread_key_create(&logger.key, pieces_end);
}

/* Keeps TEXT back until the line ends. Under the lock. */
static void pieces_add(const char *text, size_t length)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!my_pieces) {
		pthread_once(&once, make_key);
		my_pieces = g_new0(struct Pieces, 1);
		my_pieces->next = logger.pieces;
		logger.pieces = my_pieces;
		pthread_setspecific(logger.key, my_pieces);
	}
	struct Pieces *mine = my_pieces;
	if (mine->used + length > LOG_PIECES) {
		put(mine->text, mine->used);
		mine->used = 0;
		if (length > LOG_PIECES) {
			put(text, length);
			return;
		}
	}
	if (mine->used + length > mine->size) {
		mine->size = MAX(mine->size * 2, mine->used + length);
		mine->text = g_realloc(mine->text, mine->size);
	}
	memcpy(mine->text + mine->used, text, length);
	atomic_signal_fence(memory_order_seq_cst);
	mine->used += length;
}

/* All threads' unfinished lines as they are. Under the lock. */
static void pieces_put_all(void)
{
	for (struct Pieces *p = logger.pieces; p; p = p->next) {
		put(p->text, p->used);
		p->used = 0;
	}
}

void log_write(const char *text, size_t length)
{
	if (!length)
		return;
	const char *end = memrchr(text, '\n', length);
	size_t whole = end ? end + 1 - text : 0;

	pthread_mutex_lock(&logger.lock);
	if (whole) {
		if (my_pieces && my_pieces->used) {
			pieces_add(text, whole);
			put(my_pieces->text, my_pieces->used);
			my_pieces->used = 0;
		} else {
			put(text, whole);
		}
	}
	if (whole < length)
		pieces_add(text + whole, length - whole);
	pthread_mutex_unlock(&logger.lock);
}

void log_vprintf(const char *format, va_list args)
{
	char line[LOG_LINE];
	va_list again;

	va_copy(again, args);
	int length = vsnprintf(line, sizeof line, format, args);
	if (length < 0) {
		va_end(again);
		return;
	}
	if ((size_t)length < sizeof line) {
		log_write(line, length);
	} else {
		char *text = g_strdup_vprintf(format, again);
		log_write(text, strlen(text));
		g_free(text);
	}
	va_end(again);
}

void log_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vprintf(format, args);
	va_end(args);
}

/* -- opening, flushing, forking --------------------------------------------------------------------------------------- */

/* FILE with each %d replaced by the process id. */
static char *expand_name(const char *file)
{
	GString *name = g_string_new(NULL);

	for (; *file; file++)
		if (file[0] == '%' && file[1] == 'd') {
			g_string_append_printf(name, "%d", (int)getpid());
			file++;
		} else {
			g_string_append_c(name, *file);
		}
	return g_string_free(name, FALSE);
}

/* Moves FD to a high number; keeps it where it is if there is none. */
static int move_high(int fd)
{
	struct rlimit limit;
	int floor = LOG_HIGH_FD;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < LOG_HIGH_FD + 32)
		floor = limit.rlim_cur > 64 ? (int)limit.rlim_cur - 32 : 0;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, floor);
	if (high < 0)
		return fd;
	close(fd);
	return high;
}

bool log_open(const char *file, char **error)
{
	if (!file)
		return true;
	bool add = file[0] == '+' && file[1];
	char *name = expand_name(file + add);
	int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | (add ? 0 : O_TRUNC), 0666);

	if (fd < 0) {
		*error = g_strdup_printf("cannot open the log '%s': %s; name a writable file with -D", name, strerror(errno));
		g_free(name);
		return false;
	}
	fd = move_high(fd);
	pthread_mutex_lock(&logger.lock);
	write_buffer();
	if (logger.fd >= 0)
		close(logger.fd);
	g_free(logger.name);
	g_free(logger.forward);
	logger.fd = fd;
	logger.name = name;
	char *absolute = g_canonicalize_filename(file + add, NULL);
	logger.forward = g_strconcat("+", absolute, NULL);
	g_free(absolute);
	logger.buffered = !isatty(fd);
	logger.failed = false;
	pthread_mutex_unlock(&logger.lock);
	return true;
}

const char *log_forward_file(void)
{
	return logger.forward;
}

int log_descriptor(void)
{
	return logger.fd;
}

void log_flush(void)
{
	pthread_mutex_lock(&logger.lock);
	pieces_put_all();
	write_buffer();
	pthread_mutex_unlock(&logger.lock);
}

void log_flush_crash(void)
{
	static const struct timespec millisecond = { .tv_nsec = 1000000 };
	bool locked = false;

	/* Another thread in the middle of a write comes out soon; if the lock is the crashing thread's own, it never does. */
	for (int i = 0; i < 100 && !locked; i++) {
		locked = pthread_mutex_trylock(&logger.lock) == 0;
		if (!locked)
			nanosleep(&millisecond, NULL);
	}
	size_t used = logger.used, written = logger.written;
	if (used > written)
		write_all(log_fd(), logger.buffer + written, used - written, NULL);
	logger.used = logger.written = 0;
	for (struct Pieces *p = logger.pieces; p; p = p->next) {
		write_all(log_fd(), p->text, p->used, NULL);
		p->used = 0;
	}
	if (locked)
		pthread_mutex_unlock(&logger.lock);
}

void log_fork_prepare(void)
{
	fflush(NULL);
	pthread_mutex_lock(&logger.lock);
	write_buffer();
}

void log_fork_done(bool child)
{
	if (child) {
		/* Unfinished lines are the parent's to finish. The other threads' records leak: their threads are not here. */
		for (struct Pieces *p = logger.pieces; p; p = p->next)
			p->used = 0;
		logger.pieces = my_pieces;
		if (my_pieces)
			my_pieces->next = NULL;
	}
	pthread_mutex_unlock(&logger.lock);
}

void report(const char *format, ...)
{
	static const char prefix[] = "forerun: ";
	char line[4096];
	va_list args;

	memcpy(line, prefix, sizeof prefix);
	va_start(args, format);
	int n = vsnprintf(line + sizeof prefix - 1, sizeof line - sizeof prefix, format, args);
	va_end(args);
	size_t length = sizeof prefix - 1 + (n < 0 ? 0 : MIN((size_t)n, sizeof line - sizeof prefix - 1));
	line[length++] = '\n';
	write_all(STDERR_FILENO, line, length, NULL);
}
