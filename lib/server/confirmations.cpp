#include "server/confirmations.hpp"

namespace musher {
namespace {

constexpr std::chrono::milliseconds kLook{5};

}  // namespace

Confirmations::~Confirmations() {
  if (timer_) scheduler_.cancel(*timer_);
}

void Confirmations::ask(RowId row, Done done) {
  auto slots = slots_.lock();
  if (slots == nullptr) {
    auto opened = live_.log().live_slots();
    if (!opened) return done({});
    slots = std::make_shared<const LiveSlots>(*std::move(opened));
    slots_ = slots;
  }
  RowConfirmation confirmation(std::move(slots), row);
  if (answered(confirmation)) return done(confirmation.answers());
  asked_.push_back({std::move(confirmation), std::move(done)});
  if (!timer_) look_later();
}

bool Confirmations::answered(RowConfirmation& confirmation) const {
  return confirmation.ask(confirmation.elapsed() >= patience_);
}

void Confirmations::look() {
  std::vector<Asked> open;
  std::vector<Asked> over;
  for (Asked& asked : asked_) (answered(asked.confirmation) ? over : open).push_back(std::move(asked));
  asked_ = std::move(open);
  if (!asked_.empty()) look_later();
  for (const Asked& asked : over) asked.done(asked.confirmation.answers());
}

void Confirmations::look_later() {
  timer_ = scheduler_.after(kLook, [this] {
    timer_.reset();
    look();
  });
}

}  // namespace musher
