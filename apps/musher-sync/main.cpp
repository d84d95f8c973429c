#include "cli/commands/commands.hpp"

int main(int argc, char** argv) { return musher::run_command(argc, argv, musher::sync_command()); }
