"""Runs the tour of README.md and holds what it prints against the page.

Ids, times, the login name and the folder differ from run to run: they are compared as such."""

import os
import pwd
import re
import unittest

from binaries import SOURCE, Shell

FOLDER = "/srv/pipeline"  # where the page was written
LOGIN = "alice"


def blocks(page):
    """The fenced blocks: [(command, output), ...] each."""
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        found = []
        for line in block.splitlines(keepends=True):
            if line.startswith("$ "):
                found.append([line[2:].rstrip("\n"), ""])
            else:
                found[-1][1] += line
        yield found


def comparable(text):
    text = re.sub(r"\b[0-9a-f]{12,64}\b", lambda match: f"<{len(match[0])} hex digits>", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (UTC|[+-]\d\d:\d\d)", "<time>", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", text)
    # A name of another length moves the columns of a table.
    return re.sub(r" +", " ", text)


class Tour(unittest.TestCase):
    def test_every_command_prints_what_the_page_says(self):
        shell = Shell()
        self.addCleanup(shell.close)
        login = pwd.getpwuid(os.getuid()).pw_name
        page = (SOURCE / "README.md").read_text()
        ran = 0
        for block in blocks(page):
            last_code = 0
            for index, (command, expected) in enumerate(block):
                if command == "echo $?":
                    self.assertEqual(expected.strip(), str(last_code), block[index - 1])
                    continue
                done = shell.run("/bin/bash", "-c", f"exec 2>&1; {command}")
                output = re.sub(rf"\b{re.escape(login)}\b", LOGIN, done.stdout.replace(str(shell.work), FOLDER))
                self.assertEqual(comparable(output), comparable(expected), f"{command}\n{output}")
                last_code = done.returncode
                ran += 1
        self.assertGreater(ran, 10)


if __name__ == "__main__":
    unittest.main()
