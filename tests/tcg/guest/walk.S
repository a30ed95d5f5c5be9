# SPDX-License-Identifier: MIT
# Ten times over eight pages, reading one word of each and writing one of the first: 80 reads, 10 writes.
	.option arch, rv64gc
	.option norvc
	.option norelax
	.globl	_start
	.text
	.type	_start, @function
_start:
	lla	s0, area
	lui	t0, 1
	li	s1, 10
1:	li	s2, 8
	mv	s3, s0
	sd	s1, 0(s0)
2:	ld	a0, 0(s3)
	add	s3, s3, t0
	addi	s2, s2, -1
	bnez	s2, 2b
	addi	s1, s1, -1
	bnez	s1, 1b
	li	a0, 0
	li	a7, 93
	ecall
	.size	_start, . - _start
	.bss
	.balign	4096
area:	.zero	8 * 4096
