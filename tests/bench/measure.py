"""What the reports of scripts/bench share. The first argument of each is a release build."""
import os, subprocess, sys

build = os.path.abspath(sys.argv[1])


def generate(folder, ops, *more):
    """A log of generate_log; its key is beside it. more: [OPS_A_COMMIT [erased]]."""
    log = os.path.join(folder, f"{ops}.db")
    subprocess.run([f"{build}/bench/generate_log", log, log + ".key", str(ops), *more], check=True, stdout=subprocess.DEVNULL)
    return log


def line(what, value, unit, ratio=None, of=None, target=None):
    text = f"{what:<52} {value:>10.2f} {unit:<6}"
    if ratio is not None:
        text += f" {ratio:>6.2f} x {of}"
    if target is not None:
        text += f"   (wanted: {target})"
    print(text)
