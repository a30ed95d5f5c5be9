# SPDX-License-Identifier: MIT
"""What is measured besides the plain run: the modes of instrumentation, and the plugins that do the same under both emulators."""
import collections, os, subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
NEWEST = 7              # version of QEMU's plugin API that plugins/include/qemu-plugin.h knows

# name: on the command line. title: in tables. ours, theirs: what the plugin of each is, "2017 X" for -DMODE_X of plugins/p2017.c,
# "tcg X LOW HIGH" for -DMODE_X of plugins/tcg.c, built for a version from LOW to HIGH of QEMU's API. Where both are tcg, both run one file.
# quick: part of --quick.
Mode = collections.namedtuple("Mode", "name title ours theirs quick")
MODES = [
    Mode("empty_insn", "empty callback per instruction", "2017 empty_insn", "tcg empty_insn 0 7", True),
    Mode("ask_insn", "empty callback per instruction, needs asked at every execution", "2017 ask_insn", None, True),
    Mode("count_insn", "callback that counts, per instruction", "2017 count_insn", "tcg count_insn 0 7", True),
    Mode("count_block", "callback that counts, per block", "2017 count_block", "tcg count_block 0 7", False),
    Mode("empty_mem", "empty callback per memory access", "2017 empty_mem", "tcg empty_mem 0 7", True),
    Mode("count_mem", "callback that counts, per memory access", "2017 count_mem", "tcg count_mem 0 7", False),
    Mode("read_register", "callback that reads one register, per instruction", "2017 read_register", "tcg read_register 2 7", True),
    Mode("tcg_inline", "inline addition to a shared cell, per instruction", "tcg inline_insn 0 1", "tcg inline_insn 0 1", True),
    Mode("tcg_inline_scoreboard", "inline addition to a scoreboard, per instruction", "tcg inline_insn 2 7", "tcg inline_insn 2 7", True),
    Mode("tcg_never", "conditional callback never taken, per instruction", "tcg never_insn 3 7", "tcg never_insn 3 7", True),
    Mode("tcg_empty_insn", "empty callback per instruction", "tcg empty_insn 0 7", "tcg empty_insn 0 7", True),
    Mode("tcg_empty_block", "empty callback per block", "tcg empty_block 0 7", "tcg empty_block 0 7", True),
    Mode("tcg_empty_mem", "empty callback per memory access", "tcg empty_mem 0 7", "tcg empty_mem 0 7", True),
    Mode("tcg_add_scoreboard", "callback that adds to a scoreboard, per instruction", "tcg add_scoreboard 2 7", "tcg add_scoreboard 2 7", True),
    Mode("tcg_read_register", "callback that reads one register, per instruction", "tcg read_register 2 7", "tcg read_register 2 7", True),
]
API_OF_2017, API_TCG = "forerun's API of 2017", "QEMU's plugin API, one file in both"


def api(mode):
    """The heading that MODE stands under: QEMU's side of the API of 2017 is a plugin of the same purpose for QEMU's own API."""
    return API_OF_2017 if mode.ours.startswith("2017") else API_TCG


class Plugins:
    """Builds plugins once each into WORK, and knows which versions of QEMU's API the emulator QEMU takes."""

    def __init__(self, compile, cc, work, qemu, guest):
        """COMPILE runs a compiler; GUEST is a command of the guest that ends soon, to try QEMU's versions with."""
        self.compile, self.cc, self.work, self.built = compile, cc, work, {}
        found = subprocess.run(["pkg-config", "--cflags", "glib-2.0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.glib = found.stdout.split()
        self.versions = [v for v in range(NEWEST + 1) if qemu and self.loads(qemu, v, guest)]

    def loads(self, emulator, version, guest):
        options = ["-plugin", self.build("tcg", "empty_insn", version), "-d", "plugin", "-D", os.devnull]
        try:
            done = subprocess.run([emulator] + options + guest, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=60)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def build(self, kind, mode, version=None):
        """Path of the plugin KIND ("2017" or "tcg") for -DMODE_mode."""
        path = os.path.join(self.work, "%s%s-%s.so" % (kind, "" if version is None else "-v%d" % version, mode))
        if path not in self.built:
            defines = ["-DMODE_" + mode] + ([] if version is None else ["-DQEMU_PLUGIN_VERSION=%d" % version] + self.glib)
            self.compile(self.cc + ["-O2", "-shared", "-fPIC", "-I", os.path.join(HERE, "..", "plugins", "include")] + defines +
                         [os.path.join(HERE, "plugins", "tcg.c" if kind == "tcg" else "p2017.c"), "-o", path])
            self.built[path] = True
        return path

    def common(self, text):
        """The newest version of the API that both emulators take for the mode TEXT ("tcg X LOW HIGH"); None if QEMU takes none."""
        _, _, low, high = text.split()
        usable = [v for v in self.versions if int(low) <= v <= int(high)]
        return max(usable) if usable else None

    def of_forerun(self, mode):
        """(key, options): equal keys are the same measurement."""
        words = mode.ours.split()
        if words[0] == "2017":
            path = self.build("2017", words[1])
            return path, ["-plugin", "file=" + path, "-D", os.devnull]
        version = self.common(mode.ours)
        path = self.build("tcg", words[1], int(words[3]) if version is None else version)
        return path, ["-plugin", path, "-d", "plugin", "-D", os.devnull]

    def of_qemu(self, mode):
        """The same for QEMU; (None, None) if it cannot."""
        version = self.common(mode.theirs) if mode.theirs else None
        if version is None:
            return None, None
        path = self.build("tcg", mode.theirs.split()[1], version)
        return path, ["-plugin", path, "-d", "plugin", "-D", os.devnull]
