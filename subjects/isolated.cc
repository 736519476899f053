// SPDX-License-Identifier: Apache-2.0
//
// Subject::Run over a Worker: place the case, pass the turn, put into words what came back.

#include "subjects/isolated.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <new>
#include <optional>
#include <stdexcept>
#include <utility>

#include "subjects/arena.h"
#include "subjects/worker.h"

namespace assay::subjects {
namespace {

constexpr std::chrono::seconds kLoadLimit{10};  // at least: a library may have much to relocate

std::string Duration(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0 ? fmt::format("{} s", time.count() / 1000) : fmt::format("{} ms", time.count());
}

class IsolatedSubject : public Subject {
 public:
  IsolatedSubject(std::string label, Loader load, const OpenOptions& options)
      : label_(std::move(label)),
        load_(std::move(load)),
        time_limit_(options.time_limit),
        memory_bytes_(options.memory_bytes),
        arena_(sizeof(ControlBlock)),
        control_(new (arena_.control()) ControlBlock{}) {
    Spawn();
    info_ = ToInfo(control_->declaration);
  }

  const SubjectInfo& info() const override { return info_; }

  RunResult Run(const Case& c, const RunOptions& options) override {
    if (!info_.For(c.op).implemented) throw std::invalid_argument(info_.name + " has no " + OpName(c.op));
    const Call call = arena_.Place(c, info_, options);
    // Repeated memory is new, too: only a child forked from here on has it.
    if (options.repeat > 1 || options.fresh) worker_.reset();
    if (!worker_) Spawn();
    control_->call = call;
    control_->report = {};
    control_->crash = {};
    worker_->Start();
    RunResult result;
    const std::chrono::milliseconds limit = LimitFor(c, options);
    const Worker::Answer answer = worker_->Await(limit);
    arena_.Collect(c, control_->call, &result);
    switch (answer) {
      case Worker::Answer::kDone:
        ReadReport(control_->report, &result);
        break;
      case Worker::Answer::kTimedOut:
        result.outcome = Outcome::kTimedOut;
        result.detail = "no answer within " + Duration(limit);
        worker_.reset();
        break;
      case Worker::Answer::kDied:
        result.outcome = WIFEXITED(worker_->wait_status()) ? Outcome::kExited : Outcome::kCrashed;
        result.detail = HowItDied();
        worker_.reset();
        break;
    }
    if (options.repeat > 1) worker_.reset();  // it would hold on to that memory
    return result;
  }

 private:
  // A repeated row has billions of elements; each may take 100 ns.
  std::chrono::milliseconds LimitFor(const Case& c, const RunOptions& options) const {
    if (options.repeat == 1) return time_limit_;
    return std::max(time_limit_, std::chrono::milliseconds(c.rows * c.cols * options.repeat / 10'000));
  }

  void Spawn() {
    *control_ = {};
    const auto limit = std::max<std::chrono::milliseconds>(time_limit_, kLoadLimit);
    worker_.emplace(control_, load_, memory_bytes_);
    const Worker::Answer answer = worker_->Await(limit);
    if (answer == Worker::Answer::kDone && control_->refused[0] == '\0') return;
    std::string why = control_->refused;
    if (answer == Worker::Answer::kTimedOut) {
      why = fmt::format("did not finish loading within {}; look at its constructors", Duration(limit));
    } else if (answer == Worker::Answer::kDied) {
      why = fmt::format("the library {} while it was being loaded; look at its constructors and assay_subject_v1",
                        WIFEXITED(worker_->wait_status()) ? "called " + HowItDied() : "crashed with " + HowItDied());
    }
    worker_.reset();
    throw OpenError(label_ + ": " + why);
  }

  std::string HowItDied() const {
    const int status = worker_->wait_status();
    if (WIFEXITED(status)) return fmt::format("exit({})", WEXITSTATUS(status));
    return DescribeCrash(WTERMSIG(status), control_->crash, arena_);
  }

  std::string label_;
  Loader load_;
  std::chrono::milliseconds time_limit_;
  std::size_t memory_bytes_;
  Arena arena_;
  ControlBlock* control_;
  std::optional<Worker> worker_;
  SubjectInfo info_;
};

}  // namespace

std::unique_ptr<Subject> OpenIsolated(std::string label, Loader load, const OpenOptions& options) {
  return std::make_unique<IsolatedSubject>(std::move(label), std::move(load), options);
}

}  // namespace assay::subjects
