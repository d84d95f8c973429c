"""Every binary's streams: what --version and --help print, and how it ends when stdout cannot be written."""

import os
import pathlib
import re
import resource
import subprocess
import sys

BIN = pathlib.Path(os.environ["MUSHER_BIN_DIR"])
failures = 0


def check(ok, what):
    global failures
    if not ok:
        failures += 1
        print("FAILED:", what)


def run(program, *arguments, **options):
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([BIN / program, *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          timeout=60, **options)


def without_a_reader(program, *arguments):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return run(program, *arguments, stdout=writer)
    finally:
        os.close(writer)


programs = sorted(file.name for file in BIN.iterdir() if file.name == "musher" or file.name.startswith("musher-"))
check("musher" in programs, "there is a musher")
for program in programs:
    version = run(program, "--version")
    pattern = rf"{program} \d+\.\d+\.\d+ \(commit ([0-9a-f]{{7,}}|unknown)\), SQLite [\d.]+, libsodium [\d.]+\n"
    check(version.returncode == 0 and re.fullmatch(pattern, version.stdout), f"{program} --version: {version}")

    help_text = run(program, "--help")
    check(help_text.returncode == 0 and help_text.stdout.startswith("Usage: "), f"{program} --help: {help_text}")
    check(help_text.stderr == "", f"{program} --help is quiet: {help_text.stderr!r}")

    unknown = run(program, "--no-such-option")
    check(unknown.returncode == 2 and unknown.stdout == "", f"{program} --no-such-option: {unknown}")
    check(unknown.stderr.startswith(f"{program}: unknown option '--no-such-option'"), unknown.stderr)

    with open("/dev/full", "w") as full:
        ended = run(program, "--help", stdout=full)
    check(ended.returncode == 7 and "No space left on device" in ended.stderr, f"{program} on a full disk: {ended}")

    ended = without_a_reader(program, "--help")
    check(ended.returncode == 141 and ended.stderr == "", f"{program} without a reader: {ended}")

    ended = subprocess.run(["/bin/sh", "-c", 'exec "$0" --help >&-', BIN / program], stderr=subprocess.PIPE, text=True)
    check(ended.returncode == 7 and "Bad file descriptor" in ended.stderr, f"{program} with stdout closed: {ended}")

# A file size limit is an error that is reported, not a signal that kills.
ended = run("musher", "--help", stdout=open(os.devnull, "w"),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
check(ended.returncode == 0, f"/dev/null has no size: {ended}")
with open(os.environ["HOME"] + "/limited", "w") as limited:
    ended = run("musher", "--help", stdout=limited,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
check(ended.returncode == 7 and "File too large" in ended.stderr, f"file size limit: {ended}")

# `musher COMMAND` becomes musher-COMMAND, with the signals it was started with.
if "musher-put" in programs:
    one, other = run("musher", "put", "--help"), run("musher-put", "--help")
    check(one.stdout == other.stdout and one.returncode == 0, "musher put --help is musher-put --help")
    check(run("musher", "help", "put").stdout == other.stdout, "musher help put is musher-put --help")
    ended = without_a_reader("musher", "put", "--help")
    check(ended.returncode == 141, f"musher put without a reader: {ended}")

sys.exit(1 if failures else 0)
