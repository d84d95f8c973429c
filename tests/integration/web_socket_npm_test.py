"""npm's ws against our WebSockets, each as server and as client: tests/npm/web_sockets.mjs."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["MUSHER_SOURCE_DIR"])
PEER = pathlib.Path(os.environ["MUSHER_BIN_DIR"]).parent / "tests" / "web_socket_peer"
NPM = SOURCE / "tests" / "npm"
MODULES = NPM / "node_modules"
NODE = MODULES / "node" / "bin" / "node"


class WebSockets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="musher-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def serve(self, *arguments):
        # The server ends with its stdin.
        server = subprocess.Popen([PEER, "serve", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.wait)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.stdin.close)
        return server.stdout.readline().strip()

    def test_ws(self):
        certificate, key = self.folder / "localhost.crt", self.folder / "localhost.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        ports = [self.serve(), self.serve(certificate, key)]
        run = subprocess.run([NODE, NPM / "web_sockets.mjs", PEER, *ports, certificate, key], cwd=self.folder,
                             env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=250)
        self.assertEqual(run.returncode, 0, run.stdout[-8000:])
        self.assertEqual(len(re.findall("^ok ", run.stdout, re.MULTILINE)), 8, run.stdout)


if __name__ == "__main__":
    if MODULES.exists():
        unittest.main()
    print("SKIPPED: tests/npm/node_modules is not there: scripts/install-deps")
