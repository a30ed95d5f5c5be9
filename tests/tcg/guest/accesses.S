# SPDX-License-Identifier: MIT
# One access after another, of each size and kind, each to a cell whose value is known.
	.option arch, rv64gc
	.option norvc
	.option norelax
	.globl	_start
	.text
	.type	_start, @function
_start:
	lla	s0, cells
	li	t0, 0x1122334455667788
	lb	a0, 0(s0)               # f0
	lbu	a0, 0(s0)
	lh	a0, 0(s0)               # f1f0
	lhu	a0, 0(s0)
	lw	a0, 0(s0)               # f3f2f1f0
	lwu	a0, 0(s0)
	ld	a0, 0(s0)               # f7f6f5f4f3f2f1f0
	sb	t0, 16(s0)
	sh	t0, 18(s0)
	sw	t0, 20(s0)
	sd	t0, 24(s0)
	flw	fa0, 0(s0)
	fld	fa1, 0(s0)
	fsw	fa0, 32(s0)
	fsd	fa1, 40(s0)
	ld	a0, 3(s0)               # unaligned: f8..f3
	sh	t0, 49(s0)
	addi	s1, s0, 64              # word -2, dword 5 behind it
	addi	s2, s0, 72
	li	t1, 3
	amoswap.w a0, t1, (s1)          # -2 -> 3
	amoadd.w a0, t1, (s1)           # 3 -> 6
	amoxor.w a0, t1, (s1)           # 6 -> 5
	amoand.w a0, t1, (s1)           # 5 -> 1
	amoor.w	a0, t1, (s1)            # 1 -> 3
	li	t2, -7
	amomin.w a0, t2, (s1)           # 3 -> -7
	amomax.w a0, t1, (s1)           # -7 -> 3
	amominu.w a0, t2, (s1)          # 3 -> 3
	amomaxu.w a0, t2, (s1)          # 3 -> -7
	amoadd.d a0, t2, (s2)           # 5 -> -2
	amomax.d a0, t1, (s2)           # -2 -> 3
	amoswap.d t2, t2, (s2)          # 3 -> -7, result over its operand
	lr.w	a0, (s1)                # -7
	sc.w	a1, t1, (s1)            # -7 -> 3
	lr.d	a0, (s2)                # -7
	sc.d	a1, t1, (s2)            # -7 -> 3
	li	a0, 0
	li	a7, 93
	ecall
	.size	_start, . - _start
	.data
	.balign	16
cells:	.dword	0xf7f6f5f4f3f2f1f0
	.dword	0xfffefdfcfbfaf9f8
	.zero	48
	.word	-2, 0
	.dword	5
