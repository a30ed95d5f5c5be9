/* SPDX-License-Identifier: MIT */
/* For tests/tcg/several: says what it was installed with, and what it knows of the program. Written for no particular header's helpers. */
#include "tcg.h"

ON_EXIT(at_exit)
{
	char *path = (char *)qemu_plugin_path_to_binary();

	say("binary %s %" PRIx64 " %" PRIx64 " %" PRIx64, path, qemu_plugin_start_code(), qemu_plugin_end_code(), qemu_plugin_entry_code());
	free(path);
#if QEMU_PLUGIN_VERSION >= 3
	say("clock %d", qemu_plugin_request_time_control() != NULL);
	qemu_plugin_update_ns(NULL, 1000);
#endif
}

INSTALL
{
	say("target %s versions %d to %d system %d vcpus %d %d", info->target_name, info->version.min, info->version.cur, info->system_emulation,
	    info->system.smp_vcpus, info->system.max_vcpus);
	for (int i = 0; i < argc; i++) {
		bool value;
		const char *equals = strchr(argv[i], '=');
		say("argument [%s]%s", argv[i], !equals ? "" : !qemu_plugin_bool_parse("x", equals + 1, &value) ? "" : value ? " true" : " false");
	}
	if (*argument(argc, argv, "refuse"))
		return atoi(argument(argc, argv, "refuse"));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
