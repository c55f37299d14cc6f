// SPDX-License-Identifier: Apache-2.0
// The dense shapes used everywhere: single precision, row-major.
#ifndef ALLOT_LIB_BASE_MATRIX_H_
#define ALLOT_LIB_BASE_MATRIX_H_

#include <Eigen/Core>

namespace allot {

using MatrixF =
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using VectorF = Eigen::VectorXf;
using MatrixD =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using VectorD = Eigen::VectorXd;

}  // namespace allot

#endif  // ALLOT_LIB_BASE_MATRIX_H_
