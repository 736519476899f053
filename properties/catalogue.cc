// SPDX-License-Identifier: Apache-2.0
//
// The catalogue: the tables of laws.h, one behind the other.

#include <algorithm>
#include <vector>

#include "properties/laws.h"

namespace assay::properties {

std::span<const Property> Catalogue() {
  static const std::vector<Property> catalogue = [] {
    std::vector<Property> all;
    for (const auto part : {RowLaws(), LogLaws(), GradientLaws(), SparsemaxLaws(), MachineLaws(), AttentionLaws()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return catalogue;
}

const Property* FindProperty(std::string_view name) {
  const auto catalogue = Catalogue();
  const auto found = std::find_if(catalogue.begin(), catalogue.end(),
                                  [name](const Property& property) { return name == property.name; });
  return found == catalogue.end() ? nullptr : &*found;
}

}  // namespace assay::properties
