#pragma once
// What belongs to the server's thread, in the hands of a job of another one.

#include <functional>
#include <memory>
#include <utility>

namespace musher {

/// The same object, to be captured by jobs of other threads: whoever lets go of it last, `mine` is let go of in a
/// function that is posted, on the server's thread, where all that the object holds lives.
template <class T>
[[nodiscard]] std::shared_ptr<T> ends_on_loop(const std::function<void(std::function<void()>)>& post,
                                              std::shared_ptr<T> mine) {
  T* const object = mine.get();
  return {object, [post, mine = std::move(mine)](T*) mutable { post([mine = std::move(mine)] {}); }};
}

}  // namespace musher
