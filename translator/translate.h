/* SPDX-License-Identifier: MIT */
/* The pipeline from guest code to a block in the cache, and the cache's insides shared by translator/ alone. */
#ifndef FORERUN_TRANSLATE_H
#define FORERUN_TRANSLATE_H

#include "translator/host/host.h"
#include "translator/translator.h"

/* Translates the block at PC under KEY, or returns the one that another thread has just made, and chains Cpu.leave_site to it. NULL: no executable code there;
 * Cpu.fault_addr says where. The block may be gone as soon as another cpu runs an exclusive section: *GENERATION is the cache_generation() it belongs to. On the
 * cpu's thread, not holding locks. */
struct Block *translate(struct Cpu *cpu, uint64_t pc, uint32_t key, uint64_t *generation);

/* The guest address that the memory instruction at Cpu.pc accesses, from the registers in CPU: for hosts that do not tell it (x86-64 does not for non-canonical
 * ones). False if it cannot be known. On the cpu's thread, outside translated code. */
bool translate_fault_address(const struct Cpu *cpu, uint64_t *addr);

enum {
	TRANSLATE_MAX_INSNS = 512,      /* no block is longer */
	BLOCK_PAGES = 8,                /* guest pages that the code of one block, or region, is in: no more than this */
};

/* The branch at the cpu's pc, in BLOCK (NULL: whichever), has been counted hot: makes the loop that it closes a region, if it is one. Translated code calls it at
 * HEAT and goes on where it was; what it runs may be forgotten then, but stays in place. All guest state is in the cpu. On the cpu's thread. */
void translate_region(struct Cpu *cpu, struct Block *block);

/* Recent targets of indirect branches of one cpu; translated code reads it. */
enum { JUMPS_BITS = 14, JUMPS_COUNT = 1 << JUMPS_BITS };
struct JumpCache {
	struct Jump {
		uint64_t tag;           /* jump_tag(), or jump_none() */
		const uint8_t *code;    /* Block.code */
	} entry[JUMPS_COUNT];
};
/* The tag of no pc that is looked up at INDEX: what fresh memory holds, but for the first entry. */
static inline uint64_t jump_none(unsigned index) { return index ? 0 : ~(uint64_t)0; }
/* Memory for a cpu: no targets. NULL: there is none. */
struct JumpCache *jumps_new(void);
void jumps_free(struct JumpCache *jumps);       /* or NULL */
/* What a key other than 0 turns over in a pc: high bits, which no code's address has, and the lowest, which no pc of an aligned guest has, so that a wild pc under
 * key 0 is never taken for one under another key. */
static inline uint64_t jump_key(uint32_t key) { return key ? (uint64_t)key << 56 | 1 : 0; }
/* Where the jump to PC is looked up: ((pc >> insn_align) & (JUMPS_COUNT - 1)). A tag of 0 is looked up at 0. */
static inline uint64_t jump_tag(uint64_t pc, uint32_t key) { return pc ^ jump_key(key); }
static inline unsigned jump_index(uint64_t pc, unsigned insn_align) { return (pc >> insn_align) & (JUMPS_COUNT - 1); }

/* Places, of blocks and exits. */
extern uint8_t *cache_places;           /* what they count from */
static inline Place place_of(const void *p) { return p ? ((const uint8_t *)p - cache_places) / PLACE_UNIT : 0; }
static inline void *at_place(Place place) { return place ? cache_places + (size_t)place * PLACE_UNIT : NULL; }
static inline struct Block *block_at(Place place) { return (struct Block *)at_place(place); }

/* -- cache.c: under the translation lock unless said otherwise */
bool cache_init(size_t size, bool executable, char **error);
void cache_lock(void);
void cache_unlock(void);
/* Any thread, no lock: the valid block or NULL. */
struct Block *cache_find(uint64_t pc, uint32_t key);
struct Block *cache_find_code(const void *host_pc);     /* any thread, no lock, async-signal-safe: the block whose code contains a host address */
bool cache_has_code(const void *host_pc);               /* likewise: host_pc is in the code cache at all, common code included */
/* Room for one translation: cache_new_block(), Host.emit, cache_commit(). False when the cache is full and must be flushed. */
bool cache_reserve(struct CodeBuffer *buf);
struct Block *cache_new_block(struct CodeBuffer *buf);  /* zeroed, taken from BUF->meta */
void cache_commit(struct CodeBuffer *buf, struct Block *block);         /* found from now on */
void cache_revive(struct Block *block);                 /* a forgotten one is found again */
bool cache_had(uint64_t pc, uint32_t key);              /* there was a block at PC, found now or not, since code there last changed */
bool cache_knows_page(uint64_t page);                   /* code_made() has been called for the page at that address, and code_dropped() has not */
void cache_forget(struct Block *block);                 /* nothing finds or enters it any more */
void cache_forget_entry(struct Block *block);           /* the same, but cpus that are in it, a region, may stay as long as its code does not change */
void cache_forget_containing(uint64_t addr);            /* the same for all blocks, but regions, made of the guest byte at ADDR */
void cache_commit_common(const struct CodeBuffer *buf); /* after Host.init: what it wrote stays for ever */
uint64_t cache_generation(void);                        /* changes when all blocks are forgotten */
uint64_t cache_translated(void);                        /* blocks and regions so far */
uint64_t cache_changes(void);                           /* changes with each cache_invalidate() and cache_flush(), which this thread may call by way of a plugin */
void cache_chain(struct ExitSite *site, struct Block *target);  /* takes the lock itself */
void cache_flush_all(void);                             /* all cpus stopped */

/* -- one per process, from the options */
struct Translator {
	const struct Guest *guest;
	const struct Environment *env;
	unsigned max_insns;
#define TECHNIQUE(member, name, help, asks) bool member;
#include "translator/techniques.def"
#undef TECHNIQUE
	bool counters;                  /* plugins are loaded: a host may keep a register for a counter */
	uint32_t heat_step;             /* what HEAT adds: a branch is hot after 2^32 / heat_step times */
};
extern struct Translator translator;

/* The poll page lies at this offset from struct Cpu: multiple of the page size behind the guest's struct; the slots follow it. */
uint32_t cpu_poll_offset(const struct Guest *guest);
uint32_t cpu_slots_offset(const struct Guest *guest);
/* Between the two: how often branches back to an address were reached, by heat_index(), what was seen of indirect jumps (sites.c), and how often blocks were executed (census.c). */
uint32_t cpu_heat_offset(const struct Guest *guest);
uint32_t cpu_sites_offset(const struct Guest *guest);
uint32_t cpu_census_offset(const struct Guest *guest);
enum { SITES_BITS = 8, SITES_COUNT = 1 << SITES_BITS, CPU_SITE_SIZE = 32 };
enum { CENSUS_COUNT = 96 };            /* of 8 bytes */
enum { HEAT_COUNT = 2048 };
/* The times that a branch is reached before it is hot. */
static inline uint64_t heat_rounds(void) { return ((uint64_t)1 << 32) / translator.heat_step; }
static inline unsigned heat_index(uint64_t target) { return (target * 0x9e3779b97f4a7c15ull) >> 53; }
_Static_assert(HEAT_COUNT == 1 << (64 - 53), "the hash of a target is an index");

#endif
