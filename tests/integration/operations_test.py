"""Runs docs/operations.md as root of a machine of its own (a mount namespace) and holds what it prints against the page.

There is no service manager there: systemctl stands for one that does what the unit says (support/systemctl)."""

import os
import shutil
import subprocess
import unittest

from binaries import BIN, SOURCE, Shell, free_port
from console_page import Session, blocks, comparable

PORT = "7777"
# /etc is a copy; what else the page writes to is empty and goes with the namespace.
MACHINE = f"""
set -e
mount --bind {BIN} /usr/local/bin
mount -t tmpfs tmpfs /mnt
cp -a /etc /mnt/etc
cp -a {SOURCE}/scripts {SOURCE}/tests/support/systemctl /mnt
mount --bind /mnt/etc /etc
for folder in /srv /home /root /var/lib /run /usr/local/sbin; do mount -t tmpfs -o mode=755 tmpfs $folder; done
mkdir -p /etc/systemd/system /root/musher/scripts
mv /mnt/systemctl /usr/local/sbin
ln -s systemctl /usr/local/sbin/journalctl
cp /mnt/scripts/*.service /mnt/scripts/*.timer /etc/systemd/system
cp /mnt/scripts/musher.cron /root/musher/scripts
set +e
cd /root
exec /bin/bash
"""


class Operations(unittest.TestCase):
    def setUp(self):
        # The port of the page may be in use here.
        port = free_port()
        self.shell = Shell()
        self.addCleanup(self.shell.close)
        self.there = lambda text: text.replace(PORT, port)
        self.here = lambda text: text.replace(port, PORT)
        machine = self.there(MACHINE).replace("exec /bin/bash", f"export MUSHER_TEST_LISTEN=127.0.0.1:{port}\nexec /bin/bash")
        self.session = Session(self.shell.folder, ["unshare", "--mount", "/bin/bash", "-c", machine], cwd="/", env={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TZ": "UTC", "LC_ALL": "C.UTF-8"})
        self.addCleanup(self.session.close)

    def test_every_command_prints_what_the_page_says(self):
        for block in blocks((SOURCE / "docs" / "operations.md").read_text()):
            for command, expected in block:
                output = self.here(self.session.run(self.there(command)))
                self.assertEqual(comparable(output), comparable(expected), f"{command}\n{output}")
        self.assertGreater(self.session.ran, 40)


if __name__ == "__main__":
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode != 0:
        print("SKIPPED: a mount namespace of its own needs root")
    else:
        unittest.main()
