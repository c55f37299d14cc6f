# SPDX-License-Identifier: Apache-2.0
"""One, two, three allotd on one Redis behind haproxy: what they carry, and what a kill costs.

All load goes through haproxy and is judged as ever; kills are of a replica, kill -9.
"""

import argparse
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get('ALLOT_BIN', os.path.join(ROOT, 'build', 'release', 'bin'))


def torture(replicas, *flags):
    command = [os.path.join(BIN, 'allot_torture'), '--json', '--proxy', '--store', 'redis',
               '--replicas', str(replicas), '--pools', '24', '--threads', '48', *flags]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        raise SystemExit('allot_torture failed')
    figures = json.loads(done.stdout)
    figures['calls_per_second'] = figures['calls'] / figures['seconds']
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=float, default=20, help='of each of the six runs')
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    seconds = ['--seconds', str(options.seconds)]
    rows = []

    def run(name, replicas, *flags):
        figures = torture(replicas, *seconds, *flags)
        rows.append({'load': name, **figures})
        if not options.json:
            latency = (f"{1e3 * figures['latency_seconds_median']:8.0f} "
                       f"{1e3 * figures['latency_seconds_p99']:8.0f}"
                       if figures['latency_seconds_p99'] else ' ' * 17)
            print(f"{name:12} {replicas:8} {figures['calls_per_second']:8.0f} "
                  f"{figures['operations_per_second']:12.0f} {latency} {figures['kills']:5} "
                  f"{figures['errors']:10} {figures['violations']:10}", flush=True)
        return figures

    if not options.json:
        print(f"{'load':12} {'replicas':>8} {'calls/s':>8} {'operations/s':>12} "
              f"{'p50 ms':>8} {'p99 ms':>8} {'kills':>5} {'unanswered':>10} {'violations':>10}")
    one = run('closed loop', 1)
    for replicas in (2, 3):
        run('closed loop', replicas)
    rate = ['--rate', str(max(1, round(0.5 * one['calls_per_second'])))]
    for replicas in (1, 3):
        run('open loop', replicas, *rate)
    # Afterwards every lease returns, also those of calls that the dead had in hand.
    run('with kills', 3, *rate, '--kill-replicas', '--drain')
    if options.json:
        json.dump(rows, sys.stdout)
        print()
    return 1 if any(row['violations'] or row['errors'] for row in rows) else 0


if __name__ == '__main__':
    sys.exit(main())
