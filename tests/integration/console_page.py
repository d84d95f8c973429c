"""Pages with ```console blocks: their commands, one shell for all of them, and what is compared of what they print."""

import os
import re
import select
import signal
import subprocess

TIMEOUT = 60  # seconds, of one command


def blocks(page):
    """The fenced blocks: [(command, output), ...] each. A line that begins with "> " goes on with the command."""
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        found = []
        for line in block.splitlines(keepends=True):
            if line.startswith("$ "):
                found.append([line[2:].rstrip("\n"), ""])
            elif line.startswith("> "):
                found[-1][0] += "\n" + line[2:].rstrip("\n")
            else:
                found[-1][1] += line
        yield found


def comparable(text):
    """Without what differs from run to run: ids, times, process ids, how long something took."""
    text = re.sub(r"\b[0-9a-f]{12,64}\b", lambda match: f"<{len(match[0])} hex digits>", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? (UTC|[+-]\d\d:\d\d)", "<time>", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<instant>", text)
    text = re.sub(r"\bPID \d+", "PID <n>", text)
    text = re.sub(r"\b\d+ ms\b", "<n> ms", text)
    text = re.sub(r"\b(seconds=|seconds\":\"|peer=127\.0\.0\.1:)[\d.]+", r"\1<n>", text)
    text = re.sub(r"\b\d+ bytes, and \d+ in the -wal", "<n> bytes", text)
    # A name of another length moves the columns of a table.
    return re.sub(r" +", " ", text)


class Session:
    """One bash for a whole page: jobs, variables and $? live on from command to command."""

    def __init__(self, folder, command, **options):
        """`folder`: for what the commands print, each in a file of its own, since a job in the background goes on writing."""
        self.folder = folder
        self.ran = 0
        done, self.write_end = os.pipe()
        self.done = done
        self.bash = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                     pass_fds=[self.write_end], start_new_session=True, text=True, **options)
        self.code = 0

    def run(self, command):
        """What the command printed, on both streams."""
        self.ran += 1
        said = self.folder / f"said.{self.ran}"
        self.bash.stdin.write(f"(exit {self.code})\n{{ {command}\n}} >{said} 2>&1 </dev/null {self.write_end}>&-\necho $? >&{self.write_end}\n")
        self.bash.stdin.flush()
        if not select.select([self.done], [], [], TIMEOUT)[0]:
            raise AssertionError(f"{command!r} does not end: {said.read_text(errors='replace')}")
        self.code = int(os.read(self.done, 16))
        return said.read_text(errors="replace")

    def close(self):
        # Whatever the page has left running is of this process group.
        os.killpg(self.bash.pid, signal.SIGKILL)
        self.bash.wait()
        self.bash.stdin.close()
        os.close(self.done)
        os.close(self.write_end)
