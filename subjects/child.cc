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

void ChildMain(ControlBlock* control, int socket, pid_t parent, const Loader& load) noexcept {
  Seclude(socket, parent);
  RecordCrashes(&control->crash);
  std::string refused;
  const assay_subject* const table = load(&refused);
  if (refused.empty()) refused = ReadTable(table, &control->declaration);
  std::strncpy(control->refused, refused.c_str(), sizeof control->refused - 1);
  Answer();
  while (refused.empty() && AwaitTurn()) {
    control->returned = static_cast<std::int32_t>(table->softmax(&control->args));
    Answer();
  }
  ::_exit(0);
}

}  // namespace assay::subjects
