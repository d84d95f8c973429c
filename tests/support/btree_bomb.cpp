#include "support/btree_bomb.hpp"

#include <stdexcept>

#include "support/raw_database.hpp"
#include "support/temp_folder.hpp"

namespace musher::testing {
namespace {

constexpr int kLevels = 8;
// sqlite.org/fileformat2.html, "B-tree Pages"
constexpr char kInteriorIndexPage = 2;
constexpr char kLeafIndexPage = 10;
constexpr std::size_t kInteriorHeaderBytes = 12;

std::size_t number_at(const std::string& bytes, std::size_t offset) {
  return static_cast<std::size_t>(static_cast<unsigned char>(bytes[offset])) << 8 |
         static_cast<unsigned char>(bytes[offset + 1]);
}

std::string big_endian(std::size_t number, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t at = size; at-- > 0; number >>= 8) bytes[at] = static_cast<char>(number & 0xff);
  return bytes;
}

void put(std::string& page, std::size_t offset, const std::string& bytes) { page.replace(offset, bytes.size(), bytes); }

/// As many cells as fit, all of them pointing to one page.
std::string interior_page(std::size_t page_size, std::size_t child, const std::string& payload) {
  const std::string cell = big_endian(child, 4) + static_cast<char>(payload.size()) + payload;
  const std::size_t cells = (page_size - kInteriorHeaderBytes) / (2 + cell.size());
  std::string page(page_size, '\0');
  page[0] = kInteriorIndexPage;
  put(page, 3, big_endian(cells, 2));
  std::size_t at = page_size;
  for (std::size_t i = 0; i < cells; ++i) {
    at -= cell.size();
    put(page, at, cell);
    put(page, kInteriorHeaderBytes + 2 * i, big_endian(at, 2));
  }
  put(page, 5, big_endian(at, 2));
  put(page, 8, big_endian(child, 4));
  return page;
}

}  // namespace

void make_btree_bomb(const std::filesystem::path& log, const std::string& object) {
  std::size_t root = 0;
  {
    RawDatabase raw(log);
    root = std::stoull(raw.value("SELECT rootpage FROM sqlite_schema WHERE name = '" + object + "'"));
    raw.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  std::string file = read_file(log);
  const std::size_t page_size = number_at(file, 16);
  const std::size_t pages = file.size() / page_size;
  const std::string leaf = file.substr((root - 1) * page_size, page_size);
  if (leaf[0] != kLeafIndexPage) throw std::runtime_error(object + " is more than one page");
  const std::size_t cell = number_at(leaf, 8);
  const std::string payload = leaf.substr(cell + 1, static_cast<unsigned char>(leaf[cell]));
  put(file, (root - 1) * page_size, interior_page(page_size, pages + 1, payload));
  for (std::size_t level = 1; level < kLevels; ++level) {
    file += interior_page(page_size, pages + level + 1, payload);
  }
  file += leaf;
  put(file, 28, big_endian(file.size() / page_size, 4));
  put(file, 92, file.substr(24, 4));
  write_file(log, file);
}

}  // namespace musher::testing
