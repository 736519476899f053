// SPDX-License-Identifier: Apache-2.0
//
// For tests and the bench: attention that owns its numbers, and random cases made from an index.

#pragma once

#include <cstdint>
#include <vector>

#include "oracle/attention.h"

namespace assay::oracle {

struct OwnedHead {
  std::vector<double> q, k, v, bias;
  std::vector<std::uint8_t> mask;
  AttentionHead head;  // without its operands

  // Sizes from the operands and the dims of `head`; length: all keys unless set before.
  AttentionHead View() const {
    AttentionHead view = head;
    view.q = q;
    view.k = k;
    view.v = v;
    view.bias = bias;
    view.mask = mask;
    return view;
  }
};

struct OwnedBackward {
  std::vector<OwnedHead> heads;  // k and v of the first count
  std::vector<std::vector<double>> saved_out, saved_lse, upstream;

  std::vector<AttentionBackwardHead> View() const {
    std::vector<AttentionBackwardHead> views;
    for (std::size_t h = 0; h < heads.size(); ++h) {
      AttentionHead head = heads[h].View();
      head.k = heads[0].k;
      head.v = heads[0].v;
      views.push_back({head, saved_out[h], saved_lse[h], upstream[h]});
    }
    return views;
  }
};

// Small heads of every kind: spreads of the scores from 0 to beyond the range of the format, few distinct keys, values
// on a coarse grid (ties), masks, windows, lengths, softcaps, sinks.
OwnedHead MakeHead(std::uint64_t index, Format format);
// One to three query heads; what the forward (of the bulk tier) gives, rounded, is saved, or now and then something
// else.
OwnedBackward MakeBackward(std::uint64_t index, Format format);

}  // namespace assay::oracle
