#include "support/sync_world.hpp"

#include <sodium.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "crypto/hashing.hpp"
#include "replica/init.hpp"
#include "replica/trust.hpp"
#include "sync/verify_all.hpp"

namespace musher::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

std::mt19937_64* sodium_source = nullptr;  // of the world that lives

// As http::WebSocketLimits.
constexpr std::size_t kQueueBytes = 8U << 20U;
constexpr std::size_t kLowWaterBytes = 256U << 10U;
constexpr std::size_t kSystemBytes = 256U << 10U;  ///< on the way to who does not read
constexpr microseconds kCloseTimeout{5'000'000};

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

constexpr const char* kFilesOfLog[] = {"", "-wal", "-journal"};  // what counts of it on a disk

}  // namespace

// --- links

void SimLink::send(std::string message) {
  if (closed_ || closing_) return;
  if (queued_ + message.size() > kQueueBytes) return close(1013, "the send queue is full");
  ++world_.messages;
  world_.bytes += message.size();
  if (world_.chance(world_.weather.cut)) return cut();
  const auto latency = microseconds(world_.pick(static_cast<std::uint64_t>(world_.weather.least_latency.count()),
                                                static_cast<std::uint64_t>(world_.weather.most_latency.count())));
  last_arrival_ = std::max(last_arrival_, world_.now() + latency);
  queued_ += message.size();
  above_low_water_ = above_low_water_ || queued_ > kLowWaterBytes;
  world_.at(last_arrival_, [self = self_.lock(), message = std::move(message)]() mutable {
    if (const auto other = self->other_.lock()) {
      other->arrive(std::move(message));
    } else {
      self->taken(message.size());
    }
  });
}

/// From the sender's queue, by what the receiver's system holds for who does not read, or by who reads.
void SimLink::taken(std::size_t bytes) {
  queued_ -= bytes;
  if (!above_low_water_ || queued_ > kLowWaterBytes) return;
  above_low_water_ = false;
  if (user_ && !closed_) user_->drained();
}

void SimLink::arrive(std::string message) {
  const auto sender = other_.lock();
  const std::size_t size = message.size();
  const bool is_taken = closed_ || arrived_bytes_ == 0 || arrived_bytes_ + size <= kSystemBytes;
  if (!closed_) {
    arrived_bytes_ += size;
    arrived_.push({std::move(message), is_taken});
    deliver();
  }
  if (is_taken && sender) sender->taken(size);
}

void SimLink::deliver() {
  const auto keep = self_.lock();
  while (!paused_ && !closed_ && user_ && !arrived_.empty()) {
    const auto [message, is_taken] = std::move(arrived_.front());
    arrived_.pop();
    arrived_bytes_ -= message.size();
    if (const auto sender = other_.lock(); sender && !is_taken) {
      world_.at(world_.now(), [sender, size = message.size()] { sender->taken(size); });
    }
    if (message.size() > message_bytes_) return close(1009, "a message is too long");
    world_.trace(message);
    if (world_.tap) world_.tap(message);
    const auto user = user_;
    user->received(message);
  }
}

void SimLink::pause(bool paused) {
  paused_ = paused;
  if (!paused) world_.at(world_.now(), [self = self_.lock()] { self->deliver(); });
}

void SimLink::start(std::shared_ptr<sync::LinkUser> user) {
  user_ = std::move(user);
  world_.at(world_.now(), [self = self_.lock()] { self->deliver(); });
}

void SimLink::close(std::uint16_t code, std::string_view reason) {
  if (closed_ || std::exchange(closing_, true)) return;
  closing_code_ = code;
  closing_reason_ = reason;
  // Who closes waits for the other end's goodbye, but not for ever.
  const auto takes = other_.expired() ? kCloseTimeout : microseconds(100);
  world_.at(std::max(last_arrival_, world_.now() + takes), [self = self_.lock(), code, why = std::string(reason)] {
    if (const auto other = self->other_.lock()) other->end(code, why, true);
    self->end(code, why, false);
  });
}

void SimLink::end_closing() {
  if (!closing_ || closed_) return;
  world_.at(world_.now(), [self = self_.lock()] { self->end(self->closing_code_, self->closing_reason_, false); });
}

void SimLink::cut() {
  const auto later = [&] { return world_.now() + microseconds(world_.pick(100, 10'000'000)); };
  world_.at(later(), [self = self_.lock()] { self->end(1006, "", false); });
  if (const auto other = other_.lock()) {
    world_.at(later(), [other] { other->end(1006, "", false); });
    other->other_.reset();
  }
  other_.reset();
}

void SimLink::end(std::uint16_t code, std::string reason, bool by_peer) {
  if (std::exchange(closed_, true)) return;
  if (const auto user = std::exchange(user_, nullptr)) user->closed(code, reason, by_peer);
}

// --- nodes

SimNode::SimNode(SyncWorld& world, std::filesystem::path folder, std::string name, const DocumentId& document)
    : world_(world), path_(folder / (name + ".db")), key_(folder / (name + ".key")), name_(std::move(name)) {
  const Host host{[this] { return clock_ms(); }, folder / ("state-" + name_), name_};
  const auto made = init({path_, key_, document, name_, std::nullopt}, host);
  INFO((made ? "" : made.error().what));
  REQUIRE(made);
  author_ = made->author;
  limits.retry_most = milliseconds(8'000);
  limits.window_ops = 2'048;  // a test can fill it
  limits.window_bytes = 4U << 20U;
  open();
}

void SimNode::open() {
  if (bad_disk_ != nullptr) {
    at_open_ = files();
    bad_disk_->start_recording();
  }
  auto log = SqliteOpLog::open(path_, OpenMode::write);
  INFO((log ? "" : log.error().what));
  REQUIRE(log);
  (*log)->limit_quarantine(quarantine_limits_);
  const Host host{[this] { return clock_ms(); }, path_.parent_path() / ("state-" + name_), name_};
  replica_ = std::make_unique<Replica>(*std::move(log), host);
  auto key = Identity::load(key_);
  REQUIRE(key);
  replica_->use_identity(*std::move(key));
}

void SimNode::start() {
  if (running()) return;
  if (!replica_) open();
  ++life_;
  auto key = Identity::load(key_);
  REQUIRE(key);
  identity_.emplace(*std::move(key));
  auto trust = TrustPolicy::read(log());
  REQUIRE(trust);
  trust_ = *std::move(trust);
  sync::EngineOptions options;
  options.self = {&*identity_, log().info().document, log().info().log};
  for (const std::string& other : rendezvous) options.rendezvous.push_back(other);
  options.limits = limits;
  options.standing = [this](const AuthorId& author) { return trust_->standing(author); };
  options.on_event = [this](const sync::Event& event) {
    world_.trace(event.what);
    if (event.warning) events.push_back(event);
  };
  options.own_op_elsewhere = [this](const Tip& tip, const AuthorId&) {
    if (!own_elsewhere || own_elsewhere->index < tip.index) own_elsewhere = tip;
  };
  engine_ = std::make_unique<sync::Engine>(*this, std::move(options));
  const auto mark = log().last_mark();
  REQUIRE(mark);
  engine_->begin({mark->row, mark->chain});
  tick();
}

void SimNode::tick() {
  world_.at(world_.now() + milliseconds(250), [this, life = life_] {
    if (life != life_ || !running()) return;
    engine_->tick();
    tick();
  });
}

void SimNode::let_go() {
  for (const auto& held : std::exchange(links_, {})) {
    const auto link = held.lock();
    if (!link) continue;
    link->orphan();
    link->cut();
  }
}

void SimNode::stop() {
  if (!running()) return;
  end();
  if (bad_disk_ != nullptr && bad_disk_->power_is_out()) put_files(torn_files());
}

void SimNode::crash() {
  if (running()) die(files());
}

void SimNode::lose_power() {
  REQUIRE(bad_disk_ != nullptr);
  if (running()) die(torn_files());
}

void SimNode::lose_power_after(std::size_t more) {
  REQUIRE(bad_disk_ != nullptr);
  if (running()) bad_disk_->cut_power_after(more);
}

bool SimNode::power_is_out() {
  if (bad_disk_ == nullptr || !bad_disk_->power_is_out()) return false;
  die(torn_files());
  if (on_power_cut) on_power_cut();
  return true;
}

Disk SimNode::files() const {
  Disk all;
  for (const char* suffix : kFilesOfLog) {
    const std::ifstream file(path_.native() + suffix, std::ios::binary);
    if (!file) continue;
    std::ostringstream bytes;
    bytes << file.rdbuf();
    all[suffix] = std::move(bytes).str();
  }
  return all;
}

Disk SimNode::torn_files() {
  std::mt19937 random(static_cast<std::mt19937::result_type>(world_.random()()));
  return after_power_cut(at_open_, bad_disk_->events(), bad_disk_->events().size(), random, true);
}

void SimNode::put_files(const Disk& left) const {
  std::filesystem::remove(path_.native() + "-shm");
  for (const char* suffix : kFilesOfLog) {
    const auto found = left.find(suffix);
    std::filesystem::remove(path_.native() + suffix);
    if (found == left.end()) continue;
    std::ofstream file(path_.native() + suffix, std::ios::binary);
    file.write(found->second.data(), static_cast<std::streamsize>(found->second.size()));
    REQUIRE(file.flush());
  }
}

void SimNode::die(const Disk& left) {
  end();
  put_files(left);  // what SQLite does when it closes a file did not happen
}

void SimNode::end() {
  ++life_;
  let_go();
  engine_.reset();
  replica_.reset();
  reads_until_ = writes_until_ = verifies_until_ = {};
}

void SimNode::limit_quarantine(const QuarantineLimits& to) {
  REQUIRE_FALSE(running());
  quarantine_limits_ = to;
  replica_.reset();
}

LogReader& SimNode::log() {
  if (!replica_) open();
  return replica_->log();
}

void SimNode::back_up() {
  REQUIRE(!running());
  if (!replica_) open();
  replica_.reset();  // SQLite moves the -wal into the file when it closes it
  std::filesystem::copy_file(path_, path_.native() + ".backup", std::filesystem::copy_options::overwrite_existing);
}

bool SimNode::has_backup() const { return std::filesystem::exists(path_.native() + ".backup"); }

void SimNode::restore() {
  REQUIRE(!running());
  replica_.reset();
  for (const char* beside : {"-wal", "-shm"}) std::filesystem::remove(path_.native() + beside);
  std::filesystem::copy_file(path_.native() + ".backup", path_, std::filesystem::copy_options::overwrite_existing);
}

bool SimNode::saw(std::string_view what, std::string_view detail) const {
  return std::ranges::any_of(events, [&](const sync::Event& event) {
    return event.what == what && event.detail.find(detail) != std::string::npos;
  });
}

bool SimNode::lost_its_tail() {
  if (is_held_by_a_claim()) return true;
  if (!own_elsewhere) return false;
  const auto here = log().facts(own_elsewhere->id);
  REQUIRE(here);
  return !*here;
}

bool SimNode::write(const std::function<Result<void>(Replica&)>& job) { return !lost_its_tail() && change(job); }

bool SimNode::change(const std::function<Result<void>(Replica&)>& job) {
  if (!replica_) open();
  const bool written = job(*replica_).has_value();
  if (power_is_out()) return written;
  if (running())
    world_.at(world_.now() + microseconds(50), [this, life = life_] {
      if (life == life_) follow();
    });
  return written;
}

void SimNode::trust(const AuthorId& author, const std::string& name, bool eraser) {
  REQUIRE(change([&](Replica& replica) -> Result<void> {
    MUSHER_CHECK(trust_add(replica, author, name, eraser));
    return {};
  }));
}

bool SimNode::revoke(const AuthorId& author) {
  return change([&](Replica& replica) -> Result<void> {
    MUSHER_CHECK(trust_revoke(replica, author, std::nullopt));
    return {};
  });
}

void SimNode::follow() {
  if (!running()) return;
  auto trust = TrustPolicy::read(log());
  REQUIRE(trust);
  if (*trust != *trust_) {
    trust_ = *std::move(trust);
    engine_->trust_changed();
  }
  while (true) {
    auto ops = sync::read_after(log(), engine_->end_of_log());
    INFO((ops ? "" : ops.error().what));
    REQUIRE(ops);
    if (ops->empty()) return;
    engine_->appended(*std::move(ops));
  }
}

Digest SimNode::state_digest() {
  auto live = LiveDocument::start(log());
  REQUIRE(live);
  CatchUpOptions options;
  options.threads = 1;
  REQUIRE(live->catch_up(log(), options));
  CHECK(live->failures().empty());
  return live->document().state_digest();
}

milliseconds SimNode::now() { return std::chrono::duration_cast<milliseconds>(world_.now()); }
std::int64_t SimNode::clock_ms() { return 1'700'000'000'000 + now().count() + clock_offset_ms; }
void SimNode::random(std::span<std::uint8_t> out) { random_bytes(out); }

void SimNode::soon(microseconds least, microseconds most, microseconds& lane, std::function<void()> work) {
  const auto takes =
      microseconds(world_.pick(static_cast<std::uint64_t>(least.count()), static_cast<std::uint64_t>(most.count())));
  lane = std::max(lane, world_.now()) + takes;
  world_.at(lane, [this, life = life_, work = std::move(work)] {
    if (life == life_ && running()) work();
  });
}

void SimNode::read(std::function<Result<void>(LogReader&)> job, std::function<void(Result<void>)> done) {
  if (on_read) on_read(++reads_under_way_);
  soon(microseconds(20), microseconds(500), reads_until_, [this, job = std::move(job), done = std::move(done)] {
    if (on_read) --reads_under_way_;
    done(job(log()));
  });
}

void SimNode::write(std::function<Result<void>(Replica&)> job, std::function<void(Result<void>)> done) {
  soon(slow_writes + microseconds(200), slow_writes + microseconds(3'000), writes_until_,
       [this, job = std::move(job), done = std::move(done)] {
         // Durable here; who is told of it may never hear of it.
         const Result<void> written = job(*replica_);
         if (power_is_out()) return;
         soon(microseconds(10), microseconds(500), writes_until_, [this, written, done] {
           follow();
           done(written);
         });
       });
}

bool SimNode::verify(const std::shared_ptr<std::vector<SignedOp>>& ops, std::function<void(Verified)> done) {
  verify_soon(ops, std::move(done));
  return true;
}

void SimNode::verify_soon(const std::weak_ptr<std::vector<SignedOp>>& ops, std::function<void(Verified)> done) {
  if (hold_verdicts) {
    return world_.at(world_.now() + milliseconds(50), [this, life = life_, ops, done = std::move(done)]() mutable {
      if (life == life_ && running()) verify_soon(ops, std::move(done));
    });
  }
  soon(microseconds(50), microseconds(2'000), verifies_until_, [this, ops, done = std::move(done)] {
    if (const auto wanted = ops.lock()) done(world_.verify(std::move(*wanted)));
  });
}

std::function<void()> SimNode::dial(const std::string& url, std::function<void(Result<sync::OpenLink>)> done) {
  const auto cancelled = std::make_shared<bool>(false);
  world_.at(
      world_.now() + milliseconds(world_.pick(1, 30)), [this, life = life_, url, cancelled, done = std::move(done)] {
        if (life != life_ || !running() || *cancelled) return;
        const auto listener = world_.listener(url);
        if (!world_.connected(name_, url) || !listener) return done(fail(Errc::io, "cannot reach " + url));
        auto [mine, theirs] = world_.connect(name_, url);
        hold(mine);
        done(sync::OpenLink{mine, [mine](std::shared_ptr<sync::LinkUser> user) { mine->start(std::move(user)); }});
        listener(theirs);
      });
  return [cancelled] { *cancelled = true; };
}

void SimNode::hold(const std::shared_ptr<SimLink>& link) {
  std::erase_if(links_, [](const auto& held) { return held.expired(); });
  links_.push_back(link);
}

void SimNode::accept(const std::shared_ptr<SimLink>& link) {
  hold(link);
  engine_->accept({link, [link](std::shared_ptr<sync::LinkUser> user) { link->start(std::move(user)); }});
}

// --- the world

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
