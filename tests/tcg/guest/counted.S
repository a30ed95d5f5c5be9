# SPDX-License-Identifier: MIT
# A program without a C library, whose every instruction and access can be counted by hand; exits with 7.
	.option arch, rv64gc
	.option norvc
	.option norelax
	.globl	_start
	.text
	.type	_start, @function
_start:
	lla	s0, cells               # 2 instructions
	li	s1, 100
.Lloop:                                 # 100 times: 12 instructions, 5 loads, 5 stores
	lb	a1, 0(s0)
	sb	a1, 0(s0)
	lh	a2, 2(s0)
	sh	a2, 2(s0)
	lwu	a3, 4(s0)
	sw	a3, 4(s0)
	ld	a4, 8(s0)
	sd	s1, 8(s0)
	addi	a5, s0, 16
	amoadd.d a6, s1, (a5)
	addi	s1, s1, -1
	bnez	s1, .Lloop
	jal	leaf                    # and 1 in leaf
	li	a0, 1
	lla	a1, text                # 2 instructions
	li	a2, 3
	li	a7, 64                  # write
	ecall
	li	a7, 172                 # getpid
	ecall
	li	a0, 7
	li	a7, 93                  # exit
	ecall
	.size	_start, . - _start

	.type	leaf, @function
leaf:
	ret
	.size	leaf, . - leaf

	.section .rodata
text:	.ascii	"hi\n"
	.data
	.balign	16
cells:	.byte	-2, 0
	.half	-3
	.word	-4
	.dword	-5
	.dword	0
