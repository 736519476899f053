// SPDX-License-Identifier: Apache-2.0
//
// Format: numpy/lib/format.py ("Format Version 1.0" ff.). "\x93NUMPY", two version bytes, the header's length (u16 in
// version 1, u32 after), then a Python dict literal, then the data.

#include "reports/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string_view>

namespace assay::reports {
namespace {

static_assert(std::endian::native == std::endian::little, "f4 and f8 are copied as they stand in the file");

constexpr std::string_view kMagic = "\x93NUMPY";
// The oracle needs a microsecond for each logit: a larger file would take most of an hour anyway.
constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{4} << 30;
constexpr const char* kSaveAgain =
    "save it again with numpy.save(file, numpy.ascontiguousarray(a, dtype=numpy.float32))";

// Reader of the header: exactly the literals that NumPy writes, no Python.
class Header {
 public:
  explicit Header(std::string_view text) : text_(text) {}

  std::string descr;
  bool fortran_order = false;
  std::vector<std::uint64_t> shape;

  void Parse() {
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    Expect('{');
    while (!Accept('}')) {
      const std::string key = String();
      Expect(':');
      if (key == "descr" && !has_descr) {
        has_descr = true;
        if (Peek() == '[')
          throw NpyError(fmt::format("holds records (a structured dtype), not numbers; {}", kSaveAgain));
        descr = String();
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        fortran_order = Boolean();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        Shape();
      } else {
        Bad();
      }
      if (!Accept(',')) {
        Expect('}');
        break;
      }
    }
    if (Peek() != '\0' || !has_descr || !has_order || !has_shape) Bad();
  }

 private:
  [[noreturn]] void Bad() const {
    throw NpyError(fmt::format("its header is not one that NumPy writes (at character {}); {}", at_, kSaveAgain));
  }
  char Peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Accept(char c) {
    if (Peek() != c || c == '\0') return false;
    ++at_;
    return true;
  }
  void Expect(char c) {
    if (!Accept(c)) Bad();
  }
  std::string String() {
    const char quote = Peek();
    if (quote != '\'' && quote != '"') Bad();
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) Bad();
    std::string s(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return s;
  }
  bool Boolean() {
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      Peek();
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return value;
      }
    }
    Bad();
  }
  void Shape() {
    Expect('(');
    while (!Accept(')')) {
      shape.push_back(Number());
      Accept('L');  // a Python 2 file
      if (!Accept(',')) {
        Expect(')');
        break;
      }
    }
  }
  std::uint64_t Number() {
    if (Peek() < '0' || Peek() > '9') Bad();
    std::uint64_t n = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      const auto digit = static_cast<std::uint64_t>(text_[at_++] - '0');
      if (n > (UINT64_MAX - digit) / 10) throw NpyError(fmt::format("its shape overflows 64 bits; {}", kSaveAgain));
      n = n * 10 + digit;
    }
    return n;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string ShapeText(const std::vector<std::uint64_t>& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

void CheckMeaning(const Header& header) {
  const std::string& d = header.descr;
  if (d == ">f4" || d == ">f8") {
    throw NpyError(fmt::format("holds big-endian numbers ('{}'); convert them: numpy.save(file, a.astype('<f4'))", d));
  }
  if (d != "<f4" && d != "<f8") {
    throw NpyError(fmt::format("holds dtype '{}', only f32 ('<f4') and f64 ('<f8') can be read; {}", d, kSaveAgain));
  }
  if (header.shape.empty() || header.shape.size() > 2) {
    throw NpyError(
        fmt::format("has {} dimensions, shape {}; give one row (1-D) or rows of logits (2-D), for instance "
                    "numpy.save(file, a.reshape(-1, a.shape[-1]))",
                    header.shape.size(), ShapeText(header.shape)));
  }
  if (header.fortran_order && header.shape.size() == 2) {
    throw NpyError(fmt::format("is stored column by column (Fortran order); {}", kSaveAgain));
  }
}

std::uint64_t ReadLength(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  std::uint64_t n = 0;
  std::memcpy(&n, bytes.data() + at, size);
  return n;
}

void ConvertF64(std::span<const std::byte> data, NpyArray& array) {
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    double wide = 0;
    std::memcpy(&wide, data.data() + i * sizeof(double), sizeof(double));
    // Beyond the largest f32 the conversion gives infinity by IEEE 754, which C++ leaves to the implementation.
    const float narrow = static_cast<float>(wide);
    array.values[i] = narrow;
    if (!std::isnan(wide) && static_cast<double>(narrow) != wide) ++array.rounded_from_f64;
  }
}

}  // namespace

NpyArray ParseNpy(std::span<const std::byte> bytes) {
  const std::size_t start = kMagic.size() + 2;
  if (bytes.size() < kMagic.size() || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    throw NpyError("is not a .npy file (it does not begin with \\x93NUMPY); write one with numpy.save");
  }
  if (bytes.size() < start) throw NpyError("ends inside its header: the file is truncated; copy it again");
  const auto major = std::to_integer<unsigned>(bytes[kMagic.size()]);
  const auto minor = std::to_integer<unsigned>(bytes[kMagic.size() + 1]);
  if (major < 1 || major > 3 || minor != 0) {
    throw NpyError(
        fmt::format("has format version {}.{}, only 1.0, 2.0 and 3.0 are known; {}", major, minor, kSaveAgain));
  }
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  if (bytes.size() < start + length_bytes)
    throw NpyError("ends inside its header: the file is truncated; copy it again");
  const std::uint64_t header_bytes = ReadLength(bytes, start, length_bytes);
  std::span<const std::byte> rest = bytes.subspan(start + length_bytes);
  if (rest.size() < header_bytes) throw NpyError("ends inside its header: the file is truncated; copy it again");

  Header header(std::string_view(reinterpret_cast<const char*>(rest.data()), header_bytes));
  header.Parse();
  CheckMeaning(header);
  const std::span<const std::byte> data = rest.subspan(header_bytes);
  const std::uint64_t item_bytes = header.descr == "<f4" ? sizeof(float) : sizeof(double);

  // The product is taken only as far as it fits into what the file holds: it cannot overflow.
  std::uint64_t elements = 1;
  const std::uint64_t room = data.size() / item_bytes;
  const bool is_empty = std::find(header.shape.begin(), header.shape.end(), 0u) != header.shape.end();
  for (const std::uint64_t extent : header.shape) {
    if (is_empty) break;
    if (extent > room / elements) {
      throw NpyError(
          fmt::format("claims shape {} of '{}' but holds only {} bytes of data: it is truncated, or its header "
                      "is damaged; copy it again",
                      ShapeText(header.shape), header.descr, data.size()));
    }
    elements *= extent;
  }
  if (is_empty) elements = 0;
  if (data.size() != elements * item_bytes) {
    throw NpyError(fmt::format("holds {} bytes of data where shape {} of '{}' needs {}; save it again", data.size(),
                               ShapeText(header.shape), header.descr, elements * item_bytes));
  }
  if (elements == 0)
    throw NpyError(fmt::format("is empty (shape {}); give at least one logit", ShapeText(header.shape)));

  NpyArray array;
  array.dtype = header.descr;
  array.dimensions = header.shape.size();
  array.rows = array.dimensions == 2 ? header.shape[0] : 1;
  array.cols = header.shape.back();
  array.values.resize(elements);
  if (item_bytes == sizeof(float)) {
    std::memcpy(array.values.data(), data.data(), data.size());
  } else {
    ConvertF64(data, array);
  }
  return array;
}

NpyArray ReadNpy(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw NpyError(fmt::format("{}: no such file; give the path of an array written by numpy.save", path.string()));
  }
  if (!std::filesystem::is_regular_file(status)) {
    throw NpyError(fmt::format("{}: is not a file; give the path of an array written by numpy.save", path.string()));
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (!error && size > kMaxFileBytes) {
    throw NpyError(fmt::format("{}: has {} bytes, more than the {} that are read at once; save a part of the array",
                               path.string(), size, kMaxFileBytes));
  }
  std::ifstream file(path, std::ios::binary);
  if (error || !file) throw NpyError(fmt::format("{}: cannot be opened; check its permissions", path.string()));
  std::vector<std::byte> bytes(size);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (file.gcount() != static_cast<std::streamsize>(size)) {
    throw NpyError(fmt::format("{}: cannot be read to its end; check the disk, then copy it again", path.string()));
  }
  try {
    return ParseNpy(bytes);
  } catch (const NpyError& e) {
    throw NpyError(fmt::format("{}: {}", path.string(), e.what()));
  }
}

}  // namespace assay::reports
