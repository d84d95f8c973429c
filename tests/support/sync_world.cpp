#include "support/sync_world.hpp"

#include <sodium.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "crypto/hashing.hpp"
#include "sync/verify_all.hpp"

namespace musher::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

std::mt19937_64* sodium_source = nullptr;  // of the world that lives

/// Keys, salts and nonces come from the seed too.
void seed_sodium() {
  static randombytes_implementation implementation{
      .implementation_name = [] { return "seeded"; },
      .random = [] { return static_cast<std::uint32_t>((*sodium_source)()); },
      .stir = nullptr,
      .uniform = nullptr,
      .buf =
          [](void* buffer, std::size_t size) {
            auto* bytes = static_cast<std::uint8_t*>(buffer);
            for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>((*sodium_source)());
          },
      .close = nullptr};
  randombytes_set_implementation(&implementation);
}

/// Memory, where there is such a folder: thousands of logs are made here.
std::filesystem::path make_folder() {
  std::string pattern =
      std::filesystem::exists("/dev/shm") ? "/dev/shm/musher-world-XXXXXX" : "/tmp/musher-world-XXXXXX";
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

}  // namespace

SyncWorld::SyncWorld(std::uint64_t seed) : folder_(make_folder()), random_(seed) {
  static const Verifier self_test{DocumentId{}};  // draws random numbers, once a process: not of this world
  sodium_source = &random_;
  seed_sodium();
  document_ = random_id<DocumentId>();
  verifier_.emplace(document_);
}

SyncWorld::~SyncWorld() {
  nodes_.clear();
  for (const Connection& connection : connections_) {  // a link and its user hold each other
    for (const auto& end : {connection.left.lock(), connection.right.lock()}) {
      if (end) end->orphan();
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

SimNode& SyncWorld::add(const std::string& name) {
  nodes_.push_back(std::make_unique<SimNode>(*this, folder_, name, document_));
  return *nodes_.back();
}

FaultyVfs& SyncWorld::put_on_bad_disk(SimNode& node) {
  REQUIRE_FALSE((node.running() || bad_disk_));
  bad_disk_.emplace().only(node.path_);
  node.bad_disk_ = &*bad_disk_;
  node.replica_.reset();  // it opens the file anew
  return *bad_disk_;
}

SimNode& SyncWorld::node(const std::string& name) {
  const auto found = std::ranges::find(nodes_, name, [](const auto& node) { return node->name(); });
  REQUIRE(found != nodes_.end());
  return **found;
}

SyncWorld::Listener SyncWorld::listener(const std::string& name) {
  if (const auto found = listeners_.find(name); found != listeners_.end()) return found->second;
  const auto found = std::ranges::find(nodes_, name, [](const auto& node) { return node->name(); });
  if (found == nodes_.end() || !(*found)->running()) return {};
  return [node = found->get()](const std::shared_ptr<SimLink>& link) { node->accept(link); };
}

sync::Services::Verified SyncWorld::verify(std::vector<SignedOp> ops) {
  sync::Services::Verified all;
  for (SignedOp& op : ops) {
    const std::string encoded = sync::encode_op(op);
    if (const auto known = verified_.find(encoded); known != verified_.end()) {
      all.emplace_back(known->second);
      continue;
    }
    all.push_back(std::move(sync::verify_all(*verifier_, {std::move(op)}).front()));
    if (all.back()) verified_.emplace(encoded, *all.back());
  }
  return all;
}

void SyncWorld::partition(std::map<std::string, int> sides) {
  sides_ = std::move(sides);
  for (const Connection& connection : connections_) {
    if (connected(connection.from, connection.to)) continue;
    if (const auto link = connection.left.lock()) link->cut();
  }
}

bool SyncWorld::connected(const std::string& left, const std::string& right) const {
  const auto side = [&](const std::string& name) {
    const auto found = sides_.find(name);
    return found == sides_.end() ? 0 : found->second;
  };
  return side(left) == side(right);
}

void SyncWorld::at(microseconds when, std::function<void()> work) {
  events_.push({std::max(when, now_), ++number_, std::move(work)});
}

void SyncWorld::run_for(milliseconds time) {
  static_cast<void>(run_until([] { return false; }, time));
}

bool SyncWorld::run_until(const std::function<bool()>& condition, milliseconds most) {
  const microseconds end = now_ + most;
  auto next_look = now_;
  while (!events_.empty() && events_.top().when <= end) {
    Event event = std::move(const_cast<Event&>(events_.top()));
    events_.pop();
    now_ = event.when;
    event.work();
    if (now_ < next_look) continue;
    if (condition()) return true;
    next_look = now_ + milliseconds(100);
  }
  now_ = std::max(now_, end);
  return condition();
}

std::pair<std::shared_ptr<SimLink>, std::shared_ptr<SimLink>> SyncWorld::connect(const std::string& from,
                                                                                 const std::string& to) {
  auto left = std::make_shared<SimLink>(*this, to);
  auto right = std::make_shared<SimLink>(*this, from);
  left->self_ = left;
  right->self_ = right;
  left->other_ = right;
  right->other_ = left;
  std::erase_if(connections_, [](const Connection& old) { return old.left.expired() && old.right.expired(); });
  connections_.push_back({from, to, left, right});
  return {left, right};
}

bool SyncWorld::chance(double probability) {
  return probability > 0 && std::uniform_real_distribution<>(0, 1)(random_) < probability;
}

std::uint64_t SyncWorld::pick(std::uint64_t least, std::uint64_t most) {
  return least + random_() % (most - least + 1);
}

void SyncWorld::trace(std::string_view what) {
  for (const char byte : what) trace_ = (trace_ ^ static_cast<std::uint8_t>(byte)) * 1'099'511'628'211U;
  trace_ ^= static_cast<std::uint64_t>(now_.count());
}

}  // namespace musher::testing
