// SPDX-License-Identifier: Apache-2.0
// `tests/eval/run loop`: what the loop of Allocate, ReportAnswers and Score
// saves against other ways to hand out tasks, on real answers. See
// docs/simulation.md.
#ifndef ALLOT_TESTS_EVAL_LOOP_H_
#define ALLOT_TESTS_EVAL_LOOP_H_

namespace allot {

// The command's own main; returns the exit status.
int LoopMain(int argc, char** argv);

}  // namespace allot

#endif  // ALLOT_TESTS_EVAL_LOOP_H_
