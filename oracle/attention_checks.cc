// SPDX-License-Identifier: Apache-2.0

#include "oracle/attention_checks.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "oracle/tiers.h"

namespace assay::oracle {
namespace {

void CheckSize(const char* name, std::size_t got, std::size_t want) {
  if (got == want) return;
  throw std::invalid_argument("oracle: attention: " + std::string(name) + " has " + std::to_string(got) +
                              " entries instead of " + std::to_string(want));
}

void CheckNumber(const char* name, double x, bool fine) {
  if (!fine) throw std::invalid_argument("oracle: attention: " + std::string(name) + " " + Hex(x));
}

}  // namespace

void CheckHead(const AttentionHead& head) {
  CheckSize("q", head.q.size(), head.seq_q * head.head_dim);
  CheckSize("k", head.k.size(), head.seq_kv * head.head_dim);
  CheckSize("v", head.v.size(), head.seq_kv * head.value_dim);
  if (!head.bias.empty()) CheckSize("bias", head.bias.size(), head.seq_q * head.seq_kv);
  if (!head.mask.empty()) CheckSize("mask", head.mask.size(), head.seq_q * head.seq_kv);
  if (head.length > head.seq_kv) {
    throw std::invalid_argument("oracle: attention: length " + std::to_string(head.length) + " of " +
                                std::to_string(head.seq_kv) + " keys");
  }
  if (head.scale) CheckNumber("scale", *head.scale, std::isfinite(*head.scale));
  CheckNumber("softcap", head.softcap, std::isfinite(head.softcap) && head.softcap >= 0);
}

void CheckGroup(std::span<const AttentionBackwardHead> group) {
  for (const AttentionBackwardHead& b : group) {
    CheckHead(b.head);
    CheckSize("saved_out", b.saved_out.size(), b.head.seq_q * b.head.value_dim);
    CheckSize("saved_lse", b.saved_lse.size(), b.head.seq_q);
    CheckSize("upstream", b.upstream.size(), b.head.seq_q * b.head.value_dim);
    const AttentionHead& first = group[0].head;
    const bool alike = b.head.seq_q == first.seq_q && b.head.seq_kv == first.seq_kv &&
                       b.head.head_dim == first.head_dim && b.head.value_dim == first.value_dim &&
                       b.head.scale == first.scale && b.head.softcap == first.softcap && b.head.format == first.format;
    if (!alike) throw std::invalid_argument("oracle: attention: the heads of a group differ in shape, scale or format");
  }
}

}  // namespace assay::oracle
