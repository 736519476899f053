// SPDX-License-Identifier: Apache-2.0

#include "reports/npy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <string>

namespace assay::reports {
namespace {

// A file as numpy.save writes it.
std::string Npy(const std::string& header, const std::string& data, char major = 1) {
  std::string file = "\x93NUMPY";
  file += major;
  file += '\0';
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  for (std::size_t i = 0; i < length_bytes; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return file + header + data;
}

std::string Header(const std::string& descr, const std::string& shape, const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }      \n";
}

template <class T>
std::string Data(std::initializer_list<T> values) {
  std::string data(values.size() * sizeof(T), '\0');
  std::memcpy(data.data(), values.begin(), data.size());
  return data;
}

NpyArray Parse(const std::string& file) { return ParseNpy(std::as_bytes(std::span(file))); }

std::string Complaint(const std::string& file) {
  try {
    Parse(file);
  } catch (const NpyError& e) {
    return e.what();
  }
  return "(none)";
}

TEST(NpyTest, ReadsRows) {
  const NpyArray row = Parse(Npy(Header("<f4", "(3,)"), Data<float>({1, -2.5f, 3})));
  EXPECT_EQ(row.rows, 1u);
  EXPECT_EQ(row.cols, 3u);
  EXPECT_EQ(row.dimensions, 1u);
  EXPECT_EQ(row.values, (std::vector<float>{1, -2.5f, 3}));
  for (const char version : {'\1', '\2', '\3'}) {
    const NpyArray rows = Parse(Npy(Header("<f4", "(2, 2)"), Data<float>({1, 2, 3, 4}), version));
    EXPECT_EQ(rows.rows, 2u);
    EXPECT_EQ(rows.cols, 2u);
    EXPECT_EQ(rows.values[2], 3);
  }
}

TEST(NpyTest, KeepsEveryBitOfF32) {
  const NpyArray row = Parse(Npy(Header("<f4", "(2,)"), std::string("\x01\x00\xC0\x7F\x00\x00\x00\x80", 8)));
  EXPECT_EQ(std::bit_cast<std::uint32_t>(row.values[0]), 0x7FC00001u);
  EXPECT_TRUE(std::signbit(row.values[1]));
}

TEST(NpyTest, CountsTheF64ValuesThatWereRounded) {
  const NpyArray row = Parse(Npy(Header("<f8", "(5,)"), Data<double>({0.5, 0.1, 1e300, INFINITY, NAN})));
  EXPECT_EQ(row.rounded_from_f64, 2u);
  EXPECT_EQ(row.values[1], 0.1f);
  EXPECT_TRUE(std::isinf(row.values[2]));
  EXPECT_TRUE(std::isnan(row.values[4]));
}

TEST(NpyTest, OneDimensionMayBeInEitherOrder) {
  EXPECT_EQ(Parse(Npy(Header("<f4", "(1,)", "True"), Data<float>({7}))).values[0], 7);
}

TEST(NpyTest, SaysWhatIsWrongAndWhatToDo) {
  const std::string four = Data<float>({1, 2, 3, 4});
  const struct {
    std::string file;
    const char* says;
  } faults[] = {
      {"", "not a .npy file"},
      {"PK\x03\x04 an npz archive", "not a .npy file"},
      {"\x93NUMPY", "truncated"},
      {"\x93NUMPY\x01", "truncated"},
      {std::string("\x93NUMPY\x01\x00\x10", 9), "truncated"},
      {std::string("\x93NUMPY\x01\x00\x10\x00{", 11), "truncated"},
      {std::string("\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{}", 14), "truncated"},
      {Npy(Header("<f4", "(4,)"), four, 4), "version 4.0"},
      {Npy(Header(">f4", "(4,)"), four), "big-endian"},
      {Npy(Header("<i4", "(4,)"), four), "dtype '<i4'"},
      {Npy(Header("<f2", "(8,)"), four), "dtype '<f2'"},
      {Npy(Header("|O", "(4,)"), four), "dtype '|O'"},
      {Npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }", four), "structured dtype"},
      {Npy(Header("<f4", "()"), Data<float>({1})), "0 dimensions"},
      {Npy(Header("<f4", "(1, 2, 2)"), four), "3 dimensions"},
      {Npy(Header("<f4", "(2, 2)", "True"), four), "Fortran order"},
      {Npy(Header("<f4", "(5,)"), four), "truncated"},
      {Npy(Header("<f4", "(3,)"), four), "needs 12"},
      {Npy(Header("<f4", "(4,)"), four + "x"), "needs 16"},
      {Npy(Header("<f4", "(0,)"), ""), "empty"},
      {Npy(Header("<f4", "(0, 18446744073709551615)"), ""), "empty"},
      {Npy(Header("<f4", "(4611686018427387904, 4)"), four), "truncated"},
      {Npy(Header("<f4", "(9223372036854775808, 2)"), four), "truncated"},
      {Npy(Header("<f4", "(99999999999999999999,)"), four), "overflows"},
      {Npy(Header("<f4", "(-4,)"), four), "not one that NumPy writes"},
      {Npy(Header("<f4", "(4,)", "Maybe"), four), "not one that NumPy writes"},
      {Npy("{'descr': '<f4', 'shape': (4,), }", four), "not one that NumPy writes"},
      {Npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}", four),
       "not one that NumPy writes"},
      {Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4,)", four), "not one that NumPy writes"},
      {Npy("{'descr': '<f4", four), "not one that NumPy writes"},
      {Npy("", four), "not one that NumPy writes"},
      {Npy(Header("<f4", "(4,)") + "x", four), "not one that NumPy writes"},
  };
  for (const auto& fault : faults) {
    EXPECT_NE(Complaint(fault.file).find(fault.says), std::string::npos)
        << Complaint(fault.file) << "\nshould say " << fault.says;
  }
}

TEST(NpyTest, EveryCutOfAGoodFileIsRefused) {
  const std::string good = Npy(Header("<f8", "(2, 3)"), Data<double>({1, 2, 3, 4, 5, 6}));
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(Parse(good.substr(0, length)), NpyError) << length;
  }
  EXPECT_NO_THROW(Parse(good));
}

TEST(NpyTest, FileErrorsNameTheFile) {
  const auto complaint = [](const std::string& path) -> std::string {
    try {
      ReadNpy(path);
    } catch (const NpyError& e) {
      return e.what();
    }
    return "(none)";
  };
  EXPECT_NE(complaint("/no/such/file.npy").find("/no/such/file.npy: no such file"), std::string::npos);
  EXPECT_NE(complaint(testing::TempDir()).find("is not a file"), std::string::npos);
  EXPECT_NE(complaint("/dev/zero").find("is not a file"), std::string::npos);
  const std::string path = testing::TempDir() + "assay_npy_test.npy";
  std::ofstream(path, std::ios::binary) << "not an array";
  EXPECT_NE(complaint(path).find(path + ": is not a .npy file"), std::string::npos);
  std::ofstream(path, std::ios::binary) << Npy(Header("<f4", "(1,)"), Data<float>({2}));
  EXPECT_EQ(ReadNpy(path).values[0], 2);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace assay::reports
