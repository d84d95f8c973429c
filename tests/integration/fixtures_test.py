"""tests/data/make_fixtures.py makes the very fixtures that are in the repository, from the schema that musher has now."""

import hashlib
import pathlib
import subprocess
import sys
import tempfile
import unittest

from binaries import SOURCE

DATA = SOURCE / "tests" / "data"
FOLDERS = ("bad", "good", "incident")


def digests(folder):
    """What is in each file. SQLite writes its own version into two places of a database's header."""
    found = {}
    for path in sorted(path for name in (*FOLDERS, "expected.json") for path in [folder / name, *(folder / name).rglob("*")]):
        if not path.is_file() or (path.suffix not in (".db", ".state", ".key", ".json") and path.parent.name != "tips"):
            continue
        data = bytearray(path.read_bytes())
        if path.suffix == ".db":
            data[24:28] = data[92:100] = b""
        found[str(path.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return found


class Fixtures(unittest.TestCase):
    def test_the_script_makes_what_is_in_the_repository(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, DATA / "make_fixtures.py", folder], check=True, timeout=100)
            made, kept = digests(pathlib.Path(folder)), digests(DATA)
        self.assertEqual(set(made) ^ set(kept), set(), "run tests/data/make_fixtures.py and remove what it no longer makes")
        self.assertEqual([name for name in made if made[name] != kept[name]], [], "run tests/data/make_fixtures.py")
        self.assertGreater(len(made), 60)


if __name__ == "__main__":
    unittest.main()
