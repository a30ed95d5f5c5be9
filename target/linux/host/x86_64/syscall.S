/* SPDX-License-Identifier: MIT */
/* System calls of an x86-64 Linux host, and the restartable check before those that block. */

	.text

/* long host_syscall(long number, ...) */
	.globl	host_syscall
	.type	host_syscall, @function
host_syscall:
	.cfi_startproc
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	movq	%r8, %r10
	movq	%r9, %r8
	movq	8(%rsp), %r9
	syscall
	ret
	.cfi_endproc
	.size	host_syscall, . - host_syscall

/* long host_syscall_blocking(long number, ...)
 *
 * From blocking_check to blocking_syscall a signal handler that has set the word sends us to blocking_not_entered. The syscall instruction leaves its return address in rcx,
 * so rcx = 0 there means that the kernel has not been entered, anything else that the kernel stepped back for a restart: blocking_restart. */
	.globl	host_syscall_blocking
	.type	host_syscall_blocking, @function
host_syscall_blocking:
	.cfi_startproc
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	pushq	%r8
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	.cfi_adjust_cfa_offset 8
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	task_attention@PLT
	movq	%rax, %r11
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r8
	.cfi_adjust_cfa_offset -8
	popq	%r10
	.cfi_adjust_cfa_offset -8
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	popq	%rax
	.cfi_adjust_cfa_offset -8
	movq	8(%rsp), %r9
	xorl	%ecx, %ecx

	.globl	blocking_check, blocking_syscall, blocking_not_entered, blocking_restart
	.hidden	blocking_check, blocking_syscall, blocking_not_entered, blocking_restart
blocking_check:
	cmpl	$0, (%r11)
	jne	blocking_not_entered
blocking_syscall:
	syscall
	ret
blocking_not_entered:
	movq	$-513, %rax
	ret
blocking_restart:
	movq	$-512, %rax
	ret
	.cfi_endproc
	.size	host_syscall_blocking, . - host_syscall_blocking

	.section .note.GNU-stack, "", @progbits
