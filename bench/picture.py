# SPDX-License-Identifier: MIT
"""The measurements as bars in one SVG file: times relative to native per workload, and with plugins relative to forerun without."""
import math
from xml.sax.saxutils import escape

import bars
from measure import ratio
from modes import API_OF_2017, API_TCG, api

WIDTH, LABELS, RIGHT, ROW, GAP, BAR = 820, 240, 60, 26, 12, 10
STYLE = """
	text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
	.title { font-size: 17px; font-weight: 600 }
	.group { font-weight: 600 }
	.small, .number { font-size: 11px; fill: #59636e }
	.grid { stroke: #d1d9e0; stroke-width: 1 }
	.one { stroke: #59636e; stroke-width: 1 }
	.forerun { fill: #0969da }
	.qemu { fill: #d4a72c }
	@media (prefers-color-scheme: dark) {
		text { fill: #e6edf3 }
		.small, .number { fill: #9198a1 }
		.grid { stroke: #30363d }
		.one { stroke: #9198a1 }
		.forerun { fill: #4493f8 }
		.qemu { fill: #d29922 }
	}
"""


class Panel:
    """A column of pairs of bars on one logarithmic axis that begins at LEAST; grows downwards from Y."""

    def __init__(self, y, title, note, least, most):
        self.y, self.least, self.most, self.out = y, least, most, []
        self.text(0, y, title, "title")
        self.text(0, y + 18, note, "small")
        self.top = self.y = y + 46
        self.rows = []

    def text(self, x, y, words, kind="", anchor="start"):
        self.out.append('<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>' % (x, y, kind, anchor, escape(words)))

    def x(self, value):
        span = math.log(self.most / self.least)
        return LABELS + (WIDTH - LABELS - RIGHT) * math.log(min(max(value, self.least), self.most) / self.least) / span

    def heading(self, words):
        self.y += GAP
        self.text(0, self.y + 4, words, "group")
        self.y += ROW - 8

    def row(self, label, ours, theirs, missing=""):
        self.text(LABELS - 10, self.y + ROW / 2, label, "", "end")
        for n, (value, kind) in enumerate(((ours, "forerun"), (theirs, "qemu"))):
            y = self.y + n * (BAR + 1)
            if value is None:
                self.text(LABELS + 4, y + BAR - 1, missing if kind == "qemu" else "not measured", "small")
                continue
            self.out.append('<rect x="%d" y="%.1f" width="%.1f" height="%d" rx="1" class="%s"/>' % (
                LABELS, y, max(1.5, self.x(value) - LABELS), BAR, kind))
            self.text(self.x(max(value, self.least)) + 6, y + BAR - 1, "%.2f" % value if value < 10 else "%.0f" % value, "number")
        self.y += ROW

    def close(self):
        """The axis behind the bars; returns the elements."""
        lines = []
        ticks = [n * 10 ** e for e in range(-1, 4) for n in (1, 2, 5) if self.least <= n * 10 ** e <= self.most]
        for tick in ticks:
            x = self.x(tick)
            lines.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>' % (x, self.top - 8, x, self.y, "one" if tick == 1 else "grid"))
            lines.append('<text x="%.1f" y="%.1f" class="small" text-anchor="middle">%g&#215;</text>' % (x, self.top - 12, tick))
        return lines + self.out


def extent(values):
    """Ends of an axis for VALUES: 1 is well inside, so that a bar of it can be seen."""
    values = [v for v in values if v]
    return (0.5 if min(values + [1]) >= 0.5 else 0.1), max(values + [2]) * 1.05


def draw(r):
    m, f = r.measured, bars.Figures(r)
    titles = {"integer": "integer", "floating": "floating point", "calls": "calls and indirect jumps", "memory": "memory", "start-up": "start-up"}
    plain = {n: [ratio(m.time(n, who, "plain"), m.time(n, "native", "plain")) for who in ("forerun", "qemu")] for n in r.jobs}
    panel = Panel(62, "Time relative to native, no plugin", "Each workload as a static riscv64 program; logarithmic; shorter is better.",
                  *extent([v for pair in plain.values() for v in pair]))
    for group in [g for g in titles if any(j.group == g for j in r.jobs.values())]:
        panel.heading(titles[group])
        for name in [n for n in r.jobs if r.jobs[n].group == group]:
            panel.row(name, *plain[name], missing="not measured")
    out, y = panel.close(), panel.y
    if r.modes and f.of("integer"):
        rows = {mode: [f.mean("integer", f.with_mode(who, mode.name), ("forerun", "base")) for who in ("forerun", "qemu")] for mode in r.modes}
        without = [1, f.mean("integer", ("qemu", "base"), ("forerun", "base"))]
        panel = Panel(y + 48, "Time relative to forerun without plugin", "Geometric means of the group integer; logarithmic; shorter is better.",
                      *extent(without + [v for pair in rows.values() for v in pair]))
        panel.row("no plugin", *without, missing="not measured")
        for heading in (API_OF_2017, API_TCG):
            if any(api(mode) == heading for mode in rows):
                panel.heading(heading)
            for mode, pair in rows.items():
                if api(mode) == heading:
                    panel.row(SHORT.get(mode.name, mode.title), *pair, missing="not in the plugin API of this QEMU" if mode.theirs else "nothing alike in QEMU")
        out, y = out + panel.close(), panel.y
    legend = ['<rect x="0" y="16" width="14" height="%d" class="forerun"/><text x="20" y="26">forerun</text>' % BAR,
              '<rect x="96" y="16" width="14" height="%d" class="qemu"/><text x="116" y="26">qemu-riscv64</text>' % BAR]
    return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 0 %d %d" width="%d" role="img" aria-label="forerun and qemu-riscv64 compared">\n' % (
        WIDTH + 32, y + 16, WIDTH + 32) + "<style>%s</style>\n" % STYLE + "\n".join(legend + out) + "\n</svg>\n"


# Titles that fit beside a bar.
SHORT = {
    "ask_insn": "empty, needs asked each time",
    "empty_insn": "empty, per instruction",
    "count_insn": "counts, per instruction",
    "count_block": "counts, per block",
    "empty_mem": "empty, per memory access",
    "count_mem": "counts, per memory access",
    "read_register": "reads a register, per instruction",
    "tcg_inline": "inline addition, per instruction",
    "tcg_inline_scoreboard": "inline, to a scoreboard",
    "tcg_never": "conditional, never taken",
    "tcg_empty_insn": "empty, per instruction",
    "tcg_empty_block": "empty, per block",
    "tcg_empty_mem": "empty, per memory access",
    "tcg_add_scoreboard": "adds to a scoreboard, per instruction",
    "tcg_read_register": "reads a register, per instruction",
}
