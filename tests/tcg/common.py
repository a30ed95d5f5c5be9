# SPDX-License-Identifier: MIT
"""What the scripts of this folder share: where things are, building plugins and guests, running forerun and reading its log."""
import concurrent.futures, glob, os, re, shlex, shutil, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("SRCDIR") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("BUILDDIR") or ".")
FORERUN = os.path.abspath(os.environ.get("FORERUN") or os.path.join(BUILD, "forerun"))
RISCV_CC = shlex.split(os.environ.get("RISCV_CC") or "riscv64-linux-gnu-gcc")
HOST_CC = shlex.split(os.environ.get("HOST_CC") or "cc")
QEMU = os.environ.get("QEMU", "qemu-riscv64")
SYSROOT = os.environ.get("SYSROOT", "/usr/riscv64-linux-gnu")
SECONDS = 60
HOT = "heat=4"          # so that short loops become regions
WAYS = [["-accel", "interp"], ["-accel", "jit,regions=off"], ["-accel", "jit," + HOT], ["-one-insn-per-tb"]]


def offered(ways):
    """Those that this build has."""
    text = subprocess.run([FORERUN, "-accel", "help"], stdout=subprocess.PIPE, text=True).stdout
    return [way for way in ways if way[0] != "-accel" or re.search(r"^ +%s " % way[1].split(",")[0], text, re.M)]


def have_compiler():
    return bool(shutil.which(RISCV_CC[0]))


def build_guest(name, work, kind="", source=None):
    out = os.path.join(work, name + kind)
    source = source or glob.glob(os.path.join(HERE, "guest", name + ".[cS]"))[0]
    flags = ["-static", "-nostdlib"] if source.endswith(".S") else ["-pthread"] + ([] if kind else ["-static"])
    subprocess.run(RISCV_CC + ["-O2"] + flags + [source, "-o", out], check=True)
    return out


_glib = []


def build_plugin(path, version, work, name=None, flags=()):
    """VERSION None: as the source says."""
    out = os.path.join(work, name or "%s-%s.so" % (os.path.basename(path)[:-2], version))
    if not _glib:
        _glib.extend(shlex.split(subprocess.run(["pkg-config", "--cflags", "glib-2.0"], stdout=subprocess.PIPE, text=True, check=True).stdout))
    subprocess.run(HOST_CC + ["-O2", "-Wall", "-Wextra", "-shared", "-fPIC"] +
                   ([] if version is None else ["-DQEMU_PLUGIN_VERSION=%d" % version]) + _glib +
                   ["-I", os.path.join(SOURCE, "plugins", "include"), *flags, path, "-o", out], check=True)
    return out


def execute(command, log=None, environment=()):
    """Status, standard output, and the log (its contents, the file is removed) followed by standard error."""
    if log and os.path.exists(log):
        os.unlink(log)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={"HOME": "/", "PATH": os.environ["PATH"],
                                   **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **dict(environment)},
                              timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None, "", "no end after %d s" % SECONDS
    text = ""
    if log and os.path.exists(log):
        text = open(log).read()
        os.unlink(log)
    return done.returncode, done.stdout.decode(), text + done.stderr.decode()


def qemu_takes(library, program):
    """Whether qemu-riscv64 serves the version that LIBRARY is built for: old ones take old versions, new ones new versions."""
    return "Could not load plugin" not in execute([QEMU, "-plugin", library, program])[2]


def split_log(text):
    """The lines of plugins, and those of forerun about what they did wrong; what it says of their needs is left out."""
    lines = [l for l in text.splitlines(True) if not re.match(r"plugin \S+: (reads|writes)", l)]
    complaints = [l for l in lines if re.match(r"plugin \S+: qemu_plugin_", l)]
    return [l for l in lines if l not in complaints], complaints


class Tests:
    """Runs checks at the same time. A check returns what is wrong, or None."""

    def __init__(self):
        os.makedirs(os.path.join(BUILD, "tests-work"), exist_ok=True)
        self.work = tempfile.mkdtemp(prefix="tcg.", dir=os.path.join(BUILD, "tests-work"))
        self.pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1)
        self.checks = []
        self.skipped = 0
        self.number = 0

    def all(self, function, argument_lists):
        return list(self.pool.map(lambda a: function(*a), argument_lists))

    def add(self, name, function, *arguments):
        self.checks.append((name, self.pool.submit(function, *arguments)))

    def file(self, suffix):
        self.number += 1
        return os.path.join(self.work, "%d.%s" % (self.number, suffix))

    def end(self):
        passed = failed = 0
        for name, check in self.checks:
            fault = check.result()
            passed, failed = passed + (not fault), failed + bool(fault)
            if fault:
                print("FAIL %s: %s" % (name, fault))
        self.pool.shutdown()
        if not failed:
            shutil.rmtree(self.work)
        print("%d passed, %d failed, %d skipped" % (passed, failed, self.skipped))
        return 1 if failed else 0
