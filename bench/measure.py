# SPDX-License-Identifier: MIT
"""Running commands in turn, and what the figures of their runs say together."""
import math, os, re, shlex, statistics, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))


def geometric_mean(values):
    values = [v for v in values if v]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def ratio(a, b):
    return a / b if a and b else None


def progress(text):
    """Says on a terminal what is being done; nothing else needs to know."""
    if sys.stderr.isatty():
        print("\r%-78.78s\r" % text, end="", file=sys.stderr, flush=True)


class Measurements:
    """Cells by (workload, system, what) with the figures of every run: system is "native", "forerun" or "qemu"; what is "plain", "base" (a plain run of
    the length that instrumented ones have) or the path of a plugin."""

    def __init__(self, compile, cc, work):
        self.launcher, self.result = os.path.join(work, "measure"), os.path.join(work, "usage")
        compile(cc + ["-O2", "-static", os.path.join(HERE, "measure.c"), "-o", self.launcher])
        self.cells, self.output, self.broken = {}, {}, set()

    def run(self, command):
        """(processor seconds, KiB of peak memory, seconds by the clock, output)"""
        done = subprocess.run([self.launcher, self.result] + command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError("exit status %d of %s" % (done.returncode, shlex.join(command)))
        with open(self.result) as f:
            seconds, memory, clock = f.read().split()
        return float(seconds), int(memory), float(clock), done.stdout

    def interleave(self, plan, runs, note):
        """Runs each command of PLAN, {key: (command, what its output must equal that of, or None)}, RUNS times in turn."""
        for number in range(runs):
            for key, (command, same) in plan.items():
                if key in self.broken:
                    continue
                progress("%s, run %d of %d: %s" % (note, number + 1, runs, " ".join(os.path.basename(k) for k in key)))
                try:
                    *figures, text = self.run(command)
                except (RuntimeError, OSError) as e:
                    print("\nbench: %s" % e, file=sys.stderr)
                    self.broken.add(key)
                    continue
                if same is not None and self.output.setdefault(same, text) != text:
                    print("\nbench: %s prints something else under %s %s" % key, file=sys.stderr)
                    self.broken.add(key)
                self.cells.setdefault(key, []).append(figures)
        progress("")

    def figure(self, key, which, middle):
        values = self.cells.get(key)
        return middle(v[which] for v in values) if values and key not in self.broken else None

    def time(self, *key):
        """Median processor seconds, None if not measured."""
        return self.figure(key, 0, statistics.median)

    def memory(self, *key):
        """Median peak KiB."""
        return self.figure(key, 1, statistics.median)

    def least_clock(self, *key):
        """Seconds by the clock of the best run: what a machine that others use too would take if they did not."""
        return self.figure(key, 2, min)

    def mean(self, jobs, top, bottom):
        """Geometric mean over JOBS of the times of (system, what) TOP relative to BOTTOM."""
        return geometric_mean([ratio(self.time(n, *top), self.time(n, *bottom)) for n in jobs])


def instructions(forerun, job, length, plugin, log):
    """How many instructions JOB executes, as PLUGIN counts them; None if it does not say."""
    subprocess.run([forerun] + job.options + ["-plugin", plugin, "-d", "plugin", "-D", log] + job.guest(length), stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with open(log) as f:
            found = re.search(r"^count (\d+)", f.read(), re.M)
    except FileNotFoundError:
        return None
    return int(found.group(1)) if found else None


def code_size(forerun, qemu, job, length, log):
    """Bytes of host code per guest instruction translated: (forerun's, QEMU's), each None if not known."""
    def log_of(command):
        subprocess.run(command + job.guest(length), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return open(log, errors="replace")

    with log_of([forerun] + job.options + ["-d", "stats", "-D", log]) as f:
        text = f.read()
    found = [re.search(r"^%s: (\d+)" % name, text, re.M) for name in ("host code bytes", "guest instructions translated")]
    ours = ratio(*(int(m.group(1)) for m in found)) if all(found) else None
    if not qemu:
        return ours, None
    size = count = 0
    with log_of([qemu] + job.options + ["-d", "in_asm,out_asm", "-D", log]) as f:
        guest = False
        for line in f:
            out = re.match(r"OUT: \[size=(\d+)\]", line)
            if out:
                size += int(out.group(1))
                guest = False
            elif line.startswith("IN:"):
                guest = True
            elif guest and line.startswith("0x"):
                count += 1
    os.remove(log)
    return ours, ratio(size, count)
