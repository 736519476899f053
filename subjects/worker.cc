// SPDX-License-Identifier: Apache-2.0
//
// Forking, waiting and reaping.

#include "subjects/worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

namespace assay::subjects {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Worker::Worker(ControlBlock* control, const Loader& load, std::size_t memory_bytes) : owner_(::getpid()) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot talk to a child process");
  }
  child_ = ::fork();
  if (child_ == 0) ChildMain(control, ends[1], owner_, load, memory_bytes);
  const int error = errno;
  ::close(ends[1]);
  socket_ = ends[0];
  if (child_ < 0) {
    ::close(socket_);
    throw std::system_error(error, std::generic_category(), "cannot start a child process");
  }
}

Worker::~Worker() {
  if (::getpid() != owner_) return;
  ::close(socket_);
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    Reap();
  }
}

void Worker::Reap() {
  while (::waitpid(child_, &wait_status_, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
}

void Worker::Start() {
  const char byte = 0;
  // A child that died meanwhile cannot take it; Await() then sees the end of the stream.
  [[maybe_unused]] const ssize_t sent = ::send(socket_, &byte, 1, MSG_NOSIGNAL);
}

Worker::Answer Worker::Await(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  bool ended = false;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) break;
    if (ended) {  // the stream ended, so the child is dying, unless the kernel closed it
      const pid_t gone = ::waitpid(child_, &wait_status_, WNOHANG);
      if (gone == child_) {
        child_ = -1;
        return Answer::kDied;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      continue;
    }
    pollfd end = {socket_, POLLIN, 0};
    if (::poll(&end, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1 << 30))) <= 0) continue;
    char byte = 0;
    const ssize_t got = ::recv(socket_, &byte, 1, 0);
    if (got == 1) return Answer::kDone;
    ended = got == 0 || errno != EINTR;
  }
  ::kill(child_, SIGKILL);
  Reap();
  return Answer::kTimedOut;
}

}  // namespace assay::subjects
