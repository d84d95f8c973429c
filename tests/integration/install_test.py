"""cmake --install puts binaries, manual pages, completions, units and schemas in place, and what it installs runs."""

import unittest

from binaries import BIN, HELPERS, PROGRAMS, SOURCE, Shell


class Install(unittest.TestCase):
    def test_everything_is_in_place(self):
        shell = Shell()
        self.addCleanup(shell.close)
        prefix = shell.folder / "prefix"
        done = shell.run("cmake", "--install", BIN.parent, "--prefix", prefix)
        self.assertEqual(done.returncode, 0, done.stderr)
        share = prefix / "share"
        self.assertEqual(sorted(path.name for path in (prefix / "bin").iterdir()), sorted(PROGRAMS + HELPERS))
        for page in (SOURCE / "man").iterdir():
            self.assertTrue((share / "man" / f"man{page.suffix[1:]}" / page.name).exists(), page)
        for program in PROGRAMS:
            self.assertTrue((share / "bash-completion" / "completions" / program).exists(), program)
            self.assertTrue((share / "fish" / "vendor_completions.d" / f"{program}.fish").exists(), program)
        self.assertTrue((share / "zsh" / "site-functions" / "_musher").exists())
        for schema in (SOURCE / "docs" / "schemas").iterdir():
            self.assertTrue((share / "doc" / "musher" / "schemas" / schema.name).exists(), schema)
        self.assertTrue((share / "doc" / "musher" / "operations.md").exists())
        self.assertEqual(list(prefix.rglob("*.a")), [])

        units = sorted((prefix / "lib" / "systemd" / "system").iterdir())
        self.assertEqual([unit.name for unit in units], ["musher-serve.service", "musher-verify.service", "musher-verify.timer"])
        # It ends with 0 at a key that it does not know; what it says is the verdict.
        done = shell.run("systemd-analyze", "verify", "--man=no", *units)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

        # Through the installed dispatcher, which finds the programs beside itself.
        done = shell.run(prefix / "bin" / "musher", "init")
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
