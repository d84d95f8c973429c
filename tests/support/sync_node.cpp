// The nodes of the simulated world.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "crypto/hashing.hpp"
#include "replica/init.hpp"
#include "replica/trust.hpp"
#include "support/sync_world.hpp"

namespace musher::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr const char* kFilesOfLog[] = {"", "-wal", "-journal"};  // what counts of it on a disk

}  // namespace

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

}  // namespace musher::testing
