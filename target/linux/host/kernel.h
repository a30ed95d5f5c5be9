/* SPDX-License-Identifier: MIT */
/* The host kernel's entry, where it differs by host processor: host/<machine>/. host_syscall() and host_syscall_blocking() are declared in task.h. */
#ifndef FORERUN_LINUX_HOST_KERNEL_H
#define FORERUN_LINUX_HOST_KERNEL_H

#include <stdint.h>

/* In a signal handler: makes host_syscall_blocking() return where UCONTEXT shows it between its check and the kernel, or sent back by the kernel to repeat the call.
 * Harmless anywhere else. */
void kernel_break_off(void *ucontext);

/* For host_syscall_blocking(): the word of the calling thread which, not 0, keeps it from sleeping. Task.attention, or a zero. */
const volatile uint32_t *task_attention(void);

#endif
