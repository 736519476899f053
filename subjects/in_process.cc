// SPDX-License-Identifier: Apache-2.0
//
// A table run where we run: same buffers, no fork, no time limit.

#include <stdexcept>

#include "subjects/arena.h"
#include "subjects/calling.h"
#include "subjects/subject.h"
#include "subjects/table.h"

namespace assay::subjects {
namespace {

class InProcessSubject : public Subject {
 public:
  explicit InProcessSubject(const assay_subject& table) : table_(table), info_(InfoOf(table)) {}

  const SubjectInfo& info() const override { return info_; }

  RunResult Run(const Case& c, const RunOptions& options) override {
    Call call = arena_.Place(c, info_, options);
    if (!info_.For(c.op).implemented) throw std::invalid_argument(info_.name + " has no " + OpName(c.op));
    RunResult result;
    ReadReport(RunCall(table_, &call), &result);
    arena_.Collect(c, call, &result);
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
