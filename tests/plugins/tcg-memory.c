/* SPDX-License-Identifier: MIT */
/* Guest memory by virtual address: whatever its protection, not where there is none; code that is written over; where it may not be done. */
/* versions: 5 7 */
/* guest: maps */
/* static */
#include "tcg.h"

enum { PAGE = 4096 };

static GByteArray *buffer;
static uint64_t pages;

static bool write_bytes(uint64_t addr, const void *bytes, unsigned size)
{
	g_byte_array_set_size(buffer, 0);
	g_byte_array_append(buffer, bytes, size);
	return qemu_plugin_write_memory_vaddr(addr, buffer);
}

ON_CALL(called)
{
	static const uint32_t li_a0_2 = 0x00200513;
	uint64_t p = a1, answer = a2;

	if (num != 172 || !p)
		return;
	pages = p;
	EXPECT(qemu_plugin_read_memory_vaddr(p, buffer, 3 * PAGE) && buffer->len == 3 * PAGE);
	EXPECT(buffer->data[PAGE - 1] == 'a' && buffer->data[PAGE] == 'b' && buffer->data[2 * PAGE] == 'c');
	/* what was in it is gone: the length is the new one, also where it fails */
	EXPECT(qemu_plugin_read_memory_vaddr(p + PAGE, buffer, 1) && buffer->len == 1 && buffer->data[0] == 'b');
	EXPECT(!qemu_plugin_read_memory_vaddr(p + 3 * PAGE - 1, buffer, 2) && buffer->len == 2);
	EXPECT(!qemu_plugin_read_memory_vaddr(p + 3 * PAGE, buffer, 5) && buffer->len == 5);
	EXPECT(!qemu_plugin_read_memory_vaddr(p, buffer, 0) && buffer->len == 5);
	EXPECT(!qemu_plugin_read_memory_vaddr(UINT64_MAX, buffer, 2));
	EXPECT(!qemu_plugin_read_memory_vaddr(UINT64_C(1) << 60, buffer, 2));

	EXPECT(write_bytes(p + PAGE - 1, "XY", 2));
	EXPECT(write_bytes(p + 2 * PAGE, "Z", 1));
	EXPECT(!write_bytes(p + 3 * PAGE, "?", 1));
	EXPECT(!write_bytes(p + 3 * PAGE - 1, "??", 2));
	EXPECT(!write_bytes(UINT64_MAX, "??", 2));
	EXPECT(write_bytes(answer, &li_a0_2, 4));
	EXPECT(qemu_plugin_read_memory_vaddr(answer, buffer, 4) && !memcmp(buffer->data, &li_a0_2, 4));
	say("done");
}

ON_TRANS(translated)
{
	EXPECT(qemu_plugin_read_memory_vaddr(qemu_plugin_tb_vaddr(tb), buffer, 2));
	EXPECT(!qemu_plugin_write_memory_vaddr(qemu_plugin_tb_vaddr(tb), buffer));
}


ON_EXIT(at_exit)
{
	EXPECT(qemu_plugin_read_memory_vaddr(pages, buffer, 1) && buffer->data[0] == 'a');
}

INSTALL
{
	buffer = g_byte_array_new();
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_vcpu_syscall_cb(id, called WITH(NULL));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}

/* complaints: qemu_plugin_write_memory_vaddr */
/* stdout: 1 2 XYbZ\n */
/* expect:
done
*/
