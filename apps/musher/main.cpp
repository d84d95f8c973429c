#include "cli/dispatcher.hpp"

int main(int argc, char** argv) { return musher::run_dispatcher(argc, argv); }
