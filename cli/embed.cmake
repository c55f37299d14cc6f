# SPDX-License-Identifier: Apache-2.0
# cmake -DOUTPUT=x.cc -DFILES=a;b -P embed.cmake: the texts of files as a table.
set(text "// Generated from cli/scenarios.\n#include \"cli/scenarios.h\"\n\nnamespace allot {\n")
string(APPEND text "const std::vector<ShippedScenario>& ShippedScenarios() {\n")
string(APPEND text "  static const auto& scenarios = *new std::vector<ShippedScenario>{\n")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} content)
  string(APPEND text "      {\"${name}\", R\"textproto(${content})textproto\"},\n")
endforeach()
string(APPEND text "  };\n  return scenarios;\n}\n}  // namespace allot\n")
file(WRITE ${OUTPUT} "${text}")
