# fish completion: one file for all commands.
source (status dirname)/musher.fish
