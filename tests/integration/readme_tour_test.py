"""Runs the tours of README.md and docs/sync.md and holds what they print against the page.

Ids, times, the login name, the folder and the port differ from run to run: they are compared as such."""

import os
import pwd
import re
import unittest

from binaries import SOURCE, Shell, free_port
from console_page import Session, blocks, comparable

FOLDER = "/srv/pipeline"  # where the page was written
LOGIN = "alice"
PORTS = ("7777", "7778")


class Tour(unittest.TestCase):
    def test_every_command_prints_what_the_page_says(self):
        self.assertGreater(self.ran("README.md"), 10)

    def test_two_nodes_are_made_as_the_page_of_the_protocol_says(self):
        self.assertGreater(self.ran("docs/sync.md"), 10)

    def ran(self, page):
        """How many commands, each of which printed what the page says."""
        shell = Shell()
        self.addCleanup(shell.close)
        session = Session(shell.folder, ["/bin/bash"], cwd=shell.work, env=shell.environment)
        self.addCleanup(session.close)
        login = pwd.getpwuid(os.getuid()).pw_name
        ports = {there: free_port() for there in PORTS}

        def swap(text, names):
            return re.sub("|".join(rf":{name}\b" for name in names), lambda match: f":{names[match[0][1:]]}", text)

        for block in blocks((SOURCE / page).read_text()):
            for command, expected in block:
                output = session.run(swap(command, ports)).replace(str(shell.work), FOLDER)
                output = swap(output, {here: there for there, here in ports.items()})
                output = re.sub(rf"\b{re.escape(login)}\b", LOGIN, output)
                self.assertEqual(comparable(output), comparable(expected), f"{command}\n{output}")
        return session.ran


if __name__ == "__main__":
    unittest.main()
