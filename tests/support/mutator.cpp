#include "support/mutator.hpp"

#include <cstdlib>

namespace musher::testing {

unsigned fuzz_seed(unsigned otherwise) {
  const char* const given = std::getenv("MUSHER_FUZZ_SEED");
  return given != nullptr ? static_cast<unsigned>(std::atoi(given)) : otherwise;
}

std::string Mutator::next() {
  std::string bytes = corpus_[pick(corpus_.size())];
  if (pick(4) == 0) bytes += corpus_[pick(corpus_.size())];
  for (std::size_t left = 1 + pick(4); left > 0; --left) mutate(bytes);
  return bytes;
}

std::size_t Mutator::pick(std::size_t below) {
  return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
}

void Mutator::mutate(std::string& bytes) {
  if (bytes.empty()) bytes = "G";
  const std::size_t at = pick(bytes.size());
  switch (pick(9)) {
    case 0: bytes[at] = static_cast<char>(pick(256)); break;
    case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << pick(8))); break;
    case 2: bytes.erase(at, 1 + pick(8)); break;
    case 3: bytes.insert(at, bytes.substr(pick(bytes.size()), 1 + pick(40))); break;
    case 4: bytes.insert(at, words_[pick(words_.size())]); break;
    case 5: bytes.resize(at); break;
    case 6: bytes.insert(at, std::string(1 + pick(20'000), static_cast<char>(pick(256)))); break;
    case 7: {
      const std::size_t line = bytes.find("\r\n", at);
      if (line != std::string::npos) bytes.insert(line + 2, words_[pick(words_.size())] + "\r\n");
      break;
    }
    default: {
      const std::size_t other = pick(bytes.size());
      std::swap(bytes[at], bytes[other]);
    }
  }
}

}  // namespace musher::testing
