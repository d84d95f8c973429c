"""Every binary has a manual page, the page has the options of --help and no other, and its examples run."""

import re
import shlex
import tomllib
import unittest

from binaries import BIN, HELPERS, PROGRAMS, SOURCE, Shell

MAN = SOURCE / "man"
LOG_WITH_STORIES = """
    musher init -q
    musher put -q --new 477_story_base stage=5_done
    musher put -q --new 478_story_sync name=Sync stage=1_backlog
    musher put -q 478_story_sync stage=2_current
"""
# Commands of the pages that answer no, and why that is what the example shows.
ANSWERS_NO = {
    "musher replay --compare seq": "it shows what a replay in seq order loses",
}


def section(page, title):
    """The lines of one section, and of its subsections."""
    found = re.search(rf"^\.Sh {re.escape(title)}\n(.*?)(?=^\.Sh |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def words(text):
    """The words of a line of mdoc macros, as a reader sees them."""
    result = ""
    flag = glue = False
    for word in shlex.split(text.replace(r"\(dq", '"').replace("'", r"\'")):
        if word in ("Fl", "Ar", "Cm", "Ev", "Pa", "No"):
            flag = word == "Fl"
        elif word == "Ns":
            glue = True
        elif word == ",":
            result += ","
        else:
            if result and not glue:
                result += " "
            result += ("-" if flag else "") + word
            glue = False
    return result


def options_of_page(page):
    """"-l, --log FILE" and its like, in order."""
    items = re.findall(r"^\.It (Fl .*)$", section(page, "OPTIONS"), re.MULTILINE)
    return [words(item) for item in items]


def options_of_help(text):
    """The same of --help, each with its description."""
    found = {}
    joined = re.sub(r"\n {28}", "  ", text)
    for option, description in re.findall(r"^ {2,6}(-\S+(?:, --\S+)?(?: \S+)?) {2,}(.*)$", joined, re.MULTILINE):
        found[option] = re.sub(r" +", " ", description)
    return found


class Pages(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)

    def each(self):
        return [(program, (MAN / f"{program}.1").read_text()) for program in PROGRAMS]

    def help_of(self, program):
        done = self.shell.run(BIN / program, "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_there_is_a_page_for_each_binary_and_no_other(self):
        self.assertEqual(sorted(path.stem for path in MAN.glob("*.1")), sorted(PROGRAMS + HELPERS))

    def test_options_are_those_of_help(self):
        for program, page in self.each():
            if program == "musher":
                self.assertEqual(options_of_page(page), ["-h, --help", "--version"])
                continue
            of_help = options_of_help(self.help_of(program))
            self.assertIn("--version", of_help, program)
            self.assertEqual(sorted(options_of_page(page)), sorted(of_help), program)

    def test_choices_of_an_option_are_in_the_page(self):
        for program, page in self.each():
            for option, description in options_of_help(self.help_of(program)).items():
                choices = re.search(r": ((?:[a-z]+, )+[a-z]+)$", description)
                if not choices:
                    continue
                macro = "Fl " + re.search(r"-(-[a-z-]+)", option)[1]
                text = re.search(rf"^\.It .*{macro} .*?(?=^\.It |^\.El)", page, re.MULTILINE | re.DOTALL)[0]
                for choice in choices[1].split(", "):
                    self.assertRegex(text, rf"\b{choice}\b", program)

    def test_usage_lines_of_help_name_what_the_synopsis_names(self):
        for program, page in self.each():
            synopsis = section(page, "SYNOPSIS")
            usage = self.help_of(program).split("\n\n")[0]
            for option in re.findall(r"--[a-z-]+", usage):
                self.assertIn("Fl " + option[1:], synopsis, program)

    def test_summaries_are_those_of_the_list_of_commands(self):
        listed = dict(re.findall(r"^  ([a-z-]+) {2,}(.+)$", self.shell.musher().stdout, re.MULTILINE))
        for program, page in self.each():
            if program == "musher":
                continue
            summary = listed[program.removeprefix("musher-")]
            name = re.search(r"^\.Nd (.+)$", page, re.MULTILINE)[1]
            self.assertEqual(name, summary[0].lower() + summary[1:], program)
            self.assertIn(f"{summary}:\n.Xr {program} 1", (MAN / "musher.1").read_text())

    def test_exit_codes_are_the_same_in_every_page(self):
        tables = {program: section(page, "EXIT STATUS") for program, page in self.each()}
        for program, table in tables.items():
            self.assertEqual(table, tables["musher"], program)
        codes = re.findall(r"^\.It (\d+)$", tables["musher"], re.MULTILINE)
        in_code = re.findall(r"^  [a-z]+ = (\d+),", (SOURCE / "lib" / "cli" / "exit_code.hpp").read_text(), re.MULTILINE)
        self.assertEqual(codes, in_code)

    def test_variables_are_those_the_code_reads(self):
        code = "".join(path.read_text() for path in (SOURCE / "lib" / "cli").rglob("*.cpp"))
        read = set(re.findall(r'get(?:_even_empty)?\("([A-Z_]+)"\)', code)) - {"HOME", "LESS", "LV"}
        page = section((MAN / "musher.1").read_text(), "ENVIRONMENT")
        named = set(re.findall(r"[A-Z_]{2,}", " ".join(re.findall(r"^\.It Ev (.*)$", page, re.MULTILINE))))
        self.assertEqual(named, read | {"TZ", "TMPDIR"})

    def test_settings_of_the_configuration_are_toml_as_they_are_shown(self):
        for program in ("musher", "musher-serve"):
            done = self.shell.run("mandoc", "-T", "ascii", MAN / f"{program}.1")
            shown = re.findall(r"^ +([a-z_]+) = (.*)$", re.sub(r".\x08", "", done.stdout), re.MULTILINE)
            self.assertGreater(len(shown), 4, program)
            for key, values in shown:
                for value in values.replace(", ...]", "]").split(" | "):
                    read = tomllib.loads(f"{key} = {value}")[key]
                    for word in read if isinstance(read, list) else [read]:
                        self.assertRegex(str(word), r"^[A-Za-z:]+$", (program, key))

    def test_references_lead_somewhere(self):
        pages = {path.name for path in MAN.iterdir()} | {"sqlite3.1", "cp.1", "cron.8", "sd_notify.3", "systemd.1"}
        for program, page in self.each():
            for name, number in re.findall(r"\.?Xr (\S+) (\d)", page):
                self.assertIn(f"{name}.{number}", pages, program)

    def examples(self, page):
        """The commands of EXAMPLES; not those that stand under a comment that says why they are not run."""
        lines = section(page, "EXAMPLES").splitlines()
        for before, line in zip([""] + lines, lines):
            if line.startswith(".Dl $ ") and "not run:" not in before:
                yield line.removeprefix(".Dl $ ").replace(r"\(dq", '"').replace(r"\e", "\\")

    def run_example(self, command):
        done = self.shell.run("/bin/bash", "-c", command)
        self.assertEqual(done.returncode, 1 if command in ANSWERS_NO else 0, (command, done.stdout, done.stderr))

    def test_examples_run_one_after_the_other(self):
        for program, page in self.each():
            for name in list(self.shell.work.iterdir()):
                name.unlink()
            for line in LOG_WITH_STORIES.splitlines():
                self.run_example(line)
            commands = list(self.examples(page))
            self.assertGreater(len(commands), 0, program)
            for command in commands:
                self.run_example(command)


if __name__ == "__main__":
    unittest.main()
