// SPDX-License-Identifier: Apache-2.0
//
// What `assay claims` says of attention and its backward: the largest errors of every subject on the same inputs, by
// shape, result and spread of the scores; each as a share of what the subject claims, beside what correct rounding
// would show and beside the best peer.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/attention_claim_cases.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "subjects/subject.h"

namespace assay::cli {

// Of one result of one shape at one spread. Errors are in units of u W: u of the result's type, W as at
// assay_attention_claim, but at least the smallest normal number, so that a subnormal result has half an ulp, too.
struct AttentionErrors {
  double largest = 0;
  double sum_of_squares = 0;
  std::size_t results = 0;
  double worst_share = 0;  // of the claim, or of the textbook bound; beyond 1 only where it is broken
  std::size_t broken = 0;

  double Rms() const;
};
inline double LargestOf(const AttentionErrors& errors) { return errors.largest; }
inline double RmsOf(const AttentionErrors& errors) { return errors.Rms(); }

struct AttentionLine {
  std::string subject;
  bool is_peer = false;
  std::array<AttentionErrors, kNumSpreads> at;
  std::string failure;  // a call that did not return, or was refused
};

// One result of one shape.
struct AttentionGroup {
  AttentionShape shape;
  subjects::Role result = subjects::Role::kOut;
  AttentionLine nearest;             // what correct rounding shows: no subject can do better
  std::vector<AttentionLine> lines;  // by subject; those that can do it

  // The least of such errors of peers; nothing without peers.
  std::optional<double> BestPeer(std::size_t spread, double (*error)(const AttentionErrors&)) const;
};

struct AttentionTable {
  assay_op op = ASSAY_ATTENTION;
  assay_dtype dtype = ASSAY_F32;
  std::vector<std::string> subjects;
  std::vector<std::string> claims;  // by subject
  std::vector<AttentionGroup> groups;

  // By subject: what it claims holds in every group.
  bool Holds(const std::string& subject) const;
};

struct NamedSubject {
  std::string name;
  subjects::Subject* subject;
};

// Those of `subjects` that have the operation in the type. No groups where there is none.
AttentionTable MeasureAttention(const std::vector<NamedSubject>& subjects, assay_op op, assay_dtype dtype,
                                const ClaimsOptions& options, Progress& progress);

std::string AttentionClaimsText(const AttentionTable& table);
std::string AttentionClaimsMarkdown(const AttentionTable& table);

}  // namespace assay::cli
