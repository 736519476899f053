// SPDX-License-Identifier: Apache-2.0
//
// A child process with one subject in it, as the parent holds it.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>

#include "subjects/child.h"

namespace assay::subjects {

class Worker {
 public:
  enum class Answer { kDone, kDied, kTimedOut };

  // Forks; the child begins to load. It dies with the thread that made it. Throws std::system_error.
  Worker(ControlBlock* control, const Loader& load, std::size_t memory_bytes);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Lets the child call its kernel once; Await() tells how that went.
  void Start();
  // Waits for the child's turn to end. After anything but kDone the child is gone and reaped.
  Answer Await(std::chrono::milliseconds limit);
  // After kDied: as waitpid reports it.
  int wait_status() const { return wait_status_; }

 private:
  void Reap();

  pid_t owner_;  // a copy of us in another child must not touch this one's
  pid_t child_ = -1;
  int socket_ = -1;
  int wait_status_ = 0;
};

}  // namespace assay::subjects
