# SPDX-License-Identifier: MIT
"""The programs that are measured: those of bench/workloads, built for both machines, and Debian's python3."""
import collections, os, re, shlex, shutil, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
# -ffp-contract=off: a guest with fused multiply-add and a host without would print different sums.
FLAGS = ["-O2", "-static", "-pthread", "-ffp-contract=off"]
SCRIPT = ("import json, re; print(len(json.dumps({str(i): [i] * 5 for i in range(2000)})), len(re.findall('a+b', 'aab' * 3000)))")

# native, guest: functions from a length in percent to a command; native may be None. options: for the emulators.
Job = collections.namedtuple("Job", "name group native guest options")


def compile(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit("bench: %s\n%s" % (shlex.join(command), done.stdout))


def sizable(program):
    """A command by length, of a workload."""
    return lambda length, *more: [program, str(length)] + [str(m) for m in more]


def build(o, work):
    """All jobs that the options O name, as {name: Job}."""
    jobs = {}
    for file in sorted(os.listdir(os.path.join(HERE, "workloads"))):
        name, suffix = os.path.splitext(file)
        if suffix not in (".c", ".cc"):
            continue
        source = os.path.join(HERE, "workloads", file)
        with open(source) as f:
            group = re.search(r"group: (\w+)", f.read()).group(1)
        if o.workloads and name not in o.workloads and group not in o.workloads:
            continue
        host, guest = (o.cc, o.riscv_cc) if suffix == ".c" else (o.cxx, o.riscv_cxx)
        host, guest = shlex.split(host), shlex.split(guest)
        if not shutil.which(host[0]) or not shutil.which(guest[0]):
            print("no C++ compiler for both: %s is left out" % name, file=sys.stderr)
            continue
        paths = [os.path.join(work, name + kind) for kind in (".native", ".guest")]
        for compiler, path in zip((host, guest), paths):
            compile(compiler + FLAGS + [source, "-o", path, "-lm"])
        jobs[name] = Job(name, group, sizable(paths[0]), sizable(paths[1]), [])
    if not o.workloads or {"python3", "start-up"} & set(o.workloads):
        sysroot, why = o.sysroot, ""
        if not sysroot:
            sysroot, why = fetch(o.build)
        python = os.path.join(sysroot or "/nonexistent", "usr/bin/python3")
        if not os.path.exists(python):
            print("python3 is left out: %s" % (why or "%s is not there" % python), file=sys.stderr)
        else:
            own, words = shutil.which("python3"), ["-E", "-S", "-c", SCRIPT]
            jobs["python3"] = Job("python3", "start-up", (lambda length: [own] + words) if own else None,
                                  lambda length: [os.path.realpath(python)] + words, ["-L", sysroot])
    return jobs


def fetch(build):
    """The folder of riscv64 programs that the tests use, made if need be; (None, reason) if that fails."""
    done = subprocess.run([os.path.join(HERE, "..", "tests", "programs", "fetch")], env=dict(os.environ, BUILDDIR=build),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["fetch failed"])[-1]
    return done.stdout.strip(), ""
