"""Real bash, zsh and fish complete commands, options, choices and story ids, and hostile story ids stay text."""

import json
import os
import pty
import re
import select
import subprocess
import time
import unittest

from binaries import BIN, PROGRAMS, SOURCE, Shell
from man_pages_test import options_of_help

COMPLETIONS = SOURCE / "completions"
COMMANDS = [program.removeprefix("musher-") for program in PROGRAMS if program != "musher"]
HOSTILE = ["$(touch pwned)", "`touch pwned`", "it's \"quoted\" \\back", "a b;touch pwned", "{x,y}*?[z]~!", "colon:equals=", "日本語 ü"]
NEVER_SHOWN = ["--yes", "evil\u202ename", "zero\u200bwidth"]

PROMPT = "READY> "
# How each shell is started so that nothing but our completions is loaded.
START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], f"source {COMPLETIONS}/bash/musher; bind 'set enable-bracketed-paste off'\n"),
    "zsh": (["zsh", "-f", "-i"], f"fpath=({COMPLETIONS}/zsh $fpath); autoload -Uz compinit; compinit -D -u; unsetopt zle_bracketed_paste\n"),
    "fish": (["fish", "--no-config", "-C", f"function fish_prompt; echo -n '{PROMPT}'; end", "-i"], f"set -p fish_complete_path {COMPLETIONS}/fish\n"),
}
WAITS = re.compile(PROMPT.encode() + rb"(\x1b[\[(=>][0-9;?]*[A-Za-z]?)*$")  # nothing is typed behind the prompt


class Terminal:
    """A shell on a terminal, to which one can type."""

    def __init__(self, name, shell):
        command, setup = START[name]
        self.shell = shell
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(shell.work)
            os.execvpe(command[0], command, shell.environment | {"TERM": "dumb" if name == "fish" else "xterm", "PS1": PROMPT})
        self.seen = b""
        self.read_until(lambda: WAITS.search(self.seen))
        self.type(setup)
        self.read_until(lambda: self.seen.count(b"\n") and WAITS.search(self.seen))

    def type(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, condition):
        """Reads what the shell shows until the condition holds."""
        end = time.monotonic() + 60
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"the shell shows no more than {self.seen.decode(errors='replace')!r}")
            if select.select([self.fd], [], [], 0.05)[0]:
                self.seen += os.read(self.fd, 65536)

    def file_after(self, text, name):
        """What is in a file of the work folder once the typed line has written it. What is typed while a shell starts, or
        still waits for a command, it may lose: only what comes behind a tabulator is typed ahead here."""
        path = self.shell.work / name
        self.read_until(lambda: WAITS.search(self.seen))
        self.type(text)
        self.read_until(path.exists)
        return path.read_text()

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class Completions(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)

    def in_bash(self, line):
        """What bash would offer at the end of the line."""
        words = subprocess.run(
            ["bash", "--norc", "-c", 'source "$0"; COMP_LINE=$1 COMP_POINT=${#1}; compopt() { :; }; _musher; ((${#COMPREPLY[@]} == 0)) || printf "%s\\n" "${COMPREPLY[@]}"',
             COMPLETIONS / "bash" / "musher", line],
            cwd=self.shell.work, env=self.shell.environment, capture_output=True, text=True, check=True)
        self.assertEqual(words.stderr, "")
        return words.stdout.splitlines()

    def in_fish(self, line):
        quoted = line.replace("\\", "\\\\").replace("'", "\\'")
        words = self.shell.run("fish", "--no-config", "-c", f"source {COMPLETIONS}/fish/musher.fish; complete -C '{quoted}'")
        self.assertEqual((words.returncode, words.stderr), (0, ""))
        return [word.split("\t")[0] for word in words.stdout.splitlines()]

    def options_in_zsh(self, command):
        """The options that _arguments is given."""
        script = f"""_arguments() {{ print -rl -- "$@" }}; service=musher-{command}; words=(musher-{command}); source {COMPLETIONS}/zsh/_musher"""
        specs = self.shell.run("zsh", "-f", "-c", script)
        self.assertEqual((specs.returncode, specs.stderr), (0, ""))
        return set(re.findall(r"^(?:\([^)]*\))?\*?(--?[a-z-]+)[+=]?\[", specs.stdout, re.MULTILINE))

    def options_of(self, program):
        text = self.shell.run(BIN / program, "--help").stdout
        return {name for option in options_of_help(text) for name in re.findall(r"(?<!\S)--?[a-z-]+", option)}

    def test_options_are_those_of_help(self):
        for command in COMMANDS:
            with self.subTest(command):
                wanted = self.options_of(f"musher-{command}")
                self.assertEqual({word.rstrip() for word in self.in_bash(f"musher {command} -")}, wanted)
                self.assertEqual(set(self.in_bash(f"musher-{command} -")), wanted)
                self.assertEqual(self.options_in_zsh(command), wanted)
                fish = set(self.in_fish(f"musher-{command} -")) | set(self.in_fish(f"musher {command} -"))
                self.assertEqual({word for word in fish if word.startswith("-")} - {f"-{letter}{other}" for letter in "lnqh" for other in "lnqh"}, wanted)

    def test_files_are_sound(self):
        for check in (["bash", "-n", COMPLETIONS / "bash" / "musher"], ["shellcheck", "--shell=bash", "--severity=warning", *(COMPLETIONS / "bash").iterdir()],
                      ["zsh", "-n", COMPLETIONS / "zsh" / "_musher"], ["fish", "--no-execute", COMPLETIONS / "fish" / "musher.fish"]):
            done = self.shell.run(*check)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), check)

    def test_commands(self):
        for offer in (self.in_bash, self.in_fish):
            self.assertEqual(set(offer("musher ")), {"help", *COMMANDS})
            self.assertEqual(set(offer("musher pu")), {"put", "purge"})
            self.assertEqual(set(offer("musher help pu")), {"put", "purge"})

    def test_each_command_has_a_file_that_the_shell_finds(self):
        for command in COMMANDS:
            self.assertTrue((COMPLETIONS / "bash" / f"musher-{command}").exists())
            self.assertTrue((COMPLETIONS / "fish" / f"musher-{command}.fish").exists())
            self.assertIn(f"musher-{command}", (COMPLETIONS / "zsh" / "_musher").read_text().splitlines()[0])
        done = self.shell.run("bash", "--norc", "-c", f"source {COMPLETIONS}/bash/musher-put; complete -p musher-put")
        self.assertIn("_musher", done.stdout)

    def test_choices(self):
        for offer in (self.in_bash, self.in_fish):
            self.assertEqual(set(offer("musher replay --order ")), {"rowid", "seq"})
            self.assertEqual(set(offer("musher-inspect h")), {"heads"})
            self.assertEqual(set(offer("musher trust ")), {"list", "add", "revoke"})
            self.assertEqual(set(offer("musher identity ")), {"new", "show"})
            self.assertEqual(set(offer("musher serve --log-format ")), {"text", "json"})
            self.assertEqual(offer("musher-serve --listen "), ["127.0.0.1:7777"])
        self.assertEqual(self.in_bash("musher inspect --color a"), ["auto", "always"])
        self.assertEqual(self.in_bash("musher inspect --color=a"), ["auto", "always"])
        self.assertEqual(self.in_bash("musher put 1_a stage=3"), ["3_qa"])
        self.assertEqual(self.in_fish("musher put 1_a stage=3"), ["stage=3_qa"])

    def test_without_a_log_nothing_is_offered_and_nothing_said(self):
        for line in ("musher put ", "musher purge 4", "musher inspect story ", "musher put --log /nowhere 4"):
            for offer in (self.in_bash, self.in_fish):
                self.assertEqual(offer(line), [], line)

    def test_story_ids_of_the_log_that_the_line_names(self):
        for log, story in (("a.db", "478_of_a"), ("b.db", "478_of_b")):
            self.shell.musher("init", "-q", "--log", log)
            self.shell.musher("put", "-q", "--log", log, "--new", story)
        for offer in (self.in_bash, self.in_fish):
            for line, story in (("musher put --log a.db 4", "478_of_a"), ("musher put --log=b.db 4", "478_of_b"), ("musher-purge -l b.db 4", "478_of_b"),
                                ("musher-purge -la.db 4", "478_of_a"), ("musher inspect --log a.db story 4", "478_of_a"),
                                ("musher purge --log a.db 478_of_a --confirm 4", "478_of_a"), (f"{BIN}/musher put --log a.db ", "478_of_a")):
                self.assertEqual(offer(line), [story], line)
            self.assertNotIn("478_of_a", offer("musher put --log a.db --new 4"))
            self.shell.environment["MUSHER_LOG"] = "b.db"
            self.assertEqual(offer("musher put 4"), ["478_of_b"])
            self.assertEqual(offer("musher put --log a.db 4"), ["478_of_a"])
            del self.shell.environment["MUSHER_LOG"]

    def test_a_completed_story_id_is_that_story_in_every_shell(self):
        self.shell.musher("init", "-q")
        for story in ["478_story_sync", *HOSTILE, *NEVER_SHOWN]:
            self.assertEqual(self.shell.musher("put", "-q", "--new", "--", story).returncode, 0, story)
        self.shell.musher("init", "-q", "--log", "other log.db")
        self.shell.musher("put", "-q", "--log", "other log.db", "--new", "900_elsewhere")
        for name in START:
            terminal = Terminal(name, self.shell)
            try:
                for number, (typed, story) in enumerate([
                    ("musher inspect story 478", "478_story_sync"), ("musher-inspect story 478", "478_story_sync"),
                    ("musher inspect story '478", "478_story_sync"), ("musher inspect story \\$", HOSTILE[0]), ("musher inspect story \\`", HOSTILE[1]),
                    ("musher inspect story it", HOSTILE[2]), ("musher inspect story a", HOSTILE[3]), ("musher inspect story 'a b", HOSTILE[3]),
                    ("musher inspect story \\{", HOSTILE[4]), ("musher inspect story col", HOSTILE[5]), ("musher inspect story 日", HOSTILE[6]),
                    ("musher replay --story 478", "478_story_sync"), ("musher inspect --log 'other log.db' story 9", "900_elsewhere"),
                    ("musher-inspect -l other\\ log.db story 9", "900_elsewhere"), ("musher replay --log='other log.db' --story 9", "900_elsewhere"),
                ]):
                    file = f"{name}{number}.json"
                    # The file appears when it is complete.
                    written = terminal.file_after(f"{typed}\t --json >{file}.part; mv {file}.part {file}\n", file)
                    self.assertNotEqual(written, "", (name, typed, terminal.seen.decode(errors="replace")))
                    document = json.loads(written)
                    shown = document["story"] if "story" in document else document["stories"][0]
                    self.assertEqual(shown["story_id"], story, (name, typed))
                terminal.read_until(lambda: WAITS.search(terminal.seen))
                terminal.type("musher purge \t\t")
                terminal.read_until(lambda: "日本語" in terminal.seen.decode(errors="replace").rpartition("musher purge ")[2])
                for hidden in ("\u202e", "\u200b", "--yes"):
                    self.assertNotIn(hidden, terminal.seen.decode(errors="replace"), name)
            finally:
                terminal.close()
        self.assertFalse((self.shell.work / "pwned").exists())


if __name__ == "__main__":
    unittest.main()
