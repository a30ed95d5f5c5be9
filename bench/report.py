# SPDX-License-Identifier: MIT
"""What was measured, as tables of markdown and as comma-separated values."""
import csv

import bars
from measure import geometric_mean, ratio
from modes import API_OF_2017, API_TCG, api


def show(value, form="%.2f"):
    return form % value if value is not None else "-"


def plain_table(r):
    m = r.measured
    lines = ["## Without plugins", "",
             "| workload | native s | forerun s | qemu s | forerun / native | qemu / native | qemu / forerun | forerun MiB | qemu MiB |",
             "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for group in sorted({j.group for j in r.jobs.values()}):
        names = [n for n, j in r.jobs.items() if j.group == group]
        for name in names:
            n, f, q = (m.time(name, who, "plain") for who in ("native", "forerun", "qemu"))
            lines.append("| %s | %s | %s | %s | %s | %s | %s | %s | %s |" % (
                name, show(n, "%.3f"), show(f, "%.3f"), show(q, "%.3f"), show(ratio(f, n)), show(ratio(q, n)), show(ratio(q, f)),
                *(show(ratio(m.memory(name, who, "plain"), 1024), "%.0f") for who in ("forerun", "qemu"))))
        lines.append("| **%s** (geometric mean) | | | | **%s** | **%s** | **%s** | | |" % (group, *(show(m.mean(names, (a, "plain"), (b, "plain")))
            for a, b in (("forerun", "native"), ("qemu", "native"), ("qemu", "forerun")))))
    return lines + [""]


def plugin_tables(r):
    """Per API and mode, geometric means over the workloads that were run with plugins."""
    f = bars.Figures(r)
    names = [n for n in r.jobs if r.measured.time(n, "forerun", "base")]
    lines = ["## With plugins", "", "Geometric means over %s; nanoseconds added to each guest instruction are medians over the same." %
             ", ".join(names), "An empty place: QEMU's plugin API here has no such thing (it takes versions %s)." % (
                 ", ".join(map(str, r.versions)) or "none"), ""]
    for heading in (API_OF_2017, API_TCG):
        lines += ["### Through " + heading, "",
                  "| mode | forerun / plain | qemu / plain | qemu / forerun | forerun ns | qemu ns |", "|---|--:|--:|--:|--:|--:|"]
        for mode in r.modes:
            if api(mode) != heading:
                continue
            ours, theirs = f.with_mode("forerun", mode.name), f.with_mode("qemu", mode.name)
            lines.append("| %s | %s | %s | %s | %s | %s |" % (mode.title, show(r.measured.mean(names, ours, ("forerun", "base"))),
                show(r.measured.mean(names, theirs, ("qemu", "base"))), show(r.measured.mean(names, theirs, ours)),
                show(f.added("forerun", mode.name)), show(f.added("qemu", mode.name))))
        lines.append("")
    return lines


def code_table(r):
    lines = ["## Host code", "", "Bytes of host code for each guest instruction translated.", "", "| workload | forerun | qemu |", "|---|--:|--:|"]
    for name, (ours, theirs) in r.code.items():
        lines.append("| %s | %s | %s |" % (name, show(ours, "%.1f"), show(theirs, "%.1f")))
    return lines + [""]


def markdown(r):
    o = r.options
    lines = ["# Measurements", "", "Median processor seconds of %d interleaved runs at length %d %%; with plugins of %d at %d %%, against plain runs of that length." % (
                 o.runs, o.scale, o.plugin_runs, o.plugin_scale),
             "Threads: seconds by the clock, the best of %d runs each, since other work on the machine can only take away." % o.thread_runs,
             "Native python3, if shown, is the host's own and may be another version. " + r.machine, ""]
    lines += plain_table(r)
    if any(who == "forerun" and what == "base" for _, who, what in r.measured.cells):
        lines += plugin_tables(r)
    if r.code:
        lines += code_table(r)
    return "\n".join(lines + bars.tables(r)) + "\n"


def values(r, path):
    with open(path, "w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["workload", "group", "system", "plugin", "seconds", "peak_kib", "least_clock", "runs"])
        for key, runs in r.measured.cells.items():
            if key not in r.measured.broken:
                name, who, what = key
                group = r.jobs[name].group if name in r.jobs else "threads"
                writer.writerow([name, group, who, what.rsplit("/")[-1], "%.4f" % r.measured.time(*key), int(r.measured.memory(*key)),
                                 "%.4f" % r.measured.least_clock(*key), len(runs)])
