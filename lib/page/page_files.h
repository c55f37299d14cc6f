// SPDX-License-Identifier: Apache-2.0
// Files that are built into the program. Internal to lib/page.
#ifndef ALLOT_LIB_PAGE_PAGE_FILES_H_
#define ALLOT_LIB_PAGE_PAGE_FILES_H_

namespace allot {

extern const char kPageTemplate[];  // page.html
extern const char kChartLibrary[];  // Chart.js, MIT licence

}  // namespace allot

#endif  // ALLOT_LIB_PAGE_PAGE_FILES_H_
