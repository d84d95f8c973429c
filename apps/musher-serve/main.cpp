#include "musher-serve/serve_command.hpp"

int main(int argc, char** argv) { return musher::run_command(argc, argv, musher::serve_command()); }
