# SPDX-License-Identifier: MIT
"""The figures to reach, each with what was measured: a table per theme, with pass or short of it."""
import statistics

from measure import ratio

LACKING = "QEMU here has none"
WHOLE_NUMBERS = ("integer", "calls", "memory")  # the groups of workloads without floating point
PLAIN, NATIVE, THEIRS = ("forerun", "plain"), ("native", "plain"), ("qemu", "plain")


class Figures:
    """What the bars are about, computed from the Results R (bench/run). None: not measured."""

    def __init__(self, r):
        self.r = r

    def of(self, *groups):
        return [n for n, j in self.r.jobs.items() if j.group in groups]

    def mean(self, groups, top, bottom):
        """Of one group, or of several."""
        return self.r.measured.mean(self.of(*([groups] if isinstance(groups, str) else groups)), top, bottom)

    def with_mode(self, system, mode):
        """(system, what) of a run with a plugin."""
        return system, self.r.plugin_of.get((system, mode))

    def total(self, mode):
        """QEMU's time with the plugin divided by ours, on the group integer."""
        return self.mean("integer", self.with_mode("qemu", mode), self.with_mode("forerun", mode))

    def slowdown(self, system, mode):
        return self.mean("integer", self.with_mode(system, mode), (system, "base"))

    def added(self, system, mode):
        """Nanoseconds that the plugin adds to each guest instruction: median over the group integer."""
        values = []
        for name in self.of("integer"):
            with_it, without = self.r.measured.time(name, *self.with_mode(system, mode)), self.r.measured.time(name, system, "base")
            if with_it and without and self.r.instructions.get(name):
                values.append((with_it - without) * 1e9 / self.r.instructions[name])
        return statistics.median(values) if values else None

    def throughput(self, system, what):
        """Work by the clock of two threads relative to one thread, each thread doing the same amount."""
        one, two = (self.r.measured.least_clock("threads %d" % n, system, what) for n in (1, 2))
        return ratio(2 * one, two) if one and two else None

    def work_per_processor(self, system, what):
        """The same by processor time: 2 if no thread makes the other's instructions slower. Waiting for each other does not show in it, other programs
        of a busy machine hardly."""
        one, two = (self.r.measured.time("threads %d" % n, system, what) for n in (1, 2))
        return ratio(4 * one, two) if one and two else None

    def memory(self):
        return ratio(self.r.measured.memory("python3", *PLAIN), self.r.measured.memory("python3", *THEIRS))


def shown(value, form):
    return None if value is None else form % value


def rows(f):
    """The tables: (heading, [(what, bar, beyond, measured, form, whether more is better, what QEMU has here)])."""
    r = f.r
    inline = "tcg_inline" if r.plugin_of.get(("qemu", "tcg_inline")) else "tcg_inline_scoreboard"

    def relative(system, group):
        return shown(f.mean(group, (system, "plain"), NATIVE), "%.2fx native")

    def theirs(mode):
        """Nanoseconds that QEMU adds, or that it cannot do that."""
        if r.options.qemu and ("forerun", mode) in r.plugin_of and ("qemu", mode) not in r.plugin_of:
            return LACKING
        return shown(f.added("qemu", mode), "%.2f ns")

    def api(title, mode, bar):
        ours = shown(f.added("forerun", mode), " (forerun: %.2f ns added to each instruction)") or ""
        return title + ours, bar, None, f.total(mode), "%.2f", True, theirs(mode)

    sizes = [v for v in r.code.values() if all(v)]
    code = r.geometric_mean([ratio(a, b) for a, b in sizes])
    return [
        ("Without plugins", [
            ("integer workloads, time relative to native", 2.2, 1.6, f.mean("integer", PLAIN, NATIVE), "%.2fx", False, relative("qemu", "integer")),
            ("floating-point workloads, time relative to native", 2.5, 1.6, f.mean("floating", PLAIN, NATIVE), "%.2fx", False,
             relative("qemu", "floating")),
            ("integer workloads, QEMU's time divided by ours", 2.5, 3.5, f.mean("integer", THEIRS, PLAIN), "%.2f", True, None),
            ("the same with calls and memory: all workloads without floating point", None, None, f.mean(WHOLE_NUMBERS, THEIRS, PLAIN), "%.2f", True,
             relative("qemu", WHOLE_NUMBERS)),
            ("floating-point workloads, QEMU's time divided by ours", 8, 15, f.mean("floating", THEIRS, PLAIN), "%.2f", True, None),
            ("calls, returns, indirect calls, QEMU's time divided by ours", 3, 5, f.mean("calls", THEIRS, PLAIN), "%.2f", True,
             relative("qemu", "calls")),
            ("python3 start-up and a short script, QEMU's time divided by ours", 2.5, 4, f.mean("start-up", THEIRS, PLAIN), "%.2f", True,
             relative("qemu", "start-up")),
            ("bytes of host code per guest instruction, relative to QEMU's", 1, 0.5, code, "%.2f", False,
             shown(r.geometric_mean([b for _, b in sizes]), "%.0f bytes")),
            ("peak memory of python3, relative to QEMU's", 1, 0.5, f.memory(), "%.2f", False,
             shown(ratio(r.measured.memory("python3", *THEIRS), 1024), "%.0f MiB")),
        ]),
        ("With plugins, group integer", [
            ("every instruction counted by inline probes, relative to plain", 1.15, 1.05, f.slowdown("forerun", "tcg_inline_scoreboard"), "%.2fx", False,
             shown(f.slowdown("qemu", inline), "%.2fx")),
            ("empty plugin_before_insn, needs asked at translation only, added per guest instruction", 0.5, 0.05, f.added("forerun", "empty_insn"),
             "%.2f ns", False, theirs("empty_insn")),
            ("the same with needs asked at every execution", 1.0, 0.05, f.added("forerun", "ask_insn"), "%.2f ns", False, None),
            ("a callback that adds to its own counter, relative to QEMU's time", 0.6, None, ratio(1, f.total("count_insn")), "%.2f", False,
             theirs("count_insn")),
            ("a callback that adds to its own counter, relative to plain", None, 1.15, f.slowdown("forerun", "count_insn"), "%.2fx", False,
             shown(f.slowdown("qemu", "count_insn"), "%.2fx")),
            ("a callback that reads one register, added per guest instruction", 1.5, 1.0, f.added("forerun", "read_register"), "%.2f ns", False,
             theirs("read_register")),
            ("empty memory callback on every access, relative to QEMU's time", 0.5, 0.35, ratio(1, f.total("empty_mem")), "%.2f", False,
             theirs("empty_mem")),
            ("two guest threads counting per cpu, throughput relative to one (native: %s)" % (shown(f.throughput(*NATIVE), "%.2fx") or "?"), 1.9, 2.0,
             f.throughput("forerun", r.plugin_of.get(("forerun", "tcg_inline_scoreboard"))), "%.2fx", True, None),
            ("the same by processor time, for busy machines (native: %s)" % (shown(f.work_per_processor(*NATIVE), "%.2fx") or "?"), None, None,
             f.work_per_processor("forerun", r.plugin_of.get(("forerun", "tcg_inline_scoreboard"))), "%.2fx", True, None),
        ]),
        ("With plugins of QEMU's API, the same file in both: QEMU's time divided by ours, group integer", [
            api("inline count per instruction", inline, 3),
            api("empty callback per instruction", "tcg_empty_insn", 2),
            api("empty callback per block", "tcg_empty_block", 2.5),
            api("empty callback per memory access", "tcg_empty_mem", 2),
            api("register read per instruction", "tcg_read_register", 8),
            api("scoreboard addition by callback, per instruction", "tcg_add_scoreboard", None),
            api("conditional callback never taken, per instruction", "tcg_never", None),
        ]),
    ]


def verdict(bar, beyond, value, more, theirs):
    """Words for how VALUE stands to the bar and to what would be more than the bar."""
    if value is None:
        return LACKING if theirs == LACKING else "not measured"

    def reaches(figure):
        return value >= figure if more else value <= figure
    if bar is not None and not reaches(bar):
        return "short of it"
    if beyond is not None and reaches(beyond):
        return "pass, and beyond" if bar is not None else "beyond"
    return "pass" if bar is not None else ""


def tables(r):
    """Lines of markdown."""
    lines = ["## Bars", "", "What has no figure under \"bar\" is shown for comparison. The last column is QEMU's own figure: times and slow-downs against",
             "native or against QEMU without plugin, nanoseconds added to each guest instruction.", ""]
    for heading, table in rows(Figures(r)):
        lines += ["### " + heading, "", "| what | bar | beyond | measured | | QEMU |", "|---|--:|--:|--:|---|--:|"]
        for what, bar, beyond, value, form, more, theirs in table:
            sign = "&ge; " if more else "&le; "
            lines.append("| %s | %s | %s | %s | %s | %s |" % (what, "" if bar is None else sign + form % bar, "" if beyond is None else sign + form % beyond,
                "" if value is None else form % value, verdict(bar, beyond, value, more, theirs), theirs or ""))
        lines.append("")
    return lines
