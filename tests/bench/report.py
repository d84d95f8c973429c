#!/usr/bin/python3
"""report.py BUILD [OPS]: measures musher beside the raw limits of this machine, in one run, and prints the ratios.

BUILD is a release build. Whole processes are timed over many runs, interleaved with what they are compared with, so that a
busy moment of the machine falls on both; the median counts."""
import json, os, shutil, statistics, subprocess, sys, tempfile, time

from measure import build, generate, line

OPS = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
RUNS = 60


def timed(command, **options):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    return (time.perf_counter() - start) * 1e3


def medians(commands):
    """Median milliseconds of each named command, run in turn."""
    times = {name: [] for name in commands}
    for turn in range(RUNS):
        for name, command in commands.items():
            times[name].append(timed(command(turn)))
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    folder = tempfile.mkdtemp(prefix="musher-bench.")
    os.environ["XDG_STATE_HOME"] = os.path.join(folder, "state")
    try:
        measure(folder)
    finally:
        shutil.rmtree(folder)


def stages(log):
    output = subprocess.run([f"{build}/bench/replay_bench", "--benchmark_format=json", "--benchmark_min_time=1"],
                            check=True, capture_output=True, env=dict(os.environ, MUSHER_BENCH_LOG=log)).stdout
    found = {}
    for entry in json.loads(output)["benchmarks"]:
        found[entry["name"].split("/")[0]] = entry["cpu_time"] * 1e3 / OPS  # ms a log -> us an op
    return found


def measure(folder):
    small, large = generate(folder, 100), generate(folder, OPS)
    print(f"log of {OPS} ops: {os.path.getsize(large) / OPS:.0f} bytes an op\n\nCPU time an op, one core")
    us = stages(large)
    line("libsodium verification alone", us["raw_verify"], "us")
    line("SQLite scan of the same columns alone", us["raw_scan"], "us")
    line("scan into ops", us["scan_rows"], "us", us["scan_rows"] / us["raw_scan"], "SQLite alone")
    line("replay without signatures", us["replay_unsigned"], "us", target="under 3 us")
    line("replay, every signature checked", us["replay_signed"], "us", us["replay_signed"] / us["raw_verify"],
         "verification alone", "1.15 x")

    print("\nWhole processes, wall time, median of", RUNS)
    bare = os.path.join(folder, "bare.db")

    def put(log):
        return lambda turn: [f"{build}/bin/musher-put", "-q", "-l", log, "2_story_bench", f"stage=s{turn}"]

    ms = medians({"bare": lambda turn: [f"{build}/bench/bare_commit", bare], "put small": put(small), "put large": put(large),
                  "true": lambda turn: ["/bin/true"]})
    line("a process that does nothing", ms["true"], "ms")
    line("open SQLite, commit one row durably", ms["bare"], "ms")
    line("musher-put on 100 ops", ms["put small"], "ms", ms["put small"] / ms["bare"], "the bare commit", "2.5 x")
    line(f"musher-put on {OPS} ops", ms["put large"], "ms", ms["put large"] / ms["put small"], "the same on 100 ops", "1.5 x")

    stories = [f"{turn + 3}_story_bench" for turn in range(RUNS)]
    times, again = [], []
    for story in stories:
        again.append(timed([f"{build}/bench/bare_commit", bare]))
        times.append(timed([f"{build}/bin/musher-purge", "-q", "-l", large, "--yes", story]))
    line(f"musher-purge on {OPS} ops", statistics.median(times), "ms", statistics.median(times) / statistics.median(again),
         "the bare commit", "3.75 x")
    ms = medians({"story": lambda turn: [f"{build}/bin/musher-inspect", "-l", large, "story", "2_story_bench"]})
    line(f"musher-inspect story on {OPS} ops", ms["story"], "ms")
    line("the same, an op of the log", ms["story"] * 1e3 / OPS, "us", target="under 3 us")
    replays = [timed([f"{build}/bin/musher-replay", "-q", "-l", large]) for _ in range(3)]
    line(f"musher-replay on {OPS} ops, all cores, an op", statistics.median(replays) * 1e3 / OPS, "us",
         statistics.median(replays) * 1e3 / OPS / us["raw_verify"], "verification on one core")
    peak = subprocess.run(["/usr/bin/python3", "-c",
                           "import resource,subprocess,sys\nsubprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,check=True)\n"
                           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
                           f"{build}/bin/musher-replay", "-l", large], check=True, capture_output=True).stdout
    line("peak memory of that replay, an op", int(peak) * 1024 / OPS, "bytes")


if __name__ == "__main__":
    main()
