// SPDX-License-Identifier: Apache-2.0
//
// A table run where we run: same buffers, no fork, no time limit.

#include "subjects/arena.h"
#include "subjects/subject.h"
#include "subjects/table.h"

namespace assay::subjects {
namespace {

class InProcessSubject : public Subject {
 public:
  explicit InProcessSubject(const assay_subject& table) : table_(table), info_(InfoOf(table)) {}

  const SubjectInfo& info() const override { return info_; }

  RunResult Run(const Case& c, const RunOptions& options) override {
    const assay_softmax_args args = arena_.Place(c, info_, options);
    RunResult result;
    result.status = StatusOf(static_cast<std::int32_t>(table_.softmax(&args)), &result.detail);
    arena_.Collect(c, &result);
    return result;
  }

 private:
  const assay_subject& table_;
  SubjectInfo info_;
  Arena arena_;
};

}  // namespace

std::unique_ptr<Subject> InProcess(const assay_subject& table) { return std::make_unique<InProcessSubject>(table); }

}  // namespace assay::subjects
