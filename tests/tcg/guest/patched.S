# SPDX-License-Identifier: MIT
# A loop that ends when somebody else changes the function that it calls.
	.option arch, rv64gc
	.option norvc
	.option norelax
	.globl	_start
	.text
	.type	_start, @function
_start:
	jal	patched
	beqz	a0, _start
	li	a0, 0
	li	a7, 93                  # exit
	ecall
	.size	_start, . - _start

	.balign	4096
	.type	patched, @function
patched:
	nop
	li	a0, 0                   # becomes 1
	ret
	.size	patched, . - patched
