// SPDX-License-Identifier: Apache-2.0
//
// What happens in the child process.

#include "subjects/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "subjects/sanitized.h"

namespace assay::subjects {
namespace {

constexpr int kSocket = 3;  // where the child keeps its end

// Leaves nothing of the parent's within reach of the kernel: its terminal, its files, its exit handlers.
void Seclude(int socket, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);  // the parent died before that line
  const rlimit no_core = {0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  // Registered last, so called first: exit() in a kernel must not run the parent's handlers and destructors here.
  ::on_exit([](int status, void*) { ::_exit(status); }, nullptr);
  ::signal(SIGINT, SIG_IGN);  // Ctrl-C is for the parent, which ends us
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  socket = ::fcntl(socket, F_DUPFD, 10);  // out of the way: where the parent has no stdin, it is number 0
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, STDIN_FILENO);
  ::dup2(null, STDOUT_FILENO);  // stdout carries the parent's report; stderr stays, for what a sanitizer says
  ::dup2(socket, kSocket);
  ::close_range(kSocket + 1, ~0U, 0);
}

// Lets the process allocate so much more than it has; without it, an allocation storm ends in the machine's distress.
// Sanitizers map memory for themselves all the time and are left alone.
void LimitMemory(std::size_t more_bytes) {
#if !defined(ASSAY_SANITIZED)
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0, shared = 0, text = 0, library = 0, data = 0;
  if (!(statm >> total >> resident >> shared >> text >> library >> data)) return;
  const rlim_t now = data * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  rlimit limit = {};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_max < more_bytes || limit.rlim_max - more_bytes < now) return;
  limit.rlim_cur = limit.rlim_max = now + more_bytes;
  ::setrlimit(RLIMIT_DATA, &limit);
#else
  (void)more_bytes;
#endif
}

// Passes the turn to the parent and waits for the next.
void Answer() {
  const char byte = 0;
  if (::send(kSocket, &byte, 1, MSG_NOSIGNAL) != 1) ::_exit(0);
}

bool AwaitTurn() {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::recv(kSocket, &byte, 1, 0);
  } while (got < 0 && errno == EINTR);
  return got == 1;
}

}  // namespace

void ChildMain(ControlBlock* control, int socket, pid_t parent, const Loader& load, std::size_t memory_bytes) noexcept {
  Seclude(socket, parent);
  RecordCrashes(&control->crash);
  std::string refused;
  const assay_subject* const table = load(&refused);
  if (refused.empty()) refused = ReadTable(table, &control->declaration);
  std::strncpy(control->refused, refused.c_str(), sizeof control->refused - 1);
  Answer();
  if (refused.empty()) LimitMemory(memory_bytes);
  while (refused.empty() && AwaitTurn()) {
    errno = 0;
    control->report = RunCall(*table, &control->call);
    Answer();
  }
  ::_exit(0);
}

}  // namespace assay::subjects
