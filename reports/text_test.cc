// SPDX-License-Identifier: Apache-2.0

#include "reports/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace assay::reports {
namespace {

TEST(TextTest, ShowsErrorsAsPeopleReadThem) {
  EXPECT_EQ(Ulp(0), "0");
  EXPECT_EQ(Ulp(0.5), "0.5");
  EXPECT_EQ(Ulp(0.4999990), "0.499999");
  EXPECT_EQ(Ulp(0.5000001), "0.500000");
  EXPECT_EQ(Ulp(66.24), "66.2");
  EXPECT_EQ(Ulp(1234.6), "1235");
  EXPECT_EQ(Ulp(12345678), "1.23e+07");
  EXPECT_EQ(Ulp(std::numeric_limits<double>::infinity()), "infinite");
}

TEST(TextTest, WritesFloatsExactly) {
  EXPECT_EQ(Hex(1.5), "0x1.8p+0");
  EXPECT_EQ(Hex(static_cast<double>(0.1f)), "0x1.99999ap-4");
  EXPECT_EQ(Hex(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(Hex(std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(Decimal(0.1f), "0.1");
}

TEST(TextTest, GroupsThousands) {
  EXPECT_EQ(Count(0), "0");
  EXPECT_EQ(Count(999), "999");
  EXPECT_EQ(Count(1234567), "1,234,567");
}

TEST(TextTest, Escapes) {
  EXPECT_EQ(EscapeHtml("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
  EXPECT_EQ(EscapeMarkdown("a|b\n*c* <i>"), "a\\|b \\*c\\* &lt;i&gt;");
  EXPECT_EQ(EscapeScript("\"</SCRIPT><!--\" /</g"), "\"<\\/SCRIPT><\\u0021--\" /</g");
  EXPECT_EQ(EscapeScriptJson("[\"</x>\"]"), "[\"\\u003c/x>\"]");
  EXPECT_EQ(EscapeScript("</script></script>"), "<\\/script><\\/script>");
  EXPECT_EQ(ShellWord("out/cases/a-b.json"), "out/cases/a-b.json");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(FileStem("./my kernel.so"), "_._my_kernel.so");
}

}  // namespace
}  // namespace assay::reports
