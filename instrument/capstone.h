/* SPDX-License-Identifier: MIT */
/* capstone, loaded when it is first needed: it is as large as the rest of forerun, and most runs look at no host code. */
#ifndef FORERUN_CAPSTONE_H
#define FORERUN_CAPSTONE_H

#include <capstone/capstone.h>

/* Its functions of these names. */
struct Capstone {
	__typeof__(cs_open) *open;
	__typeof__(cs_close) *close;
	__typeof__(cs_malloc) *malloc;
	__typeof__(cs_free) *free;
	__typeof__(cs_disasm_iter) *disasm_iter;
};

/* NULL: it is not there in the version that forerun was built for. Any thread; not from signal handlers. */
const struct Capstone *capstone_load(void);

#endif
